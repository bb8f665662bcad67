//! The circuit breaker: a backend that fails is left alone for a moment, and asked carefully whether it is back.
//!
//! - *Closed*: everything passes. Of the last calls, twice `failures` at most and none older than a minute, `failures`
//!   have failed: it opens.
//! - *Open*: nothing passes, for one second at first, twice as long after each trial that failed, five at most.
//! - *Half-open*: one call passes as a trial. Where it works the breaker closes, where it fails it opens again. Of a trial
//!   that has said nothing for five seconds nobody waits for any longer: the next call is a trial too, and the first of
//!   them that works closes.
//!
//! Calls that were sent before it opened say nothing afterwards.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backend::{Error, Kind, Origin};
use tokio::time::Instant;

/// How long a failure counts.
const REMEMBERED: Duration = Duration::from_secs(60);
/// How long it stays open at first.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// How long it stays open at most.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long a trial may say nothing until the next call is one too.
const TRIAL_MAX: Duration = Duration::from_secs(5);
/// A call that got less time than this, and not as much as it may have, tells nothing by not being answered in time.
const PATIENCE_MIN: Duration = Duration::from_secs(1);

/// What a call says about its backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It works: it answered, be it with a refusal.
    Works,
    /// It does not.
    Fails,
    /// Nothing.
    Nothing,
}

impl Verdict {
    /// What a failure says that came after `elapsed` of the `allowed` time.
    pub(crate) fn of(error: &Error, elapsed: Duration, allowed: Option<Duration>) -> Self {
        let is_patient = elapsed >= allowed.map_or(PATIENCE_MIN, |most| most.min(PATIENCE_MIN));
        let is_refusal = error
            .upstream
            .as_ref()
            .and_then(|upstream| upstream.status)
            .is_some_and(|status| (400..500).contains(&status));
        match (error.kind, error.origin) {
            // A vendor that says no is there: a caller's fault, a credential, a limit.
            (_, Origin::Client)
            | (Kind::RateLimited | Kind::UpstreamAuth | Kind::AccessEnded, Origin::Upstream) => {
                Self::Works
            }
            (_, Origin::Gateway) => Self::Nothing,
            (Kind::Timeout, _) if !is_patient => Self::Nothing,
            (Kind::Unavailable | Kind::Timeout | Kind::InvalidResponse, _) => Self::Fails,
            (Kind::UpstreamFailed, _) if !is_refusal => Self::Fails,
            (_, Origin::Network) => Self::Fails,
            // Busy, full, in conflict: an answer.
            (_, Origin::Upstream) => Self::Works,
        }
    }
}

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Everything passes.
    Closed,
    /// One call passes as a trial.
    HalfOpen,
    /// Nothing passes.
    Open,
}

impl Phase {
    fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half-open",
            Self::Open => "open",
        }
    }

    /// As the gauge shows it.
    fn number(self) -> f64 {
        match self {
            Self::Closed => 0.0,
            Self::HalfOpen => 1.0,
            Self::Open => 2.0,
        }
    }
}

/// Which breaker the gauge of a backend's name shows: its number. A reload leaves the former one to the calls that are
/// under way with it, and what these learn says nothing of the one in use.
static SHOWN: LazyLock<Mutex<HashMap<Box<str>, u64>>> = LazyLock::new(Mutex::default);
/// How many breakers there were.
static MADE: AtomicU64 = AtomicU64::new(0);

/// The breaker of one backend.
#[derive(Debug)]
pub(crate) struct Breaker {
    name: Box<str>,
    number: u64,
    failures: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Counts the changes of phase: a call belongs to the one in which it began.
    epoch: u64,
    /// The last calls while closed: when each ended, and whether it failed.
    seen: VecDeque<(Instant, bool)>,
    /// While open: until when.
    until: Instant,
    /// How long the last pause was.
    pause: Duration,
    /// While half-open: the number of the trial and when it began.
    trial: Option<(u64, Instant)>,
    trials: u64,
    /// False until it is used: one that is only built says nothing of the one in use.
    is_shown: bool,
    /// Every change of phase.
    #[cfg(test)]
    moves: Vec<(Phase, Phase)>,
}

/// A call that may pass. Dropping it without a verdict says nothing.
#[derive(Debug)]
pub(crate) struct Pass {
    breaker: Arc<Breaker>,
    epoch: u64,
    trial: Option<u64>,
    has_reported: bool,
}

impl Breaker {
    /// A closed breaker that opens after `failures` failures.
    pub(crate) fn new(name: &str, failures: usize) -> Self {
        Self {
            name: name.into(),
            number: MADE.fetch_add(1, Ordering::Relaxed),
            failures: failures.max(1),
            state: Mutex::new(State {
                phase: Phase::Closed,
                epoch: 0,
                seen: VecDeque::new(),
                until: Instant::now(),
                pause: Duration::ZERO,
                trial: None,
                trials: 0,
                is_shown: false,
                #[cfg(test)]
                moves: Vec::new(),
            }),
        }
    }

