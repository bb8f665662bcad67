//! Faults, one experiment each: the real binary, vendors behind a proxy that breaks their answers, a system that breaks
//! the disk and the clock. Prints a table (experiment, seed, runs, result) and ends with 1 where anything failed.
//!
//! `cargo test -p tests --test resilience -- 9 kill` runs the experiments of that number or with that word in their name.
//! `DRAGOMAN_TEST_SEED` chooses another run, `DRAGOMAN_TEST_LONG=1` the long one, as `tests/faults` does.
//!
//! Where each criterion is asserted: a file without a folder stands here, `tests/…` and `crates/…` from the top. What no
//! test can promise on a machine of unknown speed (milliseconds, percentiles) is not asserted anywhere.
//!
//! | experiment | criterion | stands in |
//! |---|---|---|
//! | all | no panic, no secret in log or metrics, ready again, errors of the catalogue | `gateway.rs`: `holds`, `problem` |
//! | 1 | answered in time, the connection is not used again, others are served | `silence.rs` |
//! | 1 | exactly at the limit, in virtual time | `crates/layers/src/timeout.rs`, `crates/layers/src/guarded/tests.rs` |
//! | 2 | a type for each failure, who refuses is tried again and whose certificate is refused never, no bypass | `unreachable.rs` |
//! | 2 | handshakes: authorities, names, dates, no TLS at all | `crates/transport/tests/over_sockets/tls.rs` |
//! | 3 | nothing is made of half an answer, cut at every byte | `crates/transport/tests/over_sockets/failures.rs`, `crates/testkit/src/torn.rs` for each adapter |
//! | 3 | a read is sent again, a write only where nothing was done | `crates/layers/src/retry.rs`, `crates/testkit/src/outcome.rs` for each adapter |
//! | 4 | odd bodies are 502, no word of them in the log, a failure for the breaker | `crates/testkit/src/odd.rs` for each adapter, `crates/layers/src/breaker.rs` |
//! | 5 | a time that is named is kept to, and callers are told one whatever the vendor says, others are served | `outage.rs` |
//! | 5 | every spelling, caps, who waits with whom, in virtual time | `crates/transport/src/retry_after.rs`, `crates/layers/src/limit.rs`, `crates/layers/src/guarded/tests.rs` |
//! | 6 | few failures open, few requests reach the vendor, one probe at a time, it recovers | `outage.rs` |
//! | 6 | how few, and within ten seconds, in virtual time | `crates/layers/src/guarded/tests.rs` |
//! | 7 | budget, limit and breaker over five minutes of a thousand seeds | `crates/layers/src/guarded/simulated.rs` |
//! | 8 | not followed, bounded memory, 502 | `hostile.rs`; one by one `crates/transport/tests/over_sockets/answers.rs` |
//! | 9, 10 | one effect, equal answers; mismatch, tenants, expiry | `repeated.rs` |
//! | 11 | an ambiguous write is settled, never sent again, shown once | `killed.rs`; at random moments `tests/tests/overlay/crashes.rs` |
//! | 12 | what was acknowledged is there, the database is sound | `killed.rs`; `tests/tests/scenarios/restart.rs`, `crates/store/tests/file.rs` |
//! | 13 | a migration that is killed | `tests/tests/migrations/killed.rs` |
//! | 14 | the schema that is killed, an old binary | `crates/store/tests/file.rs` |
//! | 15 | a full, slow or read-only disk, scarce files | `disk.rs`; without rights, also at the start `read_only.rs` |
//! | 16, 17 | each operation fails once; somebody else holds the database | `disk.rs` |
//! | 19 | what is too much is refused at once, probes are answered | `crowds.rs` |
//! | 21 | no wait by the clock, nothing forgotten too soon | `clock.rs` |
//! | 21 | five minutes between clocks: signed tokens, writes that are settled | `crates/sunshine/tests/facade/access.rs`, `crates/routing/src/claims.rs` |
//! | 22 | files that cannot be used, links, half of a file, a hundred reloads under load | `crates/dragoman/tests/serving/reloading.rs` |
//! | 23 | many at once while others are served | `crowds.rs`; one by one with each limit `crates/server/tests/serve.rs` |
//! | 24, 25 | upstream is let go, writes end and are there; memory and order of streams that nobody reads | `leaving.rs` |
//! | 26 | streams of a vendor, however they are cut | `crates/transport/src/sse.rs`, `crates/transport/tests/over_sockets/streams.rs`, `crates/testkit/src/outcome.rs`; one without its last word counts where the vendor has stored it |
//! | 27 | bodies made to exhaust | `abuse.rs`; one by one `tests/tests/scenarios/bad_input.rs`, `tests/tests/scenarios/generated_requests.rs` |
//! | 28 | ambiguous requests, floods | `abuse.rs`, `crates/server/tests/serve.rs` |
//! | 29 | told as not ready, in-flight ends, exit code 0, a second signal cuts | `stopping.rs`; refused connections and deadlines `crates/server/tests/serve.rs` |
//! | 29 | stopped in a migration, which goes on and loses nothing | `moving.rs` |
//! | 32 | outputs that are full or closed, lines are counted | `stopping.rs` |
//! | 32 | a collector that is gone, hangs or fails, spans are counted | `crates/dragoman/tests/serving/tracing.rs` |

