//! Intents: writes that were begun at a backend and are not known to have ended.
//!
//! One belongs to the process that noted it, until that process is dead: decided as for idempotency records.

use std::time::Duration;

use async_trait::async_trait;
use backend::ports::{Arriving, IntentQuery, IntentRecord, IntentState, Intents, PlaceQuery};
use backend::{Cursor, Page, Result, Write};
use conversation::Time;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{State, leases};
use crate::failure::Attempt;
use crate::json;
use crate::keyset::bounded;
use crate::sql::{Connection, Micros, Value, earlier, params, params_from_iter};

/// The columns that [`read_all`] reads, in its order.
const COLUMNS: &str = "i.number, i.started_at, i.state, i.detail, i.record";

/// An import that should have ended so long ago arrives no more. Whoever copies asks for its end until then; where nobody
/// does any more, what it wrote is shown by the id that it got there, which is better than never.
const ARRIVES_FOR: Duration = Duration::from_secs(600);

/// An intent's place in a list: when it was begun, and the number of its row.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Place(i64, i64);

#[async_trait]
impl Intents for State {
    async fn begin_under(&self, fence: Option<u64>, record: &IntentRecord) -> Result<()> {
        let text = json::to_text("intent", record)?;
        let record = record.clone();
        let instance = self.store.instance().to_owned();
        self.store
            .write_beside(move |connection, _now| {
                leases::check_fence(connection, fence)?;
                store(connection, &record, &text, &instance)
            })
            .await
    }

    async fn end_under(&self, fence: Option<u64>, id: Uuid) -> Result<()> {
        self.store
            .write_soon(move |connection, _now| {
                leases::check_fence(connection, fence)?;
                connection
                    .prepare_cached("DELETE FROM intents WHERE id = ?1")?
                    .execute(params![id.as_bytes()])?;
                Ok(())
            })
            .await
    }

    async fn note(&self, id: Uuid, state: IntentState, detail: &str) -> Result<()> {
        let detail = detail.to_owned();
        self.store
            .write_beside(move |connection, _now| {
                connection
                    .prepare_cached("UPDATE intents SET state = ?2, detail = ?3 WHERE id = ?1")?
                    .execute(params![id.as_bytes(), number_of(state), detail])?;
                Ok(())
            })
            .await
    }

    async fn tried(&self, id: Uuid) -> Result<()> {
        self.store
            .write_soon(move |connection, now| {
                connection
                    .prepare_cached("UPDATE intents SET tried_at = ?2 WHERE id = ?1")?
                    .execute(params![id.as_bytes(), Micros(now)])?;
                Ok(())
            })
            .await
    }

    async fn abandoned(&self, overdue: Time, limit: usize) -> Result<Vec<IntentRecord>> {
        let (instance, dead_after) = (self.store.instance(), self.store.dead_after());
        let items = self
            .after_ends(|connection| abandoned(connection, instance, overdue, limit, dead_after))
            .await?;
        Ok(items.into_iter().filter_map(Item::read).collect())
    }

    async fn find(&self, id: Uuid) -> Result<Option<IntentRecord>> {
        let items = self
            .after_ends(|connection| {
                let mut statement = connection
                    .prepare_cached(&format!("SELECT {COLUMNS} FROM intents i WHERE i.id = ?1"))?;
                read_all(statement.query(params![id.as_bytes()])?)
            })
            .await?;
        Ok(items.into_iter().find_map(Item::read))
    }

    async fn list(&self, query: &IntentQuery) -> Result<Page<IntentRecord>> {
        let size = bounded(query.limit)?;
        let list = json::to_text(
            "list",
            &(
                "intents",
                query.state,
                &query.backend,
                &query.operation,
                query.conversation,
            ),
        )?;
        let after = query.after.as_ref();
        let after = after.map(|after| after.decode(&list)).transpose()?;
        let (sql, values) = select(query, after, size + 1);
        let mut items = self
            .after_ends(|connection| {
                let mut statement = connection.prepare_cached(&sql)?;
                read_all(statement.query(params_from_iter(&values))?)
            })
            .await?;
        let more = items.len() > size;
        items.truncate(size);
        let next = match items.last() {
            Some(last) if more => Some(Cursor::encode(&list, &last.place)?),
            _ => None,
        };
        Ok(Page {
            items: items.into_iter().filter_map(Item::read).collect(),
            next,
            previous: None,
        })
    }
}

