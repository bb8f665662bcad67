//! Lists in which a record cannot be read: the others survive, and each that is left out is named.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, DeserializeOwned, Deserializer};
use serde_json::value::RawValue;
use transport::{Response, TransportError};

/// The longest id that is named, in bytes. Vendors' ids are far shorter; what is longer may be anything.
const ID_MAX_BYTES: usize = 128;

/// A record of a list that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its place in the list as it was sent, from 0.
    pub position: usize,
    /// Its member `id` (or what else names the list's records), where that is a number, or a text without blanks or
    /// control characters.
    pub id: Option<Box<str>>,
}

/// An answer with a list, and what could not be read of that list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed<T> {
    /// The answer, without the records that were left out.
    pub answer: T,
    /// The records that were left out, in their order.
    pub left_out: Vec<LeftOut>,
}

impl<T> Listed<T> {
    /// False where a record was left out: then it proves nothing that something is not among the others.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.left_out.is_empty()
    }

    /// Names every record that was left out in the log, by its id; one without by its position.
    #[must_use]
    pub fn named(self, backend: &str, operation: &'static str) -> Self {
        for record in &self.left_out {
            match &record.id {
                Some(id) => name_left_out(backend, operation, Some(id)),
                None => tracing::warn!(
                    backend.name = backend,
                    operation,
                    record.position = record.position,
                    "left out a record that cannot be read"
                ),
            }
        }
        self
    }
}

/// Names one record that is left out in the log, by its id and never by its content: what does not look like an id
/// (blanks, control characters, more than 128 bytes) is not repeated. For a record that is found unreadable only when
/// it is mapped; [`Listed::named`] does it for those of an answer.
pub fn name_left_out(backend: &str, operation: &'static str, id: Option<&str>) {
    tracing::warn!(
        backend.name = backend,
        operation,
        record.id = id.filter(|id| looks_like_id(id)).unwrap_or("unknown"),
        "left out a record that cannot be read"
    );
}

fn looks_like_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= ID_MAX_BYTES
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Reads an answer with a list of `Record`s: the member `list` of the answer, or with `None` the answer itself.
///
/// Only an answer that cannot be read as it is is looked at record by record, so the usual one costs nothing more.
///
/// # Errors
/// Those of [`Response::json`], where the answer cannot be read for another reason than single records.
pub fn read_list<T: DeserializeOwned, Record: DeserializeOwned>(
    response: &Response,
    list: Option<&str>,
) -> Result<Listed<T>, TransportError> {
    read_without::<T>(response, |body| without_unreadable::<Record>(body, list))
}

/// As [`read_list`], for a member `list` whose records have a name and no id: an array of records with a member
/// `name`, or an object of records by name.
///
/// # Errors
/// As [`read_list`].
pub fn read_named<T: DeserializeOwned, Record: DeserializeOwned>(
    response: &Response,
    list: &str,
) -> Result<Listed<T>, TransportError> {
    read_without::<T>(response, |body| without_unnamed::<Record>(body, list))
}

fn read_without<T: DeserializeOwned>(
    response: &Response,
    trim: impl Fn(&str) -> Option<(String, Vec<LeftOut>)>,
) -> Result<Listed<T>, TransportError> {
    let failed = match response.json() {
        Ok(answer) => {
            return Ok(Listed {
                answer,
                left_out: Vec::new(),
            });
        }
        Err(error) => error,
    };
    // Read through the transport again, which refuses what is not complete or nests too deep.
    let Ok(body) = response.json::<&RawValue>() else {
        return Err(failed);
    };
    trim(body.get())
        .and_then(|(body, left_out)| {
            let answer = serde_json::from_str(&body).ok()?;
            Some(Listed { answer, left_out })
        })
        .ok_or(failed)
}

