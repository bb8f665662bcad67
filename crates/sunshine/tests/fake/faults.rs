//! Faults that a test plans for coming requests of one operation.

use std::time::Duration;

use serde_json::Value;

/// What goes wrong.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// This is answered instead. Nothing is done.
    Answer {
        /// The status.
        status: u16,
        /// Headers beside the content type; a `content-type` here replaces the usual one.
        headers: Vec<(&'static str, &'static str)>,
        /// The body, as it is.
        body: String,
    },
    /// An error in the vendor's shape. Nothing is done.
    Refuse {
        /// The status.
        status: u16,
        /// The code.
        code: &'static str,
    },
    /// The request is carried out; the JSON of the answer ends in its middle.
    TruncatedBody,
    /// The request is carried out; the connection is cut in the middle of the answer's body.
    CutMidBody,
    /// The connection is cut before anything was done.
    CutBefore,
    /// The request is carried out, then the connection is cut: the answer is lost.
    CutAfter,
    /// Nothing is done and nothing is ever answered.
    Silence,
    /// The request is carried out and nothing is ever answered.
    SilenceAfter,
    /// The server waits, then carries the request out, whether or not the client is still there.
    Slow(Duration),
    /// The request is carried out; the answer is a page in HTML with status 200.
    Html,
    /// The request is carried out; the answer is empty, with status 200.
    Empty,
    /// A list says that more follows behind the cursor that the request came with.
    RepeatCursor,
    /// The middle record of a list keeps its id; everything else in it has a wrong type.
    BadRecord,
    /// The middle record of a list is no object.
    NoRecord,
    /// The answer is padded to more than this many bytes.
    Oversized(usize),
    /// The JSON of the answer is changed.
    Edit(fn(&mut Value)),
}

/// A fault and the requests that it waits for.
pub(crate) struct PlannedFault {
    pub(crate) operation: &'static str,
    pub(crate) fault: Fault,
}

/// The lists of the vendor's answers.
const LISTS: [&str; 4] = ["conversations", "messages", "participants", "users"];

impl Fault {
    /// Changes the body of an answer. `cursor` is what the request came with.
    pub(crate) fn edit(&self, body: &mut Value, cursor: Option<&str>) {
        match self {
            Self::RepeatCursor => repeat_cursor(body, cursor),
            Self::BadRecord => spoil(body, |record| {
                for (name, value) in record.as_object_mut().into_iter().flatten() {
                    if name != "id" {
                        *value = match value {
                            Value::Array(_) => Value::from("no list"),
                            _ => Value::from(vec![7]),
                        };
                    }
                }
            }),
            Self::NoRecord => spoil(body, |record| *record = Value::from(7)),
            Self::Oversized(bytes) => {
                body["padding"] = Value::from("x".repeat(*bytes));
            }
            Self::Edit(change) => change(body),
            _ => {}
        }
    }
}

fn spoil(body: &mut Value, change: impl Fn(&mut Value)) {
    for name in LISTS {
        if let Some(list) = body.get_mut(name).and_then(Value::as_array_mut) {
            let middle = list.len() / 2;
            if let Some(record) = list.get_mut(middle) {
                change(record);
            }
        }
    }
}

fn repeat_cursor(body: &mut Value, cursor: Option<&str>) {
    let backwards = body.get("messages").is_some();
    let name = if backwards {
        "beforeCursor"
    } else {
        "afterCursor"
    };
    let list = LISTS.iter().find_map(|list| body.get(list)?.as_array());
    let edge = list.and_then(|list| {
        let mut ids = list.iter().filter_map(|record| record["id"].as_str());
        if backwards {
            ids.next()
        } else {
            ids.next_back()
        }
    });
    let cursor = cursor
        .or(edge)
        .unwrap_or("0123456789abcdef01234567")
        .to_owned();
    body["meta"]["hasMore"] = Value::from(true);
    body["meta"][name] = Value::from(cursor);
}
