//! What a repeat is answered when the first process died: by what the backend finds of the write.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use backend::ports::{Begin, Directory, Idempotency, IdempotencyKey, StoredAnswer};
use backend::{Applied, Attachment, Error, Intent, Kind, Located, Outcome, Result, Settled, Write};
use conversation::{Conversation, Digest, Message, Participant, Time};
use http::Method;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::fake::{Fake, Plan};
use crate::support::{Answer, Call, PATIENCE, Server};

/// Every key was left by a process that died. Keeps how each record ends.
#[derive(Default)]
struct Abandoned {
    /// How long ago the first caller stopped waiting, in seconds.
    ended_ago: Mutex<i64>,
    ends: Mutex<Vec<Option<StoredAnswer>>>,
    ended: Notify,
    restarts: Mutex<Vec<Intent>>,
}

impl Abandoned {
    fn end(&self, end: Option<StoredAnswer>) {
        self.ends.lock().unwrap().push(end);
        self.ended.notify_one();
    }
}

/// The time of the first request of every key, in which its caller waited for a minute.
fn as_begun(intent: &Intent, ended_ago: i64) -> Intent {
    let before = |seconds: i64| Time::now().saturating_add_micros(-seconds * 1_000_000);
    Intent {
        started_at: before(ended_ago + 60),
        deadline_at: before(ended_ago),
        ..intent.clone()
    }
}

/// Long enough for what is unknown to stay so.
const LONG_AGO: i64 = 3_600;

#[async_trait]
impl Idempotency for Abandoned {
    async fn begin(&self, _: &IdempotencyKey, _: Digest, intent: &Intent) -> Result<Begin> {
        let ended_ago = *self.ended_ago.lock().unwrap();
        Ok(Begin::Abandoned(Box::new(as_begun(intent, ended_ago))))
    }

    async fn restart(&self, _: &IdempotencyKey, intent: &Intent) -> Result<()> {
        self.restarts.lock().unwrap().push(intent.clone());
        Ok(())
    }

    async fn abandon(&self, _: &IdempotencyKey) -> Result<()> {
        self.end(None);
        Ok(())
    }

    async fn finish(&self, _: &IdempotencyKey, answer: &StoredAnswer, _: Time) -> Result<()> {
        self.end(Some(answer.clone()));
        Ok(())
    }

    async fn release(&self, _: &IdempotencyKey) -> Result<()> {
        self.end(None);
        Ok(())
    }

    async fn sweep(&self, _: Time) -> Result<u64> {
        Ok(0)
    }
}

struct Scene {
    server: Server,
    plan: Arc<Mutex<Plan>>,
    records: Arc<Abandoned>,
    conversation: String,
    message: String,
}

impl Scene {
    async fn new() -> Self {
        let plan = Arc::new(Mutex::new(Plan::default()));
        let records = Arc::new(Abandoned {
            ended_ago: Mutex::new(LONG_AGO),
            ..Abandoned::default()
        });
        let (noting, keeping) = (Arc::clone(&plan), Arc::clone(&records));
        let server = Server::start_with(move |gateway| {
            gateway.router = Fake::around(Arc::clone(&gateway.router), &noting);
            gateway.idempotency = keeping;
        })
        .await;
        let conversation = server.conversation().await;
        let message = server.message(&conversation, "as it was").await;
        Scene {
            server,
            plan,
            records,
            conversation,
            message,
        }
    }

    /// Sends a write under a key whose first request died, and which the backend finds to be `settled`.
    async fn repeat(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
        settled: Settled,
    ) -> Answer {
        self.plan.lock().unwrap().settled = Some(settled);
        let call = Call::new(&self.server, method, path)
            .header("idempotency-key", "one")
            .json(body);
        let call = headers
            .iter()
            .fold(call, |call, (name, value)| call.header(name, value));
        call.send().await
    }

    async fn stored_message(&self) -> Message {
        let answer = self.server.get(&self.message).send().await;
        serde_json::from_slice(&answer.expect(200).body).unwrap()
    }

    async fn located(&self) -> Located {
        let answer = self.server.get(&self.conversation).send().await;
        let conversation: Conversation = serde_json::from_slice(&answer.expect(200).body).unwrap();
        let binding = self.server.state.locate(conversation.id).await.unwrap();
        Located {
            location: binding.unwrap().location,
            conversation,
        }
    }

    fn last_write(&self) -> Write {
        self.plan
            .lock()
            .unwrap()
            .intents
            .last()
            .unwrap()
            .write
            .clone()
    }

    fn last_end(&self) -> Option<StoredAnswer> {
        self.records.ends.lock().unwrap().last().unwrap().clone()
    }

