//! What an operator may ask of the configuration of a gateway that runs. The binary, which alone reads files, does it.

use std::fmt::Debug;

use async_trait::async_trait;
use backend::ports::ConfigVersion;
use conversation::Time;
use serde::Serialize;
use serde_json::Value;

/// Who asks for another configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigCaller {
    /// The key's id, or in words who else it is: `file`, `signal`.
    pub by: Box<str>,
    /// The key's tenant; absent where no key was used.
    pub tenant: Option<Box<str>>,
    /// The end user for whom it is asked.
    pub user: Option<Box<str>>,
    /// The request's id.
    pub request_id: Option<Box<str>>,
}

/// One mistake in a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigMistake {
    /// Where: `FILE:LINE:COLUMN`, or the name of a variable or a flag. Absent where no single place is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What is wrong, without secrets.
    pub message: String,
}

/// A key whose value differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfigChange {
    /// Its path: `telemetry.log_level`, `backend.support.base_url`, `route[0].to`.
    pub key: String,
    /// Its value now; absent where it is not set. A secret is a placeholder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// Its value in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
    /// True where it is read only when the process starts.
    pub needs_restart: bool,
}

/// How an attempt to bring another configuration into use ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfigResult {
    /// It is in use.
    Applied,
    /// It is the one in use already.
    Unchanged,
    /// It cannot be used; nothing was changed.
    Refused,
}

/// The last attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigAttempt {
    /// When.
    pub at: Time,
    /// Who asked: `start`, `file`, `signal` or `key <id>`.
    pub by: Box<str>,
    /// How it ended.
    pub result: ConfigResult,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mistakes: Vec<ConfigMistake>,
}

/// The configuration that is in use.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfigStatus {
    /// Its version.
    #[serde(flatten)]
    pub version: ConfigVersion,
    /// The file; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// True where the file, when it was last read, held another configuration: after a rollback, or where it is broken.
    pub file_differs: bool,
    /// Keys whose values in use are not those that were configured: they are read only when the process starts.
    pub needs_restart: Vec<String>,
    /// The last attempt to bring another one into use.
    pub last_attempt: ConfigAttempt,
    /// Every value in use; secrets are placeholders.
    pub effective: Value,
}

/// Whether the file could be used.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfigCheck {
    /// True where it could.
    pub usable: bool,
    /// What is wrong with it.
    pub mistakes: Vec<ConfigMistake>,
}

/// What a reload would change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfigDiff {
    /// Key by key.
    pub changes: Vec<ConfigChange>,
}

/// What a reload or a rollback did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfigOutcome {
    /// How it ended; never refused, which is an error.
    pub result: ConfigResult,
    /// The version that is in use now.
    pub version: ConfigVersion,
    /// What was changed, key by key, and what would be but for a restart.
    pub changes: Vec<ConfigChange>,
    /// Keys whose values in use are not those that were configured.
    pub needs_restart: Vec<String>,
    /// What else the operator should know, in words: that the file still holds another configuration.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Why a configuration did not come into use. Nothing was changed.
#[derive(Debug, Clone)]
pub enum ConfigRefusal {
    /// It cannot be used.
    Mistakes(Vec<ConfigMistake>),
    /// Something outside the configuration went wrong.
    Failed(backend::Error),
}

impl From<backend::Error> for ConfigRefusal {
    fn from(error: backend::Error) -> Self {
        Self::Failed(error)
    }
}

/// The configuration of a gateway that runs.
#[async_trait]
pub trait Configuring: Debug + Send + Sync + 'static {
    /// The configuration in use.
    ///
    /// # Errors
    /// [`backend::Kind::Unavailable`] where the gateway is stopping.
    fn status(&self) -> backend::Result<ConfigStatus>;

    /// Reads the file and says whether it could be used. Changes nothing.
    ///
    /// # Errors
    /// Those of the gateway's own state.
    async fn check(&self) -> backend::Result<ConfigCheck>;

    /// Reads the file and says what it would change. Changes nothing.
    ///
    /// # Errors
    /// Where the file cannot be used.
    async fn diff(&self) -> Result<ConfigDiff, ConfigRefusal>;

    /// Brings what the file holds into use.
    ///
    /// # Errors
    /// Where it cannot be used.
    async fn reload(&self, caller: ConfigCaller) -> Result<ConfigOutcome, ConfigRefusal>;

    /// The newest `limit` versions, newest first.
    ///
    /// # Errors
    /// Those of the gateway's own state.
    async fn history(&self, limit: usize) -> backend::Result<Vec<ConfigVersion>>;

    /// Brings a version that was in use before into use again. The file is not written: it holds what it held.
    ///
    /// # Errors
    /// [`backend::Kind::NotFound`] where the version is not known, or its text is not kept any more; also where it cannot be
    /// used any more.
    async fn rollback(
        &self,
        version: u64,
        caller: ConfigCaller,
    ) -> Result<ConfigOutcome, ConfigRefusal>;
}
