//! While writers wait: what is left is copied, both sides are compared, and the directory is changed.

use backend::ports::{Finding, Held, Sign, Switching};
use backend::{Error, Kind, Location, Result};
use conversation::{ConversationId, Digest, Time};

use super::behind::{self, is_extra_only};
use super::{Binder, Bound, Not, Rest, Stands};
use crate::compare::{Scope, compare};
use crate::end::stopped;
use crate::named::{name, set_mark};
use crate::reasons::Reason;
use crate::run::Subject;
use crate::sync::{self, Depth, sync};

/// How often a conversation is copied and compared again that changes meanwhile.
const ROUNDS_MAX: usize = 50;
/// How often both sides may differ though nothing was told to have changed.
const DIFFERENT_MAX: usize = 3;

/// Both sides are equal.
pub(super) struct Equal {
    /// As of this `updated_at` of the source.
    updated_at: Option<Time>,
    /// So many messages were read for that.
    pub(super) read: u64,
}

impl Binder<'_> {
    /// Copies the rest and binds, under the lease. Where writers take none they go on meanwhile, so until nothing changed.
    pub(super) async fn bind_held(
        &self,
        subject: &Subject,
        rest: &mut Rest,
        held: &Held,
    ) -> std::result::Result<Bound, Not> {
        let writers = self.hold_writers(subject.id).await?;
        let bound = self.rounds(subject, rest, held, writers.as_ref()).await;
        if let Some(writers) = writers {
            writers.release().await;
        }
        bound
    }

    async fn rounds(
        &self,
        subject: &Subject,
        rest: &mut Rest,
        held: &Held,
        writers: Option<&Held>,
    ) -> std::result::Result<Bound, Not> {
        let (run, id) = (self.run, subject.id);
        let mut differed = 0;
        let mut is_behind = false;
        for _ in 0..ROUNDS_MAX {
            if run.stop.is_cancelled() {
                return Err(stopped().into());
            }
            let home = match self.stands(id).await? {
                Stands::Here(home, _) => home,
                Stands::Done(bound) => return Ok(bound),
            };
            let equalized = self.equalize(subject, &home, rest).await;
            if self.changes.has(id).await {
                if equalized.is_err() {
                    // What was being read may have been taken away by who changed it.
                    rest.wanted = Some(Depth::Whole);
                }
                continue;
            }
            let equal = equalized?;
            let compared = Box::pin(compare(run, subject, Scope::Newest)).await?;
            let was_behind = std::mem::take(&mut is_behind);
            if compared.sign != Sign::Same {
                if self.changes.has(id).await {
                    continue;
                }
                differed += 1;
                let behind = self.behind(differed, id, &compared.findings);
                let Some(behind) = behind else {
                    self.again(subject, rest, differed, compared.findings)
                        .await?;
                    continue;
                };
                // Before it is bound: nobody looks afterwards.
                name(run, id, &[Reason::ChangedBehind], behind).await?;
                is_behind = true;
            } else if was_behind {
                name(run, id, &[Reason::ChangedBehind], Vec::new()).await?;
            }
            // Who holds a lease no more does not know what others write.
            held.outlast_a_heartbeat().await?;
            if let Some(writers) = writers {
                writers.outlast_a_heartbeat().await?;
            }
            if self.switch(id, home, equal.updated_at).await? {
                self.follow_up(subject, rest.mark).await;
                return Ok(Bound::There);
            }
        }
        let detail = format!("it changed {ROUNDS_MAX} times while it was copied");
        let finding = Finding {
            temporary: true,
            ..self.reason().finding(Some(id), detail)
        };
        Err(Not::Found(vec![finding]))
    }

    /// What of both sides differs and does not keep a conversation from going back, once everything else was carried.
    fn behind(
        &self,
        differed: usize,
        id: ConversationId,
        found: &[Finding],
    ) -> Option<Vec<Finding>> {
        let is_carried = self.is_back && differed > 1;
        is_carried.then(|| behind::changed(id, found)).flatten()
    }

    /// Both sides differ: has them copied again, unless that was done often enough.
    async fn again(
        &self,
        subject: &Subject,
        rest: &mut Rest,
        differed: usize,
        mut found: Vec<Finding>,
    ) -> std::result::Result<(), Not> {
        if differed > DIFFERENT_MAX {
            let detail = "both sides differ also when it is copied again";
            found.push(self.reason().finding(Some(subject.id), detail));
            return Err(Not::Found(found));
        }
        rest.wanted = Some(Depth::Whole);
        if self.is_back {
            self.bring(subject).await?;
            if is_extra_only(&found) {
                rest.wanted = Some(Depth::Newest);
            }
        }
        Ok(())
    }

    /// Brings what arrived at the backend to which a conversation goes back, so that both sides have it.
    async fn bring(&self, subject: &Subject) -> Result<()> {
        let forwards = self.run.reversed();
        if self.old_home(&forwards, subject).await?.is_some() {
            Box::pin(sync(&forwards, subject, Depth::NewOnly)).await?;
        }
        Ok(())
    }

    /// Copies what changed, as far as that is known.
    pub(super) async fn equalize(
        &self,
        subject: &Subject,
        home: &Location,
        rest: &mut Rest,
    ) -> std::result::Result<Equal, Not> {
        let run = self.run;
        rest.wanted = deeper(self.changes.take(subject.id).await, rest.wanted);
        let now = run.end(&run.from, subject).conversation(home).await?;
        let mark_now = sync::mark_of(&*run.from.stack, &now);
        let depth = match rest.wanted {
            None if mark_now.is_some() && mark_now == rest.mark => {
                return Ok(Equal {
                    updated_at: Some(now.updated_at),
                    read: 0,
                });
            }
            // Nobody told of it, so somebody else changed it, who knows where.
            None if mark_now.is_some() && rest.mark.is_some() => Depth::Whole,
            Some(depth) => depth,
            None => Depth::Newest,
        };
        // Where this is cut off, or fails, as much is wanted again.
        rest.wanted = Some(depth);
        let synced = Box::pin(sync(run, subject, depth)).await?;
        if synced.failed > 0 {
            // A message that cannot be copied keeps the conversation here.
            return Err(Not::Found(synced.findings));
        }
        rest.wanted = None;
        // What the newest show may not be all that made the mark move.
        rest.mark = synced.mark;
        Ok(Equal {
            updated_at: synced.updated_at,
            read: synced.messages,
        })
    }

    async fn switch(
        &self,
        id: ConversationId,
        home: Location,
        updated_at: Option<Time>,
    ) -> Result<bool> {
        let run = self.run;
        let there = run.place(id, &run.to).await?.ok_or_else(|| {
            Error::new(
                Kind::Internal,
                "a copied conversation has no place at the target",
            )
        })?;
        let is_transactional = run.from.stack.capabilities().transactional;
        let switching = Switching {
            migration: run.migration,
            to: Location {
                renamed: true,
                ..there
            },
            from: home,
            unchanged_since: updated_at.filter(|_| is_transactional),
            route: None,
            state: self.state,
        };
        run.parts.ledger.switch(&switching).await
    }

    /// What lists show, and what the drain compares with. It is bound by now, so a failure here is only late news.
    async fn follow_up(&self, subject: &Subject, mark: Option<Digest>) {
        let (run, id) = (self.run, subject.id);
        let noted = async {
            set_mark(run, id, mark).await?;
            let there = run.place(id, &run.to).await?;
            let there = there.ok_or_else(Error::conversation_not_found)?;
            let document = run.end(&run.to, subject).conversation(&there).await?;
            run.parts.directory.refresh(id, &document).await
        };
        if let Err(error) = noted.await {
            tracing::info!(migration = %run.migration, conversation = %id, error.kind = error.kind.as_str(), "a bound conversation is shown as it was before");
        }
    }
}

fn deeper(one: Option<Depth>, other: Option<Depth>) -> Option<Depth> {
    match (one, other) {
        (Some(Depth::Whole), _) | (_, Some(Depth::Whole)) => Some(Depth::Whole),
        (one, other) => one.or(other),
    }
}
