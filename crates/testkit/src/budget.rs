//! A vendor's rate limit, for fakes: so many requests in a minute, spread evenly, with a little more at once.

use std::time::{Duration, Instant};

/// Requests that may come at once, as a part of a minute's: one second's worth.
const BURST_SECONDS: f64 = 1.0;

/// How many requests are left, and when the next one is.
#[derive(Debug, Clone)]
pub struct Budget {
    per_second: f64,
    most: f64,
    left: f64,
    asked: Instant,
}

impl Budget {
    /// A full budget.
    #[must_use]
    pub fn per_minute(requests: u64) -> Self {
        let per_second = requests as f64 / 60.0;
        let most = (per_second * BURST_SECONDS).max(1.0);
        Self {
            per_second,
            most,
            left: most,
            asked: Instant::now(),
        }
    }

    /// Uses one request.
    ///
    /// # Errors
    /// Where none is left: how long it takes until there is one. A refused request does not count.
    pub fn spend(&mut self, now: Instant) -> Result<(), Duration> {
        let passed = now.saturating_duration_since(self.asked).as_secs_f64();
        self.left = (self.left + passed * self.per_second).min(self.most);
        self.asked = self.asked.max(now);
        if self.left >= 1.0 {
            self.left -= 1.0;
            Ok(())
        } else {
            Err(Duration::from_secs_f64((1.0 - self.left) / self.per_second))
        }
    }
}

/// A wait as `Retry-After` says it: whole seconds, rounded up.
#[must_use]
pub fn retry_after_seconds(wait: Duration) -> u64 {
    (wait.as_secs_f64().ceil() as u64).max(1)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Budget, retry_after_seconds};

    #[test]
    fn a_second_of_requests_may_come_at_once_and_then_one_after_the_other() {
        let mut budget = Budget::per_minute(600);
        let start = Instant::now() + Duration::from_secs(5);
        for _ in 0..10 {
            budget.spend(start).expect("ten at once");
        }
        let wait = budget.spend(start).expect_err("none is left");
        assert!(
            wait <= Duration::from_millis(101) && wait >= Duration::from_millis(99),
            "{wait:?}"
        );
        budget
            .spend(start + Duration::from_millis(110))
            .expect("one more by now");
        budget
            .spend(start + Duration::from_millis(120))
            .expect_err("only one");
    }

    #[test]
    fn waits_are_told_in_whole_seconds() {
        assert_eq!(retry_after_seconds(Duration::from_millis(1)), 1);
        assert_eq!(retry_after_seconds(Duration::from_millis(1001)), 2);
        assert_eq!(retry_after_seconds(Duration::ZERO), 1);
    }
}
