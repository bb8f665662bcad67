//! Experiments 27 and 28: bodies and connections made to exhaust us. Each is refused, costs little memory, and whoever
//! comes next is served.

use reqwest::Method;
use serde_json::json;
use tests::dragoman::Launch;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;

use crate::bench::Bench;
use crate::gateway::{Gateway, PATIENCE, problem};

/// How many times its own size a body may cost in memory.
const MEMORY_TIMES: u64 = 4;
/// What an allocator keeps for itself, in bytes.
const SLACK_BYTES: u64 = 96 << 20;
/// The largest body that is taken.
const BODY_BYTES: usize = 16 << 20;

fn launch() -> Launch {
    Launch::new()
        .variable("DRAGOMAN__TELEMETRY__LOG_FORMAT", "json")
        .configuration(format!(
            "[limits]\nbody_max_bytes = {BODY_BYTES}\n[timeouts]\nidle_connection_seconds = 300\n"
        ))
}

/// Experiment 27.
pub(crate) async fn bodies(_: Bench) -> u64 {
    let gateway = Gateway::start(launch());
    let deep = |open: &str, close: &str| {
        format!(
            "{{\"metadata\":{}1{}}}",
            open.repeat(200_000),
            close.repeat(200_000)
        )
    };
    let keys: Vec<String> = (0..250_000)
        .map(|number| format!("\"k{number}\":1"))
        .collect();
    let mut invalid = b"{\"title\":\"".to_vec();
    invalid.extend(b"\xff".repeat(1 << 20));
    invalid.extend_from_slice(b"\"}");
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        (
            "200,000 levels of objects",
            deep("{\"a\":", "}").into_bytes(),
        ),
        ("200,000 levels of arrays", deep("[", "]").into_bytes()),
        (
            "250,000 keys",
            format!("{{\"metadata\":{{{}}}}}", keys.join(",")).into_bytes(),
        ),
        (
            "a title of 10 MB",
            json!({"title": "a".repeat(10 << 20)})
                .to_string()
                .into_bytes(),
        ),
        (
            "250,000 times the same key",
            format!("{{{}\"title\":\"b\"}}", "\"title\":\"a\",".repeat(250_000)).into_bytes(),
        ),
        (
            "a number of a million digits",
            format!("{{\"metadata\":{{\"n\":{}}}}}", "9".repeat(1_000_000)).into_bytes(),
        ),
        (
            "an exponent beyond all",
            b"{\"metadata\":{\"n\":1e999999999}}".to_vec(),
        ),
        ("not UTF-8", invalid),
        ("more than is taken", vec![b' '; BODY_BYTES + 1]),
        (
            "a million array items",
            format!("{{\"labels\":[{}0]}}", "0,".repeat(1_000_000)).into_bytes(),
        ),
    ];
    let mut runs = 0;
    for (what, body) in bodies {
        let size = u64::try_from(body.len()).expect("a size");
        let before = gateway.memory_bytes();
        gateway.forget_most_memory();
        let request = gateway.client.request(Method::POST, "/v1/conversations");
        let request = request
            .header("content-type", "application/json")
            .body(body);
        // A body that is refused while it is sent may end the connection before its answer is read.
        if let Ok(answer) = gateway.client.try_send(request).await {
            // What is large and sound may be taken.
            if answer.status != 201 {
                problem(&answer, &[]);
                let status = answer.status.as_u16();
                assert!(matches!(status, 400 | 413 | 422), "{what}: {status}");
            }
        }
        let more = gateway.most_memory_bytes().saturating_sub(before);
        assert!(
            more < MEMORY_TIMES * size + SLACK_BYTES,
            "{what}: {more} bytes for {size}"
        );
        runs += 1;
    }
    gateway.client.get("/v1/conversations").await.expect(200);
    gateway.holds(&[]).await;
    runs
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .expect("a short frame")
        .to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `GET http /healthz`, host `x`, by the static table.
const ASK: &[u8] = b"\x82\x86\x04\x08/healthz\x41\x01x";

/// How many frames are written at once: a server finds many of them whenever it reads.
const AT_ONCE: u32 = 100;

/// What a server does about a flood.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// It ends the connection, and says why or just cuts it.
    Ends,
    /// It reads on, or ends it.
    Lives,
}

/// Reads until the server ends the connection; whether it did so because of what was sent: cut, or with an error as the
/// last thing that it said. For want of requests or of an answer to its pings it ends without one.
async fn is_blamed(mut read: OwnedReadHalf) -> bool {
    let mut said = Vec::new();
    if read.read_to_end(&mut said).await.is_err() {
        return true;
    }
    let mut rest = said.as_slice();
    while let Some((head, behind)) = rest.split_at_checked(9) {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let length = usize::try_from(length).expect("a length");
        let Some((payload, next)) = behind.split_at_checked(length) else {
            break;
        };
        // The last stream, then the error: 0 is none.
        if head[3] == GO_AWAY && payload.get(4..8).is_some_and(|error| error != [0; 4]) {
            return true;
        }
        rest = next;
    }
    false
}

