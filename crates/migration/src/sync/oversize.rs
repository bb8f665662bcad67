//! A conversation with more messages than the target takes.

use backend::ports::Oversize;
use backend::{Error, Kind, Location, Order, Outcome, Result};
use conversation::Conversation;

use super::Synced;
use super::pages::Pages;
use super::source::Source;
use crate::reasons::Reason;
use crate::run::Run;

/// Where messages go, by their number from the oldest.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Room {
    /// So many of the oldest are kept beside the target.
    beside: u64,
    /// So many of the oldest are not copied.
    left_out: u64,
}

/// Where one message goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Goes {
    pub(super) is_beside: bool,
    pub(super) is_left_out: bool,
}

impl Room {
    pub(super) fn place(self, nth: u64) -> Goes {
        Goes {
            is_beside: nth < self.beside,
            is_left_out: nth < self.left_out,
        }
    }
}

/// Where the messages of a conversation go. The newest ones always have room.
///
/// # Errors
/// [`Kind::Full`] where they are too many and the migration refuses that.
pub(super) async fn room(
    run: &Run,
    source: &Source<'_>,
    from: &Location,
    conversation: &Conversation,
    synced: &mut Synced,
) -> Result<Room> {
    let can = run.to.stack.capabilities();
    let most = match can.limits.conversation_max_messages {
        // Where each is kept beside the backend there is no such limit.
        Some(most) if can.import_requests > 0 => most,
        _ => return Ok(Room::default()),
    };
    let told = conversation
        .counts
        .as_ref()
        .and_then(|counts| counts.messages);
    let count = match told {
        Some(told) => told,
        None => count(source, from).await?,
    };
    let too_many = count.saturating_sub(most);
    if too_many == 0 {
        return Ok(Room::default());
    }
    let words = format!("it has {count} messages, and the target takes {most}");
    let finding = |reason: Reason| reason.finding(Some(from.id), words.clone());
    match run.spec.oversize {
        Oversize::Refuse => Err(Error::new(Kind::Full, words)
            .outcome(Outcome::NotApplied)
            .at(&run.to.stack.info().name, "import_messages")),
        Oversize::Split => {
            synced.findings.push(finding(Reason::OversizeSplit));
            Ok(Room {
                beside: too_many,
                left_out: 0,
            })
        }
        Oversize::Recent => {
            synced.findings.push(finding(Reason::OversizeRecent));
            Ok(Room {
                beside: 0,
                left_out: too_many,
            })
        }
    }
}

/// Counts by reading, where the source does not count.
async fn count(source: &Source<'_>, from: &Location) -> Result<u64> {
    let mut pages = Pages::new(source, from, Order::Asc);
    let mut count = 0;
    while let Some(page) = pages.next().await? {
        count += page.len() as u64;
    }
    Ok(count)
}
