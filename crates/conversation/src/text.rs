//! The plain text of parts: what every text-only backend receives, and what portable digests cover.

use crate::{Action, Field, Item, Media, Part, TextFormat, html_to_text};

/// The words of `parts`: the texts of all parts, apart by an empty line; parts without words give nothing.
///
/// HTML becomes text by [`html_to_text`]; Markdown stays as it is. Media give caption, alternative text, name and
/// address, as far as they have them. Carousels and lists become numbered lines, forms `label: value` lines.
/// Reasoning, tool calls, activities and unknown parts have no words for a reader. A tool's result gives its text
/// where it is a string, else its JSON.
#[must_use]
pub fn text_of(parts: &[Part]) -> String {
    // One plain text, the usual case, is copied once.
    if let [Part::Text(text)] = parts
        && text.format != TextFormat::Html
    {
        return text.text.to_string();
    }
    let texts: Vec<String> = parts
        .iter()
        .map(part_text)
        .filter(|text| !text.is_empty())
        .collect();
    texts.join("\n\n")
}

fn part_text(part: &Part) -> String {
    match part {
        Part::Text(text) if text.format == TextFormat::Html => html_to_text(&text.text),
        Part::Text(text) => text.text.to_string(),
        Part::Image(media) => media_text("image", media),
        Part::File(media) => media_text("file", media),
        Part::Audio(media) => media_text("audio", media),
        Part::Video(media) => media_text("video", media),
        Part::Location(location) => {
            let place = format!("{}, {}", location.latitude, location.longitude);
            lines(&[
                location.name.as_deref(),
                location.address.as_deref(),
                Some(&place),
            ])
        }
        Part::Carousel(items) | Part::List(items) => numbered(items),
        Part::Form(fields) | Part::FormResponse(fields) => {
            let texts: Vec<String> = fields.iter().map(field_text).collect();
            texts.join("\n")
        }
        Part::Template(template) => template
            .text
            .as_deref()
            .map_or_else(|| format!("[{}]", template.name), str::to_owned),
        Part::Actions(actions) => {
            let texts: Vec<String> = actions.iter().map(action_text).collect();
            texts.join("\n")
        }
        Part::ToolResult(result) => result.result.as_scalar_text().unwrap_or_else(|| {
            if result.result.is_null() {
                String::new()
            } else {
                result.result.get().to_owned()
            }
        }),
        Part::Quote(quote) => {
            let quoted: Vec<String> = quote.text.lines().map(|line| format!("> {line}")).collect();
            quoted.join("\n")
        }
        Part::ToolCall(_) | Part::Reasoning(_) | Part::Activity(_) | Part::Unknown(_) => {
            String::new()
        }
    }
}

fn lines(parts: &[Option<&str>]) -> String {
    let kept: Vec<&str> = parts
        .iter()
        .copied()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    kept.join("\n")
}

fn media_text(kind: &str, media: &Media) -> String {
    let name = media.name.as_deref().or(media.alt_text.as_deref());
    let label = name.map_or_else(|| format!("[{kind}]"), |name| format!("[{kind}: {name}]"));
    lines(&[media.caption.as_deref(), Some(&label), media.url.as_deref()])
}

fn numbered(items: &[Item]) -> String {
    let mut text = String::new();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        text.push_str(&format!("{}. {}", index + 1, item.title));
        if let Some(description) = item
            .description
            .as_deref()
            .filter(|description| !description.is_empty())
        {
            text.push_str(" - ");
            text.push_str(description);
        }
        for action in &item.actions {
            text.push_str("\n   ");
            text.push_str(&action_text(action));
        }
    }
    text
}

fn action_text(action: &Action) -> String {
    match action.uri.as_deref() {
        Some(uri) => format!("{} ({uri})", action.text),
        None => action.text.to_string(),
    }
}

fn field_text(field: &Field) -> String {
    let label = field.label.as_deref().unwrap_or(&field.name);
    let words =
        |option: &crate::FieldOption| option.label.as_deref().unwrap_or(&option.name).to_owned();
    let value = if let Some(value) = field.value.as_deref() {
        value.to_owned()
    } else {
        let choices = if field.chosen.is_empty() {
            &field.options
        } else {
            &field.chosen
        };
        choices.iter().map(words).collect::<Vec<_>>().join(" / ")
    };
    format!("{label}: {value}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_type_has_fixed_words() {
        let parts: Vec<Part> =
            serde_json::from_str(include_str!("../tests/every_part.json")).unwrap();
        let seen: Vec<&str> = parts.iter().map(Part::type_name).collect();
        for name in Part::TYPES {
            assert!(
                seen.contains(name),
                "{name} is missing from every_part.json"
            );
        }
        let table: Vec<String> = parts
            .iter()
            .map(|part| {
                format!(
                    "{}\n  {:?}",
                    part.type_name(),
                    text_of(std::slice::from_ref(part))
                )
            })
            .collect();
        insta::assert_snapshot!(table.join("\n"));
    }

    #[test]
    fn parts_are_joined_by_an_empty_line_and_wordless_ones_leave_none() {
        let parts = [
            Part::text("a"),
            Part::Reasoning("b".into()),
            Part::text("c"),
        ];
        assert_eq!(text_of(&parts), "a\n\nc");
    }
}
