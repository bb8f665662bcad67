//! Route overrides: where new conversations go after a switch.

use async_trait::async_trait;
use backend::Result;
use backend::ports::{MigrationId, RouteOverride, RouteOverrides};
use conversation::ConversationId;

use super::{items, migrations};
use crate::failure::Attempt;
use crate::json;
use crate::sql::{Connection, Micros, params};
use crate::state::State;

#[async_trait]
impl RouteOverrides for State {
    async fn overrides(&self) -> Result<Vec<RouteOverride>> {
        self.store
            .read(|connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT record FROM route_overrides ORDER BY since, migration",
                )?;
                let mut rows = statement.query(params![])?;
                let mut overrides = Vec::new();
                while let Some(row) = rows.next()? {
                    let text = row.get_ref(0)?.as_str().map_err(crate::sql::Error::from)?;
                    overrides.push(json::from_text("route override", text)?);
                }
                Ok(overrides)
            })
            .await
    }

    async fn born(&self, migration: MigrationId, conversation: ConversationId) -> Result<()> {
        self.store
            .write(move |connection, _now| {
                let number = migrations::number(connection, migration)?;
                items::set_born(connection, number, conversation)
            })
            .await
    }
}

/// Notes an override, or notes it anew.
pub(super) fn store(connection: &Connection, migration: i64, route: &RouteOverride) -> Attempt<()> {
    connection
        .prepare_cached(
            "INSERT INTO route_overrides (migration, since, record) VALUES (?1, ?2, ?3) \
             ON CONFLICT (migration) DO UPDATE SET since = excluded.since, record = excluded.record",
        )?
        .execute(params![
            migration,
            Micros(route.since),
            json::to_text("route override", route)?
        ])?;
    Ok(())
}

pub(super) fn end(connection: &Connection, migration: MigrationId) -> Attempt<()> {
    connection
        .prepare_cached(
            "DELETE FROM route_overrides \
             WHERE migration = (SELECT number FROM migrations WHERE id = ?1)",
        )?
        .execute(params![migration.to_string()])?;
    Ok(())
}
