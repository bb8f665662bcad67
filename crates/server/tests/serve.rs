//! The accept loop against hostile raw sockets, with short limits.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::stream;
use server::{ServeLimits, ServeReport, Shutdown, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// No test waits longer than this for something that must happen.
const PATIENCE: Duration = Duration::from_secs(60);

struct Running {
    address: SocketAddr,
    shutdown: Shutdown,
    task: JoinHandle<ServeReport>,
}

impl Running {
    async fn start(application: Router, limits: ServeLimits) -> Self {
        Self::start_at("127.0.0.1:0", application, limits).await
    }

    async fn start_at(address: &str, application: Router, limits: ServeLimits) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = Shutdown::new();
        let task = tokio::spawn(serve(listener, application, limits, shutdown.clone()));
        Running {
            address,
            shutdown,
            task,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn stopped(self) -> ServeReport {
        timeout(PATIENCE, self.task)
            .await
            .expect("the server stops")
            .unwrap()
    }
}

fn short_limits() -> ServeLimits {
    ServeLimits {
        header_timeout: Duration::from_millis(300),
        idle_timeout: Duration::from_millis(300),
        write_stall_timeout: Duration::from_millis(500),
        ..ServeLimits::default()
    }
}

fn application() -> Router {
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route(
            "/slow",
            get(|| async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                "late"
            }),
        )
        .route("/echo", post(|body: Bytes| async move { body }))
        .route("/endless", get(|| async { Body::from_stream(endless()) }))
        .route("/silent", get(|| async { Body::from_stream(silent()) }))
}

/// As much as the client takes.
fn endless() -> impl stream::Stream<Item = Result<Bytes, Infallible>> {
    stream::repeat_with(|| Ok(Bytes::from_static(&[b'x'; 64 * 1024])))
}

/// One event, then nothing.
fn silent() -> impl stream::Stream<Item = Result<Bytes, Infallible>> {
    use stream::StreamExt;
    stream::iter([Ok(Bytes::from_static(b"first"))]).chain(stream::pending())
}

/// Reads until the other side closes.
async fn read_to_close(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    timeout(PATIENCE, async {
        loop {
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => return,
                Ok(read) => all.extend_from_slice(&piece[..read]),
            }
        }
    })
    .await
    .expect("the server closes the connection");
    all
}

async fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut all = Vec::new();
    let mut piece = [0; 1024];
    timeout(PATIENCE, async {
        while !String::from_utf8_lossy(&all).contains(wanted) {
            let read = stream.read(&mut piece).await.unwrap();
            assert_ne!(read, 0, "closed after {:?}", String::from_utf8_lossy(&all));
            all.extend_from_slice(&piece[..read]);
        }
    })
    .await
    .expect("the server answers");
    String::from_utf8(all).unwrap()
}

async fn is_closed_after_sending(bytes: &[u8]) {
    let running = Running::start(application(), short_limits()).await;
    let mut stream = running.connect().await;
    stream.write_all(bytes).await.unwrap();
    read_to_close(&mut stream).await;
}

#[tokio::test]
async fn silent_client_is_closed() {
    is_closed_after_sending(b"").await;
}

#[tokio::test]
async fn single_letter_that_could_be_either_protocol_is_closed() {
    is_closed_after_sending(b"P").await;
}

#[tokio::test]
async fn half_header_is_closed() {
    is_closed_after_sending(b"GET / HTTP/1.1\r\nHost: a\r\nX-Half").await;
}

