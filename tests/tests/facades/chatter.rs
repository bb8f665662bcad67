//! A program for Chatter.

use async_trait::async_trait;
use serde_json::{Value, json};
use tests::client::Answer;

use crate::caller::{Caller, rows, text};
use crate::facade::{Facade, PAGE, Row, Said, Wrong, wrong};

/// An id that nothing has.
const UNKNOWN: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

pub(crate) struct Chatter {
    pub(crate) caller: Caller,
}

impl Chatter {
    /// Messages from `offset` on, as many as a page has.
    async fn page(&self, id: &str, offset: usize) -> Vec<Said> {
        let path = format!("/api/v1/conversations/{id}/messages?limit={PAGE}&offset={offset}");
        let page = self.caller.get(&path).await.expect(200);
        let rows = rows(&page).into_iter();
        rows.map(|row| Said {
            id: text(&row["id"]),
            words: text(&row["content"]),
        })
        .collect()
    }
}

#[async_trait]
impl Facade for Chatter {
    fn caller(&self) -> &Caller {
        &self.caller
    }

    fn answers(&self) -> bool {
        true
    }

    async fn create(&self, title: &str) -> String {
        let made = self.caller.ask(
            "POST",
            "/api/v1/conversations/",
            json!({"title": title, "profile_id": null}),
        );
        let made = made.await.expect(201);
        assert_eq!(made["title"], title);
        text(&made["id"])
    }

    async fn list(&self) -> Vec<Row> {
        let mut found = Vec::new();
        loop {
            let path = format!(
                "/api/v1/conversations/?limit={PAGE}&offset={}&sort_by=created_at&sort_order=asc",
                found.len()
            );
            let page = self.caller.get(&path).await.expect(200);
            let rows = rows(&page["conversations"]);
            let total = page["total_count"].as_u64().expect("a number");
            found.extend(rows.iter().map(|row| Row {
                id: text(&row["id"]),
                title: text(&row["title"]),
            }));
            if rows.is_empty() {
                assert_eq!(found.len() as u64, total);
                return found;
            }
        }
    }

    async fn get(&self, id: &str) -> Answer {
        self.caller
            .get(&format!("/api/v1/conversations/{id}"))
            .await
    }

    fn title(&self, conversation: &Value) -> String {
        text(&conversation["title"])
    }

    async fn try_say(&self, id: &str, words: &str) -> Answer {
        let body = json!({"message": words, "conversation_id": id});
        let answer = self.caller.ask("POST", "/api/v1/chat/chat", body).await;
        if answer.status == 200 {
            let said = answer.json();
            assert_eq!(said["conversation_id"], id);
            assert_eq!(said["message"]["role"], "assistant");
            assert!(!text(&said["message"]["content"]).is_empty());
        }
        answer
    }

    async fn messages(&self, id: &str) -> Vec<Said> {
        let mut found = Vec::new();
        loop {
            let page = self.page(id, found.len()).await;
            if page.is_empty() {
                return found;
            }
            found.extend(page);
        }
    }

    async fn backwards(&self, id: &str) -> Vec<Said> {
        let mut all = self.messages(id).await.len();
        let mut found = Vec::new();
        while all > 0 {
            let offset = all.saturating_sub(PAGE);
            let mut page = self.page(id, offset).await;
            page.truncate(all - offset);
            found.splice(0..0, page);
            all = offset;
        }
        found
    }

    async fn update(&self, id: &str, title: &str) -> bool {
        let path = format!("/api/v1/conversations/{id}");
        let changed = self.caller.ask("PUT", &path, json!({"title": title})).await;
        assert_eq!(changed.expect(200)["title"], title);
        true
    }

    async fn try_delete(&self, id: &str) -> Answer {
        let path = format!("/api/v1/conversations/{id}");
        self.caller.ask("DELETE", &path, Value::Null).await
    }

    fn is_deleted(&self, answer: &Answer) -> bool {
        answer.status == 404
    }

    fn wrongs(&self, id: &str) -> Vec<Wrong> {
        let one = format!("/api/v1/conversations/{id}");
        let unknown = format!("/api/v1/conversations/{UNKNOWN}");
        vec![
            wrong("POST", "/api/v1/conversations/", "{", 422),
            wrong("POST", "/api/v1/conversations/", "[]", 422),
            wrong("POST", "/api/v1/conversations/", r#"{"title": 7}"#, 422),
            wrong("PUT", &*one, r#"{"status": "lost"}"#, 422),
            wrong("POST", "/api/v1/chat/chat", "{}", 422),
            wrong("GET", "/api/v1/conversations/?limit=x", "", 422),
            wrong("GET", format!("{one}/messages?offset=-1"), "", 422),
            wrong("GET", &*unknown, "", 404),
            wrong("GET", format!("{unknown}/messages"), "", 404),
            wrong("PUT", &*unknown, r#"{"title": "x"}"#, 404),
            wrong("DELETE", &*unknown, "", 404),
            wrong("DELETE", format!("{one}/messages/{UNKNOWN}"), "", 404),
            wrong("GET", "/api/v1/nothing", "", 404),
            wrong("PATCH", one, "{}", 405),
        ]
    }

    fn refusal(&self, answer: &Answer) -> Option<String> {
        let body: Value = serde_json::from_str(&answer.text).ok()?;
        let is_problem = body["status"] == answer.status.as_u16();
        let is_plain = body.as_object().is_some_and(|body| body.len() == 1);
        (is_problem || is_plain)
            .then(|| body["detail"].as_str().map(str::to_owned))
            .flatten()
    }
}
