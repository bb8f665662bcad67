//! A vendor's own API through the gateway, and what the audit log says of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use backend::ports::{
    AuditEntry, AuditLog, AuditQuery, Passthrough, PassthroughAnswer, PassthroughRequest, Taken,
    Turns,
};
use backend::{Context, Error, Kind, Outcome, Scope};
use serde_json::{Value, json};
use server::Gateway;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::support::Server;

/// What a vendor says to one request.
type Say = Box<dyn Fn(&PassthroughRequest) -> backend::Result<PassthroughAnswer> + Send + Sync>;

/// A vendor that remembers what it was asked.
struct Vendor {
    seen: Mutex<Vec<PassthroughRequest>>,
    say: Say,
}

impl std::fmt::Debug for Vendor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Vendor")
    }
}

#[async_trait]
impl Passthrough for Vendor {
    async fn pass_through(
        &self,
        _: &Context,
        request: PassthroughRequest,
    ) -> backend::Result<PassthroughAnswer> {
        let answer = (self.say)(&request);
        self.seen.lock().unwrap().push(request);
        answer
    }
}

impl Vendor {
    fn saying(
        say: impl Fn(&PassthroughRequest) -> backend::Result<PassthroughAnswer> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Vendor {
            seen: Mutex::default(),
            say: Box::new(say),
        })
    }

    fn teapot() -> Arc<Self> {
        Vendor::saying(|_| {
            Ok(PassthroughAnswer {
                status: 418,
                headers: vec![
                    ("content-type".into(), "text/csv".into()),
                    ("x-request-id".into(), "vendor-1".into()),
                ],
                body: "a,b".into(),
            })
        })
    }

    fn seen(&self) -> Vec<PassthroughRequest> {
        self.seen.lock().unwrap().clone()
    }
}

async fn server_with(vendor: &Arc<Vendor>, change: impl FnOnce(&mut Gateway)) -> Server {
    let vendor = Arc::clone(vendor);
    Server::start_with(|gateway| {
        gateway.backends[0].passthrough = Some(vendor);
        change(gateway);
    })
    .await
}

const LABELS: &str = "/v1/backends/store/passthrough/v1/labels";

