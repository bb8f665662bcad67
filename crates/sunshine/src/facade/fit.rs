//! Contents that this vendor can show: what other backends or other programs left in them beyond its description is cut
//! for the view, and where nothing is left that the description takes, the words are told as a text.

use super::checks;
use super::contents::is_whole_action;
use super::finish::{cut, file_name, type_of};
use super::show::flat;
use crate::limits::{
    ANSWER_MAX_CHARS, FIELDS_MAX, ITEM_ACTIONS_MAX, ITEMS_MAX, LABEL_MAX_CHARS, LIST_ACTIONS_MAX,
    OPTIONS_MAX, TEXT_MAX_CHARS,
};
use crate::wire::{
    Action, CarouselMessage, Content, FieldOption, FieldType, FormField, FormMessage,
    FormResponseMessage, Item, ListMessage, Member, Raw, TextMessage,
};

/// The usual lengths of an answer to a field.
const ANSWER_CHARS: (u64, u64) = (1, 128);
/// The longest answer to a field in words, in characters.
const TEXT_ANSWER_MAX_CHARS: usize = 256;
/// The longest answer to a field for a mail address, in characters.
const MAIL_MAX_CHARS: usize = 128;

/// A text in place of a content.
pub(super) fn as_text(words: &str) -> Content {
    Content::Text(TextMessage::plain(cut(words, TEXT_MAX_CHARS)))
}

/// A member, where it is one of these words.
pub(super) fn one_of(member: &mut Member<String>, words: &[&str]) {
    if member
        .value()
        .is_none_or(|word| !words.contains(&word.as_str()))
    {
        *member = Member::Absent;
    }
}

/// A text of 1 to 128 characters; absent where there is none.
pub(super) fn label(member: &mut Member<String>) {
    text(member, LABEL_MAX_CHARS);
}

fn metadata(member: &mut Member<Raw>) {
    let map = member.value().and_then(|raw| raw.decode().ok());
    let shown = map.map(|map| flat(&map)).filter(|map| !map.is_empty());
    *member = Member::from(shown.and_then(|map| Raw::encode(&map).ok()));
}

/// Whole actions only, at most so many; absent where none is left.
pub(super) fn actions(member: &mut Member<Vec<Action>>, most: usize, is_of_items: bool) {
    let mut actions = std::mem::take(member).into_value().unwrap_or_default();
    actions.retain(|action| is_whole_action(action, is_of_items));
    actions.truncate(most);
    for action in &mut actions {
        one_of(&mut action.size, &["compact", "tall", "full"]);
        metadata(&mut action.metadata);
        if is_of_items {
            action.icon_url = Member::Absent;
        }
        if let Some(url) = action.icon_url.value()
            && !checks::is_url(url)
        {
            action.icon_url = Member::Absent;
        }
    }
    *member = Member::from(Some(actions).filter(|actions| !actions.is_empty()));
}

fn items(items: &mut Vec<Item>) {
    items.truncate(ITEMS_MAX);
    for item in items {
        item.title = cut(&item.title, LABEL_MAX_CHARS);
        label(&mut item.description);
        label(&mut item.alt_text);
        label(&mut item.media_type);
        one_of(&mut item.size, &["compact", "large"]);
        metadata(&mut item.metadata);
        actions(&mut item.actions, ITEM_ACTIONS_MAX, true);
        let url = item.media_url.value().filter(|url| checks::is_url(url));
        match (url, item.media_type.value()) {
            (Some(url), None) => {
                item.media_type = Member::Value(type_of(&file_name(url)).to_owned());
            }
            (Some(_), Some(_)) => {}
            (None, _) => {
                item.media_url = Member::Absent;
                item.media_type = Member::Absent;
            }
        }
    }
}

/// Whether each item has what the vendor requires of one.
fn are_whole(items: &[Item]) -> bool {
    !items.is_empty()
        && items
            .iter()
            .all(|item| !item.title.is_empty() && item.actions.value().is_some())
}

pub(super) fn carousel(mut content: CarouselMessage) -> Content {
    let words = fallback(&content.items, &[]);
    items(&mut content.items);
    if !are_whole(&content.items) {
        return as_text(&words);
    }
    if let Member::Value(settings) = &mut content.display_settings {
        one_of(&mut settings.image_aspect_ratio, &["horizontal", "square"]);
    }
    content.text = Member::Value(words);
    Content::Carousel(content)
}

pub(super) fn list(mut content: ListMessage) -> Content {
    let all = content.actions.value().map_or(&[][..], Vec::as_slice);
    let words = fallback(&content.items, all);
    items(&mut content.items);
    actions(&mut content.actions, LIST_ACTIONS_MAX, true);
    if !are_whole(&content.items) {
        return as_text(&words);
    }
    content.text = Member::Value(words);
    Content::List(content)
}

