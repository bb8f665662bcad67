//! Work on one conversation, among many.

use std::panic::AssertUnwindSafe;

use backend::{Error, Kind, Result};
use conversation::ConversationId;
use futures_util::future::FutureExt as _;

/// Works on one conversation. A defect of ours that it leads to is that conversation's failure, and nobody else's.
///
/// # Errors
/// That of the work; [`Kind::Internal`] where it panicked.
pub(crate) async fn alone<T>(
    id: ConversationId,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.unwrap_or_else(|_| {
        tracing::error!(conversation = %id, "the work on a conversation panicked");
        Err(Error::new(
            Kind::Internal,
            "the work on this conversation met a defect of ours, which the log tells: it is left as it is",
        ))
    })
}
