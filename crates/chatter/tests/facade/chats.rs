//! Chats in one piece and as streams.

use chatter::FacadeConfig;
use serde_json::{Value, json};

use crate::support::World;

#[tokio::test]
async fn a_chat_begins_a_conversation_and_goes_on_in_it() {
    let world = World::start().await;
    let long = "a message that is longer than fifty characters of a title are";
    let first = world.post("chat/chat", json!({"message": long, "stream": true}));
    let first = first.send().await.expect(200);
    assert_eq!(
        first["conversation"]["title"],
        format!("{}...", &long[..50])
    );
    assert_eq!(first["message"]["content"], format!("echo: {long}"));
    assert_eq!(first["message"]["sequence_number"], 1);
    assert_eq!(
        first["message"]["conversation_id"],
        first["conversation_id"]
    );
    assert_eq!(first["conversation"]["id"], first["conversation_id"]);
    assert!(first["conversation"].get("messages").is_none());
    let body = json!({"message": "again", "conversation_id": first["conversation_id"]});
    let second = world.post("chat/chat", body).send().await.expect(200);
    assert_eq!(second["message"]["sequence_number"], 3);
    let body = json!({"message": "by name", "conversation_id": ""});
    let third = world
        .post("chat/template/Hello%20World", body)
        .send()
        .await
        .expect(200);
    assert_ne!(third["conversation_id"], first["conversation_id"]);
}

#[tokio::test]
async fn a_stream_has_the_newest_releases_frames() {
    let world = World::start().await;
    let answer = world
        .post("chat/streaming", json!({"message": "one two é"}))
        .header("x-correlation-id", "my own")
        .send()
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("text/event-stream; charset=utf-8")
    );
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    assert!(answer.text.is_ascii());
    assert!(answer.text.contains("\", \"content\": \""));
    let frames = answer.frames();
    for frame in &frames {
        assert_eq!(frame.as_object().unwrap().len(), 7, "{frame}");
        assert_eq!(frame["correlation_id"], "my own");
        assert_eq!(frame["usage"], Value::Null);
    }
    let kinds: Vec<&str> = frames
        .iter()
        .map(|frame| frame["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds[..2], ["start", "start"]);
    assert_eq!(kinds[kinds.len() - 2..], ["complete", "end"]);
    let tokens = &frames[2..frames.len() - 2];
    assert!(tokens.len() > 1 && tokens.iter().all(|frame| frame["type"] == "token"));
    let content: String = tokens
        .iter()
        .map(|frame| frame["content"].as_str().unwrap())
        .collect();
    let complete = &frames[frames.len() - 2];
    assert_eq!(
        complete["metadata"],
        json!({"final_content": content, "message_complete": true})
    );
    assert_eq!(content, "echo: one two é");
    let id = frames[0]["metadata"]["conversation_id"].as_str().unwrap();
    assert_eq!(frames[0]["conversation_id"], Value::Null);
    assert_eq!(frames[1]["conversation_id"], id);
    assert_eq!(frames[frames.len() - 1]["metadata"]["conversation_id"], id);
    let read = world
        .get(&format!("conversations/{id}"))
        .send()
        .await
        .expect(200);
    assert_eq!(read["messages"][1]["id"], complete["message_id"]);
    assert_eq!(read["messages"][1]["content"], content);
}

#[tokio::test]
async fn failures_of_a_stream_are_events() {
    let world = World::start().await;
    for body in [
        json!({"message": "m", "conversation_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}),
        json!({"message": "m", "conversation_id": "abc"}),
        json!({"message": ""}),
    ] {
        let answer = world.post("chat/streaming", body).send().await;
        assert_eq!(answer.status, 200);
        let frames = answer.frames();
        assert_eq!(frames.len(), 1, "{}", answer.text);
        assert_eq!(frames[0]["type"], "error");
        assert_eq!(frames[0]["metadata"], Value::Null);
    }
    let refused = world.post("chat/streaming", json!({})).send().await;
    refused.problem(422, "validation-failed");
    let list = world.get("conversations/").send().await.expect(200);
    assert_eq!(list["total_count"], 0);
}

#[tokio::test]
async fn failures_of_a_chat_are_problems() {
    let world = World::start().await;
    for id in ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "abc"] {
        let body = json!({"message": "m", "conversation_id": id});
        let answer = world.post("chat/chat", body).send().await;
        answer.problem(404, "resource-not-found");
    }
    for message in ["", "a\0b"] {
        let answer = world
            .post("chat/chat", json!({"message": message}))
            .send()
            .await;
        let problem = answer.problem(400, "bad-request");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.starts_with("Chat processing failed: "), "{detail}");
    }
    let body = json!({
        "message": null, "workflow": "best", "temperature": 2.5, "max_tokens": 8193, "document_ids": "x",
    });
    let answer = world.post("chat/chat", body).send().await;
    let problem = answer.problem(422, "validation-failed");
    let kinds: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "string_type",
            "enum",
            "less_than_equal",
            "less_than_equal",
            "list_type"
        ]
    );
}

#[tokio::test]
async fn without_an_ai_the_vendors_words_say_so_and_nothing_is_left() {
    let config = FacadeConfig {
        requests_per_minute: 0,
        ..FacadeConfig::default()
    };
    let world = World::start_with(config, false).await;
    let answer = world
        .post("chat/chat", json!({"message": "m"}))
        .send()
        .await;
    answer.problem(400, "bad-request");
    let answer = world
        .post("chat/streaming", json!({"message": "m"}))
        .send()
        .await;
    let last = answer.frames().pop().unwrap();
    assert_eq!(last["type"], "error");
    let list = world.get("conversations/").send().await.expect(200);
    assert_eq!(list["total_count"], 0);
}

#[tokio::test]
async fn what_the_service_tells_has_the_documented_shape() {
    let world = World::start().await;
    let templates = world.get("chat/templates").send().await.expect(200);
    assert_eq!(templates, json!({"templates": {}, "total_count": 0}));
    let tools = world.get("chat/tools/available").send().await.expect(200);
    assert_eq!(tools, json!({"tools": []}));
    let status = world.get("chat/mcp/status").send().await.expect(200);
    assert_eq!(
        (&status["status"], &status["servers"]),
        (&json!("disabled"), &json!([]))
    );
    world
        .post("chat/chat", json!({"message": "m"}))
        .send()
        .await
        .expect(200);
    world
        .post("chat/chat", json!({"message": ""}))
        .send()
        .await
        .expect(400);
    let figures = world.get("chat/performance/stats").send().await.expect(200);
    assert_eq!(figures["total_executions"], 2);
    assert_eq!(figures["workflow_types"], json!({"plain": 2}));
    assert_eq!(figures["error_counts"], json!({"invalid-request": 1}));
}
