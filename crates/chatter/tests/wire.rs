//! Every body recorded on the vendor's servers decodes and encodes again to the same bytes.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic like the tests themselves"
)]

#[path = "fixtures/recorded.rs"]
mod recorded;

use chatter::wire::{
    AvailableToolsResponse, ChatRequest, ChatResponse, ConversationCreate,
    ConversationDeleteResponse, ConversationListResponse, ConversationResponse, ConversationUpdate,
    FrameworkError, LoginRequest, LoginResponse, MessageDeleteResponse, MessageRatingResponse,
    MessageRatingUpdate, MessageResponse, Problem, STREAM_DONE, StreamEvent,
    WorkflowTemplatesResponse,
};
use proptest::prelude::*;
use recorded::{Exchange, all};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn again<T: DeserializeOwned + Serialize>(text: &str) -> Result<String, serde_json::Error> {
    let decoded: T = serde_json::from_str(text)?;
    serde_json::to_string(&decoded)
}

/// Decodes the answer as the type that the path and method promise, and encodes it again.
fn answer_again(exchange: &Exchange) -> Result<String, serde_json::Error> {
    let body = exchange.response.body.as_str();
    let path = exchange.request.path.split('?').next().unwrap();
    let segments: Vec<&str> = path
        .trim_start_matches("/api/v1/")
        .trim_end_matches('/')
        .split('/')
        .collect();
    let tail: Vec<&str> = match segments.as_slice() {
        ["chat", "conversations", tail @ ..] | ["conversations", tail @ ..] => {
            [&["conversations"], tail].concat()
        }
        other => other.to_vec(),
    };
    match (exchange.request.method.as_str(), tail.as_slice()) {
        ("GET", ["conversations"]) => again::<ConversationListResponse>(body),
        ("POST", ["conversations"]) | ("GET" | "PUT", ["conversations", _]) => {
            again::<ConversationResponse>(body)
        }
        ("DELETE", ["conversations", _]) => again::<ConversationDeleteResponse>(body),
        ("GET", ["conversations", _, "messages"]) => again::<Vec<MessageResponse>>(body),
        ("DELETE", ["conversations", _, "messages", _]) => again::<MessageDeleteResponse>(body),
        ("PATCH", ["conversations", _, "messages", _, "rating"]) => {
            again::<MessageRatingResponse>(body)
        }
        ("POST", ["chat", "chat"] | ["chat", "template", _]) => again::<ChatResponse>(body),
        ("GET", ["chat", "tools", "available"]) => again::<AvailableToolsResponse>(body),
        ("GET", ["chat", "templates"]) => again::<WorkflowTemplatesResponse>(body),
        ("POST", ["auth", _]) => again::<LoginResponse>(body),
        other => panic!("no wire type for {other:?} of {}", exchange.name),
    }
}

#[test]
fn recorded_answers_decode_and_encode_to_the_same_bytes() {
    let mut checked = 0;
    for (file, exchange) in all() {
        if exchange.response.status >= 300 || exchange.content_type() != "application/json" {
            continue;
        }
        let encoded = answer_again(&exchange)
            .unwrap_or_else(|error| panic!("{file} {}: {error}", exchange.name));
        assert_eq!(encoded, exchange.response.body, "{file} {}", exchange.name);
        checked += 1;
    }
    assert!(
        checked > 100,
        "only {checked} answers were found in the fixtures"
    );
}

#[test]
fn recorded_errors_decode_and_encode_to_the_same_bytes() {
    let mut checked = 0;
    for (file, exchange) in all() {
        if exchange.response.status < 400 {
            continue;
        }
        let body = exchange.response.body.as_str();
        let encoded = match exchange.content_type() {
            "application/problem+json" => again::<Problem>(body),
            "application/json" => again::<FrameworkError>(body),
            _ => continue,
        };
        let encoded = encoded.unwrap_or_else(|error| panic!("{file} {}: {error}", exchange.name));
        assert_eq!(encoded, body, "{file} {}", exchange.name);
        checked += 1;
    }
    assert!(
        checked > 90,
        "only {checked} errors were found in the fixtures"
    );
}