#[tokio::test]
async fn http2_preface_then_silence_is_closed() {
    is_closed_after_sending(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
}

#[tokio::test]
async fn http2_settings_then_silence_is_closed() {
    is_closed_after_sending(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
}

#[tokio::test]
async fn dripping_header_is_closed_although_bytes_keep_coming() {
    let running = Running::start(application(), short_limits()).await;
    let mut stream = running.connect().await;
    let dripping = async {
        for byte in b"GET / HTTP/1.1\r\nX: ".iter().chain([b'x'; 10_000].iter()) {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, dripping)
        .await
        .expect("the server closes the connection");
}

#[tokio::test]
async fn second_half_header_is_closed_on_a_kept_connection() {
    let limits = ServeLimits {
        idle_timeout: Duration::from_secs(3_600),
        ..short_limits()
    };
    let running = Running::start(application(), limits).await;
    let mut stream = running.connect().await;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut stream, "hello").await;
    stream.write_all(b"GET / HT").await.unwrap();
    read_to_close(&mut stream).await;
}

#[tokio::test]
async fn idle_connection_is_kept_beyond_the_header_limit_and_closed_at_its_own() {
    let limits = ServeLimits {
        idle_timeout: Duration::from_secs(8),
        ..short_limits()
    };
    let running = Running::start(application(), limits).await;
    let mut stream = running.connect().await;
    for _ in 0..2 {
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        read_until(&mut stream, "hello").await;
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    read_to_close(&mut stream).await;
}

#[tokio::test]
async fn running_request_and_silent_stream_outlive_every_idle_limit() {
    let running = Running::start(application(), short_limits()).await;
    let mut slow = running.connect().await;
    slow.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let mut silent = running.connect().await;
    silent
        .write_all(b"GET /silent HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut silent, "first").await;
    read_until(&mut slow, "late").await;
    let mut byte = [0; 64];
    let more = timeout(Duration::from_millis(700), silent.read(&mut byte)).await;
    // A chunk's last CRLF may still come; an end of file may not.
    assert!(!matches!(more, Ok(Ok(0) | Err(_))), "{more:?}");
}

#[tokio::test]
async fn client_that_never_reads_its_answer_is_closed() {
    let running = Running::start(application(), short_limits()).await;
    let mut stream = running.connect().await;
    stream
        .write_all(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    // The socket's buffers fill, then the server waits for us. Only a write shows the reset without reading.
    timeout(PATIENCE, async {
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("the server closes the connection");
}

#[tokio::test]
async fn http2_client_that_gives_no_room_is_closed() {
    let running = Running::start(application(), short_limits()).await;
    let mut stream = running.connect().await;
    // SETTINGS with INITIAL_WINDOW_SIZE = 0, then GET /endless on stream 1: literal headers, no Huffman.
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend_from_slice(b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\0");
    let mut block = vec![0x82, 0x86]; // :method GET, :scheme http
    block.extend_from_slice(b"\x04\x08/endless"); // :path
    block.extend_from_slice(b"\x01\x01a"); // :authority
    bytes.extend_from_slice(&[0, 0, u8::try_from(block.len()).unwrap(), 1, 5, 0, 0, 0, 1]);
    bytes.extend_from_slice(&block);
    // Acknowledges the server's settings, so that only the stalled stream is wrong.
    bytes.extend_from_slice(b"\0\0\0\x04\x01\0\0\0\0");
    stream.write_all(&bytes).await.unwrap();
    let answer = read_to_close(&mut stream).await;
    assert!(answer.len() < 10_000, "no body was allowed");
}

#[tokio::test]
async fn http2_with_prior_knowledge_is_answered() {
    use http_body_util::BodyExt;
    use hyper_util::rt::{TokioExecutor, TokioIo};

    let running = Running::start(application(), ServeLimits::default()).await;
    let stream = TokioIo::new(running.connect().await);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream)
            .await
            .unwrap();
    tokio::spawn(connection);
    for (method, path, body, expected) in [
        ("GET", "/", "", "hello"),
        ("POST", "/echo", "again", "again"),
    ] {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("http://localhost{path}"))
            .body(Body::from(body))
            .unwrap();
        let response = timeout(PATIENCE, sender.send_request(request))
            .await
            .expect("the server answers")
            .unwrap();
        assert_eq!(response.version(), http::Version::HTTP_2);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, expected);
    }
}

#[tokio::test]
async fn connection_beyond_the_limit_is_closed_and_the_others_go_on() {
    let limits = ServeLimits {
        connections_max: 2,
        ..ServeLimits::default()
    };
    let running = Running::start(application(), limits).await;
    let mut first = running.connect().await;
    let mut second = running.connect().await;
    for stream in [&mut first, &mut second] {
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        read_until(stream, "hello").await;
    }
    let mut third = running.connect().await;
    assert!(read_to_close(&mut third).await.is_empty());
    drop(first);
    // The place is free as soon as the server has seen the close.
    timeout(PATIENCE, async {
        loop {
            let mut stream = running.connect().await;
            let sent = stream
                .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                .await;
            if sent.is_ok() && !read_to_close(&mut stream).await.is_empty() {
                return;
            }
        }
    })
    .await
    .expect("a place becomes free");
    second
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut second, "hello").await;
}

#[tokio::test]
async fn too_many_or_too_large_headers_are_refused() {
    let limits = ServeLimits {
        headers_max: 20,
        header_bytes_max: 8 * 1024,
        ..ServeLimits::default()
    };
    let running = Running::start(application(), limits).await;
    let many = "a: b\r\n".repeat(21);
    let large = format!("a: {}\r\n", "b".repeat(9 * 1024));
    for headers in [many, large] {
        let mut stream = running.connect().await;
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = read_to_close(&mut stream).await;
        assert!(
            answer.starts_with(b"HTTP/1.1 431"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
}

#[tokio::test]
async fn ambiguous_framing_gets_one_answer_and_a_closed_connection() {
    let running = Running::start(application(), ServeLimits::default()).await;
    for (request, expected) in [
        // hyper believes the chunks and closes, which leaves nothing to smuggle.
        (
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "HTTP/1.1 200",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
            "HTTP/1.1 400",
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 400",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nX-Folded: a\r\n b\r\n\r\n",
            "HTTP/1.1 400",
        ),
        ("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400"),
    ] {
        let mut stream = running.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = String::from_utf8(read_to_close(&mut stream).await).unwrap();
        assert!(answer.starts_with(expected), "{request:?}: {answer:?}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{request:?}");
    }
}

#[tokio::test]
async fn shutdown_lets_a_running_request_finish_and_refuses_new_connections() {
    // Where no other test listens, so that nobody else is given the port when it is free again.
    let address = if cfg!(target_os = "linux") {
        "127.0.0.19:0"
    } else {
        "127.0.0.1:0"
    };
    let running = Running::start_at(address, application(), ServeLimits::default()).await;
    let mut stream = running.connect().await;
    stream
        .write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let mut idle = running.connect().await;
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut idle, "hello").await;
    running.shutdown.begin();
    read_to_close(&mut idle).await;
    let answer = read_to_close(&mut stream).await;
    assert!(
        answer.ends_with(b"late"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    let address = running.address;
    let report = running.stopped().await;
    assert_eq!(
        report,
        ServeReport {
            connections_cut: 0,
            writes_cut: 0
        }
    );
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn shutdown_waits_for_detached_work() {
    let running = Running::start(application(), ServeLimits::default()).await;
    let (go, wait) = oneshot::channel::<()>();
    running.shutdown.detached().start(async move {
        wait.await.expect("the test sends");
    });
    running.shutdown.begin();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!running.task.is_finished());
    go.send(()).expect("the work waits");
    assert_eq!(running.stopped().await.writes_cut, 0);
}

#[tokio::test]
async fn stream_that_ignores_shutdown_is_cut_at_the_deadline() {
    let limits = ServeLimits {
        shutdown_deadline: Duration::from_millis(500),
        ..ServeLimits::default()
    };
    let running = Running::start(application(), limits).await;
    let mut stream = running.connect().await;
    stream
        .write_all(b"GET /silent HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut stream, "first").await;
    running.shutdown.begin();
    assert_eq!(running.stopped().await.connections_cut, 1);
}

#[tokio::test]
async fn streams_are_told_to_end_before_the_deadline() {
    let shutdown = Shutdown::new();
    let ends = shutdown.streams_must_end().clone();
    let application = Router::new().route(
        "/events",
        get(move || async move {
            Body::from_stream(stream::unfold(0, move |step| {
                let ends = ends.clone();
                async move {
                    match step {
                        0 => Some((Ok::<_, Infallible>("started;"), 1)),
                        1 => {
                            ends.cancelled().await;
                            Some((Ok("ended;"), 2))
                        }
                        _ => None,
                    }
                }
            }))
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = ServeLimits {
        stream_grace: Duration::from_millis(100),
        ..ServeLimits::default()
    };
    let task = tokio::spawn(serve(listener, application, limits, shutdown.clone()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut stream, "started;").await;
    shutdown.begin();
    let rest = String::from_utf8(read_to_close(&mut stream).await).unwrap();
    assert!(rest.contains("ended;"), "{rest:?}");
    let report = timeout(PATIENCE, task).await.unwrap().unwrap();
    assert_eq!(report.connections_cut, 0);
}

#[tokio::test]
async fn second_stop_signal_cuts_at_once() {
    let running = Running::start(application(), ServeLimits::default()).await;
    let mut stream = running.connect().await;
    stream
        .write_all(b"GET /silent HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut stream, "first").await;
    running.shutdown.begin();
    running.shutdown.cut();
    assert_eq!(running.stopped().await.connections_cut, 1);
}
