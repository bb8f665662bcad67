//! What the router tells those who follow its conversations.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend::ports::{Touch, Touched, Touches, Traffic};
use backend::{Error, Kind, Location, Principal, Result};
use tokio::sync::broadcast;

use crate::touching::Shared;
use crate::{Router, discovery};

/// How many uses wait for a slow follower before it is told that it missed some.
const TOUCHES_BUFFERED: usize = 4_096;

/// Where uses are told. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Teller {
    here: broadcast::Sender<Touch>,
    /// Where several processes serve from one state.
    shared: Option<Arc<Shared>>,
}

impl Default for Teller {
    fn default() -> Self {
        Self {
            here: broadcast::Sender::new(TOUCHES_BUFFERED),
            shared: None,
        }
    }
}

impl Teller {
    /// The same, telling other replicas where there are any.
    pub(crate) fn sharing(self, touches: Arc<dyn Touches>) -> Self {
        let shared = touches.is_shared();
        Self {
            shared: shared.then(|| Arc::new(Shared::new(touches, self.here.clone()))),
            ..self
        }
    }

    /// Tells a use to those who follow here.
    pub(crate) fn tell_here(&self, at: &Location, what: Touched) {
        // An error says only that the last follower has just gone.
        if self.here.receiver_count() > 0 {
            let _ = self.here.send(touch(at, what));
        }
    }

    /// Tells a write to those who follow, here or elsewhere. False where others will hear of it only later.
    pub(crate) async fn tell(&self, at: &Location, what: Touched) -> bool {
        self.tell_here(at, what);
        match &self.shared {
            Some(shared) => shared.note(touch(at, what)).await,
            None => true,
        }
    }

    /// Tells a write whose caller has gone.
    fn tell_soon(&self, at: &Location, what: Touched) {
        self.tell_here(at, what);
        if let Some(shared) = &self.shared {
            shared.note_soon(touch(at, what), Duration::ZERO);
        }
    }

    /// True where somebody follows, or may elsewhere.
    pub(crate) fn is_followed(&self) -> bool {
        self.shared.is_some() || self.here.receiver_count() > 0
    }

    fn follow(&self) -> broadcast::Receiver<Touch> {
        match &self.shared {
            Some(shared) => shared.follow(),
            None => self.here.subscribe(),
        }
    }

    /// A write to a conversation that is about to be sent.
    pub(crate) fn of_write(&self, at: &Location, what: Touched) -> Untold {
        Untold {
            teller: self.clone(),
            at: at.clone(),
            what: Some(what),
        }
    }
}

/// A write whose conversation may be another one by now. Told when dropped, so also where its caller left in the middle.
#[derive(Debug)]
pub(crate) struct Untold {
    teller: Teller,
    at: Location,
    what: Option<Touched>,
}

impl Untold {
    /// Nothing was changed after all.
    pub(crate) fn nothing(&mut self) {
        self.what = None;
    }

    /// Tells it already now. Without a lease nobody else would know whether it was on its way when they read.
    pub(crate) fn foretold(self) -> Self {
        if let Some(what) = self.what {
            // Elsewhere the lease of the write is looked at, which is always taken where there are others.
            self.teller.tell_here(&self.at, what);
        }
        self
    }

    /// Tells it now, and not when it is dropped. False where other replicas will hear of it only later.
    pub(crate) async fn tell(&mut self) -> bool {
        let Some(what) = self.what else { return true };
        let is_told = self.teller.tell(&self.at, what).await;
        // Only now: where this is not waited for to its end, dropping it tells.
        self.what = None;
        is_told
    }

    /// It was deleted.
    pub(crate) fn deleted(&mut self) {
        self.what = Some(Touched::Deleted);
    }
}

impl Drop for Untold {
    fn drop(&mut self) {
        if let Some(what) = self.what.take() {
            self.teller.tell_soon(&self.at, what);
        }
    }
}

fn touch(at: &Location, what: Touched) -> Touch {
    Touch {
        conversation: at.id,
        backend: at.backend.clone(),
        what,
    }
}

#[async_trait]
impl Traffic for Router {
    fn follow(&self) -> broadcast::Receiver<Touch> {
        self.teller.follow()
    }

    async fn catch_up(&self) -> Result<()> {
        match &self.teller.shared {
            Some(shared) => shared.look().await,
            None => Ok(()),
        }
    }

    async fn look_through(&self, backend: &str, principal: &Arc<Principal>) -> Result<()> {
        let slot = self.slots.get(backend).ok_or_else(|| {
            Error::new(
                Kind::NotFound,
                format!("there is no backend `{backend}` to look through"),
            )
        })?;
        discovery::look_now(slot, &self.directory, &self.intents, principal).await
    }
}
