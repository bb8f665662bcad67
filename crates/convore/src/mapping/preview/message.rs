//! Fates of a message's fields.

use conversation::{
    AttachmentId, Direction, MessagePatch, MessageStatus, NewMessage, Part, Patch, ReplyKind, Role,
    Side, TextFormat, Time, text_of,
};

use super::super::body::{body_of, parts_of};
use super::{Fates, NO_NUL, held_subject, people};

/// How far a time may lie ahead of our clock before it counts as the future, in microseconds.
const AHEAD_MAX_MICROS: i64 = 5_000_000;

/// Something said now.
pub(super) fn post(sent: &NewMessage, fates: &mut Fates) -> NewMessage {
    let mut new = common(sent, fates);
    let now = "a post is said and stored now";
    for (pointer, given) in [
        ("/status", new.status.take().is_some()),
        ("/sent_at", new.sent_at.take().is_some()),
    ] {
        if given {
            fates.reject(pointer, now);
        }
    }
    new
}

/// Something said elsewhere.
pub(super) fn import(sent: &NewMessage, fates: &mut Fates) -> NewMessage {
    let mut new = common(sent, fates);
    if new
        .status
        .as_ref()
        .is_some_and(|status| *status != MessageStatus::Sent)
    {
        new.status = None;
        fates.reject("/status", "convore keeps no state of delivery");
    }
    new.sent_at = new.sent_at.and_then(|time| sent_at(time, fates));
    new
}

/// A time that is held: between 1970 and now, in milliseconds.
fn sent_at(time: Time, fates: &mut Fates) -> Option<Time> {
    if time.as_micros() < 0 {
        fates.reject("/sent_at", "convore is not known to hold times before 1970");
        return None;
    }
    if time > Time::now().saturating_add_micros(AHEAD_MAX_MICROS) {
        fates.reject(
            "/sent_at",
            "convore is not known to hold times in the future",
        );
        return None;
    }
    if time != time.to_millis() {
        fates.convert("/sent_at", "convore keeps milliseconds");
    }
    Some(time.to_millis())
}

fn common(sent: &NewMessage, fates: &mut Fates) -> NewMessage {
    let mut new = sent.clone();
    let direction = direction(&new, fates);
    let side = match direction {
        Direction::Inbound => Side::Customer,
        _ => Side::Business,
    };
    new.author = people::author(new.author, &side, fates);
    new.recipients = people::recipients(new.recipients, fates);
    new.subject = held_subject("/subject", new.subject, fates);
    new.parts = parts(&new.parts, fates);
    if new.parts.is_empty() {
        fates.nothing_is_left();
    }
    if let Some(reply) = &new.in_reply_to
        && matches!(reply.kind, ReplyKind::Other(_))
    {
        new.in_reply_to = None;
        fates.reject(
            "/in_reply_to/kind",
            "convore knows reply, reply_all and forward only",
        );
    }
    fates.take("/rating", &mut new.rating);
    fates.take("/usage", &mut new.usage);
    fates.take("/model", &mut new.model);
    fates.take("/provider", &mut new.provider);
    fates.take("/finish_reason", &mut new.finish_reason);
    fates.take("/latency_ms", &mut new.latency_ms);
    fates.take("/client_message_id", &mut new.client_message_id);
    fates.take("/edited_at", &mut new.edited_at);
    fates.take_extensions("/extensions", &mut new.extensions);
    fates.take_members("/source", &mut new.source);
    fates.take_members("/metadata", &mut new.metadata);
    new
}

/// Which way it goes; only what is said between customer and business is held.
fn direction(new: &NewMessage, fates: &mut Fates) -> Direction {
    let direction = new.effective_direction();
    if !matches!(new.role, Role::User | Role::Assistant) {
        fates.refuse(
            "/role",
            "convore holds what is said to people and by them; instructions and tool results are never sent there",
        );
    } else if !matches!(direction, Direction::Inbound | Direction::Outbound) {
        fates.refuse("/direction", "convore knows inbound and outbound only");
    } else if direction != new.role.direction() {
        fates.refuse("/direction", "convore derives the role from the direction");
    }
    direction
}

/// The parts as one body gives them back.
fn parts(sent: &[Part], fates: &mut Fates) -> Vec<Part> {
    let mut kept = Vec::with_capacity(sent.len());
    for (index, part) in sent.iter().enumerate() {
        if let Some(part) = self::part(&format!("/parts/{index}"), part, fates) {
            kept.push(part);
        }
    }
    if kept.is_empty() {
        return kept;
    }
    if kept.len() > 1 {
        fates.convert(
            "/parts",
            "convore holds one text: the parts are joined by an empty line",
        );
    }
    parts_of(Some(&body_of(&kept)), None).into_iter().collect()
}

