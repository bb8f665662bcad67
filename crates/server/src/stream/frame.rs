//! One event of an answer as server-sent event.

use backend::{Event, FieldFate};
use bytes::Bytes;
use conversation::{Message, MessageId, Part, Usage};
use serde::Serialize;

use crate::problem::{Problem, ProblemDocument};

/// Sent after a while without an event, so that proxies keep the stream open.
pub(super) const HEARTBEAT: Bytes = Bytes::from_static(b": heartbeat\n\n");

/// The JSON behind `data:`.
#[derive(Serialize)]
#[serde(tag = "type")]
enum Data<'a> {
    #[serde(rename = "message.started")]
    Started {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a MessageId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        input: Option<&'a Message>,
    },
    #[serde(rename = "part.started")]
    PartStarted { index: usize, part_type: &'a str },
    #[serde(rename = "part.delta")]
    PartDelta { index: usize, text: &'a str },
    #[serde(rename = "part.completed")]
    PartCompleted { index: usize, part: &'a Part },
    #[serde(rename = "message.usage")]
    Usage { usage: &'a Usage },
    #[serde(rename = "message.completed")]
    Completed {
        message: &'a Message,
        #[serde(skip_serializing_if = "Option::is_none")]
        fidelity: Option<Vec<FieldFate>>,
    },
    #[serde(rename = "message.incomplete")]
    Incomplete {
        message: &'a Message,
        #[serde(skip_serializing_if = "Option::is_none")]
        fidelity: Option<Vec<FieldFate>>,
    },
    #[serde(rename = "message.failed")]
    Failed {
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'a Message>,
        error: &'a ProblemDocument,
    },
}

/// An event on its way to the client.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) bytes: Bytes,
    /// The answer has begun: what fails from here on cannot be an HTTP error any more.
    pub(super) is_content: bool,
    pub(super) is_last: bool,
    /// Why there is no answer.
    pub(super) failure: Option<Problem>,
}

impl Frame {
    /// The frame of a backend's event; that of an answer carries the fates, where they are wanted.
    pub(super) fn of(event: &Event, request_id: &str, fidelity: Option<Vec<FieldFate>>) -> Self {
        let data = match event {
            Event::MessageStarted { id, input } => Data::Started {
                id: id.as_ref(),
                input: input.as_deref(),
            },
            Event::PartStarted { index, kind } => Data::PartStarted {
                index: *index,
                part_type: kind,
            },
            Event::PartDelta { index, text } => Data::PartDelta {
                index: *index,
                text,
            },
            Event::PartCompleted { index, part } => Data::PartCompleted {
                index: *index,
                part,
            },
            Event::MessageUsage(usage) => Data::Usage { usage },
            Event::MessageCompleted(message) => Data::Completed { message, fidelity },
            Event::MessageIncomplete(message) => Data::Incomplete { message, fidelity },
            Event::MessageFailed { message, error } => {
                let problem = Problem::from(error.clone());
                return Frame::failed(message.as_deref(), problem, request_id);
            }
        };
        Frame {
            bytes: write(event.name(), &data),
            is_content: !matches!(event, Event::MessageStarted { .. }),
            is_last: event.is_last(),
            failure: None,
        }
    }

    /// The frame of a failure.
    pub(super) fn failed(message: Option<&Message>, problem: Problem, request_id: &str) -> Self {
        let document = problem.clone().into_document(request_id);
        let data = Data::Failed {
            message,
            error: &document,
        };
        Frame {
            bytes: write("message.failed", &data),
            is_content: false,
            is_last: true,
            failure: Some(problem),
        }
    }
}

fn write(name: &str, data: &Data<'_>) -> Bytes {
    let mut frame = format!("event: {name}\ndata: ").into_bytes();
    // JSON text has no line break outside of escapes, so one `data:` line always does.
    if let Err(error) = serde_json::to_writer(&mut frame, data) {
        tracing::error!(%error, "an event could not be written");
    }
    frame.extend_from_slice(b"\n\n");
    Bytes::from(frame)
}

#[cfg(test)]
mod tests {
    use backend::{Error, Event, Kind};

    use super::Frame;

    #[test]
    fn event_is_one_line_of_json() {
        let event = Event::PartDelta {
            index: 0,
            text: "a\nb\r\u{2028}c".to_owned(),
        };
        let frame = Frame::of(&event, "id", None);
        assert_eq!(
            std::str::from_utf8(&frame.bytes).unwrap(),
            "event: part.delta\ndata: {\"type\":\"part.delta\",\"index\":0,\"text\":\"a\\nb\\r\u{2028}c\"}\n\n"
        );
    }

    #[test]
    fn failure_carries_a_problem_with_the_request_id() {
        let event = Event::MessageFailed {
            message: None,
            error: Error::new(Kind::UpstreamFailed, "broken"),
        };
        let frame = Frame::of(&event, "my-id", None);
        let text = std::str::from_utf8(&frame.bytes).unwrap();
        assert!(text.contains("\"code\":\"upstream-error\""), "{text}");
        assert!(text.contains("\"request_id\":\"my-id\""), "{text}");
        assert!(frame.is_last && frame.failure.is_some());
    }
}
