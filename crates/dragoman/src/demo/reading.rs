//! What an answer of each API says, as the tour compares it.

use serde_json::Value;

use crate::failure::Failure;

/// A member of an answer that has to be text.
pub(super) fn text<'a>(answer: &'a Value, pointer: &str) -> Result<&'a str, Failure> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    found.ok_or_else(|| Failure::runtime(format!("the answer has no text at {pointer}: {answer}")))
}

/// The texts of a list of messages, in their order.
pub(super) fn texts(answer: &Value, list: &str, text_at: &[&str]) -> Result<Vec<String>, Failure> {
    let messages = answer.pointer(list).and_then(Value::as_array);
    let messages = messages
        .ok_or_else(|| Failure::runtime(format!("the answer has no list at {list:?}: {answer}")))?;
    let text_of = |message: &Value| {
        let found = text_at.iter().find_map(|pointer| message.pointer(pointer));
        found.and_then(Value::as_str).map(str::to_owned)
    };
    messages
        .iter()
        .map(|message| {
            text_of(message)
                .ok_or_else(|| Failure::runtime(format!("a message has no text: {message}")))
        })
        .collect()
}

/// Fails where what was read is not what was said.
pub(super) fn same(what: &str, read: &[String], said: &[String]) -> Result<(), Failure> {
    if read == said {
        return Ok(());
    }
    Err(Failure::runtime(format!(
        "{what} shows {read:?}, and what was said is {said:?}"
    )))
}
