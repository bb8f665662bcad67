//! Reading the source page by page, and writing what the target lacks: in memory is never more than a page, and what waits
//! for its parent.

use std::collections::HashSet;

use backend::ports::{CopiedMessage, Finding, PlaceQuery};
use backend::{Error, Kind, Location, Order, Result};
use conversation::{Conversation, Digest, Message, MessageId, strict_message_digest};

use super::met::Met;
use super::oversize::Room;
use super::pages::Pages;
use super::source::Source;
use super::writer::{CopyWriter, Outgoing};
use super::{Depth, Synced, attachments, deleted, mark_of};
use crate::plan::{new_message, text_bytes};
use crate::reasons::Reason;
use crate::run::Run;

/// The most messages that the newest ones are looked through in memory; more are walked from the beginning.
const NEWEST_MAX: usize = 1_000;
/// The most messages that wait for a parent which comes later.
const WAITING_MAX: usize = 256;

/// A walk over the messages of the source.
#[derive(Debug)]
pub(super) struct Walk<'w> {
    pub(super) run: &'w Run,
    pub(super) source: &'w Source<'w>,
    pub(super) from: &'w Location,
    pub(super) writer: &'w mut CopyWriter,
    pub(super) synced: &'w mut Synced,
    room: Room,
    /// True where nothing of the conversation was at the target when the walk began.
    pub(super) is_fresh: bool,
    /// True where all of it was walked before: nothing of it counts again.
    is_again: bool,
    /// How many messages were read, of the walk from the beginning.
    read: u64,
    /// What is to be written, in order.
    queue: Vec<Outgoing>,
    /// True where what is in the queue is kept beside the target.
    is_beside: bool,
    /// The time, in milliseconds, at which something is written.
    pub(super) written_at: Option<i64>,
    /// Messages of that time that were taken back because one before them is written: the target orders equal times by
    /// their arrival.
    pub(super) cleared: HashSet<MessageId>,
    waiting: Vec<Waiting>,
    pub(super) met: Met,
}

/// A message that is written after its parent, which comes later.
#[derive(Debug)]
pub(super) struct Waiting {
    parent: MessageId,
    pub(super) at: i64,
    pub(super) message: Message,
    digest: Digest,
    is_known: bool,
    is_beside: bool,
}

impl<'w> Walk<'w> {
    pub(super) fn new(
        source: &'w Source<'w>,
        from: &'w Location,
        writer: &'w mut CopyWriter,
        room: Room,
        synced: &'w mut Synced,
    ) -> Self {
        Self {
            run: source.run,
            source,
            from,
            writer,
            synced,
            room,
            is_fresh: false,
            is_again: false,
            read: 0,
            queue: Vec::new(),
            is_beside: false,
            written_at: None,
            cleared: HashSet::new(),
            waiting: Vec::new(),
            met: Met::new(),
        }
    }

    /// Makes the copy equal to the source, whose conversation was read before.
    pub(super) async fn make_equal(
        &mut self,
        conversation: &Conversation,
        depth: Depth,
    ) -> Result<()> {
        if depth != Depth::NewOnly {
            self.writer.change(conversation).await?;
        }
        let at = self.writer.at();
        self.is_fresh = self.run.parts.ledger.copied_count(at).await? == 0;
        let depth = if self.writer.is_new() {
            Depth::Whole
        } else {
            depth
        };
        // What another migration is writing there is not shown yet, though the conversation may tell of it.
        let source = PlaceQuery {
            conversation: self.from.id,
            backend: self.from.backend.clone(),
        };
        let arriving = self.run.parts.ledger.arriving(&source).await?;
        let known = self.synced.findings.len();
        let before = self.writer.take_inexact();
        let mut is_whole = self.walk(depth).await?;
        let mut inexact = self.writer.take_inexact();
        if depth != Depth::Whole {
            // A whole walk has met those that an earlier sync left open.
            inexact.extend(before);
        }
        if !inexact.is_empty() {
            if depth == Depth::NewOnly {
                self.write_again(inexact).await?;
            } else {
                self.begin_again(known).await?;
                is_whole = self.walk(Depth::Whole).await?;
            }
        }
        let is_exact = self.writer.take_inexact().is_empty() && arriving.is_empty();
        let is_complete = is_whole && deleted::sweep(self, conversation).await?;
        if is_complete && is_exact && self.synced.failed == 0 {
            self.synced.mark = mark_of(&*self.run.from.stack, conversation);
        }
        Ok(())
    }

    /// Forgets what was met, so that all is walked once more: what was found by its looks is known by then, and is another.
    async fn begin_again(&mut self, findings: usize) -> Result<()> {
        self.writer.note().await?;
        self.is_again = true;
        self.is_fresh = false;
        self.met = Met::new();
        self.read = 0;
        self.written_at = None;
        self.cleared.clear();
        self.synced.messages = 0;
        self.synced.failed = 0;
        self.synced.findings.truncate(findings);
        Ok(())
    }

