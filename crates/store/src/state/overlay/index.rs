//! Changes of the index: messages that come, are bound, hidden, removed, or gone at the backend.

use backend::ports::Holder;
use backend::{Error, Kind};
use conversation::{MessageId, Time};

use super::changes::{Document, KeptRow};
use super::counts::{Counts, Standing};
use super::fields;
use super::messages::{ARRIVALS_MAX, standing};
use crate::failure::Attempt;
use crate::sql::{Connection, Micros, OptionalExtension as _, params};

impl KeptRow {
    /// Puts a message in. One that carries words of ours stays behind them.
    pub(super) fn put(
        &mut self,
        connection: &Connection,
        time: Time,
        holder: &Holder,
        id: &MessageId,
        document: &Document,
    ) -> Attempt<()> {
        let native = match holder {
            Holder::Gateway => None,
            Holder::Backend(native) => Some(native.clone()),
        };
        let Some((number, before)) = standing(connection, self.number, id)? else {
            if carrier(connection, self.number, id)?.is_some() {
                return self.note_gone(connection, id, false);
            }
            return self.insert(connection, time, native, id, document);
        };
        // What stays as it is, is not written.
        connection
            .prepare_cached(
                "UPDATE overlay_messages SET native = ?2, gone = 0, digest = ?3, document = ?4 \
                 WHERE number = ?1 AND (gone = 1 OR native IS DISTINCT FROM ?2 OR digest <> ?3)",
            )?
            .execute(params![
                number,
                native,
                document.digest.as_ref().map(|digest| digest.as_bytes()),
                document.text
            ])?;
        let after = Standing {
            native,
            is_hidden: before.is_hidden,
            is_gone: false,
        };
        self.count(Some(&before), Some(&after));
        Ok(())
    }

    fn insert(
        &mut self,
        connection: &Connection,
        time: Time,
        native: Option<Box<str>>,
        id: &MessageId,
        document: &Document,
    ) -> Attempt<()> {
        self.arrivals += 1;
        if self.arrivals >= ARRIVALS_MAX {
            return Err(Error::new(Kind::Full, "the conversation takes no more messages").into());
        }
        connection
            .prepare_cached(
                "INSERT INTO overlay_messages (number, conversation, id, time, arrival, native, digest, document) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                self.number * ARRIVALS_MAX + self.arrivals,
                self.number,
                id.as_str(),
                Micros(time),
                self.arrivals,
                native,
                document.digest.as_ref().map(|digest| digest.as_bytes()),
                document.text
            ])?;
        let after = Standing {
            native,
            is_hidden: false,
            is_gone: false,
        };
        self.count(None, Some(&after));
        Ok(())
    }

    /// Puts a message of the backend behind those whose words it carries.
    pub(super) fn bind(
        &mut self,
        connection: &Connection,
        id: &MessageId,
        to: &[MessageId],
    ) -> Attempt<()> {
        // A message does not stand behind itself.
        let others = to.iter().filter(|message| *message != id);
        let mut carried: Vec<&str> = others.map(MessageId::as_str).collect();
        if carried.is_empty() {
            if !to.is_empty() {
                return Ok(());
            }
            // It carries nothing of ours, and is not shown all the same.
            carried.push("");
        }
        let mut placed = Carrier {
            native: self.native.clone(),
            is_gone: false,
        };
        if let Some((number, before)) = standing(connection, self.number, id)? {
            connection
                .prepare_cached("DELETE FROM overlay_messages WHERE number = ?1")?
                .execute(params![number])?;
            self.count(Some(&before), None);
            placed = Carrier {
                native: before.native,
                is_gone: before.is_gone,
            };
        }
        fields::drop_all(connection, self.number, id)?;
        match carrier(connection, self.number, id)? {
            Some(before) => placed = before,
            None if placed.counts(self.native.as_deref()) => self.counts.add(Counts::of_carrier()),
            None => {}
        }
        for message in carried {
            connection
                .prepare_cached(
                    "INSERT INTO overlay_bindings (conversation, carrier, message, native, gone) \
                     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
                )?
                .execute(params![
                    self.number,
                    id.as_str(),
                    message,
                    placed.native,
                    placed.is_gone
                ])?;
        }
        Ok(())
    }

    pub(super) fn hide(&mut self, connection: &Connection, id: &MessageId) -> Attempt<()> {
        let (number, before) =
            standing(connection, self.number, id)?.ok_or_else(Error::message_not_found)?;
        connection
            .prepare_cached("UPDATE overlay_messages SET hidden = 1 WHERE number = ?1")?
            .execute(params![number])?;
        let after = Standing {
            is_hidden: true,
            ..before.clone()
        };
        self.count(Some(&before), Some(&after));
        Ok(())
    }

    /// Forgets a message with its fields, and what carries its words.
    pub(super) fn remove(&mut self, connection: &Connection, id: &MessageId) -> Attempt<()> {
        if let Some((number, before)) = standing(connection, self.number, id)? {
            connection
                .prepare_cached("DELETE FROM overlay_messages WHERE number = ?1")?
                .execute(params![number])?;
            self.count(Some(&before), None);
        }
        fields::drop_all(connection, self.number, id)?;
        let unbound = connection
            .prepare_cached(
                "DELETE FROM overlay_bindings WHERE conversation = ?1 AND message = ?2",
            )?
            .execute(params![self.number, id.as_str()])?;
        self.recount |= unbound > 0;
        Ok(())
    }

    /// Notes whether the backend still has a message, also one that carries words of ours.
    pub(super) fn note_gone(
        &mut self,
        connection: &Connection,
        id: &MessageId,
        is_gone: bool,
    ) -> Attempt<()> {
        let Some((number, before)) = standing(connection, self.number, id)? else {
            let changed = connection
                .prepare_cached(
                    "UPDATE overlay_bindings SET gone = ?3 WHERE conversation = ?1 AND carrier = ?2 AND gone <> ?3",
                )?
                .execute(params![self.number, id.as_str(), is_gone])?;
            self.recount |= changed > 0;
            return Ok(());
        };
        connection
            .prepare_cached("UPDATE overlay_messages SET gone = ?2 WHERE number = ?1")?
            .execute(params![number, is_gone])?;
        let after = Standing {
            is_gone,
            ..before.clone()
        };
        self.count(Some(&before), Some(&after));
        Ok(())
    }

    fn count(&mut self, before: Option<&Standing>, after: Option<&Standing>) {
        let native = self.native.as_deref();
        if let Some(before) = before {
            self.counts.subtract(before.counts(native));
        }
        if let Some(after) = after {
            self.counts.add(after.counts(native));
        }
    }
}

/// A message of the backend that carries words of ours.
struct Carrier {
    native: Option<Box<str>>,
    is_gone: bool,
}

impl Carrier {
    /// True where the backend counts it in the conversation `native`.
    fn counts(&self, native: Option<&str>) -> bool {
        let is_there = match (&self.native, native) {
            (Some(holder), Some(native)) => **holder == *native,
            _ => true,
        };
        is_there && !self.is_gone
    }
}

fn carrier(connection: &Connection, conversation: i64, id: &MessageId) -> Attempt<Option<Carrier>> {
    Ok(connection
        .prepare_cached(
            "SELECT native, gone FROM overlay_bindings WHERE conversation = ?1 AND carrier = ?2 LIMIT 1",
        )?
        .query_row(params![conversation, id.as_str()], |row| {
            Ok(Carrier { native: row.get(0)?, is_gone: row.get(1)? })
        })
        .optional()?)
}
