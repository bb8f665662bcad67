//! Messages, both ways.

use adapterkit::{Extra, Member, Unmappable, difference, members, with_kept};
use conversation::{
    AttachmentId, ConversationId, Direction, Extensions, InReplyTo, JsonMap, Media, Message,
    MessageId, MessageStatus, Part, ReplyKind, Side, Time,
};

use super::EXTENSION;
use super::body::{body_of, parts_of, words_of};
use super::kept::Kept;
use super::participant::{
    handle_of_id, participant_from_canonical, participant_to_canonical, recipient_from_canonical,
    recipient_to_canonical,
};
use crate::wire::{
    self, Attachment, MessageDirection, MessageFormat, MessageParticipant, MessageParticipantRole,
    MessageReplyType, spelled_time,
};

/// What ids of Convore's own messages begin with. Others name a mail of the provider.
const MESSAGE_PREFIX: &str = "msg_";

/// A message of the vendor in canonical form.
///
/// # Errors
/// Where its id or a time cannot be read.
pub fn message_to_canonical(
    wire: &wire::Message,
    conversation_id: ConversationId,
) -> Result<Message, Unmappable> {
    let mut message = core(wire, conversation_id)?;
    // The channel has no canonical home.
    let built = build(&message, &wire.conversation_id, "");
    let kept = match kept(wire, &built)? {
        Some(kept) => kept,
        None => difference(&members(wire)?, &members(&built)?, &[])?,
    };
    message.extensions.insert(EXTENSION.into(), kept);
    message.extensions.retain(|_, kept| !kept.is_empty());
    Ok(message)
}

/// The vendor's object of a message: exactly the one it came from, where nothing was changed since.
///
/// `native` is the conversation's id there, `channel_id` the channel of a message that never was there.
///
/// # Errors
/// Where kept members have lost their shape.
pub fn message_from_canonical(
    message: &Message,
    native: &str,
    channel_id: &str,
) -> Result<wire::Message, Unmappable> {
    let built = members(&build(message, native, channel_id))?;
    let Some(kept) = message.extensions.get(EXTENSION) else {
        return with_kept(built, &JsonMap::new());
    };
    let same: wire::Message = with_kept(built.clone(), kept)?;
    let mut again = core(&same, message.conversation_id)?;
    again.extensions.clone_from(&message.extensions);
    if again == *message {
        return Ok(same);
    }
    // Something with a canonical home was changed: a kept spelling of it is out of date.
    let homeless: JsonMap = kept
        .iter()
        .filter(|(name, _)| !built.contains_key(*name) || &***name == "channel_id")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    with_kept(built, &homeless)
}

/// When a message was said.
///
/// # Errors
/// Where its time cannot be read.
pub fn said_at(wire: &wire::Message) -> Result<Time, Unmappable> {
    time(&wire.date, "date")
}

/// When a message was stored.
///
/// # Errors
/// Where its time cannot be read.
pub fn stored_at(wire: &wire::Message) -> Result<Time, Unmappable> {
    time(&wire.created_at, "created_at")
}

/// A time of the vendor. One without an offset is taken for UTC: the vendor's own client does so.
pub(super) fn time(text: &str, member: &'static str) -> Result<Time, Unmappable> {
    text.parse()
        .or_else(|_| format!("{text}Z").parse())
        .map_err(|_| Unmappable(member))
}

