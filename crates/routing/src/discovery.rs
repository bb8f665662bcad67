//! Looking through a backend for conversations that the directory does not know.
//!
//! A backend that enumerates what its own credential reaches is looked through for everybody. One that enumerates
//! what an end user's credential reaches is looked through for whoever lists, and what it shows is theirs.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use backend::ports::{CredentialName, Directory, Intents, NewDirectoryEntry};
use backend::{
    Context, ConversationQuery, Enumerates, Error, Kind, Located, Location, Origin, Position,
    Principal, Result,
};
use conversation::{Conversation, Time};
use futures_util::future::{BoxFuture, FutureExt, join_all};

use crate::claims::{CLOCK_SKEW_MICROS, Claims};
use crate::looks::{Begun, Looking};
use crate::slot::{Discovery, Slot};

/// How long one look through a backend may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(600);
/// How many conversations are asked for at a time.
const LOOK_PAGE: usize = 200;

/// For whom a backend is looked through.
#[derive(Debug, Clone)]
enum Whom {
    /// For everybody, with the backend's own credential.
    Everybody,
    /// For one caller, with the credential of that reference.
    Caller(Arc<Principal>, Box<str>),
}

impl Whom {
    fn of(slot: &Slot, principal: &Arc<Principal>) -> Self {
        match credential_of(slot, principal) {
            None => Self::Everybody,
            Some(reference) => Self::Caller(principal.clone(), reference),
        }
    }

    fn credential(&self) -> Option<&str> {
        match self {
            Self::Everybody => None,
            Self::Caller(_, reference) => Some(reference),
        }
    }

    /// As whom the backend is asked.
    fn principal(&self, slot: &Slot) -> Arc<Principal> {
        match self {
            Self::Everybody => Arc::new(Principal {
                tenant: slot.default_tenant.clone().unwrap_or_default(),
                key: "discovery".into(),
                user: None,
                scopes: Vec::new(),
            }),
            Self::Caller(principal, _) => principal.clone(),
        }
    }

    /// To which tenant and end user a conversation belongs that was found: to whom its credential belongs.
    fn owner(&self, slot: &Slot, location: &Location) -> (Option<Box<str>>, Option<Box<str>>) {
        match self {
            Self::Caller(principal, _) => (Some(principal.tenant.clone()), principal.user.clone()),
            Self::Everybody => match location.credential.as_deref().and_then(user_of) {
                Some((tenant, user)) => (Some(tenant.into()), Some(user.into())),
                None => (slot.default_tenant.clone(), None),
            },
        }
    }
}

/// The reference of the credential with which a backend is looked through for a caller; `None` where it is looked
/// through for everybody.
pub(crate) fn credential_of(slot: &Slot, principal: &Principal) -> Option<Box<str>> {
    match slot.backend.capabilities().enumerates {
        Enumerates::Account => None,
        Enumerates::User => {
            let name =
                CredentialName::of_user(slot.name(), &principal.tenant, &principal.user_or_key());
            Some(name.reference)
        }
    }
}

/// Tenant and end user out of `user:<tenant>/<user>`.
fn user_of(reference: &str) -> Option<(&str, &str)> {
    reference.strip_prefix("user:")?.split_once('/')
}

/// Looks through every backend whose last look is older than `interval`; waits, at most `budget`, only for those
/// that never were looked through.
pub(crate) async fn refresh(
    slots: impl Iterator<Item = &Arc<Slot>>,
    directory: &Arc<dyn Directory>,
    intents: &Arc<dyn Intents>,
    principal: &Arc<Principal>,
    interval: Duration,
    budget: Duration,
) {
    let mut first_looks: Vec<BoxFuture<'static, ()>> = Vec::new();
    for slot in slots {
        if slot.discovery == Discovery::Off {
            continue;
        }
        let whom = Whom::of(slot, principal);
        let last = match directory
            .discovered_at(slot.name(), whom.credential())
            .await
        {
            Ok(last) => last,
            Err(error) => {
                tracing::warn!(backend.name = slot.name(), %error, "the time of the last discovery could not be read");
                continue;
            }
        };
        let interval_micros = i64::try_from(interval.as_micros()).unwrap_or(i64::MAX);
        let is_new =
            last.is_some_and(|last| last.saturating_add_micros(interval_micros) > Time::now());
        let credential = whom.credential().unwrap_or_default();
        if is_new || slot.looks().has_just_failed(credential) {
            continue;
        }
        let ends = match Looking::begin(slot, credential) {
            Begun::Ours(looking) => {
                let look = look_once(
                    looking,
                    slot.clone(),
                    directory.clone(),
                    intents.clone(),
                    whom,
                    last,
                );
                tokio::spawn(look).map(drop).boxed()
            }
            Begun::Theirs(ended) => ended.wait().boxed(),
        };
        if last.is_none() {
            first_looks.push(ends);
        }
    }
    // Past the budget the looks go on in the background; the list shows what is known by then.
    let _ = tokio::time::timeout(budget, join_all(first_looks)).await;
}

