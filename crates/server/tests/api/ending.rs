//! A state that is away when a request ends: how it ended is noted as soon as the state is back, and the key is not lost.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use backend::ports::{Begin, Idempotency, IdempotencyKey, StoredAnswer};
use backend::{Error, Intent, Kind, Outcome, Result};
use conversation::{Digest, Time};
use serde_json::json;

use crate::fake::{Fake, Plan};
use crate::support::{Answer, PATIENCE, Server};

/// Idempotency that can be away for everything but beginning.
struct Away {
    inner: Arc<dyn Idempotency>,
    is_away: AtomicBool,
    refused: AtomicUsize,
}

impl Away {
    fn reached(&self) -> Result<()> {
        if self.is_away.load(Ordering::SeqCst) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(Error::new(Kind::Unavailable, "the database is away"));
        }
        Ok(())
    }
}

#[async_trait]
impl Idempotency for Away {
    async fn begin(&self, key: &IdempotencyKey, request: Digest, intent: &Intent) -> Result<Begin> {
        self.inner.begin(key, request, intent).await
    }

    async fn restart(&self, key: &IdempotencyKey, intent: &Intent) -> Result<()> {
        self.inner.restart(key, intent).await
    }

    async fn abandon(&self, key: &IdempotencyKey) -> Result<()> {
        self.reached()?;
        self.inner.abandon(key).await
    }

    async fn finish(
        &self,
        key: &IdempotencyKey,
        answer: &StoredAnswer,
        expires_at: Time,
    ) -> Result<()> {
        self.reached()?;
        self.inner.finish(key, answer, expires_at).await
    }

    async fn release(&self, key: &IdempotencyKey) -> Result<()> {
        self.reached()?;
        self.inner.release(key).await
    }

    async fn sweep(&self, now: Time) -> Result<u64> {
        self.inner.sweep(now).await
    }
}

struct Scene {
    server: Server,
    away: Arc<Away>,
    plan: Arc<Mutex<Plan>>,
    path: String,
}

impl Scene {
    /// A server whose state is away.
    async fn new() -> Self {
        let plan: Arc<Mutex<Plan>> = Arc::default();
        let mut away = None;
        let server = Server::start_with(|gateway| {
            gateway.router = Fake::around(Arc::clone(&gateway.router), &plan);
            let keeping = Arc::new(Away {
                inner: Arc::clone(&gateway.idempotency),
                is_away: AtomicBool::new(true),
                refused: AtomicUsize::new(0),
            });
            away = Some(Arc::clone(&keeping));
            gateway.idempotency = keeping;
        })
        .await;
        let conversation = server.conversation().await;
        Self {
            server,
            away: away.unwrap(),
            plan,
            path: format!("{conversation}/messages"),
        }
    }

    async fn post(&self) -> Answer {
        let post = self.server.post(&self.path);
        let post = post.header("idempotency-key", "one");
        let body = json!({"parts": [{"type": "text", "text": "once"}]});
        post.json(&body).send().await
    }

    /// Repeats the request, while somebody runs it, until it is answered otherwise.
    async fn repeated(&self) -> Answer {
        let began = Instant::now();
        loop {
            let answer = self.post().await;
            if answer.status != 409 {
                return answer;
            }
            assert!(began.elapsed() < PATIENCE, "it runs for ever");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn an_answer_that_could_not_be_stored_is_stored_once_the_state_is_back() {
    let scene = Scene::new().await;
    let first = scene.post().await;
    assert_eq!(first.expect(201).header("idempotency-replayed"), None);
    assert_eq!(scene.post().await.status, 409);
    assert!(scene.away.refused.load(Ordering::SeqCst) > 0);
    scene.away.is_away.store(false, Ordering::SeqCst);
    let again = scene.repeated().await;
    assert_eq!(
        again.expect(201).header("idempotency-replayed"),
        Some("true")
    );
    assert_eq!(again.body, first.body);
}

#[tokio::test]
async fn a_key_that_could_not_be_freed_is_free_once_the_state_is_back() {
    let scene = Scene::new().await;
    let error = Error::new(Kind::Unavailable, "not now").outcome(Outcome::NotApplied);
    scene.plan.lock().unwrap().lost = Some(error);
    assert_eq!(scene.post().await.status, 503);
    assert_eq!(scene.post().await.status, 409);
    scene.away.is_away.store(false, Ordering::SeqCst);
    let again = scene.repeated().await;
    assert_eq!(again.expect(201).header("idempotency-replayed"), None);
}
