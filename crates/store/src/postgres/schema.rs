//! The schema: numbered as SQLite's, in PostgreSQL's words, applied in order and never changed afterwards.

use backend::{Error, Kind, Outcome, Result};
use refinery::{Migration, Runner};
use tokio_postgres::Client;

use super::failed::{Failed, from_postgres};

/// Every version, in order: the file's name and its text.
const VERSIONS: &[(&str, &str)] = &[
    (
        "V1__conversations",
        include_str!("../../schema-postgres/V1__conversations.sql"),
    ),
    (
        "V2__state",
        include_str!("../../schema-postgres/V2__state.sql"),
    ),
    (
        "V3__attachments",
        include_str!("../../schema-postgres/V3__attachments.sql"),
    ),
    (
        "V4__overlay",
        include_str!("../../schema-postgres/V4__overlay.sql"),
    ),
    (
        "V5__migrations",
        include_str!("../../schema-postgres/V5__migrations.sql"),
    ),
    (
        "V6__facades",
        include_str!("../../schema-postgres/V6__facades.sql"),
    ),
    (
        "V7__operations",
        include_str!("../../schema-postgres/V7__operations.sql"),
    ),
    (
        "V8__hidden_messages",
        include_str!("../../schema-postgres/V8__hidden_messages.sql"),
    ),
];

/// Held while the schema is changed, so that one process does it: a number that nobody else takes by chance.
const LOCK: i64 = 0x6472_6167_6f6d_616e;

/// The newest version: the files are numbered from 1 without gaps.
pub(crate) fn latest() -> i32 {
    i32::try_from(VERSIONS.len()).unwrap_or(i32::MAX)
}

/// Brings the schema up to date; refuses one that is newer than this program. Processes that start at once do it one
/// after the other, and all but the first find nothing to do.
pub(super) async fn bring_up_to_date(client: &mut Client, shown: &str) -> Result<()> {
    if is_known(version(client).await?, shown)? {
        return Ok(());
    }
    let lock = |call: &str| {
        format!("SET lock_timeout = 0; SET statement_timeout = 0; SELECT {call}({LOCK})")
    };
    client
        .batch_execute(&lock("pg_advisory_lock"))
        .await
        .map_err(of_postgres)?;
    let done = change(client, shown).await;
    // It ends with the connection in any case.
    if let Err(error) = client.batch_execute(&lock("pg_advisory_unlock")).await {
        tracing::debug!(error = %error, "the lock around the schema is left to the end of its connection");
    }
    done
}

async fn change(client: &mut Client, shown: &str) -> Result<()> {
    let found = version(client).await?;
    if is_known(found, shown)? {
        return Ok(());
    }
    let versions = VERSIONS
        .iter()
        .map(|(name, sql)| Migration::unapplied(name, sql).map_err(failed))
        .collect::<Result<Vec<_>>>()?;
    // One transaction for all versions: a process that dies leaves the old schema or the new one.
    Runner::new(&versions)
        .set_grouped(true)
        .run_async(client)
        .await
        .map_err(failed)?;
    tracing::info!(
        schema.from = found,
        schema.to = latest(),
        "the schema is up to date"
    );
    Ok(())
}

/// True where nothing is to be done.
fn is_known(found: i32, shown: &str) -> Result<bool> {
    let latest = latest();
    if found > latest {
        let message = format!(
            "the database {shown} has schema {found}, this version knows {latest}: start the newer version that wrote \
             it, or restore a backup from before the upgrade"
        );
        return Err(Error::new(Kind::Conflict, message));
    }
    Ok(found == latest)
}

/// The version of the schema; 0 where there is none yet.
pub(super) async fn version(client: &Client) -> Result<i32> {
    let is_there = client
        .query_one(
            "SELECT to_regclass('refinery_schema_history') IS NOT NULL",
            &[],
        )
        .await
        .map_err(of_postgres)?;
    if !is_there.get::<_, bool>(0) {
        return Ok(0);
    }
    let version = client
        .query_one("SELECT max(version) FROM refinery_schema_history", &[])
        .await
        .map_err(of_postgres)?;
    Ok(version.get::<_, Option<i32>>(0).unwrap_or_default())
}

fn of_postgres(error: tokio_postgres::Error) -> Error {
    from_postgres(Failed::Postgres(error))
}

fn failed(error: refinery::Error) -> Error {
    Error::new(
        Kind::Internal,
        "the schema of the database cannot be brought up to date: its user must be allowed to make tables; else restore \
         a backup",
    )
    .outcome(Outcome::NotApplied)
    .source(error)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn both_engines_have_the_same_versions() {
        let files = |folder: &str| {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            let mut files: Vec<String> = std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            files.sort();
            files
        };
        let known: Vec<String> = VERSIONS
            .iter()
            .map(|(name, _)| format!("{name}.sql"))
            .collect();
        assert_eq!(files("schema-postgres"), known);
        assert_eq!(files("schema"), known);
    }
}
