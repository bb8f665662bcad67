//! Messages: posted, imported, read, changed, deleted; and what each of that does to its conversation.

use backend::{Context, Error, Kind, Location, Precondition, Result};
use conversation::{Message, MessageId, MessagePatch, NewMessage, Time, Usage, Violation};
use rusqlite::{Connection, Row, params};

use super::document::{self, Turn};
use super::writes::{self, Operation};
use super::{StoreBackend, conversations, in_time, ratings};
use crate::failure::Attempt;
use crate::sqlite::Micros;
use crate::{json, state};

/// The most messages of one import.
pub(super) const IMPORT_MAX_MESSAGES: usize = 1_000;

/// A page towards newer messages; [`read`] reads its rows.
pub(crate) const PAGE_UP: &str = "SELECT arrival, id, sent_at, created_at, votes, votes_sum, document, conversation \
     FROM messages WHERE conversation = ?1 AND (sent_at, arrival) > (?2, ?3) ORDER BY sent_at, arrival LIMIT ?4";
/// A page towards older messages.
pub(crate) const PAGE_DOWN: &str = "SELECT arrival, id, sent_at, created_at, votes, votes_sum, document, conversation \
     FROM messages WHERE conversation = ?1 AND (sent_at, arrival) < (?2, ?3) ORDER BY sent_at DESC, arrival DESC LIMIT ?4";
/// One message of a conversation.
const ONE: &str = "SELECT arrival, id, sent_at, created_at, votes, votes_sum, document, conversation \
     FROM messages WHERE id = ?1 AND conversation = ?2";

/// A message and its row.
pub(super) struct Stored {
    pub(super) arrival: i64,
    pub(super) conversation: i64,
    pub(super) message: Message,
    /// What it was imported with; votes are laid over it.
    imported_rating: Option<conversation::Rating>,
}

/// A message that is about to be stored: everything that needs no transaction is done.
struct Ready {
    id: MessageId,
    /// When it was said; a post is said when it is stored.
    sent_at: Option<Time>,
    turn: Turn,
    vote: (u64, f64, Option<f64>),
    usage: Option<Usage>,
    text: String,
}

impl Ready {
    /// Takes the time out of `new`: it has a column.
    fn new(new: &mut NewMessage) -> Result<Self> {
        let sent_at = new.sent_at.take();
        let status = new.status.get_or_insert(conversation::MessageStatus::Sent);
        let turn = Turn::of(&new.direction.clone().unwrap_or_else(|| new.role.direction()), status);
        Ok(Self {
            id: MessageId::generate(),
            sent_at,
            turn,
            vote: ratings::of_import(new.rating.as_ref()),
            usage: new.usage.clone(),
            text: json::to_text("message", new)?,
        })
    }

    fn store(&self, connection: &Connection, conversation: i64, voter: &str, now: Time) -> Attempt<()> {
        let (votes, votes_sum, own) = self.vote;
        let arrival = connection
            .prepare_cached(
                "INSERT INTO messages (conversation, id, sent_at, created_at, turn, votes, votes_sum, document) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .insert(params![
                conversation,
                self.id.as_str(),
                Micros(self.sent_at.unwrap_or(now)),
                Micros(now),
                self.turn as u8,
                votes,
                votes_sum,
                self.text
            ])?;
        if let Some(own) = own {
            ratings::store_vote(connection, arrival, voter, own)?;
        }
        Ok(())
    }
}

impl StoreBackend {
    pub(super) async fn post(&self, cx: &Context, at: &Location, mut new: NewMessage) -> Result<Message> {
        let mut ready = Ready::new(&mut new)?;
        ready.sent_at = None;
        let id = ready.id.clone();
        let write = writes::Reference::new(cx, self.name(), Operation::Post, &at.native);
        let (location, voter, deadline) = (at.clone(), ratings::voter(&cx.principal), cx.deadline);
        let now = self
            .store
            .write(move |connection, now| {
                in_time(deadline)?;
                let conversation = conversations::number(connection, &write.backend, &location)?;
                ready.store(connection, conversation, &voter, now)?;
                grow(connection, conversation, std::slice::from_ref(&ready), now)?;
                write.store(connection, Some(&ready.id), now)?;
                Ok(now)
            })
            .await?;
        Ok(new.into_message(id, at.id, now))
    }

