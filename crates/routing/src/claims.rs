//! Creates that are not settled, and which conversations of their backend they could have made.

use std::sync::Arc;

use backend::ports::{IntentQuery, IntentRecord, IntentState, Intents};
use backend::{Location, Result, Write};
use conversation::{Conversation, NewConversation, Time};
use uuid::Uuid;

/// How far a backend's clock may be from ours, in microseconds: five minutes.
pub(crate) const CLOCK_SKEW_MICROS: i64 = 300_000_000;
/// The most creates that are looked at. More at one backend means an outage that lasts.
const CLAIMS_MAX: usize = 1_000;

/// [`Write::operation`] of a create.
const CREATE: &str = "create_conversation";

/// The creates at one backend whose end is not known.
#[derive(Debug)]
pub(crate) struct Claims {
    creates: Vec<Claim>,
    /// False where there are more than were looked at.
    are_all: bool,
}

#[derive(Debug)]
struct Claim {
    intent: Uuid,
    state: IntentState,
    from: Time,
    to: Time,
    new: NewConversation,
    /// Where what it made is, if that became known before its end was.
    made: Option<Location>,
}

impl Claims {
    pub(crate) async fn at(intents: &Arc<dyn Intents>, backend: &str) -> Result<Self> {
        let query = IntentQuery {
            backend: Some(backend.into()),
            operation: Some(CREATE.into()),
            limit: CLAIMS_MAX,
            ..IntentQuery::default()
        };
        let page = intents.list(&query).await?;
        Ok(Self {
            are_all: page.next.is_none(),
            creates: page.items.into_iter().filter_map(Claim::of).collect(),
        })
    }

    /// Where a create's conversation is, if its backend has said so.
    pub(crate) fn made_by(&self, intent: Uuid) -> Option<Location> {
        let claim = self.creates.iter().find(|claim| claim.intent == intent);
        claim.and_then(|claim| claim.made.clone())
    }

    /// Whether one of them could have made this conversation, of which nobody knows whose it is. Of an open one the
    /// time alone decides, because it will be settled soon; one that stays unknown needs the title as well, or it would
    /// hide what others made in those minutes for ever. Where there are more than were looked at, one of those could.
    pub(crate) fn could_have_made(&self, conversation: &Conversation) -> bool {
        let could = |claim: &Claim| {
            claim.holds(conversation)
                && match claim.state {
                    IntentState::Open => true,
                    IntentState::Unknown => claim.could_be_titled(conversation.title.as_deref()),
                }
        };
        !self.are_all || self.creates.iter().any(could)
    }

    /// Whether another one than `intent`, which asked for `new`, could as well have made what was found for it.
    pub(crate) fn contest(
        &self,
        intent: Uuid,
        new: &NewConversation,
        found: &Conversation,
    ) -> bool {
        let others = self.creates.iter().filter(|claim| claim.intent != intent);
        !self.are_all
            || others.into_iter().any(|claim| {
                claim.holds(found)
                    && claim.new.title == new.title
                    && claim.new.participants == new.participants
            })
    }
}

impl Claim {
    fn of(record: IntentRecord) -> Option<Self> {
        let intent = record.intent;
        let Write::CreateConversation(new) = intent.write else {
            return None;
        };
        let made = intent.location;
        Some(Self {
            intent: intent.id,
            state: record.state,
            from: intent.started_at.saturating_add_micros(-CLOCK_SKEW_MICROS),
            to: intent.deadline_at.saturating_add_micros(CLOCK_SKEW_MICROS),
            new,
            made,
        })
    }

    fn holds(&self, conversation: &Conversation) -> bool {
        match &self.made {
            Some(made) => made.id == conversation.id,
            None => (self.from..=self.to).contains(&conversation.created_at),
        }
    }

    /// Backends shorten titles.
    fn could_be_titled(&self, title: Option<&str>) -> bool {
        let wanted = self.new.title.as_deref().unwrap_or_default();
        let found = title.unwrap_or_default();
        found == wanted || (!found.is_empty() && wanted.starts_with(found))
    }
}