/// What [`build`] does not bring back.
fn kept(wire: &wire::Message, built: &wire::Message) -> Result<Option<JsonMap>, Unmappable> {
    let mut kept = Kept::default();
    kept.required("channel_id", &wire.channel_id, &built.channel_id)?;
    kept.optional(
        "reply_to_message_id",
        &wire.reply_to_message_id,
        &built.reply_to_message_id,
    )?;
    kept.optional("reply_type", &wire.reply_type, &built.reply_type)?;
    kept.optional("subject", &wire.subject, &built.subject)?;
    kept.required("direction", &wire.direction, &built.direction)?;
    kept.required("date", &wire.date, &built.date)?;
    kept.required("sender", &wire.sender, &built.sender)?;
    kept.required("recipients", &wire.recipients, &built.recipients)?;
    kept.optional("snippet", &wire.snippet, &built.snippet)?;
    kept.optional("body", &wire.body, &built.body)?;
    kept.optional("text_body", &wire.text_body, &built.text_body)?;
    kept.optional("raw_body", &wire.raw_body, &built.raw_body)?;
    kept.optional("attachments", &wire.attachments, &built.attachments)?;
    kept.optional(
        "external_message_id",
        &wire.external_message_id,
        &built.external_message_id,
    )?;
    kept.required("created_at", &wire.created_at, &built.created_at)?;
    kept.required("format", &wire.format, &built.format)?;
    kept.extra(&wire.extra)?;
    Ok(kept.finish())
}

/// Everything with a canonical home.
fn core(wire: &wire::Message, conversation_id: ConversationId) -> Result<Message, Unmappable> {
    let id: MessageId = wire.id.parse().map_err(|_| Unmappable("id"))?;
    let direction = match &wire.direction {
        MessageDirection::Inbound => Direction::Inbound,
        MessageDirection::Outbound => Direction::Outbound,
        MessageDirection::Other(word) => Direction::Other(word.as_str().into()),
    };
    Ok(Message {
        id,
        conversation_id,
        role: direction.role(),
        author: Some(participant_to_canonical(&wire.sender, side_of(&direction))),
        direction,
        recipients: wire.recipients.iter().map(recipient_to_canonical).collect(),
        subject: wire
            .subject
            .value()
            .filter(|subject| !subject.is_empty())
            .map(|subject| subject.as_str().into()),
        parts: parts(wire),
        in_reply_to: in_reply_to(wire),
        status: MessageStatus::Sent,
        rating: None,
        usage: None,
        model: None,
        provider: None,
        finish_reason: None,
        latency_ms: None,
        source: JsonMap::new(),
        metadata: JsonMap::new(),
        client_message_id: None,
        sent_at: said_at(wire)?,
        created_at: stored_at(wire)?,
        edited_at: None,
        extensions: Extensions::new(),
    })
}

/// Who writes a message stands on this side.
fn side_of(direction: &Direction) -> Option<Side> {
    match direction {
        Direction::Inbound => Some(Side::Customer),
        Direction::Outbound => Some(Side::Business),
        Direction::Internal | Direction::Other(_) => None,
    }
}

/// The text of a message: its body, else the vendor's plain text of that, else everything that it quotes too.
#[must_use]
pub fn text_of_message(wire: &wire::Message) -> Option<Part> {
    let raw_body = wire
        .raw_body
        .value()
        .filter(|_| wire.text_body.value().is_none());
    let body = wire.body.value().or(raw_body);
    let text_body = wire.text_body.value();
    parts_of(body.map(String::as_str), text_body.map(String::as_str))
}

/// The text, then the files. A message that shows neither has an empty text.
fn parts(wire: &wire::Message) -> Vec<Part> {
    let text = text_of_message(wire);
    let files = wire.attachments.value().into_iter().flatten();
    let mut parts: Vec<Part> = text.into_iter().chain(files.map(file_part)).collect();
    if parts.is_empty() {
        parts.push(Part::text(""));
    }
    parts
}

fn file_part(attachment: &Attachment) -> Part {
    // An id that is none of ours cannot be asked for; the file is shown all the same.
    let media = Media {
        attachment_id: attachment.id.parse::<AttachmentId>().ok(),
        media_type: Some(attachment.content_type.as_str().into()),
        size: Some(attachment.size),
        name: Some(attachment.filename.as_str().into()),
        ..Media::default()
    };
    match attachment.content_type.split('/').next() {
        Some("image") => Part::Image(media),
        Some("audio") => Part::Audio(media),
        Some("video") => Part::Video(media),
        _ => Part::File(media),
    }
}

