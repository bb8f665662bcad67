//! Calls that bring no answer, and what can be said about them.

use std::error::Error;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use transport::{Delivery, Phase, Transport, TransportConfig, TransportError, TransportErrorKind};

use crate::fake::{Fake, Step, chunk, head, json_answer};

fn config(read_timeout_ms: u64) -> TransportConfig {
    TransportConfig {
        read_timeout_ms,
        ..TransportConfig::default()
    }
}

/// A port on which nothing listens.
async fn closed_port() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

async fn post(transport: &Transport) -> TransportError {
    transport.post(&["x"]).json(&1).send().await.unwrap_err()
}

#[tokio::test]
async fn a_refused_connection_is_certainly_not_sent() {
    let base_url = format!("http://127.0.0.1:{}", closed_port().await);
    let error = post(&Transport::new(&base_url, &TransportConfig::default()).unwrap()).await;
    assert_eq!(error.kind(), TransportErrorKind::Connect, "{error}");
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert!(error.detail().contains("refused"), "{error}");
}

#[tokio::test]
async fn an_unresolvable_name_is_certainly_not_sent() {
    // A label of more than 63 bytes is refused by the resolver itself: no packet leaves the machine.
    let base_url = format!("http://{}.invalid", "x".repeat(64));
    let error = post(&Transport::new(&base_url, &TransportConfig::default()).unwrap()).await;
    assert_eq!(error.kind(), TransportErrorKind::Dns, "{error}");
    assert_eq!(error.delivery(), Delivery::NotSent);
}

#[tokio::test]
async fn a_connection_that_is_never_accepted_times_out_unsent() {
    // A listener that never accepts, with its queue filled, lets further connects wait without an answer.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    for _ in 0..4 {
        let connect = tokio::net::TcpStream::connect(address);
        if let Ok(stream) = tokio::time::timeout(Duration::from_millis(100), connect).await {
            waiting.push(stream.unwrap());
        }
    }
    let config = TransportConfig {
        connect_timeout_ms: 100,
        ..TransportConfig::default()
    };
    let error = post(&Transport::new(&format!("http://{address}"), &config).unwrap()).await;
    assert_eq!(
        error.kind(),
        TransportErrorKind::Timeout(Phase::Connecting),
        "{error}"
    );
    assert_eq!(error.delivery(), Delivery::NotSent);
}

#[tokio::test]
async fn a_deadline_in_the_past_sends_nothing() {
    let fake = Fake::always(vec![Step::Send(json_answer("{}"))]).await;
    let error = fake
        .transport()
        .post(&["x"])
        .deadline(Instant::now())
        .send()
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        TransportErrorKind::Timeout(Phase::BeforeSending)
    );
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert_eq!(fake.connections(), 0);
}

#[tokio::test]
async fn silence_before_the_answer_times_out_and_may_have_been_applied() {
    let fake = Fake::always(vec![Step::Stall]).await;
    let error = post(&fake.transport_with(config(50))).await;
    assert_eq!(
        error.kind(),
        TransportErrorKind::Timeout(Phase::WaitingForAnswer),
        "{error}"
    );
    assert_eq!(error.delivery(), Delivery::MaybeSent);
    assert!(error.detail().contains("50 ms"), "{error}");
    fake.client_left().await;
}

#[tokio::test]
async fn silence_inside_the_body_times_out_and_may_have_been_applied() {
    for headers in [
        "content-length: 100\r\n",
        "transfer-encoding: chunked\r\n",
        "",
    ] {
        let body = if headers.starts_with('t') {
            chunk(b"{\"a\"")
        } else {
            b"{\"a\"".to_vec()
        };
        let steps = vec![
            Step::Send(head("200 OK", headers)),
            Step::Send(body),
            Step::Stall,
        ];
        let fake = Fake::always(steps).await;
        let error = post(&fake.transport_with(config(50))).await;
        assert_eq!(
            error.kind(),
            TransportErrorKind::Timeout(Phase::ReadingAnswer),
            "{error}"
        );
        assert_eq!(error.delivery(), Delivery::MaybeSent);
        fake.client_left().await;
    }
}

#[tokio::test]
async fn a_request_may_set_its_own_longest_silence() {
    let fake = Fake::always(vec![Step::Stall]).await;
    let transport = fake.transport();
    let result = transport
        .post(&["x"])
        .read_timeout(Duration::from_millis(50))
        .send()
        .await;
    assert_eq!(
        result.unwrap_err().kind(),
        TransportErrorKind::Timeout(Phase::WaitingForAnswer)
    );
}

