//! HTML to plain text, by one fixed algorithm.

use html5gum::{Token, Tokenizer};

/// The words of an HTML text, as a text-only backend receives them.
///
/// Entities are decoded; runs of white space become one space, except in `pre`; `br` and the ends of blocks break the
/// line, paragraphs and headings leave an empty one; a list item with words begins with `- `, however deep it stands;
/// table cells are set apart by a tab; a link is followed by its address in brackets where the words do not show it;
/// an image gives its `alt`; `script`, `style`, `title`, `template` and comments give nothing. White space at the end
/// is left out. The tests hold it fixed: a change changes portable digests.
#[must_use]
pub fn html_to_text(html: &str) -> String {
    let mut writer = Writer::default();
    for token in Tokenizer::new(html) {
        // The tokenizer's error type is uninhabited: any text is HTML.
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                let name = String::from_utf8_lossy(&tag.name).into_owned();
                let attribute = |wanted: &[u8]| {
                    tag.attributes
                        .iter()
                        .find(|(key, _)| key.as_slice() == wanted)
                        .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
                };
                writer.open(
                    &name,
                    tag.self_closing,
                    attribute(b"href"),
                    attribute(b"alt"),
                );
            }
            Token::EndTag(tag) => writer.close(&String::from_utf8_lossy(&tag.name)),
            Token::String(text) => writer.words(&String::from_utf8_lossy(&text)),
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    writer.finish()
}

