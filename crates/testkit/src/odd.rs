//! Answers that no careful server gives: each of a vendor's operations is carried out, and answered with each odd body.
//! None of them may become a value, and no word of them may be logged.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use backend::{Kind, Outcome};
use tracing_subscriber::fmt::MakeWriter;

use crate::line::{Fate, head_bytes};
use crate::trial::Subject;

/// A word that stands in every odd body that has words.
const PLANTED: &str = "planted";

/// An odd body, made from the true one.
struct Odd {
    name: &'static str,
    content_type: &'static str,
    body: Body,
    /// It cannot be read by any means. Otherwise a careful reader may take it.
    is_unreadable: bool,
}

enum Body {
    /// Whatever the true one is.
    Whole(&'static [u8]),
    /// The true one, with one more member (or element) of this value in front.
    Member(&'static [u8]),
    /// Made from the true one.
    From(fn(&[u8]) -> Vec<u8>),
}

impl Body {
    fn made(&self, body: &[u8]) -> Vec<u8> {
        match self {
            Self::Whole(bytes) => bytes.to_vec(),
            Self::Member(value) => with_member(body, b"\"planted\"", value),
            Self::From(make) => make(body),
        }
    }
}

fn with_member(body: &[u8], name: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = &body[1..];
    let comma: &[u8] = match rest.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'}' | b']') => b"",
        _ => b",",
    };
    if body.first() == Some(&b'[') {
        return [b"[", value, comma, rest].concat();
    }
    [b"{", name, b":", value, comma, rest].concat()
}

/// The first member once more, as null.
fn doubled(body: &[u8]) -> Vec<u8> {
    let name = body.split(|byte| *byte == b'"').nth(1).unwrap_or_default();
    with_member(body, &[b"\"", name, b"\""].concat(), b"null")
}

fn utf16(body: &[u8], mark: &[u8], unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let text = String::from_utf8_lossy(body).into_owned();
    let units = text.encode_utf16().flat_map(unit);
    mark.iter().copied().chain(units).collect()
}

fn utf32(body: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(body).into_owned();
    text.chars()
        .flat_map(|c| (c as u32).to_be_bytes())
        .collect()
}

fn without_last_byte(body: &[u8]) -> Vec<u8> {
    body[..body.len() - 1].to_vec()
}

fn first_half(body: &[u8]) -> Vec<u8> {
    body[..body.len() / 2].to_vec()
}

fn second_half(body: &[u8]) -> Vec<u8> {
    body[body.len() / 2..].to_vec()
}

fn comma_at_the_end(body: &[u8]) -> Vec<u8> {
    let (rest, end) = body.split_at(body.len() - 1);
    [rest, b",", end].concat()
}

fn deep() -> Vec<u8> {
    b"[".repeat(200_000)
}

