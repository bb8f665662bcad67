//! Translating Chatter's recorded bodies: every one reads, nothing is lost unnamed, and what can be written comes back.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic like the tests themselves"
)]

#[path = "fixtures/recorded.rs"]
#[expect(dead_code, reason = "only bodies are looked at")]
mod recorded;

use backend::ports::{Canonical, Subject, Translated, Translator};
use backend::{Fate, Kind};
use chatter::ChatterTranslator;
use chatter::wire::{ChatRequest, ConversationCreate};
use conversation::{
    MessageStatus, NewConversation, NewMessage, RawJson, Role, validate_conversation,
    validate_message,
};
use serde_json::Value;
use testkit::builders::{every_part, full_conversation, full_message};

fn raw(value: &Value) -> RawJson {
    RawJson::from_serialize(value).unwrap()
}

fn read(subject: Subject, value: &Value) -> Translated<Canonical> {
    ChatterTranslator
        .read(subject, &raw(value))
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
    ChatterTranslator.write(canonical).unwrap()
}

fn named(fates: &[backend::FieldFate], pointer: &str) -> bool {
    fates.iter().any(|fate| fate.pointer == pointer)
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
    for (_, exchange) in recorded::all() {
        if exchange.response.status < 300
            && let Ok(body) = serde_json::from_str::<Value>(&exchange.response.body)
        {
            collect(&body, &mut found, member);
        }
    }
    found
}

/// Bodies that were accepted, of this method below a path with this end.
fn sent(is_path: impl Fn(&str) -> bool) -> Vec<Value> {
    recorded::all()
        .into_iter()
        .filter(|(_, exchange)| {
            exchange.request.method == "POST"
                && exchange.response.status < 300
                && is_path(exchange.request.path.trim_end_matches('/'))
        })
        .filter_map(|(_, exchange)| serde_json::from_str(&exchange.request.body?).ok())
        .collect()
}

#[test]
fn every_recorded_conversation_reads_and_nothing_is_lost_unnamed() {
    let found = objects("context_window");
    assert!(found.len() > 100, "only {}", found.len());
    for object in found {
        let translated = read(Subject::Conversation, &object);
        let new = conversation(&translated);
        assert_eq!(validate_conversation(new), []);
        let kept = &new.extensions["chatter"];
        for (name, value) in object.as_object().unwrap() {
            let pointer = format!("/{name}");
            let is_named = named(&translated.fates, &pointer);
            if name == "messages" {
                let is_empty = value.as_array().unwrap().is_empty();
                assert_eq!(is_named, !is_empty);
            } else {
                assert_eq!(is_named, kept.contains_key(name.as_str()), "{name}");
            }
            if let Some(kept) = kept.get(name.as_str()) {
                assert_eq!(&kept.to::<Value>().unwrap(), value, "{name}");
            }
        }
        for name in [
            "id",
            "user_id",
            "created_at",
            "updated_at",
            "context_window",
        ] {
            assert!(kept.contains_key(name), "{name} of {object}");
        }
        let is_titled = !object["title"].as_str().unwrap().trim().is_empty();
        assert!(!is_titled || !kept.contains_key("title"), "{object}");
        assert!(!kept.contains_key("extra_metadata"), "{object}");

        let body = written(&translated.body);
        let create: ConversationCreate = body.body.to().unwrap();
        if is_titled {
            assert_eq!(create.title, object["title"].as_str().unwrap());
        }
        assert_eq!(
            create.temperature.into_value(),
            object["temperature"].as_f64()
        );
        assert!(named(&body.fates, "/extensions/chatter/id"));
    }
}

#[test]
fn every_recorded_message_reads_and_the_users_can_be_said_again() {
    let found = objects("sequence_number");
    assert!(found.len() > 50, "only {}", found.len());
    for object in found {
        let translated = read(Subject::Message, &object);
        let new = message(&translated);
        assert_eq!(validate_message(new), []);
        assert_eq!(new.role.as_str(), object["role"].as_str().unwrap());
        assert_eq!(
            new.sent_at.unwrap(),
            object["created_at"].as_str().unwrap().parse().unwrap()
        );
        let kept = &new.extensions["chatter"];
        let names: Vec<&str> = kept.keys().map(AsRef::as_ref).collect();
        assert_eq!(names, ["conversation_id", "id", "sequence_number"]);
        assert_eq!(translated.fates.len(), 3);
        match ChatterTranslator.write(&translated.body) {
            Ok(body) => {
                assert_eq!(new.role, Role::User);
                let chat: ChatRequest = body.body.to().unwrap();
                assert_eq!(chat.message, object["content"].as_str().unwrap());
                assert_eq!(
                    chat.conversation_id.value().map(String::as_str),
                    object["conversation_id"].as_str()
                );
                for pointer in ["/sent_at", "/extensions/chatter/sequence_number"] {
                    assert!(named(&body.fates, pointer), "{pointer}");
                }
            }
            Err(error) => {
                assert_ne!(new.role, Role::User);
                assert_eq!(error.kind, Kind::NotHeld);
                assert_eq!(error.violations[0].pointer, "/role");
            }
        }
        let is_apology = object["content"].as_str().unwrap().starts_with("I'm sorry");
        assert_eq!(new.status, is_apology.then_some(MessageStatus::Failed));
    }
}

