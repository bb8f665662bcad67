//! Which fields a backend alone does not hold: the header, the member, and the refusal.

use std::sync::{Arc, Mutex};

use backend::FieldFate;
use http::Method;
use serde_json::{Value, json};

use crate::fake::{Fake, Plan};
use crate::support::{Answer, Call, Server, events};

/// A server whose backend keeps titles and labels beside it, and changes the parts of messages.
async fn narrow() -> (Server, Arc<Mutex<Plan>>) {
    let plan = Arc::new(Mutex::new(Plan {
        conversation: vec![
            FieldFate::overlay("/title", "at most 255 characters").exceeds(255, Some(300)),
            FieldFate::overlay("/labels/a", "no labels"),
            FieldFate::overlay("/participants/p", "no participants"),
        ],
        message: vec![FieldFate::converted("/parts/0", "as plain text")],
        answer: vec![FieldFate::overlay("/metadata/k", "no metadata")],
        ..Plan::default()
    }));
    let noting = Arc::clone(&plan);
    let server = Server::start_with(move |gateway| {
        gateway.router = Fake::around(Arc::clone(&gateway.router), &noting);
    })
    .await;
    (server, plan)
}

const CONVERSATION: &str = "overlay; fields=\"title,labels,participants\"";
const MESSAGE: &str = "converted; fields=\"parts\"";

fn text() -> Value {
    json!({"parts": [{"type": "text", "text": "a"}]})
}

#[track_caller]
fn fidelity(answer: &Answer) -> &str {
    assert!(answer.status.is_success(), "{}", answer.text());
    answer.header("dragoman-fidelity").expect("the header")
}

/// One call of every operation that tells fidelity, on a new conversation each.
async fn every_operation(server: &Server) -> Vec<(String, Answer)> {
    let mut answers = Vec::new();
    let list = async |path: &str| server.get(path).send().await;
    answers.push(("list".to_owned(), list("/v1/conversations?limit=1").await));
    let created = server
        .post("/v1/conversations")
        .json(&json!({"title": "t"}))
        .send()
        .await;
    let conversation = created.header("location").unwrap().to_owned();
    answers.push(("create".to_owned(), created));
    let posted = server
        .post(&format!("{conversation}/messages"))
        .json(&text())
        .send()
        .await;
    let message = posted.header("location").unwrap().to_owned();
    answers.push(("message post".to_owned(), posted));
    let participants = json!({"participants": [{"id": "p", "name": "P"}]});
    let calls = [
        ("get", Method::GET, conversation.clone(), None),
        (
            "patch",
            Method::PATCH,
            conversation.clone(),
            Some(json!({"title": "u"})),
        ),
        (
            "participants add",
            Method::POST,
            format!("{conversation}/participants"),
            Some(participants),
        ),
        (
            "participants list",
            Method::GET,
            format!("{conversation}/participants"),
            None,
        ),
        (
            "participants remove",
            Method::DELETE,
            format!("{conversation}/participants/p"),
            None,
        ),
        (
            "activity",
            Method::POST,
            format!("{conversation}/activity"),
            Some(json!({"activity": "read"})),
        ),
        (
            "message list",
            Method::GET,
            format!("{conversation}/messages"),
            None,
        ),
        ("message get", Method::GET, message.clone(), None),
        (
            "message patch",
            Method::PATCH,
            message.clone(),
            Some(json!({"metadata": {"k": 1}})),
        ),
        (
            "message rate",
            Method::PUT,
            format!("{message}/rating"),
            Some(json!({"value": 1})),
        ),
        (
            "message import",
            Method::POST,
            format!("{conversation}/messages:import"),
            Some(json!({"messages": [text()]})),
        ),
        ("message delete", Method::DELETE, message.clone(), None),
        (
            "respond",
            Method::POST,
            format!("{conversation}/responses"),
            Some(json!({"input": text()})),
        ),
        ("delete", Method::DELETE, conversation.clone(), None),
    ];
    for (name, method, path, body) in calls {
        let call = Call::new(server, method, &path);
        let call = match &body {
            None => call,
            Some(body) => call.json(body),
        };
        answers.push((name.to_owned(), call.send().await));
    }
    answers
}

#[tokio::test]
async fn backend_that_holds_everything_is_exact_on_every_operation() {
    let server = Server::start().await;
    server.conversation().await;
    for (name, answer) in every_operation(&server).await {
        assert_eq!(fidelity(&answer), "exact", "{name}");
    }
}

