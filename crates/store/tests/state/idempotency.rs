//! Idempotency records: one key, one effect, one answer.

use backend::ports::{Begin, Idempotency, IdempotencyKey, StoredAnswer};
use backend::{Intent, Kind, Write};
use conversation::{Digest, NewConversation, Time};
use uuid::Uuid;

use crate::home;
use crate::support::{open, open_in};

fn idempotency_key(tenant: &str) -> IdempotencyKey {
    IdempotencyKey {
        tenant: tenant.into(),
        caller: "key".into(),
        key: "once".into(),
    }
}

fn intent() -> Intent {
    Intent {
        id: Uuid::now_v7(),
        location: None,
        write: Write::CreateConversation(NewConversation::default()),
        started_at: Time::now(),
        deadline_at: Time::now(),
    }
}

fn answer() -> StoredAnswer {
    StoredAnswer {
        status: 201,
        headers: vec![("etag".into(), "\"x\"".into())],
        body: "{\"a\":1}".into(),
    }
}

fn far() -> Time {
    Time::now().saturating_add_micros(3_600_000_000)
}

#[tokio::test]
async fn a_key_runs_once_and_repeats_its_answer() {
    let (_directory, _store, state) = open();
    let (key, request, other) = (
        idempotency_key("acme"),
        Digest::of(b"request"),
        Digest::of(b"other"),
    );
    assert_eq!(
        state.begin(&key, request, &intent()).await.unwrap(),
        Begin::Run
    );
    assert_eq!(
        state.begin(&key, request, &intent()).await.unwrap(),
        Begin::Running
    );
    assert_eq!(
        state.begin(&key, other, &intent()).await.unwrap(),
        Begin::Mismatch
    );
    assert_eq!(
        state
            .begin(&idempotency_key("other"), other, &intent())
            .await
            .unwrap(),
        Begin::Run
    );
    state.finish(&key, &answer(), far()).await.unwrap();
    assert_eq!(
        state.begin(&key, request, &intent()).await.unwrap(),
        Begin::Answered(answer())
    );
    assert_eq!(
        state.begin(&key, other, &intent()).await.unwrap(),
        Begin::Mismatch
    );
    // An answer stands: it is neither replaced nor freed.
    assert_eq!(
        state.finish(&key, &answer(), far()).await.unwrap_err().kind,
        Kind::Conflict
    );
    state.release(&key).await.unwrap();
    assert_eq!(
        state.begin(&key, request, &intent()).await.unwrap(),
        Begin::Answered(answer())
    );
}

#[tokio::test]
async fn a_released_or_expired_key_runs_again() {
    let (_directory, _store, state) = open();
    let (key, request) = (idempotency_key("acme"), Digest::of(b"request"));
    assert_eq!(
        state.begin(&key, request, &intent()).await.unwrap(),
        Begin::Run
    );
    state.release(&key).await.unwrap();
    assert_eq!(
        state
            .begin(&key, Digest::of(b"other"), &intent())
            .await
            .unwrap(),
        Begin::Run
    );
    state.finish(&key, &answer(), Time::now()).await.unwrap();
    assert_eq!(
        state.begin(&key, request, &intent()).await.unwrap(),
        Begin::Run
    );
}

#[tokio::test]
async fn of_parallel_begins_one_runs() {
    let (_directory, _store, state) = open();
    let (key, request) = (idempotency_key("acme"), Digest::of(b"request"));
    let intent = intent();
    let begun =
        futures_util::future::try_join_all((0..50).map(|_| state.begin(&key, request, &intent)))
            .await
            .unwrap();
    assert_eq!(
        begun.iter().filter(|begin| **begin == Begin::Run).count(),
        1
    );
    assert_eq!(
        begun
            .iter()
            .filter(|begin| **begin == Begin::Running)
            .count(),
        49
    );
}

#[tokio::test]
async fn a_record_of_a_dead_process_is_taken_over_with_its_intent() {
    let (directory, store, state) = open();
    let (key, request, intent) = (idempotency_key("acme"), Digest::of(b"request"), intent());
    assert_eq!(
        state.begin(&key, request, &intent).await.unwrap(),
        Begin::Run
    );
    drop((state, store));
    let (_store, state) = open_in(&directory);
    let other = Intent {
        id: Uuid::now_v7(),
        ..intent.clone()
    };
    assert_eq!(
        state.begin(&key, request, &other).await.unwrap(),
        Begin::Abandoned(Box::new(intent))
    );
    // It is held by this process now.
    assert_eq!(
        state.begin(&key, request, &other).await.unwrap(),
        Begin::Running
    );
    state.finish(&key, &answer(), far()).await.unwrap();
    assert_eq!(
        state.begin(&key, request, &other).await.unwrap(),
        Begin::Answered(answer())
    );
}

