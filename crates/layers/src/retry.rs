//! Trying again: which failures, how often, and how much of it all callers together may.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backend::{Error, Kind, Origin, Outcome, Retry};
use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

/// The most further attempts of one call.
const REPEATS_MAX: usize = 3;
/// The first pause between two attempts, before jitter.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Over how long calls and further attempts are counted.
const WINDOW: Duration = Duration::from_secs(10);
/// In how many steps the window moves.
const STEPS: u32 = 10;
/// So many further attempts in a window are always allowed: where there are few calls, a share of them is none.
const FLOOR: u64 = 10;

/// How long calls pause between their attempts, each with a jitter of its own.
#[derive(Debug)]
pub(crate) struct Pauses {
    /// What the jitter of the next call follows.
    seed: AtomicU64,
}

impl Pauses {
    /// By chance: gateways that were started together must not try again together.
    pub(crate) fn by_chance() -> Self {
        Self::following(RandomState::new().hash_one(()))
    }

    /// The same again under the same seed.
    pub(crate) fn following(seed: u64) -> Self {
        Self {
            seed: AtomicU64::new(seed),
        }
    }

    /// Those of the next call.
    pub(crate) fn next_call(&self) -> ExponentialBackoff {
        ExponentialBuilder::new()
            .with_min_delay(PAUSE_MIN)
            .with_max_delay(PAUSE_MAX)
            .with_factor(2.0)
            .with_max_times(REPEATS_MAX)
            .with_jitter()
            .with_jitter_seed(self.seed.fetch_add(1, Ordering::Relaxed))
            .build()
    }
}

/// True where the same call may be sent again. A read where the vendor or the way to it failed; a write only where it says
/// that nothing was done. What we refuse ourselves is refused again.
pub(crate) fn may_repeat(error: &Error, is_write: bool) -> bool {
    let is_theirs = matches!(error.origin, Origin::Upstream | Origin::Network);
    if !is_theirs || matches!(error.kind, Kind::Busy | Kind::Moved) {
        return false;
    }
    let is_temporary = error.retry == Retry::Temporary;
    if is_write {
        return is_temporary && error.outcome == Outcome::NotApplied;
    }
    // A server that failed over one read may answer the next; of a write nobody knows.
    let has_failed = error.kind == Kind::UpstreamFailed
        && error
            .upstream
            .as_ref()
            .and_then(|upstream| upstream.status)
            .is_some_and(|status| status >= 500);
    is_temporary || has_failed
}

/// How many further attempts there may be: a share of the calls of the last ten seconds, and always a few. So an outage
/// is met with little more load than the callers themselves make.
#[derive(Debug)]
pub(crate) struct Budget {
    percent: u64,
    counts: Mutex<Counts>,
}

#[derive(Debug)]
struct Counts {
    /// When each step began, the calls in it, and the further attempts.
    steps: VecDeque<(Instant, u64, u64)>,
}

impl Budget {
    /// A budget of so many further attempts for each hundred calls; 0: none at all.
    pub(crate) fn new(percent: u64) -> Self {
        Self {
            percent,
            counts: Mutex::new(Counts {
                steps: VecDeque::new(),
            }),
        }
    }

    /// Counts a call that is sent for the first time.
    pub(crate) fn note_call(&self) {
        let now = Instant::now();
        self.lock().step(now).1 += 1;
    }

    /// Takes one further attempt; false where there is none left.
    pub(crate) fn take(&self) -> bool {
        let now = Instant::now();
        let mut counts = self.lock();
        counts.step(now);
        let (calls, repeats) = counts.sums();
        let most = (calls * self.percent / 100).max(FLOOR);
        let is_left = self.percent > 0 && repeats < most;
        if is_left {
            counts.step(now).2 += 1;
        }
        is_left
    }

    /// Calls and further attempts of the window.
    #[cfg(test)]
    pub(crate) fn sums(&self) -> (u64, u64) {
        self.lock().sums()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Counters are whole after every step.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// The step of now; those that are too old are gone.
    fn step(&mut self, now: Instant) -> &mut (Instant, u64, u64) {
        while self
            .steps
            .front()
            .is_some_and(|(began, _, _)| now.duration_since(*began) >= WINDOW)
        {
            self.steps.pop_front();
        }
        let is_over = self
            .steps
            .back()
            .is_none_or(|(began, _, _)| now.duration_since(*began) >= WINDOW / STEPS);
        if is_over {
            self.steps.push_back((now, 0, 0));
        }
        let last = self.steps.len() - 1;
        &mut self.steps[last]
    }

    fn sums(&self) -> (u64, u64) {
        self.steps
            .iter()
            .fold((0, 0), |(calls, repeats), (_, more_calls, more_repeats)| {
                (calls + more_calls, repeats + more_repeats)
            })
    }
}

/// The failure after which a call is given up that was sent several times.
pub(crate) fn exhausted(error: Error, attempts: u32) -> Error {
    if attempts > 1 && error.retry == Retry::Temporary {
        error.retry(Retry::Exhausted)
    } else {
        error
    }
}

#[cfg(test)]
mod tests {
    use backend::Upstream;
    use tokio::time::advance;

