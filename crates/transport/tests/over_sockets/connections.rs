//! Which connection a request takes, and that dead ones are survived.

use std::time::Duration;

use transport::{Delivery, TransportConfig, TransportErrorKind};

use crate::fake::{Fake, Step, answer, json_answer};

fn connections_used(fake: &Fake) -> Vec<usize> {
    fake.requests().iter().map(|seen| seen.connection).collect()
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    let fake = Fake::always(vec![Step::Send(json_answer("{}"))]).await;
    let transport = fake.transport();
    for _ in 0..5 {
        transport.get(&["x"]).send().await.unwrap();
        transport.clone().post(&["x"]).send().await.unwrap();
    }
    assert_eq!(connections_used(&fake), vec![0; 10]);
}

#[tokio::test]
async fn a_fresh_connection_is_used_once_and_closed() {
    let fake = Fake::always(vec![Step::Send(json_answer("{}"))]).await;
    let transport = fake.transport();
    for _ in 0..3 {
        transport
            .post(&["x"])
            .fresh_connection()
            .send()
            .await
            .unwrap();
    }
    transport.post(&["x"]).send().await.unwrap();
    assert_eq!(connections_used(&fake), [0, 1, 2, 3]);
}

#[tokio::test]
async fn an_idle_connection_is_not_used_after_its_time() {
    let fake = Fake::always(vec![Step::Send(json_answer("{}"))]).await;
    let config = TransportConfig {
        pool_idle_timeout_ms: 1,
        ..TransportConfig::default()
    };
    let transport = fake.transport_with(config);
    transport.post(&["x"]).send().await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    transport.post(&["x"]).send().await.unwrap();
    assert_eq!(connections_used(&fake), [0, 1]);
}

/// Answers the first request with a 500 and keeps the connection open just long enough to reset it under the next
/// request: the worst order of events that a server which closes without saying so can produce.
async fn resets_after_a_500() -> Fake {
    Fake::start(|number, seen| match (number, seen.connection) {
        (0, _) => vec![Step::Send(answer(
            "500 Internal Server Error",
            "",
            b"Internal Server Error",
        ))],
        (_, 0) => vec![Step::Reset],
        _ => vec![Step::Send(json_answer("{}"))],
    })
    .await
}

#[tokio::test]
async fn a_write_after_a_500_does_not_use_the_kept_connection() {
    let fake = resets_after_a_500().await;
    let transport = fake.transport();
    assert_eq!(transport.post(&["x"]).send().await.unwrap().status(), 500);
    assert_eq!(transport.post(&["x"]).send().await.unwrap().status(), 200);
    assert_eq!(
        connections_used(&fake),
        [0, 1],
        "the write was sent once, elsewhere"
    );
}

#[tokio::test]
async fn a_read_after_a_500_is_repeated_on_a_fresh_connection() {
    let fake = resets_after_a_500().await;
    let transport = fake.transport();
    assert_eq!(transport.get(&["x"]).send().await.unwrap().status(), 500);
    assert_eq!(transport.get(&["x"]).send().await.unwrap().status(), 200);
    assert_eq!(connections_used(&fake), [0, 0, 1]);
}

#[tokio::test]
async fn requests_work_after_a_500_that_closes_the_connection_at_once() {
    let fake = Fake::start(|number, _| {
        if number % 2 == 0 {
            vec![
                Step::Send(answer("500 Internal Server Error", "", b"oops")),
                Step::Close,
            ]
        } else {
            vec![Step::Send(json_answer("{}"))]
        }
    })
    .await;
    let transport = fake.transport();
    for _ in 0..50 {
        assert_eq!(transport.post(&["x"]).send().await.unwrap().status(), 500);
        assert_eq!(transport.post(&["x"]).send().await.unwrap().status(), 200);
    }
    assert_eq!(fake.requests().len(), 100, "no write was sent twice");
}

#[tokio::test]
async fn a_write_lost_on_a_kept_connection_is_reported_and_never_repeated() {
    let fake = Fake::start(|number, _| match number {
        1 => vec![Step::Reset],
        _ => vec![Step::Send(json_answer("{}"))],
    })
    .await;
    let transport = fake.transport();
    transport.post(&["x"]).send().await.unwrap();
    let error = transport.post(&["x"]).send().await.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::ConnectionLost);
    assert_eq!(error.delivery(), Delivery::MaybeSent);
    assert_eq!(fake.requests().len(), 2);
    transport.post(&["x"]).send().await.unwrap();
    assert_eq!(connections_used(&fake), [0, 0, 1]);
}

#[tokio::test]
async fn a_read_is_repeated_once_and_not_more() {
    let fake = Fake::always(vec![Step::Reset]).await;
    let error = fake.transport().get(&["x"]).send().await.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::ConnectionLost);
    assert_eq!(connections_used(&fake), [0, 1]);
}

#[tokio::test]
async fn a_read_on_a_fresh_connection_is_not_repeated() {
    let fake = Fake::always(vec![Step::Reset]).await;
    let error = fake
        .transport()
        .get(&["x"])
        .fresh_connection()
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::ConnectionLost);
    assert_eq!(fake.requests().len(), 1);
}
