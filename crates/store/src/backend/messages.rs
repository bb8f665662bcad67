//! Messages: posted, imported, read, changed, deleted; and what each of that does to its conversation.

use backend::{Context, Error, Kind, Location, Precondition, Result};
use conversation::{
    Message, MessageId, MessagePatch, MessageStatus, NewMessage, Time, Usage, Violation,
};

use super::document::{self, Content, Turn};
use super::writes::{self, Operation};
use super::{Admission, StoreBackend, conversations, ratings};
use crate::failure::Attempt;
use crate::sql::{Connection, Micros, Row, params};
use crate::{json, state};

/// The most messages of one import.
pub(super) const IMPORT_MAX_MESSAGES: usize = 1_000;

/// A page towards newer messages; [`read`] reads its rows.
pub(crate) const PAGE_UP: &str = "SELECT number, id, sent_at, created_at, role, content, votes, votes_sum \
     FROM messages WHERE conversation = ?1 AND (sent_at, arrival) > (?2, ?3) ORDER BY sent_at, arrival LIMIT ?4";
/// A page towards older messages.
pub(crate) const PAGE_DOWN: &str = "SELECT number, id, sent_at, created_at, role, content, votes, votes_sum \
     FROM messages WHERE conversation = ?1 AND (sent_at, arrival) < (?2, ?3) ORDER BY sent_at DESC, arrival DESC LIMIT ?4";
/// One message of a conversation.
const ONE: &str = "SELECT m.number, m.id, m.sent_at, m.created_at, m.role, m.content, m.votes, m.votes_sum \
     FROM messages m JOIN conversations c ON c.number = m.conversation \
     WHERE m.id = ?1 AND c.backend = ?2 AND c.native = ?3";

/// The most messages that may ever come into one conversation: what the row numbers have room for.
const ARRIVALS_MAX: i64 = 1 << 28;

/// A message and its row.
pub(super) struct Stored {
    pub(super) number: i64,
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
    content: Content,
}

impl Ready {
    /// Takes the time out of `new`: it has a column.
    fn new(new: &mut NewMessage) -> Result<Self> {
        let sent_at = new.sent_at.take();
        let status = new.status.clone().unwrap_or(MessageStatus::Sent);
        let turn = Turn::of(&new.effective_direction(), &status);
        Ok(Self {
            id: MessageId::generate(),
            sent_at,
            turn,
            vote: ratings::of_import(new.rating.as_ref()),
            usage: new.usage.clone(),
            content: Content::of(new)?,
        })
    }

    fn store(&self, connection: &Connection, place: &Place, voter: &str, now: Time) -> Attempt<()> {
        let (votes, votes_sum, own) = self.vote;
        let number = place.conversation * ARRIVALS_MAX + place.arrival;
        connection
            .prepare_cached(
                "INSERT INTO messages (number, conversation, id, sent_at, arrival, created_at, turn, \
                 votes, votes_sum, role, content) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                number,
                place.conversation,
                self.id.as_str(),
                Micros(place.sent_at),
                place.arrival,
                Micros(now),
                self.turn as u8,
                votes,
                votes_sum,
                self.content.role,
                self.content.content
            ])?;
        if let Some(own) = own {
            ratings::store_vote(connection, number, voter, own)?;
        }
        Ok(())
    }
}

/// Where a new message goes.
struct Place {
    conversation: i64,
    sent_at: Time,
    arrival: i64,
}

/// A conversation while messages come in: its times, counts and usage.
struct Growing {
    conversation: i64,
    arrivals: i64,
    came: u64,
    newest: Option<Time>,
    /// `None` once it must be counted anew: a message took its place before others.
    unread: Option<u64>,
    usage: Option<Usage>,
}

impl Growing {
    fn find(connection: &Connection, backend: &str, at: &Location) -> Attempt<Self> {
        let mut statement = connection.prepare_cached(
            "SELECT number, arrivals, last_message_at, unread, usage FROM conversations \
             WHERE backend = ?1 AND native = ?2",
        )?;
        let mut rows = statement.query(params![backend, at.native])?;
        let row = rows.next()?.ok_or_else(Error::conversation_not_found)?;
        let newest: Option<Micros> = row.get(2)?;
        Ok(Self {
            conversation: row.get(0)?,
            arrivals: row.get(1)?,
            came: 0,
            newest: newest.map(|Micros(time)| time),
            unread: row.get(3)?,
            usage: conversations::read_usage(row.get_ref(4)?)?,
        })
    }

