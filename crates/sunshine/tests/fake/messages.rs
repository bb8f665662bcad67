//! Messages: `…/conversations/{conversationId}/messages`. There is no read of one message and no change.

use sunshine::wire::{
    self, AuthorSubtype, AuthorType, Content, ConversationType, Extra, Member, TextMessage,
};

use super::answer::{Answer, Refusal};
use super::content;
use super::conversations::merged_metadata;
use super::data::Data;
use super::page::{self, Travel};
use super::participants::{author, position};
use super::serve::Call;

pub(crate) fn post(call: &Call, id: &str) -> Result<Answer, Refusal> {
    let request: wire::MessagePost = call.decode()?;
    let options = &call.server.options;
    let mut data = call.server.data();
    let stored = data.conversations.get(id).ok_or(Refusal::NO_CONVERSATION)?;
    if stored.messages.len() >= options.messages_max {
        return Err(Refusal::LOCKED);
    }
    let personal = stored.row.kind == Member::Value(ConversationType::Personal);
    let business = request.author.kind == AuthorType::Business;
    if request.destination.value().is_some() && !(personal && business) {
        return Err(Refusal::bad_request(
            "A destination is for business messages in personal conversations",
        ));
    }
    let metadata = merged_metadata(&Member::Absent, &request.metadata, true)?;
    let author = shown_author(&data, id, request.author)?;
    let mut content = content::processed(&data, &call.origin, request.content)?;
    let by_ai = author
        .subtypes
        .value()
        .is_some_and(|subtypes| subtypes.contains(&AuthorSubtype::Ai));
    if let (Some(disclaimer), Content::Text(text), true) =
        (options.ai_disclaimer, &mut content, by_ai)
    {
        let said = text.text.value().cloned().unwrap_or_default();
        text.text = Member::Value(format!("{said}\n\n{disclaimer}"));
    }
    let (message_id, now) = (data.new_id(), data.now());
    let message = wire::Message {
        id: Member::Value(message_id),
        received: Member::Value(now.clone()),
        author: Member::Value(author),
        activity: Member::Absent,
        content: Member::Value(content),
        source: Member::Value(source()),
        quoted_message: Member::Absent,
        metadata,
        deleted: Member::Absent,
        references: Member::Absent,
        extra: Extra::new(),
    };
    let stored = data.conversations.get_mut(id).expect("just found");
    for participant in &mut stored.participants {
        let author = message
            .author
            .value()
            .and_then(|author| author.user_id.value());
        if participant.user_id.value() != author {
            let unread = participant.unread_count.into_value().unwrap_or_default();
            participant.unread_count = Member::Value(unread + 1);
        }
    }
    stored.row.last_updated_at = Member::Value(now);
    let messages = expanded(&mut data, message);
    let stored = data.conversations.get_mut(id).expect("just found");
    stored.messages.extend(messages.iter().cloned());
    let answer = wire::MessagePostResponse {
        messages,
        extra: Extra::new(),
    };
    Ok(Answer::json(201, &answer))
}

/// A text with the shorthand for a template becomes the text before it and the template.
fn expanded(data: &mut Data, message: wire::Message) -> Vec<wire::Message> {
    let said = match message.content.value() {
        Some(Content::Text(text)) => text.text.value().cloned().unwrap_or_default(),
        _ => return vec![message],
    };
    let Some((lead, _)) = said.split_once("%((template:") else {
        return vec![message];
    };
    let says = |text: &str| Member::Value(Content::Text(TextMessage::plain(text.to_owned())));
    let template = wire::Message {
        id: Member::Value(data.new_id()),
        content: says("what the template says"),
        ..message.clone()
    };
    if lead.is_empty() {
        return vec![template];
    }
    let lead = wire::Message {
        content: says(lead.trim_end()),
        ..message
    };
    vec![lead, template]
}

/// The author as answers show it: a user by id and name, never by the caller's own id.
fn shown_author(data: &Data, id: &str, sent: wire::Author) -> Result<wire::Author, Refusal> {
    let mut shown = sent.clone();
    shown.user_external_id = Member::Absent;
    shown.brand_id = Member::Absent;
    if sent.kind == AuthorType::Business {
        return Ok(shown);
    }
    let user_id = author(data, &sent)?;
    if position(&data.conversations[id], &user_id).is_none() {
        return Err(Refusal::bad_request("The author is not a participant"));
    }
    if shown.display_name.value().is_none() {
        let profile = data.users[&user_id].profile.value();
        let names = profile.map(|profile| {
            let names = [profile.given_name.value(), profile.surname.value()];
            names
                .into_iter()
                .flatten()
                .cloned()
                .collect::<Vec<_>>()
                .join(" ")
        });
        shown.display_name = names.filter(|name| !name.is_empty()).into();
    }
    shown.user_id = Member::Value(user_id);
    Ok(shown)
}

/// What every message posted through the API has as its source.
fn source() -> wire::Source {
    wire::Source {
        kind: "api:conversations".to_owned(),
        integration_id: Member::Absent,
        original_message_id: Member::Absent,
        original_message_timestamp: Member::Absent,
        client: Member::Absent,
        device: Member::Absent,
        extra: Extra::new(),
    }
}

/// Backwards, a fixed number a page whatever `page[size]` says.
pub(crate) fn list(call: &Call, id: &str) -> Result<Answer, Refusal> {
    let data = call.server.data();
    let stored = data.conversations.get(id).ok_or(Refusal::NOT_FOUND)?;
    let records: Vec<(String, wire::Message)> = stored
        .messages
        .iter()
        .map(|message| {
            let id = message.id.value().expect("an id").clone();
            (id, message.clone())
        })
        .collect();
    let options = &call.server.options;
    let mut page = page::cut(call, &records, options.messages_per_page, Travel::Backwards)?;
    if options.newest_first {
        page.records.reverse();
    }
    let answer = wire::MessageListResponse {
        messages: page.records,
        meta: page.meta,
        links: page.links,
        extra: Extra::new(),
    };
    Ok(Answer::json(200, &answer))
}

pub(crate) fn delete_all(call: &Call, id: &str) -> Result<Answer, Refusal> {
    let mut data = call.server.data();
    let stored = data
        .conversations
        .get_mut(id)
        .ok_or(Refusal::NO_CONVERSATION)?;
    let gone = std::mem::take(&mut stored.messages);
    for message in &gone {
        content::remove_attachment(&mut data, message);
    }
    Ok(Answer::empty_object())
}

/// The documented code for an unknown message is that of an unknown conversation.
pub(crate) fn delete(call: &Call, id: &str, message_id: &str) -> Result<Answer, Refusal> {
    let mut data = call.server.data();
    let stored = data
        .conversations
        .get_mut(id)
        .ok_or(Refusal::NO_CONVERSATION)?;
    let place = stored.messages.iter().position(|message| {
        message.id.value().is_some_and(|id| id == message_id)
            && message.deleted != Member::Value(true)
    });
    let place = place.ok_or(Refusal::NO_CONVERSATION)?;
    let message = if call.server.options.deleted_placeholders {
        let message = &mut stored.messages[place];
        let whole = message.clone();
        message.deleted = Member::Value(true);
        message.metadata = Member::Absent;
        message.content = Member::Value(Content::Text(wire::TextMessage::plain(String::new())));
        whole
    } else {
        stored.messages.remove(place)
    };
    content::remove_attachment(&mut data, &message);
    Ok(Answer::empty_object())
}
