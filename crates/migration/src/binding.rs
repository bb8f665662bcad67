//! Binding one conversation to the other side: its writers wait, the rest is copied, both sides are compared, and the
//! directory is changed. A switch does it forwards, a rollback backwards.
//!
//! Writers wait for a short turn only: what takes longer is copied while they go on, and the next turn has less to do.
//! Where they go on faster than it is copied, turn follows turn with a moment for them in between.

mod behind;
mod holding;
mod rounds;
#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

use backend::ports::{Finding, Item, ItemState};
use backend::{Error, Kind, Location, Result};
use conversation::{ConversationId, Digest};
use tokio::time::Instant;

use crate::alone::alone;
use crate::changes::Changes;
use crate::drain::{carry_late, has_new};
use crate::end::stopped;
use crate::mirror::delete_copy;
use crate::named::{lives_elsewhere, name, set_state};
use crate::reasons::Reason;
use crate::run::{Lives, Run, Subject};
use crate::sync::Depth;
use crate::turns::{PAUSE, Turn};

/// How often what changes is copied before its writers wait. In each of their turns as often again.
const AHEAD_MAX: usize = 3;
/// How often copying may fail before its writers wait: they may take away just what is being read.
const AHEAD_FAILURES_MAX: usize = 2;
/// A walk over a whole conversation that takes less may as well be done while its writers wait, and so may one of a short
/// conversation, unless it fills half of their turn.
const QUICK: Duration = Duration::from_secs(1);
const SHORT: u64 = 400;
const SHORT_TAKES: Duration = Duration::from_secs(5);
/// How many turns are taken for which the writers of one conversation wait.
const TURNS_MAX: usize = 5;
/// How many where they write faster than it is copied. Between these turns they have a moment only, and what is copied in
/// a turn is more than what they add in a moment: each turn leaves less to do.
const OUTRUN_TURNS_MAX: usize = 20;

/// What became of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// It lives on the other side by now.
    There,
    /// It stays where it is; a finding says why.
    Here,
    /// It was deleted.
    Gone,
}

/// Binds conversations of a migration to the backend that `run` writes to.
#[derive(Clone, Copy)]
pub(crate) struct Binder<'r> {
    pub(crate) run: &'r Run,
    pub(crate) changes: &'r Changes,
    /// What an item is when its conversation is bound.
    pub(crate) state: ItemState,
    /// True where conversations go back to a backend on which something may have arrived meanwhile.
    pub(crate) is_back: bool,
}

/// Why it was not bound this time.
enum Not {
    /// For this reason.
    Found(Vec<Finding>),
    /// Something failed.
    Failed(Error),
}

impl From<Error> for Not {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// What is known of how far the copy is behind.
struct Rest {
    /// What of the source showed that it had changed, when it was copied whole.
    mark: Option<Digest>,
    /// How deep the source must be read; `None`: as its mark says.
    wanted: Option<Depth>,
}

/// How a conversation stands.
enum Stands {
    /// It lives at the source, there, and is this one's.
    Here(Location, Subject),
    /// There is nothing left to do.
    Done(Bound),
}

/// Whether copying as much again may be done while writers wait.
fn is_little(read: u64, took: Duration) -> bool {
    took < QUICK || (read <= SHORT && took < SHORT_TAKES)
}

impl Binder<'_> {
    /// Binds one conversation.
    ///
    /// # Errors
    /// Those of the gateway's own state, and where the job is stopped. What keeps one conversation is a finding.
    pub(crate) async fn bind(&self, item: &Item) -> Result<Bound> {
        let id = item.conversation;
        let reason = self.reason();
        let bound = match self.try_alone(item).await {
            Ok(bound) => bound,
            Err(_) if self.run.stop.is_cancelled() => return Err(stopped()),
            // Deleted while it was under way.
            Err(Not::Failed(error)) if error.kind == Kind::NotFound && self.is_gone(id).await? => {
                self.gone(id).await?
            }
            Err(Not::Failed(error)) => {
                tracing::info!(migration = %self.run.migration, conversation = %id, error.kind = error.kind.as_str(), "a conversation could not be bound");
                name(
                    self.run,
                    id,
                    &[reason, Reason::WriteOpen],
                    vec![reason.because(Some(id), &error)],
                )
                .await?;
                return Ok(Bound::Here);
            }
            Err(Not::Found(findings)) => {
                name(self.run, id, &[reason, Reason::WriteOpen], findings).await?;
                return Ok(Bound::Here);
            }
        };
        let over = [
            reason,
            Reason::WriteOpen,
            Reason::CopyFailed,
            Reason::MirrorFailed,
            Reason::ShadowMismatch,
        ];
        name(self.run, id, &over, Vec::new()).await?;
        Ok(bound)
    }

    /// A defect that one conversation leads to keeps that one.
    async fn try_alone(&self, item: &Item) -> std::result::Result<Bound, Not> {
        let tried = async { Ok(self.try_to_bind(item).await) };
        alone(item.conversation, Box::pin(tried)).await?
    }

