//! Several gateways start at once over an empty database: one of them brings the schema up, and all serve. A schema that is
//! newer than the program is refused with advice.

use std::time::Instant;

use serde_json::json;
use testkit::Database;
use tests::replicas::Replicas;

use crate::bench::Bench;
use crate::fleet::{Fleet, LOOK, conversation};
use crate::gateway::PATIENCE;
use crate::site::Site;

const REPLICAS: usize = 4;
/// Where the versions of the schema are noted.
const HISTORY: &str = "refinery_schema_history";

pub(crate) async fn run(bench: Bench) -> u64 {
    let rounds = bench.rounds(1, 10);
    for _ in 0..rounds {
        let database = Database::create().await;
        let site = Site::start(bench).await;
        let launch = site.launch("", "");
        let start = || Replicas::start_at_once(REPLICAS, &launch, database.url());
        let fleet = Fleet {
            replicas: tokio::task::block_in_place(start),
            database,
            site,
        };
        one(fleet).await;
    }
    rounds
}

async fn one(fleet: Fleet) {
    for (number, client) in fleet.replicas.clients().iter().enumerate() {
        let title = format!("made by {number}");
        conversation(client, "store", &json!({"title": title})).await;
    }
    let list = fleet.client(0).get("/v1/conversations").await.expect(200);
    assert_eq!(list["data"].as_array().map(Vec::len), Some(REPLICAS));
    let database = fleet.database.connect().await;
    let query =
        format!("SELECT count(*), count(DISTINCT version), max(version)::bigint FROM {HISTORY}");
    let found = database.query_one(&query, &[]).await.expect("a history");
    let (all, distinct, latest): (i64, i64, i64) = (found.get(0), found.get(1), found.get(2));
    assert!(
        all > 0 && all == distinct,
        "{all} notes of {distinct} versions"
    );
    // Those that run go on; one that starts now is older than the schema.
    let newer = format!(
        "INSERT INTO {HISTORY} (version, name, applied_on, checksum) \
         SELECT version + 1, 'of_the_future', applied_on, checksum FROM {HISTORY} WHERE version = {latest}"
    );
    database.batch_execute(&newer).await.expect("a newer one");
    let launch = fleet.replicas.launch();
    let mut refused = launch.begin(&["serve", "--listen", "127.0.0.1:0"]);
    let began = Instant::now();
    while refused.is_running() && began.elapsed() < PATIENCE {
        tokio::time::sleep(LOOK).await;
    }
    // Where it still runs, that is how it ended.
    let ran = tokio::task::block_in_place(|| refused.kill());
    let output = format!("{}{}", ran.output, ran.errors);
    let code = ran.status.code();
    assert!(
        code.is_some_and(|code| code != 0),
        "it serves from a newer schema: {code:?}: {output}"
    );
    for words in [&format!("schema {}", latest + 1), "start the newer version"] {
        assert!(output.contains(words), "no `{words}` in: {output}");
    }
    for client in fleet.replicas.clients() {
        client.get("/v1/conversations").await.expect(200);
    }
    fleet.ends_well().await;
}
