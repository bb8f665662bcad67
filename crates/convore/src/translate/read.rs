//! From the vendor's objects and requests.

use adapterkit::{
    Extra, Member, members, read_body, to_new_conversation, to_new_message, without_home,
};
use backend::ports::{Canonical, Translated};
use backend::{FieldFate, Result};
use conversation::{
    ConversationId, JsonMap, MessageId, NewConversation, NewMessage, RawJson, Time,
};

use super::{VENDOR, unmappable};
use crate::mapping::{
    EXTENSION, conversation_from_canonical, conversation_to_canonical, message_from_canonical,
    message_to_canonical,
};
use crate::wire::{
    ContactHandle, ContactHandleType, Conversation, ConversationCreate, ConversationPriority,
    ConversationStatus, Message, MessageDirection, MessageFormat, MessageImport,
    MessageParticipant, MessageParticipantRole, MessageSend,
};

/// An id for what has none.
const NO_ID: &str = "msg_00000000000000000000000000";
/// A time for what has none.
const NO_TIME: &str = "1970-01-01T00:00:00.000Z";

/// What a new conversation does not hold of an object of one.
const OF_THE_SERVER: [&str; 4] = ["id", "channel_id", "created_at", "message_count"];
/// What a new message does not hold of an object of one.
const OF_THE_MESSAGE: [&str; 4] = ["id", "channel_id", "conversation_id", "created_at"];

pub(super) fn conversation(body: &RawJson) -> Result<Translated<Canonical>> {
    let wire: Conversation = read_body(body, VENDOR)?;
    let sent = members(&wire).map_err(unmappable)?;
    of_conversation(&wire, &sent)
}

pub(super) fn create(body: &RawJson) -> Result<Translated<Canonical>> {
    let wire: ConversationCreate = read_body(body, VENDOR)?;
    let sent = members(&wire).map_err(unmappable)?;
    let shown = Conversation {
        id: NO_ID.to_owned(),
        channel_id: wire.channel_id,
        status: wire.status.into_value().unwrap_or(ConversationStatus::Open),
        priority: wire
            .priority
            .into_value()
            .unwrap_or(ConversationPriority::NoPriority),
        // Only their ids are told.
        labels: Vec::new(),
        participants: wire.participants,
        subject: wire.subject,
        snippet: Member::Absent,
        is_unread: Member::Absent,
        last_message_date: Member::Absent,
        external_conversation_id: Member::Absent,
        message_count: Member::Absent,
        draft_count: Member::Absent,
        attachment_count: Member::Absent,
        created_at: NO_TIME.to_owned(),
        extra: Extra::new(),
    };
    of_conversation(&shown, &sent)
}

fn of_conversation(wire: &Conversation, sent: &JsonMap) -> Result<Translated<Canonical>> {
    let mut read = conversation_to_canonical(wire, VENDOR).map_err(unmappable)?;
    read.extensions.clear();
    let (id, created_at) = (read.id, read.created_at);
    let mut new: NewConversation = to_new_conversation(read);
    // Whatever this does not make again is lost unless it is kept.
    let alone = new.clone().into_conversation(id, VENDOR, created_at);
    let alone = conversation_from_canonical(&alone, NO_ID, "").map_err(unmappable)?;
    let mut built = members(&alone).map_err(unmappable)?;
    built.retain(|name, _| !OF_THE_SERVER.contains(&&**name));
    let (kept, fates) = without_home(sent, &built, EXTENSION);
    if !kept.is_empty() {
        new.extensions.insert(EXTENSION.into(), kept);
    }
    Ok(Translated {
        body: Canonical::Conversation(Box::new(new)),
        fates,
    })
}

pub(super) fn message(body: &RawJson) -> Result<Translated<Canonical>> {
    let wire: Message = read_body(body, VENDOR)?;
    let sent = members(&wire).map_err(unmappable)?;
    of_message(&wire, &sent, true, true)
}

pub(super) fn import(body: &RawJson) -> Result<Translated<Canonical>> {
    let wire: MessageImport = read_body(body, VENDOR)?;
    let sent = members(&wire).map_err(unmappable)?;
    let shown = Message {
        // Nobody knows what is taken where none is named; nothing is sent to anybody this way.
        direction: wire
            .direction
            .into_value()
            .unwrap_or(MessageDirection::Inbound),
        date: wire.date,
        sender: wire.sender,
        recipients: wire.recipients,
        subject: wire.subject,
        body: wire.body,
        reply_to_message_id: wire.reply_to_message_id,
        reply_type: wire.reply_type,
        ..nothing_said()
    };
    of_message(&shown, &sent, true, true)
}

