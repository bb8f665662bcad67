//! The mirror: what is written to a migration's conversations through the gateway is copied as it happens, until the
//! switch. It copies results: nothing is posted twice, nobody answers twice.

mod bringing;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use backend::ports::{DirectoryWalk, ItemState, Touch, Touched};
use backend::{Error, Kind, Result};
use conversation::ConversationId;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::alone::alone;
use crate::enumerate::item_of;
use crate::jobs::By;
use crate::named::name;
use crate::phases::Command;
use crate::reasons::Reason;
use crate::records::set_note;
use crate::run::Run;
use crate::service::Service;
use crate::shadow::Shadow;
use crate::status::JobKind;
use crate::sync::Depth;

use bringing::{Brought, What, bring};

pub(crate) use bringing::delete_copy;

/// The most conversations that wait to be copied; beyond, a pass over all of them is cheaper.
const WAITING_MAX: usize = 10_000;
/// The most conversations that are remembered as ours.
const KNOWN_MAX: usize = 100_000;
/// The most reads that are compared at once.
const SHADOWS_PARALLEL: usize = 2;
/// How long is waited before one is tried again that failed: at first, and at most.
const AGAIN_FIRST: Duration = Duration::from_secs(1);
const AGAIN_MOST: Duration = Duration::from_secs(60);
/// After so many failures an operator is told. So often what the target refuses is tried again before it is left to the
/// next pass.
const TOLD_AFTER: u32 = 5;
/// How long is waited before a pass is asked for again that could not begin.
const PASS_AGAIN: Duration = Duration::from_secs(2);
/// How often what reads have shown is noted.
const NOTE_EVERY: Duration = Duration::from_secs(1);

/// What waits to be copied of a conversation.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    what: What,
    due: Instant,
    failures: u32,
}

/// Mirrors until it is stopped; what it began has ended then. Where it `has_missed` something it asks for a pass first.
pub(crate) async fn mirror(
    service: Arc<Service>,
    run: Run,
    touches: broadcast::Receiver<Touch>,
    shadow: Arc<Shadow>,
    has_missed: bool,
) {
    let mut mirror = Mirror {
        service,
        run,
        shadow,
        waiting: HashMap::new(),
        busy: HashSet::new(),
        known: HashSet::new(),
        copying: JoinSet::new(),
        comparing: JoinSet::new(),
        passes: JoinSet::new(),
        reads: 0,
        pass_due: has_missed.then(Instant::now),
        note_due: None,
    };
    mirror.follow(touches).await;
    while mirror.copying.join_next().await.is_some() {}
    while mirror.comparing.join_next().await.is_some() {}
    // One that is beginning is not cut off: it would be noted and not run.
    mirror.passes.detach_all();
    mirror.note_shadow().await;
}

struct Mirror {
    service: Arc<Service>,
    run: Run,
    shadow: Arc<Shadow>,
    waiting: HashMap<ConversationId, Wanted>,
    busy: HashSet<ConversationId>,
    known: HashSet<ConversationId>,
    copying: JoinSet<(ConversationId, Wanted, Result<Brought>)>,
    comparing: JoinSet<Result<()>>,
    /// A pass that is beginning.
    passes: JoinSet<Result<()>>,
    reads: u64,
    /// When a pass over all conversations is to be asked for.
    pass_due: Option<Instant>,
    note_due: Option<Instant>,
}

