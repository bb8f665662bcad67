//! How fast a backend is asked: the limit that is configured or documented, and what its own refusals teach.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use conversation::Time;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::time::Instant;

use crate::parts::Endpoint;

const MINUTE: Duration = Duration::from_secs(60);
/// How long a backend is left alone that refuses without saying for how long: at first, and at most.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MOST: Duration = Duration::from_secs(60);
/// The longest pause that a backend can ask for.
const PAUSE_ASKED_MOST: Duration = Duration::from_secs(3_600);

/// The pace of each backend, by its name: all migrations of a process share it.
#[derive(Debug, Default)]
pub(crate) struct Paces(Mutex<HashMap<Box<str>, Arc<Pace>>>);

impl Paces {
    /// The pace of a backend.
    pub(crate) fn of(&self, endpoint: &Endpoint) -> Arc<Pace> {
        let mut paces = lock(&self.0);
        let name = &endpoint.stack.info().name;
        if let Some(pace) = paces.get(name) {
            return pace.clone();
        }
        let documented = || endpoint.stack.capabilities().limits.requests_per_minute;
        let pace = Arc::new(Pace::new(endpoint.requests_per_minute.or_else(documented)));
        paces.insert(name.clone(), pace.clone());
        pace
    }
}

/// The pace of one backend.
#[derive(Debug)]
pub(crate) struct Pace(Mutex<State>);

#[derive(Debug)]
struct State {
    /// The most requests in a minute, as configured or documented.
    most: Option<u64>,
    /// The most in a minute by now: less, where the backend refused.
    rate: Option<u64>,
    limiter: Option<Arc<DefaultDirectRateLimiter>>,
    paused_until: Option<Instant>,
    /// Refusals since the last answer.
    refusals: u32,
    /// When the rate was last changed.
    changed: Instant,
    /// Requests since a time.
    counted: u64,
    counted_since: Instant,
}

impl Pace {
    fn new(most: Option<u64>) -> Self {
        let now = Instant::now();
        Self(Mutex::new(State {
            most,
            rate: most,
            limiter: most.map(limiter),
            paused_until: None,
            refusals: 0,
            changed: now,
            counted: 0,
            counted_since: now,
        }))
    }

    /// Waits until so many requests may be made.
    pub(crate) async fn wait(&self, requests: u32) {
        for _ in 0..requests {
            loop {
                let (pause, limiter) = {
                    let state = lock(&self.0);
                    (state.paused_until, state.limiter.clone())
                };
                if let Some(until) = pause.filter(|until| *until > Instant::now()) {
                    tokio::time::sleep_until(until).await;
                    continue;
                }
                if let Some(limiter) = limiter {
                    limiter.until_ready().await;
                }
                // Meanwhile the backend may have refused somebody else.
                if lock(&self.0).may_go(Instant::now()) {
                    break;
                }
            }
        }
    }

    /// Waits while the backend is left alone because it refused.
    pub(crate) async fn rest(&self) {
        loop {
            let until = lock(&self.0).paused_until;
            match until.filter(|until| *until > Instant::now()) {
                Some(until) => tokio::time::sleep_until(until).await,
                None => return,
            }
        }
    }

    /// The backend answered.
    pub(crate) fn answered(&self) {
        let mut state = lock(&self.0);
        state.refusals = 0;
        let now = Instant::now();
        // Slowly back to what is allowed: a limit that was met may have been somebody else's fault.
        if let Some(rate) = state.rate
            && state.rate != state.most
            && now.duration_since(state.changed) >= MINUTE
        {
            let faster = (rate + rate / 10).max(rate + 1);
            let faster = state.most.map_or(faster, |most| faster.min(most));
            state.set_rate(faster, now);
        }
    }

