//! Tokens of end users: got by a bootstrap, kept, looked at before a create, replaced by the server, signed.

use std::sync::Arc;
use std::time::Duration;

use backend::ports::{CredentialName, Credentials};
use backend::{Backend, Kind, Location, Outcome};
use conversation::NewConversation;
use futures_util::future::join_all;

use crate::fake::{FakeOptions, Fault, Operation};
use crate::support::{NAME, Pair, ask, cx, cx_for, cx_of, subject_of, titled, titles};

/// Tokens that are too old for a create from the beginning, though the server still takes them.
fn short_lived() -> FakeOptions {
    FakeOptions {
        token_lifetime: Some(30),
        ..FakeOptions::default()
    }
}

#[tokio::test]
async fn the_first_create_gets_a_token_by_a_conversation_that_nobody_sees() {
    let pair = Pair::new().await;
    let located = pair
        .datamonkey
        .create_conversation(&cx(), titled("mine"))
        .await
        .unwrap();
    let asked = pair.asked();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert_eq!(
        (asked[0].as_str(), asked[2].as_str()),
        ("POST /chat", "POST /chat")
    );
    assert!(asked[1].starts_with("DELETE /chat/conv-"), "{asked:?}");
    let requests = pair.fake.requests();
    assert_eq!(requests[0].token, None);
    assert_eq!(requests[1].token, pair.token("ada").await);
    assert_eq!(requests[2].token, pair.token("ada").await);
    assert!(requests[0].body.contains("dragoman bootstrap"));
    assert_eq!(pair.fake.titles(), ["mine"]);
    assert_eq!((pair.fake.users(), pair.open_bootstraps().await), (1, 0));
    let reference = located.location.credential.unwrap();
    assert!(reference.ends_with("@user:t/ada"), "{reference}");
    let name = CredentialName {
        backend: "monkey".into(),
        reference,
    };
    assert!(pair.credentials.get(&name).await.unwrap().is_some());
    pair.datamonkey
        .create_conversation(&cx(), titled("second"))
        .await
        .unwrap();
    assert_eq!(pair.asked().len(), 4, "a second create needs one request");
    assert_eq!(pair.credentials.stores(), 1);
}

#[tokio::test]
async fn each_end_user_is_a_user_of_the_vendor() {
    let pair = Pair::new().await;
    let adas = pair.create_as(&cx_of("ada")).await;
    let bobs = pair.create_as(&cx_of("bob")).await;
    assert_ne!(adas.credential, bobs.credential);
    assert_eq!(pair.fake.users(), 2);
    // Whoever asks: the location says which token reaches it.
    pair.datamonkey
        .get_conversation(&cx_of("bob"), &adas)
        .await
        .unwrap();
    // With another user's token it is not found, as the vendor's 403 says.
    let mixed = Location {
        credential: bobs.credential.clone(),
        renamed: false,
        ..adas.clone()
    };
    let error = pair
        .datamonkey
        .get_conversation(&cx(), &mixed)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
    let bare = Location {
        credential: None,
        renamed: false,
        ..bobs
    };
    pair.datamonkey
        .get_conversation(&cx_of("bob"), &bare)
        .await
        .unwrap();
    let error = pair
        .datamonkey
        .get_conversation(&cx_of("carol"), &bare)
        .await
        .unwrap_err();
    assert_eq!(
        error.kind,
        Kind::NotFound,
        "who has no token has no conversations"
    );
}

#[tokio::test]
async fn parallel_first_creates_make_one_user() {
    let pair = Pair::new().await;
    let cx = cx();
    let creates = (0..12).map(|_| pair.create_as(&cx));
    let locations = join_all(creates).await;
    assert_eq!(pair.fake.users(), 1);
    assert!(
        locations
            .iter()
            .all(|at| at.credential == locations[0].credential)
    );
    assert_eq!(pair.credentials.stores(), 1);
}

