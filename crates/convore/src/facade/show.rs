//! Conversations and messages as the vendor's client can read them.
//!
//! Its lists of words are closed, and one word that it does not know spoils a whole page: whatever other backends have
//! beyond them is shown as the nearest word there is.

use adapterkit::{Extra, Member, Unmappable};
use backend::{Context, Error, Kind};
use conversation::{
    Conversation, ConversationId, Direction, Message, MessageStatus, RawJson, Role, Status,
};

use super::answer::Problem;
use super::places;
use super::{App, channels, ids, naming, people, rows};
use crate::mapping::{EXTENSION, conversation_from_canonical};
use crate::wire::{
    self, ContactHandle, ContactHandleType, ConversationPriority, ConversationStatus,
    MessageFormat, MessageParticipant, MessageParticipantRole, spelled_time,
};

/// Whether the vendor can have such a message: said by a customer or to one. Instructions, results of tools and what was
/// withdrawn are not shown.
pub(super) fn is_visible(message: &Message) -> bool {
    matches!(message.direction, Direction::Inbound | Direction::Outbound)
        && !matches!(message.role, Role::System | Role::Tool)
        && message.status != MessageStatus::Deleted
}

/// A member that this facade keeps with a conversation or message.
pub(super) fn kept(extensions: &conversation::Extensions, name: &str) -> Option<RawJson> {
    extensions.get(EXTENSION)?.get(name).cloned()
}

fn kept_text(extensions: &conversation::Extensions, name: &str) -> Option<String> {
    kept(extensions, name)?.to().ok()
}

/// The channel of a conversation: the one that it was made in, else the tenant's first.
pub(super) fn channel_of(conversation: &Conversation, tenant: &str) -> String {
    kept_text(&conversation.extensions, "channel_id")
        .filter(|id| !id.is_empty())
        .unwrap_or_else(|| channels::first_id(tenant))
}

/// The nearest word for where a conversation stands.
pub(super) fn status_of(conversation: &Conversation) -> ConversationStatus {
    match &conversation.status {
        Status::Open | Status::Other(_) => ConversationStatus::Open,
        Status::Closed | Status::Archived => ConversationStatus::Done,
        Status::Spam => ConversationStatus::Spam,
        Status::Trashed => ConversationStatus::Trash,
    }
}

/// Whether somebody has to read it; nothing where nobody knows.
fn is_unread(conversation: &Conversation) -> Option<bool> {
    let noted = kept(&conversation.extensions, "is_unread").and_then(|noted| noted.to().ok());
    let counted = conversation.unread.map(|count| count > 0);
    match (noted, counted) {
        (Some(true), _) => Some(true),
        (_, Some(counted)) => Some(counted),
        (noted, None) => noted,
    }
}

pub(super) fn unreadable(unmappable: Unmappable) -> Problem {
    let message = "what is kept of convore with this cannot be read";
    Error::new(Kind::Internal, message)
        .source(unmappable)
        .into()
}

/// One conversation.
pub(super) async fn conversation(
    app: &App,
    cx: &Context,
    conversation: &Conversation,
) -> Result<wire::Conversation, Problem> {
    let spelled = ids::CONVERSATIONS
        .spelled_one(&app.parts, conversation)
        .await?;
    row(app, cx, conversation, spelled).await
}

/// Several conversations, in their order.
pub(super) async fn conversations(
    app: &App,
    cx: &Context,
    conversations: &[&Conversation],
) -> Result<Vec<wire::Conversation>, Problem> {
    let spelled = ids::CONVERSATIONS
        .spelled(&app.parts, conversations)
        .await?;
    let mut rows = Vec::with_capacity(conversations.len());
    for (one, spelled) in conversations.iter().zip(spelled) {
        rows.push(row(app, cx, one, spelled).await?);
    }
    Ok(rows)
}

async fn row(
    app: &App,
    cx: &Context,
    conversation: &Conversation,
    spelled: String,
) -> Result<wire::Conversation, Problem> {
    let tenant = &cx.principal.tenant;
    let place = places::place_of(app, tenant, conversation, spelled);
    let spelled = |one| conversation_from_canonical(one, &place.id, &place.channel_id);
    let mut row = match spelled(conversation) {
        Ok(row) => row,
        // Anybody may put anything there through other APIs. It is not to spoil a page.
        Err(_) => {
            let mut without = conversation.clone();
            without.extensions.remove(EXTENSION);
            spelled(&without).map_err(unreadable)?
        }
    };
    row.channel_id.clone_from(&place.channel_id);
    row.status = status_of(conversation);
    if let ConversationPriority::Other(_) = row.priority {
        row.priority = ConversationPriority::NoPriority;
    }
    row.labels = naming::shown(app, tenant, &place.channel_id, row.labels).await?;
    row.participants.iter_mut().for_each(in_known_words);
    people::with_roles(&mut row.participants, conversation);
    row.is_unread = Member::from(is_unread(conversation));
    row.draft_count = Member::Value(0);
    row.created_at = spelled_time(conversation.created_at);
    let noted = row.last_message_date.value();
    let noted = noted.and_then(|text| text.parse().ok());
    let last = conversation.last_message_at.or(noted);
    row.last_message_date = Member::from(last.map(spelled_time));
    // Only what this facade and the vendor themselves keep here, never a stranger's member or null.
    row.extra = Extra::new();
    without_null(&mut row.subject);
    without_null(&mut row.snippet);
    without_null(&mut row.external_conversation_id);
    without_null(&mut row.message_count);
    without_null(&mut row.attachment_count);
    Ok(row)
}

/// The older client cannot read null.
pub(super) fn without_null<T>(member: &mut Member<T>) {
    if member.value().is_none() {
        *member = Member::Absent;
    }
}

pub(super) fn in_known_words(one: &mut MessageParticipant) {
    if let MessageParticipantRole::Other(_) = one.role {
        one.role = MessageParticipantRole::To;
    }
    if let ContactHandleType::Other(word) = &one.handle.kind {
        one.handle = ContactHandle {
            kind: ContactHandleType::ConvoreChat,
            value: format!("{word}:{}", one.handle.value),
            extra: Extra::new(),
        };
    }
    one.extra = Extra::new();
    one.handle.extra = Extra::new();
    without_null(&mut one.name);
}

/// One message in full. The caller has just read it.
pub(super) async fn message(
    app: &App,
    cx: &Context,
    message: &Message,
) -> Result<wire::Message, Problem> {
    let mut rows = messages(
        app,
        cx,
        message.conversation_id,
        std::slice::from_ref(message),
        &MessageFormat::Full,
    )
    .await?;
    rows.pop()
        .ok_or_else(|| Problem::not_found("message not found"))
}

/// Messages of one conversation that the vendor can have. The caller has just read them.
pub(super) async fn messages(
    app: &App,
    cx: &Context,
    at: ConversationId,
    messages: &[Message],
    format: &MessageFormat,
) -> Result<Vec<wire::Message>, Problem> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    places::note(app, at, messages).await?;
    let place = places::place(app, cx, at).await?;
    let mut rows = Vec::with_capacity(messages.len());
    for message in messages.iter().filter(|message| is_visible(message)) {
        let followed = match &message.in_reply_to {
            Some(reply) => places::followed(app, cx, at, &reply.id).await?,
            None => None,
        };
        let row = rows::message(message, &place, followed)?;
        rows.push(rows::in_format(row, format));
    }
    Ok(rows)
}
