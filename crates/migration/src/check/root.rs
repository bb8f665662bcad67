//! One digest for a whole side: over its conversations, by public id.

use backend::Result;
use backend::ports::ItemState;
use conversation::{ConversationId, Digest, RunningDigest};
use futures_util::stream::TryStreamExt;

use super::items;
use crate::run::Run;

/// A digest over conversations, as archives have it: of each the digest of its id, then its own.
#[derive(Debug, Default)]
pub(crate) struct Root(RunningDigest);

impl Root {
    /// Adds a conversation; they come by id.
    pub(crate) fn add(&mut self, id: ConversationId, digest: Digest) {
        self.0.add(Digest::of(id.to_string().as_bytes()));
        self.0.add(digest);
    }

    pub(crate) fn finish(self) -> Digest {
        self.0.finish()
    }
}

/// The digests of both sides, from what the last check noted of each conversation.
pub(super) async fn roots(run: &Run) -> Result<(Digest, Digest)> {
    let (mut source, mut target) = (Root::default(), Root::default());
    let mut items = items(run);
    while let Some(item) = items.try_next().await? {
        if matches!(item.state, ItemState::Skipped | ItemState::Deleted) {
            continue;
        }
        if let Some(digest) = item.source {
            source.add(item.conversation, digest);
        }
        if let Some(digest) = item.target {
            target.add(item.conversation, digest);
        }
    }
    Ok((source.finish(), target.finish()))
}
