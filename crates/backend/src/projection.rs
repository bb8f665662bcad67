//! What a write becomes at a backend, and the fate of each of its fields.

use conversation::{
    ConversationPatch, Digest, Exceeds, MessageId, MessagePatch, NewConversation, NewMessage,
    Participant, Violation,
};
use serde::{Deserialize, Serialize};

use crate::{Context, Error, FidelityPolicy, Kind, RespondRequest, Result};

/// A write, whole, in canonical form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "one is made for each write, and most are among the large ones"
)]
pub enum Write {
    /// Make a conversation.
    CreateConversation(NewConversation),
    /// Change a conversation.
    UpdateConversation(ConversationPatch),
    /// Delete a conversation.
    DeleteConversation,
    /// Say something now.
    PostMessage(NewMessage),
    /// Store something that was said elsewhere.
    ImportMessage(NewMessage),
    /// Store several things that were said elsewhere, in one call. Never previewed: each alone is.
    ImportMessages(Vec<NewMessage>),
    /// Change a message.
    UpdateMessage {
        /// Which.
        id: MessageId,
        /// How.
        patch: MessagePatch,
    },
    /// Delete a message.
    DeleteMessage {
        /// Which.
        id: MessageId,
    },
    /// Rate a message.
    RateMessage {
        /// Which.
        id: MessageId,
        /// The vote, 0 to 5.
        value: f64,
    },
    /// Have an answer made.
    Respond(RespondRequest),
    /// Add participants.
    AddParticipants(Vec<Participant>),
    /// Remove a participant.
    RemoveParticipant {
        /// Which.
        id: Box<str>,
    },
    /// Store bytes. They are named by their digest: an intent does not hold files.
    PutAttachment {
        /// The message of which they become a part.
        message_id: Option<MessageId>,
        /// File name, where known.
        name: Option<Box<str>>,
        /// SHA-256 of the bytes.
        digest: Digest,
    },
}

impl Write {
    /// The operation that does it, as the trait's method is called.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            Self::CreateConversation(_) => "create_conversation",
            Self::UpdateConversation(_) => "update_conversation",
            Self::DeleteConversation => "delete_conversation",
            Self::PostMessage(_) => "post_message",
            Self::ImportMessage(_) | Self::ImportMessages(_) => "import_messages",
            Self::UpdateMessage { .. } => "update_message",
            Self::DeleteMessage { .. } => "delete_message",
            Self::RateMessage { .. } => "rate_message",
            Self::Respond(_) => "respond",
            Self::AddParticipants(_) => "add_participants",
            Self::RemoveParticipant { .. } => "remove_participant",
            Self::PutAttachment { .. } => "put_attachment",
        }
    }
}

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// The backend holds it as it is.
    Exact,
    /// The gateway keeps it beside the backend.
    Overlay,
    /// The backend holds it in another form.
    Converted,
    /// The backend cannot hold it.
    Rejected,
}

/// The fate of one field of a write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldFate {
    /// JSON pointer to the field.
    pub pointer: String,
    /// What becomes of it.
    pub fate: Fate,
    /// Why, and which limit or form: words for a person.
    pub detail: String,
    /// The limit that it crosses, and by what, where it crosses one.
    #[serde(flatten)]
    pub exceeds: Option<Exceeds>,
    /// True where nothing foretold it: the backend answered something else than what it was given.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unexpected: bool,
    /// True where the backend has changed the field since, past the gateway.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub drifted: bool,
}

impl FieldFate {
    fn new(pointer: impl Into<String>, fate: Fate, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            fate,
            detail: detail.into(),
            exceeds: None,
            unexpected: false,
            drifted: false,
        }
    }

    /// A field that the backend cannot hold.
    #[must_use]
    pub fn rejected(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(pointer, Fate::Rejected, detail)
    }

    /// A field that the backend holds in another form.
    #[must_use]
    pub fn converted(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(pointer, Fate::Converted, detail)
    }

    /// A field that the gateway keeps beside the backend.
    #[must_use]
    pub fn overlay(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(pointer, Fate::Overlay, detail)
    }

    /// With the limit that is crossed, and what was sent, where it was counted.
    #[must_use]
    pub fn exceeds(mut self, limit: u64, value: Option<u64>) -> Self {
        self.exceeds = Some(Exceeds { limit, value });
        self
    }
}

/// What would really be sent, and the fate of each field that is not exact.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// The write that the backend would hold: rejected fields left out, converted ones in their new form.
    pub write: Write,
    /// Every field that is not exact.
    pub fates: Vec<FieldFate>,
    /// False where the backend has no place for the write as a whole, whatever is left out of it: nothing would be
    /// sent, and a rejected fate says why.
    pub is_held: bool,
}

impl Projection {
    /// A write that the backend holds exactly.
    #[must_use]
    pub fn exact(write: Write) -> Self {
        Self::of(write, Vec::new())
    }

    /// A write of which the backend holds something.
    #[must_use]
    pub fn of(write: Write, fates: Vec<FieldFate>) -> Self {
        Self {
            write,
            fates,
            is_held: true,
        }
    }

    /// Refuses where the policy does: rejected fields always, converted ones under `strict`.
    ///
    /// # Errors
    /// [`Kind::NotHeld`] with a violation for each field.
    pub fn check(&self, cx: &Context, backend: &str) -> Result<()> {
        let refused = |fate: &&FieldFate| match fate.fate {
            Fate::Rejected => true,
            Fate::Converted | Fate::Overlay => cx.fidelity == FidelityPolicy::Strict,
            Fate::Exact => false,
        };
        let violations: Vec<Violation> = self
            .fates
            .iter()
            .filter(refused)
            .map(|fate| Violation {
                pointer: fate.pointer.clone(),
                code: "not-held",
                detail: fate.detail.clone(),
                exceeds: fate.exceeds,
            })
            .collect();
        if violations.is_empty() {
            return Ok(());
        }
        let mut error = Error::new(
            Kind::NotHeld,
            format!("backend `{backend}` cannot hold what was sent"),
        );
        error.backend = Some(backend.into());
        Err(error.violations(violations))
    }
}
