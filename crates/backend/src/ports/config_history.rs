//! The configurations that were in use, so that one can be brought back.

use std::fmt::Debug;

use async_trait::async_trait;
use conversation::Time;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::Result;

/// A configuration that came into use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigVersion {
    /// Its number, counted from 1.
    pub version: u64,
    /// When it came into use.
    pub at: Time,
    /// Who brought it: `start`, `file`, `signal`, `key <id>`.
    pub by: Box<str>,
    /// The SHA-256 of its text, in hexadecimal digits: equal texts have equal ones.
    pub digest: Box<str>,
    /// The keys that it changed, against the version before; `[]` of the first.
    pub changed: Vec<Box<str>>,
    /// The version that it brought back, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restored: Option<u64>,
}

/// Their history.
#[async_trait]
pub trait ConfigHistory: Debug + Send + Sync + 'static {
    /// Adds a version with the text of its file, sealed: it may hold secrets. The number of `version` is not looked at; the
    /// one that it got is in the answer. Where the newest version has the same digest, nothing is added and that one is the
    /// answer: replicas that take up one text show one version. Of the text of very old versions nothing need be kept.
    async fn add(&self, version: &ConfigVersion, text: &SecretString) -> Result<ConfigVersion>;

    /// The newest `limit` versions, newest first.
    async fn versions(&self, limit: usize) -> Result<Vec<ConfigVersion>>;

    /// The text of a version, where it is still kept.
    ///
    /// # Errors
    /// [`crate::Kind::Internal`] where the sealing key is not the one that sealed it.
    async fn text(&self, version: u64) -> Result<Option<SecretString>>;
}