/// What channels without carousels and lists show.
fn fallback(items: &[Item], actions: &[Action]) -> String {
    let mut lines = Vec::new();
    for item in items {
        lines.push(item.title.clone());
        lines.extend(item.description.value().cloned());
        lines.extend(item.actions.value().into_iter().flatten().map(pressed));
    }
    lines.extend(actions.iter().map(pressed));
    lines.retain(|line| !line.is_empty());
    cut(&lines.join("\n"), TEXT_MAX_CHARS)
}

fn pressed(action: &Action) -> String {
    let words = action.text.value().cloned().unwrap_or_default();
    match action.uri.value() {
        Some(uri) => format!("{words} {uri}"),
        None => words,
    }
}

pub(super) fn form(mut content: FormMessage) -> Content {
    let mut words: Vec<String> = content.text.value().cloned().into_iter().collect();
    words.extend(content.fields.iter().map(line));
    fields(&mut content.fields, true);
    if content.fields.is_empty() {
        return as_text(&words.join("\n"));
    }
    text(&mut content.text, TEXT_MAX_CHARS);
    content.submitted = Member::Value(content.submitted.into_value().unwrap_or(false));
    Content::Form(content)
}

pub(super) fn form_response(mut content: FormResponseMessage) -> Content {
    let lines: Vec<String> = content.fields.iter().map(line).collect();
    let words = content.text_fallback.into_value();
    let words = words.unwrap_or_else(|| lines.join("\n"));
    fields(&mut content.fields, false);
    if content.fields.is_empty() {
        return as_text(&words);
    }
    content.text_fallback = Member::Value(words);
    Content::FormResponse(content)
}

/// Fields of the three known kinds, each under a name of its own.
fn fields(fields: &mut Vec<FormField>, asks: bool) {
    let mut names: Vec<String> = Vec::new();
    fields.retain_mut(|field| {
        field.name = cut(&field.name, LABEL_MAX_CHARS);
        options(&mut field.options);
        options(&mut field.select);
        let is_known = match field.kind {
            FieldType::Text | FieldType::Email => true,
            FieldType::Select => !asks || field.options.value().is_some(),
            FieldType::Other(_) => false,
        };
        let is_new = !names.contains(&field.name);
        names.push(field.name.clone());
        is_known && is_new && !field.name.is_empty()
    });
    fields.truncate(FIELDS_MAX);
    for field in fields {
        label(&mut field.label);
        if field.label.value().is_none() {
            field.label = Member::Value(field.name.clone());
        }
        one_of(&mut field.format, &["integer", "decimal"]);
        text(&mut field.text, TEXT_ANSWER_MAX_CHARS);
        text(&mut field.email, MAIL_MAX_CHARS);
        if asks {
            label(&mut field.placeholder);
            size(&mut field.min_size, &field.kind, ANSWER_CHARS.0);
            size(&mut field.max_size, &field.kind, ANSWER_CHARS.1);
        } else {
            field.placeholder = Member::Absent;
            field.options = Member::Absent;
            field.min_size = Member::Absent;
            field.max_size = Member::Absent;
        }
    }
}

fn size(member: &mut Member<u64>, kind: &FieldType, usual: u64) {
    let sent = member
        .into_value()
        .map(|size| size.clamp(1, ANSWER_MAX_CHARS));
    *member = Member::from(sent.or((*kind == FieldType::Text).then_some(usual)));
}

/// A text of 1 to `most` characters; absent where there is none.
pub(super) fn text(member: &mut Member<String>, most: usize) {
    *member = match std::mem::take(member).into_value() {
        Some(text) if !text.is_empty() => Member::Value(cut(&text, most)),
        _ => Member::Absent,
    };
}

fn options(member: &mut Member<Vec<FieldOption>>) {
    let mut options = std::mem::take(member).into_value().unwrap_or_default();
    for option in &mut options {
        label(&mut option.name);
        label(&mut option.label);
    }
    options.retain(|option| option.name.value().is_some());
    options.truncate(OPTIONS_MAX);
    *member = Member::from(Some(options).filter(|options| !options.is_empty()));
}

/// A field and its answer in words.
fn line(field: &FormField) -> String {
    let label = field.label.value().unwrap_or(&field.name);
    let chosen = field.select.value().into_iter().flatten();
    let chosen: Vec<&str> = chosen
        .filter_map(|option| option.label.value().or(option.name.value()))
        .map(String::as_str)
        .collect();
    let answer = field
        .text
        .value()
        .or(field.email.value())
        .cloned()
        .unwrap_or_else(|| chosen.join(", "));
    if answer.is_empty() {
        return label.clone();
    }
    format!("{label}: {answer}")
}
