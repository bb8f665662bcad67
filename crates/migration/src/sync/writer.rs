//! A copy that is written: messages, attachments and fields of one conversation at the target. Needs no source.

use std::collections::HashSet;
use std::sync::Arc;

use backend::ports::{CopyAt, IntentRecord, MigrationId, Step};
use backend::{AttachmentContent, Error, Kind, Location, NewAttachment, Outcome, Result, Write};
use conversation::{
    AttachmentId, Conversation, ConversationPatch, Digest, MessageId, NewConversation, NewMessage,
    strict_digest,
};
use uuid::Uuid;

use super::fields;
use super::journal::Journal;
use super::order::{Done, OnlyIf, Order, Target};
use crate::end::End;
use crate::parts::Parts;

/// The most messages of one import, and about how many bytes, where all of it is stored or nothing.
const BATCH_MAX: usize = 200;
const BATCH_MAX_BYTES: usize = 1_024 * 1_024;

/// A message on its way to the target.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    /// Its public id.
    pub(crate) public: MessageId,
    pub(crate) new: NewMessage,
    /// Its strict digest.
    pub(crate) digest: Digest,
}

/// Writes the copy of one conversation, whose lease it holds. What it did is in the ledger once it was closed, or was
/// begun there: after a crash the next writer goes on.
#[derive(Debug)]
pub(crate) struct CopyWriter {
    journal: Journal,
    location: Location,
    /// The digest of the own fields, as they were copied last.
    own: Option<Digest>,
    is_new: bool,
}

impl CopyWriter {
    /// Opens the copy of a conversation at the target, finds out what became of writes that were cut off, and makes
    /// the conversation of `new` where there is none yet.
    ///
    /// # Errors
    /// [`Kind::Busy`] where somebody else writes the copy; where the target cannot be written, or does not tell what
    /// became of an earlier write.
    pub(crate) async fn open(
        parts: Arc<Parts>,
        migration: MigrationId,
        at: CopyAt,
        target: End,
        known: Option<Location>,
        new: impl FnOnce() -> NewConversation,
    ) -> Result<Self> {
        let target = Target {
            migration,
            at,
            end: target,
            only_if: OnlyIf::Always,
        };
        Self::open_of(parts, target, known, new).await
    }

    /// [`CopyWriter::open`] of a copy that is written only while its conversation lives where it must.
    ///
    /// # Errors
    /// Those of [`CopyWriter::open`], and those of [`OnlyIf::check`].
    pub(super) async fn open_of(
        parts: Arc<Parts>,
        target: Target,
        known: Option<Location>,
        new: impl FnOnce() -> NewConversation,
    ) -> Result<Self> {
        let mut journal = Journal::open(parts, target).await?;
        let opened = Self::find_or_make(&mut journal, known, new).await;
        let noted = journal.note().await;
        match opened.and_then(|opened| noted.map(|()| opened)) {
            Ok((location, own, is_new)) => Ok(Self {
                journal,
                location,
                own,
                is_new,
            }),
            Err(error) => {
                journal.release().await;
                Err(error)
            }
        }
    }

    async fn find_or_make(
        journal: &mut Journal,
        known: Option<Location>,
        new: impl FnOnce() -> NewConversation,
    ) -> Result<(Location, Option<Digest>, bool)> {
        // Whoever was cut off may have handed over a note that is not written yet: it is, once this empty one is.
        let nothing = Step::default();
        let ledger = &journal.parts.ledger;
        ledger
            .record(journal.migration, &journal.at, &nothing)
            .await?;
        // First what is open: what ended it is written by then, should there be such a note.
        let open = journal.open_writes().await?;
        let noted = journal.parts.ledger.place(&journal.place()).await?;
        let (noted, own) = match noted {
            Some((location, own)) => (Some(location), own),
            None => (None, None),
        };
        let is_create =
            |record: &IntentRecord| matches!(record.intent.write, Write::CreateConversation(_));
        let (creates, open): (Vec<_>, Vec<_>) = open.into_iter().partition(is_create);
        // Where it lives now is known better by the directory.
        let (location, own, is_new) = match known.or(noted) {
            Some(location) => {
                let ended = creates.iter().map(|record| record.intent.id);
                journal.step.ended.extend(ended);
                (location, own, false)
            }
            None if creates.is_empty() => {
                let new = new();
                let own = fields::digest_of(&new);
                (journal.create(new, own).await?, Some(own), true)
            }
            // What it was made of then may be another thing by now: its fields are compared.
            None => (journal.recreate(creates).await?, None, true),
        };
        // What was copied there has other ids there, whatever the directory knows of that by now.
        let location = Location {
            renamed: true,
            ..location
        };
        // The bytes of an attachment are needed: it is asked about when it is met again.
        let is_asked =
            |record: &IntentRecord| !matches!(record.intent.write, Write::PutAttachment { .. });
        let here = |mut record: IntentRecord| {
            record.intent.location = Some(location.clone());
            record
        };
        let open = open.into_iter().filter(is_asked).map(here).collect();
        for record in journal.resolve(open).await? {
            match journal.send_again(&record).await {
                // What cannot be done is told when it is met again.
                Err(error) if error.outcome != Outcome::NotApplied || error.is_temporary() => {
                    return Err(error);
                }
                _ => {}
            }
        }
        Ok((location, own, is_new))
    }

