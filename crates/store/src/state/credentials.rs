//! Vendor credentials: sealed before they reach a statement.

use async_trait::async_trait;
use backend::Result;
use backend::ports::{CredentialName, Credentials};
use rusqlite::{OptionalExtension as _, params};
use secrecy::SecretString;

use super::State;
use super::sealing::Sealed;

#[async_trait]
impl Credentials for State {
    async fn get(&self, name: &CredentialName) -> Result<Option<SecretString>> {
        let sealed = self.store.read(|connection| {
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
        })?;
        sealed
            .map(|sealed| self.sealing_key.open(&place(name), &sealed))
            .transpose()
    }

    async fn put(&self, name: &CredentialName, secret: &SecretString) -> Result<()> {
        let sealed = self.sealing_key.seal(&place(name), secret)?;
        let (name, key_id) = (name.clone(), self.sealing_key.id());
        self.store
            .write(move |connection, _now| {
                connection
                    .prepare_cached(
                        "INSERT INTO credentials (backend, reference, key_id, nonce, sealed) \
                         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (backend, reference) DO UPDATE \
                         SET key_id = excluded.key_id, nonce = excluded.nonce, sealed = excluded.sealed",
                    )?
                    .execute(params![name.backend, name.reference, key_id, sealed.nonce, sealed.sealed])?;
                Ok(())
            })
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
        self.store.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT backend, reference FROM credentials ORDER BY backend, reference",
            )?;
            let names = statement
                .query_map([], |row| {
                    Ok(CredentialName {
                        backend: row.get(0)?,
                        reference: row.get(1)?,
                    })
                })?
                .collect::<rusqlite::Result<_>>()?;
            Ok(names)
        })
    }
}

/// Where a secret belongs, sealed with it: a row that is moved to another name does not open there.
fn place(name: &CredentialName) -> Vec<u8> {
    let mut place = (name.backend.len() as u64).to_be_bytes().to_vec();
    place.extend_from_slice(name.backend.as_bytes());
    place.extend_from_slice(name.reference.as_bytes());
    place
}
