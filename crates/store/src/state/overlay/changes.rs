//! Changes of what is kept: all or none of a list, in its order, in one transaction.

use backend::ports::{Change, IndexState, KeptAt};
use backend::{Error, Result};
use conversation::{Digest, Time};

use super::counts::Counts;
use super::{conversations, fields, forget_at, sendings};
use crate::failure::Attempt;
use crate::json;
use crate::sql::{Connection, LOCKED, Micros, OptionalExtension as _, params};
use crate::state::leases;

/// A change with the document that it stores, written before the transaction begins.
pub(super) struct Prepared {
    change: Change,
    document: Document,
}

/// A document; empty for a change that stores none.
#[derive(Default)]
pub(super) struct Document {
    pub(super) text: String,
    /// Of the text.
    pub(super) digest: Option<Digest>,
}

/// Does what needs no transaction.
pub(super) fn prepare(changes: Vec<Change>) -> Result<Vec<Prepared>> {
    let prepared = changes.into_iter().map(|change| {
        let text = match &change {
            Change::Message { message, .. } => json::to_text("message", message)?,
            Change::Copy(conversation) => json::to_text("conversation", conversation)?,
            Change::Send(sending) => json::to_text("sending", sending)?,
            _ => String::new(),
        };
        let digest = match &change {
            Change::Message { .. } => Some(Digest::of(text.as_bytes())),
            _ => None,
        };
        let document = Document { text, digest };
        Ok(Prepared { change, document })
    });
    prepared.collect()
}

/// Makes the changes. A conversation that was deleted takes none but to be forgotten.
pub(super) fn apply(
    connection: &Connection,
    at: &KeptAt,
    fence: Option<u64>,
    changes: &[Prepared],
) -> Attempt<()> {
    let keeps_something = changes
        .iter()
        .any(|prepared| !matches!(prepared.change, Change::Forget));
    if keeps_something && conversations::is_deleted(connection, &at.conversation.to_string())? {
        return Err(Error::conversation_not_found().into());
    }
    leases::check_fence(connection, fence)?;
    let mut row = KeptRow::find(connection, at)?;
    if let (Some(row), Some(fence)) = (&row, fence)
        && fence < row.fence
    {
        return Err(leases::outdated().into());
    }
    let mut found = row.clone();
    for Prepared { change, document } in changes {
        if matches!(change, Change::Forget) {
            forget_at(connection, at)?;
            (row, found) = (None, None);
        } else if let Some(row) = &mut row {
            row.change(connection, change, document)?;
        } else if !only_drops(change) {
            let number = conversations::enter(connection, at)?;
            row.insert(KeptRow::new(number))
                .change(connection, change, document)?;
        }
    }
    match row {
        Some(row) => row.end(connection, fence, found.as_ref()),
        None => Ok(()),
    }
}

/// True for a change that does nothing where nothing is kept.
fn only_drops(change: &Change) -> bool {
    matches!(
        change,
        Change::DropField { .. }
            | Change::Remove(_)
            | Change::Gone { .. }
            | Change::Ended {
                has_ended: false,
                ..
            }
            | Change::Sent(_)
    )
}

/// The row of a conversation while changes are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeptRow {
    pub(super) number: i64,
    fence: u64,
    pub(super) arrivals: i64,
    pub(super) counts: Counts,
    /// The native id in the index.
    pub(super) native: Option<Box<str>>,
    /// True once the counts must be made anew.
    pub(super) recount: bool,
}

impl KeptRow {
    fn new(number: i64) -> Self {
        Self {
            number,
            fence: 0,
            arrivals: 0,
            counts: Counts::default(),
            native: None,
            recount: false,
        }
    }

    fn find(connection: &Connection, at: &KeptAt) -> Attempt<Option<Self>> {
        Ok(connection
            .prepare_cached(
                &format!("SELECT number, fence, arrivals, messages, beside, index_native FROM overlay_conversations \
                 WHERE id = ?1 AND backend = ?2{LOCKED}"),
            )?
            .query_row(params![at.conversation.to_string(), at.backend], |row| {
                Ok(Self {
                    number: row.get(0)?,
                    fence: row.get(1)?,
                    arrivals: row.get(2)?,
                    counts: Counts { messages: row.get(3)?, beside: row.get(4)? },
                    native: row.get(5)?,
                    recount: false,
                })
            })
            .optional()?)
    }

