//! What the vendor makes of a posted content: HTML from Markdown, texts from HTML, fallbacks, media types and sizes.

use html5gum::{Token, Tokenizer};
use serde_json::Number;
use sunshine::wire::{self, Action, Content, FieldType, Item, Member};

use super::answer::Refusal;
use super::attachments;
use super::data::Data;

/// What HTML may have, also where it was made from Markdown.
const HTML_MAX_CHARS: usize = 4096;
/// The size of media that lie elsewhere.
const FOREIGN_MEDIA_BYTES: u32 = 1024;

/// The content as it is stored and answered.
pub(crate) fn processed(data: &Data, origin: &str, content: Content) -> Result<Content, Refusal> {
    match content {
        Content::Text(mut content) => {
            texts(
                &mut content.text,
                &mut content.html_text,
                &mut content.markdown_text,
            )?;
            Ok(Content::Text(content))
        }
        Content::Image(mut content) => {
            texts(
                &mut content.text,
                &mut content.html_text,
                &mut content.markdown_text,
            )?;
            let media = media(data, origin, &content.media_url);
            content.media_type = Member::Value(media.media_type);
            content.media_size = Member::Value(media.bytes);
            if content.alt_text.is_absent() {
                content.alt_text = Member::Value(media.name);
            }
            Ok(Content::Image(content))
        }
        Content::File(mut content) => {
            texts(
                &mut content.text,
                &mut content.html_text,
                &mut content.markdown_text,
            )?;
            let media = media(data, origin, &content.media_url);
            content.media_type = Member::Value(media.media_type);
            content.media_size = Member::Value(media.bytes);
            if content.alt_text.is_absent() {
                content.alt_text = Member::Value(media.name);
            }
            Ok(Content::File(content))
        }
        Content::Carousel(mut content) => {
            content.text = Member::Value(fallback(&content.items, &[]));
            Ok(Content::Carousel(content))
        }
        Content::List(mut content) => {
            let actions = content
                .actions
                .value()
                .map(Vec::as_slice)
                .unwrap_or_default();
            content.text = Member::Value(fallback(&content.items, actions));
            Ok(Content::List(content))
        }
        Content::Form(mut content) => {
            content.submitted = Member::Value(false);
            for field in &mut content.fields {
                if field.kind == FieldType::Text {
                    field.min_size = Member::Value(field.min_size.into_value().unwrap_or(1));
                    field.max_size = Member::Value(field.max_size.into_value().unwrap_or(128));
                }
            }
            Ok(Content::Form(content))
        }
        Content::Location(mut content) => {
            let at = &content.coordinates;
            let link = format!(
                "Location shared:\nhttps://maps.google.com/maps?q={},{}",
                at.lat, at.long
            );
            content.text = Member::Value(link);
            Ok(Content::Location(content))
        }
        Content::Template(content) => Ok(Content::Template(content)),
        Content::FormResponse(_) | Content::Other(_) => {
            Err(Refusal::bad_request("This content cannot be posted"))
        }
    }
}

/// Markdown becomes HTML, and HTML becomes the text where none is sent.
fn texts(
    text: &mut Member<String>,
    html: &mut Member<String>,
    markdown: &mut Member<String>,
) -> Result<(), Refusal> {
    if let Some(markdown) = std::mem::take(markdown).into_value() {
        if html.value().is_some() {
            return Err(Refusal::bad_request("HTML and Markdown exclude each other"));
        }
        let mut made = String::new();
        pulldown_cmark::html::push_html(&mut made, pulldown_cmark::Parser::new(&markdown));
        if made.chars().count() > HTML_MAX_CHARS {
            return Err(Refusal::bad_request("The HTML is too long"));
        }
        *html = Member::Value(made.trim_end().to_owned());
    }
    if let (None, Some(html)) = (text.value(), html.value()) {
        *text = Member::Value(plain(html));
    }
    Ok(())
}

/// The text of HTML. The vendor's own way is not documented; this one is simple on purpose.
fn plain(html: &str) -> String {
    let mut text = String::new();
    for token in Tokenizer::new(html) {
        match token.expect("memory cannot fail") {
            Token::String(piece) => text.push_str(&String::from_utf8_lossy(&piece)),
            Token::StartTag(tag) if *tag.name == b"br"[..] => text.push('\n'),
            Token::EndTag(tag) if matches!(tag.name.as_slice(), b"p" | b"li" | b"div") => {
                text.push('\n');
            }
            _ => {}
        }
    }
    text.trim().to_owned()
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
    lines.join("\n")
}

fn pressed(action: &Action) -> String {
    let words = action.text.value().cloned().unwrap_or_default();
    match action.uri.value() {
        Some(uri) => format!("{words} {uri}"),
        None => words,
    }
}

struct Media {
    name: String,
    media_type: String,
    bytes: Number,
}

fn media(data: &Data, origin: &str, url: &str) -> Media {
    let name = url.rsplit('/').next().unwrap_or_default();
    let name: String = name
        .split(['?', '#'])
        .next()
        .unwrap_or_default()
        .chars()
        .take(128)
        .collect();
    if let Some(stored) = attachments::find(data, origin, url) {
        return Media {
            name,
            media_type: stored.media_type.clone(),
            bytes: Number::from(stored.bytes.len()),
        };
    }
    let extension = name
        .rsplit_once('.')
        .map(|(_, extension)| extension.to_ascii_lowercase());
    let media_type = match extension.as_deref() {
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("pdf") => "application/pdf",
        Some("txt") => "text/plain",
        Some("mp3") => "audio/mpeg",
        Some("mp4") => "video/mp4",
        _ => "application/octet-stream",
    };
    Media {
        media_type: media_type.to_owned(),
        bytes: Number::from(FOREIGN_MEDIA_BYTES),
        name,
    }
}

/// An attachment that was uploaded for messages dies with its message.
pub(crate) fn remove_attachment(data: &mut Data, message: &wire::Message) {
    let url = match message.content.value() {
        Some(Content::Image(content)) => &content.media_url,
        Some(Content::File(content)) => &content.media_url,
        _ => return,
    };
    data.attachments.retain(|path, attachment| {
        attachment.conversation.is_none() || !url.ends_with(path.as_str())
    });
}
