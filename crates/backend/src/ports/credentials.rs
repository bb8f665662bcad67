//! Vendor credentials, sealed at rest.

use async_trait::async_trait;
use conversation::Time;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{Error, Kind, Result};

/// What begins the reference under which it is kept when a credential was removed.
const REMOVED: &str = "removed:";

/// Whose credential at which backend.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CredentialName {
    /// The backend's name.
    pub backend: Box<str>,
    /// The reference that bindings carry, such as `user:<tenant>/<user>`.
    pub reference: Box<str>,
}

impl CredentialName {
    /// The credential of an end user of a tenant.
    #[must_use]
    pub fn of_user(backend: &str, tenant: &str, user: &str) -> Self {
        Self {
            backend: backend.into(),
            reference: format!("user:{tenant}/{user}").into(),
        }
    }

    /// Under which it is kept when this credential was removed.
    fn removal(&self) -> Self {
        Self {
            backend: self.backend.clone(),
            reference: format!("{REMOVED}{}", self.reference).into(),
        }
    }

    /// False where this is no credential, but the note that one was removed.
    #[must_use]
    pub fn is_credential(&self) -> bool {
        !self.reference.starts_with(REMOVED)
    }
}

/// Removes a credential with which conversations may have been made, and keeps when that was: what became of a create
/// that was lost before cannot be found out without it. True where there was one.
///
/// # Errors
/// Where the state fails.
pub async fn remove_credential(
    credentials: &dyn Credentials,
    name: &CredentialName,
) -> Result<bool> {
    // One that cannot be unsealed is one all the same.
    if matches!(credentials.get(name).await, Ok(None)) {
        return Ok(false);
    }
    // Noted first: where the process dies in between, there is a note too many.
    let now = SecretString::from(Time::now().to_string());
    credentials.put(&name.removal(), &now).await?;
    credentials.remove(name).await
}

/// Whether a credential was removed at `time` or later, by [`remove_credential`].
///
/// # Errors
/// Where the state fails, or a note cannot be read.
pub async fn was_removed_since(
    credentials: &dyn Credentials,
    name: &CredentialName,
    time: Time,
) -> Result<bool> {
    let Some(noted) = credentials.get(&name.removal()).await? else {
        return Ok(false);
    };
    let removed: Time = noted.expose_secret().parse().map_err(|error| {
        Error::new(
            Kind::Internal,
            "when a credential was removed cannot be read",
        )
        .source(error)
    })?;
    Ok(time <= removed)
}

/// A conversation that was made at a vendor only to be given a credential. It is nobody's: until it is deleted it is
/// never adopted, listed or settled upon.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bootstrap {
    /// The backend's name.
    pub backend: Box<str>,
    /// Its id there.
    pub native: Box<str>,
    /// The reference of the credential that reaches it.
    pub reference: Box<str>,
}

/// Vendor credentials. A secret is sealed before it is stored and never logged.
#[async_trait]
pub trait Credentials: Send + Sync + 'static {
    /// The secret, where there is one.
    ///
    /// # Errors
    /// [`crate::Kind::Internal`] where the sealing key is not the one that sealed it.
    async fn get(&self, name: &CredentialName) -> Result<Option<SecretString>>;

    /// Stores or replaces a secret.
    async fn put(&self, name: &CredentialName, secret: &SecretString) -> Result<()>;

    /// Removes a secret; true where there was one.
    async fn remove(&self, name: &CredentialName) -> Result<bool>;

    /// The names of all secrets, without the secrets.
    async fn names(&self) -> Result<Vec<CredentialName>>;
}

/// Credentials that a vendor gives only together with a conversation.
#[async_trait]
pub trait Bootstraps: Credentials {
    /// Stores a secret under each of `names`, together with the conversation that was made only to get it, in one
    /// transaction: neither is ever known without the other.
    async fn put_with_bootstrap(
        &self,
        names: &[CredentialName],
        secret: &SecretString,
        bootstrap: &Bootstrap,
    ) -> Result<()>;

    /// The bootstrap conversations of a backend that are not known to be deleted.
    async fn bootstraps(&self, backend: &str) -> Result<Vec<Bootstrap>>;

    /// Notes that a bootstrap conversation is deleted at the vendor, or gone.
    async fn bootstrap_deleted(&self, bootstrap: &Bootstrap) -> Result<()>;
}
