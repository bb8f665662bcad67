//! The configurations that were in use; their texts are sealed.

use async_trait::async_trait;
use backend::ports::{ConfigHistory, ConfigVersion};
use backend::{Error, Kind, Result};
use secrecy::SecretString;

use super::sealing::Sealed;
use super::{State, documents};
use crate::json;
use crate::keyset::bounded;
use crate::sql::{Micros, OptionalExtension as _, params};

/// How many versions keep their text.
const TEXTS_KEPT: i64 = 100;

/// What a sealed text belongs to: it cannot be opened as a credential.
const PLACE: &[u8] = b"configuration";

/// The newest so many.
const NEWEST: &str = "SELECT document FROM config_versions ORDER BY version DESC LIMIT ?1";

#[async_trait]
impl ConfigHistory for State {
    async fn add(&self, version: &ConfigVersion, text: &SecretString) -> Result<ConfigVersion> {
        let Sealed { nonce, sealed } = self.sealing_key.seal(PLACE, text)?;
        let version = version.clone();
        self.store
            .write(move |connection, _now| {
                let newest = documents(connection, NEWEST, params![1])?;
                let newest = newest.first();
                let newest: Option<ConfigVersion> = newest
                    .map(|text| json::from_text("configuration", text))
                    .transpose()?;
                // Several replicas take up one text: all show the version of the first.
                if let Some(same) = newest
                    .as_ref()
                    .filter(|newest| newest.digest == version.digest)
                {
                    return Ok(same.clone());
                }
                let number = newest.map_or(0, |newest| newest.version.cast_signed()) + 1;
                let added = ConfigVersion {
                    version: number.cast_unsigned(),
                    ..version.clone()
                };
                connection
                    .prepare_cached(
                        "INSERT INTO config_versions (version, at, document, nonce, sealed) \
                         VALUES (?1, ?2, ?3, ?4, ?5)",
                    )?
                    .execute(params![
                        number,
                        Micros(added.at),
                        json::to_text("configuration", &added)?,
                        nonce,
                        sealed
                    ])?;
                connection
                    .prepare_cached(
                        "UPDATE config_versions SET nonce = NULL, sealed = NULL \
                         WHERE version <= ?1 AND sealed IS NOT NULL",
                    )?
                    .execute(params![number - TEXTS_KEPT])?;
                Ok(added)
            })
            .await
    }

    async fn versions(&self, limit: usize) -> Result<Vec<ConfigVersion>> {
        let limit = bounded(limit)?;
        let found = self
            .store
            .read(|connection| documents(connection, NEWEST, params![limit]))
            .await?;
        found
            .iter()
            .map(|text| json::from_text("configuration", text))
            .collect()
    }

    async fn text(&self, version: u64) -> Result<Option<SecretString>> {
        let Ok(version) = i64::try_from(version) else {
            return Ok(None);
        };
        let sealed = self.store.read(|connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT nonce, sealed FROM config_versions WHERE version = ?1 AND sealed IS NOT NULL",
                )?
                .query_row(params![version], |row| {
                    Ok(Sealed {
                        nonce: row.get(0)?,
                        sealed: row.get(1)?,
                    })
                })
                .optional()?)
        }).await?;
        let opened = sealed.map(|sealed| self.sealing_key.open(PLACE, &sealed));
        opened.transpose().map_err(|_| {
            let message = "the text of this configuration was sealed with another key: restore the former sealing key, \
                           or reload the file";
            Error::new(Kind::Internal, message)
        })
    }
}
