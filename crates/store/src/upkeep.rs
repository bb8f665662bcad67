//! Regular work on either engine: saying that a process lives, and removing what has expired.

use std::time::Duration;

use conversation::Time;

use crate::sql::{Connection, Micros, Result, params};

/// How often expired rows are looked for.
pub(crate) const SWEEP_INTERVAL: Duration = Duration::from_secs(600);
/// The most rows of a table that one sweep removes: callers wait meanwhile.
const SWEEP_MAX_ROWS: usize = 2_000;
/// The most attachments whose bytes one sweep removes: each may be some megabytes.
pub(crate) const SWEEP_MAX_BLOBS: usize = 4;
/// When the next sweep begins where one was not enough.
pub(crate) const SWEEP_AGAIN: Duration = Duration::from_millis(50);

/// Says that a process lives.
pub(crate) fn beat(connection: &Connection, instance: &str, now: Time) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO instances (id, heartbeat_at) VALUES (?1, ?2) \
             ON CONFLICT (id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at",
        )?
        .execute(params![instance, Micros(now)])
        .map(drop)
}

/// Removes what has expired; true where more may be left.
pub(crate) fn sweep(connection: &Connection, settled_before: Time) -> Result<bool> {
    // The oldest writes have the smallest numbers, so no index on the time is needed.
    let writes = connection
        .prepare_cached(
            "DELETE FROM writes WHERE number IN (SELECT number FROM writes ORDER BY number LIMIT ?1) \
             AND written_at < ?2",
        )?
        .execute(params![SWEEP_MAX_ROWS, Micros(settled_before)])?;
    let blobs = sweep_blobs(connection)?;
    Ok(writes == SWEEP_MAX_ROWS || blobs == SWEEP_MAX_BLOBS)
}

/// Removes bytes that lost an attachment and that no other one holds; returns how many were looked at.
pub(crate) fn sweep_blobs(connection: &Connection) -> Result<usize> {
    let looked_at = connection
        .prepare_cached("SELECT sha256 FROM loose_blobs LIMIT ?1")?
        .query_map(params![SWEEP_MAX_BLOBS], |row| row.get(0))?
        .collect::<Result<Vec<Vec<u8>>>>()?;
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
