//! Every body recorded on the vendor's server decodes and encodes again to the same bytes.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic like the tests themselves"
)]

#[path = "fixtures/recorded.rs"]
#[expect(dead_code, reason = "headers of requests do not matter here")]
mod recorded;

use datamonkey::wire::{
    ChatConversation, ChatMessage, ConversationList, CreateRequest, CreatedConversation, Member,
    MessageList, NEW_TOKEN_HEADER, Problem, SendRequest, SendResponse, to_bytes,
};
use proptest::prelude::*;
use recorded::{Exchange, all};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn again<T: DeserializeOwned + Serialize>(text: &str) -> Result<String, serde_json::Error> {
    let decoded: T = serde_json::from_str(text)?;
    Ok(String::from_utf8(to_bytes(&decoded)?).unwrap())
}

/// Decodes the answer as the type that the path and method promise, and encodes it again.
fn answer_again(exchange: &Exchange) -> Result<String, serde_json::Error> {
    let body = exchange.response.body.as_str();
    let path = exchange.request.path.split('?').next().unwrap();
    let segments: Vec<&str> = path.trim_start_matches("/api/v1/").split('/').collect();
    match (exchange.request.method.as_str(), segments.as_slice()) {
        ("POST", ["chat"]) => again::<CreatedConversation>(body),
        ("GET", ["chat"]) => again::<ConversationList>(body),
        ("GET", ["chat", _]) => again::<ChatConversation>(body),
        ("GET", ["chat", _, "messages"]) => again::<MessageList>(body),
        ("POST", ["chat", _, "messages"]) => again::<SendResponse>(body),
        other => panic!("no wire type for {other:?} of {}", exchange.name),
    }
}

#[test]
fn recorded_answers_decode_and_encode_to_the_same_bytes() {
    let mut checked = 0;
    for exchange in all() {
        if exchange.response.status >= 300 || exchange.response.body.is_empty() {
            continue;
        }
        assert!(exchange.is_json(), "{}", exchange.name);
        let encoded =
            answer_again(&exchange).unwrap_or_else(|error| panic!("{}: {error}", exchange.name));
        assert_eq!(encoded, exchange.response.body, "{}", exchange.name);
        checked += 1;
    }
    assert!(
        checked > 65,
        "only {checked} answers were found in the fixtures"
    );
}

#[test]
fn recorded_errors_decode_and_encode_to_the_same_bytes_or_are_no_handlers() {
    let (mut handlers, mut others) = (0, 0);
    for exchange in all() {
        if exchange.response.status < 300 {
            continue;
        }
        let body = exchange.response.body.as_str();
        if exchange.is_json() {
            let encoded =
                again::<Problem>(body).unwrap_or_else(|error| panic!("{}: {error}", exchange.name));
            assert_eq!(encoded, body, "{}", exchange.name);
            handlers += 1;
        } else {
            assert!(again::<Problem>(body).is_err(), "{}", exchange.name);
            others += 1;
        }
    }
    assert!(
        handlers > 50 && others >= 7,
        "only {handlers} errors of handlers and {others} others were found in the fixtures"
    );
}

#[test]
fn recorded_requests_that_were_read_decode_without_losing_members() {
    let mut checked = 0;
    for exchange in all() {
        let (Some(body), true) = (&exchange.request.body, exchange.response.status < 300) else {
            continue;
        };
        // What the server swallows or reads loosely is not of the documented shape.
        let loosely = [
            "title_number",
            "body_array",
            "trailing",
            "uppercase",
            "duplicate",
            "form",
            "surrogate",
            "raw_nul",
        ];
        if loosely.iter().any(|name| exchange.name.contains(name))
            || exchange.request.method == "DELETE"
        {
            continue;
        }
        let encoded = if exchange.request.path.ends_with("/messages") {
            again::<SendRequest>(body)
        } else {
            again::<CreateRequest>(body)
        };
        let encoded = encoded.unwrap_or_else(|error| panic!("{}: {error}", exchange.name));
        let sent: serde_json::Value = serde_json::from_str(body).unwrap();
        let kept: serde_json::Value = serde_json::from_str(&encoded).unwrap();
        assert_eq!(kept, sent, "{}", exchange.name);
        checked += 1;
    }
    assert!(
        checked > 30,
        "only {checked} requests were found in the fixtures"
    );
}

#[test]
fn a_new_token_comes_with_creates_only_and_only_where_none_was_taken() {
    for exchange in all() {
        if exchange.header(NEW_TOKEN_HEADER).is_some() {
            assert_eq!(exchange.request.method, "POST", "{}", exchange.name);
            assert_eq!(exchange.request.path, "/api/v1/chat", "{}", exchange.name);
            assert_eq!(exchange.response.status, 201, "{}", exchange.name);
        }
        if exchange.server.is_none()
            && exchange.request.path == "/api/v1/chat"
            && exchange.request.method == "POST"
        {
            assert_ne!(exchange.response.status, 401, "{}", exchange.name);
        }
    }
}

#[test]
fn unknown_members_keep_their_bytes() {
    // In the order of their names, after those that are known.
    let unknown = r#"{"error":"x","big":12345678901234567890123,"exponent":1e2,"text":"\u00e9\/","z":{"b":1, "a":[ ]}}"#;
    assert_eq!(again::<Problem>(unknown).unwrap(), unknown);
}

#[test]
fn absent_null_and_empty_messages_stay_apart() {
    for text in [r#"{}"#, r#"{"messages":null}"#, r#"{"messages":[]}"#] {
        assert_eq!(again::<MessageList>(text).unwrap(), text);
    }
}

#[test]
fn debug_output_shows_no_content() {
    let message: ChatMessage =
        serde_json::from_str(r#"{"role":"user","content":"a secret","future":"secret"}"#).unwrap();
    assert_eq!(format!("{message:?}"), "ChatMessage { .. }");
    assert!(!format!("{:?}", SendRequest::new("secret")).contains("secret"));
}

proptest! {
    #[test]
    fn any_text_survives_and_is_spelled_as_the_vendor_does(content in any::<String>()) {
        let message = ChatMessage {
            role: "user".into(),
            content: content.clone(),
            timestamp: Member::Value(1),
            extra: Default::default(),
        };
        let text = String::from_utf8(to_bytes(&message).unwrap()).unwrap();
        let escaped = ['<', '>', '&', '\u{2028}', '\u{2029}'];
        prop_assert!(!text.contains(escaped));
        let again: ChatMessage = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(again.content, content);
    }
}