/// Every odd body. Those in the first part are no JSON, those in the second of another shape, those in the third may
/// be taken by a careful reader.
fn table() -> Vec<Odd> {
    let json = "application/json";
    let odd = |name, content_type, body, is_unreadable| Odd {
        name,
        content_type,
        body,
        is_unreadable,
    };
    let no = |name, body| odd(name, json, body, true);
    let may = |name, body| odd(name, json, body, false);
    use Body::{From, Member, Whole};
    vec![
        odd("a page", "text/html", Whole(b"<!DOCTYPE html><title>planted</title>"), true),
        odd("a page that says json", json, Whole(b"<html>planted</html>"), true),
        odd("plain words", "text/plain", Whole(b"planted"), true),
        odd("an image", "image/png", Whole(b"\x89PNG\r\n\x1a\nplanted"), true),
        odd("xml", "application/xml", Whole(b"<?xml version=\"1.0\"?><a>planted</a>"), true),
        odd("a form", "application/x-www-form-urlencoded", Whole(b"a=planted&b=1"), true),
        odd("events", "text/event-stream", Whole(b"data: {\"planted\":1}\n\n"), true),
        no("nothing", Whole(b"")),
        no("a blank", Whole(b" ")),
        no("line breaks", Whole(b"\r\n\r\n\r\n")),
        no("a byte order mark alone", Whole(b"\xEF\xBB\xBF")),
        no("a NUL", Whole(b"\0")),
        no("many NULs", Whole(&[0; 512])),
        no("bytes that are no text", Whole(b"\xff\xfe\xfd\xfcplanted")),
        no("compressed and not said so", Whole(b"\x1f\x8b\x08\0\0\0\0\0\0\x03planted")),
        no("the last byte missing", From(without_last_byte)),
        no("the first half", From(first_half)),
        no("the second half", From(second_half)),
        no("twice", From(|body| [body, body].concat())),
        no("two lines", From(|body| [body, b"\n", body].concat())),
        no("words behind", From(|body| [body, b"planted"].concat())),
        no("a bracket behind", From(|body| [body, b"}"].concat())),
        no("a NUL behind", From(|body| [body, b"\0"].concat())),
        no("a guard in front", From(|body| [b")]}'\n".as_slice(), body].concat())),
        no("a loop in front", From(|body| [b"while(1);".as_slice(), body].concat())),
        no("a call around", From(|body| [b"planted(", body, b");"].concat())),
        no("a comment in front", From(|body| [b"/* planted */".as_slice(), body].concat())),
        no("an event's line", From(|body| [b"data: ".as_slice(), body, b"\n\n"].concat())),
        no("two marks in front", From(|body| [b"\xEF\xBB\xBF\xEF\xBB\xBF".as_slice(), body].concat())),
        no("UTF-16, little end first", From(|body| utf16(body, b"\xff\xfe", u16::to_le_bytes))),
        no("UTF-16, big end first", From(|body| utf16(body, b"\xfe\xff", u16::to_be_bytes))),
        no("UTF-16 without mark", From(|body| utf16(body, b"", u16::to_le_bytes))),
        no("UTF-32", From(utf32)),
        no("other quotes", Member(b"'planted'")),
        no("a comma at the end", From(comma_at_the_end)),
        no("NaN", Member(b"NaN")),
        no("infinity", Member(b"Infinity")),
        no("less than everything", Member(b"-Infinity")),
        no("undefined", Member(b"undefined")),
        no("True", Member(b"True")),
        no("None", Member(b"None")),
        no("a hexadecimal number", Member(b"0x1F")),
        no("a number with zeros in front", Member(b"007")),
        no("a number with a plus", Member(b"+1")),
        no("a number without end", Member(b"1.")),
        no("a number without beginning", Member(b".5")),
        no("a bare word", Member(b"planted")),
        no("no value", Member(b"")),
        no("a line break in a text", Member(b"\"plan\nted\"")),
        no("a control character in a text", Member(b"\"planted\x01\"")),
        no("an unknown escape", Member(b"\"planted\\x41\"")),
        no("half an escape", Member(b"\"planted\\u12\"")),
        no("Latin-1", Member(b"\"planted \xe9\"")),
        no("an overlong spelling", Member(b"\"planted \xc0\xaf\"")),
        no("a surrogate in UTF-8", Member(b"\"planted \xed\xa0\x80\"")),
        no("a cut character", Member(b"\"planted \xf0\x9f\x98\"")),
        no("beyond the last character", Member(b"\"planted \xf4\x90\x80\x80\"")),
        odd("200,000 brackets", json, From(|_| deep()), true),
        no("null", Whole(b"null")),
        no("true", Whole(b"true")),
        no("a number", Whole(b"42")),
        no("a text", Whole(b"\"planted\"")),
        no("a list of lists", Whole(b"[[\"planted\"]]")),
        no("a list of words", Whole(b"[\"planted\"]")),
        may("an empty object", Whole(b"{}")),
        may("an empty list", Whole(b"[]")),
        may("an error with 200", Whole(b"{\"error\":\"planted\",\"success\":false}")),
        may("other types", Whole(b"{\"id\":7,\"conversation\":7,\"conversations\":7,\"message\":7,\"messages\":7,\"data\":7}")),
        may("a member twice", From(doubled)),
        may("half a surrogate pair", Member(b"\"planted \\ud83d\"")),
        may("a huge number", Member(b"1e400")),
        may("a mark in front", From(|body| [b"\xEF\xBB\xBF".as_slice(), body].concat())),
        odd("the wrong type", "image/png", From(<[u8]>::to_vec), false),
        odd("no type", "", From(<[u8]>::to_vec), false),
        odd("another charset", "application/json; charset=utf-16", From(<[u8]>::to_vec), false),
    ]
}

