//! A process that dies in the middle of a write: the repeat of its idempotency key finds out what happened.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend::ports::{Begin, Idempotency, IdempotencyKey, StoredAnswer};
use backend::{Intent, Result};
use conversation::{Digest, Time};
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use crate::support::{Answer, Call, PATIENCE, Server};

/// Where the process dies.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Death {
    /// The key is taken and nothing is written.
    BeforeTheWrite,
    /// The write is done and its answer is not stored.
    AfterTheWrite,
}

/// Idempotency that stops for ever where the process is to die.
struct Dying {
    inner: store::State,
    death: Death,
    reached: Arc<Notify>,
}

#[async_trait]
impl Idempotency for Dying {
    async fn begin(&self, key: &IdempotencyKey, request: Digest, intent: &Intent) -> Result<Begin> {
        let begin = self.inner.begin(key, request, intent).await?;
        if self.death == Death::BeforeTheWrite {
            self.reached.notify_one();
            pending::<()>().await;
        }
        Ok(begin)
    }

    async fn restart(&self, key: &IdempotencyKey, intent: &Intent) -> Result<()> {
        self.inner.restart(key, intent).await
    }

    async fn abandon(&self, key: &IdempotencyKey) -> Result<()> {
        self.inner.abandon(key).await
    }

    async fn finish(&self, _: &IdempotencyKey, _: &StoredAnswer, _: Time) -> Result<()> {
        self.reached.notify_one();
        pending().await
    }

    async fn release(&self, key: &IdempotencyKey) -> Result<()> {
        self.inner.release(key).await
    }

    async fn sweep(&self, now: Time) -> Result<u64> {
        self.inner.sweep(now).await
    }
}

/// What a request meets after the restart.
struct Aftermath {
    repeat: Answer,
    second_repeat: Answer,
    conversations: usize,
    messages: Value,
}

/// Sends a write that dies, starts again, and repeats it. `{}` in the path is a conversation made before.
fn die_and_repeat(death: Death, method: &Method, path: &str, body: &Value) -> Aftermath {
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let (conversation, key) = first_life(&directory, death, method, path, body);
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let server = Server::start_in(directory, |_| ()).await;
        let path = path.replace("{}", &conversation);
        let send = async || {
            Call::new(&server, method.clone(), &path)
                .key(&key)
                .header("idempotency-key", "one")
                .json(body)
                .send()
                .await
        };
        let repeat = send().await;
        let second_repeat = send().await;
        let list = server
            .get("/v1/conversations")
            .send()
            .await
            .expect(200)
            .json();
        let messages = server
            .get(&format!("/v1/conversations/{conversation}/messages"))
            .send()
            .await
            .expect(200)
            .json();
        Aftermath {
            repeat,
            second_repeat,
            conversations: list["data"].as_array().unwrap().len(),
            messages: messages["data"].clone(),
        }
    })
}

/// Returns the conversation's id and the key.
fn first_life(
    directory: &Arc<TempDir>,
    death: Death,
    method: &Method,
    path: &str,
    body: &Value,
) -> (String, String) {
    let runtime = Runtime::new().unwrap();
    let reached = Arc::new(Notify::new());
    let found = runtime.block_on(async {
        let alive = Server::start_in(Arc::clone(directory), |_| ()).await;
        let made = alive.conversation().await;
        let conversation = made.rsplit('/').next().unwrap().to_owned();
        let key = alive.key.clone();
        let state = alive.state.clone();
        // The same database behind a second front that dies.
        let dying = Dying {
            inner: state,
            death,
            reached: Arc::clone(&reached),
        };
        let application = alive
            .rebuilt(|gateway| gateway.idempotency = Arc::new(dying))
            .await;
        let path = path.replace("{}", &conversation);
        let call = Call::new(&alive, method.clone(), &path)
            .at(application)
            .key(&key)
            .header("idempotency-key", "one")
            .json(body);
        tokio::spawn(call.detach());
        tokio::time::timeout(PATIENCE, reached.notified())
            .await
            .expect("the process comes to the place where it dies");
        (conversation, key)
    });
    runtime.shutdown_timeout(Duration::from_secs(60));
    found
}

