//! Reading the source page by page, and writing what the target lacks: in memory is never more than a page, and what waits
//! for its parent.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};

use backend::ports::CopiedMessage;
use backend::{Error, Kind, Location, Order, Origin, Outcome, PageRequest, Position, Result};
use conversation::{Conversation, Digest, Message, MessageId, strict_message_digest};

use super::oversize::Room;
use super::writer::{CopyWriter, Outgoing};
use super::{Depth, Synced, attachments, deleted, mark_of};
use crate::end::End;
use crate::plan::{new_message, text_bytes};
use crate::reasons::Reason;
use crate::run::Run;

/// Messages of a page.
const PAGE: usize = 200;
/// The most messages that the newest ones are looked through in memory; more are walked from the beginning.
const NEWEST_MAX: usize = 1_000;
/// The most messages that wait for a parent which comes later.
const WAITING_MAX: usize = 256;
/// The most messages of which it is remembered that they were met.
const MET_MAX: usize = 1 << 16;

/// A walk over the messages of the source.
#[derive(Debug)]
pub(super) struct Walk<'w> {
    pub(super) run: &'w Run,
    pub(super) source: &'w End,
    pub(super) from: &'w Location,
    pub(super) writer: &'w mut CopyWriter,
    pub(super) synced: &'w mut Synced,
    room: Room,
    /// True where nothing of the conversation was at the target when the walk began.
    is_fresh: bool,
    /// How many messages were read, of the walk from the beginning.
    read: u64,
    /// What is to be written, in order.
    queue: Vec<Outgoing>,
    /// True where what is in the queue is kept beside the target.
    is_beside: bool,
    /// The time, in milliseconds, at which something is written.
    written_at: Option<i64>,
    /// Messages of that time that were taken back because one before them is written: the target orders equal times by
    /// their arrival.
    cleared: HashSet<MessageId>,
    waiting: Vec<Waiting>,
    /// So many messages were met that are at the target by now, each counted once as far as that is known.
    pub(super) met: u64,
    /// Hashes of the ids of all messages that were met; absent where they are too many.
    pub(super) met_ids: Option<HashSet<u64>>,
}

/// A message that is written after its parent, which comes later.
#[derive(Debug)]
struct Waiting {
    parent: MessageId,
    at: i64,
    message: Message,
    digest: Digest,
    is_known: bool,
    is_beside: bool,
}

