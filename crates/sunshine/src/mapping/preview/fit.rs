//! Whether parts keep the bounds of the content that they would be: beyond them the vendor refuses, so they become text.

use std::collections::BTreeSet;

use conversation::{Action, ActionKind, Field, Item, JsonMap, Media, Part, RawJson};

use super::checks::{is_scalar, is_text, is_url};
use crate::limits::{
    ANSWER_MAX_CHARS, FIELDS_MAX, ITEM_ACTIONS_MAX, ITEMS_MAX, LABEL_MAX_CHARS, LIST_ACTIONS_MAX,
    METADATA_MAX_BYTES, OPTIONS_MAX, TEXT_MAX_CHARS, URL_MAX_CHARS,
};

/// The longest URL of a medium or action, in characters. The vendor names none; the whole body has one.
const ANY_URL: usize = usize::MAX;
/// What a webview holds beside its canonical members.
const WEBVIEW_OPTIONS: [&str; 3] = ["size", "openOnReceive", "extraChannelOptions"];

/// Whether every part keeps the vendor's bounds.
pub(super) fn fits(parts: &[Part]) -> bool {
    parts.iter().enumerate().all(|(index, part)| match part {
        Part::Text(text) => is_text(&text.text, TEXT_MAX_CHARS),
        Part::Image(media) | Part::File(media) => {
            is_media_url(media)
                && fits_optional(media.alt_text.as_deref(), LABEL_MAX_CHARS)
                && fits_optional(media.caption.as_deref(), TEXT_MAX_CHARS)
        }
        Part::Location(location) => {
            fits_optional(location.name.as_deref(), TEXT_MAX_CHARS)
                && fits_optional(location.address.as_deref(), TEXT_MAX_CHARS)
        }
        Part::Carousel(items) | Part::List(items) => {
            (1..=ITEMS_MAX).contains(&items.len()) && items.iter().all(fits_item)
        }
        Part::Form(fields) => {
            let names: BTreeSet<&str> = fields.iter().map(|field| &*field.name).collect();
            (1..=FIELDS_MAX).contains(&fields.len())
                && names.len() == fields.len()
                && fields.iter().all(fits_field)
        }
        Part::Actions(actions) => {
            let of_list = index > 0 && matches!(parts[index - 1], Part::List(_));
            let most = if of_list {
                LIST_ACTIONS_MAX
            } else {
                usize::MAX
            };
            !actions.is_empty()
                && actions.len() <= most
                && actions.iter().all(|action| fits_action(action, of_list))
        }
        Part::Template(template) => !template.name.is_empty(),
        _ => false,
    })
}

/// The first bound that a part crosses, and by what, where it is a number.
pub(super) fn beyond(part: &Part) -> Option<(usize, usize)> {
    match part {
        Part::Image(media) | Part::File(media) => long(media.alt_text.as_deref(), LABEL_MAX_CHARS)
            .or_else(|| long(media.caption.as_deref(), TEXT_MAX_CHARS)),
        Part::Carousel(items) | Part::List(items) => many(items.len(), ITEMS_MAX).or_else(|| {
            items.iter().find_map(|item| {
                many(item.actions.len(), ITEM_ACTIONS_MAX)
                    .or_else(|| long(Some(&item.title), LABEL_MAX_CHARS))
                    .or_else(|| long(item.description.as_deref(), LABEL_MAX_CHARS))
                    .or_else(|| long(item.alt_text.as_deref(), LABEL_MAX_CHARS))
            })
        }),
        Part::Form(fields) => many(fields.len(), FIELDS_MAX).or_else(|| {
            fields.iter().find_map(|field| {
                many(field.options.len(), OPTIONS_MAX)
                    .or_else(|| long(Some(&field.name), LABEL_MAX_CHARS))
                    .or_else(|| long(field.label.as_deref(), LABEL_MAX_CHARS))
                    .or_else(|| long(field.placeholder.as_deref(), LABEL_MAX_CHARS))
            })
        }),
        _ => None,
    }
}

fn many(count: usize, limit: usize) -> Option<(usize, usize)> {
    (count > limit).then_some((limit, count))
}

fn long(text: Option<&str>, limit: usize) -> Option<(usize, usize)> {
    many(text.unwrap_or_default().chars().count(), limit)
}

/// Whether a medium is where the vendor can fetch it.
pub(super) fn is_media_url(media: &Media) -> bool {
    media.url.as_deref().is_some_and(|url| is_url(url, ANY_URL))
}

