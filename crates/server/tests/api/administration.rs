//! What an operator sees and settles: drifted fields and unknown writes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use backend::ports::{
    Change, Directory, Drift, IntentRecord, IntentState, Intents, KeptAt, KeptField, Lease, Leases,
    OverlayState, Repair, RepairSelection, Resolution,
};
use backend::{Context, Intent, Location, Principal, Result, Scope, Write};
use conversation::{ConversationId, NewMessage, RawJson, Role, Time};
use serde_json::{Value, json};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::support::{Answer, Server};

fn id_of(path: &str) -> ConversationId {
    path.rsplit('/').next().unwrap().parse().unwrap()
}

fn title(base: &str, found: Option<&str>) -> KeptField {
    KeptField {
        message: None,
        pointer: "/title".into(),
        value: None,
        base: Some(RawJson::string(base)),
        unexpected: true,
        drift: Some(Drift {
            since: "2026-01-02T03:04:05Z".parse().unwrap(),
            value: found.map(RawJson::string),
        }),
    }
}

async fn keep(server: &Server, path: &str, fields: Vec<KeptField>) {
    let at = KeptAt {
        conversation: id_of(path),
        backend: "store".into(),
    };
    let changes = fields.into_iter().map(Change::Field).collect();
    server.state.apply(&at, None, changes).await.unwrap();
}

#[tokio::test]
async fn drifted_fields_are_listed_in_pages() {
    let server = Server::start().await;
    let mut paths = Vec::new();
    for _ in 0..3 {
        let path = server.conversation().await;
        keep(&server, &path, vec![title("theirs", Some("changed"))]).await;
        paths.push(path);
    }
    let list = async |query: &str| {
        let path = format!("/admin/v1/overlay/drift?{query}");
        server.get(&path).send().await
    };
    let all = list("").await.expect(200).json();
    assert_eq!(all["data"].as_array().unwrap().len(), 3);
    let one = list(&format!("conversation_id={}", id_of(&paths[1]))).await;
    assert_eq!(
        one.expect(200).json()["data"],
        json!([{
            "conversation_id": id_of(&paths[1]).to_string(), "backend": "store", "pointer": "/title",
            "base": "theirs", "found": "changed", "since": "2026-01-02T03:04:05.000Z", "unexpected": true,
        }])
    );
    let first = list("limit=2&backend=store").await;
    let page = first.expect(200).json();
    assert_eq!(page["has_more"], true);
    assert!(first.header("link").unwrap().contains("rel=\"next\""));
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = list(&format!("limit=2&backend=store&cursor={cursor}")).await;
    assert_eq!(rest.expect(200).json()["data"].as_array().unwrap().len(), 1);
    let elsewhere = list("backend=other").await;
    assert_eq!(elsewhere.expect(200).json()["data"], json!([]));
    for (query, code, pointer) in [
        ("cursor=x", "invalid-cursor", "/cursor"),
        ("cursor=nabc", "invalid-cursor", "/cursor"),
        ("cursor=pabc", "invalid-cursor", "/cursor"),
        ("conversation_id=x", "invalid-query", "/conversation_id"),
        ("order=asc", "invalid-query", "/order"),
    ] {
        let answer = list(query).await;
        answer.problem(400, code);
        assert_eq!(
            answer.pointers(),
            [("query".to_owned(), pointer.to_owned())]
        );
    }
}

/// A repair that was asked for: where, what, how, and under which lease.
type Asked = (Location, RepairSelection, Resolution, Option<u64>);

/// Notes what is to be repaired.
#[derive(Debug, Default)]
struct Noted(Mutex<Vec<Asked>>);

#[async_trait]
impl Repair for Noted {
    async fn repair(
        &self,
        cx: &Context,
        at: &Location,
        selection: &RepairSelection,
        resolution: Resolution,
    ) -> Result<u64> {
        let call = (at.clone(), selection.clone(), resolution, cx.fence);
        self.0.lock().unwrap().push(call);
        Ok(2)
    }
}

async fn repair(server: &Server, body: Value) -> Answer {
    server
        .post("/admin/v1/overlay/repair")
        .json(&body)
        .send()
        .await
}

