//! Items, actions and form fields, both ways. What has no canonical member stands in their own extensions.

use conversation::{Action, ActionKind, Field, FieldOption, Item, JsonMap, RawJson};
use serde::Serialize;

use crate::wire::{self, ActionType, Extra, FieldType, Member, Raw};

fn text(member: &Member<String>) -> Option<Box<str>> {
    member.value().map(|text| text.as_str().into())
}

fn member(text: &Option<Box<str>>) -> Member<String> {
    Member::from(text.as_deref().map(str::to_owned))
}

fn map(metadata: &Member<Raw>) -> JsonMap {
    metadata
        .value()
        .and_then(|raw| raw.decode().ok())
        .unwrap_or_default()
}

/// A map as a member: absent where it is empty.
pub(super) fn raw_map(map: &JsonMap) -> Member<Raw> {
    if map.is_empty() {
        Member::Absent
    } else {
        Member::from(Raw::encode(map).ok())
    }
}

/// Puts a member without canonical home under the vendor's name.
fn put<T: Serialize>(extensions: &mut JsonMap, name: &str, value: &Member<T>) {
    if !value.is_absent()
        && let Ok(value) = RawJson::from_serialize(value)
    {
        extensions.insert(name.into(), value);
    }
}

fn put_extra(extensions: &mut JsonMap, extra: &Extra) {
    for (name, value) in extra {
        if let Ok(value) = RawJson::from_serialize(value) {
            extensions.insert(name.clone(), value);
        }
    }
}

/// Takes a member back from under the vendor's name.
fn take<T: serde::de::DeserializeOwned>(extensions: &mut JsonMap, name: &str) -> Member<T> {
    extensions
        .remove(name)
        .and_then(|value| serde_json::from_str(value.get()).ok())
        .unwrap_or_default()
}

fn rest(extensions: JsonMap) -> Extra {
    extensions
        .into_iter()
        .filter_map(|(name, value)| Some((name, Raw::encode(&value).ok()?)))
        .collect()
}

/// An action of the vendor in canonical form.
pub(super) fn action_to_canonical(action: &wire::Action) -> Action {
    let mut extensions = JsonMap::new();
    put(&mut extensions, "size", &action.size);
    put(&mut extensions, "openOnReceive", &action.open_on_receive);
    put(
        &mut extensions,
        "extraChannelOptions",
        &action.extra_channel_options,
    );
    put_extra(&mut extensions, &action.extra);
    Action {
        kind: match &action.kind {
            ActionType::Buy => ActionKind::Buy,
            ActionType::Link => ActionKind::Link,
            ActionType::LocationRequest => ActionKind::LocationRequest,
            ActionType::Postback => ActionKind::Postback,
            ActionType::Reply => ActionKind::Reply,
            ActionType::Webview => ActionKind::Webview,
            ActionType::Other(word) => ActionKind::Other(word.as_str().into()),
        },
        text: text(&action.text).unwrap_or_default(),
        payload: text(&action.payload),
        uri: text(&action.uri),
        fallback: text(&action.fallback),
        icon_url: text(&action.icon_url),
        amount: action.amount.into_value(),
        currency: text(&action.currency),
        default: action.default.into_value().unwrap_or_default(),
        metadata: map(&action.metadata),
        extensions,
    }
}

/// The vendor's object of an action.
pub(super) fn action_from_canonical(action: &Action) -> wire::Action {
    let mut extensions = action.extensions.clone();
    wire::Action {
        kind: match &action.kind {
            ActionKind::Buy => ActionType::Buy,
            ActionKind::Link => ActionType::Link,
            ActionKind::LocationRequest => ActionType::LocationRequest,
            ActionKind::Postback => ActionType::Postback,
            ActionKind::Reply => ActionType::Reply,
            ActionKind::Webview => ActionType::Webview,
            ActionKind::Other(word) => ActionType::Other(String::from(&**word)),
        },
        uri: member(&action.uri),
        text: Member::Value(String::from(&*action.text)),
        amount: Member::from(action.amount),
        currency: member(&action.currency),
        payload: member(&action.payload),
        default: Member::from(Some(true).filter(|_| action.default)),
        metadata: raw_map(&action.metadata),
        extra_channel_options: take(&mut extensions, "extraChannelOptions"),
        size: take(&mut extensions, "size"),
        fallback: member(&action.fallback),
        open_on_receive: take(&mut extensions, "openOnReceive"),
        icon_url: member(&action.icon_url),
        extra: rest(extensions),
    }
}

