//! An operator's walk over the directory: entries of all tenants, by id.

use std::collections::BTreeSet;

use backend::Result;
use backend::ports::{DirectoryEntry, DirectoryWalk, MigrationFilter};
use conversation::ConversationId;

use super::State;
use super::directory::{COLUMNS, read};
use super::terms;
use crate::failure::Attempt;
use crate::json;
use crate::keyset::bounded;
use crate::sql::{Connection, Value, params_from_iter};

/// Of a list of ids so many are looked up at once.
const IDS_AT_ONCE: usize = 500;

impl State {
    pub(super) async fn walk_entries(&self, walk: &DirectoryWalk) -> Result<Vec<DirectoryEntry>> {
        let limit = bounded(walk.limit)?;
        if walk.filter.ids.is_empty() {
            let (sql, values) = select(walk, None, limit)?;
            return self
                .store
                .read(|connection| read_all(connection, &sql, &values))
                .await;
        }
        // In the order of their spelling, as everything else here.
        let after = walk.after.map(|after| after.to_string());
        let ids: BTreeSet<String> = walk
            .filter
            .ids
            .iter()
            .map(ConversationId::to_string)
            .filter(|id| after.as_ref().is_none_or(|after| id > after))
            .collect();
        let ids: Vec<String> = ids.into_iter().collect();
        let mut entries = Vec::new();
        for ids in ids.chunks(IDS_AT_ONCE) {
            let (sql, values) = select(walk, Some(ids), limit - entries.len())?;
            entries.extend(
                self.store
                    .read(|connection| read_all(connection, &sql, &values))
                    .await?,
            );
            if entries.len() >= limit {
                break;
            }
        }
        Ok(entries)
    }
}

fn read_all(connection: &Connection, sql: &str, values: &[Value]) -> Attempt<Vec<DirectoryEntry>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(read(&row)?);
    }
    Ok(entries)
}

/// The statement of a walk, and what is bound to it; `ids` are some of those that are asked for, if any are.
pub(super) fn select(
    walk: &DirectoryWalk,
    ids: Option<&[String]>,
    limit: usize,
) -> Result<(String, Vec<Value>)> {
    let DirectoryWalk {
        backend,
        filter,
        owners,
        after,
        limit: _,
    } = walk;
    let MigrationFilter {
        tenant,
        ids: _,
        label,
        status,
        updated_after,
        updated_before,
    } = filter;
    let mut select = Select {
        sql: format!("SELECT {COLUMNS} FROM "),
        values: Vec::new(),
    };
    match ids {
        // CROSS JOIN keeps this order: a lookup for each.
        Some(ids) => select.push(
            "json_each(?) j CROSS JOIN directory d ON d.id = j.value WHERE d.hidden < 2",
            [text_list(ids)?],
        ),
        None => select.push("directory d WHERE d.hidden < 2", []),
    }
    if let Some(backend) = backend {
        select.push(" AND d.backend = ?", [text(backend)]);
    }
    if let Some(after) = after {
        select.push(" AND d.id > ?", [text(&after.to_string())]);
    }
    if let Some(tenant) = tenant {
        // Not what leads: the walk goes by id.
        select.push(" AND +d.tenant = ?", [text(tenant)]);
    }
    if !owners.is_empty() {
        let owners: Vec<(&str, &str)> = owners
            .iter()
            .map(|owner| (&*owner.tenant, &*owner.user))
            .collect();
        select.push(
            " AND (+d.tenant, +d.owner) IN (SELECT j.value ->> 0, j.value ->> 1 FROM json_each(?) j)",
            [Value::Text(json::to_text("list of owners", &owners)?)],
        );
    }
    if let Some(label) = label {
        let term = terms::of_label(label);
        select.push(
            " AND EXISTS (SELECT 1 FROM directory_terms t WHERE t.tenant = d.tenant AND t.field = ? \
             AND t.value = ? AND t.entry = d.number)",
            [Value::Text(term.field), Value::Text(term.value)],
        );
    }
    if !status.is_empty() {
        let status: Vec<&str> = status.iter().map(|status| status.as_str()).collect();
        select.push(
            " AND +d.status IN (SELECT j.value FROM json_each(?) j)",
            [text_list(&status)?],
        );
    }
    if let Some(time) = updated_after {
        select.push(
            " AND +d.updated_at >= ?",
            [Value::Integer(time.as_micros())],
        );
    }
    if let Some(time) = updated_before {
        select.push(" AND +d.updated_at < ?", [Value::Integer(time.as_micros())]);
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    select.push(" ORDER BY d.id LIMIT ?", [Value::Integer(limit)]);
    Ok((select.sql, select.values))
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn text_list<T: serde::Serialize>(list: &[T]) -> Result<Value> {
    Ok(Value::Text(json::to_text("list", list)?))
}

/// A statement that grows with the filters. Values are only ever bound.
struct Select {
    sql: String,
    values: Vec<Value>,
}

impl Select {
    fn push(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(sql);
        self.values.extend(values);
    }
}