/// Looks through a backend at once, whenever the last look was; a look under way may have begun too early.
///
/// # Errors
/// Where the look did not come to its end.
pub(crate) async fn look_now(
    slot: &Arc<Slot>,
    directory: &Arc<dyn Directory>,
    intents: &Arc<dyn Intents>,
    principal: &Arc<Principal>,
) -> Result<()> {
    if slot.discovery == Discovery::Off {
        // Whatever is there was made through us.
        return Ok(());
    }
    let whom = Whom::of(slot, principal);
    let credential = whom.credential().unwrap_or_default();
    let _looking = loop {
        match Looking::begin(slot, credential) {
            Begun::Ours(looking) => break looking,
            Begun::Theirs(ended) => ended.wait().await,
        }
    };
    let _place = slot.looks().place().await;
    look(slot, directory, intents, &whom).await
}

/// One look, unless another one has ended since `last`.
async fn look_once(
    _looking: Looking,
    slot: Arc<Slot>,
    directory: Arc<dyn Directory>,
    intents: Arc<dyn Intents>,
    whom: Whom,
    last: Option<Time>,
) {
    let _place = slot.looks().place().await;
    let looked = async {
        if directory
            .discovered_at(slot.name(), whom.credential())
            .await?
            != last
        {
            return Ok(());
        }
        look(&slot, &directory, &intents, &whom).await
    };
    if let Err(error) = looked.await {
        slot.looks()
            .note_failure(whom.credential().unwrap_or_default());
        tracing::warn!(backend.name = slot.name(), error.kind = error.kind.as_str(), %error, "discovery did not finish");
    }
}

async fn look(
    slot: &Slot,
    directory: &Arc<dyn Directory>,
    intents: &Arc<dyn Intents>,
    whom: &Whom,
) -> Result<()> {
    let cx = Context::new(whom.principal(slot), "discovery", LOOK_TIMEOUT);
    let started = Time::now();
    let mut query = ConversationQuery::all(LOOK_PAGE);
    let mut seen = HashSet::new();
    let mut adopted = 0_u64;
    loop {
        let page = slot.backend.list_conversations(&cx, &query).await?.page;
        // Only now: whatever made something on this page had begun before. A create under way that is not seen here has
        // ended, and what became of it is in its note or in the directory by then.
        let oldest_create = slot.oldest_create();
        let claims = Claims::at(intents, slot.name()).await?;
        let creates = Creates {
            oldest_create,
            claims,
            look_began: started,
        };
        for located in page.items {
            if adopt(slot, directory, &creates, whom, located).await? {
                adopted += 1;
            }
        }
        let Some(next) = page.next else {
            break;
        };
        if !seen.insert(next.clone()) {
            // Going on would never end; stopping would look like the end of the list.
            return Err(
                Error::new(Kind::InvalidResponse, "the backend repeats a cursor")
                    .origin(Origin::Upstream),
            );
        }
        query.page.position = Some(Position::After(next));
    }
    directory
        .set_discovered_at(slot.name(), whom.credential(), started)
        .await?;
    tracing::info!(backend.name = slot.name(), adopted, "discovery finished");
    Ok(())
}

/// Creates that could have made what a page shows, of which nobody knows whose it is.
struct Creates {
    /// When the oldest create under way began.
    oldest_create: Option<Time>,
    claims: Claims,
    look_began: Time,
}

impl Creates {
    /// Whether it belongs to one of them. What was made since the look began can wait for the next one.
    fn could_have_made(&self, conversation: &Conversation) -> bool {
        let is_recent = self.oldest_create.is_some_and(|began| {
            conversation.created_at >= began.saturating_add_micros(-CLOCK_SKEW_MICROS)
        });
        is_recent
            || conversation.created_at > self.look_began
            || self.claims.could_have_made(conversation)
    }
}

/// Makes a conversation known, or refreshes one that is; true where it is new.
async fn adopt(
    slot: &Slot,
    directory: &Arc<dyn Directory>,
    creates: &Creates,
    whom: &Whom,
    located: Located,
) -> Result<bool> {
    let Located {
        location,
        conversation,
    } = located;
    if let Some(entry) = directory
        .find_native(&location.backend, &location.native)
        .await?
    {
        // An earlier home of one that was switched, or a copy of it, says nothing of the conversation.
        let lives_here =
            entry.location.backend == location.backend && entry.location.native == location.native;
        if entry.deleted || !lives_here {
            return Ok(false);
        }
        let id = entry.location.id;
        if id == conversation.id {
            // Also where nothing changed: it may have been taken for gone.
            directory.refresh_listed(id, &conversation).await?;
        } else {
            // It was made elsewhere, and is listed here under another id, without what is kept of it: it is not gone.
            directory.refresh(id, &entry.document).await?;
        }
        return Ok(false);
    }
    if creates.could_have_made(&conversation) {
        return Ok(false);
    }
    let (tenant, owner) = whom.owner(slot, &location);
    directory
        .insert(NewDirectoryEntry {
            location,
            tenant,
            owner,
            document: conversation,
        })
        .await
}
