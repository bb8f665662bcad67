//! What became of a write whose answer was lost: found by what was kept with it.

use std::time::Duration;

use backend::{Applied, Context, Error, Intent, Kind, Located, Location, Result, Settled, Write};
use conversation::{AttachmentId, ConversationId, Message, MessageId, Role, Time};

use super::writes::Operation;
use super::{StoreBackend, attachments, conversations, messages, ratings};
use crate::failure::{Attempt, Failure};
use crate::sql::{Connection, Micros, OptionalExtension as _, earlier, params};

impl StoreBackend {
    /// Behind every write of the conversation that began before. One that begins later is refused by its deadline, or by
    /// its lease, which whoever asks this has taken.
    pub(super) async fn find_write(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        let retention = self.store.config().settle_retention;
        let look = Look {
            backend: self.info.name.clone(),
            voter: ratings::voter(&cx.principal),
            intent: intent.clone(),
        };
        self.store
            .write(move |connection, now| {
                if let Some(at) = &look.intent.location {
                    conversations::is_closed(connection, &look.backend, at)?;
                }
                let operation = match &look.intent.write {
                    Write::CreateConversation(_) => Operation::Create,
                    Write::UpdateConversation(_)
                    | Write::AddParticipants(_)
                    | Write::RemoveParticipant { .. } => Operation::Update,
                    Write::PostMessage(_) | Write::Respond(_) => Operation::Post,
                    Write::ImportMessage(_) | Write::ImportMessages(_) => Operation::Import,
                    Write::UpdateMessage { .. } => Operation::UpdateMessage,
                    Write::RateMessage { .. } => Operation::Rate,
                    Write::PutAttachment { .. } => Operation::PutAttachment,
                    // What is deleted shows that it was.
                    Write::DeleteConversation => return look.deleted(connection, None),
                    Write::DeleteMessage { id } => return look.deleted(connection, Some(id)),
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

/// What was found of a write.
struct Found {
    conversation: Box<str>,
    message: Option<Box<str>>,
    attachment: Option<Box<str>>,
}

impl Look {
    fn newest(&self, connection: &Connection, operation: Operation) -> Attempt<Option<Found>> {
        Ok(connection
            .prepare_cached(
                "SELECT conversation, message, attachment FROM writes \
                 WHERE intent = ?1 AND backend = ?2 AND operation = ?3 ORDER BY number DESC LIMIT 1",
            )?
            .query_row(params![self.intent.id.as_bytes(), self.backend, operation.as_str()], |row| {
                Ok(Found { conversation: row.get(0)?, message: row.get(1)?, attachment: row.get(2)? })
            })
            .optional()?)
    }

    /// What the write made, as it is now. What was deleted since was done, but cannot be shown: unknown.
    fn applied(&self, connection: &Connection, found: &Found) -> Attempt<Settled> {
        let (id, renamed) = match &self.intent.location {
            Some(location) => (location.id, location.renamed),
            None => match self.made(connection, found)? {
                Some(made) => made,
                None => return Ok(Settled::Unknown),
            },
        };
        let location = Location {
            id,
            backend: self.backend.clone(),
            native: found.conversation.clone(),
            credential: None,
            renamed,
        };
        match self.show(connection, location, found) {
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

    /// The public id of the conversation that a create made, and whether that is the id of what it is a copy of.
    fn made(
        &self,
        connection: &Connection,
        found: &Found,
    ) -> Attempt<Option<(ConversationId, bool)>> {
        let public: Option<Option<Box<str>>> = connection
            .prepare_cached("SELECT public FROM conversations WHERE backend = ?1 AND native = ?2")?
            .query_row(params![self.backend, found.conversation], |row| row.get(0))
            .optional()?;
        Ok(match public {
            Some(public) => {
                let id = conversations::read_public(public.as_deref(), &found.conversation)?;
                Some((id, public.is_some()))
            }
            None => None,
        })
    }

    fn show(&self, connection: &Connection, at: Location, found: &Found) -> Attempt<Applied> {
        if let Some(attachment) = &found.attachment {
            let id: AttachmentId = attachment.parse().map_err(|_| attachments::not_found())?;
            let attachment = attachments::find(connection, &self.backend, &at, &id)?;
            return Ok(Applied::Attachment(Box::new(attachment)));
        }
        let Some(message) = &found.message else {
            let conversation = conversations::find(connection, &self.backend, &at)?.conversation;
            return Ok(match &self.intent.write {
                Write::AddParticipants(_) => Applied::Participants(conversation.participants),
                Write::RemoveParticipant { .. } => Applied::Nothing,
                _ => Applied::Conversation(Box::new(Located {
                    location: at,
                    conversation,
                })),
            });
        };
        let id: MessageId = message.parse().map_err(|_| Error::message_not_found())?;
        let last = messages::find(connection, &self.backend, &at, &id, &self.voter)?;
        match &self.intent.write {
            Write::ImportMessages(sent) => Ok(Applied::Messages(self.imported(
                connection,
                &at,
                &last,
                sent.len(),
            )?)),
            _ => Ok(Applied::Message(Box::new(last.message))),
        }
    }

    /// The messages of one import by its last: they came side by side, in one transaction.
    fn imported(
        &self,
        connection: &Connection,
        at: &Location,
        last: &messages::Stored,
        count: usize,
    ) -> Attempt<Vec<Message>> {
        let mut statement = connection.prepare_cached(
            "SELECT number, id, sent_at, created_at, role, content, votes, votes_sum FROM messages \
             WHERE number > ?1 AND number <= ?2 AND created_at = ?3 ORDER BY number",
        )?;
        let before = last
            .number
            .saturating_sub(i64::try_from(count).unwrap_or(i64::MAX));
        let mut rows = statement.query(params![
            before,
            last.number,
            Micros(last.message.created_at)
        ])?;
        let mut imported = Vec::with_capacity(count);
        while let Some(row) = rows.next()? {
            imported.push(messages::read(connection, &row, at, &self.voter)?.message);
        }
        if imported.len() != count {
            return Err(Error::message_not_found().into());
        }
        Ok(imported)
    }

    /// Whether a conversation, or a message of it, is gone.
    fn deleted(&self, connection: &Connection, message: Option<&MessageId>) -> Attempt<Settled> {
        let Some(at) = &self.intent.location else {
            return Ok(Settled::Unknown);
        };
        let there = match message {
            Some(id) => messages::find(connection, &self.backend, at, id, &self.voter).map(drop),
            None => conversations::number(connection, &self.backend, at).map(drop),
        };
        match there {
            Ok(()) => Ok(Settled::NotApplied),
            Err(Failure::Port(error)) if error.kind == Kind::NotFound => {
                Ok(Settled::Applied(Applied::Nothing))
            }
            Err(failure) => Err(failure),
        }
    }
}
