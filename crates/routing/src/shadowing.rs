//! Shadow reads: some reads are made again at a second backend, and compared. Behind the answer and never in it: whoever
//! reads neither waits for it nor sees anything of it.

mod differing;
mod portrait;

use std::sync::Arc;
use std::time::Duration;

use backend::ports::{Directory, Ledger, ShadowDifference, ShadowLog};
use backend::{Context, Error, Freshness, Kind, Location, PageRequest, Principal, Result};
use conversation::{Conversation, Message, MessageId, Time};
use metrics::counter;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use self::differing::{difference, unreadable};
use self::portrait::Portrait;
use crate::placing::scaled;
use crate::router::Slots;
use crate::rules::{Rule, ShadowRead};
use crate::slot::Slot;
use crate::writing::Found;

/// How many reads wait for their comparison; what is too much is not compared. They hold digests, not texts.
const WAITING_MAX: usize = 256;
/// How many comparisons run at once.
const RUNNING_MAX: usize = 4;
/// How long one comparison may take.
const BUDGET: Duration = Duration::from_secs(60);
/// How long one read of a comparison may take.
const READ_BUDGET: Duration = Duration::from_secs(20);
/// How long after a difference both sides are looked at again: a write may be on its way to the second one.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How often a conversation that changes meanwhile is looked at.
const LOOKS_MAX: usize = 4;

/// Compares reads with those of second backends. Cheap to clone; clones share what waits and what runs.
#[derive(Debug, Clone)]
pub(crate) struct Shadows {
    directory: Arc<dyn Directory>,
    ledger: Arc<dyn Ledger>,
    log: Arc<dyn ShadowLog>,
    waiting: Arc<Semaphore>,
    running: Arc<Semaphore>,
    slots: Arc<Slots>,
    /// None where no rule compares anything.
    rules: Arc<[Rule]>,
    /// The largest part of reads that a rule compares.
    sample_max: f64,
}

/// What was read.
#[derive(Debug)]
pub(crate) enum Seen {
    /// The conversation itself.
    Conversation(Box<Conversation>),
    /// The first page of its messages; whether more follow.
    Messages(Vec<Message>, bool),
    /// One of its messages.
    Message(Box<Message>),
}

/// How it is read again.
#[derive(Debug, Clone)]
enum Again {
    Conversation,
    Messages(PageRequest),
    Message(MessageId),
}

/// A read that is to be compared: it has its place among those that wait.
#[derive(Debug)]
pub(crate) struct Sampled {
    shadows: Shadows,
    cx: Context,
    home: Arc<Slot>,
    at: Location,
    /// Of all that are compared, those of rules with a smaller sample are below it.
    draw: f64,
    _place: OwnedSemaphorePermit,
}

/// What a comparison found.
enum Verdict {
    Same,
    Different(Box<ShadowDifference>),
    /// The second backend has nothing of this conversation.
    Absent,
    /// One of both could not be read.
    Failed,
    /// It never held still.
    Changing,
}

impl Shadows {
    pub(crate) fn new(
        directory: Arc<dyn Directory>,
        ledger: Arc<dyn Ledger>,
        log: Arc<dyn ShadowLog>,
        slots: &Arc<Slots>,
        rules: &[Rule],
    ) -> Self {
        let nothing = Self {
            directory,
            ledger,
            log,
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
            running: Arc::new(Semaphore::new(RUNNING_MAX)),
            slots: Arc::clone(slots),
            rules: Arc::default(),
            sample_max: 0.0,
        };
        nothing.among(slots, rules)
    }

    /// The same with other backends and rules.
    pub(crate) fn among(&self, slots: &Arc<Slots>, rules: &[Rule]) -> Self {
        let samples = rules.iter().filter_map(|rule| rule.shadow.as_ref());
        let sample_max = samples.map(|shadow| shadow.sample).fold(0.0, f64::max);
        Self {
            slots: Arc::clone(slots),
            rules: if sample_max > 0.0 {
                rules.into()
            } else {
                Arc::default()
            },
            sample_max,
            ..self.clone()
        }
    }

