//! What became of a write to a copy whose answer was lost: asked until it is known, or until patience is over.

use std::time::Duration;

use backend::ports::{IntentRecord, IntentState, NewCopy};
use backend::{
    Applied, Context, Error, Kind, Location, Order, Outcome, Page, PageRequest, Position, Result,
    Retry, Settled, Write,
};
use conversation::{Digest, Message, NewMessage, Time, strict_message_digest, text_of};

use super::journal::{Journal, digest_of};
use super::order::Done;
use crate::end::MOMENT;

/// When a write is asked about before others go first: at once, and after these waits.
const ASKED_AFTER: [Duration; 4] = [
    Duration::ZERO,
    MOMENT,
    MOMENT.saturating_mul(3),
    MOMENT.saturating_mul(8),
];
/// Messages of a page in which a lost message is looked for.
const LOOK_PAGE: usize = 100;

/// What asking told.
#[derive(Debug)]
pub(super) enum Answer {
    Done(Done),
    /// A message that can only be the one that was sent, found by its looks.
    Alike(Box<Message>),
    NotDone,
    /// Nobody knows yet.
    Open,
}

impl Journal {
    /// Asks what became of a write, for a few seconds. What it did is kept for the next note. `None`: it was not done.
    ///
    /// # Errors
    /// Where it is not known: temporary while it may be known later, permanent once patience is over. `cause` is why it
    /// is asked.
    pub(super) async fn ask(
        &mut self,
        record: &IntentRecord,
        cause: &Error,
    ) -> Result<Option<Done>> {
        for wait in ASKED_AFTER {
            self.end.sleep(wait).await.map_err(unknown)?;
            match self.asked(record).await.map_err(unknown)? {
                Answer::Done(done) => {
                    self.take_in(record, &done, &[]);
                    return Ok(Some(done));
                }
                Answer::Alike(found) => {
                    self.step.ended.push(record.intent.id);
                    if let Some(public) = record.messages.first() {
                        // With the digest of what is there: where that is not what was sent, it is written again.
                        let digest = strict_message_digest(&found);
                        if sent_digest(record) != Some(digest) {
                            self.inexact.push(public.clone());
                        }
                        self.step.copied.push(NewCopy {
                            public: public.clone(),
                            native: found.id.clone(),
                            digest,
                        });
                    }
                    return Ok(Some(Done::Imported(vec![Ok(*found)])));
                }
                Answer::NotDone => return Ok(None),
                // The same again does no harm.
                Answer::Open if is_harmless(&record.intent.write) => return Ok(None),
                Answer::Open => {}
            }
        }
        self.still_open(record, cause).await
    }

    /// A write of which nobody can tell yet what became of it.
    async fn still_open(&self, record: &IntentRecord, cause: &Error) -> Result<Option<Done>> {
        let patience = self.parts.settings.settle_patience;
        if !is_later(record, patience) {
            let words = format!(
                "it is not known yet what became of a write at the target ({}): it is asked about again",
                cause.message
            );
            return Err(unknown(
                Error::new(Kind::Unavailable, words).retry_after(cause.retry_after),
            ));
        }
        // It sets fields that were compared before it was sent: the same again ends the same.
        if matches!(record.intent.write, Write::UpdateConversation(_)) {
            return Ok(None);
        }
        let detail = "the target does not tell whether it was carried out";
        self.parts
            .intents
            .note(record.intent.id, IntentState::Unknown, detail)
            .await?;
        let words = format!(
            "what became of write {} at the target cannot be found out, and nothing is sent again",
            record.intent.id
        );
        Err(Error::new(Kind::UpstreamFailed, words)
            .retry(Retry::Permanent)
            .outcome(Outcome::Unknown)
            .at(&self.at.to, record.intent.write.operation()))
    }

    async fn asked(&self, record: &IntentRecord) -> Result<Answer> {
        match (&record.intent.write, &record.intent.location) {
            (Write::CreateConversation(new), _) => self.asked_of_create(record, new).await,
            (Write::ImportMessages(new), Some(at)) => self.asked_of_import(record, at, new).await,
            _ => Ok(match self.settle(record, false).await? {
                Settled::Applied(Applied::Attachment(put)) => Answer::Done(Done::Put(put)),
                Settled::Applied(_) => Answer::Done(Done::Nothing),
                Settled::NotApplied => Answer::NotDone,
                Settled::Unknown => Answer::Open,
            }),
        }
    }

    pub(super) async fn settle(&self, record: &IntentRecord, looks_only: bool) -> Result<Settled> {
        self.end
            .read(|cx| {
                let timeout = cx.remaining();
                let mut cx = self.context(record, timeout);
                cx.looks_only = looks_only;
                Box::pin(async move { self.end.stack().settle(&cx, &record.intent).await })
            })
            .await
    }

