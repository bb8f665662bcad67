//! Vendor credentials, sealed at rest.

use async_trait::async_trait;
use secrecy::SecretString;

use crate::Result;

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