/// A JSON text without the records of its list that are no `Record`, every other byte of value as it was, and what was
/// left out. `list` is as in [`read_list`].
///
/// `None` where the text is not JSON, has no such list, or every record of it can be read.
///
/// ```
/// let body = r#"{"total":2,"items":[{"id":"a"},{"id":7}]}"#;
/// # #[derive(serde::Deserialize)]
/// # struct Item { id: String }
/// let (body, left_out) = adapterkit::without_unreadable::<Item>(body, Some("items")).unwrap();
/// assert_eq!(body, r#"{"total":2,"items":[{"id":"a"}]}"#);
/// assert_eq!(left_out[0].position, 1);
/// assert_eq!(left_out[0].id.as_deref(), Some("7"));
/// ```
#[must_use]
pub fn without_unreadable<Record: DeserializeOwned>(
    body: &str,
    list: Option<&str>,
) -> Option<(String, Vec<LeftOut>)> {
    let whole: &RawValue = serde_json::from_str(body).ok()?;
    let list: &RawValue = match list {
        None => whole,
        Some(name) => {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(body).ok()?;
            members.get(name).copied()?
        }
    };
    let records: Vec<&RawValue> = serde_json::from_str(list.get()).ok()?;
    let records = records
        .into_iter()
        .map(|record| (record.get().to_owned(), record, id_of(record, "id")));
    trimmed::<Record>(body, list, records, ["[", "]"])
}

fn without_unnamed<Record: DeserializeOwned>(
    body: &str,
    list: &str,
) -> Option<(String, Vec<LeftOut>)> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(body).ok()?;
    let list: &RawValue = members.get(list).copied()?;
    if list.get().starts_with('[') {
        let records: Vec<&RawValue> = serde_json::from_str(list.get()).ok()?;
        let records = records
            .into_iter()
            .map(|record| (record.get().to_owned(), record, id_of(record, "name")));
        return trimmed::<Record>(body, list, records, ["[", "]"]);
    }
    let Members(records) = serde_json::from_str(list.get()).ok()?;
    let mut named = Vec::with_capacity(records.len());
    for (name, record) in records {
        let member = format!("{}:{}", serde_json::to_string(&name).ok()?, record.get());
        let id = Some(name)
            .filter(|name| looks_like_id(name))
            .map(Into::into);
        named.push((member, record, id));
    }
    trimmed::<Record>(body, list, named.into_iter(), ["{", "}"])
}

/// The members of an object in the order in which they were sent.
struct Members<'de>(Vec<(String, &'de RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> de::Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// The body with only those records that are one: each with its text as it is written, its value and its id.
fn trimmed<'b, Record: DeserializeOwned>(
    body: &str,
    list: &RawValue,
    records: impl Iterator<Item = (String, &'b RawValue, Option<Box<str>>)>,
    [open, close]: [&str; 2],
) -> Option<(String, Vec<LeftOut>)> {
    let mut kept = Vec::new();
    let mut left_out = Vec::new();
    for (position, (text, record, id)) in records.enumerate() {
        if serde_json::from_str::<Record>(record.get()).is_ok() {
            kept.push(text);
        } else {
            left_out.push(LeftOut { position, id });
        }
    }
    if left_out.is_empty() {
        return None;
    }
    // Raw values are borrowed from the body, so their addresses tell where in it they are.
    let start = list.get().as_ptr().addr() - body.as_ptr().addr();
    let end = start + list.get().len();
    let kept = kept.join(",");
    Some((
        format!("{}{open}{kept}{close}{}", &body[..start], &body[end..]),
        left_out,
    ))
}

