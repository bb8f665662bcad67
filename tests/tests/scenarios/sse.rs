//! Reading the event stream of an answer, as a test needs it: all events, in order.

use serde_json::Value;

/// One event.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: Value,
}

/// The events of a whole stream. Comments (heartbeats) are left out.
pub(crate) fn events(stream: &str) -> Vec<Event> {
    stream
        .split("\n\n")
        .filter_map(|block| {
            let field = |name: &str| {
                let lines = block
                    .lines()
                    .filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
                let values: Vec<&str> = lines
                    .map(|value| value.strip_prefix(' ').unwrap_or(value))
                    .collect();
                (!values.is_empty()).then(|| values.join("\n"))
            };
            let data = field("data")?;
            let data = serde_json::from_str(&data)
                .unwrap_or_else(|error| panic!("not JSON ({error}): {data}"));
            Some(Event {
                name: field("event").unwrap_or_default(),
                data,
            })
        })
        .collect()
}

/// The text that the deltas add up to.
pub(crate) fn text(events: &[Event]) -> String {
    events
        .iter()
        .filter(|event| event.name == "part.delta")
        .map(|event| event.data["text"].as_str().expect("a delta has text"))
        .collect()
}