    use super::*;

    fn failed(status: u16) -> Error {
        Error::new(Kind::UpstreamFailed, "x").upstream(Upstream {
            status: Some(status),
            ..Upstream::default()
        })
    }

    fn away(origin: Origin) -> Error {
        Error::new(Kind::Unavailable, "x").origin(origin)
    }

    #[test]
    fn reads_are_repeated_where_the_vendor_failed() {
        for (error, wanted) in [
            (away(Origin::Network), true),
            (away(Origin::Upstream), true),
            (
                away(Origin::Network).retry(Retry::Permanent),
                false, // as for a certificate
            ),
            (away(Origin::Gateway), false),
            (failed(500), true),
            (failed(400), false),
            (Error::new(Kind::InvalidResponse, "x"), false),
            (Error::new(Kind::UpstreamAuth, "x"), false),
            (Error::conversation_not_found(), false),
            (Error::new(Kind::Busy, "x").origin(Origin::Upstream), false),
            (Error::new(Kind::Moved, "x").origin(Origin::Upstream), false),
            (
                Error::new(Kind::RateLimited, "x").origin(Origin::Upstream),
                true,
            ),
            (Error::new(Kind::RateLimited, "x"), false),
            (Error::new(Kind::Timeout, "x"), true),
        ] {
            let case = format!("{error:?}");
            assert_eq!(may_repeat(&error, false), wanted, "{case}");
        }
    }

    #[test]
    fn writes_are_repeated_only_where_nothing_was_done() {
        for outcome in [Outcome::NotApplied, Outcome::Applied, Outcome::Unknown] {
            let may = outcome == Outcome::NotApplied;
            let error = away(Origin::Network).outcome(outcome);
            assert_eq!(may_repeat(&error, true), may, "{outcome:?}");
            let error = Error::new(Kind::Timeout, "x").outcome(outcome);
            assert_eq!(may_repeat(&error, true), may, "{outcome:?}");
            assert!(!may_repeat(&failed(500).outcome(outcome), true));
        }
    }

    #[test]
    fn pauses_are_few_and_short() {
        let pauses = Pauses::by_chance();
        for _ in 0..100 {
            let all: Vec<Duration> = pauses.next_call().collect();
            assert_eq!(all.len(), REPEATS_MAX);
            // Jitter adds up to the pause itself.
            assert!(
                all.iter()
                    .all(|one| (PAUSE_MIN..=2 * PAUSE_MAX).contains(one)),
                "{all:?}"
            );
        }
    }

    #[test]
    fn jitter_differs_from_call_to_call_and_follows_its_seed() {
        let calls = |seed: u64| -> Vec<Vec<Duration>> {
            let pauses = Pauses::following(seed);
            (0..50).map(|_| pauses.next_call().collect()).collect()
        };
        let first = calls(7);
        assert_eq!(first, calls(7));
        assert_ne!(first, calls(7_000));
        let mut different = first.clone();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), first.len(), "{first:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_budget_is_a_share_of_the_calls() {
        let budget = Budget::new(20);
        (0..1_000).for_each(|_| budget.note_call());
        let taken = (0..1_000).filter(|_| budget.take()).count();
        assert_eq!(taken, 200);
        advance(WINDOW).await;
        assert_eq!(budget.sums(), (1_000, 200), "nobody looked yet");
        let taken = (0..1_000).filter(|_| budget.take()).count();
        assert_eq!(taken, usize::try_from(FLOOR).unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_are_always_left_and_none_of_no_budget() {
        let budget = Budget::new(20);
        budget.note_call();
        let taken = (0..100).filter(|_| budget.take()).count();
        assert_eq!(taken, usize::try_from(FLOOR).unwrap());
        let none = Budget::new(0);
        (0..1_000).for_each(|_| none.note_call());
        assert!(!none.take());
    }

    #[tokio::test(start_paused = true)]
    async fn a_budget_comes_back_step_by_step() {
        let budget = Budget::new(20);
        for _ in 0..100 {
            (0..10).for_each(|_| budget.note_call());
            (0..10).for_each(|_| {
                budget.take();
            });
            let (calls, repeats) = budget.sums();
            assert!(
                repeats <= (calls / 5).max(FLOOR),
                "{repeats} of {calls} calls"
            );
            advance(WINDOW / STEPS).await;
        }
        assert!(budget.lock().steps.len() <= usize::try_from(STEPS).unwrap());
    }
}