fn text() -> Value {
    json!({"parts": [{"type": "text", "text": "a"}]})
}

#[test]
fn write_that_never_happened_is_done_by_the_repeat() {
    let death = Death::BeforeTheWrite;
    let post = die_and_repeat(
        death,
        &Method::POST,
        "/v1/conversations/{}/messages",
        &text(),
    );
    post.repeat.expect(201);
    assert_eq!(post.messages.as_array().unwrap().len(), 1);
    assert_eq!(
        post.second_repeat.header("idempotency-replayed"),
        Some("true")
    );
    assert_eq!(post.second_repeat.body, post.repeat.body);

    let create = die_and_repeat(
        death,
        &Method::POST,
        "/v1/conversations",
        &json!({"title": "a"}),
    );
    create.repeat.expect(201);
    assert_eq!(create.conversations, 2);
}

#[test]
fn write_that_happened_is_answered_and_not_done_again() {
    let death = Death::AfterTheWrite;
    let post = die_and_repeat(
        death,
        &Method::POST,
        "/v1/conversations/{}/messages",
        &text(),
    );
    assert_eq!(post.repeat.expect(201).json(), post.messages[0]);
    assert_eq!(post.messages.as_array().unwrap().len(), 1);
    assert!(post.repeat.header("location").is_some() && post.repeat.header("etag").is_some());
    assert_eq!(
        post.second_repeat.header("idempotency-replayed"),
        Some("true")
    );

    let create = die_and_repeat(
        death,
        &Method::POST,
        "/v1/conversations",
        &json!({"title": "a"}),
    );
    assert_eq!(create.repeat.expect(201).json()["title"], "a");
    assert_eq!(create.conversations, 2);

    let respond = json!({ "input": text() });
    let answer = die_and_repeat(
        death,
        &Method::POST,
        "/v1/conversations/{}/responses",
        &respond,
    );
    assert_eq!(
        answer.repeat.expect(200).json()["message"],
        answer.messages[1]
    );
    assert_eq!(answer.messages.as_array().unwrap().len(), 2);
}

#[test]
fn change_that_happened_is_told_again_or_made_again_without_harm() {
    let death = Death::AfterTheWrite;
    let body = json!({"title": "b"});
    let patch = die_and_repeat(death, &Method::PATCH, "/v1/conversations/{}", &body);
    assert_eq!(patch.repeat.expect(200).json()["title"], "b");

    let file = die_and_repeat(
        death,
        &Method::POST,
        "/v1/attachments?conversation_id={}",
        &json!({"a": "file"}),
    );
    assert_eq!(file.repeat.expect(201).json()["size"], 12);
    assert_eq!(
        file.second_repeat.header("idempotency-replayed"),
        Some("true")
    );
    assert_eq!(file.second_repeat.body, file.repeat.body);
}

#[test]
fn import_and_participants_that_were_stored_are_answered_whole() {
    let death = Death::AfterTheWrite;
    let import = die_and_repeat(
        death,
        &Method::POST,
        "/v1/conversations/{}/messages:import",
        &json!({"messages": [text(), text()]}),
    );
    let results = import.repeat.expect(200).json();
    let stored: Vec<&Value> = results["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| &result["message"])
        .collect();
    assert_eq!(json!(stored), import.messages);
    assert_eq!(stored.len(), 2);
    assert_eq!(import.second_repeat.body, import.repeat.body);

    let added = die_and_repeat(
        death,
        &Method::POST,
        "/v1/conversations/{}/participants",
        &json!({"participants": [{"name": "Ann"}]}),
    );
    let participants = added.repeat.expect(201).json();
    assert_eq!(participants["data"].as_array().unwrap().len(), 1);
    assert_eq!(participants["data"][0]["name"], "Ann");
}

#[test]
fn import_that_never_happened_is_done_by_the_repeat() {
    let import = die_and_repeat(
        Death::BeforeTheWrite,
        &Method::POST,
        "/v1/conversations/{}/messages:import",
        &json!({"messages": [text(), text()]}),
    );
    import.repeat.expect(200);
    assert_eq!(import.messages.as_array().unwrap().len(), 2);
}
