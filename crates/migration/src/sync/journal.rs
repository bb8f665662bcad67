//! Writes to the target, each noted before it is sent and again when its end is known: whatever dies when, the next sync
//! finds what was begun.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backend::ports::{
    CopyAt, Held, IntentQuery, IntentRecord, IntentState, MigrationId, NewAttachmentCopy, NewCopy,
    PlaceQuery, Step, copy_lease,
};
use backend::{Attachment, Context, Error, Intent, Kind, NewAttachment, Outcome, Result, Write};
use conversation::{
    AttachmentId, ConversationId, Digest, Message, MessageId, NewMessage, Time,
    strict_message_digest,
};

use super::order::{Done, OnlyIf, Order, Target};
use crate::end::{End, MOMENT, stopped};
use crate::parts::Parts;

/// How often a write is repeated that was certainly not done, where that may help; the wait doubles.
const REPEATS: u32 = 8;
const REPEAT_MOST: Duration = Duration::from_secs(10);
/// The most open writes of one conversation that are looked at: one sync leaves one.
const OPEN_MAX: usize = 100;

/// The writes to one copy, whose lease is held.
#[derive(Debug)]
pub(super) struct Journal {
    pub(super) parts: Arc<Parts>,
    pub(super) migration: MigrationId,
    pub(super) at: CopyAt,
    pub(super) end: End,
    /// What was done and is not noted yet. Noted together with the next write that begins, or at the end.
    pub(super) step: Step,
    /// The public ids of messages that were found by their looks and are not quite what was sent.
    pub(super) inexact: Vec<MessageId>,
    only_if: OnlyIf,
    held: Held,
}

impl Journal {
    /// Takes the lease of the copy.
    ///
    /// # Errors
    /// [`Kind::Busy`] where somebody else works on the copy for too long.
    pub(super) async fn open(parts: Arc<Parts>, target: Target) -> Result<Self> {
        let Target {
            migration,
            at,
            end,
            only_if,
        } = target;
        let lease = copy_lease(at.conversation);
        let patience = parts.settings.switch_patience;
        let held = tokio::select! {
            held = Held::take(&parts.leases, &lease, patience) => held?,
            () = end.stop_asked() => return Err(stopped()),
        };
        Ok(Self {
            parts,
            migration,
            at,
            end,
            step: Step::default(),
            inexact: Vec::new(),
            only_if,
            held,
        })
    }

    pub(super) fn place(&self) -> PlaceQuery {
        PlaceQuery {
            conversation: self.at.conversation,
            backend: self.at.to.clone(),
        }
    }

    /// Notes what was done.
    pub(super) async fn note(&mut self) -> Result<()> {
        if self.step == Step::default() {
            return Ok(());
        }
        let step = self.step.clone();
        self.parts
            .ledger
            .record(self.migration, &self.at, &step)
            .await?;
        self.step = Step::default();
        Ok(())
    }

    /// Gives the lease back.
    pub(super) async fn release(self) {
        self.held.release().await;
    }

    /// Writes of migrations to this copy of which the end is not known.
    pub(super) async fn open_writes(&self) -> Result<Vec<IntentRecord>> {
        let query = IntentQuery {
            backend: Some(self.at.to.clone()),
            conversation: Some(self.at.conversation),
            limit: OPEN_MAX,
            ..IntentQuery::default()
        };
        let mut open = self.parts.intents.list(&query).await?.items;
        open.retain(|record| record.migration.is_some());
        Ok(open)
    }

    /// Does a write, noted before and after, and repeated only where it was certainly not done.
    ///
    /// # Errors
    /// Where it is not done, or nobody knows yet. In the second case its note stays, and [`Journal::resolve`] finds out.
    pub(super) async fn perform(&mut self, order: Order) -> Result<Done> {
        let mut wait = MOMENT;
        let mut repeats = 0;
        loop {
            self.end.wait(order.requests).await?;
            self.held.outlast_a_heartbeat().await?;
            let id = self.at.conversation;
            self.only_if.check(&self.parts, id).await?;
            let record = self.record_of(&order);
            self.begin(&record).await?;
            let sent = self.send(&record, order.bytes.clone()).await;
            match sent {
                Ok(done) => {
                    self.take_in(&record, &done, &order.digests);
                    return Ok(done);
                }
                Err(error) if error.outcome != Outcome::NotApplied => {
                    tracing::info!(
                        migration = %self.migration,
                        intent = %record.intent.id,
                        operation = record.intent.write.operation(),
                        error.kind = error.kind.as_str(),
                        "what became of a write to a copy is asked"
                    );
                    match self.ask(&record, &error).await? {
                        Some(done) => return Ok(done),
                        // It was not done: it is sent again, as the same write.
                        None if repeats < REPEATS => {}
                        None => {
                            self.step.ended.push(record.intent.id);
                            return Err(error.outcome(Outcome::NotApplied));
                        }
                    }
                }
                Err(error) if error.is_temporary() && repeats < REPEATS => {
                    let asked = error.retry_after.unwrap_or_default();
                    if let Err(stopped) = self.end.sleep(wait.max(asked)).await {
                        self.step.ended.push(record.intent.id);
                        return Err(stopped);
                    }
                    wait = (wait * 2).min(REPEAT_MOST);
                }
                Err(error) => {
                    self.step.ended.push(record.intent.id);
                    return Err(error);
                }
            }
            if self.end.is_stopped() {
                self.step.ended.push(record.intent.id);
                return Err(stopped());
            }
            repeats += 1;
        }
    }

