//! Erasing one person: at every vendor, and in everything that is kept here.
//!
//! Each conversation's part of the receipt is noted as soon as it is known, under a hash of the person. So a crash begins
//! nothing anew, and the same call again tries only what is left.

mod owned;
mod receipt;
mod shared;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backend::ports::{Erased, Held, RosterEntry, conversation_lease, copy_lease};
use backend::{Context, Error, Kind, Location, Outcome, Principal, Result, Scope};
use backon::{ExponentialBuilder, Retryable as _};
use conversation::{ConversationId, Digest, Participant, Time};
use futures_util::future::BoxFuture;
use serde_json::Value;

pub use self::receipt::{ConversationReceipt, Holding, PlaceOutcome, PlaceReceipt, Receipt};
use crate::archive;
use crate::end::End;
use crate::pace::Paces;
use crate::parts::Parts;
use crate::service::Migrations;

/// How often a delete is tried again, after half a second and then doubled: deleting twice deletes once.
const RETRIES: usize = 3;
const RETRY_FIRST: Duration = Duration::from_millis(500);
/// How long a second call waits for the one that runs.
const PATIENCE: Duration = Duration::from_millis(50);
/// Under which name the parts of a receipt are noted: `conversation/<id>`, and what concerns no conversation.
const CONVERSATION: &str = "conversation/";
const PERSON: &str = "person";

impl Migrations {
    /// Erases a person: the conversations that they own with every copy, what they said in others' conversations of their
    /// tenant, and what is kept here of them. A vendor that fails is named, and the rest is done.
    ///
    /// `None` where an erasure of the same person runs already.
    ///
    /// # Errors
    /// Where our own state does not work. The same call again goes on.
    pub async fn erase(&self, person: &RosterEntry) -> Result<Option<Receipt>> {
        let parts = self.parts();
        let name = format!("erase/{}", hash_of(person));
        let held = match Held::take(&parts.leases, &name, PATIENCE).await {
            Ok(held) => held,
            Err(error) if error.kind == Kind::Busy => return Ok(None),
            Err(error) => return Err(error),
        };
        let erasing = self.erasing(person);
        let done = erasing.all().await;
        held.release().await;
        done?;
        erasing.receipt().await.map(Some)
    }

    /// What was noted until now of an erasure that is at work: it is not complete, whatever an earlier one has done.
    ///
    /// # Errors
    /// Those of the state.
    pub async fn being_erased(&self, person: &RosterEntry) -> Result<Receipt> {
        Ok(Receipt {
            at: None,
            is_complete: false,
            ..self.erasing(person).receipt().await?
        })
    }

    fn erasing(&self, person: &RosterEntry) -> Erasing {
        Erasing {
            parts: Arc::clone(self.parts()),
            paces: Arc::clone(self.paces()),
            person: person.clone(),
        }
    }
}

/// What is noted of a person's erasure apart from conversations.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct PersonNote {
    at: Time,
    erased: Erased,
    /// Conversations that were tried, and are not at their end.
    left: u64,
}

fn hash_of(person: &RosterEntry) -> Digest {
    Digest::of(format!("{}\0{}", person.tenant, person.user).as_bytes())
}

fn read<T: serde::de::DeserializeOwned>(note: Value) -> Result<T> {
    serde_json::from_value(note).map_err(|error| {
        Error::new(Kind::Internal, "a note of an erasure cannot be read").source(error)
    })
}

/// An erasure at work.
struct Erasing {
    parts: Arc<Parts>,
    paces: Arc<Paces>,
    person: RosterEntry,
}

impl Erasing {
    async fn all(&self) -> Result<()> {
        let erasure = &self.parts.erasure;
        let mut before = BTreeMap::new();
        let mut rest = None;
        for (what, note) in erasure.notes(&self.person).await? {
            if what.starts_with(CONVERSATION) {
                let receipt: ConversationReceipt = read(note)?;
                before.insert(receipt.id, receipt);
            } else if &*what == PERSON {
                rest = Some(read::<PersonNote>(note)?);
            }
        }
        let mut todo: BTreeMap<ConversationId, bool> = erasure
            .conversations_of(&self.person)
            .await?
            .into_iter()
            .collect();
        // What an earlier call left is no longer listed where its owner is erased already.
        for receipt in before.values().filter(|receipt| !receipt.is_done) {
            todo.entry(receipt.id).or_insert(receipt.owned);
        }
        let mut left = 0;
        for (id, is_owned) in todo {
            let earlier = before.remove(&id);
            if earlier
                .as_ref()
                .is_some_and(|earlier| earlier.is_done && earlier.owned)
            {
                continue;
            }
            let mut receipt = earlier.unwrap_or_else(|| ConversationReceipt::begin(id, is_owned));
            match is_owned {
                true => self.owned(&mut receipt).await?,
                false => self.shared(&mut receipt).await?,
            }
            left += u64::from(!receipt.is_done);
            self.note_conversation(&receipt).await?;
        }
        let mut erased = erasure.erase_person(&self.person).await?;
        erasure.scrub().await?;
        if let Some(rest) = rest {
            erased.add(&rest.erased);
        }
        let note = PersonNote {
            at: Time::now(),
            erased,
            left,
        };
        self.note(PERSON, &note).await
    }

