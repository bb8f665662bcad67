//! Idempotency: one key, one effect, one answer, also when a process dies in between.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use backend::ports::{Begin, IdempotencyKey, StoredAnswer};
use backend::{Applied, Context, Error, Intent, Location, Origin, Settled, Write};
use conversation::{Digest, Time};
use futures_util::FutureExt;

use crate::answer::Answer;
use crate::call::Call;
use crate::gateway::App;
use crate::problem::{Code, Outcome, Problem};

/// A caller whose first request still runs waits this long.
const IN_PROGRESS_RETRY_AFTER: Duration = Duration::from_secs(1);
/// Between two questions about a write whose end is not known: at first, and at most.
const SETTLE_PAUSE_FIRST: Duration = Duration::from_secs(1);
const SETTLE_PAUSE_MOST: Duration = Duration::from_secs(10);
/// Between two attempts to note how a request ended, where the state is away: at first, and at most.
const END_PAUSE_FIRST: Duration = Duration::from_millis(200);
const END_PAUSE_MOST: Duration = Duration::from_secs(5);
/// How long one question may take.
const SETTLE_BUDGET: Duration = Duration::from_secs(10);
/// Backends say that an end is unknown as long as their vendor may still be at the write. So long after its caller
/// stopped waiting it stays unknown for good.
const UNKNOWN_AFTER_MICROS: i64 = 5 * 60 * 1_000_000;

/// Makes the answer of a write that was found done.
type AnswerOf = Box<dyn Fn(Applied) -> Result<Answer, Problem> + Send + Sync>;

/// What is done with a request whose process died.
pub(crate) enum Recovery {
    /// Ask what became of it; an applied write gives this answer. What cannot be known is not sent again.
    Settle(AnswerOf),
    /// The same for a write that changes nothing more the second time: what cannot be known is done again.
    SettleOrRunAgain(AnswerOf),
    /// Do it again: the second time changes nothing more, and nothing shows the first.
    RunAgain,
}

impl Recovery {
    /// [`Recovery::Settle`].
    pub(crate) fn settle(
        answer_of: impl Fn(Applied) -> Result<Answer, Problem> + Send + Sync + 'static,
    ) -> Self {
        Recovery::Settle(Box::new(answer_of))
    }

    /// [`Recovery::SettleOrRunAgain`] where the write may be repeated, else [`Recovery::Settle`].
    pub(crate) fn settle_or_repeat(
        may_repeat: bool,
        answer_of: impl Fn(Applied) -> Result<Answer, Problem> + Send + Sync + 'static,
    ) -> Self {
        match may_repeat {
            true => Recovery::SettleOrRunAgain(Box::new(answer_of)),
            false => Recovery::Settle(Box::new(answer_of)),
        }
    }
}

/// A write as its idempotency record sees it.
pub(crate) struct Attempt<'a> {
    /// The conversation; absent for a create.
    pub(crate) location: Option<Location>,
    /// The write as it is remembered for settling.
    pub(crate) write: Write,
    /// The body as it came.
    pub(crate) body: &'a [u8],
    /// What is done when the process died.
    pub(crate) recovery: Recovery,
}

/// What the idempotency key says about a request.
pub(crate) enum Claim {
    /// It must run, under this context, and its end be told.
    Run(Box<Context>, Option<Ticket>),
    /// It has an answer.
    Answered(Answer),
}

/// The duty to end a record, in one way or the other.
pub(crate) struct Ticket {
    app: App,
    key: IdempotencyKey,
    /// The context under which the write runs.
    cx: Context,
    /// The write, as the record holds it.
    intent: Box<Intent>,
    recovery: Recovery,
}

/// How a request under a key ended.
enum End {
    /// Repeats are given this, until that time.
    Answered(StoredAnswer, Time),
    /// Nothing happened: the key is free.
    Free,
    /// The next repeat goes on with the write.
    Left,
}

/// A record whose end is not noted says that the request runs, which the next process settles.
fn told(noted: backend::Result<()>) {
    if let Err(error) = noted {
        tracing::warn!(%error, "how a request ended could not be noted under its idempotency key");
    }
}

