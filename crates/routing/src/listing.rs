//! Lists of conversations: the directory decides which and in which order, the backends say what they look like now.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use backend::ports::{Directory, DirectoryEntry};
use backend::{
    Context, ConversationPage, ConversationQuery, Kind, Located, Location, Page, Result,
};
use conversation::{Conversation, ConversationId, Time};
use futures_util::stream::{self, StreamExt};

use crate::discovery::credential_of;
use crate::slot::{Discovery, Slot};

/// What a backend said of a conversation on the page.
enum Seen {
    Now(Box<Conversation>),
    Gone,
    NotReached,
}

/// The page that the directory gives, shown as the backends hold it now.
pub(crate) async fn list(
    slots: &BTreeMap<Box<str>, Arc<Slot>>,
    directory: &Arc<dyn Directory>,
    cx: &Context,
    query: &ConversationQuery,
    budget: Duration,
) -> Result<ConversationPage> {
    let as_of = oldest_look(slots, directory, cx, query).await?;
    let Page {
        items: entries,
        next,
        previous,
    } = directory.list(&cx.principal, query).await?;
    let mut seen = hydrate(slots, cx, &entries, budget).await;

    let mut items = Vec::with_capacity(entries.len());
    let mut stale = Vec::new();
    let mut news = Vec::new();
    for DirectoryEntry {
        location, document, ..
    } in entries
    {
        let conversation = match seen.remove(&location.id).unwrap_or(Seen::NotReached) {
            Seen::Now(conversation) => {
                if *conversation != document {
                    news.push((location.id, Some(conversation.clone())));
                }
                *conversation
            }
            Seen::Gone => {
                news.push((location.id, None));
                continue;
            }
            Seen::NotReached => {
                stale.push(location.id);
                document
            }
        };
        if query.filter.matches(&conversation) {
            items.push(Located {
                location,
                conversation,
            });
        }
    }
    if !news.is_empty() {
        tokio::spawn(write_back(directory.clone(), news));
    }
    Ok(ConversationPage {
        page: Page {
            items,
            next,
            previous,
        },
        as_of,
        stale,
    })
}

async fn write_back(
    directory: Arc<dyn Directory>,
    news: Vec<(ConversationId, Option<Box<Conversation>>)>,
) {
    for (id, document) in news {
        let written = match document {
            Some(document) => directory.refresh(id, &document).await,
            None => directory.mark_gone(id).await,
        };
        if let Err(error) = written {
            tracing::warn!(conversation.id = %id, %error, "the directory could not be refreshed");
        }
    }
}

/// Asks each backend once for all of its conversations on the page, all backends at the same time.
async fn hydrate(
    slots: &BTreeMap<Box<str>, Arc<Slot>>,
    cx: &Context,
    entries: &[DirectoryEntry],
    budget: Duration,
) -> HashMap<ConversationId, Seen> {
    let mut by_backend: BTreeMap<&str, Vec<Location>> = BTreeMap::new();
    for DirectoryEntry { location, .. } in entries {
        let at = by_backend.entry(&location.backend).or_default();
        at.push(location.clone());
    }
    let reads = by_backend.iter().filter_map(|(name, at)| {
        let slot = slots.get(*name)?;
        let read = slot.backend.get_conversations(cx, at);
        Some(read.map(|(place, result)| (at.get(place).map(|location| location.id), result)))
    });
    let mut reading = stream::select_all(reads);
    let mut seen = HashMap::with_capacity(entries.len());
    let until = tokio::time::Instant::now() + budget.min(cx.remaining());
    while let Ok(Some((id, result))) = tokio::time::timeout_at(until, reading.next()).await {
        let Some(id) = id else { continue };
        let found = match result {
            Ok(conversation) => Seen::Now(Box::new(conversation)),
            Err(error) if error.kind == Kind::NotFound => Seen::Gone,
            Err(error) => {
                tracing::debug!(conversation.id = %id, error.kind = error.kind.as_str(), "shown from the last copy");
                Seen::NotReached
            }
        };
        seen.insert(id, found);
    }
    seen
}

/// The start of the oldest last look through the backends that the query reaches; absent where one of them cannot be
/// looked through. A backend that only we write is always looked through, and says itself up to when.
async fn oldest_look(
    slots: &BTreeMap<Box<str>, Arc<Slot>>,
    directory: &Arc<dyn Directory>,
    cx: &Context,
    query: &ConversationQuery,
) -> Result<Option<Time>> {
    let mut oldest = None;
    for slot in slots.values() {
        let wanted = query.filter.backend.as_deref();
        if wanted.is_some_and(|backend| backend != slot.name()) {
            continue;
        }
        let looked = if slot.backend.capabilities().transactional {
            let one = ConversationQuery::all(1);
            slot.backend.list_conversations(cx, &one).await?.as_of
        } else if slot.discovery == Discovery::Off {
            None
        } else {
            match credential_of(slot, &cx.principal) {
                None => directory.discovered_at(slot.name(), None).await?,
                // Whoever sees the conversations of many users looks with the credential of one key only.
                Some(_) if cx.principal.user.is_none() => None,
                Some(credential) => {
                    directory
                        .discovered_at(slot.name(), Some(&credential))
                        .await?
                }
            }
        };
        let Some(looked) = looked else {
            return Ok(None);
        };
        oldest = Some(oldest.map_or(looked, |oldest: Time| oldest.min(looked)));
    }
    Ok(oldest)
}
