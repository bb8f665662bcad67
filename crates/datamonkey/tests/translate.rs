//! Translating Datamonkey's recorded bodies: every one reads, nothing is lost unnamed, and what can be written comes
//! back.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic like the tests themselves"
)]

#[path = "fixtures/recorded.rs"]
#[expect(dead_code, reason = "only bodies are looked at")]
mod recorded;

use backend::ports::{Canonical, Subject, Translated, Translator};
use backend::{Fate, FieldFate, Kind};
use conversation::{
    NewConversation, NewMessage, RawJson, Role, validate_conversation, validate_message,
};
use datamonkey::DatamonkeyTranslator;
use datamonkey::wire::{CreateRequest, SendRequest};
use serde_json::Value;
use testkit::builders::{every_part, full_conversation, full_message};

fn read(subject: Subject, value: &Value) -> Translated<Canonical> {
    DatamonkeyTranslator
        .read(subject, &RawJson::from_serialize(value).unwrap())
        .unwrap_or_else(|error| panic!("{error:?}: {value}"))
}

fn conversation(translated: &Translated<Canonical>) -> &NewConversation {
    match &translated.body {
        Canonical::Conversation(new) => new,
        Canonical::Message(_) => panic!("a message"),
    }
}

fn message(translated: &Translated<Canonical>) -> &NewMessage {
    match &translated.body {
        Canonical::Message(new) => new,
        Canonical::Conversation(_) => panic!("a conversation"),
    }
}

fn written(canonical: &Canonical) -> Translated<RawJson> {
    DatamonkeyTranslator.write(canonical).unwrap()
}

fn pointers(fates: &[FieldFate]) -> Vec<&str> {
    fates.iter().map(|fate| fate.pointer.as_str()).collect()
}

