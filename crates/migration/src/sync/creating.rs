//! The conversation at the target: made once, and found again where its making was cut off.

use backend::ports::{Held, IntentQuery, IntentRecord};
use backend::{
    Applied, BackendExt as _, ConversationQuery, Error, Kind, Located, Location, PageRequest,
    Result, SettleSupport, Settled, Write,
};
use conversation::{Conversation, Digest, NewConversation, Participant, Time};
use futures_util::TryStreamExt as _;

use super::journal::Journal;
use super::order::{Done, Order};
use super::settling::{Answer, is_later};
use crate::end::stopped;

/// How far the target's clock may be from ours, in microseconds: as far as everywhere else in the gateway. What was made by
/// somebody else in these minutes is told apart by its looks, and by who knows it.
const SKEW_MICROS: i64 = 300_000_000;
/// The most open creates of a backend that are compared.
const CREATES_MAX: usize = 1_000;
/// Conversations of a page of the target.
const LIST_PAGE: usize = 100;

impl Journal {
    /// Makes the conversation at the target; `own` is the digest of its fields.
    pub(super) async fn create(&mut self, new: NewConversation, own: Digest) -> Result<Location> {
        let guard = self.creates_alone().await?;
        let requests = self.end.stack().capabilities().create_requests;
        let order = Order::new(None, Write::CreateConversation(new), requests);
        let done = self.perform(order).await;
        self.step.own = done.is_ok().then_some(own);
        // Known as ours before anybody else looks for one that nobody knows.
        let noted = self.note().await;
        release(guard).await;
        let Done::Made(located) = done? else {
            return Err(not_made());
        };
        noted?;
        Ok(located.location)
    }

    /// Finds the conversation that earlier syncs began to make, or makes it now.
    pub(super) async fn recreate(&mut self, open: Vec<IntentRecord>) -> Result<Location> {
        let guard = self.creates_alone().await?;
        let found = self.find_or_make_again(open).await;
        let noted = self.note().await;
        release(guard).await;
        found.and(noted)?;
        let place = self.parts.ledger.place(&self.place()).await?;
        place.map(|(location, _)| location).ok_or_else(not_made)
    }

    async fn find_or_make_again(&mut self, open: Vec<IntentRecord>) -> Result<()> {
        let mut not_done = self.resolve(open).await?.into_iter();
        let place = self.parts.ledger.place(&self.place()).await?;
        if place.is_none()
            && let Some(first) = not_done.next()
        {
            self.send_again(&first).await?;
        }
        let rest = not_done.map(|record| record.intent.id);
        self.step.ended.extend(rest);
        Ok(())
    }

    /// Where a lost create is found by its looks only one copy is made at a time: what nobody knows is then of a create
    /// that was cut off, and not of one on its way.
    async fn creates_alone(&self) -> Result<Option<Held>> {
        if self.end.stack().capabilities().settle == SettleSupport::Certain {
            return Ok(None);
        }
        let lease = format!("copy-create/{}", self.at.to);
        let patience = self.parts.settings.settle_patience;
        tokio::select! {
            held = Held::take(&self.parts.leases, &lease, patience) => held.map(Some),
            () = self.end.stop_asked() => Err(stopped()),
        }
    }

    pub(super) async fn asked_of_create(
        &self,
        record: &IntentRecord,
        new: &NewConversation,
    ) -> Result<Answer> {
        let by_looks = self.end.stack().capabilities().settle != SettleSupport::Certain;
        if !by_looks {
            return Ok(match self.settle(record, false).await? {
                Settled::Applied(Applied::Conversation(located)) => {
                    Answer::Done(Done::Made(located))
                }
                Settled::NotApplied => Answer::NotDone,
                Settled::Applied(_) | Settled::Unknown => Answer::Open,
            });
        }
        match self.settle(record, true).await? {
            Settled::Applied(Applied::Conversation(located)) => {
                if self.is_free_to_take(&located).await? && self.alone_open(record).await? {
                    // Once more, to keep beside it what the backend does not hold.
                    return Ok(match self.settle(record, false).await? {
                        Settled::Applied(Applied::Conversation(again))
                            if again.location.native == located.location.native =>
                        {
                            Answer::Done(Done::Made(again))
                        }
                        _ => Answer::Open,
                    });
                }
            }
            Settled::NotApplied => return Ok(Answer::NotDone),
            Settled::Applied(_) | Settled::Unknown => {}
        }
        self.picked(record, new).await
    }

