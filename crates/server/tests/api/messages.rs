//! Messages: post, import, pages, change, rating.

use serde_json::{Value, json};

use crate::support::Server;

fn texts(list: &Value) -> Vec<&str> {
    list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["parts"][0]["text"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn message_lives_from_post_to_delete() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let posted = server
        .post(&format!("{conversation}/messages"))
        .json(&json!({"parts": [{"type": "text", "text": "a\u{0}b"}], "metadata": {"k": "v"}}))
        .send()
        .await;
    let message = posted.expect(201).json();
    assert_eq!(
        (&message["role"], &message["direction"]),
        (&json!("user"), &json!("inbound"))
    );
    let path = posted.header("location").unwrap();
    let read = server.get(path).send().await;
    assert_eq!(read.expect(200).body, posted.body);
    let etag = read.header("etag").unwrap();
    let edited = server
        .patch(path)
        .header("if-match", etag)
        .json(&json!({"parts": [{"type": "text", "text": "c"}]}))
        .send()
        .await;
    assert!(edited.expect(200).json()["edited_at"].is_string());
    let stale = server.delete(path).header("if-match", etag).send().await;
    stale.problem(412, "precondition-failed");
    server.delete(path).send().await.expect(204);
    server.get(path).send().await.problem(404, "not-found");
}

#[tokio::test]
async fn pages_of_messages_begin_at_cursors_and_messages() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let mut ids = Vec::new();
    for text in ["1", "2", "3", "4", "5"] {
        let path = server.message(&conversation, text).await;
        ids.push(path.rsplit('/').next().unwrap().to_owned());
    }
    let list = async |query: &str| {
        let answer = server
            .get(&format!("{conversation}/messages?{query}"))
            .send()
            .await;
        answer.expect(200).json()
    };
    let first = list("limit=2").await;
    assert_eq!(texts(&first), ["1", "2"]);
    let second = list(&format!(
        "limit=2&cursor={}",
        first["next_cursor"].as_str().unwrap()
    ))
    .await;
    assert_eq!(texts(&second), ["3", "4"]);
    let back = list(&format!(
        "limit=2&cursor={}",
        second["previous_cursor"].as_str().unwrap()
    ))
    .await;
    assert_eq!(texts(&back), ["1", "2"]);
    assert_eq!(texts(&list("order=desc&limit=2").await), ["5", "4"]);
    assert_eq!(
        texts(&list(&format!("after={}&limit=2", ids[1])).await),
        ["3", "4"]
    );
    assert_eq!(
        texts(&list(&format!("before={}&limit=2", ids[3])).await),
        ["2", "3"]
    );

    let both = format!("{conversation}/messages?after={}&before={}", ids[0], ids[1]);
    server.get(&both).send().await.problem(400, "invalid-query");
    let unknown = format!("{conversation}/messages?after=msg_none");
    server.get(&unknown).send().await.problem(404, "not-found");
}

#[tokio::test]
async fn import_keeps_times_and_gives_one_result_each() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let imported = server
        .post(&format!("{conversation}/messages:import"))
        .json(&json!({"messages": [
            {"role": "assistant", "parts": [{"type": "text", "text": "second"}], "sent_at": "2020-01-02T00:00:00Z", "rating": {"mean": 4.0, "count": 1}},
            {"parts": [{"type": "text", "text": "first"}], "sent_at": "2020-01-01T00:00:00Z"},
        ]}))
        .send()
        .await;
    let results = imported.expect(200).json();
    assert_eq!(results["data"][0]["status"], "stored");
    assert_eq!(results["data"][1]["index"], 1);
    assert_eq!(
        results["data"][0]["message"]["sent_at"],
        "2020-01-02T00:00:00.000Z"
    );
    let list = server
        .get(&format!("{conversation}/messages"))
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(texts(&list), ["first", "second"]);
}

#[tokio::test]
async fn wrong_message_in_an_import_refuses_all_of_it() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let good = json!({"parts": [{"type": "text", "text": "a"}]});
    let refused = server
        .post(&format!("{conversation}/messages:import"))
        .json(&json!({"messages": [good, {"parts": []}, {"parts": [{"type": "image"}], "role": "king"}]}))
        .send()
        .await;
    refused.problem(422, "invalid-request");
    let pointers: Vec<String> = refused
        .pointers()
        .into_iter()
        .map(|(_, pointer)| pointer)
        .collect();
    assert_eq!(
        pointers,
        [
            "/messages/1/parts",
            "/messages/2/role",
            "/messages/2/parts/0"
        ]
    );
    let list = server
        .get(&format!("{conversation}/messages"))
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(list["data"], json!([]));
    for messages in [json!([]), Value::from(vec![good; 1_001])] {
        let answer = server
            .post(&format!("{conversation}/messages:import"))
            .json(&json!({ "messages": messages }))
            .send()
            .await;
        answer.problem(422, "invalid-request");
        assert_eq!(
            answer.pointers(),
            [("body".to_owned(), "/messages".to_owned())]
        );
    }
}

#[tokio::test]
async fn post_cannot_set_what_only_an_import_can() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let refused = server
        .post(&format!("{conversation}/messages"))
        .json(&json!({"parts": [{"type": "text", "text": "a"}], "sent_at": "2020-01-01T00:00:00Z"}))
        .send()
        .await;
    let problem = refused.problem(422, "invalid-request");
    assert_eq!(problem["errors"][0]["code"], "import-only");
    assert_eq!(problem["errors"][0]["pointer"], "/sent_at");
}

#[tokio::test]
async fn rating_is_shown_on_the_message() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let path = server.message(&conversation, "a").await;
    let rated = server
        .put(&format!("{path}/rating"))
        .json(&json!({"value": 4.5}))
        .send()
        .await;
    assert_eq!(rated.expect(200).json()["rating"]["mine"], 4.5);
    for value in [json!(-1), json!(5.1), json!("5"), Value::Null] {
        let refused = server
            .put(&format!("{path}/rating"))
            .json(&json!({ "value": value }))
            .send()
            .await;
        refused.problem(422, "invalid-request");
        assert_eq!(
            refused.pointers(),
            [("body".to_owned(), "/value".to_owned())]
        );
    }
}
