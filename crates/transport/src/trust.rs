//! Whether kept connections can be trusted with a write.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// How long trust stays suspended after a sign that the server drops connections. The close follows the answer at
/// once, so by then the HTTP client has noticed it.
const SUSPENDED: Duration = Duration::from_secs(2);

/// Trust in kept connections, without a lock: the end of the suspension is one number.
pub(crate) struct Trust {
    created: Instant,
    /// Milliseconds after `created`; 0 if there never was a suspension.
    suspended_until_ms: AtomicU64,
}

impl Trust {
    pub(crate) fn new() -> Self {
        Self {
            created: Instant::now(),
            suspended_until_ms: AtomicU64::new(0),
        }
    }

    pub(crate) fn holds(&self, now: Instant) -> bool {
        self.milliseconds(now) >= self.suspended_until_ms.load(Ordering::Relaxed)
    }

    /// Suspends trust from now on.
    pub(crate) fn suspend(&self) {
        let until = self.milliseconds(Instant::now() + SUSPENDED);
        self.suspended_until_ms.store(until, Ordering::Relaxed);
    }

    fn milliseconds(&self, moment: Instant) -> u64 {
        let elapsed = moment.saturating_duration_since(self.created);
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_holds_until_suspended_and_comes_back() {
        let trust = Trust::new();
        assert!(trust.holds(Instant::now()));
        trust.suspend();
        assert!(!trust.holds(Instant::now()));
        assert!(trust.holds(Instant::now() + SUSPENDED));
    }
}
