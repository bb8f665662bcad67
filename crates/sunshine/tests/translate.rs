//! Bodies translated without a server: every documented body reads, and what a body takes comes back.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic like the tests themselves"
)]

#[path = "fixtures/captures.rs"]
mod captures;
#[path = "fixtures/examples.rs"]
mod examples;

use std::collections::BTreeSet;

use adapterkit::differing;
use backend::ports::{Canonical, Subject, Translated, Translator};
use backend::{Fate, FieldFate, Kind};
use conversation::{NewMessage, Part, RawJson, Role};
use serde_json::Value;
use sunshine::SunshineTranslator;

fn read(subject: Subject, body: &str) -> Translated<Canonical> {
    let body = RawJson::parse(body).unwrap();
    let read = SunshineTranslator.read(subject, &body);
    read.unwrap_or_else(|error| panic!("{:?}: {body:?}", error.violations))
}

/// Every documented object, and every documented or captured body that makes one.
fn bodies() -> Vec<(Subject, String, String)> {
    let mut all = Vec::new();
    for example in examples::bodies() {
        let body: Value = serde_json::from_str(&example.body).unwrap();
        let mut add = |subject, value: &Value| {
            all.push((subject, example.name.clone(), value.to_string()));
        };
        match example.kind.as_str() {
            "Conversation" => add(Subject::Conversation, &body),
            "ConversationResponse" => add(Subject::Conversation, &body["conversation"]),
            "ConversationListResponse" => {
                for one in body["conversations"].as_array().unwrap() {
                    add(Subject::Conversation, one);
                }
            }
            "Message" | "MessagePost" => add(Subject::Message, &body),
            "MessageListResponse" | "MessagePostResponse" => {
                for one in body["messages"].as_array().unwrap() {
                    add(Subject::Message, one);
                }
            }
            _ => {}
        }
    }
    for request in captures::requests() {
        let is_mangled =
            |body: &String| body.contains("[null]") || body.contains(r#""content": null"#);
        let Some(body) = request.body.filter(|body| !is_mangled(body)) else {
            continue;
        };
        if request.method == "POST" && request.path.ends_with("/conversations") {
            all.push((Subject::Conversation, request.name, body));
        } else if request.method == "POST" && request.path.ends_with("/messages") {
            all.push((Subject::Message, request.name, body));
        }
    }
    assert!(all.len() > 30, "only {}", all.len());
    all
}

/// The vendor's member in which a canonical field stands.
fn member_of(fate: &FieldFate) -> &str {
    let field = fate.pointer.split('/').nth(1).unwrap_or_default();
    match field {
        "parts" => "content",
        "sent_at" => "received",
        "in_reply_to" => "quotedMessage",
        "status" => "deleted",
        "kind" => "type",
        "title" => "displayName",
        "icon_url" => "iconUrl",
        "extensions" => fate.pointer.split('/').nth(3).unwrap_or_default(),
        other => other,
    }
}

#[test]
fn every_body_reads_and_comes_back_but_for_what_is_named() {
    let mut written = 0;
    for (subject, name, body) in bodies() {
        let read = read(subject, &body);
        let back = match SunshineTranslator.write(&read.body) {
            Ok(back) => back,
            Err(error) => {
                assert_eq!(error.kind, Kind::NotHeld, "{name}");
                assert!(!error.violations.is_empty(), "{name}");
                continue;
            }
        };
        written += 1;
        let mut named: BTreeSet<&str> = back.fates.iter().map(member_of).collect();
        named.extend(
            read.fates
                .iter()
                .map(|fate| fate.pointer.split('/').nth(1).unwrap()),
        );
        for pointer in differing(&RawJson::parse(&body).unwrap(), &back.body) {
            let member = pointer.split('/').nth(1).unwrap();
            assert!(
                named.contains(member),
                "{name}: {pointer} is lost without a word: {body}\n{:?}\n{named:?}",
                back.body
            );
        }
    }
    assert!(written > 25, "only {written}");
}

#[test]
fn a_request_comes_back_whole() {
    let post = r#"{"author":{"type":"user","userId":"5963c0d619a30a2e00de36b8","brandId":"7"},"content":{"type":"text","text":"hello","blockChatInput":true},"destination":{"integrationType":"none"},"metadata":{"a":1.50},"override":{"messenger":{"b":1, "a":2}}}"#;
    let create = r#"{"type":"sdkGroup","participants":[{"userId":"42589ad070d43be9b00ff7e5","subscribeSDKClient":true},{"userExternalId":"t:ann","subscribeSDKClient":true}],"displayName":"X","metadata":{"lang":"en-ca","n":1,"b":true}}"#;
    for (subject, body) in [(Subject::Message, post), (Subject::Conversation, create)] {
        let back = SunshineTranslator.write(&read(subject, body).body).unwrap();
        let sent: Value = serde_json::from_str(body).unwrap();
        let written: Value = serde_json::from_str(back.body.get()).unwrap();
        assert_eq!(written, sent);
        let rejected = |fate: &&FieldFate| fate.fate == Fate::Rejected;
        assert_eq!(back.fates.iter().find(rejected), None);
    }
}

#[test]
fn what_has_no_home_is_kept_and_named_leaf_by_leaf() {
    let body = r#"{"id":"5e552ef595e5206375bb835d","received":"2020-02-25T14:28:05.000Z","author":{"type":"business","subtypes":["bot"],"future":1},"content":{"type":"carousel","text":"fallback","items":[{"title":"a","actions":[{"type":"postback","text":"B","payload":"b"}]}]},"source":{"type":"web"},"new":{"x":[1]}}"#;
    let read = read(Subject::Message, body);
    let named: Vec<(&str, Fate)> = read
        .fates
        .iter()
        .map(|fate| (fate.pointer.as_str(), fate.fate))
        .collect();
    let overlay = |pointer| (pointer, Fate::Overlay);
    assert_eq!(
        named,
        [
            overlay("/author/future"),
            overlay("/content/text"),
            overlay("/id"),
            overlay("/new")
        ]
    );
    let Canonical::Message(message) = read.body else {
        panic!("a message")
    };
    assert_eq!(message.role, Role::Assistant);
    assert!(matches!(message.parts.as_slice(), [Part::Carousel(_)]));
    assert_eq!(
        message.sent_at.unwrap().to_string(),
        "2020-02-25T14:28:05.000Z"
    );
    assert_eq!(message.extensions["sunshine"]["new"].get(), r#"{"x":[1]}"#);
}

#[test]
fn a_post_has_no_time_and_its_user_the_id_that_was_sent() {
    let body = r#"{"author":{"type":"user","userExternalId":"t:ann"},"content":{"type":"text","text":"hi"}}"#;
    let read = read(Subject::Message, body);
    assert_eq!(read.fates, []);
    let Canonical::Message(message) = &read.body else {
        panic!("a message")
    };
    assert_eq!(message.sent_at, None);
    assert!(message.extensions.is_empty());
    let author = message.author.as_ref().unwrap();
    assert_eq!(author.id.as_deref(), Some("t:ann"));
    let back = SunshineTranslator.write(&read.body).unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(back.body.get()).unwrap(),
        serde_json::from_str::<Value>(body).unwrap()
    );
    assert_eq!(back.fates[0].pointer, "/author/id");
}

#[test]
fn another_shape_is_refused_where_it_differs() {
    for (subject, body, pointer) in [
        (Subject::Message, "[]", ""),
        (Subject::Message, "{}", "/author"),
        (
            Subject::Message,
            r#"{"author":{"type":"user"}}"#,
            "/content",
        ),
        (
            Subject::Message,
            r#"{"author":{},"content":{"type":"text","text":"a"}}"#,
            "/author/type",
        ),
        (
            Subject::Message,
            r#"{"id":"5e552ef595e5206375bb835d","received":7}"#,
            "/received",
        ),
        (
            Subject::Message,
            r#"{"id":"5e552ef595e5206375bb835d","received":"yesterday"}"#,
            "/received",
        ),
        (Subject::Conversation, r#"{"displayName":"X"}"#, "/type"),
        (
            Subject::Conversation,
            r#"{"type":"personal","participants":[7]}"#,
            "/participants/0",
        ),
    ] {
        let error = SunshineTranslator
            .read(subject, &RawJson::parse(body).unwrap())
            .unwrap_err();
        assert_eq!(error.kind, Kind::InvalidRequest, "{body}");
        assert_eq!(error.violations[0].pointer, pointer, "{body}");
    }
}

#[test]
fn what_the_vendor_has_no_place_for_is_refused_as_a_whole() {
    let message = Canonical::Message(Box::new(NewMessage::text(Role::System, "quiet")));
    let error = SunshineTranslator.write(&message).unwrap_err();
    assert_eq!(
        (error.kind, &*error.violations[0].pointer),
        (Kind::NotHeld, "/role")
    );
}
