//! What facades keep beside conversations.

use std::collections::HashSet;

use async_trait::async_trait;
use backend::ports::{FacadeObject, FacadeState, ObjectName, ObjectQuery};
use backend::{Error, Kind, Outcome, Result};
use conversation::ConversationId;

use super::State;
use crate::failure::Attempt;
use crate::json;
use crate::keyset::bounded;
use crate::sql::{
    Connection, FromSql, FromSqlError, FromSqlResult, Micros, OptionalExtension as _, Row,
    ValueRef, params,
};

/// The columns that [`read`] reads, in its order.
const COLUMNS: &str =
    "facade, tenant, kind, id, alias, document, conversation, person, created_at, updated_at";

#[async_trait]
impl FacadeState for State {
    async fn object(&self, name: &ObjectName) -> Result<Option<FacadeObject>> {
        self.store.read(|connection| find(connection, name)).await
    }

    async fn object_by_alias(
        &self,
        name: &ObjectName,
        alias: &str,
    ) -> Result<Option<FacadeObject>> {
        self.store.read(|connection| {
            Ok(connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM facade_objects WHERE facade = ?1 AND tenant = ?2 AND kind = ?3 AND alias = ?4"
                ))?
                .query_row(params![name.facade, name.tenant, name.kind, alias], read)
                .optional()?)
        }).await
    }

    async fn objects(&self, query: &ObjectQuery) -> Result<Vec<FacadeObject>> {
        let limit = i64::try_from(bounded(query.limit)?).unwrap_or(i64::MAX);
        self.store.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM facade_objects WHERE facade = ?1 AND tenant = ?2 AND kind = ?3 AND id > ?4 \
                 ORDER BY id LIMIT ?5"
            ))?;
            let after = query.after.as_deref().unwrap_or_default();
            let found = statement.query_map(
                params![query.facade, query.tenant, query.kind, after, limit],
                read,
            )?;
            Ok(found.collect::<crate::sql::Result<Vec<_>>>()?)
        }).await
    }

    async fn count_objects(&self, query: &ObjectQuery) -> Result<u64> {
        self.store.read(|connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT count(*) FROM facade_objects WHERE facade = ?1 AND tenant = ?2 AND kind = ?3",
                )?
                .query_row(params![query.facade, query.tenant, query.kind], |row| {
                    row.get(0)
                })?)
        }).await
    }

    async fn insert_object(&self, object: &FacadeObject) -> Result<()> {
        let object = object.clone();
        let inserted = self
            .store
            .write(move |connection, _now| {
                let FacadeObject {
                    name,
                    alias,
                    document,
                    conversation,
                    person,
                    created_at,
                    updated_at,
                } = &object;
                let changed = connection
                    .prepare_cached(&format!(
                        "INSERT INTO facade_objects ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING"
                    ))?
                    .execute(params![
                        name.facade,
                        name.tenant,
                        name.kind,
                        name.id,
                        alias,
                        document,
                        conversation.map(|id| id.to_string()),
                        person,
                        Micros(*created_at),
                        Micros(*updated_at)
                    ])?;
                Ok(changed > 0)
            })
            .await?;
        if inserted { Ok(()) } else { Err(taken()) }
    }

    async fn replace_object(&self, before: &FacadeObject, after: &FacadeObject) -> Result<bool> {
        let (before, after) = (before.clone(), after.clone());
        let replaced = self
            .store
            .write(move |connection, _now| replace(connection, &before, &after))
            .await?;
        replaced.ok_or_else(taken)
    }

    async fn remove_object(&self, name: &ObjectName) -> Result<bool> {
        let name = name.clone();
        self.store
            .write(move |connection, _now| {
                let removed = connection
                    .prepare_cached(
                        "DELETE FROM facade_objects WHERE facade = ?1 AND tenant = ?2 AND kind = ?3 AND id = ?4",
                    )?
                    .execute(params![name.facade, name.tenant, name.kind, name.id])?;
                Ok(removed > 0)
            })
            .await
    }

    async fn spell(&self, facade: &str, spelled: &[(Box<str>, ConversationId)]) -> Result<()> {
        // Most are noted already.
        let list: Vec<&str> = spelled.iter().map(|(spelling, _)| &**spelling).collect();
        let list = json::to_text("list of ids", &list)?;
        let noted: HashSet<String> = self.store.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT i.spelled FROM json_each(?2) j CROSS JOIN facade_ids i ON i.facade = ?1 AND i.spelled = j.value",
            )?;
            let found = statement.query_map(params![facade, list], |row| row.get(0))?;
            Ok(found.collect::<crate::sql::Result<_>>()?)
        }).await?;
        let new: Vec<(Box<str>, ConversationId)> = spelled
            .iter()
            .filter(|(spelling, _)| !noted.contains(&**spelling))
            .cloned()
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        let facade = facade.to_owned();
        self.store
            .write(move |connection, _now| {
                let mut statement = connection.prepare_cached(
                    "INSERT INTO facade_ids (facade, spelled, conversation) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                )?;
                for (spelling, id) in &new {
                    statement.execute(params![facade, spelling, id.to_string()])?;
                }
                Ok(())
            })
            .await
    }

    async fn spelled(&self, facade: &str, spelled: &str) -> Result<Option<ConversationId>> {
        self.store
            .read(|connection| {
                Ok(connection
                    .prepare_cached(
                        "SELECT conversation FROM facade_ids WHERE facade = ?1 AND spelled = ?2",
                    )?
                    .query_row(params![facade, spelled], |row| row.get::<_, Id>(0))
                    .optional()?
                    .map(|id| id.0))
            })
            .await
    }
}

