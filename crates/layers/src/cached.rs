//! A memory of what a backend said: answers for a moment where that is wanted, and the last answer where the backend
//! cannot be asked.
//!
//! - What is remembered belongs to a tenant and end user, to a credential, and to one question. Nobody is ever given what
//!   somebody else was told.
//! - Every write of a conversation forgets what is remembered of it, for everybody. From its begin to its end nothing is
//!   given out of memory and nothing is put into it; a read that began before a write ended is not remembered. A write
//!   that certainly did nothing leaves what was there. One of which nobody knows leaves it for when the backend is down.
//! - What the backend no longer finds is forgotten.
//! - Where the backend is down (away, left alone, silent, failing, or wanting no calls), the last answer is given with its
//!   age, [`backend::Trace::note_stale`], unless a fresh one was asked for, or a
//!   writer asks: a write decides by what is there.
//! - Lists of conversations and several conversations at once are never answered so: the directory knows them, and names
//!   what it could not ask for.

mod calls;
mod shelves;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backend::{Backend, Context, Error, Freshness, Kind, Location, Origin, Result};

use self::shelves::{Kept, Question, Shelves, Who};

/// What is remembered, and how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheSettings {
    /// How old an answer may be that is given instead of asking; zero: each is asked for.
    pub fresh_for: Duration,
    /// How old an answer may be that is given where the backend is down; zero: none is.
    pub stale_for: Duration,
    /// The most memory, in bytes; 0: nothing is remembered.
    pub max_bytes: u64,
}

impl Default for CacheSettings {
    /// Each is asked for; what is a day old at most is given where the backend is down; 32 MiB.
    fn default() -> Self {
        Self {
            fresh_for: Duration::ZERO,
            stale_for: Duration::from_secs(86_400),
            max_bytes: 32 << 20,
        }
    }
}

/// What an answer out of memory is wanted for.
#[derive(Debug, Clone, Copy)]
enum Use {
    /// To be given instead of asking.
    Fresh,
    /// To be given where the backend is down.
    Stale,
}

/// A backend whose answers are remembered.
pub struct Cached {
    below: Arc<dyn Backend>,
    settings: CacheSettings,
    shelves: Arc<Shelves>,
}

impl fmt::Debug for Cached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached")
            .field("below", &self.below)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Cached {
    /// `below`, of which so much is remembered.
    #[must_use]
    pub fn new(below: Arc<dyn Backend>, settings: CacheSettings) -> Self {
        Self {
            shelves: Arc::new(Shelves::new(settings.max_bytes)),
            below,
            settings,
        }
    }

    /// The same in the place of another one over the same backend, some of whose calls still run: both remember the same, as
    /// much as the former one may, so that neither tells what the other has changed.
    #[must_use]
    pub fn succeeding(self, former: &Self) -> Self {
        Self {
            shelves: Arc::clone(&former.shelves),
            ..self
        }
    }

    /// Forgets everything: somebody has written past it. What is being read at the moment is not remembered either.
    pub fn forget_all(&self) {
        self.shelves.forget_all();
    }

    /// False where nothing is ever given out of memory.
    fn is_used(&self) -> bool {
        let settings = &self.settings;
        settings.max_bytes > 0 && !settings.fresh_for.max(settings.stale_for).is_zero()
    }

    /// Answers a question out of memory where that is wanted, else by `asked`, else out of memory where the backend is
    /// down.
    async fn answered<T: Kept>(
        &self,
        cx: &Context,
        at: &Location,
        question: Question,
        asked: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        if !self.is_used() {
            return asked.await;
        }
        let who = Who::new(cx, at);
        // Whoever holds a lease writes, and decides by what it reads.
        let may_remember = cx.freshness == Freshness::Cached && cx.fence.is_none();
        if may_remember
            && !self.settings.fresh_for.is_zero()
            && let Some((answer, _)) = self.remembered(at, &who, &question, Use::Fresh)
        {
            self.count("hit");
            return Ok(answer);
        }
        let ticket = self.shelves.ticket(&at.native);
        let error = match asked.await {
            Ok(answer) => {
                self.count("miss");
                self.shelves
                    .put(&at.native, ticket, who, question, answer.to_answer());
                return Ok(answer);
            }
            Err(error) => error,
        };
        if is_gone(&error) {
            self.shelves.forget(&at.native);
        }
        if may_remember
            && is_down(&error)
            && let Some((answer, age)) = self.remembered(at, &who, &question, Use::Stale)
        {
            self.count("stale");
            tracing::debug!(
                backend.name = &*self.below.info().name,
                error.kind = error.kind.as_str(),
                "answered out of memory, because the backend is down"
            );
            cx.trace.note_stale(age);
            return Ok(answer);
        }
        Err(error)
    }

    fn remembered<T: Kept>(
        &self,
        at: &Location,
        who: &Who,
        question: &Question,
        wanted: Use,
    ) -> Option<(T, Duration)> {
        let found = self.shelves.get(&at.native, who, question)?;
        let age = found.since.elapsed();
        let is_good = match wanted {
            Use::Fresh => !found.is_doubtful && age < self.settings.fresh_for,
            Use::Stale => age < self.settings.stale_for,
        };
        let answer = is_good.then(|| T::of_answer(&found.answer)).flatten()?;
        Some((answer, age))
    }

    fn count(&self, result: &'static str) {
        metrics::counter!(
            "dragoman_cache_reads_total",
            "backend" => self.below.info().name.to_string(),
            "result" => result
        )
        .increment(1);
    }
}

/// True where a failure says that what was remembered is not there any more, or not for everybody.
fn is_gone(error: &Error) -> bool {
    matches!(
        error.kind,
        Kind::NotFound | Kind::Forbidden | Kind::AccessEnded
    )
}

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