/// Every recorded answer's objects that have this member.
fn objects(member: &str) -> Vec<Value> {
    fn collect(value: &Value, found: &mut Vec<Value>, member: &str) {
        match value {
            Value::Object(members) => {
                if members.contains_key(member) {
                    found.push(value.clone());
                }
                members
                    .values()
                    .for_each(|value| collect(value, found, member));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, found, member)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for exchange in recorded::all() {
        if exchange.response.status < 300
            && let Ok(body) = serde_json::from_str::<Value>(&exchange.response.body)
        {
            collect(&body, &mut found, member);
        }
    }
    found
}

/// Bodies that were accepted, of creates or of sends.
fn sent(is_send: bool) -> Vec<Value> {
    recorded::all()
        .into_iter()
        .filter(|exchange| {
            exchange.request.method == "POST"
                && exchange.response.status < 300
                && exchange.request.path.ends_with("/messages") == is_send
        })
        .filter_map(|exchange| serde_json::from_str(&exchange.request.body?).ok())
        .collect()
}

#[test]
fn every_recorded_conversation_reads_and_comes_back() {
    let found = objects("updated");
    assert!(found.len() > 50, "only {}", found.len());
    for object in found {
        let translated = read(Subject::Conversation, &object);
        let new = conversation(&translated);
        let violations = validate_conversation(new);
        let found: Vec<(&str, &str)> = violations
            .iter()
            .map(|found| (found.pointer.as_str(), found.code))
            .collect();
        // The vendor has no longest title, so a caller may have to shorten one.
        let is_long = object["title"]
            .as_str()
            .is_some_and(|title| title.len() > 2_048);
        let expected = [("/title", "too-long")];
        assert_eq!(found, expected[..usize::from(is_long)]);
        let kept = &new.extensions["datamonkey"];
        let names: Vec<&str> = kept.keys().map(AsRef::as_ref).collect();
        assert_eq!(names, ["created", "id", "updated"], "{object}");
        for name in names {
            assert_eq!(kept[name].to::<Value>().unwrap(), object[name]);
        }
        let has_messages = object["messages"]
            .as_array()
            .is_some_and(|messages| !messages.is_empty());
        let mut named = vec!["/created", "/id", "/updated"];
        named.extend(has_messages.then_some("/messages"));
        assert_eq!(pointers(&translated.fates), named);

        let body = written(&translated.body);
        let create: CreateRequest = body.body.to().unwrap();
        assert_eq!(
            create.title.into_value().unwrap_or_default(),
            object["title"].as_str().unwrap_or_default()
        );
        let lost = [
            "/extensions/datamonkey/created",
            "/extensions/datamonkey/id",
            "/extensions/datamonkey/updated",
        ];
        assert_eq!(pointers(&body.fates), lost);
    }
}

#[test]
fn every_recorded_message_reads_and_the_users_can_be_said_again() {
    let found = objects("content");
    assert!(found.len() > 60, "only {}", found.len());
    for object in found {
        let translated = read(Subject::Message, &object);
        let new = message(&translated);
        assert_eq!(validate_message(new), []);
        assert_eq!((&translated.fates, new.extensions.len()), (&vec![], 0));
        assert_eq!(
            new.sent_at.unwrap().as_millis(),
            object["timestamp"].as_i64().unwrap()
        );
        match DatamonkeyTranslator.write(&translated.body) {
            Ok(body) => {
                assert_eq!(new.role, Role::User);
                let send: SendRequest = body.body.to().unwrap();
                assert_eq!(send.message, object["content"].as_str().unwrap());
                assert_eq!(pointers(&body.fates), ["/sent_at"]);
            }
            Err(error) => {
                assert_eq!(new.role, Role::Assistant);
                assert_eq!(error.kind, Kind::NotHeld);
                assert_eq!(error.violations[0].pointer, "/role");
            }
        }
    }
}

#[test]
fn every_recorded_request_comes_back_or_says_what_it_lost() {
    for (is_send, subject) in [(false, Subject::Conversation), (true, Subject::Message)] {
        let mut compared = 0;
        for body in sent(is_send) {
            // The vendor swallows bodies of any shape, and finds members whatever their case.
            let text = body.to_string();
            let fits = if is_send {
                serde_json::from_str::<SendRequest>(&text).is_ok()
            } else {
                serde_json::from_str::<CreateRequest>(&text).is_ok()
            };
            let is_object = body.get("id").is_some() || body.get("content").is_some();
            if !fits || is_object {
                continue;
            }
            let translated = read(subject, &body);
            let again = written(&translated.body);
            let members: Value = again.body.to().unwrap();
            for (name, value) in body.as_object().unwrap() {
                let pointer = format!("/extensions/datamonkey/{name}");
                assert!(
                    members.get(name) == Some(value)
                        || pointers(&again.fates).contains(&pointer.as_str()),
                    "{name} of {body}"
                );
            }
            compared += 1;
        }
        assert!(compared > 10, "only {compared}");
    }
}

#[test]
fn unknown_members_keep_their_bytes() {
    let body = RawJson::parse(r#"{"title":"","future":1.50}"#).unwrap();
    let translated = DatamonkeyTranslator
        .read(Subject::Conversation, &body)
        .unwrap();
    let kept = &conversation(&translated).extensions["datamonkey"];
    assert_eq!(
        (kept["future"].get(), kept["title"].get()),
        ("1.50", "\"\"")
    );
    assert_eq!(pointers(&translated.fates), ["/future", "/title"]);
    assert!(
        translated
            .fates
            .iter()
            .all(|fate| fate.fate == Fate::Overlay)
    );
    let again = written(&translated.body);
    assert_eq!(again.body.get(), r#"{"title":""}"#);
    assert_eq!(pointers(&again.fates), ["/extensions/datamonkey/future"]);
    let body = RawJson::parse(r#"{"message":"hi","fileId":"f"}"#).unwrap();
    let translated = DatamonkeyTranslator.read(Subject::Message, &body).unwrap();
    assert_eq!(pointers(&translated.fates), ["/fileId"]);
    let again = written(&translated.body);
    assert_eq!((again.body.get(), again.fates.len()), (body.get(), 0));
}

#[test]
fn a_body_of_another_shape_is_refused_with_the_members_pointer() {
    let table = [
        (Subject::Conversation, "[]", ""),
        (Subject::Conversation, r#"{"title":7}"#, "/title"),
        (Subject::Conversation, r#"{"id":"a"}"#, "/created"),
        (
            Subject::Conversation,
            r#"{"id":"a","created":1,"updated":1,"messages":[{"role":"user"}]}"#,
            "/messages/0/content",
        ),
        (
            Subject::Conversation,
            r#"{"id":"a","created":9223372036854775807,"updated":1}"#,
            "/created",
        ),
        (Subject::Message, r#"{"text":"planted"}"#, "/message"),
        (Subject::Message, r#"{"content":"planted"}"#, "/role"),
        (
            Subject::Message,
            r#"{"content":"planted","role":"user","timestamp":"now"}"#,
            "/timestamp",
        ),
    ];
    for (subject, body, pointer) in table {
        let error = DatamonkeyTranslator
            .read(subject, &RawJson::parse(body).unwrap())
            .unwrap_err();
        assert_eq!(error.kind, Kind::InvalidRequest, "{body}");
        let found: Vec<&str> = error
            .violations
            .iter()
            .map(|violation| violation.pointer.as_str())
            .collect();
        assert_eq!(found, [pointer], "{body}");
        assert!(!format!("{error:?}").contains("planted"));
    }
}

#[test]
fn whatever_is_written_has_every_lost_field_named() {
    let body = written(&Canonical::Conversation(Box::new(full_conversation())));
    let named = pointers(&body.fates);
    for pointer in [
        "/labels",
        "/metadata/ticket",
        "/extensions/acme/odd",
        "/assistant/model",
    ] {
        assert!(named.contains(&pointer), "{pointer}");
    }
    let mut said = full_message();
    said.role = Role::User;
    said.direction = None;
    said.parts = every_part();
    let body = written(&Canonical::Message(Box::new(said)));
    let named = pointers(&body.fates);
    for pointer in [
        "/author",
        "/subject",
        "/metadata/trace",
        "/extensions/acme/raw",
    ] {
        assert!(named.contains(&pointer), "{pointer}");
    }
    assert!(named.iter().any(|pointer| pointer.starts_with("/parts/")));
}
