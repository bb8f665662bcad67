//! The faults and the load balancer themselves: a database that is frozen, cut, read-only, killed or a standby is what the experiments take it for.

use std::time::Duration;

use serde_json::json;
use testkit::Database;
use tests::client::Client;
use tests::faultd::{Fault, Faultd, Rule};
use tests::nginx::Nginx;
use tests::postgres::Postgres;
use tokio_postgres::error::SqlState;

use crate::bench::Bench;
use crate::fleet::{LOOK, until_told};

/// How long nothing may come from a server that is frozen.
const SILENCE: Duration = Duration::from_secs(1);
const INSERT: &str = "INSERT INTO said (words) VALUES ('something')";

pub(crate) async fn database(_: Bench) -> u64 {
    let mut postgres = tokio::task::block_in_place(Postgres::start);
    let database = Database::create_at(&postgres.url()).await;
    let client = database.connect().await;
    let create = "CREATE TABLE said (words TEXT NOT NULL)";
    client.batch_execute(create).await.expect("a table");
    client.batch_execute(INSERT).await.expect("a row");

    postgres.freeze();
    let silence = tokio::time::timeout(SILENCE, client.batch_execute(INSERT)).await;
    assert!(silence.is_err(), "it is not frozen");
    postgres.thaw();
    assert_eq!(
        rows(&client).await,
        2,
        "what it was asked before it still does"
    );

    assert_eq!(postgres.terminate_backends().await, 1);
    assert!(client.batch_execute(INSERT).await.is_err(), "it is not cut");

    let client = database.connect().await;
    postgres.read_only(true).await;
    refuses(&client).await;
    postgres.read_only(false).await;
    takes(&client).await;

    tokio::task::block_in_place(|| postgres.kill());
    tokio::time::sleep(LOOK).await;
    assert!(client.batch_execute(INSERT).await.is_err(), "it lives");
    tokio::task::block_in_place(|| postgres.start_again());
    let client = database.connect().await;
    let held = rows(&client).await;
    assert!(held >= 3, "it lost what it had: {held}");

    tokio::task::block_in_place(|| postgres.become_standby());
    let client = database.connect().await;
    assert_eq!(rows(&client).await, held, "a standby that does not read");
    refuses(&client).await;
    postgres.promote().await;
    takes(&client).await;

    tokio::task::block_in_place(|| postgres.stop());
    assert!(client.batch_execute(INSERT).await.is_err(), "it runs");
    tokio::task::block_in_place(|| postgres.start_again());
    database.remove().await;
    6
}

async fn rows(client: &tokio_postgres::Client) -> i64 {
    let count = client.query_one("SELECT count(*) FROM said", &[]).await;
    count.expect("it reads").get(0)
}

/// Waits until writes are refused, and for no other reason.
async fn refuses(client: &tokio_postgres::Client) {
    until_told("writes are refused", || async {
        let refused = client.batch_execute(INSERT).await;
        let refused = refused.err().ok_or("it writes")?;
        assert_eq!(
            refused.code(),
            Some(&SqlState::READ_ONLY_SQL_TRANSACTION),
            "{refused:?}"
        );
        Ok(())
    })
    .await;
}

async fn takes(client: &tokio_postgres::Client) {
    until_told("writes are taken", || async {
        let taken = client.batch_execute(INSERT).await;
        taken.map_err(|error| format!("{error:?}"))
    })
    .await;
}

/// A load balancer hands requests to those who live.
pub(crate) async fn load_balancer(bench: Bench) -> u64 {
    let servers = [Faultd::alone(bench.seed), Faultd::alone(bench.seed)];
    for server in &servers {
        server.plan([Rule::new(Fault::json(200, &json!({"served": true})))]);
    }
    let addresses = servers.each_ref().map(|server| {
        let url = server.base_url();
        let address = url.trim_start_matches("http://").parse();
        address.expect("an address and a port")
    });
    let nginx = tokio::task::block_in_place(|| Nginx::before(&addresses));
    let client = Client::new(nginx.base_url(), None);
    let asked = 10;
    for _ in 0..asked {
        assert_eq!(client.get("/something").await.expect(200)["served"], true);
    }
    for server in &servers {
        assert!(server.witness().count() > 0, "one was never asked");
    }
    servers[0].down().await;
    for _ in 0..asked {
        assert_eq!(client.get("/something").await.status, 200);
    }
    assert!(!nginx.errors().is_empty(), "it noticed nothing");
    2 * asked
}
