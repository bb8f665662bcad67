//! What an explanation shows of bodies, queries and paths. It knows no vendor: what is not certainly a machine's word
//! counts as a person's.

use serde_json::{Map, Value, json};
use transport::{is_secret_name, without_secrets};

/// The longest word of a machine, in bytes.
const MACHINE_WORD_MAX_BYTES: usize = 128;
/// What is shown in place of a secret.
const MASKED: &str = "[masked]";
/// Members whose inside belongs to callers and vendors: no name in there says what its value is.
const OPEN_MEMBERS: [&str; 3] = ["metadata", "extensions", "payload"];
/// Members that hold a machine's word wherever they stand.
const MACHINE_MEMBERS: [&str; 27] = [
    "backend",
    "code",
    "created",
    "cursor",
    "date",
    "direction",
    "event",
    "fate",
    "format",
    "id",
    "ids",
    "kind",
    "model",
    "object",
    "operation",
    "order",
    "origin",
    "outcome",
    "priority",
    "provider",
    "role",
    "sort",
    "source",
    "state",
    "status",
    "type",
    "updated",
];
/// Ends of such names, after `_` or as a word of their own in `camelCase`.
const MACHINE_ENDS: [&str; 14] = [
    "at", "cursor", "date", "id", "ids", "kind", "order", "reason", "role", "state", "status",
    "time", "type", "version",
];

/// What an explanation shows of what people wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Texts {
    /// How long it is.
    Redacted,
    /// The words; secrets are masked all the same.
    Shown,
}

impl Texts {
    /// The word for it in an explanation.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Texts::Redacted => "redacted",
            Texts::Shown => "shown",
        }
    }

    /// A body of which `bytes` is the beginning, and `size` the length where that is known.
    pub(super) fn body(self, media_type: Option<&str>, bytes: &[u8], size: Option<u64>) -> Value {
        if size == Some(0) {
            return Value::Null;
        }
        let mut shown = Map::new();
        if let Some(media_type) = media_type {
            shown.insert("media_type".into(), without_secrets(media_type).into());
        }
        shown.insert("bytes".into(), json!(size));
        let is_whole = size == Some(bytes.len() as u64);
        let essence = media_type.and_then(|media_type| media_type.split(';').next());
        let is_events = essence.is_some_and(|essence| essence.trim() == "text/event-stream");
        if is_events {
            shown.insert("events".into(), self.events(bytes));
        } else if let Some(value) = json_of(bytes).filter(|_| is_whole) {
            shown.insert("json".into(), self.value(value));
        } else {
            match (self, std::str::from_utf8(bytes)) {
                // Of what cannot be read nobody knows where a secret ends.
                (Texts::Shown, Ok(text)) if !names_a_secret(text) => {
                    shown.insert("text".into(), without_secrets(text).into())
                }
                _ => shown.insert("left_out".into(), "not json, or not whole".into()),
            };
        }
        if !is_whole {
            shown.insert("is_whole".into(), false.into());
        }
        Value::Object(shown)
    }

    /// JSON, member by member.
    pub(super) fn value(self, value: Value) -> Value {
        self.shown(value, None, false)
    }

    /// The pairs of a query.
    pub(super) fn query<N: AsRef<str>, V: AsRef<str>>(
        self,
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Value {
        let pairs = pairs.into_iter().map(|(name, value)| {
            let (name, value) = (name.as_ref(), value.as_ref());
            let is_plain = matches!(value, "true" | "false")
                || (value.len() <= 6 && value.bytes().all(|byte| byte.is_ascii_digit()));
            let shown = if is_secret_name(name) {
                MASKED.into()
            } else if is_plain {
                value.into()
            } else {
                self.shown(value.into(), Some(name), false)
            };
            json!([name, shown])
        });
        pairs.collect()
    }

    /// A JSON pointer: a label's is made of its words.
    pub(super) fn pointer(self, pointer: &str) -> String {
        let is_label = pointer.starts_with("/labels/");
        let segments = pointer.split('/').enumerate().map(|(place, segment)| {
            let is_words = !is_machine_word(segment) || (is_label && place > 1);
            match self {
                Texts::Redacted if is_words => length_of(segment),
                _ => without_secrets(segment),
            }
        });
        segments.collect::<Vec<_>>().join("/")
    }

    /// A path: its segments, where they are machine's words.
    pub(super) fn path(self, path: &str) -> String {
        let segments = path.split('/').map(|segment| match self {
            Texts::Redacted if !segment.is_empty() && !is_machine_word(segment) => {
                length_of(segment)
            }
            _ => without_secrets(segment),
        });
        segments.collect::<Vec<_>>().join("/")
    }

    fn shown(self, value: Value, name: Option<&str>, is_open: bool) -> Value {
        match value {
            Value::Object(members) => {
                let members = members.into_iter().map(|(name, value)| {
                    let is_open = is_open || OPEN_MEMBERS.contains(&&*name);
                    let shown = match is_secret_name(&name) {
                        true => masked(value),
                        false => self.shown(value, Some(&name), is_open),
                    };
                    (name, shown)
                });
                Value::Object(members.collect())
            }
            Value::Array(elements) => elements
                .into_iter()
                .map(|element| self.shown(element, name, is_open))
                .collect(),
            Value::String(text) => {
                let is_machine =
                    !is_open && name.is_some_and(names_a_machine_word) && is_machine_word(&text);
                match self {
                    Texts::Redacted if !is_machine => length_of(&text).into(),
                    _ => without_secrets(&text).into(),
                }
            }
            other => other,
        }
    }

    /// Server-sent events: their names, and their data where it is JSON. An event that is not whole is left out.
    fn events(self, bytes: &[u8]) -> Value {
        let text = String::from_utf8_lossy(bytes);
        let mut events = Vec::new();
        let mut event = Map::new();
        for line in text.split_inclusive('\n') {
            let Some(line) = line.strip_suffix('\n') else {
                break;
            };
            let line = line.trim_end_matches('\r');
            if line.is_empty() {
                if !event.is_empty() {
                    events.push(Value::Object(std::mem::take(&mut event)));
                }
            } else if let Some(name) = line.strip_prefix("event:") {
                event.insert("event".into(), name.trim().into());
            } else if let Some(data) = line.strip_prefix("data:") {
                let data = data.trim();
                let value = json_of(data.as_bytes()).unwrap_or_else(|| data.into());
                event.insert("data".into(), self.value(value));
            }
        }
        events.into()
    }
}

