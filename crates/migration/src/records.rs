//! The records of migrations, changed by one at a time.

use std::sync::Arc;
use std::time::Duration;

use backend::ports::{Held, LeaseTerm, Leases, Ledger, MigrationId, MigrationRecord};
use backend::{Error, Kind, Result};
use conversation::Time;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::fenced::Fenced;

/// How long is waited for another process that changes a record: longer than a dead one's lease lasts.
const PATIENCE: Duration = Duration::from_secs(20);

/// The records of migrations. Several tasks note things in the same record, in several processes.
#[derive(Debug)]
pub(crate) struct Records {
    ledger: Arc<dyn Ledger>,
    leases: Arc<dyn Leases>,
    /// Those of this process wait for each other without asking the state.
    one: Arc<Mutex<()>>,
}

impl Records {
    pub(crate) fn new(ledger: Arc<dyn Ledger>, leases: Arc<dyn Leases>) -> Self {
        Self {
            ledger,
            leases,
            one: Arc::default(),
        }
    }

    /// The same for work under a lease: nothing is changed once it is over.
    pub(crate) fn within(&self, term: LeaseTerm) -> Self {
        Self {
            ledger: Arc::new(Fenced::new(self.ledger.clone(), term)),
            leases: self.leases.clone(),
            one: self.one.clone(),
        }
    }

    /// A migration's record.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub(crate) async fn get(&self, id: MigrationId) -> Result<MigrationRecord> {
        let record = self.ledger.migration(id).await?;
        record.ok_or_else(|| Error::new(Kind::NotFound, "migration not found"))
    }

    /// Notes a migration, unless it is noted already; its record.
    pub(crate) async fn insert(&self, record: MigrationRecord) -> Result<MigrationRecord> {
        let _one = self.one.lock().await;
        let held = self.hold(record.id).await?;
        let inserted = async {
            if let Some(noted) = self.ledger.migration(record.id).await? {
                return Ok(noted);
            }
            held.outlast_a_heartbeat().await?;
            self.ledger.put_migration(&record).await?;
            Ok(record)
        };
        let inserted = inserted.await;
        held.release().await;
        inserted
    }

    /// Changes a record as it is now, and notes it. Nothing is noted where the change fails.
    pub(crate) async fn edit(
        &self,
        id: MigrationId,
        change: impl FnOnce(&mut MigrationRecord) -> Result<()> + Send,
    ) -> Result<MigrationRecord> {
        let _one = self.one.lock().await;
        let held = self.hold(id).await?;
        let edited = async {
            let mut record = self.get(id).await?;
            change(&mut record)?;
            record.updated_at = Time::now();
            // Another process may have changed it since it was read, where the lease was lost.
            held.outlast_a_heartbeat().await?;
            self.ledger.put_migration(&record).await?;
            Ok(record)
        };
        let edited = edited.await;
        held.release().await;
        edited
    }

    async fn hold(&self, id: MigrationId) -> Result<Held> {
        let name = format!("migration-record/{id}");
        let held = Held::take(&self.leases, &name, PATIENCE).await;
        held.map_err(|error| match error.kind {
            Kind::Busy => Error::new(
                Kind::Busy,
                "another process is changing this migration's record: try again",
            )
            .retry_after(error.retry_after),
            _ => error,
        })
    }
}

/// A note of a record; `None` where there is none that can be read.
pub(crate) fn note<T: DeserializeOwned>(record: &MigrationRecord, name: &str) -> Option<T> {
    let value = record.notes.get(name)?;
    match T::deserialize(value) {
        Ok(note) => Some(note),
        Err(error) => {
            tracing::warn!(migration = %record.id, note = name, %error, "a note of a migration cannot be read");
            None
        }
    }
}

/// Sets a note of a record.
///
/// # Errors
/// [`Kind::Internal`] where the value is no JSON.
pub(crate) fn set_note(
    record: &mut MigrationRecord,
    name: &str,
    value: &impl Serialize,
) -> Result<()> {
    let value = serde_json::to_value(value).map_err(|error| {
        Error::new(Kind::Internal, "a note of a migration could not be written").source(error)
    })?;
    record.notes.insert(name.to_owned(), value);
    Ok(())
}
