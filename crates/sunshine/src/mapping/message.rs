//! Messages, both ways, and the body of a post.

use adapterkit::Unmappable;
use conversation::{
    Activity, ActivityKind, ConversationId, Direction, Extensions, InReplyTo, JsonMap, Message,
    MessageId, MessageStatus, NewMessage, Part, Participant, ParticipantKind, RawJson, ReplyKind,
    Role, Side, Time, text_of,
};

use super::EXTENSION;
use super::content::{content_from_parts, parts_from_content};
use super::keep::{Keeper, again};
use super::own::{split, without_own};
use super::structured::raw_map;
use super::times::{spelled, time_or_id};
use crate::wire::{
    self, ActivityMessage, ActivityMessageType, Author, AuthorSubtype, AuthorType, Content,
    Destination, Extra, Member, MessagePost, Source, TextMessage,
};

/// The member under which the vendor's id of a message's user is kept.
const USER_ID: &str = "userId";
/// The type of a destination that is none: the message is stored, and not delivered.
const SILENT: &str = "none";

/// A message of the vendor in canonical form. `name_of` gives our id of a user by the vendor's.
///
/// # Errors
/// Where it has no id, or no time that can be read.
pub fn message_to_canonical(
    wire: &wire::Message,
    conversation_id: ConversationId,
    name_of: &dyn Fn(&str) -> Option<Box<str>>,
) -> Result<Message, Unmappable> {
    let mut message = core(wire, conversation_id, name_of)?;
    let user_id = wire
        .author
        .value()
        .and_then(|author| author.user_id.value())
        .map(String::as_str);
    let built = build(&message, user_id);
    let mut keeper = Keeper::new();
    if let Some(user_id) = user_id {
        keeper.value(USER_ID, user_id);
    }
    keeper.member("received", &wire.received, &built.received)?;
    keeper.member("author", &wire.author, &built.author)?;
    keeper.member("activity", &wire.activity, &built.activity)?;
    keeper.member("content", &wire.content, &built.content)?;
    keeper.member("source", &wire.source, &built.source)?;
    keeper.member("quotedMessage", &wire.quoted_message, &built.quoted_message)?;
    keeper.member("metadata", &without_own(&wire.metadata), &built.metadata)?;
    keeper.member("deleted", &wire.deleted, &built.deleted)?;
    keeper.member("references", &wire.references, &built.references)?;
    keeper.extra(&wire.extra)?;
    let kept = keeper.finish()?;
    if !kept.is_empty() {
        message.extensions.insert(EXTENSION.into(), kept);
    }
    Ok(message)
}

/// The vendor's object of a message: exactly the one it came from, where nothing was changed since.
///
/// `user_id` is the vendor's id of its user, for a message that never was there.
///
/// # Errors
/// Where kept members have lost their shape.
pub fn message_from_canonical(
    message: &Message,
    user_id: Option<&str>,
) -> Result<wire::Message, Unmappable> {
    let Some(kept) = message.extensions.get(EXTENSION) else {
        return Ok(build(message, user_id));
    };
    let kept_user: Option<String> = kept.get(USER_ID).and_then(|value| value.to().ok());
    let built = build(message, kept_user.as_deref().or(user_id));
    let (same, changed) = again(&built, kept, &[USER_ID])?;
    let author = message.author.as_ref().and_then(|author| author.id.clone());
    let mut read = core(&same, message.conversation_id, &|_| author.clone())?;
    read.extensions.clone_from(&message.extensions);
    // The original time of an import is not the vendor's.
    read.sent_at = message.sent_at;
    // Else something with a canonical home was changed: a kept spelling of it is out of date.
    Ok(if read == *message { same } else { changed })
}

