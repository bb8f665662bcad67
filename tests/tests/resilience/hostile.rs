//! Experiment 8: a vendor, or somebody in its place, that answers what no vendor should: redirects, interim answers, heads
//! without end, bombs. Nothing is followed, memory stays bounded, and the next honest answer is taken.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use tests::faultd::{Fault, Faultd, Rule};

use crate::bench::Bench;
use crate::gateway::{Gateway, failed_or_kept, problem};
use crate::site::{BACKENDS, Site};

/// How much more memory hostile answers may cost, in bytes: four times the largest answer that is read, which grows by
/// doubling and is read again after a failure. Two vendors tell whole histories in one answer.
fn memory_more(backend: &str) -> u64 {
    match backend {
        "one" | "two" => 4 * (64 << 20),
        _ => 4 * (24 << 20),
    }
}

const SETTINGS: &str = "[timeouts]\nrequest_seconds = 20\n";
const KEYS: &str = "connect_seconds = 5\nwrite_seconds = 15";

/// A bomb: so many mebibytes of zeros in a thousandth of that.
fn bomb(mebibytes: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let zeros = vec![0; 1 << 20];
    for _ in 0..mebibytes {
        encoder.write_all(&zeros).expect("memory");
    }
    encoder.finish().expect("memory")
}

fn head(fields: &str) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{fields}content-length: 2\r\n\r\n{{}}"
    );
    head.into_bytes()
}

fn faults(elsewhere: &Faultd, bench: Bench) -> Vec<(&'static str, Fault)> {
    let mebibytes = usize::try_from(bench.rounds(128, 2_048)).expect("a size");
    let location = format!("{}/stolen", elsewhere.base_url());
    let many = (0..100_000).map(|number| format!("x-{number}: 1\r\n"));
    vec![
        (
            "a redirect",
            Fault::status(302).field("location", &location),
        ),
        (
            "a permanent redirect",
            Fault::status(308).field("location", &location),
        ),
        (
            "a head of 10 MB",
            Fault::Bytes(head(&format!("x: {}\r\n", "a".repeat(10 << 20)))),
        ),
        (
            "100,000 header fields",
            Fault::Bytes(head(&many.collect::<String>())),
        ),
        (
            "a bomb",
            Fault::Answer {
                status: 200,
                fields: vec![
                    ("content-type".to_owned(), "application/json".to_owned()),
                    ("content-encoding".to_owned(), "gzip".to_owned()),
                ],
                body: bomb(mebibytes),
            },
        ),
        (
            "a body without end",
            Fault::Endless {
                content_type: "application/json",
                piece: b"[".repeat(64 * 1024),
            },
        ),
        (
            "no HTTP at all",
            Fault::Bytes(b"\x16\x03\x01 hello\r\n\r\n".to_vec()),
        ),
        ("nothing", Fault::Bytes(Vec::new())),
        (
            "interim answers only",
            Fault::Bytes(b"HTTP/1.1 103 Early\r\n\r\n".repeat(1_000)),
        ),
        (
            "another protocol",
            Fault::status(101)
                .field("upgrade", "websocket")
                .field("connection", "upgrade"),
        ),
    ]
}

pub(crate) async fn run(bench: Bench) -> u64 {
    let site = Site::start(bench).await;
    let elsewhere = Faultd::alone(bench.seed);
    let gateway = Gateway::start(site.launch(SETTINGS, KEYS));
    let mut runs = 0;
    let faults = tokio::task::block_in_place(|| faults(&elsewhere, bench));
    let count = usize::try_from(bench.rounds(2, 4)).expect("a count");
    for backend in BACKENDS.into_iter().rev().take(count) {
        let conversation = gateway.conversation(backend).await;
        let path = format!("/v1/conversations/{conversation}");
        let proxy = site.proxy(backend);
        for (what, fault) in &faults {
            let what = format!("{backend}: {what}");
            let before = gateway.memory_bytes();
            proxy.plan([Rule::new(fault.clone())]);
            let fresh = gateway.client.request(reqwest::Method::GET, &path);
            let read = gateway
                .client
                .send(fresh.header("cache-control", "no-cache"))
                .await;
            failed_or_kept(&read, &["stolen", "hello"]);
            let created = gateway
                .client
                .send(gateway.create(backend, &json!({})))
                .await;
            problem(&created, &["stolen", "hello"]);
            assert!(created.status.is_server_error(), "{what}: {}", created.text);
            let more = gateway.memory_bytes().saturating_sub(before);
            assert!(more < memory_more(backend), "{what}: {more} bytes more");
            runs += 1;
            proxy.heal();
            gateway.healed(&path, &what).await;
        }
        // Harmless: an interim answer, and an answer twice, whose second half belongs to no request.
        for fault in [Fault::Informed(103), Fault::Doubled] {
            proxy.plan([Rule::new(fault.clone()).times(1)]);
            gateway
                .healed(&path, &format!("{backend}: {fault:?}"))
                .await;
            gateway
                .healed(&path, &format!("{backend}: after {fault:?}"))
                .await;
            runs += 1;
        }
    }
    assert_eq!(elsewhere.witness().count(), 0, "a redirect was followed");
    gateway.holds(&[]).await;
    runs
}
