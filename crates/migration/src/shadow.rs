//! Shadow reads: of the reads through the gateway some are compared on both sides, so that whoever switches knows.

use std::sync::atomic::{AtomicU64, Ordering};

use backend::Result;
use backend::ports::{Finding, MigrationRecord, Sign};
use conversation::ConversationId;

use crate::compare::{Scope, compare};
use crate::named::note_moved;
use crate::reasons::Reason;
use crate::records::note;
use crate::run::{Lives, Run, Subject};
use crate::status::ShadowSummary;
use crate::sync::{Depth, sync};

/// How often a conversation that changes while it is compared is compared again.
const TRIES_MAX: usize = 5;

/// What comparing reads has found since the mirror began.
#[derive(Debug, Default)]
pub(crate) struct Shadow {
    compared: AtomicU64,
    mismatched: AtomicU64,
    failed: AtomicU64,
}

/// What one comparison found.
#[derive(Debug, PartialEq)]
enum Verdict {
    Same,
    /// Also when it was copied and compared again.
    Different(Vec<Finding>),
    Failed,
    /// It is never at rest, deleted, or not copied yet: nothing can be said.
    Nothing,
}

impl Shadow {
    /// As it was when the record was noted.
    pub(crate) fn of(record: &MigrationRecord) -> Self {
        let noted: ShadowSummary = note(record, "shadow").unwrap_or_default();
        Self {
            compared: noted.compared.into(),
            mismatched: noted.mismatched.into(),
            failed: noted.failed.into(),
        }
    }

    pub(crate) fn summary(&self) -> ShadowSummary {
        ShadowSummary {
            compared: self.compared.load(Ordering::Relaxed),
            mismatched: self.mismatched.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }

    /// Compares a conversation that was just read.
    ///
    /// # Errors
    /// Those of the gateway's own state.
    pub(crate) async fn compare(&self, run: &Run, id: ConversationId) -> Result<()> {
        let (compared, mismatched, failed) = match judge(run, id).await? {
            Verdict::Nothing => return Ok(()),
            Verdict::Same => {
                crate::named::name(run, id, &[Reason::ShadowMismatch], Vec::new()).await?;
                (1, 0, 0)
            }
            Verdict::Different(findings) => {
                let words: Vec<&str> = findings.iter().map(|finding| &*finding.reason).collect();
                let finding = Reason::ShadowMismatch.finding(Some(id), words.join(", "));
                crate::named::name(run, id, &[], vec![finding]).await?;
                (1, 1, 0)
            }
            Verdict::Failed => (0, 0, 1),
        };
        self.compared.fetch_add(compared, Ordering::Relaxed);
        self.mismatched.fetch_add(mismatched, Ordering::Relaxed);
        self.failed.fetch_add(failed, Ordering::Relaxed);
        Ok(())
    }
}

/// Compares; what differs is copied and compared again, because a write may be on its way to the copy. One that is
/// written to all the time is compared until it holds still for a moment. A vendor's times may be too coarse to tell that
/// it did not, so a difference counts when another copy leaves it as it was.
async fn judge(run: &Run, id: ConversationId) -> Result<Verdict> {
    let subject = match run.lives(id).await? {
        Lives::AtSource(_, subject) => subject,
        Lives::Nowhere => return Ok(Verdict::Nothing),
        Lives::AtTarget(_) => {
            note_moved(run, id, &run.spec.to).await?;
            return Ok(Verdict::Nothing);
        }
        Lives::Elsewhere(home, _) => {
            note_moved(run, id, &home.backend).await?;
            return Ok(Verdict::Nothing);
        }
    };
    if run.place(id, &run.to).await?.is_none() {
        return Ok(Verdict::Nothing);
    }
    match compare(run, &subject, Scope::Newest).await?.sign {
        Sign::Same => return Ok(Verdict::Same),
        Sign::Failed => return Ok(Verdict::Failed),
        Sign::Missing | Sign::Extra | Sign::Different => {}
    }
    let mut known = None;
    for _ in 0..TRIES_MAX {
        let Ok(before) = last_change(run, &subject).await else {
            return Ok(Verdict::Failed);
        };
        match sync(run, &subject, Depth::Whole).await {
            Ok(_) => {}
            Err(_) if run.stop.is_cancelled() => return Ok(Verdict::Nothing),
            Err(_) => return Ok(Verdict::Failed),
        }
        let compared = compare(run, &subject, Scope::Newest).await?;
        match compared.sign {
            Sign::Same => return Ok(Verdict::Same),
            Sign::Failed => return Ok(Verdict::Failed),
            Sign::Missing | Sign::Extra | Sign::Different => {}
        }
        let Ok(after) = last_change(run, &subject).await else {
            return Ok(Verdict::Failed);
        };
        // The source held still from before the copy until after the comparison.
        let held_still = before == after;
        if held_still && known.as_ref() == Some(&compared.findings) {
            return Ok(Verdict::Different(compared.findings));
        }
        known = held_still.then_some(compared.findings);
    }
    Ok(Verdict::Nothing)
}

/// What of the source moves with every change.
async fn last_change(run: &Run, subject: &Subject) -> Result<(conversation::Time, Option<u64>)> {
    let place = run.place(subject.id, &run.from).await?;
    let place = place.ok_or_else(backend::Error::conversation_not_found)?;
    let now = run.end(&run.from, subject).conversation(&place).await?;
    Ok((
        now.updated_at,
        now.counts.and_then(|counts| counts.messages),
    ))
}

#[cfg(test)]
mod tests {
    use backend::Order;
    use conversation::text_of;

    use super::*;
    use crate::copy::copy_all;
    use crate::progress::Counters;
    use crate::testing::{Changed, World, cx, said, spec};

    #[tokio::test]
    async fn what_arrives_between_a_copy_and_its_comparison_is_no_difference() {
        let mut world = World::new();
        let at = world.talk(3).await;
        let run = world.migration().await;
        copy_all(&run, &Counters::default()).await.unwrap();
        world.say(&at, vec![said(3, "late")]).await;
        // The first copy comes too early to see it, each comparison sees it, and the vendor's times do not move.
        let copies = AtomicU64::new(0);
        world.wrap("old", |below| {
            let showing = Changed::new(below).showing(move |request, mut page| {
                if request.order == Order::Asc {
                    let first = u64::from(request.position.is_none());
                    if copies.fetch_add(first, Ordering::Relaxed) + first == 1 {
                        page.items.retain(|one| text_of(&one.parts) != "late");
                    }
                }
                page
            });
            showing.shared()
        });
        let run = world.run(run.migration, spec());
        assert_eq!(judge(&run, at.id).await.unwrap(), Verdict::Same);
    }

    #[tokio::test]
    async fn what_another_copy_leaves_as_it_was_is_a_difference() {
        let world = World::new();
        let at = world.talk(3).await;
        let run = world.migration().await;
        copy_all(&run, &Counters::default()).await.unwrap();
        assert_eq!(judge(&run, at.id).await.unwrap(), Verdict::Same);
        let place = run.place(at.id, &run.to).await.unwrap().unwrap();
        let words = vec![said(9, "nobody said that at the source")];
        let put = world
            .end("new")
            .import_messages(&cx(), &place, words)
            .await
            .unwrap();
        assert!(put.iter().all(Result::is_ok));
        let verdict = judge(&run, at.id).await.unwrap();
        let Verdict::Different(findings) = verdict else {
            panic!("{verdict:?}");
        };
        assert_eq!(findings.len(), 1, "{findings:?}");
    }
}