    /// How the record ends that is settled in the background.
    async fn next_end(&self) -> Option<StoredAnswer> {
        let end = self.records.ended.notified();
        tokio::time::timeout(PATIENCE, end)
            .await
            .expect("the record ends");
        self.last_end()
    }

    async fn count(&self) -> usize {
        let path = format!("{}/messages", self.conversation);
        let list = self.server.get(&path).send().await.expect(200).json();
        list["data"].as_array().unwrap().len()
    }
}

fn text(text: &str) -> Value {
    json!({"parts": [{"type": "text", "text": text}]})
}

#[tokio::test]
async fn import_that_was_stored_whole_is_answered_whole() {
    let scene = Scene::new().await;
    let path = format!("{}/messages:import", scene.conversation);
    let body = json!({"messages": [text("a"), text("b")]});
    let stored = scene.stored_message().await;
    let both = Settled::Applied(Applied::Messages(vec![stored.clone(), stored.clone()]));
    let answer = scene.repeat(Method::POST, &path, &[], &body, both).await;
    let results = answer.expect(200).json();
    assert_eq!(results["data"].as_array().unwrap().len(), 2);
    assert_eq!(results["data"][1]["status"], "stored");
    assert_eq!(results["data"][1]["message"]["id"], stored.id.as_str());
    assert_eq!(answer.header("dragoman-fidelity"), Some("exact"));
    let Write::ImportMessages(asked) = scene.last_write() else {
        panic!("{:?}", scene.last_write())
    };
    assert_eq!(asked.len(), 2);
    assert_eq!(scene.last_end().unwrap().status, 200);
    assert_eq!(scene.count().await, 1, "nothing was sent again");
}

#[tokio::test]
async fn import_that_was_stored_in_part_is_unknown() {
    let scene = Scene::new().await;
    let path = format!("{}/messages:import", scene.conversation);
    let body = json!({"messages": [text("a"), text("b")]});
    let one = Applied::Messages(vec![scene.stored_message().await]);
    for settled in [Settled::Applied(one), Settled::Unknown] {
        let answer = scene.repeat(Method::POST, &path, &[], &body, settled).await;
        answer.problem(502, "outcome-unknown");
        assert_eq!(scene.last_end().unwrap().status, 502);
    }
    assert_eq!(scene.count().await, 1);
    let answer = scene
        .repeat(Method::POST, &path, &[], &body, Settled::NotApplied)
        .await;
    answer.expect(200);
    assert_eq!(scene.count().await, 3);
}

#[tokio::test]
async fn participants_that_were_added_are_shown_and_never_added_twice() {
    let scene = Scene::new().await;
    let path = format!("{}/participants", scene.conversation);
    let body = json!({"participants": [{"name": "Ann"}]});
    let all: Vec<Participant> =
        serde_json::from_value(json!([{"id": "p1", "name": "Ann"}])).unwrap();
    let settled = Settled::Applied(Applied::Participants(all));
    let answer = scene.repeat(Method::POST, &path, &[], &body, settled).await;
    assert_eq!(answer.expect(201).json()["data"][0]["id"], "p1");
    assert!(matches!(scene.last_write(), Write::AddParticipants(new) if new.len() == 1));
    let unknown = scene
        .repeat(Method::POST, &path, &[], &body, Settled::Unknown)
        .await;
    unknown.problem(502, "outcome-unknown");
    let list = scene.server.get(&path).send().await.expect(200).json();
    assert_eq!(list["data"], json!([]));
}

#[tokio::test]
async fn change_that_was_made_is_shown_and_not_made_again() {
    let scene = Scene::new().await;
    let located = scene.located().await;
    let settled = || Settled::Applied(Applied::Conversation(Box::new(located.clone())));
    let path = &scene.conversation;
    let body = json!({"title": "another"});
    // The condition held when the change was made, and cannot hold after it.
    for headers in [&[("if-match", "\"before\"")][..], &[]] {
        let answer = scene
            .repeat(Method::PATCH, path, headers, &body, settled())
            .await;
        assert_eq!(answer.expect(200).json()["title"], Value::Null);
        assert!(answer.header("etag").is_some());
    }
    let conditional = [("if-match", "\"before\"")];
    let unknown = scene
        .repeat(Method::PATCH, path, &conditional, &body, Settled::Unknown)
        .await;
    unknown.problem(502, "outcome-unknown");
    let again = scene
        .repeat(Method::PATCH, path, &[], &body, Settled::Unknown)
        .await;
    assert_eq!(again.expect(200).json()["title"], "another");
}

