//! The memory itself: a shelf for each conversation, so that a write forgets a whole conversation at once.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backend::{Context, Location, Page, PageRequest};
use conversation::{Conversation, Message, MessageId, Participant};
use moka::sync::Cache;
use serde::Serialize;
use tokio::time::Instant;

/// How many watches there are over writes: two conversations that share one keep each other's reads from being
/// remembered now and then.
const WATCHES: usize = 1_024;
/// The most answers of one conversation; the oldest goes first.
const ANSWERS_MAX: usize = 64;
/// What an answer takes beside its fields, about, in bytes.
const OVERHEAD: usize = 512;

/// Whose answer it is: what a vendor tells may differ by each of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Who {
    tenant: Box<str>,
    user: Option<Box<str>>,
    credential: Option<Box<str>>,
}

impl Who {
    pub(super) fn new(cx: &Context, at: &Location) -> Self {
        Self {
            tenant: cx.principal.tenant.clone(),
            user: cx.principal.user.clone(),
            credential: at.credential.clone(),
        }
    }
}

/// What was asked of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Question {
    Conversation,
    Messages(PageRequest),
    Message(MessageId),
    Participants,
}

/// What was answered. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Conversation(Arc<Conversation>),
    Messages(Arc<Page<Message>>),
    Message(Arc<Message>),
    Participants(Arc<Vec<Participant>>),
}

/// What can be remembered.
pub(super) trait Kept: Clone + Send {
    fn to_answer(&self) -> Answer;
    /// The same again; nothing where it is the answer to another question.
    fn of_answer(answer: &Answer) -> Option<Self>;
}

macro_rules! kept {
    ($kept:ty, $variant:ident) => {
        impl Kept for $kept {
            fn to_answer(&self) -> Answer {
                Answer::$variant(Arc::new(self.clone()))
            }

            fn of_answer(answer: &Answer) -> Option<Self> {
                match answer {
                    Answer::$variant(kept) => Some((**kept).clone()),
                    _ => None,
                }
            }
        }
    };
}

kept!(Conversation, Conversation);
kept!(Page<Message>, Messages);
kept!(Message, Message);
kept!(Vec<Participant>, Participants);

impl Answer {
    /// About how much memory it takes.
    fn bytes(&self) -> usize {
        let fields = match self {
            Self::Conversation(conversation) => length(&**conversation),
            Self::Messages(page) => page.items.iter().map(|one| length(one) + OVERHEAD).sum(),
            Self::Message(message) => length(&**message),
            Self::Participants(participants) => length(&**participants),
        };
        fields + OVERHEAD
    }
}

/// How long something is as JSON: about as long as in memory.
fn length(value: &impl Serialize) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    match serde_json::to_writer(&mut count, value) {
        Ok(()) => count.0,
        // What is no JSON is not remembered: it is larger than everything.
        Err(_) => usize::MAX / 2,
    }
}

/// What was last answered.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) answer: Answer,
    /// When it was asked.
    pub(super) since: Instant,
    /// True where a write may have changed it since.
    pub(super) is_doubtful: bool,
}

/// One answer of a shelf.
#[derive(Debug)]
struct Entry {
    who: Who,
    question: Question,
    found: Found,
    bytes: usize,
}

/// What is remembered of one conversation.
#[derive(Debug, Default)]
struct Shelf(Mutex<VecDeque<Entry>>);

impl Shelf {
    fn entries(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        // An entry is whole before it is put on a shelf.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bytes(&self) -> usize {
        self.entries()
            .iter()
            .fold(OVERHEAD, |sum, one| sum.saturating_add(one.bytes))
    }
}

/// What is remembered of all conversations of a backend, within a number of bytes.
pub(super) struct Shelves {
    shelves: Cache<Box<str>, Arc<Shelf>>,
    max_bytes: u64,
    watches: Vec<Mutex<Count>>,
    hasher: RandomState,
}

/// The writes of the conversations under one watch.
#[derive(Debug, Default, Clone, Copy)]
struct Count {
    /// How many have begun or ended.
    changes: u64,
    /// How many run now.
    running: u32,
}

/// What a reader takes before it asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket {
    changes: u64,
    since: Instant,
}

