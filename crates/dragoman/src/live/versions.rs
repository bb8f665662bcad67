//! The versions of the configuration, as they come into use.

use backend::ports::{ConfigHistory, ConfigVersion};
use conversation::Time;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};

use crate::config::changes::{Change, changes};
use crate::config::load::Loaded;
use crate::config::reading::Layers;

/// How many versions are looked at for what was in use before.
pub(super) const LOOKED_BACK: usize = 100;

/// Notes that a version comes into use.
pub(super) async fn added(
    history: &dyn ConfigHistory,
    by: &str,
    text: &SecretString,
    changes: &[Change],
    restored: Option<u64>,
) -> backend::Result<ConfigVersion> {
    let version = ConfigVersion {
        // The history counts.
        version: 0,
        at: Time::now(),
        by: by.into(),
        digest: digest(text),
        changed: changes
            .iter()
            .map(|change| change.key.as_str().into())
            .collect(),
        restored,
    };
    history.add(&version, text).await
}

/// The version that a process starts with: the newest one, where the file has not changed since. Where other replicas use an
/// earlier version again, a file that holds what they went back from brings nothing: it starts with that, and takes up theirs.
pub(super) async fn of_start(
    history: &dyn ConfigHistory,
    layers: &Layers,
    loaded: &Loaded,
    is_shared: bool,
) -> backend::Result<ConfigVersion> {
    let newest = history.versions(1).await?.pop();
    let Some(newest) = newest else {
        return added(history, "start", &loaded.text, &[], None).await;
    };
    if newest.digest == digest(&loaded.text) {
        return Ok(newest);
    }
    if is_shared
        && newest.restored.is_some()
        && let Some(left) = left_by_rollback(history).await?
        && left.digest == digest(&loaded.text)
    {
        return Ok(left);
    }
    // An older text may be of no use any more, or sealed with another key: then nobody knows what has changed.
    let before = history.text(newest.version).await.ok().flatten();
    let before = before.and_then(|text| layers.read_text(&text, "the version before").ok());
    let changed = before
        .and_then(|before| changes(&before.configuration, &loaded.configuration).ok())
        .unwrap_or_default();
    added(history, "start", &loaded.text, &changed, None).await
}

/// The version that was in use before the newest ones, which each brought back another one.
async fn left_by_rollback(history: &dyn ConfigHistory) -> backend::Result<Option<ConfigVersion>> {
    let versions = history.versions(LOOKED_BACK).await?;
    Ok(versions
        .into_iter()
        .find(|version| version.restored.is_none()))
}

/// The digest by which versions are known.
pub(super) fn digest(text: &SecretString) -> Box<str> {
    let digest = Sha256::digest(text.expose_secret().as_bytes());
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.into()
}