    /// Takes one message in.
    fn take(&mut self, message: &Ready, now: Time) -> Attempt<Place> {
        let sent_at = message.sent_at.unwrap_or(now);
        self.arrivals += 1;
        if self.arrivals >= ARRIVALS_MAX {
            return Err(Error::new(Kind::Full, "the conversation takes no more messages").into());
        }
        self.came += 1;
        self.unread = self
            .unread
            .filter(|_| self.newest.is_none_or(|newest| newest <= sent_at))
            .map(|unread| match message.turn {
                Turn::Waiting => unread + 1,
                Turn::Business => 0,
                Turn::Neutral => unread,
            });
        self.newest = self.newest.max(Some(sent_at));
        if let Some(more) = &message.usage {
            self.usage = Some(add(self.usage.take().unwrap_or_default(), more));
        }
        Ok(Place {
            conversation: self.conversation,
            sent_at,
            arrival: self.arrivals,
        })
    }

    /// Writes what became of the conversation.
    fn store(self, connection: &Connection, now: Time) -> Attempt<()> {
        let usage = self
            .usage
            .as_ref()
            .map(|usage| json::to_text("usage", usage))
            .transpose()?;
        connection
            .prepare_cached(
                "UPDATE conversations SET updated_at = max(updated_at + 1, ?2), last_message_at = ?3, arrivals = ?4, \
                 messages = messages + ?5, unread = coalesce(?6, unread), usage = ?7 WHERE number = ?1",
            )?
            .execute(params![
                self.conversation,
                Micros(now),
                self.newest.map(Micros),
                self.arrivals,
                self.came,
                self.unread,
                usage
            ])?;
        if self.unread.is_none() {
            count_unread(connection, self.conversation)?;
        }
        state::follow(connection, self.conversation)
    }
}

impl StoreBackend {
    pub(super) async fn post(
        &self,
        cx: &Context,
        at: &Location,
        mut new: NewMessage,
    ) -> Result<Message> {
        let mut ready = Ready::new(&mut new)?;
        ready.sent_at = None;
        let id = ready.id.clone();
        let write = writes::Reference::new(cx, self.name(), Operation::Post, &at.native);
        let (location, voter, admission) =
            (at.clone(), ratings::voter(&cx.principal), Admission::of(cx));
        let now = self
            .store
            .write_beside(move |connection, now| {
                admission.check(connection, &write.backend, &location)?;
                let mut growing = Growing::find(connection, &write.backend, &location)?;
                ready.store(connection, &growing.take(&ready, now)?, &voter, now)?;
                growing.store(connection, now)?;
                write.store(connection, Some(&ready.id), now)?;
                Ok(now)
            })
            .await?;
        Ok(new.into_message(id, at.id, now))
    }

