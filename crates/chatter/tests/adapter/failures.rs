//! Rate limits, outages, slow and locked servers, and the operations that only ever fail.

use std::time::Duration;

use backend::{Backend, Kind, Origin, Outcome};
use chatter::Chatter;
use chatter::client::{Access, Caller, ChatterClient};
use chatter::wire::{ChatRequest, Member};
use conversation::{ConversationPatch, Patch};

use crate::fake::{FakeChatter, FakeOptions, Fault, Generation};
use crate::support::{
    ALL, adapter, config, create, cx, events, missing, pair, pair_with, question,
};

fn retitled() -> ConversationPatch {
    ConversationPatch {
        title: Patch::Set("new".into()),
        ..ConversationPatch::default()
    }
}

#[tokio::test]
async fn a_rate_limit_is_temporary_and_keeps_its_wait() {
    let (fake, chatter) = pair(Generation::V2).await;
    let at = create(&chatter).await;
    fake.inject("GET", "/conversations/", Fault::TooManyRequests(17));
    let error = chatter.get_conversation(&cx(), &at).await.unwrap_err();
    assert_eq!(
        (error.kind, error.origin, error.outcome),
        (Kind::RateLimited, Origin::Upstream, Outcome::NotApplied)
    );
    assert_eq!(
        (error.is_temporary(), error.retry_after),
        (true, Some(Duration::from_secs(17)))
    );
}

#[tokio::test]
async fn the_vendors_own_limits_are_felt_per_path() {
    let options = FakeOptions {
        requests_per_minute: 3,
        ..FakeOptions::new(Generation::V2)
    };
    let (_fake, chatter) = pair_with(options).await;
    // Finding the generation has used one request of this path.
    create(&chatter).await;
    let at = create(&chatter).await;
    let error = chatter
        .create_conversation(&cx(), Default::default())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.retry_after),
        (Kind::RateLimited, Some(Duration::from_secs(60)))
    );
    chatter.get_conversation(&cx(), &at).await.unwrap();
}

#[tokio::test]
async fn limits_per_user_are_felt_on_v2() {
    let options = FakeOptions {
        user_limits: true,
        ..FakeOptions::new(Generation::V2)
    };
    let (_fake, chatter) = pair_with(options).await;
    let at = create(&chatter).await;
    for _ in 0..20 {
        events(&chatter, &at, question("hi")).await.unwrap();
    }
    let error = events(&chatter, &at, question("hi")).await.unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::RateLimited, Outcome::NotApplied)
    );
}

#[tokio::test]
async fn an_outage_is_temporary() {
    let (fake, chatter) = pair(Generation::V1NewFastApi).await;
    fake.inject("POST", "/conversations/", Fault::Unavailable);
    let error = chatter
        .create_conversation(&cx(), Default::default())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.origin, error.is_temporary()),
        (Kind::Unavailable, Origin::Upstream, true)
    );
}

#[tokio::test]
async fn nobody_listening_is_not_applied() {
    let fake = FakeChatter::start(Generation::V2).await;
    let chatter = adapter(&fake);
    chatter.find_generation().await.unwrap();
    drop(fake);
    // The listener closes a moment after its task was stopped.
    let error = loop {
        match chatter.create_conversation(&cx(), Default::default()).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) if error.outcome == Outcome::Unknown => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert_eq!(
        (error.kind, error.origin, error.outcome),
        (Kind::Unavailable, Origin::Network, Outcome::NotApplied)
    );
}

#[tokio::test]
async fn a_write_into_a_conversation_that_a_stream_has_locked_ends_by_its_timeout() {
    let fake = FakeChatter::start(Generation::V1OldFastApi).await;
    let mut config = config(&fake);
    config.write_timeout = Duration::from_millis(300);
    let chatter = Chatter::new("chatter", &config, None).unwrap();
    let at = create(&adapter(&fake)).await;
    // Another program streams into it; we never would.
    let client = ChatterClient::new(&config).unwrap();
    let caller = Caller {
        correlation_id: "other".into(),
        deadline: cx().deadline,
        access: Access::Own,
    };
    let mut body = ChatRequest::new("hi");
    body.conversation_id = Member::Value(at.native.to_string());
    let mut frames = client.chat_streaming(&caller, &body).await.unwrap();
    while frames.next().await.unwrap().is_some() {}
    let error = chatter
        .update_conversation(&cx(), &at, retitled(), None)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::Timeout, Outcome::Unknown)
    );
    chatter.get_conversation(&cx(), &at).await.unwrap();
}

