//! Discovery: who looks through a backend, how often, and to whom belongs what is found.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use backend::{
    Applied, Backend, Context, ConversationPage, ConversationQuery, Enumerates, Intent, Kind,
    Location, Principal, Scope, Settled, Write,
};
use conversation::{ConversationId, NewConversation, Time};
use routing::{Discovery, Router, RouterSettings, Slot};
use store::{SealingKey, Store, StoreConfig};

use crate::vendor::Vendor;

#[path = "discovery/vendor.rs"]
mod vendor;

/// Longer than any test: what was looked through once is not looked through again.
const LONG: Duration = Duration::from_secs(3_600);
/// How long something that must come may take. Nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(60);

fn cx(tenant: &str, user: Option<&str>) -> Context {
    let principal = Principal {
        tenant: tenant.into(),
        key: "k".into(),
        user: user.map(Into::into),
        scopes: vec![Scope::Read, Scope::Write],
    };
    Context::new(Arc::new(principal), "test", Duration::from_secs(120))
}

struct World {
    router: Arc<Router>,
    vendor: Arc<Vendor>,
    _directory: tempfile::TempDir,
}

fn world(enumerates: Enumerates, default_tenant: Option<&str>, interval: Duration) -> World {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig::at(directory.path().join("dragoman.db"))).unwrap();
    let state = Arc::new(store.state(&SealingKey::from_bytes([7; 32])).unwrap());
    let vendor = Arc::new(Vendor::new(enumerates));
    let slot = Slot::new(
        vendor.clone(),
        Discovery::OnList,
        default_tenant.map(Into::into),
    );
    let settings = RouterSettings {
        discover_interval: interval,
        hydrate_budget: Duration::from_secs(20),
        ..RouterSettings::new("vendor")
    };
    let router = Router::new(vec![slot], settings, state.clone(), state.clone(), state).unwrap();
    World {
        router: Arc::new(router),
        vendor,
        _directory: directory,
    }
}

async fn page(router: &Router, cx: &Context) -> ConversationPage {
    let query = ConversationQuery::all(50);
    router.list_conversations(cx, &query).await.unwrap()
}

async fn listed(router: &Router, cx: &Context) -> Vec<ConversationId> {
    let page = page(router, cx).await.page;
    let mut ids: Vec<_> = page
        .items
        .into_iter()
        .map(|located| located.location.id)
        .collect();
    ids.sort();
    ids
}

async fn is_found(router: &Router, cx: &Context, id: ConversationId) -> bool {
    let at = Location::unresolved(id);
    match router.get_conversation(cx, &at).await {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind, Kind::NotFound);
            false
        }
    }
}

#[tokio::test]
async fn what_a_users_credential_shows_belongs_to_that_tenant_and_user() {
    let World { router, vendor, .. } = &world(Enumerates::User, Some("nobody"), LONG);
    let anns = vendor.hold("acme/ann", None);
    let bobs = vendor.hold("acme/bob", Some("user:acme/bob"));
    let foreign = vendor.hold("other/ann", None);
    for (tenant, user, own) in [
        ("acme", "ann", anns),
        ("acme", "bob", bobs),
        ("other", "ann", foreign),
    ] {
        let caller = cx(tenant, Some(user));
        assert_eq!(listed(router, &caller).await, [own], "{tenant}/{user}");
        for id in [anns, bobs, foreign] {
            assert_eq!(is_found(router, &caller, id).await, id == own);
        }
    }
    assert_eq!(
        vendor.looks(),
        ["acme/ann", "acme/bob", "other/ann"],
        "each looked with a credential of their own"
    );
    // Whoever acts for the whole tenant sees what was found for its users, and nothing of another tenant.
    let mut of_tenant = vec![anns, bobs];
    of_tenant.sort();
    assert_eq!(listed(router, &cx("acme", None)).await, of_tenant);
    assert!(listed(router, &cx("nobody", None)).await.is_empty());
}

