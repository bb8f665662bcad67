//! What the router tells those who follow its conversations.

use std::sync::Arc;

use async_trait::async_trait;
use backend::ports::{Touch, Touched, Traffic};
use backend::{Error, Kind, Location, Principal, Result};
use tokio::sync::broadcast;

use crate::{Router, discovery};

/// How many uses wait for a slow follower before it is told that it missed some.
const TOUCHES_BUFFERED: usize = 4_096;

/// Where uses are told. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Teller(broadcast::Sender<Touch>);

impl Default for Teller {
    fn default() -> Self {
        Self(broadcast::Sender::new(TOUCHES_BUFFERED))
    }
}

impl Teller {
    /// Tells a use, where somebody follows.
    pub(crate) fn tell(&self, at: &Location, what: Touched) {
        if !self.is_followed() {
            return;
        }
        let touch = Touch {
            conversation: at.id,
            backend: at.backend.clone(),
            what,
        };
        // An error says only that the last follower has just gone.
        let _ = self.0.send(touch);
    }

    /// True where somebody follows.
    pub(crate) fn is_followed(&self) -> bool {
        self.0.receiver_count() > 0
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
            self.teller.tell(&self.at, what);
        }
        self
    }

    /// Tells it now, and not when it is dropped.
    pub(crate) fn tell(&mut self) {
        if let Some(what) = self.what.take() {
            self.teller.tell(&self.at, what);
        }
    }

    /// It was deleted.
    pub(crate) fn deleted(&mut self) {
        self.what = Some(Touched::Deleted);
    }
}

impl Drop for Untold {
    fn drop(&mut self) {
        self.tell();
    }
}

#[async_trait]
impl Traffic for Router {
    fn follow(&self) -> broadcast::Receiver<Touch> {
        self.teller.0.subscribe()
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
