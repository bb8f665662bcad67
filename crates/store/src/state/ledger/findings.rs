//! Findings: what an operator must know, by conversation. A row is never removed, only emptied and used again, so that a
//! walk finds the place where it stood.

use backend::ports::{Finding, MigrationId};
use backend::{Error, Kind};
use conversation::ConversationId;

use super::migrations;
use crate::failure::Attempt;
use crate::json;
use crate::sql::{Connection, OptionalExtension as _, params};

/// A page; the row's number comes last in the index by itself.
pub(super) const PAGE: &str = "SELECT number, finding FROM migration_findings \
     WHERE migration = ?1 AND (conversation, number) > (?2, ?3) AND finding IS NOT NULL \
     ORDER BY conversation, number LIMIT ?4";
/// Every row of a conversation, emptied.
pub(super) const EMPTY: &str =
    "UPDATE migration_findings SET finding = NULL WHERE conversation = ?1 AND finding IS NOT NULL";

/// Of what something was found.
pub(super) struct Of {
    migration: MigrationId,
    /// Empty for the migration as a whole.
    conversation: String,
}

impl Of {
    pub(super) fn new(migration: MigrationId, conversation: Option<ConversationId>) -> Self {
        Self {
            migration,
            conversation: conversation.map_or_else(String::new, |id| id.to_string()),
        }
    }

    pub(super) fn has_some(&self, connection: &Connection) -> Attempt<bool> {
        let number = migrations::number(connection, self.migration)?;
        Ok(connection
            .prepare_cached(
                "SELECT 1 FROM migration_findings \
                 WHERE migration = ?1 AND conversation = ?2 AND finding IS NOT NULL",
            )?
            .exists(params![number, self.conversation])?)
    }

    pub(super) fn read(&self, connection: &Connection) -> Attempt<Vec<Finding>> {
        let number = migrations::number(connection, self.migration)?;
        let mut statement = connection.prepare_cached(
            "SELECT finding FROM migration_findings \
             WHERE migration = ?1 AND conversation = ?2 AND finding IS NOT NULL ORDER BY number",
        )?;
        let mut rows = statement.query(params![number, self.conversation])?;
        let mut findings = Vec::new();
        while let Some(row) = rows.next()? {
            let text = row.get_ref(0)?.as_str().map_err(crate::sql::Error::from)?;
            findings.push(json::from_text("finding", text)?);
        }
        Ok(findings)
    }

    pub(super) fn replace(&self, connection: &Connection, texts: &[String]) -> Attempt<()> {
        let number = migrations::number(connection, self.migration)?;
        let rows = connection
            .prepare_cached(
                "SELECT number FROM migration_findings WHERE migration = ?1 AND conversation = ?2 ORDER BY number",
            )?
            .query_map(params![number, self.conversation], |row| row.get(0))?
            .collect::<crate::sql::Result<Vec<i64>>>()?;
        for (index, row) in rows.iter().enumerate() {
            connection
                .prepare_cached("UPDATE migration_findings SET finding = ?2 WHERE number = ?1 AND finding IS DISTINCT FROM ?2")?
                .execute(params![row, texts.get(index)])?;
        }
        for text in texts.iter().skip(rows.len()) {
            connection
                .prepare_cached(
                    "INSERT INTO migration_findings (migration, conversation, finding) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![number, self.conversation, text])?;
        }
        Ok(())
    }
}

/// Forgets what every migration found of a conversation; how many those were.
pub(crate) fn forget(connection: &Connection, conversation: &str) -> Attempt<usize> {
    Ok(connection
        .prepare_cached(EMPTY)?
        .execute(params![conversation])?)
}

pub(super) fn page(
    connection: &Connection,
    migration: MigrationId,
    after: Option<u64>,
    limit: usize,
) -> Attempt<Vec<(u64, Finding)>> {
    let number = migrations::number(connection, migration)?;
    let (conversation, row) = match after {
        None => (String::new(), 0),
        Some(after) => {
            let conversation = connection
                .prepare_cached(
                    "SELECT conversation FROM migration_findings WHERE number = ?1 AND migration = ?2",
                )?
                .query_row(params![after, number], |row| row.get(0))
                .optional()?;
            let conversation = conversation.ok_or_else(|| {
                Error::new(
                    Kind::InvalidCursor,
                    "no finding of this migration has this number",
                )
            })?;
            (conversation, after)
        }
    };
    let mut statement = connection.prepare_cached(PAGE)?;
    let mut rows = statement.query(params![number, conversation, row, limit])?;
    let mut findings = Vec::new();
    while let Some(row) = rows.next()? {
        let text = row.get_ref(1)?.as_str().map_err(crate::sql::Error::from)?;
        findings.push((row.get(0)?, json::from_text("finding", text)?));
    }
    Ok(findings)
}
