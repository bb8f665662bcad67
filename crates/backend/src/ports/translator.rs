//! Translating a body from one shape to another, without sending anything.

use std::fmt::Debug;

use conversation::{NewConversation, NewMessage, RawJson};
use serde::{Deserialize, Serialize};

use crate::{FieldFate, Result};

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A conversation.
    Conversation,
    /// A message.
    Message,
}

/// A body in canonical form.
#[derive(Debug, Clone, PartialEq)]
pub enum Canonical {
    /// A conversation.
    Conversation(Box<NewConversation>),
    /// A message, with its own times.
    Message(Box<NewMessage>),
}

/// A body in another shape, and what became of its fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Translated<T> {
    /// The body.
    pub body: T,
    /// Every field that is not exact; pointers are those of the body that was read.
    pub fates: Vec<FieldFate>,
}

/// Reads and writes the bodies of one shape: a vendor's.
pub trait Translator: Debug + Send + Sync + 'static {
    /// The shape's name: the kind of the backend.
    fn shape(&self) -> &'static str;

    /// From this shape: an object as the vendor gives it, or as it is sent to make one. Fields without a canonical home
    /// are kept in `extensions` and named.
    ///
    /// # Errors
    /// [`crate::Kind::InvalidRequest`] with the pointer where the body is not of this shape.
    fn read(&self, subject: Subject, body: &RawJson) -> Result<Translated<Canonical>>;

    /// To this shape: the body that would be sent to the vendor. Pointers of the fates are canonical.
    ///
    /// # Errors
    /// [`crate::Kind::NotHeld`] where the vendor has no place for it as a whole.
    fn write(&self, canonical: &Canonical) -> Result<Translated<RawJson>>;
}
