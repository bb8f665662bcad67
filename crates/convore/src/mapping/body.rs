//! Bodies: the vendor holds one HTML text for each message, the canonical model holds parts.
//!
//! A plain text travels escaped, its line breaks as `<br>`, and nothing around it. A body that is nothing but escaped
//! words and line breaks is therefore plain text again, whoever wrote it; every other body is HTML.

use conversation::{Media, Part, Text, TextFormat, html_to_text, text_of};

/// Between the parts of one message, as `text_of` sets them apart by an empty line.
const BETWEEN_PARTS: &str = "<br><br>";

/// What may be escaped in a plain text. We write the first three; the others are what an HTML writer between us and
/// the reader may make of quotes and blanks.
const ESCAPES: [(&str, char); 8] = [
    ("&amp;", '&'),
    ("&lt;", '<'),
    ("&gt;", '>'),
    ("&quot;", '"'),
    ("&#39;", '\''),
    ("&#x27;", '\''),
    ("&apos;", '\''),
    ("&nbsp;", '\u{a0}'),
];

/// The spellings of a line break. We write the first.
const BREAKS: [&str; 3] = ["<br>", "<br/>", "<br />"];

/// The body of a message with these parts, and nothing where they have no words at all.
///
/// Parts that Convore has no place for stand in it as their words, media at an address as a link. Takes what
/// [`preview`](super::preview()) left over.
#[must_use]
pub fn body_of(parts: &[Part]) -> String {
    let bodies: Vec<String> = parts.iter().filter_map(part_body).collect();
    bodies.join(BETWEEN_PARTS)
}

/// The parts of a body. `text_body` is the vendor's own plain text of it, for a message that shows no body.
#[must_use]
pub fn parts_of(body: Option<&str>, text_body: Option<&str>) -> Option<Part> {
    let Some(body) = body else {
        return text_body.map(Part::text);
    };
    Some(match plain(body) {
        Some(text) => Part::text(text),
        None => Part::Text(Text {
            text: body.into(),
            format: TextFormat::Html,
        }),
    })
}

/// The words of a body, as `text_body` has them.
#[must_use]
pub(super) fn words_of(body: &str) -> String {
    plain(body).unwrap_or_else(|| html_to_text(body))
}

/// Whether two bodies say the same. Nobody knows how the vendor rewrites markup, so blanks and line breaks count as
/// one, and bytes do not count.
#[must_use]
pub fn same_words(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let (one, other) = (words_of(one), words_of(other));
    one.split_whitespace().eq(other.split_whitespace())
}

/// The body of one part; nothing where it has no words.
fn part_body(part: &Part) -> Option<String> {
    match part {
        Part::Text(text) if text.format == TextFormat::Html => Some(String::from(&*text.text)),
        Part::Text(text) => Some(escaped(&text.text)),
        Part::Image(media) | Part::File(media) | Part::Audio(media) | Part::Video(media) => {
            Some(link(part, media))
        }
        other => {
            Some(escaped(&text_of(std::slice::from_ref(other)))).filter(|text| !text.is_empty())
        }
    }
}

/// A link to the media, below its caption. An address that no reader should follow stays words.
fn link(part: &Part, media: &Media) -> String {
    let is_web = |url: &&str| url.starts_with("https://") || url.starts_with("http://");
    let Some(url) = media.url.as_deref().filter(is_web) else {
        return escaped(&text_of(std::slice::from_ref(part)));
    };
    let label = media.name.as_deref().or(media.alt_text.as_deref());
    let label = label.filter(|label| !label.is_empty()).unwrap_or(url);
    let link = format!(
        "<a href=\"{}\">{}</a>",
        escaped(url).replace('"', "&quot;"),
        escaped(label)
    );
    match media
        .caption
        .as_deref()
        .filter(|caption| !caption.is_empty())
    {
        Some(caption) => format!("{}{}{link}", escaped(caption), BREAKS[0]),
        None => link,
    }
}

/// A plain text as the vendor's HTML.
pub(super) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 16);
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '\n' => html.push_str(BREAKS[0]),
            other => html.push(other),
        }
    }
    html
}

/// The plain text that this body is, where it has no markup but line breaks.
fn plain(body: &str) -> Option<String> {
    let mut text = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(special) = rest.find(['&', '<', '\n']) {
        text.push_str(&rest[..special]);
        rest = &rest[special..];
        if let Some(after) = BREAKS.iter().find_map(|word| rest.strip_prefix(word)) {
            text.push('\n');
            rest = after;
            continue;
        }
        // Anything else is markup: other elements, other escapes, lines that are wrapped in the source only.
        let (after, character) = ESCAPES
            .iter()
            .find_map(|(word, character)| Some((rest.strip_prefix(word)?, *character)))?;
        text.push(character);
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escaped_words_are_plain_text_and_markup_is_html() {
        let table = [
            ("", Some("")),
            ("Plain body", Some("Plain body")),
            ("a &amp; b &lt;c&gt;<br>d", Some("a & b <c>\nd")),
            ("a<br/>b<br />c", Some("a\nb\nc")),
            ("&quot;it&#39;s&quot;", Some("\"it's\"")),
            ("&amp;lt;", Some("&lt;")),
            ("a > b", Some("a > b")),
            ("<p>a</p>", None),
            ("<br class=\"x\">", None),
            ("AT&T", None),
            ("&eacute;", None),
            ("wrapped\nin the source", None),
        ];
        for (body, expected) in table {
            assert_eq!(plain(body).as_deref(), expected, "{body:?}");
        }
    }

    #[test]
    fn parts_become_one_body() {
        let body = |json: &str| body_of(&serde_json::from_str::<Vec<Part>>(json).unwrap());
        let image = r#"{"type":"image","url":"https://files.example/a?b=1&c=\"2\"","alt_text":"a <cat>","caption":"Mine"}"#;
        assert_eq!(
            body(&format!("[{image}]")),
            "Mine<br><a href=\"https://files.example/a?b=1&amp;c=&quot;2&quot;\">a &lt;cat&gt;</a>"
        );
        assert_eq!(
            body(r#"[{"type":"file","url":"javascript:alert(1)","name":"x"}]"#),
            "[file: x]<br>javascript:alert(1)"
        );
        assert_eq!(
            body(
                r#"[{"type":"text","text":"one"},{"type":"reasoning","text":"hidden"},{"type":"text","text":"two"}]"#
            ),
            "one<br><br>two"
        );
        assert_eq!(
            body(r#"[{"type":"text","text":"<p>as it is</p>","format":"html"}]"#),
            "<p>as it is</p>"
        );
    }

    #[test]
    fn words_count_and_not_their_markup() {
        assert!(same_words("a &amp; b<br>c", "<p>a &amp;  b</p>\n<p>c</p>"));
        assert!(same_words("x", " x "));
        assert!(!same_words("<p>a</p>", "<p>b</p>"));
    }

    proptest! {
        #[test]
        fn any_plain_text_comes_back(text in any::<String>()) {
            prop_assert_eq!(parts_of(Some(&escaped(&text)), None), Some(Part::text(text)));
        }

        #[test]
        fn a_body_is_never_markup_by_mistake(text in any::<String>()) {
            let body = escaped(&text);
            let marked = body.replace("<br>", "");
            prop_assert!(!marked.contains(['<', '>']));
        }
    }
}
