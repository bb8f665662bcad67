//! Making, changing, enumerating and deleting conversations.

use backend::{Backend, ConversationQuery, Kind, Outcome, PageRequest};
use conversation::{
    Activity, ActivityKind, ConversationPatch, Kind as ConversationKind, Patch, Role,
};

use crate::fake::{FakeOptions, Fault};
use crate::support::{MISSING, asked, at, create, cx, cx_of, new, pair, pair_with, say};

fn patch(json: &str) -> ConversationPatch {
    serde_json::from_str(json).unwrap()
}

#[tokio::test]
async fn the_minimal_create_is_a_personal_conversation_of_the_end_user() {
    let (fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    assert_eq!(fake.operations(), ["CreateUser", "CreateConversation"]);
    let participants = fake.participants(&at.native);
    assert_eq!(
        participants[0].user_external_id.value().map(String::as_str),
        Some("t:ann")
    );
    let before = fake.received().len();
    create(&sunshine).await;
    assert_eq!(
        asked(&fake, before),
        ["CreateConversation"],
        "a known user costs nothing"
    );
}

#[tokio::test]
async fn a_user_who_is_there_already_is_found() {
    let (fake, sunshine) = pair().await;
    fake.add_user(Some("t:ann"));
    create(&sunshine).await;
    assert_eq!(fake.users().len(), 1);
}

#[tokio::test]
async fn a_user_who_is_gone_is_made_again() {
    let (fake, sunshine) = pair().await;
    create(&sunshine).await;
    let code = "user_not_found";
    fake.inject("CreateConversation", Fault::Refuse { status: 404, code });
    create(&sunshine).await;
    assert_eq!(
        asked(&fake, 2),
        ["CreateConversation", "CreateUser", "CreateConversation"]
    );
}

#[tokio::test]
async fn nothing_is_made_for_a_create_that_is_refused() {
    let (fake, sunshine) = pair().await;
    let refused = sunshine
        .create_conversation(&cx(), new(r#"{"labels":["a"]}"#))
        .await;
    assert_eq!(refused.unwrap_err().kind, Kind::NotHeld);
    assert!(fake.received().is_empty());
}

#[tokio::test]
async fn several_customers_make_a_group_with_their_profiles() {
    let (fake, sunshine) = pair().await;
    let new = new(
        r#"{"participants":[{"id":"bob","name":"Bob Example","handles":[{"type":"email","value":"bob@a.example"}]},{"id":"eve","kind":"person"}]}"#,
    );
    let located = sunshine.create_conversation(&cx(), new).await.unwrap();
    assert_eq!(located.conversation.kind, ConversationKind::Group);
    let listed = sunshine
        .list_participants(&cx(), &located.location)
        .await
        .unwrap();
    let ids: Vec<&str> = listed
        .iter()
        .filter_map(|participant| participant.id.as_deref())
        .collect();
    assert_eq!(ids, ["ann", "bob", "eve"]);
    assert_eq!(listed[1].name.as_deref(), Some("Bob Example"));
    assert_eq!(&*listed[1].handles[0].value, "bob@a.example");
    assert_eq!(fake.users().len(), 3);
}

#[tokio::test]
async fn a_customer_of_a_caller_without_end_user_has_the_conversation_alone() {
    let (fake, sunshine) = pair().await;
    let new = new(r#"{"participants":[{"id":"bob"}]}"#);
    let located = sunshine
        .create_conversation(&cx_of(None), new)
        .await
        .unwrap();
    assert_eq!(located.conversation.kind, ConversationKind::Direct);
    let participants = fake.participants(&located.location.native);
    assert_eq!(participants.len(), 1);
    assert_eq!(
        participants[0].user_external_id.value().map(String::as_str),
        Some("t:bob")
    );
}

#[tokio::test]
async fn eleven_participants_are_too_many_also_with_the_end_user() {
    let (fake, sunshine) = pair().await;
    let ten: Vec<String> = (0..10)
        .map(|number| format!(r#"{{"id":"p{number}"}}"#))
        .collect();
    let new = new(&format!(r#"{{"participants":[{}]}}"#, ten.join(",")));
    let error = sunshine.create_conversation(&cx(), new).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotHeld);
    assert_eq!(error.violations[0].pointer, "/participants/9");
    let exceeds = error.violations[0].exceeds.unwrap();
    assert_eq!((exceeds.limit, exceeds.value), (10, Some(11)));
    assert!(fake.received().is_empty());
}

#[tokio::test]
async fn our_own_metadata_is_written_and_never_shown() {
    let (fake, sunshine) = pair().await;
    let cx = cx();
    let located = sunshine
        .create_conversation(&cx, new(r#"{"metadata":{"a":1}}"#))
        .await
        .unwrap();
    let stored = fake.conversation(&located.location.native).unwrap();
    assert!(
        stored
            .metadata
            .value()
            .unwrap()
            .text()
            .contains(&cx.intent.to_string())
    );
    assert_eq!(located.conversation.metadata.len(), 1);
    assert!(
        located
            .conversation
            .extensions
            .values()
            .all(|kept| !kept.contains_key("metadata"))
    );
}

#[tokio::test]
async fn metadata_merges_whether_the_vendor_merges_or_replaces() {
    for metadata_replaces in [false, true] {
        let (fake, sunshine) = pair_with(FakeOptions {
            metadata_replaces,
            ..FakeOptions::default()
        })
        .await;
        let at = sunshine
            .create_conversation(&cx(), new(r#"{"metadata":{"a":1,"b":"x"}}"#))
            .await
            .unwrap()
            .location;
        let changed = sunshine
            .update_conversation(&cx(), &at, patch(r#"{"metadata":{"b":"y","c":2}}"#), None)
            .await
            .unwrap();
        assert_eq!(
            serde_json::to_string(&changed.metadata).unwrap(),
            r#"{"a":1,"b":"y","c":2}"#
        );
        let stored = fake.conversation(&at.native).unwrap();
        let kept = stored.metadata.value().unwrap().text().to_owned();
        assert!(
            kept.contains("dragoman_intent"),
            "the write's id stays: {kept}"
        );
        // Without the one member there would be two left, and only a vendor that replaces lets go of it.
        let removed = sunshine
            .update_conversation(&cx(), &at, patch(r#"{"metadata":{"a":null}}"#), None)
            .await
            .unwrap();
        assert_eq!(
            removed.metadata.contains_key("a"),
            !metadata_replaces,
            "what the vendor holds is shown"
        );
        let cleared = sunshine
            .update_conversation(&cx(), &at, patch(r#"{"metadata":null}"#), None)
            .await
            .unwrap();
        assert!(cleared.metadata.is_empty());
    }
}

#[tokio::test]
async fn what_the_vendor_keeps_otherwise_is_shown_as_it_is_kept() {
    let (fake, sunshine) = pair().await;
    let at = sunshine
        .create_conversation(&cx(), new(r#"{"metadata":{"a":1}}"#))
        .await
        .unwrap()
        .location;
    let stubborn = |body: &mut serde_json::Value| {
        body["conversation"]["metadata"]["a"] = 1.into();
        body["conversation"]["displayName"] = "cut".into();
    };
    fake.inject("UpdateConversation", Fault::Edit(stubborn));
    let change = patch(r#"{"title":"whole","metadata":{"a":null}}"#);
    let changed = sunshine
        .update_conversation(&cx(), &at, change, None)
        .await
        .unwrap();
    assert_eq!(changed.title.as_deref(), Some("cut"));
    assert!(changed.metadata.contains_key("a"));
}

#[tokio::test]
async fn an_update_that_changes_nothing_sends_nothing() {
    let (fake, sunshine) = pair().await;
    let at = sunshine
        .create_conversation(&cx(), new(r#"{"title":"same"}"#))
        .await
        .unwrap()
        .location;
    let before = fake.received().len();
    let change = patch(r#"{"title":"same","status":"open","metadata":{"absent":null}}"#);
    sunshine
        .update_conversation(&cx(), &at, change, None)
        .await
        .unwrap();
    assert_eq!(asked(&fake, before), ["GetConversation"]);
}

#[tokio::test]
async fn metadata_that_grows_beyond_its_size_is_refused() {
    let (fake, sunshine) = pair().await;
    let large = format!(r#"{{"metadata":{{"a":"{}"}}}}"#, "x".repeat(3_000));
    let at = sunshine
        .create_conversation(&cx(), new(&large))
        .await
        .unwrap()
        .location;
    let before = fake.received().len();
    let more = format!(r#"{{"metadata":{{"b":"{}"}}}}"#, "x".repeat(3_000));
    let error = sunshine
        .update_conversation(&cx(), &at, patch(&more), None)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::NotHeld, Outcome::NotApplied)
    );
    assert_eq!(error.violations.len(), 1);
    assert_eq!(error.violations[0].pointer, "/metadata/b");
    let exceeds = error.violations[0].exceeds.unwrap();
    assert_eq!((exceeds.limit, exceeds.value), (3_900, Some(6_015)));
    assert_eq!(asked(&fake, before), ["GetConversation"]);
}

#[tokio::test]
async fn the_first_conversation_of_a_user_is_emptied_and_hidden() {
    for metadata_replaces in [false, true] {
        let (fake, sunshine) = pair_with(FakeOptions {
            metadata_replaces,
            ..FakeOptions::default()
        })
        .await;
        let first = create(&sunshine).await;
        let second = create(&sunshine).await;
        say(&sunshine, &first, Role::Assistant, "soon gone").await;
        sunshine
            .delete_conversation(&cx(), &first, None)
            .await
            .unwrap();
        assert!(
            fake.conversation(&first.native).is_some(),
            "the vendor keeps it"
        );
        assert!(fake.messages(&first.native).is_empty());
        for error in [
            sunshine.get_conversation(&cx(), &first).await.unwrap_err(),
            sunshine.list_participants(&cx(), &first).await.unwrap_err(),
            sunshine
                .delete_conversation(&cx(), &first, None)
                .await
                .unwrap_err(),
        ] {
            assert_eq!(error.kind, Kind::NotFound);
        }
        let listed = sunshine
            .list_conversations(&cx(), &ConversationQuery::all(1))
            .await
            .unwrap();
        assert_eq!(listed.page.items.len(), 1);
        assert_eq!(listed.page.items[0].location, second);

        // What the customer writes there later is not shown.
        let later = serde_json::json!({
            "author": {"type": "user", "userId": "u"}, "content": {"type": "text", "text": "hello?"},
            "source": {"type": "web"}
        });
        let later = fake.add_message(&first.native, &later).parse().unwrap();
        let read = Activity {
            activity: ActivityKind::Read,
            participant_id: None,
        };
        for error in [
            sunshine
                .list_messages(&cx(), &first, &PageRequest::first(10))
                .await
                .unwrap_err(),
            sunshine
                .get_message(&cx(), &first, &later)
                .await
                .unwrap_err(),
            sunshine
                .delete_message(&cx(), &first, &later, None)
                .await
                .unwrap_err(),
            sunshine
                .send_activity(&cx(), &first, read)
                .await
                .unwrap_err(),
        ] {
            assert_eq!(error.kind, Kind::NotFound);
        }
    }
}

#[tokio::test]
async fn a_deletion_that_is_cut_between_its_two_halves_can_be_repeated() {
    let (fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    fake.inject("UpdateConversation", Fault::CutBefore);
    let error = sunshine
        .delete_conversation(&cx(), &at, None)
        .await
        .unwrap_err();
    assert_eq!(error.outcome, Outcome::Unknown);
    sunshine
        .delete_conversation(&cx(), &at, None)
        .await
        .unwrap();
    let error = sunshine.get_conversation(&cx(), &at).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
}

#[tokio::test]
async fn a_list_is_of_one_user_and_empty_for_who_is_not_there() {
    let (_fake, sunshine) = pair().await;
    create(&sunshine).await;
    let query = ConversationQuery::all(10);
    let of = |user| {
        let (sunshine, query) = (sunshine.clone(), query.clone());
        async move {
            let page = sunshine.list_conversations(&cx_of(user), &query).await;
            page.unwrap().page.items.len()
        }
    };
    assert_eq!(of(Some("ann")).await, 1);
    assert_eq!(of(Some("nobody")).await, 0);
    assert_eq!(of(None).await, 0);
}

#[tokio::test]
async fn filters_and_other_sorts_are_refused() {
    let (fake, sunshine) = pair().await;
    let mut query = ConversationQuery::all(10);
    query.filter.label.push("a".into());
    let error = sunshine
        .list_conversations(&cx(), &query)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Unsupported);
    let query = ConversationQuery {
        sort: backend::SortKey::Title,
        ..ConversationQuery::all(10)
    };
    let error = sunshine
        .list_conversations(&cx(), &query)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Unsupported);
    assert!(fake.received().is_empty());
}

#[tokio::test]
async fn an_unknown_conversation_is_not_found_by_any_operation() {
    let (_fake, sunshine) = pair().await;
    let at = at(MISSING);
    let title = ConversationPatch {
        title: Patch::Set("new".into()),
        ..ConversationPatch::default()
    };
    for error in [
        sunshine.get_conversation(&cx(), &at).await.unwrap_err(),
        sunshine
            .update_conversation(&cx(), &at, title, None)
            .await
            .unwrap_err(),
        sunshine
            .delete_conversation(&cx(), &at, None)
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.kind, Kind::NotFound);
        assert_eq!(error.message, "conversation not found");
        assert_eq!(
            error
                .upstream
                .clone()
                .and_then(|upstream| upstream.code)
                .as_deref(),
            Some("conversation_not_found")
        );
    }
}