    /// Writes these messages once more, as the source has them, and nothing else: the target is the truth of the rest.
    async fn write_again(&mut self, ids: Vec<MessageId>) -> Result<()> {
        for id in ids {
            let Some(message) = self.source.end().message(self.from, &id).await? else {
                continue;
            };
            let item = Waiting {
                parent: id,
                at: message.sent_at.as_millis(),
                digest: strict_message_digest(&message),
                message,
                is_known: true,
                is_beside: false,
            };
            self.enqueue(item).await?;
        }
        self.flush().await
    }

    /// Writes what the target lacks. True where all messages of the source were read and what it has no more may go.
    async fn walk(&mut self, depth: Depth) -> Result<bool> {
        if depth != Depth::Whole
            && let Some(newest) = self.newest(depth).await?
        {
            self.take(newest, depth).await?;
            self.flush_waiting().await?;
            self.flush().await?;
            return Ok(false);
        }
        // Too many are new to begin at the end. What the target has of its own stays, also then.
        let depth = match depth {
            Depth::NewOnly => Depth::NewOnly,
            Depth::Whole | Depth::Newest => Depth::Whole,
        };
        let mut pages = Pages::new(self.source, self.from, Order::Asc);
        while let Some(page) = pages.next().await? {
            self.take(page, depth).await?;
        }
        self.flush_waiting().await?;
        self.flush().await?;
        Ok(depth == Depth::Whole)
    }

    /// The newest messages, oldest first, back to some that are known; `None` where there are too many to hold.
    async fn newest(&mut self, depth: Depth) -> Result<Option<Vec<Message>>> {
        let mut pages = Pages::new(self.source, self.from, Order::Desc);
        let mut newest = Vec::new();
        while let Some(page) = pages.next().await? {
            let known = self.known(&page).await?;
            let is_enough = match depth {
                Depth::NewOnly => known.iter().any(Option::is_some),
                Depth::Whole | Depth::Newest => page.iter().zip(&known).all(|(message, known)| {
                    known
                        .as_ref()
                        .is_some_and(|known| known.digest == strict_message_digest(message))
                }),
            };
            // What is not shown yet may leave a page empty that is not the last.
            let is_enough = is_enough && !page.is_empty();
            newest.extend(page);
            if is_enough {
                break;
            }
            if newest.len() > NEWEST_MAX {
                return Ok(None);
            }
        }
        newest.reverse();
        Ok(Some(newest))
    }

    async fn known(&self, messages: &[Message]) -> Result<Vec<Option<CopiedMessage>>> {
        let ids: Vec<MessageId> = messages.iter().map(|message| message.id.clone()).collect();
        self.known_ids(&ids).await
    }

    pub(super) async fn known_ids(&self, ids: &[MessageId]) -> Result<Vec<Option<CopiedMessage>>> {
        let at = self.writer.at();
        let known = self.run.parts.ledger.copied(at, ids).await?;
        if known.len() == ids.len() {
            return Ok(known);
        }
        Err(Error::new(
            Kind::Internal,
            "the ledger tells of another number of messages than it was asked about",
        ))
    }

    /// Takes messages of the source in, in their order.
    async fn take(&mut self, messages: Vec<Message>, depth: Depth) -> Result<()> {
        let count = messages.len() as u64;
        self.synced.messages += count;
        // The ledger does not tell of them yet, and it will before the end of this page.
        let just = self.writer.just();
        let known = self.known(&messages).await?;
        let mut here: HashSet<MessageId> = HashSet::with_capacity(messages.len());
        let mut bytes = 0;
        for (nth, message) in messages.iter().enumerate() {
            // What was taken back is written again, and counts as unknown.
            let is_cleared = self.cleared.remove(&message.id);
            // A page that moved while it was read may show a message for the second time.
            let is_here = !here.insert(message.id.clone());
            let is_again = is_here || just.contains(&message.id) || self.has_taken(&message.id);
            if is_again && !is_cleared {
                continue;
            }
            // The newest messages always have room.
            let place = match depth {
                Depth::Whole => self.room.place(self.read),
                Depth::Newest | Depth::NewOnly => Room::default().place(0),
            };
            self.read += 1;
            bytes += text_bytes(message);
            let digest = strict_message_digest(message);
            let known = known.get(nth).and_then(Option::as_ref);
            let known = known.filter(|_| !is_cleared);
            let is_wanted = match depth {
                Depth::NewOnly => known.is_none(),
                Depth::Whole | Depth::Newest => known.is_none_or(|known| known.digest != digest),
            };
            let is_known = known.is_some();
            if !is_wanted || place.is_left_out {
                if is_known {
                    self.met.is_copied(&message.id);
                }
                continue;
            }
            let item = Waiting {
                parent: message.id.clone(),
                at: message.sent_at.as_millis(),
                message: message.clone(),
                digest,
                is_known,
                is_beside: place.is_beside,
            };
            if depth != Depth::NewOnly {
                let behind = messages.get(nth + 1..).unwrap_or_default();
                self.clear_behind(&item, behind).await?;
            }
            self.put(item, &here).await?;
        }
        self.flush().await?;
        if self.is_again {
            return Ok(());
        }
        self.synced.bytes += bytes;
        if let Some(progress) = &self.run.progress {
            progress.add_messages(count);
            progress.add_bytes(bytes);
        }
        Ok(())
    }