    /// Where the copy is.
    pub(crate) fn location(&self) -> &Location {
        &self.location
    }

    /// True where the copy was made just now.
    pub(crate) fn is_new(&self) -> bool {
        self.is_new
    }

    pub(crate) fn at(&self) -> &CopyAt {
        &self.journal.at
    }

    /// True where a message was written and that is not in the ledger yet.
    pub(super) fn has_just(&self, public: &MessageId) -> bool {
        let mut copied = self.journal.step.copied.iter();
        copied.any(|copy| copy.public == *public)
    }

    /// The messages that were written and are not in the ledger yet.
    pub(super) fn just(&self) -> HashSet<MessageId> {
        let copied = self.journal.step.copied.iter();
        copied.map(|copy| copy.public.clone()).collect()
    }

    /// Notes what was done.
    pub(super) async fn note(&mut self) -> Result<()> {
        self.journal.note().await
    }

    /// The messages that were found by their looks and are not quite what was sent, since this was last asked.
    pub(super) fn take_inexact(&mut self) -> Vec<MessageId> {
        std::mem::take(&mut self.journal.inexact)
    }

    /// Stores messages in their order, and tells of each what became of it. Those that are stored are copies from then on.
    ///
    /// # Errors
    /// Where the target does not work, or nobody knows what became of a message. A message that the target refuses for
    /// good is told by itself.
    pub(crate) async fn put(
        &mut self,
        messages: Vec<Outgoing>,
        beside: bool,
    ) -> Result<Vec<Result<()>>> {
        let can = self.journal.end.stack().capabilities();
        let most = if can.import_is_atomic {
            let native = can.limits.import_max_messages;
            let native = native.and_then(|max| usize::try_from(max).ok());
            native.unwrap_or(BATCH_MAX).clamp(1, BATCH_MAX)
        } else {
            1
        };
        let mut told = Vec::with_capacity(messages.len());
        let mut batch: Vec<Outgoing> = Vec::new();
        let mut bytes = 0;
        for message in messages {
            let size = fields::size_of(&message.new);
            if batch.len() >= most || (!batch.is_empty() && bytes + size > BATCH_MAX_BYTES) {
                told.extend(self.import(std::mem::take(&mut batch), beside).await?);
                bytes = 0;
            }
            bytes += size;
            batch.push(message);
        }
        if !batch.is_empty() {
            told.extend(self.import(batch, beside).await?);
        }
        Ok(told)
    }

    /// Stores a batch in one call; where the target refuses it, each message in a call of its own.
    async fn import(&mut self, batch: Vec<Outgoing>, beside: bool) -> Result<Vec<Result<()>>> {
        match self.import_at_once(&batch, beside).await {
            Err(error) if is_refusal(&error) && batch.len() > 1 => {
                let mut told = Vec::with_capacity(batch.len());
                for message in batch {
                    let one = std::slice::from_ref(&message);
                    match self.import_at_once(one, beside).await {
                        Err(error) if is_refusal(&error) => told.push(Err(error)),
                        results => told.extend(results?),
                    }
                }
                Ok(told)
            }
            Err(error) if is_refusal(&error) => Ok(vec![Err(error)]),
            results => results,
        }
    }

    async fn import_at_once(
        &mut self,
        batch: &[Outgoing],
        beside: bool,
    ) -> Result<Vec<Result<()>>> {
        let new = batch.iter().map(|message| message.new.clone()).collect();
        let each = if beside {
            0
        } else {
            self.journal.end.stack().capabilities().import_requests
        };
        let count = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        let mut order = self.order(Write::ImportMessages(new), each.saturating_mul(count));
        order.messages = batch.iter().map(|message| message.public.clone()).collect();
        order.digests = batch.iter().map(|message| message.digest).collect();
        order.beside = beside;
        match self.journal.perform(order).await? {
            Done::Imported(results) => {
                Ok(results.into_iter().map(|result| result.map(drop)).collect())
            }
            Done::Made(_) | Done::Put(_) | Done::Nothing => {
                Err(Error::new(Kind::Internal, "an import stored no messages"))
            }
        }
    }

