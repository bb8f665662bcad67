//! The vendor's own API: what is sent, what is told of the answer, and what a failure leaves behind.

use backend::ports::{Passthrough, PassthroughRequest};
use backend::{Context, Kind, Outcome};
use bytes::Bytes;
use convore::{Convore, ConvoreConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::fake::{FakeConvore, Fault};
use crate::support::{by_mail, create_with, cx, pair};

fn request(method: &str, path: &[&str]) -> PassthroughRequest {
    PassthroughRequest {
        method: method.into(),
        path: path.iter().map(|&segment| segment.into()).collect(),
        query: Vec::new(),
        headers: Vec::new(),
        body: Bytes::new(),
    }
}

#[tokio::test]
async fn a_conversation_is_read_and_changed_in_the_vendors_own_words() {
    let (fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    let path = ["v1", "conversations", &*at.native];
    let read = convore.pass_through(&cx(), request("GET", &path)).await;
    let read = read.unwrap();
    assert_eq!(read.status, 200);
    let body: serde_json::Value = serde_json::from_slice(&read.body).unwrap();
    assert_eq!(body["id"], *at.native);

    let change = PassthroughRequest {
        headers: vec![("content-type".into(), "application/json".into())],
        body: r#"{"subject":"In other words"}"#.into(),
        ..request("PATCH", &path)
    };
    let changed = convore.pass_through(&cx(), change).await.unwrap();
    assert_eq!(changed.status, 200);
    let seen = fake.requests();
    let last = seen.last().unwrap();
    assert_eq!(
        (&*last.method, &*last.body),
        ("PATCH", r#"{"subject":"In other words"}"#)
    );
}

#[tokio::test]
async fn any_status_of_the_vendor_is_an_answer() {
    let (fake, convore) = pair().await;
    for status in [401, 404, 429, 500] {
        fake.inject("GET", "/v1/labels", Fault::Status(status));
        let answer = convore
            .pass_through(&cx(), request("GET", &["v1", "labels"]))
            .await;
        assert_eq!(answer.unwrap().status, status);
    }
    assert_eq!(fake.requests().len(), 4, "something was sent twice");
}

#[tokio::test]
async fn a_lost_answer_leaves_a_write_unknown_and_a_read_not_applied() {
    let (fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    let path = ["v1", "conversations", &*at.native];
    fake.forget_requests();
    for (method, outcome) in [("PATCH", Outcome::Unknown), ("GET", Outcome::NotApplied)] {
        // A read is sent once more where its connection was lost.
        fake.inject(method, "/v1/conversations/", Fault::CutAfter);
        fake.inject(method, "/v1/conversations/", Fault::CutAfter);
        let mut request = request(method, &path);
        if method == "PATCH" {
            request.headers = vec![("content-type".into(), "application/json".into())];
            request.body = r#"{"subject":"x"}"#.into();
        }
        let error = convore.pass_through(&cx(), request).await.unwrap_err();
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::Unavailable, outcome),
            "{method}"
        );
        assert_eq!(error.backend.as_deref(), Some("convore"));
    }
    let patched = fake
        .requests()
        .iter()
        .filter(|seen| seen.method == "PATCH")
        .count();
    assert_eq!(patched, 1, "a write was sent twice");
}

#[tokio::test]
async fn what_was_never_sent_is_not_applied() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let config = ConvoreConfig::new(format!("http://{address}"), "key", FakeConvore::CHANNEL);
    let convore = Convore::new("convore", &config).unwrap();
    for path in [&["v1", "labels"][..], &["v1", ".."], &["v1", ""]] {
        let error = convore.pass_through(&cx(), request("POST", path)).await;
        assert_eq!(error.unwrap_err().outcome, Outcome::NotApplied, "{path:?}");
    }
    let error = convore
        .pass_through(&cx(), request("no method", &["v1"]))
        .await;
    assert_eq!(error.unwrap_err().kind, Kind::InvalidRequest);
}

/// Sends one request to a server that answers with these header lines, and gives the head that came there.
async fn exchanged(
    cx: &Context,
    request: PassthroughRequest,
    answer: &'static str,
) -> (String, backend::ports::PassthroughAnswer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(head).unwrap()
    });
    let config = ConvoreConfig::new(format!("http://{address}/base"), "s3cret", "chnnl_1");
    let convore = Convore::new("convore", &config).unwrap();
    let answer = convore.pass_through(cx, request).await.unwrap();
    (server.await.unwrap(), answer)
}

#[tokio::test]
async fn odd_ids_stay_one_segment_and_only_harmless_headers_come_back() {
    let asked = PassthroughRequest {
        query: vec![("q".into(), "a&b=c d".into())],
        headers: vec![
            ("accept".into(), "text/csv".into()),
            ("if-none-match".into(), "\"1\"".into()),
        ],
        ..request("GET", &["v1", "a/../b", "%2f", "..%2F"])
    };
    let (head, answer) = exchanged(
        &cx(),
        asked,
        "HTTP/1.1 418 Teapot\r\ncontent-type: text/csv\r\nset-cookie: planted=1\r\nauthorization: planted\r\n\
         x-session-token: planted\r\nlocation: http://planted.example/\r\netag: \"2\"\r\nx-request-id: v-1\r\n\
         x-ratelimit-remaining: 3\r\nretry-after: 7\r\ncontent-length: 3\r\n\r\na,b",
    )
    .await;
    assert!(
        head.starts_with("GET /base/v1/a%2F..%2Fb/%252f/..%252F?q=a%26b%3Dc+d HTTP/1.1\r\n"),
        "{head}"
    );
    let lower = head.to_lowercase();
    assert!(
        lower.contains("\r\naccept: text/csv\r\n")
            && lower.contains("\r\nif-none-match: \"1\"\r\n")
    );
    assert!(
        lower.contains("\r\nauthorization: bearer s3cret\r\n"),
        "{head}"
    );
    assert_eq!((answer.status, &answer.body[..]), (418, &b"a,b"[..]));
    let mut names: Vec<&str> = answer.headers.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "content-type",
            "etag",
            "retry-after",
            "x-ratelimit-remaining",
            "x-request-id"
        ]
    );
}
