//! More requests than the database lets through: every connection waits, and nobody waits for ever behind them. And a
//! gateway that starts before its database does.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use testkit::Database;
use tests::client::Client;
use tests::postgres::Postgres;
use tests::replicas::SEALING_KEY;

use crate::bench::Bench;
use crate::fleet::{Fleet, KEYS, LOOK, conversation, keyed, messages_of, posted, ready, texts};
use crate::gateway::{PATIENCE, said};
use crate::site::Site;
use crate::writers::refused_well;

const CONNECTIONS: usize = 2;
/// So long the gateway itself may take for a request, in seconds.
const REQUEST_SECONDS: u64 = 10;
/// What ends later hangs. Far beyond the gateway's own deadline, as machines are slow.
const HANGS_AFTER: Duration = Duration::from_secs(REQUEST_SECONDS * 6);

/// Every connection of the pool waits for a lock that somebody else holds.
pub(crate) async fn pool(bench: Bench) -> u64 {
    let settings = format!(
        "[store]\nconnections_max = {CONNECTIONS}\n[timeouts]\nrequest_seconds = {REQUEST_SECONDS}\n"
    );
    let fleet = Fleet::start(bench, 1, &settings, KEYS).await;
    let client = fleet.client(0);
    let id = conversation(&client, "store", &json!({})).await;
    let path = messages_of(&id);
    // Without anything in the way that many are served, one after the other.
    let callers = usize::try_from(bench.rounds(100, 500)).expect("a count");
    let crowd = (0..callers).map(|_| client.get(&path));
    for answer in join_all(crowd).await {
        assert!(
            answer.status == 200 || answer.status == 503,
            "{}",
            answer.text
        );
    }
    let holder = fleet.database.connect().await;
    holder
        .batch_execute(&locks(&holder).await)
        .await
        .expect("all locks");
    // All of them are answered while nothing goes on, so nobody waits for the lock.
    let asked = (0..callers).map(|number| {
        let text = format!("in-the-crowd-{number}.");
        let request = match number % 2 {
            0 => client.request(reqwest::Method::GET, &path),
            _ => keyed(&client, &path, &text, &said(&text)),
        };
        async {
            let answer = tokio::time::timeout(HANGS_AFTER, client.send(request)).await;
            answer.expect("no request hangs")
        }
    });
    let probes = async {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(REQUEST_SECONDS / 2) {
            assert_eq!(client.get("/healthz").await.status, 200);
            let readiness = tokio::time::timeout(HANGS_AFTER, client.get("/readyz")).await;
            let status = readiness.expect("the probe hangs").status.as_u16();
            assert!(matches!(status, 200 | 503), "{status}");
            tokio::time::sleep(LOOK).await;
        }
    };
    let (answers, ()) = tokio::join!(join_all(asked), probes);
    for answer in &answers {
        refused_well("the crowd", answer);
    }
    let refused = answers.iter().filter(|one| one.status == 503).count();
    assert!(
        refused + 2 * CONNECTIONS >= callers,
        "only {refused} of {callers} were told to come again"
    );
    holder
        .batch_execute("ROLLBACK")
        .await
        .expect("no more locks");
    ready(&client).await;
    // What was refused is done when it comes again, once.
    for number in (1..callers).step_by(2).take(10) {
        posted(&client, &id, &format!("in-the-crowd-{number}.")).await;
    }
    let shown = texts(&client, &id).await;
    for text in &shown {
        let times = shown.iter().filter(|one| *one == text).count();
        assert_eq!(times, 1, "{text}");
    }
    fleet.ends_well().await;
    u64::try_from(callers).expect("a count")
}

/// What locks every table against everybody.
async fn locks(client: &tokio_postgres::Client) -> String {
    let tables = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()";
    let tables = client.query(tables, &[]).await.expect("tables");
    let mut locks = "BEGIN;".to_owned();
    for row in &tables {
        let name: String = row.get(0);
        write!(locks, "LOCK TABLE \"{name}\" IN ACCESS EXCLUSIVE MODE;").expect("a text");
    }
    assert!(!tables.is_empty(), "there are no tables");
    locks
}

/// The database comes up after the gateway, which waits for it and says so.
pub(crate) async fn late(bench: Bench) -> u64 {
    let mut postgres = tokio::task::block_in_place(Postgres::start);
    let database = Database::create_at(&postgres.url()).await;
    let site = Site::start(bench).await;
    let launch = site
        .launch("", "")
        .variable("DRAGOMAN__STORE__DATABASE_URL", database.url())
        .variable("DRAGOMAN__STORE__SEALING_KEY", SEALING_KEY);
    tokio::task::block_in_place(|| postgres.stop());
    let mut early = launch.begin(&["serve", "--listen", "127.0.0.1:0"]);
    let began = Instant::now();
    // It says what it waits for, and goes on waiting.
    while !early.printed().to_lowercase().contains("database") {
        assert!(early.is_running(), "it gave up: {}", early.printed());
        assert!(
            began.elapsed() < PATIENCE,
            "it does not say what it waits for: {}",
            early.printed()
        );
        tokio::time::sleep(LOOK).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(early.is_running(), "it gave up: {}", early.printed());
    assert_eq!(early.address(), None, "it serves without a database");
    tokio::task::block_in_place(|| postgres.start_again());
    let began = Instant::now();
    let address = loop {
        if let Some(address) = early.address() {
            break address;
        }
        assert!(early.is_running(), "it gave up: {}", early.printed());
        assert!(
            began.elapsed() < PATIENCE,
            "it does not come up: {}",
            early.printed()
        );
        tokio::time::sleep(LOOK).await;
    };
    ready(&Client::new(format!("http://{address}"), None)).await;
    drop(early);
    database.remove().await;
    1
}
