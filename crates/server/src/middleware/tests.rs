//! Each step of the middleware through a real listener.

mod facades;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::routing::{get, post};
use backend::ports::{Explanation, Explanations};
use conversation::Time;
use facadekit::Facade;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use crate::application::InWork;
use crate::explaining::Explaining;
use crate::limits::{RequestLimits, ServeLimits};
use crate::serve::serve;
use crate::shutdown::Shutdown;

const PATIENCE: Duration = Duration::from_secs(20);

/// Keeps no explanation.
#[derive(Debug)]
struct Forgetful;

#[async_trait]
impl Explanations for Forgetful {
    async fn keep(&self, _: &Explanation) -> backend::Result<()> {
        Ok(())
    }

    async fn explanation(&self, _: &str) -> backend::Result<Option<Explanation>> {
        Ok(None)
    }

    async fn forget_before(&self, _: Time) -> backend::Result<u64> {
        Ok(0)
    }
}

struct Running {
    address: std::net::SocketAddr,
    shutdown: Shutdown,
}

impl Running {
    async fn start(router: Router, limits: RequestLimits) -> Self {
        Self::with_facades(router, limits, Vec::new()).await
    }

    async fn with_facades(router: Router, limits: RequestLimits, facades: Vec<Facade>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = Shutdown::new();
        let application = super::surround(
            router,
            limits,
            InWork::default(),
            shutdown.clone(),
            facades,
            Explaining::new(Arc::new(Forgetful)),
        );
        tokio::spawn(serve(
            listener,
            application,
            ServeLimits::default(),
            shutdown.clone(),
        ));
        Running { address, shutdown }
    }

    async fn send(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// Sends the lines with a host and `connection: close`, and reads the whole answer.
    async fn ask(&self, lines: &str) -> Answer {
        let request = format!(
            "{}\r\nHost: a\r\nConnection: close\r\n\r\n",
            lines.replace('\n', "\r\n")
        );
        Answer::read(&mut self.send(&request).await).await
    }
}

struct Answer {
    head: String,
    body: Vec<u8>,
}

impl Answer {
    async fn read(stream: &mut TcpStream) -> Self {
        let mut all = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut all))
            .await
            .expect("the server answers")
            .unwrap();
        let end = all
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .expect("a whole head");
        Answer {
            head: String::from_utf8(all[..end].to_vec()).unwrap(),
            body: all[end + 4..].to_vec(),
        }
    }

    fn status(&self) -> &str {
        &self.head["HTTP/1.1 ".len()..][..3]
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            (found == name).then_some(value)
        })
    }

    #[track_caller]
    fn problem(&self) -> Value {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.head
        );
        let problem: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["status"].to_string(), self.status());
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
        problem
    }
}

fn router() -> Router {
    Router::new()
        .route("/hello/{name}", get(|| async { "hello" }))
        .route("/write", post(|| async { "written" }))
        .route("/panic", get(panics).post(panics))
        .route("/never", get(std::future::pending::<()>))
}

async fn panics() {
    assert!(std::hint::black_box(false), "planted-secret");
}

#[tokio::test]
async fn every_answer_names_the_request_and_carries_security_headers() {
    let running = Running::start(router(), RequestLimits::default()).await;
    for (path, status) in [("/hello/a", "200"), ("/unknown", "404")] {
        let answer = running
            .ask(&format!("GET {path} HTTP/1.1\nx-request-id: my-id"))
            .await;
        assert_eq!(answer.status(), status);
        assert_eq!(answer.header("x-request-id"), Some("my-id"));
        assert_eq!(answer.header("traceparent").map(str::len), Some(55));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(answer.header("content-security-policy").is_some());
    }
}

#[tokio::test]
async fn unknown_route_is_a_404_problem_for_every_method() {
    let running = Running::start(router(), RequestLimits::default()).await;
    for method in ["GET", "POST", "DELETE", "OPTIONS", "BREW"] {
        let answer = running.ask(&format!("{method} /unknown HTTP/1.1")).await;
        assert_eq!(answer.problem()["code"], "route-not-found", "{method}");
    }
    let head = running.ask("HEAD /unknown HTTP/1.1").await;
    assert_eq!((head.status(), head.body.len()), ("404", 0));
}

#[tokio::test]
async fn wrong_method_is_a_405_problem_with_allow() {
    let running = Running::start(router(), RequestLimits::default()).await;
    for method in ["POST", "DELETE", "OPTIONS", "BREW"] {
        let answer = running.ask(&format!("{method} /hello/a HTTP/1.1")).await;
        assert_eq!(answer.problem()["code"], "method-not-allowed", "{method}");
        assert_eq!(answer.header("allow"), Some("GET,HEAD"), "{method}");
    }
    let head = running.ask("HEAD /write HTTP/1.1").await;
    assert_eq!((head.status(), head.header("allow")), ("405", Some("POST")));
    let head = running.ask("HEAD /hello/a HTTP/1.1").await;
    assert_eq!((head.status(), head.body.len()), ("200", 0));
}