/// Elements whose content is no text for a reader.
const SILENT: &[&str] = &["script", "style", "template", "title"];
/// Elements that stand on lines of their own.
const BLOCKS: &[&str] = &[
    "address",
    "article",
    "aside",
    "dd",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "footer",
    "form",
    "header",
    "hr",
    "li",
    "main",
    "nav",
    "ol",
    "section",
    "table",
    "tr",
    "ul",
];
/// Elements that also leave an empty line around them.
const PARAGRAPHS: &[&str] = &["blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "p", "pre"];

#[derive(Default)]
struct Writer {
    out: String,
    /// Line breaks owed before the next word: at most two.
    breaks: usize,
    /// A space owed before the next word.
    space: bool,
    /// A list mark owed before the next word, after the breaks.
    mark: bool,
    /// True right after a `pre` was opened: a line break there belongs to the markup, not to the text.
    pre_begins: bool,
    /// The silent element that we are inside of.
    silent: Option<String>,
    /// How many `pre` are open.
    preformatted: usize,
    /// Addresses of open links, with the place where their words began.
    links: Vec<(Option<String>, usize)>,
}

impl Writer {
    fn open(&mut self, name: &str, self_closing: bool, href: Option<String>, alt: Option<String>) {
        if self.silent.is_some() {
            return;
        }
        if SILENT.contains(&name) {
            if !self_closing {
                self.silent = Some(name.to_owned());
            }
            return;
        }
        match name {
            "br" => {
                self.breaks = (self.breaks + 1).min(2);
                self.space = false;
            }
            "img" => self.words(&alt.unwrap_or_default()),
            "a" => self.links.push((href, self.out.len())),
            "td" | "th" => {
                if !self.out.is_empty() && self.breaks == 0 {
                    self.out.push('\t');
                    self.space = false;
                }
            }
            _ => self.break_for(name),
        }
        match name {
            "pre" => {
                self.preformatted += 1;
                self.pre_begins = true;
            }
            "li" => self.mark = true,
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        if let Some(silent) = &self.silent {
            if silent == name {
                self.silent = None;
            }
            return;
        }
        match name {
            "a" => {
                if let Some((Some(href), start)) = self.links.pop() {
                    let shown = self.out.get(start..).unwrap_or_default().trim();
                    let address = href.strip_prefix("mailto:").unwrap_or(&href);
                    if !address.is_empty() && !address.starts_with('#') && !shown.contains(address)
                    {
                        self.space |= !shown.is_empty();
                        self.raw(&format!("({address})"));
                    }
                }
            }
            "pre" => {
                self.preformatted = self.preformatted.saturating_sub(1);
                self.break_for(name);
            }
            "li" => {
                // An item without words leaves no mark.
                self.mark = false;
                self.break_for(name);
            }
            _ => self.break_for(name),
        }
    }

    fn break_for(&mut self, name: &str) {
        if self.mark {
            // A block that begins its item stays on the mark's line.
            return;
        }
        let wanted = if PARAGRAPHS.contains(&name) {
            2
        } else if BLOCKS.contains(&name) {
            1
        } else {
            return;
        };
        self.breaks = self.breaks.max(wanted);
        self.space = false;
    }

    fn words(&mut self, text: &str) {
        if self.silent.is_some() {
            return;
        }
        if self.preformatted > 0 {
            let begins = std::mem::take(&mut self.pre_begins);
            self.raw(text.strip_prefix('\n').filter(|_| begins).unwrap_or(text));
            return;
        }
        for (index, word) in text.split(|c: char| c.is_ascii_whitespace()).enumerate() {
            if index > 0 {
                self.space = true;
            }
            if !word.is_empty() {
                self.raw(word);
            }
        }
    }

    /// Writes `text` after the breaks or the space that are owed.
    fn raw(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.out.is_empty() {
            // Nothing is owed at the very beginning.
        } else if self.breaks > 0 {
            // A `pre` may have brought line breaks of its own.
            let there = self.out.len() - self.out.trim_end_matches('\n').len();
            self.out
                .extend(std::iter::repeat_n('\n', self.breaks.saturating_sub(there)));
        } else if self.space && !self.out.ends_with(['\n', '\t']) {
            self.out.push(' ');
        }
        if std::mem::take(&mut self.mark) {
            self.out.push_str("- ");
        }
        (self.breaks, self.space) = (0, false);
        self.out.push_str(text);
    }

    fn finish(mut self) -> String {
        let words = self.out.trim_end_matches(['\n', '\t', ' ']).len();
        self.out.truncate(words);
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::html_to_text;

    #[test]
    fn html_becomes_text_by_fixed_rules() {
        let cases = [
            "plain &amp; simple &lt;b&gt; &eacute; &#128512;",
            "<p>One</p><p>Two<br>lines</p>",
            "  <div>a   b\n c</div><div>d</div>  ",
            "<h1>Title</h1>Text <b>bold</b><i> italic</i>.",
            "<ul><li>one</li><li>two <a href=\"https://a.example/x\">link</a></li></ul>after",
            "<ol><li><p>in a paragraph</p></li></ol>",
            "<p>Before</p><ul><li> <div>block</div> tail</li><li></li><li>outer<ul><li>inner</li></ul></li><li><ul><li>alone</li></ul></li></ul>x",
            "<p>one - <b>two</b></p><p>- three</p>",
            "a<br><br><br>b<hr>c",
            "<html><head><title>no</title><meta name=x><body><p>head was never closed</p></body></html>",
            "<a href=https://a.example>https://a.example</a>, <a href=https://b.example><img src=x></a>",
            "x&nbsp;y\u{a0}z &copy; &unknown; &#x0;",
            "<div><div><p>deep</p></div></div><div></div><p></p><p>next</p>",
            "<table><tr><th>k</th><th>v</th></tr><tr><td>1</td><td>2</td></tr></table>",
            "<pre>  keep\n   this</pre>end",
            "intro<pre>\nfn main() {\n    run();\n}\n</pre><p>end</p>",
            "<a href=\"mailto:ann@a.example\">ann@a.example</a> <a href='#top'>up</a>",
            "<img src=x alt='a cat'> <img src=y>",
            "<head><title>no</title></head><style>p{}</style><script>alert('<p>')</script>yes<!-- no -->",
            "<p>unclosed <b>tags",
            "a < b and c > d",
            "",
            "<blockquote>quoted</blockquote>answer",
            "nul \0 stays",
        ];
        let table: Vec<String> = cases
            .iter()
            .map(|html| format!("{html:?}\n  {:?}", html_to_text(html)))
            .collect();
        insta::assert_snapshot!(table.join("\n"));
    }
}