#[tokio::test]
async fn message_that_was_changed_or_rated_is_shown() {
    let scene = Scene::new().await;
    let stored = scene.stored_message().await;
    for (method, path, body) in [
        (
            Method::PATCH,
            scene.message.clone(),
            json!({"subject": "s"}),
        ),
        (
            Method::PUT,
            format!("{}/rating", scene.message),
            json!({"value": 4}),
        ),
    ] {
        let applied = Settled::Applied(Applied::Message(Box::new(stored.clone())));
        let answer = scene
            .repeat(method.clone(), &path, &[], &body, applied)
            .await;
        let shown = answer.expect(200).json();
        assert_eq!(
            (&shown["subject"], &shown["rating"]),
            (&Value::Null, &Value::Null)
        );
        let again = scene
            .repeat(method, &path, &[], &body, Settled::Unknown)
            .await;
        let changed = again.expect(200).json();
        assert!(
            changed["subject"] == "s" || changed["rating"]["mine"] == 4.0,
            "{changed}"
        );
    }
}

#[tokio::test]
async fn attachment_that_was_put_is_told_of() {
    let scene = Scene::new().await;
    let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let (conversation, message) = (id(&scene.conversation), id(&scene.message));
    let alone = format!("/v1/attachments?conversation_id={conversation}");
    let in_message = format!("{alone}&message_id={message}");
    let attachment = Attachment {
        id: "att_1".parse().unwrap(),
        url: None,
        name: None,
        media_type: "application/json".into(),
        size: 2,
    };
    for path in [&alone, &in_message] {
        let settled = Settled::Applied(Applied::Attachment(Box::new(attachment.clone())));
        let answer = scene
            .repeat(Method::POST, path, &[], &json!({}), settled)
            .await;
        assert_eq!(answer.expect(201).json()["id"], "att_1");
        let location = format!("/v1/attachments/att_1/content?conversation_id={conversation}");
        assert_eq!(answer.header("location"), Some(location.as_str()));
    }
    let unknown = scene
        .repeat(Method::POST, &in_message, &[], &json!({}), Settled::Unknown)
        .await;
    unknown.problem(502, "outcome-unknown");
    // Nothing shows bytes by themselves, so they may be stored again.
    let again = scene
        .repeat(Method::POST, &alone, &[], &json!({}), Settled::Unknown)
        .await;
    assert_eq!(again.expect(201).json()["size"], 2);
}

#[tokio::test]
async fn settled_write_of_another_kind_ends_its_record() {
    let scene = Scene::new().await;
    let path = format!("{}/messages", scene.conversation);
    let answer = scene
        .repeat(
            Method::POST,
            &path,
            &[],
            &text("a"),
            Settled::Applied(Applied::Nothing),
        )
        .await;
    assert_eq!(answer.problem(500, "internal")["outcome"], "applied");
    assert_eq!(scene.last_end().unwrap().status, 500);
    assert_eq!(scene.count().await, 1);
}

#[tokio::test]
async fn settled_answer_tells_its_fidelity() {
    let scene = Scene::new().await;
    scene.plan.lock().unwrap().message =
        vec![backend::FieldFate::overlay("/subject", "no subjects")];
    let stored = scene.stored_message().await;
    let path = format!("{}/messages?include=fidelity", scene.conversation);
    let settled = Settled::Applied(Applied::Message(Box::new(stored)));
    let answer = scene
        .repeat(Method::POST, &path, &[], &text("a"), settled)
        .await;
    assert_eq!(
        answer.expect(201).json()["fidelity"][0]["pointer"],
        "/subject"
    );
    let header = "overlay; fields=\"subject\"";
    assert_eq!(answer.header("dragoman-fidelity"), Some(header));
    let kept = scene.last_end().unwrap().headers;
    assert!(kept.contains(&("dragoman-fidelity".to_owned(), header.to_owned())));
}

#[tokio::test]
async fn write_that_may_still_be_under_way_is_settled_later() {
    let scene = Scene::new().await;
    let path = format!("{}/messages", scene.conversation);
    *scene.records.ended_ago.lock().unwrap() = 1;
    let answer = scene
        .repeat(Method::POST, &path, &[], &text("a"), Settled::Unknown)
        .await;
    assert_eq!(
        answer.problem(409, "request-in-progress")["retryable"],
        true
    );
    assert!(answer.header("retry-after").is_some());
    assert!(scene.records.ends.lock().unwrap().is_empty());
    // It is found done, and what a repeat is told then is stored.
    let stored = scene.stored_message().await;
    let applied = Settled::Applied(Applied::Message(Box::new(stored)));
    scene.plan.lock().unwrap().settled = Some(applied);
    assert_eq!(scene.next_end().await.unwrap().status, 201);

    let answer = scene
        .repeat(Method::POST, &path, &[], &text("b"), Settled::Unknown)
        .await;
    answer.problem(409, "request-in-progress");
    scene.plan.lock().unwrap().settled = Some(Settled::NotApplied);
    assert!(scene.next_end().await.is_none(), "the key is free");
    assert_eq!(scene.count().await, 1, "nothing was sent again");
}

