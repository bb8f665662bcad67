//! A write under way: where it goes, in which context, and what is held for it.

use std::sync::Arc;

use backend::ports::{
    IntentRecord, IntentState, MigrationId, Touched, conversation_lease, writing_lease,
};
use backend::{
    Backend, Context, FidelityPolicy, Intent, Kind, Located, Location, Outcome, Result, Write,
};
use conversation::{ConversationId, Time};

use crate::Router;
use crate::holding::{self, Holding};
use crate::slot::Slot;
use crate::traffic::Untold;

/// How often a write follows a conversation that is bound elsewhere while the write is on its way.
pub(crate) const MOVES_MAX: usize = 3;

/// Begins a write and sends it, to where its conversation lives: a backend whose writers take no lease says itself where
/// the conversation was bound elsewhere meanwhile, and the write is sent there. Gives the write, which is still to be
/// ended, and what became of it. A macro because no closure can lend what an async call borrows.
macro_rules! send {
    ($router:ident, $cx:ident, $id:expr, $what:ident, $write:expr, |$writing:ident| $call:expr) => {{
        let mut moves = $crate::writing::Moves::default();
        loop {
            let mut $writing = $router.begin($cx, $id, Touched::$what, $write).await?;
            let sent = $call.await;
            if !moves.follow($cx, &mut $writing, &sent).await {
                break ($writing, sent);
            }
        }
    }};
}
pub(crate) use send;

/// How often one write has followed its conversation.
#[derive(Debug, Default)]
pub(crate) struct Moves(usize);

impl Moves {
    /// True where the write is to be sent again: its conversation lives elsewhere by now, and nothing was done.
    pub(crate) async fn follow<T>(
        &mut self,
        cx: &Context,
        writing: &mut Writing,
        sent: &Result<T>,
    ) -> bool {
        let has_moved = matches!(sent, Err(error) if error.kind == Kind::Moved);
        if !has_moved || self.0 == MOVES_MAX {
            if writing.holding.is_none() {
                writing.found.note(cx);
            }
            return false;
        }
        self.0 += 1;
        writing.untold.nothing();
        writing.end_as(true).await;
        true
    }
}

/// A conversation that the caller may know of, and the backend that holds it.
pub(crate) struct Found {
    pub(crate) slot: Arc<Slot>,
    pub(crate) location: Location,
}

impl Found {
    pub(crate) fn backend(&self) -> &dyn Backend {
        &*self.slot.backend
    }

    /// Tells the caller who is asked.
    pub(crate) fn note(&self, cx: &Context) {
        cx.trace.note_backend(self.slot.name());
        cx.trace.note_attempt();
    }
}

/// A write to a conversation.
pub(crate) struct Writing {
    pub(crate) found: Found,
    /// The caller's context, with the number of the lease.
    pub(crate) cx: Context,
    /// Dropped before the lease: whoever takes it next has been told.
    untold: Untold,
    /// Absent where the backend's writes are transactions.
    holding: Option<Holding>,
    /// This write, where earlier ones of the conversation are still noted.
    pub(crate) follows: Option<Box<Intent>>,
}

impl Writing {
    pub(crate) fn backend(&self) -> &dyn Backend {
        self.found.backend()
    }

    pub(crate) fn at(&self) -> &Location {
        &self.found.location
    }

    /// Ends the write, of which `result` is what became: the note goes where its end is known, the lease in any case.
    pub(crate) async fn end<T>(&mut self, result: Result<T>) -> Result<T> {
        let is_known = result.as_ref().err().is_none_or(holding::is_known);
        if result.as_ref().is_err_and(holding::is_known) {
            self.untold.nothing();
        }
        self.end_as(is_known).await;
        result
    }

    /// Ends a delete of the conversation.
    pub(crate) async fn end_delete(&mut self, result: Result<()>) -> Result<()> {
        if result.is_ok() {
            self.untold.deleted();
        }
        self.end(result).await
    }