impl Ticket {
    /// Stores the answer for repeats.
    pub(crate) async fn finish(self, answer: &Answer) {
        let retention = self.app.gateway.limits.idempotency_retention;
        let micros = i64::try_from(retention.as_micros()).unwrap_or(i64::MAX);
        let expires_at = Time::now().saturating_add_micros(micros);
        self.end(End::Answered(answer.to_stored(), expires_at))
            .await;
    }

    /// Frees the key: nothing happened.
    pub(crate) async fn release(self) {
        self.end(End::Free).await;
    }

    /// Lets the next repeat run the write under the id that it had: of a write that was not done a part may have been,
    /// such as the input of an answer, and must not be done twice.
    async fn abandon(self) {
        self.end(End::Left).await;
    }

    /// Notes how the request ended. Where the state is away at that moment it is noted as soon as it is back: until then the
    /// record says that the request runs, and every repeat is refused.
    async fn end(self, end: End) {
        match self.note(&end).await {
            Err(error) if error.is_temporary() => {
                tracing::warn!(%error, "how a request ended cannot be noted yet");
                self.end_later(end);
            }
            noted => told(noted),
        }
    }

    fn end_later(self, end: End) {
        let shutdown = self.app.gateway.shutdown.clone();
        let stopping = shutdown.stopping().clone();
        let noting = async move {
            let mut pause = END_PAUSE_FIRST;
            loop {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(END_PAUSE_MOST);
                match self.note(&end).await {
                    Err(error) if error.is_temporary() => {}
                    noted => return told(noted),
                }
            }
        };
        shutdown.detached().start(async move {
            tokio::select! {
                // The next process takes the record over.
                () = stopping.cancelled() => {}
                () = noting => {}
            }
        });
    }

    async fn note(&self, end: &End) -> backend::Result<()> {
        let idempotency = &self.app.gateway.idempotency;
        match end {
            End::Answered(answer, expires_at) => {
                idempotency.finish(&self.key, answer, *expires_at).await
            }
            End::Free => idempotency.release(&self.key).await,
            End::Left => idempotency.abandon(&self.key).await,
        }
    }

    /// Ends the record as fits a problem. One that leaves the outcome open does not end it: what became of the write is
    /// found out later, and told to repeats then.
    pub(crate) async fn fail(self, problem: &Problem) {
        let document = problem.document();
        match document.outcome {
            Some(Outcome::Unknown) => self.settle_later().await,
            // It was done, and only its answer could not be made now: by a holder whose lease was lost meanwhile.
            Some(Outcome::Applied) if document.retryable => self.settle_later().await,
            Some(Outcome::NotApplied) if document.retryable => self.release().await,
            _ => self.refuse(problem).await,
        }
    }

    /// Stores a problem for repeats.
    async fn refuse(self, problem: &Problem) {
        let answer = Answer::of_problem(problem.clone(), &self.cx.request_id);
        self.finish(&answer).await;
    }

    /// Goes on asking in the background; repeats are told meanwhile that the request is still running. A write that may
    /// be done again is not asked about: its key is free.
    async fn settle_later(self) {
        let Recovery::Settle(_) = self.recovery else {
            return self.release().await;
        };
        let shutdown = self.app.gateway.shutdown.clone();
        let stopping = shutdown.stopping().clone();
        shutdown.detached().start(async move {
            tokio::select! {
                // The next process takes the record over.
                () = stopping.cancelled() => {}
                () = self.settle() => {}
            }
        });
    }

