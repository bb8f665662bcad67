//! Limits towards one backend: how many calls run at once, how many a minute with one credential may begin, and when the
//! vendor said that it wants none.
//!
//! Who must wait does so in line, within bounds; who cannot is told at once how long. A permit is given back when what
//! holds it is dropped, also where a caller leaves half way.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backend::{Error, Kind, Origin, Result};
use governor::clock::{Clock, ReasonablyRealtime};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout_at};

/// How long a call waits in line at most.
const LINE_MAX: Duration = Duration::from_secs(10);
/// How many calls may wait for each one that may run.
const LINE_OF_EACH: usize = 2;
/// How many may wait at least.
const LINE_MIN: usize = 16;
/// What a vendor wants that says "too many" and not until when.
pub(crate) const UNNAMED_PAUSE: Duration = Duration::from_secs(1);
/// The most credentials that are told apart; those that were not used for longest are forgotten.
const CREDENTIALS_MAX: u64 = 10_000;

/// The time as tokio has it, so that a paused clock stands still here too.
#[derive(Debug, Clone, Default)]
struct TokioClock;

impl Clock for TokioClock {
    type Instant = std::time::Instant;

    fn now(&self) -> Self::Instant {
        Instant::now().into_std()
    }
}

impl ReasonablyRealtime for TokioClock {}

type Pace = RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<std::time::Instant>>;

/// The limits of one backend.
#[derive(Debug)]
pub(crate) struct Limit {
    name: Box<str>,
    at_once: Arc<Semaphore>,
    /// How many wait, and how many may: each holds a place of the gateway's own.
    waiting: AtomicUsize,
    waiting_max: usize,
    per_minute: Option<NonZeroU32>,
    /// The longest wait that a vendor may ask for and a caller is kept for.
    wait_max: Duration,
    credentials: Cache<Box<str>, Arc<Credential>>,
}

/// What is known of one credential.
#[derive(Debug)]
struct Credential {
    /// Whose turn it is to begin: first come, first served.
    turn: tokio::sync::Mutex<()>,
    pace: Option<Pace>,
    /// Before this nothing is sent with it.
    not_before: Mutex<Option<Instant>>,
}

/// The right to run one call. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Permit {
    _permit: OwnedSemaphorePermit,
    running: metrics::Gauge,
}