impl<'w> Walk<'w> {
    pub(super) fn new(
        run: &'w Run,
        source: &'w End,
        from: &'w Location,
        writer: &'w mut CopyWriter,
        room: Room,
        synced: &'w mut Synced,
    ) -> Self {
        Self {
            run,
            source,
            from,
            writer,
            synced,
            room,
            is_fresh: false,
            read: 0,
            queue: Vec::new(),
            is_beside: false,
            written_at: None,
            cleared: HashSet::new(),
            waiting: Vec::new(),
            met: 0,
            met_ids: Some(HashSet::new()),
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
        let is_complete = self.walk(depth).await? && deleted::sweep(self, conversation).await?;
        if is_complete && self.synced.failed == 0 {
            self.synced.mark = mark_of(&*self.run.from.stack, conversation);
        }
        Ok(())
    }

    /// Writes what the target lacks. True where all messages of the source were read.
    async fn walk(&mut self, depth: Depth) -> Result<bool> {
        if depth != Depth::Whole
            && let Some(newest) = self.newest(depth).await?
        {
            self.take(newest, depth).await?;
            self.flush_waiting().await?;
            self.flush().await?;
            return Ok(false);
        }
        let mut pages = Pages::new(self.source, self.from, Order::Asc);
        while let Some(page) = pages.next().await? {
            self.take(page, Depth::Whole).await?;
        }
        self.flush_waiting().await?;
        self.flush().await?;
        Ok(true)
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

    async fn known_ids(&self, ids: &[MessageId]) -> Result<Vec<Option<CopiedMessage>>> {
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
        let known = self.known(&messages).await?;
        let mut here: HashSet<MessageId> = HashSet::with_capacity(messages.len());
        let mut bytes = 0;
        for (nth, message) in messages.iter().enumerate() {
            // A page that moved while it was read may show a message for the second time.
            if !here.insert(message.id.clone()) || self.writer.has_just(&message.id) {
                continue;
            }
            self.meet(&message.id);
            // The newest messages always have room.
            let place = match depth {
                Depth::Whole => self.room.place(self.read),
                Depth::Newest | Depth::NewOnly => Room::default().place(0),
            };
            self.read += 1;
            bytes += text_bytes(message);
            let digest = strict_message_digest(message);
            let known = known.get(nth).and_then(Option::as_ref);
            let known = known.filter(|_| !self.cleared.contains(&message.id));
            let is_wanted = match depth {
                Depth::NewOnly => known.is_none(),
                Depth::Whole | Depth::Newest => known.is_none_or(|known| known.digest != digest),
            };
            let is_known = known.is_some();
            if !is_wanted || place.is_left_out {
                self.met += u64::from(is_known);
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
        self.synced.bytes += bytes;
        if let Some(progress) = &self.run.progress {
            progress.add_messages(count);
            progress.add_bytes(bytes);
        }
        Ok(())
    }

    /// Takes back what is at the target of the messages of the same time that follow one which is about to be written, the
    /// last first: so they come behind it again, and where this is cut off, the next sync sees it by that one.
    async fn clear_behind(&mut self, item: &Waiting, behind: &[Message]) -> Result<()> {
        if self.is_fresh || self.written_at == Some(item.at) {
            return Ok(());
        }
        self.written_at = Some(item.at);
        self.cleared.clear();
        let mut followers = Vec::new();
        let mut page = behind.to_vec();
        loop {
            let same = page
                .iter()
                .take_while(|message| message.sent_at.as_millis() == item.at)
                .count();
            let is_over = same < page.len();
            page.truncate(same);
            let known = if page.is_empty() {
                Vec::new()
            } else {
                self.known(&page).await?
            };
            for (message, known) in page.iter().zip(known) {
                followers.extend(known.map(|_| message.id.clone()));
            }
            let last = page
                .last()
                .map_or(&item.message.id, |last| &last.id)
                .clone();
            if is_over {
                break;
            }
            let request = PageRequest {
                limit: self.source.page_size(PAGE),
                order: Order::Asc,
                position: Some(Position::AfterMessage(last)),
            };
            page = self.source.page(self.from, &request).await?.items;
            if page.is_empty() {
                break;
            }
        }
        for id in followers.into_iter().rev() {
            self.flush().await?;
            self.writer.remove(&id).await?;
            self.synced.changed += 1;
            self.cleared.insert(id);
        }
        Ok(())
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
        let parent = self.source.message(self.from, &reply.id).await?;
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
    async fn flush(&mut self) -> Result<()> {
        if self.queue.is_empty() {
            return Ok(());
        }
        let queue = std::mem::take(&mut self.queue);
        let ids: Vec<MessageId> = queue.iter().map(|message| message.public.clone()).collect();
        let told = self.writer.put(queue, self.is_beside).await?;
        let mut written = 0;
        for (id, told) in ids.iter().zip(told) {
            match told {
                Ok(()) => written += 1,
                Err(error) if error.is_temporary() => return Err(error),
                Err(error) => {
                    self.synced.failed += 1;
                    let finding = Reason::TargetRefused.because(Some(self.from.id), &error);
                    self.synced.findings.push(backend::ports::Finding {
                        message: Some(id.clone()),
                        ..finding
                    });
                }
            }
        }
        self.met += written;
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

    fn meet(&mut self, id: &MessageId) {
        if let Some(met) = &mut self.met_ids {
            met.insert(hash_of(id));
            if met.len() > MET_MAX {
                self.met_ids = None;
            }
        }
    }
}

/// A hash that tells messages of one conversation apart.
pub(super) fn hash_of(id: &MessageId) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

/// All messages of a conversation, a page at a time.
pub(super) struct Pages<'p> {
    end: &'p End,
    at: &'p Location,
    next: Option<PageRequest>,
    /// Hashes of the cursors so far.
    seen: HashSet<u64>,
}

impl<'p> Pages<'p> {
    pub(super) fn new(end: &'p End, at: &'p Location, order: Order) -> Self {
        Self {
            end,
            at,
            next: Some(PageRequest {
                limit: end.page_size(PAGE),
                order,
                position: None,
            }),
            seen: HashSet::new(),
        }
    }

    /// The next page; `None` behind the last.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Message>>> {
        let Some(request) = self.next.take() else {
            return Ok(None);
        };
        let page = self.end.page(self.at, &request).await?;
        if let Some(cursor) = page.next {
            let mut hasher = DefaultHasher::new();
            cursor.hash(&mut hasher);
            if !self.seen.insert(hasher.finish()) {
                // Going on would never end; stopping would look like the end of the conversation.
                return Err(
                    Error::new(Kind::InvalidResponse, "the backend repeats a cursor")
                        .origin(Origin::Upstream)
                        .outcome(Outcome::NotApplied)
                        .at(self.end.name(), "list_messages"),
                );
            }
            self.next = Some(PageRequest {
                position: Some(Position::After(cursor)),
                ..request
            });
        }
        Ok(Some(page.items))
    }
}