    /// Asks until it is known what became of the write, or will not be known any more, and ends the record.
    async fn settle(self) {
        let give_up_at = unknown_at(self.intent.deadline_at.max(Time::now()));
        let mut pause = SETTLE_PAUSE_FIRST;
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(SETTLE_PAUSE_MOST);
            let cx = Context {
                deadline: Instant::now() + SETTLE_BUDGET,
                ..self.cx.clone()
            };
            let asking = self.app.gateway.router.settle(&cx, &self.intent);
            match AssertUnwindSafe(asking).catch_unwind().await {
                Ok(Ok(Settled::Applied(applied))) => {
                    // Either way the record has ended, and the next repeat is told how.
                    let _ = self.finish_applied(applied).await;
                    return;
                }
                Ok(Ok(Settled::NotApplied)) => return self.abandon().await,
                Ok(Ok(Settled::Unknown)) if self.may_still_run() => {}
                Ok(Err(error)) if !can_pass(&error) => {
                    return self.refuse(&not_settled(error)).await;
                }
                Ok(Err(error)) if Time::now() < give_up_at => {
                    tracing::warn!(%error, "an interrupted write is not settled yet");
                }
                // The last also where asking meets a fault in this server: it would meet it again.
                Ok(Ok(Settled::Unknown) | Err(_)) | Err(_) => {
                    return self.refuse(&outcome_unknown()).await;
                }
            }
        }
    }

    /// Ends the record of a write that was found done.
    async fn finish_applied(self, applied: Applied) -> Result<Answer, Problem> {
        let answer = match &self.recovery {
            Recovery::Settle(answer_of) | Recovery::SettleOrRunAgain(answer_of) => {
                answer_of(applied)
            }
            Recovery::RunAgain => Err(outcome_unknown()),
        };
        match answer {
            Ok(answer) => {
                let mut stored = answer.clone();
                crate::call::write_trace(&self.cx.trace, &mut stored.headers);
                self.finish(&stored).await;
                Ok(answer)
            }
            Err(problem) => {
                // It was done, so nothing is left to be found out.
                self.refuse(&problem).await;
                Err(problem)
            }
        }
    }

    /// The write runs again, as `run`: a crash in the middle of that is settled by what this run may have done.
    async fn run_again(mut self, run: Intent) -> Result<Claim, Problem> {
        let idempotency = &self.app.gateway.idempotency;
        if let Err(error) = idempotency.restart(&self.key, &run).await {
            self.settle_later().await;
            return Err(error.outcome(backend::Outcome::NotApplied).into());
        }
        *self.intent = run;
        Ok(Claim::Run(Box::new(self.cx.clone()), Some(self)))
    }

    /// Whether it is too early to call an unknown end unknown.
    fn may_still_run(&self) -> bool {
        Time::now() < unknown_at(self.intent.deadline_at)
    }
}

fn unknown_at(deadline_at: Time) -> Time {
    deadline_at.saturating_add_micros(UNKNOWN_AFTER_MICROS)
}

/// Whether asking again may help.
fn can_pass(error: &Error) -> bool {
    error.is_temporary() || matches!(error.origin, Origin::Upstream | Origin::Network)
}

/// Asking failed, which says nothing of the write.
fn not_settled(error: Error) -> Problem {
    Problem::from(error).with_outcome(Outcome::Unknown)
}

/// Takes the request's idempotency key, where it has one, and settles what an earlier process left.
pub(crate) async fn claim(app: &App, call: Call, write: Attempt<'_>) -> Result<Claim, Problem> {
    let Call { cx, line } = call;
    let Some(caller_key) = cx.idempotency_key.clone() else {
        return Ok(Claim::Run(Box::new(cx), None));
    };
    let principal = &cx.principal;
    let key = IdempotencyKey {
        tenant: principal.tenant.clone(),
        caller: match &principal.user {
            Some(user) => format!("{}/{user}", principal.key).into(),
            None => principal.key.clone(),
        },
        key: (*caller_key).into(),
    };
    let intent = Intent {
        id: cx.intent,
        location: write.location,
        write: write.write,
        started_at: Time::now(),
        deadline_at: Time::now()
            .saturating_add_micros(i64::try_from(cx.remaining().as_micros()).unwrap_or(i64::MAX)),
    };
    let request = digest_of(&line, write.body);
    let begin = app
        .gateway
        .idempotency
        .begin(&key, request, &intent)
        .await?;
    let ticket = Ticket {
        app: app.clone(),
        key,
        cx,
        intent: Box::new(intent),
        recovery: write.recovery,
    };
    match begin {
        Begin::Run => Ok(Claim::Run(Box::new(ticket.cx.clone()), Some(ticket))),
        Begin::Answered(stored) => Ok(Claim::Answered(Answer::replayed(stored))),
        Begin::Running => Err(still_running()),
        Begin::Mismatch => Err(Problem::new(
            Code::IdempotencyMismatch,
            "the idempotency key was used with another request: make a new one for each",
        )
        .with_outcome(Outcome::NotApplied)),
        Begin::Abandoned(intent) => recover(ticket, *intent).await,
    }
}

