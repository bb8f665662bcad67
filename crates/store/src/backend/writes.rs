//! What each write made, kept with it: a write whose answer was lost is found for certain.

use backend::Context;
use conversation::{AttachmentId, MessageId, Time};
use uuid::Uuid;

use crate::sql::{Connection, Micros, params};

/// Which write it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Create,
    Update,
    Post,
    Import,
    UpdateMessage,
    Rate,
    PutAttachment,
}

impl Operation {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Post => "post",
            Self::Import => "import",
            Self::UpdateMessage => "update-message",
            Self::Rate => "rate",
            Self::PutAttachment => "put-attachment",
        }
    }
}

/// What a write is about to make.
pub(super) struct Reference {
    intent: Uuid,
    pub(super) backend: Box<str>,
    operation: Operation,
    pub(super) conversation: Box<str>,
}

impl Reference {
    pub(super) fn new(cx: &Context, backend: &str, operation: Operation, native: &str) -> Self {
        Self {
            intent: cx.intent,
            backend: backend.into(),
            operation,
            conversation: native.into(),
        }
    }

    /// Keeps it, in the transaction of the write.
    pub(super) fn store(
        &self,
        connection: &Connection,
        message: Option<&MessageId>,
        now: Time,
    ) -> crate::sql::Result<()> {
        self.insert(connection, message, None, now)
    }

    /// Keeps that of bytes.
    pub(super) fn store_bytes(
        &self,
        connection: &Connection,
        attachment: &AttachmentId,
        now: Time,
    ) -> crate::sql::Result<()> {
        self.insert(connection, None, Some(attachment), now)
    }

    fn insert(
        &self,
        connection: &Connection,
        message: Option<&MessageId>,
        attachment: Option<&AttachmentId>,
        now: Time,
    ) -> crate::sql::Result<()> {
        connection
            .prepare_cached(
                "INSERT INTO writes (intent, backend, operation, conversation, message, attachment, written_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                self.intent.as_bytes(),
                self.backend,
                self.operation.as_str(),
                self.conversation,
                message.map(MessageId::as_str),
                attachment.map(AttachmentId::as_str),
                Micros(now)
            ])
            .map(drop)
    }
}
