//! Several gateways over one database, with the vendors behind proxies: what every experiment stands on, and what must hold
//! of it afterwards.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use testkit::Database;
use tests::client::{Answer, Client};
use tests::postgres::Postgres;
use tests::replicas::Replicas;

use crate::bench::Bench;
use crate::gateway::{PATIENCE, said};
use crate::site::Site;

/// Lost writes are settled soon.
pub(crate) const KEYS: &str =
    "settle_after_seconds = 1\nclock_skew_seconds = 1\nwrite_seconds = 50\nanswer_seconds = 50\n";
/// Pause between two looks.
pub(crate) const LOOK: Duration = Duration::from_millis(50);
/// How long what must come may take that waits for leases and heartbeats to end first. Nothing is measured by it.
pub(crate) const LONG_PATIENCE: Duration = Duration::from_secs(240);

/// Gateways over one database. They go first, then the database.
pub(crate) struct Fleet {
    pub(crate) replicas: Replicas,
    pub(crate) database: Database,
    pub(crate) site: Site,
}

impl Fleet {
    /// So many over a new database of the server that all tests share, with `settings` in their configuration and `keys`
    /// in each backend of it.
    pub(crate) async fn start(bench: Bench, count: usize, settings: &str, keys: &str) -> Self {
        Self::start_as(None, bench, count, settings, keys).await
    }

    /// The same with another program than the one under test.
    pub(crate) async fn start_as(
        program: Option<PathBuf>,
        bench: Bench,
        count: usize,
        settings: &str,
        keys: &str,
    ) -> Self {
        let database = Database::create().await;
        Self::over(database, program, bench, count, settings, keys).await
    }

    /// The same over a database of a server of the experiment's own, which must outlive it.
    pub(crate) async fn start_at(
        postgres: &Postgres,
        bench: Bench,
        count: usize,
        settings: &str,
        keys: &str,
    ) -> Self {
        let database = Database::create_at(&postgres.url()).await;
        Self::over(database, None, bench, count, settings, keys).await
    }

    async fn over(
        database: Database,
        program: Option<PathBuf>,
        bench: Bench,
        count: usize,
        settings: &str,
        keys: &str,
    ) -> Self {
        let site = Site::start(bench).await;
        let launch = site.launch(settings, keys).program(program);
        let start = || Replicas::start(count, &launch, database.url());
        Self {
            replicas: tokio::task::block_in_place(start),
            database,
            site,
        }
    }

    /// A caller of the replica of this number.
    pub(crate) fn client(&self, number: usize) -> Client {
        self.replicas.client(number)
    }

    /// What holds after every experiment of each that was not killed: it is alive, never panicked and is ready.
    pub(crate) async fn holds(&self) {
        for (number, one) in self.replicas.all() {
            let client = self.client(number);
            assert_eq!(client.get("/healthz").await.status, 200, "replica {number}");
            ready(&client).await;
            let log = one.output();
            assert!(
                !log.contains("panicked"),
                "replica {number}: a panic:\n{log}"
            );
            let panics = metric(&client, "dragoman_panics_total").await;
            assert!(panics < 1.0, "replica {number}: {panics} panics:\n{log}");
        }
    }

    /// The same, and then it is gone: the gateways, then the database.
    pub(crate) async fn ends_well(self) {
        self.holds().await;
        drop(self.replicas);
        self.database.remove().await;
    }
}

/// Waits until a gateway takes requests.
pub(crate) async fn ready(client: &Client) {
    let began = Instant::now();
    loop {
        let readiness = client.get("/readyz").await;
        if readiness.status == 200 {
            return;
        }
        assert!(
            began.elapsed() < LONG_PATIENCE,
            "it is not ready again: {}",
            readiness.text
        );
        tokio::time::sleep(LOOK).await;
    }
}

/// A metric, summed over its labels.
pub(crate) async fn metric(client: &Client, name: &str) -> f64 {
    let page = client.get("/metrics").await;
    assert_eq!(page.status, 200, "{}", page.text);
    let lines = page.text.lines().filter(|line| {
        let rest = line.strip_prefix(name).unwrap_or_default();
        rest.starts_with('{') || rest.starts_with(' ')
    });
    let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum()
}

/// A POST under an idempotency key.
pub(crate) fn keyed(client: &Client, path: &str, key: &str, body: &Value) -> RequestBuilder {
    client
        .request(Method::POST, path)
        .header("idempotency-key", key)
        .json(body)
}

/// Where the messages of a conversation are.
pub(crate) fn messages_of(conversation: &str) -> String {
    format!("/v1/conversations/{conversation}/messages")
}

/// A new conversation on a backend.
pub(crate) async fn conversation(client: &Client, backend: &str, body: &Value) -> String {
    let request = client
        .request(Method::POST, "/v1/conversations")
        .header("dragoman-backend", backend)
        .json(body);
    let created = client.send(request).await.expect(201);
    created["id"].as_str().expect("an id").to_owned()
}

/// Repeats a message's POST under its key until it is known to be there; the answer then.
pub(crate) async fn posted(client: &Client, conversation: &str, text: &str) -> Answer {
    let path = messages_of(conversation);
    known(client, text, || keyed(client, &path, text, &said(text))).await
}

/// Repeats a request under its key until what it makes is known to be there; the answer then. What may come before is a
/// request that still runs, and a gateway or vendor that is not ready.
pub(crate) async fn known(
    client: &Client,
    what: &str,
    request: impl Fn() -> RequestBuilder,
) -> Answer {
    let began = Instant::now();
    loop {
        let answer = client.send(request()).await;
        if answer.status == 201 {
            return answer;
        }
        assert!(
            matches!(answer.status.as_u16(), 409 | 503 | 504) && began.elapsed() < LONG_PATIENCE,
            "{what}: {} {}",
            answer.status,
            answer.text
        );
        tokio::time::sleep(4 * LOOK).await;
    }
}

/// The texts of all messages of a conversation, oldest first, as one gateway shows them.
pub(crate) async fn texts(client: &Client, conversation: &str) -> Vec<String> {
    let first = format!("{}?limit=100&order=asc", messages_of(conversation));
    let mut texts = Vec::new();
    let mut path = first.clone();
    loop {
        let page = client.get(&path).await.expect(200);
        for message in page["data"].as_array().expect("a list") {
            let text = message["parts"][0]["text"].as_str();
            texts.push(text.unwrap_or_default().to_owned());
        }
        let Some(cursor) = page["next_cursor"].as_str() else {
            return texts;
        };
        path = format!("{first}&cursor={cursor}");
    }
}

/// A key with these scopes, made at one gateway: its id, and the key itself.
pub(crate) async fn new_key(client: &Client, name: &str, scopes: &[&str]) -> (String, String) {
    let body = json!({"tenant": "default", "name": name, "scopes": scopes});
    let made = client.post("/admin/v1/keys", &body).await.expect(201);
    let word = |member: &str| made[member].as_str().expect("a word").to_owned();
    (word("id"), word("key"))
}

/// Waits until it holds, which is asked of somebody each time.
pub(crate) async fn until_told<F>(what: &str, mut holds: impl FnMut() -> F)
where
    F: Future<Output = Result<(), String>>,
{
    let began = Instant::now();
    while let Err(found) = holds().await {
        assert!(
            began.elapsed() < 2 * PATIENCE,
            "it never came: {what}: {found}"
        );
        tokio::time::sleep(LOOK).await;
    }
}