    /// Notes that a write begins, and all that was done before it.
    async fn begin(&mut self, record: &IntentRecord) -> Result<()> {
        self.step.begun = Some(record.clone());
        let noted = self.note().await;
        // It is not sent where it is not noted.
        self.step.begun = None;
        noted
    }

    /// Finds out what became of writes that earlier syncs left open, and notes it; those that were not done. All are asked
    /// about before one is sent again: what one of them did, another may have been meant to do.
    pub(super) async fn resolve(&mut self, open: Vec<IntentRecord>) -> Result<Vec<IntentRecord>> {
        let doubt = Error::new(Kind::Timeout, "a write to the copy was cut off");
        let mut not_done = Vec::new();
        for record in open {
            if self.ask(&record, &doubt).await?.is_none() {
                not_done.push(record);
            }
            self.note().await?;
        }
        Ok(not_done)
    }

    /// Sends a write again that was not done, as the same write, where nothing else does it: a create, and messages that
    /// are still not at the target.
    pub(super) async fn send_again(&mut self, record: &IntentRecord) -> Result<()> {
        self.note().await?;
        let is_needed = match &record.intent.write {
            Write::CreateConversation(_) => true,
            Write::ImportMessages(_) => {
                let ledger = &self.parts.ledger;
                let known = ledger.copied(&self.at, &record.messages).await?;
                known.iter().all(Option::is_none)
            }
            // Its cause is met again.
            _ => false,
        };
        if !is_needed {
            self.step.ended.push(record.intent.id);
            return Ok(());
        }
        let requests = self.requests_of(&record.intent.write);
        self.perform(Order::of(record, requests)).await.map(drop)
    }

    /// How many requests to the vendor a write takes, as a rule.
    fn requests_of(&self, write: &Write) -> u32 {
        let can = self.end.stack().capabilities();
        match write {
            Write::CreateConversation(_) => can.create_requests,
            Write::ImportMessages(messages) => can
                .import_requests
                .saturating_mul(u32::try_from(messages.len()).unwrap_or(u32::MAX)),
            _ => 0,
        }
    }

    fn record_of(&self, order: &Order) -> IntentRecord {
        let now = Time::now();
        let timeout = self.end.settings().write_timeout;
        let timeout = i64::try_from(timeout.as_micros()).unwrap_or(i64::MAX);
        let is_create = matches!(order.write, Write::CreateConversation(_));
        IntentRecord {
            intent: Intent {
                id: order.id,
                location: order.location.clone(),
                write: order.write.clone(),
                started_at: now,
                deadline_at: now.saturating_add_micros(timeout),
            },
            backend: self.at.to.clone(),
            principal: (**self.end.principal()).clone(),
            request_id: (**self.end.request_id()).into(),
            copying: true,
            strict: false,
            public_id: is_create.then_some(self.at.conversation),
            beside: order.beside,
            migration: Some(self.migration),
            led_by: Vec::new(),
            messages: order.messages.clone(),
            state: IntentState::Open,
            detail: None,
        }
    }

    /// The context of a write, or of the question what became of it.
    pub(super) fn context(&self, record: &IntentRecord, timeout: Duration) -> Context {
        Context {
            intent: record.intent.id,
            deadline: Instant::now() + timeout,
            copying: true,
            public_id: record.public_id,
            beside: record.beside,
            principal: Arc::new(record.principal.clone()),
            ..self.end.context(timeout)
        }
    }

    async fn send(&self, record: &IntentRecord, bytes: Option<NewAttachment>) -> Result<Done> {
        let timeout = self.end.settings().write_timeout;
        let cx = self.context(record, timeout);
        let answer = self
            .end
            .in_time(timeout, self.call(&cx, record, bytes))
            .await;
        self.end.heard(answer)
    }

