//! Somebody reads or types.

use serde_json::{Value, json};

use crate::support::Server;

async fn unread(server: &Server, conversation: &str) -> Value {
    server.get(conversation).send().await.expect(200).json()["unread"].clone()
}

#[tokio::test]
async fn what_was_read_waits_no_more_also_in_the_list() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    server.message(&conversation, "one").await;
    server.message(&conversation, "two").await;
    assert_eq!(unread(&server, &conversation).await, 2);
    let path = format!("{conversation}/activity");
    for activity in ["typing_start", "typing_stop"] {
        let body = json!({"activity": activity, "participant_id": "ann"});
        let answer = server.post(&path).json(&body).send().await;
        assert_eq!(answer.expect(204).body.len(), 0);
        assert_eq!(unread(&server, &conversation).await, 2, "{activity}");
    }
    let read = json!({"activity": "read"});
    server.post(&path).json(&read).send().await.expect(204);
    assert_eq!(unread(&server, &conversation).await, 0);
    let list = server.get("/v1/conversations").send().await.json();
    assert_eq!(list["data"][0]["unread"], 0);
}

#[tokio::test]
async fn a_repeat_is_answered_from_the_store() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let read = || {
        server
            .post(&format!("{conversation}/activity"))
            .header("idempotency-key", "one")
            .json(&json!({"activity": "read"}))
            .send()
    };
    assert_eq!(
        read().await.expect(204).header("idempotency-replayed"),
        None
    );
    server.message(&conversation, "said since").await;
    let repeat = read().await;
    assert_eq!(
        repeat.expect(204).header("idempotency-replayed"),
        Some("true")
    );
    assert_eq!(repeat.body.len(), 0);
    assert_eq!(unread(&server, &conversation).await, 1);
}

#[tokio::test]
async fn what_is_no_activity_is_refused_with_a_pointer() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let path = format!("{conversation}/activity");
    for (body, pointer) in [
        (json!({}), ""),
        (json!({"activity": "joined"}), "/activity"),
        (json!({"activity": "left"}), "/activity"),
        (json!({"activity": "dancing"}), "/activity"),
        (json!({"activity": 1}), "/activity"),
        (
            json!({"activity": "read", "participant_id": ""}),
            "/participant_id",
        ),
        (json!({"activity": "read", "at": "now"}), "/at"),
    ] {
        let answer = server.post(&path).json(&body).send().await;
        answer.problem(422, "invalid-request");
        assert_eq!(
            answer.pointers(),
            [("body".to_owned(), pointer.to_owned())],
            "{body}"
        );
    }
    let read = json!({"activity": "read"});
    let unknown = "/v1/conversations/conv_00000000000000000000000000/activity";
    let answer = server.post(unknown).json(&read).send().await;
    answer.problem(404, "not-found");
    let stranger = server.new_key("other", None, backend::Scope::ALL).await;
    let answer = server.post(&path).key(&stranger).json(&read).send().await;
    answer.problem(404, "not-found");
}