    /// Ends an import, whose messages were each written or not.
    pub(crate) async fn end_import<T>(&mut self, result: &Result<Vec<Result<T>>>) {
        let (is_known, is_nothing) = match result {
            Ok(each) => {
                let failed = |one: &Result<T>| one.as_ref().is_err_and(holding::is_known);
                (
                    each.iter().all(|one| one.is_ok() || failed(one)),
                    each.iter().all(failed),
                )
            }
            Err(error) => (holding::is_known(error), holding::is_known(error)),
        };
        if is_nothing {
            self.untold.nothing();
        }
        self.end_as(is_known).await;
    }

    async fn end_as(&mut self, is_known: bool) {
        // Whoever takes the lease next has been told. What could not be told stays noted: whoever settles it tells it.
        let is_told = self.untold.tell().await;
        if let Some(holding) = self.holding.take() {
            holding.end(is_known && is_told).await;
        }
    }

    /// What is held and what is to be told, for a write that goes on after this call.
    pub(crate) fn into_parts(self) -> (Option<Holding>, Untold) {
        (self.holding, self.untold)
    }
}

impl Router {
    /// Finds the conversation, takes its lease and notes the write, unless the backend's writes are transactions. `what`
    /// is what it does with the conversation.
    ///
    /// # Errors
    /// Nothing was sent: not found, busy, or the state cannot note the write.
    pub(crate) async fn begin(
        &self,
        cx: &Context,
        id: ConversationId,
        what: Touched,
        write: impl Fn() -> Write + Send,
    ) -> Result<Writing> {
        let mut found = self.find(cx, id).await?;
        loop {
            if found.backend().capabilities().transactional {
                let mut holding = None;
                if self.teller.is_followed() {
                    let name = writing_lease(id);
                    let (held, here) = self.hold(cx, &found, &name).await?;
                    if !here.backend().capabilities().transactional {
                        held.end(true).await;
                        found = here;
                        continue;
                    }
                    here.note(cx);
                    found = here;
                    holding = Some(held);
                }
                return Ok(Writing {
                    untold: self.teller.of_write(&found.location, what).foretold(),
                    found,
                    cx: cx.clone(),
                    holding,
                    follows: None,
                });
            }
            let name = conversation_lease(id);
            let (holding, here) = self.hold(cx, &found, &name).await?;
            // Where it moved while we waited: to a backend whose writers need no lease.
            if here.backend().capabilities().transactional {
                holding.end(true).await;
                found = here;
                continue;
            }
            here.note(cx);
            return self
                .note_write(cx, here, holding, Some(write()), what)
                .await;
        }
    }

    /// Like [`Router::begin`], for an answer: its lease is held on every backend, or two answers at once
    /// would mix their turns.
    pub(crate) async fn begin_answer(
        &self,
        cx: &Context,
        id: ConversationId,
        write: impl FnOnce() -> Write + Send,
    ) -> Result<Writing> {
        let found = self.find(cx, id).await?;
        let name = conversation_lease(id);
        let (holding, found) = self.hold(cx, &found, &name).await?;
        let is_noted = !found.backend().capabilities().transactional;
        found.note(cx);
        self.note_write(cx, found, holding, is_noted.then(write), Touched::Said)
            .await
    }

    /// Takes a lease of a conversation, and finds where it lives by then: it may have been bound to another backend by
    /// whoever held the lease before.
    async fn hold(&self, cx: &Context, found: &Found, name: &str) -> Result<(Holding, Found)> {
        let id = found.location.id;
        let taken = Holding::take(&self.leases, name, cx.remaining()).await;
        let holding = taken.inspect_err(|_| found.note(cx))?;
        match self.find(cx, id).await {
            Ok(found) => Ok((holding, found)),
            Err(error) => {
                holding.end(true).await;
                Err(error)
            }
        }
    }

    async fn note_write(
        &self,
        cx: &Context,
        found: Found,
        mut holding: Holding,
        write: Option<Write>,
        what: Touched,
    ) -> Result<Writing> {
        let mut follows = None;
        if let Some(write) = write {
            // Under the same lease: what an earlier writer left open comes first.
            let are_settled = self.settle_left_open(cx, &found, holding.fence()).await;
            let location = Some(found.location.clone());
            let record = record(cx, found.slot.name(), location, write);
            if let Err(error) = holding.note(&self.intents, &record).await {
                holding.end(true).await;
                return Err(error);
            }
            follows = (!are_settled).then(|| Box::new(record.intent));
        }
        Ok(Writing {
            untold: self.teller.of_write(&found.location, what),
            cx: fenced(cx, &holding),
            found,
            holding: Some(holding),
            follows,
        })
    }

