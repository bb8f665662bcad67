//! Files that both sides hold: the same bytes?

use std::collections::HashSet;

use backend::Retry;
use conversation::{AttachmentId, Message, Part};

use super::names::Names;
use super::side::Side;
use crate::reasons::{Reason, words};

/// So many files of a conversation are remembered as compared; one that is shown again later is compared again.
const REMEMBERED_MAX: usize = 1_000;

/// The files of a conversation that were compared.
#[derive(Debug, Default)]
pub(super) struct Attachments(HashSet<AttachmentId>);

impl Attachments {
    /// Compares the files that a message names on both sides, one after the other: one is in memory at a time.
    pub(super) async fn compare(
        &mut self,
        source: &Side,
        target: &Side,
        (one, other): (&Message, &Message),
        names: &mut Names,
    ) {
        let theirs: Vec<&AttachmentId> = stored(other).collect();
        for id in stored(one).filter(|id| theirs.contains(id)) {
            if self.0.len() >= REMEMBERED_MAX {
                self.0.clear();
            }
            if !self.0.insert(id.clone()) {
                continue;
            }
            let mut digests = Vec::new();
            for (side, name) in [(source, "source"), (target, "target")] {
                let (why, temporary) = match side.attachment(id).await {
                    Ok(Some(digest)) => {
                        digests.push(digest);
                        continue;
                    }
                    Ok(None) => ("it is not there".to_owned(), false),
                    Err(error) => (words(&error), error.retry != Retry::Permanent),
                };
                let detail = format!("attachment {id} at the {name}: {why}");
                let reason = Reason::AttachmentUnreadable;
                let mut finding = reason.of_message(one.conversation_id, &one.id, detail);
                finding.temporary = temporary;
                names.add(reason, finding);
            }
            if let [one_digest, other_digest] = digests[..]
                && one_digest != other_digest
            {
                let detail = format!(
                    "attachment {id}: SHA-256 {one_digest} at the source, {other_digest} at the target"
                );
                names.message(Reason::AttachmentDifferent, &one.id, detail);
            }
        }
    }
}

/// The attachments that a message names, in its order.
pub(crate) fn stored(message: &Message) -> impl Iterator<Item = &AttachmentId> {
    message.parts.iter().filter_map(|part| match part {
        Part::Image(media) | Part::File(media) | Part::Audio(media) | Part::Video(media) => {
            media.attachment_id.as_ref()
        }
        _ => None,
    })
}