/// JSON of a depth that may be walked.
fn json_of(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok()
}

/// Every text below is a secret.
fn masked(value: Value) -> Value {
    match value {
        Value::String(_) => MASKED.into(),
        Value::Array(elements) => elements.into_iter().map(masked).collect(),
        Value::Object(members) => {
            let members = members.into_iter();
            Value::Object(members.map(|(name, value)| (name, masked(value))).collect())
        }
        other => other,
    }
}

fn length_of(text: &str) -> String {
    format!("[{} characters]", text.chars().count())
}

/// Whether values of this name are machine's words: ids, times, words of a closed list.
fn names_a_machine_word(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    MACHINE_MEMBERS.contains(&&*lower)
        || MACHINE_ENDS.iter().any(|end| {
            let Some(before) = lower.strip_suffix(end) else {
                return false;
            };
            let begins_word = name
                .as_bytes()
                .get(before.len())
                .is_some_and(u8::is_ascii_uppercase);
            before.ends_with('_') || (begins_word && !before.is_empty())
        })
}

/// Whether a secret may stand in a text, by the name before it.
fn names_a_secret(text: &str) -> bool {
    text.split(|character: char| !character.is_alphanumeric() && !"-_".contains(character))
        .any(is_secret_name)
}

/// Whether a machine may have said this: no blank, nothing encoded, no address or number of a person.
fn is_machine_word(text: &str) -> bool {
    text.len() <= MACHINE_WORD_MAX_BYTES
        && !text.starts_with('+')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+/".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(text: &str) -> Value {
        Texts::Redacted.body(
            Some("application/json"),
            text.as_bytes(),
            Some(text.len() as u64),
        )["json"]
            .clone()
    }

    #[test]
    fn words_of_people_become_their_length_and_words_of_machines_stay() {
        let shown = redacted(
            r#"{"id":"c-1","userId":"u_1","created_at":"2026-01-02T03:04:05Z","role":"user","count":3,"ok":true,
                "content":"planted","parts":[{"type":"text","text":"planted words"}],"title":"planted","paid":"planted",
                "author":{"id":"ada@planted.example","name":"planted"},"to_id":"+4917012345","status":"planted words","nothing":null}"#,
        );
        assert_eq!(
            shown,
            json!({
                "id": "c-1", "userId": "u_1", "created_at": "2026-01-02T03:04:05Z", "role": "user", "count": 3,
                "ok": true, "content": "[7 characters]",
                "parts": [{"type": "text", "text": "[13 characters]"}], "title": "[7 characters]",
                "paid": "[7 characters]",
                "author": {"id": "[19 characters]", "name": "[7 characters]"}, "to_id": "[11 characters]", "status": "[13 characters]",
                "nothing": null,
            })
        );
    }

    #[test]
    fn nothing_is_believed_inside_members_that_belong_to_callers() {
        let shown = redacted(
            r#"{"metadata":{"kind":"planted","deep":{"type":"planted"}},"extensions":{"x":{"id":"planted"}}}"#,
        );
        assert!(!shown.to_string().contains("planted"), "{shown}");
    }

    #[test]
    fn secrets_are_masked_whatever_was_asked_for() {
        let body = r#"{"access_token":"planted","refreshToken":"planted","key_secret":"planted","password":["planted"],"note":"Bearer planted","id":"eyJhbGciOiJIUzI1NiJ9.planted","usage":{"tokens":3}}"#;
        for texts in [Texts::Redacted, Texts::Shown] {
            let shown = texts.body(None, body.as_bytes(), Some(body.len() as u64));
            assert!(!shown.to_string().contains("planted"), "{shown}");
            assert_eq!(shown["json"]["usage"]["tokens"], 3);
            let query = texts.query([("token", "planted"), ("page", "2")]);
            assert_eq!(query, json!([["token", "[masked]"], ["page", "2"]]));
        }
    }

    #[test]
    fn asked_for_texts_are_shown() {
        let body = r#"{"text":"hello you","metadata":{"plan":"pro"}}"#;
        let shown = Texts::Shown.body(None, body.as_bytes(), Some(body.len() as u64));
        assert_eq!(
            shown["json"],
            json!({"text": "hello you", "metadata": {"plan": "pro"}})
        );
        let plain = Texts::Shown.body(Some("text/plain"), b"hello you", Some(20));
        assert_eq!(plain["text"], "hello you");
        assert_eq!(plain["is_whole"], false);
        let cut = Texts::Shown.body(None, b"{\"apiKey\":\"two planted", Some(90));
        assert!(cut["left_out"].is_string() && !cut.to_string().contains("planted"));
    }

    #[test]
    fn what_is_no_json_or_not_whole_is_named_and_left_out() {
        for (bytes, size) in [
            (&b"planted"[..], Some(7)),
            (b"{\"text\":\"planted", Some(900)),
            (b"", None),
        ] {
            let shown = Texts::Redacted.body(Some("text/plain"), bytes, size);
            assert_eq!(shown["bytes"], json!(size));
            assert!(shown["left_out"].is_string() && !shown.to_string().contains("planted"));
        }
        assert_eq!(Texts::Redacted.body(None, b"", Some(0)), Value::Null);
    }

    #[test]
    fn events_are_shown_one_by_one() {
        let stream = "event: delta\ndata: {\"type\":\"delta\",\"text\":\"planted\"}\n\n: beat\n\ndata: planted\n\ndata: {\"cut";
        let shown = Texts::Redacted.body(
            Some("text/event-stream; charset=utf-8"),
            stream.as_bytes(),
            Some(500),
        );
        assert_eq!(
            shown["events"],
            json!([
                {"event": "delta", "data": {"type": "delta", "text": "[7 characters]"}},
                {"data": "[7 characters]"},
            ])
        );
    }

    #[test]
    fn pointers_show_members_and_no_labels() {
        let table = [
            ("", ""),
            ("/title", "/title"),
            ("/parts/0/text", "/parts/0/text"),
            ("/metadata/plan", "/metadata/plan"),
            ("/metadata/her plan", "/metadata/[8 characters]"),
            ("/labels/planted", "/labels/[7 characters]"),
        ];
        for (pointer, expected) in table {
            assert_eq!(Texts::Redacted.pointer(pointer), expected);
            assert_eq!(Texts::Shown.pointer(pointer), pointer);
        }
    }

    #[test]
    fn paths_show_ids_and_no_names_of_people() {
        assert_eq!(Texts::Redacted.path("/v1/users/u-1/x"), "/v1/users/u-1/x");
        assert_eq!(
            Texts::Redacted.path("/v1/users/ada%40mail"),
            "/v1/users/[10 characters]"
        );
        assert_eq!(
            Texts::Shown.path("/v1/users/ada%40mail"),
            "/v1/users/ada%40mail"
        );
    }
}