/// Sends these bytes until the server closes, at most so often; whether it did as it has to.
async fn flood(
    gateway: &Gateway,
    begin: &[u8],
    more: impl Fn(u32) -> Vec<u8>,
    (times, end): (u32, End),
) -> bool {
    let stream = TcpStream::connect(gateway.dragoman.address())
        .await
        .expect("a connection");
    let (read, mut write) = stream.into_split();
    // What is answered is read, so that nobody waits for us.
    let mut reader = tokio::spawn(is_blamed(read));
    let mut closed = write.write_all(begin).await.is_err();
    let mut number = 0;
    while number < times && !closed && !reader.is_finished() {
        let batch: Vec<u8> = (number..times.min(number + AT_ONCE))
            .flat_map(&more)
            .collect();
        closed = write.write_all(&batch).await.is_err();
        number += AT_ONCE;
    }
    if end == End::Lives {
        drop(write);
        return tokio::time::timeout(PATIENCE, &mut reader).await.is_ok();
    }
    // Our side stays open: it has to end by itself.
    let ended = tokio::time::timeout(PATIENCE, &mut reader).await;
    closed || ended.is_ok_and(|blamed| blamed.expect("a reader does not panic"))
}

/// Experiment 28: floods of the newer protocol, and ambiguous requests of the older one on one connection.
pub(crate) async fn protocols(bench: Bench) -> u64 {
    let gateway = Gateway::start(launch());
    let before = gateway.memory_bytes();
    let files = gateway.open_files();
    let times = u32::try_from(bench.rounds(20_000, 200_000)).expect("a count");
    let begin = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    let reset = |number: u32| {
        let stream = 2 * number + 1;
        [
            frame(HEADERS, END_STREAM | END_HEADERS, stream, ASK),
            frame(RESET, 0, stream, &8_u32.to_be_bytes()),
        ]
        .concat()
    };
    assert!(
        flood(&gateway, &begin, reset, (times, End::Ends)).await,
        "streams opened and reset without end"
    );
    let open = [begin.clone(), frame(HEADERS, END_STREAM, 1, ASK)].concat();
    let go_on = |_: u32| {
        frame(
            CONTINUATION,
            0,
            1,
            &[b"\x00\x01a\x7f\x80\x00".as_slice(), &[b'b'; 127]].concat(),
        )
    };
    assert!(
        flood(&gateway, &open, go_on, (times, End::Ends)).await,
        "a head without end"
    );
    let settings = |_: u32| frame(SETTINGS, 0, 0, &[0, 1, 0, 0, 0, 0]);
    assert!(
        flood(&gateway, &begin, settings, (times, End::Lives)).await,
        "settings without end"
    );
    let pings = |_: u32| frame(PING, 0, 0, &[0; 8]);
    assert!(
        flood(&gateway, &begin, pings, (times, End::Lives)).await,
        "pings without end"
    );
    let garbage = |_: u32| frame(200, 255, 77, &[1; 100]);
    assert!(
        flood(&gateway, &begin, garbage, (100, End::Lives)).await,
        "unknown frames"
    );
    let mut runs = 5;
    for (what, bytes) in ambiguous() {
        let answer = raw(&gateway, &bytes).await;
        let statuses = answer.matches("HTTP/1.1 ").count();
        // One answer at most: what stands behind an ambiguous request is never taken for a second one.
        assert!(statuses <= 1, "{what}: {answer}");
        assert!(!answer.starts_with("HTTP/1.1 2"), "{what}: {answer}");
        runs += 1;
    }
    let more = gateway.memory_bytes().saturating_sub(before);
    assert!(more < 2 * SLACK_BYTES, "{more} bytes stay");
    gateway.files_are_closed(files).await;
    gateway.holds(&[]).await;
    runs
}

/// Requests that two programs could read differently, each with a second one behind it.
fn ambiguous() -> Vec<(&'static str, Vec<u8>)> {
    let second = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let post = |fields: &str, body: &str| {
        format!("POST /v1/conversations HTTP/1.1\r\nHost: x\r\n{fields}\r\n{body}{second}")
            .into_bytes()
    };
    let get = |target: &str, fields: &str| {
        // How long it is stands beyond doubt, so that a second one would be one.
        format!("GET {target} HTTP/1.1\r\n{fields}Connection: close\r\n\r\n").into_bytes()
    };
    vec![
        (
            "two lengths",
            post("Content-Length: 2\r\nContent-Length: 3\r\n", "{}"),
        ),
        ("a list of lengths", post("Content-Length: 2, 3\r\n", "{}")),
        ("a length with a sign", post("Content-Length: +2\r\n", "{}")),
        (
            "a coding that nobody knows",
            post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
        ),
        (
            "chunked, then something else",
            post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
        ),
        (
            "a chunk without a size",
            post("Transfer-Encoding: chunked\r\n", "zz\r\n\r\n"),
        ),
        (
            "a folded field",
            get("/healthz", "Host: x\r\nX-A: 1\r\n 2\r\n"),
        ),
        ("a space before the colon", get("/healthz", "Host : x\r\n")),
        ("no host", get("/healthz", "")),
        ("two hosts", get("/healthz", "Host: x\r\nHost: y\r\n")),
        (
            "another host in the line",
            get("http://other/healthz", "Host: x\r\n"),
        ),
        (
            "a NUL in a field",
            get("/healthz", "Host: x\r\nX-A: a\0b\r\n"),
        ),
        (
            "an address of 64 kB",
            get(&format!("/{}", "a".repeat(64 << 10)), "Host: x\r\n"),
        ),
    ]
}

/// Sends bytes and reads until the server closes; it has to.
async fn raw(gateway: &Gateway, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(gateway.dragoman.address())
        .await
        .expect("a connection");
    // A server that refuses early may close before all is sent.
    drop(stream.write_all(bytes).await);
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let closed = tokio::time::timeout(PATIENCE, read).await;
    assert!(
        closed.is_ok(),
        "the connection stays open after {}",
        String::from_utf8_lossy(&answer)
    );
    String::from_utf8_lossy(&answer).into_owned()
}