impl State {
    /// Reads intents on the caller's thread. An end that was handed over and is not written yet can only leave too many:
    /// where there are some, the ends are waited for and the intents are read again.
    async fn after_ends(
        &self,
        read: impl Fn(&Connection) -> Attempt<Vec<Item>> + Send + Sync,
    ) -> Result<Vec<Item>> {
        let items = self.store.read(&read).await?;
        // Where several processes write, ends are not handed over.
        if items.is_empty() || self.store.is_shared() {
            return Ok(items);
        }
        self.store.write(|_connection, _now| Ok(())).await?;
        self.store.read(&read).await
    }
}

/// The columns of an intent, its record not read yet.
struct Item {
    place: Place,
    state: IntentState,
    detail: Option<Box<str>>,
    record: String,
}

impl Item {
    /// `None` for a record that this version cannot read: it must not keep the others from being settled.
    fn read(self) -> Option<IntentRecord> {
        match json::from_text::<IntentRecord>("intent", &self.record) {
            Ok(record) => Some(IntentRecord {
                state: self.state,
                detail: self.detail,
                ..record
            }),
            Err(error) => {
                tracing::error!(error = %error, "an intent is left out: another version may read it");
                None
            }
        }
    }
}

/// Backend by backend, so that what waits for one of them leaves room for the others.
fn abandoned(
    connection: &Connection,
    instance: &str,
    overdue: Time,
    limit: usize,
    dead_after: Duration,
) -> Attempt<Vec<Item>> {
    let dead_before = Micros(earlier(connection.now()?, dead_after));
    let backends = connection
        .prepare_cached(
            "SELECT DISTINCT backend FROM intents WHERE state = 0 AND migration IS NULL",
        )?
        .query_map(params![], |row| row.get::<_, String>(0))?
        .collect::<crate::sql::Result<Vec<_>>>()?;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM intents i WHERE i.state = 0 AND i.migration IS NULL AND i.backend = ?5 AND CASE i.instance WHEN ?1 \
         THEN i.deadline_at < ?2 ELSE NOT EXISTS \
         (SELECT 1 FROM instances WHERE id = i.instance AND heartbeat_at > ?3) END \
         ORDER BY i.tried_at, i.number LIMIT ?4"
    ))?;
    let mut items = Vec::new();
    for backend in backends {
        items.extend(read_all(statement.query(params![
            instance,
            Micros(overdue),
            dead_before,
            limit,
            backend
        ])?)?);
    }
    Ok(items)
}

fn number_of(state: IntentState) -> u8 {
    match state {
        IntentState::Open => 0,
        IntentState::Unknown => 1,
    }
}

/// Notes a write. One that is noted already becomes this one, of this process.
pub(super) fn store(
    connection: &Connection,
    record: &IntentRecord,
    text: &str,
    instance: &str,
) -> Attempt<()> {
    // A create has no conversation yet, but that of a copy has its id already.
    let location = record.intent.location.as_ref();
    let conversation = location.map(|location| location.id).or(record.public_id);
    connection
        .prepare_cached(
            "INSERT INTO intents (id, instance, backend, operation, conversation, record, state, detail, started_at, \
             deadline_at, tried_at, migration) VALUES (?1, ?2, ?3, ?10, ?4, ?5, ?6, ?7, ?8, ?9, ?8, ?11) \
             ON CONFLICT (id) DO UPDATE SET instance = excluded.instance, backend = excluded.backend, \
             operation = excluded.operation, conversation = excluded.conversation, record = excluded.record, \
             state = excluded.state, \
             detail = excluded.detail, started_at = excluded.started_at, deadline_at = excluded.deadline_at, \
             migration = excluded.migration",
        )?
        .execute(params![
            record.intent.id.as_bytes(),
            instance,
            record.backend,
            conversation.map(|conversation| conversation.to_string()),
            text,
            number_of(record.state),
            record.detail,
            Micros(record.intent.started_at),
            Micros(record.intent.deadline_at),
            record.intent.write.operation(),
            record.migration.map(|migration| migration.to_string())
        ])?;
    Ok(())
}