    pub(super) async fn import(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        if new.len() > IMPORT_MAX_MESSAGES {
            let detail = format!("at most {IMPORT_MAX_MESSAGES} in one import");
            let violation = Violation {
                pointer: "/messages".to_owned(),
                code: "too-many",
                detail,
                exceeds: None,
            };
            return Err(
                Error::new(Kind::InvalidRequest, "too many messages in one import")
                    .violations(vec![violation]),
            );
        }
        let mut new = new;
        let prepared: Vec<(Option<Time>, Result<Ready>)> = new
            .iter_mut()
            .map(|message| (message.sent_at, Ready::new(message)))
            .collect();
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
        let (location, voter, admission) =
            (at.clone(), ratings::voter(&cx.principal), Admission::of(cx));
        let now = self
            .store
            .write_beside(move |connection, now| {
                admission.check(connection, &write.backend, &location)?;
                let mut growing = Growing::find(connection, &write.backend, &location)?;
                for message in &ready {
                    message.store(connection, &growing.take(message, now)?, &voter, now)?;
                }
                if let Some(last) = ready.last() {
                    growing.store(connection, now)?;
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

    pub(super) async fn read_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
    ) -> Result<Message> {
        let voter = ratings::voter(&cx.principal);
        self.store
            .read(|connection| Ok(find(connection, self.name(), at, id, &voter)?.message))
            .await
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
        let (voter, admission) = (ratings::voter(&cx.principal), Admission::of(cx));
        self.store
            .write_beside(move |connection, now| {
                admission.check(connection, &write.backend, &at)?;
                let stored = find(connection, &write.backend, &at, &id, &voter)?;
                let current = &stored.message;
                if let Some(precondition) = &precondition {
                    precondition.check(current)?;
                }
                let mut changed = current.clone();
                patch.clone().apply(&mut changed, now).map_err(|_| {
                    // serde's words may quote the message, so the member that can fail is named instead.
                    let detail = "has a shape that it cannot have".to_owned();
                    let violation = Violation {
                        pointer: "/extensions".to_owned(),
                        code: "invalid",
                        detail,
                        exceeds: None,
                    };
                    Error::new(Kind::InvalidRequest, "the change does not fit the message")
                        .violations(vec![violation])
                })?;
                if changed != *current {
                    replace(connection, &stored, changed.clone(), now)?;
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
        let (precondition, voter, admission) = (
            precondition.cloned(),
            ratings::voter(&cx.principal),
            Admission::of(cx),
        );
        self.store
            .write_beside(move |connection, now| {
                admission.check(connection, &backend, &at)?;
                let stored = find(connection, &backend, &at, &id, &voter)?;
                if let Some(precondition) = &precondition {
                    precondition.check(&stored.message)?;
                }
                connection
                    .prepare_cached("DELETE FROM messages WHERE number = ?1")?
                    .execute(params![stored.number])?;
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
pub(super) fn find(
    connection: &Connection,
    backend: &str,
    at: &Location,
    id: &MessageId,
    voter: &str,
) -> Attempt<Stored> {
    let mut statement = connection.prepare_cached(ONE)?;
    let mut rows = statement.query(params![id.as_str(), backend, at.native])?;
    match rows.next()? {
        Some(row) => read(connection, &row, at, voter),
        None => {
            conversations::number(connection, backend, at)?;
            Err(Error::message_not_found().into())
        }
    }
}

/// Writes a changed message in the place of `stored`, and what that means for its conversation.
pub(super) fn replace(
    connection: &Connection,
    stored: &Stored,
    changed: Message,
    now: Time,
) -> Attempt<()> {
    let current = &stored.message;
    let turn = Turn::of(&changed.direction, &changed.status);
    let content = Content::of(&mut document::of_message(
        changed,
        stored.imported_rating.clone(),
    ))?;
    connection
        .prepare_cached("UPDATE messages SET turn = ?2, role = ?3, content = ?4 WHERE number = ?1")?
        .execute(params![
            stored.number,
            turn as u8,
            content.role,
            content.content
        ])?;
    moved(connection, stored.conversation, now)?;
    if turn != Turn::of(&current.direction, &current.status) {
        count_unread(connection, stored.conversation)?;
    }
    Ok(())
}

/// Reads a row of [`PAGE_UP`].
pub(super) fn read(
    connection: &Connection,
    row: &Row<'_>,
    at: &Location,
    voter: &str,
) -> Attempt<Stored> {
    let number: i64 = row.get(0)?;
    let id = row.get_ref(1)?.as_str().map_err(crate::sql::Error::from)?;
    let id: MessageId = id
        .parse()
        .map_err(|error| Error::new(Kind::Internal, "a stored message id is none").source(error))?;
    let Micros(sent_at) = row.get(2)?;
    let Micros(created_at) = row.get(3)?;
    let role = row
        .get_ref(4)?
        .as_str_or_null()
        .map_err(crate::sql::Error::from)?;
    let content = row.get_ref(5)?.as_str().map_err(crate::sql::Error::from)?;
    let mut new = Content::read(role, content)?;
    new.sent_at = Some(sent_at);
    let mut message = new.into_message(id, at.id, created_at);
    let imported_rating = message.rating.clone();
    let votes: u64 = row.get(6)?;
    if votes > 0 {
        let mine = ratings::own_vote(connection, number, voter)?;
        let sum = row.get(7)?;
        message.rating = Some(ratings::combine(imported_rating.as_ref(), votes, sum, mine));
    }
    Ok(Stored {
        number,
        arrival: number % ARRIVALS_MAX,
        conversation: number / ARRIVALS_MAX,
        message,
        imported_rating,
    })
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
        .prepare_cached(
            "UPDATE conversations SET updated_at = max(updated_at + 1, ?2) WHERE number = ?1",
        )?
        .execute(params![conversation, Micros(now)])?;
    state::follow(connection, conversation)
}

/// Counts anew what waits behind the last message of the business, and behind what was read.
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
            "UPDATE conversations SET unread = (SELECT count(*) FROM messages m \
             WHERE m.conversation = ?1 AND m.turn = 1 AND (m.sent_at, m.arrival) > (?2, ?3) \
             AND (read_sent_at IS NULL OR (m.sent_at, m.arrival) > (read_sent_at, read_arrival))) \
             WHERE number = ?1",
        )?
        .execute(params![conversation, sent_at, arrival])?;
    Ok(())
}