impl Permit {
    fn new(permit: OwnedSemaphorePermit, backend: &str) -> Self {
        let running =
            metrics::gauge!("dragoman_backend_calls_running", "backend" => backend.to_owned());
        running.increment(1.0);
        Self {
            _permit: permit,
            running,
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.running.decrement(1.0);
    }
}

/// A place in the line.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Limit {
    /// Limits of the backend `name`.
    pub(crate) fn new(
        name: &str,
        at_once_max: usize,
        per_minute: Option<NonZeroU32>,
        wait_max: Duration,
    ) -> Self {
        let at_once_max = at_once_max.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            name: name.into(),
            at_once: Arc::new(Semaphore::new(at_once_max)),
            waiting: AtomicUsize::new(0),
            waiting_max: at_once_max.saturating_mul(LINE_OF_EACH).max(LINE_MIN),
            per_minute,
            wait_max,
            credentials: Cache::new(CREDENTIALS_MAX),
        }
    }

    /// Waits until a call may begin with this credential, at most until `deadline`.
    ///
    /// # Errors
    /// [`Kind::RateLimited`] where that is too late, or the line is too long: nothing was sent. It says how long to wait,
    /// where that is known.
    pub(crate) async fn admit(&self, credential: &str, deadline: Instant) -> Result<Permit> {
        let of = self.of(credential);
        let began = Instant::now();
        loop {
            self.wait_as_asked(&of, deadline).await?;
            let line_ends = deadline.min(began + LINE_MAX);
            self.wait_for_pace(&of, line_ends).await?;
            let permit = self.wait_for_permit(line_ends).await?;
            // Whoever was before may have been told to wait while this one stood in line.
            if of.not_before().is_none() {
                return Ok(Permit::new(permit, &self.name));
            }
        }
    }

    /// Notes what a vendor asked for that answered "too many".
    pub(crate) fn learn(&self, credential: &str, error: &Error) {
        if error.kind != Kind::RateLimited || error.origin != Origin::Upstream {
            return;
        }
        let until = Instant::now() + error.retry_after.unwrap_or(UNNAMED_PAUSE);
        let of = self.of(credential);
        let mut not_before = of.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        *not_before = (*not_before).max(Some(until));
    }

    /// How many calls may begin right now.
    #[cfg(test)]
    pub(crate) fn free(&self) -> usize {
        self.at_once.available_permits()
    }

    fn of(&self, credential: &str) -> Arc<Credential> {
        if let Some(of) = self.credentials.get(credential) {
            return of;
        }
        self.credentials.get_with(credential.into(), || {
            let pace = self
                .per_minute
                .map(|most| Pace::direct_with_clock(Quota::per_minute(most), TokioClock));
            Arc::new(Credential {
                turn: tokio::sync::Mutex::default(),
                pace,
                not_before: Mutex::default(),
            })
        })
    }

    /// Waits as long as the vendor asked for.
    async fn wait_as_asked(&self, of: &Credential, deadline: Instant) -> Result<()> {
        while let Some(until) = of.not_before() {
            let now = Instant::now();
            let place = self.stand();
            if place.is_none() || until > deadline.min(now + self.wait_max) {
                let message = format!("backend `{}` wants no calls at the moment", self.name);
                // The vendor's own word, said again.
                let refused = self.refused(message, Some(until - now));
                return Err(refused.origin(Origin::Upstream));
            }
            sleep_until(until).await;
        }
        Ok(())
    }

    async fn wait_for_pace(&self, of: &Credential, until: Instant) -> Result<()> {
        let Some(pace) = &of.pace else {
            return Ok(());
        };
        let slow = |wait| {
            let message = format!(
                "backend `{}` is called as often as `calls_per_minute` allows",
                self.name
            );
            self.refused(message, wait)
        };
        if of.turn.try_lock().is_ok_and(|_turn| pace.check().is_ok()) {
            return Ok(());
        }
        let Some(_place) = self.stand() else {
            return Err(slow(None));
        };
        let Ok(_turn) = timeout_at(until, of.turn.lock()).await else {
            return Err(slow(None));
        };
        while let Err(early) = pace.check() {
            let now = Instant::now();
            let wait = early.wait_time_from(now.into_std());
            if now + wait >= until {
                return Err(slow(Some(wait)));
            }
            sleep_until(now + wait).await;
        }
        Ok(())
    }

    async fn wait_for_permit(&self, until: Instant) -> Result<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.at_once).try_acquire_owned() {
            return Ok(permit);
        }
        let busy = || {
            let message = format!(
                "backend `{}` has as many calls as `calls_at_once_max` allows",
                self.name
            );
            self.refused(message, Some(UNNAMED_PAUSE))
        };
        let Some(_place) = self.stand() else {
            return Err(busy());
        };
        let waited = timeout_at(until, Arc::clone(&self.at_once).acquire_owned()).await;
        match waited {
            Ok(Ok(permit)) => Ok(permit),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }

    /// A place among those who wait, for whatever; nothing where there are too many.
    fn stand(&self) -> Option<Waiting<'_>> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Waiting(&self.waiting);
        (before < self.waiting_max).then_some(place)
    }

    fn refused(&self, message: String, wait: Option<Duration>) -> Error {
        metrics::counter!("dragoman_limit_refusals_total", "backend" => self.name.to_string())
            .increment(1);
        Error::new(Kind::RateLimited, message).retry_after(wait)
    }
}

