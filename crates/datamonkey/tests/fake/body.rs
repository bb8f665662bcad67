//! Request bodies as Go's decoder reads them: names in any case, the last of equal ones counts, the rest of the body
//! after the first value does not.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// The members of an object, in their order.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }

            fn visit_unit<E>(self) -> Result<Members, E> {
                Ok(Members(Vec::new()))
            }
        }
        deserializer.deserialize_any(InOrder)
    }
}

fn first_value(body: &[u8]) -> Result<Members, String> {
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<Members>();
    match values.next() {
        None => Err("EOF".to_owned()),
        Some(Err(error)) if error.is_eof() => Err("unexpected EOF".to_owned()),
        Some(Err(error)) if error.is_data() => {
            Err("json: cannot unmarshal into Go value of type struct".to_owned())
        }
        Some(Err(_)) => {
            let first = char::from(body.first().copied().unwrap_or_default());
            Err(format!(
                "invalid character '{first}' looking for beginning of value"
            ))
        }
        Some(Ok(members)) => Ok(members),
    }
}

/// The member of this name that counts, where it is a text. `Err` where it is something else.
fn text(members: &Members, name: &str) -> Result<Option<String>, String> {
    let found = members
        .0
        .iter()
        .rev()
        .find(|(key, _)| key.eq_ignore_ascii_case(name));
    match found.map(|(_, value)| value) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => {
            let kind = match other {
                Value::Number(_) => "number",
                Value::Bool(_) => "bool",
                Value::Array(_) => "array",
                _ => "object",
            };
            Err(format!(
                "json: cannot unmarshal {kind} into Go struct field .{name} of type string"
            ))
        }
    }
}

/// The title of a create: every problem reads as none.
pub(crate) fn title(body: &[u8]) -> String {
    first_value(body)
        .and_then(|members| text(&members, "title"))
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// The message of a send, or what is wrong with the body.
pub(crate) fn message(body: &[u8]) -> Result<String, String> {
    let members = first_value(body)?;
    let message = text(&members, "message")?;
    text(&members, "fileId")?;
    message
        .filter(|message| !message.is_empty())
        .ok_or_else(|| {
            "Key: 'Message' Error:Field validation for 'Message' failed on the 'required' tag"
                .to_owned()
        })
}