    /// Lets a call pass, or says how long none will.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<Pass, Duration> {
        let now = Instant::now();
        let mut state = self.lock();
        if !state.is_shown {
            state.is_shown = true;
            shown().insert(self.name.clone(), self.number);
            self.show(state.phase);
        }
        let trial = match state.phase {
            Phase::Closed => None,
            Phase::Open if now < state.until => return Err(state.until - now),
            Phase::Open => {
                self.turn(&mut state, Phase::HalfOpen);
                Some(begin_trial(&mut state, now))
            }
            Phase::HalfOpen => {
                if let Some((_, began)) = state.trial {
                    let over = began + TRIAL_MAX;
                    if now < over {
                        return Err((over - now).min(PAUSE_MIN));
                    }
                }
                Some(begin_trial(&mut state, now))
            }
        };
        Ok(Pass {
            breaker: Arc::clone(self),
            epoch: state.epoch,
            trial,
            has_reported: false,
        })
    }

    /// Where it stands. Open also where the pause is over and nobody has called since.
    #[cfg(test)]
    pub(crate) fn phase(&self) -> Phase {
        self.lock().phase
    }

    /// Every change of phase until now.
    #[cfg(test)]
    pub(crate) fn moves(&self) -> Vec<(Phase, Phase)> {
        self.lock().moves.clone()
    }

    fn report(&self, pass: &Pass, verdict: Verdict) {
        let now = Instant::now();
        let mut state = self.lock();
        if state.epoch != pass.epoch {
            return;
        }
        let Some(trial) = pass.trial else {
            if verdict != Verdict::Nothing {
                self.count(&mut state, verdict == Verdict::Fails, now);
            }
            return;
        };
        let is_latest = state.trial.is_some_and(|(number, _)| number == trial);
        match verdict {
            Verdict::Works => {
                state.seen.clear();
                state.pause = Duration::ZERO;
                self.turn(&mut state, Phase::Closed);
            }
            Verdict::Fails if is_latest => self.open(&mut state, now),
            Verdict::Nothing if is_latest => state.trial = None,
            Verdict::Fails | Verdict::Nothing => {}
        }
    }

    fn count(&self, state: &mut State, has_failed: bool, now: Instant) {
        state.seen.push_back((now, has_failed));
        while state.seen.len() > self.failures * 2
            || state
                .seen
                .front()
                .is_some_and(|(at, _)| now.duration_since(*at) > REMEMBERED)
        {
            state.seen.pop_front();
        }
        let failed = state.seen.iter().filter(|(_, failed)| *failed).count();
        if failed >= self.failures {
            self.open(state, now);
        }
    }

    fn open(&self, state: &mut State, now: Instant) {
        state.pause = (state.pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
        state.until = now + state.pause;
        state.seen.clear();
        self.turn(state, Phase::Open);
    }

    fn turn(&self, state: &mut State, to: Phase) {
        let from = state.phase;
        state.phase = to;
        state.epoch += 1;
        state.trial = None;
        #[cfg(test)]
        state.moves.push((from, to));
        self.show(to);
        metrics::counter!(
            "dragoman_breaker_transitions_total",
            "backend" => self.name.to_string(),
            "to" => to.as_str()
        )
        .increment(1);
        match (from, to) {
            (Phase::Closed, Phase::Open) => tracing::warn!(
                backend.name = &*self.name,
                "a backend fails too often: it is left alone for a moment"
            ),
            (_, Phase::Closed) => tracing::info!(
                backend.name = &*self.name,
                "a backend that was left alone works again"
            ),
            _ => {}
        }
    }

    /// Sets the gauge, where it shows this breaker and not the one after it.
    fn show(&self, phase: Phase) {
        if shown().get(&self.name) == Some(&self.number) {
            metrics::gauge!("dragoman_breaker_state", "backend" => self.name.to_string())
                .set(phase.number());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Breaker {
    /// Nobody is left alone by a breaker that is gone.
    fn drop(&mut self) {
        self.show(Phase::Closed);
        let mut shown = shown();
        if shown.get(&self.name) == Some(&self.number) {
            shown.remove(&self.name);
        }
    }
}

fn shown() -> MutexGuard<'static, HashMap<Box<str>, u64>> {
    // Each change of it is whole.
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn begin_trial(state: &mut State, now: Instant) -> u64 {
    state.trials += 1;
    state.trial = Some((state.trials, now));
    state.trials
}

impl Pass {
    /// False where the breaker has opened since: a call that waited meanwhile is not sent any more.
    pub(crate) fn still_holds(&self) -> bool {
        self.breaker.lock().epoch == self.epoch
    }

    /// Ends the call with what it says about the backend.
    pub(crate) fn report(mut self, verdict: Verdict) {
        self.has_reported = true;
        self.breaker.report(&self, verdict);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if !self.has_reported {
            self.breaker.report(self, Verdict::Nothing);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const FAILURES: usize = 4;

    fn closed() -> Arc<Breaker> {
        Arc::new(Breaker::new("vendor", FAILURES))
    }

    fn say(breaker: &Arc<Breaker>, verdict: Verdict) {
        breaker.enter().unwrap().report(verdict);
    }

    fn opened() -> Arc<Breaker> {
        let breaker = closed();
        (0..FAILURES).for_each(|_| say(&breaker, Verdict::Fails));
        assert_eq!(breaker.phase(), Phase::Open);
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_so_many_failures_and_not_before() {
        let breaker = closed();
        (1..FAILURES).for_each(|_| say(&breaker, Verdict::Fails));
        assert_eq!(breaker.phase(), Phase::Closed);
        say(&breaker, Verdict::Fails);
        assert_eq!(breaker.phase(), Phase::Open);
        assert!(breaker.enter().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn half_of_the_last_calls_opens_and_less_does_not() {
        let breaker = closed();
        for _ in 0..100 {
            say(&breaker, Verdict::Fails);
            (0..2).for_each(|_| say(&breaker, Verdict::Works));
        }
        assert_eq!(breaker.phase(), Phase::Closed, "one of three fails");
        for _ in 0..FAILURES {
            for verdict in [Verdict::Fails, Verdict::Works] {
                if breaker.phase() == Phase::Closed {
                    say(&breaker, verdict);
                }
            }
        }
        assert_eq!(breaker.phase(), Phase::Open, "one of two fails");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_counts_for_a_minute_only() {
        let breaker = closed();
        for _ in 0..10 * FAILURES {
            say(&breaker, Verdict::Fails);
            advance(REMEMBERED / 2).await;
        }
        assert_eq!(breaker.phase(), Phase::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn what_says_nothing_counts_for_nothing() {
        let breaker = closed();
        (0..100).for_each(|_| say(&breaker, Verdict::Nothing));
        (0..100).for_each(|_| drop(breaker.enter().unwrap()));
        assert_eq!(breaker.phase(), Phase::Closed);
        (1..FAILURES).for_each(|_| say(&breaker, Verdict::Fails));
        (0..100).for_each(|_| drop(breaker.enter().unwrap()));
        say(&breaker, Verdict::Fails);
        assert_eq!(breaker.phase(), Phase::Open);
    }

    #[tokio::test(start_paused = true)]
    async fn one_trial_at_a_time_decides() {
        let breaker = opened();
        let wait = breaker.enter().unwrap_err();
        assert_eq!(wait, PAUSE_MIN);
        advance(wait).await;
        let trial = breaker.enter().unwrap();
        assert_eq!(breaker.phase(), Phase::HalfOpen);
        (0..10).for_each(|_| assert!(breaker.enter().is_err()));
        trial.report(Verdict::Works);
        assert_eq!(breaker.phase(), Phase::Closed);
        // What failed before is forgotten.
        (1..FAILURES).for_each(|_| say(&breaker, Verdict::Fails));
        assert_eq!(breaker.phase(), Phase::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_to_a_bound() {
        let breaker = opened();
        let mut pauses = Vec::new();
        for _ in 0..5 {
            let pause = breaker.enter().unwrap_err();
            pauses.push(pause.as_secs());
            advance(pause).await;
            say(&breaker, Verdict::Fails);
        }
        assert_eq!(pauses, [1, 2, 4, 5, 5]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_trial_that_is_given_up_makes_room_for_another() {
        let breaker = opened();
        advance(PAUSE_MIN).await;
        drop(breaker.enter().unwrap());
        assert_eq!(breaker.phase(), Phase::HalfOpen);
        say(&breaker, Verdict::Works);
        assert_eq!(breaker.phase(), Phase::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_trial_keeps_nobody_waiting_for_ever() {
        let breaker = opened();
        advance(PAUSE_MIN).await;
        let silent = breaker.enter().unwrap();
        advance(TRIAL_MAX).await;
        let second = breaker.enter().unwrap();
        assert!(breaker.enter().is_err(), "the second runs");
        // The first says at last that it failed: the second decides.
        silent.report(Verdict::Fails);
        assert_eq!(breaker.phase(), Phase::HalfOpen);
        second.report(Verdict::Works);
        assert_eq!(breaker.phase(), Phase::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn what_began_before_it_opened_says_nothing_afterwards() {
        let breaker = closed();
        let early: Vec<Pass> = (0..10).map(|_| breaker.enter().unwrap()).collect();
        (0..FAILURES).for_each(|_| say(&breaker, Verdict::Fails));
        assert!(early.iter().all(|pass| !pass.still_holds()));
        let until = breaker.enter().unwrap_err();
        early
            .into_iter()
            .for_each(|pass| pass.report(Verdict::Fails));
        assert_eq!(breaker.enter().unwrap_err(), until);
        let late = opened();
        advance(PAUSE_MIN).await;
        let trial = late.enter().unwrap();
        assert!(trial.still_holds());
    }

    /// Keeps the last value of the only gauge.
    #[derive(Default)]
    struct Gauge(Arc<AtomicU64>);

    impl Gauge {
        fn value(&self) -> f64 {
            f64::from_bits(self.0.load(Ordering::SeqCst))
        }
    }

    impl metrics::Recorder for Gauge {
        fn describe_counter(
            &self,
            _: metrics::KeyName,
            _: Option<metrics::Unit>,
            _: metrics::SharedString,
        ) {
        }

        fn describe_gauge(
            &self,
            _: metrics::KeyName,
            _: Option<metrics::Unit>,
            _: metrics::SharedString,
        ) {
        }

        fn describe_histogram(
            &self,
            _: metrics::KeyName,
            _: Option<metrics::Unit>,
            _: metrics::SharedString,
        ) {
        }

        fn register_counter(
            &self,
            _: &metrics::Key,
            _: &metrics::Metadata<'_>,
        ) -> metrics::Counter {
            metrics::Counter::noop()
        }

        fn register_gauge(&self, _: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Gauge {
            metrics::Gauge::from_arc(Arc::clone(&self.0))
        }

        fn register_histogram(
            &self,
            _: &metrics::Key,
            _: &metrics::Metadata<'_>,
        ) -> metrics::Histogram {
            metrics::Histogram::noop()
        }
    }

    #[test]
    fn the_gauge_shows_the_breaker_in_use_and_not_the_one_before_it() {
        let gauge = Gauge::default();
        let breaker = || Arc::new(Breaker::new("reloaded", FAILURES));
        let open = |breaker: &Arc<Breaker>| {
            (0..FAILURES).for_each(|_| say(breaker, Verdict::Fails));
        };
        metrics::with_local_recorder(&gauge, || {
            let former = breaker();
            let late: Vec<Pass> = (0..FAILURES).map(|_| former.enter().unwrap()).collect();
            let present = breaker();
            open(&present);
            assert_eq!(gauge.value(), Phase::Open.number());
            // Answers that were under way when the configuration changed.
            late.into_iter()
                .for_each(|pass| pass.report(Verdict::Fails));
            assert_eq!(former.phase(), Phase::Open);
            drop(former);
            assert_eq!(gauge.value(), Phase::Open.number());
            drop(present);
            assert_eq!(gauge.value(), Phase::Closed.number());
        });
    }

    #[test]
    fn verdicts_follow_kind_origin_and_patience() {
        let long = Duration::from_secs(30);
        let of = |error: Error| Verdict::of(&error, long, Some(long));
        let status = |status| {
            Error::new(Kind::UpstreamFailed, "x").upstream(backend::Upstream {
                status: Some(status),
                ..backend::Upstream::default()
            })
        };
        for (error, wanted) in [
            (Error::conversation_not_found(), Verdict::Works),
            (Error::new(Kind::InvalidRequest, "x"), Verdict::Works),
            (Error::new(Kind::UpstreamAuth, "x"), Verdict::Works),
            (
                Error::new(Kind::RateLimited, "x").origin(Origin::Upstream),
                Verdict::Works,
            ),
            (
                Error::new(Kind::Busy, "x").origin(Origin::Upstream),
                Verdict::Works,
            ),
            (Error::new(Kind::RateLimited, "x"), Verdict::Nothing),
            (Error::new(Kind::Internal, "x"), Verdict::Nothing),
            (status(400), Verdict::Works),
            (status(500), Verdict::Fails),
            (Error::new(Kind::UpstreamFailed, "x"), Verdict::Fails),
            (Error::new(Kind::InvalidResponse, "x"), Verdict::Fails),
            (Error::new(Kind::Timeout, "x"), Verdict::Fails),
            (
                Error::new(Kind::Unavailable, "x").origin(Origin::Network),
                Verdict::Fails,
            ),
        ] {
            let case = format!("{error:?}");
            assert_eq!(of(error), wanted, "{case}");
        }
        let hurried = Error::new(Kind::Timeout, "x");
        let short = Duration::from_millis(10);
        assert_eq!(Verdict::of(&hurried, short, Some(long)), Verdict::Nothing);
        assert_eq!(Verdict::of(&hurried, short, Some(short)), Verdict::Fails);
    }
}
