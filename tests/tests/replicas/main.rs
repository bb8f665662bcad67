//! Several gateways over one PostgreSQL, and what becomes of them when one of them, or the database, fails: real processes,
//! vendors behind a proxy that is the witness of what they were told, a real nginx in front. Prints a table (experiment,
//! seed, runs, result) and ends with 1 where anything failed.
//!
//! Needs PostgreSQL and nginx as `tests/run` provides them; alone: `eval "$(tests/postgres start)"`, then
//! `cargo test -p tests --test replicas -- idempotency` runs the experiments with that word in their name.
//! `DRAGOMAN_TEST_SEED` chooses another run, `DRAGOMAN_TEST_LONG=1` the long one, as `tests/faults` does.
//!
//! | experiment | what must hold | stands in |
//! |---|---|---|
//! | replicas | one key is one effect and one answer, whoever is asked and whoever dies | `idempotent.rs` |
//! | replicas | a limit counts the calls of all | `limited.rs` |
//! | replicas | who slept longer than its lease changes no row, what it sent is there once | `fenced.rs` |
//! | replicas | a revoked key is refused everywhere | `revoked.rs` |
//! | replicas | a job whose runner dies is taken over, nothing is doubled | `taken_over.rs` |
//! | replicas | one configuration, one version, shown by all | `configured.rs` |
//! | replicas | what one writes the others read, also the end of it | `shared.rs` |
//! | 14 | one of many brings the schema up; a newer one is refused | `schema.rs` |
//! | 18 | requests end, all heals, nothing is lost or doubled | `database.rs`, `writers.rs` |
//! | 18 | who is checked over TLS is what the address asks for | `encrypted.rs` |
//! | 18 | the faults and the load balancer are what they are taken for | `harness.rs` |
//! | 19 | a pool that is used up refuses in time, probes are answered | `exhausted.rs` |
//! | 31 | gateways are replaced one after the other, and no request fails | `replaced.rs` |
//! | all | alive, no panic, ready again | `fleet.rs`: `holds` |

#[path = "../resilience/bench.rs"]
#[expect(
    dead_code,
    reason = "shared with other experiments, which use all of it"
)]
mod bench;
mod configured;
mod database;
mod encrypted;
mod exhausted;
#[path = "../../../crates/chatter/tests/fake/fake.rs"]
#[expect(
    dead_code,
    reason = "shared with the adapter's own tests, which use all of it"
)]
mod fake;
#[path = "../../../crates/convore/tests/fake/fake.rs"]
#[expect(
    dead_code,
    reason = "shared with the adapter's own tests, which use all of it"
)]
mod fake_convore;
#[path = "../../../crates/datamonkey/tests/fake/fake.rs"]
#[expect(
    dead_code,
    reason = "shared with the adapter's own tests, which use all of it"
)]
mod fake_datamonkey;
#[path = "../../../crates/sunshine/tests/fake/fake.rs"]
#[expect(
    dead_code,
    reason = "shared with the adapter's own tests, which use all of it"
)]
mod fake_sunshine;
mod fenced;
mod fleet;
#[path = "../resilience/gateway.rs"]
#[expect(
    dead_code,
    reason = "shared with other experiments, which use all of it"
)]
mod gateway;
mod harness;
mod idempotent;
mod limited;
mod replaced;
#[path = "../resilience/report.rs"]
mod report;
mod revoked;
mod schema;
mod shared;
#[path = "../resilience/site.rs"]
mod site;
mod taken_over;
#[path = "../scenarios/vendors.rs"]
#[expect(
    dead_code,
    reason = "shared with the tests of the overlay, which use all of it"
)]
mod vendors;
mod writers;

use std::process::ExitCode;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;

use crate::bench::{Bench, Experiment, experiment};
use crate::report::Report;

/// How many experiments run at once: most of their time is spent waiting, and each has several processes.
const AT_ONCE: usize = 3;

/// What every run holds; the longest first, so that none is left alone at the end.
fn experiments() -> Vec<Experiment> {
    let replicas = "replicas";
    vec![
        experiment(
            replicas,
            "idempotency: one request fifty times, one gateway killed",
            idempotent::run,
        ),
        experiment(
            replicas,
            "fencing: a gateway that loses its time",
            fenced::run,
        ),
        experiment(
            replicas,
            "migration: the gateway that copies is killed",
            taken_over::run,
        ),
        experiment(
            "31",
            "gateways that are replaced one after the other",
            replaced::run,
        ),
        experiment("18", "a database that only reads", database::read_only),
        experiment(
            "18",
            "a database whose standby takes over",
            database::failed_over,
        ),
        experiment("18", "a database that is restarted", database::restarted),
        experiment("18", "a database that is killed", database::killed),
        experiment("18", "a database that is frozen", database::frozen),
        experiment("18", "connections that are cut", database::cut),
        experiment("19", "a pool that is used up", exhausted::pool),
        experiment("18", "a database that comes late", exhausted::late),
        experiment(replicas, "keys: revoked at one", revoked::run),
        experiment(
            replicas,
            "directory and overlay: written at one",
            shared::run,
        ),
        experiment(
            replicas,
            "limits: a hundred calls of four hundred",
            limited::run,
        ),
        experiment(replicas, "configuration: one version", configured::run),
        experiment("18", "a database over TLS", encrypted::run),
        experiment(
            "18",
            "the faults of a database themselves",
            harness::database,
        ),
        experiment(replicas, "the load balancer itself", harness::load_balancer),
        experiment("14", "schema: many start at once, a newer one", schema::run),
    ]
}

// More than cores: some of what the tests do blocks for a moment.
#[tokio::main(flavor = "multi_thread", worker_threads = 4)]
async fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let bench = Bench::from_environment();
    let report = Arc::new(Report::default());
    let fits = |one: &Experiment| {
        let fits = |word: &String| one.number == *word || one.name.contains(word.as_str());
        wanted.iter().any(fits)
    };
    let wanted = experiments()
        .into_iter()
        .filter(|one| wanted.is_empty() || fits(one));
    let run = |one: Experiment| report::run(one, bench, Arc::clone(&report));
    stream::iter(wanted).for_each_concurrent(AT_ONCE, run).await;
    report.print(&bench)
}
