//! Bodies translated without a server: every example and every captured request reads, and what a body takes comes
//! back.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic like the tests themselves"
)]

#[path = "fixtures/captured.rs"]
#[expect(dead_code, reason = "a record's id tells what it is")]
mod captured;

use std::collections::BTreeSet;

use adapterkit::differing;
use backend::ports::{Canonical, Subject, Translated, Translator};
use backend::{Fate, FieldFate, Kind};
use conversation::{Direction, NewMessage, RawJson, Role};
use convore::ConvoreTranslator;
use serde_json::Value;

fn read(subject: Subject, body: &str) -> Translated<Canonical> {
    let body = RawJson::parse(body).unwrap();
    let read = ConvoreTranslator.read(subject, &body);
    read.unwrap_or_else(|error| panic!("{:?}: {body:?}", error.violations))
}

/// Every example of an object, and every captured request that makes one.
fn bodies() -> Vec<(Subject, String, String)> {
    let mut all = Vec::new();
    for answer in captured::answers() {
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        let records = match body["data"].as_array() {
            Some(records) => records.clone(),
            None => vec![body],
        };
        for record in records {
            let id = record["id"].as_str().unwrap_or_default().to_owned();
            let subject = match id.split('_').next() {
                Some("msg") => Subject::Message,
                Some("conv") => Subject::Conversation,
                _ => continue,
            };
            all.push((subject, answer.name.clone(), record.to_string()));
        }
    }
    for request in captured::requests() {
        let path = request.path.split('?').next().unwrap();
        let subject = match (request.method.as_str(), path) {
            ("POST", "/v1/messages" | "/v1/messages/import") => Subject::Message,
            ("POST", "/v1/conversations") => Subject::Conversation,
            _ => continue,
        };
        all.push((subject, request.name, request.body.unwrap()));
    }
    assert!(all.len() > 15, "only {}", all.len());
    all
}

/// The vendor's members in which a canonical field stands.
fn members_of(fate: &FieldFate) -> Vec<&str> {
    let field = fate.pointer.split('/').nth(1).unwrap_or_default();
    match field {
        "parts" => vec!["body", "text_body", "raw_body", "attachments"],
        "author" => vec!["sender"],
        "sent_at" => vec!["date"],
        "labels" => vec!["labels", "label_ids"],
        "title" => vec!["subject"],
        "in_reply_to" => vec!["reply_to_message_id", "reply_type"],
        "extensions" => vec![fate.pointer.split('/').nth(3).unwrap_or_default()],
        other => vec![other],
    }
}

/// What an object shows in other members than the request that makes it.
fn is_shown_otherwise(member: &str) -> bool {
    matches!(
        member,
        "text_body" | "raw_body" | "direction" | "date" | "labels" | "format"
    )
}

#[test]
fn every_body_reads_and_comes_back_but_for_what_is_named() {
    for (subject, name, body) in bodies() {
        let read = read(subject, &body);
        let back = ConvoreTranslator
            .write(&read.body)
            .unwrap_or_else(|error| panic!("{name}: {:?}", error.violations));
        let mut named: BTreeSet<&str> = back.fates.iter().flat_map(members_of).collect();
        let of_read = |fate: &'_ FieldFate| fate.pointer.split('/').nth(1).unwrap().to_owned();
        let read_fates: Vec<String> = read.fates.iter().map(of_read).collect();
        named.extend(read_fates.iter().map(String::as_str));
        let sent: Value = serde_json::from_str(&body).unwrap();
        for pointer in differing(&RawJson::parse(&body).unwrap(), &back.body) {
            // What is so where nothing is said.
            let said = sent.pointer(&pointer).and_then(Value::as_str);
            if matches!(said, Some("open" | "no_priority")) {
                continue;
            }
            let member = pointer.split('/').nth(1).unwrap();
            assert!(
                named.contains(member) || is_shown_otherwise(member),
                "{name}: {pointer} is lost without a word: {body}\n{:?}\n{named:?}",
                back.body
            );
        }
    }
}

#[test]
fn a_request_comes_back_whole() {
    let send = r#"{"channel_id":"chnnl_1","conversation_id":"conv_1","sender":{"handle":{"type":"email","value":"ana@example.test"},"role":"from"},"recipients":[{"handle":{"type":"email","value":"bo@example.test"},"role":"cc"}],"subject":"S","body":"a &amp; b","quote_body":"<p>q</p>"}"#;
    let reply = r#"{"reply_to_message_id":"msg_01hrakwwcveccsnm6xpn1wvmd4","reply_type":"reply_all","body":"yes"}"#;
    let import = r#"{"conversation_id":"conv_1","subject":"S","direction":"inbound","date":"2019-05-04T03:02:01.123Z","sender":{"name":"Bo","handle":{"type":"email","value":"bo@example.test"},"role":"from"},"recipients":[],"body":"a<br>b","snippet":"a"}"#;
    let create = r#"{"channel_id":"chnnl_1","status":"done","priority":"high","label_ids":["lbl_1"],"participants":[{"name":"Bo","handle":{"type":"email","value":"bo@example.test"},"role":"from"}],"subject":"S","snippet":"s","is_unread":true,"last_message_date":"2019-05-04T03:02:01.123Z"}"#;
    for (subject, body) in [
        (Subject::Message, send),
        (Subject::Message, reply),
        (Subject::Message, import),
        (Subject::Conversation, create),
    ] {
        let back = ConvoreTranslator.write(&read(subject, body).body).unwrap();
        let sent: Value = serde_json::from_str(body).unwrap();
        let written: Value = serde_json::from_str(back.body.get()).unwrap();
        assert_eq!(written, sent, "{:?}", back.fates);
        let rejected = |fate: &&FieldFate| fate.fate == Fate::Rejected;
        assert_eq!(back.fates.iter().find(rejected), None);
    }
}