#[test]
fn recorded_streams_decode_and_encode_to_the_same_bytes() {
    let mut frames = 0;
    for (file, exchange) in all() {
        if !exchange.content_type().starts_with("text/event-stream") {
            continue;
        }
        let mut again = String::new();
        for line in exchange
            .response
            .body
            .lines()
            .filter(|line| !line.is_empty())
        {
            let data = line
                .strip_prefix("data: ")
                .unwrap_or_else(|| panic!("{file} {}: {line}", exchange.name));
            let encoded = if data == STREAM_DONE {
                data.to_owned()
            } else {
                serde_json::from_str::<StreamEvent>(data)
                    .unwrap()
                    .encode()
                    .unwrap()
            };
            again.push_str(&format!("data: {encoded}\n\n"));
            frames += 1;
        }
        assert_eq!(again, exchange.response.body, "{file} {}", exchange.name);
    }
    assert!(
        frames > 50,
        "only {frames} frames were found in the fixtures"
    );
}

#[test]
fn recorded_requests_that_were_accepted_decode_without_unknown_members_being_lost() {
    for (file, exchange) in all() {
        let (Some(body), true) = (&exchange.request.body, exchange.response.status < 300) else {
            continue;
        };
        // The server reads texts as numbers and flags; our types are those of the documentation.
        if exchange.name.contains("coercion") || exchange.name.contains("stream_str") {
            continue;
        }
        let path = exchange.request.path.as_str();
        let encoded = match exchange.request.method.as_str() {
            "PUT" => again::<ConversationUpdate>(body),
            "PATCH" => again::<MessageRatingUpdate>(body),
            _ if path.contains("/auth/") => again::<LoginRequest>(body),
            _ if path.contains("/conversations") => again::<ConversationCreate>(body),
            _ => again::<ChatRequest>(body),
        };
        let encoded = encoded.unwrap_or_else(|error| panic!("{file} {}: {error}", exchange.name));
        let sent: serde_json::Value = serde_json::from_str(body).unwrap();
        let mut kept: serde_json::Value = serde_json::from_str(&encoded).unwrap();
        if let (Some(sent), Some(kept)) = (sent["rating"].as_f64(), kept.get_mut("rating")) {
            assert_eq!(kept.as_f64(), Some(sent));
            *kept = sent_number(body);
        }
        assert_eq!(kept, sent, "{file} {}", exchange.name);
    }
}

fn sent_number(body: &str) -> serde_json::Value {
    serde_json::from_str::<serde_json::Value>(body).unwrap()["rating"].clone()
}

#[test]
fn unknown_members_keep_their_bytes() {
    // In the order of their names, after those that are known.
    let unknown = r#"{"detail":"x","big":12345678901234567890123,"exponent":1e2,"text":"\u00e9\/","z":{"b":1, "a":[ ]}}"#;
    assert_eq!(again::<FrameworkError>(unknown).unwrap(), unknown);
}

#[test]
fn debug_output_shows_no_content() {
    let request: ChatRequest =
        serde_json::from_str(r#"{"message":"a secret","provider":"p","future":"secret"}"#).unwrap();
    assert_eq!(format!("{request:?}"), "ChatRequest { .. }");
}

proptest! {
    #[test]
    fn any_text_survives_a_stream_frame(content in any::<String>()) {
        let text = serde_json::to_string(&serde_json::json!({"type": "token", "content": content})).unwrap();
        let frame: StreamEvent = serde_json::from_str(&text).unwrap();
        let encoded = frame.encode().unwrap();
        prop_assert!(encoded.is_ascii());
        prop_assert!(!encoded.contains('\n'));
        let again: StreamEvent = serde_json::from_str(&encoded).unwrap();
        prop_assert_eq!(again.content.value(), Some(&content));
    }
}