#[tokio::test]
async fn parallel_first_creates_at_several_replicas_make_one_user() {
    let pair = Pair::new().await;
    let directory = tempfile::tempdir().unwrap();
    let config = store::StoreConfig::at(directory.path().join("dragoman.db"));
    let store = store::Store::open(config).unwrap();
    let leases = store
        .state(&store::SealingKey::from_bytes([7; 32]))
        .unwrap();
    let leases: Arc<dyn backend::ports::Leases> = Arc::new(leases);
    let replicas: Vec<_> = (0..4).map(|_| pair.replica(leases.clone())).collect();
    let cx = cx();
    let creates = (0..12).map(|number| {
        replicas[number % replicas.len()].create_conversation(&cx, NewConversation::default())
    });
    let made = join_all(creates).await;
    let credential = |place: usize| made[place].as_ref().unwrap().location.credential.clone();
    assert!((1..12).all(|place| credential(place) == credential(0)));
    assert_eq!(pair.fake.users(), 1);
    assert_eq!(pair.credentials.stores(), 1);
    assert_eq!(pair.listed(&cx).await.len(), 12);
}

#[tokio::test]
async fn a_token_that_ends_soon_makes_no_conversation_and_the_earlier_ones_stay_reachable() {
    let pair = Pair::with(short_lived(), |_| {}).await;
    let before = pair.create().await;
    let after = pair.create().await;
    assert_eq!(
        pair.fake.users(),
        2,
        "the second create did not risk the first token"
    );
    assert_ne!(before.credential, after.credential);
    for at in [&before, &after] {
        pair.datamonkey.get_conversation(&cx(), at).await.unwrap();
        ask(&pair.datamonkey, at, "hello").await;
    }
    assert!(pair.datamonkey.capabilities().access_expires);
}

#[tokio::test]
async fn after_the_end_of_a_token_nothing_is_sent_and_the_error_says_why() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    let subject = subject_of(&at);
    let ended = pair.fake.sign(&subject, Some(-10));
    pair.put_token("ada", &subject, &ended).await;
    let asked = pair.asked().len();
    let datamonkey = &pair.datamonkey;
    let errors = [
        datamonkey.get_conversation(&cx(), &at).await.unwrap_err(),
        datamonkey
            .delete_conversation(&cx(), &at, None)
            .await
            .unwrap_err(),
        datamonkey
            .list_messages(&cx(), &at, &backend::PageRequest::first(1))
            .await
            .unwrap_err(),
        crate::support::events(datamonkey, &at, crate::support::question("x"))
            .await
            .unwrap_err(),
        datamonkey
            .list_conversations(&cx(), &backend::ConversationQuery::all(1))
            .await
            .unwrap_err(),
    ];
    for error in errors {
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::AccessEnded, Outcome::NotApplied)
        );
        assert!(error.message.contains("24 hours"), "{}", error.message);
    }
    assert_eq!(pair.asked().len(), asked);
    // A create goes on with a new user, for whom everything works again.
    let again = pair.create().await;
    assert_eq!(pair.fake.users(), 2);
    assert_ne!(again.credential, at.credential);
    ask(datamonkey, &again, "hello").await;
    assert_eq!(pair.listed(&cx()).await.len(), 1);
    let error = datamonkey.get_conversation(&cx(), &at).await.unwrap_err();
    assert_eq!(
        error.kind,
        Kind::AccessEnded,
        "the old one stays out of reach"
    );
}

#[tokio::test]
async fn a_token_without_an_end_is_never_too_old() {
    let pair = Pair::with(
        FakeOptions {
            token_lifetime: None,
            ..FakeOptions::default()
        },
        |_| {},
    )
    .await;
    pair.create().await;
    pair.create().await;
    assert_eq!(pair.fake.users(), 1);
}

#[tokio::test]
async fn a_stored_token_that_cannot_be_read_is_as_good_as_none() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    pair.put_token("ada", "x", "garbage").await;
    assert!(pair.listed(&cx()).await.is_empty());
    pair.create().await;
    assert_eq!(pair.fake.users(), 2);
    let lost = Location {
        credential: Some("x@user:t/ada".into()),
        renamed: false,
        ..at
    };
    let error = pair
        .datamonkey
        .get_conversation(&cx(), &lost)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::UpstreamAuth);
}

