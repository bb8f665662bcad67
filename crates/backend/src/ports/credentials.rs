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
