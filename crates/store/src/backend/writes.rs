//! What each write made, kept with it: a write whose answer was lost is found for certain.

use std::time::Duration;

use backend::{Applied, Context, Error, Intent, Kind, Located, Location, Result, Settled, Write};
use conversation::{MessageId, Role, Time};
use rusqlite::{Connection, OptionalExtension as _, params};
use uuid::Uuid;

use super::{StoreBackend, conversations, messages, ratings};
use crate::failure::{Attempt, Failure};
use crate::sqlite::{Micros, earlier};

/// Which write it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Create,
    Update,
    Post,
    Import,
    UpdateMessage,
}

impl Operation {
    fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Post => "post",
            Self::Import => "import",
            Self::UpdateMessage => "update-message",
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
    ) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "INSERT INTO writes (intent, backend, operation, conversation, message, written_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                self.intent.as_bytes(),
                self.backend,
                self.operation.as_str(),
                self.conversation,
                message.map(MessageId::as_str),
                Micros(now)
            ])
            .map(drop)
    }
}

/// What was found of a write.
struct Found {
    conversation: Box<str>,
    message: Option<Box<str>>,
}

impl StoreBackend {
    /// Runs on the writing thread, behind every write that was handed over before.
    pub(super) async fn find_write(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        let retention = self.store.config().settle_retention;
        let look = Look {
            backend: self.info.name.clone(),
            voter: ratings::voter(&cx.principal),
            intent: intent.clone(),
        };
        self.store
            .write(move |connection, now| {
                let operation = match &look.intent.write {
                    Write::CreateConversation(_) => Operation::Create,
                    Write::UpdateConversation(_) => Operation::Update,
                    Write::PostMessage(_) | Write::Respond(_) => Operation::Post,
                    Write::ImportMessage(_) => Operation::Import,
                    Write::UpdateMessage { .. } => Operation::UpdateMessage,
                    // Each is one transaction that keeps no reference.
                    Write::ImportMessages(_)
                    | Write::DeleteConversation
                    | Write::DeleteMessage { .. }
                    | Write::RateMessage { .. }
                    | Write::AddParticipants(_)
                    | Write::RemoveParticipant { .. }
                    | Write::PutAttachment { .. } => return Ok(Settled::Unknown),
                };
                match look.newest(connection, operation)? {
                    Some(found) => look.applied(connection, &found),
                    None => Ok(absent(&look.intent, now, retention)),
                }
            })
            .await
    }
}

/// The write is not there: it was not done, unless it is so old that its reference may have been swept.
fn absent(intent: &Intent, now: Time, retention: Duration) -> Settled {
    if intent.started_at > earlier(now, retention) {
        Settled::NotApplied
    } else {
        Settled::Unknown
    }
}

/// A look for what a write made.
struct Look {
    backend: Box<str>,
    voter: String,
    intent: Intent,
}

impl Look {
    fn newest(&self, connection: &Connection, operation: Operation) -> Attempt<Option<Found>> {
        Ok(connection
            .prepare_cached(
                "SELECT conversation, message FROM writes WHERE intent = ?1 AND backend = ?2 AND operation = ?3 \
                 ORDER BY number DESC LIMIT 1",
            )?
            .query_row(params![self.intent.id.as_bytes(), self.backend, operation.as_str()], |row| {
                Ok(Found { conversation: row.get(0)?, message: row.get(1)? })
            })
            .optional()?)
    }

    /// What the write made, as it is now. What was deleted since was done, but cannot be shown: unknown.
    fn applied(&self, connection: &Connection, found: &Found) -> Attempt<Settled> {
        let id = match &self.intent.location {
            Some(location) => Some(location.id),
            None => found.conversation.parse().ok(),
        };
        let Some(id) = id else {
            return Ok(Settled::Unknown);
        };
        let native = found.conversation.clone();
        let location = Location {
            id,
            backend: self.backend.clone(),
            native,
            credential: None,
        };
        match self.show(connection, location, found.message.as_deref()) {
            // Input and answer are two posts of one intent. Where only the input is there, the answer may be half
            // made, and nobody may send the input again.
            Ok(Applied::Message(message))
                if matches!(self.intent.write, Write::Respond(_))
                    && message.role != Role::Assistant =>
            {
                Ok(Settled::Unknown)
            }
            Ok(applied) => Ok(Settled::Applied(applied)),
            Err(Failure::Port(error)) if error.kind == Kind::NotFound => Ok(Settled::Unknown),
            Err(failure) => Err(failure),
        }
    }

    fn show(
        &self,
        connection: &Connection,
        location: Location,
        message: Option<&str>,
    ) -> Attempt<Applied> {
        let Some(message) = message else {
            let conversation =
                conversations::find(connection, &self.backend, &location)?.conversation;
            return Ok(Applied::Conversation(Box::new(Located {
                location,
                conversation,
            })));
        };
        let id: MessageId = message.parse().map_err(|_| Error::message_not_found())?;
        let stored = messages::find(connection, &self.backend, &location, &id, &self.voter)?;
        Ok(Applied::Message(Box::new(stored.message)))
    }
}
