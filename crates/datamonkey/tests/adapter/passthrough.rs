//! The vendor's own API, as the user of the vendor who makes this end user's conversations.

use backend::ports::{Passthrough, PassthroughRequest};
use bytes::Bytes;

use crate::support::{Pair, cx, cx_of};

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
async fn each_end_user_calls_with_their_own_token() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    // With the API's prefix, as the vendor documents it, and without.
    for path in [
        &["api", "v1", "chat", &*at.native][..],
        &["chat", &*at.native],
    ] {
        let answer = pair
            .datamonkey
            .pass_through(&cx(), request("GET", path))
            .await;
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{path:?}");
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body["id"], *at.native);
    }
    let requests = pair.fake.requests();
    assert_eq!(requests.last().unwrap().token, pair.token("ada").await);

    let other = pair
        .datamonkey
        .pass_through(&cx_of("bo"), request("GET", &["chat", &*at.native]))
        .await
        .unwrap();
    assert!((400..500).contains(&other.status), "{}", other.status);
    assert_ne!(pair.token("bo").await, pair.token("ada").await);
}

#[tokio::test]
async fn a_conversation_that_is_made_there_is_the_end_users() {
    let pair = Pair::new().await;
    let made = PassthroughRequest {
        headers: vec![("content-type".into(), "application/json".into())],
        body: r#"{"title":"made past the gateway"}"#.into(),
        ..request("POST", &["chat"])
    };
    let answer = pair.datamonkey.pass_through(&cx(), made).await.unwrap();
    assert_eq!(answer.status, 201);
    // No token comes back, in whatever header the vendor sends one.
    assert!(
        answer
            .headers
            .iter()
            .all(|(name, _)| !name.contains("token")),
        "{:?}",
        answer.headers
    );
    assert_eq!(pair.listed(&cx()).await, ["made past the gateway"]);
}
