//! Examples of request bodies, where the schema alone does not show how one is meant.

use serde_json::{Value, json};

/// The examples of an operation's body, by name.
pub(super) fn of(id: &str) -> Option<Value> {
    let text = |text: &str| json!({"parts": [{"type": "text", "text": text}]});
    Some(match id {
        "respond" => json!({
            "input": {
                "summary": "Say something and have it answered",
                "value": {"input": text("Where is my order?")},
            },
            "transcript": {
                "summary": "Tell the AI of history that its backend does not hold, at most 2,000 tokens of it",
                "value": {"input": text("And the other one?"), "context": {"transcript": {"max_tokens": 2_000}}},
            },
            "no_context": {
                "summary": "Tell the AI of nothing but what its backend holds",
                "value": {"input": text("Hello"), "context": "none"},
            },
        }),
        "translate" => json!({
            "message": {
                "summary": "A message of ours in our own shape",
                "value": {"from": "normalized", "to": "normalized", "object": "message", "body": text("Hello")},
            },
        }),
        "repairDrift" => json!({
            "title": {
                "summary": "The vendor's title is right",
                "value": {
                    "conversation_id": "conv_01h455vb4pex5vsknk084sn02q",
                    "pointer": "/title",
                    "resolution": "keep_backend",
                },
            },
        }),
        "explainRoute" => json!({
            "tenant": {
                "summary": "Where would a mail of this tenant go?",
                "value": {"tenant": "acme", "headers": {"x-region": "eu"}, "conversation": {"kind": "mail"}},
            },
        }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;

    use super::of;
    use crate::api::overlay::RepairRequest;
    use crate::api::routes::ExplainRouteRequest;
    use crate::api::translate::TranslateRequest;
    use crate::json::parse;

    #[track_caller]
    fn read<T: DeserializeOwned>(id: &str) {
        for (name, example) in of(id).unwrap().as_object().unwrap() {
            let body = example["value"].to_string();
            assert!(parse::<T>(body.as_bytes(), "").is_ok(), "{id}: {name}");
        }
    }

    #[test]
    fn examples_are_bodies_that_are_read() {
        read::<backend::RespondRequest>("respond");
        read::<TranslateRequest>("translate");
        read::<RepairRequest>("repairDrift");
        read::<ExplainRouteRequest>("explainRoute");
    }
}
