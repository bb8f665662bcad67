//! The PostgreSQL server under measurement: how durable its commits are, and the CPU time that it uses.

use std::fs;

use testkit::Database;

use crate::Outcome;
use crate::children::cpu_seconds;

/// A server on this machine.
pub(crate) struct Server {
    /// The process that all others of the server descend from.
    process: u32,
    /// Its version and settings, for people.
    pub(crate) told: String,
}

impl Server {
    /// The server that holds a database.
    pub(crate) async fn of(database: &Database) -> Outcome<Self> {
        let row = database
            .connect()
            .await
            .query_one(
                "SELECT pg_backend_pid(), current_setting('server_version'), current_setting('fsync'), \
                 current_setting('synchronous_commit'), current_setting('full_page_writes'), \
                 current_setting('shared_buffers')",
                &[],
            )
            .await?;
        let setting = |column: usize| row.get::<_, String>(column);
        let told = format!(
            "PostgreSQL {}, fsync {}, synchronous_commit {}, full_page_writes {}, shared_buffers {}",
            setting(1),
            setting(2),
            setting(3),
            setting(4),
            setting(5)
        );
        let process = parent_of(row.get::<_, i32>(0))?;
        Ok(Self { process, told })
    }

    /// CPU time of all its processes until now, in seconds.
    pub(crate) fn cpu_seconds(&self) -> Outcome<f64> {
        Ok(cpu_seconds(self.process)?)
    }
}

/// The parent of the process that serves a connection.
fn parent_of(process: i32) -> Outcome<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let field = |name: &str| {
        let mut lines = status.lines();
        lines.find_map(|line| line.strip_prefix(name).map(str::trim))
    };
    if field("Name:").is_none_or(|name| name != "postgres") {
        return Err(
            "the PostgreSQL server must run on this machine: /proc does not show it".into(),
        );
    }
    Ok(field("PPid:")
        .ok_or("a process without a parent")?
        .parse()?)
}
