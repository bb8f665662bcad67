//! Answers that are complete, or look so.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use transport::{Delivery, TransportConfig, TransportError, TransportErrorKind};

use crate::fake::{Fake, Step, answer, chunk, head, json_answer};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The error of a GET that is answered by these steps, with a limit of 100 kB.
async fn failure(steps: Vec<Step>) -> TransportError {
    let fake = Fake::always(steps).await;
    let config = TransportConfig {
        response_max_bytes: 100_000,
        ..TransportConfig::default()
    };
    fake.transport_with(config)
        .get(&["x"])
        .send()
        .await
        .unwrap_err()
}

#[tokio::test]
async fn every_status_is_an_answer() {
    let codes = [
        "200 OK",
        "201 Created",
        "404 Not Found",
        "429 Slow down",
        "500",
        "799 Odd",
    ];
    let fake = Fake::start(move |number, _| {
        let headers = "X-Thing: a\r\nx-thing: b\r\nretry-after: 7\r\n";
        vec![Step::Send(answer(codes[number], headers, b"{\"a\":1}"))]
    })
    .await;
    let transport = fake.transport();
    for code in codes {
        let response = transport.get(&["x"]).send().await.unwrap();
        assert_eq!(response.status().to_string(), code[..3]);
        assert_eq!(response.is_success(), code.starts_with('2'));
        assert_eq!(response.header("x-thing"), Some("a"));
        assert_eq!(response.headers().get_all("x-thing").iter().count(), 2);
        assert_eq!(response.header("x-missing"), None);
        assert_eq!(
            response.retry_after(Duration::from_secs(5)),
            Some(Duration::from_secs(5))
        );
        assert_eq!(response.json::<Value>().unwrap(), json!({"a": 1}));
        assert_eq!(&response.into_body()[..], b"{\"a\":1}");
    }
}

#[tokio::test]
async fn bodies_of_every_framing_arrive_whole() {
    let large = "x".repeat(3_000_000);
    let many_chunks = large
        .as_bytes()
        .chunks(70_001)
        .flat_map(chunk)
        .collect::<Vec<u8>>();
    let chunked = "transfer-encoding: chunked\r\n";
    let answers: Vec<(Vec<Step>, &str)> = vec![
        (
            vec![Step::Send(answer("200 OK", "", large.as_bytes()))],
            &large,
        ),
        (
            vec![Step::Send(
                [head("200 OK", chunked), many_chunks, chunk(b"")].concat(),
            )],
            &large,
        ),
        (
            vec![
                Step::Send(head("200 OK", "")),
                Step::Send(large.clone().into()),
                Step::Close,
            ],
            &large,
        ),
        (
            vec![Step::Send(answer(
                "200 OK",
                "content-encoding: gzip\r\n",
                &gzip(large.as_bytes()),
            ))],
            &large,
        ),
        (
            vec![
                Step::Send(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
                Step::Send(json_answer("1")),
            ],
            "1",
        ),
        (vec![Step::Send(head("204 No Content", ""))], ""),
    ];
    for (steps, body) in answers {
        let fake = Fake::always(steps).await;
        let response = fake.transport().get(&["x"]).send().await.unwrap();
        assert!(response.body() == body.as_bytes(), "{response:?}");
    }
}

#[tokio::test]
async fn redirects_are_answers_and_not_followed() {
    let fake = Fake::always(vec![Step::Send(answer(
        "307 Temporary Redirect",
        "location: http://127.0.0.1:1/elsewhere\r\n",
        b"",
    ))])
    .await;
    let response = fake.transport().get(&["x"]).send().await.unwrap();
    assert_eq!((response.status(), response.is_success()), (307, false));
    assert_eq!(
        response.header("location"),
        Some("http://127.0.0.1:1/elsewhere")
    );
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn a_short_json_body_that_ends_with_the_connection_is_not_a_value() {
    let fake = Fake::always(vec![
        Step::Send(head("200 OK", "content-type: application/json\r\n")),
        Step::Send(b"{\"items\":[1,2".to_vec()),
        Step::Close,
    ])
    .await;
    let response = fake.transport().get(&["x"]).send().await.unwrap();
    let error = response.json::<Value>().unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::InvalidResponse);
    assert_eq!(error.delivery(), Delivery::MaybeSent);
}

#[tokio::test]
async fn json_deeper_than_the_configured_limit_is_refused() {
    let fake = Fake::always(vec![Step::Send(json_answer("[[[[1]]]]"))]).await;
    let config = |response_max_depth| TransportConfig {
        response_max_depth,
        ..Default::default()
    };
    let response = fake
        .transport_with(config(4))
        .get(&["x"])
        .send()
        .await
        .unwrap();
    assert_eq!(response.json::<Value>().unwrap(), json!([[[[1]]]]));
    let response = fake
        .transport_with(config(3))
        .get(&["x"])
        .send()
        .await
        .unwrap();
    assert_eq!(
        response.json::<Value>().unwrap_err().kind(),
        TransportErrorKind::InvalidResponse
    );
}

#[tokio::test]
async fn bodies_beyond_the_limit_are_refused_and_not_read_on() {
    let chunked = "transfer-encoding: chunked\r\n";
    let piece = chunk(&[b'x'; 10_000]);
    let endless = [
        // Refused by its announced length alone: no byte of the body is ever sent.
        vec![
            Step::Send(head("200 OK", "content-length: 100001\r\n")),
            Step::Stall,
        ],
        vec![
            Step::Send(head("200 OK", chunked)),
            Step::SendForEver(piece),
        ],
        vec![
            Step::Send(head("200 OK", "")),
            Step::SendForEver(vec![b'x'; 10_000]),
        ],
    ];
    for steps in endless {
        let fake = Fake::always(steps).await;
        let config = TransportConfig {
            response_max_bytes: 100_000,
            ..TransportConfig::default()
        };
        let error = fake
            .transport_with(config)
            .get(&["x"])
            .send()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::BodyTooLarge, "{error}");
        fake.client_left().await;
    }
}

