//! Signing secrets of keys: whoever has one signs tokens in its key's name, for vendors whose programs do so.

use backend::ports::{CredentialName, Credentials};
use secrecy::SecretString;

use crate::failure::Failure;

/// Where the facade that reads them keeps them.
const PLACE: &str = "facade/sunshine";
/// Bytes of a secret: as many as the signature has.
const SECRET_BYTES: usize = 32;

/// A new secret, as text.
pub(crate) fn secret() -> Result<SecretString, Failure> {
    let mut bytes = [0_u8; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::runtime(format!(
            "the operating system gave no random bytes for a new secret: {error}"
        ))
    })?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(SecretString::from(text))
}

/// Makes the signing secret of a key and keeps it sealed.
pub(crate) async fn make(
    credentials: &dyn Credentials,
    key_id: &str,
) -> Result<SecretString, Failure> {
    let secret = secret()?;
    let kept = credentials.put(&name(key_id), &secret).await;
    kept.map_err(Failure::runtime)?;
    Ok(secret)
}

/// Removes the signing secret of a key; true where it had one.
pub(crate) async fn remove(credentials: &dyn Credentials, key_id: &str) -> Result<bool, Failure> {
    let removed = credentials.remove(&name(key_id)).await;
    removed.map_err(Failure::runtime)
}

fn name(key_id: &str) -> CredentialName {
    CredentialName {
        backend: PLACE.into(),
        reference: format!("signing/{key_id}").into(),
    }
}
