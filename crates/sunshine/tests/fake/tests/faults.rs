//! Planned faults.

use serde_json::json;

use crate::fake::{FakeOptions, Fault};
use crate::support::furnished;

#[tokio::test]
async fn planned_faults_happen_once() {
    let (fake, caller, _, [first, _]) = furnished(FakeOptions::default()).await;
    let path = ["conversations", first.as_str()];
    let conversation = json!({"type": "text", "text": "x"});
    for _ in 0..3 {
        caller.say(&first, conversation.clone()).await;
    }
    let limited = Fault::Answer {
        status: 429,
        headers: vec![("retry-after", "7")],
        body: String::new(),
    };
    fake.inject("GetConversation", limited);
    let response = caller.request("GET", &path).send().await.unwrap();
    assert_eq!(
        (response.status(), response.header("retry-after")),
        (429, Some("7"))
    );
    assert_eq!(caller.get(&path, &[]).await.0, 200);
    for fault in [Fault::CutBefore, Fault::CutAfter, Fault::CutMidBody] {
        fake.inject("PostMessage", fault);
        let body = json!({"author": {"type": "business"}, "content": conversation});
        let request = caller
            .request("POST", &["conversations", &first, "messages"])
            .json(&body);
        assert!(request.send().await.is_err());
    }
    assert_eq!(fake.messages(&first).len(), 5);
    let messages = ["conversations", first.as_str(), "messages"];
    fake.inject("ListMessages", Fault::BadRecord);
    let (_, body) = caller.get(&messages, &[]).await;
    assert_eq!(body["messages"][2]["received"], json!([7]));
    fake.inject_times("ListMessages", Fault::RepeatCursor, 2);
    let (_, body) = caller.get(&messages, &[]).await;
    let cursor = body["meta"]["beforeCursor"].as_str().unwrap().to_owned();
    let (_, body) = caller.get(&messages, &[("page[before]", &cursor)]).await;
    assert_eq!(body["meta"]["beforeCursor"], cursor);
    for fault in [
        Fault::Html,
        Fault::Empty,
        Fault::TruncatedBody,
        Fault::Oversized(10),
    ] {
        let padded = matches!(fault, Fault::Oversized(_));
        fake.inject("ListMessages", fault);
        let (status, body) = caller.get(&messages, &[]).await;
        assert_eq!((status, body["padding"].is_string()), (200, padded));
    }
    assert_eq!(
        fake.operations()
            .iter()
            .filter(|name| *name == "PostMessage")
            .count(),
        6
    );
}

#[tokio::test]
async fn too_many_requests_are_refused_with_the_time_to_wait() {
    let (fake, caller, _, [first, _]) = furnished(FakeOptions {
        requests_per_minute: Some(60),
        ..FakeOptions::default()
    })
    .await;
    let path = ["conversations", first.as_str()];
    assert_eq!(caller.get(&path, &[]).await.0, 200);
    let refused = caller.request("GET", &path).send().await.unwrap();
    assert_eq!(
        (refused.status(), refused.header("retry-after")),
        (429, Some("1"))
    );
    assert_eq!(fake.refused(), 1);
}
