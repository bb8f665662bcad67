//! Datamonkey's bodies in canonical form and back, without a server.

use adapterkit::{
    Unmappable, check_held, homeless_fates, keep_members, lacking, members, put_back, read_body,
    to_new_conversation, to_new_message, unmappable_body,
};
use backend::ports::{Canonical, Subject, Translated, Translator};
use backend::{Error, FieldFate, Kind, RespondRequest, Result, Write};
use conversation::{
    ConversationId, JsonMap, MessageId, NewConversation, NewMessage, RawJson, Role,
};

use crate::mapping::{
    EXTENSION, conversation_from_canonical, conversation_to_canonical, create_request,
    message_from_canonical, message_to_canonical, preview, send_request,
};
use crate::wire::{ChatConversation, ChatMessage, CreateRequest, SendRequest};

/// The vendor's name in sentences, and the shape's.
const VENDOR: &str = "datamonkey";

/// Reads and writes Datamonkey's shapes: of a conversation the object and the body of a create, of a message the object
/// and the body of a send.
///
/// A conversation has an id and a message has content; a body without them is read as what makes it. Members of an
/// object that its server makes stand under `extensions`, like everything without a canonical home; its messages are
/// entities of their own. Written are the bodies that make a conversation, or say something: only the user can.
#[derive(Clone, Copy, Debug, Default)]
pub struct DatamonkeyTranslator;

impl Translator for DatamonkeyTranslator {
    fn shape(&self) -> &'static str {
        VENDOR
    }

    fn read(&self, subject: Subject, body: &RawJson) -> Result<Translated<Canonical>> {
        let sent: JsonMap = read_body(body, VENDOR)?;
        match subject {
            Subject::Conversation if sent.contains_key("id") => read_conversation(body),
            Subject::Conversation => read_create(body),
            Subject::Message if sent.contains_key("content") => read_message(body),
            Subject::Message => read_send(body),
        }
    }

    fn write(&self, canonical: &Canonical) -> Result<Translated<RawJson>> {
        match canonical {
            Canonical::Conversation(new) => write_create(new),
            Canonical::Message(new) => write_send(new),
        }
    }
}

fn unmappable(error: Unmappable) -> Error {
    unmappable_body(VENDOR, error)
}

/// A conversation with what of its body has no home.
fn conversation(mut new: NewConversation, kept: JsonMap) -> Translated<Canonical> {
    let fates = keep_members(&mut new.extensions, EXTENSION, kept);
    let body = Canonical::Conversation(Box::new(new));
    Translated { body, fates }
}

/// A message with what of its body has no home.
fn message(mut new: NewMessage, kept: JsonMap) -> Translated<Canonical> {
    let fates = keep_members(&mut new.extensions, EXTENSION, kept);
    let body = Canonical::Message(Box::new(new));
    Translated { body, fates }
}

fn read_conversation(body: &RawJson) -> Result<Translated<Canonical>> {
    let wire: ChatConversation = read_body(body, VENDOR)?;
    let mut sent = members(&wire).map_err(unmappable)?;
    sent.remove("messages");
    let mut read = conversation_to_canonical(&wire, VENDOR).map_err(unmappable)?;
    read.extensions.clear();
    let (id, created_at) = (read.id, read.created_at);
    let new = to_new_conversation(read);
    // Whatever this does not make again is lost unless it is kept.
    let alone = new.clone().into_conversation(id, VENDOR, created_at);
    let alone = conversation_from_canonical(&alone, "").map_err(unmappable)?;
    let mut built = members(&alone).map_err(unmappable)?;
    built.retain(|name, _| !["id", "created", "updated"].contains(&&**name));
    let mut translated = conversation(new, lacking(&sent, &built, &[]));
    if wire
        .messages
        .value()
        .is_some_and(|messages| !messages.is_empty())
    {
        let detail = "messages are translated one by one";
        translated
            .fates
            .push(FieldFate::rejected("/messages", detail));
    }
    Ok(translated)
}

fn read_create(body: &RawJson) -> Result<Translated<Canonical>> {
    let wire: CreateRequest = read_body(body, VENDOR)?;
    let sent = members(&wire).map_err(unmappable)?;
    let new = NewConversation {
        title: wire
            .title
            .into_value()
            .filter(|title| !title.is_empty())
            .map(Into::into),
        ..NewConversation::default()
    };
    let built = members(&create_request(&new)).map_err(unmappable)?;
    Ok(conversation(new, lacking(&sent, &built, &[])))
}

fn read_message(body: &RawJson) -> Result<Translated<Canonical>> {
    let wire: ChatMessage = read_body(body, VENDOR)?;
    let sent = members(&wire).map_err(unmappable)?;
    // Messages have no ids there, and this one is in no conversation.
    let (id, conversation_id) = (
        MessageId::derive(&[VENDOR]),
        ConversationId::derive(VENDOR, ""),
    );
    let mut read = message_to_canonical(&wire, id.clone(), conversation_id).map_err(unmappable)?;
    read.extensions.clear();
    let said_at = read.sent_at;
    let mut new = to_new_message(read);
    let alone = new.clone().into_message(id, conversation_id, said_at);
    let alone = message_from_canonical(&alone).map_err(unmappable)?;
    let built = members(&alone).map_err(unmappable)?;
    if wire.timestamp.value().is_none() {
        new.sent_at = None;
    }
    Ok(message(new, lacking(&sent, &built, &[])))
}

fn read_send(body: &RawJson) -> Result<Translated<Canonical>> {
    let wire: SendRequest = read_body(body, VENDOR)?;
    let sent = members(&wire).map_err(unmappable)?;
    let new = NewMessage::text(Role::User, wire.message);
    let built = members(&send_request(&new)).map_err(unmappable)?;
    Ok(message(new, lacking(&sent, &built, &[])))
}

fn write_create(new: &NewConversation) -> Result<Translated<RawJson>> {
    let mut new = new.clone();
    let mut own = new.extensions.remove(EXTENSION).unwrap_or_default();
    let projection = preview(&Write::CreateConversation(new));
    let Write::CreateConversation(held) = &projection.write else {
        return Err(Error::new(Kind::Internal, "a create became another write"));
    };
    let body = put_back(&create_request(held), &mut own, CreateRequest::MEMBERS)?;
    let mut fates = projection.fates;
    fates.extend(homeless_fates(&own, EXTENSION, VENDOR));
    Ok(Translated { body, fates })
}

fn write_send(new: &NewMessage) -> Result<Translated<RawJson>> {
    let mut new = new.clone();
    let mut own = new.extensions.remove(EXTENSION).unwrap_or_default();
    let request = RespondRequest {
        input: Some(new),
        ..RespondRequest::default()
    };
    let mut projection = preview(&Write::Respond(request));
    for fate in &mut projection.fates {
        if let Some(pointer) = fate.pointer.strip_prefix("/input") {
            fate.pointer = pointer.to_owned();
        }
    }
    check_held(&projection, VENDOR)?;
    let Write::Respond(RespondRequest {
        input: Some(held), ..
    }) = &projection.write
    else {
        return Err(Error::new(Kind::Internal, "an answer became another write"));
    };
    let body = put_back(&send_request(held), &mut own, SendRequest::MEMBERS)?;
    let mut fates = projection.fates;
    fates.extend(homeless_fates(&own, EXTENSION, VENDOR));
    Ok(Translated { body, fates })
}