#[tokio::test]
async fn header_names_the_fields_of_what_is_answered_and_of_nothing_else() {
    let (server, _plan) = narrow().await;
    server.conversation().await;
    for (name, answer) in every_operation(&server).await {
        let expected = match name.as_str() {
            "activity" => "exact",
            "respond" => "overlay; fields=\"parts,metadata\"",
            name if name.starts_with("participants") => "overlay; fields=\"participants\"",
            name if name.starts_with("message") => MESSAGE,
            _ => CONVERSATION,
        };
        assert_eq!(fidelity(&answer), expected, "{name}");
    }
    let refused = server.get("/v1/conversations/x").send().await;
    assert_eq!(
        refused.problem(400, "invalid-id")["errors"][0]["limit"],
        Value::Null
    );
    assert_eq!(refused.header("dragoman-fidelity"), None);
    let other = server.get("/v1/backends").send().await;
    assert_eq!(other.expect(200).header("dragoman-fidelity"), None);
}

#[tokio::test]
async fn asked_for_fates_stand_in_the_object_and_leave_its_etag() {
    let (server, _plan) = narrow().await;
    let path = server.conversation().await;
    let plain = server.get(&path).send().await;
    let shown = server.get(&format!("{path}?include=fidelity")).send().await;
    let etag = plain.expect(200).header("etag").unwrap();
    assert_eq!(shown.expect(200).header("etag"), Some(etag));
    let mut object = shown.json();
    let fates = object.as_object_mut().unwrap().remove("fidelity").unwrap();
    assert_eq!(object, plain.json());
    assert_eq!(
        fates[0],
        json!({"pointer": "/title", "fate": "overlay", "detail": "at most 255 characters", "limit": 255, "value": 300})
    );
    assert_eq!(fates.as_array().unwrap().len(), 3);

    // Known objects are not told again, but their fates are: they change by themselves.
    let known = |query: &str| {
        server
            .get(&format!("{path}{query}"))
            .header("if-none-match", etag)
            .send()
    };
    let not_modified = known("").await;
    assert_eq!(
        not_modified.expect(304).header("dragoman-fidelity"),
        Some(CONVERSATION)
    );
    known("?include=fidelity").await.expect(200);

    let patched = server
        .patch(&format!("{path}?include=fidelity"))
        .header("if-match", shown.header("etag").unwrap())
        .json(&json!({"title": "b"}))
        .send()
        .await;
    assert_eq!(
        patched.expect(200).json()["fidelity"][1]["pointer"],
        "/labels/a"
    );
    assert_eq!(
        server.get(&path).send().await.header("etag"),
        patched.header("etag")
    );
}