pub(super) fn send(body: &RawJson) -> Result<Translated<Canonical>> {
    let wire: MessageSend = read_body(body, VENDOR)?;
    let mut sent = members(&wire).map_err(unmappable)?;
    let mut fates = Vec::new();
    let mut recipients = wire.recipients.into_value().unwrap_or_default();
    for (name, list, role) in [
        ("to", &wire.to, MessageParticipantRole::To),
        ("cc", &wire.cc, MessageParticipantRole::Cc),
        ("bcc", &wire.bcc, MessageParticipantRole::Bcc),
    ] {
        let addresses = list.value().into_iter().flatten();
        recipients.extend(addresses.map(|address| by_mail(address, role.clone())));
        if sent.remove(name).is_some() {
            let detail = "a bare address is a recipient with a mail address";
            fates.push(FieldFate::converted(format!("/{name}"), detail));
        }
    }
    let mut sender = wire.sender.into_value();
    if let Some(address) = wire.from.into_value() {
        sent.remove("from");
        fates.push(FieldFate::converted(
            "/from",
            "a bare address is a sender with a mail address",
        ));
        sender = sender.or_else(|| Some(by_mail(&address, MessageParticipantRole::From)));
    }
    let has_sender = sender.is_some();
    let empty = nothing_said();
    let shown = Message {
        direction: MessageDirection::Outbound,
        sender: sender.unwrap_or_else(|| empty.sender.clone()),
        recipients,
        subject: wire.subject,
        body: Member::Value(wire.body),
        reply_to_message_id: wire.reply_to_message_id,
        reply_type: wire.reply_type,
        ..empty
    };
    let mut translated = of_message(&shown, &sent, false, has_sender)?;
    translated.fates.extend(fates);
    Ok(translated)
}

/// A message that says nothing.
pub(super) fn nothing_said() -> Message {
    Message {
        id: NO_ID.to_owned(),
        channel_id: String::new(),
        conversation_id: String::new(),
        reply_to_message_id: Member::Absent,
        reply_type: Member::Absent,
        subject: Member::Absent,
        direction: MessageDirection::Outbound,
        date: NO_TIME.to_owned(),
        sender: by_mail("", MessageParticipantRole::From),
        recipients: Vec::new(),
        snippet: Member::Absent,
        body: Member::Absent,
        text_body: Member::Absent,
        raw_body: Member::Absent,
        attachments: Member::Absent,
        external_message_id: Member::Absent,
        created_at: NO_TIME.to_owned(),
        format: MessageFormat::Full,
        extra: Extra::new(),
    }
}

fn by_mail(address: &str, role: MessageParticipantRole) -> MessageParticipant {
    MessageParticipant {
        name: Member::Absent,
        handle: ContactHandle {
            kind: ContactHandleType::Email,
            value: address.to_owned(),
            extra: Extra::new(),
        },
        role,
        extra: Extra::new(),
    }
}

fn of_message(
    wire: &Message,
    sent: &JsonMap,
    has_time: bool,
    has_author: bool,
) -> Result<Translated<Canonical>> {
    let conversation_id = ConversationId::derive(VENDOR, "");
    let mut read = message_to_canonical(wire, conversation_id).map_err(unmappable)?;
    read.extensions.clear();
    let said_at: Time = read.sent_at;
    let mut new: NewMessage = to_new_message(read);
    if !has_time {
        new.sent_at = None;
    }
    if !has_author {
        new.author = None;
    }
    let id = MessageId::derive(&[VENDOR]);
    let alone = new.clone().into_message(id, conversation_id, said_at);
    let alone = message_from_canonical(&alone, "", "").map_err(unmappable)?;
    let mut built = members(&alone).map_err(unmappable)?;
    built.retain(|name, _| !OF_THE_MESSAGE.contains(&&**name));
    let (kept, fates) = without_home(sent, &built, EXTENSION);
    if !kept.is_empty() {
        new.extensions.insert(EXTENSION.into(), kept);
    }
    Ok(Translated {
        body: Canonical::Message(Box::new(new)),
        fates,
    })
}
