//! Traces: a collector that answers, one that is gone, one that hangs.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use crate::process::{Server, folder, http, request, with_authorization};

/// Generous: a loaded machine sends its batch late.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// More batches than a test makes.
const BATCHES_MAX: usize = 1_000;

/// A collector on loopback that hands on what it is sent, head and body.
struct Collector {
    url: String,
    seen: Receiver<Vec<u8>>,
}

impl Collector {
    fn start() -> Self {
        Self::answering("200 OK")
    }

    /// One that answers everything like this.
    fn answering(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, seen) = sync_channel(BATCHES_MAX);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let request = read_request(&mut stream);
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
                // The sender is gone where the gateway has ended meanwhile.
                let _ = stream.write_all(answer.as_bytes());
                if sender.send(request).is_err() {
                    return;
                }
            }
        });
        Self { url, seen }
    }

    /// Everything that came until a batch holds this.
    fn until(&self, wanted: &[u8]) -> Vec<u8> {
        let mut all = Vec::new();
        while !holds(&all, wanted) {
            let batch = self.seen.recv_timeout(WAIT_MAX);
            all.extend(batch.unwrap_or_else(|_| panic!("no span came: {}", lossy(&all))));
        }
        all
    }
}

/// One request with its body, by its announced length.
fn read_request(stream: &mut TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(WAIT_MAX)).unwrap();
    let mut request = Vec::new();
    let mut piece = [0_u8; 4096];
    loop {
        if let Some(end) = position(&request, b"\r\n\r\n") {
            let head = lossy(&request[..end]).to_ascii_lowercase();
            let length = head
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.split("\r\n").next()?.trim().parse::<usize>().ok())
                .unwrap_or(0);
            if request.len() >= end + 4 + length {
                return request;
            }
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return request,
            Ok(read) => request.extend_from_slice(&piece[..read]),
        }
    }
}

fn position(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len())
        .position(|window| window == wanted)
}

fn holds(text: &[u8], wanted: &[u8]) -> bool {
    position(text, wanted).is_some()
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// A trace id as it travels in a span: sixteen bytes.
fn bytes_of(trace: &str) -> Vec<u8> {
    (0..trace.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&trace[at..at + 2], 16).unwrap())
        .collect()
}

/// The trace id that an answer names.
fn trace_of(answer: &str) -> String {
    let line = answer
        .lines()
        .find_map(|line| line.strip_prefix("traceparent: "))
        .unwrap();
    line.split('-').nth(1).unwrap().to_owned()
}

#[test]
fn spans_reach_the_collector_in_their_callers_trace_and_hold_no_words() {
    let collector = Collector::start();
    let folder = folder();
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-collector-key=planted-key"),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ];
    let arguments = ["--listen", "127.0.0.1:0", "--log-level", "warn"];
    let mut server = Server::start_with(folder.path(), &variables, &arguments);
    let key = server.key().unwrap();

    // A trace of the caller's.
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("traceparent: 00-{trace}-b7ad6b7169203331-01");
    let headers = [with_authorization(&key), parent];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let body = r#"{"title":"a planted title"}"#;
    let (status, answer) = http(server.address, "POST", "/v1/conversations", &headers, body);
    assert_eq!(status, 201, "{answer}");
    assert_eq!(trace_of(&answer), trace);
    let sent = collector.until(&bytes_of(trace));
    let head = lossy(&sent).to_ascii_lowercase();
    assert!(head.starts_with("post /v1/traces "), "{head}");
    assert!(head.contains("x-collector-key: planted-key"), "{head}");
    // Below the caller's span, whose id is the parent's.
    assert!(holds(&sent, &bytes_of("b7ad6b7169203331")));
    assert!(holds(&sent, b"dragoman") && holds(&sent, b"/v1/conversations"));
    assert!(!lossy(&sent).contains("planted title"));
    assert!(!lossy(&sent).contains(key.rsplit('_').next().unwrap()));

    // One of our own: the answer and the span agree on it, however little is logged.
    let (_, answer) = request(server.address, "GET", "/v1/conversations", &key, "");
    collector.until(&bytes_of(&trace_of(&answer)));

    // A facade's request is told by its facade.
    let (_, answer) = request(
        server.address,
        "GET",
        "/facade/convore/v1/channels",
        &key,
        "",
    );
    let sent = collector.until(&bytes_of(&trace_of(&answer)));
    assert!(holds(&sent, b"/facade/convore"));
    let (_, metrics) = request(server.address, "GET", "/metrics", &key, "");
    let line = "dragoman_http_requests_total{method=\"GET\",route=\"/facade/convore\"";
    assert!(metrics.contains(line), "{metrics}");
    assert!(
        metrics.contains("# HELP dragoman_http_requests_total "),
        "{metrics}"
    );

    // What waits when the process ends is still sent.
    let (_, answer) = request(server.address, "GET", "/v1/backends", &key, "");
    let last = trace_of(&answer);
    server.signal("-TERM");
    assert_eq!(server.wait().code(), Some(0));
    collector.until(&bytes_of(&last));
    assert!(!server.log().contains("planted"));
}

#[test]
fn a_collector_that_is_gone_or_hangs_or_fails_costs_spans_which_are_counted_and_nothing_else() {
    let (held, gone) = crate::process::nobody();
    let gone = format!("http://{gone}");
    // Takes connections by its backlog and never reads.
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let hangs = format!("http://{}", hanging.local_addr().unwrap());
    let failing = Collector::answering("500 Internal Server Error");
    for url in [gone, hangs.clone(), failing.url.clone()] {
        let folder = folder();
        // So long that the queue is full before the first batch is given up, however slow the requests are.
        let patience = if url == hangs { "5000" } else { "500" };
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", patience),
            ("OTEL_BSP_SCHEDULE_DELAY", "50"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "64"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "16"),
        ];
        let mut server =
            Server::start_with(folder.path(), &variables, &["--listen", "127.0.0.1:0"]);
        let key = server.key().unwrap();
        // More than its queue holds.
        for number in 0..150 {
            let (status, answer) = request(server.address, "GET", "/v1/conversations", &key, "");
            assert_eq!(status, 200, "{url}, request {number}: {answer}");
        }
        let mut told = vec![
            "dragoman_trace_exports_total{result=\"failed\"}",
            "dragoman_trace_spans_dropped_total{reason=\"not-exported\"}",
        ];
        if url == hangs {
            // While one batch waits for its answer, the queue fills up: each request has a span at least.
            told.push("dragoman_trace_spans_dropped_total{reason=\"queue-full\"}");
        }
        crate::process::wait_until(|| {
            let (_, page) = request(server.address, "GET", "/metrics", &key, "");
            told.iter().all(|line| page.contains(line))
        });
        server.signal("-TERM");
        assert_eq!(server.wait().code(), Some(0), "{url}");
        let log = server.log();
        let told = log.matches("traces do not reach the collector").count();
        assert_eq!(told, 1, "{log}");
    }
    drop((held, hanging, failing));
}

#[test]
fn without_a_collector_an_answer_names_its_trace_all_the_same() {
    let folder = folder();
    let server = Server::start(folder.path());
    let key = server.key().unwrap();
    let (_, answer) = request(server.address, "GET", "/v1/conversations", &key, "");
    assert_eq!(trace_of(&answer).len(), 32);
}
