//! The way of requests that asked for it, for a short time.

use async_trait::async_trait;
use backend::Result;
use backend::ports::{Explanation, Explanations};
use conversation::Time;

use super::{State, documents};
use crate::failure::Attempt;
use crate::json;
use crate::sql::{Connection, Micros, params};

#[async_trait]
impl Explanations for State {
    async fn keep(&self, explanation: &Explanation) -> Result<()> {
        let document = json::to_text("explanation", explanation)?;
        let explanation = explanation.clone();
        self.store
            .write(move |connection, _now| {
                connection
                    .prepare_cached(
                        "INSERT INTO explanations (request_id, tenant, at, document) VALUES (?1, ?2, ?3, ?4) \
                         ON CONFLICT (request_id, tenant) DO UPDATE SET at = excluded.at, document = excluded.document",
                    )?
                    .execute(params![
                        explanation.request_id,
                        explanation.tenant,
                        Micros(explanation.at),
                        document
                    ])?;
                Ok(())
            })
            .await
    }

    async fn explanation(&self, request_id: &str) -> Result<Option<Explanation>> {
        let found = self.store.read(|connection| {
            documents(
                connection,
                "SELECT document FROM explanations WHERE request_id = ?1 ORDER BY at DESC LIMIT 1",
                params![request_id],
            )
        }).await?;
        found
            .first()
            .map(|text| json::from_text("explanation", text))
            .transpose()
    }

    async fn forget_before(&self, at: Time) -> Result<u64> {
        self.store
            .write(move |connection, _now| {
                Ok(connection
                    .prepare_cached("DELETE FROM explanations WHERE at < ?1")?
                    .execute(params![Micros(at)])? as u64)
            })
            .await
    }
}

/// Removes those that name a conversation.
pub(super) fn erase_conversation(connection: &Connection, id: &str) -> Attempt<u64> {
    Ok(connection
        .prepare_cached("DELETE FROM explanations WHERE instr(document, ?1) > 0")?
        .execute(params![id])? as u64)
}

/// Removes those of a tenant: whom they are about is not looked for in what lives for so short a time.
pub(super) fn erase_tenant(connection: &Connection, tenant: &str) -> Attempt<u64> {
    Ok(connection
        .prepare_cached("DELETE FROM explanations WHERE tenant = ?1")?
        .execute(params![tenant])? as u64)
}
