//! To the vendor's requests.

use adapterkit::{Extra, Fates, Member, check_held, members, put_back_at, still_missing};
use backend::ports::Translated;
use backend::{Error, FieldFate, Kind, Result, Write};
use conversation::{Direction, JsonMap, NewConversation, NewMessage, RawJson, Time};
use serde::de::DeserializeOwned;

use super::read::nothing_said;
use super::{VENDOR, unmappable};
use crate::mapping::{EXTENSION, Sides, create_request, import_request, preview, send_request};
use crate::wire::{
    Conversation, ConversationCreate, ConversationPriority, ConversationStatus, Label, Message,
    MessageDirection, MessageImport, MessageSend,
};

/// What a create has beside the members of canonical form.
const OF_A_CREATE: [&str; 4] = ["/label_ids", "/snippet", "/is_unread", "/last_message_date"];
/// What a send has beside them.
const OF_A_SEND: [&str; 3] = ["/channel_id", "/conversation_id", "/quote_body"];
/// What an import has beside them.
const OF_AN_IMPORT: [&str; 3] = ["/conversation_id", "/channel_id", "/snippet"];

pub(super) fn create(new: &NewConversation) -> Result<Translated<RawJson>> {
    let mut new = new.clone();
    let own = new.extensions.remove(EXTENSION).unwrap_or_default();
    let projection = preview(&Write::CreateConversation(new));
    let Write::CreateConversation(held) = projection.write else {
        return Err(internal("a create"));
    };
    let mut fates = projection.fates;
    let known: Vec<Label> = own
        .get("labels")
        .and_then(|labels| labels.to().ok())
        .unwrap_or_default();
    let mut label_ids = Vec::new();
    for (index, name) in held.labels.iter().enumerate() {
        let of_name = known.iter().filter(|label| *label.name == **name);
        let before = label_ids.len();
        label_ids.extend(of_name.map(|label| label.id.clone()));
        if label_ids.len() == before {
            let detail = "convore's id of the label is looked up when it is sent";
            fates.push(FieldFate::converted(format!("/labels/{index}"), detail));
        }
    }
    if held.participants.is_empty() {
        let detail = "whoever calls takes part, and is known when it is sent";
        fates.push(FieldFate::converted("/participants", detail));
    }
    let request = create_request(&held, "", label_ids, &held.participants);
    let mut body = members(&request).map_err(unmappable)?;
    body.retain(|name, value| {
        &**name != "channel_id" && (&**name != "label_ids" || value.get() != "[]")
    });
    put_back_at(&mut body, &own, &["/channel_id"]);
    let mut body = with_kept::<ConversationCreate>(body, &own, &OF_A_CREATE);
    let empty = || RawJson::from_serialize(&[(); 0]).unwrap_or_default();
    body.entry("label_ids".into()).or_insert_with(empty);
    let mut own = own;
    // Their ids stand for them.
    own.remove("labels");
    finish(body, &own, fates)
}

pub(super) fn message(new: &NewMessage) -> Result<Translated<RawJson>> {
    let mut new = new.clone();
    let own = new.extensions.remove(EXTENSION).unwrap_or_default();
    let is_said_there = new.effective_direction() == Direction::Inbound;
    // What a customer says is imported, with its own time.
    let write = if is_said_there {
        Write::ImportMessage(new)
    } else {
        Write::PostMessage(new)
    };
    let projection = preview(&write);
    check_held(&projection, VENDOR)?;
    let fates = projection.fates;
    match projection.write {
        Write::ImportMessage(held) => import(&held, &own, fates),
        Write::PostMessage(held) => send(&held, &own, fates),
        _ => Err(internal("a message")),
    }
}

fn import(
    held: &NewMessage,
    own: &JsonMap,
    mut fates: Vec<FieldFate>,
) -> Result<Translated<RawJson>> {
    let nobody = nobody_there();
    let sides = Sides {
        conversation: &nobody,
        caller: "",
    };
    if held.author.is_none() {
        let detail = "who writes is found out when it is sent";
        fates.push(FieldFate::converted("/author", detail));
    }
    if held.sent_at.is_none() {
        let detail = "it is said when it is sent";
        fates.push(FieldFate::converted("/sent_at", detail));
    }
    let mut body = members(&import_request(held, sides, Time::now())).map_err(unmappable)?;
    body.remove("conversation_id");
    if held.author.is_none() {
        body.remove("sender");
    }
    if held.sent_at.is_none() {
        body.remove("date");
    }
    let body = with_kept::<MessageImport>(body, own, &OF_AN_IMPORT);
    finish(body, own, fates)
}

fn send(
    held: &NewMessage,
    own: &JsonMap,
    mut fates: Vec<FieldFate>,
) -> Result<Translated<RawJson>> {
    let nobody = nobody_there();
    let sides = Sides {
        conversation: &nobody,
        caller: "",
    };
    let reply = held.in_reply_to.as_ref();
    // As what follows a customer's message: the vendor finds out itself where it goes.
    let answered = Message {
        id: reply.map_or_else(String::new, |reply| reply.id.to_string()),
        direction: MessageDirection::Inbound,
        ..nothing_said()
    };
    let Some(request) = send_request(held, sides, Some(&answered)) else {
        let mut projection = Fates::new(VENDOR);
        projection.refuse("/recipients", "whatever is passed on has recipients");
        let write = Write::PostMessage(held.clone());
        check_held(&projection.into_projection(write), VENDOR)?;
        return Err(internal("a message"));
    };
    if held.recipients.is_empty() {
        let detail = "to whom it goes is found out when it is sent";
        fates.push(FieldFate::converted("/recipients", detail));
    }
    let mut body = members(&request).map_err(unmappable)?;
    if reply.is_none() {
        body.remove("reply_to_message_id");
    }
    let body = with_kept::<MessageSend>(body, own, &OF_A_SEND);
    finish(body, own, fates)
}

/// The body with kept members of its own. They may have been changed since: then they stay out.
fn with_kept<T: DeserializeOwned>(body: JsonMap, own: &JsonMap, pointers: &[&str]) -> JsonMap {
    let mut whole = body.clone();
    for pointer in pointers {
        let before = whole.clone();
        put_back_at(&mut whole, own, &[pointer]);
        let is_readable = |object: &JsonMap| {
            RawJson::from_serialize(object).is_ok_and(|body| body.to::<T>().is_ok())
        };
        if is_readable(&before) && !is_readable(&whole) {
            whole = before;
        }
    }
    whole
}

fn finish(body: JsonMap, own: &JsonMap, mut fates: Vec<FieldFate>) -> Result<Translated<RawJson>> {
    fates.extend(still_missing(own, &body, EXTENSION, VENDOR));
    let body = RawJson::from_serialize(&body)
        .map_err(|error| Error::new(Kind::Internal, "a body could not be written").source(error))?;
    Ok(Translated { body, fates })
}

fn internal(what: &str) -> Error {
    Error::new(Kind::Internal, format!("{what} became another write"))
}

/// A conversation of which nothing is known.
fn nobody_there() -> Conversation {
    Conversation {
        id: String::new(),
        channel_id: String::new(),
        status: ConversationStatus::Open,
        priority: ConversationPriority::NoPriority,
        labels: Vec::new(),
        participants: Vec::new(),
        subject: Member::Absent,
        snippet: Member::Absent,
        is_unread: Member::Absent,
        last_message_date: Member::Absent,
        external_conversation_id: Member::Absent,
        message_count: Member::Absent,
        draft_count: Member::Absent,
        attachment_count: Member::Absent,
        created_at: String::new(),
        extra: Extra::new(),
    }
}
