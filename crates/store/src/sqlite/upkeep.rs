//! What the writing thread does by itself: says that this process lives, and forgets what has expired.

use std::time::{Duration, Instant};

use backend::Result;
use conversation::Time;
use rusqlite::{Connection, params};

use crate::failure::{from_sql, from_sqlite};
use crate::sql::{self, earlier};
use crate::upkeep::{self, SWEEP_AGAIN, SWEEP_INTERVAL};

/// How often a process says that it lives.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(10);
/// A process that was silent for so long is dead: whoever is asked may finish what it began.
pub(crate) const DEAD_AFTER: Duration = Duration::from_secs(60);

/// The regular work of one process.
pub(super) struct Upkeep {
    serving: bool,
    instance: Box<str>,
    settle_retention: Duration,
    next_sweep: Instant,
}

impl Upkeep {
    /// Enters this process. One that serves holds the serving lock, so every other entry is of a dead process.
    pub(super) fn begin(
        connection: &Connection,
        serving: bool,
        instance: &str,
        settle_retention: Duration,
    ) -> Result<Self> {
        let this = Self {
            serving,
            instance: instance.into(),
            settle_retention,
            next_sweep: Instant::now(),
        };
        if serving {
            connection
                .execute("DELETE FROM instances WHERE id <> ?1", params![instance])
                .map_err(from_sqlite)?;
            upkeep::beat(connection, instance, Time::now()).map_err(from_sql)?;
        }
        Ok(this)
    }

    /// The regular work, inside a transaction. Returns when it wants to be done again.
    pub(super) fn run(&mut self, connection: &Connection, now: Time) -> sql::Result<Duration> {
        if !self.serving {
            return Ok(HEARTBEAT);
        }
        upkeep::beat(connection, &self.instance, now)?;
        if Instant::now() < self.next_sweep {
            return Ok(HEARTBEAT);
        }
        if upkeep::sweep(connection, earlier(now, self.settle_retention))? {
            return Ok(SWEEP_AGAIN);
        }
        self.next_sweep = Instant::now() + SWEEP_INTERVAL;
        Ok(HEARTBEAT)
    }

    /// The last work before the connection is closed: takes this process out.
    pub(super) fn end(&self, connection: &Connection) -> rusqlite::Result<()> {
        if self.serving {
            connection.execute(
                "DELETE FROM instances WHERE id = ?1",
                params![self.instance],
            )?;
        }
        Ok(())
    }
}
