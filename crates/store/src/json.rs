//! Documents as JSON text. serde's own words may quote a document, so errors carry only what and where.

use backend::{Error, Kind, Outcome, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Writes a document.
pub(crate) fn to_text<T: Serialize + ?Sized>(what: &str, value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| damaged(what, "written", &error))
}

/// Reads a document that we wrote.
pub(crate) fn from_text<T: DeserializeOwned>(what: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| damaged(what, "read", &error))
}

fn damaged(what: &str, verb: &str, error: &serde_json::Error) -> Error {
    let message = format!(
        "a stored {what} cannot be {verb}: {:?} error at byte {}",
        error.classify(),
        error.column()
    );
    Error::new(Kind::Internal, message).outcome(Outcome::NotApplied)
}
