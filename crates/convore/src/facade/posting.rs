//! `POST /v1/messages` sends now; `POST /v1/messages/import` stores what was said before.

use axum::extract::State;
use backend::{Location, Outcome};
use conversation::{
    Direction, InReplyTo, Message, NewMessage, Part, Quote, ReplyKind, Side, validate_message,
};

use super::answer::{Answer, Problem, Shown};
use super::body::{self, Json, unknown_word};
use super::call::Call;
use super::messages::refuse;
use super::{App, addressing, channels, contacts, conversations, people, places, show};
use crate::mapping::{EXTENSION, parts_of};
use crate::wire::{self, MessageDirection, MessageImport, MessageReplyType, MessageSend};

/// `POST /v1/messages`
pub(super) async fn send(
    State(app): State<App>,
    call: Call,
    Json(request): Json<MessageSend>,
) -> Answer<wire::Message> {
    let reply_kind = reply_kind(request.reply_type.value())?;
    let channel = request.channel_id.value().map(String::as_str);
    let reply_to = request.reply_to_message_id.value();
    if channel.is_none() && reply_to.is_none() {
        return Err(Problem::bad(
            "channel_id or reply_to_message_id is needed: a new message has a channel, an answer what it answers",
        ));
    }
    let sender = addressing::sender_of(&request);
    let recipients = addressing::recipients_of(&request);
    people::check("sender", sender.as_slice())?;
    people::check("recipients", &recipients)?;

    let answered = match reply_to {
        Some(id) => {
            let (at, message) = places::message(&app, &call.cx, id).await?;
            // So that it need not be read again for the answer.
            places::note(&app, at.id, std::slice::from_ref(&message)).await?;
            Some((at, message))
        }
        None => None,
    };
    let named = request.conversation_id.value();
    let known = known_conversation(&app, &call, answered.as_ref(), named).await?;
    if known.is_none() && recipients.is_empty() {
        return Err(Problem::bad(
            "recipients: a new conversation needs somebody",
        ));
    }
    let home_channel = match (&known, channel) {
        (Some(at), _) => {
            let place = places::place_of_named(&app, &call.cx, at).await?;
            place.channel_id.clone()
        }
        (None, Some(channel)) => {
            channels::ensure(&app, call.tenant(), channel).await?;
            channel.to_owned()
        }
        (None, None) => channels::first_id(call.tenant()),
    };
    let author = match &sender {
        Some(sender) => sender.clone(),
        None => channels::sender(&app, call.tenant(), &home_channel).await?,
    };

    let mut parts: Vec<Part> = parts_of(Some(&request.body), None).into_iter().collect();
    let quote = request.quote_body.value().filter(|quote| !quote.is_empty());
    if let Some(quote) = quote {
        parts.push(Part::Quote(Quote {
            text: conversation::html_to_text(quote).into(),
            message_id: answered.as_ref().map(|(_, message)| message.id.clone()),
        }));
    }
    let direction = Direction::Outbound;
    let mut new = NewMessage::of(direction.role(), parts);
    new.direction = Some(direction);
    new.author = Some(people::author(&author, Side::Business));
    new.recipients = people::recipients(&recipients);
    new.subject = text(request.subject.value());
    if let Some((_, message)) = &answered {
        new.in_reply_to = Some(InReplyTo {
            id: message.id.clone(),
            kind: reply_kind.clone(),
        });
        if new.subject.is_none() {
            new.subject.clone_from(&message.subject);
        }
        if new.recipients.is_empty() {
            new.recipients = addressing::inferred(message, &reply_kind, new.author.as_ref());
        }
    }
    refuse(validate_message(&new))?;

    let made = known.is_none();
    let at = match known {
        Some(at) => at,
        None => {
            let people = people::participants(&recipients, std::slice::from_ref(&author));
            conversations::begin(&app, &call, &home_channel, &new.subject, people).await?
        }
    };
    let backend = &app.parts.backend;
    let posted = match backend.post_message(&call.cx, &at, new).await {
        Ok(posted) => posted,
        Err(error) => {
            if made && error.outcome == Outcome::NotApplied {
                undo(&app, &call, &at).await;
            }
            return Err(error.into());
        }
    };
    contacts::note(&app, &call, sender.as_slice()).await;
    contacts::note(&app, &call, &recipients).await;
    Ok(Shown(show::message(&app, &call.cx, &posted).await?))
}

