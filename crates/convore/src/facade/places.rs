//! What ids lead to.
//!
//! The vendor asks for messages and files by their id alone; backends need the conversation too. It is noted before an id
//! is shown, for ever.

use std::sync::Arc;
use std::time::Duration;

use backend::{
    Backend, Context, ConversationFilter, ConversationQuery, Kind, Location, Order, PageRequest,
    SortKey,
};
use conversation::{AttachmentId, Conversation, ConversationId, Message, MessageId, Time};
use moka::sync::Cache;

use super::answer::Problem;
use super::ids::{CONVERSATIONS, MESSAGES, file_of, spelled_file, spelled_message};
use super::{App, show};

/// The name under which the conversations of messages are noted.
const OF_MESSAGES: &str = "convore.messages";
/// The name under which the conversations of files are noted.
const OF_FILES: &str = "convore.files";
/// The longest id that is looked for.
const ID_MAX_BYTES: usize = 128;
/// Conversations that are looked into for a message that was never shown here.
const SEARCHED_MAX: usize = 50;
/// How far clocks may differ, in microseconds.
const SKEW_MICROS: i64 = 300 * 1_000_000;
/// Ids that are remembered as noted, and conversations whose place is remembered.
const REMEMBERED_MAX: u64 = 100_000;

/// Where a conversation is, in the vendor's words. Never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Its id as it is spelled.
    pub(super) id: String,
    /// Its channel.
    pub(super) channel_id: String,
}

/// What is remembered of ids.
pub(super) struct Places {
    noted: Cache<Box<str>, ()>,
    conversations: Cache<(Box<str>, ConversationId), Arc<Place>>,
    messages: Cache<(ConversationId, MessageId), Box<str>>,
}

impl Places {
    pub(super) fn new() -> Self {
        Self {
            noted: Cache::new(REMEMBERED_MAX),
            conversations: Cache::builder()
                .max_capacity(REMEMBERED_MAX)
                .time_to_live(Duration::from_secs(600))
                .build(),
            messages: Cache::new(REMEMBERED_MAX),
        }
    }

    /// Notes where a conversation is that is shown.
    pub(super) fn remember(&self, tenant: &str, id: ConversationId, place: Place) {
        let key = (tenant.into(), id);
        self.conversations.insert(key, Arc::new(place));
    }
}

/// The conversation whose id is spelled like this. Whether the caller may know of it is for the backend to say.
pub(super) async fn conversation(app: &App, spelled: &str) -> Result<Location, Problem> {
    let found = CONVERSATIONS.read(&app.parts, spelled).await?;
    found
        .map(Location::unresolved)
        .ok_or_else(|| Problem::not_found("conversation not found"))
}

/// Where a conversation is that a request names: it is read, so that nobody learns of what is not theirs.
pub(super) async fn place_of_named(
    app: &App,
    cx: &Context,
    at: &Location,
) -> Result<Arc<Place>, Problem> {
    let found = app.parts.backend.get_conversation(cx, at).await?;
    let spelled = CONVERSATIONS.spelled_one(&app.parts, &found).await?;
    Ok(place_of(app, &cx.principal.tenant, &found, spelled))
}

/// Where a conversation is, in the vendor's words. The caller may know of it: it has been read.
pub(super) async fn place(
    app: &App,
    cx: &Context,
    id: ConversationId,
) -> Result<Arc<Place>, Problem> {
    if let Some(known) = app
        .places
        .conversations
        .get(&(cx.principal.tenant.clone(), id))
    {
        return Ok(known);
    }
    place_of_named(app, cx, &Location::unresolved(id)).await
}

/// The same where the conversation is known.
pub(super) fn place_of(
    app: &App,
    tenant: &str,
    conversation: &Conversation,
    spelled: String,
) -> Arc<Place> {
    let place = Place {
        id: spelled,
        channel_id: show::channel_of(conversation, tenant),
    };
    app.places.remember(tenant, conversation.id, place.clone());
    Arc::new(place)
}

/// Notes the conversation of messages and their files, before they are shown.
pub(super) async fn note(
    app: &App,
    at: ConversationId,
    messages: &[Message],
) -> Result<(), Problem> {
    app.0.messages.remember(&MESSAGES, at, messages);
    let mut new_messages = Vec::new();
    let mut new_files = Vec::new();
    for message in messages {
        let spelled: Box<str> = spelled_message(message).into();
        let key = (at, message.id.clone());
        app.places.messages.insert(key, spelled.clone());
        new_messages.push((spelled, at));
        let files = message.parts.iter().filter_map(file_of);
        new_files.extend(files.map(|id| (Box::<str>::from(spelled_file(id)), at)));
    }
    for (name, mut new) in [(OF_MESSAGES, new_messages), (OF_FILES, new_files)] {
        let is_new =
            |(spelled, _): &(Box<str>, ConversationId)| !app.places.noted.contains_key(&**spelled);
        new.retain(is_new);
        if new.is_empty() {
            continue;
        }
        app.parts.state.spell(name, &new).await?;
        for (spelled, _) in new {
            app.places.noted.insert(spelled, ());
        }
    }
    Ok(())
}

