//! Rate limits as the vendor really keeps them: a sliding window for each path and caller, whatever the method.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use conversation::Time;
use http::{HeaderMap, HeaderName, HeaderValue};
use moka::sync::Cache;

use super::ids::hash128;

/// The window.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);
/// Windows that are remembered: beyond this the ones used longest ago begin anew.
const WINDOWS_MAX: u64 = 100_000;
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

type Window = Arc<Mutex<VecDeque<Instant>>>;

/// The windows of all callers.
#[derive(Debug)]
pub(crate) struct Limits {
    /// Zero: nothing is limited.
    per_minute: u32,
    /// By hashes of path and caller: what a stranger sends is not kept.
    windows: Cache<(u128, u128), Window>,
}

impl Limits {
    pub(crate) fn new(per_minute: u32) -> Self {
        Self {
            per_minute,
            windows: Cache::builder()
                .max_capacity(WINDOWS_MAX)
                .time_to_idle(WINDOW)
                .build(),
        }
    }

    /// One request to a path. An error where none is left; such a request does not count.
    pub(crate) fn take(&self, path: &str, caller: &str) -> Result<Budget, Budget> {
        if self.per_minute == 0 {
            return Ok(Budget {
                limit: USUAL_LIMIT,
                remaining: USUAL_LIMIT,
            });
        }
        self.take_of(self.per_minute, path, caller, Instant::now())
    }

    /// What the vendor's newest release allows a user on top: chats, streams and lists by `percent` of the paths' limit
    /// (of its own hundred: 30, 20 and 60). The limit, where it is used up.
    pub(crate) fn take_of_user(&self, what: &str, percent: u32, caller: &str) -> Result<(), u32> {
        let limit = self.per_minute.saturating_mul(percent).div_ceil(100);
        if limit == 0 {
            return Ok(());
        }
        // No path begins without a slash.
        let taken = self.take_of(limit, what, caller, Instant::now());
        taken.map(|_| ()).map_err(|_| limit)
    }

    fn take_of(
        &self,
        limit: u32,
        path: &str,
        caller: &str,
        now: Instant,
    ) -> Result<Budget, Budget> {
        let window = self.windows.get_with(
            (hash128(path.as_bytes()), hash128(caller.as_bytes())),
            Window::default,
        );
        // Times are only added and removed at the ends, so it is whole after every step.
        let mut times = window.lock().unwrap_or_else(PoisonError::into_inner);
        while times
            .front()
            .is_some_and(|time| now.saturating_duration_since(*time) >= WINDOW)
        {
            times.pop_front();
        }
        let used = u32::try_from(times.len()).unwrap_or(u32::MAX);
        if used >= limit {
            return Err(Budget {
                limit,
                remaining: 0,
            });
        }
        times.push_back(now);
        Ok(Budget {
            limit,
            remaining: limit - used - 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_slides_and_refused_requests_do_not_count() {
        let limits = Limits::new(2);
        let start = Instant::now();
        let take = |seconds: u64, path: &str, caller: &str| {
            limits.take_of(2, path, caller, start + Duration::from_secs(seconds))
        };
        assert_eq!(take(0, "/a", "k").map(|budget| budget.remaining), Ok(1));
        assert_eq!(take(30, "/a", "k").map(|budget| budget.remaining), Ok(0));
        assert!(take(59, "/a", "k").is_err());
        assert!(take(59, "/b", "k").is_ok());
        assert!(take(59, "/a", "l").is_ok());
        assert!(take(60, "/a", "k").is_ok());
        assert!(take(61, "/a", "k").is_err());
    }

    #[test]
    fn without_a_limit_everything_passes_and_the_headers_stay() {
        let limits = Limits::new(0);
        for _ in 0..200 {
            let budget = limits.take("/a", "k").unwrap();
            assert_eq!((budget.limit, budget.remaining), (100, 100));
            assert!(limits.take_of_user("chat", 30, "k").is_ok());
        }
    }

    #[test]
    fn the_limits_of_users_are_the_vendors_where_the_paths_limit_is() {
        let limits = Limits::new(100);
        let taken = (0..100)
            .take_while(|_| limits.take_of_user("chat", 30, "k").is_ok())
            .count();
        assert_eq!(taken, 30);
        assert_eq!(limits.take_of_user("chat", 30, "k"), Err(30));
    }
}
