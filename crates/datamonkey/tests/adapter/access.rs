//! What travels and what is printed: the token's header, base URLs, secrets.

use std::sync::Arc;

use backend::{Backend, Kind, Outcome, Precondition};
use conversation::{ConversationPatch, Patch, Status};
use datamonkey::{Datamonkey, DatamonkeyConfig};

use crate::credentials::MemoryCredentials;
use crate::fake::{FakeDatamonkey, Fault, Operation};
use crate::support::{NAME, Pair, ask, cx};

fn on(base_url: &str) -> datamonkey::Datamonkey {
    let config = DatamonkeyConfig::new(base_url);
    Datamonkey::new(NAME, &config, Arc::<MemoryCredentials>::default()).unwrap()
}

#[tokio::test]
async fn the_base_url_may_end_with_the_api_or_not() {
    let fake = FakeDatamonkey::start().await;
    for end in ["", "/", "/api/v1", "/api/v1/"] {
        let health = on(&format!("{}{end}", fake.base_url())).health(&cx()).await;
        assert!(health.ok, "{end}: {}", health.detail);
    }
}

#[tokio::test]
async fn a_wrong_base_url_is_named_and_is_no_missing_conversation() {
    let fake = FakeDatamonkey::start().await;
    let datamonkey = on(&format!("{}/elsewhere", fake.base_url()));
    let health = datamonkey.health(&cx()).await;
    assert!(
        !health.ok && health.detail.contains("base url"),
        "{}",
        health.detail
    );
    let error = datamonkey
        .create_conversation(&cx(), Default::default())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::UpstreamFailed, Outcome::NotApplied)
    );
    assert!(error.message.contains("base url"), "{}", error.message);

    let pair = Pair::new().await;
    let at = pair.create().await;
    pair.fake.inject(
        Operation::Get,
        Fault::Answer {
            status: 404,
            content_type: "text/plain",
            body: "404 page not found".to_owned(),
        },
    );
    let error = pair
        .datamonkey
        .get_conversation(&cx(), &at)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::UpstreamFailed);
}

#[tokio::test]
async fn a_base_url_that_is_none_is_refused_at_once() {
    for base_url in [
        "",
        "monkey.example",
        "ftp://monkey.example",
        "http://user@monkey.example",
        "http://monkey.example/?x",
    ] {
        let config = DatamonkeyConfig::new(base_url);
        let error =
            Datamonkey::new(NAME, &config, Arc::<MemoryCredentials>::default()).unwrap_err();
        assert_eq!(error.kind, Kind::Internal, "{base_url}");
    }
}

#[tokio::test]
async fn health_asks_without_a_token_and_makes_nobody() {
    let pair = Pair::new().await;
    pair.create().await;
    let health = pair.datamonkey.health(&cx()).await;
    assert!(health.ok, "{}", health.detail);
    let asked = pair.fake.requests();
    let last = asked.last().unwrap();
    assert_eq!(
        (last.method.as_str(), last.path.as_str(), &last.token),
        ("GET", "/api/v1/chat", &None)
    );
    assert_eq!(pair.fake.users(), 1);
    for fault in [Fault::html(401), Fault::html(502), Fault::html(200)] {
        pair.fake.inject(Operation::List, fault);
        assert!(!pair.datamonkey.health(&cx()).await.ok);
    }
}

#[tokio::test]
async fn no_secret_is_ever_printed() {
    let pair = Pair::signing(Default::default()).await;
    let at = pair.create().await;
    ask(&pair.datamonkey, &at, "hello").await;
    let token = pair.token("ada").await.unwrap();
    let mut config = DatamonkeyConfig::new(pair.fake.base_url());
    config.signing_key = Some("the-signing-key".into());
    let printed = format!("{config:?} {:?}", pair.datamonkey);
    for secret in [token.as_str(), "the-signing-key", FakeDatamonkey::KEY] {
        assert!(!printed.contains(secret), "{printed}");
    }
    pair.fake.change_key();
    let error = pair
        .datamonkey
        .get_conversation(&cx(), &at)
        .await
        .unwrap_err();
    assert!(!format!("{error:?}").contains(&token));
}

fn retitled() -> ConversationPatch {
    ConversationPatch {
        title: Patch::Set("another".into()),
        ..ConversationPatch::default()
    }
}

#[tokio::test]
async fn an_update_that_changes_nothing_goes_through() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    let current = pair.datamonkey.get_conversation(&cx(), &at).await.unwrap();
    let patch = ConversationPatch {
        status: Patch::Set(Status::Open),
        description: Patch::Clear,
        ..ConversationPatch::default()
    };
    let updated = pair
        .datamonkey
        .update_conversation(&cx(), &at, patch.clone(), None)
        .await
        .unwrap();
    assert_eq!(updated, current);
    let stale = Precondition::Matches(vec!["\"another\"".to_owned()]);
    let error = pair
        .datamonkey
        .update_conversation(&cx(), &at, patch, Some(&stale))
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::PreconditionFailed);
}

#[tokio::test]
async fn what_the_vendor_has_not_is_unsupported() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    let asked = pair.asked().len();
    let datamonkey = &pair.datamonkey;
    let errors = [
        datamonkey.templates(&cx()).await.unwrap_err(),
        datamonkey.tools(&cx()).await.unwrap_err(),
        datamonkey.status(&cx()).await.unwrap_err(),
        datamonkey.statistics(&cx()).await.unwrap_err(),
        datamonkey.list_participants(&cx(), &at).await.unwrap_err(),
        datamonkey
            .update_conversation(&cx(), &at, retitled(), None)
            .await
            .unwrap_err(),
        datamonkey
            .rate_message(&cx(), &at, &"m".parse().unwrap(), 1.0)
            .await
            .unwrap_err(),
        datamonkey
            .delete_message(&cx(), &at, &"m".parse().unwrap(), None)
            .await
            .unwrap_err(),
    ];
    for error in errors {
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::Unsupported, Outcome::NotApplied)
        );
    }
    assert_eq!(pair.asked().len(), asked);
}
