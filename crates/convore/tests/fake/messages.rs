//! Messages.

use conversation::html_to_text;
use convore::wire::{
    self, ContactHandle, ContactHandleType, Extra, Member, MessageDirection, MessageFormat,
    MessageParticipant, MessageParticipantRole,
};
use serde_json::json;

use super::answer::{Answer, Refusal, page};
use super::data::{Data, spelled};
use super::serve::{Call, check_participants, check_time};
use super::{FakeConvore, FakeOptions};

/// The longest snippet, in characters.
const SNIPPET: usize = 80;

pub(crate) fn list(call: &Call) -> Result<Answer, Refusal> {
    let data = call.server.data();
    let wanted = call.query.get("conversation_id");
    let minimal = call.server.options.lists_are_minimal || call.query.get("format") != Some("full");
    let ids: Vec<String> = match wanted {
        Some(id) => data.messages_of(id).to_vec(),
        None => data.messages.keys().cloned().collect(),
    };
    let items = ids
        .into_iter()
        .filter_map(|id| Some((id.clone(), json!(shown(data.with_files(&id)?, minimal)))))
        .collect();
    page(&call.server.options, &call.query, items)
}

pub(crate) fn get(call: &Call, id: &str) -> Result<Answer, Refusal> {
    let message = call.server.data().with_files(id);
    let message = message.ok_or_else(|| Answer::refused(404, "message"))?;
    Ok(call.ok(&shown(message, call.server.options.reads_are_minimal)))
}

/// As much as is asked for.
fn shown(mut message: wire::Message, minimal: bool) -> wire::Message {
    if minimal {
        message.body = Member::Absent;
        message.text_body = Member::Absent;
        message.raw_body = Member::Absent;
        message.attachments = Member::Absent;
        message.format = MessageFormat::Minimal;
    }
    message
}

/// A message before it has an id.
struct Draft {
    conversation_id: String,
    channel_id: String,
    direction: MessageDirection,
    date: String,
    sender: MessageParticipant,
    recipients: Vec<MessageParticipant>,
    subject: Member<String>,
    body: Member<String>,
    snippet: Member<String>,
    reply_to_message_id: Member<String>,
    reply_type: Member<wire::MessageReplyType>,
}

fn store(call: &Call, data: &mut Data, draft: Draft) -> Answer {
    let options = &call.server.options;
    let body = draft.body.into_value().map(|body| rewritten(options, body));
    let text = body.as_deref().map(html_to_text);
    let id = data.new_id("msg");
    let message = wire::Message {
        id,
        channel_id: draft.channel_id,
        conversation_id: draft.conversation_id,
        reply_to_message_id: draft.reply_to_message_id,
        reply_type: draft.reply_type,
        subject: draft.subject,
        direction: draft.direction,
        date: draft.date,
        sender: draft.sender,
        recipients: draft.recipients,
        snippet: if draft.snippet.is_absent() {
            Member::from(
                text.as_deref()
                    .map(|text| text.chars().take(SNIPPET).collect()),
            )
        } else {
            draft.snippet
        },
        body: Member::from(body.clone()),
        text_body: Member::from(text),
        raw_body: Member::from(body),
        attachments: Member::Value(Vec::new()),
        external_message_id: Member::Absent,
        created_at: data.timestamp(),
        format: MessageFormat::Full,
        extra: Extra::new(),
    };
    data.store(message.clone());
    call.ok(&shown(message, options.writes_are_minimal))
}

/// What a server that cleans HTML makes of it.
fn rewritten(options: &FakeOptions, body: String) -> String {
    if !options.rewrites_bodies {
        return body;
    }
    let body = body.replace("<br>", "<br />").replace('"', "&quot;");
    if body.contains("<p>") {
        format!("<div>{body}</div>")
    } else {
        body
    }
}

fn is_conversation(data: &Data, id: &str) -> Result<(), Refusal> {
    let known = data.conversations.contains_key(id);
    known
        .then_some(())
        .ok_or_else(|| Answer::refused(404, "conversation"))
}

pub(crate) fn import(call: &Call) -> Result<Answer, Refusal> {
    let request: wire::MessageImport = call.json()?;
    check_time(&request.date)?;
    check_participants(std::slice::from_ref(&request.sender))?;
    check_participants(&request.recipients)?;
    let mut data = call.server.data();
    // Without a conversation nobody knows what happens, and so nobody may rely on it.
    let Some(conversation_id) = request.conversation_id.into_value() else {
        return Err(Answer::refused(400, "conversation_id"));
    };
    is_conversation(&data, &conversation_id)?;
    if let Some(id) = request.reply_to_message_id.value()
        && !data.messages.contains_key(id)
    {
        return Err(Answer::refused(400, "reply_to_message_id"));
    }
    let Some(direction) = request.direction.into_value() else {
        return Err(Answer::refused(400, "direction"));
    };
    let channel_id = data.conversations[&conversation_id].channel_id.clone();
    let millis = request.date.parse::<jiff::Timestamp>();
    let millis = millis
        .map_err(|_| Answer::refused(400, "date"))?
        .as_millisecond();
    let answer = store(
        call,
        &mut data,
        Draft {
            conversation_id: conversation_id.clone(),
            channel_id,
            direction,
            date: spelled(millis),
            sender: request.sender,
            recipients: request.recipients,
            subject: request.subject,
            body: request.body,
            snippet: request.snippet,
            reply_to_message_id: request.reply_to_message_id,
            reply_type: request.reply_type,
        },
    );
    if call.server.options.imports_are_news {
        let now = data.timestamp();
        if let Some(row) = data.conversations.get_mut(&conversation_id) {
            row.is_unread = Member::Value(true);
            row.status = wire::ConversationStatus::Open;
            row.last_message_date = Member::Value(now);
        }
    }
    Ok(answer)
}