#[tokio::test]
async fn what_a_keys_credential_shows_belongs_to_the_tenant_and_to_no_user() {
    let World { router, vendor, .. } = &world(Enumerates::User, None, LONG);
    let id = vendor.hold("acme/key-k", None);
    assert_eq!(listed(router, &cx("acme", None)).await, [id]);
    assert!(listed(router, &cx("acme", Some("ann"))).await.is_empty());
    assert!(listed(router, &cx("acme", Some("key-k"))).await.is_empty());
}

#[tokio::test]
async fn what_an_accounts_list_shows_with_a_users_credential_belongs_to_that_user() {
    let World { router, vendor, .. } = &world(Enumerates::Account, Some("acme"), LONG);
    let shared = vendor.hold("acme/key-discovery", None);
    let anns = vendor.hold("acme/key-discovery", Some("user:other/ann"));
    let named = vendor.hold("acme/key-discovery", Some("team-token"));
    let mut of_default = vec![shared, named];
    of_default.sort();
    assert_eq!(listed(router, &cx("acme", None)).await, of_default);
    assert_eq!(listed(router, &cx("other", Some("ann"))).await, [anns]);
    assert!(listed(router, &cx("other", Some("bob"))).await.is_empty());
    assert_eq!(vendor.looks(), ["acme/key-discovery"]);
}

#[tokio::test]
async fn each_user_is_looked_for_once_per_interval() {
    let World { router, vendor, .. } = &world(Enumerates::User, None, LONG);
    for _ in 0..3 {
        for user in ["ann", "bob"] {
            listed(router, &cx("acme", Some(user))).await;
        }
    }
    assert_eq!(vendor.looks(), ["acme/ann", "acme/bob"]);
}