#[tokio::test]
async fn bad_host_is_a_400_problem() {
    let running = Running::start(router(), RequestLimits::default()).await;
    for hosts in [
        "",
        "Host: a\r\nHost: b\r\n",
        "Host: a b\r\n",
        "Host: u@a\r\n",
    ] {
        let request = format!("GET /hello/a HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        let answer = Answer::read(&mut running.send(&request).await).await;
        assert_eq!(answer.problem()["code"], "invalid-host", "{hosts:?}");
    }
}

#[tokio::test]
async fn long_uri_is_a_414_problem() {
    let running = Running::start(router(), RequestLimits::default()).await;
    let answer = running
        .ask(&format!("GET /hello/a?{} HTTP/1.1", "x".repeat(9_000)))
        .await;
    assert_eq!(answer.problem()["code"], "uri-too-long");
}

#[tokio::test]
async fn panic_is_a_500_problem_without_its_text() {
    let running = Running::start(router(), RequestLimits::default()).await;
    for (method, outcome) in [("GET", Value::Null), ("POST", "unknown".into())] {
        let answer = running.ask(&format!("{method} /panic HTTP/1.1")).await;
        let problem = answer.problem();
        assert_eq!(problem["code"], "internal");
        assert_eq!(problem["outcome"], outcome);
        assert!(!problem.to_string().contains("planted-secret"));
    }
}

#[tokio::test]
async fn slow_handler_is_a_504_problem() {
    let limits = RequestLimits {
        request_timeout: Duration::from_millis(200),
        ..RequestLimits::default()
    };
    let running = Running::start(router(), limits).await;
    let answer = running.ask("GET /never HTTP/1.1").await;
    assert_eq!(answer.problem()["code"], "timeout");
}

#[tokio::test]
async fn limit_on_requests_in_work_counts_over_all_connections_and_routes() {
    let release = Arc::new(Notify::new());
    let entered = Arc::new(Notify::new());
    let waits = {
        let (release, entered) = (Arc::clone(&release), Arc::clone(&entered));
        move || async move {
            entered.notify_one();
            release.notified().await;
            "released"
        }
    };
    let router = router()
        .route("/waits", get(waits))
        .route("/healthz", get(|| async { "ok" }));
    let limits = RequestLimits {
        requests_max: 1,
        ..RequestLimits::default()
    };
    let running = Running::start(router, limits).await;
    let mut first = running
        .send("GET /waits HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    entered.notified().await;
    let second = running.ask("GET /hello/a HTTP/1.1").await;
    assert_eq!(second.problem()["code"], "overloaded");
    assert_eq!(second.header("retry-after"), Some("1"));
    let write = running.ask("POST /hello/a HTTP/1.1").await;
    assert_eq!(write.problem()["code"], "overloaded");
    assert_eq!(write.problem()["outcome"], "not_applied");
    let probe = running.ask("GET /healthz HTTP/1.1").await;
    assert_eq!(probe.status(), "200");
    release.notify_one();
    assert_eq!(Answer::read(&mut first).await.body, b"released");
    assert_eq!(running.ask("GET /hello/a HTTP/1.1").await.status(), "200");
}

#[tokio::test]
async fn client_that_hangs_up_does_not_cancel_a_write_and_cancels_a_read() {
    let entered = Arc::new(Notify::new());
    let release = Arc::new(Notify::new());
    let finished = Arc::new(AtomicUsize::new(0));
    let work = {
        let (entered, release, finished) = (
            Arc::clone(&entered),
            Arc::clone(&release),
            Arc::clone(&finished),
        );
        move || async move {
            entered.notify_one();
            release.notified().await;
            finished.fetch_add(1, Ordering::SeqCst);
        }
    };
    let router = Router::new().route("/work", post(work));
    let running = Running::start(router, RequestLimits::default()).await;

    let write = running.send("POST /work HTTP/1.1\r\nHost: a\r\n\r\n").await;
    entered.notified().await;
    drop(write);
    // A later connection's answer shows that the server has had time to see the first one close.
    running.ask("GET /unknown HTTP/1.1").await;
    assert_eq!(running.shutdown.detached().running(), 1);
    release.notify_one();
    timeout(PATIENCE, running.shutdown.detached().finished())
        .await
        .expect("the write finishes");
    assert_eq!(finished.load(Ordering::SeqCst), 1);

    let (held, gone) = oneshot::channel::<()>();
    let held = Arc::new(Mutex::new(Some(held)));
    let read = Router::new().route(
        "/read",
        get(move || async move {
            // Dropped with the handler, which the other end notices.
            let _held = held.lock().unwrap().take();
            std::future::pending::<()>().await;
        }),
    );
    let running = Running::start(read, RequestLimits::default()).await;
    drop(running.send("GET /read HTTP/1.1\r\nHost: a\r\n\r\n").await);
    timeout(PATIENCE, gone)
        .await
        .expect("the read is cancelled")
        .expect_err("nobody sends");
}