    async fn asked_of_import(
        &self,
        record: &IntentRecord,
        at: &Location,
        sent: &[NewMessage],
    ) -> Result<Answer> {
        let mut settled = self.settle(record, false).await?;
        if matches!(settled, Settled::Unknown) {
            let looked = self.looked_for(at, sent).await?;
            if !matches!(looked, Answer::Alike(_)) {
                return Ok(looked);
            }
            // It may have come between the two looks. Then the backend can tell by now, with all that belongs to it; by
            // its looks alone it would have to be written again.
            settled = self.settle(record, false).await?;
            if matches!(settled, Settled::Unknown) {
                return Ok(looked);
            }
        }
        let found = match settled {
            Settled::Applied(Applied::Message(message)) => vec![*message],
            Settled::Applied(Applied::Messages(messages)) => messages,
            Settled::Applied(_) | Settled::Unknown => Vec::new(),
            Settled::NotApplied => return Ok(Answer::NotDone),
        };
        let mut is_anothers = found.len() != sent.len();
        for message in &found {
            // Two equal messages look alike: this is the other one.
            is_anothers |= self
                .parts
                .ledger
                .is_copy(&self.place(), &message.id)
                .await?;
        }
        if !is_anothers {
            let found = found.into_iter().map(Ok).collect();
            return Ok(Answer::Done(Done::Imported(found)));
        }
        match self.looked_for(at, sent).await? {
            // The backend would have said so, had there been no other that looks like it.
            Answer::Open if sent.len() == 1 && is_later(record, self.lateness()) => {
                Ok(Answer::NotDone)
            }
            answer => Ok(answer),
        }
    }

    /// Looks at the target itself for the one message that was sent.
    async fn looked_for(&self, at: &Location, sent: &[NewMessage]) -> Result<Answer> {
        let [new] = sent else {
            return Ok(Answer::Open);
        };
        Ok(match self.alike(at, new).await? {
            Some(found) => Answer::Alike(Box::new(found)),
            None => Answer::Open,
        })
    }

    /// A message of the target with this role, text and time that is on no side of a copy yet.
    async fn alike(&self, at: &Location, new: &NewMessage) -> Result<Option<Message>> {
        let Some(sent_at) = new.sent_at.map(Time::as_millis) else {
            return Ok(None);
        };
        let text = text_of(&new.parts);
        let mut request = PageRequest {
            limit: self.end.page_size(LOOK_PAGE),
            order: Order::Desc,
            position: None,
        };
        loop {
            let page = self.page_of_copy(at, &request).await?;
            for message in &page.items {
                let is_alike = message.sent_at.as_millis() == sent_at
                    && message.role == new.role
                    && text_of(&message.parts) == text;
                if is_alike && self.is_free(message).await? {
                    return Ok(Some(message.clone()));
                }
            }
            let is_behind = page
                .items
                .iter()
                .all(|message| message.sent_at.as_millis() < sent_at);
            match page.next {
                Some(next) if !is_behind => request.position = Some(Position::After(next)),
                _ => return Ok(None),
            }
        }
    }

    /// A page of the target with what is arriving there: readers do not see that before it has its public id.
    async fn page_of_copy(&self, at: &Location, page: &PageRequest) -> Result<Page<Message>> {
        self.end
            .read(|cx| {
                let cx = Context {
                    copying: true,
                    ..cx
                };
                Box::pin(async move { self.end.stack().list_messages(&cx, at, page).await })
            })
            .await
    }

    /// True where nothing is known of a message of the target.
    async fn is_free(&self, message: &Message) -> Result<bool> {
        let ids = std::slice::from_ref(&message.id);
        let known = self.parts.ledger.copied(&self.at, ids).await?;
        if known.iter().any(Option::is_some) {
            return Ok(false);
        }
        let is_copy = self
            .parts
            .ledger
            .is_copy(&self.place(), &message.id)
            .await?;
        Ok(!is_copy)
    }

    /// How long after its deadline a write may still be carried out, as far as anybody can say.
    pub(super) fn lateness(&self) -> Duration {
        self.end.settings().write_timeout
    }
}

/// True where the caller of a write stopped waiting at least so long ago.
pub(super) fn is_later(record: &IntentRecord, than: Duration) -> bool {
    let micros = i64::try_from(than.as_micros()).unwrap_or(i64::MAX);
    Time::now() > record.intent.deadline_at.saturating_add_micros(micros)
}

/// The digest of the one message that was sent.
fn sent_digest(record: &IntentRecord) -> Option<Digest> {
    match &record.intent.write {
        Write::ImportMessages(sent) => sent.first().map(digest_of),
        _ => None,
    }
}

/// True for a write that ends the same however often it is done, and however late.
fn is_harmless(write: &Write) -> bool {
    matches!(
        write,
        Write::DeleteMessage { .. } | Write::DeleteConversation
    )
}

/// A failure to find out: what was asked about may have been done.
fn unknown(error: Error) -> Error {
    error.outcome(Outcome::Unknown)
}