pub(crate) fn send(call: &Call) -> Result<Answer, Refusal> {
    let request: wire::MessageSend = call.json()?;
    let bare = [&request.to, &request.cc, &request.bcc];
    if request.from.value().is_some() || bare.iter().any(|list| list.value().is_some()) {
        // Nobody knows which of both forms counts, and the structured one is ours.
        return Err(Answer::refused(400, "bare addresses"));
    }
    let mut recipients = request.recipients.into_value().unwrap_or_default();
    check_participants(&recipients)?;
    let mut data = call.server.data();
    let answered = match request.reply_to_message_id.value() {
        Some(id) => {
            let answered = data.messages.get(id).cloned();
            Some(answered.ok_or_else(|| Answer::refused(400, "reply_to_message_id"))?)
        }
        None => None,
    };
    let mut subject = request.subject;
    let conversation_id = match (&answered, request.conversation_id.into_value()) {
        (Some(answered), _) => {
            if recipients.is_empty() {
                recipients = vec![MessageParticipant {
                    role: MessageParticipantRole::To,
                    ..answered.sender.clone()
                }];
            }
            if subject.is_absent() {
                subject = answered.subject.clone();
            }
            answered.conversation_id.clone()
        }
        (None, Some(id)) if !call.server.options.sends_start_conversations => {
            is_conversation(&data, &id)?;
            id
        }
        (None, _) => {
            let id = data.new_id("conv");
            let created_at = data.timestamp();
            data.conversations
                .insert(id.clone(), implicit(&id, &created_at));
            id
        }
    };
    if answered.is_none() && request.channel_id.value().is_none() {
        return Err(Answer::refused(400, "channel_id"));
    }
    if recipients.is_empty() {
        return Err(Answer::refused(400, "recipients"));
    }
    let date = data.timestamp();
    Ok(store(
        call,
        &mut data,
        Draft {
            conversation_id,
            channel_id: FakeConvore::CHANNEL.to_owned(),
            direction: MessageDirection::Outbound,
            date,
            sender: request.sender.into_value().unwrap_or_else(inbox),
            recipients,
            subject,
            body: Member::Value(request.body),
            snippet: Member::Absent,
            reply_to_message_id: request.reply_to_message_id,
            reply_type: request.reply_type,
        },
    ))
}

/// The channel's own address.
fn inbox() -> MessageParticipant {
    MessageParticipant {
        name: Member::Value("Inbox".to_owned()),
        handle: ContactHandle {
            kind: ContactHandleType::Email,
            value: "inbox@channel.example".to_owned(),
            extra: Extra::new(),
        },
        role: MessageParticipantRole::From,
        extra: Extra::new(),
    }
}

/// A conversation that a send has made.
pub(super) fn implicit(id: &str, created_at: &str) -> wire::Conversation {
    wire::Conversation {
        id: id.to_owned(),
        channel_id: FakeConvore::CHANNEL.to_owned(),
        status: wire::ConversationStatus::Open,
        priority: wire::ConversationPriority::NoPriority,
        labels: Vec::new(),
        participants: Vec::new(),
        subject: Member::Absent,
        snippet: Member::Absent,
        is_unread: Member::Value(false),
        last_message_date: Member::Absent,
        external_conversation_id: Member::Absent,
        message_count: Member::Absent,
        draft_count: Member::Absent,
        attachment_count: Member::Absent,
        created_at: created_at.to_owned(),
        extra: Extra::new(),
    }
}

pub(crate) fn update(call: &Call, id: &str) -> Result<Answer, Refusal> {
    let request: wire::MessageUpdate = call.json()?;
    if let Some(date) = request.date.value() {
        check_time(date)?;
    }
    let mut data = call.server.data();
    let options = &call.server.options;
    let Some(message) = data.messages.get_mut(id) else {
        return Err(Answer::refused(404, "message"));
    };
    if let Some(body) = request.body.into_value() {
        let body = rewritten(options, body);
        message.text_body = Member::Value(html_to_text(&body));
        message.raw_body = Member::Value(body.clone());
        message.body = Member::Value(body);
    }
    if request.subject.value().is_some() {
        message.subject = request.subject;
    }
    let message = data
        .with_files(id)
        .ok_or_else(|| Answer::refused(404, "message"))?;
    Ok(call.ok(&shown(message, options.writes_are_minimal)))
}