/// Everything with a canonical home.
fn core(
    wire: &wire::Message,
    conversation_id: ConversationId,
    name_of: &dyn Fn(&str) -> Option<Box<str>>,
) -> Result<Message, Unmappable> {
    let native = wire.id.value().ok_or(Unmappable("id"))?;
    let id: MessageId = native.parse().map_err(|_| Unmappable("id"))?;
    let created_at = time_or_id(&wire.received, native, "received")?;
    let (metadata, sent_at) = split(&wire.metadata).unwrap_or_default();
    let sent_at = sent_at.and_then(|text| text.parse::<Time>().ok());
    let is_user = wire
        .author
        .value()
        .is_some_and(|author| author.kind == AuthorType::User);
    let (role, direction) = if is_user {
        (Role::User, Direction::Inbound)
    } else {
        (Role::Assistant, Direction::Outbound)
    };
    let mut parts = wire
        .content
        .value()
        .map(parts_from_content)
        .unwrap_or_default();
    if let Some(activity) = wire.activity.value() {
        parts.push(Part::Activity(Activity {
            activity: ActivityKind::from(activity.kind.as_str()),
            participant_id: None,
        }));
    }
    if parts.is_empty() {
        parts.push(Part::text(""));
    }
    let quoted = wire
        .quoted_message
        .value()
        .and_then(|quoted| quoted.message.value())
        .and_then(|message| message.id.value())
        .and_then(|id| id.parse().ok());
    Ok(Message {
        id,
        conversation_id,
        role,
        author: wire
            .author
            .value()
            .and_then(|author| author_to_canonical(author, name_of)),
        direction,
        recipients: Vec::new(),
        subject: None,
        parts,
        in_reply_to: quoted.map(|id| InReplyTo {
            id,
            kind: ReplyKind::Reply,
        }),
        status: if wire.deleted.into_value().unwrap_or_default() {
            MessageStatus::Deleted
        } else {
            MessageStatus::Sent
        },
        rating: None,
        usage: None,
        model: None,
        provider: None,
        finish_reason: None,
        latency_ms: None,
        source: wire
            .source
            .value()
            .map(source_to_canonical)
            .unwrap_or_default(),
        metadata,
        client_message_id: None,
        sent_at: sent_at.unwrap_or(created_at),
        created_at,
        edited_at: None,
        extensions: Extensions::new(),
    })
}

/// An author, where there is anything to say beyond the role.
fn author_to_canonical(
    author: &Author,
    name_of: &dyn Fn(&str) -> Option<Box<str>>,
) -> Option<Participant> {
    let text = |member: &Member<String>| member.value().map(|text| text.as_str().into());
    let is_user = author.kind == AuthorType::User;
    let id = author
        .user_id
        .value()
        .filter(|_| is_user)
        .map(|id| name_of(id).unwrap_or_else(|| id.as_str().into()));
    let subtype = author
        .subtypes
        .value()
        .and_then(|subtypes| subtypes.first());
    let kind = match subtype {
        Some(AuthorSubtype::Ai) => ParticipantKind::Assistant,
        Some(AuthorSubtype::Activity) => ParticipantKind::System,
        Some(AuthorSubtype::Agent) => ParticipantKind::Person,
        Some(AuthorSubtype::Bot) => ParticipantKind::Bot,
        Some(AuthorSubtype::Other(_)) | None if is_user => ParticipantKind::Person,
        Some(AuthorSubtype::Other(_)) | None => ParticipantKind::Unknown,
    };
    let participant = Participant {
        id,
        kind,
        side: Some(if is_user {
            Side::Customer
        } else {
            Side::Business
        }),
        name: text(&author.display_name),
        avatar_url: text(&author.avatar_url),
        handles: Vec::new(),
    };
    let says_something = is_user
        || participant.name.is_some()
        || participant.avatar_url.is_some()
        || participant.kind != ParticipantKind::Unknown;
    says_something.then_some(participant)
}

fn source_to_canonical(source: &Source) -> JsonMap {
    let mut members = JsonMap::new();
    members.insert("channel".into(), RawJson::string(&source.kind));
    let mut put = |name: &str, member: &Member<String>| {
        if let Some(text) = member.value() {
            members.insert(name.into(), RawJson::string(text));
        }
    };
    put("integration_id", &source.integration_id);
    put("message_id", &source.original_message_id);
    put("sent_at", &source.original_message_timestamp);
    members
}

fn source_from_canonical(source: &JsonMap) -> Member<Source> {
    let text = |name: &str| source.get(name).and_then(|value| value.to::<String>().ok());
    Member::from(text("channel").map(|kind| Source {
        kind,
        integration_id: Member::from(text("integration_id")),
        original_message_id: Member::from(text("message_id")),
        original_message_timestamp: Member::from(text("sent_at")),
        client: Member::Absent,
        device: Member::Absent,
        extra: Extra::new(),
    }))
}

