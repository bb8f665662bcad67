//! What the vendor makes of a content by itself: HTML from Markdown, texts from HTML, fallbacks, types and names of media.
//! And what it could not show, as the nearest that it can.

use conversation::{Media, Part, Text, TextFormat, html_to_text};
use pulldown_cmark::{Event, Parser, html};

use super::{checks, fit};
use crate::limits::{LABEL_MAX_CHARS, TEXT_MAX_CHARS};
use crate::wire::{Content, Member};

/// The first characters of a text, with a mark where it had more.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// A part in one of the vendor's forms: sound and video are files, and the name of a file is its alternative text.
pub(super) fn simpler(part: Part) -> Part {
    let plain = |mut media: Media| {
        let name = media.name.take();
        media.alt_text = media.alt_text.or(name);
        media
    };
    match part {
        Part::Image(media) => Part::Image(plain(media)),
        Part::File(media) | Part::Audio(media) | Part::Video(media) => Part::File(plain(media)),
        part => part,
    }
}

/// Parts that are one content together: words before a picture or file are its caption.
pub(super) fn joined(mut parts: Vec<Part>) -> Vec<Part> {
    let words = match parts.as_slice() {
        [Part::Text(text), Part::Image(media) | Part::File(media)]
        | [Part::Text(text), Part::Image(media), Part::Actions(_)]
            if media.caption.is_none() =>
        {
            plain(text)
        }
        _ => return parts,
    };
    parts.remove(0);
    if let Some(Part::Image(media) | Part::File(media)) = parts.first_mut() {
        media.caption = Some(words.into());
    }
    parts
}

fn plain(text: &Text) -> String {
    match text.format {
        TextFormat::Html => html_to_text(&text.text),
        TextFormat::Markdown => html_to_text(&from_markdown(&text.text)),
        TextFormat::Plain | TextFormat::Other(_) => text.text.to_string(),
    }
}

/// The content as the vendor would answer it.
pub(super) fn content(content: Content) -> Content {
    match content {
        Content::Text(mut content) => {
            fit::actions(&mut content.actions, usize::MAX, false);
            texts(
                &mut content.text,
                &mut content.html_text,
                &mut content.markdown_text,
            );
            if content.text.value().is_none() && content.actions.value().is_none() {
                content.text = Member::Value(String::new());
            }
            Content::Text(content)
        }
        Content::Image(content) if !checks::is_url(&content.media_url) => {
            let words = content.text.value().or(content.alt_text.value());
            fit::as_text(words.unwrap_or(&content.media_url))
        }
        Content::Image(mut content) => {
            fit::actions(&mut content.actions, usize::MAX, false);
            texts(
                &mut content.text,
                &mut content.html_text,
                &mut content.markdown_text,
            );
            media(
                &content.media_url,
                &mut content.media_type,
                &mut content.alt_text,
            );
            Content::Image(content)
        }
        Content::File(content) if !checks::is_url(&content.media_url) => {
            let words = content.text.value().or(content.alt_text.value());
            fit::as_text(words.unwrap_or(&content.media_url))
        }
        Content::File(mut content) => {
            texts(
                &mut content.text,
                &mut content.html_text,
                &mut content.markdown_text,
            );
            media(
                &content.media_url,
                &mut content.media_type,
                &mut content.alt_text,
            );
            Content::File(content)
        }
        Content::Carousel(content) => fit::carousel(content),
        Content::List(content) => fit::list(content),
        Content::Form(content) => fit::form(content),
        Content::FormResponse(content) => fit::form_response(content),
        Content::Location(mut content) => {
            let at = &content.coordinates;
            let link = format!(
                "Location shared:\nhttps://maps.google.com/maps?q={},{}",
                at.lat, at.long
            );
            if content.text.value().is_none() {
                content.text = Member::Value(link);
            }
            Content::Location(content)
        }
        Content::Template(content) if content.template.text().starts_with('{') => {
            Content::Template(content)
        }
        // Another shape than the description's would break whoever reads by it.
        Content::Template(_) | Content::Other(_) => fit::as_text(""),
    }
}

/// Markdown becomes HTML, HTML becomes the text where there is none; what is too long is told as text alone.
fn texts(text: &mut Member<String>, html: &mut Member<String>, markdown: &mut Member<String>) {
    if let Some(markdown) = std::mem::take(markdown).into_value()
        && html.value().is_none()
    {
        *html = Member::Value(from_markdown(&markdown));
    }
    if text.value().is_none()
        && let Some(html) = html.value()
    {
        *text = Member::Value(html_to_text(html));
    }
    let is_long = |html: &String| html.chars().count() > TEXT_MAX_CHARS;
    if html.value().is_some_and(is_long) {
        *html = Member::Absent;
    }
    if let Member::Value(text) = text {
        *text = cut(text, TEXT_MAX_CHARS);
    }
}

/// HTML of Markdown. HTML inside it is shown and not obeyed: an answer may have been made by a machine.
fn from_markdown(markdown: &str) -> String {
    let events = Parser::new(markdown).map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        event => event,
    });
    let mut made = String::new();
    html::push_html(&mut made, events);
    made.trim_end().to_owned()
}

fn media(url: &str, media_type: &mut Member<String>, alt_text: &mut Member<String>) {
    let name = file_name(url);
    fit::label(media_type);
    if media_type.value().is_none() {
        *media_type = Member::Value(type_of(&name).to_owned());
    }
    let alternative = alt_text.value().map_or(name.as_str(), String::as_str);
    *alt_text = if alternative.is_empty() {
        Member::Absent
    } else {
        Member::Value(cut(alternative, LABEL_MAX_CHARS))
    };
}

/// The last segment of a URL's path.
pub(super) fn file_name(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").map_or(path, |(_, rest)| rest);
    path.rsplit_once('/')
        .map(|(_, name)| name.to_owned())
        .unwrap_or_default()
}

/// The media type that a file's name promises.
pub(super) fn type_of(name: &str) -> &'static str {
    let extension = name
        .rsplit_once('.')
        .map(|(_, extension)| extension.to_ascii_lowercase());
    match extension.as_deref() {
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("webp") => "image/webp",
        Some("pdf") => "application/pdf",
        Some("txt") => "text/plain",
        Some("csv") => "text/csv",
        Some("mp3") => "audio/mpeg",
        Some("mp4") => "video/mp4",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::TextMessage;

    #[test]
    fn markdown_is_told_as_html_and_as_text() {
        let mut sent = TextMessage::empty();
        sent.markdown_text = Member::Value("*so* <script>x</script>".to_owned());
        let Content::Text(text) = content(Content::Text(sent)) else {
            panic!("another content");
        };
        let html = text.html_text.value().unwrap();
        assert!(html.starts_with("<p><em>so</em>"), "{html}");
        assert!(!html.contains("<script>"), "{html}");
        assert!(text.markdown_text.is_absent());
        assert!(text.text.value().unwrap().starts_with("so"));
    }

    #[test]
    fn words_before_a_picture_are_its_caption() {
        let picture = Part::Image(Media {
            url: Some("https://example.org/a.png".into()),
            ..Media::default()
        });
        let joined = joined(vec![Part::text("look"), picture]);
        let [Part::Image(media)] = joined.as_slice() else {
            panic!("{joined:?}");
        };
        assert_eq!(media.caption.as_deref(), Some("look"));
    }

    #[test]
    fn a_file_is_named_by_its_url() {
        assert_eq!(file_name("https://example.org/a/cat.png?x=/y"), "cat.png");
        assert_eq!(file_name("https://example.org"), "");
        assert_eq!(type_of("cat.PNG"), "image/png");
    }
}
