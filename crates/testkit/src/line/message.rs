//! HTTP/1 messages as bytes: where a head ends, what a header says, one request carried to a server.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The bytes of one whole request.
pub(super) async fn read_request(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let head = head_bytes(&bytes);
        if head > 0 && has_whole_body(&bytes[..head], &bytes[head..]) {
            return Ok(bytes);
        }
        if client.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// How long the head is, with the empty line behind it; 0 where it is not whole.
#[must_use]
pub fn head_bytes(message: &[u8]) -> usize {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n");
    end.map_or(0, |end| end + 4)
}

fn has_whole_body(head: &[u8], body: &[u8]) -> bool {
    match header(head, "content-length") {
        Some(length) => body.len() >= length.parse().unwrap_or(usize::MAX),
        None if header(head, "transfer-encoding").is_some() => body.ends_with(b"0\r\n\r\n"),
        None => true,
    }
}

/// A header's value, in lower case.
fn header(head: &[u8], name: &str) -> Option<String> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let values = head.lines().filter_map(|line| line.split_once(':'));
    let mut named = values.filter(|(header, _)| header.trim() == name);
    named.next().map(|(_, value)| value.trim().to_owned())
}

/// A body without the chunks in which it may have come, as the head of its message says.
#[must_use]
pub fn plain_body(head: &[u8], body: &[u8]) -> Vec<u8> {
    if header(head, "transfer-encoding").as_deref() != Some("chunked") {
        return body.to_vec();
    }
    let (mut rest, mut whole) = (body, Vec::new());
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).unwrap_or("0");
        let size = usize::from_str_radix(size, 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        whole.extend(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
    whole
}

/// Sends the request to the server and gives its whole answer.
pub(super) async fn pass_on(target: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(target).await?;
    // The answer's end is the connection's, so that none need be counted.
    let first_line = request.windows(2).position(|two| two == b"\r\n");
    let (line, rest) = request.split_at(first_line.unwrap_or_default());
    server.write_all(line).await?;
    server.write_all(b"\r\nconnection: close").await?;
    server.write_all(rest).await?;
    let mut answer = Vec::new();
    // A server that cuts its own answer is passed on as it is.
    let _ = server.read_to_end(&mut answer).await;
    Ok(answer)
}

/// An answer of one's own.
#[must_use]
pub fn answer(status: u16, content_type: &str, body: &[u8]) -> Arc<[u8]> {
    let mut bytes = format!("HTTP/1.1 {status} Planned\r\nconnection: close\r\n").into_bytes();
    if !content_type.is_empty() {
        bytes.extend(format!("content-type: {content_type}\r\n").bytes());
    }
    bytes.extend(format!("content-length: {}\r\n\r\n", body.len()).bytes());
    bytes.extend(body);
    bytes.into()
}