#[tokio::test]
async fn repair_reaches_the_overlay_of_any_tenants_conversation_under_its_lease() {
    let noted = Arc::new(Noted::default());
    let overlay = Arc::clone(&noted);
    let server = Server::start_with(move |gateway| {
        gateway.backends[0].overlay = Some(overlay);
    })
    .await;
    let path = server.conversation().await;
    let id = id_of(&path);
    let operator = server.new_key("operator", None, &[Scope::Admin]).await;
    let answer = server
        .post("/admin/v1/overlay/repair")
        .key(&operator)
        .json(&json!({
            "conversation_id": id.to_string(), "backend": "store", "message_id": "msg_1", "pointer": "/title",
            "resolution": "send_ours",
        }))
        .send()
        .await;
    assert_eq!(answer.expect(200).json(), json!({"repaired": 2}));
    let (at, selection, resolution, fence) = noted.0.lock().unwrap()[0].clone();
    assert_eq!((at.id, &*at.backend), (id, "store"));
    assert_eq!(at, server.state.locate(id).await.unwrap().unwrap().location);
    assert_eq!(selection.message.unwrap().as_str(), "msg_1");
    assert_eq!(selection.pointer.as_deref(), Some("/title"));
    assert_eq!(resolution, Resolution::SendOurs);
    assert!(fence.is_some());

    let all = json!({"conversation_id": id.to_string(), "resolution": "keep_backend"});
    repair(&server, all.clone()).await.expect(200);
    let (_, selection, resolution, _) = noted.0.lock().unwrap()[1].clone();
    assert_eq!(selection, RepairSelection::default());
    assert_eq!(resolution, Resolution::KeepBackend);

    let name = format!("conversation/{id}");
    let held = server
        .state
        .acquire(&name, crate::support::PATIENCE)
        .await
        .unwrap()
        .expect("the lease was given back");
    let busy = repair(&server, all).await;
    assert_eq!(busy.problem(409, "conversation-busy")["retryable"], true);
    server.state.release(&held).await.unwrap();
    assert_eq!(noted.0.lock().unwrap().len(), 2);
}

/// Tells of every lease that is renewed.
#[derive(Debug)]
struct Renewing {
    inner: Arc<dyn Leases>,
    renewed: Arc<Notify>,
}