impl Credential {
    /// The time before which nothing is sent; nothing where it is over.
    fn not_before(&self) -> Option<Instant> {
        let mut not_before = self
            .not_before
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if not_before.is_some_and(|until| until <= Instant::now()) {
            *not_before = None;
        }
        *not_before
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::task::{Context, Waker};

    use backend::Outcome;

    use super::*;

    const WAIT_MAX: Duration = Duration::from_secs(30);

    fn limit(at_once: usize, per_minute: Option<u32>) -> Limit {
        let per_minute = per_minute.and_then(NonZeroU32::new);
        Limit::new("vendor", at_once, per_minute, WAIT_MAX)
    }

    fn later(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    fn too_many(seconds: Option<u64>) -> Error {
        Error::new(Kind::RateLimited, "x")
            .origin(Origin::Upstream)
            .retry_after(seconds.map(Duration::from_secs))
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_so_many_run_at_once() {
        let limit = limit(2, None);
        let first = limit.admit("", later(60)).await.unwrap();
        let _second = limit.admit("", later(60)).await.unwrap();
        let refused = limit.admit("", later(60)).await.unwrap_err();
        assert_eq!(refused.kind, Kind::RateLimited);
        assert_eq!(refused.outcome, Outcome::NotApplied);
        assert_eq!(refused.origin, Origin::Gateway);
        drop(first);
        let _third = limit.admit("another", later(60)).await.unwrap();
        assert_eq!(limit.free(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_the_line_takes_nothing_along() {
        let limit = limit(1, None);
        let held = limit.admit("", later(60)).await.unwrap();
        for _ in 0..100 {
            let mut leaving = Box::pin(limit.admit("", later(60)));
            let mut cx = Context::from_waker(Waker::noop());
            assert!(leaving.as_mut().poll(&mut cx).is_pending());
        }
        assert_eq!(limit.waiting.load(Ordering::Relaxed), 0);
        drop(held);
        let _next = limit.admit("", later(60)).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn the_line_has_an_end() {
        let limit = Arc::new(limit(1, None));
        let held = limit.admit("", later(60)).await.unwrap();
        let wait = || {
            let limit = Arc::clone(&limit);
            tokio::spawn(async move { limit.admit("", later(60)).await.map(drop) })
        };
        let waiting: Vec<_> = (0..limit.waiting_max).map(|_| wait()).collect();
        tokio::task::yield_now().await;
        let before = Instant::now();
        assert!(limit.admit("", later(60)).await.is_err());
        assert_eq!(before, Instant::now(), "told at once");
        drop(held);
        for one in waiting {
            one.await.unwrap().unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_begin_at_the_pace_in_their_order() {
        // Sixty at once, then one each second.
        let limit = Arc::new(limit(100, Some(60)));
        for _ in 0..60 {
            drop(limit.admit("", later(60)).await.unwrap());
        }
        let began = Instant::now();
        let (told, mut order) = tokio::sync::mpsc::channel(5);
        for number in 0..5_u64 {
            let (limit, told) = (Arc::clone(&limit), told.clone());
            tokio::spawn(async move {
                drop(limit.admit("", later(60)).await.unwrap());
                told.send(number).await.unwrap();
            });
        }
        for number in 0..5_u64 {
            assert_eq!(order.recv().await, Some(number));
            assert!(began.elapsed() >= Duration::from_secs(number + 1));
        }
        // Another credential has a pace of its own.
        let before = Instant::now();
        drop(limit.admit("another", later(60)).await.unwrap());
        assert_eq!(before, Instant::now());
    }

    #[tokio::test(start_paused = true)]
    async fn a_pace_that_takes_too_long_is_told() {
        let limit = limit(100, Some(1));
        drop(limit.admit("", later(60)).await.unwrap());
        let refused = limit.admit("", later(60)).await.unwrap_err();
        assert!(refused.retry_after.unwrap() > LINE_MAX);
        assert_eq!(refused.outcome, Outcome::NotApplied);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_sent_before_the_time_that_the_vendor_named() {
        for (asked, waited) in [(Some(7), 7), (None, 1), (Some(0), 0)] {
            let limit = limit(10, None);
            let began = Instant::now();
            limit.learn("one", &too_many(asked));
            drop(limit.admit("other", later(60)).await.unwrap());
            assert_eq!(began, Instant::now(), "another credential goes on");
            drop(limit.admit("one", later(60)).await.unwrap());
            let exactly = Duration::from_secs(waited);
            let over = began.elapsed() - exactly;
            assert!(over < Duration::from_millis(10), "{asked:?}: {over:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_too_long_is_told_at_once_with_what_is_left() {
        let limit = limit(10, None);
        limit.learn("", &too_many(Some(31)));
        let began = Instant::now();
        let refused = limit.admit("", later(600)).await.unwrap_err();
        assert_eq!(began, Instant::now());
        assert_eq!(refused.retry_after, Some(Duration::from_secs(31)));
        assert_eq!(refused.origin, Origin::Upstream);
        assert_eq!(refused.outcome, Outcome::NotApplied);
        tokio::time::advance(Duration::from_secs(11)).await;
        // Now it would be short enough, and the caller's time is not.
        let refused = limit.admit("", later(5)).await.unwrap_err();
        assert_eq!(refused.retry_after, Some(Duration::from_secs(20)));
        drop(limit.admit("", later(600)).await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn not_more_than_so_many_wait_for_whatever() {
        for (per_minute, asked) in [(None, Some(7)), (Some(12), None)] {
            let limit = Arc::new(limit(1, per_minute));
            match asked {
                Some(_) => limit.learn("", &too_many(asked)),
                None => {
                    for _ in 0..12 {
                        drop(limit.admit("", later(60)).await.unwrap());
                    }
                }
            }
            let waiting: Vec<_> = (0..limit.waiting_max)
                .map(|_| {
                    let limit = Arc::clone(&limit);
                    tokio::spawn(async move { limit.admit("", later(60)).await.map(drop) })
                })
                .collect();
            tokio::task::yield_now().await;
            let began = Instant::now();
            let refused = limit.admit("", later(60)).await.unwrap_err();
            assert_eq!(began, Instant::now(), "told at once");
            assert_eq!(refused.retry_after, asked.map(Duration::from_secs));
            let mut served = 0;
            for one in waiting {
                served += usize::from(one.await.unwrap().is_ok());
            }
            assert!(served > 0);
            assert_eq!(limit.waiting.load(Ordering::Relaxed), 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_time_wins_and_other_failures_teach_nothing() {
        let limit = limit(10, None);
        limit.learn("", &Error::new(Kind::RateLimited, "our own"));
        limit.learn(
            "",
            &Error::new(Kind::Unavailable, "x").retry_after(Some(WAIT_MAX)),
        );
        let began = Instant::now();
        drop(limit.admit("", later(60)).await.unwrap());
        assert_eq!(began, Instant::now());
        limit.learn("", &too_many(Some(9)));
        limit.learn("", &too_many(Some(3)));
        drop(limit.admit("", later(60)).await.unwrap());
        assert!(began.elapsed() >= Duration::from_secs(9));
    }

    #[tokio::test(start_paused = true)]
    async fn who_stood_in_line_hears_of_it_too() {
        let limit = Arc::new(limit(1, None));
        let held = limit.admit("", later(60)).await.unwrap();
        let waiting = tokio::spawn({
            let limit = Arc::clone(&limit);
            async move { limit.admit("", later(60)).await.map(drop) }
        });
        tokio::task::yield_now().await;
        let began = Instant::now();
        limit.learn("", &too_many(Some(5)));
        drop(held);
        waiting.await.unwrap().unwrap();
        assert!(began.elapsed() >= Duration::from_secs(5));
        assert_eq!(limit.free(), 1);
    }
}