    async fn call(
        &self,
        cx: &Context,
        record: &IntentRecord,
        bytes: Option<NewAttachment>,
    ) -> Result<Done> {
        let stack = self.end.stack();
        let at = record.intent.location.as_ref();
        match (&record.intent.write, at) {
            (Write::CreateConversation(new), _) => {
                let located = stack.create_conversation(cx, new.clone()).await?;
                Ok(Done::Made(Box::new(located)))
            }
            (Write::ImportMessages(new), Some(at)) => {
                let results = stack.import_messages(cx, at, new.clone()).await?;
                each_is_known(new, results).map(Done::Imported)
            }
            (Write::UpdateConversation(patch), Some(at)) => {
                let patched = stack.update_conversation(cx, at, patch.clone(), None).await;
                patched.map(|_| Done::Nothing)
            }
            (Write::DeleteMessage { id }, Some(at)) => {
                gone(stack.delete_message(cx, at, id, None).await)
            }
            (Write::DeleteConversation, Some(at)) => {
                gone(stack.delete_conversation(cx, at, None).await)
            }
            (Write::PutAttachment { .. }, Some(at)) => {
                let bytes = bytes.ok_or_else(|| {
                    Error::new(Kind::Internal, "the bytes of an attachment are not at hand")
                        .outcome(Outcome::NotApplied)
                })?;
                let put = stack.put_attachment(cx, at, bytes).await?;
                Ok(Done::Put(Box::new(put)))
            }
            _ => {
                Err(Error::new(Kind::Internal, "a copy has no such write")
                    .outcome(Outcome::NotApplied))
            }
        }
    }

    /// Keeps for the next note what a write has done, and that it has ended.
    pub(super) fn take_in(&mut self, record: &IntentRecord, done: &Done, digests: &[Digest]) {
        let step = &mut self.step;
        step.ended.push(record.intent.id);
        match (&record.intent.write, done) {
            (_, Done::Made(located)) => step.place = Some(located.location.clone()),
            (Write::ImportMessages(new), Done::Imported(results)) => {
                let stored = record.messages.iter().zip(new).zip(results).enumerate();
                let copies = stored.filter_map(|(nth, ((public, new), result))| {
                    let native = result.as_ref().ok()?.id.clone();
                    let digest = digests.get(nth).copied();
                    Some(NewCopy {
                        public: public.clone(),
                        native,
                        digest: digest.unwrap_or_else(|| digest_of(new)),
                    })
                });
                step.copied.extend(copies);
            }
            (Write::DeleteMessage { id }, _) => step.dropped.push(id.clone()),
            _ => {}
        }
    }

    /// Keeps for the next note that an attachment is at the target.
    pub(super) fn take_bytes(&mut self, public: &AttachmentId, put: &Attachment, sha256: Digest) {
        self.step.attachments.push(NewAttachmentCopy {
            public: public.clone(),
            native: put.id.clone(),
            sha256,
        });
    }
}

/// The digest of a message as it was sent, so that a source which has changed since is seen to have.
pub(super) fn digest_of(new: &NewMessage) -> Digest {
    // Neither id nor conversation count.
    let (id, conversation) = (MessageId::derive(&[]), ConversationId::from_bits(0));
    let now = new.sent_at.unwrap_or_else(Time::now);
    strict_message_digest(&new.clone().into_message(id, conversation, now))
}

/// The results of an import, where the end of each message is known.
fn each_is_known(
    sent: &[NewMessage],
    results: Vec<Result<Message>>,
) -> Result<Vec<Result<Message>>> {
    if results.len() != sent.len() {
        return Err(Error::new(
            Kind::InvalidResponse,
            "the backend tells another number of results than messages were sent",
        ));
    }
    let is_open = |result: &Result<Message>| {
        result
            .as_ref()
            .err()
            .is_some_and(|error| error.outcome != Outcome::NotApplied)
    };
    if let Some(Err(error)) = results.iter().find(|result| is_open(result)) {
        return Err(error.clone());
    }
    // One that may be stored later, alone: as if the call had failed.
    if let [Err(error)] = results.as_slice()
        && error.is_temporary()
    {
        return Err(error.clone());
    }
    Ok(results)
}

/// What is not there any more is deleted.
fn gone(deleted: Result<()>) -> Result<Done> {
    match deleted {
        Ok(()) => Ok(Done::Nothing),
        Err(error) if error.kind == Kind::NotFound => Ok(Done::Nothing),
        Err(error) => Err(error),
    }
}
