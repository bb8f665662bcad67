//! Conversations that were made only to get a token: hidden, deleted, forgotten.

use backend::ports::Bootstrap;
use backend::{Backend, Kind, Location, Outcome};
use conversation::{ConversationId, NewConversation};

use crate::fake::{Fault, Operation};
use crate::support::{NAME, Pair, ask, cx, cx_of, question, titled, titles};

fn at(native: &str, credential: &str) -> Location {
    Location {
        id: ConversationId::derive(NAME, native),
        backend: NAME.into(),
        native: native.into(),
        credential: Some(credential.into()),
        renamed: false,
    }
}

/// The native id of the one bootstrap that is left, and its reference.
async fn left_over(pair: &Pair) -> Bootstrap {
    use backend::ports::Bootstraps as _;
    let mut all = pair.credentials.bootstraps(NAME).await.unwrap();
    assert_eq!(all.len(), 1);
    all.pop().unwrap()
}

#[tokio::test]
async fn a_bootstrap_that_could_not_be_deleted_is_hidden_until_it_is() {
    for fault in [
        Fault::CutBefore,
        Fault::html(503),
        Fault::html(200),
        Fault::html(404),
    ] {
        let pair = Pair::new().await;
        pair.fake.inject(Operation::Delete, fault.clone());
        pair.datamonkey
            .create_conversation(&cx(), titled("mine"))
            .await
            .unwrap();
        assert_eq!(pair.fake.titles().len(), 2, "{fault:?}");
        let bootstrap = left_over(&pair).await;
        let hidden = at(&bootstrap.native, &bootstrap.reference);
        for datamonkey in [pair.datamonkey.clone(), pair.restarted()] {
            let error = datamonkey
                .get_conversation(&cx(), &hidden)
                .await
                .unwrap_err();
            assert_eq!(error.kind, Kind::NotFound);
            let error = crate::support::events(&datamonkey, &hidden, question("x"))
                .await
                .unwrap_err();
            assert_eq!(error.kind, Kind::NotFound);
        }
        // Still not: the server is as it was.
        pair.fake.inject(Operation::Delete, fault);
        assert_eq!(pair.listed(&cx()).await, ["mine"]);
        assert_eq!(pair.open_bootstraps().await, 1);
        assert_eq!(titles(&pair.restarted(), &cx()).await, ["mine"]);
        assert_eq!(
            (pair.open_bootstraps().await, pair.fake.titles().len()),
            (0, 1)
        );
    }
}

#[tokio::test]
async fn the_next_create_deletes_what_was_left_over() {
    let pair = Pair::new().await;
    pair.fake.inject(Operation::Delete, Fault::CutAfter);
    pair.create().await;
    assert_eq!(pair.open_bootstraps().await, 1, "its end was not heard of");
    pair.create().await;
    assert_eq!(pair.open_bootstraps().await, 0, "404 counts as deleted");
}

#[tokio::test]
async fn what_a_crash_leaves_is_deleted_by_the_next_process() {
    let pair = Pair::new().await;
    let mine = pair.create().await;
    let token = pair.token("ada").await.unwrap();
    let native = pair.fake.make(&token, "dragoman bootstrap");
    pair.credentials.add_bootstrap(Bootstrap {
        backend: NAME.into(),
        native: native.into(),
        reference: mine.credential.unwrap(),
    });
    let next = pair.restarted();
    assert_eq!(titles(&next, &cx()).await, [""]);
    assert_eq!(
        (pair.open_bootstraps().await, pair.fake.titles().len()),
        (0, 1)
    );
}

#[tokio::test]
async fn the_bootstrap_of_an_identity_that_has_ended_is_forgotten() {
    let pair = Pair::new().await;
    pair.create().await;
    for (reference, kept) in [("gone@user:t/ada", 1), ("gone@user:t/bob", 2)] {
        pair.credentials.add_bootstrap(Bootstrap {
            backend: NAME.into(),
            native: "conv-1-gone".into(),
            reference: reference.into(),
        });
        assert_eq!(pair.open_bootstraps().await, kept);
    }
    let asked = pair.asked().len();
    pair.listed(&cx()).await;
    assert_eq!(pair.asked().len(), asked + 1, "nobody was asked about it");
    assert_eq!(
        pair.open_bootstraps().await,
        1,
        "another user's is left alone"
    );
    pair.create_as(&cx_of("bob")).await;
    pair.listed(&cx_of("bob")).await;
    assert_eq!(pair.open_bootstraps().await, 0);
}

#[tokio::test]
async fn a_token_that_cannot_be_stored_is_given_back() {
    let pair = Pair::new().await;
    pair.credentials.break_stores(true);
    let error = pair
        .datamonkey
        .create_conversation(&cx(), NewConversation::default())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::StorageFull, Outcome::NotApplied)
    );
    assert!(
        pair.fake.titles().is_empty(),
        "its conversation was deleted"
    );
    pair.credentials.break_stores(false);
    let at = pair.create().await;
    ask(&pair.datamonkey, &at, "hello").await;
}

#[tokio::test]
async fn a_list_without_a_token_is_empty_and_asks_nobody() {
    let pair = Pair::new().await;
    assert!(pair.listed(&cx()).await.is_empty());
    assert!(pair.asked().is_empty());
}
