//! Experiments 19 and 23: more requests than are taken, and clients that hold connections without using them. What is too
//! much is refused at once, nobody waits behind it, and who behaves is served.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tests::dragoman::Launch;
use tests::faultd::{Fault, Rule};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bench::Bench;
use crate::gateway::{Gateway, PATIENCE, problem, said};
use crate::site::Site;

/// How many requests the gateway has in work at once.
const IN_WORK: usize = 20;
/// How long the vendor takes: long enough for most callers to come meanwhile.
const LATE: Duration = Duration::from_secs(3);

/// Experiment 19.
pub(crate) async fn more_requests_than_are_taken(bench: Bench) -> u64 {
    let site = Site::start(bench).await;
    let settings = format!("[limits]\nrequests_max = {IN_WORK}\n");
    let gateway = Gateway::start(site.launch(&settings, ""));
    let conversation = gateway.conversation("four").await;
    let path = format!("/v1/conversations/{conversation}");
    let files = gateway.open_files();
    let callers = bench.rounds(200, 500);
    site.proxy("four").plan([Rule::new(Fault::Late(LATE))]);
    let began = Instant::now();
    let crowd = (0..callers).map(|_| async {
        let answer = gateway.client.get(&path).await;
        (answer, began.elapsed())
    });
    let probes = async {
        loop {
            assert_eq!(gateway.client.get("/healthz").await.status, 200);
            if began.elapsed() > LATE / 2 {
                break;
            }
        }
    };
    let (answers, ()) = tokio::join!(join_all(crowd), probes);
    let (served, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|(answer, _)| answer.status == 200);
    assert!(
        !served.is_empty() && !refused.is_empty(),
        "{} served, {} refused",
        served.len(),
        refused.len()
    );
    for (answer, _) in &refused {
        let words = problem(answer, &[]);
        assert_eq!(words["code"], "overloaded", "{words}");
        assert_eq!(words["retryable"], true, "{words}");
        assert!(!answer.header("retry-after").is_empty(), "{words}");
    }
    let most = site.proxy("four").witness().most_in_work();
    assert!(most <= IN_WORK, "{most} at the vendor at once");
    // Whoever is refused does not wait behind those who are served.
    let mut refused: Vec<Duration> = refused.iter().map(|(_, took)| *took).collect();
    refused.sort();
    let last_served = served
        .iter()
        .map(|(_, took)| *took)
        .max()
        .unwrap_or_default();
    assert!(
        refused[refused.len() / 2] < last_served,
        "the refused waited too"
    );
    site.proxy("four").heal();
    assert_eq!(gateway.client.get(&path).await.status, 200);
    // Each caller keeps its connection for a while.
    let kept = usize::try_from(callers).expect("a count");
    gateway.files_are_closed(files + kept + IN_WORK).await;
    gateway.holds(&[]).await;
    callers
}

/// How a client misbehaves: what it sends, and whether it goes on slowly.
const SLOW: [(&str, &str, bool); 6] = [
    ("says nothing", "", false),
    (
        "says half a head",
        "GET /healthz HTTP/1.1\r\nHost: x",
        false,
    ),
    ("says one letter", "P", false),
    (
        "says the first line of the other protocol",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        false,
    ),
    ("drips its head", "GET /healthz HTTP/1.1\r\nx-drip: ", true),
    (
        "drips its body",
        "POST /v1/conversations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
        true,
    ),
];

/// Experiment 23, all at once and many of each.
pub(crate) async fn clients_that_hold_connections(bench: Bench) -> u64 {
    let settings = "[timeouts]\nhead_seconds = 5\nbody_idle_seconds = 5\nbody_seconds = 10\nidle_connection_seconds = 300\nwrite_stall_seconds = 5\n";
    let gateway = Gateway::start(
        Launch::new()
            .variable("DRAGOMAN__TELEMETRY__LOG_FORMAT", "json")
            .configuration(settings),
    );
    let conversation = gateway.conversation("store").await;
    let path = format!("/v1/conversations/{conversation}/messages");
    let files = gateway.open_files();
    let each = bench.rounds(25, 600);
    let address = gateway.dragoman.address();
    let mut slow = Vec::new();
    for (what, begins, drips) in SLOW {
        for _ in 0..each {
            slow.push(tokio::spawn(async move {
                let stream = TcpStream::connect(address).await.expect("a connection");
                hold(stream, begins, drips)
                    .await
                    .unwrap_or_else(|| panic!("whoever {what} may stay"));
            }));
        }
    }
    // Meanwhile everybody else is served.
    let mut served = 0;
    while slow.iter().any(|one| !one.is_finished()) {
        gateway
            .client
            .post(&path, &said("in between"))
            .await
            .expect(201);
        served += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for one in slow {
        one.await.unwrap_or_else(|error| panic!("{error}"));
    }
    assert_eq!(gateway.texts(&conversation).await.len(), served);
    gateway.files_are_closed(files).await;
    gateway.holds(&[]).await;
    each * SLOW.len() as u64
}

/// Holds a connection until the server ends it; nothing where it does not.
async fn hold(mut stream: TcpStream, begins: &str, drips: bool) -> Option<()> {
    let ended = async {
        // An error is an end too.
        if stream.write_all(begins.as_bytes()).await.is_err() {
            return;
        }
        let mut read = [0; 4_096];
        loop {
            let pause = tokio::time::sleep(Duration::from_millis(500));
            tokio::select! {
                more = stream.read(&mut read) => {
                    if matches!(more, Ok(0) | Err(_)) {
                        return;
                    }
                }
                () = pause, if drips => {
                    if stream.write_all(b"a").await.is_err() {
                        return;
                    }
                }
            }
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.ok()
}