#[tokio::test]
async fn settling_stops_with_the_server_and_leaves_the_record() {
    let scene = Scene::new().await;
    let path = format!("{}/messages", scene.conversation);
    *scene.records.ended_ago.lock().unwrap() = 1;
    let answer = scene
        .repeat(Method::POST, &path, &[], &text("a"), Settled::Unknown)
        .await;
    answer.problem(409, "request-in-progress");
    scene.server.shutdown.begin();
    let finished = scene.server.shutdown.detached().finished();
    tokio::time::timeout(PATIENCE, finished)
        .await
        .expect("nothing holds the shutdown up");
    assert!(scene.records.ends.lock().unwrap().is_empty());
}

#[tokio::test]
async fn asking_that_fails_for_good_ends_the_record_and_another_failure_does_not() {
    let scene = Scene::new().await;
    let path = format!("{}/messages", scene.conversation);
    let body = text("a");
    let send = |error: Error| {
        scene.plan.lock().unwrap().settle_error = Some(error);
        scene.repeat(Method::POST, &path, &[], &body, Settled::NotApplied)
    };
    let refused = send(Error::new(Kind::Forbidden, "not yours")).await;
    assert_eq!(refused.problem(403, "forbidden")["outcome"], "unknown");
    assert_eq!(scene.next_end().await.unwrap().status, 403);

    let away = Error::new(Kind::Unavailable, "no connection");
    let failed = send(away).await;
    assert_eq!(failed.problem(503, "unavailable")["outcome"], "unknown");
    assert_eq!(scene.records.ends.lock().unwrap().len(), 1);
    scene.plan.lock().unwrap().settle_error = None;
    assert!(scene.next_end().await.is_none());
}

#[tokio::test]
async fn lost_answer_of_a_first_request_is_settled_later() {
    let plan = Arc::new(Mutex::new(Plan::default()));
    let noting = Arc::clone(&plan);
    let server = Server::start_with(move |gateway| {
        gateway.router = Fake::around(Arc::clone(&gateway.router), &noting);
    })
    .await;
    let path = format!("{}/messages", server.conversation().await);
    let send = async || {
        let call = server.post(&path).header("idempotency-key", "one");
        call.json(&text("a")).send().await
    };
    let lost = Error::new(Kind::Timeout, "the vendor did not answer in time");
    plan.lock().unwrap().lost = Some(lost.outcome(Outcome::Unknown));
    let first = send().await;
    assert_eq!(first.problem(504, "timeout")["outcome"], "unknown");
    let repeat = tokio::time::timeout(PATIENCE, async {
        loop {
            let repeat = send().await;
            match repeat.status.as_u16() {
                409 => tokio::task::yield_now().await,
                _ => break repeat,
            }
        }
    })
    .await
    .expect("the write is settled");
    let message = repeat.expect(201).json();
    assert_eq!(repeat.header("idempotency-replayed"), Some("true"));
    let list = server.get(&path).send().await.expect(200).json();
    assert_eq!(list["data"], json!([message]), "it was stored once");
}

#[tokio::test]
async fn write_that_runs_again_is_noted_anew() {
    let scene = Scene::new().await;
    let path = format!("{}/messages", scene.conversation);
    let before = Time::now();
    let answer = scene
        .repeat(Method::POST, &path, &[], &text("a"), Settled::NotApplied)
        .await;
    answer.expect(201);
    let asked = scene.plan.lock().unwrap().intents.last().unwrap().clone();
    let restarts = scene.records.restarts.lock().unwrap().clone();
    assert_eq!(restarts.len(), 1);
    assert_eq!(
        (restarts[0].id, &restarts[0].write),
        (asked.id, &asked.write)
    );
    assert!(asked.deadline_at < before);
    assert!(restarts[0].started_at >= before && restarts[0].deadline_at > before);
}

#[tokio::test]
async fn change_or_vote_of_a_message_that_is_gone_is_not_found() {
    let scene = Scene::new().await;
    let rating = format!("{}/rating", scene.message);
    for (method, path, body) in [
        (Method::PUT, &rating, json!({"value": 4})),
        (Method::PATCH, &scene.message, json!({"subject": "s"})),
    ] {
        let gone = Settled::Applied(Applied::Nothing);
        let answer = scene.repeat(method, path, &[], &body, gone).await;
        answer.problem(404, "not-found");
        assert_eq!(scene.last_end().unwrap().status, 404);
    }
}