async fn entries(server: &Server, query: &str) -> Vec<Value> {
    let path = format!("/admin/v1/audit{query}");
    let list = server.get(&path).send().await.expect(200).json();
    list["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_vendors_answer_is_the_callers_answer_under_our_names() {
    let vendor = Vendor::teapot();
    let server = server_with(&vendor, |_| ()).await;
    let answer = server
        .post(&format!("{LABELS}/a%2F..%2Fb/?q=a%26b&q=c+d"))
        .header("content-type", "application/json")
        .header("accept", "text/csv")
        .header("cookie", "planted=1")
        .header("x-api-key", "planted")
        .header("x-request-id", "ours-1")
        .bytes("{\"text\":\"planted\"}")
        .send()
        .await;
    answer.expect(418);
    assert_eq!(answer.text(), "a,b");
    for (name, value) in [
        ("content-type", "text/csv"),
        ("dragoman-backend", "store"),
        ("dragoman-upstream-status", "418"),
        ("dragoman-upstream-request-id", "vendor-1"),
        ("x-request-id", "ours-1"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    let seen = vendor.seen();
    let [request] = &seen[..] else {
        panic!("{seen:?}");
    };
    assert_eq!(&*request.method, "POST");
    assert_eq!(
        request.path,
        ["v1".into(), "labels".into(), "a/../b".into()]
    );
    assert_eq!(
        request.query,
        [("q".into(), "a&b".into()), ("q".into(), "c d".into())]
    );
    assert_eq!(&request.body[..], b"{\"text\":\"planted\"}");
    let mut told: Vec<&str> = request.headers.iter().map(|(name, _)| &**name).collect();
    told.sort_unstable();
    assert_eq!(told, ["accept", "content-type"]);
}

#[tokio::test]
async fn every_method_of_a_vendor_passes() {
    let vendor = Vendor::teapot();
    let server = server_with(&vendor, |_| ()).await;
    server.get(LABELS).send().await.expect(418);
    server.put(LABELS).send().await.expect(418);
    server.patch(LABELS).send().await.expect(418);
    server.delete(LABELS).send().await.expect(418);
    let methods: Vec<Box<str>> = vendor.seen().into_iter().map(|seen| seen.method).collect();
    assert_eq!(
        methods,
        ["GET".into(), "PUT".into(), "PATCH".into(), "DELETE".into()]
    );
}

#[tokio::test]
async fn it_needs_the_scope_and_a_backend_that_allows_it() {
    let vendor = Vendor::teapot();
    let server = server_with(&vendor, |_| ()).await;
    let others: Vec<Scope> = Scope::ALL
        .iter()
        .copied()
        .filter(|scope| *scope != Scope::Passthrough)
        .collect();
    let key = server.new_key("acme", None, &others).await;
    let refused = server.get(LABELS).key(&key).send().await;
    refused.problem(403, "forbidden");
    let only = server.new_key("acme", None, &[Scope::Passthrough]).await;
    server.get(LABELS).key(&only).send().await.expect(418);
    server.get(LABELS).no_key().send().await.expect(401);
    let unknown = server.get("/v1/backends/nobody/passthrough/x").send().await;
    unknown.problem(404, "not-found");

    let closed = Server::start().await;
    closed
        .get(LABELS)
        .send()
        .await
        .problem(422, "not-supported");
    assert_eq!(vendor.seen().len(), 1);
    assert_eq!(entries(&closed, "").await, [] as [Value; 0]);
}

#[tokio::test]
async fn what_cannot_be_passed_on_is_refused_before_anything_is_sent() {
    let vendor = Vendor::teapot();
    let server = server_with(&vendor, |gateway| gateway.limits.body_bytes_max = 64).await;
    let base = "/v1/backends/store/passthrough/";
    for path in [
        "a/../b",
        "a/%2e%2e/b",
        "a//b",
        "a/%00",
        "a/%0d%0ab",
        "a/%ff",
        "./a",
    ] {
        let answer = server.get(&format!("{base}{path}")).send().await;
        answer.problem(400, "invalid-id");
    }
    let keyed = server
        .post(LABELS)
        .header("idempotency-key", "k")
        .send()
        .await;
    keyed.problem(400, "invalid-header");
    let packed = server
        .post(LABELS)
        .header("content-encoding", "gzip")
        .send()
        .await;
    packed.problem(415, "unsupported-media-type");
    let large = server.post(LABELS).text("x".repeat(65)).send().await;
    large.problem(413, "body-too-large");
    assert_eq!(vendor.seen(), []);
    assert_eq!(entries(&server, "").await, [] as [Value; 0]);
    // A file has the limit of files.
    let file = server.post(LABELS).header("content-type", "image/png");
    file.bytes("x".repeat(65)).send().await.expect(418);
}

#[tokio::test]
async fn every_call_is_in_the_audit_log_before_and_after() {
    let vendor = Vendor::saying(|request| match request.path.len() {
        2 => Ok(PassthroughAnswer {
            status: 401,
            headers: Vec::new(),
            body: "planted".into(),
        }),
        _ => Err(Error::new(Kind::Timeout, "no answer in time")),
    });
    let server = server_with(&vendor, |_| ()).await;
    let user = server
        .new_key("acme", Some("ann"), &[Scope::Passthrough])
        .await;
    let refused = server
        .get(&format!("{LABELS}?planted=planted"))
        .key(&user)
        .header("x-request-id", "r-1")
        .send()
        .await;
    // The vendor's own refusal, and not ours.
    assert_eq!(
        refused.expect(401).header("dragoman-upstream-status"),
        Some("401")
    );
    let lost = server
        .post(&format!("{LABELS}/planted%20words"))
        .text("planted")
        .send()
        .await;
    let problem = lost.problem(504, "timeout");
    assert_eq!(problem["outcome"], "unknown");
    assert_eq!(problem["backend"], "store");

    let found = entries(&server, "?action=passthrough").await;
    let shown: Vec<[&Value; 2]> = found
        .iter()
        .map(|entry| [&entry["target"], &entry["outcome"]])
        .collect();
    let (labels, words) = ("store GET /v1/labels", "store POST /v1/labels/*");
    assert_eq!(
        json!(shown),
        json!([
            [words, "timeout (unknown)"],
            [words, "begun"],
            [labels, "401"],
            [labels, "begun"]
        ])
    );
    for entry in &found[2..] {
        assert_eq!(
            (&entry["user"], &entry["request_id"]),
            (&json!("ann"), &json!("r-1"))
        );
        assert_eq!(
            (&entry["tenant"], &entry["action"]),
            (&json!("acme"), &json!("passthrough"))
        );
    }
    assert!(!json!(found).to_string().contains("planted"));
}

#[tokio::test]
async fn the_audit_log_is_read_page_by_page_by_administrators() {
    let vendor = Vendor::teapot();
    let server = server_with(&vendor, |_| ()).await;
    let other = server.new_key("other", None, &[Scope::Passthrough]).await;
    for key in [&server.key, &other, &other] {
        server.get(LABELS).key(key).send().await.expect(418);
    }
    let mut ids = Vec::new();
    let mut path = "/admin/v1/audit?tenant=other&limit=3".to_owned();
    let mut pages = 0;
    loop {
        let answer = server.get(&path).send().await;
        let page = answer.expect(200).json();
        pages += 1;
        ids.extend(
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|entry| entry["id"].clone()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            assert_eq!(page["has_more"], false);
            break;
        };
        let elsewhere = format!("/admin/v1/audit?limit=3&cursor={cursor}");
        server
            .get(&elsewhere)
            .send()
            .await
            .problem(400, "invalid-cursor");
        path = format!("/admin/v1/audit?tenant=other&limit=3&cursor={cursor}");
    }
    assert_eq!((pages, ids.len()), (2, 4));
    ids.sort_by_key(ToString::to_string);
    ids.dedup();
    assert_eq!(ids.len(), 4);
    server
        .get("/admin/v1/audit?cursor=nx")
        .send()
        .await
        .problem(400, "invalid-cursor");
    server
        .get("/admin/v1/audit")
        .key(&other)
        .send()
        .await
        .problem(403, "forbidden");
    assert_eq!(
        entries(&server, "?action=config.reload").await,
        [] as [Value; 0]
    );
}

/// A log that cannot be written.
#[derive(Debug)]
struct Full;

#[async_trait]
impl AuditLog for Full {
    async fn append(&self, _: &AuditEntry) -> backend::Result<()> {
        Err(Error::new(Kind::StorageFull, "the disk is full"))
    }

    async fn entries(&self, _: &AuditQuery) -> backend::Result<Vec<AuditEntry>> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn without_a_word_in_the_audit_log_nothing_is_sent() {
    let vendor = Vendor::teapot();
    let server = server_with(&vendor, |gateway| gateway.audit = Arc::new(Full)).await;
    let answer = server.post(LABELS).send().await;
    assert_eq!(
        answer.problem(507, "storage-full")["outcome"],
        "not_applied"
    );
    assert_eq!(vendor.seen(), []);
}

/// A state in which nobody can count.
#[derive(Debug)]
struct Uncounted;

#[async_trait]
impl Turns for Uncounted {
    async fn take(&self, _: &str, _: &str, _: u32, _: Duration) -> backend::Result<Taken> {
        Err(Error::new(Kind::Unavailable, "the database is away"))
    }
}

#[tokio::test]
async fn where_the_calls_of_a_key_cannot_be_counted_none_is_sent() {
    let vendor = Vendor::teapot();
    let server = server_with(&vendor, |gateway| gateway.turns = Arc::new(Uncounted)).await;
    let answer = server.post(LABELS).send().await;
    answer.expect(503);
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(problem["outcome"], "not_applied");
    assert_eq!(vendor.seen(), []);
}

#[tokio::test]
async fn each_key_has_its_calls_of_a_minute() {
    let vendor = Vendor::teapot();
    let server = server_with(&vendor, |gateway| gateway.limits.passthrough_per_minute = 2).await;
    for _ in 0..2 {
        server.get(LABELS).send().await.expect(418);
    }
    let refused = server.post(LABELS).send().await;
    assert_eq!(
        refused.problem(429, "rate-limited")["outcome"],
        "not_applied"
    );
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let other = server.new_key("acme", None, &[Scope::Passthrough]).await;
    server.get(LABELS).key(&other).send().await.expect(418);
    assert_eq!(vendor.seen().len(), 3);
}

/// A vendor that takes its time.
#[derive(Debug, Default)]
struct Slow {
    begun: Notify,
    go_on: Notify,
}

#[async_trait]
impl Passthrough for Slow {
    async fn pass_through(
        &self,
        _: &Context,
        _: PassthroughRequest,
    ) -> backend::Result<PassthroughAnswer> {
        self.begun.notify_one();
        self.go_on.notified().await;
        Err(Error::new(Kind::Unavailable, "gone").outcome(Outcome::NotApplied))
    }
}

#[tokio::test]
async fn how_a_call_ended_is_noted_also_where_its_caller_has_left() {
    let slow = Arc::<Slow>::default();
    let vendor = Arc::clone(&slow);
    let server = Server::start_with(|gateway| gateway.backends[0].passthrough = Some(vendor)).await;
    let caller = tokio::spawn(server.get(LABELS).send());
    slow.begun.notified().await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    slow.go_on.notify_one();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let found = entries(&server, "").await;
        if found.len() == 2 {
            assert_eq!(found[0]["outcome"], "unavailable (not_applied)");
            break;
        }
        assert!(Instant::now() < deadline, "{found:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
