//! A stand-in for a replica: it notes what it is asked, and answers or breaks off as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// More requests than any test sends.
const REQUESTS_MAX: usize = 1_000;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) headers: Vec<(String, String)>,
}

impl Seen {
    /// The values of a header field.
    pub(super) fn header(&self, name: &str) -> Vec<&str> {
        let fields = self.headers.iter().filter(|(known, _)| known == name);
        fields.map(|(_, value)| value.as_str()).collect()
    }
}

/// What it does with a request that it has read whole.
#[derive(Clone, Copy)]
pub(super) enum Manner {
    /// Answers 200 with an id of its own.
    Answers,
    /// Closes the connection without a word.
    BreaksOff,
    /// Sends an event, and the next one when the test says so.
    Streams,
}

/// A stand-in that listens until the process ends.
pub(super) struct Replica {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Lets the next event go.
    pub(super) next_event: SyncSender<()>,
}

impl Replica {
    pub(super) fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (next_event, events) = sync_channel(REQUESTS_MAX);
        let events = Arc::new(Mutex::new(events));
        let noted = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let (noted, events) = (Arc::clone(&noted), Arc::clone(&events));
                std::thread::spawn(move || {
                    // A connection that ends in the middle ends its thread, and nothing else.
                    let ended = serve(stream, manner, &noted, &events);
                    drop(ended);
                });
            }
        });
        Self {
            address,
            seen,
            next_event,
        }
    }

    /// What it was asked so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
    }
}

fn serve(
    stream: TcpStream,
    manner: Manner,
    seen: &Mutex<Vec<Seen>>,
    events: &Mutex<Receiver<()>>,
) -> std::io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader)? {
        let is_head = request.method == "HEAD";
        seen.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(request);
        match manner {
            Manner::BreaksOff => return Ok(()),
            Manner::Answers => {
                let body = if is_head { "" } else { "{}" };
                write!(
                    writer,
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: replica\r\n\
                     content-length: 2\r\n\r\n{body}"
                )?;
            }
            Manner::Streams => {
                writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")?;
                let events = events.lock().unwrap_or_else(PoisonError::into_inner);
                for number in 0..2 {
                    writer.write_all(format!("data: {number}\n\n").as_bytes())?;
                    // It ends where the test has gone.
                    if events.recv().is_err() {
                        return Ok(());
                    }
                }
                return Ok(());
            }
        }
    }
    Ok(())
}

/// One request, its body read to the end; none where the connection ended.
fn read_request(reader: &mut impl BufRead) -> std::io::Result<Option<Seen>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let method = line.split(' ').next().unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let request = Seen { method, headers };
    let length: u64 = request
        .header("content-length")
        .first()
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    Ok(Some(request))
}