    /// Stores an attachment, once however often it is tried, and reads it back.
    ///
    /// # Errors
    /// Where the target does not take it, does not work, or gives other bytes back.
    pub(crate) async fn attach(
        &mut self,
        public: &AttachmentId,
        content: AttachmentContent,
    ) -> Result<()> {
        let bytes = content.bytes.clone();
        let sha256 = tokio::task::spawn_blocking(move || Digest::of(&bytes)).await;
        let sha256 = sha256.map_err(|error| {
            Error::new(Kind::Internal, "the work on an attachment ended early")
                .outcome(Outcome::NotApplied)
                .source(error)
        })?;
        let write = Write::PutAttachment {
            message_id: None,
            name: content.name.clone(),
            digest: sha256,
        };
        let mut order = self.order(write, 0);
        // The same id each time: where it was put before, it is found, and where it is put again, it is the same.
        order.id = attachment_intent(&self.journal.at, public);
        order.beside = true;
        order.bytes = Some(NewAttachment {
            name: content.name,
            media_type: content.media_type,
            message_id: None,
            bytes: content.bytes,
        });
        let known = self.journal.parts.intents.find(order.id).await?;
        let done = match known {
            Some(record) => {
                let doubt = Error::new(Kind::Timeout, "storing an attachment was cut off");
                match self.journal.ask(&record, &doubt).await? {
                    Some(done) => done,
                    None => self.journal.perform(order).await?,
                }
            }
            None => self.journal.perform(order).await?,
        };
        let Done::Put(put) = done else {
            return Err(Error::new(Kind::Internal, "an attachment was not stored"));
        };
        let stored = self.journal.end.attachment(&self.location, &put.id).await?;
        let stored = stored.map(|stored| stored.bytes);
        let read = tokio::task::spawn_blocking(move || stored.map(|bytes| Digest::of(&bytes)));
        if read.await.ok().flatten() != Some(sha256) {
            return Err(Error::new(
                Kind::InvalidResponse,
                "the target gives other bytes of an attachment back than it was given",
            )
            .at(&self.journal.at.to, "open_attachment"));
        }
        self.journal.take_bytes(public, &put, sha256);
        // Its message names it: the target must know it by then.
        self.journal.note().await
    }

    /// Deletes a message at the target. One that is not there is deleted.
    ///
    /// # Errors
    /// Where the target does not work, or refuses.
    pub(crate) async fn remove(&mut self, public: &MessageId) -> Result<()> {
        let order = self.order(
            Write::DeleteMessage { id: public.clone() },
            self.one_request(),
        );
        self.journal.perform(order).await.map(drop)
    }

    /// Makes the copy's own fields equal to `wanted`. True where that took a write.
    ///
    /// # Errors
    /// Where the target does not work, or refuses.
    pub(crate) async fn change(&mut self, wanted: &Conversation) -> Result<bool> {
        let digest = strict_digest(wanted);
        if self.own == Some(digest) {
            return Ok(false);
        }
        let held = self.journal.end.conversation(&self.location).await?;
        let patch = fields::difference(&held, wanted)?;
        let is_other = patch != ConversationPatch::default();
        if is_other {
            let order = self.order(Write::UpdateConversation(patch), self.one_request());
            self.journal.perform(order).await?;
        }
        self.journal.step.own = Some(digest);
        self.own = Some(digest);
        Ok(is_other)
    }

    /// Notes what was done and gives the lease back.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(crate) async fn close(mut self) -> Result<()> {
        let noted = self.journal.note().await;
        self.journal.release().await;
        noted
    }

    fn order(&self, write: Write, requests: u32) -> Order {
        Order::new(Some(self.location.clone()), write, requests)
    }

    /// What a single call costs: nothing where there is no vendor.
    fn one_request(&self) -> u32 {
        self.journal
            .end
            .stack()
            .capabilities()
            .create_requests
            .min(1)
    }
}

/// The id of the write that stores an attachment at the target.
fn attachment_intent(at: &CopyAt, public: &AttachmentId) -> Uuid {
    let name = format!("attachment/{}/{}/{public}", at.conversation, at.to);
    let digest = Digest::of(name.as_bytes());
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest.as_bytes()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// True where the target works and does not take what it was given.
pub(super) fn is_refusal(error: &Error) -> bool {
    error.outcome == Outcome::NotApplied
        && matches!(
            error.kind,
            Kind::NotHeld | Kind::InvalidRequest | Kind::Unsupported
        )
}