#[tokio::test]
async fn a_later_look_goes_on_in_the_background() {
    let World { router, vendor, .. } = &world(Enumerates::User, None, Duration::ZERO);
    let ann = cx("acme", Some("ann"));
    let first = vendor.hold("acme/ann", None);
    assert_eq!(listed(router, &ann).await, [first]);
    let second = vendor.hold("acme/ann", None);
    vendor.close();
    // The vendor lets nobody look, and the list answers all the same.
    assert_eq!(listed(router, &ann).await, [first]);
    vendor.open();
    let mut both = vec![first, second];
    both.sort();
    let began = Instant::now();
    while listed(router, &ann).await != both {
        assert!(began.elapsed() < PATIENCE, "it is never found");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_at_once_share_the_first_look() {
    let World { router, vendor, .. } = &world(Enumerates::User, None, LONG);
    let id = vendor.hold("acme/ann", None);
    vendor.close();
    let lists: Vec<_> = (0..8)
        .map(|_| {
            let router = router.clone();
            tokio::spawn(async move { listed(&router, &cx("acme", Some("ann"))).await })
        })
        .collect();
    vendor.wait_until_somebody_looks().await;
    vendor.open();
    for list in lists {
        assert_eq!(list.await.unwrap(), [id], "it waited for the look");
    }
    assert_eq!(vendor.looks(), ["acme/ann"]);
}

#[tokio::test]
async fn one_user_without_access_keeps_nobody_else_from_looking() {
    let World { router, vendor, .. } = &world(Enumerates::User, None, LONG);
    let id = vendor.hold("acme/bob", None);
    vendor.refuse("acme/ann");
    for _ in 0..3 {
        assert!(listed(router, &cx("acme", Some("ann"))).await.is_empty());
        assert_eq!(listed(router, &cx("acme", Some("bob"))).await, [id]);
    }
    // A failed look is not repeated at once.
    assert_eq!(vendor.looks(), ["acme/ann", "acme/bob"]);
}

#[tokio::test]
async fn a_list_is_as_new_as_the_callers_own_look() {
    let World { router, vendor, .. } = &world(Enumerates::User, None, LONG);
    vendor.hold("acme/ann", None);
    let before = Time::now();
    let ann = page(router, &cx("acme", Some("ann"))).await;
    assert!(ann.as_of.is_some_and(|as_of| as_of >= before));
    // What other users have cannot be looked for with the key's credential.
    assert_eq!(page(router, &cx("acme", None)).await.as_of, None);
}

#[tokio::test]
async fn neither_a_tombstone_nor_what_a_create_may_have_made_is_adopted() {
    let World { router, vendor, .. } = &world(Enumerates::User, None, Duration::ZERO);
    let ann = cx("acme", Some("ann"));
    let buried = vendor.hold("acme/ann", None);
    assert_eq!(listed(router, &ann).await, [buried]);
    let at = Location::unresolved(buried);
    // The vendor keeps what we delete.
    router.delete_conversation(&ann, &at, None).await.unwrap();
    for _ in 0..3 {
        assert!(listed(router, &ann).await.is_empty());
    }
    // The create has made it at the vendor, and its answer has not come yet. Somebody else's look meets it.
    vendor.hold_creates();
    let creating = {
        let router = router.clone();
        let bob = cx("acme", Some("bob"));
        tokio::spawn(async move {
            router
                .create_conversation(&bob, NewConversation::default())
                .await
        })
    };
    vendor.wait_until_somebody_creates().await;
    assert!(listed(router, &cx("acme", Some("bob"))).await.is_empty());
    vendor.let_creates_go();
    let made = creating.await.unwrap().unwrap().location.id;
    assert_eq!(listed(router, &cx("acme", Some("bob"))).await, [made]);
    assert!(listed(router, &ann).await.is_empty());
}

#[tokio::test]
async fn a_list_that_tells_less_than_a_read_takes_nothing_away() {
    let World { router, vendor, .. } = &world(Enumerates::User, None, Duration::ZERO);
    let ann = cx("acme", Some("ann"));
    let id = vendor.hold("acme/ann", None);
    let said_at = Time::now();
    vendor.note_message(id, said_at);
    let shown = async || {
        let page = page(router, &ann).await.page;
        page.items[0].conversation.last_message_at
    };
    assert_eq!(shown().await, Some(said_at));
    // What the read told is written back beside the list.
    vendor.break_reads();
    let began = Instant::now();
    while shown().await != Some(said_at) {
        assert!(began.elapsed() < PATIENCE, "it is never written back");
        tokio::task::yield_now().await;
    }
    let looks = vendor.looks().len();
    while vendor.looks().len() < looks + 5 {
        assert_eq!(shown().await, Some(said_at));
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_lost_create_never_takes_what_another_create_has_made() {
    let World { router, vendor, .. } = &world(Enumerates::User, None, LONG);
    let ann = cx("acme", Some("ann"));
    let lost = Intent {
        id: ann.intent,
        location: None,
        write: Write::CreateConversation(NewConversation::default()),
        started_at: Time::now(),
        deadline_at: Time::now(),
    };
    let another = cx("acme", Some("ann"));
    let answered = router
        .create_conversation(&another, NewConversation::default())
        .await
        .unwrap();
    let settled = router.settle(&ann, &lost).await.unwrap();
    assert_eq!(settled, Settled::Unknown, "it looks like the answered one");
    let made = vendor.hold("acme/ann", None);
    let Settled::Applied(Applied::Conversation(found)) = router.settle(&ann, &lost).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(found.location.id, made);
    assert_ne!(made, answered.location.id);
    assert!(is_found(router, &ann, made).await, "it is known now");
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_during_a_look_is_nobody_elses() {
    let World { router, vendor, .. } = &world(Enumerates::Account, Some("acme"), LONG);
    vendor.close();
    let lister = {
        let router = router.clone();
        tokio::spawn(async move { listed(&router, &cx("acme", None)).await })
    };
    vendor.wait_until_somebody_looks().await;
    vendor.hold_creates();
    let creating = {
        let router = router.clone();
        let bob = cx("other", Some("bob"));
        tokio::spawn(async move {
            router
                .create_conversation(&bob, NewConversation::default())
                .await
        })
    };
    vendor.wait_until_somebody_creates().await;
    // Its caller leaves: nobody waits for the create any more, and its end is not known.
    creating.abort();
    assert!(creating.await.unwrap_err().is_cancelled());
    vendor.open();
    assert_eq!(lister.await.unwrap(), []);
    assert!(listed(router, &cx("acme", None)).await.is_empty());
}
