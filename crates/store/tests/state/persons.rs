//! What is kept of a person apart from conversations, and what of it is erased.

use std::sync::Arc;
use std::time::Duration;

use backend::ports::{
    Begin, Bootstrap, Bootstraps as _, CredentialName, Credentials as _, Erased, Erasure,
    Idempotency, IdempotencyKey, KeyRecord, Keys, Ledger as _, MigrationRecord, Phase, RosterEntry,
    StoredAnswer,
};
use backend::{Backend as _, Context, Intent, Scope, Write};
use conversation::{Digest, NewConversation, NewMessage, Role, Time};
use secrecy::SecretString;
use store::State;
use uuid::Uuid;

use crate::support::{migration_record, open, principal, seconds};

pub(crate) fn person(tenant: &str, user: &str) -> RosterEntry {
    RosterEntry {
        tenant: tenant.into(),
        user: user.into(),
    }
}

pub(crate) fn key(tenant: &str, caller: &str, key: &str) -> IdempotencyKey {
    IdempotencyKey {
        tenant: tenant.into(),
        caller: caller.into(),
        key: key.into(),
    }
}

pub(crate) async fn answer(state: &State, key: &IdempotencyKey, body: &str) {
    let intent = Intent {
        id: Uuid::now_v7(),
        location: None,
        write: Write::CreateConversation(NewConversation::default()),
        started_at: Time::now(),
        deadline_at: Time::now(),
    };
    Idempotency::begin(state, key, Digest::of(b"request"), &intent)
        .await
        .unwrap();
    let answer = StoredAnswer {
        status: 200,
        headers: Vec::new(),
        body: body.to_owned(),
    };
    let far = Time::now().saturating_add_micros(1_000_000_000);
    state.finish(key, &answer, far).await.unwrap();
}

pub(crate) async fn is_answered(state: &State, key: &IdempotencyKey) -> bool {
    let intent = Intent {
        id: Uuid::now_v7(),
        location: None,
        write: Write::CreateConversation(NewConversation::default()),
        started_at: Time::now(),
        deadline_at: Time::now(),
    };
    let begin = Idempotency::begin(state, key, Digest::of(b"request"), &intent).await;
    matches!(begin.unwrap(), Begin::Answered(_))
}

pub(crate) fn record(id: &str, tenant: &str, user: Option<&str>) -> KeyRecord {
    KeyRecord {
        id: id.into(),
        tenant: tenant.into(),
        name: "name".into(),
        secret_hash: Digest::of(b"secret"),
        scopes: vec![Scope::Read],
        user: user.map(Into::into),
        created_at: seconds(1),
        expires_at: None,
        revoked_at: None,
    }
}

#[tokio::test]
async fn a_persons_credentials_keys_and_answers_go_and_nobody_elses() {
    let (_directory, _store, state) = open();
    let secret = SecretString::from("secret");
    let theirs = ["user:acme/ann", "42@user:acme/ann"];
    let others = [
        "user:acme/anna",
        "user:other/ann",
        // The name of somebody who is called `x@user:acme/ann`.
        "user:acme/x@user:acme/ann",
        "42@user:acme/anna",
        "session:2",
    ];
    for reference in theirs.iter().chain(&others) {
        for backend in ["a", "b"] {
            let name = CredentialName {
                backend: backend.into(),
                reference: (*reference).into(),
            };
            let bootstrap = Bootstrap {
                backend: backend.into(),
                native: (*reference).into(),
                reference: (*reference).into(),
            };
            state
                .put_with_bootstrap(&[name], &secret, &bootstrap)
                .await
                .unwrap();
        }
    }
    for (name, tenant, user) in [
        ("k1", "acme", Some("ann")),
        ("k2", "acme", None),
        ("k3", "other", Some("ann")),
    ] {
        Keys::insert(&state, &record(name, tenant, user))
            .await
            .unwrap();
    }
    let gone = [
        key("acme", "k2/ann", "1"),
        key("acme", "k1", "2"),
        key("acme", "k1/ann", "3"),
    ];
    let stay = [
        key("acme", "k2", "4"),
        key("acme", "k2/ann/x", "5"),
        key("other", "k3/ann", "6"),
    ];
    for key in gone.iter().chain(&stay) {
        answer(&state, key, "{}").await;
    }
    let erased = state.erase_person(&person("acme", "ann")).await.unwrap();
    let wanted = Erased {
        answers: 3,
        credentials: 4,
        keys: 1,
        ..Erased::default()
    };
    assert_eq!(erased, wanted);
    let left: Vec<_> = state.names().await.unwrap();
    assert_eq!(left.len(), 2 * others.len());
    assert!(left.iter().all(|name| others.contains(&&*name.reference)));
    assert_eq!(state.bootstraps("a").await.unwrap().len(), others.len());
    assert!(Keys::find(&state, "k1").await.unwrap().is_none());
    assert!(Keys::find(&state, "k3").await.unwrap().is_some());
    for key in &stay {
        assert!(is_answered(&state, key).await, "{key:?}");
    }
    for key in &gone {
        assert!(!is_answered(&state, key).await, "{key:?}");
    }
}

