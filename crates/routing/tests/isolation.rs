//! Nobody sees or changes what is not theirs, through any method of the router.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::sync::Arc;
use std::time::Duration;

use backend::{
    Backend, Context, ConversationQuery, Kind, Located, Location, NewAttachment, PageRequest,
    Principal, RespondRequest, Result, Scope,
};
use conversation::{
    Activity, ActivityKind, AttachmentId, ConversationId, ConversationPatch, MessageId,
    MessagePatch, NewConversation, NewMessage, Participant, Role,
};
use routing::{Discovery, Router, RouterSettings, Slot};
use store::{SealingKey, Store, StoreConfig};

fn cx(tenant: &str, user: Option<&str>, scopes: &[Scope]) -> Context {
    let principal = Principal {
        tenant: tenant.into(),
        key: "k".into(),
        user: user.map(Into::into),
        scopes: scopes.to_vec(),
    };
    Context::new(Arc::new(principal), "test", Duration::from_secs(120))
}

/// A router over a store that is no part of the router's own state, as a vendor is not.
struct World {
    router: Router,
    vendor: Arc<dyn Backend>,
    _directory: tempfile::TempDir,
}

fn world(discovery: Discovery, default_tenant: Option<&str>) -> World {
    let directory = tempfile::tempdir().unwrap();
    let open = |name: &str| {
        Store::open(StoreConfig::at(
            directory.path().join(name).join("dragoman.db"),
        ))
        .unwrap()
    };
    let state = open("gateway")
        .state(&SealingKey::from_bytes([7; 32]))
        .unwrap();
    let vendor: Arc<dyn Backend> = Arc::new(open("vendor").backend("vendor"));
    let slot = Slot::new(vendor.clone(), discovery, default_tenant.map(Into::into));
    let state = Arc::new(state);
    let router = Router::new(
        vec![slot],
        RouterSettings::new("vendor"),
        state.clone(),
        state.clone(),
        state,
    )
    .unwrap();
    World {
        router,
        vendor,
        _directory: directory,
    }
}

/// Every method that names a conversation, and what it answered.
async fn every_method(
    router: &Router,
    cx: &Context,
    at: &Location,
    message: &MessageId,
) -> Vec<(&'static str, Result<()>)> {
    let page = PageRequest::first(10);
    let text = || NewMessage::text(Role::User, "hello");
    vec![
        (
            "get_conversation",
            router.get_conversation(cx, at).await.map(drop),
        ),
        (
            "update_conversation",
            router
                .update_conversation(cx, at, ConversationPatch::default(), None)
                .await
                .map(drop),
        ),
        (
            "list_messages",
            router.list_messages(cx, at, &page).await.map(drop),
        ),
        (
            "get_message",
            router.get_message(cx, at, message).await.map(drop),
        ),
        (
            "post_message",
            router.post_message(cx, at, text()).await.map(drop),
        ),
        (
            "import_messages",
            router.import_messages(cx, at, vec![text()]).await.map(drop),
        ),
        (
            "update_message",
            router
                .update_message(cx, at, message, MessagePatch::default(), None)
                .await
                .map(drop),
        ),
        (
            "rate_message",
            router.rate_message(cx, at, message, 3.0).await.map(drop),
        ),
        (
            "list_participants",
            router.list_participants(cx, at).await.map(drop),
        ),
        (
            "add_participants",
            router
                .add_participants(cx, at, vec![Participant::default()])
                .await
                .map(drop),
        ),
        (
            "remove_participant",
            router.remove_participant(cx, at, "p").await,
        ),
        (
            "respond",
            router
                .respond(cx, at, RespondRequest::default())
                .await
                .map(drop),
        ),
        (
            "send_activity",
            router
                .send_activity(
                    cx,
                    at,
                    Activity {
                        activity: ActivityKind::Read,
                        participant_id: None,
                    },
                )
                .await,
        ),
        (
            "put_attachment",
            router
                .put_attachment(
                    cx,
                    at,
                    NewAttachment {
                        name: None,
                        media_type: "text/plain".into(),
                        message_id: Some(message.clone()),
                        bytes: b"mine too".to_vec().into(),
                    },
                )
                .await
                .map(drop),
        ),
        (
            "open_attachment",
            router
                .open_attachment(cx, at, &AttachmentId::generate())
                .await
                .map(drop),
        ),
        (
            "delete_message",
            router.delete_message(cx, at, message, None).await,
        ),
        (
            "delete_conversation",
            router.delete_conversation(cx, at, None).await,
        ),
    ]
}

