//! A small HTTP client: one request for each connection.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{error}: {}", String::from_utf8_lossy(&self.body));
        })
    }

    /// The only code of an error body.
    pub(crate) fn code(&self) -> (u16, String) {
        let json = self.json();
        assert_eq!(json["errors"].as_array().unwrap().len(), 1, "{json}");
        assert!(json["errors"][0]["title"].is_string(), "{json}");
        let code = json["errors"][0]["code"].as_str().unwrap().to_owned();
        (self.status, code)
    }
}

/// Sends a request as it is spelled.
pub(crate) async fn send(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut head = format!(
        "{method} {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = [head.as_bytes(), body].concat();
    // Who is refused before the body was read may find the connection closed: what counts is the answer.
    let (mut reader, mut writer) = stream.split();
    let mut read = Vec::new();
    let (_written, _ended) =
        tokio::join!(writer.write_all(&request), reader.read_to_end(&mut read));
    let end = read
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap();
    let text = String::from_utf8(read[..end].to_vec()).unwrap();
    let mut lines = text.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        headers.append(
            HeaderName::try_from(name).unwrap(),
            HeaderValue::try_from(value.trim()).unwrap(),
        );
    }
    assert!(!headers.contains_key("transfer-encoding"), "{text}");
    Answer {
        status: status.parse().unwrap(),
        headers,
        body: read[end + 4..].to_vec(),
    }
}
