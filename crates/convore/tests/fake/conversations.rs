//! Conversations.

use convore::wire::{self, Extra, Member};
use serde_json::json;

use super::answer::{Answer, Refusal, page};
use super::data::Data;
use super::serve::{Call, check_participants, check_time};
use super::{FakeConvore, Server};

pub(crate) fn create(call: &Call) -> Result<Answer, Refusal> {
    let request: wire::ConversationCreate = call.json()?;
    if request.channel_id != FakeConvore::CHANNEL {
        return Err(Answer::refused(400, "channel"));
    }
    check_participants(&request.participants)?;
    if let Some(date) = request.last_message_date.value() {
        check_time(date)?;
    }
    let mut data = call.server.data();
    let labels = labels(&mut data, &call.server, &request.label_ids)?;
    let id = data.new_id("conv");
    let row = wire::Conversation {
        id: id.clone(),
        channel_id: request.channel_id,
        status: request
            .status
            .into_value()
            .unwrap_or(wire::ConversationStatus::Open),
        priority: request
            .priority
            .into_value()
            .unwrap_or(wire::ConversationPriority::NoPriority),
        labels,
        participants: request.participants,
        subject: request.subject,
        snippet: request.snippet,
        is_unread: Member::Value(request.is_unread.into_value().unwrap_or(false)),
        last_message_date: request.last_message_date,
        external_conversation_id: Member::Absent,
        message_count: Member::Absent,
        draft_count: Member::Absent,
        attachment_count: Member::Absent,
        created_at: data.timestamp(),
        extra: Extra::new(),
    };
    data.conversations.insert(id.clone(), row);
    show(call, &data, &id)
}

fn show(call: &Call, data: &Data, id: &str) -> Result<Answer, Refusal> {
    let row = data.counted(id, call.server.options.tells_counts);
    row.map(|row| call.ok(&row))
        .ok_or_else(|| Answer::refused(404, "conversation"))
}

/// The labels of these ids, twins included.
fn labels(data: &mut Data, server: &Server, ids: &[String]) -> Result<Vec<wire::Label>, Refusal> {
    let mut labels = Vec::new();
    for id in ids {
        let label = data.labels.get(id).cloned();
        let label = label.ok_or_else(|| Answer::refused(400, "label"))?;
        let twin = format!("{} (mail)", label.name);
        let brings_twin = server.options.labels_have_twins && label.kind == wire::LabelType::Shared;
        labels.push(label);
        if brings_twin {
            let known = data
                .labels
                .values()
                .find(|label| label.name == twin)
                .cloned();
            let kind = wire::LabelType::ChannelPrivate;
            let twin =
                known.unwrap_or_else(|| data.add_label(&twin, kind, Some(FakeConvore::CHANNEL)));
            if !ids.contains(&twin.id) {
                labels.push(twin);
            }
        }
    }
    Ok(labels)
}

pub(crate) fn get(call: &Call, id: &str) -> Result<Answer, Refusal> {
    show(call, &call.server.data(), id)
}

pub(crate) fn list(call: &Call) -> Result<Answer, Refusal> {
    let millis = |text: &str| {
        text.parse::<jiff::Timestamp>()
            .map(jiff::Timestamp::as_millisecond)
            .map_err(|_| Answer::refused(400, "time"))
    };
    let after = |name: &str| call.query.get(name).map(millis).transpose();
    let (created, said) = (
        after("created_at_after")?,
        after("last_message_date_after")?,
    );
    let status = call.query.get("status");
    let has_messages = call.query.get("has_messages").map(|word| word == "true");
    let data = call.server.data();
    let mut items = Vec::new();
    for id in data.conversations.keys() {
        let Some(row) = data.counted(id, call.server.options.tells_counts) else {
            continue;
        };
        let stored = &data.conversations[id];
        let last = stored
            .last_message_date
            .value()
            .map(|text| millis(text))
            .transpose()?;
        let fits = status.is_none_or(|status| row.status.as_str() == status)
            && has_messages.is_none_or(|wanted| data.has_messages(id) == wanted)
            && created.is_none_or(|after| millis(&row.created_at).is_ok_and(|at| at >= after))
            && said.is_none_or(|after| last.is_some_and(|at| at >= after));
        if fits {
            items.push((id.clone(), json!(row)));
        }
    }
    page(&call.server.options, &call.query, items)
}

pub(crate) fn update(call: &Call, id: &str) -> Result<Answer, Refusal> {
    let request: wire::ConversationUpdate = call.json()?;
    if let Some(participants) = request.participants.value() {
        check_participants(participants)?;
    }
    if let Some(date) = request.last_message_date.value() {
        check_time(date)?;
    }
    let mut data = call.server.data();
    if !data.conversations.contains_key(id) {
        return Err(Answer::refused(404, "conversation"));
    }
    let new_labels = match request.label_ids.value() {
        Some(ids) => Some(labels(&mut data, &call.server, ids)?),
        None => None,
    };
    if let Some(row) = data.conversations.get_mut(id) {
        set(&mut row.status, request.status);
        set(&mut row.priority, request.priority);
        set(&mut row.participants, request.participants);
        row.labels = new_labels.unwrap_or_else(|| row.labels.clone());
        set_member(&mut row.subject, request.subject);
        set_member(&mut row.snippet, request.snippet);
        set_member(&mut row.is_unread, request.is_unread);
        set_member(&mut row.last_message_date, request.last_message_date);
    }
    show(call, &data, id)
}

fn set<T>(field: &mut T, sent: Member<T>) {
    if let Some(value) = sent.into_value() {
        *field = value;
    }
}

/// Null is the same as absent: nothing can be cleared.
fn set_member<T>(field: &mut Member<T>, sent: Member<T>) {
    if sent.value().is_some() {
        *field = sent;
    }
}
