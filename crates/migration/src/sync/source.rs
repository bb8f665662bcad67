//! The source as a sync reads it: while its writers wait, where a write takes several steps there. Else a message could be
//! met without what is kept beside it, and be another one a moment later.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backend::ports::{Held, IntentQuery, IntentState, conversation_lease};
use backend::{Error, Kind, Location, Page, PageRequest, Result};
use conversation::{Conversation, Message};

use crate::end::{End, stopped};
use crate::run::{Run, Subject};

/// How long is waited for the conversation's writers. Whoever did not come to an end by then is answering, as a rule.
const PATIENCE: Duration = Duration::from_millis(if cfg!(test) { 100 } else { 5_000 });
/// How long the writers wait for one read, at most.
const READ_MOST: Duration = Duration::from_secs(20);
/// When it is looked whether a write is open: at once, and after these waits, because that one has ended is noted a moment
/// after its writer has left.
const LOOKED_AFTER: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(3),
    Duration::from_millis(10),
    Duration::from_millis(30),
    Duration::from_millis(100),
];
/// The most open writes of one conversation that are looked at.
const OPEN_MAX: usize = 100;

/// The source of a sync.
#[derive(Debug)]
pub(super) struct Source<'s> {
    pub(super) run: &'s Run,
    pub(super) subject: &'s Subject,
    end: End,
    /// True where writers are asked to wait: a write takes several steps, and nobody else has them wait already.
    asks: bool,
    /// True where they did not, the last time they were asked: then nobody waits for them again.
    is_busy: AtomicBool,
}

impl<'s> Source<'s> {
    pub(super) fn new(run: &'s Run, subject: &'s Subject) -> Self {
        let end = run.end(&run.from, subject);
        Self {
            run,
            subject,
            asks: !subject.writers_wait && !end.stack().capabilities().transactional,
            end,
            is_busy: AtomicBool::new(false),
        }
    }

    /// The source, for reads whose answers are not copied.
    pub(super) fn end(&self) -> &End {
        &self.end
    }

    /// The conversation.
    pub(super) async fn conversation(&self, at: &Location) -> Result<Conversation> {
        match self.undisturbed(self.end.conversation(at)).await? {
            Some(read) => Ok(read),
            None => self.end.conversation(at).await,
        }
    }

    /// A page of its messages.
    pub(super) async fn page(&self, at: &Location, page: &PageRequest) -> Result<Page<Message>> {
        match self.undisturbed(self.end.page(at, page)).await? {
            Some(read) => Ok(read),
            None => self.end.page(at, page).await,
        }
    }

    /// Reads while the writers wait; `None` where it is to be read all the same.
    ///
    /// # Errors
    /// [`Kind::Busy`] where the writers do not wait, and who asked for the sync would rather come again.
    async fn undisturbed<T>(
        &self,
        read: impl Future<Output = Result<T>> + Send,
    ) -> Result<Option<T>> {
        if !self.asks {
            return Ok(None);
        }
        // Nobody waits while the source wants to be left alone.
        self.end.rest().await?;
        let read = match self.hold().await? {
            Some(held) => {
                let read = tokio::time::timeout(READ_MOST, read).await;
                held.release().await;
                read.ok()
            }
            None => None,
        };
        match read {
            Some(read) => read.map(Some),
            None if self.subject.gives_up => Err(Error::new(
                Kind::Busy,
                "the conversation is being written to, and is copied when that has ended",
            )),
            None => Ok(None),
        }
    }

    /// Has the writers wait, unless one of them is at work for long, or left something half written.
    async fn hold(&self) -> Result<Option<Held>> {
        let name = conversation_lease(self.subject.id);
        let patience = if self.is_busy.load(Ordering::Relaxed) {
            Duration::ZERO
        } else {
            PATIENCE
        };
        let taken = tokio::select! {
            taken = Held::take(&self.run.parts.leases, &name, patience) => taken,
            () = self.end.stop_asked() => return Err(stopped()),
        };
        let held = match taken {
            Ok(held) if !self.is_half_written().await? => Some(held),
            Ok(held) => {
                held.release().await;
                None
            }
            Err(error) if error.kind == Kind::Busy => None,
            Err(error) => return Err(error),
        };
        self.is_busy.store(held.is_none(), Ordering::Relaxed);
        Ok(held)
    }

    /// True where a writer was cut off: what belongs to its write comes when that is settled.
    async fn is_half_written(&self) -> Result<bool> {
        let query = IntentQuery {
            state: Some(IntentState::Open),
            conversation: Some(self.subject.id),
            limit: OPEN_MAX,
            ..IntentQuery::default()
        };
        for wait in LOOKED_AFTER {
            tokio::time::sleep(wait).await;
            let open = self.run.parts.intents.list(&query).await?.items;
            if open.iter().all(|record| record.migration.is_some()) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