fn fits_optional(text: Option<&str>, limit: usize) -> bool {
    text.is_none_or(|text| is_text(text, limit))
}

fn is_flat(metadata: &JsonMap) -> bool {
    metadata.values().all(is_scalar)
        && serde_json::to_vec(metadata).is_ok_and(|bytes| bytes.len() <= METADATA_MAX_BYTES)
}

fn fits_item(item: &Item) -> bool {
    is_text(&item.title, LABEL_MAX_CHARS)
        && fits_optional(item.description.as_deref(), LABEL_MAX_CHARS)
        && item
            .media_url
            .as_deref()
            .is_none_or(|url| is_url(url, URL_MAX_CHARS))
        && fits_optional(item.media_type.as_deref(), LABEL_MAX_CHARS)
        && fits_optional(item.alt_text.as_deref(), LABEL_MAX_CHARS)
        && item
            .size
            .as_deref()
            .is_none_or(|size| matches!(size, "compact" | "large"))
        && (1..=ITEM_ACTIONS_MAX).contains(&item.actions.len())
        && item.actions.iter().all(|action| fits_action(action, true))
        && is_flat(&item.metadata)
        && item.extensions.is_empty()
}

/// Whether an action has what its type requires and nothing that its type has not. `of_item` leaves out the two types
/// that items and lists do not take.
fn fits_action(action: &Action, of_item: bool) -> bool {
    let has = |allowed: &[&str]| {
        let given = [
            ("payload", action.payload.is_some()),
            ("uri", action.uri.is_some()),
            ("fallback", action.fallback.is_some()),
            ("icon_url", action.icon_url.is_some()),
            ("amount", action.amount.is_some()),
            ("currency", action.currency.is_some()),
            ("default", action.default),
        ];
        given
            .into_iter()
            .all(|(name, given)| !given || allowed.contains(&name))
    };
    let options = |allowed: &[&str]| {
        action
            .extensions
            .iter()
            .all(|(name, value)| allowed.contains(&&**name) && fits_option(name, value))
    };
    let fits_type = match &action.kind {
        ActionKind::Buy => action.amount.is_some() && has(&["amount", "currency"]) && options(&[]),
        ActionKind::Link => {
            action.uri.is_some() && has(&["uri", "default"]) && options(&["extraChannelOptions"])
        }
        ActionKind::LocationRequest => !of_item && has(&[]) && options(&[]),
        ActionKind::Postback => action.payload.is_some() && has(&["payload"]) && options(&[]),
        ActionKind::Reply => {
            !of_item && action.payload.is_some() && has(&["payload", "icon_url"]) && options(&[])
        }
        ActionKind::Webview => {
            action.uri.is_some()
                && action.fallback.is_some()
                && has(&["uri", "fallback", "default"])
                && options(&WEBVIEW_OPTIONS)
        }
        ActionKind::Other(_) => false,
    };
    fits_type && !action.text.is_empty() && is_flat(&action.metadata)
}

/// Whether a member that has no canonical home is what the vendor takes there.
fn fits_option(name: &str, value: &RawJson) -> bool {
    let is_word = |words: &[&str]| {
        value
            .to::<String>()
            .is_ok_and(|word| words.contains(&&*word))
    };
    match name {
        "size" => is_word(&["compact", "tall", "full"]),
        "format" => is_word(&["integer", "decimal"]),
        "openOnReceive" => value.to::<bool>().is_ok(),
        _ => value.to::<JsonMap>().is_ok(),
    }
}

fn fits_field(field: &Field) -> bool {
    let fits_size =
        |size: Option<u64>| size.is_none_or(|size| (1..=ANSWER_MAX_CHARS).contains(&size));
    let fits_choice = |option: &conversation::FieldOption| {
        is_text(&option.name, LABEL_MAX_CHARS)
            && fits_optional(option.label.as_deref(), LABEL_MAX_CHARS)
    };
    matches!(field.kind.as_deref(), Some("text" | "email" | "select"))
        && is_text(&field.name, LABEL_MAX_CHARS)
        && fits_optional(field.label.as_deref(), LABEL_MAX_CHARS)
        && fits_optional(field.placeholder.as_deref(), LABEL_MAX_CHARS)
        && fits_size(field.min_chars)
        && fits_size(field.max_chars)
        && field.options.len() <= OPTIONS_MAX
        && field.options.iter().all(fits_choice)
        && field.value.is_none()
        && field.chosen.is_empty()
        && field
            .extensions
            .iter()
            .all(|(name, value)| &**name == "format" && fits_option(name, value))
}
