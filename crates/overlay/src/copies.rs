//! Copies in place of a backend that is down: whoever reads is shown what was last seen, with its age. Whoever writes is
//! not: a write decides by what is there.

use std::sync::Arc;
use std::time::Duration;

use backend::ports::Kept;
use backend::{Context, Error, Freshness, Kind, Location, Origin, Result};
use conversation::{MessageId, Time};

use crate::Overlay;
use crate::lists::Held;

/// True where a failure says that the backend cannot be asked at the moment, and nothing of what it holds.
fn is_down(error: &Error) -> bool {
    match error.kind {
        Kind::Unavailable | Kind::Timeout => {
            matches!(error.origin, Origin::Upstream | Origin::Network)
        }
        // A refusal is its word, not its absence.
        Kind::UpstreamFailed => error
            .upstream
            .as_ref()
            .and_then(|upstream| upstream.status)
            .is_none_or(|status| status >= 500),
        Kind::InvalidResponse | Kind::RateLimited => true,
        _ => false,
    }
}

/// True where the caller may be shown a copy in place of what the backend failed to tell.
fn may_be_old(cx: &Context, error: &Error) -> bool {
    cx.freshness == Freshness::Cached && cx.fence.is_none() && is_down(error)
}

/// How long ago a conversation was last read, as far as its index says.
fn age(kept: &Kept) -> Duration {
    let Some(index) = &kept.index else {
        return Duration::ZERO;
    };
    let micros = Time::now().as_micros() - index.read_at.as_micros();
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

impl Overlay {
    /// What is kept of a conversation whose backend failed so, where its messages are copied here.
    ///
    /// # Errors
    /// `error` where there is no copy, or the caller is not to be shown one.
    pub(crate) async fn kept_of_down(
        &self,
        cx: &Context,
        at: &Location,
        error: Error,
    ) -> Result<Arc<Kept>> {
        if !may_be_old(cx, &error) {
            return Err(error);
        }
        let kept = self.kept(at).await?;
        if kept.index.is_none() {
            return Err(error);
        }
        cx.trace.note_stale(age(&kept));
        Ok(kept)
    }

    /// The copy of a message that the backend failed so to tell.
    ///
    /// # Errors
    /// `error` where there is no copy that is shown, or the caller is not to be shown one.
    pub(crate) async fn held_of_down(
        &self,
        cx: &Context,
        at: &Location,
        kept: &Kept,
        id: &MessageId,
        error: Error,
    ) -> Result<Held> {
        if !may_be_old(cx, &error) || kept.index.is_none() {
            return Err(error);
        }
        let Ok(row) = self.shown(at, id).await else {
            return Err(error);
        };
        cx.trace.note_stale(age(kept));
        Ok(Held::Copy(Box::new(row)))
    }

    /// The copy of a conversation that the backend failed so to tell.
    ///
    /// # Errors
    /// `error` where there is none, or the caller is not to be shown one.
    pub(crate) fn copy_of_down(
        cx: &Context,
        kept: &Kept,
        error: Error,
    ) -> Result<conversation::Conversation> {
        match &kept.copy {
            Some(copy) if may_be_old(cx, &error) => {
                cx.trace.note_stale(age(kept));
                Ok((**copy).clone())
            }
            _ => Err(error),
        }
    }
}