    /// The backend refused, because it was asked too often: everybody leaves it alone for a while, and asks it less
    /// afterwards.
    pub(crate) fn refused(&self, wait: Option<Duration>) {
        let mut state = lock(&self.0);
        let now = Instant::now();
        let is_news = state.paused_until.is_none_or(|until| until <= now);
        if is_news {
            let measured = state.measured(now);
            let rate = state.rate.unwrap_or(measured).min(measured.max(1));
            state.set_rate((rate * 4 / 5).max(1), now);
            state.refusals = state.refusals.saturating_add(1);
        }
        let doubled = PAUSE_FIRST.saturating_mul(1 << state.refusals.saturating_sub(1).min(6));
        let wait = wait.map_or(doubled.min(PAUSE_MOST), |wait| wait.min(PAUSE_ASKED_MOST));
        state.paused_until = state.paused_until.max(Some(now + wait));
    }

    /// Until when nobody asks the backend, where that is so.
    pub(crate) fn waits_until(&self) -> Option<Time> {
        let left = lock(&self.0)
            .paused_until?
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())?;
        let micros = i64::try_from(left.as_micros()).unwrap_or(i64::MAX);
        Some(Time::now().saturating_add_micros(micros))
    }
}

impl State {
    fn may_go(&mut self, now: Instant) -> bool {
        if self.paused_until.is_some_and(|until| until > now) {
            return false;
        }
        if now.duration_since(self.counted_since) >= MINUTE {
            self.counted = 0;
            self.counted_since = now;
        }
        self.counted += 1;
        true
    }

    /// Requests in a minute, as they went lately.
    fn measured(&self, now: Instant) -> u64 {
        let seconds = now.duration_since(self.counted_since).as_secs().max(1);
        self.counted.saturating_mul(60) / seconds
    }

    fn set_rate(&mut self, rate: u64, now: Instant) {
        self.rate = Some(rate);
        self.limiter = Some(limiter(rate));
        self.changed = now;
    }
}

/// So many in a minute, evenly: what a second allows at once at most, because a vendor may count by shorter spans.
fn limiter(requests_per_minute: u64) -> Arc<DefaultDirectRateLimiter> {
    let rate = u32::try_from(requests_per_minute.max(1)).unwrap_or(u32::MAX);
    let burst = NonZeroU32::new(rate / 60).unwrap_or(NonZeroU32::MIN);
    let quota = Quota::with_period(MINUTE / rate)
        .unwrap_or_else(|| Quota::per_second(NonZeroU32::MAX))
        .allow_burst(burst);
    Arc::new(RateLimiter::direct(quota))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is whole after each step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(pace: &Pace) -> Option<u64> {
        lock(&pace.0).rate
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_stops_everybody_and_lowers_the_rate_once() {
        let pace = Pace::new(Some(60_000));
        pace.wait(3).await;
        pace.refused(Some(Duration::from_secs(30)));
        let lowered = rate(&pace);
        assert!(lowered < Some(60_000));
        // Those that were on their way are refused too: one lesson.
        pace.refused(Some(Duration::from_secs(20)));
        assert_eq!(rate(&pace), lowered);
        let before = Instant::now();
        pace.wait(1).await;
        assert!(Instant::now().duration_since(before) >= Duration::from_secs(30));
        assert_eq!(pace.waits_until(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_comes_back_to_what_is_allowed_and_no_further() {
        let pace = Pace::new(Some(6_000));
        pace.wait(1).await;
        pace.refused(None);
        assert!(rate(&pace) < Some(6_000));
        for _ in 0..200 {
            tokio::time::advance(MINUTE).await;
            pace.answered();
        }
        assert_eq!(rate(&pace), Some(6_000));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_word_the_pauses_grow_to_a_minute() {
        let pace = Pace::new(None);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            pace.refused(None);
            let until = lock(&pace.0).paused_until.unwrap();
            pauses.push(until.duration_since(Instant::now()).as_secs());
            tokio::time::advance(Duration::from_secs(61)).await;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn a_rate_is_even() {
        let at_once = |rate| {
            let limiter = limiter(rate);
            (0..100).take_while(|_| limiter.check().is_ok()).count()
        };
        assert_eq!((at_once(1), at_once(59), at_once(600)), (1, 1, 10));
    }
}
