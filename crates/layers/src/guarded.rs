//! A backend that fails, is slow or has limits, made fit to be called: the layers around an adapter, in their order.
//!
//! From the outside in, with the reason why each stands where it does:
//!
//! 1. *Overlay* (a crate of its own): it holds whole conversations and asks below for parts of them, so that all of the
//!    following sees what a vendor really is asked, and its rows are never kept twice.
//! 2. *Cache* ([`crate::Cached`]): what is answered from memory needs no attempt, no permit and no breaker; and where all
//!    of these give up, it is what is left.
//! 3. *Retry*: outside the breaker, so that each attempt counts there, and so that an attempt that is refused without being
//!    sent ends the call instead of being repeated.
//! 4. *Breaker*: outside the limits, so that nobody waits in line for a backend that is down. Who stood in line when it
//!    opened is not sent any more.
//! 5. *Limit*: outside the timeout, so that waiting in line costs nothing of the time that the vendor has.
//! 6. *Timeout*: of each attempt by itself.
//! 7. *Observe*: innermost, so that what is measured is the vendor and not our waiting.
//!
//! `preview` and `health` go straight through: one sends nothing, the other is to say how it is. So does `settle`, without
//! breaker and retry: who settles comes again by itself, and each answer of the vendor is worth having. It keeps the
//! limits.

mod answering;
mod calls;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use backend::ports::CredentialName;
use backend::{Backend, Context, Enumerates, Error, Kind, Location, Origin, Result};
use moka::sync::Cache;
use tokio::time::{Instant, sleep};

use crate::breaker::{Breaker, Pass, Verdict};
use crate::limit::{Limit, Permit, UNNAMED_PAUSE};
use crate::retry::{self, Budget, Pauses};
use crate::{observe, timeout};

/// The most callers of whom it is remembered which credential a backend chose for them.
const CALLERS_MAX: u64 = 10_000;

/// How long a write is held back at most, from its begin to its last attempt: so long its lease lasts surely, whatever
/// happens to the process.
const WRITE_HELD_MAX: Duration = Duration::from_secs(9);

/// How a backend is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardSettings {
    /// The most time for one attempt of a read.
    pub read_timeout: Duration,
    /// The most calls that run at once, answers that stream included.
    pub calls_at_once_max: usize,
    /// The most calls that begin in a minute with one credential; absent: no limit of ours.
    pub calls_per_minute: Option<NonZeroU32>,
    /// After so many failures, of at most twice as many calls within a minute, the backend is left alone for a moment.
    pub breaker_failures: usize,
    /// How many further attempts there may be for each hundred calls; 0: none.
    pub retry_budget_percent: u64,
    /// The longest wait that a vendor may ask for and a caller is kept for; a longer one is told to the caller.
    pub retry_after_max: Duration,
}

impl Default for GuardSettings {
    /// 30 s for a read, 128 calls at once in any number, 10 failures, 20 % further attempts, waits of up to 30 s.
    fn default() -> Self {
        Self {
            read_timeout: Duration::from_secs(30),
            calls_at_once_max: 128,
            calls_per_minute: None,
            breaker_failures: 10,
            retry_budget_percent: 20,
            retry_after_max: Duration::from_secs(30),
        }
    }
}

/// A backend whose calls are repeated, held back, limited, timed and measured.
pub struct Guarded {
    below: Arc<dyn Backend>,
    settings: GuardSettings,
    breaker: Arc<Breaker>,
    limit: Limit,
    budget: Budget,
    pauses: Pauses,
    /// Which credential the backend chose for a caller: what creates and lists are sent with.
    chosen: Cache<Caller, Option<Box<str>>>,
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded")
            .field("below", &self.below)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// What is called.
#[derive(Debug, Clone, Copy)]
struct Call<'a> {
    operation: &'static str,
    is_write: bool,
    /// True where an answer may be large: it has its caller's time, and being slow says nothing of the backend.
    is_download: bool,
    /// The conversation, where one is named.
    at: Option<&'a Location>,
}

impl<'a> Call<'a> {
    fn read(operation: &'static str, at: impl Into<Option<&'a Location>>) -> Self {
        let at = at.into();
        Self {
            operation,
            is_write: false,
            is_download: false,
            at,
        }
    }

    fn download(operation: &'static str, at: &'a Location) -> Self {
        Self {
            is_download: true,
            ..Self::read(operation, at)
        }
    }

    fn write(operation: &'static str, at: impl Into<Option<&'a Location>>) -> Self {
        let at = at.into();
        Self {
            operation,
            is_write: true,
            is_download: false,
            at,
        }
    }
}

/// What a call holds as long as it goes on. Dropping it ends the call.
struct Underway {
    _permit: Permit,
    /// Absent where it has been said already how the backend is.
    pass: Option<Pass>,
}

