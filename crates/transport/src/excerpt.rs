//! A short, harmless piece of a remote answer, for error messages.

/// How much of a body is looked at, in bytes, whatever the excerpt's length.
const WINDOW_BYTES: usize = 64 * 1024;

/// Long runs of letters and digits with both in them are taken for keys from this length on. ULIDs (26) stay
/// readable, and UUIDs (36) do because of their shape.
const OPAQUE_MIN_CHARS: usize = 32;

/// What is shown instead of a person's address.
const EMAIL: &str = "[e-mail]";

/// Ends of names after which a value stands that must not be shown, if `:` or `=` comes between: letters and digits only.
const SECRET_NAMES: [&str; 13] = [
    "accesskey",
    "apikey",
    "authorization",
    "cookie",
    "jwt",
    "keysecret",
    "password",
    "privatekey",
    "secret",
    "sealingkey",
    "sessionid",
    "signingkey",
    "token",
];

/// At most `max_chars` characters of a body, fit for one line of a log or an error message.
///
/// Control and invisible characters and line breaks become blanks. Masked are: JSON web tokens, what follows
/// `Bearer` or `Basic`, values named like a secret (`"password": "…"`), long opaque keys, and e-mail addresses. This
/// is a net for accidents, not a proof: show an excerpt to operators, not to callers.
pub fn excerpt(body: &[u8], max_chars: usize) -> String {
    let window = &body[..body.len().min(WINDOW_BYTES)];
    let text = String::from_utf8_lossy(window);
    let mut out = Excerpt {
        text: String::new(),
        free_chars: max_chars,
    };
    each_piece(&text, body.len() > WINDOW_BYTES, |piece| {
        match piece {
            Piece::Gap(gap) => out.push_gap(gap),
            Piece::Word(word) => out.push(word),
            Piece::Masked(mask) => out.push(mask),
        }
        out.free_chars > 0
    });
    out.text.truncate(out.text.trim_end().len());
    out.text
}

/// The whole text with everything masked in it that [`excerpt`] masks, except e-mail addresses. For those who may read
/// the text itself, but no secret; a net for accidents too.
pub fn without_secrets(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    each_piece(text, false, |piece| {
        let (shown, length) = match piece {
            Piece::Gap(gap) => (gap, gap.len()),
            Piece::Word(word) => (word, word.len()),
            Piece::Masked(mask) => {
                let end = rest.find(|c| !is_word_char(c)).unwrap_or(rest.len());
                (if mask == EMAIL { &rest[..end] } else { mask }, end)
            }
        };
        out.push_str(shown);
        rest = &rest[length..];
        true
    });
    out
}

/// What a text is made of.
enum Piece<'t> {
    /// What stands between two words.
    Gap(&'t str),
    /// A word that may be shown.
    Word(&'t str),
    /// What to show instead of a word.
    Masked(&'static str),
}

/// Shows each piece of a text in its order, for as long as `show` says so. Where the text is cut, its last word is left
/// out: half a token does not look like one.
fn each_piece<'t>(text: &'t str, is_cut: bool, mut show: impl FnMut(Piece<'t>) -> bool) {
    let mut rest = text;
    let mut mask_next = Mask::No;
    while !rest.is_empty() {
        let gap_bytes = rest.find(is_word_char).unwrap_or(rest.len());
        let (gap, behind) = rest.split_at(gap_bytes);
        if !show(Piece::Gap(gap)) {
            return;
        }
        let word_bytes = behind.find(|c| !is_word_char(c)).unwrap_or(behind.len());
        let (word, behind) = behind.split_at(word_bytes);
        if behind.is_empty() && is_cut {
            return;
        }
        let is_masked = match mask_next {
            Mask::No => false,
            Mask::Always => true,
            Mask::IfAssigned => gap.contains([':', '=']),
        };
        let piece = match masked(word) {
            Some(mask) if mask != EMAIL || !is_masked => Piece::Masked(mask),
            _ if is_masked && !word.is_empty() && !is_scheme(word) => Piece::Masked("[masked]"),
            _ => Piece::Word(word),
        };
        if !show(piece) {
            return;
        }
        mask_next = if is_scheme(word) {
            Mask::Always
        } else if is_secret_name(word) {
            Mask::IfAssigned
        } else {
            Mask::No
        };
        rest = behind;
    }
}

/// Whether a value of this name is a secret: `access_token`, `refreshToken`, `password`.
pub fn is_secret_name(name: &str) -> bool {
    let letters: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    SECRET_NAMES.iter().any(|end| letters.ends_with(end))
}

/// Whether the next word is a secret.
enum Mask {
    No,
    Always,
    IfAssigned,
}

fn is_scheme(word: &str) -> bool {
    word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic")
}

/// The characters of tokens, keys, ids and e-mail addresses.
fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '+' | '/' | '@' | '%')
}

/// What to show instead of a word that looks like a secret or a person's address.
fn masked(word: &str) -> Option<&'static str> {
    let is_email = word
        .split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    if is_email {
        return Some(EMAIL);
    }
    // Every JSON web token begins with the base64 of `{"`.
    let is_web_token = word.starts_with("eyJ") && word.len() >= 20;
    let is_key = ["drg_", "sk-", "sk_"]
        .iter()
        .any(|start| word.starts_with(start))
        && word.len() >= 12;
    (is_web_token || is_key || is_opaque(word)).then_some("[token]")
}

