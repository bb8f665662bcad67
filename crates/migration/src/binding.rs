//! Binding one conversation to the other side: its writers wait, the rest is copied, both sides are compared, and the
//! directory is changed. A switch does it forwards, a rollback backwards.

use std::time::Duration;

use backend::ports::{
    Finding, Held, IntentQuery, IntentState, Item, ItemState, Sign, Switching, conversation_lease,
    writing_lease,
};
use backend::{Error, Kind, Location, Result};
use conversation::{ConversationId, Digest, Time};
use tokio::time::Instant;

use crate::changes::Changes;
use crate::compare::{Scope, compare};
use crate::mirror::delete_copy;
use crate::named::{name, set_mark, set_state};
use crate::reasons::Reason;
use crate::run::{Run, Subject};
use crate::sync::{self, Depth, sync};

/// How often a conversation is copied and compared again that changes meanwhile.
const ROUNDS_MAX: usize = 50;
/// How often both sides may differ though nothing was told to have changed.
const DIFFERENT_MAX: usize = 3;
/// How long is waited for writes of which nobody knows the end yet, before it is looked again.
const OPEN_WAIT: Duration = Duration::from_millis(250);
/// The most writes of one conversation that are looked at.
const OPEN_MAX: usize = 100;

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

impl Binder<'_> {
    /// Binds one conversation.
    ///
    /// # Errors
    /// Those of the gateway's own state, and where the job is stopped. What keeps one conversation is a finding.
    pub(crate) async fn bind(&self, item: &Item) -> Result<Bound> {
        let id = item.conversation;
        let reason = self.reason();
        let bound = match self.try_to_bind(item).await {
            Ok(bound) => bound,
            Err(_) if self.run.stop.is_cancelled() => return Err(crate::end::stopped()),
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

    fn reason(&self) -> Reason {
        if self.is_back {
            Reason::RollbackFailed
        } else {
            Reason::SwitchFailed
        }
    }

    async fn is_gone(&self, id: ConversationId) -> Result<bool> {
        let binding = self.run.parts.directory.locate(id).await?;
        Ok(binding.is_none_or(|binding| binding.deleted))
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

    async fn try_to_bind(&self, item: &Item) -> std::result::Result<Bound, Not> {
        let (run, id) = (self.run, item.conversation);
        let Some(home) = self.home(id).await? else {
            return Ok(self.gone(id).await?);
        };
        if *home.backend == *run.to.stack.info().name {
            set_state(run, id, self.state).await?;
            return Ok(Bound::There);
        }
        if *home.backend != *run.from.stack.info().name {
            let detail = format!("it lives on backend `{}` by now", home.backend);
            return Err(Not::Found(vec![self.reason().finding(Some(id), detail)]));
        }
        let subject = run.subject(id).await?;
        // While writers go on, so that little is left for when they wait.
        let mut mark = item.mark;
        let is_copied = item.state == ItemState::Copied && !self.is_back;
        let told = self.changes.take(id);
        let depth = if is_copied { told } else { Some(Depth::Whole) };
        let mut wanted = None;
        if let Some(depth) = depth {
            match self.copy_ahead(&subject, depth).await {
                Ok(synced) => mark = synced.mark.filter(|_| depth == Depth::Whole),
                Err(_) if run.stop.is_cancelled() => return Err(crate::end::stopped().into()),
                // Writers go on meanwhile, and may take away what is being read. Once more when they wait.
                Err(_) => wanted = Some(Depth::Whole),
            }
        }
        let held = self.hold(id).await?;
        let bound = match self.hold_writers(id).await {
            Ok(writers) => {
                let bound = self.bind_held(&subject, mark, wanted).await;
                if let Some(writers) = writers {
                    writers.release().await;
                }
                bound
            }
            Err(error) => Err(error.into()),
        };
        held.release().await;
        bound
    }

    async fn copy_ahead(
        &self,
        subject: &Subject,
        depth: Depth,
    ) -> std::result::Result<sync::Synced, Not> {
        if self.is_back {
            self.bring(subject).await?;
        }
        self.copy(subject, depth).await
    }

    async fn home(&self, id: ConversationId) -> Result<Option<Location>> {
        let binding = self.run.parts.directory.locate(id).await?;
        let alive = binding.filter(|binding| !binding.deleted);
        Ok(alive.map(|binding| binding.location))
    }

    /// Copies what changed; a message that cannot be copied keeps the conversation here.
    async fn copy(
        &self,
        subject: &Subject,
        depth: Depth,
    ) -> std::result::Result<sync::Synced, Not> {
        let synced = sync(self.run, subject, depth).await?;
        if synced.failed > 0 {
            return Err(Not::Found(synced.findings));
        }
        Ok(synced)
    }

    /// Brings what arrived at the backend to which a conversation goes back, so that both sides have it.
    async fn bring(&self, subject: &Subject) -> Result<()> {
        let forwards = self.run.reversed();
        let can = forwards.from.stack.capabilities();
        let was_there = forwards.place(subject.id, &forwards.from).await?.is_some();
        // Where writes are transactions, nothing was written to it since it was bound elsewhere.
        if was_there && !can.transactional {
            sync(&forwards, subject, Depth::NewOnly).await?;
        }
        Ok(())
    }

    /// Takes the conversation's lease as soon as no write of it is open.
    async fn hold(&self, id: ConversationId) -> std::result::Result<Held, Not> {
        let run = self.run;
        let give_up = Instant::now() + run.parts.settings.switch_patience;
        loop {
            let patience = give_up.saturating_duration_since(Instant::now());
            let held = Held::take(&run.parts.leases, &conversation_lease(id), patience).await?;
            let open = self.open_writes(id).await?;
            if open == 0 {
                return Ok(held);
            }
            // Whoever settles them needs the lease.
            held.release().await;
            if Instant::now() >= give_up {
                let detail = format!("what became of {open} writes to it is not known yet");
                let finding = Finding {
                    temporary: true,
                    ..Reason::WriteOpen.finding(Some(id), detail)
                };
                return Err(Not::Found(vec![finding]));
            }
            tokio::select! {
                () = run.stop.cancelled() => return Err(crate::end::stopped().into()),
                () = tokio::time::sleep(OPEN_WAIT) => {}
            }
        }
    }

    /// Takes the lease of those who write to a backend whose writes are transactions: the router's `writing/<id>`. They
    /// hold it for one write each, and only since this migration follows them; who began before is noticed by
    /// [`Switching::unchanged_since`].
    async fn hold_writers(&self, id: ConversationId) -> Result<Option<Held>> {
        if !self.run.from.stack.capabilities().transactional {
            return Ok(None);
        }
        let parts = &self.run.parts;
        let name = writing_lease(id);
        let held = Held::take(&parts.leases, &name, parts.settings.switch_patience).await?;
        Ok(Some(held))
    }

    async fn open_writes(&self, id: ConversationId) -> Result<usize> {
        let query = IntentQuery {
            state: Some(IntentState::Open),
            conversation: Some(id),
            limit: OPEN_MAX,
            ..IntentQuery::default()
        };
        let open = self.run.parts.intents.list(&query).await?.items;
        let others = open.iter().filter(|record| record.migration.is_none());
        Ok(others.count())
    }

    /// Copies the rest and binds, under the lease. Where writers take none they go on meanwhile, so until nothing changed.
    async fn bind_held(
        &self,
        subject: &Subject,
        mut mark: Option<Digest>,
        mut wanted: Option<Depth>,
    ) -> std::result::Result<Bound, Not> {
        let (run, id) = (self.run, subject.id);
        let mut differed = 0;
        for _ in 0..ROUNDS_MAX {
            let Some(home) = self.home(id).await? else {
                return Ok(self.gone(id).await?);
            };
            let told = deeper(self.changes.take(id), wanted.take());
            let equalized = self.equalize(subject, &home, told, &mut mark).await;
            if self.changes.has(id) {
                // Also where it failed: what was being read may have been taken away by who changed it.
                wanted = equalized.is_err().then_some(Depth::Whole);
                continue;
            }
            let unchanged_since = equalized?;
            let compared = compare(run, subject, Scope::Newest).await?;
            if compared.sign != Sign::Same {
                if self.changes.has(id) {
                    continue;
                }
                differed += 1;
                if differed > DIFFERENT_MAX {
                    return Err(Not::Found(self.different(id, compared.findings)));
                }
                if self.is_back {
                    self.bring(subject).await?;
                }
                wanted = Some(Depth::Whole);
                continue;
            }
            if self.switch(id, home, unchanged_since).await? {
                self.follow_up(subject, mark).await?;
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

    /// Copies what changed since `mark`; the source's `updated_at` as of which both sides are equal.
    async fn equalize(
        &self,
        subject: &Subject,
        home: &Location,
        told: Option<Depth>,
        mark: &mut Option<Digest>,
    ) -> std::result::Result<Option<Time>, Not> {
        let run = self.run;
        let now = run.end(&run.from, subject).conversation(home).await?;
        let mark_now = sync::mark_of(&*run.from.stack, &now);
        let depth = match told {
            None if mark_now.is_some() && mark_now == *mark => return Ok(Some(now.updated_at)),
            // Nobody told of it, so somebody else changed it, who knows where.
            None if mark_now.is_some() && mark.is_some() => Depth::Whole,
            Some(depth) => depth,
            None => Depth::Newest,
        };
        let synced = self.copy(subject, depth).await?;
        // What the newest show may not be all that made the mark move.
        *mark = synced.mark;
        Ok(synced.updated_at)
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
    async fn follow_up(&self, subject: &Subject, mark: Option<Digest>) -> Result<()> {
        let (run, id) = (self.run, subject.id);
        set_mark(run, id, mark).await?;
        let Some(there) = self.home(id).await? else {
            return Ok(());
        };
        match run.end(&run.to, subject).conversation(&there).await {
            Ok(document) => run.parts.directory.refresh(id, &document).await,
            Err(error) => {
                tracing::info!(conversation = %id, error.kind = error.kind.as_str(), "a bound conversation is shown as it was before");
                Ok(())
            }
        }
    }

    fn different(&self, id: ConversationId, mut findings: Vec<Finding>) -> Vec<Finding> {
        let detail = "both sides differ also when it is copied again";
        findings.push(self.reason().finding(Some(id), detail));
        findings
    }
}

fn deeper(one: Option<Depth>, other: Option<Depth>) -> Option<Depth> {
    match (one, other) {
        (Some(Depth::Whole), _) | (_, Some(Depth::Whole)) => Some(Depth::Whole),
        (one, other) => one.or(other),
    }
}
