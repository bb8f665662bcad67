//! Vendor credentials: sealed before they reach a statement.

use async_trait::async_trait;
use backend::Result;
use backend::ports::{Bootstrap, Bootstraps, CredentialName, Credentials};
use secrecy::SecretString;

use super::State;
use super::sealing::Sealed;
use crate::failure::Attempt;
use crate::sql::{Connection, OptionalExtension as _, params};

#[async_trait]
impl Credentials for State {
    async fn get(&self, name: &CredentialName) -> Result<Option<SecretString>> {
        let sealed = self
            .store
            .read(|connection| {
                Ok(connection
                .prepare_cached(
                    "SELECT nonce, sealed FROM credentials WHERE backend = ?1 AND reference = ?2",
                )?
                .query_row(params![name.backend, name.reference], |row| {
                    Ok(Sealed {
                        nonce: row.get(0)?,
                        sealed: row.get(1)?,
                    })
                })
                .optional()?)
            })
            .await?;
        sealed
            .map(|sealed| self.sealing_key.open(&place(name), &sealed))
            .transpose()
    }

    async fn put(&self, name: &CredentialName, secret: &SecretString) -> Result<()> {
        let row = self.seal(name, secret)?;
        self.store
            .write(move |connection, _now| row.store(connection))
            .await
    }

    async fn remove(&self, name: &CredentialName) -> Result<bool> {
        let name = name.clone();
        self.store
            .write(move |connection, _now| {
                let removed = connection
                    .prepare_cached(
                        "DELETE FROM credentials WHERE backend = ?1 AND reference = ?2",
                    )?
                    .execute(params![name.backend, name.reference])?;
                Ok(removed > 0)
            })
            .await
    }

    async fn names(&self) -> Result<Vec<CredentialName>> {
        self.store
            .read(|connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT backend, reference FROM credentials ORDER BY backend, reference",
                )?;
                let names = statement
                    .query_map(params![], |row| {
                        Ok(CredentialName {
                            backend: row.get(0)?,
                            reference: row.get(1)?,
                        })
                    })?
                    .collect::<crate::sql::Result<_>>()?;
                Ok(names)
            })
            .await
    }
}

#[async_trait]
impl Bootstraps for State {
    async fn put_with_bootstrap(
        &self,
        names: &[CredentialName],
        secret: &SecretString,
        bootstrap: &Bootstrap,
    ) -> Result<()> {
        let rows = names
            .iter()
            .map(|name| self.seal(name, secret))
            .collect::<Result<Vec<_>>>()?;
        let bootstrap = bootstrap.clone();
        self.store
            .write(move |connection, _now| {
                for row in &rows {
                    row.store(connection)?;
                }
                connection
                    .prepare_cached(
                        "INSERT INTO bootstraps (backend, native, reference) VALUES (?1, ?2, ?3) \
                         ON CONFLICT (backend, native) DO UPDATE SET reference = excluded.reference",
                    )?
                    .execute(params![
                        bootstrap.backend,
                        bootstrap.native,
                        bootstrap.reference
                    ])?;
                Ok(())
            })
            .await
    }

    async fn bootstraps(&self, backend: &str) -> Result<Vec<Bootstrap>> {
        self.store.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT backend, native, reference FROM bootstraps WHERE backend = ?1 ORDER BY native",
            )?;
            let bootstraps = statement
                .query_map(params![backend], |row| {
                    Ok(Bootstrap {
                        backend: row.get(0)?,
                        native: row.get(1)?,
                        reference: row.get(2)?,
                    })
                })?
                .collect::<crate::sql::Result<_>>()?;
            Ok(bootstraps)
        }).await
    }

    async fn bootstrap_deleted(&self, bootstrap: &Bootstrap) -> Result<()> {
        let bootstrap = bootstrap.clone();
        self.store
            .write(move |connection, _now| {
                connection
                    .prepare_cached("DELETE FROM bootstraps WHERE backend = ?1 AND native = ?2")?
                    .execute(params![bootstrap.backend, bootstrap.native])?;
                Ok(())
            })
            .await
    }
}

impl State {
    /// Seals a secret for its name and no other.
    fn seal(&self, name: &CredentialName, secret: &SecretString) -> Result<SealedRow> {
        Ok(SealedRow {
            sealed: self.sealing_key.seal(&place(name), secret)?,
            name: name.clone(),
            key_id: self.sealing_key.id(),
        })
    }
}

/// A secret that is sealed and about to be stored.
struct SealedRow {
    name: CredentialName,
    key_id: String,
    sealed: Sealed,
}

impl SealedRow {
    fn store(&self, connection: &Connection) -> Attempt<()> {
        connection
            .prepare_cached(
                "INSERT INTO credentials (backend, reference, key_id, nonce, sealed) \
                 VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (backend, reference) DO UPDATE \
                 SET key_id = excluded.key_id, nonce = excluded.nonce, sealed = excluded.sealed",
            )?
            .execute(params![
                self.name.backend,
                self.name.reference,
                self.key_id,
                self.sealed.nonce,
                self.sealed.sealed
            ])?;
        Ok(())
    }
}

/// Where a secret belongs, sealed with it: a row that is moved to another name does not open there.
fn place(name: &CredentialName) -> Vec<u8> {
    let mut place = (name.backend.len() as u64).to_be_bytes().to_vec();
    place.extend_from_slice(name.backend.as_bytes());
    place.extend_from_slice(name.reference.as_bytes());
    place
}
