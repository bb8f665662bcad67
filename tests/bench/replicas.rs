//! The gateway over SQLite against 1, 2 and 4 replicas over PostgreSQL: posts, reads, pages and creates over real
//! sockets, interleaved in rounds, with what they cost in time, CPU and bytes.
//!
//! Usage: `bench-replicas ROUNDS SECONDS`, with `DRAGOMAN_BINARY` and `DRAGOMAN_TEST_POSTGRES_URL`, a server on this
//! machine, in the environment; `tests/bench/run` does all of that. Load, replicas and server share the machine's
//! cores.
#![expect(
    clippy::print_stdout,
    reason = "a program for people: progress and tables go to standard output"
)]

#[expect(dead_code, reason = "shared with bench-proxy, which uses all of it")]
mod children;
mod load;
#[path = "replicas/postgres.rs"]
mod postgres;
#[path = "replicas/report.rs"]
mod report;
#[path = "replicas/scenarios.rs"]
mod scenarios;
#[expect(
    dead_code,
    reason = "shared with the other benchmarks, which use all of it"
)]
mod table;
#[path = "replicas/target.rs"]
mod target;

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use testkit::Database;

use self::postgres::Server;
use self::report::Figures;
use self::scenarios::{SCENARIOS, TEXT_CHARACTERS};
use self::target::{CONNECTIONS, Target};

/// How many replicas share a database of PostgreSQL.
const REPLICAS: [usize; 3] = [1, 2, 4];
const WARM_UP: Duration = Duration::from_secs(1);

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [rounds, seconds] = &arguments[..] else {
        return Err("usage: bench-replicas ROUNDS SECONDS".into());
    };
    if std::env::var_os("DRAGOMAN_TEST_ENGINE").is_some() {
        return Err("DRAGOMAN_TEST_ENGINE chooses an engine; both are measured here".into());
    }
    if std::env::var_os("DRAGOMAN_TEST_POSTGRES_URL").is_none() {
        return Err(
            "DRAGOMAN_TEST_POSTGRES_URL names no server; `tests/bench/run` starts one".into(),
        );
    }
    let (rounds, duration) = (rounds.parse()?, Duration::from_secs(seconds.parse()?));
    // Beside the binary, so on a disk: a temporary folder may be in memory, where a commit costs nothing.
    let program = std::env::current_exe()?;
    let beside = program.parent().ok_or("the binary has no folder")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (targets, server) = runtime.block_on(start(beside))?;
    let content = &targets[0].content;
    println!(
        "\n{rounds} rounds of {seconds} s, {CONNECTIONS} connections; conversations of {} bytes, pages of 50 messages of {} \
         bytes, posts of {TEXT_CHARACTERS} characters\nSQLite, synchronous FULL; {}",
        content.conversation_bytes, content.page_bytes, server.told
    );
    let figures = measure(&targets, &server, rounds, duration)?;
    let mut mebibytes = Vec::with_capacity(targets.len());
    for target in &targets {
        mebibytes.push(target.mebibytes()?);
    }
    report::print(&targets, &figures, &mebibytes);
    Ok(())
}

/// Every target with its content, the reference first.
async fn start(beside: &Path) -> Outcome<(Vec<Target>, Server)> {
    let mut targets = vec![Target::over_sqlite(beside).await?];
    let mut server = None;
    for replicas in REPLICAS {
        let database = Database::create().await;
        if server.is_none() {
            server = Some(Server::of(&database).await?);
        }
        targets.push(Target::over_postgres(replicas, database, beside).await?);
    }
    Ok((targets, server.ok_or("there is no server")?))
}

/// All rounds: in each every scenario, in each of those every target, a different one first each time.
fn measure(
    targets: &[Target],
    server: &Server,
    rounds: usize,
    duration: Duration,
) -> Outcome<Figures> {
    let mut figures: Figures = vec![vec![Vec::new(); targets.len()]; SCENARIOS.len()];
    for scenario in &SCENARIOS {
        for target in targets {
            target.load(&scenario.requests(target), WARM_UP)?;
        }
    }
    for round in 0..rounds {
        for (number, scenario) in SCENARIOS.iter().enumerate() {
            for turn in 0..targets.len() {
                let place = (round + turn) % targets.len();
                let requests = scenario.requests(&targets[place]);
                let measured = targets[place].measure(&requests, duration, server)?;
                figures[number][place].push(measured);
            }
            report::print_round(round, number, &figures);
        }
    }
    Ok(figures)
}
