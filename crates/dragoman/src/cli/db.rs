//! `dragoman db`: the database itself, whichever engine holds it.

use std::collections::BTreeMap;
use std::process::ExitCode;

use secrecy::SecretString;
use serde_json::json;
use store::{CopyProgress, Store, StoreConfig, StoreStatus};

use super::arguments::{BackupFlags, CopyFlags, DbCommand, DbFlags};
use super::progress::{Lines, Progress};
use super::{listings, print};
use crate::config::Configuration;
use crate::config::load::load;
use crate::failure::Failure;
use crate::state::{self, Use};

/// Exit code where the database is not as it should be.
const FAILED: u8 = 3;

/// Runs a command on the database.
pub(super) fn run(
    command: &DbCommand,
    variables: &BTreeMap<String, String>,
) -> Result<ExitCode, Failure> {
    let done = match command {
        DbCommand::Status(flags) => status(flags, variables),
        DbCommand::Migrate(flags) => migrate(flags, variables),
        DbCommand::Backup(flags) => backup(flags, variables),
        DbCommand::Verify(flags) => return verify(flags, variables),
        DbCommand::Copy(flags) => copy(flags, variables),
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn status(flags: &DbFlags, variables: &BTreeMap<String, String>) -> Result<(), Failure> {
    let configuration = configuration(flags, variables)?;
    let found = StoreStatus::look(&state::settings(&configuration.store, Use::Beside))
        .map_err(Failure::runtime)?;
    let place = configuration.store.database_shown();
    let Some(found) = found else {
        if flags.json {
            return told(&json!({ "place": place, "exists": false }));
        }
        return Ok(print::out(&format!(
            "{place}: there is none yet, the first start makes it\n"
        ))?);
    };
    if flags.json {
        return told(&json!({
            "place": place,
            "exists": true,
            "engine": found.engine.as_str(),
            "version": found.version,
            "schema": found.schema_version,
            "schema_of_program": found.schema_latest,
            "up_to_date": found.schema_version == found.schema_latest,
            "bytes": found.bytes,
            "free_bytes": found.free_bytes,
        }));
    }
    let advice = match found.schema_version.cmp(&found.schema_latest) {
        std::cmp::Ordering::Less => {
            "older than this program's: `dragoman db migrate`, or the next start, brings it up to date"
        }
        std::cmp::Ordering::Equal => "up to date",
        std::cmp::Ordering::Greater => {
            "newer than this program's, which refuses to start: run the newer version, or restore a backup"
        }
    };
    Ok(print::out(&format!(
        "{place}\n  engine  {} {}\n  schema  {} (this program: {}), {advice}\n  size    {} MiB\n",
        found.engine.as_str(),
        found.version,
        found.schema_version,
        found.schema_latest,
        found.bytes.div_ceil(1024 * 1024),
    ))?)
}

fn migrate(flags: &DbFlags, variables: &BTreeMap<String, String>) -> Result<(), Failure> {
    let configuration = configuration(flags, variables)?;
    let settings = || state::settings(&configuration.store, Use::Beside);
    let before = StoreStatus::look(&settings()).map_err(Failure::runtime)?;
    let before = before.map_or(0, |status| status.schema_version);
    let after = on_store(&configuration, async |store| {
        store.status().await.map_err(Failure::runtime)
    })?;
    if flags.json {
        return told(&json!({ "from": before, "to": after.schema_version }));
    }
    let told = if before == after.schema_version {
        format!("the schema is {before}: nothing was to be done\n")
    } else {
        format!(
            "the schema was {before} and is {} now\n",
            after.schema_version
        )
    };
    Ok(print::out(&told)?)
}

fn backup(flags: &BackupFlags, variables: &BTreeMap<String, String>) -> Result<(), Failure> {
    let configuration = configuration(&flags.db, variables)?;
    require_file(&configuration)?;
    let mut bar = Progress::new(Lines::Error);
    on_store(&configuration, async |store| {
        let made = store.back_up(&flags.file, |progress| show(&mut bar, progress));
        made.await.map_err(Failure::runtime)
    })?;
    drop(bar);
    let bytes = std::fs::metadata(&flags.file).map_or(0, |file| file.len());
    if flags.db.json {
        return told(&json!({ "file": flags.file, "bytes": bytes }));
    }
    Ok(print::out(&format!(
        "{} holds everything ({} MiB); keep the sealing key with it\n",
        flags.file.display(),
        bytes.div_ceil(1024 * 1024)
    ))?)
}

fn verify(flags: &DbFlags, variables: &BTreeMap<String, String>) -> Result<ExitCode, Failure> {
    let configuration = configuration(flags, variables)?;
    require_file(&configuration)?;
    let found = on_store(&configuration, async |store| {
        store.verify().await.map_err(Failure::runtime)
    })?;
    if flags.json {
        told(&json!({ "whole": found.is_empty(), "findings": found }))?;
    } else if found.is_empty() {
        print::out(&format!(
            "{} is whole\n",
            configuration.store.database_shown()
        ))?;
    } else {
        print::out(&format!(
            "{}\nfix: stop the gateways, keep a copy, and bring back a backup\n",
            found.join("\n")
        ))?;
    }
    Ok(if found.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}

fn copy(flags: &CopyFlags, variables: &BTreeMap<String, String>) -> Result<(), Failure> {
    let configuration = configuration(&flags.db, variables)?;
    require_file(&configuration)?;
    let address = SecretString::from(flags.to.clone());
    Store::check_address(&address).map_err(|error| {
        Failure::with_help(
            &error,
            "write postgres://dragoman@db.example/dragoman?sslmode=verify-full",
        )
    })?;
    if configuration.store.database_file().is_none() {
        return Err(Failure::with_help(
            "the configured database is PostgreSQL already",
            "`dragoman db backup FILE` makes a SQLite file of it, which can be copied",
        ));
    }
    let runtime = runtime()?;
    let mut bar = Progress::new(Lines::Error);
    let copied = runtime.block_on(async {
        // For serving: then nobody writes to it meanwhile.
        let source = state::open(&configuration, Use::Serving)?;
        let target =
            Store::open_for_copy(StoreConfig::postgres(address)).map_err(Failure::runtime)?;
        let copied = target
            .copy_from(&source.store, |progress| show(&mut bar, progress))
            .await
            .map_err(Failure::runtime);
        let closed = target.close().await.map_err(Failure::runtime);
        source.close().await?;
        closed.and(copied)
    })?;
    drop(bar);
    if flags.db.json {
        return told(&json!({ "rows": copied.rows, "rows_before": copied.rows_before }));
    }
    Ok(print::out(&format!(
        "{} rows are in both, and equal. Now set `store.database_url` to the new address and `store.sealing_key` to what \
         is in sealing.key, and start the gateways\n",
        copied.rows
    ))?)
}

fn configuration(
    flags: &DbFlags,
    variables: &BTreeMap<String, String>,
) -> Result<Configuration, Failure> {
    Ok(load(&flags.source.to_flags(), variables)?.configuration)
}

/// A mistyped --data-dir must not make a second, empty database.
fn require_file(configuration: &Configuration) -> Result<(), Failure> {
    match configuration.store.missing_file() {
        None => Ok(()),
        Some(path) => Err(Failure::with_help(
            format!("there is no database at {}", path.display()),
            "name its directory with --data-dir, or the file that does with --config",
        )),
    }
}

/// Opens the database beside gateways that may serve from it.
fn on_store<T>(
    configuration: &Configuration,
    work: impl AsyncFnOnce(&Store) -> Result<T, Failure>,
) -> Result<T, Failure> {
    runtime()?.block_on(async {
        let open = state::open(configuration, Use::Beside)?;
        let done = work(&open.store).await;
        let closed = open.close().await;
        let done = done?;
        closed?;
        Ok(done)
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::runtime(format!("the runtime cannot be started: {error}")))
}

fn show(bar: &mut Progress, progress: &CopyProgress) {
    let verb = if progress.comparing {
        "comparing"
    } else {
        "copying"
    };
    let message = format!("{verb} {}: {} rows", progress.table, progress.rows);
    let line = || {
        json!({
            "step": verb,
            "table": progress.table,
            "rows": progress.rows,
            "tables_done": progress.tables_done,
            "tables": progress.tables,
        })
    };
    // How far it has come is not worth breaking off for.
    let _not_shown = bar.show(
        progress.tables_done as u64,
        progress.tables as u64,
        &message,
        line,
    );
}

fn told(value: &serde_json::Value) -> Result<(), Failure> {
    Ok(print::out(&listings::to_json(value)?)?)
}
