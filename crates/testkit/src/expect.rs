//! What a case expects of a call.

use std::fmt::Debug;

use backend::{Error, Kind, Outcome, Result};

/// Results that a case expects to be right.
pub(crate) trait Must<T> {
    /// The value.
    ///
    /// # Panics
    /// Where the call failed; `what` says which.
    fn must(self, what: &str) -> T;
}

impl<T> Must<T> for Result<T> {
    #[track_caller]
    fn must(self, what: &str) -> T {
        match self {
            Ok(value) => value,
            Err(error) => panic!("{what} failed: {error:?}"),
        }
    }
}

/// Expects a refusal of this kind, after which nothing has changed.
#[track_caller]
pub(crate) fn refused<T: Debug>(result: Result<T>, kind: Kind, what: &str) -> Error {
    match result {
        Ok(value) => panic!(
            "{what} should be refused as {}, and gave {value:?}",
            kind.as_str()
        ),
        Err(error) => {
            assert_eq!(
                error.kind,
                kind,
                "{what} should be refused as {}: {error:?}",
                kind.as_str()
            );
            assert_eq!(
                error.outcome,
                Outcome::NotApplied,
                "a refusal changes nothing: {what}: {error:?}"
            );
            error
        }
    }
}

/// Expects "not found".
#[track_caller]
pub(crate) fn not_found<T: Debug>(result: Result<T>, what: &str) {
    refused(result, Kind::NotFound, what);
}
