//! Rate limits for each path and caller, whatever the method, as the vendor really has them.
//!
//! The vendor's window slides and is one process's; ours begins with a caller's first request and is counted for all
//! replicas together.

use std::sync::Arc;
use std::time::Duration;

use backend::ports::{Taken, Turns};
use backend::{Outcome, Result};
use conversation::Time;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::ids::hash128;

/// The window.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);
/// What the headers say where nothing is limited.
const USUAL_LIMIT: u32 = 100;

/// What the rate-limit headers of an answer say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
}

impl Budget {
    /// Writes the headers that the vendor really sends.
    pub(crate) fn write_to(self, headers: &mut HeaderMap) {
        let window = WINDOW.as_secs();
        let now = u64::try_from(Time::now().as_millis() / 1_000).unwrap_or_default();
        for (name, value) in [
            ("x-ratelimit-limit", u64::from(self.limit)),
            ("x-ratelimit-remaining", u64::from(self.remaining)),
            // Always a whole window from now, as the vendor counts.
            ("x-ratelimit-reset", now + window),
            ("x-ratelimit-window", window),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
        }
    }
}

/// A request that has a place in its window, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spent {
    /// What the headers say.
    pub(crate) budget: Budget,
    /// True where nothing was left; such a request does not count.
    pub(crate) is_used_up: bool,
}

/// The windows of all callers.
#[derive(Debug)]
pub(crate) struct Limits {
    /// Zero: nothing is limited.
    per_minute: u32,
    turns: Arc<dyn Turns>,
}

impl Limits {
    pub(crate) fn new(per_minute: u32, turns: Arc<dyn Turns>) -> Self {
        Self { per_minute, turns }
    }

    /// One request to a path.
    ///
    /// # Errors
    /// Those of the state: then nobody knows what is left.
    pub(crate) async fn take(&self, path: &str, caller: &str) -> Result<Spent> {
        if self.per_minute == 0 {
            let budget = Budget {
                limit: USUAL_LIMIT,
                remaining: USUAL_LIMIT,
            };
            return Ok(Spent {
                budget,
                is_used_up: false,
            });
        }
        let taken = self.take_of(self.per_minute, path, caller).await?;
        Ok(Spent {
            budget: Budget {
                limit: self.per_minute,
                remaining: taken.remaining,
            },
            is_used_up: !taken.granted,
        })
    }

    /// What the vendor's newest release allows a user on top: chats, streams and lists by `percent` of the paths' limit
    /// (of its own hundred: 30, 20 and 60). The limit, where it is used up.
    ///
    /// # Errors
    /// As [`Limits::take`].
    pub(crate) async fn take_of_user(
        &self,
        what: &str,
        percent: u32,
        caller: &str,
    ) -> Result<Option<u32>> {
        let limit = self.per_minute.saturating_mul(percent).div_ceil(100);
        if limit == 0 {
            return Ok(None);
        }
        // No path begins without a slash.
        let taken = self.take_of(limit, what, caller).await?;
        Ok((!taken.granted).then_some(limit))
    }

    /// By hashes of path and caller: what a stranger sends is not kept.
    async fn take_of(&self, limit: u32, path: &str, caller: &str) -> Result<Taken> {
        let what = format!("chatter/{:032x}", hash128(path.as_bytes()));
        let who = format!("{:032x}", hash128(caller.as_bytes()));
        let taken = self.turns.take(&what, &who, limit, WINDOW).await;
        taken.map_err(|error| error.outcome(Outcome::NotApplied))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;

    /// One window for ever.
    #[derive(Debug, Default)]
    struct Counted(Mutex<HashMap<(String, String), u32>>);

    #[async_trait]
    impl Turns for Counted {
        async fn take(&self, what: &str, who: &str, most: u32, window: Duration) -> Result<Taken> {
            let mut counted = self.0.lock().unwrap();
            let used = counted.entry((what.into(), who.into())).or_default();
            let granted = *used < most;
            *used += u32::from(granted);
            Ok(Taken::of(granted, *used, most, window))
        }
    }

    fn limits(per_minute: u32) -> Limits {
        Limits::new(per_minute, Arc::new(Counted::default()))
    }

    #[tokio::test]
    async fn each_path_and_caller_has_a_window_and_the_headers_tell_of_it() {
        let limits = limits(2);
        let take = async |path: &str, caller: &str| {
            let spent = limits.take(path, caller).await.unwrap();
            (spent.budget.remaining, spent.is_used_up)
        };
        assert_eq!(take("/a", "k").await, (1, false));
        assert_eq!(take("/a", "k").await, (0, false));
        assert_eq!(take("/a", "k").await, (0, true));
        assert_eq!(take("/b", "k").await, (1, false));
        assert_eq!(take("/a", "l").await, (1, false));
    }

    /// A state that cannot be asked.
    #[derive(Debug)]
    struct Away;

    #[async_trait]
    impl Turns for Away {
        async fn take(&self, _: &str, _: &str, _: u32, _: Duration) -> Result<Taken> {
            let error = backend::Error::new(backend::Kind::Unavailable, "away");
            Err(error.outcome(Outcome::Unknown))
        }
    }

    #[tokio::test]
    async fn where_nobody_can_count_nothing_passes_and_nothing_was_done() {
        let limits = Limits::new(100, Arc::new(Away));
        for refused in [
            limits.take("/a", "k").await.map(drop),
            limits.take_of_user("chat", 30, "k").await.map(drop),
        ] {
            let error = refused.unwrap_err();
            assert_eq!(
                (error.kind, error.outcome),
                (backend::Kind::Unavailable, Outcome::NotApplied)
            );
        }
    }

    #[tokio::test]
    async fn without_a_limit_everything_passes_and_the_headers_stay() {
        let limits = limits(0);
        for _ in 0..200 {
            let spent = limits.take("/a", "k").await.unwrap();
            assert_eq!((spent.budget.limit, spent.budget.remaining), (100, 100));
            assert_eq!(limits.take_of_user("chat", 30, "k").await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn the_limits_of_users_are_the_vendors_where_the_paths_limit_is() {
        let limits = limits(100);
        for _ in 0..30 {
            assert_eq!(limits.take_of_user("chat", 30, "k").await.unwrap(), None);
        }
        let used_up = limits.take_of_user("chat", 30, "k").await.unwrap();
        assert_eq!(used_up, Some(30));
    }
}
