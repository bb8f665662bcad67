//! The audit log: a list that only grows.

use async_trait::async_trait;
use backend::ports::{AuditEntry, AuditLog, AuditQuery};
use backend::{Error, Kind, Result};
use uuid::Uuid;

use super::{State, documents};
use crate::json;
use crate::keyset::bounded;
use crate::sql::{Micros, params};

#[async_trait]
impl AuditLog for State {
    async fn append(&self, entry: &AuditEntry) -> Result<()> {
        let document = json::to_text("audit entry", entry)?;
        let entry = entry.clone();
        self.store
            .write(move |connection, _now| {
                let added = connection
                    .prepare_cached(
                        "INSERT INTO audit (id, at, tenant, action, document) VALUES (?1, ?2, ?3, ?4, ?5) \
                         ON CONFLICT (id) DO NOTHING",
                    )?
                    .execute(params![
                        entry.id.as_bytes(),
                        Micros(entry.at),
                        entry.tenant,
                        entry.action,
                        document
                    ])?;
                if added == 0 {
                    let message = "an entry of the audit log with this id is there already";
                    return Err(Error::new(Kind::Conflict, message).into());
                }
                Ok(())
            })
            .await
    }

    async fn entries(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
        let before = query.before.unwrap_or(Uuid::max());
        let limit = bounded(query.limit)?;
        let found = self
            .store
            .read(|connection| {
                documents(
                    connection,
                    "SELECT document FROM audit WHERE id < ?1 AND (action = ?2 OR ?2 IS NULL) \
                 AND (tenant = ?3 OR ?3 IS NULL) ORDER BY id DESC LIMIT ?4",
                    params![before.as_bytes(), query.action, query.tenant, limit],
                )
            })
            .await?;
        found
            .iter()
            .map(|text| json::from_text("audit entry", text))
            .collect()
    }
}