impl Shelves {
    pub(super) fn new(max_bytes: u64) -> Self {
        let shelves = Cache::<Box<str>, Arc<Shelf>>::builder()
            .max_capacity(max_bytes)
            .weigher(|native, shelf| {
                u32::try_from(shelf.bytes().saturating_add(native.len())).unwrap_or(u32::MAX)
            })
            .build();
        Self {
            shelves,
            max_bytes,
            watches: (0..WATCHES).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// What was last answered; nothing while the conversation is written.
    pub(super) fn get(&self, native: &str, who: &Who, question: &Question) -> Option<Found> {
        if self.count(native)?.running > 0 {
            return None;
        }
        let shelf = self.shelves.get(native)?;
        let entries = shelf.entries();
        let found = entries
            .iter()
            .find(|one| one.who == *who && one.question == *question)?;
        Some(found.found.clone())
    }

    pub(super) fn ticket(&self, native: &str) -> Ticket {
        Ticket {
            changes: self.count(native).map_or(0, |count| count.changes),
            since: Instant::now(),
        }
    }

    /// Remembers what was asked under `ticket`, unless a write has begun or ended since.
    pub(super) fn put(
        &self,
        native: &str,
        ticket: Ticket,
        who: Who,
        question: Question,
        answer: Answer,
    ) {
        let bytes = answer.bytes();
        if u64::try_from(bytes).map_or(true, |bytes| bytes > self.max_bytes / 4) {
            return;
        }
        let entry = Entry {
            who,
            question,
            found: Found {
                answer,
                since: ticket.since,
                is_doubtful: false,
            },
            bytes,
        };
        // The lock is held while inserting, so that no write can come between.
        let Some(count) = self.count(native) else {
            return;
        };
        if count.changes != ticket.changes || count.running > 0 {
            return;
        }
        let shelf = self.shelves.get(native).unwrap_or_default();
        {
            let mut entries = shelf.entries();
            entries.retain(|one| one.who != entry.who || one.question != entry.question);
            if entries.len() >= ANSWERS_MAX {
                entries.pop_front();
            }
            entries.push_back(entry);
        }
        // Once more, so that it is weighed again.
        self.shelves.insert(native.into(), shelf);
        drop(count);
    }

    /// Begins a write; it ends with what is given back.
    pub(super) fn write(self: &Arc<Self>, native: &str) -> Writing {
        if let Some(mut count) = self.count(native) {
            count.changes += 1;
            count.running += 1;
        }
        Writing {
            shelves: Arc::clone(self),
            native: native.into(),
            end: End::Doubtful,
        }
    }

    /// Forgets a conversation.
    pub(super) fn forget(&self, native: &str) {
        if let Some(mut count) = self.count(native) {
            // A reader that found it there a moment earlier is not to bring it back.
            count.changes += 1;
            self.shelves.invalidate(native);
        }
    }

    /// Forgets every conversation.
    pub(super) fn forget_all(&self) {
        for watch in &self.watches {
            // Who asked before this is not to bring anything back.
            watch.lock().unwrap_or_else(PoisonError::into_inner).changes += 1;
        }
        self.shelves.invalidate_all();
    }

    fn doubt(&self, native: &str) {
        if let Some(shelf) = self.shelves.get(native) {
            for entry in shelf.entries().iter_mut() {
                entry.found.is_doubtful = true;
            }
        }
    }

    fn count(&self, native: &str) -> Option<MutexGuard<'_, Count>> {
        let place = usize::try_from(self.hasher.hash_one(native) % WATCHES as u64).ok()?;
        let watch = self.watches.get(place)?;
        // Two counters are whole after every step.
        Some(watch.lock().unwrap_or_else(PoisonError::into_inner))
    }

    #[cfg(test)]
    pub(super) fn weighed(&self) -> u64 {
        self.shelves.run_pending_tasks();
        self.shelves.weighted_size()
    }
}

/// What a write has done to what is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Certainly nothing.
    Nothing,
    /// Nobody knows.
    Doubtful,
    /// It changed it.
    Changed,
}

/// A write that runs. Where it is dropped without an end, nobody knows what it did.
pub(super) struct Writing {
    shelves: Arc<Shelves>,
    native: Box<str>,
    end: End,
}

impl Writing {
    /// Ends it.
    pub(super) fn end(mut self, end: End) {
        self.end = end;
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(mut count) = self.shelves.count(&self.native) {
            count.changes += 1;
            count.running -= 1;
            match self.end {
                End::Nothing => {}
                End::Doubtful => self.shelves.doubt(&self.native),
                End::Changed => self.shelves.shelves.invalidate(&self.native),
            }
        }
    }
}
