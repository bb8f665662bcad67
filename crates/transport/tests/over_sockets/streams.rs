//! Server-sent events over a socket.

use std::time::{Duration, Instant};

use transport::{
    EventStream, Phase, StreamingResponse, Transport, TransportConfig, TransportErrorKind,
};

use crate::fake::{Fake, Step, answer, chunk, head};

const EVENT_STREAM: &str = "content-type: text/event-stream; charset=utf-8\r\n";
const CHUNKED_STREAM: &str = "Content-Type: Text/Event-Stream\r\ntransfer-encoding: chunked\r\n";

async fn open(transport: &Transport) -> EventStream {
    match transport.post(&["x"]).json(&1).stream().await.unwrap() {
        StreamingResponse::Events(events) => events,
        StreamingResponse::Complete(response) => panic!("not a stream: {response:?}"),
    }
}

async fn read_all(events: &mut EventStream) -> Vec<String> {
    let mut texts = Vec::new();
    while let Some(event) = events.next().await.unwrap() {
        texts.push(event.data);
    }
    texts
}

#[tokio::test]
async fn events_arrive_one_by_one_whatever_the_chunks() {
    let text = "\u{feff}data: é\r\n\r\n: hello\r\rdata: a\ndata: 😀\n\ndata: [DONE]\n\n";
    for size in [1, 2, 3, 7, text.len()] {
        let body: Vec<Step> = text
            .as_bytes()
            .chunks(size)
            .map(|piece| Step::Send(chunk(piece)))
            .collect();
        let steps = [
            vec![Step::Send(head("200 OK", CHUNKED_STREAM))],
            body,
            vec![Step::Send(chunk(b""))],
        ];
        let fake = Fake::always(steps.concat()).await;
        let mut events = open(&fake.transport()).await;
        assert_eq!(
            (events.status(), events.header("content-type")),
            (200, Some("Text/Event-Stream"))
        );
        assert_eq!(read_all(&mut events).await, ["é", "a\n😀", "[DONE]"]);
        assert!(!events.ended_inside_event());
        assert_eq!(events.next().await.unwrap(), None);
        let seen = &fake.requests()[0];
        assert_eq!(seen.header("accept"), Some("text/event-stream"));
        assert_eq!(seen.header("accept-encoding"), Some("identity"));
    }
}

#[tokio::test]
async fn an_event_is_given_out_before_the_next_one_is_sent() {
    let fake = Fake::always(vec![
        Step::Send(head("200 OK", EVENT_STREAM)),
        Step::Send(b"data: first\n\n".to_vec()),
        Step::Stall,
    ])
    .await;
    let mut events = open(&fake.transport()).await;
    assert_eq!(events.next().await.unwrap().unwrap().data, "first");
    drop(events);
    fake.client_left().await;
}

#[tokio::test]
async fn an_end_inside_an_event_drops_it_and_is_told() {
    let fake = Fake::always(vec![
        Step::Send(head("200 OK", EVENT_STREAM)),
        Step::Send(b"data: whole\n\ndata: half\n".to_vec()),
        Step::Close,
    ])
    .await;
    let mut events = open(&fake.transport()).await;
    assert_eq!(read_all(&mut events).await, ["whole"]);
    assert!(events.ended_inside_event());
}

#[tokio::test]
async fn a_chunked_stream_that_is_cut_is_an_error_and_not_an_end() {
    for end in [Step::Close, Step::Reset] {
        let fake = Fake::always(vec![
            Step::Send(head("200 OK", CHUNKED_STREAM)),
            Step::Send(chunk(b"data: whole\n\n")),
            end,
        ])
        .await;
        let mut events = open(&fake.transport()).await;
        // A reset may overtake the first event.
        let error = loop {
            match events.next().await {
                Ok(event) => assert_eq!(event.unwrap().data, "whole"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), TransportErrorKind::ConnectionLost, "{error}");
        assert_eq!(events.next().await.unwrap(), None);
    }
}

#[tokio::test]
async fn answers_that_are_no_event_stream_are_read_whole() {
    let answers = [
        answer(
            "401 Unauthorized",
            "content-type: application/problem+json\r\n",
            b"{}",
        ),
        answer("500 Internal Server Error", EVENT_STREAM, b"data: x\n\n"),
        answer("200 OK", "content-type: application/json\r\n", b"{}"),
        answer("200 OK", "content-type: text/event-streamer\r\n", b"{}"),
        answer("200 OK", "", b""),
        answer("302 Found", "location: http://127.0.0.1:1/\r\n", b""),
    ];
    for bytes in answers {
        let status = bytes[9..12].to_vec();
        let fake = Fake::always(vec![Step::Send(bytes)]).await;
        let answer = fake.transport().get(&["x"]).stream().await.unwrap();
        let StreamingResponse::Complete(response) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!(response.status().to_string().into_bytes(), status);
    }
}

#[tokio::test]
async fn silence_in_a_stream_times_out() {
    let steps = vec![Step::Send(head("200 OK", EVENT_STREAM)), Step::Stall];
    let fake = Fake::always(steps).await;
    let config = TransportConfig {
        read_timeout_ms: 50,
        ..TransportConfig::default()
    };
    let mut events = open(&fake.transport_with(config)).await;
    let error = events.next().await.unwrap_err();
    assert_eq!(
        error.kind(),
        TransportErrorKind::Timeout(Phase::ReadingAnswer)
    );
    drop(events);
    fake.client_left().await;
}

#[tokio::test]
async fn the_deadline_ends_a_stream_that_is_never_silent() {
    let fake = Fake::always(vec![
        Step::Send(head("200 OK", EVENT_STREAM)),
        Step::SendForEver(b": still there\n\n".to_vec()),
    ])
    .await;
    let config = TransportConfig {
        response_max_bytes: usize::MAX,
        ..TransportConfig::default()
    };
    let transport = fake.transport_with(config);
    let deadline = Instant::now() + Duration::from_millis(200);
    let answer = transport
        .get(&["x"])
        .deadline(deadline)
        .stream()
        .await
        .unwrap();
    let StreamingResponse::Events(mut events) = answer else {
        panic!("{answer:?}")
    };
    let error = events.next().await.unwrap_err();
    assert_eq!(
        error.kind(),
        TransportErrorKind::Timeout(Phase::ReadingAnswer)
    );
}

#[tokio::test]
async fn endless_lines_events_and_streams_are_stopped_at_their_limits() {
    let hostile: [&[u8]; 3] = [
        b"xxxxxxxxxxxxxxxx",
        b"data: xxxxxxxxxxxxxxxxxxxx\n",
        b"data: x\n\n",
    ];
    for piece in hostile {
        let fake = Fake::always(vec![
            Step::Send(head("200 OK", EVENT_STREAM)),
            Step::SendForEver(piece.repeat(4_096)),
        ])
        .await;
        let config = TransportConfig {
            sse_event_max_bytes: 2 << 20,
            response_max_bytes: 6 << 20,
            ..TransportConfig::default()
        };
        let mut events = open(&fake.transport_with(config)).await;
        let error = loop {
            match events.next().await {
                Ok(event) => assert!(event.is_some(), "the stream never ends by itself"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), TransportErrorKind::BodyTooLarge, "{error}");
        drop(events);
        fake.client_left().await;
        assert!(
            fake.sent_bytes() < 30 << 20,
            "{} bytes were taken",
            fake.sent_bytes()
        );
    }
}
