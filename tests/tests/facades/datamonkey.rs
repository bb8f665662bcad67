//! A program for Datamonkey, whose API has no pages, no changes, and a conversation's messages in it.

use async_trait::async_trait;
use serde_json::{Value, json};
use tests::client::Answer;

use crate::caller::{Caller, rows, text};
use crate::facade::{Facade, Row, Said, Wrong, wrong};

/// An id that nothing has.
const UNKNOWN: &str = "conv-1700000000000-aaaaaaaa";

pub(crate) struct Datamonkey {
    pub(crate) caller: Caller,
}

fn said(messages: &Value) -> Vec<Said> {
    if messages.is_null() {
        return Vec::new();
    }
    let rows = rows(messages).into_iter();
    rows.map(|row| {
        // This vendor's messages have no id: what is stable is the time and the role.
        let id = format!("{} {}", row["timestamp"], text(&row["role"]));
        let words = text(&row["content"]);
        Said { id, words }
    })
    .collect()
}

#[async_trait]
impl Facade for Datamonkey {
    fn caller(&self) -> &Caller {
        &self.caller
    }

    fn answers(&self) -> bool {
        true
    }

    async fn create(&self, title: &str) -> String {
        let made = self
            .caller
            .ask("POST", "/api/v1/chat", json!({"title": title}));
        let made = made.await.expect(201);
        assert_eq!(made["title"], title);
        text(&made["id"])
    }

    async fn list(&self) -> Vec<Row> {
        // What would be a page elsewhere is overlooked here.
        let list = self.caller.get("/api/v1/chat?limit=1").await.expect(200);
        let list = &list["conversations"];
        if list.is_null() {
            return Vec::new();
        }
        let rows = rows(list).into_iter();
        rows.map(|row| Row {
            id: text(&row["id"]),
            title: text(&row["title"]),
        })
        .collect()
    }

    async fn get(&self, id: &str) -> Answer {
        self.caller.get(&format!("/api/v1/chat/{id}")).await
    }

    fn title(&self, conversation: &Value) -> String {
        text(&conversation["title"])
    }

    async fn try_say(&self, id: &str, words: &str) -> Answer {
        let path = format!("/api/v1/chat/{id}/messages");
        let answer = self.caller.ask("POST", &path, json!({"message": words}));
        let answer = answer.await;
        if answer.status == 200 {
            let message = &answer.json()["message"];
            assert_eq!(message["role"], "assistant");
            assert!(!text(&message["content"]).is_empty());
        }
        answer
    }

    async fn messages(&self, id: &str) -> Vec<Said> {
        let path = format!("/api/v1/chat/{id}/messages");
        said(&self.caller.get(&path).await.expect(200)["messages"])
    }

    async fn backwards(&self, id: &str) -> Vec<Said> {
        let conversation = self.get(id).await.expect(200);
        said(&conversation["messages"])
    }

    async fn update(&self, id: &str, title: &str) -> bool {
        for method in ["PUT", "PATCH"] {
            let path = format!("/api/v1/chat/{id}");
            let answer = self.caller.ask(method, &path, json!({"title": title}));
            assert_eq!(answer.await.status, 404, "{method}");
        }
        false
    }

    async fn try_delete(&self, id: &str) -> Answer {
        let path = format!("/api/v1/chat/{id}");
        self.caller.ask("DELETE", &path, Value::Null).await
    }

    fn is_deleted(&self, answer: &Answer) -> bool {
        answer.status == 404
    }

    fn wrongs(&self, id: &str) -> Vec<Wrong> {
        let (one, unknown) = (
            format!("/api/v1/chat/{id}"),
            format!("/api/v1/chat/{UNKNOWN}"),
        );
        vec![
            wrong("POST", format!("{one}/messages"), "{", 400),
            wrong("POST", format!("{one}/messages"), "{}", 400),
            wrong("POST", format!("{one}/messages"), r#"{"message": 7}"#, 400),
            wrong("GET", &*unknown, "", 404),
            wrong("GET", format!("{unknown}/messages"), "", 404),
            wrong(
                "POST",
                format!("{unknown}/messages"),
                r#"{"message": "x"}"#,
                404,
            ),
            wrong("DELETE", unknown, "", 404),
        ]
    }

    fn refusal(&self, answer: &Answer) -> Option<String> {
        let body: Value = serde_json::from_str(&answer.text).ok()?;
        let is_alone = body.as_object().is_some_and(|body| body.len() == 1);
        is_alone.then(|| body["error"].as_str().map(str::to_owned))?
    }
}