/// Settles a write whose process died, or runs it again: under the id that it had.
async fn recover(mut ticket: Ticket, abandoned: Intent) -> Result<Claim, Problem> {
    ticket.cx.intent = abandoned.id;
    let run = Intent {
        id: abandoned.id,
        ..std::mem::replace(&mut *ticket.intent, abandoned)
    };
    let may_repeat = match ticket.recovery {
        Recovery::RunAgain => return ticket.run_again(run).await,
        Recovery::SettleOrRunAgain(_) => true,
        Recovery::Settle(_) => false,
    };
    let router = &ticket.app.gateway.router;
    match router.settle(&ticket.cx, &ticket.intent).await {
        Ok(Settled::Applied(applied)) => ticket.finish_applied(applied).await.map(Claim::Answered),
        Ok(Settled::NotApplied) => ticket.run_again(run).await,
        Ok(Settled::Unknown) | Err(_) if may_repeat => ticket.run_again(run).await,
        // The record is ours now, so nobody else asks again before this process ends.
        Ok(Settled::Unknown) if ticket.may_still_run() => {
            ticket.settle_later().await;
            Err(still_running())
        }
        Ok(Settled::Unknown) => {
            let problem = outcome_unknown();
            ticket.refuse(&problem).await;
            Err(problem)
        }
        Err(error) => {
            let can_pass = can_pass(&error);
            let problem = not_settled(error);
            match can_pass {
                true => ticket.settle_later().await,
                false => ticket.refuse(&problem).await,
            }
            Err(problem)
        }
    }
}

fn still_running() -> Problem {
    Problem::new(
        Code::RequestInProgress,
        "a request with this idempotency key is still running",
    )
    .with_outcome(Outcome::NotApplied)
    .with_retry_after(IN_PROGRESS_RETRY_AFTER)
}

/// What became of an interrupted write cannot be known, or cannot be shown.
pub(crate) fn outcome_unknown() -> Problem {
    Problem::new(
        Code::OutcomeUnknown,
        "the first request with this idempotency key was interrupted, and what became of it cannot be known",
    )
    .with_outcome(Outcome::Unknown)
}

/// Runs a write once: claims, runs, and ends the record.
pub(crate) async fn run_once<F, R>(
    app: &App,
    call: Call,
    write: Attempt<'_>,
    run: F,
) -> Result<Answer, Problem>
where
    F: FnOnce(Context) -> R,
    R: Future<Output = Result<Answer, Problem>>,
{
    let (cx, ticket) = match claim(app, call, write).await? {
        Claim::Answered(answer) => return Ok(answer),
        Claim::Run(cx, ticket) => (*cx, ticket),
    };
    let Some(ticket) = ticket else {
        return run(cx).await;
    };
    let trace = cx.trace.clone();
    // A panic must not leave the record running for as long as this process lives.
    let result = AssertUnwindSafe(run(cx)).catch_unwind().await;
    match result {
        Ok(Ok(answer)) => {
            let mut stored = answer.clone();
            crate::call::write_trace(&trace, &mut stored.headers);
            ticket.finish(&stored).await;
            Ok(answer)
        }
        Ok(Err(problem)) => {
            ticket.fail(&problem).await;
            Err(problem)
        }
        Err(panic) => {
            let problem = Problem::new(Code::Internal, "the request met a fault in this server")
                .with_outcome(Outcome::Unknown);
            ticket.fail(&problem).await;
            std::panic::resume_unwind(panic)
        }
    }
}

/// What makes two requests the same: method, path, query, fidelity policy and body. The caller is part of the key.
fn digest_of(line: &str, body: &[u8]) -> Digest {
    let mut bytes = Vec::with_capacity(line.len() + 1 + body.len());
    bytes.extend_from_slice(line.as_bytes());
    bytes.push(b'\n');
    bytes.extend_from_slice(body);
    Digest::of(&bytes)
}
