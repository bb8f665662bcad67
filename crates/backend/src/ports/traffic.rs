//! What the router tells those who follow its conversations, and what it does for them.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use conversation::ConversationId;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::{Principal, Result};

/// What was done with a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Touched {
    /// It or its messages were read.
    Read,
    /// It was made.
    Made,
    /// A message was said in it, or may have been; nothing that was there before was changed. Where the backend's writes
    /// are transactions this and `Changed` are told before the write too: whoever reads afterwards has been told.
    Said,
    /// It or its messages were changed, or may have been.
    Changed,
    /// It was deleted.
    Deleted,
}

/// A conversation that was used through the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// Which.
    pub conversation: ConversationId,
    /// The backend that it lives on.
    pub backend: Box<str>,
    /// What was done.
    pub what: Touched,
}

/// What happens at the router. Implemented by it.
#[async_trait]
pub trait Traffic: Debug + Send + Sync + 'static {
    /// Tells every use from now on. Whoever is too slow is told that something was missed, and must look for themselves.
    fn follow(&self) -> broadcast::Receiver<Touch>;

    /// Has every write told by now, also one of another replica: what was noted before this call waits in the receivers on
    /// return. Where one process serves alone there is nothing to do.
    ///
    /// # Errors
    /// Where the state cannot be asked: then anything may have been written.
    async fn catch_up(&self) -> Result<()> {
        Ok(())
    }

    /// Looks through a backend for conversations that the directory does not know, as a list does but at once: for
    /// everybody, or, where the backend lists by end user, for `principal`.
    ///
    /// # Errors
    /// Where the look did not come to its end; what it found until then is known.
    async fn look_through(&self, backend: &str, principal: &Arc<Principal>) -> Result<()>;
}
