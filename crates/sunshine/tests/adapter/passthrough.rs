//! The vendor's own API, with the credential that new conversations are made with.

use backend::ports::{Passthrough, PassthroughRequest};
use bytes::Bytes;

use crate::fake::{APP_ID, Fault};
use crate::support::{create, cx, pair};

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
async fn a_conversation_is_read_with_the_backends_key() {
    let (fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    let path = ["v2", "apps", APP_ID, "conversations", &*at.native];
    let answer = sunshine
        .pass_through(&cx(), request("GET", &path))
        .await
        .unwrap();
    assert_eq!(answer.status, 200);
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["conversation"]["id"], *at.native);
    let received = fake.received();
    let last = received.last().unwrap();
    assert!(last.authorization.starts_with("Basic "), "{last:?}");
}

#[tokio::test]
async fn the_vendors_refusal_is_an_answer_and_nothing_is_sent_twice() {
    let (fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    let before = fake.received().len();
    fake.inject("GetConversation", Fault::Html);
    let path = ["v2", "apps", APP_ID, "conversations", &*at.native];
    let answer = sunshine
        .pass_through(&cx(), request("GET", &path))
        .await
        .unwrap();
    assert!(answer.body.starts_with(b"<"), "{:?}", answer.body);
    let missing = [
        "v2",
        "apps",
        APP_ID,
        "conversations",
        crate::support::MISSING,
    ];
    let answer = sunshine
        .pass_through(&cx(), request("GET", &missing))
        .await
        .unwrap();
    assert_eq!(answer.status, 404);
    assert_eq!(fake.received().len(), before + 2);
}
