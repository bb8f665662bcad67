//! Every body in the fixtures decodes and encodes again to the same bytes.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic like the tests themselves"
)]

#[path = "fixtures/captured.rs"]
mod captured;

use captured::{Request, answers, requests};
use convore::wire::{
    Attachment, AttachmentUpload, Conversation, ConversationCreate, ConversationListQuery,
    ConversationStatus, ConversationUpdate, Label, LabelCreate, Message, MessageImport,
    MessageSend, MessageUpdate, Page, spelled_second,
};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

fn again<T: DeserializeOwned + Serialize>(text: &str) -> String {
    let decoded: T = serde_json::from_str(text).unwrap();
    serde_json::to_string(&decoded).unwrap()
}

fn request_again(request: &Request, body: &str) -> String {
    let path = request.path.split('?').next().unwrap();
    match (request.method.as_str(), path) {
        ("POST", "/v1/messages") => again::<MessageSend>(body),
        ("POST", "/v1/messages/import") => again::<MessageImport>(body),
        ("POST", "/v1/conversations") => again::<ConversationCreate>(body),
        ("POST", "/v1/labels") => again::<LabelCreate>(body),
        ("PATCH", path) if path.starts_with("/v1/messages/") => again::<MessageUpdate>(body),
        ("PATCH", path) if path.starts_with("/v1/conversations/") => {
            again::<ConversationUpdate>(body)
        }
        other => panic!("no wire type for {other:?} of {}", request.name),
    }
}

#[test]
fn captured_requests_decode_and_encode_to_the_same_bytes() {
    let mut checked = 0;
    for request in requests() {
        if let Some(body) = &request.body {
            assert_eq!(&request_again(&request, body), body, "{}", request.name);
            checked += 1;
        }
    }
    assert!(checked >= 15, "only {checked} bodies were found");
}

#[test]
fn example_answers_decode_and_encode_to_the_same_bytes() {
    let mut checked = 0;
    for answer in answers() {
        let body = answer.body.as_str();
        let encoded = match answer.kind.as_str() {
            "message" => again::<Message>(body),
            "conversation" => again::<Conversation>(body),
            "label" => again::<Label>(body),
            "attachment" => again::<Attachment>(body),
            "page" => again::<Page>(body),
            other => panic!("no wire type for {other}"),
        };
        assert_eq!(encoded, body, "{}", answer.name);
        checked += 1;
    }
    assert!(checked >= 8, "only {checked} answers were found");
}

#[test]
fn queries_are_those_of_the_vendors_client() {
    let captured = |name: &str| {
        let found = requests().into_iter().find(|request| request.name == name);
        let path = found.unwrap().path;
        let query = path.split_once('?').unwrap().1.to_owned();
        url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect::<Vec<_>>()
    };
    let upload = AttachmentUpload {
        message_id: "msg_01hggtpfewf0y91nde7cz02p0k".to_owned(),
        is_inline: true,
    };
    let sent: Vec<(String, String)> = upload
        .pairs()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    assert_eq!(sent, captured("attachments.upload.message"));
    let time = "2019-05-04T03:02:01.999Z".parse().unwrap();
    let query = ConversationListQuery {
        status: Some(ConversationStatus::Open),
        has_messages: Some(true),
        created_at_after: Some(spelled_second(time)),
        last_message_date_after: Some(spelled_second(time)),
        cursor: Some("c1".to_owned()),
        limit: Some(100),
    };
    let captured = captured("conversations.list.all-filters");
    for (name, value) in query.pairs() {
        assert!(captured.contains(&(name.to_owned(), value)), "{name}");
    }
}

#[test]
fn unknown_members_words_and_nulls_keep_their_bytes() {
    let page = r#"{"data":[{"b":1, "a":1e2}],"next_cursor":null,"total_count":3.0,"future":[ ]}"#;
    assert_eq!(again::<Page>(page), page);
    let label = r#"{"id":"l","name":"n","created_at":"2024","type":"planetary","channel_id":null,"future":"\u00e9"}"#;
    assert_eq!(again::<Label>(label), label);
}

#[test]
fn debug_output_shows_no_content() {
    let send = MessageSend::new("a secret");
    assert_eq!(format!("{send:?}"), "MessageSend { .. }");
}

proptest! {
    #[test]
    fn any_body_survives_a_request(body in any::<String>()) {
        let text = serde_json::to_string(&MessageSend::new(body.clone())).unwrap();
        let read: MessageSend = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(read.body, body);
    }
}
