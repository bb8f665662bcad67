//! Conversations: titles, metadata, deletes, the probe, enumeration.

use std::collections::BTreeSet;

use backend::{Backend, BackendExt, ConversationQuery, Kind, Order, PageRequest};
use conversation::{Assistant, ConversationPatch, NewConversation, Patch, RawJson, Status};
use futures_util::TryStreamExt;

use crate::fake::{FakeOptions, Fault, Generation};
use crate::support::{ALL, ask, create, cx, missing, pair, pair_with, paths};

fn titled(title: &str) -> NewConversation {
    NewConversation {
        title: Some(title.into()),
        ..NewConversation::default()
    }
}

#[tokio::test]
async fn the_minimal_create_sends_a_blank_title_that_reads_as_none() {
    for generation in ALL {
        let (fake, chatter) = pair(generation).await;
        let located = chatter
            .create_conversation(&cx(), NewConversation::default())
            .await
            .unwrap();
        assert_eq!(
            fake.conversation(&located.location.native).unwrap().title,
            " "
        );
        assert_eq!(located.conversation.title, None);
        assert_eq!(located.conversation.status, Status::Open);
        let read = chatter
            .get_conversation(&cx(), &located.location)
            .await
            .unwrap();
        assert_eq!(read, located.conversation, "{generation:?}");
    }
}

#[tokio::test]
async fn what_chatter_drops_is_refused_before_anything_is_sent() {
    let (fake, chatter) = pair(Generation::V1NewFastApi).await;
    let asked = paths(&fake).len();
    let new = NewConversation {
        title: Some("x".repeat(256).into()),
        description: Some("d".into()),
        labels: vec!["l".into()],
        status: Some(Status::Closed),
        assistant: Some(Assistant {
            system_prompt: Some("be brief".into()),
            max_tokens: Some(3_000_000_000),
            temperature: Some(0.5),
            ..Assistant::default()
        }),
        ..NewConversation::default()
    };
    let error = chatter.create_conversation(&cx(), new).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotHeld);
    let pointers: BTreeSet<&str> = error
        .violations
        .iter()
        .map(|violation| violation.pointer.as_str())
        .collect();
    let expected = [
        "/title",
        "/description",
        "/labels",
        "/status",
        "/assistant/system_prompt",
        "/assistant/max_tokens",
    ];
    assert_eq!(pointers, expected.into());
    assert_eq!(paths(&fake).len(), asked);
}

#[tokio::test]
async fn held_fields_come_back_and_workflow_settings_stay_apart_from_metadata() {
    let (_fake, chatter) = pair(Generation::V2).await;
    let new: NewConversation = serde_json::from_str(
        r#"{"title":"Tïtle ✓","metadata":{"src":"crm","deep":{"n":[1,2.5]}},
            "assistant":{"temperature":0.3,"max_tokens":77,"workflow_config":{"k":[1,2]}}}"#,
    )
    .unwrap();
    let located = chatter
        .create_conversation(&cx(), new.clone())
        .await
        .unwrap();
    let read = chatter
        .get_conversation(&cx(), &located.location)
        .await
        .unwrap();
    assert_eq!(
        (read.title, read.metadata, read.assistant),
        (new.title, new.metadata, new.assistant)
    );
}

#[tokio::test]
async fn an_unknown_conversation_is_not_found_in_development_and_in_production() {
    for generation in ALL {
        for production in [false, true] {
            let (fake, chatter) = pair_with(FakeOptions {
                production,
                ..FakeOptions::new(generation)
            })
            .await;
            let error = chatter
                .get_conversation(&cx(), &missing())
                .await
                .unwrap_err();
            assert_eq!(error.kind, Kind::NotFound);
            let last = fake.requests().pop().unwrap();
            assert_eq!(
                (last.method.as_str(), last.body.as_str()),
                ("PUT", "{}"),
                "the probe changes nothing"
            );
            let malformed = backend::Location {
                native: "no-ulid".into(),
                ..missing()
            };
            let error = chatter
                .get_conversation(&cx(), &malformed)
                .await
                .unwrap_err();
            assert_eq!(error.kind, Kind::NotFound);
        }
    }
}

#[tokio::test]
async fn a_crash_on_an_existing_conversation_is_no_missing_one() {
    let (fake, chatter) = pair(Generation::V2).await;
    let at = create(&chatter).await;
    fake.inject("GET", &at.native, Fault::Crash);
    let error = chatter.get_conversation(&cx(), &at).await.unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::UpstreamFailed, backend::Outcome::NotApplied)
    );
    assert_eq!(error.upstream.as_ref().unwrap().status, Some(500));
    chatter.get_conversation(&cx(), &at).await.unwrap();
}