#[tokio::test]
async fn bodies_at_the_limit_are_read() {
    let fake = Fake::always(vec![Step::Send(answer("200 OK", "", &[b'x'; 100_000]))]).await;
    let config = TransportConfig {
        response_max_bytes: 100_000,
        ..TransportConfig::default()
    };
    let response = fake
        .transport_with(config)
        .get(&["x"])
        .send()
        .await
        .unwrap();
    assert_eq!(response.body().len(), 100_000);
}

#[tokio::test]
async fn json_has_a_limit_of_its_own() {
    let body = format!("\"{}\"", "x".repeat(99_998));
    let fake = Fake::always(vec![Step::Send(answer("200 OK", "", body.as_bytes()))]).await;
    let config = TransportConfig {
        response_max_bytes: 100_000,
        json_max_bytes: 99_999,
        ..TransportConfig::default()
    };
    let transport = fake.transport_with(config);
    let error = transport.get(&["x"]).send().await.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::BodyTooLarge, "{error}");
    let file = transport.get(&["x"]).accept("*/*").send().await.unwrap();
    assert_eq!(file.body().len(), 100_000);
}

#[tokio::test]
async fn json_of_too_many_values_is_no_answer() {
    let body = format!("[{}1]", "1,".repeat(1_000));
    let fake = Fake::always(vec![Step::Send(answer("200 OK", "", body.as_bytes()))]).await;
    let config = TransportConfig {
        json_max_values: 1_000,
        ..TransportConfig::default()
    };
    let transport = fake.transport_with(config);
    let response = transport.get(&["x"]).send().await.unwrap();
    let error = response.json::<serde_json::Value>().unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::InvalidResponse, "{error}");
}

#[tokio::test]
async fn a_gzip_bomb_is_stopped_at_the_limit() {
    let bomb = gzip(&vec![0; 20_000_000]);
    assert!(
        bomb.len() < 100_000,
        "the compressed body must pass the limit"
    );
    let error = failure(vec![Step::Send(answer(
        "200 OK",
        "content-encoding: gzip\r\n",
        &bomb,
    ))])
    .await;
    assert_eq!(error.kind(), TransportErrorKind::BodyTooLarge, "{error}");
}

#[tokio::test]
async fn broken_or_cut_compression_is_an_invalid_answer() {
    let whole = gzip(b"{\"a\":1}");
    for cut in 1..whole.len() {
        let body = answer("200 OK", "content-encoding: gzip\r\n", &whole[..cut]);
        let error = failure(vec![Step::Send(body)]).await;
        assert_eq!(
            error.kind(),
            TransportErrorKind::InvalidResponse,
            "{cut}: {error}"
        );
        assert_eq!(error.delivery(), Delivery::MaybeSent);
    }
    let error = failure(vec![Step::Send(answer(
        "200 OK",
        "content-encoding: gzip\r\n",
        b"not gzip",
    ))])
    .await;
    assert_eq!(error.kind(), TransportErrorKind::InvalidResponse, "{error}");
}

#[tokio::test]
async fn oversized_and_broken_heads_are_invalid_answers() {
    let many = (0..1_000)
        .map(|number| format!("x-{number}: 1\r\n"))
        .collect::<String>();
    let large = format!("x-large: {}\r\n", "x".repeat(10_000_000));
    let heads: [Vec<u8>; 6] = [
        head("200 OK", &many),
        head("200 OK", &large),
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec(),
        b"HTTP/1.1 abc OK\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\nbroken header\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab".to_vec(),
    ];
    for bytes in heads {
        let start = String::from_utf8_lossy(&bytes)
            .chars()
            .take(30)
            .collect::<String>();
        let error = failure(vec![Step::Send(bytes), Step::Stall]).await;
        assert_eq!(
            error.kind(),
            TransportErrorKind::InvalidResponse,
            "{start:?}: {error}"
        );
        assert_eq!(error.delivery(), Delivery::MaybeSent);
    }
}
