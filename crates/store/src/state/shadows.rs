//! Reads that a second backend answered otherwise: the newest ones.

use async_trait::async_trait;
use backend::Result;
use backend::ports::{ShadowDifference, ShadowLog, ShadowQuery};
use uuid::Uuid;

use super::{State, documents};
use crate::failure::Attempt;
use crate::json;
use crate::keyset::bounded;
use crate::sql::{Connection, params};

/// How many are kept.
const DIFFERENCES_KEPT: i64 = 10_000;

#[async_trait]
impl ShadowLog for State {
    async fn note(&self, difference: &ShadowDifference) -> Result<()> {
        let document = json::to_text("difference", difference)?;
        let difference = difference.clone();
        self.store
            .write(move |connection, _now| {
                connection
                    .prepare_cached(
                        "INSERT INTO shadow_differences (id, conversation, shadow, operation, document) \
                         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (conversation, shadow, operation) \
                         DO UPDATE SET id = excluded.id, document = excluded.document",
                    )?
                    .execute(params![
                        difference.id.as_bytes(),
                        difference.conversation.to_string(),
                        difference.shadow,
                        difference.operation,
                        document
                    ])?;
                connection
                    .prepare_cached(
                        "DELETE FROM shadow_differences WHERE id <= \
                         (SELECT id FROM shadow_differences ORDER BY id DESC LIMIT 1 OFFSET ?1)",
                    )?
                    .execute(params![DIFFERENCES_KEPT])?;
                Ok(())
            })
            .await
    }

    async fn differences(&self, query: &ShadowQuery) -> Result<Vec<ShadowDifference>> {
        let before = query.before.unwrap_or(Uuid::max());
        let limit = bounded(query.limit)?;
        let conversation = query.conversation.map(|id| id.to_string());
        let found = self.store.read(|connection| {
            documents(
                connection,
                "SELECT document FROM shadow_differences WHERE id < ?1 AND (conversation = ?2 OR ?2 IS NULL) \
                 AND (shadow = ?3 OR ?3 IS NULL) ORDER BY id DESC LIMIT ?4",
                params![before.as_bytes(), conversation, query.shadow, limit],
            )
        }).await?;
        found
            .iter()
            .map(|text| json::from_text("difference", text))
            .collect()
    }
}

/// Removes those of a conversation.
pub(super) fn erase(connection: &Connection, id: &str) -> Attempt<u64> {
    Ok(connection
        .prepare_cached("DELETE FROM shadow_differences WHERE conversation = ?1")?
        .execute(params![id])? as u64)
}