mod abuse;
mod bench;
#[path = "../scenarios/callers.rs"]
#[expect(dead_code, reason = "shared with other tests, which use all of it")]
mod callers;
mod clock;
mod crowds;
mod disk;
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
mod gateway;
mod hostile;
mod killed;
mod leaving;
mod load;
mod moving;
mod outage;
mod read_only;
mod repeated;
mod report;
mod silence;
mod site;
mod stopping;
mod unreachable;
#[path = "../scenarios/vendors.rs"]
#[expect(
    dead_code,
    reason = "shared with the tests of the overlay, which use all of it"
)]
mod vendors;

use std::process::ExitCode;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;

use crate::bench::{Bench, Experiment, experiment};
use crate::report::Report;

/// How many experiments run at once: most of their time is spent waiting.
const AT_ONCE: usize = 3;

/// Every experiment, in the order of its numbers.
fn experiments() -> Vec<Experiment> {
    vec![
        experiment("1", "a vendor that is silent", silence::run),
        experiment("2", "a vendor that cannot be reached", unreachable::run),
        experiment("5", "a vendor that has too many requests", outage::too_many),
        experiment("6", "a vendor that fails for a while", outage::burst),
        experiment("8", "answers that no vendor should give", hostile::run).alone(),
        experiment("9", "one request fifty times at once", repeated::at_once),
        experiment(
            "10",
            "one key for something else",
            repeated::for_something_else,
        ),
        experiment(
            "11",
            "killed between the vendor and our note",
            killed::in_between,
        ),
        experiment("12", "killed under writes", killed::writing),
        experiment(
            "15",
            "a disk that is full or slow, scarce files",
            disk::full_slow_or_scarce,
        ),
        experiment("15", "a directory without rights", read_only::run),
        experiment(
            "16",
            "each operation of the disk fails once",
            disk::each_operation,
        ),
        experiment("17", "a database that somebody else holds", disk::locked),
        experiment(
            "19",
            "more requests than are taken",
            crowds::more_requests_than_are_taken,
        ),
        experiment("21", "a clock that jumps", clock::run),
        experiment(
            "23",
            "clients that hold connections",
            crowds::clients_that_hold_connections,
        ),
        experiment("24", "callers who leave", leaving::callers_who_leave),
        experiment(
            "25",
            "callers who do not read",
            leaving::callers_who_do_not_read,
        )
        .alone(),
        experiment("27", "bodies made to exhaust", abuse::bodies).alone(),
        experiment("28", "connections made to confuse", abuse::protocols).alone(),
        experiment(
            "29",
            "stopped under requests and streams",
            stopping::with_requests_and_streams,
        ),
        experiment("29", "stopped in a migration", moving::run),
        experiment(
            "32",
            "a log that nobody reads",
            stopping::with_a_log_that_nobody_reads,
        ),
        experiment("down", "a vendor that is down", outage::down),
        experiment(
            "load",
            "two vendors that fail at random under load",
            load::run,
        ),
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
    let wanted = experiments().into_iter().filter(|one| {
        let fits = |word: &String| one.number == *word || one.name.contains(word.as_str());
        wanted.is_empty() || wanted.iter().any(fits)
    });
    let (alone, together): (Vec<_>, Vec<_>) = wanted.partition(|one| one.is_alone);
    let run = |one: Experiment| report::run(one, bench, Arc::clone(&report));
    stream::iter(together)
        .for_each_concurrent(AT_ONCE, run)
        .await;
    for one in alone {
        run(one).await;
    }
    report.print(&bench)
}