fn in_reply_to(wire: &wire::Message) -> Option<InReplyTo> {
    let id = wire
        .reply_to_message_id
        .value()
        .filter(|id| id.starts_with(MESSAGE_PREFIX))?;
    let kind = match wire.reply_type.value() {
        None | Some(MessageReplyType::Reply) => ReplyKind::Reply,
        Some(MessageReplyType::ReplyAll) => ReplyKind::ReplyAll,
        Some(MessageReplyType::Forward) => ReplyKind::Forward,
        Some(MessageReplyType::Other(word)) => ReplyKind::Other(word.as_str().into()),
    };
    Some(InReplyTo {
        id: id.parse().ok()?,
        kind,
    })
}

/// The wire object as far as canonical fields give it.
fn build(message: &Message, native: &str, channel_id: &str) -> wire::Message {
    let sender = message
        .author
        .as_ref()
        .and_then(|author| participant_from_canonical(author, MessageParticipantRole::From));
    let texts: Vec<Part> = message
        .parts
        .iter()
        .filter(|part| file(part).is_none())
        .cloned()
        .collect();
    let body = body_of(&texts);
    let has_body = !texts.is_empty();
    let files = message.parts.iter().filter_map(file);
    let reply = message.in_reply_to.as_ref();
    wire::Message {
        id: message.id.to_string(),
        channel_id: channel_id.to_owned(),
        conversation_id: native.to_owned(),
        reply_to_message_id: Member::from(reply.map(|reply| reply.id.to_string())),
        reply_type: Member::from(reply.map(|reply| MessageReplyType::from(reply.kind.as_str()))),
        subject: Member::from(message.subject.as_deref().map(str::to_owned)),
        direction: match &message.direction {
            Direction::Inbound => MessageDirection::Inbound,
            // Whatever is not from the customer is shown on the other side.
            Direction::Outbound | Direction::Internal => MessageDirection::Outbound,
            Direction::Other(word) => MessageDirection::Other(String::from(&**word)),
        },
        date: spelled_time(message.sent_at),
        sender: sender.unwrap_or_else(|| MessageParticipant {
            name: Member::Absent,
            handle: handle_of_id(message.role.as_str()),
            role: MessageParticipantRole::From,
            extra: Extra::new(),
        }),
        recipients: message
            .recipients
            .iter()
            .filter_map(recipient_from_canonical)
            .collect(),
        // No canonical home.
        snippet: Member::Absent,
        text_body: Member::from(has_body.then(|| words_of(&body))),
        raw_body: Member::from(has_body.then(|| body.clone())),
        body: Member::from(has_body.then_some(body)),
        attachments: Member::Value(
            files
                .map(|(id, media)| attachment(id, media, &message.id, native))
                .collect(),
        ),
        external_message_id: Member::Absent,
        created_at: spelled_time(message.created_at),
        format: MessageFormat::Full,
        extra: Extra::new(),
    }
}

/// The file of a part that is stored as one.
fn file(part: &Part) -> Option<(&AttachmentId, &Media)> {
    match part {
        Part::Image(media) | Part::File(media) | Part::Audio(media) | Part::Video(media) => {
            Some((media.attachment_id.as_ref()?, media))
        }
        _ => None,
    }
}

fn attachment(id: &AttachmentId, media: &Media, message: &MessageId, native: &str) -> Attachment {
    let media_type = media.media_type.as_deref();
    Attachment {
        id: id.to_string(),
        conversation_id: native.to_owned(),
        draft_id: Member::Absent,
        message_id: Member::Value(message.to_string()),
        content_type: media_type.unwrap_or("application/octet-stream").to_owned(),
        filename: media.name.as_deref().unwrap_or_default().to_owned(),
        is_inline: false,
        content_id: Member::Absent,
        size: media.size.unwrap_or_default(),
        extra: Extra::new(),
    }
}