/// The messages of open imports of migrations into one conversation at one backend that should not have ended before ?3.
pub(crate) const ARRIVING: &str = "SELECT record FROM intents INDEXED BY intents_by_conversation \
     WHERE conversation = ?1 AND backend = ?2 AND migration IS NOT NULL AND state = 0 AND operation = 'import_messages' \
     AND deadline_at >= ?3";

/// The messages that migrations are writing to a place `now`, or were when they were cut off, not longer ago than
/// [`ARRIVES_FOR`].
pub(super) fn arriving(
    connection: &Connection,
    at: &PlaceQuery,
    now: Time,
) -> Attempt<Vec<Arriving>> {
    let mut statement = connection.prepare_cached(ARRIVING)?;
    let mut rows = statement.query(params![
        at.conversation.to_string(),
        at.backend,
        Micros(earlier(now, ARRIVES_FOR))
    ])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let text = row.get_ref(0)?.as_str().map_err(crate::sql::Error::from)?;
        let record = match json::from_text::<IntentRecord>("intent", text) {
            Ok(record) => record,
            // It must not keep the conversation from being read. Whoever lists the intents says it louder than each
            // reader could.
            Err(error) => {
                tracing::debug!(error = %error, "an import is left out: another version may read it");
                continue;
            }
        };
        let since = record.intent.started_at;
        let messages = match record.intent.write {
            Write::ImportMessages(messages) => messages,
            Write::ImportMessage(message) => vec![message],
            _ => Vec::new(),
        };
        all.extend(
            messages
                .into_iter()
                .map(|message| Arriving { message, since }),
        );
    }
    Ok(all)
}

/// The statement of a list, and what is bound to it.
fn select(query: &IntentQuery, after: Option<Place>, limit: usize) -> (String, Vec<Value>) {
    let mut sql = format!("SELECT {COLUMNS} FROM intents i WHERE TRUE");
    let mut values = Vec::new();
    if let Some(Place(started_at, number)) = after {
        sql.push_str(" AND (i.started_at, i.number) > (?, ?)");
        values.extend([Value::Integer(started_at), Value::Integer(number)]);
    }
    if let Some(state) = query.state {
        sql.push_str(" AND i.state = ?");
        values.push(Value::Integer(number_of(state).into()));
    }
    if let Some(backend) = &query.backend {
        sql.push_str(" AND i.backend = ?");
        values.push(Value::Text(backend.as_ref().to_owned()));
    }
    if let Some(operation) = &query.operation {
        sql.push_str(" AND i.operation = ?");
        values.push(Value::Text(operation.as_ref().to_owned()));
    }
    if let Some(conversation) = query.conversation {
        sql.push_str(" AND i.conversation = ?");
        values.push(Value::Text(conversation.to_string()));
    }
    sql.push_str(" ORDER BY i.started_at, i.number LIMIT ?");
    values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    (sql, values)
}

fn read_all(mut rows: crate::sql::Rows<'_>) -> Attempt<Vec<Item>> {
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        items.push(Item {
            place: Place(row.get(1)?, row.get(0)?),
            state: match row.get(2)? {
                0_u8 => IntentState::Open,
                _ => IntentState::Unknown,
            },
            detail: row.get::<_, Option<String>>(3)?.map(Into::into),
            record: row.get(4)?,
        });
    }
    Ok(items)
}
