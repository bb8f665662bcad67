//! Finding out what became of a write whose answer was lost.

use std::time::Duration;

use conversation::{Message, Participant, Time};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Attachment, Located, Location, Write};

/// A write that was begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// The write's id: [`crate::Context::intent`] of the call that began it.
    pub id: Uuid,
    /// The conversation; absent for a create.
    pub location: Option<Location>,
    /// The write, whole.
    pub write: Write,
    /// When it was begun.
    pub started_at: Time,
    /// When its caller stopped waiting.
    pub deadline_at: Time,
}

/// What a settled write had done.
#[derive(Debug, Clone, PartialEq)]
pub enum Applied {
    /// It made or changed this conversation.
    Conversation(Box<Located>),
    /// It stored or changed this message; of an answer, the answer.
    Message(Box<Message>),
    /// It stored these messages, in the order in which they were sent.
    Messages(Vec<Message>),
    /// It left these participants.
    Participants(Vec<Participant>),
    /// It stored these bytes.
    Attachment(Box<Attachment>),
    /// It was done, and there is nothing to show: a delete.
    Nothing,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq)]
pub enum Settled {
    /// It was done.
    Applied(Applied),
    /// It was not, and will not be.
    NotApplied,
    /// It cannot be known. Nothing may be sent again.
    Unknown,
}

/// When a lost write can have been carried out, by the vendor's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettleWindow {
    /// How long after its caller stopped waiting the vendor may still carry a write out.
    pub settle_after: Duration,
    /// How far the vendor's clock may be from ours.
    pub clock_skew: Duration,
}

impl SettleWindow {
    /// The first and the last time at which the vendor can have carried out `intent`.
    #[must_use]
    pub fn bounds(&self, intent: &Intent) -> (Time, Time) {
        let (after, skew) = (micros(self.settle_after), micros(self.clock_skew));
        (
            intent.started_at.saturating_add_micros(-skew),
            intent
                .deadline_at
                .saturating_add_micros(after.saturating_add(skew)),
        )
    }

    /// Whether something that happened at `time` can be what `intent` did.
    #[must_use]
    pub fn holds(&self, intent: &Intent, time: Time) -> bool {
        let (first, last) = self.bounds(intent);
        (first..=last).contains(&time)
    }

    /// What it means that nothing of `intent` is to be found: proof only when the vendor can no longer be at it.
    #[must_use]
    pub fn nothing_found(&self, intent: &Intent) -> Settled {
        let over = intent
            .deadline_at
            .saturating_add_micros(micros(self.settle_after));
        if Time::now() > over {
            Settled::NotApplied
        } else {
            Settled::Unknown
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