/// The parts of an edit: one text, then the files that the message is to keep, because what is left out is deleted.
/// Whether it has them only the stored message tells. Nothing where no words are left of those that were sent: the old
/// ones would go with them.
fn edited(sent: &[Part], fates: &mut Fates) -> Option<Vec<Part>> {
    let mut said = Vec::new();
    let mut files = Vec::new();
    let mut is_refused = false;
    for (index, part) in sent.iter().enumerate() {
        if stored_file(part).is_some() {
            files.push(part.clone());
            continue;
        }
        match self::part(&format!("/parts/{index}"), part, fates) {
            Some(part) => said.push((index, part)),
            None => is_refused = true,
        }
    }
    if said.is_empty() && (is_refused || files.is_empty()) {
        return None;
    }
    let is_in_order = said
        .iter()
        .enumerate()
        .all(|(place, (index, _))| place == *index);
    if said.len() > 1 || !is_in_order {
        fates.convert(
            "/parts",
            "convore holds one text, and its files after it: texts are joined by an empty line",
        );
    }
    let texts: Vec<Part> = said.into_iter().map(|(_, part)| part).collect();
    let text = (!texts.is_empty()).then(|| parts_of(Some(&body_of(&texts)), None));
    Some(text.flatten().into_iter().chain(files).collect())
}

/// The id of a file that stands nowhere but in a stored message.
pub(crate) fn stored_file(part: &Part) -> Option<&str> {
    match part {
        Part::Image(media) | Part::File(media) | Part::Audio(media) | Part::Video(media)
            if media.url.is_none() =>
        {
            media.attachment_id.as_ref().map(AttachmentId::as_str)
        }
        _ => None,
    }
}

/// A part as it goes into the body; nothing where it is refused.
fn part(pointer: &str, part: &Part, fates: &mut Fates) -> Option<Part> {
    match part {
        Part::Text(text) if text.text.contains('\0') => {
            fates.reject(pointer, NO_NUL);
            return None;
        }
        Part::Text(text) if text.format == TextFormat::Plain => {}
        Part::Text(text) if text.format == TextFormat::Html => {
            fates.convert(pointer, "convore may write the markup in another way");
        }
        Part::Text(_) => fates.convert(
            pointer,
            "convore holds html: markdown stays as it is written",
        ),
        Part::Image(media) | Part::File(media) | Part::Audio(media) | Part::Video(media) => {
            if media.attachment_id.is_some() && media.url.is_none() {
                fates.reject(
                    pointer,
                    "convore takes a file for a stored message only: store the message first, then put the attachment with its message_id",
                );
                return None;
            }
            if text_of(std::slice::from_ref(part)).contains('\0') {
                fates.reject(pointer, NO_NUL);
                return None;
            }
            fates.convert(pointer, "convore holds a link to the media in its text");
        }
        other => {
            let words = text_of(std::slice::from_ref(other));
            if words.is_empty() {
                fates.reject(
                    pointer,
                    "convore holds text only, and this part has no words",
                );
                return None;
            }
            if words.contains('\0') {
                fates.reject(pointer, NO_NUL);
                return None;
            }
            fates.convert(pointer, "convore holds the words of this part in its text");
        }
    }
    Some(part.clone())
}

/// A change of what was said.
pub(super) fn update(patch: &MessagePatch, fates: &mut Fates) -> MessagePatch {
    let mut patch = patch.clone();
    if let Patch::Set(sent) = &patch.parts {
        patch.parts = edited(sent, fates).map_or(Patch::Keep, Patch::Set);
    }
    match &patch.subject {
        Patch::Clear => {
            patch.subject = Patch::Keep;
            fates.reject("/subject", "convore cannot clear a subject");
        }
        Patch::Set(subject) if subject.is_empty() || subject.contains('\0') => {
            fates.reject(
                "/subject",
                if subject.is_empty() {
                    "convore cannot clear a subject"
                } else {
                    NO_NUL
                },
            );
            patch.subject = Patch::Keep;
        }
        Patch::Set(_) | Patch::Keep => {}
    }
    if patch
        .status
        .set()
        .is_some_and(|status| *status != MessageStatus::Sent)
    {
        fates.reject("/status", "convore keeps no state of delivery");
    }
    patch.status = Patch::Keep;
    fates.patch_members("/metadata", &mut patch.metadata);
    fates.patch_extensions("/extensions", &mut patch.extensions);
    patch
}