async fn listed(router: &Router, cx: &Context) -> Vec<ConversationId> {
    let page = router
        .list_conversations(cx, &ConversationQuery::all(50))
        .await
        .unwrap()
        .page;
    page.items
        .into_iter()
        .map(|located| located.location.id)
        .collect()
}

#[tokio::test]
async fn what_belongs_to_another_tenant_or_user_is_not_found_by_any_method() {
    let World { router, .. } = &world(Discovery::Off, None);
    let owner = cx("acme", Some("ann"), &[]);
    let Located { location, .. } = router
        .create_conversation(&owner, NewConversation::default())
        .await
        .unwrap();
    let message = router
        .post_message(&owner, &location, NewMessage::text(Role::User, "mine"))
        .await
        .unwrap()
        .id;
    let at = Location::unresolved(location.id);

    let strangers = [
        cx("other", None, Scope::ALL),
        cx("other", Some("ann"), Scope::ALL),
        cx("acme", Some("bob"), Scope::ALL),
        cx("", None, Scope::ALL),
    ];
    for stranger in &strangers {
        for (method, answer) in every_method(router, stranger, &at, &message).await {
            assert_eq!(
                answer.unwrap_err().kind,
                Kind::NotFound,
                "{method} as {:?}",
                stranger.principal
            );
        }
        assert!(
            listed(router, stranger).await.is_empty(),
            "{:?}",
            stranger.principal
        );
    }

    // Nothing was changed by all that; the owner and the owner's tenant still see it.
    for friend in [&owner, &cx("acme", None, &[])] {
        assert_eq!(listed(router, friend).await, [location.id]);
        let messages = router
            .list_messages(friend, &at, &PageRequest::first(10))
            .await
            .unwrap()
            .items;
        assert_eq!(
            messages
                .iter()
                .map(|message| &message.id)
                .collect::<Vec<_>>(),
            [&message]
        );
    }
}

#[tokio::test]
async fn a_location_made_by_hand_opens_nothing() {
    let World { router, .. } = &world(Discovery::Off, None);
    let located = router
        .create_conversation(&cx("acme", None, &[]), NewConversation::default())
        .await
        .unwrap();
    // Everything right but the tenant: the router looks only at the id and the directory.
    let answer = router
        .get_conversation(&cx("other", None, &[]), &located.location)
        .await;
    assert_eq!(answer.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test]
async fn what_discovery_finds_belongs_to_the_default_tenant_or_else_to_nobody() {
    for (default_tenant, seen_by_acme) in [(Some("acme"), true), (None, false)] {
        let World { router, vendor, .. } = &world(Discovery::OnList, default_tenant);
        let made_elsewhere = vendor
            .create_conversation(&cx("someone", None, &[]), NewConversation::default())
            .await
            .unwrap();
        let id = made_elsewhere.location.id;
        let acme = cx("acme", None, &[]);
        assert_eq!(listed(router, &acme).await.contains(&id), seen_by_acme);
        assert_eq!(
            router
                .get_conversation(&acme, &Location::unresolved(id))
                .await
                .is_ok(),
            seen_by_acme
        );
        let unowned = cx("acme", None, &[Scope::Unowned]);
        assert!(
            listed(router, &unowned).await.contains(&id),
            "the scope shows what belongs to nobody"
        );
        assert!(listed(router, &cx("other", None, &[])).await.is_empty());
    }
}

#[tokio::test]
async fn a_deleted_conversation_is_not_adopted_again() {
    let World { router, .. } = &world(Discovery::OnList, Some("acme"));
    let acme = cx("acme", None, &[]);
    let located = router
        .create_conversation(&acme, NewConversation::default())
        .await
        .unwrap();
    router
        .delete_conversation(&acme, &located.location, None)
        .await
        .unwrap();
    assert!(listed(router, &acme).await.is_empty());
}
