//! The mirror: what is written to a migration's conversations through the gateway is copied as it happens, until the
//! switch. It copies results: nothing is posted twice, nobody answers twice.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use backend::ports::{DirectoryWalk, Held, ItemChange, ItemState, Touch, Touched, copy_lease};
use backend::{Context, Error, Kind, Result};
use conversation::{ConversationId, Patch};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::enumerate::item_of;
use crate::jobs::By;
use crate::named::{change_item, name, set_state};
use crate::phases::Command;
use crate::reasons::Reason;
use crate::records::set_note;
use crate::run::{Run, Subject};
use crate::service::Service;
use crate::shadow::Shadow;
use crate::status::JobKind;
use crate::sync::{self, Depth};

/// The most conversations that wait to be copied; beyond, a pass over all of them is cheaper.
const WAITING_MAX: usize = 10_000;
/// The most conversations that are remembered as ours.
const KNOWN_MAX: usize = 100_000;
/// The most reads that are compared at once.
const SHADOWS_PARALLEL: usize = 2;
/// How long is waited before one is tried again that failed: at first, and at most.
const AGAIN_FIRST: Duration = Duration::from_secs(1);
const AGAIN_MOST: Duration = Duration::from_secs(60);
/// After so many failures an operator is told.
const TOLD_AFTER: u32 = 5;
/// How long is waited before a pass is asked for again that could not begin.
const PASS_AGAIN: Duration = Duration::from_secs(2);
/// How long a delete waits for whoever copies the conversation.
const COPY_PATIENCE: Duration = Duration::from_secs(30);
/// How often what reads have shown is noted.
const NOTE_EVERY: Duration = Duration::from_secs(1);

/// What waits to be copied of a conversation.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    what: What,
    due: Instant,
    failures: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Sync(Depth),
    Delete,
}

impl What {
    /// What is to be done for both.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Delete, _) | (_, Self::Delete) => Self::Delete,
            (Self::Sync(Depth::Whole), _) | (_, Self::Sync(Depth::Whole)) => {
                Self::Sync(Depth::Whole)
            }
            (one, _) => one,
        }
    }
}

/// Mirrors until it is stopped; what it began has ended then.
pub(crate) async fn mirror(
    service: Arc<Service>,
    run: Run,
    touches: broadcast::Receiver<Touch>,
    shadow: Arc<Shadow>,
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
        reads: 0,
        pass_due: None,
        note_due: None,
    };
    mirror.follow(touches).await;
    while mirror.copying.join_next().await.is_some() {}
    while mirror.comparing.join_next().await.is_some() {}
    mirror.note_shadow().await;
}

struct Mirror {
    service: Arc<Service>,
    run: Run,
    shadow: Arc<Shadow>,
    waiting: HashMap<ConversationId, Wanted>,
    busy: HashSet<ConversationId>,
    known: HashSet<ConversationId>,
    copying: JoinSet<(ConversationId, Wanted, Result<()>)>,
    comparing: JoinSet<Result<()>>,
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
            let mut walk = DirectoryWalk {
                backend: Some(run.spec.from.clone()),
                filter: run.spec.filter.clone(),
                owners: run.spec.roster.clone(),
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
            self.copying
                .spawn(async move { (id, wanted, bring(&run, id, wanted.what).await) });
        }
    }

    async fn copied(
        &mut self,
        done: std::result::Result<(ConversationId, Wanted, Result<()>), tokio::task::JoinError>,
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
            Ok(()) if wanted.failures >= TOLD_AFTER => self.tell(id, None).await,
            Ok(()) => {}
            Err(_) if self.run.stop.is_cancelled() => {}
            Err(error) => {
                let failures = wanted.failures.saturating_add(1);
                if failures == TOLD_AFTER || !error.is_temporary() {
                    self.tell(id, Some(&error)).await;
                }
                let wait = AGAIN_FIRST
                    .saturating_mul(1 << failures.min(6))
                    .min(AGAIN_MOST);
                let again = self.waiting.entry(id).or_insert(wanted);
                again.what = again.what.and(wanted.what);
                again.failures = failures;
                again.due = Instant::now() + error.retry_after.unwrap_or(wait).max(wait);
            }
        }
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
        tokio::spawn(async move {
            let begun = service.begin(id, JobKind::Copy, By::Itself, |record| {
                Command::Copy.check(record)?;
                record.phase = backend::ports::Phase::Copying;
                Ok(())
            });
            if let Err(error) = begun.await {
                tracing::warn!(migration = %id, %error, "a pass for a mirror could not begin");
            }
        });
    }
}

/// Makes the copy of one conversation what the source is.
async fn bring(run: &Run, id: ConversationId, what: What) -> Result<()> {
    if let What::Sync(depth) = what {
        match run.subject(id).await {
            Ok(subject) => {
                let synced = sync::sync(run, &subject, depth).await?;
                if synced.failed == 0 {
                    return copied_first(run, id, depth, &synced).await;
                }
                return name(run, id, &[], synced.findings).await;
            }
            // Deleted since.
            Err(error) if error.kind == Kind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    delete_copy(run, id).await?;
    set_state(run, id, ItemState::Deleted).await
}

/// A conversation that no pass has met yet is copied by now.
async fn copied_first(
    run: &Run,
    id: ConversationId,
    depth: Depth,
    synced: &sync::Synced,
) -> Result<()> {
    if depth != Depth::Whole {
        return Ok(());
    }
    let item = run.parts.ledger.item(run.migration, id).await?;
    if item.is_none_or(|item| item.state != ItemState::Pending) {
        return Ok(());
    }
    let change = ItemChange {
        state: Some(ItemState::Copied),
        mark: synced.mark.map_or(Patch::Clear, Patch::Set),
        messages: Some(synced.messages),
        bytes: Some(synced.bytes),
    };
    change_item(run, id, change).await
}

/// Deletes the copy at the target of a conversation that was deleted through the gateway, where there is one.
///
/// # Errors
/// Where the target does not do it. Doing it again is right: what is gone already is not an error.
pub(crate) async fn delete_copy(run: &Run, id: ConversationId) -> Result<()> {
    let parts = &run.parts;
    let Some(binding) = parts.directory.locate(id).await? else {
        return Ok(());
    };
    if !binding.deleted || binding.location.backend == run.to.stack.info().name {
        return Ok(());
    }
    // Whoever copies it at the moment finds that it was deleted, and makes no place any more.
    let copying = Held::take(&parts.leases, &copy_lease(id), COPY_PATIENCE).await?;
    let deleted = async {
        let Some(copy) = run.place(id, &run.to).await? else {
            return Ok(());
        };
        let target = run.end(&run.to, &Subject::of(id, binding));
        target.wait(1).await?;
        let timeout = parts.settings.write_timeout;
        let cx = Context {
            copying: true,
            ..target.context(timeout)
        };
        let delete = target.stack().delete_conversation(&cx, &copy, None);
        match target.heard(target.in_time(timeout, delete).await) {
            Err(error) if error.kind == Kind::NotFound => Ok(()),
            deleted => deleted,
        }
    };
    let deleted = deleted.await;
    copying.release().await;
    deleted
}