#[tokio::test]
async fn a_refusal_of_a_living_token_is_upstream_auth() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    pair.fake.change_key();
    let error = pair
        .datamonkey
        .get_conversation(&cx(), &at)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::UpstreamAuth, Outcome::NotApplied)
    );
    assert!(error.message.contains("not ended"), "{}", error.message);
}

#[tokio::test]
async fn an_identity_that_the_server_replaced_is_noticed_and_the_create_repeated_once() {
    let pair = Pair::new().await;
    let before = pair.create().await;
    pair.fake.change_key();
    let located = pair
        .datamonkey
        .create_conversation(&cx(), titled("again"))
        .await
        .unwrap();
    assert_ne!(located.location.credential, before.credential);
    assert_eq!(located.conversation.title.as_deref(), Some("again"));
    assert_eq!(
        pair.listed(&cx()).await,
        ["again"],
        "the replaced one was deleted"
    );
    assert_eq!(pair.open_bootstraps().await, 0);
    let health = pair.datamonkey.health(&cx()).await;
    assert!(
        health.ok && health.detail.contains("1 identities were replaced"),
        "{}",
        health.detail
    );
    assert_eq!(pair.credentials.stores(), 2);
}

#[tokio::test]
async fn parallel_creates_that_are_replaced_together_end_as_one_user() {
    let pair = Pair::new().await;
    pair.create().await;
    pair.fake.change_key();
    let cx = cx();
    let locations = join_all((0..6).map(|_| pair.create_as(&cx))).await;
    assert!(
        locations
            .iter()
            .all(|at| at.credential == locations[0].credential)
    );
    assert_eq!(pair.listed(&cx).await.len(), 6);
    assert_eq!(pair.credentials.stores(), 2);
}

#[tokio::test]
async fn a_server_that_takes_none_of_its_tokens_is_given_up() {
    let pair = Pair::new().await;
    pair.create().await;
    let other = |number: u8| pair.fake.sign(&format!("other-{number}"), Some(3600));
    pair.fake
        .inject(Operation::Create, Fault::NewToken(other(1)));
    pair.fake
        .inject_after(0, Operation::Create, Fault::NewToken(other(2)));
    let error = pair
        .datamonkey
        .create_conversation(&cx(), NewConversation::default())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::UpstreamAuth, Outcome::NotApplied)
    );
    let health = pair.datamonkey.health(&cx()).await;
    assert!(health.detail.contains("2 identities"), "{}", health.detail);
}

#[tokio::test]
async fn a_bootstrap_without_a_token_or_with_an_unreadable_one_makes_nothing() {
    for token in ["", "garbage", "a.b.c"] {
        let pair = Pair::new().await;
        pair.fake
            .inject(Operation::Create, Fault::NewToken(token.to_owned()));
        let error = pair
            .datamonkey
            .create_conversation(&cx(), titled("x"))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::InvalidResponse, Outcome::NotApplied),
            "{token:?}"
        );
        assert!(!format!("{error:?}").contains("garbage"));
        assert_eq!((pair.token("ada").await, pair.asked().len()), (None, 1));
    }
}

#[tokio::test]
async fn a_failed_bootstrap_has_made_nothing_of_what_was_wanted() {
    for fault in [
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::html(500),
        Fault::html(200),
    ] {
        let pair = Pair::new().await;
        pair.fake.inject(Operation::Create, fault.clone());
        let error = pair
            .datamonkey
            .create_conversation(&cx(), titled("x"))
            .await
            .unwrap_err();
        assert_eq!(error.outcome, Outcome::NotApplied, "{fault:?}");
        pair.create().await;
    }
}

#[tokio::test]
async fn a_server_whose_users_are_switched_off_says_so() {
    let pair = Pair::with(
        FakeOptions {
            user_tokens: false,
            ..FakeOptions::default()
        },
        |_| {},
    )
    .await;
    let error = pair
        .datamonkey
        .create_conversation(&cx(), titled("x"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::UpstreamAuth, Outcome::NotApplied)
    );
    assert!(error.message.contains("switched off"), "{}", error.message);
    let health = pair.datamonkey.health(&cx()).await;
    assert!(
        !health.ok && health.detail.contains("switched off"),
        "{}",
        health.detail
    );
}

