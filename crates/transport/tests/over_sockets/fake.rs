//! A remote service that does exactly what a test scripts, and remembers what it saw.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use transport::{Transport, TransportConfig};

/// One thing to do after a request was read.
#[derive(Clone)]
pub(crate) enum Step {
    /// Write these bytes.
    Send(Vec<u8>),
    /// Write this piece again and again until the client goes away.
    SendForEver(Vec<u8>),
    /// Write nothing more until the client goes away.
    Stall,
    /// Close properly.
    Close,
    /// Close with a TCP reset.
    Reset,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Number of the connection, from 0.
    pub(crate) connection: usize,
    /// Request line and headers.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn request_line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// Chooses the steps for a request from its number (from 0, over all connections) and what it holds.
type Script = dyn Fn(usize, &Seen) -> Vec<Step> + Send + Sync;

#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    witness: Arc<Witness>,
}

#[derive(Default)]
struct Witness {
    requests: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    sent_bytes: AtomicUsize,
    client_left: Notify,
}

impl Fake {
    pub(crate) async fn start(
        script: impl Fn(usize, &Seen) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self {
            address: listener.local_addr().unwrap(),
            witness: Arc::default(),
        };
        let witness = fake.witness.clone();
        let script: Arc<Script> = Arc::new(script);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let connection = witness.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, connection, witness.clone(), script.clone()));
            }
        });
        fake
    }

    /// Every request gets these steps.
    pub(crate) async fn always(steps: Vec<Step>) -> Self {
        Self::start(move |_, _| steps.clone()).await
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn transport(&self) -> Transport {
        self.transport_with(TransportConfig::default())
    }

    pub(crate) fn transport_with(&self, config: TransportConfig) -> Transport {
        Transport::new(&self.base_url(), &config).unwrap()
    }

    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.witness.requests.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.witness.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn sent_bytes(&self) -> usize {
        self.witness.sent_bytes.load(Ordering::SeqCst)
    }

    /// Waits until the client has closed a connection on which the fake stalls or sends for ever.
    pub(crate) async fn client_left(&self) {
        let limit = Duration::from_secs(20);
        tokio::time::timeout(limit, self.witness.client_left.notified())
            .await
            .expect("the client must close the connection");
    }
}

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    witness: Arc<Witness>,
    script: Arc<Script>,
) {
    while let Some((head, body)) = read_request(&mut stream).await {
        let seen = Seen {
            connection,
            head,
            body,
        };
        let number = {
            let mut requests = witness.requests.lock().unwrap();
            requests.push(seen.clone());
            requests.len() - 1
        };
        for step in script(number, &seen) {
            match step {
                Step::Send(bytes) => {
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                    witness.sent_bytes.fetch_add(bytes.len(), Ordering::SeqCst);
                }
                Step::SendForEver(bytes) => {
                    while stream.write_all(&bytes).await.is_ok() {
                        witness.sent_bytes.fetch_add(bytes.len(), Ordering::SeqCst);
                    }
                    witness.client_left.notify_one();
                    return;
                }
                Step::Stall => {
                    // Ends when the client closes (0 bytes) or resets (error); it has nothing more to send.
                    let _end = stream.read(&mut [0; 1]).await;
                    witness.client_left.notify_one();
                    return;
                }
                Step::Close => return,
                Step::Reset => {
                    stream.set_zero_linger().unwrap();
                    return;
                }
            }
        }
    }
}

/// Reads one request with an optional body of announced length; `None` when the client closed.
pub(crate) async fn read_request<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length: ")?
                .parse()
                .ok()
        })
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

/// A complete answer with these header lines (each ending in CRLF) and an announced length.
pub(crate) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut bytes =
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

pub(crate) fn json_answer(body: &str) -> Vec<u8> {
    answer(
        "200 OK",
        "content-type: application/json\r\n",
        body.as_bytes(),
    )
}

/// Only the head; the body, if any, ends when the connection does.
pub(crate) fn head(status: &str, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}\r\n").into_bytes()
}

/// One chunk of a body with `transfer-encoding: chunked`.
pub(crate) fn chunk(body: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n"].concat()
}