#[test]
fn every_recorded_create_comes_back_but_for_what_the_server_drops() {
    let bodies = sent(|path| path.ends_with("/conversations"));
    assert!(bodies.len() > 5, "only {}", bodies.len());
    for body in bodies {
        let body_text = body.to_string();
        let Ok(wire) = serde_json::from_str::<ConversationCreate>(&body_text) else {
            // Coerced by the server: words for numbers and the like.
            let error = ChatterTranslator
                .read(Subject::Conversation, &raw(&body))
                .unwrap_err();
            assert_eq!(error.kind, Kind::InvalidRequest, "{body}");
            continue;
        };
        let translated = read(Subject::Conversation, &body);
        assert_eq!(conversation(&translated).kind, None);
        let again = written(&translated.body);
        let members: Value = again.body.to().unwrap();
        for (name, value) in body.as_object().unwrap() {
            if members.get(name) == Some(value) {
                continue;
            }
            let pointers = [
                format!("/{name}"),
                format!("/assistant/{name}"),
                "/assistant/retrieval".to_owned(),
                format!("/extensions/chatter/{name}"),
                format!("/metadata/{name}"),
            ];
            assert!(
                pointers.iter().any(|pointer| named(&again.fates, pointer)),
                "{name} of {body} is lost: {:?}",
                again.fates
            );
        }
        assert_eq!(wire.title.trim(), members["title"].as_str().unwrap().trim());
    }
}

#[test]
fn every_recorded_chat_comes_back_whole() {
    let bodies = sent(|path| path.ends_with("/chat/chat") || path.contains("/chat/template/"));
    assert!(bodies.len() > 5, "only {}", bodies.len());
    let mut compared = 0;
    for body in bodies {
        if serde_json::from_str::<ChatRequest>(&body.to_string()).is_err() {
            continue;
        }
        let translated = read(Subject::Message, &body);
        assert_eq!(message(&translated).role, Role::User);
        let names = body.as_object().unwrap().len();
        assert_eq!(translated.fates.len(), names - 1, "{body}");
        let again = written(&translated.body);
        let members: Value = again.body.to().unwrap();
        for (name, value) in body.as_object().unwrap() {
            let pointer = format!("/extensions/chatter/{name}");
            assert!(
                members.get(name) == Some(value) || named(&again.fates, &pointer),
                "{name} of {body}"
            );
        }
        compared += 1;
    }
    assert!(compared > 5, "only {compared}");
}

#[test]
fn unknown_members_keep_their_bytes() {
    let body = r#"{"title":"t","future":1.50,"a/b":null}"#;
    let body = RawJson::parse(body).unwrap();
    let translated = ChatterTranslator
        .read(Subject::Conversation, &body)
        .unwrap();
    let kept = &conversation(&translated).extensions["chatter"];
    assert_eq!((kept["future"].get(), kept["a/b"].get()), ("1.50", "null"));
    let pointers: Vec<&str> = translated
        .fates
        .iter()
        .map(|fate| fate.pointer.as_str())
        .collect();
    assert_eq!(pointers, ["/a~1b", "/future"]);
    assert!(
        translated
            .fates
            .iter()
            .all(|fate| fate.fate == Fate::Overlay)
    );
}

#[test]
fn a_body_of_another_shape_is_refused_with_the_members_pointer() {
    let table = [
        (Subject::Conversation, "[]", ""),
        (Subject::Conversation, "7", ""),
        (Subject::Conversation, "{}", "/title"),
        (Subject::Conversation, r#"{"title":7}"#, "/title"),
        (
            Subject::Conversation,
            r#"{"title":"t","max_tokens":"many"}"#,
            "/max_tokens",
        ),
        (Subject::Conversation, r#"{"user_id":"a"}"#, "/title"),
        (
            Subject::Conversation,
            r#"{"id":"a","title":"t","user_id":"u","status":"active","created_at":"x","updated_at":"x"}"#,
            "/created_at",
        ),
        (Subject::Message, r#"{"text":"hello"}"#, "/message"),
        (
            Subject::Message,
            r#"{"message":"hi","document_ids":["a",7]}"#,
            "/document_ids/1",
        ),
        (
            Subject::Message,
            r#"{"id":"a","role":"user","content":"planted secret","conversation_id":"c","sequence_number":"x"}"#,
            "/sequence_number",
        ),
    ];
    for (subject, body, pointer) in table {
        let error = ChatterTranslator
            .read(subject, &RawJson::parse(body).unwrap())
            .unwrap_err();
        assert_eq!(error.kind, Kind::InvalidRequest, "{body}");
        let pointers: Vec<&str> = error
            .violations
            .iter()
            .map(|violation| violation.pointer.as_str())
            .collect();
        assert_eq!(pointers, [pointer], "{body}");
        assert!(!format!("{error:?}").contains("planted"));
    }
}

#[test]
fn whatever_is_written_has_every_lost_field_named() {
    let body = written(&Canonical::Conversation(Box::new(full_conversation())));
    let create: ConversationCreate = body.body.to().unwrap();
    assert_eq!(create.max_tokens.into_value(), Some(512));
    for pointer in ["/labels", "/extensions/acme/odd", "/assistant/model"] {
        assert!(named(&body.fates, pointer), "{pointer}");
    }
    let mut said = full_message();
    said.role = Role::User;
    said.direction = None;
    said.parts = every_part();
    let body = written(&Canonical::Message(Box::new(said)));
    for pointer in [
        "/author",
        "/subject",
        "/metadata/trace",
        "/extensions/acme/raw",
    ] {
        assert!(named(&body.fates, pointer), "{pointer}");
    }
    assert!(
        body.fates
            .iter()
            .any(|fate| fate.pointer.starts_with("/parts/"))
    );
    let chat: ChatRequest = body.body.to().unwrap();
    assert!(!chat.message.is_empty());
    for role in [Role::Assistant, Role::System, Role::Tool] {
        let said = Canonical::Message(Box::new(NewMessage::text(role, "words")));
        let error = ChatterTranslator.write(&said).unwrap_err();
        assert_eq!(error.kind, Kind::NotHeld);
        assert_eq!(error.violations[0].pointer, "/role");
    }
}
