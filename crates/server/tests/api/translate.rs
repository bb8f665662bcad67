//! `/v1/translate`: bodies of one shape as bodies of another.

use std::sync::{Arc, Mutex};

use backend::ports::{Canonical, Subject, Translated, Translator};
use backend::{Error, FieldFate, Kind, Result, Scope};
use conversation::{NewConversation, NewMessage, RawJson, Role, Violation};
use serde_json::{Value, json};

use crate::fake::{Fake, Plan};
use crate::support::{Answer, Server};

/// A vendor that calls a title `name`, has no labels, and holds texts of 5 characters.
#[derive(Debug)]
struct Little;

impl Translator for Little {
    fn shape(&self) -> &'static str {
        "little"
    }

    fn read(&self, subject: Subject, body: &RawJson) -> Result<Translated<Canonical>> {
        let value: Value = body.to().unwrap();
        let member = match subject {
            Subject::Conversation => "name",
            Subject::Message => "say",
        };
        let Some(text) = value[member].as_str() else {
            return Err(
                Error::new(Kind::InvalidRequest, "not of this shape").violations(vec![Violation {
                    pointer: format!("/{member}"),
                    code: "missing-field",
                    detail: format!("`{member}` is missing"),
                    exceeds: None,
                }]),
            );
        };
        let body = match subject {
            Subject::Conversation => Canonical::Conversation(Box::new(NewConversation {
                title: Some(text.into()),
                ..NewConversation::default()
            })),
            Subject::Message => Canonical::Message(Box::new(NewMessage::text(Role::User, text))),
        };
        let fates = match value.get("colour") {
            None => Vec::new(),
            Some(_) => vec![FieldFate::converted("/colour", "kept in extensions")],
        };
        Ok(Translated { body, fates })
    }

    fn write(&self, canonical: &Canonical) -> Result<Translated<RawJson>> {
        match canonical {
            Canonical::Conversation(new) => {
                let mut fates = Vec::new();
                if !new.labels.is_empty() {
                    fates.push(FieldFate::rejected("/labels", "no labels"));
                }
                let body = json!({"name": new.title});
                Ok(Translated {
                    body: RawJson::from_serialize(&body).unwrap(),
                    fates,
                })
            }
            Canonical::Message(new) => {
                let text = conversation::text_of(&new.parts);
                if text.is_empty() {
                    return Err(Error::new(Kind::NotHeld, "no words").violations(vec![
                        Violation {
                            pointer: "/parts".to_owned(),
                            code: "not-held",
                            detail: "a message needs words".to_owned(),
                            exceeds: None,
                        },
                    ]));
                }
                let count = text.chars().count() as u64;
                let fates = match count > 5 {
                    true => vec![
                        FieldFate::converted("/parts/0", "cut after 5 characters")
                            .exceeds(5, Some(count)),
                    ],
                    false => Vec::new(),
                };
                let cut: String = text.chars().take(5).collect();
                Ok(Translated {
                    body: RawJson::from_serialize(&json!({ "say": cut })).unwrap(),
                    fates,
                })
            }
        }
    }
}

async fn server() -> (Server, Arc<Mutex<Plan>>) {
    let plan = Arc::new(Mutex::new(Plan::default()));
    let noting = Arc::clone(&plan);
    let server = Server::start_with(move |gateway| {
        gateway.router = Fake::around(Arc::clone(&gateway.router), &noting);
        gateway.translators = vec![Arc::new(Little)];
    })
    .await;
    (server, plan)
}

async fn translate(server: &Server, from: &str, to: &str, object: &str, body: Value) -> Answer {
    let request = json!({"from": from, "to": to, "object": object, "body": body});
    server.post("/v1/translate").json(&request).send().await
}

#[tokio::test]
async fn body_is_translated_with_what_becomes_of_every_field() {
    let (server, _plan) = server().await;
    let answer = translate(
        &server,
        "normalized",
        "little",
        "conversation",
        json!({"title": "a", "labels": ["x"]}),
    )
    .await;
    assert_eq!(
        answer.expect(200).json(),
        json!({
            "object": "conversation", "from": "normalized", "to": "little",
            "body": {"name": "a"},
            "canonical": {"title": "a", "labels": ["x"]},
            "fidelity": [{"step": "write", "pointer": "/labels", "fate": "rejected", "detail": "no labels"}],
        })
    );
    assert_eq!(
        answer.header("dragoman-fidelity"),
        Some("rejected; fields=\"labels\"")
    );
    let answer = translate(
        &server,
        "little",
        "little",
        "message",
        json!({"say": "hello you", "colour": "red"}),
    )
    .await;
    let translation = answer.expect(200).json();
    assert_eq!(translation["body"], json!({"say": "hello"}));
    assert_eq!(translation["canonical"]["parts"][0]["text"], "hello you");
    assert_eq!(
        translation["fidelity"],
        json!([
            {"step": "read", "pointer": "/colour", "fate": "converted", "detail": "kept in extensions"},
            {"step": "write", "pointer": "/parts/0", "fate": "converted", "detail": "cut after 5 characters", "limit": 5, "value": 9},
        ])
    );
    assert_eq!(
        answer.header("dragoman-fidelity"),
        Some("converted; fields=\"parts\"")
    );
}