    /// Whether a read that was just made is to be compared. Answers from a cache of a backend that is down are not.
    pub(crate) fn sample(&self, cx: &Context, found: &Found) -> Option<Sampled> {
        if self.sample_max <= 0.0 || cx.trace.stale().is_some() {
            return None;
        }
        let draw = drawn(cx.intent);
        if draw >= self.sample_max {
            return None;
        }
        let Ok(place) = Arc::clone(&self.waiting).try_acquire_owned() else {
            count(found.slot.name(), "", "dropped");
            return None;
        };
        Some(Sampled {
            shadows: self.clone(),
            cx: cx.clone(),
            home: Arc::clone(&found.slot),
            at: found.location.clone(),
            draw,
            _place: place,
        })
    }
}

impl Sampled {
    /// Compares a conversation that was read.
    pub(crate) fn conversation(self, read: &Conversation) {
        let seen = Seen::Conversation(Box::new(read.clone()));
        tokio::spawn(self.run(seen, Again::Conversation));
    }

    /// Compares a first page of messages that was read.
    pub(crate) fn messages(self, page: &PageRequest, read: &backend::Page<Message>) {
        let seen = Seen::Messages(read.items.clone(), read.next.is_some());
        tokio::spawn(self.run(seen, Again::Messages(page.clone())));
    }

    /// Compares a message that was read.
    pub(crate) fn message(self, read: &Message) {
        let again = Again::Message(read.id.clone());
        tokio::spawn(self.run(Seen::Message(Box::new(read.clone())), again));
    }

    async fn run(self, seen: Seen, again: Again) {
        // Texts become digests before anything is waited for.
        let portrait = Portrait::of(&seen);
        drop(seen);
        // Nobody closes the semaphore.
        let Ok(_running) = self.shadows.running.acquire().await else {
            return;
        };
        let Some((rule, shadow)) = self.rule().await else {
            return;
        };
        let home = self.home.name();
        let compared = self.compare(rule, shadow, portrait, &again);
        let verdict = match tokio::time::timeout(BUDGET, compared).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(error)) => {
                tracing::info!(
                    conversation.id = %self.at.id,
                    shadow = &*shadow.backend,
                    error.kind = error.kind.as_str(),
                    "a read could not be compared"
                );
                Verdict::Failed
            }
            Err(_) => Verdict::Failed,
        };
        if let Verdict::Different(difference) = &verdict
            && let Err(error) = self.shadows.log.note(difference).await
        {
            tracing::warn!(conversation.id = %self.at.id, %error, "a difference could not be noted");
        }
        count(home, &shadow.backend, verdict.as_str());
    }

    /// The first rule that fits the conversation, where it compares this read.
    async fn rule(&self) -> Option<(&Rule, &ShadowRead)> {
        let found = self.shadows.directory.find(self.at.id).await;
        let document = match found {
            Ok(entry) => entry?.document,
            Err(error) => {
                tracing::warn!(conversation.id = %self.at.id, %error, "the directory could not be read");
                return None;
            }
        };
        let mut rules = self.shadows.rules.iter();
        let rule = rules.find(|rule| rule.when.fits(&self.cx, (&document).into()))?;
        let shadow = rule.shadow.as_ref()?;
        let is_compared = self.draw < shadow.sample && *shadow.backend != *self.home.name();
        is_compared.then_some((rule, shadow))
    }

    async fn compare(
        &self,
        rule: &Rule,
        shadow: &ShadowRead,
        mut seen: Portrait,
        again: &Again,
    ) -> Result<Verdict> {
        let places = self.shadows.ledger.places(self.at.id).await?;
        let place = places
            .into_iter()
            .find(|place| place.backend == shadow.backend);
        let (Some(place), Some(slot)) = (place, self.shadows.slots.get(&shadow.backend)) else {
            return Ok(Verdict::Absent);
        };
        let mut freshness = Freshness::Cached;
        for _ in 0..LOOKS_MAX {
            let other = self.read(slot, &place, again, freshness).await;
            let fields = match other {
                Ok(other) => difference(&seen, &other),
                Err(error) if error.kind == Kind::NotFound => vec![unreadable(again.message())],
                Err(error) => return Err(error),
            };
            if fields.is_empty() {
                return Ok(Verdict::Same);
            }
            if freshness == Freshness::Fresh {
                // Its home held still from before the second one was read until now.
                let now = self.read(&self.home, &self.at, again, freshness).await?;
                if now == seen {
                    let difference = ShadowDifference {
                        id: Uuid::now_v7(),
                        at: Time::now(),
                        conversation: self.at.id,
                        primary: self.home.name().into(),
                        shadow: shadow.backend.clone(),
                        rule: rule.name.clone(),
                        operation: again.operation().into(),
                        fields,
                    };
                    return Ok(Verdict::Different(Box::new(difference)));
                }
            }
            freshness = Freshness::Fresh;
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
            seen = self.read(&self.home, &self.at, again, freshness).await?;
        }
        Ok(Verdict::Changing)
    }

    async fn read(
        &self,
        slot: &Slot,
        at: &Location,
        again: &Again,
        freshness: Freshness,
    ) -> Result<Portrait> {
        let cx = Context {
            freshness,
            ..own_context(&self.cx.principal, &self.cx.request_id)
        };
        let backend = &slot.backend;
        let seen = match again {
            Again::Conversation => {
                Seen::Conversation(Box::new(backend.get_conversation(&cx, at).await?))
            }
            Again::Messages(page) => {
                let page = backend.list_messages(&cx, at, page).await?;
                Seen::Messages(page.items, page.next.is_some())
            }
            Again::Message(id) => Seen::Message(Box::new(backend.get_message(&cx, at, id).await?)),
        };
        if cx.trace.stale().is_some() {
            return Err(Error::new(
                Kind::Unavailable,
                "the backend is down, and what was kept of it says nothing",
            ));
        }
        Ok(Portrait::of(&seen))
    }
}