#[tokio::test]
async fn connections_cut_after_a_500_lose_no_write() {
    let (fake, chatter) = pair(Generation::V2).await;
    for round in 0..20 {
        chatter
            .get_conversation(&cx(), &missing())
            .await
            .unwrap_err();
        let located = chatter
            .create_conversation(&cx(), titled(&format!("round {round}")))
            .await
            .unwrap();
        assert!(fake.conversation(&located.location.native).is_some());
    }
    let creates = paths(&fake)
        .iter()
        .filter(|path| path.starts_with("POST"))
        .count();
    assert_eq!(creates, 20, "no create was sent twice");
}

#[tokio::test]
async fn updates_change_what_chatter_holds_and_a_cleared_title_reads_as_none() {
    let (fake, chatter) = pair(Generation::V1NewFastApi).await;
    let at = chatter
        .create_conversation(&cx(), titled("before"))
        .await
        .unwrap()
        .location;
    let patch: ConversationPatch = serde_json::from_str(
        r#"{"title":null,"status":"archived","assistant":{"temperature":1.5,"max_tokens":9}}"#,
    )
    .unwrap();
    let changed = chatter
        .update_conversation(&cx(), &at, patch, None)
        .await
        .unwrap();
    assert_eq!((changed.title, changed.status), (None, Status::Archived));
    assert_eq!(changed.assistant.unwrap().max_tokens, Some(9));
    assert_eq!(fake.conversation(&at.native).unwrap().title, " ");
}

#[tokio::test]
async fn clearing_what_chatter_cannot_clear_is_refused() {
    let (_fake, chatter) = pair(Generation::V2).await;
    let at = create(&chatter).await;
    let patch: ConversationPatch = serde_json::from_str(
        r#"{"assistant":{"temperature":null,"model":"m"},"status":"spam","labels":["a"]}"#,
    )
    .unwrap();
    let error = chatter
        .update_conversation(&cx(), &at, patch, None)
        .await
        .unwrap_err();
    let pointers: BTreeSet<&str> = error
        .violations
        .iter()
        .map(|violation| violation.pointer.as_str())
        .collect();
    assert_eq!(
        pointers,
        [
            "/assistant/temperature",
            "/assistant/model",
            "/status",
            "/labels"
        ]
        .into()
    );
}