    /// Several that look alike: each empty one that nobody knows was made by one of the open creates, and they are
    /// all the same.
    async fn picked(&self, record: &IntentRecord, new: &NewConversation) -> Result<Answer> {
        if !is_later(record, self.lateness()) {
            return Ok(Answer::Open);
        }
        let open = self.open_creates().await?;
        if open.iter().any(|other| other.migration.is_none()) {
            return Ok(Answer::Open);
        }
        let mut free = Vec::new();
        for located in self.made_since(record, new).await? {
            if self.is_free_to_take(&located).await? && self.is_empty(&located.location).await? {
                free.push(located);
            }
        }
        Ok(match free.pop() {
            None => Answer::NotDone,
            Some(mut located) if free.len() < open.len() => {
                located.location.id = self.at.conversation;
                located.location.renamed = true;
                Answer::Done(Done::Made(Box::new(located)))
            }
            Some(_) => Answer::Open,
        })
    }

    /// Conversations of the target that the create can have made.
    async fn made_since(
        &self,
        record: &IntentRecord,
        new: &NewConversation,
    ) -> Result<Vec<Located>> {
        let first = record.intent.started_at.saturating_add_micros(-SKEW_MICROS);
        let query = ConversationQuery {
            page: PageRequest::first(self.end.page_size(LIST_PAGE)),
            ..ConversationQuery::all(1)
        };
        self.end
            .read(|cx| {
                let query = query.clone();
                Box::pin(async move {
                    let all = self.end.stack().all_conversations(&cx, query);
                    all.try_filter(|located| {
                        let found = &located.conversation;
                        let fits = found.created_at >= first && is_alike(found, new);
                        std::future::ready(fits)
                    })
                    .try_collect()
                    .await
                })
            })
            .await
    }

    /// True where a conversation of the target is nobody's yet.
    async fn is_free_to_take(&self, located: &Located) -> Result<bool> {
        let native = &located.location.native;
        let known = self
            .parts
            .directory
            .find_native(&self.at.to, native)
            .await?;
        Ok(known.is_none())
    }

    async fn is_empty(&self, at: &Location) -> Result<bool> {
        let page = self.end.page(at, &PageRequest::first(1)).await?;
        Ok(page.items.is_empty())
    }

    /// True where no other create is open that may have made the same.
    async fn alone_open(&self, record: &IntentRecord) -> Result<bool> {
        let open = self.open_creates().await?;
        Ok(open.iter().all(|other| other.intent.id == record.intent.id))
    }

    async fn open_creates(&self) -> Result<Vec<IntentRecord>> {
        let query = IntentQuery {
            backend: Some(self.at.to.clone()),
            operation: Some("create_conversation".into()),
            limit: CREATES_MAX,
            ..IntentQuery::default()
        };
        Ok(self.parts.intents.list(&query).await?.items)
    }
}

fn not_made() -> Error {
    Error::new(Kind::Internal, "a create made no conversation")
}

async fn release(guard: Option<Held>) {
    if let Some(guard) = guard {
        guard.release().await;
    }
}

/// Whether a conversation can be what was to be made: what it holds of the title is the title's beginning, and somebody
/// takes part in both, where it is known who does.
fn is_alike(found: &Conversation, new: &NewConversation) -> bool {
    let title = |title: &Option<Box<str>>| title.as_deref().unwrap_or_default().trim().to_owned();
    let (held, wanted) = (title(&found.title), title(&new.title));
    let fits = wanted.starts_with(&held) && (held.is_empty() == wanted.is_empty());
    let handles = |all: &[Participant]| -> Vec<Box<str>> {
        let handles = all.iter().flat_map(|participant| &participant.handles);
        handles.map(|handle| handle.value.clone()).collect()
    };
    let (held, wanted) = (handles(&found.participants), handles(&new.participants));
    let shares =
        held.is_empty() || wanted.is_empty() || held.iter().any(|one| wanted.contains(one));
    fits && shares && found.created_at <= Time::now().saturating_add_micros(SKEW_MICROS)
}