fn id_of(record: &RawValue, member: &str) -> Option<Box<str>> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(record.get()).ok()?;
    let id = members.get(member)?.get();
    let text = if id.starts_with('"') {
        serde_json::from_str(id).ok()?
    } else if id.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        id.to_owned()
    } else {
        return None;
    };
    looks_like_id(&text).then(|| text.into())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only whether it can be read matters")]
    struct Item {
        id: String,
        count: Option<u64>,
    }

    #[derive(Deserialize)]
    struct Items {
        items: Vec<Item>,
    }

    fn left_out(table: &[(usize, Option<&str>)]) -> Vec<LeftOut> {
        let row = |(position, id): &(usize, Option<&str>)| LeftOut {
            position: *position,
            id: id.map(Into::into),
        };
        table.iter().map(row).collect()
    }

    #[test]
    fn only_the_bytes_of_the_unreadable_records_are_gone() {
        let body = concat!(
            " { \"before\" : 1.50 , \"items\" : [ {\"id\":\"a\",\"x\":1e3} ,\n",
            "{\"id\":\"b\",\"count\":\"many\"}, 7, null, {\"count\":1}, {\"id\":\"\\u0063\"} ] ,\"after\":[ ] } "
        );
        let (trimmed, left) = without_unreadable::<Item>(body, Some("items")).unwrap();
        assert_eq!(
            trimmed,
            concat!(
                " { \"before\" : 1.50 , \"items\" : [{\"id\":\"a\",\"x\":1e3},{\"id\":\"\\u0063\"}]",
                " ,\"after\":[ ] } "
            )
        );
        assert_eq!(
            left,
            left_out(&[(1, Some("b")), (2, None), (3, None), (4, None)])
        );
        let items: Items = serde_json::from_str(&trimmed).unwrap();
        assert_eq!(items.items.len(), 2);
    }

    #[test]
    fn a_body_may_be_the_list_itself() {
        let body = "\n[{\"id\":1},{\"id\":\"b\"}] ";
        let (trimmed, left) = without_unreadable::<Item>(body, None).unwrap();
        assert_eq!(trimmed, "\n[{\"id\":\"b\"}] ");
        assert_eq!(left, left_out(&[(0, Some("1"))]));
        let (trimmed, left) = without_unreadable::<Item>("[7]", None).unwrap();
        assert_eq!(trimmed, "[]");
        assert_eq!(left, left_out(&[(0, None)]));
    }

    #[test]
    fn what_is_no_matter_of_single_records_is_left_alone() {
        let table = [
            ("", Some("items")),
            ("{\"items\":[{\"id\":7}", Some("items")),
            ("{\"items\":[{\"id\":7}]} trailing", Some("items")),
            ("{\"items\":{\"id\":7}}", Some("items")),
            ("{\"items\":null}", Some("items")),
            ("{\"others\":[7]}", Some("items")),
            ("[7]", Some("items")),
            ("{\"items\":[7]}", None),
            ("<html>", None),
            ("{\"items\":[{\"id\":\"a\"}]}", Some("items")),
            ("[]", None),
        ];
        for (body, list) in table {
            assert_eq!(without_unreadable::<Item>(body, list), None, "{body}");
        }
    }

    #[test]
    fn the_last_of_equal_members_counts_as_it_does_for_objects() {
        let body = r#"{"items":[7],"items":[{"id":"a"},7]}"#;
        let (trimmed, left) = without_unreadable::<Item>(body, Some("items")).unwrap();
        assert_eq!(trimmed, r#"{"items":[7],"items":[{"id":"a"}]}"#);
        assert_eq!(left, left_out(&[(1, None)]));
    }

    #[test]
    fn only_what_looks_like_an_id_is_named() {
        let long = format!("\"{}\"", "a".repeat(ID_MAX_BYTES + 1));
        let table = [
            ("\"msg_1-a\"", Some("msg_1-a")),
            ("17", Some("17")),
            ("-1", Some("-1")),
            ("\"\"", None),
            ("\"two words\"", None),
            ("\"line\\nbreak\"", None),
            ("\"\u{e9}\"", None),
            (&long, None),
            ("true", None),
            ("null", None),
            ("{}", None),
        ];
        for (id, expected) in table {
            let body = format!(r#"[{{"id":{id},"count":"no number"}}]"#);
            let (_, left) = without_unreadable::<Item>(&body, None).unwrap();
            assert_eq!(left, left_out(&[(0, expected)]), "{id}");
        }
    }

    #[test]
    fn records_without_ids_are_named_by_their_names() {
        let body = r#"{"tools":[{"name":"a","id":"x"},{"name":"b"},7],"more":1.50}"#;
        let (trimmed, left) = without_unnamed::<Item>(body, "tools").unwrap();
        assert_eq!(trimmed, r#"{"tools":[{"name":"a","id":"x"}],"more":1.50}"#);
        assert_eq!(left, left_out(&[(1, Some("b")), (2, None)]));
        let body = r#"{"by_name":{"b":7, "a\"c":{"id":"x"}, "two words":null}}"#;
        let (trimmed, left) = without_unnamed::<Item>(body, "by_name").unwrap();
        assert_eq!(trimmed, r#"{"by_name":{"a\"c":{"id":"x"}}}"#);
        assert_eq!(left, left_out(&[(0, Some("b")), (2, None)]));
        for body in [r#"{"by_name":7}"#, r#"{"by_name":{}}"#, "{}"] {
            assert_eq!(without_unnamed::<Item>(body, "by_name"), None, "{body}");
        }
    }

    #[test]
    fn deep_records_are_left_out_without_harm() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let body = format!(r#"[{{"id":"a"}},{deep}]"#);
        let (trimmed, left) = without_unreadable::<Item>(&body, None).unwrap();
        assert_eq!(trimmed, r#"[{"id":"a"}]"#);
        assert_eq!(left, left_out(&[(1, None)]));
    }
}
