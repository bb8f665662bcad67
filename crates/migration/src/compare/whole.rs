//! The digest of a conversation that only one side has.

use backend::Result;
use conversation::{Digest, RunningDigest, strict_digest, strict_message_digest};

use super::side::Side;
use crate::progress::Counters;

/// The digest of a side, and how many messages it has.
pub(super) async fn whole(side: &mut Side, counters: Option<&Counters>) -> Result<(Digest, u64)> {
    let mut running = RunningDigest::default();
    running.add(strict_digest(&side.own().await?));
    let mut count = 0;
    loop {
        side.fill().await?;
        let Some(message) = side.take() else {
            return Ok((running.finish(), count));
        };
        running.add(strict_message_digest(&message));
        count += 1;
        if let Some(counters) = counters {
            counters.add_messages(1);
        }
    }
}