#[async_trait]
impl Leases for Renewing {
    async fn acquire(&self, name: &str, ttl: Duration) -> Result<Option<Lease>> {
        self.inner.acquire(name, ttl).await
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<bool> {
        self.renewed.notify_one();
        self.inner.renew(lease, ttl).await
    }

    async fn release(&self, lease: &Lease) -> Result<()> {
        self.inner.release(lease).await
    }
}

/// A repair that lasts until its lease was renewed.
#[derive(Debug)]
struct Lasting(Arc<Notify>);

#[async_trait]
impl Repair for Lasting {
    async fn repair(
        &self,
        _: &Context,
        _: &Location,
        _: &RepairSelection,
        _: Resolution,
    ) -> Result<u64> {
        self.0.notified().await;
        Ok(1)
    }
}

#[tokio::test]
async fn repair_that_lasts_keeps_its_lease() {
    let renewed = Arc::new(Notify::new());
    let server = Server::start_with(move |gateway| {
        gateway.backends[0].overlay = Some(Arc::new(Lasting(Arc::clone(&renewed))));
        gateway.leases = Arc::new(Renewing {
            inner: Arc::clone(&gateway.leases),
            renewed,
        });
    })
    .await;
    let id = id_of(&server.conversation().await);
    let body = json!({"conversation_id": id, "resolution": "send_ours"});
    let answer = repair(&server, body).await;
    assert_eq!(answer.expect(200).json(), json!({"repaired": 1}));
}

#[tokio::test]
async fn repair_refuses_what_it_cannot_settle() {
    let server = Server::start().await;
    let path = server.conversation().await;
    let id = id_of(&path).to_string();
    let plain = repair(
        &server,
        json!({"conversation_id": id, "resolution": "send_ours"}),
    )
    .await;
    plain.problem(422, "not-supported");
    for (body, pointer) in [
        (
            json!({"conversation_id": id, "resolution": "guess"}),
            "/resolution",
        ),
        (
            json!({"conversation_id": "x", "resolution": "send_ours"}),
            "/conversation_id",
        ),
        (
            json!({"conversation_id": id, "resolution": "send_ours", "backend": "other"}),
            "/backend",
        ),
        (
            json!({"conversation_id": id, "resolution": "send_ours", "pointer": "title"}),
            "/pointer",
        ),
        (
            json!({"conversation_id": id, "resolution": "send_ours", "field": "a"}),
            "/field",
        ),
    ] {
        let answer = repair(&server, body).await;
        answer.problem(422, "invalid-request");
        assert_eq!(answer.pointers(), [("body".to_owned(), pointer.to_owned())]);
    }
    let body = |id: &str| json!({"conversation_id": id, "resolution": "send_ours"});
    let unknown = repair(&server, body("conv_00000000000000000000000000")).await;
    unknown.problem(404, "not-found");
    server.delete(&path).send().await.expect(204);
    repair(&server, body(&id)).await.problem(404, "not-found");
}

async fn begin(server: &Server, path: &str, backend: &str, words: &str) -> Uuid {
    let id = Uuid::now_v7();
    let started_at: Time = "2026-01-02T03:04:05Z".parse().unwrap();
    let record = IntentRecord {
        intent: Intent {
            id,
            location: Some(Location::unresolved(id_of(path))),
            write: Write::PostMessage(NewMessage::text(Role::User, words)),
            started_at,
            deadline_at: started_at.saturating_add_micros(1_000_000),
        },
        backend: backend.into(),
        principal: Principal {
            tenant: "acme".into(),
            key: "k".into(),
            user: None,
            scopes: Vec::new(),
        },
        request_id: "request-1".into(),
        copying: false,
        strict: false,
        public_id: None,
        beside: false,
        migration: None,
        led_by: Vec::new(),
        messages: Vec::new(),
        state: IntentState::Open,
        detail: None,
    };
    server.state.begin(&record).await.unwrap();
    id
}

#[tokio::test]
async fn writes_without_a_known_end_are_listed_without_their_words() {
    let server = Server::start().await;
    let path = server.conversation().await;
    let other = server.conversation().await;
    let open = begin(&server, &path, "store", "planted words").await;
    let lost = begin(&server, &other, "other", "planted words").await;
    server
        .state
        .note(lost, IntentState::Unknown, "two messages look alike")
        .await
        .unwrap();
    let list = async |query: &str| {
        let path = format!("/admin/v1/intents?{query}");
        server.get(&path).send().await
    };
    let unknown = list("state=unknown").await;
    assert_eq!(
        unknown.expect(200).json()["data"],
        json!([{
            "id": lost.to_string(), "backend": "other", "conversation_id": id_of(&other).to_string(),
            "operation": "post_message", "state": "unknown", "started_at": "2026-01-02T03:04:05.000Z",
            "deadline_at": "2026-01-02T03:04:06.000Z", "detail": "two messages look alike", "request_id": "request-1",
        }])
    );
    let all = list("").await;
    assert!(!all.expect(200).text().contains("planted"));
    assert_eq!(all.json()["data"].as_array().unwrap().len(), 2);
    for (query, expected) in [
        ("backend=store".to_owned(), vec![open]),
        (format!("conversation_id={}", id_of(&other)), vec![lost]),
        ("state=open&backend=other".to_owned(), vec![]),
    ] {
        let page = list(&query).await.expect(200).json();
        let found: Vec<Uuid> = page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|intent| intent["id"].as_str().unwrap().parse().unwrap())
            .collect();
        assert_eq!(found, expected, "{query}");
    }
    let first = list("limit=1").await.expect(200).json();
    let next = first["next_cursor"].as_str().unwrap();
    let second = list(&format!("limit=1&cursor={next}"))
        .await
        .expect(200)
        .json();
    assert_ne!(first["data"][0]["id"], second["data"][0]["id"]);
    list("state=lost").await.problem(400, "invalid-query");
}

#[tokio::test]
async fn unknown_write_is_forgotten_by_an_operator_and_an_open_one_is_not() {
    let server = Server::start().await;
    let path = server.conversation().await;
    // More than are read at once.
    let mut last = Uuid::nil();
    for _ in 0..60 {
        last = begin(&server, &path, "store", "a").await;
    }
    let forget = |id: String| server.delete(&format!("/admin/v1/intents/{id}")).send();
    forget(last.to_string()).await.problem(409, "conflict");
    server
        .state
        .note(last, IntentState::Unknown, "nobody knows")
        .await
        .unwrap();
    forget(last.to_string()).await.expect(204);
    forget(last.to_string()).await.problem(404, "not-found");
    forget(Uuid::nil().to_string())
        .await
        .problem(404, "not-found");
    let bad = forget("x".to_owned()).await;
    bad.problem(400, "invalid-id");
    assert_eq!(
        bad.pointers(),
        [("path".to_owned(), "/intent_id".to_owned())]
    );
    let left = server
        .get("/admin/v1/intents?state=unknown")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(left["data"], json!([]));
}
