//! What the tests of the fake share.

use secrecy::SecretString;
use serde_json::{Value, json};
use transport::{Method, Request, Transport, TransportConfig};

use crate::fake::{APP_ID, FakeOptions, FakeSunshine, KEY_ID, SECRET};

/// A client without any knowledge of the vendor.
pub(crate) struct Caller(pub(crate) Transport);

impl Caller {
    pub(crate) fn new(fake: &FakeSunshine) -> Self {
        Self::at(&fake.base_url())
    }

    pub(crate) fn at(base_url: &str) -> Self {
        Self(Transport::new(base_url, &TransportConfig::default()).unwrap())
    }

    pub(crate) fn request(&self, method: &str, path: &[&str]) -> Request<'_> {
        let segments = [&["v2", "apps", APP_ID], path].concat();
        let method: Method = method.parse().unwrap();
        let secret = SecretString::from(SECRET);
        self.0.request(method, &segments).basic(KEY_ID, &secret)
    }

    pub(crate) async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> (u16, Value) {
        let mut request = self.request("GET", path);
        for (name, value) in query {
            request = request.query(name, value);
        }
        answered(request).await
    }

    pub(crate) async fn send(&self, method: &str, path: &[&str], body: &Value) -> (u16, Value) {
        answered(self.request(method, path).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &[&str]) -> (u16, Value) {
        answered(self.request("DELETE", path)).await
    }

    pub(crate) async fn say(&self, conversation: &str, content: Value) -> (u16, Value) {
        let body = json!({"author": {"type": "business"}, "content": content});
        self.send("POST", &["conversations", conversation, "messages"], &body)
            .await
    }
}

pub(crate) async fn answered(request: Request<'_>) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
    (response.status(), body)
}

#[track_caller]
pub(crate) fn assert_refused(answer: &(u16, Value), status: u16, code: &str) {
    assert_eq!(answer.0, status, "{answer:?}");
    assert_eq!(answer.1["errors"][0]["code"], code, "{answer:?}");
    assert!(answer.1["errors"][0]["title"].is_string(), "{answer:?}");
}

/// A fake with one user, whose default conversation is the first of the two.
pub(crate) async fn furnished(options: FakeOptions) -> (FakeSunshine, Caller, String, [String; 2]) {
    let fake = FakeSunshine::start_with(options).await;
    let user = fake.add_user(Some("ada"));
    let conversations = [fake.add_conversation(&user), fake.add_conversation(&user)];
    let caller = Caller::new(&fake);
    (fake, caller, user, conversations)
}