impl Mirror {
    async fn follow(&mut self, mut touches: broadcast::Receiver<Touch>) {
        let stop = self.run.stop.clone();
        loop {
            let wake = self.next_due();
            tokio::select! {
                () = stop.cancelled() => return,
                touch = touches.recv() => match touch {
                    Ok(touch) => self.told(touch).await,
                    Err(RecvError::Lagged(_)) => self.miss(),
                    Err(RecvError::Closed) => return,
                },
                Some(done) = self.copying.join_next() => self.copied(done).await,
                Some(done) = self.comparing.join_next() => self.compared(done),
                Some(begun) = self.passes.join_next() => self.begun(begun),
                () = tokio::time::sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
            }
            self.start_due();
            self.ask_for_pass();
            if self.note_due.is_some_and(|due| due <= Instant::now()) {
                self.note_shadow().await;
            }
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let has_room = self.copying.len() < self.parallel();
        let waiting = self
            .waiting
            .iter()
            .filter(|(id, _)| has_room && !self.busy.contains(*id))
            .map(|(_, wanted)| wanted.due);
        waiting.chain(self.pass_due).chain(self.note_due).min()
    }

    fn parallel(&self) -> usize {
        usize::try_from(self.run.spec.parallel).unwrap_or(1).max(1)
    }

    /// Something was missed: a pass over everything brings it.
    fn miss(&mut self) {
        self.waiting.clear();
        self.pass_due.get_or_insert_with(Instant::now);
    }

    async fn told(&mut self, touch: Touch) {
        if touch.backend != self.run.spec.from {
            return;
        }
        let id = touch.conversation;
        let what = match touch.what {
            Touched::Read => return self.read(id).await,
            Touched::Said => What::Sync(Depth::Newest),
            Touched::Made | Touched::Changed => What::Sync(Depth::Whole),
            Touched::Deleted => What::Delete,
        };
        match self.is_ours(id, what).await {
            Ok(true) => self.want(id, what),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(migration = %self.run.migration, %error, "a mirror could not ask whose a conversation is");
                self.miss();
            }
        }
    }

    fn want(&mut self, id: ConversationId, what: What) {
        if self.waiting.len() >= WAITING_MAX {
            return self.miss();
        }
        let due = Instant::now() + self.run.parts.settings.mirror_delay;
        let wanted = self.waiting.entry(id).or_insert(Wanted {
            what,
            due,
            failures: 0,
        });
        wanted.what = wanted.what.and(what);
    }

    /// Whether a conversation belongs to the migration; one that is new and fits does from now on.
    async fn is_ours(&mut self, id: ConversationId, what: What) -> Result<bool> {
        if self.known.contains(&id) {
            return Ok(true);
        }
        let run = &self.run;
        let ledger = &run.parts.ledger;
        let is_item = ledger.item(run.migration, id).await?.is_some();
        if !is_item {
            let ids = &run.spec.filter.ids;
            if what == What::Delete || !(ids.is_empty() || ids.contains(&id)) {
                return Ok(false);
            }
            let owners = if run.spec.roster.is_empty() {
                Vec::new()
            } else {
                // Not as it was when this began: who was erased since is in it no more.
                self.run.records.get(run.migration).await?.spec.roster
            };
            let mut walk = DirectoryWalk {
                backend: Some(run.spec.from.clone()),
                filter: run.spec.filter.clone(),
                owners,
                after: None,
                limit: 1,
            };
            walk.filter.ids = vec![id];
            let found = run.parts.directory.walk(&walk).await?;
            let Some(entry) = found.first() else {
                return Ok(false);
            };
            ledger.add_items(run.migration, &[item_of(entry)]).await?;
        }
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(id);
        Ok(true)
    }

    /// Of so many reads one is compared on both sides.
    async fn read(&mut self, id: ConversationId) {
        self.reads += 1;
        let sample = u64::from(self.run.parts.settings.shadow_sample.max(1));
        if !self.reads.is_multiple_of(sample) || self.comparing.len() >= SHADOWS_PARALLEL {
            return;
        }
        let item = self.run.parts.ledger.item(self.run.migration, id).await;
        let is_copied = matches!(item, Ok(Some(item)) if item.state == ItemState::Copied);
        if is_copied {
            let (shadow, run) = (self.shadow.clone(), self.run.clone());
            self.comparing
                .spawn(async move { shadow.compare(&run, id).await });
        }
    }