    fn reason(&self) -> Reason {
        if self.is_back {
            Reason::RollbackFailed
        } else {
            Reason::SwitchFailed
        }
    }

    async fn is_gone(&self, id: ConversationId) -> Result<bool> {
        Ok(matches!(self.run.lives(id).await?, Lives::Nowhere))
    }

    /// It was deleted through the gateway: so is its copy.
    async fn gone(&self, id: ConversationId) -> Result<Bound> {
        if let Err(error) = delete_copy(self.run, id).await {
            let finding = self.reason().because(Some(id), &error);
            name(self.run, id, &[], vec![finding]).await?;
            return Ok(Bound::Here);
        }
        set_state(self.run, id, ItemState::Deleted).await?;
        Ok(Bound::Gone)
    }

    async fn stands(&self, id: ConversationId) -> std::result::Result<Stands, Not> {
        Ok(match self.run.lives(id).await? {
            Lives::Nowhere => Stands::Done(self.gone(id).await?),
            Lives::AtTarget(_) => {
                set_state(self.run, id, self.state).await?;
                Stands::Done(Bound::There)
            }
            Lives::Elsewhere(home, _) => {
                let finding = lives_elsewhere(self.reason(), id, &home.backend);
                return Err(Not::Found(vec![finding]));
            }
            Lives::AtSource(home, subject) => Stands::Here(home, subject),
        })
    }

    async fn try_to_bind(&self, item: &Item) -> std::result::Result<Bound, Not> {
        let (run, id) = (self.run, item.conversation);
        let is_copied = item.state == ItemState::Copied && !self.is_back;
        let mut rest = Rest {
            mark: item.mark.filter(|_| is_copied),
            wanted: (!is_copied).then_some(Depth::Whole),
        };
        let (mut turns, mut is_near) = (0, true);
        while turns < if is_near { TURNS_MAX } else { OUTRUN_TURNS_MAX } {
            turns += 1;
            let (home, subject) = match self.stands(id).await? {
                Stands::Here(home, subject) => (home, subject),
                Stands::Done(bound) => return Ok(bound),
            };
            // Whoever was not caught up with while they went on would only get further ahead.
            if is_near {
                is_near = self.catch_up(&subject, &home, &mut rest).await?;
            }
            let held = self.hold(&subject).await?;
            let turn = Turn::of(run);
            let binder = Binder {
                run: &turn.run,
                ..*self
            };
            let waiting = Subject {
                writers_wait: true,
                ..subject
            };
            let work = Box::pin(binder.bind_held(&waiting, &mut rest, &held));
            let bound = turn.take(work).await;
            held.release().await;
            match bound {
                Some(Ok(bound)) => return Ok(bound),
                _ if run.stop.is_cancelled() => return Err(stopped().into()),
                Some(Err(not)) if !turn.is_over() => return Err(not),
                // It took too long: what is left is copied while writers go on, and they come first.
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
        let detail = "its writers would have had to wait for too long, each time: one side is slow, or it changes all the time";
        let finding = Finding {
            temporary: true,
            ..self.reason().finding(Some(id), detail)
        };
        Err(Not::Found(vec![finding]))
    }

    /// Copies what changed while writers go on, until little is left for when they wait. False where it does not become
    /// little: they write faster than it is copied.
    async fn catch_up(
        &self,
        subject: &Subject,
        home: &Location,
        rest: &mut Rest,
    ) -> std::result::Result<bool, Not> {
        let run = self.run;
        if self.is_back {
            self.bring_ahead(subject).await;
        }
        let mut failures = 0;
        for _ in 0..AHEAD_MAX {
            let began = Instant::now();
            match self.equalize(subject, home, rest).await {
                Ok(equal) if is_little(equal.read, began.elapsed()) => return Ok(true),
                Ok(_) => {}
                Err(_) if run.stop.is_cancelled() => return Err(stopped().into()),
                Err(Not::Found(findings)) => return Err(Not::Found(findings)),
                Err(Not::Failed(_)) => {
                    // Once more, when they wait at the latest. It is told then.
                    rest.wanted = Some(Depth::Whole);
                    failures += 1;
                    if failures == AHEAD_FAILURES_MAX {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    /// Brings what arrived at the backend to which a conversation goes back. What cannot be brought shows where both sides
    /// are compared.
    async fn bring_ahead(&self, subject: &Subject) {
        let forwards = self.run.reversed();
        let brought = async {
            if let Some(old) = self.old_home(&forwards, subject).await?
                && has_new(&forwards, subject, &old).await?
            {
                Box::pin(carry_late(&forwards, subject)).await?;
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = brought.await {
            tracing::info!(migration = %self.run.migration, conversation = %subject.id, error.kind = error.kind.as_str(), "what arrived at an earlier home is brought later");
        }
    }

    /// Where something may have arrived since a conversation was bound elsewhere. Where writes are transactions, nothing
    /// did.
    async fn old_home(&self, forwards: &Run, subject: &Subject) -> Result<Option<Location>> {
        if forwards.from.stack.capabilities().transactional {
            return Ok(None);
        }
        forwards.place(subject.id, &forwards.from).await
    }
}
