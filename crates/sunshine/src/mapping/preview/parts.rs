//! Parts: which together are one content, which become text, which cannot be sent.

use adapterkit::Fates;
use backend::FieldFate;
use conversation::{Field, Media, Part, TextFormat, text_of};

use super::checks::is_text;
use super::fit::{beyond, fits, is_media_url};
use crate::limits::{CONTENT_MAX_BYTES, LABEL_MAX_CHARS, TEXT_MAX_CHARS};
use crate::mapping::content::content_from_parts;

/// Why several parts become text.
const AS_TEXT: &str = "sunshine has no content for this, or it is beyond its limits: sent as text";

/// What is sent of these parts: parts that are one content of the vendor, or one plain text, or nothing: then the
/// vendor has no place for the message.
pub(super) fn held(sent: &[Part], is_user: bool, fates: &mut Fates) -> Vec<Part> {
    let held = sendable(sent, is_user, fates);
    if held.is_empty() {
        fates.nothing_is_left();
    }
    held
}

fn sendable(sent: &[Part], is_user: bool, fates: &mut Fates) -> Vec<Part> {
    // Each part that has words or a content, with its place.
    let mut kept: Vec<(usize, Part)> = Vec::new();
    for (index, part) in sent.iter().enumerate() {
        match refusal(part) {
            Some(detail) => fates.reject(format!("/parts/{index}"), detail),
            None => kept.push((index, part.clone())),
        }
    }
    while !kept.is_empty() {
        let mut changes = Fates::new("sunshine");
        let normal: Vec<Part> = kept
            .iter()
            .map(|(index, part)| normalised(*index, part, &mut changes))
            .collect();
        let normal = captioned(&kept, normal, &mut changes);
        let is_template = matches!(normal.as_slice(), [Part::Template(_)]);
        if fits(&normal) && is_content(&normal) && !(is_template && is_user) {
            for change in changes.into_inner() {
                fates.push(change);
            }
            return normal;
        }
        let before = kept.len();
        kept = with_room(kept, fates);
        if kept.len() == before {
            return as_text(&kept, fates);
        }
        // What is left may be one content.
    }
    Vec::new()
}

/// Whether these parts are one content, and no larger than a request can be.
fn is_content(parts: &[Part]) -> bool {
    content_from_parts(parts)
        .and_then(|content| serde_json::to_vec(&content).ok())
        .is_some_and(|bytes| bytes.len() <= CONTENT_MAX_BYTES)
}

/// Why a part cannot be sent in any form.
fn refusal(part: &Part) -> Option<&'static str> {
    let media = |media: &Media| {
        if media.attachment_id.is_some() && media.url.is_none() {
            return Some("sunshine's attachments are named by their url");
        }
        None
    };
    match part {
        Part::Image(image) | Part::File(image) | Part::Audio(image) | Part::Video(image) => {
            media(image)
        }
        Part::FormResponse(_) => Some("sunshine takes no answers to forms through its api"),
        Part::ToolCall(_) | Part::Reasoning(_) => {
            Some("sunshine has no place for what an assistant does not say")
        }
        Part::Activity(_) => Some("activity is told, not posted"),
        Part::Unknown(_) => Some("sunshine does not know this part"),
        _ => None,
    }
}

/// The part in the vendor's form.
fn normalised(index: usize, part: &Part, changes: &mut Fates) -> Part {
    let at = |member: &str| format!("/parts/{index}/{member}");
    match part {
        Part::Text(text) if text.format == TextFormat::Markdown => {
            changes.convert(
                format!("/parts/{index}"),
                "sunshine takes markdown and gives it back as html",
            );
            part.clone()
        }
        Part::Image(media) => Part::Image(plain_media(index, media, changes)),
        Part::File(media) => Part::File(plain_media(index, media, changes)),
        Part::Audio(media) | Part::Video(media) => {
            changes.convert(
                format!("/parts/{index}"),
                "sunshine has no sound and no video: sent as a file",
            );
            Part::File(plain_media(index, media, changes))
        }
        Part::Form(fields) => {
            let plain = |(place, field): (usize, &Field)| {
                plain_field(&at(&format!("fields/{place}")), field, changes)
            };
            Part::Form(fields.iter().enumerate().map(plain).collect())
        }
        Part::Template(template) if template.text.is_some() => {
            changes.convert(
                at("text"),
                "the channel makes the text of a template itself",
            );
            let mut template = template.clone();
            template.text = None;
            Part::Template(template)
        }
        _ => part.clone(),
    }
}