fn is_opaque(word: &str) -> bool {
    word.split(['-', '/', '.']).any(|run| {
        run.chars().count() >= OPAQUE_MIN_CHARS
            && run.contains(|c: char| c.is_ascii_digit())
            && run.contains(|c: char| c.is_ascii_alphabetic())
    })
}

/// The text so far and how many characters it may still get.
struct Excerpt {
    text: String,
    free_chars: usize,
}

impl Excerpt {
    /// Adds what stands between two words, with one blank for any run of white space and unprintable characters.
    fn push_gap(&mut self, gap: &str) {
        for c in gap.chars() {
            if !is_unprintable(c) {
                self.push(c.encode_utf8(&mut [0; 4]));
            } else if !self.text.is_empty() && !self.text.ends_with(' ') {
                self.push(" ");
            }
        }
    }

    fn push(&mut self, text: &str) {
        for c in text.chars().take(self.free_chars) {
            self.text.push(c);
            self.free_chars -= 1;
        }
    }
}

/// White space, control characters, and the invisible ones that reorder or hide text (bidirectional marks,
/// zero-width characters, the byte order mark).
fn is_unprintable(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn excerpts_are_one_plain_line() {
        let table: [(&[u8], &str); 8] = [
            (b"", ""),
            (b"Internal Server Error", "Internal Server Error"),
            (b"a\r\nb\tc\0d\x1b[31me", "a b c d [31me"),
            (b"  \n<h1>\n  502  Bad\n</h1>\n", "<h1> 502 Bad </h1>"),
            (
                "a\u{202e}b\u{200b}c\u{feff}d\u{2028}e".as_bytes(),
                "a b c d e",
            ),
            (b"\xff\xfe ok", "\u{fffd}\u{fffd} ok"),
            (
                br#"{"detail":"Invalid token","status":401}"#,
                r#"{"detail":"Invalid token","status":401}"#,
            ),
            (
                b"id 01M7YWG9YAD58R2RF5BQJP3GYQ or 0190b2c6-9d8e-7c3a-8b1f-2a5e6f708192 unknown",
                "id 01M7YWG9YAD58R2RF5BQJP3GYQ or 0190b2c6-9d8e-7c3a-8b1f-2a5e6f708192 unknown",
            ),
        ];
        for (body, expected) in table {
            assert_eq!(excerpt(body, 200), expected);
        }
    }

    #[test]
    fn tokens_keys_named_secrets_and_addresses_are_masked() {
        let table = [
            (
                "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl expired",
                "token [token] expired",
            ),
            (
                "Authorization: Bearer abc-123",
                "Authorization: Bearer [masked]",
            ),
            (
                "authorization: basic dXNlcjpwYXNz",
                "authorization: basic [masked]",
            ),
            (
                r#"{"password": "hunter2", "n": 1}"#,
                r#"{"password": "[masked]", "n": 1}"#,
            ),
            ("access_token=abc&x=1", "access_token=[masked]&x=1"),
            ("key sk-abcdefgh1234 refused", "key [token] refused"),
            ("drg_0123456789abcdef_zzz", "[token]"),
            ("k 0123456789abcdef0123456789abcdef.", "k [token]"),
            ("mail to ada.l+x@mail.example now", "mail to [e-mail] now"),
            ("the password is wrong", "the password is wrong"),
        ];
        for (body, expected) in table {
            assert_eq!(excerpt(body.as_bytes(), 200), expected);
        }
    }

    #[test]
    fn a_text_without_secrets_is_otherwise_as_it_was() {
        let table = [
            ("", ""),
            (" two\n  lines,\tä ", " two\n  lines,\tä "),
            ("to ada@mail.example", "to ada@mail.example"),
            (
                "Bearer abc-123,\n sk-abcdefgh1234!",
                "Bearer [masked],\n [token]!",
            ),
            ("password: hunter2 and more", "password: [masked] and more"),
            ("password: ada@mail.example", "password: [masked]"),
        ];
        for (text, expected) in table {
            assert_eq!(without_secrets(text), expected);
        }
    }

    #[test]
    fn a_secret_is_known_by_the_end_of_its_name() {
        for name in [
            "token",
            "user_token",
            "accessToken",
            "X-Api-Key",
            "key_secret",
            "newPassword",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["tokens", "max_tokens", "secretary", "key", "id", ""] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn excerpts_end_at_the_limit_on_a_whole_character() {
        assert_eq!(excerpt("äöüß".as_bytes(), 3), "äöü");
        assert_eq!(excerpt(b"a b c", 2), "a");
        assert_eq!(excerpt(b"abc", 0), "");
        // Masked before it is cut, so no limit shows the beginning of a token.
        assert_eq!(excerpt(b"x eyJhbGciOiJIUzI1NiJ9.eyJzdWIi", 6), "x [tok");
    }

    #[test]
    fn a_token_cut_by_the_window_is_left_out() {
        let mut body = " ".repeat(WINDOW_BYTES - 10).into_bytes();
        body.extend_from_slice(b"eyJhbGciOiJIUzI1NiJ9.planted");
        assert_eq!(excerpt(&body, 100), "");
    }

    proptest! {
        #[test]
        fn excerpts_of_anything_are_short_and_printable(body in prop::collection::vec(any::<u8>(), 0..300), max in 0_usize..80) {
            let text = excerpt(&body, max);
            prop_assert!(text.chars().count() <= max);
            prop_assert!(!text.contains(|c: char| c != ' ' && is_unprintable(c)));
        }
    }
}
