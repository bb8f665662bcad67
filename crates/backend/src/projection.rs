//! What a write becomes at a backend, and the fate of each of its fields.

use conversation::{ConversationPatch, MessagePatch, NewConversation, NewMessage, Violation};
use serde::{Deserialize, Serialize};

use crate::{Context, Error, FidelityPolicy, Kind, RespondRequest, Result};

/// A write, whole, in canonical form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Write {
    /// Make a conversation.
    CreateConversation(NewConversation),
    /// Change a conversation.
    UpdateConversation(ConversationPatch),
    /// Say something now.
    PostMessage(NewMessage),
    /// Store something that was said elsewhere.
    ImportMessage(NewMessage),
    /// Change a message.
    UpdateMessage(MessagePatch),
    /// Have an answer made.
    Respond(RespondRequest),
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
    /// The limit that it crosses, where it crosses one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

impl FieldFate {
    /// A field that the backend cannot hold.
    #[must_use]
    pub fn rejected(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            fate: Fate::Rejected,
            detail: detail.into(),
            limit: None,
        }
    }

    /// A field that the backend holds in another form.
    #[must_use]
    pub fn converted(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            fate: Fate::Converted,
            detail: detail.into(),
            limit: None,
        }
    }

    /// With the limit that is crossed.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
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
}

impl Projection {
    /// A write that the backend holds exactly.
    #[must_use]
    pub fn exact(write: Write) -> Self {
        Self {
            write,
            fates: Vec::new(),
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