#[tokio::test]
async fn metadata_is_written_once_and_never_lost_in_silence() {
    let (fake, chatter) = pair(Generation::V1OldFastApi).await;
    let at = create(&chatter).await;
    let metadata = |text: &str| ConversationPatch {
        metadata: Patch::Set(RawJson::parse(text).unwrap().to().unwrap()),
        ..ConversationPatch::default()
    };
    let first = chatter
        .update_conversation(&cx(), &at, metadata(r#"{"a":1}"#), None)
        .await
        .unwrap();
    assert_eq!(first.metadata["a"].get(), "1");
    let puts = |fake: &crate::fake::FakeChatter| {
        let paths = crate::support::paths(fake);
        paths.iter().filter(|path| path.starts_with("PUT")).count()
    };
    let sent = puts(&fake);
    // Exactly what would change is named, before anything is sent.
    for (patch, named) in [
        (r#"{"b":2}"#, vec!["/metadata/b"]),
        (r#"{"a":1,"b/c":2,"d":null}"#, vec!["/metadata/b~1c"]),
        (
            r#"{"a":null,"e":{"f":1}}"#,
            vec!["/metadata/a", "/metadata/e"],
        ),
    ] {
        let error = chatter
            .update_conversation(&cx(), &at, metadata(patch), None)
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::NotHeld, backend::Outcome::NotApplied)
        );
        let pointers: Vec<&str> = error
            .violations
            .iter()
            .map(|violation| violation.pointer.as_str())
            .collect();
        assert_eq!(pointers, named, "{patch}");
    }
    let clear = ConversationPatch {
        metadata: Patch::Clear,
        ..ConversationPatch::default()
    };
    let error = chatter
        .update_conversation(&cx(), &at, clear, None)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.violations[0].pointer.as_str()),
        (Kind::NotHeld, "/metadata")
    );
    assert_eq!(puts(&fake), sent);
    let again = chatter
        .update_conversation(&cx(), &at, metadata(r#"{"a":1}"#), None)
        .await
        .unwrap();
    assert_eq!(
        again.metadata, first.metadata,
        "what it holds already may be sent again"
    );
}

#[tokio::test]
async fn a_deleted_conversation_is_gone_although_chatter_goes_on_serving_it() {
    for generation in ALL {
        let (fake, chatter) = pair(generation).await;
        let at = create(&chatter).await;
        chatter.delete_conversation(&cx(), &at, None).await.unwrap();
        assert!(fake.conversation(&at.native).is_some(), "chatter keeps it");
        let kind = |result: backend::Result<()>| result.unwrap_err().kind;
        assert_eq!(
            kind(chatter.get_conversation(&cx(), &at).await.map(drop)),
            Kind::NotFound
        );
        assert_eq!(
            kind(chatter.delete_conversation(&cx(), &at, None).await),
            Kind::NotFound
        );
        let patch = ConversationPatch {
            status: Patch::Set(Status::Open),
            ..ConversationPatch::default()
        };
        assert_eq!(
            kind(
                chatter
                    .update_conversation(&cx(), &at, patch, None)
                    .await
                    .map(drop)
            ),
            Kind::NotFound
        );
        let messages = chatter
            .list_messages(&cx(), &at, &PageRequest::first(5))
            .await;
        assert_eq!(kind(messages.map(drop)), Kind::NotFound);
        let listed: Vec<_> = chatter
            .all_conversations(&cx(), ConversationQuery::all(10))
            .try_collect()
            .await
            .unwrap();
        assert_eq!(listed, []);
    }
}

#[tokio::test]
async fn a_chat_into_a_deleted_conversation_is_not_found() {
    let (fake, chatter) = pair(Generation::V2).await;
    let at = create(&chatter).await;
    chatter.delete_conversation(&cx(), &at, None).await.unwrap();
    let error = crate::support::events(&chatter, &at, crate::support::question("hi"))
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
    assert_eq!(fake.messages(&at.native), []);
}

#[tokio::test]
async fn a_walk_over_conversations_meets_each_once_in_both_orders() {
    for generation in ALL {
        let (_fake, chatter) = pair(generation).await;
        let mut made = Vec::new();
        for _ in 0..7 {
            made.push(create(&chatter).await.native);
        }
        for (order, expected) in [
            (Order::Asc, made.clone()),
            (Order::Desc, made.iter().rev().cloned().collect()),
        ] {
            for limit in [1, 2, 3, 7, 100] {
                let mut query = ConversationQuery::all(limit);
                query.page.order = order;
                let met: Vec<_> = chatter
                    .all_conversations(&cx(), query)
                    .try_collect()
                    .await
                    .unwrap();
                let met: Vec<_> = met
                    .into_iter()
                    .map(|located| located.location.native)
                    .collect();
                assert_eq!(met, expected, "{generation:?} {order:?} {limit}");
            }
        }
    }
}

#[tokio::test]
async fn a_walk_over_conversations_skips_none_while_others_are_deleted() {
    let (_fake, chatter) = pair(Generation::V2).await;
    let mut made = Vec::new();
    for _ in 0..10 {
        made.push(create(&chatter).await);
    }
    let mut query = ConversationQuery::all(4);
    let first = chatter
        .list_conversations(&cx(), &query)
        .await
        .unwrap()
        .page;
    // Deleted rows move all later ones forward, so the offset of the next page points too far.
    for at in &made[..3] {
        chatter.delete_conversation(&cx(), at, None).await.unwrap();
    }
    query.page = query.page.after(first.next.unwrap());
    let rest: Vec<_> = chatter
        .all_conversations(&cx(), query)
        .try_collect()
        .await
        .unwrap();
    let rest: Vec<_> = rest
        .into_iter()
        .map(|located| located.location.native)
        .collect();
    let expected: Vec<_> = made[4..].iter().map(|at| at.native.clone()).collect();
    assert_eq!(rest, expected);
}

#[tokio::test]
async fn a_chat_moves_the_conversation_and_not_its_settings() {
    let (_fake, chatter) = pair(Generation::V2).await;
    let located = chatter
        .create_conversation(&cx(), titled("kept"))
        .await
        .unwrap();
    ask(&chatter, &located.location, "hello").await;
    let after = chatter
        .get_conversation(&cx(), &located.location)
        .await
        .unwrap();
    assert!(after.updated_at > located.conversation.updated_at);
    assert_eq!(after.title, located.conversation.title);
}

#[tokio::test]
async fn a_chat_call_looks_at_the_conversation_first_but_not_each_time() {
    let (fake, chatter) = pair(Generation::V1NewFastApi).await;
    let at = create(&chatter).await;
    let reads = |fake: &crate::fake::FakeChatter| {
        paths(fake)
            .iter()
            .filter(|path| path.contains("include_messages"))
            .count()
    };
    ask(&chatter, &at, "just made").await;
    assert_eq!(reads(&fake), 0);
    let newcomer = crate::support::adapter(&fake);
    for _ in 0..3 {
        ask(&newcomer, &at, "not seen yet").await;
    }
    assert_eq!(reads(&fake), 1);
}

#[tokio::test]
async fn a_conversation_that_others_deleted_a_moment_ago_gives_no_answer() {
    for generation in [Generation::V1NewFastApi, Generation::V2] {
        let (fake, chatter) = pair(generation).await;
        let at = create(&chatter).await;
        crate::support::adapter(&fake)
            .delete_conversation(&cx(), &at, None)
            .await
            .unwrap();
        let result = crate::support::events(&chatter, &at, crate::support::question("hi")).await;
        let error = match result {
            Err(error) => error,
            Ok(events) => match events.into_iter().last() {
                Some(backend::Event::MessageFailed { error, .. }) => error,
                other => panic!("{other:?}"),
            },
        };
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::NotFound, backend::Outcome::Applied),
            "{generation:?}"
        );
    }
}
