//! API keys, never their secrets.

use async_trait::async_trait;
use backend::ports::{KeyRecord, Keys};
use backend::{Error, Kind, Result};
use conversation::{Digest, Time};

use super::State;
use crate::failure::Attempt;
use crate::json;
use crate::sql::{Micros, Row, params};

#[async_trait]
impl Keys for State {
    async fn find(&self, id: &str) -> Result<Option<KeyRecord>> {
        self.store.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, tenant, name, secret_hash, scopes, \"user\", created_at, expires_at, revoked_at \
                 FROM keys WHERE id = ?1",
            )?;
            let mut rows = statement.query(params![id])?;
            rows.next()?.map(|row| read(&row)).transpose()
        }).await
    }

    async fn insert(&self, key: &KeyRecord) -> Result<()> {
        let (key, scopes) = (key.clone(), json::to_text("key", &key.scopes)?);
        self.store
            .write(move |connection, _now| {
                let inserted = connection
                    .prepare_cached(
                        "INSERT INTO keys (id, tenant, name, secret_hash, scopes, \"user\", created_at, expires_at, revoked_at) \
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO NOTHING",
                    )?
                    .execute(params![
                        key.id,
                        key.tenant,
                        key.name,
                        key.secret_hash.as_bytes(),
                        scopes,
                        key.user,
                        Micros(key.created_at),
                        key.expires_at.map(Micros),
                        key.revoked_at.map(Micros)
                    ])?;
                if inserted == 0 {
                    return Err(Error::new(Kind::Conflict, "a key with this id is there already").into());
                }
                Ok(())
            })
            .await
    }

    async fn revoke(&self, id: &str, at: Time) -> Result<bool> {
        let id = id.to_owned();
        self.store
            .write(move |connection, _now| {
                let revoked = connection
                    .prepare_cached(
                        "UPDATE keys SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
                    )?
                    .execute(params![id, Micros(at)])?;
                Ok(revoked > 0)
            })
            .await
    }

    async fn list(&self, tenant: Option<&str>) -> Result<Vec<KeyRecord>> {
        self.store.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, tenant, name, secret_hash, scopes, \"user\", created_at, expires_at, revoked_at \
                 FROM keys WHERE tenant = ?1 OR ?1 IS NULL ORDER BY created_at, id",
            )?;
            let mut rows = statement.query(params![tenant])?;
            let mut keys = Vec::new();
            while let Some(row) = rows.next()? {
                keys.push(read(&row)?);
            }
            Ok(keys)
        }).await
    }
}

impl State {
    /// Removes a key altogether: one of a command that has ended. Servers refuse it within seconds. True where there was
    /// one.
    ///
    /// # Errors
    /// Where it could not be removed.
    pub async fn remove_key(&self, id: &str) -> Result<bool> {
        let id = id.to_owned();
        self.store
            .write(move |connection, _now| {
                let removed = connection
                    .prepare_cached("DELETE FROM keys WHERE id = ?1")?
                    .execute(params![id])?;
                Ok(removed > 0)
            })
            .await
    }
}

fn read(row: &Row<'_>) -> Attempt<KeyRecord> {
    let time = |index| {
        row.get::<_, Option<Micros>>(index)
            .map(|time| time.map(|Micros(time)| time))
    };
    let Micros(created_at) = row.get(6)?;
    let scopes: String = row.get(4)?;
    Ok(KeyRecord {
        id: row.get(0)?,
        tenant: row.get(1)?,
        name: row.get(2)?,
        secret_hash: Digest::from_bytes(row.get(3)?),
        scopes: json::from_text("key", &scopes)?,
        user: row.get(5)?,
        created_at,
        expires_at: time(7)?,
        revoked_at: time(8)?,
    })
}