/// Notes the conversation of a file that has just been stored.
pub(super) async fn note_file(
    app: &App,
    at: ConversationId,
    id: &AttachmentId,
) -> Result<(), Problem> {
    let noted = [(spelled_file(id).into(), at)];
    Ok(app.parts.state.spell(OF_FILES, &noted).await?)
}

/// The conversation of a file.
pub(super) async fn home_of_file(app: &App, spelled: &str) -> Result<Location, Problem> {
    let found = match spelled.len() {
        1..=ID_MAX_BYTES => app.parts.state.spelled(OF_FILES, spelled).await?,
        _ => None,
    };
    found
        .map(Location::unresolved)
        .ok_or_else(|| Problem::not_found("attachment not found"))
}

/// The message whose id is spelled like this, and its conversation. Messages that the vendor cannot have are not found.
pub(super) async fn message(
    app: &App,
    cx: &Context,
    spelled: &str,
) -> Result<(Location, Message), Problem> {
    let not_found = || Problem::not_found("message not found");
    if spelled.is_empty() || spelled.len() > ID_MAX_BYTES {
        return Err(not_found());
    }
    let noted = app.parts.state.spelled(OF_MESSAGES, spelled).await?;
    let found = match noted {
        Some(id) => {
            let at = Location::unresolved(id);
            let found = app.0.messages.find(cx, &at, &MESSAGES, spelled).await;
            match found {
                Ok(message) => Some((at, message)),
                // Another conversation may have one of this id, which was shown later.
                Err(error) if error.kind == Kind::NotFound => searched(app, cx, spelled).await?,
                Err(error) => return Err(error.into()),
            }
        }
        None => searched(app, cx, spelled).await?,
    };
    found
        .filter(|(_, message)| show::is_visible(message))
        .ok_or_else(not_found)
}

/// The same for a message that was never shown here. That there is none is remembered for a while: whoever asks for it
/// again and again does not cost a search each time.
async fn searched(
    app: &App,
    cx: &Context,
    spelled: &str,
) -> Result<Option<(Location, Message)>, Problem> {
    let user = cx.principal.user.as_deref().unwrap_or_default();
    let known = format!("missing/{}/{user}/{spelled}", cx.principal.tenant);
    if app.memory.get(&known).is_some() {
        return Ok(None);
    }
    let found = search(app, cx, spelled).await?;
    if found.is_none() {
        app.memory.put(&known, "");
    }
    Ok(found)
}

/// A message that was never shown here, such as one whose id is known from the vendor itself: looked for in what was
/// said to around its time.
async fn search(
    app: &App,
    cx: &Context,
    spelled: &str,
) -> Result<Option<(Location, Message)>, Problem> {
    let (Some(millis), Ok(id)) = ((MESSAGES.time_ms)(spelled), spelled.parse::<MessageId>()) else {
        return Ok(None);
    };
    let earliest = Time::from_micros(millis.saturating_mul(1_000).saturating_sub(SKEW_MICROS));
    let query = ConversationQuery {
        filter: ConversationFilter {
            updated_after: earliest.ok(),
            ..ConversationFilter::default()
        },
        sort: SortKey::UpdatedAt,
        page: PageRequest {
            limit: SEARCHED_MAX,
            order: Order::Asc,
            position: None,
        },
    };
    let backend: &Arc<dyn Backend> = &app.parts.backend;
    let around = backend.list_conversations(cx, &query).await?;
    for located in around.page.items {
        let at = Location::unresolved(located.location.id);
        match backend.get_message(cx, &at, &id).await {
            Ok(found) => {
                note(app, at.id, std::slice::from_ref(&found)).await?;
                return Ok(Some((at, found)));
            }
            Err(error) if error.kind == Kind::NotFound => {}
            // What one backend cannot say does not hide what another holds.
            Err(error) => tracing::debug!(%error, "a conversation could not be looked into"),
        }
    }
    Ok(None)
}

/// How the message that another one follows is spelled; nothing where it is not there any more.
pub(super) async fn followed(
    app: &App,
    cx: &Context,
    at: ConversationId,
    id: &MessageId,
) -> Result<Option<String>, Problem> {
    if id.as_str().starts_with("msg_") {
        return Ok(Some(id.to_string()));
    }
    let key = (at, id.clone());
    if let Some(known) = app.places.messages.get(&key) {
        return Ok(Some(known.into()));
    }
    let backend = &app.parts.backend;
    match backend.get_message(cx, &Location::unresolved(at), id).await {
        Ok(message) => {
            note(app, at, std::slice::from_ref(&message)).await?;
            Ok(Some(spelled_message(&message)))
        }
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        // What is shown may have been sent just now: that is not to fail for this.
        Err(error) => {
            tracing::warn!(%error, "an answered message could not be read");
            Ok(None)
        }
    }
}
