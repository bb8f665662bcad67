//! Idempotency: one key, one effect, one answer, also when a process dies in between.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backend::ports::{Begin, IdempotencyKey};
use backend::{Applied, Context, Intent, Location, Settled, Write};
use conversation::{Digest, Time};
use futures_util::FutureExt;

use crate::answer::Answer;
use crate::call::Call;
use crate::gateway::App;
use crate::problem::{Code, Outcome, Problem};

/// A caller whose first request still runs waits this long.
const IN_PROGRESS_RETRY_AFTER: Duration = Duration::from_secs(1);
/// Between two questions about an interrupted write whose backend does not answer.
const SETTLE_PAUSE: Duration = Duration::from_secs(10);
/// After so many questions the outcome counts as unknown.
const SETTLE_TRIES_MAX: u32 = 30;

/// What is done with a request whose process died.
pub(crate) enum Recovery {
    /// Ask what became of it; an applied write gives this answer.
    Settle(fn(Applied) -> Result<Answer, Problem>),
    /// Ask what became of it; the answer of an applied one cannot be made again.
    SettleWithoutAnswer,
    /// Do it again: the second time changes nothing more.
    RunAgain,
    /// It cannot be known.
    Unknown,
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
    Run(Context, Option<Ticket>),
    /// It has an answer.
    Answered(Answer),
}

/// The duty to end a record, in one way or the other.
#[derive(Debug)]
pub(crate) struct Ticket {
    app: App,
    key: IdempotencyKey,
}

impl Ticket {
    /// Stores the answer for repeats.
    pub(crate) async fn finish(self, answer: &Answer) {
        let retention = self.app.gateway.limits.idempotency_retention;
        let micros = i64::try_from(retention.as_micros()).unwrap_or(i64::MAX);
        let expires_at = Time::now().saturating_add_micros(micros);
        let stored = answer.to_stored();
        let idempotency = &self.app.gateway.idempotency;
        if let Err(error) = idempotency.finish(&self.key, &stored, expires_at).await {
            // The record stays "running", which settles it once this process has ended.
            tracing::warn!(%error, "the answer for an idempotency key could not be stored");
        }
    }

    /// Frees the key: nothing happened.
    pub(crate) async fn release(self) {
        if let Err(error) = self.app.gateway.idempotency.release(&self.key).await {
            tracing::warn!(%error, "an idempotency key could not be freed");
        }
    }

    /// Ends the record as fits a problem.
    pub(crate) async fn fail(self, problem: &Problem, request_id: &str) {
        let document = problem.document();
        if document.retryable && document.outcome == Some(Outcome::NotApplied) {
            self.release().await;
        } else {
            self.finish(&Answer::of_problem(problem.clone(), request_id))
                .await;
        }
    }
}

/// Takes the request's idempotency key, where it has one, and settles what an earlier process left.
pub(crate) async fn claim(app: &App, call: Call, write: Attempt<'_>) -> Result<Claim, Problem> {
    let Call { mut cx, line } = call;
    let Some(caller_key) = cx.idempotency_key.clone() else {
        return Ok(Claim::Run(cx, None));
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
    };
    match begin {
        Begin::Run => Ok(Claim::Run(cx, Some(ticket))),
        Begin::Answered(stored) => Ok(Claim::Answered(Answer::replayed(stored))),
        Begin::Running => Err(Problem::new(
            Code::RequestInProgress,
            "a request with this idempotency key is still running",
        )
        .with_outcome(Outcome::NotApplied)
        .with_retry_after(IN_PROGRESS_RETRY_AFTER)),
        Begin::Mismatch => Err(Problem::new(
            Code::IdempotencyMismatch,
            "the idempotency key was used with another request: make a new one for each",
        )
        .with_outcome(Outcome::NotApplied)),
        Begin::Abandoned(intent) => {
            cx.intent = intent.id;
            recover(app, cx, ticket, *intent, write.recovery).await
        }
    }
}

async fn recover(
    app: &App,
    cx: Context,
    ticket: Ticket,
    intent: Intent,
    recovery: Recovery,
) -> Result<Claim, Problem> {
    let settled = match recovery {
        Recovery::RunAgain => Settled::NotApplied,
        Recovery::Unknown => Settled::Unknown,
        Recovery::Settle(_) | Recovery::SettleWithoutAnswer => {
            match app.gateway.router.settle(&cx, &intent).await {
                Ok(settled) => settled,
                Err(error) => {
                    // The record is ours now, so nobody else asks again before this process ends.
                    settle_later(app, cx, ticket, intent, recovery);
                    return Err(error.into());
                }
            }
        }
    };
    match (settled, recovery) {
        (Settled::NotApplied, _) => Ok(Claim::Run(cx, Some(ticket))),
        (Settled::Applied(applied), Recovery::Settle(answer_of)) => {
            let answer = answer_of(applied)?;
            ticket.finish(&answer).await;
            Ok(Claim::Answered(answer))
        }
        (Settled::Applied(_) | Settled::Unknown, _) => {
            let problem = outcome_unknown();
            ticket.fail(&problem, &cx.request_id).await;
            Err(problem)
        }
    }
}

/// Goes on asking in the background; repeats are told meanwhile that the request is still running.
fn settle_later(app: &App, cx: Context, ticket: Ticket, intent: Intent, recovery: Recovery) {
    let router = Arc::clone(&app.gateway.router);
    app.gateway.shutdown.detached().start(async move {
        for _ in 0..SETTLE_TRIES_MAX {
            tokio::time::sleep(SETTLE_PAUSE).await;
            let cx = Context {
                deadline: Instant::now() + SETTLE_PAUSE,
                ..cx.clone()
            };
            match (router.settle(&cx, &intent).await, &recovery) {
                (Err(error), _) => {
                    tracing::warn!(%error, "an interrupted write is not settled yet");
                }
                (Ok(Settled::NotApplied), _) => return ticket.release().await,
                (Ok(Settled::Applied(applied)), Recovery::Settle(answer_of)) => {
                    return match answer_of(applied) {
                        Ok(answer) => ticket.finish(&answer).await,
                        Err(problem) => ticket.fail(&problem, &cx.request_id).await,
                    };
                }
                (Ok(Settled::Applied(_) | Settled::Unknown), _) => break,
            }
        }
        ticket.fail(&outcome_unknown(), &cx.request_id).await;
    });
}

fn outcome_unknown() -> Problem {
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
        Claim::Run(cx, ticket) => (cx, ticket),
    };
    let Some(ticket) = ticket else {
        return run(cx).await;
    };
    let request_id = cx.request_id.clone();
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
            ticket.fail(&problem, &request_id).await;
            Err(problem)
        }
        Err(panic) => {
            let problem = Problem::new(Code::Internal, "the request met a fault in this server")
                .with_outcome(Outcome::Unknown);
            ticket.fail(&problem, &request_id).await;
            std::panic::resume_unwind(panic)
        }
    }
}

/// What makes two requests the same: method, path, query and body. The caller is part of the key.
fn digest_of(line: &str, body: &[u8]) -> Digest {
    let mut bytes = Vec::with_capacity(line.len() + 1 + body.len());
    bytes.extend_from_slice(line.as_bytes());
    bytes.push(b'\n');
    bytes.extend_from_slice(body);
    Digest::of(&bytes)
}