    /// Takes the lease of a create and notes it, unless the backend's writes are transactions and nothing else is to be
    /// written after them: of one that `led_by` led there it is noted that it was born of them.
    ///
    /// # Errors
    /// Nothing was sent: the state cannot note the create.
    pub(crate) async fn begin_create(
        &self,
        cx: &Context,
        slot: &Slot,
        led_by: &[MigrationId],
        write: impl FnOnce() -> Write + Send,
    ) -> Result<Creating> {
        if slot.backend.capabilities().transactional && led_by.is_empty() {
            return Ok(Creating {
                cx: cx.clone(),
                noted: None,
            });
        }
        let name = holding::of_create(cx.intent);
        let mut holding = Holding::take(&self.leases, &name, cx.remaining()).await?;
        let record = IntentRecord {
            led_by: led_by.to_vec(),
            ..record(cx, slot.name(), None, write())
        };
        if let Err(error) = holding.note(&self.intents, &record).await {
            holding.end(true).await;
            return Err(error);
        }
        Ok(Creating {
            cx: fenced(cx, &holding),
            noted: Some((holding, record)),
        })
    }

    /// Makes a made conversation its caller's. First the note learns which one it is: a create that is settled after
    /// a crash must not take a conversation of the directory for another create's.
    ///
    /// # Errors
    /// With the outcome `applied`: it was made.
    pub(crate) async fn own_made(
        &self,
        creating: &Creating,
        located: Located,
        overridden_by: &[MigrationId],
    ) -> Result<Located> {
        if let Some((_, record)) = &creating.noted {
            let mut record = record.clone();
            record.intent.location = Some(located.location.clone());
            let noted = self.intents.begin_under(creating.cx().fence, &record).await;
            noted.map_err(|error| error.outcome(Outcome::Applied))?;
            self.made.insert(record.intent.id, located.location.clone());
        }
        self.own(creating.cx(), &located).await?;
        self.note_born(overridden_by, located.location.id).await?;
        Ok(located)
    }
}

/// A create under way.
pub(crate) struct Creating {
    cx: Context,
    /// Absent where the backend's writes are transactions, and all that there is to write.
    noted: Option<(Holding, IntentRecord)>,
}

impl Creating {
    /// The caller's context, with the number of the lease.
    pub(crate) fn cx(&self) -> &Context {
        &self.cx
    }

    /// Ends the create, of which `created` is what became. One that was made and is not in the directory is found by
    /// whoever settles it.
    pub(crate) async fn end<T>(self, created: &Result<T>) {
        let is_known = match created {
            Ok(_) => true,
            Err(error) => error.outcome == Outcome::NotApplied,
        };
        if let Some((holding, _)) = self.noted {
            holding.end(is_known).await;
        }
    }
}

fn fenced(cx: &Context, holding: &Holding) -> Context {
    Context {
        fence: Some(holding.fence()),
        ..cx.clone()
    }
}

fn record(cx: &Context, backend: &str, location: Option<Location>, write: Write) -> IntentRecord {
    let started_at = Time::now();
    let waits = i64::try_from(cx.remaining().as_micros()).unwrap_or(i64::MAX);
    IntentRecord {
        intent: Intent {
            id: cx.intent,
            location,
            write,
            started_at,
            deadline_at: started_at.saturating_add_micros(waits),
        },
        backend: backend.into(),
        principal: (*cx.principal).clone(),
        request_id: (&*cx.request_id).into(),
        copying: cx.copying,
        strict: cx.fidelity == FidelityPolicy::Strict,
        public_id: cx.public_id,
        beside: cx.beside,
        migration: None,
        led_by: Vec::new(),
        messages: Vec::new(),
        state: IntentState::Open,
        detail: None,
    }
}
