//! A write under way: where it goes, in which context, and what is held for it.

use std::sync::Arc;

use backend::ports::{IntentRecord, IntentState};
use backend::{
    Backend, Context, FidelityPolicy, Intent, Located, Location, Outcome, Result, Write,
};
use conversation::{ConversationId, Time};

use crate::Router;
use crate::holding::{self, Holding};
use crate::slot::Slot;

/// A conversation that the caller may know of, and the backend that holds it.
pub(crate) struct Found {
    pub(crate) slot: Arc<Slot>,
    pub(crate) location: Location,
}

impl Found {
    pub(crate) fn backend(&self) -> &dyn Backend {
        &*self.slot.backend
    }
}

/// A write to a conversation.
pub(crate) struct Writing {
    pub(crate) found: Found,
    /// The caller's context, with the number of the lease.
    pub(crate) cx: Context,
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
        self.end_as(is_known).await;
        result
    }

    /// Like [`Writing::end`], for a write whose result says itself whether its end is known.
    pub(crate) async fn end_as(&mut self, is_known: bool) {
        if let Some(holding) = self.holding.take() {
            holding.end(is_known).await;
        }
    }

    /// What is held, for a write that goes on after this call.
    pub(crate) fn into_holding(self) -> Option<Holding> {
        self.holding
    }
}

impl Router {
    /// Finds the conversation, takes its lease and notes the write, unless the backend's writes are transactions.
    ///
    /// # Errors
    /// Nothing was sent: not found, busy, or the state cannot note the write.
    pub(crate) async fn begin(
        &self,
        cx: &Context,
        id: ConversationId,
        write: impl FnOnce() -> Write + Send,
    ) -> Result<Writing> {
        let found = self.locate(cx, id).await?;
        if found.backend().capabilities().transactional {
            return Ok(Writing {
                found,
                cx: cx.clone(),
                holding: None,
                follows: None,
            });
        }
        self.hold(cx, found, Some(write())).await
    }

    /// Like [`Router::begin`], for an answer: its lease is held on every backend, or two answers at once would mix their
    /// turns.
    pub(crate) async fn begin_answer(
        &self,
        cx: &Context,
        id: ConversationId,
        write: impl FnOnce() -> Write + Send,
    ) -> Result<Writing> {
        let found = self.locate(cx, id).await?;
        let is_noted = !found.backend().capabilities().transactional;
        self.hold(cx, found, is_noted.then(write)).await
    }

    async fn hold(&self, cx: &Context, found: Found, write: Option<Write>) -> Result<Writing> {
        let name = holding::of_conversation(found.location.id);
        let mut holding = Holding::take(&self.leases, &name, cx.remaining()).await?;
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
            cx: fenced(cx, &holding),
            found,
            holding: Some(holding),
            follows,
        })
    }

    /// Takes the lease of a create and notes it, unless the backend's writes are transactions.
    ///
    /// # Errors
    /// Nothing was sent: the state cannot note the create.
    pub(crate) async fn begin_create(
        &self,
        cx: &Context,
        slot: &Slot,
        write: impl FnOnce() -> Write + Send,
    ) -> Result<Creating> {
        if slot.backend.capabilities().transactional {
            return Ok(Creating {
                cx: cx.clone(),
                noted: None,
            });
        }
        let name = holding::of_create(cx.intent);
        let mut holding = Holding::take(&self.leases, &name, cx.remaining()).await?;
        let record = record(cx, slot.name(), None, write());
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
    pub(crate) async fn own_made(&self, creating: &Creating, located: Located) -> Result<Located> {
        if let Some((_, record)) = &creating.noted {
            let mut record = record.clone();
            record.intent.location = Some(located.location.clone());
            let noted = self.intents.begin(&record).await;
            noted.map_err(|error| error.outcome(Outcome::Applied))?;
            self.made.insert(record.intent.id, located.location.clone());
        }
        self.own(creating.cx(), &located).await?;
        Ok(located)
    }
}

/// A create under way.
pub(crate) struct Creating {
    cx: Context,
    /// Absent where the backend's writes are transactions.
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
        state: IntentState::Open,
        detail: None,
    }
}