    fn compared(&mut self, done: std::result::Result<Result<()>, tokio::task::JoinError>) {
        self.note_due
            .get_or_insert_with(|| Instant::now() + NOTE_EVERY);
        match done {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(migration = %self.run.migration, %error, "a read could not be compared");
            }
            Err(error) => {
                tracing::error!(migration = %self.run.migration, %error, "comparing a read ended badly");
            }
        }
    }

    async fn note_shadow(&mut self) {
        if self.note_due.take().is_none() {
            return;
        }
        let summary = self.shadow.summary();
        let noted = self
            .run
            .records
            .edit(self.run.migration, |record| {
                set_note(record, "shadow", &summary)
            })
            .await;
        if let Err(error) = noted {
            tracing::warn!(migration = %self.run.migration, %error, "what reads have shown could not be noted");
        }
    }

    /// Starts what is due, as much at once as the migration allows, and of one conversation one after the other.
    fn start_due(&mut self) {
        let now = Instant::now();
        let room = self.parallel().saturating_sub(self.copying.len());
        let due: Vec<ConversationId> = self
            .waiting
            .iter()
            .filter(|(id, wanted)| wanted.due <= now && !self.busy.contains(*id))
            .map(|(id, _)| *id)
            .take(room)
            .collect();
        for id in due {
            let Some(wanted) = self.waiting.remove(&id) else {
                continue;
            };
            self.busy.insert(id);
            let run = self.run.clone();
            self.copying.spawn(async move {
                let brought = alone(id, Box::pin(bring(&run, id, wanted.what))).await;
                (id, wanted, brought)
            });
        }
    }

    async fn copied(
        &mut self,
        done: std::result::Result<
            (ConversationId, Wanted, Result<Brought>),
            tokio::task::JoinError,
        >,
    ) {
        let (id, wanted, result) = match done {
            Ok(done) => done,
            Err(error) => {
                // Which one it was is not known any more.
                tracing::error!(migration = %self.run.migration, %error, "mirroring a conversation ended badly");
                self.busy.clear();
                return self.miss();
            }
        };
        self.busy.remove(&id);
        match result {
            Ok(Brought::All) if wanted.failures > 0 => self.tell(id, None).await,
            Ok(Brought::All) => {}
            Err(_) if self.run.stop.is_cancelled() => {}
            Ok(Brought::Part) => {
                let whole = Wanted {
                    what: wanted.what.and(What::Sync(Depth::Whole)),
                    ..wanted
                };
                if whole.failures < TOLD_AFTER {
                    self.again(id, whole, None);
                }
            }
            Err(error) => {
                let failures = wanted.failures.saturating_add(1);
                if failures == TOLD_AFTER || !error.is_temporary() {
                    self.tell(id, Some(&error)).await;
                }
                self.again(id, wanted, error.retry_after);
            }
        }
    }

    /// Has a conversation wait for its next try.
    fn again(&mut self, id: ConversationId, wanted: Wanted, asked: Option<Duration>) {
        let failures = wanted.failures.saturating_add(1);
        let wait = AGAIN_FIRST
            .saturating_mul(1 << failures.min(6))
            .min(AGAIN_MOST);
        let again = self.waiting.entry(id).or_insert(wanted);
        again.what = again.what.and(wanted.what);
        again.failures = failures;
        again.due = Instant::now() + asked.unwrap_or(wait).max(wait);
    }

    async fn tell(&self, id: ConversationId, error: Option<&Error>) {
        let found = error.map(|error| Reason::MirrorFailed.because(Some(id), error));
        let over = [Reason::MirrorFailed];
        let named = name(&self.run, id, &over, found.into_iter().collect()).await;
        if let Err(error) = named {
            tracing::warn!(migration = %self.run.migration, %error, "what a mirror found could not be noted");
        }
    }

    /// Asks for a pass over all conversations where something was missed, as soon as no other job runs.
    fn ask_for_pass(&mut self) {
        if self.pass_due.is_none_or(|due| due > Instant::now()) {
            return;
        }
        let id = self.run.migration;
        if self.service.jobs.kind(id).is_some() {
            // Also a copy: it may have passed by already.
            self.pass_due = Some(Instant::now() + PASS_AGAIN);
            return;
        }
        self.pass_due = None;
        let service = self.service.clone();
        // A task of its own: beginning a job waits where this mirror is being stopped.
        self.passes.spawn(async move {
            let begun = service.begin(id, JobKind::Copy, By::Itself, |record| {
                Command::Copy.check(record)?;
                record.phase = backend::ports::Phase::Copying;
                Ok(())
            });
            begun.await
        });
    }

    /// A pass has begun, or could not: another job may just have begun. Then it is still due.
    fn begun(&mut self, begun: std::result::Result<Result<()>, tokio::task::JoinError>) {
        let begun = begun.unwrap_or_else(|error| {
            Err(Error::new(Kind::Internal, "beginning a pass ended badly").source(error))
        });
        if let Err(error) = begun {
            // Another replica may run a job.
            if error.kind != Kind::Conflict || !self.service.is_shared() {
                tracing::warn!(migration = %self.run.migration, %error, "a pass for a mirror could not begin, and is asked for again");
            }
            let again = Instant::now() + PASS_AGAIN;
            self.pass_due.get_or_insert(again);
        }
    }
}
