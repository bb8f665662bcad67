//! An honest backend that holds little: what it refuses, and how it says so.

use backend::{Capabilities, Fate, FieldFate, Level, Projection, Write};
use conversation::{ConversationPatch, NewConversation, NewMessage, Part, Patch};

/// The longest title, in characters.
const TITLE_MAX_CHARS: usize = 100;
/// The longest text, in characters.
const TEXT_MAX_CHARS: usize = 1_000;

/// `capabilities`, less what is refused here.
pub(crate) fn capabilities(capabilities: Capabilities) -> Capabilities {
    let mut less = Capabilities {
        conversation_labels: Level::Rejected,
        conversation_assistant: Level::None,
        message_metadata: Level::Rejected,
        message_usage: Level::None,
        part_image: Level::Rejected,
        part_unknown: Level::None,
        text_nul: Level::Rejected,
        attachment_open: Level::None,
        ..capabilities
    };
    less.limits.title_max_chars = Some(TITLE_MAX_CHARS as u64);
    less.limits.text_max_chars = Some(TEXT_MAX_CHARS as u64);
    less
}

/// What is left of a write, and why.
pub(crate) fn preview(write: &Write) -> Projection {
    let mut projection = Projection::exact(write.clone());
    let fates = &mut projection.fates;
    match &mut projection.write {
        Write::CreateConversation(new) => conversation(new, fates),
        Write::UpdateConversation(patch) => conversation_patch(patch, fates),
        Write::PostMessage(new) | Write::ImportMessage(new) => message(new, "", fates),
        Write::Respond(request) => {
            if let Some(input) = &mut request.input {
                message(input, "/input", fates);
            }
        }
        _ => {}
    }
    projection
}

fn conversation(new: &mut NewConversation, fates: &mut Vec<FieldFate>) {
    if !std::mem::take(&mut new.labels).is_empty() {
        fates.push(FieldFate::rejected("/labels", "there are no labels here"));
    }
    if new.assistant.take().is_some() {
        fates.push(FieldFate::rejected(
            "/assistant",
            "there is no assistant here",
        ));
    }
    if let Some(title) = &mut new.title {
        cut(title, TITLE_MAX_CHARS, "/title", fates);
    }
}

fn conversation_patch(patch: &mut ConversationPatch, fates: &mut Vec<FieldFate>) {
    if !std::mem::take(&mut patch.labels).is_keep() {
        fates.push(FieldFate::rejected("/labels", "there are no labels here"));
    }
    if !std::mem::take(&mut patch.assistant).is_keep() {
        fates.push(FieldFate::rejected(
            "/assistant",
            "there is no assistant here",
        ));
    }
    if let Patch::Set(title) = &mut patch.title {
        cut(title, TITLE_MAX_CHARS, "/title", fates);
    }
}

fn message(new: &mut NewMessage, at: &str, fates: &mut Vec<FieldFate>) {
    if !std::mem::take(&mut new.metadata).is_empty() {
        fates.push(FieldFate::rejected(
            format!("{at}/metadata"),
            "messages have no metadata here",
        ));
    }
    if new.usage.take().is_some() {
        fates.push(FieldFate::rejected(
            format!("{at}/usage"),
            "nothing is counted here",
        ));
    }
    for (index, part) in new.parts.iter_mut().enumerate() {
        let pointer = format!("{at}/parts/{index}");
        match part {
            Part::Image(_) | Part::Unknown(_) => {
                fates.push(FieldFate::rejected(pointer, "no such part here"));
            }
            Part::Text(text) => {
                if text.text.contains('\0') {
                    fates.push(FieldFate::converted(
                        format!("{pointer}/text"),
                        "NUL becomes a space",
                    ));
                    text.text = text.text.replace('\0', " ").into();
                }
                cut(
                    &mut text.text,
                    TEXT_MAX_CHARS,
                    &format!("{pointer}/text"),
                    fates,
                );
            }
            _ => {}
        }
    }
    new.parts
        .retain(|part| !matches!(part, Part::Image(_) | Part::Unknown(_)));
}

fn cut(text: &mut Box<str>, max: usize, pointer: &str, fates: &mut Vec<FieldFate>) {
    if text.chars().count() > max {
        *text = text.chars().take(max).collect::<String>().into();
        let fate = FieldFate {
            fate: Fate::Converted,
            ..FieldFate::rejected(pointer, "cut at the limit")
        };
        fates.push(fate.exceeds(max as u64, None));
    }
}
