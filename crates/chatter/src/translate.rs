//! Chatter's bodies in canonical form and back, without a server.

use adapterkit::{
    Unmappable, check_held, homeless_fates, keep_members, lacking, members, put_back, read_body,
    to_new_conversation, to_new_message, unmappable_body,
};
use backend::ports::{Canonical, Subject, Translated, Translator};
use backend::{Error, FieldFate, Kind, RespondRequest, Result, Write};
use conversation::{
    Assistant, ConversationId, JsonMap, NewConversation, NewMessage, RawJson, Role, Time, text_of,
};

use crate::mapping::{
    EXTENSION, conversation_from_canonical, conversation_to_canonical, create_request,
    message_from_canonical, message_to_canonical, preview,
};
use crate::wire::{ChatRequest, ConversationCreate, ConversationResponse, Member, MessageResponse};

/// The vendor's name in sentences, and the shape's.
const VENDOR: &str = "chatter";

/// Reads and writes Chatter's shapes: of a conversation the object and the body of a create, of a message the object
/// and the body of a chat call.
///
/// A conversation has a user and a message has content; a body without them is read as what makes it. Members of an
/// object that its server makes stand under `extensions`, like everything without a canonical home; its messages are
/// entities of their own. Written are the bodies that make a conversation, or say something: only the user can.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChatterTranslator;

impl Translator for ChatterTranslator {
    fn shape(&self) -> &'static str {
        VENDOR
    }

    fn read(&self, subject: Subject, body: &RawJson) -> Result<Translated<Canonical>> {
        let sent: JsonMap = read_body(body, VENDOR)?;
        match subject {
            Subject::Conversation if sent.contains_key("user_id") => read_conversation(body),
            Subject::Conversation => read_create(body),
            Subject::Message if sent.contains_key("content") => read_message(body),
            Subject::Message => read_chat(body),
        }
    }

    fn write(&self, canonical: &Canonical) -> Result<Translated<RawJson>> {
        match canonical {
            Canonical::Conversation(new) => write_create(new),
            Canonical::Message(new) => write_chat(new),
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
    let wire: ConversationResponse = read_body(body, VENDOR)?;
    let mut sent = members(&wire).map_err(unmappable)?;
    sent.remove("messages");
    let mut read = conversation_to_canonical(&wire, VENDOR).map_err(unmappable)?;
    read.extensions.clear();
    let (id, created_at) = (read.id, read.created_at);
    let new = to_new_conversation(read);
    // Whatever this does not make again is lost unless it is kept.
    let alone = new.clone().into_conversation(id, VENDOR, created_at);
    let alone = conversation_from_canonical(&alone, "", "").map_err(unmappable)?;
    let mut built = members(&alone).map_err(unmappable)?;
    built.retain(|name, _| !["id", "user_id", "created_at", "updated_at"].contains(&&**name));
    let mut translated = conversation(new, lacking(&sent, &built, &["extra_metadata"]));
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
    let wire: ConversationCreate = read_body(body, VENDOR)?;
    let sent = members(&wire).map_err(unmappable)?;
    let text = |member: &Member<String>| member.value().map(|text| text.as_str().into());
    let assistant = Assistant {
        temperature: wire.temperature.into_value(),
        max_tokens: wire.max_tokens.into_value().map(u64::from),
        system_prompt: text(&wire.system_prompt),
        workflow_config: wire
            .workflow_config
            .value()
            .and_then(|raw| RawJson::parse(raw.text()).ok()),
        // As in the objects: false says nothing.
        retrieval: wire
            .enable_retrieval
            .into_value()
            .filter(|enabled| *enabled),
        profile_id: text(&wire.profile_id),
        ..Assistant::default()
    };
    let new = NewConversation {
        title: Some(wire.title.as_str())
            .filter(|title| !title.trim().is_empty())
            .map(Into::into),
        description: text(&wire.description),
        assistant: Some(assistant).filter(|assistant| !assistant.is_empty()),
        metadata: wire
            .extra_metadata
            .value()
            .and_then(|raw| raw.decode().ok())
            .unwrap_or_default(),
        ..NewConversation::default()
    };
    let built = members(&whole_create(&new)).map_err(unmappable)?;
    Ok(conversation(
        new,
        lacking(&sent, &built, &["extra_metadata"]),
    ))
}

/// The body of a create with the members, too, that the server accepts and drops.
fn whole_create(new: &NewConversation) -> ConversationCreate {
    let mut body = create_request(new);
    let assistant = new.assistant.as_ref();
    let prompt = assistant.and_then(|assistant| assistant.system_prompt.as_deref());
    let retrieval = assistant.and_then(|assistant| assistant.retrieval);
    body.description = Member::from(new.description.as_deref().map(str::to_owned));
    body.system_prompt = Member::from(prompt.map(str::to_owned));
    body.enable_retrieval = Member::from(retrieval);
    body
}

fn read_message(body: &RawJson) -> Result<Translated<Canonical>> {
    let wire: MessageResponse = read_body(body, VENDOR)?;
    let sent = members(&wire).map_err(unmappable)?;
    let conversation_id = ConversationId::derive(VENDOR, &wire.conversation_id);
    let mut read = message_to_canonical(&wire, conversation_id).map_err(unmappable)?;
    read.extensions.clear();
    let (id, said_at): (_, Time) = (read.id.clone(), read.sent_at);
    let new = to_new_message(read);
    let alone = new.clone().into_message(id, conversation_id, said_at);
    let alone = message_from_canonical(&alone, "", 0).map_err(unmappable)?;
    let mut built = members(&alone).map_err(unmappable)?;
    built.retain(|name, _| !["id", "conversation_id", "sequence_number"].contains(&&**name));
    Ok(message(new, lacking(&sent, &built, &[])))
}

fn read_chat(body: &RawJson) -> Result<Translated<Canonical>> {
    let wire: ChatRequest = read_body(body, VENDOR)?;
    let sent = members(&wire).map_err(unmappable)?;
    let built = members(&ChatRequest::new(wire.message.as_str())).map_err(unmappable)?;
    let new = NewMessage::text(Role::User, wire.message);
    Ok(message(new, lacking(&sent, &built, &[])))
}

fn write_create(new: &NewConversation) -> Result<Translated<RawJson>> {
    let mut new = new.clone();
    let mut own = new.extensions.remove(EXTENSION).unwrap_or_default();
    let projection = preview(&Write::CreateConversation(new), None);
    let Write::CreateConversation(held) = &projection.write else {
        return Err(Error::new(Kind::Internal, "a create became another write"));
    };
    let body = put_back(&create_request(held), &mut own, ConversationCreate::MEMBERS)?;
    let mut fates = projection.fates;
    fates.extend(homeless_fates(&own, EXTENSION, VENDOR));
    Ok(Translated { body, fates })
}

fn write_chat(new: &NewMessage) -> Result<Translated<RawJson>> {
    let mut new = new.clone();
    let mut own = new.extensions.remove(EXTENSION).unwrap_or_default();
    let request = RespondRequest {
        input: Some(new),
        ..RespondRequest::default()
    };
    let mut projection = preview(&Write::Respond(request), None);
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
        return Err(Error::new(Kind::Internal, "a chat became another write"));
    };
    let body = ChatRequest::new(text_of(&held.parts));
    let body = put_back(&body, &mut own, ChatRequest::MEMBERS)?;
    let mut fates = projection.fates;
    fates.extend(homeless_fates(&own, EXTENSION, VENDOR));
    Ok(Translated { body, fates })
}
