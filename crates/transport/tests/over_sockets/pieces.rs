//! Bodies that are read piece by piece.

use transport::{Pieces, PiecewiseResponse, Transport, TransportConfig, TransportErrorKind};

use crate::fake::{Fake, Step, answer, chunk, head};

const CHUNKED: &str = "Content-Type: application/jsonl\r\ntransfer-encoding: chunked\r\n";

async fn open(transport: &Transport) -> Pieces {
    match transport.get(&["x"]).pieces().await.unwrap() {
        PiecewiseResponse::Pieces(pieces) => pieces,
        PiecewiseResponse::Complete(response) => panic!("not in pieces: {response:?}"),
    }
}

#[tokio::test]
async fn a_piece_is_given_out_before_the_next_one_is_sent() {
    let fake = Fake::always(vec![
        Step::Send(head("200 OK", CHUNKED)),
        Step::Send(chunk(b"first")),
        Step::Stall,
    ])
    .await;
    let mut pieces = open(&fake.transport()).await;
    assert_eq!(
        (pieces.status(), pieces.header("content-type")),
        (200, Some("application/jsonl"))
    );
    assert_eq!(pieces.next().await.unwrap().unwrap(), "first");
    drop(pieces);
    fake.client_left().await;
}

#[tokio::test]
async fn the_pieces_are_the_whole_body() {
    let body: Vec<Step> = (0..100)
        .map(|number| Step::Send(chunk(format!("{number},").as_bytes())))
        .collect();
    let steps = [
        vec![Step::Send(head("200 OK", CHUNKED))],
        body,
        vec![Step::Send(chunk(b""))],
    ];
    let fake = Fake::always(steps.concat()).await;
    let mut pieces = open(&fake.transport()).await;
    let mut whole = Vec::new();
    while let Some(piece) = pieces.next().await.unwrap() {
        whole.extend_from_slice(&piece);
    }
    let expected: String = (0..100).map(|number| format!("{number},")).collect();
    assert_eq!(whole, expected.into_bytes());
}

#[tokio::test]
async fn a_body_that_is_cut_is_an_error_and_not_an_end() {
    let fake = Fake::always(vec![
        Step::Send(head("200 OK", CHUNKED)),
        Step::Send(chunk(b"some")),
        Step::Close,
    ])
    .await;
    let mut pieces = open(&fake.transport()).await;
    assert_eq!(pieces.next().await.unwrap().unwrap(), "some");
    let error = pieces.next().await.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::ConnectionLost, "{error}");
}

#[tokio::test]
async fn a_body_without_end_is_stopped_at_its_limit() {
    let fake = Fake::always(vec![
        Step::Send(head("200 OK", "content-type: text/plain\r\n")),
        Step::SendForEver(vec![b'x'; 4_096]),
    ])
    .await;
    let config = TransportConfig {
        response_max_bytes: 1 << 20,
        ..TransportConfig::default()
    };
    let mut pieces = open(&fake.transport_with(config)).await;
    let error = loop {
        match pieces.next().await {
            Ok(piece) => assert!(piece.is_some(), "the body never ends by itself"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), TransportErrorKind::BodyTooLarge, "{error}");
}

#[tokio::test]
async fn other_answers_are_read_whole() {
    let refused = answer("403 Forbidden", "content-type: text/plain\r\n", b"no");
    let fake = Fake::always(vec![Step::Send(refused)]).await;
    let answer = fake.transport().get(&["x"]).pieces().await.unwrap();
    let PiecewiseResponse::Complete(response) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(response.status(), 403);
    assert_eq!(&response.body()[..], b"no");
}