#[tokio::test]
async fn votes_stay_without_a_name() {
    let (_directory, store, state) = open();
    let backend = store.backend("a");
    let context = |user: &str| {
        Context::new(
            Arc::new(principal("acme", Some(user), &[])),
            "request",
            Duration::from_secs(30),
        )
    };
    let made = backend
        .create_conversation(&context("bob"), NewConversation::default())
        .await
        .unwrap();
    let said = backend
        .post_message(
            &context("bob"),
            &made.location,
            NewMessage::text(Role::User, "words"),
        )
        .await
        .unwrap();
    for (user, value) in [("ann", 1.0), ("bob", 5.0)] {
        backend
            .rate_message(&context(user), &made.location, &said.id, value)
            .await
            .unwrap();
    }
    state.erase_person(&person("acme", "ann")).await.unwrap();
    let read = |user: &'static str| {
        let (backend, at, id) = (backend.clone(), made.location.clone(), said.id.clone());
        async move {
            let message = backend.get_message(&context(user), &at, &id).await;
            message.unwrap().rating.unwrap()
        }
    };
    let (ann, bob) = (read("ann").await, read("bob").await);
    assert_eq!((ann.mean, ann.count, ann.mine), (Some(3.0), 2, None));
    assert_eq!((bob.mean, bob.count, bob.mine), (Some(3.0), 2, Some(5.0)));
}

#[tokio::test]
async fn rosters_of_all_migrations_are_left_and_none_becomes_everybodys() {
    let (_directory, _store, state) = open();
    let (ann, bob) = (person("acme", "ann"), person("acme", "bob"));
    let with_roster = |phase, roster: &[RosterEntry]| {
        let mut record = migration_record("a", "b");
        record.spec.roster = roster.to_vec();
        MigrationRecord { phase, ..record }
    };
    let both = [ann.clone(), bob.clone()];
    let (works, is_over, of_ann, of_all) = (
        with_roster(Phase::Copying, &both),
        with_roster(Phase::Finished, &both),
        with_roster(Phase::Switched, &both[..1]),
        with_roster(Phase::Copying, &[]),
    );
    for record in [&works, &is_over, &of_ann, &of_all] {
        state.put_migration(record).await.unwrap();
    }
    let erased = state.erase_person(&ann).await.unwrap();
    assert_eq!(erased.ledger, 3);
    let roster = async |id| state.migration(id).await.unwrap().unwrap().spec.roster;
    let nobody = [person("acme", "(erased)")];
    for record in [&works, &is_over] {
        assert_eq!(roster(record.id).await, both[1..]);
    }
    assert_eq!(roster(of_ann.id).await, nobody);
    assert_eq!(roster(of_all.id).await, []);

    // Whoever read a record before notes something else of it after.
    for record in [&works, &of_ann] {
        let late = MigrationRecord {
            phase: Phase::Copied,
            ..record.clone()
        };
        state.put_migration(&late).await.unwrap();
        let noted = state.migration(record.id).await.unwrap().unwrap();
        assert_eq!(noted.phase, Phase::Copied);
        assert!(!noted.spec.roster.contains(&ann));
    }
    assert_eq!(roster(works.id).await, [bob]);
    assert_eq!(roster(of_ann.id).await, nobody);
    assert_eq!(state.erase_person(&ann).await.unwrap().ledger, 0);
}

#[tokio::test]
async fn notes_of_an_erasure_name_nobody_and_outlive_it() {
    let (_directory, _store, state) = open();
    let (ann, bob) = (person("acme", "ann"), person("acme", "bob"));
    let note = serde_json::json!({ "deleted": 1 });
    Erasure::note(&state, &ann, "b", &serde_json::Value::Null)
        .await
        .unwrap();
    Erasure::note(&state, &ann, "a", &note).await.unwrap();
    Erasure::note(&state, &ann, "b", &note).await.unwrap();
    state.erase_person(&ann).await.unwrap();
    assert_eq!(
        state.notes(&ann).await.unwrap(),
        [("a".into(), note.clone()), ("b".into(), note)]
    );
    assert_eq!(state.notes(&bob).await.unwrap(), []);
}