    /// What was noted until now.
    async fn receipt(&self) -> Result<Receipt> {
        let mut conversations = Vec::new();
        let mut rest = None;
        for (what, note) in self.parts.erasure.notes(&self.person).await? {
            if what.starts_with(CONVERSATION) {
                conversations.push(read::<ConversationReceipt>(note)?);
            } else if &*what == PERSON {
                rest = Some(read::<PersonNote>(note)?);
            }
        }
        Ok(Receipt::of(&self.person, conversations, rest))
    }

    async fn note_conversation(&self, receipt: &ConversationReceipt) -> Result<()> {
        self.note(&format!("{CONVERSATION}{}", receipt.id), receipt)
            .await
    }

    async fn note(&self, what: &str, note: &impl serde::Serialize) -> Result<()> {
        let note = serde_json::to_value(note).map_err(|error| {
            Error::new(Kind::Internal, "a note of an erasure cannot be written").source(error)
        })?;
        self.parts.erasure.note(&self.person, what, &note).await
    }

    /// The leases of everybody who writes to a conversation or to a copy of it, in the order in which a switch takes them.
    async fn alone(&self, id: ConversationId) -> Result<[Held; 2]> {
        let patience = self.parts.settings.switch_patience;
        let leases = &self.parts.leases;
        let writers = Held::take(leases, &conversation_lease(id), patience).await?;
        let copies = Held::take(leases, &copy_lease(id), patience).await?;
        Ok([writers, copies])
    }

    /// A place, asked as the person, or as nobody in particular where the conversation is another one's.
    fn end_at(&self, at: &Location, user: Option<&str>) -> Result<End> {
        let principal = Principal {
            tenant: self.person.tenant.clone(),
            key: "erasure".into(),
            user: user.map(Into::into),
            scopes: Scope::ALL.to_vec(),
        };
        archive::end_of(&self.parts, &self.paces, at, Arc::new(principal))
    }

    /// Every place of a conversation: where it lives, lived, or is copied to.
    async fn places(&self, id: ConversationId) -> Result<Vec<Location>> {
        let mut places = self.parts.ledger.places(id).await?;
        if let Some(binding) = self.parts.directory.locate(id).await? {
            let home = binding.location;
            let is_home =
                |at: &Location| (&at.backend, &at.native) == (&home.backend, &home.native);
            if !places.iter().any(is_home) {
                places.push(home);
            }
        }
        Ok(places)
    }

    fn is_theirs(&self, participant: &Participant) -> bool {
        let user = &*self.person.user;
        participant.id.as_deref() == Some(user)
            || participant
                .handles
                .iter()
                .any(|handle| &*handle.value == user)
    }
}

/// Deletes something at a backend, and again where that may help. What is not there is deleted.
async fn delete<'a>(
    end: &'a End,
    held: &[Held],
    call: impl Fn(Context) -> BoxFuture<'a, Result<()>> + Send + Sync,
) -> Result<Deleted> {
    let fence = held.first().map(Held::fence);
    let attempt = || async {
        end.wait(1).await?;
        for lease in held {
            lease.outlast_a_heartbeat().await?;
        }
        let timeout = end.settings().write_timeout;
        let cx = Context {
            // An earlier home takes writes of copies only.
            copying: true,
            fence,
            ..end.context(timeout)
        };
        let trace = Arc::clone(&cx.trace);
        let answer = end.in_time(timeout, call(cx)).await;
        end.heard(answer).map(|()| trace.fates())
    };
    let deleted = attempt
        .retry(
            ExponentialBuilder::default()
                .with_min_delay(RETRY_FIRST)
                .with_max_times(RETRIES)
                .with_jitter(),
        )
        .sleep(tokio::time::sleep)
        // Deleting once more deletes nothing else, whatever became of the first time.
        .when(|error| error.is_temporary() || error.outcome == Outcome::Unknown)
        .adjust(|error, wait| wait.map(|wait| error.retry_after.map_or(wait, |asked| asked.max(wait))))
        .await;
    match deleted {
        Ok(fates) => {
            let held = fates
                .into_iter()
                .find(|(_, fate)| fate.detail.starts_with("hidden"));
            Ok(match held {
                Some((_, fate)) => Deleted::Hidden(fate.detail.into()),
                None => Deleted::Gone,
            })
        }
        Err(error) if error.kind == Kind::NotFound => Ok(Deleted::Absent),
        Err(error) => Err(error),
    }
}

/// How a delete ended.
enum Deleted {
    Gone,
    /// It was not there.
    Absent,
    /// Nobody sees it any more, and the vendor holds it all the same.
    Hidden(Box<str>),
}