#[tokio::test]
async fn a_stream_on_new_fastapi_locks_nothing() {
    let (fake, chatter) = pair(Generation::V1NewFastApi).await;
    let at = create(&chatter).await;
    let client = ChatterClient::new(&config(&fake)).unwrap();
    let caller = Caller {
        correlation_id: "other".into(),
        deadline: cx().deadline,
        access: Access::Own,
    };
    let mut body = ChatRequest::new("hi");
    body.conversation_id = Member::Value(at.native.to_string());
    let mut frames = client.chat_streaming(&caller, &body).await.unwrap();
    while frames.next().await.unwrap().is_some() {}
    chatter
        .update_conversation(&cx(), &at, retitled(), None)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_lost_answer_to_a_write_has_an_unknown_outcome() {
    let (fake, chatter) = pair(Generation::V2).await;
    for fault in [Fault::CutBefore, Fault::CutAfter] {
        fake.inject("POST", "/conversations/", fault);
        let error = chatter
            .create_conversation(&cx(), Default::default())
            .await
            .unwrap_err();
        assert_eq!(
            (error.origin, error.outcome),
            (Origin::Network, Outcome::Unknown),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn a_slow_server_is_a_timeout() {
    let (fake, chatter) = pair(Generation::V2).await;
    fake.inject(
        "POST",
        "/conversations/",
        Fault::Slow(Duration::from_secs(60)),
    );
    let cx = crate::support::cx_for(Duration::from_secs(1));
    let error = chatter
        .create_conversation(&cx, Default::default())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::Timeout, Outcome::Unknown)
    );
}

#[tokio::test]
async fn status_and_statistics_are_clear_errors_of_the_vendor() {
    for generation in ALL {
        let (_fake, chatter) = pair(generation).await;
        for error in [
            chatter.status(&cx()).await.unwrap_err(),
            chatter.statistics(&cx()).await.unwrap_err(),
        ] {
            assert_eq!(
                (error.kind, error.origin, error.outcome),
                (Kind::UpstreamFailed, Origin::Upstream, Outcome::NotApplied)
            );
            assert_eq!(error.upstream.as_ref().unwrap().status, Some(500));
            assert!(error.message.contains("500"), "{}", error.message);
        }
    }
}

#[tokio::test]
async fn tools_and_templates_are_listed() {
    for generation in ALL {
        let (_fake, chatter) = pair(generation).await;
        let tools = chatter.tools(&cx()).await.unwrap();
        assert_eq!(
            tools.iter().map(|tool| &*tool.name).collect::<Vec<_>>(),
            ["calculator", "get_time"]
        );
        assert!(tools[0].parameters.get().contains("expression"));
        let templates = chatter.templates(&cx()).await.unwrap();
        let seeded = matches!(
            generation,
            Generation::V1OldFastApi | Generation::V1NewFastApi
        );
        assert_eq!(templates.len(), if seeded { 3 } else { 0 });
        assert!(
            templates
                .iter()
                .all(|template| template.extensions.contains_key("workflow_type"))
        );
    }
}

#[tokio::test]
async fn errors_never_repeat_what_the_vendor_said() {
    let (_fake, chatter) = pair(Generation::V2).await;
    let error = chatter
        .get_conversation(&cx(), &missing())
        .await
        .unwrap_err();
    assert!(!format!("{error:?}").contains("accessible"), "{error:?}");
    let error = events(&chatter, &create(&chatter).await, question("[[empty]]"))
        .await
        .unwrap_err();
    assert!(
        !format!("{error:?}").contains("Assistant response"),
        "{error:?}"
    );
}