/// When an answer says how its backend is.
enum Judge<T> {
    /// At once: by the failure inside of it, where there is one.
    Now(fn(&T) -> Option<&Error>),
    /// By what comes after it.
    Later,
}

/// What became of one attempt.
enum Attempt<T> {
    /// It was sent, and this came of it.
    Sent(Result<(T, Underway)>),
    /// It was not sent.
    Refused(Error),
}

impl Guarded {
    /// `below`, called so.
    #[must_use]
    pub fn new(below: Arc<dyn Backend>, settings: GuardSettings) -> Self {
        let name = &below.info().name;
        Self {
            breaker: Arc::new(Breaker::new(name, settings.breaker_failures)),
            limit: Limit::new(
                name,
                settings.calls_at_once_max,
                settings.calls_per_minute,
                settings.retry_after_max,
            ),
            budget: Budget::new(settings.retry_budget_percent),
            pauses: Pauses::by_chance(),
            chosen: Cache::new(CALLERS_MAX),
            settings,
            below,
        }
    }

    fn name(&self) -> &str {
        &self.below.info().name
    }

    /// Makes a call of which nothing goes on after its answer.
    async fn run<T, F>(&self, call: Call<'_>, cx: &Context, send: F) -> Result<T>
    where
        F: AsyncSend<T>,
    {
        let judge = Judge::Now(|_: &T| None);
        let (answer, _underway) = self.run_judged(call, cx, send, judge).await?;
        Ok(answer)
    }

    /// Makes a call through all layers. What comes with the answer belongs to what goes on after it.
    async fn run_judged<T, F>(
        &self,
        call: Call<'_>,
        cx: &Context,
        send: F,
        judge: Judge<T>,
    ) -> Result<(T, Underway)>
    where
        F: AsyncSend<T>,
    {
        let credential = self.credential(cx, call);
        let until = self.held_until(call, cx);
        let mut pauses = self.pauses.next_call();
        let mut attempts = 1;
        let mut last: Option<Error> = None;
        loop {
            let began = Instant::now();
            let attempt = self
                .attempt(call, cx, (&credential, until), attempts, &send, &judge)
                .await;
            let error = match attempt {
                Attempt::Sent(Ok(answer)) => return Ok(answer),
                Attempt::Sent(Err(error)) => error,
                // What the vendor said says more than that it is not asked again.
                Attempt::Refused(error) => {
                    return Err(self.told(call, last.unwrap_or(error), attempts));
                }
            };
            let again = retry::may_repeat(&error, call.is_write)
                && !self.used_its_time(call, &error, began)
                && self.may_wait(&error);
            let pause = pauses.next().filter(|_| again).map(|pause| {
                // Where the vendor says how long, exactly so long.
                error.retry_after.unwrap_or(pause)
            });
            let is_in_time = |pause: &Duration| Instant::now() + *pause < until;
            let Some(pause) = pause.filter(is_in_time) else {
                return Err(self.told(call, error, attempts));
            };
            if !self.budget.take() {
                metrics::counter!("dragoman_retry_budget_exhausted_total", "backend" => self.name().to_owned())
                    .increment(1);
                return Err(self.told(call, error, attempts));
            }
            sleep(pause).await;
            last = Some(error);
            attempts += 1;
        }
    }

    /// One attempt: breaker, limit, timeout, observe, adapter.
    async fn attempt<T, F>(
        &self,
        call: Call<'_>,
        cx: &Context,
        (credential, until): (&str, Instant),
        number: u32,
        send: &F,
        judge: &Judge<T>,
    ) -> Attempt<T>
    where
        F: AsyncSend<T>,
    {
        let pass = match self.breaker.enter() {
            Ok(pass) => pass,
            Err(wait) => return Attempt::Refused(self.left_alone(wait)),
        };
        let permit = match self.limit.admit(credential, until).await {
            Ok(permit) => permit,
            Err(error) => return Attempt::Refused(error),
        };
        if call.is_write && Instant::now() > until + Duration::from_secs(1) {
            // The process stood still. Somebody else may hold the lease by now.
            let message = "the gateway stood still while a write waited";
            return Attempt::Refused(Error::new(Kind::Busy, message));
        }
        if !pass.still_holds() {
            return Attempt::Refused(self.left_alone(Duration::from_secs(1)));
        }
        self.note_sent(call, cx, number);
        let began = Instant::now();
        let (result, allowed) = if call.is_write || call.is_download {
            let sent = send.send(cx.clone());
            let result = observe::observed(self.name(), call.operation, sent).await;
            (result, None)
        } else {
            let cx = timeout::within(cx, self.settings.read_timeout);
            let until = cx.deadline;
            let sent = timeout::limited(until, send.send(cx));
            let result = observe::observed(self.name(), call.operation, sent).await;
            (result, Some(self.settings.read_timeout))
        };
        let failure = match (&result, judge) {
            (Ok(_), Judge::Later) => {
                let underway = Underway {
                    _permit: permit,
                    pass: Some(pass),
                };
                return Attempt::Sent(result.map(|answer| (answer, underway)));
            }
            (Ok(answer), Judge::Now(failure)) => failure(answer),
            (Err(error), _) => Some(error),
        };
        let verdict = failure.map_or(Verdict::Works, |error| {
            self.limit.learn(credential, error);
            if call.is_download && error.kind == Kind::Timeout {
                return Verdict::Nothing;
            }
            Verdict::of(error, began.elapsed(), allowed)
        });
        pass.report(verdict);
        let underway = Underway {
            _permit: permit,
            pass: None,
        };
        Attempt::Sent(result.map(|answer| (answer, underway)))
    }

    fn note_sent(&self, call: Call<'_>, cx: &Context, number: u32) {
        if number == 1 {
            self.budget.note_call();
            return;
        }
        // The router has noted the first.
        cx.trace.note_attempt();
        metrics::counter!(
            "dragoman_backend_retries_total",
            "backend" => self.name().to_owned(),
            "operation" => call.operation
        )
        .increment(1);
    }

    /// True where a read was not answered in most of the time that it had: another would take as long.
    fn used_its_time(&self, call: Call<'_>, error: &Error, began: Instant) -> bool {
        !call.is_write
            && error.kind == Kind::Timeout
            && began.elapsed() * 2 > self.settings.read_timeout
    }

    /// False where the vendor wants a longer wait than a caller is kept for.
    fn may_wait(&self, error: &Error) -> bool {
        error
            .retry_after
            .is_none_or(|wait| wait <= self.settings.retry_after_max)
    }

    fn left_alone(&self, wait: Duration) -> Error {
        let message = format!(
            "backend `{}` failed too often and is left alone for a moment",
            self.name()
        );
        Error::new(Kind::Unavailable, message)
            .origin(Origin::Upstream)
            .retry_after(Some(wait))
    }

    /// The failure as the caller is told. Of "too many" it says when to come again, also where the vendor did not: then
    /// as long as nothing is sent to it.
    fn told(&self, call: Call<'_>, error: Error, attempts: u32) -> Error {
        let mut error = retry::exhausted(error, attempts).at(self.name(), call.operation);
        if error.kind == Kind::RateLimited {
            error.retry_after.get_or_insert(UNNAMED_PAUSE);
        }
        error
    }

    /// Until when a call may be held back.
    fn held_until(&self, call: Call<'_>, cx: &Context) -> Instant {
        let deadline = Instant::from_std(cx.deadline);
        if call.is_write {
            deadline.min(Instant::now() + WRITE_HELD_MAX)
        } else {
            deadline
        }
    }

    /// Under which name limits of a call are kept: the reference of the credential that it is sent with, empty for the
    /// backend's own. Where that is not known yet, the caller's own name: what one of them learns holds nobody else up.
    fn credential(&self, cx: &Context, call: Call<'_>) -> Box<str> {
        if let Some(at) = call.at {
            return at.credential.clone().unwrap_or_default();
        }
        let is_of_users = self.below.capabilities().enumerates == Enumerates::User;
        if !call.is_write && !is_of_users {
            return Box::default();
        }
        if let Some(credential) = self.chosen.get(&caller(cx)) {
            return credential.unwrap_or_default();
        }
        let (tenant, who) = (&cx.principal.tenant, cx.principal.user_or_key());
        if is_of_users {
            return CredentialName::of_user(self.name(), tenant, &who).reference;
        }
        format!("caller:{tenant}/{who}").into()
    }

    /// Remembers which credential the backend chose for a caller.
    fn note_chosen(&self, cx: &Context, at: &Location) {
        self.chosen.insert(caller(cx), at.credential.clone());
    }
}

/// A tenant, and an end user or key of it.
type Caller = (Box<str>, Box<str>);

fn caller(cx: &Context) -> Caller {
    (
        cx.principal.tenant.clone(),
        cx.principal.user_or_key().into(),
    )
}

/// What sends one attempt, in the context that it is given. A trait of its own because an async closure cannot promise
/// that its futures go from thread to thread.
trait AsyncSend<T>: Send + Sync {
    fn send(&self, cx: Context) -> impl Future<Output = Result<T>> + Send;
}

impl<T, F, A> AsyncSend<T> for F
where
    F: Fn(Context) -> A + Send + Sync,
    A: Future<Output = Result<T>> + Send,
{
    fn send(&self, cx: Context) -> impl Future<Output = Result<T>> + Send {
        self(cx)
    }
}
