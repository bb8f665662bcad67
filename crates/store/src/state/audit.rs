//! The audit log: a list that only grows.

use async_trait::async_trait;
use backend::Result;
use backend::ports::{AuditEntry, AuditLog, AuditQuery};
use rusqlite::params;
use uuid::Uuid;

use super::{State, documents};
use crate::json;
use crate::keyset::bounded;
use crate::sqlite::Micros;

#[async_trait]
impl AuditLog for State {
    async fn append(&self, entry: &AuditEntry) -> Result<()> {
        let document = json::to_text("audit entry", entry)?;
        let entry = entry.clone();
        self.store
            .write(move |connection, _now| {
                connection
                    .prepare_cached(
                        "INSERT INTO audit (id, at, tenant, action, document) VALUES (?1, ?2, ?3, ?4, ?5)",
                    )?
                    .execute(params![
                        entry.id.as_bytes(),
                        Micros(entry.at),
                        entry.tenant,
                        entry.action,
                        document
                    ])?;
                Ok(())
            })
            .await
    }

    async fn entries(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
        let before = query.before.unwrap_or(Uuid::max());
        let limit = bounded(query.limit)?;
        let found = self.store.read(|connection| {
            documents(
                connection,
                "SELECT document FROM audit WHERE id < ?1 AND (?2 IS NULL OR action = ?2) \
                 AND (?3 IS NULL OR tenant = ?3) ORDER BY id DESC LIMIT ?4",
                params![before.as_bytes(), query.action, query.tenant, limit],
            )
        })?;
        found
            .iter()
            .map(|text| json::from_text("audit entry", text))
            .collect()
    }
}
