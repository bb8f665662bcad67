//! What is written at other replicas, told here as if it had been written here.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backend::Result;
use backend::ports::{Touch, Touches};
use tokio::sync::broadcast;
use tokio::time::Instant;

/// How often it is looked for what others wrote, while somebody follows.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How many touches are read at once.
const PAGE: usize = 1_000;
/// Whoever begins to follow looks back so many numbers: they may be seen late.
const LOOK_BACK: u64 = 1_000;
/// How long a number that was passed over is waited for: longer than whoever took it needs to commit.
const LATE: Duration = Duration::from_secs(10);
/// The most numbers of our own that are remembered. One that was forgotten is told twice.
const OWN_MAX: usize = 10_000;
/// How often, and how long apart, it is tried to note what could not be noted.
const TRIES: usize = 60;
const TRY_EVERY: Duration = Duration::from_secs(1);

/// The touches of all replicas. Each one notes its own and finds those of the others.
#[derive(Debug)]
pub(crate) struct Shared {
    touches: Arc<dyn Touches>,
    sender: broadcast::Sender<Touch>,
    look: tokio::sync::Mutex<Option<Seen>>,
    /// The numbers of our own, which were told when they were made.
    own: Mutex<BTreeSet<u64>>,
    /// True while somebody looks.
    is_looking: Mutex<bool>,
}

impl Shared {
    pub(crate) fn new(touches: Arc<dyn Touches>, sender: broadcast::Sender<Touch>) -> Self {
        Self {
            touches,
            sender,
            look: tokio::sync::Mutex::default(),
            own: Mutex::default(),
            is_looking: Mutex::default(),
        }
    }

    /// Follows, and has somebody look for what others write.
    pub(crate) fn follow(self: &Arc<Self>) -> broadcast::Receiver<Touch> {
        let mut is_looking = lock(&self.is_looking);
        let receiver = self.sender.subscribe();
        if !std::mem::replace(&mut *is_looking, true) {
            tokio::spawn(self.clone().keep_looking());
        }
        receiver
    }

    async fn keep_looking(self: Arc<Self>) {
        let mut is_failing = false;
        loop {
            let looked = self.look().await;
            if let (Err(error), false) = (&looked, is_failing) {
                tracing::warn!(%error, "what other replicas wrote could not be looked for");
            }
            is_failing = looked.is_err();
            tokio::time::sleep(LOOK_EVERY).await;
            if self.sender.receiver_count() > 0 {
                continue;
            }
            // Whoever follows next begins with what is new then.
            *self.look.lock().await = None;
            let mut is_looking = lock(&self.is_looking);
            if self.sender.receiver_count() == 0 {
                *is_looking = false;
                return;
            }
        }
    }

    /// Tells what others wrote since the last look.
    ///
    /// # Errors
    /// Where the state cannot be asked. The next look finds what this one did not.
    pub(crate) async fn look(&self) -> Result<()> {
        let mut look = self.look.lock().await;
        let seen = match &mut *look {
            Some(seen) => seen,
            none => {
                let newest = self.touches.newest().await?;
                none.insert(Seen::behind(newest.saturating_sub(LOOK_BACK)))
            }
        };
        let mut after = seen.settled;
        loop {
            let page = self.touches.since(after, PAGE).await?;
            let is_last = page.len() < PAGE;
            for (number, touch) in page {
                after = after.max(number);
                let is_own = lock(&self.own).remove(&number);
                if seen.add(number) && !is_own {
                    // An error says only that the last follower has just gone.
                    let _ = self.sender.send(touch);
                }
            }
            if is_last {
                break;
            }
        }
        seen.settle(Instant::now());
        Ok(())
    }

    /// Notes a write for the others. Where that fails it is tried again in the background; false then.
    pub(crate) async fn note(self: &Arc<Self>, touch: Touch) -> bool {
        match self.try_to_note(&touch).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(conversation.id = %touch.conversation, %error, "a write could not be told to other replicas, and will be later");
                self.note_soon(touch, TRY_EVERY);
                false
            }
        }
    }

    /// Notes a write in the background, after `wait`.
    pub(crate) fn note_soon(self: &Arc<Self>, touch: Touch, wait: Duration) {
        let shared = self.clone();
        let noting = async move {
            tokio::time::sleep(wait).await;
            for _ in 0..TRIES {
                if shared.try_to_note(&touch).await.is_ok() {
                    return;
                }
                tokio::time::sleep(TRY_EVERY).await;
            }
            tracing::error!(conversation.id = %touch.conversation, "a write was not told to other replicas: a migration that follows the conversation may be behind until its next pass");
        };
        // Without a runtime the process ends.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(noting);
        }
    }

    async fn try_to_note(&self, touch: &Touch) -> Result<()> {
        let number = self.touches.touch(touch).await?;
        if self.sender.receiver_count() > 0 {
            let mut own = lock(&self.own);
            own.insert(number);
            if own.len() > OWN_MAX {
                own.pop_first();
            }
        }
        Ok(())
    }
}

/// Which numbers were seen.
#[derive(Debug)]
struct Seen {
    /// Every number up to this one was seen, or will not come any more.
    settled: u64,
    /// Those above it that were seen.
    above: BTreeSet<u64>,
    /// The largest number at the time of earlier looks.
    looks: VecDeque<(Instant, u64)>,
}

impl Seen {
    fn behind(settled: u64) -> Self {
        Self {
            settled,
            above: BTreeSet::new(),
            looks: VecDeque::new(),
        }
    }

    /// True where it is new.
    fn add(&mut self, number: u64) -> bool {
        number > self.settled && self.above.insert(number)
    }

    /// Forgets what need not be looked at again.
    fn settle(&mut self, now: Instant) {
        if let Some(largest) = self.above.last() {
            self.looks.push_back((now, *largest));
        }
        while let Some((_, largest)) = self.looks.pop_front_if(|(at, _)| now - *at >= LATE) {
            self.settled = self.settled.max(largest);
        }
        self.above = self.above.split_off(&(self.settled + 1));
        // Where none is missing none can come late.
        while self.above.remove(&(self.settled + 1)) {
            self.settled += 1;
        }
        if self.above.is_empty() {
            self.looks.clear();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each is whole after every step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