#[tokio::test]
async fn waiting_for_another_calls_token_ends_with_the_deadline() {
    let pair = Pair::new().await;
    pair.fake
        .inject(Operation::Create, Fault::Slow(Duration::from_secs(3600)));
    let slow = pair.datamonkey.clone();
    let long = cx_for("ada", Duration::from_secs(3600));
    let first = tokio::spawn(async move {
        slow.create_conversation(&long, NewConversation::default())
            .await
    });
    while pair.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    let error = pair
        .datamonkey
        .create_conversation(
            &cx_for("ada", Duration::from_millis(100)),
            NewConversation::default(),
        )
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::Timeout, Outcome::NotApplied)
    );
    first.abort();
}

#[tokio::test]
async fn with_the_signing_key_access_never_ends() {
    let pair = Pair::signing(short_lived()).await;
    assert!(!pair.datamonkey.capabilities().access_expires);
    let at = pair.create().await;
    let subject = subject_of(&at);
    let ended = pair.fake.sign(&subject, Some(-3600));
    pair.put_token("ada", &subject, &ended).await;
    pair.create().await;
    assert_eq!(pair.fake.users(), 1);
    ask(&pair.datamonkey, &at, "still here").await;
    pair.datamonkey.get_conversation(&cx(), &at).await.unwrap();
    assert_eq!(pair.listed(&cx()).await.len(), 2);
    pair.datamonkey
        .delete_conversation(&cx(), &at, None)
        .await
        .unwrap();
    // Without the key nothing of that works.
    assert_eq!(
        pair.restarted()
            .get_conversation(&cx(), &at)
            .await
            .unwrap_err()
            .kind,
        Kind::AccessEnded
    );
}

#[tokio::test]
async fn a_wrong_signing_key_is_named() {
    let pair = Pair::with(short_lived(), |config| {
        config.signing_key = Some("wrong".into());
    })
    .await;
    let at = pair.create().await;
    let error = pair
        .datamonkey
        .get_conversation(&cx(), &at)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::UpstreamAuth);
    assert!(error.message.contains("signing key"), "{}", error.message);
}

#[tokio::test]
async fn a_user_whom_the_server_has_forgotten_is_replaced() {
    for pair in [
        Pair::signing(FakeOptions::default()).await,
        Pair::new().await,
    ] {
        pair.create().await;
        pair.fake.forget_users();
        let located = pair
            .datamonkey
            .create_conversation(&cx(), titled("new"))
            .await
            .unwrap();
        assert_eq!(located.conversation.title.as_deref(), Some("new"));
        assert_eq!(
            (pair.fake.users(), pair.fake.titles()),
            (1, vec!["new".to_owned()])
        );
    }
}

