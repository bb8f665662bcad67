//! Several clients at once, and those that leave.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use backend::ports::{Responder, Turn};
use backend::{Context, Result};
use futures_util::future::join_all;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::world::{Behind, Setup, World, open};

#[tokio::test]
async fn the_first_users_of_all_come_at_once_and_all_stay() {
    let world = World::start(open()).await;
    // The secret that signs their tokens is made while they wait.
    let begun = join_all((0..8).map(|_| world.begin("first"))).await;
    let tokens: HashSet<&String> = begun.iter().map(|(token, _)| token).collect();
    assert_eq!(tokens.len(), 8);
    for (token, id) in &begun {
        let list = world.with(token, "GET", "/api/v1/chat", "").await.json();
        let listed = list["conversations"].as_array().unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0]["id"], **id);
    }
}

#[tokio::test]
async fn two_clients_say_things_in_one_conversation() {
    let world = World::start(open()).await;
    let (token, id) = world.begin("shared").await;
    let path = format!("/api/v1/chat/{id}/messages");
    let says = async |client: &str| {
        let mut answers = Vec::new();
        for number in 0..5 {
            let words = format!("{client}{number}");
            let body = json!({"message": words}).to_string();
            let answer = world.with(&token, "POST", &path, &body).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let said = answer.json()["message"]["content"].clone();
            assert_eq!(said, format!("echo: {words}"));
            answers.push(words);
        }
        answers
    };
    let (one, other) = tokio::join!(says("a"), says("b"));
    let stored = world.messages(&token, &id).await;
    let stored = stored.as_array().unwrap();
    assert_eq!(stored.len(), 20);
    for words in one.iter().chain(&other) {
        let found = stored.iter().filter(|one| one["content"] == **words);
        assert_eq!(found.count(), 1, "{words}");
    }
}

#[tokio::test]
async fn conversations_made_at_once_have_ids_of_their_own() {
    let world = World::start(open()).await;
    let (token, _) = world.begin("first").await;
    let made = join_all((0..20).map(|_| world.with(&token, "POST", "/api/v1/chat", "{}"))).await;
    let ids: HashSet<String> = made.iter().map(crate::asking::id_of).collect();
    assert_eq!(ids.len(), 20);
    let list = world.with(&token, "GET", "/api/v1/chat", "").await.json();
    let listed = list["conversations"].as_array().unwrap();
    assert_eq!(listed.len(), 21);
    let found = listed
        .iter()
        .filter(|one| ids.contains(one["id"].as_str().unwrap()));
    assert_eq!(found.count(), 20);
}

/// Says that it was asked, and waits until it may answer.
#[derive(Debug)]
struct Gated {
    asked: Arc<Semaphore>,
    may_answer: Arc<Semaphore>,
}

#[async_trait]
impl Responder for Gated {
    fn name(&self) -> &str {
        "gated"
    }

    async fn answer(
        &self,
        _cx: &Context,
        _turn: Turn,
    ) -> Result<BoxStream<'static, Result<String>>> {
        let may_answer = self.may_answer.clone();
        self.asked.add_permits(1);
        let words = async move {
            may_answer.acquire().await.unwrap().forget();
            Ok("at last".to_owned())
        };
        Ok(stream::once(words).boxed())
    }
}

struct Gate {
    world: World,
    asked: Arc<Semaphore>,
    may_answer: Arc<Semaphore>,
}

impl Gate {
    async fn start() -> Self {
        let asked = Arc::new(Semaphore::new(0));
        let may_answer = Arc::new(Semaphore::new(0));
        let gated = Gated {
            asked: asked.clone(),
            may_answer: may_answer.clone(),
        };
        let world = World::start_with(Setup {
            behind: Behind::Answered(Arc::new(gated)),
            ..Setup::default()
        })
        .await;
        Self {
            world,
            asked,
            may_answer,
        }
    }
}

#[tokio::test]
async fn an_answer_is_stored_although_its_caller_has_left() {
    let gate = Gate::start().await;
    let world = &gate.world;
    let (token, id) = world.begin("left").await;
    let request = format!(
        "POST /api/v1/chat/{id}/messages HTTP/1.1\r\nHost: x\r\nuser_token: {token}\r\n\
         Content-Length: 15\r\n\r\n{{\"message\":\"a\"}}"
    );
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    gate.asked.acquire().await.unwrap().forget();
    drop(stream);
    // Another request, so that the server has seen that the first one's caller is gone.
    let list = world.with(&token, "GET", "/api/v1/chat", "").await;
    assert_eq!(list.status, 200);
    assert_eq!(world.detached.running(), 1);
    gate.may_answer.add_permits(1);
    world.detached.finished().await;
    let stored = world.messages(&token, &id).await;
    assert_eq!(stored[1]["content"], "at last");
}

#[tokio::test]
async fn a_conversation_may_be_deleted_while_it_is_answered() {
    let gate = Gate::start().await;
    let world = &gate.world;
    let (token, id) = world.begin("race").await;
    let path = format!("/api/v1/chat/{id}");
    let send = format!("{path}/messages");
    let sending = world.with(&token, "POST", &send, r#"{"message": "x"}"#);
    let deleting = async {
        gate.asked.acquire().await.unwrap().forget();
        let deleted = world.with(&token, "DELETE", &path, "").await;
        gate.may_answer.add_permits(1);
        deleted
    };
    let (sent, deleted) = tokio::join!(sending, deleting);
    let after = world.with(&token, "GET", &path, "").await;
    // The delete does not wait for the answer, so the answer finds nothing to be stored in.
    assert_eq!((deleted.status, after.status), (204, 404));
    assert_eq!(sent.status, 404, "{}", sent.text());
}