/// The answer with another body, of another type.
fn replaced(answer: &[u8], content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = String::from_utf8_lossy(&answer[..head_bytes(answer)]).into_owned();
    let mut bytes = Vec::new();
    for line in head.lines().filter(|line| !line.is_empty()) {
        let name = line.to_ascii_lowercase();
        let left_out = ["content-length:", "content-type:", "transfer-encoding:"];
        if !left_out.iter().any(|header| name.starts_with(header)) {
            bytes.extend(line.bytes());
            bytes.extend(b"\r\n");
        }
    }
    if !content_type.is_empty() {
        bytes.extend(format!("content-type: {content_type}\r\n").bytes());
    }
    bytes.extend(format!("content-length: {}\r\n\r\n", body.len()).bytes());
    bytes.extend(body);
    bytes
}

/// What is logged on this thread while it lives.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// The vendor's operation, by the first line of a request: its ids and its query are left out.
fn operation(request: &str) -> String {
    let path = request
        .split(['?', ' '])
        .take(2)
        .collect::<Vec<_>>()
        .join(" ");
    let is_id = |segment: &str| segment.len() > 3 && segment.contains(|c: char| c.is_ascii_digit());
    let segments = path.split('/');
    let named = segments.map(|segment| if is_id(segment) { "*" } else { segment });
    named.collect::<Vec<_>>().join("/")
}

/// What an answer that is JSON is begun by.
fn is_json(body: &[u8]) -> bool {
    matches!(body.first(), Some(b'{' | b'['))
}

/// Answers every operation that the deeds need with every odd body, in the first deed that needs it. Must run on one thread, so that its log is whole.
///
/// - no body that cannot be read becomes a value: it is an invalid response
/// - what is said of a write is so: it was carried out
/// - no word of such a body stands in an error or in the log, at any level
///
/// # Panics
/// With all that was broken.
pub async fn check(subjects: Vec<Subject>) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let mut broken = Vec::new();
    let mut asked = HashSet::new();
    for subject in &subjects {
        let trial = (subject.make)().await;
        trial.line.watched_by(Arc::clone(&trial.done));
        trial.line.heal().await;
        trial.run().await;
        let exchanges = trial.line.exchanges();
        for (index, exchange) in exchanges.iter().enumerate() {
            // One deed for each of the vendor's operations.
            if !is_json(exchange.body()) || !asked.insert(operation(&exchange.request)) {
                continue;
            }
            for odd in table() {
                let what = format!(
                    "{}, request {index} ({}), {}",
                    subject.name, exchange.request, odd.name
                );
                // What a write only looks at on its way may be passed over.
                let is_asked_for = trial.is_read() || exchange.held.1 > exchange.held.0;
                let wrong = try_one(subject, index, odd, is_asked_for).await;
                broken.extend(wrong.into_iter().map(|wrong| format!("{what}: {wrong}")));
                let mut logged = log.0.lock().unwrap_or_else(PoisonError::into_inner);
                if String::from_utf8_lossy(&logged).contains(PLANTED) {
                    broken.push(format!("{what}: logged"));
                }
                logged.clear();
            }
        }
    }
    assert!(
        broken.is_empty(),
        "{}:\n{}",
        broken.len(),
        broken.join("\n")
    );
}

async fn try_one(subject: &Subject, index: usize, odd: Odd, is_asked_for: bool) -> Vec<String> {
    let trial = (subject.make)().await;
    let Odd {
        content_type,
        body,
        is_unreadable,
        ..
    } = odd;
    let change = move |answer: &[u8]| {
        let body = body.made(&answer[head_bytes(answer)..]);
        replaced(answer, content_type, &body)
    };
    trial
        .line
        .plan(index, Fate::Changed(Arc::new(change)))
        .await;
    let before = (trial.done)();
    let results = trial.run().await.results;
    let held = (trial.done)() - before;
    let mut broken = Vec::new();
    if !trial.line.is_met() {
        broken.push("the request never came".to_owned());
    }
    for result in results {
        match result {
            Ok(()) if is_unreadable && is_asked_for => broken.push("taken for a value".to_owned()),
            Ok(()) => {}
            Err(error) => {
                if is_unreadable && error.kind != Kind::InvalidResponse {
                    broken.push(format!("{:?}: {error}", error.kind));
                }
                if held > 0 && error.outcome == Outcome::NotApplied {
                    broken.push(format!("done, and not applied: {error}"));
                }
                if format!("{error:?}").contains(PLANTED) {
                    broken.push(format!("repeated: {error:?}"));
                }
            }
        }
    }
    broken
}
