//! What a recorder sees of the calls that are made under it.

use bytes::Bytes;
use secrecy::SecretString;
use transport::{Method, PiecewiseResponse, RecordLimits, Recorder, StreamingResponse, recorded};

use crate::fake::{Fake, Step, json_answer};

const LIMITS: RecordLimits = RecordLimits {
    calls_max: 3,
    body_max_bytes: 16,
    total_max_bytes: 40,
};

#[tokio::test]
async fn a_call_is_recorded_with_both_bodies_and_without_its_credential() {
    let fake = Fake::always(vec![Step::Send(json_answer("{\"id\":\"a\"}"))]).await;
    let recorder = Recorder::new(LIMITS);
    let transport = fake.transport();
    let call = transport
        .request(Method::POST, &["v1", "a/b"])
        .operation("make")
        .query("limit", "a b")
        .bearer(&SecretString::from("planted"))
        .bytes(
            Some("text/plain"),
            Bytes::from_static(b"0123456789abcdefXYZ"),
        )
        .send();
    recorded(recorder.clone(), call).await.unwrap();

    let calls = recorder.calls();
    let [call] = &calls[..] else {
        panic!("{calls:?}");
    };
    assert_eq!((call.operation, call.method.as_str()), ("make", "POST"));
    assert_eq!(
        (&*call.host, &*call.path),
        (&*fake.address.to_string(), "/v1/a%2Fb")
    );
    assert_eq!(call.query, [("limit".into(), "a b".into())]);
    assert_eq!(call.request.bytes, b"0123456789abcdef");
    assert_eq!(call.request.size_bytes, Some(19));
    assert_eq!(call.request.media_type.as_deref(), Some("text/plain"));
    assert!(!call.request.is_whole());
    assert_eq!(call.status, Some(200));
    assert_eq!(call.answer.bytes, b"{\"id\":\"a\"}");
    assert_eq!(call.answer.media_type.as_deref(), Some("application/json"));
    assert!(call.answer.is_whole() && call.failure.is_none() && call.took.is_some());
    assert!(!format!("{calls:?} {recorder:?}").contains("planted"));
    // And it arrived as it was given.
    assert_eq!(fake.requests()[0].body, b"0123456789abcdefXYZ");
    assert_eq!(
        fake.requests()[0].header("content-type"),
        Some("text/plain")
    );
}

#[tokio::test]
async fn what_is_too_much_is_counted_and_not_kept() {
    let fake = Fake::always(vec![Step::Send(json_answer("\"0123456789abcdef\""))]).await;
    let recorder = Recorder::new(LIMITS);
    let transport = fake.transport();
    recorded(recorder.clone(), async {
        for _ in 0..5 {
            transport.get(&["x"]).send().await.unwrap();
        }
    })
    .await;
    let kept: Vec<(usize, Option<u64>)> = recorder
        .calls()
        .iter()
        .map(|call| (call.answer.bytes.len(), call.answer.size_bytes))
        .collect();
    assert_eq!(kept, [(16, Some(18)), (16, Some(18)), (8, Some(18))]);
    assert_eq!(recorder.calls_left_out(), 2);
}

#[tokio::test]
async fn calls_outside_and_in_other_tasks_are_not_recorded() {
    let fake = Fake::always(vec![Step::Send(json_answer("{}"))]).await;
    let recorder = Recorder::new(LIMITS);
    let transport = fake.transport();
    transport.get(&["before"]).send().await.unwrap();
    let other = transport.clone();
    recorded(recorder.clone(), async {
        tokio::spawn(async move { other.get(&["spawned"]).send().await.unwrap() })
            .await
            .unwrap();
        transport.get(&["inside"]).send().await.unwrap();
    })
    .await;
    let paths: Vec<Box<str>> = recorder.calls().into_iter().map(|call| call.path).collect();
    assert_eq!(paths, ["/inside".into()]);
}

#[tokio::test]
async fn an_answer_that_comes_in_pieces_is_recorded_wherever_it_is_read() {
    let events = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: one\n\n";
    let fake = Fake::always(vec![Step::Send(events.into()), Step::Close]).await;
    let recorder = Recorder::new(LIMITS);
    let transport = fake.transport();
    let opened = recorded(recorder.clone(), async {
        let events = transport.post(&["s"]).stream().await.unwrap();
        (events, transport.get(&["p"]).pieces().await.unwrap())
    })
    .await;
    let (StreamingResponse::Events(mut events), PiecewiseResponse::Pieces(mut pieces)) = opened
    else {
        panic!("neither is whole");
    };
    assert_eq!(recorder.calls()[0].took, None);
    tokio::spawn(async move {
        while events.next().await.unwrap().is_some() {}
        while pieces.next().await.unwrap().is_some() {}
    })
    .await
    .unwrap();
    for call in recorder.calls() {
        assert_eq!(call.answer.bytes, b"data: one\n\n", "{call:?}");
        assert!(call.took.is_some() && call.failure.is_none(), "{call:?}");
    }
}

#[tokio::test]
async fn a_failure_is_recorded_with_its_reason_and_what_came_before_it() {
    let cut =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"id\":";
    let fake = Fake::start(move |number, _| match number {
        0 => vec![Step::Send(cut.into()), Step::Close],
        _ => vec![Step::Close],
    })
    .await;
    let recorder = Recorder::new(LIMITS);
    let transport = fake.transport();
    recorded(recorder.clone(), async {
        transport.get(&["a"]).send().await.unwrap_err();
        transport.post(&["b"]).send().await.unwrap_err();
    })
    .await;
    let calls = recorder.calls();
    assert_eq!(calls[0].status, Some(200));
    assert_eq!(calls[0].answer.bytes, b"{\"id\":");
    assert_eq!(calls[1].status, None);
    for call in &calls {
        assert!(call.failure.is_some() && call.took.is_some(), "{call:?}");
    }
}