#[test]
fn bare_addresses_are_recipients() {
    let body = r#"{"channel_id":"chnnl_1","from":"ana@example.test","to":["bo@example.test"],"bcc":["eve@example.test"],"body":"x"}"#;
    let read = read(Subject::Message, body);
    let named: Vec<(&str, Fate)> = read
        .fates
        .iter()
        .map(|fate| (fate.pointer.as_str(), fate.fate))
        .collect();
    assert_eq!(
        named,
        [
            ("/channel_id", Fate::Overlay),
            ("/to", Fate::Converted),
            ("/bcc", Fate::Converted),
            ("/from", Fate::Converted)
        ]
    );
    let Canonical::Message(message) = &read.body else {
        panic!("a message")
    };
    assert_eq!(message.effective_direction(), Direction::Outbound);
    assert_eq!(message.recipients.len(), 2);
    assert_eq!(message.sent_at, None);
    let author = message.author.as_ref().unwrap();
    assert_eq!(author.id.as_deref(), Some("email:ana@example.test"));
    let back = ConvoreTranslator.write(&read.body).unwrap();
    let written: Value = serde_json::from_str(back.body.get()).unwrap();
    assert_eq!(written["recipients"][1]["role"], "bcc");
    assert_eq!(written["channel_id"], "chnnl_1");
    assert!(written.get("to").is_none());
}

#[test]
fn an_object_becomes_what_would_make_it() {
    let name = "create_conversation.typical";
    let all = bodies();
    let (_, _, body) = all.iter().find(|(_, found, _)| found == name).unwrap();
    let back = ConvoreTranslator
        .write(&read(Subject::Conversation, body).body)
        .unwrap();
    let written: Value = serde_json::from_str(back.body.get()).unwrap();
    assert_eq!(
        written["label_ids"],
        serde_json::json!(["lbl_01hggtgr3yfm3t450q1hq4vs9s"])
    );
    assert_eq!(written["subject"], "Order 1001");
    assert_eq!(written["is_unread"], true);
    assert!(written.get("id").is_none());
    let rejected = |pointer: &str| {
        let mut fates = back.fates.iter();
        fates.any(|fate| fate.fate == Fate::Rejected && fate.pointer == pointer)
    };
    assert!(rejected("/extensions/convore/id"));
    assert!(rejected("/extensions/convore/message_count"));
}

#[test]
fn a_conversation_from_elsewhere_names_what_is_looked_up() {
    let new = serde_json::json!({"title": "Hi", "labels": ["vip"], "metadata": {"a": 1}});
    let new = Canonical::Conversation(Box::new(serde_json::from_value(new).unwrap()));
    let back = ConvoreTranslator.write(&new).unwrap();
    assert_eq!(
        back.body.get(),
        r#"{"label_ids":[],"participants":[],"subject":"Hi"}"#
    );
    let named: Vec<(&str, Fate)> = back
        .fates
        .iter()
        .map(|fate| (fate.pointer.as_str(), fate.fate))
        .collect();
    assert_eq!(
        named,
        [
            ("/metadata/a", Fate::Rejected),
            ("/labels/0", Fate::Converted),
            ("/participants", Fate::Converted)
        ]
    );
}

#[test]
fn another_shape_is_refused_where_it_differs() {
    for (subject, body, pointer) in [
        (Subject::Message, "7", ""),
        (Subject::Message, "{}", "/body"),
        (
            Subject::Message,
            r#"{"date":"2020-01-01T00:00:00Z"}"#,
            "/sender",
        ),
        (Subject::Message, r#"{"body":"x","to":[7]}"#, "/to/0"),
        (
            Subject::Message,
            r#"{"date":"yesterday","sender":{"handle":{"type":"email","value":"a"},"role":"from"},"recipients":[]}"#,
            "/date",
        ),
        (Subject::Conversation, r#"{"channel_id":"c"}"#, "/label_ids"),
        (Subject::Conversation, r#"{"id":"conv_1"}"#, "/channel_id"),
    ] {
        let error = ConvoreTranslator
            .read(subject, &RawJson::parse(body).unwrap())
            .unwrap_err();
        assert_eq!(error.kind, Kind::InvalidRequest, "{body}");
        assert_eq!(error.violations[0].pointer, pointer, "{body}");
    }
}

#[test]
fn what_the_vendor_has_no_place_for_is_refused_as_a_whole() {
    let message = Canonical::Message(Box::new(NewMessage::text(Role::Tool, "quiet")));
    let error = ConvoreTranslator.write(&message).unwrap_err();
    assert_eq!(
        (error.kind, &*error.violations[0].pointer),
        (Kind::NotHeld, "/role")
    );
}
