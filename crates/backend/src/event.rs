//! An answer as it comes.

use std::pin::Pin;

use conversation::{Message, MessageId, Part, Usage};
use futures_util::Stream;

use crate::Error;

/// What happens while an answer is made, in this order: one `MessageStarted`; for each part one `PartStarted`, any
/// number of `PartDelta`, one `PartCompleted`; at most one `MessageUsage`; then exactly one of `MessageCompleted`,
/// `MessageIncomplete`, `MessageFailed`, and nothing after it.
#[derive(Debug, Clone)]
pub enum Event {
    /// The answer begins.
    MessageStarted {
        /// The answer's id, where it is known already; the last event's id is the one that counts.
        id: Option<MessageId>,
        /// The stored input, where the request had one and the backend has stored it by now.
        input: Option<Box<Message>>,
    },
    /// A part begins.
    PartStarted {
        /// Its index in the answer.
        index: usize,
        /// The part's `type`.
        kind: &'static str,
    },
    /// Text is added to the open part.
    PartDelta {
        /// Its index in the answer.
        index: usize,
        /// The text to append.
        text: String,
    },
    /// A part is complete.
    PartCompleted {
        /// Its index in the answer.
        index: usize,
        /// The whole part.
        part: Part,
    },
    /// What the answer cost.
    MessageUsage(Usage),
    /// The answer is complete and stored.
    MessageCompleted(Box<Message>),
    /// The answer broke off; what arrived is stored.
    MessageIncomplete(Box<Message>),
    /// There is no answer.
    MessageFailed {
        /// What the backend stored instead, where it stored anything.
        message: Option<Box<Message>>,
        /// Why.
        error: Error,
    },
}

impl Event {
    /// True for the events that end a stream.
    #[must_use]
    pub fn is_last(&self) -> bool {
        matches!(
            self,
            Self::MessageCompleted(_) | Self::MessageIncomplete(_) | Self::MessageFailed { .. }
        )
    }

    /// The event's name, such as `part.delta`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::MessageStarted { .. } => "message.started",
            Self::PartStarted { .. } => "part.started",
            Self::PartDelta { .. } => "part.delta",
            Self::PartCompleted { .. } => "part.completed",
            Self::MessageUsage(_) => "message.usage",
            Self::MessageCompleted(_) => "message.completed",
            Self::MessageIncomplete(_) => "message.incomplete",
            Self::MessageFailed { .. } => "message.failed",
        }
    }
}

/// The events of one answer. Dropping it ends the answer; see [`crate::Backend::respond`].
pub type EventStream = Pin<Box<dyn Stream<Item = Event> + Send>>;
