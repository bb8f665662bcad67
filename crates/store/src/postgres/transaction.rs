//! Writes: each a transaction, repeated where it met another one, and looked up where its end was not heard of.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use backend::{Error, Outcome, Result};
use backon::{BackoffBuilder as _, ExponentialBuilder};
use conversation::Time;

use super::Shared;
use super::session::Session;
use crate::failure::{Attempt, Failure};
use crate::sql::{self, Connection};
use crate::store::broke_off;

/// How often a write is repeated that meets others.
const REPEATS_MAX: usize = 40;
/// The first pause before a repeat; it doubles, up to [`PAUSE_MAX`], and is spread at random.
const PAUSE: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_millis(120);
/// How often the database is asked what became of a transaction, with a pause in between.
const LOOKS_MAX: usize = 10;
const LOOK_PAUSE: Duration = Duration::from_millis(300);

/// What a write must not see of others that run beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// It is as if writes ran one after the other: for whatever decides by rows that it does not lock.
    Serializable,
    /// Each statement sees what was committed when it began: for what locks the rows by which it decides, or says all of
    /// it in one statement.
    ReadCommitted,
}

/// How one run of a write ended.
enum Ended<T> {
    Done(T),
    /// Nothing was applied.
    Refused(Failure),
    /// It met others, and nothing was applied.
    Again(Failure),
    /// It was all sent, and nobody said what became of it.
    Unheard(T, Failure, Option<String>),
}

/// Runs a write until it is committed or refused.
pub(super) fn run<T>(
    shared: &Shared,
    session: Session,
    isolation: Isolation,
    write: &dyn Fn(&Connection, Time) -> Attempt<T>,
) -> Result<T> {
    let deadline = Instant::now() + shared.patience;
    let mut pauses = ExponentialBuilder::new()
        .with_min_delay(PAUSE)
        .with_max_delay(PAUSE_MAX)
        .with_max_times(REPEATS_MAX)
        .with_jitter()
        .build();
    loop {
        match once(&session, isolation, shared.tells_outcomes, write) {
            Ended::Done(made) => return Ok(made),
            Ended::Refused(failure) => return Err(failure.into()),
            Ended::Again(failure) => match pauses.next() {
                Some(pause) if Instant::now() + pause < deadline => std::thread::sleep(pause),
                _ => return Err(failure.into()),
            },
            Ended::Unheard(made, failure, number) => {
                // Its connection is spoiled: the look-up must not wait for a place in the pool behind it.
                drop(session);
                let outcome = number.map_or(Outcome::Unknown, |number| look_up(shared, &number));
                let error = Error::from(failure).outcome(outcome);
                tracing::warn!(error = %error, outcome = ?outcome, "the end of a write was not heard of");
                return match outcome {
                    Outcome::Applied => Ok(made),
                    _ => Err(error),
                };
            }
        }
    }
}

fn once<T>(
    session: &Session,
    isolation: Isolation,
    with_number: bool,
    write: &dyn Fn(&Connection, Time) -> Attempt<T>,
) -> Ended<T> {
    let (now, number) = match session.begin_writing(isolation, with_number) {
        Ok(begun) => begun,
        Err(error) => return Ended::Refused(error.into()),
    };
    let written = catch_unwind(AssertUnwindSafe(|| write(session, now)))
        .unwrap_or_else(|_| Err(broke_off().into()));
    let made = match written {
        Ok(made) => made,
        Err(failure) => {
            if session.simple("ROLLBACK").is_err() {
                session.spoil();
            }
            return match &failure {
                Failure::Database(sql::Error::Postgres(failed)) if failed.meets_others() => {
                    Ended::Again(failure)
                }
                _ => Ended::Refused(failure),
            };
        }
    };
    match session.simple("COMMIT") {
        Ok(_) => Ended::Done(made),
        Err(sql::Error::Postgres(failed)) if failed.meets_others() => {
            Ended::Again(sql::Error::from(failed).into())
        }
        Err(sql::Error::Postgres(failed)) if failed.is_lost() => {
            session.spoil();
            Ended::Unheard(made, sql::Error::from(failed).into(), number)
        }
        Err(error) => {
            session.spoil();
            Ended::Refused(error.into())
        }
    }
}

/// What became of a transaction, by the database's own books.
fn look_up(shared: &Shared, number: &str) -> Outcome {
    for look in 0..LOOKS_MAX {
        if look > 0 {
            std::thread::sleep(LOOK_PAUSE);
        }
        let told = shared
            .runtime
            .block_on(shared.session())
            .and_then(|session| {
                session
                    .simple(&format!("SELECT pg_xact_status('{number}'::xid8)"))
                    .map_err(crate::failure::from_sql)
            });
        let status = told
            .ok()
            .and_then(|rows| rows.into_iter().next())
            .and_then(|row| row.into_iter().next().flatten());
        match status.as_deref() {
            Some("committed") => return Outcome::Applied,
            Some("aborted") => return Outcome::NotApplied,
            // It still runs, or the database is still away.
            _ => {}
        }
    }
    Outcome::Unknown
}