#[tokio::test]
async fn a_record_of_another_process_is_left_alone_while_that_lives() {
    let (_directory, store, state) = open();
    let (key, request, intent) = (idempotency_key("acme"), Digest::of(b"request"), intent());
    assert_eq!(
        state.begin(&key, request, &intent).await.unwrap(),
        Begin::Run
    );
    // As another replica would have left it.
    home::beside(&store, "UPDATE idempotency SET instance = 'other'");
    let beat = |seconds_ago: i64| {
        let at = Time::now()
            .saturating_add_micros(-seconds_ago * 1_000_000)
            .as_micros();
        let sql = format!(
            "INSERT INTO instances (id, heartbeat_at) VALUES ('other', {at}) \
             ON CONFLICT (id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at"
        );
        home::beside(&store, &sql);
    };
    beat(-600);
    assert_eq!(
        state.begin(&key, request, &intent).await.unwrap(),
        Begin::Running
    );
    assert_eq!(
        state.finish(&key, &answer(), far()).await.unwrap_err().kind,
        Kind::Conflict
    );
    state.release(&key).await.unwrap();
    assert_eq!(
        state.begin(&key, request, &intent).await.unwrap(),
        Begin::Running
    );
    beat(3_600);
    assert_eq!(
        state.begin(&key, request, &intent).await.unwrap(),
        Begin::Abandoned(Box::new(intent))
    );
}

#[tokio::test]
async fn answers_survive_a_restart_and_go_when_they_expire() {
    let (directory, store, state) = open();
    let (key, request) = (idempotency_key("acme"), Digest::of(b"request"));
    let expires_at = far();
    state.begin(&key, request, &intent()).await.unwrap();
    state.finish(&key, &answer(), expires_at).await.unwrap();
    drop((state, store));
    let (_store, state) = open_in(&directory);
    assert_eq!(
        state.begin(&key, request, &intent()).await.unwrap(),
        Begin::Answered(answer())
    );
    assert_eq!(state.sweep(Time::now()).await.unwrap(), 0);
    assert_eq!(state.sweep(expires_at).await.unwrap(), 1);
    assert_eq!(
        state.begin(&key, request, &intent()).await.unwrap(),
        Begin::Run
    );
}

#[tokio::test]
async fn a_record_in_another_versions_words_is_taken_over_with_the_repeats() {
    let (directory, store, state) = open();
    let (key, request, first) = (idempotency_key("acme"), Digest::of(b"request"), intent());
    state.begin(&key, request, &first).await.unwrap();
    let other = r#"{"update_message":{"subject":"x"}}"#;
    let sql = match store.path() {
        Some(_) => {
            format!("UPDATE idempotency SET intent = json_set(intent, '$.write', json('{other}'))")
        }
        None => format!(
            "UPDATE idempotency SET intent = jsonb_set(intent::jsonb, '{{write}}', '{other}')"
        ),
    };
    home::beside(&store, &sql);
    drop((state, store));
    let (_store, state) = open_in(&directory);
    let repeat = Intent {
        id: Uuid::now_v7(),
        started_at: far(),
        deadline_at: far(),
        ..first.clone()
    };
    // The id and the times by which the write is looked for are those of the first.
    assert_eq!(
        state.begin(&key, request, &repeat).await.unwrap(),
        Begin::Abandoned(Box::new(first))
    );
}

#[tokio::test]
async fn a_record_that_runs_again_is_settled_by_its_last_run() {
    let (directory, store, state) = open();
    let (key, request, first) = (idempotency_key("acme"), Digest::of(b"request"), intent());
    state.begin(&key, request, &first).await.unwrap();
    drop((state, store));
    let (store, state) = open_in(&directory);
    let run = Intent {
        started_at: far(),
        deadline_at: far(),
        ..first.clone()
    };
    let begin = state.begin(&key, request, &run).await.unwrap();
    assert_eq!(begin, Begin::Abandoned(Box::new(first)));
    state.restart(&key, &run).await.unwrap();
    drop((state, store));
    let (_store, state) = open_in(&directory);
    // Another process may have it by now: nobody but its holder notes another run.
    let refused = state.restart(&key, &intent()).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Conflict);
    let begin = state.begin(&key, request, &intent()).await.unwrap();
    assert_eq!(begin, Begin::Abandoned(Box::new(run)));
    state.finish(&key, &answer(), far()).await.unwrap();
    let ended = state.restart(&key, &intent()).await.unwrap_err();
    assert_eq!(ended.kind, Kind::Conflict);
}

#[tokio::test]
async fn an_abandoned_record_goes_on_under_its_intent() {
    let (_directory, _store, state) = open();
    let (key, request, first) = (idempotency_key("acme"), Digest::of(b"request"), intent());
    state.begin(&key, request, &first).await.unwrap();
    state.abandon(&key).await.unwrap();
    assert_eq!(state.sweep(Time::now()).await.unwrap(), 0);
    let begin = state.begin(&key, request, &intent()).await.unwrap();
    assert_eq!(begin, Begin::Abandoned(Box::new(first)));
    let begin = state.begin(&key, request, &intent()).await.unwrap();
    assert_eq!(begin, Begin::Running);
    state.finish(&key, &answer(), far()).await.unwrap();
    let refused = state.abandon(&key).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Conflict);
}
