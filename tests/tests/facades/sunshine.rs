//! A program for Sunshine Conversations.

use async_trait::async_trait;
use serde_json::{Value, json};
use tests::client::Answer;

use crate::caller::{Caller, rows, text};
use crate::facade::{Facade, PAGE, Row, Said, Wrong, wrong};

/// What stands before every path.
const APP: &str = "/v2/apps/5d8cff3cd55b040010928b5b";
/// An id that nothing has.
const UNKNOWN: &str = "000000000000000000000404";

pub(crate) struct Sunshine {
    pub(crate) caller: Caller,
    /// Whose conversations these are: the external id of a user of the vendor.
    pub(crate) user: String,
}

impl Sunshine {
    fn path(&self, tail: &str) -> String {
        format!("{APP}{tail}")
    }

    async fn page(&self, id: &str, query: &str) -> (Vec<Said>, Value) {
        let path = self.path(&format!("/conversations/{id}/messages{query}"));
        let page = self.caller.get(&path).await.expect(200);
        let rows = rows(&page["messages"]).into_iter();
        let said = rows.map(|row| Said {
            id: text(&row["id"]),
            words: text(&row["content"]["text"]),
        });
        (said.collect(), page["meta"].clone())
    }
}

#[async_trait]
impl Facade for Sunshine {
    fn caller(&self) -> &Caller {
        &self.caller
    }

    fn answers(&self) -> bool {
        false
    }

    async fn create(&self, title: &str) -> String {
        let user = json!({"externalId": self.user, "profile": {"givenName": "Ada"}});
        let made = self.caller.ask("POST", &self.path("/users"), user).await;
        assert!(made.status == 201 || made.status == 409, "{}", made.text);
        let body = json!({
            "type": "personal", "displayName": title, "participants": [{"userExternalId": self.user}]
        });
        let made = self
            .caller
            .ask("POST", &self.path("/conversations"), body)
            .await;
        let made = made.expect(201);
        assert_eq!(made["conversation"]["displayName"], title);
        text(&made["conversation"]["id"])
    }

    async fn list(&self) -> Vec<Row> {
        let mut found = Vec::new();
        let filter = format!("filter[userExternalId]={}&page[size]={PAGE}", self.user);
        let mut cursor = String::new();
        loop {
            let path = self.path(&format!("/conversations?{filter}{cursor}"));
            let page = self.caller.get(&path).await;
            if page.status == 404 {
                // Nobody has seen this user yet.
                assert!(page.text.contains("user_not_found"), "{}", page.text);
                return found;
            }
            let page = page.expect(200);
            let rows = rows(&page["conversations"]);
            found.extend(rows.iter().map(|row| Row {
                id: text(&row["id"]),
                title: row["displayName"].as_str().unwrap_or_default().to_owned(),
            }));
            if page["meta"]["hasMore"] == false {
                return found;
            }
            cursor = format!("&page[after]={}", text(&page["meta"]["afterCursor"]));
        }
    }

    async fn get(&self, id: &str) -> Answer {
        let path = self.path(&format!("/conversations/{id}"));
        self.caller.get(&path).await
    }

    fn title(&self, conversation: &Value) -> String {
        text(&conversation["conversation"]["displayName"])
    }

    async fn try_say(&self, id: &str, words: &str) -> Answer {
        let body = json!({
            "author": {"type": "user", "userExternalId": self.user}, "content": {"type": "text", "text": words}
        });
        let path = self.path(&format!("/conversations/{id}/messages"));
        let answer = self.caller.ask("POST", &path, body).await;
        if answer.status == 201 {
            let posted = answer.json();
            assert_eq!(rows(&posted["messages"]).len(), 1);
            assert_eq!(posted["messages"][0]["content"]["text"], words);
            assert_eq!(posted["messages"][0]["author"]["type"], "user");
        }
        answer
    }

    async fn messages(&self, id: &str) -> Vec<Said> {
        // Forwards from before the first: pages have a hundred here, whatever size is asked for.
        let start = "0".repeat(24);
        let (mut found, mut meta) = self.page(id, &format!("?page[after]={start}")).await;
        while meta["hasMore"] == true {
            let cursor = text(&meta["afterCursor"]);
            let (said, next) = self.page(id, &format!("?page[after]={cursor}")).await;
            found.extend(said);
            meta = next;
        }
        found
    }

    async fn backwards(&self, id: &str) -> Vec<Said> {
        let (mut found, mut meta) = self.page(id, "").await;
        while meta["hasMore"] == true {
            let cursor = text(&meta["beforeCursor"]);
            let (said, next) = self.page(id, &format!("?page[before]={cursor}")).await;
            found.splice(0..0, said);
            meta = next;
        }
        // A cursor is a message's id: what stands before the last one is all but that.
        if let Some(last) = found.last() {
            let (before, _) = self.page(id, &format!("?page[before]={}", last.id)).await;
            let tail = found.len().saturating_sub(1 + before.len());
            assert_eq!(before, found[tail..found.len() - 1]);
        }
        found
    }

    async fn update(&self, id: &str, title: &str) -> bool {
        let path = self.path(&format!("/conversations/{id}"));
        let changed = self
            .caller
            .ask("PATCH", &path, json!({"displayName": title}));
        let changed = changed.await.expect(200);
        assert_eq!(changed["conversation"]["displayName"], title);
        true
    }

    async fn try_delete(&self, id: &str) -> Answer {
        let path = self.path(&format!("/conversations/{id}"));
        self.caller.ask("DELETE", &path, Value::Null).await
    }

    fn is_deleted(&self, answer: &Answer) -> bool {
        answer.status == 404
    }

    fn wrongs(&self, id: &str) -> Vec<Wrong> {
        let conversations = self.path("/conversations");
        let one = format!("{conversations}/{id}");
        let unknown = format!("{conversations}/{UNKNOWN}");
        vec![
            wrong("POST", &*conversations, "{", 400),
            wrong("POST", &*conversations, r#"{"type": "group"}"#, 400),
            wrong("POST", &*conversations, r#"{"type": "personal"}"#, 400),
            wrong("PATCH", &*one, r#"{"displayName": ""}"#, 400),
            wrong("POST", format!("{one}/messages"), "{}", 400),
            wrong("GET", &*conversations, "", 400),
            wrong("GET", format!("{one}/messages?page[before]=1"), "", 400),
            wrong("GET", &*unknown, "", 404),
            wrong("PATCH", &*unknown, r#"{"displayName": "x"}"#, 404),
            wrong("DELETE", &*unknown, "", 404),
            wrong("GET", format!("{unknown}/messages"), "", 404),
            wrong("DELETE", format!("{one}/messages/{UNKNOWN}"), "", 404),
            wrong("GET", self.path(&format!("/users/{UNKNOWN}")), "", 404),
            wrong("GET", self.path("/nothing"), "", 404),
            wrong("PUT", one, "{}", 404),
        ]
    }

    fn refusal(&self, answer: &Answer) -> Option<String> {
        let body: Value = serde_json::from_str(&answer.text).ok()?;
        let error = body["errors"].get(0)?;
        let is_whole = error["code"].is_string() && error["title"].is_string();
        is_whole.then(|| error["title"].as_str().map(str::to_owned))?
    }
}
