//! Finding out what became of a write whose answer was lost.

use conversation::{Message, Time};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Located, Location, Write};

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
