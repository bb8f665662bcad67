//! A server with one operation, which answers what it is told to answer.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// What the server answers.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Server-sent events, and whether the connection is lost behind them.
    Events { text: String, is_cut: bool },
    /// Anything else, with three seconds to wait.
    Json { status: u16, body: String },
    /// Nothing, ever.
    Silence,
    /// Events that begin like this, and nothing more.
    Stalled(String),
    /// Events that are this, again and again.
    Endless(String),
    /// A redirect.
    Elsewhere(String),
}

impl Reply {
    pub(crate) fn events(data: &[&str]) -> Self {
        // A comment first, as some servers send it while they wait.
        let lines = data.iter().map(|data| format!("data: {data}\n\n"));
        Self::Events {
            text: [": waiting\n\n".to_owned()]
                .into_iter()
                .chain(lines)
                .collect(),
            is_cut: false,
        }
    }

    pub(crate) fn cut_events(data: &[&str]) -> Self {
        match Self::events(data) {
            Self::Events { text, .. } => Self::Events { text, is_cut: true },
            other => other,
        }
    }

    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::Json {
            status,
            body: body.to_owned(),
        }
    }

    fn into_response(self, left: Arc<Semaphore>) -> Response {
        let events = |body| {
            Response::builder()
                .header("content-type", "text/event-stream; charset=utf-8")
                .body(body)
                .unwrap()
        };
        match self {
            Self::Silence => Response::new(Body::empty()),
            Self::Elsewhere(target) => Response::builder()
                .status(307)
                .header("location", target)
                .body(Body::empty())
                .unwrap(),
            Self::Stalled(text) => {
                let listener = Listener(left);
                let said = stream::iter([Ok::<_, std::io::Error>(Bytes::from(text))]);
                let silence = stream::once(async move {
                    let _listener = listener;
                    std::future::pending().await
                });
                events(Body::from_stream(said.chain(silence)))
            }
            Self::Endless(text) => {
                let piece = Bytes::from(text);
                events(Body::from_stream(stream::repeat_with(move || {
                    Ok::<_, std::io::Error>(piece.clone())
                })))
            }
            Self::Json { status, body } => Response::builder()
                .status(status)
                .header("content-type", "application/json")
                .header("retry-after", "3")
                .body(Body::from(body))
                .unwrap(),
            Self::Events { text, is_cut } => {
                let said = stream::iter([Ok::<_, std::io::Error>(Bytes::from(text))]);
                let body = if is_cut {
                    let cut = stream::once(async {
                        // What is said so far has left by then: cut at once, it would never arrive.
                        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
                    });
                    Body::from_stream(said.chain(cut))
                } else {
                    Body::from_stream(said)
                };
                events(body)
            }
        }
    }
}

/// Whoever reads an answer; gone where the connection is.
struct Listener(Arc<Semaphore>);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

/// The last request.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Value,
}

struct Shared {
    reply: Reply,
    seen: Mutex<Seen>,
    left: Arc<Semaphore>,
}

/// A running server; it ends with this value.
pub(crate) struct Fake {
    base_url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Fake {
    pub(crate) async fn start(reply: Reply) -> Self {
        let shared = Arc::new(Shared {
            reply,
            seen: Mutex::default(),
            left: Arc::new(Semaphore::new(0)),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let task = tokio::spawn(async move {
            #[expect(
                clippy::disallowed_methods,
                reason = "a fake on loopback needs no header timeout"
            )]
            axum::serve(listener, router).await.unwrap();
        });
        Self {
            base_url,
            shared,
            task,
        }
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Waits until somebody who listened has left.
    pub(crate) async fn left(&self) {
        self.shared.left.acquire().await.unwrap().forget();
    }

    pub(crate) fn seen(&self) -> Seen {
        let seen = self.shared.seen.lock();
        seen.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1024 * 1024).await.unwrap();
    let authorization = head.headers.get("authorization");
    *shared.seen.lock().unwrap_or_else(PoisonError::into_inner) = Seen {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        authorization: authorization.map(|value| value.to_str().unwrap().to_owned()),
        body: serde_json::from_slice(&body).unwrap(),
    };
    if matches!(shared.reply, Reply::Silence) {
        std::future::pending::<()>().await;
    }
    shared.reply.clone().into_response(shared.left.clone())
}
