//! Experiments 29 and 32: the gateway stops while requests and streams run, and whoever should read what it prints does
//! not, or has left.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use tests::client::Client;
use tests::dragoman::Launch;
use tests::faultd::{Fault, Rule};

use crate::bench::Bench;
use crate::gateway::{Gateway, PATIENCE, said, until};
use crate::site::Site;

const REQUESTS: usize = 50;
const STREAMS: usize = 20;
/// The vendor answers after the signal, and after new connections are taken no more: all requests are there long before.
const LATE: Duration = Duration::from_secs(15);
/// New connections are taken for so long that whoever asks certainly sees the stop.
const SETTINGS: &str =
    "[timeouts]\ndrain_seconds = 12\nstream_grace_seconds = 2\nshutdown_seconds = 60\n";
/// How many callers make lines for the log that nobody reads, at once.
const CALLERS: usize = 16;
/// How many changes of each file make more of them.
const CHANGES: usize = 1_000;
/// How many rounds of both fill the pipe and what waits before it, at most.
const ROUNDS_MAX: usize = 4_000;
/// What counts the lines that nobody will read.
const LINES_DROPPED: &str = "dragoman_log_lines_dropped_total";
/// Its lines, all of them.
const LOG: &str = "[telemetry]\nlog_level = \"trace\"\n";

/// Experiment 29.
pub(crate) async fn with_requests_and_streams(bench: Bench) -> u64 {
    let rounds = bench.rounds(1, 10);
    for _ in 0..rounds {
        stop(bench, false).await;
        stop(bench, true).await;
    }
    2 * rounds
}

async fn stop(bench: Bench, twice: bool) {
    let site = Site::start(bench).await;
    let mut gateway = Gateway::start(site.launch(SETTINGS, ""));
    let waiting = gateway.conversation("four").await;
    let mut asked = Vec::new();
    for _ in 0..STREAMS {
        asked.push(gateway.conversation("one").await);
    }
    site.proxy("four").plan([Rule::new(Fault::Late(LATE))]);
    site.proxy("one").plan([Rule::new(Fault::Dripping {
        bytes: 8,
        pause: Duration::from_millis(50),
    })
    .path("stream")]);
    site.proxy("four").witness().forget();
    let path = format!("/v1/conversations/{waiting}");
    // These first: each waits for its first words.
    let streams = join_all(asked.iter().map(|conversation| {
        let path = format!("/v1/conversations/{conversation}/responses");
        let request = gateway
            .client
            .request(Method::POST, &path)
            .header("accept", "text/event-stream");
        request
            .json(&json!({"input": said(&"word ".repeat(200))}))
            .send()
    }))
    .await;
    let requests: Vec<_> = (0..REQUESTS)
        .map(|_| {
            let (client, path) = (gateway.client.clone(), path.clone());
            tokio::spawn(async move { client.try_send(client.request(Method::GET, &path)).await })
        })
        .collect();
    // All are taken, so that the stop finds them in work: each waits for the vendor.
    until("all are taken", || {
        site.proxy("four").witness().in_work() == REQUESTS
    })
    .await;
    gateway.ask_to_stop();
    // Who balances the load sees it for as long as new connections are taken.
    until("it says that it stops", || {
        gateway.dragoman.output().contains("stopping")
    })
    .await;
    if twice {
        gateway.ask_to_stop();
        let status = gateway.ended();
        // Whatever still ran was cut; the process ended all the same, in good order.
        assert!(status.success(), "{status}: {}", gateway.dragoman.output());
        for request in requests {
            drop(request.await.expect("a caller does not panic"));
        }
        return;
    }
    // On a connection of its own: as whoever balances the load.
    let balancer = Client::new(gateway.dragoman.base_url(), None);
    let ready = balancer.get("/readyz").await;
    assert_eq!(ready.status, 503, "{}", ready.text);
    assert!(
        requests.iter().all(|request| !request.is_finished()),
        "the vendor has answered already"
    );
    for request in requests {
        let answer = request.await.expect("a caller does not panic");
        let answer = answer.expect("a request that was taken is answered");
        assert!(
            matches!(answer.status.as_u16(), 200 | 429 | 503),
            "{} {}",
            answer.status,
            answer.text
        );
    }
    for stream in streams {
        let answer = stream.expect("an answer");
        assert_eq!(answer.status(), 200);
        let mut text = String::new();
        let mut pieces = answer.bytes_stream();
        while let Some(piece) = pieces.next().await {
            text.push_str(&String::from_utf8_lossy(
                &piece.expect("the stream ends cleanly"),
            ));
        }
        let ends = ["message.completed", "message.incomplete", "message.failed"];
        assert!(
            ends.iter()
                .any(|end| text.contains(&format!("event: {end}"))),
            "{text}"
        );
    }
    let status = gateway.ended();
    assert!(status.success(), "{status}: {}", gateway.dragoman.output());
    assert!(
        !gateway.dragoman.output().contains("panicked"),
        "{}",
        gateway.dragoman.output()
    );
}