#[tokio::test]
async fn asked_for_fates_of_several_objects_stand_beside_them_by_id() {
    let (server, _plan) = narrow().await;
    let path = server.conversation().await;
    let id = path.rsplit('/').next().unwrap();
    let list = server
        .get("/v1/conversations?include=fidelity")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(list["fidelity"].as_object().unwrap().len(), 1);
    assert_eq!(list["fidelity"][id][0]["pointer"], "/title");

    let imported = server
        .post(&format!("{path}/messages:import?include=fidelity"))
        .json(&json!({"messages": [text(), text()]}))
        .send()
        .await
        .expect(200)
        .json();
    let first = imported["data"][0]["message"]["id"].as_str().unwrap();
    assert_eq!(imported["fidelity"].as_object().unwrap().len(), 2);
    let expected = json!([{"pointer": "/parts/0", "fate": "converted", "detail": "as plain text"}]);
    assert_eq!(imported["fidelity"][first], expected);

    let messages = server
        .get(&format!("{path}/messages?include=fidelity&limit=1"))
        .send()
        .await;
    let page = messages.expect(200).json();
    assert_eq!(page["fidelity"].as_object().unwrap().len(), 1);
    let link = messages.header("link").unwrap();
    assert!(link.contains("include=fidelity"), "{link}");

    let both = server
        .get(&format!("{path}?include=messages,fidelity"))
        .send()
        .await;
    let object = both.expect(200).json();
    assert_eq!(object["fidelity"].as_array().unwrap().len(), 3);
    assert_eq!(object["messages"]["fidelity"][first], expected);
    assert_eq!(
        fidelity(&both),
        "overlay; fields=\"title,labels,participants,parts\""
    );
    let messages_only = server.get(&format!("{path}?include=messages")).send().await;
    let object = messages_only.expect(200).json();
    assert_eq!(
        (&object["fidelity"], &object["messages"]["fidelity"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn writes_show_their_fates_where_asked() {
    let (server, _plan) = narrow().await;
    let created = server
        .post("/v1/conversations?include=fidelity")
        .json(&json!({"title": "t"}))
        .send()
        .await;
    assert_eq!(
        created.expect(201).json()["fidelity"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    let path = created.header("location").unwrap();
    let posted = server
        .post(&format!("{path}/messages?include=fidelity"))
        .json(&text())
        .send()
        .await;
    assert_eq!(
        posted.expect(201).json()["fidelity"][0]["fate"],
        "converted"
    );
    let message = posted.header("location").unwrap();
    for (method, path, body) in [
        (Method::GET, message.to_owned(), None),
        (
            Method::PATCH,
            message.to_owned(),
            Some(json!({"subject": "s"})),
        ),
        (
            Method::PUT,
            format!("{message}/rating"),
            Some(json!({"value": 2})),
        ),
    ] {
        let call = Call::new(&server, method, &format!("{path}?include=fidelity"));
        let call = match &body {
            None => call,
            Some(body) => call.json(body),
        };
        let answer = call.send().await;
        assert_eq!(
            answer.expect(200).json()["fidelity"][0]["pointer"],
            "/parts/0"
        );
    }
    for bad in [
        "include=messages",
        "include=fidelity,",
        "include=fidelity&include=fidelity",
    ] {
        let answer = server
            .post(&format!("{path}/messages?{bad}"))
            .json(&text())
            .send()
            .await;
        answer.problem(400, "invalid-query");
    }
}

#[tokio::test]
async fn repeat_tells_the_same_as_the_first_answer() {
    let (server, plan) = narrow().await;
    let send = async |query: &str| {
        server
            .post(&format!("/v1/conversations{query}"))
            .header("idempotency-key", "one")
            .json(&json!({"title": "t"}))
            .send()
            .await
    };
    let first = send("?include=fidelity").await;
    plan.lock().unwrap().conversation.clear();
    let repeat = send("?include=fidelity").await;
    assert_eq!(
        repeat.expect(201).header("idempotency-replayed"),
        Some("true")
    );
    assert_eq!(fidelity(&repeat), CONVERSATION);
    assert_eq!(first.body, repeat.body);
    let other_form = send("").await;
    other_form.problem(422, "idempotency-mismatch");
}

#[tokio::test]
async fn answer_tells_the_fates_of_its_request() {
    let (server, _plan) = narrow().await;
    let path = server.conversation().await;
    let request = json!({"input": text(), "metadata": {"k": 1}});
    let whole = server
        .post(&format!("{path}/responses?include=fidelity"))
        .json(&request)
        .send()
        .await;
    assert_eq!(fidelity(&whole), "overlay; fields=\"parts,metadata\"");
    let pointers = |fates: &Value| -> Vec<String> {
        let fates = fates.as_array().unwrap().iter();
        fates
            .map(|fate| fate["pointer"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        pointers(&whole.json()["fidelity"]),
        ["/input/parts/0", "/metadata/k"]
    );

    let stream = async |query: &str| {
        server
            .post(&format!("{path}/responses{query}"))
            .header("accept", "text/event-stream")
            .header("idempotency-key", &format!("key{}", query.len()))
            .json(&request)
            .send()
            .await
    };
    let shown = stream("?include=fidelity").await;
    // What becomes of the answer is not known when its head is sent.
    assert!(
        fidelity(&shown).starts_with("converted; fields=\"parts\"")
            || fidelity(&shown).starts_with("overlay")
    );
    let last = events(&shown.text()).pop().unwrap();
    assert_eq!(last["type"], "message.completed");
    assert_eq!(
        pointers(&last["fidelity"]),
        ["/input/parts/0", "/metadata/k"]
    );
    let plain = events(&stream("").await.text()).pop().unwrap();
    assert_eq!(plain["fidelity"], Value::Null);
    let repeat = loop {
        // The record ends a moment after the last event.
        let repeat = stream("?include=fidelity").await;
        if repeat.status != 409 {
            break repeat;
        }
    };
    assert_eq!(repeat.header("idempotency-replayed"), Some("true"));
    assert_eq!(fidelity(&repeat), "overlay; fields=\"parts,metadata\"");
    assert_eq!(events(&repeat.text()).pop().unwrap(), last);
}

#[tokio::test]
async fn stream_promises_nothing_that_may_turn_out_wrong() {
    let server = Server::start().await;
    let path = server.conversation().await;
    let answer = server
        .post(&format!("{path}/responses"))
        .header("accept", "text/event-stream")
        .json(&json!({"input": text()}))
        .send()
        .await;
    assert_eq!(answer.expect(200).header("dragoman-fidelity"), None);
}

#[tokio::test]
async fn strict_refuses_with_pointer_limit_and_value_and_stores_nothing() {
    let (server, plan) = narrow().await;
    let send = |handling: &str| {
        server
            .post("/v1/conversations")
            .header("prefer", handling)
            .json(&json!({"title": "t"}))
            .send()
    };
    let refused = send("handling=strict").await;
    let problem = refused.problem(422, "not-held-by-backend");
    assert_eq!(problem["outcome"], "not_applied");
    assert_eq!(
        problem["errors"][0],
        json!({"in": "body", "pointer": "/title", "code": "not-held", "detail": "at most 255 characters", "limit": 255, "value": 300})
    );
    assert_eq!(
        refused.header("preference-applied"),
        Some("handling=strict")
    );
    assert_eq!(refused.header("dragoman-fidelity"), None);
    let list = server.get("/v1/conversations").send().await;
    assert_eq!(list.expect(200).json()["data"], json!([]));
    send("handling=lenient").await.expect(201);
    plan.lock().unwrap().conversation.clear();
    assert_eq!(fidelity(&send("handling=strict").await), "exact");
}