/// `POST /v1/messages/import`
pub(super) async fn import(
    State(app): State<App>,
    call: Call,
    Json(request): Json<MessageImport>,
) -> Answer<wire::Message> {
    let reply_kind = reply_kind(request.reply_type.value())?;
    let direction = match request.direction.value() {
        // Nobody knows what the vendor takes where none is named; nothing is sent to anybody this way.
        None | Some(MessageDirection::Inbound) => Direction::Inbound,
        Some(MessageDirection::Outbound) => Direction::Outbound,
        Some(MessageDirection::Other(_)) => return Err(unknown_word("direction")),
    };
    let sent_at = body::time("date", &request.date)?;
    people::check("sender", std::slice::from_ref(&request.sender))?;
    people::check("recipients", &request.recipients)?;
    let channel = request.channel_id.value().map(String::as_str);
    let conversation = request.conversation_id.value();
    if channel.is_none() && conversation.is_none() {
        return Err(Problem::bad("conversation_id or channel_id is needed"));
    }
    let known = match conversation {
        Some(id) => {
            let at = places::conversation(&app, id).await?;
            let place = places::place_of_named(&app, &call.cx, &at).await?;
            if channel.is_some_and(|channel| channel != place.channel_id) {
                return Err(Problem::bad(
                    "channel_id: the conversation is of another channel; name the conversation alone",
                ));
            }
            Some(at)
        }
        None => None,
    };
    let followed = match request.reply_to_message_id.value() {
        Some(id) => {
            let (at, message) = places::message(&app, &call.cx, id).await?;
            if known.as_ref().is_none_or(|known| known.id != at.id) {
                return Err(Problem::bad(
                    "reply_to_message_id: that message is of another conversation",
                ));
            }
            Some(message.id)
        }
        None => None,
    };

    let side = match direction {
        Direction::Inbound => Side::Customer,
        _ => Side::Business,
    };
    let body = request.body.value().map_or("", String::as_str);
    let mut new = NewMessage::of(
        direction.role(),
        parts_of(Some(body), None).into_iter().collect(),
    );
    new.author = Some(people::author(&request.sender, side));
    new.recipients = people::recipients(&request.recipients);
    new.subject = text(request.subject.value());
    new.in_reply_to = followed.map(|id| InReplyTo {
        id,
        kind: reply_kind,
    });
    new.sent_at = Some(sent_at);
    if let Some(snippet) = request.snippet.value() {
        let snippet = conversation::RawJson::string(snippet);
        let kept = conversation::JsonMap::from([("snippet".into(), snippet)]);
        new.extensions.insert(EXTENSION.into(), kept);
    }
    new.direction = Some(direction.clone());
    refuse(validate_message(&new))?;

    let made = known.is_none();
    let at = match known {
        Some(at) => at,
        None => {
            let channel = channel.unwrap_or_default();
            channels::ensure(&app, call.tenant(), channel).await?;
            let sender = std::slice::from_ref(&request.sender);
            let people = match direction {
                Direction::Inbound => people::participants(sender, &request.recipients),
                _ => people::participants(&request.recipients, sender),
            };
            conversations::begin(&app, &call, channel, &new.subject, people).await?
        }
    };
    let backend = &app.parts.backend;
    let imported = backend.import_messages(&call.cx, &at, vec![new]).await;
    let imported = imported.and_then(|mut all| {
        let missing = "the backend told nothing of the message";
        all.pop()
            .unwrap_or_else(|| Err(backend::Error::new(backend::Kind::InvalidResponse, missing)))
    });
    let imported = match imported {
        Ok(imported) => imported,
        Err(error) => {
            if made && error.outcome == Outcome::NotApplied {
                undo(&app, &call, &at).await;
            }
            return Err(error.into());
        }
    };
    contacts::note(&app, &call, std::slice::from_ref(&request.sender)).await;
    contacts::note(&app, &call, &request.recipients).await;
    Ok(Shown(show::message(&app, &call.cx, &imported).await?))
}

/// Takes back a conversation that was made for a message which was then refused.
async fn undo(app: &App, call: &Call, at: &Location) {
    let backend = &app.parts.backend;
    if let Err(error) = backend.delete_conversation(&call.cx, at, None).await {
        tracing::warn!(%error, "an empty conversation is left behind");
    }
}

/// The conversation that a message goes to, where there is one.
async fn known_conversation(
    app: &App,
    call: &Call,
    answered: Option<&(Location, Message)>,
    named: Option<&String>,
) -> Result<Option<Location>, Problem> {
    let named = match named {
        Some(id) => Some(places::conversation(app, id).await?),
        None => None,
    };
    match (answered, named) {
        (Some((at, _)), Some(named)) if named.id != at.id => {
            // Nobody learns this way of a conversation that is not theirs.
            places::place_of_named(app, &call.cx, &named).await?;
            Err(Problem::bad(
                "conversation_id: the message that is answered is of another conversation",
            ))
        }
        (Some((at, _)), _) => Ok(Some(at.clone())),
        (None, named) => Ok(named),
    }
}

fn reply_kind(word: Option<&MessageReplyType>) -> Result<ReplyKind, Problem> {
    match word {
        None | Some(MessageReplyType::Reply) => Ok(ReplyKind::Reply),
        Some(MessageReplyType::ReplyAll) => Ok(ReplyKind::ReplyAll),
        Some(MessageReplyType::Forward) => Ok(ReplyKind::Forward),
        Some(MessageReplyType::Other(_)) => Err(unknown_word("reply_type")),
    }
}

fn text(text: Option<&String>) -> Option<Box<str>> {
    text.filter(|text| !text.is_empty())
        .map(|text| text.as_str().into())
}