/// Experiment 32: nobody reads the log, or whoever did has left. Requests are answered as before, lines are left out and
/// counted, and it stops in time.
pub(crate) async fn with_a_log_that_nobody_reads(_: Bench) -> u64 {
    a_full_log().await;
    outputs_that_nobody_holds_any_more().await;
    outputs_that_nobody_ever_held().await;
    3
}

async fn a_full_log() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let pipe = folder.path().join("log");
    let made = Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .expect("mkfifo starts");
    assert!(made.success(), "no pipe");
    // Held open in both directions, so that nothing waits for a reader; and read by nobody.
    let mut held = Command::new("sh")
        .args(["-c", "exec 3<>\"$0\"; read line"])
        .arg(&pipe)
        .stdin(Stdio::piped())
        .spawn()
        .expect("a shell starts");
    let script = format!("exec \"$0\" \"$@\" 2>'{}'", pipe.display());
    let gateway = Gateway::start(launch_through(&["sh", "-c", &script]));
    still_serves(gateway).await;
    held.kill().expect("the shell ends");
    held.wait().expect("the shell has ended");
}

/// Who reads both outputs leaves when the gateway has started.
async fn outputs_that_nobody_holds_any_more() {
    let leave = "exec \"$0\" \"$@\" > >(sed -u '/curl /q') 2> >(sed -u 1q >&2)";
    let gateway = Gateway::start(launch_through(&["bash", "-c", leave]));
    still_serves(gateway).await;
}

fn launch_through(words: &[&str]) -> Launch {
    Launch::new()
        .variable("DRAGOMAN__TELEMETRY__LOG_FORMAT", "json")
        .configuration(LOG)
        .through(words)
}

/// Changes files beside the configuration's: whoever watches it logs each change. Two in turns, because the same change
/// again is told once.
fn make_lines(folder: &Path) {
    let mut files = ["one", "two"]
        .map(|name| File::create(folder.join(name)).expect("a file beside the configuration"));
    for _ in 0..CHANGES {
        for file in &mut files {
            file.write_all(b".").expect("a file can be written");
        }
    }
}

/// Whatever becomes of its words: it serves, counts what it could not say, and stops.
async fn still_serves(mut gateway: Gateway) {
    let conversation = gateway.conversation("store").await;
    let path = format!("/v1/conversations/{conversation}/messages");
    let mut rounds = 0;
    while gateway.metric(LINES_DROPPED, &[]).await < 1.0 {
        assert!(rounds < ROUNDS_MAX, "no line was dropped, or none counted");
        let answers = join_all((0..CALLERS).map(|_| gateway.client.get(&path))).await;
        for answer in answers {
            answer.expect(200);
        }
        tokio::task::block_in_place(|| make_lines(gateway.dragoman.data_dir().path()));
        rounds += 1;
    }
    gateway.say(&path, "and a write").await.expect(201);
    gateway.client.get(&path).await.expect(200);
    gateway.never_panicked().await;
    gateway.ask_to_stop();
    let status = gateway.ended();
    assert!(status.success(), "{status}");
}

/// Nobody reads from the beginning: the banner is shown to nobody, and the gateway runs. Its port is known beforehand.
async fn outputs_that_nobody_ever_held() {
    let first = Gateway::start(Launch::new());
    let (conversation, address) = (
        first.conversation("store").await,
        first.dragoman.address().to_string(),
    );
    let (data_dir, key) = first.kill();
    let data = data_dir.path().join("data");
    let data = data.to_str().expect("a path that is text");
    // A pipe whose reader is gone before anything is written to it.
    let closed = "exec \"$0\" \"$@\" > >(:) 2> >(:)";
    let running = Launch::new().through(&["bash", "-c", closed]).begin(&[
        "serve",
        "--listen",
        &address,
        "--data-dir",
        data,
    ]);
    let client = Client::new(format!("http://{address}"), Some(&key));
    let began = Instant::now();
    let path = format!("/v1/conversations/{conversation}/messages");
    loop {
        let asked = client.try_send(client.request(Method::GET, &path)).await;
        if asked.is_ok_and(|answer| answer.status == 200) {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "it does not start");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    client.post(&path, &said("a write")).await.expect(201);
    tokio::task::block_in_place(|| running.kill());
}