impl Again {
    fn operation(&self) -> &'static str {
        match self {
            Self::Conversation => "get_conversation",
            Self::Messages(_) => "list_messages",
            Self::Message(_) => "get_message",
        }
    }

    fn message(&self) -> Option<&MessageId> {
        match self {
            Self::Message(id) => Some(id),
            Self::Conversation | Self::Messages(_) => None,
        }
    }
}

impl Verdict {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Different(_) => "different",
            Self::Absent => "absent",
            Self::Failed => "failed",
            Self::Changing => "changing",
        }
    }
}

/// A context of the comparison's own: what it learns on its way is nobody's answer.
fn own_context(principal: &Arc<Principal>, request_id: &Arc<str>) -> Context {
    Context::new(Arc::clone(principal), Arc::clone(request_id), READ_BUDGET)
}

/// A number of at least 0 and below 1, drawn by an id.
fn drawn(id: Uuid) -> f64 {
    let steps = u32::MAX;
    let step = u32::try_from(scaled(id, u64::from(steps))).unwrap_or_default();
    f64::from(step) / f64::from(steps)
}

fn count(home: &str, shadow: &str, result: &'static str) {
    let labels = [
        ("backend", home.to_owned()),
        ("shadow", shadow.to_owned()),
        ("result", result.to_owned()),
    ];
    counter!("dragoman_shadow_reads_total", &labels).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even() {
        let below = (0..10_000_u128)
            .filter(|number| drawn(Uuid::from_u128(*number)) < 0.1)
            .count();
        assert!((850..=1_150).contains(&below), "{below}");
        assert!((0..10_000_u128).all(|number| drawn(Uuid::from_u128(number)) < 1.0));
    }
}
