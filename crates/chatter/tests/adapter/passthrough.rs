//! The vendor's own API, with the token that new conversations are made with.

use backend::ports::{Passthrough, PassthroughRequest};
use bytes::Bytes;
use chatter::{Chatter, ChatterConfig, ChatterCredentials};

use crate::fake::{FakeChatter, Generation};
use crate::support::{create, cx, pair, paths};

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
async fn conversations_are_read_and_listed_in_the_vendors_own_words() {
    let (fake, chatter) = pair(Generation::V2).await;
    let at = create(&chatter).await;
    let path = ["api", "v1", "conversations", &*at.native];
    let one = chatter
        .pass_through(&cx(), request("GET", &path))
        .await
        .unwrap();
    assert_eq!(one.status, 200);
    let body: serde_json::Value = serde_json::from_slice(&one.body).unwrap();
    assert_eq!(body["id"], *at.native);
    // The collection has a slash at its end, without which the server only redirects.
    let all = chatter
        .pass_through(&cx(), request("GET", &path[..3]))
        .await
        .unwrap();
    assert_eq!(all.status, 200);
    assert!(
        paths(&fake).last().unwrap().ends_with("/conversations/"),
        "{:?}",
        paths(&fake)
    );
}

#[tokio::test]
async fn a_token_that_has_ended_is_renewed_and_one_that_is_wrong_is_the_answer() {
    let fake = FakeChatter::start(Generation::V2).await;
    let login = ChatterCredentials::Login {
        username: FakeChatter::USERNAME.to_owned(),
        password: FakeChatter::PASSWORD.into(),
    };
    let chatter =
        Chatter::new("chatter", &ChatterConfig::new(fake.base_url(), login), None).unwrap();
    let list = || request("GET", &["api", "v1", "conversations"]);
    assert_eq!(
        chatter.pass_through(&cx(), list()).await.unwrap().status,
        200
    );
    fake.expire_tokens();
    assert_eq!(
        chatter.pass_through(&cx(), list()).await.unwrap().status,
        200
    );

    let wrong = ChatterCredentials::Token("wrong".into());
    let chatter =
        Chatter::new("chatter", &ChatterConfig::new(fake.base_url(), wrong), None).unwrap();
    assert_eq!(
        chatter.pass_through(&cx(), list()).await.unwrap().status,
        401
    );
}