/// The wire object as far as canonical fields give it.
fn build(message: &Message, user_id: Option<&str>) -> wire::Message {
    let author = message.author.as_ref();
    let is_user = message.direction == Direction::Inbound || message.role == Role::User;
    let subtype = match author.map(|author| &author.kind) {
        Some(ParticipantKind::Assistant) if !is_user => Some(AuthorSubtype::Ai),
        Some(ParticipantKind::System) if !is_user => Some(AuthorSubtype::Activity),
        Some(ParticipantKind::Person) if !is_user => Some(AuthorSubtype::Agent),
        Some(ParticipantKind::Bot) if !is_user => Some(AuthorSubtype::Bot),
        _ => None,
    };
    let text = |text: Option<&Box<str>>| Member::from(text.map(|text| String::from(&**text)));
    let (said, activity) = match message.parts.split_last() {
        Some((Part::Activity(activity), said)) => (said, Some(activity)),
        _ => (message.parts.as_slice(), None),
    };
    let content = if said.is_empty() {
        Member::Absent
    } else {
        Member::Value(content_from_parts(said).unwrap_or_else(|| as_text(said)))
    };
    wire::Message {
        id: Member::Value(message.id.to_string()),
        received: Member::Value(spelled(message.created_at)),
        author: Member::Value(Author {
            kind: if is_user {
                AuthorType::User
            } else {
                AuthorType::Business
            },
            subtypes: Member::from(subtype.map(|subtype| vec![subtype])),
            user_id: Member::from(user_id.filter(|_| is_user).map(str::to_owned)),
            user_external_id: Member::Absent,
            brand_id: Member::Absent,
            display_name: text(author.and_then(|author| author.name.as_ref())),
            avatar_url: text(author.and_then(|author| author.avatar_url.as_ref())),
            extra: Extra::new(),
        }),
        activity: Member::from(activity.map(|activity| ActivityMessage {
            kind: ActivityMessageType::from(activity.activity.as_str()),
            data: Member::Absent,
            extra: Extra::new(),
        })),
        content,
        source: source_from_canonical(&message.source),
        // These have no canonical home; with a value they are kept.
        quoted_message: Member::Absent,
        metadata: raw_map(&message.metadata),
        deleted: Member::from(Some(true).filter(|_| message.status == MessageStatus::Deleted)),
        references: Member::Absent,
        extra: Extra::new(),
    }
}

fn as_text(parts: &[Part]) -> Content {
    Content::Text(TextMessage::plain(text_of(parts)))
}

/// Who writes a message, as the vendor is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorship {
    /// The business; delivered.
    Business,
    /// The business, without anybody being told.
    Silent,
    /// The user with this id of ours.
    ExternalUser(String),
    /// The user with this id of the vendor's.
    User(String),
}

/// The body of a post; `metadata` is the caller's with ours. Takes what [`preview`](super::preview()) left over:
/// parts that are no single content are sent as text.
#[must_use]
pub fn message_post(new: &NewMessage, authorship: &Authorship, metadata: &JsonMap) -> MessagePost {
    let author = new.author.as_ref();
    let is_ai = author.is_some_and(|author| author.kind == ParticipantKind::Assistant);
    let (kind, user_id, user_external_id) = match authorship {
        Authorship::Business | Authorship::Silent => (AuthorType::Business, None, None),
        Authorship::ExternalUser(id) => (AuthorType::User, None, Some(id.clone())),
        Authorship::User(id) => (AuthorType::User, Some(id.clone()), None),
    };
    let is_business = kind == AuthorType::Business;
    let text = |text: Option<&Box<str>>| Member::from(text.map(|text| String::from(&**text)));
    let content = content_from_parts(&new.parts).unwrap_or_else(|| as_text(&new.parts));
    let schema = matches!(content, Content::Template(_)).then(|| "whatsapp".to_owned());
    MessagePost {
        author: Author {
            kind,
            subtypes: Member::from((is_ai && is_business).then(|| vec![AuthorSubtype::Ai])),
            user_id: Member::from(user_id),
            user_external_id: Member::from(user_external_id),
            brand_id: Member::Absent,
            display_name: text(author.and_then(|author| author.name.as_ref())),
            avatar_url: text(author.and_then(|author| author.avatar_url.as_ref())),
            extra: Extra::new(),
        },
        content,
        destination: Member::from((*authorship == Authorship::Silent).then(|| Destination {
            integration_id: Member::Absent,
            integration_type: Member::Value(SILENT.to_owned()),
            extra: Extra::new(),
        })),
        metadata: raw_map(metadata),
        channel_override: Member::Absent,
        schema: Member::from(schema),
        extra: Extra::new(),
    }
}
