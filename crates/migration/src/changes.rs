//! Which conversations were changed through the gateway since they were last read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backend::ports::{Touch, Touched, Traffic};
use conversation::ConversationId;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::task::JoinHandle;

use crate::sync::Depth;

/// How often what was told is taken in where nobody asks: sooner than its buffer can fill.
const TAKE_IN_EVERY: Duration = Duration::from_millis(20);
/// The most conversations that are remembered; beyond, all count as changed.
const CHANGED_MAX: usize = 1_000_000;

/// Which conversations were changed through the gateway, from the moment at which this was made.
///
/// The router tells a write before the next writer of the conversation, or whoever binds it elsewhere, takes its lease; of
/// a write without lease it tells before the write. So what is asked here after a read, and was not told, was in the read.
#[derive(Debug)]
pub(crate) struct Changes {
    traffic: Arc<dyn Traffic>,
    told: Arc<Mutex<Told>>,
    taking_in: JoinHandle<()>,
}

#[derive(Debug)]
struct Told {
    touches: broadcast::Receiver<Touch>,
    changed: HashMap<ConversationId, Depth>,
    /// True where something was missed: anything may have changed.
    is_blind: bool,
}

impl Told {
    fn take_in(&mut self) {
        loop {
            match self.touches.try_recv() {
                Ok(touch) => self.note(touch),
                Err(TryRecvError::Lagged(_)) => self.is_blind = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    fn note(&mut self, touch: Touch) {
        let depth = match touch.what {
            Touched::Read => return,
            Touched::Said => Depth::Newest,
            Touched::Made | Touched::Changed | Touched::Deleted => Depth::Whole,
        };
        let noted = self.changed.entry(touch.conversation).or_insert(depth);
        if depth == Depth::Whole {
            *noted = depth;
        }
        if self.changed.len() > CHANGED_MAX {
            self.changed.clear();
            self.is_blind = true;
        }
    }
}

impl Changes {
    /// Follows from now on.
    pub(crate) fn follow(traffic: &Arc<dyn Traffic>) -> Self {
        let told = Arc::new(Mutex::new(Told {
            touches: traffic.follow(),
            changed: HashMap::new(),
            is_blind: false,
        }));
        let taking = told.clone();
        let taking_in = tokio::spawn(async move {
            loop {
                tokio::time::sleep(TAKE_IN_EVERY).await;
                lock(&taking).take_in();
            }
        });
        Self {
            traffic: traffic.clone(),
            told,
            taking_in,
        }
    }

    /// How deep a conversation must be read to see everything that was changed since this was last asked; `None`: nothing
    /// was. To be asked before reading.
    pub(crate) async fn take(&self, id: ConversationId) -> Option<Depth> {
        let is_told = self.catch_up().await;
        let mut told = lock(&self.told);
        told.take_in();
        let changed = told.changed.remove(&id);
        if told.is_blind || !is_told {
            return Some(Depth::Whole);
        }
        changed
    }

    /// Whether something was changed since it was last taken. To be asked after reading.
    pub(crate) async fn has(&self, id: ConversationId) -> bool {
        let is_told = self.catch_up().await;
        let mut told = lock(&self.told);
        told.take_in();
        !is_told || told.changed.contains_key(&id)
    }

    /// Has what other replicas wrote told as well; false where nobody can tell.
    async fn catch_up(&self) -> bool {
        match self.traffic.catch_up().await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "what other replicas wrote cannot be looked for: everything may have changed");
                false
            }
        }
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.taking_in.abort();
    }
}

fn lock(told: &Mutex<Told>) -> std::sync::MutexGuard<'_, Told> {
    // Each step leaves it whole.
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use backend::{Principal, Result};

    use super::*;

    #[derive(Debug)]
    struct Told(broadcast::Sender<Touch>);

    #[async_trait]
    impl Traffic for Told {
        fn follow(&self) -> broadcast::Receiver<Touch> {
            self.0.subscribe()
        }

        async fn look_through(&self, _: &str, _: &Arc<Principal>) -> Result<()> {
            Ok(())
        }
    }

    fn touch(id: u128, what: Touched) -> Touch {
        Touch {
            conversation: ConversationId::from_bits(id),
            backend: "old".into(),
            what,
        }
    }

    #[tokio::test]
    async fn what_was_told_is_known_at_once_and_taken_once() {
        let sender = broadcast::Sender::new(8);
        let traffic: Arc<dyn Traffic> = Arc::new(Told(sender.clone()));
        let changes = Changes::follow(&traffic);
        let (one, two) = (ConversationId::from_bits(1), ConversationId::from_bits(2));
        for touch in [
            touch(1, Touched::Said),
            touch(1, Touched::Changed),
            touch(1, Touched::Said),
            touch(2, Touched::Read),
        ] {
            sender.send(touch).unwrap();
        }
        assert!(changes.has(one).await && !changes.has(two).await);
        assert_eq!(changes.take(one).await, Some(Depth::Whole));
        assert_eq!(changes.take(one).await, None);
        sender.send(touch(2, Touched::Said)).unwrap();
        assert_eq!(changes.take(two).await, Some(Depth::Newest));
    }

    #[tokio::test(start_paused = true)]
    async fn where_something_was_missed_everything_may_have_changed() {
        let sender = broadcast::Sender::new(2);
        let traffic: Arc<dyn Traffic> = Arc::new(Told(sender.clone()));
        let changes = Changes::follow(&traffic);
        for _ in 0..5 {
            sender.send(touch(1, Touched::Said)).unwrap();
        }
        assert_eq!(
            changes.take(ConversationId::from_bits(9)).await,
            Some(Depth::Whole)
        );
    }
}
