//! The fields that drifted, a page at a time.

use backend::ports::{DriftQuery, DriftedField, KeptAt};
use backend::{Cursor, Error, Kind, Page, Result};
use conversation::ConversationId;
use serde::{Deserialize, Serialize};

use super::super::State;
use super::fields;
use crate::failure::Attempt;
use crate::json;
use crate::keyset::bounded;
use crate::sql::{Connection, Row, Value, params_from_iter};

/// A field's place in the list: the numbers of its conversation's row and of its own. Pointers may be too long for a
/// cursor.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Place(i64, i64);

impl State {
    pub(super) async fn page_of_drifted(&self, query: &DriftQuery) -> Result<Page<DriftedField>> {
        let size = bounded(query.limit)?;
        let list = json::to_text(
            "list",
            &("overlay drift", &query.backend, query.conversation),
        )?;
        let after = query.after.as_ref();
        let after = after.map(|after| after.decode(&list)).transpose()?;
        let mut items = self
            .store
            .read(|connection| read(connection, query, after, size + 1))
            .await?;
        let more = items.len() > size;
        items.truncate(size);
        let next = match items.last() {
            Some((last, _)) if more => Some(Cursor::encode(&list, last)?),
            _ => None,
        };
        Ok(Page {
            items: items.into_iter().map(|(_, field)| field).collect(),
            next,
            previous: None,
        })
    }
}

/// The statement, and what is bound to it.
pub(crate) fn select(query: &DriftQuery, after: (i64, i64), limit: usize) -> (String, Vec<Value>) {
    let mut sql =
        "SELECT f.conversation, f.number, c.id, c.backend, f.message, f.pointer, f.unexpected, \
         f.drift_since, f.value, f.base, f.drift_value \
         FROM overlay_fields f JOIN overlay_conversations c ON c.number = f.conversation \
         WHERE f.drift_since IS NOT NULL AND (f.conversation, f.number) > (?, ?)"
            .to_owned();
    let mut values = vec![Value::Integer(after.0), Value::Integer(after.1)];
    if let Some(conversation) = query.conversation {
        sql.push_str(" AND c.id = ?");
        values.push(Value::Text(conversation.to_string()));
    }
    if let Some(backend) = &query.backend {
        sql.push_str(" AND c.backend = ?");
        values.push(Value::Text(backend.as_ref().to_owned()));
    }
    sql.push_str(" ORDER BY f.conversation, f.number LIMIT ?");
    values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    (sql, values)
}

fn read(
    connection: &Connection,
    query: &DriftQuery,
    after: Option<Place>,
    limit: usize,
) -> Attempt<Vec<(Place, DriftedField)>> {
    let after = after.map_or((0, 0), |Place(conversation, number)| (conversation, number));
    let (sql, values) = select(query, after, limit);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        let field = DriftedField {
            at: KeptAt {
                conversation: read_id(&row)?,
                backend: row.get(3)?,
            },
            field: fields::read(&row, 4)?,
        };
        items.push((Place(row.get(0)?, row.get(1)?), field));
    }
    Ok(items)
}

fn read_id(row: &Row<'_>) -> Attempt<ConversationId> {
    let id = row.get_ref(2)?.as_str().map_err(crate::sql::Error::from)?;
    Ok(id.parse().map_err(|error| {
        Error::new(Kind::Internal, "a stored conversation id is none").source(error)
    })?)
}
