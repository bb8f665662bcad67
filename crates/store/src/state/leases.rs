//! Leases: one row while held. The row's number is the fence, so a later holder's is always greater.

use std::time::Duration;

use async_trait::async_trait;
use backend::Result;
use backend::ports::{Lease, Leases};
use rusqlite::{OptionalExtension as _, params};

use super::State;

/// The present time of the database, in microseconds; a text because it stands inside statements.
macro_rules! database_now {
    () => {
        "CAST(unixepoch('subsec') * 1000000 AS INTEGER)"
    };
}

fn micros(ttl: Duration) -> i64 {
    i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX / 2)
}

#[async_trait]
impl Leases for State {
    async fn acquire(&self, name: &str, ttl: Duration) -> Result<Option<Lease>> {
        let (name, ttl): (Box<str>, _) = (name.into(), micros(ttl));
        self.store
            .write(move |connection, _now| {
                connection
                    .prepare_cached(concat!(
                        "DELETE FROM leases WHERE name = ?1 AND expires_at <= ",
                        database_now!()
                    ))?
                    .execute(params![name])?;
                let fence: Option<u64> = connection
                    .prepare_cached(concat!(
                        "INSERT INTO leases (name, expires_at) VALUES (?1, ",
                        database_now!(),
                        " + ?2) ON CONFLICT (name) DO NOTHING RETURNING fence"
                    ))?
                    .query_row(params![name, ttl], |row| row.get(0))
                    .optional()?;
                Ok(fence.map(|fence| Lease { name, fence }))
            })
            .await
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool> {
        let (lease, ttl) = (lease.clone(), micros(ttl));
        self.store
            .write(move |connection, _now| {
                let renewed = connection
                    .prepare_cached(concat!(
                        "UPDATE leases SET expires_at = ",
                        database_now!(),
                        " + ?3 WHERE fence = ?1 AND name = ?2 AND expires_at > ",
                        database_now!()
                    ))?
                    .execute(params![lease.fence, lease.name, ttl])?;
                Ok(renewed > 0)
            })
            .await
    }

    async fn release(&self, lease: &Lease) -> Result<()> {
        let lease = lease.clone();
        self.store
            .write(move |connection, _now| {
                connection
                    .prepare_cached("DELETE FROM leases WHERE fence = ?1 AND name = ?2")?
                    .execute(params![lease.fence, lease.name])?;
                Ok(())
            })
            .await
    }
}