#[tokio::test]
async fn the_deadline_ends_an_answer_that_drips_without_ever_being_silent() {
    let fake = Fake::always(vec![
        Step::Send(head("200 OK", "")),
        Step::SendForEver(b"x".to_vec()),
    ])
    .await;
    let deadline = Instant::now() + Duration::from_millis(200);
    let transport = fake.transport_with(TransportConfig {
        response_max_bytes: usize::MAX,
        ..TransportConfig::default()
    });
    let error = transport
        .get(&["x"])
        .deadline(deadline)
        .send()
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        TransportErrorKind::Timeout(Phase::ReadingAnswer),
        "{error}"
    );
    assert!(error.detail().contains("deadline"), "{error}");
    fake.client_left().await;
}

/// Cuts a correct answer at every byte: no piece of it may pass for the whole.
async fn cut_everywhere(whole: Vec<u8>, end: Step) {
    let head_bytes = whole
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap()
        + 4;
    let length = whole.len();
    let fake =
        Fake::start(move |number, _| vec![Step::Send(whole[..number].to_vec()), end.clone()]).await;
    let transport = fake.transport();
    for cut in 0..length {
        let error = post(&transport).await;
        assert_eq!(
            error.kind(),
            TransportErrorKind::ConnectionLost,
            "cut at {cut}: {error}"
        );
        assert_eq!(error.delivery(), Delivery::MaybeSent, "cut at {cut}");
    }
    assert_eq!(
        fake.requests().len(),
        length,
        "each write was sent exactly once"
    );
    assert!(head_bytes < length);
}

#[tokio::test]
async fn an_answer_of_announced_length_cut_at_any_byte_is_lost() {
    cut_everywhere(json_answer("{\"items\":[1,2,3]}"), Step::Close).await;
}

#[tokio::test]
async fn an_answer_of_announced_length_reset_at_any_byte_is_lost() {
    cut_everywhere(json_answer("{\"items\":[1,2,3]}"), Step::Reset).await;
}

#[tokio::test]
async fn a_chunked_answer_cut_at_any_byte_is_lost() {
    let headers = "content-type: application/json\r\ntransfer-encoding: chunked\r\n";
    let whole = [
        head("200 OK", headers),
        chunk(b"{\"items\":"),
        chunk(b"[1,2,3]}"),
        chunk(b""),
    ];
    cut_everywhere(whole.concat(), Step::Close).await;
}

#[tokio::test]
async fn errors_show_neither_url_nor_credentials_nor_bodies() {
    let secret = SecretString::from("planted-secret");
    let silent = Fake::always(vec![Step::Stall]).await;
    let lost = Fake::always(vec![Step::Reset]).await;
    let garbage = Fake::always(vec![
        Step::Send(b"planted-secret\r\n\r\n".to_vec()),
        Step::Stall,
    ])
    .await;
    let cut = Fake::always(vec![
        Step::Send(head(
            "200 OK",
            "x: planted-secret\r\ncontent-length: 99\r\n",
        )),
        Step::Send(b"planted-secret".to_vec()),
        Step::Close,
    ])
    .await;
    let refused = format!("http://127.0.0.1:{}/planted-secret", closed_port().await);
    let base_urls = [
        silent.base_url(),
        lost.base_url(),
        garbage.base_url(),
        cut.base_url(),
        refused,
    ];
    for base_url in base_urls {
        let transport = Transport::new(&base_url, &config(50)).unwrap();
        let error = transport
            .post(&["c", "planted-secret"])
            .query("q", "planted-secret")
            .bearer(&secret)
            .json(&"planted-secret")
            .send()
            .await
            .unwrap_err();
        let mut shown = format!("{error} {error:?} {error:#?} {transport:?}");
        let mut source = error.source();
        while let Some(cause) = source {
            shown.push_str(&format!(" {cause} {cause:?}"));
            source = cause.source();
        }
        assert!(!shown.contains("planted"), "{shown}");
    }
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let zero = TransportConfig {
        read_timeout_ms: 0,
        ..TransportConfig::default()
    };
    let huge = TransportConfig {
        request_timeout_ms: u64::MAX,
        ..TransportConfig::default()
    };
    let no_body = TransportConfig {
        response_max_bytes: 0,
        ..TransportConfig::default()
    };
    let pem = TransportConfig {
        extra_ca_pem: Some("planted".to_owned()),
        ..Default::default()
    };
    let cut_pem = "-----BEGIN CERTIFICATE-----\nplanted\n-----END CERTIFICATE-----\n".to_owned();
    let cut_pem = TransportConfig {
        extra_ca_pem: Some(cut_pem),
        ..Default::default()
    };
    for config in [zero, huge, no_body, pem, cut_pem] {
        let error = Transport::new("https://localhost", &config).unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::InvalidConfig, "{error}");
        assert!(
            !format!("{error} {error:?} {config:?}").contains("planted"),
            "{error:?}"
        );
    }
}
