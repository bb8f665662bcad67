//! The records of migrations, changed by one at a time.

use std::sync::Arc;

use backend::ports::{Ledger, MigrationId, MigrationRecord};
use backend::{Error, Kind, Result};
use conversation::Time;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

/// The records of migrations. Several tasks of one process note things in the same record.
#[derive(Debug)]
pub(crate) struct Records {
    ledger: Arc<dyn Ledger>,
    one: Mutex<()>,
}

impl Records {
    pub(crate) fn new(ledger: Arc<dyn Ledger>) -> Self {
        Self {
            ledger,
            one: Mutex::default(),
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
        if let Some(noted) = self.ledger.migration(record.id).await? {
            return Ok(noted);
        }
        self.ledger.put_migration(&record).await?;
        Ok(record)
    }

    /// Changes a record as it is now, and notes it. Nothing is noted where the change fails.
    pub(crate) async fn edit(
        &self,
        id: MigrationId,
        change: impl FnOnce(&mut MigrationRecord) -> Result<()> + Send,
    ) -> Result<MigrationRecord> {
        let _one = self.one.lock().await;
        let mut record = self.get(id).await?;
        change(&mut record)?;
        record.updated_at = Time::now();
        self.ledger.put_migration(&record).await?;
        Ok(record)
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
