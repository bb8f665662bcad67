//! How often each key may call vendors' own APIs.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// From so many keys on, those that did not call for a while are forgotten.
const KEYS_MAX: usize = 1_024;

/// Counts each key's calls of vendors' own APIs. Cheap to clone; clones count together, so that it can outlive a
/// configuration.
#[derive(Clone, Default)]
pub struct PassthroughPace(Arc<Mutex<Option<Pace>>>);

/// The limit, and the calls under it.
struct Pace {
    per_minute: NonZeroU32,
    calls: DefaultKeyedRateLimiter<Box<str>>,
    clock: DefaultClock,
}

impl PassthroughPace {
    /// Takes one call of this key. `Err` tells when the next is free; a limit of 0 frees none for a minute.
    pub(crate) fn take(&self, key: &str, per_minute: u32) -> Result<(), Duration> {
        let Some(per_minute) = NonZeroU32::new(per_minute) else {
            return Err(Duration::from_secs(60));
        };
        let mut pace = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Under another limit everybody begins anew.
        let pace = match pace.take_if(|pace| pace.per_minute != per_minute) {
            None => pace.get_or_insert_with(|| Pace::of(per_minute)),
            Some(_) => pace.insert(Pace::of(per_minute)),
        };
        if pace.calls.len() > KEYS_MAX {
            pace.calls.retain_recent();
        }
        let taken = pace.calls.check_key(&key.into());
        taken.map_err(|until| until.wait_time_from(pace.clock.now()))
    }
}

impl Pace {
    fn of(per_minute: NonZeroU32) -> Self {
        Pace {
            per_minute,
            calls: RateLimiter::keyed(Quota::per_minute(per_minute)),
            clock: DefaultClock::default(),
        }
    }
}

impl fmt::Debug for PassthroughPace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PassthroughPace")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::PassthroughPace;

    #[test]
    fn each_key_has_its_own_calls_and_a_new_limit_begins_anew() {
        let pace = PassthroughPace::default();
        for _ in 0..2 {
            assert_eq!(pace.take("a", 2), Ok(()));
        }
        // Half a minute frees one again.
        let wait = pace.clone().take("a", 2).unwrap_err();
        assert!(
            wait > Duration::ZERO && wait <= Duration::from_secs(30),
            "{wait:?}"
        );
        assert_eq!(pace.take("b", 2), Ok(()));
        assert_eq!(pace.take("a", 3), Ok(()));
        assert_eq!(pace.take("a", 0), Err(Duration::from_secs(60)));
    }
}