/// A medium without what the vendor finds out itself.
fn plain_media(index: usize, media: &Media, changes: &mut Fates) -> Media {
    let mut media = media.clone();
    let at = |member: &str| format!("/parts/{index}/{member}");
    if media.attachment_id.take().is_some() {
        changes.convert(
            at("attachment_id"),
            "sunshine names attachments by their url",
        );
    }
    for (member, words) in [
        ("alt_text", &mut media.alt_text),
        ("caption", &mut media.caption),
    ] {
        if words.as_deref() == Some("") {
            *words = None;
            changes.convert(at(member), "an empty text counts as none");
        }
    }
    if media.media_type.take().is_some() {
        changes.convert(at("media_type"), "sunshine finds out the type itself");
    }
    if media.size.take().is_some() {
        changes.convert(at("size"), "sunshine finds out the size itself");
    }
    if let Some(name) = media.name.take() {
        if media.alt_text.is_none() && is_text(&name, LABEL_MAX_CHARS) {
            media.alt_text = Some(name);
            changes.convert(at("name"), "sent as the alternative text");
        } else {
            changes.convert(at("name"), "sunshine takes the name from the url");
        }
    }
    media
}

/// A question with what the vendor requires.
fn plain_field(pointer: &str, field: &Field, changes: &mut Fates) -> Field {
    let mut field = field.clone();
    if field.kind.is_none() {
        field.kind = Some("text".into());
        changes.convert(
            format!("{pointer}/type"),
            "a question without type is a text",
        );
    }
    if field.label.is_none() {
        field.label = Some(field.name.clone());
        changes.convert(
            format!("{pointer}/label"),
            "a question without label shows its name",
        );
    }
    if field.kind.as_deref() != Some("text") {
        for (member, size) in [
            ("min_chars", &mut field.min_chars),
            ("max_chars", &mut field.max_chars),
        ] {
            if size.take().is_some() {
                changes.convert(
                    format!("{pointer}/{member}"),
                    "only questions of type `text` have a length: left out",
                );
            }
        }
    }
    for (index, option) in field.options.iter_mut().enumerate() {
        if option.label.is_none() {
            option.label = Some(option.name.clone());
            changes.convert(
                format!("{pointer}/options/{index}/label"),
                "an option without label shows its name",
            );
        }
    }
    field
}

/// A plain text before a picture or file becomes its caption.
fn captioned(kept: &[(usize, Part)], normal: Vec<Part>, changes: &mut Fates) -> Vec<Part> {
    let [
        Part::Text(text),
        Part::Image(media) | Part::File(media),
        rest @ ..,
    ] = normal.as_slice()
    else {
        return normal;
    };
    if text.format != TextFormat::Plain || media.caption.is_some() || !is_media_url(media) {
        return normal;
    }
    changes.convert(
        format!("/parts/{}", kept[0].0),
        "sent as the caption of what follows",
    );
    changes.convert(
        format!("/parts/{}", kept[1].0),
        "sent with the text before it as its caption",
    );
    let media = Media {
        caption: Some(text.text.clone()),
        ..media.clone()
    };
    let media = match &normal[1] {
        Part::Image(_) => Part::Image(media),
        _ => Part::File(media),
    };
    [&[media], rest].concat()
}

/// The parts that have words, as many as there is room for in one text. The others are rejected by their places.
fn with_room(kept: Vec<(usize, Part)>, fates: &mut Fates) -> Vec<(usize, Part)> {
    let mut fitting: Vec<(usize, Part)> = Vec::new();
    let mut parts: Vec<Part> = Vec::new();
    for (index, part) in kept {
        let pointer = format!("/parts/{index}");
        let words = text_of(std::slice::from_ref(&part));
        if words.contains('\0') {
            fates.reject(pointer, "sunshine takes no character NUL");
            continue;
        }
        if words.is_empty() {
            fates.reject(pointer, "sunshine takes no empty text");
            continue;
        }
        parts.push(part.clone());
        let characters = text_of(&parts).chars().count();
        if characters > TEXT_MAX_CHARS {
            parts.pop();
            let detail = "sunshine's texts have at most 4,096 characters, those of the parts before it included";
            let (limit, value) = (TEXT_MAX_CHARS as u64, characters as u64);
            fates.reject_beyond(pointer, detail, limit, Some(value));
            continue;
        }
        fitting.push((index, part));
    }
    fitting
}

fn as_text(kept: &[(usize, Part)], fates: &mut Fates) -> Vec<Part> {
    for (index, part) in kept {
        let mut fate = FieldFate::converted(format!("/parts/{index}"), AS_TEXT);
        if let Some((limit, value)) = beyond(part) {
            fate = fate.exceeds(limit as u64, Some(value as u64));
        }
        fates.push(fate);
    }
    let parts: Vec<Part> = kept.iter().map(|(_, part)| part.clone()).collect();
    vec![Part::text(text_of(&parts))]
}