    pub(super) async fn import(&self, cx: &Context, at: &Location, new: Vec<NewMessage>) -> Result<Vec<Result<Message>>> {
        if new.len() > IMPORT_MAX_MESSAGES {
            let detail = format!("at most {IMPORT_MAX_MESSAGES} in one import");
            let violation = Violation { pointer: "/messages".to_owned(), code: "too-many", detail };
            return Err(Error::new(Kind::InvalidRequest, "too many messages in one import").violations(vec![violation]));
        }
        let mut new = new;
        let prepared: Vec<(Option<Time>, Result<Ready>)> =
            new.iter_mut().map(|message| (message.sent_at, Ready::new(message))).collect();
        let mut outcomes = Vec::with_capacity(prepared.len());
        let mut ready = Vec::with_capacity(prepared.len());
        for (sent_at, prepared) in prepared {
            outcomes.push(prepared.map(|one| {
                let id = one.id.clone();
                ready.push(one);
                (id, sent_at)
            }));
        }
        let write = writes::Reference::new(cx, self.name(), Operation::Import, &at.native);
        let (location, voter, deadline) = (at.clone(), ratings::voter(&cx.principal), cx.deadline);
        let now = self
            .store
            .write(move |connection, now| {
                in_time(deadline)?;
                let conversation = conversations::number(connection, &write.backend, &location)?;
                for message in &ready {
                    message.store(connection, conversation, &voter, now)?;
                }
                if let Some(last) = ready.last() {
                    grow(connection, conversation, &ready, now)?;
                    write.store(connection, Some(&last.id), now)?;
                }
                Ok(now)
            })
            .await?;
        let stored = new.into_iter().zip(outcomes).map(|(message, outcome)| {
            let (id, sent_at) = outcome?;
            Ok(NewMessage { sent_at, ..message }.into_message(id, at.id, now))
        });
        Ok(stored.collect())
    }

    pub(super) fn read_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        let voter = ratings::voter(&cx.principal);
        self.store.read_together(|connection| Ok(find(connection, self.name(), at, id, &voter)?.message))
    }

    pub(super) async fn change_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        patch: MessagePatch,
        precondition: Option<&Precondition>,
    ) -> Result<Message> {
        let write = writes::Reference::new(cx, self.name(), Operation::UpdateMessage, &at.native);
        let (at, id, precondition) = (at.clone(), id.clone(), precondition.cloned());
        let (voter, deadline) = (ratings::voter(&cx.principal), cx.deadline);
        self.store
            .write(move |connection, now| {
                in_time(deadline)?;
                let stored = find(connection, &write.backend, &at, &id, &voter)?;
                let current = stored.message;
                if let Some(precondition) = precondition {
                    precondition.check(&current)?;
                }
                let mut changed = current.clone();
                patch.apply(&mut changed, now).map_err(|_| {
                    // serde's words may quote the message, so the member that can fail is named instead.
                    let detail = "has a shape that it cannot have".to_owned();
                    let violation = Violation { pointer: "/extensions".to_owned(), code: "invalid", detail };
                    Error::new(Kind::InvalidRequest, "the change does not fit the message").violations(vec![violation])
                })?;
                if changed != current {
                    let turn = Turn::of(&changed.direction, &changed.status);
                    let text = json::to_text("message", &document::of_message(changed.clone(), stored.imported_rating))?;
                    connection
                        .prepare_cached("UPDATE messages SET turn = ?2, document = ?3 WHERE arrival = ?1")?
                        .execute(params![stored.arrival, turn as u8, text])?;
                    let unread = turn != Turn::of(&current.direction, &current.status);
                    moved(connection, stored.conversation, now)?;
                    if unread {
                        count_unread(connection, stored.conversation)?;
                    }
                }
                write.store(connection, Some(&id), now)?;
                Ok(changed)
            })
            .await
    }

    pub(super) async fn remove_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let (backend, at, id) = (self.info.name.clone(), at.clone(), id.clone());
        let (precondition, voter, deadline) = (precondition.cloned(), ratings::voter(&cx.principal), cx.deadline);
        self.store
            .write(move |connection, now| {
                in_time(deadline)?;
                let stored = find(connection, &backend, &at, &id, &voter)?;
                if let Some(precondition) = precondition {
                    precondition.check(&stored.message)?;
                }
                connection
                    .prepare_cached("DELETE FROM messages WHERE arrival = ?1")?
                    .execute(params![stored.arrival])?;
                connection
                    .prepare_cached(
                        "UPDATE conversations SET messages = messages - 1, \
                         last_message_at = (SELECT max(sent_at) FROM messages WHERE conversation = ?1) \
                         WHERE number = ?1",
                    )?
                    .execute(params![stored.conversation])?;
                moved(connection, stored.conversation, now)?;
                count_unread(connection, stored.conversation)
            })
            .await
    }
}

/// The message of this id in the conversation at a location, with the vote of `voter`.
pub(super) fn find(connection: &Connection, backend: &str, at: &Location, id: &MessageId, voter: &str) -> Attempt<Stored> {
    let conversation = conversations::number(connection, backend, at)?;
    let mut statement = connection.prepare_cached(ONE)?;
    let mut rows = statement.query(params![id.as_str(), conversation])?;
    let row = rows.next()?.ok_or_else(Error::message_not_found)?;
    read(connection, row, at, voter)
}

