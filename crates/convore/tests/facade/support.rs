//! Calls as bytes: the vendor's client sends what no careful client would. Every answer is held against a strict
//! description.

use std::sync::{Arc, LazyLock};

use backend::{Context, Principal, Scope};
use serde_json::{Value, json};
use testkit::openapi::Description;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::world::PATIENCE;
pub(crate) use crate::world::{Setup, World};

/// What every answer is held against.
static DESCRIPTION: LazyLock<Description> =
    LazyLock::new(|| Description::parse(include_str!("../fixtures/facade.openapi.json")).unwrap());

impl World {
    /// A caller of the backend below, of the same tenant.
    pub(crate) fn cx(&self) -> Context {
        let principal = Principal {
            tenant: "acme".into(),
            key: "k".into(),
            user: None,
            scopes: Scope::ALL.to_vec(),
        };
        Context::new(Arc::new(principal), "test", PATIENCE)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call("PATCH", path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, None).await
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let answer = self
            .send(
                method,
                path,
                Some(&self.key),
                "application/json",
                body.as_bytes(),
            )
            .await;
        answer.check(method, path);
        answer
    }

    /// Sends these bytes as JSON, with the key of the world.
    pub(crate) async fn bytes(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let key = Some(self.key.as_str());
        let answer = self.send(method, path, key, "application/json", body).await;
        answer.check(method, path);
        answer
    }

    /// Sends these bytes.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        key: Option<&str>,
        content_type: &str,
        body: &[u8],
    ) -> Answer {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAccept-Encoding: identity\r\nContent-Length: {}\r\n",
            self.address,
            body.len()
        );
        if let Some(key) = key {
            head.push_str(&format!("Authorization: Bearer {key}\r\n"));
        }
        if !body.is_empty() {
            head.push_str(&format!("Content-Type: {content_type}\r\n"));
        }
        head.push_str("\r\n");
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            // An answer may come before the body is taken.
            let _sent = stream.write_all(body).await;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            answer
        };
        let bytes = tokio::time::timeout(PATIENCE, exchange).await.unwrap();
        Answer::read(&bytes)
    }

    /// A new conversation with Bo, and its id.
    pub(crate) async fn conversation(&self) -> String {
        let answer = self.post("/v1/conversations", new_conversation()).await;
        answer.ok()["id"].as_str().unwrap().to_owned()
    }

    /// Something that Bo said, and its id.
    pub(crate) async fn said(&self, conversation: &str, body: &str, date: &str) -> String {
        let body = json!({
            "conversation_id": conversation, "direction": "inbound", "date": date, "body": body,
            "sender": bo("from"), "recipients": [ana("to")],
        });
        let answer = self.post("/v1/messages/import", body).await;
        answer.ok()["id"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn new_conversation() -> Value {
    json!({"channel_id": "chnnl_1", "label_ids": [], "participants": [bo("from"), ana("to")], "subject": "Order"})
}

pub(crate) fn bo(role: &str) -> Value {
    json!({"name": "Bo", "handle": {"type": "email", "value": "bo@example.test"}, "role": role})
}

pub(crate) fn ana(role: &str) -> Value {
    json!({"name": "Ana", "handle": {"type": "email", "value": "ana@example.test"}, "role": role})
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            status,
            head: head.to_ascii_lowercase(),
            body: bytes[end + 4..].to_vec(),
        }
    }

    /// Whether the description allows it.
    #[track_caller]
    pub(crate) fn check(&self, method: &str, path: &str) {
        let violations = DESCRIPTION.check_response(method, path, self.status, &self.body);
        assert_eq!(violations, Vec::<String>::new(), "{self:?}");
    }

    /// The body of a success, which is 200 and nothing else.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        serde_json::from_slice(&self.body).unwrap()
    }

    /// A refusal with this status.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16) -> Value {
        assert_eq!(
            self.status,
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        serde_json::from_slice(&self.body).unwrap()
    }

    /// A refusal with this status, in the one form that refusals have.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16) {
        let body = self.refused(status);
        let members: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert_eq!(members, ["message"], "{body}");
        assert_ne!(body["message"].as_str().unwrap(), "");
        assert_eq!(self.header("content-type"), Some("application/json"));
    }

    /// The first header of this name, in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (other, value) = line.split_once(':')?;
            (other == name).then(|| value.trim())
        })
    }

    /// The ids of a page.
    #[track_caller]
    pub(crate) fn ids(&self) -> Vec<String> {
        let page = self.ok();
        let data = page["data"].as_array().unwrap();
        let id = |item: &Value| item["id"].as_str().unwrap().to_owned();
        data.iter().map(id).collect()
    }
}