    /// True where a message was taken in before.
    fn has_taken(&mut self, id: &MessageId) -> bool {
        let waits = |waiting: &Waiting| waiting.message.id == *id;
        self.waiting.iter().any(waits) || !self.met.meet(id)
    }

    /// Queues a message, or has it wait for its parent where that comes later; then those that waited for this one.
    async fn put(&mut self, mut item: Waiting, here: &HashSet<MessageId>) -> Result<()> {
        if let Some(parent) = self.later_parent(&item, here).await? {
            item.parent = parent;
            self.waiting.push(item);
            if self.waiting.len() > WAITING_MAX {
                // Better before its parent than held in memory.
                let first = self.waiting.remove(0);
                self.enqueue(first).await?;
            }
            return Ok(());
        }
        let id = item.message.id.clone();
        self.enqueue(item).await?;
        let mut place = 0;
        while let Some(waiting) = self.waiting.get(place) {
            if waiting.parent == id {
                let waiting = self.waiting.remove(place);
                self.enqueue(waiting).await?;
            } else {
                place += 1;
            }
        }
        Ok(())
    }

    /// The parent for which a message must wait: one that it answers and that comes later, or that of a message of the
    /// same time which waits, because equal times keep their order.
    async fn later_parent(
        &self,
        item: &Waiting,
        here: &HashSet<MessageId>,
    ) -> Result<Option<MessageId>> {
        let same_time = self.waiting.iter().rev().find(|other| other.at == item.at);
        if let Some(other) = same_time {
            return Ok(Some(other.parent.clone()));
        }
        let Some(reply) = &item.message.in_reply_to else {
            return Ok(None);
        };
        if here.contains(&reply.id)
            || self.writer.has_just(&reply.id)
            || reply.id == item.message.id
        {
            return Ok(None);
        }
        let known = self.known_ids(std::slice::from_ref(&reply.id)).await?;
        if known.iter().any(Option::is_some) {
            return Ok(None);
        }
        let parent = self.source.end().message(self.from, &reply.id).await?;
        Ok(parent
            .filter(|parent| parent.sent_at.as_millis() > item.at)
            .map(|parent| parent.id))
    }

    /// Queues a message, its attachments first.
    async fn enqueue(&mut self, item: Waiting) -> Result<()> {
        let Waiting {
            message,
            digest,
            is_known,
            is_beside,
            ..
        } = item;
        if !attachments::copy(self, &message).await? {
            self.synced.failed += 1;
            return Ok(());
        }
        if is_known {
            // What is in the queue was said before it.
            self.flush().await?;
            self.writer.remove(&message.id).await?;
            self.synced.changed += 1;
        }
        if self.is_beside != is_beside {
            self.flush().await?;
            self.is_beside = is_beside;
        }
        self.queue.push(Outgoing {
            public: message.id.clone(),
            new: new_message(message),
            digest,
        });
        Ok(())
    }

    /// Writes what is queued.
    pub(super) async fn flush(&mut self) -> Result<()> {
        if self.queue.is_empty() {
            return Ok(());
        }
        let queue = std::mem::take(&mut self.queue);
        let ids: Vec<MessageId> = queue.iter().map(|message| message.public.clone()).collect();
        let told = self.writer.put(queue, self.is_beside).await?;
        let mut written = 0;
        for (id, told) in ids.iter().zip(told) {
            match told {
                Ok(()) => {
                    written += 1;
                    self.met.is_copied(id);
                }
                Err(error) if error.is_temporary() => return Err(error),
                Err(error) => {
                    self.synced.failed += 1;
                    let finding = Reason::TargetRefused.because(Some(self.from.id), &error);
                    self.synced.findings.push(Finding {
                        message: Some(id.clone()),
                        ..finding
                    });
                }
            }
        }
        self.synced.written += written;
        if let Some(progress) = &self.run.progress {
            progress.add_written(written);
        }
        Ok(())
    }

    /// Writes what still waits: its parents were not met after all.
    async fn flush_waiting(&mut self) -> Result<()> {
        for waiting in std::mem::take(&mut self.waiting) {
            self.enqueue(waiting).await?;
        }
        Ok(())
    }
}