/// Reads a row of [`PAGE_UP`].
pub(super) fn read(connection: &Connection, row: &Row<'_>, at: &Location, voter: &str) -> Attempt<Stored> {
    let arrival = row.get(0)?;
    let id = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
    let id: MessageId =
        id.parse().map_err(|error| Error::new(Kind::Internal, "a stored message id is none").source(error))?;
    let Micros(sent_at) = row.get(2)?;
    let Micros(created_at) = row.get(3)?;
    let text = row.get_ref(6)?.as_str().map_err(rusqlite::Error::from)?;
    let mut new: NewMessage = json::from_text("message", text)?;
    new.sent_at = Some(sent_at);
    let imported_rating = new.rating.take();
    let votes: u64 = row.get(4)?;
    let mine = if votes == 0 { None } else { ratings::own_vote(connection, arrival, voter)? };
    let rating = ratings::combine(imported_rating.as_ref(), votes, row.get(5)?, mine);
    let message = Message { rating, ..new.into_message(id, at.id, created_at) };
    Ok(Stored { arrival, conversation: row.get(7)?, message, imported_rating })
}

/// What new messages do to their conversation: its times, counts and usage.
fn grow(connection: &Connection, conversation: i64, new: &[Ready], now: Time) -> Attempt<()> {
    let (last, usage, unread): (Option<Micros>, Option<String>, u64) = connection
        .prepare_cached("SELECT last_message_at, usage, unread FROM conversations WHERE number = ?1")?
        .query_row(params![conversation], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let mut newest = last.map(|Micros(time)| time);
    let mut waiting = Some(unread);
    let mut sum: Option<Usage> = None;
    for message in new {
        let sent_at = message.sent_at.unwrap_or(now);
        // Only behind the newest is the number known without counting.
        waiting = waiting.filter(|_| newest.is_none_or(|newest| newest <= sent_at)).map(|waiting| match message.turn {
            Turn::Waiting => waiting + 1,
            Turn::Business => 0,
            Turn::Neutral => waiting,
        });
        newest = newest.max(Some(sent_at));
        if let Some(more) = &message.usage {
            let before = match (sum.take(), &usage) {
                (Some(sum), _) => sum,
                (None, Some(text)) => json::from_text("usage", text)?,
                (None, None) => Usage::default(),
            };
            sum = Some(add(before, more));
        }
    }
    let usage = sum.map(|sum| json::to_text("usage", &sum)).transpose()?.or(usage);
    connection
        .prepare_cached(
            "UPDATE conversations SET updated_at = max(updated_at, ?2), last_message_at = ?3, \
             messages = messages + ?4, unread = ?5, usage = ?6 WHERE number = ?1",
        )?
        .execute(params![
            conversation,
            Micros(now),
            newest.map(Micros),
            new.len(),
            waiting.unwrap_or(unread),
            usage
        ])?;
    if waiting.is_none() {
        count_unread(connection, conversation)?;
    }
    state::follow(connection, conversation)
}

fn add(sum: Usage, more: &Usage) -> Usage {
    let tokens = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or_default().saturating_add(b.unwrap_or_default())),
    };
    Usage {
        input_tokens: tokens(sum.input_tokens, more.input_tokens),
        output_tokens: tokens(sum.output_tokens, more.output_tokens),
        total_tokens: tokens(sum.total_tokens, more.total_tokens),
        cost: match (sum.cost, more.cost) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or_default() + b.unwrap_or_default()),
        },
    }
}

/// A message of the conversation changed.
pub(super) fn moved(connection: &Connection, conversation: i64, now: Time) -> Attempt<()> {
    connection
        .prepare_cached("UPDATE conversations SET updated_at = max(updated_at, ?2) WHERE number = ?1")?
        .execute(params![conversation, Micros(now)])?;
    state::follow(connection, conversation)
}

/// Counts anew what waits behind the last message of the business.
fn count_unread(connection: &Connection, conversation: i64) -> Attempt<()> {
    let mut statement = connection.prepare_cached(
        "SELECT sent_at, arrival FROM messages WHERE conversation = ?1 AND turn = 2 \
         ORDER BY sent_at DESC, arrival DESC LIMIT 1",
    )?;
    let mut rows = statement.query(params![conversation])?;
    let (sent_at, arrival) = match rows.next()? {
        Some(row) => (row.get(0)?, row.get(1)?),
        None => (i64::MIN, i64::MIN),
    };
    connection
        .prepare_cached(
            "UPDATE conversations SET unread = (SELECT count(*) FROM messages \
             WHERE conversation = ?1 AND turn = 1 AND (sent_at, arrival) > (?2, ?3)) WHERE number = ?1",
        )?
        .execute(params![conversation, sent_at, arrival])?;
    Ok(())
}
