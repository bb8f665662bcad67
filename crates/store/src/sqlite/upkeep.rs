//! What the writing thread does by itself: says that this process lives, and forgets what has expired.

use std::time::{Duration, Instant};

use backend::Result;
use conversation::Time;
use rusqlite::{Connection, params};

use super::Micros;
use crate::failure::from_sqlite;

/// How often a process says that it lives.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(10);
/// A process that was silent for so long is dead: whoever is asked may finish what it began.
pub(crate) const DEAD_AFTER: Duration = Duration::from_secs(60);
/// How often expired rows are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(600);
/// The most rows of a table that one sweep removes: callers wait meanwhile.
const SWEEP_MAX_ROWS: usize = 2_000;
/// The most attachments whose bytes one sweep removes: each may be some megabytes.
pub(super) const SWEEP_MAX_BLOBS: usize = 4;
/// When the next sweep begins where one was not enough.
const SWEEP_AGAIN: Duration = Duration::from_millis(50);

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
        let upkeep = Self {
            serving,
            instance: instance.into(),
            settle_retention,
            next_sweep: Instant::now(),
        };
        if serving {
            connection
                .execute("DELETE FROM instances WHERE id <> ?1", params![instance])
                .and_then(|_| upkeep.beat(connection, Time::now()))
                .map_err(from_sqlite)?;
        }
        Ok(upkeep)
    }

    /// The regular work, inside a transaction. Returns when it wants to be done again.
    pub(super) fn run(&mut self, connection: &Connection, now: Time) -> rusqlite::Result<Duration> {
        if !self.serving {
            return Ok(HEARTBEAT);
        }
        self.beat(connection, now)?;
        if Instant::now() < self.next_sweep {
            return Ok(HEARTBEAT);
        }
        // The oldest writes have the smallest numbers, so no index on the time is needed.
        let writes = connection
            .prepare_cached(
                "DELETE FROM writes WHERE number IN (SELECT number FROM writes ORDER BY number LIMIT ?1) \
                 AND written_at < ?2",
            )?
            .execute(params![SWEEP_MAX_ROWS, Micros(earlier(now, self.settle_retention))])?;
        let blobs = sweep_blobs(connection)?;
        if writes == SWEEP_MAX_ROWS || blobs == SWEEP_MAX_BLOBS {
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

    fn beat(&self, connection: &Connection, now: Time) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "INSERT INTO instances (id, heartbeat_at) VALUES (?1, ?2) \
                 ON CONFLICT (id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at",
            )?
            .execute(params![self.instance, Micros(now)])
            .map(drop)
    }
}

/// Removes bytes that lost an attachment and that no other one holds; returns how many were looked at.
pub(super) fn sweep_blobs(connection: &Connection) -> rusqlite::Result<usize> {
    let looked_at = connection
        .prepare_cached("SELECT sha256 FROM loose_blobs LIMIT ?1")?
        .query_map(params![SWEEP_MAX_BLOBS], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<Vec<u8>>>>()?;
    for sha256 in &looked_at {
        connection
            .prepare_cached(
                "DELETE FROM blobs WHERE sha256 = ?1 \
                 AND NOT EXISTS (SELECT 1 FROM attachments WHERE sha256 = ?1) \
                 AND NOT EXISTS (SELECT 1 FROM overlay_attachments WHERE sha256 = ?1)",
            )?
            .execute(params![sha256])?;
        connection
            .prepare_cached("DELETE FROM loose_blobs WHERE sha256 = ?1")?
            .execute(params![sha256])?;
    }
    Ok(looked_at.len())
}

/// `time` moved back by `by`.
pub(crate) fn earlier(time: Time, by: Duration) -> Time {
    time.saturating_add_micros(-i64::try_from(by.as_micros()).unwrap_or(i64::MAX))
}
