//! A program for Convore, which deletes nothing: what is unwanted goes to the trash.

use async_trait::async_trait;
use serde_json::{Value, json};
use tests::client::Answer;

use crate::caller::{Caller, rows, text};
use crate::facade::{Facade, PAGE, Row, Said, Wrong, wrong};

/// Ids that nothing has.
const UNKNOWN: &str = "conv_01hrak3m9qe27v5dbyr1ba968m";
const UNKNOWN_MESSAGE: &str = "msg_01hggtpfewf0y91nde7cz02p0k";

pub(crate) struct Convore {
    pub(crate) caller: Caller,
}

impl Convore {
    /// All items of a list, walked by cursors.
    async fn walk(&self, path: &str) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let first = format!("{path}{separator}limit={PAGE}");
        let (mut found, mut next) = (Vec::new(), first.clone());
        loop {
            let page = self.caller.get(&next).await.expect(200);
            found.extend(rows(&page["data"]));
            match page.get("next_cursor").and_then(Value::as_str) {
                Some(cursor) => next = format!("{first}&cursor={cursor}"),
                None => return found,
            }
        }
    }
}

#[async_trait]
impl Facade for Convore {
    fn caller(&self) -> &Caller {
        &self.caller
    }

    fn answers(&self) -> bool {
        false
    }

    async fn create(&self, title: &str) -> String {
        let body = json!({
            "channel_id": "chnnl_1", "label_ids": [], "subject": title,
            "participants": []
        });
        let made = self.caller.ask("POST", "/v1/conversations", body).await;
        let made = made.expect(200);
        assert_eq!(made["subject"], title);
        text(&made["id"])
    }

    async fn list(&self) -> Vec<Row> {
        let rows = self.walk("/v1/conversations").await.into_iter();
        rows.map(|row| Row {
            id: text(&row["id"]),
            title: row["subject"].as_str().unwrap_or_default().to_owned(),
        })
        .collect()
    }

    async fn get(&self, id: &str) -> Answer {
        self.caller.get(&format!("/v1/conversations/{id}")).await
    }

    fn title(&self, conversation: &Value) -> String {
        text(&conversation["subject"])
    }

    async fn try_say(&self, id: &str, words: &str) -> Answer {
        let body = json!({
            "channel_id": "chnnl_1", "conversation_id": id, "to": ["bo@example.test"], "body": words
        });
        let answer = self.caller.ask("POST", "/v1/messages", body).await;
        if answer.status == 200 {
            let sent = answer.json();
            assert_eq!(sent["conversation_id"], id);
            assert_eq!(sent["direction"], "outbound");
            // A message is found again by its id alone.
            let path = format!("/v1/messages/{}", text(&sent["id"]));
            assert_eq!(self.caller.get(&path).await.expect(200)["id"], sent["id"]);
        }
        answer
    }

    async fn messages(&self, id: &str) -> Vec<Said> {
        let path = format!("/v1/messages?conversation_id={id}");
        let rows = self.walk(&path).await.into_iter();
        rows.map(|row| Said {
            id: text(&row["id"]),
            words: row["text_body"].as_str().unwrap_or_default().to_owned(),
        })
        .collect()
    }

    async fn backwards(&self, id: &str) -> Vec<Said> {
        // This vendor's lists go one way only; each message by itself is what its list shows.
        let said = self.messages(id).await;
        for one in &said {
            let path = format!("/v1/messages/{}", one.id);
            let read = self.caller.get(&path).await.expect(200);
            let words = read["text_body"].as_str().unwrap_or_default();
            assert_eq!((&read["conversation_id"], words), (&json!(id), &*one.words));
        }
        said
    }

    async fn update(&self, id: &str, title: &str) -> bool {
        let path = format!("/v1/conversations/{id}");
        let changed = self.caller.ask("PATCH", &path, json!({"subject": title}));
        assert_eq!(changed.await.expect(200)["subject"], title);
        true
    }

    async fn try_delete(&self, id: &str) -> Answer {
        let path = format!("/v1/conversations/{id}");
        let refused = self.caller.ask("DELETE", &path, Value::Null).await;
        assert_eq!(refused.status, 405, "{}", refused.text);
        self.caller
            .ask("PATCH", &path, json!({"status": "trash"}))
            .await
    }

    fn is_deleted(&self, answer: &Answer) -> bool {
        answer.status == 200 && answer.json()["status"] == "trash"
    }

    fn wrongs(&self, id: &str) -> Vec<Wrong> {
        let (one, unknown) = (
            format!("/v1/conversations/{id}"),
            format!("/v1/conversations/{UNKNOWN}"),
        );
        vec![
            wrong("POST", "/v1/conversations", "{", 400),
            wrong("POST", "/v1/conversations", "{}", 400),
            wrong("PATCH", &*one, r#"{"status": "archived"}"#, 400),
            wrong("POST", "/v1/messages", "{}", 400),
            wrong("GET", "/v1/conversations?limit=0", "", 400),
            wrong("GET", "/v1/conversations?cursor=x", "", 400),
            wrong("GET", &*unknown, "", 404),
            wrong("PATCH", unknown, "{}", 404),
            wrong("GET", format!("/v1/messages/{UNKNOWN_MESSAGE}"), "", 404),
            wrong(
                "GET",
                format!("/v1/messages?conversation_id={UNKNOWN}"),
                "",
                404,
            ),
            wrong("GET", "/v1/labels/lbl_x", "", 404),
            wrong("GET", "/v1/nothing", "", 404),
            wrong("PUT", one, "{}", 405),
        ]
    }

    fn refusal(&self, answer: &Answer) -> Option<String> {
        let body: Value = serde_json::from_str(&answer.text).ok()?;
        let is_alone = body.as_object().is_some_and(|body| body.len() == 1);
        is_alone.then(|| body["message"].as_str().map(str::to_owned))?
    }
}
