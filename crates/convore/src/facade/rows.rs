//! One message as the vendor's client can read it, in full or without its bodies.

use adapterkit::{Extra, Member};
use conversation::{Direction, JsonMap, Message, Part, html_to_text};

use super::answer::Problem;
use super::attachments::INLINE;
use super::ids;
use super::places::Place;
use super::show::{in_known_words, kept, unreadable, without_null};
use crate::mapping::{EXTENSION, body_of, message_from_canonical, parts_of};
use crate::wire::{
    self, MessageDirection, MessageFormat, MessageParticipantRole, MessageReplyType, spelled_time,
};

/// The longest snippet that is made of a text, in characters.
const SNIPPET_MAX_CHARS: usize = 80;

/// A message in full.
pub(super) fn message(
    message: &Message,
    place: &Place,
    followed: Option<String>,
) -> Result<wire::Message, Problem> {
    let spelled = |one| message_from_canonical(one, &place.id, &place.channel_id);
    let mut row = match spelled(message) {
        Ok(row) => row,
        // Anybody may put anything there through other APIs. It is not to spoil a page.
        Err(_) => {
            let mut without = message.clone();
            without.extensions.remove(EXTENSION);
            spelled(&without).map_err(unreadable)?
        }
    };
    row.id = (ids::MESSAGES.spell)(message);
    row.conversation_id.clone_from(&place.id);
    row.channel_id.clone_from(&place.channel_id);
    row.direction = match message.direction {
        Direction::Inbound => MessageDirection::Inbound,
        _ => MessageDirection::Outbound,
    };
    row.date = spelled_time(message.sent_at);
    row.created_at = spelled_time(message.created_at);
    if message.in_reply_to.is_some() {
        let reply_type = match row.reply_type.into_value() {
            Some(MessageReplyType::Other(_)) | None => MessageReplyType::Reply,
            Some(known) => known,
        };
        row.reply_type = Member::from(followed.is_some().then_some(reply_type));
        row.reply_to_message_id = Member::from(followed);
    }
    in_known_words(&mut row.sender);
    row.sender.role = MessageParticipantRole::From;
    row.recipients.iter_mut().for_each(in_known_words);
    without_quotes(&mut row, &message.parts);
    let text = row.text_body.value().cloned().unwrap_or_default();
    row.text_body = Member::Value(text);
    let body = row.body.value().cloned().unwrap_or_default();
    let raw_body = row.raw_body.value().cloned();
    row.raw_body = Member::Value(raw_body.unwrap_or_else(|| body.clone()));
    row.body = Member::Value(body);
    if row.snippet.value().is_none() {
        row.snippet = snippet(&row);
    }
    let mut files = row.attachments.into_value().unwrap_or_default();
    let inline: JsonMap = kept(&message.extensions, INLINE)
        .and_then(|marks| marks.to().ok())
        .unwrap_or_default();
    for file in &mut files {
        file.is_inline |= inline.contains_key(file.id.as_str());
        if let Ok(id) = file.id.parse() {
            file.id = ids::spelled_file(&id);
        }
        file.conversation_id.clone_from(&place.id);
        file.message_id = Member::Value(row.id.clone());
        without_null(&mut file.draft_id);
        without_null(&mut file.content_id);
        file.extra = Extra::new();
    }
    row.attachments = Member::Value(files);
    row.extra = Extra::new();
    row.format = MessageFormat::Full;
    without_null(&mut row.reply_to_message_id);
    without_null(&mut row.reply_type);
    without_null(&mut row.subject);
    without_null(&mut row.external_message_id);
    Ok(row)
}

/// `body` and `text_body` leave out what a message quotes; `raw_body` has everything.
fn without_quotes(row: &mut wire::Message, parts: &[Part]) {
    let is_quote = |part: &&Part| matches!(part, Part::Quote(_));
    if !parts.iter().any(|part| is_quote(&part)) {
        return;
    }
    let own: Vec<Part> = parts
        .iter()
        .filter(|part| !is_quote(part) && ids::file_of(part).is_none())
        .cloned()
        .collect();
    let body = body_of(&own);
    row.text_body = Member::Value(words_of(&body));
    row.body = Member::Value(body);
}

fn words_of(body: &str) -> String {
    match parts_of(Some(body), None) {
        Some(Part::Text(text)) if text.format == conversation::TextFormat::Plain => {
            text.text.into()
        }
        _ => html_to_text(body),
    }
}

/// The beginning of the text, in one line.
fn snippet(row: &wire::Message) -> Member<String> {
    let words = row
        .text_body
        .value()
        .map(String::as_str)
        .unwrap_or_default();
    let mut snippet = String::new();
    for word in words.split_whitespace() {
        if !snippet.is_empty() {
            snippet.push(' ');
        }
        snippet.push_str(word);
        if snippet.chars().count() > SNIPPET_MAX_CHARS {
            break;
        }
    }
    let snippet: String = snippet.chars().take(SNIPPET_MAX_CHARS).collect();
    Member::from(Some(snippet).filter(|snippet| !snippet.is_empty()))
}

/// As much as is asked for.
pub(super) fn in_format(mut row: wire::Message, format: &MessageFormat) -> wire::Message {
    if *format == MessageFormat::Minimal {
        row.body = Member::Absent;
        row.text_body = Member::Absent;
        row.raw_body = Member::Absent;
        row.attachments = Member::Absent;
        row.format = MessageFormat::Minimal;
    }
    row
}
