//! What the vendor's description asks of a content that is posted.

use super::answer::Refused;
use super::checks::{self, check};
use crate::limits::{
    ANSWER_MAX_CHARS, FIELDS_MAX, ITEM_ACTIONS_MAX, ITEMS_MAX, LABEL_MAX_CHARS, LIST_ACTIONS_MAX,
    OPTIONS_MAX, TEXT_MAX_CHARS,
};
use crate::wire::{Action, ActionType, Content, FieldType, FormField, Item, Member, TextMessage};

/// Which actions a place takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Actions {
    All,
    OfItems,
}

/// Checks a content that is posted.
pub(super) fn check_content(content: &Content) -> Result<(), Refused> {
    match content {
        Content::Text(text) => {
            check_texts(&text.text, &text.html_text, &text.markdown_text)?;
            actions(&text.actions, usize::MAX, Actions::All)?;
            check(
                says_something(text),
                "A text needs text, htmlText, markdownText or actions",
            )
        }
        Content::Image(image) => {
            check_texts(&image.text, &image.html_text, &image.markdown_text)?;
            media(&image.media_url, &image.alt_text)?;
            actions(&image.actions, usize::MAX, Actions::All)
        }
        Content::File(file) => {
            check_texts(&file.text, &file.html_text, &file.markdown_text)?;
            media(&file.media_url, &file.alt_text)
        }
        Content::Carousel(carousel) => {
            let settings = carousel.display_settings.value();
            let ratio = settings.and_then(|settings| settings.image_aspect_ratio.value());
            check(
                ratio.is_none_or(|ratio| ["horizontal", "square"].contains(&ratio.as_str())),
                "The imageAspectRatio is horizontal or square",
            )?;
            items(&carousel.items)
        }
        Content::List(list) => {
            items(&list.items)?;
            actions(&list.actions, LIST_ACTIONS_MAX, Actions::OfItems)
        }
        Content::Form(form) => fields(&form.fields),
        Content::Location(location) => {
            let at = &location.coordinates;
            let within = |number: &serde_json::Number, most: f64| {
                number.as_f64().is_some_and(|value| value.abs() <= most)
            };
            check(
                within(&at.lat, 90.0) && within(&at.long, 180.0),
                "The coordinates are invalid",
            )
        }
        Content::Template(template) => check(
            template.template.text().starts_with('{'),
            "The template must be an object",
        ),
        Content::FormResponse(_) => Err(Refused::bad_request("A formResponse cannot be posted")),
        Content::Other(_) => Err(Refused::bad_request("The content is invalid")),
    }
}

fn says_something(text: &TextMessage) -> bool {
    let texts = [&text.text, &text.html_text, &text.markdown_text];
    texts.iter().any(|text| text.value().is_some())
        || text
            .actions
            .value()
            .is_some_and(|actions| !actions.is_empty())
}

fn check_texts(
    text: &Member<String>,
    html: &Member<String>,
    markdown: &Member<String>,
) -> Result<(), Refused> {
    for text in [text, html, markdown] {
        let fits = text
            .value()
            .is_none_or(|text| text.chars().count() <= TEXT_MAX_CHARS);
        check(fits, "A text has at most 4096 characters")?;
    }
    check(
        html.value().is_none() || markdown.value().is_none(),
        "htmlText and markdownText exclude each other",
    )
}

fn media(url: &str, alt_text: &Member<String>) -> Result<(), Refused> {
    check(checks::is_url(url), "The mediaUrl is invalid")?;
    let fits = alt_text
        .value()
        .is_none_or(|text| text.chars().count() <= LABEL_MAX_CHARS);
    check(fits, "The altText has at most 128 characters")
}

fn items(items: &[Item]) -> Result<(), Refused> {
    check(
        (1..=ITEMS_MAX).contains(&items.len()),
        "There are 1 to 10 items",
    )?;
    for item in items {
        check(
            checks::is_text(&item.title, LABEL_MAX_CHARS),
            "An item's title has 1 to 128 characters",
        )?;
        let description = item.description.value();
        check(
            description.is_none_or(|text| text.chars().count() <= LABEL_MAX_CHARS),
            "An item's description has at most 128 characters",
        )?;
        checks::url(&item.media_url, "The mediaUrl of an item is invalid")?;
        let size = item.size.value().map(String::as_str);
        check(
            matches!(size, None | Some("compact" | "large")),
            "The size of an item is compact or large",
        )?;
        checks::metadata(&item.metadata)?;
        check(
            item.actions
                .value()
                .is_some_and(|actions| !actions.is_empty()),
            "An item has 1 to 3 actions",
        )?;
        actions(&item.actions, ITEM_ACTIONS_MAX, Actions::OfItems)?;
    }
    Ok(())
}

fn actions(sent: &Member<Vec<Action>>, most: usize, kinds: Actions) -> Result<(), Refused> {
    let Some(actions) = sent.value() else {
        return Ok(());
    };
    check(actions.len() <= most, "There are too many actions")?;
    for action in actions {
        check(
            is_whole_action(action, kinds == Actions::OfItems),
            "An action is invalid, or not for this place",
        )?;
        checks::metadata(&action.metadata)?;
    }
    Ok(())
}

/// Whether an action has what its type needs, and may stand in items and lists where it does.
pub(super) fn is_whole_action(action: &Action, is_of_items: bool) -> bool {
    let has = |member: &Member<String>| member.value().is_some();
    has(&action.text)
        && match &action.kind {
            ActionType::Buy => action.amount.value().is_some(),
            ActionType::Link => has(&action.uri),
            ActionType::Postback => has(&action.payload),
            ActionType::Webview => has(&action.uri) && has(&action.fallback),
            ActionType::LocationRequest => !is_of_items,
            ActionType::Reply => has(&action.payload) && !is_of_items,
            ActionType::Other(_) => false,
        }
}

fn fields(fields: &[FormField]) -> Result<(), Refused> {
    check(
        (1..=FIELDS_MAX).contains(&fields.len()),
        "There are 1 to 20 fields",
    )?;
    for (index, field) in fields.iter().enumerate() {
        let label = field.label.value();
        check(
            checks::is_text(&field.name, LABEL_MAX_CHARS)
                && label.is_some_and(|label| checks::is_text(label, LABEL_MAX_CHARS)),
            "A field has a name and a label of 1 to 128 characters",
        )?;
        check(
            fields[..index].iter().all(|other| other.name != field.name),
            "The names of fields are unique",
        )?;
        let sizes = [&field.min_size, &field.max_size];
        let is_size = |size: u64| (1..=ANSWER_MAX_CHARS).contains(&size);
        check(
            sizes
                .iter()
                .all(|size| size.value().is_none_or(|size| is_size(*size))),
            "The sizes of a field are 1 to 256",
        )?;
        let options = field.options.value();
        let is_known = match &field.kind {
            FieldType::Select => options.is_some_and(|options| {
                (1..=OPTIONS_MAX).contains(&options.len())
                    && options.iter().all(|option| option.name.value().is_some())
            }),
            FieldType::Text | FieldType::Email => true,
            FieldType::Other(_) => false,
        };
        check(is_known, "A field is invalid")?;
    }
    Ok(())
}