#[tokio::test]
async fn what_was_answered_is_taken_without_what_the_server_added() {
    let (server, _plan) = server().await;
    let path = server.conversation().await;
    let message = server.message(&path, "a").await;
    for (object, path, added) in [
        (
            "conversation",
            format!("{path}?include=messages,fidelity"),
            "/created_at",
        ),
        ("message", message, "/conversation_id"),
    ] {
        let body = server.get(&path).send().await.expect(200).json();
        let answer = translate(&server, "normalized", "normalized", object, body.clone()).await;
        let translation = answer.expect(200).json();
        assert_eq!(translation["body"], translation["canonical"]);
        assert_eq!(translation["body"]["parts"], body["parts"]);
        assert_eq!(translation["body"].get("id"), None);
        let left_out = translation["fidelity"].as_array().unwrap();
        assert!(
            left_out
                .iter()
                .any(|fate| fate["pointer"] == added && fate["step"] == "read"),
            "{left_out:?}"
        );
    }
    let exact = translate(
        &server,
        "normalized",
        "normalized",
        "message",
        json!({"parts": [{"type": "text", "text": "a"}]}),
    )
    .await;
    assert_eq!(exact.expect(200).header("dragoman-fidelity"), Some("exact"));
    assert_eq!(exact.json()["fidelity"], json!([]));
}

#[tokio::test]
async fn wrong_requests_are_422_with_a_pointer() {
    let (server, _plan) = server().await;
    let text = json!({"parts": [{"type": "text", "text": "a"}]});
    for (from, to, object, body, pointer) in [
        ("normalised", "little", "message", text.clone(), "/from"),
        ("little", "large", "message", text.clone(), "/to"),
        ("normalized", "little", "person", text.clone(), "/object"),
        ("normalized", "little", "message", json!("a"), "/body"),
        (
            "normalized",
            "little",
            "message",
            json!({"partz": []}),
            "/body/partz",
        ),
        (
            "normalized",
            "little",
            "message",
            json!({"parts": []}),
            "/body/parts",
        ),
        (
            "normalized",
            "little",
            "conversation",
            json!({"title": 7}),
            "/body/title",
        ),
        (
            "normalized",
            "little",
            "conversation",
            json!({"status": "later"}),
            "/body/status",
        ),
        (
            "little",
            "normalized",
            "message",
            json!({"name": "a"}),
            "/body/say",
        ),
    ] {
        let answer = translate(&server, from, to, object, body).await;
        answer.problem(422, "invalid-request");
        assert_eq!(answer.pointers(), [("body".to_owned(), pointer.to_owned())]);
    }
    let unknown = translate(&server, "a", "b", "message", text).await;
    let problem = unknown.problem(422, "invalid-request");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.ends_with("little, normalized"), "{detail}");

    let wordless = json!({"parts": [{"type": "text", "text": ""}]});
    let refused = translate(&server, "normalized", "little", "message", wordless).await;
    refused.problem(422, "not-held-by-backend");
    assert_eq!(
        refused.pointers(),
        [("body".to_owned(), "/body/parts".to_owned())]
    );
}

#[tokio::test]
async fn strict_refuses_whatever_is_not_exact() {
    let (server, _plan) = server().await;
    let send = |from: &str, body: Value| {
        let request = json!({"from": from, "to": "little", "object": "message", "body": body});
        server
            .post("/v1/translate")
            .header("prefer", "handling=strict")
            .json(&request)
            .send()
    };
    let long = json!({"parts": [{"type": "text", "text": "hello you"}]});
    let problem = send("normalized", long).await;
    let problem = problem.problem(422, "not-held-by-backend");
    let error = &problem["errors"][0];
    assert_eq!(
        (&error["pointer"], &error["limit"], &error["value"]),
        (&json!("/body/parts/0"), &json!(5), &json!(9))
    );
    let coloured = send("little", json!({"say": "hello you", "colour": "red"})).await;
    coloured.problem(422, "not-held-by-backend");
    let pointers: Vec<String> = coloured
        .pointers()
        .into_iter()
        .map(|(_, found)| found)
        .collect();
    assert_eq!(pointers, ["/body/colour", "/parts/0"]);
    send("little", json!({"say": "hello"})).await.expect(200);
}

#[tokio::test]
async fn translating_needs_to_read_and_changes_nothing() {
    let (server, plan) = server().await;
    let reader = server.new_key("acme", None, &[Scope::Read]).await;
    let body = json!({"from": "little", "to": "little", "object": "message", "body": {"say": "a"}});
    let answer = server
        .post("/v1/translate")
        .key(&reader)
        .json(&body)
        .send()
        .await;
    assert_eq!(answer.expect(200).header("dragoman-backend"), None);
    let writer = server.new_key("acme", None, &[Scope::Write]).await;
    let refused = server
        .post("/v1/translate")
        .key(&writer)
        .json(&body)
        .send()
        .await;
    refused.problem(403, "forbidden");
    let deep = format!(
        r#"{{"from":"little","to":"little","object":"message","body":{}1{}}}"#,
        "[".repeat(80),
        "]".repeat(80)
    );
    let refused = server.post("/v1/translate").text(deep).send().await;
    refused.problem(400, "invalid-json");
    assert!(plan.lock().unwrap().intents.is_empty());
    let list = server
        .get("/v1/conversations")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(list["data"], json!([]));
}
