//! As much of HTTP/1.1 as a proxy between our own client and our own fakes needs.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest head that is read.
const HEAD_MAX_BYTES: usize = 1 << 20;
/// How much is read at once.
const PIECE_BYTES: usize = 16 * 1024;
/// What belongs to one connection and is not passed on.
const OF_CONNECTION: [&str; 4] = [
    "connection",
    "keep-alive",
    "transfer-encoding",
    "content-length",
];

/// A message's head: its first line and its fields.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    pub(super) first_line: String,
    pub(super) fields: Vec<(String, String)>,
}

impl Head {
    fn parse(bytes: &[u8]) -> io::Result<Self> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.split("\r\n");
        let first_line = lines.next().unwrap_or_default().to_owned();
        let mut fields = Vec::new();
        for line in lines.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').ok_or(ErrorKind::InvalidData)?;
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Self { first_line, fields })
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let field = fields.find(|(known, _)| known == name);
        field.map(|(_, value)| value.as_str())
    }

    fn is_chunked(&self) -> bool {
        self.field("transfer-encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    }

    fn length(&self) -> io::Result<Option<usize>> {
        let length = self.field("content-length").map(str::parse).transpose();
        length.map_err(|_| ErrorKind::InvalidData.into())
    }

    /// The head as bytes, with these fields instead of those that belong to a connection.
    pub(super) fn bytes(&self, of_connection: &[(&str, String)]) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.first_line);
        for (name, value) in &self.fields {
            if !OF_CONNECTION.contains(&name.as_str()) {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        for (name, value) in of_connection {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.into_bytes()
    }
}

/// A connection, and what was read of it beyond the message before.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// Reads a head; nothing where the connection ends before it begins.
    pub(super) async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let head = Head::parse(&self.buffer[..end])?;
                self.buffer.drain(..end + 4);
                return Ok(Some(head));
            }
            if self.buffer.len() > HEAD_MAX_BYTES {
                return Err(ErrorKind::InvalidData.into());
            }
            if !self.more().await? {
                return match self.buffer.is_empty() {
                    true => Ok(None),
                    false => Err(ErrorKind::UnexpectedEof.into()),
                };
            }
        }
    }

    /// Reads the body of a request.
    pub(super) async fn request_body(&mut self, head: &Head) -> io::Result<Vec<u8>> {
        if head.is_chunked() {
            return self.chunks().await;
        }
        let length = head.length()?.unwrap_or_default();
        self.exactly(length).await
    }

    /// Reads the body of an answer whose connection ends with it.
    async fn answer_body(&mut self, head: &Head) -> io::Result<Vec<u8>> {
        if head.is_chunked() {
            return self.chunks().await;
        }
        if let Some(length) = head.length()? {
            return self.exactly(length).await;
        }
        while self.more().await? {}
        Ok(std::mem::take(&mut self.buffer))
    }

    /// The next piece of whatever comes; empty at the end.
    pub(super) async fn piece(&mut self) -> io::Result<Vec<u8>> {
        if self.buffer.is_empty() {
            self.more().await?;
        }
        Ok(std::mem::take(&mut self.buffer))
    }

    async fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < length {
            if !self.more().await? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.buffer.drain(..length).collect())
    }

    async fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                match find(&self.buffer, b"\r\n") {
                    Some(end) => break end,
                    None if !self.more().await? => return Err(ErrorKind::UnexpectedEof.into()),
                    None => {}
                }
            };
            let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
            let size = String::from_utf8_lossy(&line[..end]).into_owned();
            let size = size.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| ErrorKind::InvalidData)?;
            let chunk = self.exactly(size + 2).await?;
            if size == 0 {
                return Ok(body);
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }

    async fn more(&mut self) -> io::Result<bool> {
        let mut piece = [0; PIECE_BYTES];
        let read = self.stream.read(&mut piece).await?;
        self.buffer.extend_from_slice(&piece[..read]);
        Ok(read > 0)
    }

    /// Waits until the other side has closed. Never ends where it sends more instead.
    pub(super) async fn left(&self) {
        match self.stream.peek(&mut [0; 1]).await {
            Ok(0) | Err(_) => {}
            Ok(_) => std::future::pending().await,
        }
    }
}

/// What a vendor answered.
pub(super) enum FromVendor {
    /// A whole answer.
    Whole(Head, Vec<u8>),
    /// A stream of events, whose body is still on its way.
    Stream(Head, Connection),
}

/// Hands a request to the vendor, on a connection of its own.
pub(super) async fn pass_on(
    vendor: SocketAddr,
    head: &Head,
    body: &[u8],
) -> io::Result<FromVendor> {
    let mut connection = Connection::new(TcpStream::connect(vendor).await?);
    let mut bytes = head.bytes(&[
        ("connection", "close".to_owned()),
        ("content-length", body.len().to_string()),
    ]);
    bytes.extend_from_slice(body);
    connection.stream.write_all(&bytes).await?;
    loop {
        let answer = connection.head().await?;
        let answer = answer.ok_or(ErrorKind::UnexpectedEof)?;
        let status = status(&answer);
        if status.starts_with('1') {
            continue;
        }
        let kind = answer.field("content-type").unwrap_or_default();
        if kind.starts_with("text/event-stream") {
            return Ok(FromVendor::Stream(answer, connection));
        }
        let has_none = head.first_line.starts_with("HEAD ") || status == "204" || status == "304";
        let body = match has_none {
            true => Vec::new(),
            false => connection.answer_body(&answer).await?,
        };
        return Ok(FromVendor::Whole(answer, body));
    }
}

/// The status of an answer's head.
pub(super) fn status(head: &Head) -> &str {
    head.first_line.split(' ').nth(1).unwrap_or_default()
}

/// Where the pattern begins.
pub(super) fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes
        .windows(pattern.len())
        .position(|window| window == pattern)
}