/// Actions of the vendor in canonical form.
pub(super) fn actions_to_canonical(actions: &[wire::Action]) -> Vec<Action> {
    actions.iter().map(action_to_canonical).collect()
}

/// The vendor's actions; absent where there are none.
pub(super) fn actions_from_canonical(actions: &[Action]) -> Member<Vec<wire::Action>> {
    if actions.is_empty() {
        Member::Absent
    } else {
        Member::Value(actions.iter().map(action_from_canonical).collect())
    }
}

/// An item of the vendor in canonical form.
pub(super) fn item_to_canonical(item: &wire::Item) -> Item {
    let mut extensions = JsonMap::new();
    put_extra(&mut extensions, &item.extra);
    Item {
        title: item.title.as_str().into(),
        description: text(&item.description),
        media_url: text(&item.media_url),
        media_type: text(&item.media_type),
        alt_text: text(&item.alt_text),
        size: text(&item.size),
        actions: item
            .actions
            .value()
            .map(|actions| actions_to_canonical(actions))
            .unwrap_or_default(),
        metadata: map(&item.metadata),
        extensions,
    }
}

/// The vendor's object of an item.
pub(super) fn item_from_canonical(item: &Item) -> wire::Item {
    wire::Item {
        title: String::from(&*item.title),
        description: member(&item.description),
        media_url: member(&item.media_url),
        media_type: member(&item.media_type),
        alt_text: member(&item.alt_text),
        size: member(&item.size),
        actions: actions_from_canonical(&item.actions),
        metadata: raw_map(&item.metadata),
        extra: rest(item.extensions.clone()),
    }
}

fn option_to_canonical(option: &wire::FieldOption) -> FieldOption {
    let label = text(&option.label);
    FieldOption {
        name: text(&option.name)
            .or_else(|| label.clone())
            .unwrap_or_default(),
        label,
    }
}

fn option_from_canonical(option: &FieldOption) -> wire::FieldOption {
    wire::FieldOption {
        name: Member::Value(String::from(&*option.name)),
        label: member(&option.label),
        extra: Extra::new(),
    }
}

fn options_from_canonical(options: &[FieldOption]) -> Member<Vec<wire::FieldOption>> {
    if options.is_empty() {
        Member::Absent
    } else {
        Member::Value(options.iter().map(option_from_canonical).collect())
    }
}

/// A form field of the vendor, or its answer, in canonical form.
pub(super) fn field_to_canonical(field: &wire::FormField) -> Field {
    let mut extensions = JsonMap::new();
    put(&mut extensions, "format", &field.format);
    put(&mut extensions, "quotedMessageId", &field.quoted_message_id);
    put_extra(&mut extensions, &field.extra);
    let options = |options: &Member<Vec<wire::FieldOption>>| {
        options
            .value()
            .map(|options| options.iter().map(option_to_canonical).collect())
            .unwrap_or_default()
    };
    let value = match &field.kind {
        FieldType::Email => text(&field.email).or_else(|| text(&field.text)),
        _ => text(&field.text).or_else(|| text(&field.email)),
    };
    Field {
        name: field.name.as_str().into(),
        label: text(&field.label),
        kind: Some(field.kind.as_str().into()),
        placeholder: text(&field.placeholder),
        min_chars: field.min_size.into_value(),
        max_chars: field.max_size.into_value(),
        options: options(&field.options),
        value,
        chosen: options(&field.select),
        extensions,
    }
}

/// The vendor's object of a form field or answer.
pub(super) fn field_from_canonical(field: &Field) -> wire::FormField {
    let mut extensions = field.extensions.clone();
    let kind = FieldType::from(field.kind.as_deref().unwrap_or("text"));
    let value = member(&field.value);
    let (text, email) = match &kind {
        FieldType::Email => (Member::Absent, value),
        _ => (value, Member::Absent),
    };
    wire::FormField {
        kind,
        name: String::from(&*field.name),
        label: member(&field.label),
        text,
        email,
        select: options_from_canonical(&field.chosen),
        format: take(&mut extensions, "format"),
        placeholder: member(&field.placeholder),
        min_size: Member::from(field.min_chars),
        max_size: Member::from(field.max_chars),
        options: options_from_canonical(&field.options),
        quoted_message_id: take(&mut extensions, "quotedMessageId"),
        extra: rest(extensions),
    }
}