#[tokio::test]
async fn a_failed_create_of_a_user_who_has_conversations_replaces_nobody() {
    let pair = Pair::new().await;
    pair.create().await;
    pair.fake.inject(
        Operation::Create,
        Fault::json(500, r#"{"error":"Failed to create conversation"}"#),
    );
    let error = pair
        .datamonkey
        .create_conversation(&cx(), titled("x"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::UpstreamFailed, Outcome::NotApplied)
    );
    assert_eq!(pair.fake.users(), 1);
}

#[tokio::test]
async fn who_has_no_end_user_is_known_by_the_key() {
    let pair = Pair::new().await;
    let mut cx = cx();
    let mut principal = (*cx.principal).clone();
    principal.user = None;
    cx.principal = principal.into();
    let at = pair.create_as(&cx).await;
    assert!(at.credential.unwrap().ends_with("@user:t/key-k"));
    assert_eq!(titles(&pair.datamonkey, &cx).await.len(), 1);
    assert!(pair.listed(&cx_of("ada")).await.is_empty());
}

#[tokio::test]
async fn a_token_that_was_set_by_hand_is_used_like_any_other() {
    let pair = Pair::new().await;
    let token = pair.fake.sign("by-hand", Some(3600));
    pair.fake.make(&token, "theirs");
    let name = CredentialName::of_user(NAME, "t", "ada");
    pair.credentials.put(&name, &token.into()).await.unwrap();
    let query = backend::ConversationQuery::all(10);
    let page = pair.datamonkey.list_conversations(&cx(), &query).await;
    let listed = page.unwrap().page.items.pop().unwrap().location;
    let made = pair.create().await;
    for at in [&listed, &made] {
        assert_eq!(subject_of(at), "by-hand");
        pair.datamonkey.get_conversation(&cx(), at).await.unwrap();
    }
    assert_eq!(pair.credentials.stores(), 0, "nothing was bootstrapped");
    // It ends, and the conversations stay with it.
    pair.credentials
        .put(&name, &pair.fake.sign("other", Some(3600)).into())
        .await
        .unwrap();
    pair.datamonkey
        .get_conversation(&cx(), &made)
        .await
        .unwrap();
}

#[tokio::test]
async fn users_whose_names_look_like_anothers_reference_stay_apart() {
    let pair = Pair::new().await;
    let adas = pair.create().await;
    for name in [
        "ada@example.org".to_owned(),
        format!("ada@{}", subject_of(&adas)),
        format!("{}@user:t/ada", subject_of(&adas)),
    ] {
        let like_ada = pair.create_as(&cx_of(&name)).await;
        assert_ne!(like_ada.credential, adas.credential, "{name}");
        assert_eq!(pair.listed(&cx_of(&name)).await.len(), 1, "{name}");
    }
    pair.datamonkey
        .get_conversation(&cx(), &adas)
        .await
        .unwrap();
    assert_eq!(pair.listed(&cx()).await.len(), 1);
}

#[tokio::test]
async fn a_token_that_cannot_be_opened_has_sent_nothing() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    let asked = pair.asked().len();
    pair.credentials.seal();
    let create = pair
        .datamonkey
        .create_conversation(&cx(), NewConversation::default())
        .await
        .unwrap_err();
    let answer = crate::support::events(&pair.datamonkey, &at, crate::support::question("x"))
        .await
        .unwrap_err();
    for error in [create, answer] {
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::Internal, Outcome::NotApplied)
        );
    }
    assert_eq!(pair.asked().len(), asked);
}

#[tokio::test]
async fn callers_without_a_token_of_their_own_share_the_tenants_and_never_lose_it() {
    let pair = Pair::new().await;
    // Somebody has one from before.
    let early = pair.create_as(&cx_of("eve")).await;
    let shared = pair.fake.sign("operator", None);
    let tenant = adapterkit::of_tenant(NAME, "t");
    let secret = shared.into();
    pair.credentials.put(&tenant, &secret).await.unwrap();
    let ada = pair.create_as(&cx_of("ada")).await;
    let bob = pair.create_as(&cx_of("bob")).await;
    for at in [&ada, &bob] {
        assert_eq!(at.credential.as_deref(), Some("operator@tenant:t"));
        ask(&pair.datamonkey, at, "hello").await;
    }
    let again = pair.create_as(&cx_of("eve")).await;
    assert_eq!(again.credential, early.credential);
    // What one caller of the tenant has made is not found for another by looking.
    assert!(pair.listed(&cx_of("ada")).await.is_empty());

    // A new one for the same user of the vendor is the next call's.
    let newer = pair.fake.sign("operator", Some(3 * 86_400));
    let secret = newer.clone().into();
    pair.credentials.put(&tenant, &secret).await.unwrap();
    pair.datamonkey.get_conversation(&cx(), &ada).await.unwrap();
    let requests = pair.fake.requests();
    assert_eq!(requests.last().unwrap().token.as_deref(), Some(&*newer));

    // One that has ended is no choice any more; it is kept for the operator to replace.
    let ended = pair.fake.sign("operator", Some(-3600));
    let secret = ended.clone().into();
    pair.credentials.put(&tenant, &secret).await.unwrap();
    let cid = pair.create_as(&cx_of("cid")).await;
    assert_ne!(cid.credential.as_deref(), Some("operator@tenant:t"));
    let kept = pair.credentials.get(&tenant).await.unwrap().unwrap();
    assert_eq!(secrecy::ExposeSecret::expose_secret(&kept), ended);
}
