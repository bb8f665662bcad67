//! The generation is found once, without leaving a trace.

use backend::{Backend, Kind, Level};
use chatter::{Chatter, Generation as Found};

use crate::fake::{FakeChatter, Fault, Generation};
use crate::support::{adapter, config, create, cx, paths};

#[tokio::test]
async fn each_generation_is_recognised_by_the_paths_that_it_serves() {
    for (generation, expected) in [
        (Generation::V0, Found::V0),
        (Generation::V1OldFastApi, Found::V1),
        (Generation::V1NewFastApi, Found::V1),
        (Generation::V2, Found::V2),
    ] {
        let fake = FakeChatter::start(generation).await;
        let chatter = adapter(&fake);
        assert_eq!(chatter.find_generation().await.unwrap(), expected);
        assert!(
            fake.requests()
                .iter()
                .all(|request| request.method == "GET"),
            "only reads find it"
        );
    }
}

#[tokio::test]
async fn the_generation_is_found_once_per_base_url() {
    let fake = FakeChatter::start(Generation::V2).await;
    let chatter = adapter(&fake);
    for _ in 0..3 {
        create(&chatter).await;
    }
    assert_eq!(
        paths(&fake)
            .iter()
            .filter(|path| path.starts_with("GET"))
            .count(),
        2
    );
}

#[tokio::test]
async fn a_configured_generation_is_not_looked_for() {
    let fake = FakeChatter::start(Generation::V1NewFastApi).await;
    let mut config = config(&fake);
    config.generation = Some(Found::V1);
    let chatter = Chatter::new("chatter", &config, None).unwrap();
    create(&chatter).await;
    assert_eq!(paths(&fake), ["POST /api/v1/conversations/"]);
}

#[tokio::test]
async fn a_failed_search_for_the_generation_is_repeated() {
    let fake = FakeChatter::start(Generation::V2).await;
    let chatter = adapter(&fake);
    fake.inject("GET", "/conversations/", Fault::Unavailable);
    let error = chatter.find_generation().await.unwrap_err();
    assert_eq!(
        (error.kind, error.is_temporary()),
        (Kind::Unavailable, true)
    );
    assert_eq!(chatter.find_generation().await.unwrap(), Found::V2);
}

#[tokio::test]
async fn capabilities_follow_the_generation() {
    let level = async |generation| {
        let fake = FakeChatter::start(generation).await;
        let chatter = adapter(&fake);
        let before = chatter.capabilities();
        assert_eq!(
            before.respond_stream,
            Level::Converted,
            "nothing is promised before the generation is known"
        );
        chatter.find_generation().await.unwrap();
        let capabilities = chatter.capabilities();
        (
            capabilities.respond,
            capabilities.respond_stream,
            capabilities.message_rate,
        )
    };
    assert_eq!(
        level(Generation::V0).await,
        (Level::None, Level::None, Level::None)
    );
    assert_eq!(
        level(Generation::V1OldFastApi).await,
        (Level::Full, Level::Converted, Level::Partial)
    );
    assert_eq!(
        level(Generation::V2).await,
        (Level::Full, Level::Full, Level::Partial)
    );
}

#[tokio::test]
async fn no_chatter_below_the_base_url_is_said_plainly() {
    let fake = FakeChatter::start(Generation::V2).await;
    let mut config = config(&fake);
    config.base_url.push_str("/elsewhere");
    let chatter = Chatter::new("chatter", &config, None).unwrap();
    let health = chatter.health(&cx()).await;
    assert!(!health.ok);
    assert!(health.detail.contains("base url"), "{}", health.detail);
}
