//! Leases: rows, by the database's clock. Each statement is right by itself, so none needs more than its own transaction.

use std::time::Duration;

use backend::Result;
use backend::ports::Lease;

use super::{NOW, Postgres, micros};
use crate::sql::{OptionalExtension as _, params};

impl Postgres {
    /// Takes a lease that nobody holds.
    pub(crate) async fn acquire(&self, name: &str, ttl: Duration) -> Result<Option<Lease>> {
        let ttl = micros(ttl);
        self.single(|connection| {
            let fence: Option<u64> = connection
                .prepare_cached(&format!(
                    "INSERT INTO leases (name, fence, expires_at) VALUES (?1, nextval('lease_fences'), {NOW} + ?2) \
                     ON CONFLICT (name) DO UPDATE SET fence = excluded.fence, expires_at = excluded.expires_at \
                     WHERE leases.expires_at <= {NOW} RETURNING fence"
                ))?
                .query_row(params![name, ttl], |row| row.get(0))
                .optional()?;
            Ok(fence.map(|fence| Lease {
                name: name.into(),
                fence,
            }))
        })
        .await
    }

    /// Holds a lease for longer; false where it has been lost.
    pub(crate) async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool> {
        let ttl = micros(ttl);
        self.single(|connection| {
            let renewed = connection
                .prepare_cached(&format!(
                    "UPDATE leases SET expires_at = {NOW} + ?3 \
                     WHERE name = ?1 AND fence = ?2 AND expires_at > {NOW}"
                ))?
                .execute(params![lease.name, lease.fence, ttl])?;
            Ok(renewed > 0)
        })
        .await
    }

    /// Gives a lease back.
    pub(crate) async fn release(&self, lease: &Lease) -> Result<()> {
        self.single(|connection| {
            connection
                .prepare_cached("DELETE FROM leases WHERE name = ?1 AND fence = ?2")?
                .execute(params![lease.name, lease.fence])?;
            Ok(())
        })
        .await
    }
}