    fn change(
        &mut self,
        connection: &Connection,
        change: &Change,
        document: &Document,
    ) -> Attempt<()> {
        match change {
            Change::Field(field) => fields::store(connection, self.number, field),
            Change::DropField { message, pointer } => {
                fields::drop_one(connection, self.number, message.as_ref(), pointer)
            }
            Change::Message {
                time,
                holder,
                message,
            } => self.put(connection, *time, holder, &message.id, document),
            Change::Bind { native, to } => self.bind(connection, native, to),
            Change::Hide(id) => {
                self.hide(connection, id)?;
                sendings::take_out(connection, self.number, id)
            }
            Change::Remove(id) => {
                self.remove(connection, id)?;
                sendings::take_out(connection, self.number, id)
            }
            Change::Gone { id, is_gone } => self.note_gone(connection, id, *is_gone),
            Change::Index(state) if self.is_of(&state.native) => self.note_index(connection, state),
            // Whoever read an earlier home came late.
            Change::Index(_) => Ok(()),
            Change::Home(state) => {
                self.set(connection, "ended = ?2", &false)?;
                self.note_index(connection, state)
            }
            Change::Copy(_) => self.set(connection, "copy = ?2", &document.text),
            Change::Ended { native, has_ended } if self.is_of(native) => {
                self.set(connection, "ended = ?2", has_ended)
            }
            Change::Ended { .. } => Ok(()),
            Change::Touch {
                updated_at,
                last_message_at,
            } => self.touch(connection, *updated_at, *last_message_at),
            Change::Send(sending) => {
                sendings::store(connection, self.number, sending, &document.text)
            }
            Change::Sent(intent) => sendings::forget(connection, self.number, *intent),
            // It leaves no row to change.
            Change::Forget => Ok(()),
        }
    }

    /// True where the index is of this native id, or not of any yet.
    fn is_of(&self, native: &str) -> bool {
        self.native.as_deref().is_none_or(|of| of == native)
    }

    /// Sets one column; `assignment` is a constant of ours.
    fn set(
        &self,
        connection: &Connection,
        assignment: &'static str,
        value: &dyn crate::sql::ToSql,
    ) -> Attempt<()> {
        connection
            .prepare_cached(&format!(
                "UPDATE overlay_conversations SET {assignment} WHERE number = ?1"
            ))?
            .execute(params![self.number, value])?;
        Ok(())
    }

    /// Notes how far the index goes. Its floor only grows: an older reading may be noted after a newer one.
    fn note_index(&mut self, connection: &Connection, state: &IndexState) -> Attempt<()> {
        connection
            .prepare_cached(
                "UPDATE overlay_conversations SET index_native = ?2, index_mark = ?3, index_read_at = ?4, \
                 index_whole_at = ?5, index_floor = max(coalesce(index_floor, ?6), ?6) WHERE number = ?1",
            )?
            .execute(params![
                self.number,
                state.native,
                state.mark.as_ref().map(Digest::as_bytes),
                Micros(state.read_at),
                Micros(state.whole_at),
                Micros(state.floor)
            ])?;
        if self.native.as_ref() != Some(&state.native) {
            self.native = Some(state.native.clone());
            self.recount = true;
        }
        Ok(())
    }

    fn touch(
        &self,
        connection: &Connection,
        updated_at: Time,
        last_message_at: Option<Time>,
    ) -> Attempt<()> {
        // `max` of null is null.
        connection
            .prepare_cached(
                "UPDATE overlay_conversations SET updated_at = coalesce(max(updated_at, ?2), ?2), \
                 last_message_at = coalesce(max(last_message_at, ?3), last_message_at, ?3) WHERE number = ?1",
            )?
            .execute(params![self.number, Micros(updated_at), last_message_at.map(Micros)])?;
        Ok(())
    }

    /// Writes what the changes made of the row, and the number of the lease.
    fn end(
        mut self,
        connection: &Connection,
        fence: Option<u64>,
        found: Option<&Self>,
    ) -> Attempt<()> {
        if self.recount {
            self.counts = Counts::of_all(connection, self.number, self.native.as_deref())?;
            self.recount = false;
        }
        self.fence = self.fence.max(fence.unwrap_or_default());
        if found == Some(&self) {
            return Ok(());
        }
        connection
            .prepare_cached(
                "UPDATE overlay_conversations SET fence = ?2, arrivals = ?3, messages = ?4, beside = ?5 \
                 WHERE number = ?1",
            )?
            .execute(params![
                self.number,
                self.fence,
                self.arrivals,
                self.counts.messages,
                self.counts.beside
            ])?;
        Ok(())
    }
}