/// Removes what is about a conversation that was deleted. How its id was spelled stays, so that it is told from one that
/// never was.
pub(super) fn forget_conversation(connection: &Connection, id: &str) -> Attempt<u64> {
    Ok(connection
        .prepare_cached("DELETE FROM facade_objects WHERE conversation = ?1")?
        .execute(params![id])? as u64)
}

/// Removes what is about a conversation, and how facades spell its id.
pub(super) fn erase_conversation(connection: &Connection, id: &str) -> Attempt<u64> {
    let mut erased = 0;
    for table in ["facade_objects", "facade_ids"] {
        erased += connection
            .prepare_cached(&format!("DELETE FROM {table} WHERE conversation = ?1"))?
            .execute(params![id])?;
    }
    Ok(erased as u64)
}

/// Removes what is about a person.
pub(super) fn erase_person(connection: &Connection, tenant: &str, person: &str) -> Attempt<u64> {
    Ok(connection
        .prepare_cached("DELETE FROM facade_objects WHERE tenant = ?1 AND person = ?2")?
        .execute(params![tenant, person])? as u64)
}

fn find(connection: &Connection, name: &ObjectName) -> Attempt<Option<FacadeObject>> {
    Ok(connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM facade_objects WHERE facade = ?1 AND tenant = ?2 AND kind = ?3 AND id = ?4"
        ))?
        .query_row(
            params![name.facade, name.tenant, name.kind, name.id],
            read,
        )
        .optional()?)
}

/// Whether it was replaced; `None` where the other name is taken.
fn replace(
    connection: &Connection,
    before: &FacadeObject,
    after: &FacadeObject,
) -> Attempt<Option<bool>> {
    if find(connection, &before.name)?.as_ref() != Some(before) {
        return Ok(Some(false));
    }
    let name = &before.name;
    let is_taken = connection
        .prepare_cached(
            "SELECT 1 FROM facade_objects WHERE facade = ?1 AND tenant = ?2 AND kind = ?3 AND id <> ?4 AND alias = ?5",
        )?
        .exists(params![name.facade, name.tenant, name.kind, name.id, after.alias])?;
    if is_taken {
        return Ok(None);
    }
    connection
        .prepare_cached(
            "UPDATE facade_objects SET alias = ?5, document = ?6, conversation = ?7, person = ?8, updated_at = ?9 \
             WHERE facade = ?1 AND tenant = ?2 AND kind = ?3 AND id = ?4",
        )?
        .execute(params![
            name.facade,
            name.tenant,
            name.kind,
            name.id,
            after.alias,
            after.document,
            after.conversation.map(|id| id.to_string()),
            after.person,
            Micros(after.updated_at)
        ])?;
    Ok(Some(true))
}

fn read(row: &Row<'_>) -> crate::sql::Result<FacadeObject> {
    Ok(FacadeObject {
        name: ObjectName {
            facade: row.get(0)?,
            tenant: row.get(1)?,
            kind: row.get(2)?,
            id: row.get(3)?,
        },
        alias: row.get(4)?,
        document: row.get(5)?,
        conversation: row.get::<_, Option<Id>>(6)?.map(|id| id.0),
        person: row.get(7)?,
        created_at: row.get::<_, Micros>(8)?.0,
        updated_at: row.get::<_, Micros>(9)?.0,
    })
}

/// A conversation's id in a column.
struct Id(ConversationId);

impl FromSql for Id {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        text.parse()
            .map(Self)
            .map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}

fn taken() -> Error {
    Error::new(Kind::Conflict, "there is one with this id or name already")
        .outcome(Outcome::NotApplied)
}
