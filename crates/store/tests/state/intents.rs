//! Intents: begun, ended, noted, left by dead processes.

use backend::ports::{IntentQuery, IntentRecord, IntentState, Intents as _, MigrationId};
use backend::{Intent, Kind, Location, Scope, Write};
use conversation::{ConversationId, NewConversation, NewMessage, Role, Time};
use store::State;
use uuid::Uuid;

use crate::home;
use crate::support::{open, open_in, principal, seconds};

pub(crate) fn record(
    backend: &str,
    conversation: Option<ConversationId>,
    started_at: i64,
) -> IntentRecord {
    IntentRecord {
        intent: Intent {
            id: Uuid::now_v7(),
            location: conversation.map(|id| Location {
                id,
                backend: backend.into(),
                native: "native".into(),
                credential: None,
                renamed: false,
            }),
            write: match conversation {
                Some(_) => Write::PostMessage(NewMessage::text(Role::User, "words")),
                None => Write::CreateConversation(NewConversation::default()),
            },
            started_at: seconds(started_at),
            deadline_at: seconds(started_at + 10),
        },
        backend: backend.into(),
        principal: principal("acme", Some("ann"), &[Scope::Write]),
        request_id: "request".into(),
        copying: true,
        strict: true,
        public_id: None,
        beside: false,
        migration: None,
        led_by: Vec::new(),
        messages: Vec::new(),
        state: IntentState::Open,
        detail: None,
    }
}

/// None of our own counts as overdue.
fn never() -> Time {
    seconds(-1_000_000)
}

fn all(limit: usize) -> IntentQuery {
    IntentQuery {
        limit,
        ..IntentQuery::default()
    }
}

async fn listed(state: &State) -> Vec<IntentRecord> {
    let page = state.list(&all(1_000)).await.unwrap();
    assert!(page.next.is_none());
    page.items
}

#[tokio::test]
async fn an_intent_is_there_from_begin_to_end() {
    let (_directory, _store, state) = open();
    let record = record("vendor", Some(ConversationId::generate()), 100);
    state.begin(&record).await.unwrap();
    assert_eq!(listed(&state).await, vec![record.clone()]);
    // It runs: nobody else may settle it.
    assert_eq!(state.abandoned(never(), 10).await.unwrap(), []);
    state.end(record.intent.id).await.unwrap();
    // A list sees every end that came before it.
    assert_eq!(listed(&state).await, []);
    state.end(record.intent.id).await.unwrap();
    state
        .note(record.intent.id, IntentState::Unknown, "too late")
        .await
        .unwrap();
    assert_eq!(listed(&state).await, []);
}

#[tokio::test]
async fn our_own_are_abandoned_once_they_are_overdue() {
    let (_directory, _store, state) = open();
    let (first, second) = (record("vendor", None, 100), record("vendor", None, 50));
    state.begin(&first).await.unwrap();
    state.begin(&second).await.unwrap();
    assert_eq!(state.abandoned(seconds(60), 10).await.unwrap(), []);
    assert_eq!(
        state.abandoned(seconds(61), 10).await.unwrap(),
        vec![second.clone()]
    );
    // Oldest first.
    let both = state.abandoned(seconds(200), 10).await.unwrap();
    assert_eq!(both, [second.clone(), first]);
    assert_eq!(
        state.abandoned(seconds(200), 1).await.unwrap(),
        vec![second.clone()]
    );
    // Taken over, it is the new one.
    let again = IntentRecord {
        intent: Intent {
            deadline_at: seconds(500),
            ..second.intent.clone()
        },
        ..second
    };
    state.begin(&again).await.unwrap();
    assert_eq!(state.abandoned(seconds(200), 10).await.unwrap().len(), 1);
    assert_eq!(listed(&state).await.len(), 2);
}

#[tokio::test]
async fn those_of_a_dead_process_are_abandoned_at_once() {
    let (directory, store, state) = open();
    let left = record("vendor", None, 100);
    state.begin(&left).await.unwrap();
    drop((state, store));
    let (store, state) = open_in(&directory);
    assert_eq!(
        state.abandoned(never(), 10).await.unwrap(),
        vec![left.clone()]
    );
    // Begun again, it is ours.
    state.begin(&left).await.unwrap();
    assert_eq!(state.abandoned(never(), 10).await.unwrap(), []);
    // As another replica would have left it, while it lives and after.
    home::beside(&store, "UPDATE intents SET instance = 'other'");
    let beat = |seconds_ago: i64| {
        let at = Time::now().saturating_add_micros(-seconds_ago * 1_000_000);
        let sql = format!(
            "INSERT INTO instances (id, heartbeat_at) VALUES ('other', {}) \
             ON CONFLICT (id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at",
            at.as_micros()
        );
        home::beside(&store, &sql);
    };
    beat(-600);
    assert_eq!(state.abandoned(seconds(10_000), 10).await.unwrap(), []);
    beat(3_600);
    assert_eq!(state.abandoned(never(), 10).await.unwrap(), [left]);
}

#[tokio::test]
async fn an_unknown_one_is_listed_and_no_longer_settled() {
    let (directory, store, state) = open();
    let record = record("vendor", None, 100);
    state.begin(&record).await.unwrap();
    let id = record.intent.id;
    state
        .note(id, IntentState::Open, "the backend was away")
        .await
        .unwrap();
    let open = state.abandoned(seconds(1_000), 10).await.unwrap();
    assert_eq!(open[0].detail.as_deref(), Some("the backend was away"));
    state
        .note(id, IntentState::Unknown, "several could be it")
        .await
        .unwrap();
    assert_eq!(state.abandoned(seconds(1_000), 10).await.unwrap(), []);
    drop((state, store));
    let (_store, state) = open_in(&directory);
    let wanted = IntentRecord {
        state: IntentState::Unknown,
        detail: Some("several could be it".into()),
        ..record
    };
    assert_eq!(listed(&state).await, [wanted]);
    assert_eq!(state.abandoned(seconds(1_000), 10).await.unwrap(), []);
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let (_directory, _store, state) = open();
    let conversation = ConversationId::generate();
    let mut wanted = Vec::new();
    for number in 0..9 {
        let backend = ["one", "two", "three"][number % 3];
        // Several begin at the same time.
        let record = record(
            backend,
            (number > 4).then_some(conversation),
            number as i64 / 4,
        );
        state.begin(&record).await.unwrap();
        wanted.push(record);
    }
    state
        .note(wanted[8].intent.id, IntentState::Unknown, "why")
        .await
        .unwrap();
    for limit in 1..=10 {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let query = IntentQuery {
                after: after.take(),
                ..all(limit)
            };
            let page = state.list(&query).await.unwrap();
            assert!(page.items.len() <= limit);
            found.extend(page.items.into_iter().map(|record| record.intent.id));
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let ids: Vec<Uuid> = wanted.iter().map(|record| record.intent.id).collect();
        assert_eq!(found, ids, "{limit}");
    }
    let count = |query: IntentQuery| {
        let state = state.clone();
        async move { state.list(&query).await.unwrap().items.len() }
    };
    let of_one = IntentQuery {
        backend: Some("one".into()),
        ..all(2)
    };
    assert_eq!(
        count(IntentQuery {
            limit: 10,
            ..of_one.clone()
        })
        .await,
        3
    );
    assert_eq!(
        count(IntentQuery {
            conversation: Some(conversation),
            ..all(10)
        })
        .await,
        4
    );
    assert_eq!(
        count(IntentQuery {
            state: Some(IntentState::Unknown),
            ..all(10)
        })
        .await,
        1
    );
    let creates = IntentQuery {
        operation: Some("create_conversation".into()),
        ..all(10)
    };
    assert_eq!(count(creates).await, 5);
    let next = state.list(&of_one).await.unwrap().next;
    assert!(next.is_some());
    let foreign = IntentQuery {
        after: next,
        ..all(2)
    };
    let error = state.list(&foreign).await.unwrap_err();
    assert_eq!(error.kind, Kind::InvalidCursor);
    let error = state.list(&all(0)).await.unwrap_err();
    assert_eq!(error.kind, Kind::InvalidRequest);
}

#[tokio::test]
async fn a_record_of_another_version_keeps_no_other_from_being_settled() {
    let (_directory, store, state) = open();
    let (strange, good) = (record("vendor", None, 1), record("vendor", None, 2));
    state.begin(&strange).await.unwrap();
    state.begin(&good).await.unwrap();
    let started = strange.intent.started_at.as_micros();
    home::beside(
        &store,
        &format!("UPDATE intents SET record = '{{}}' WHERE started_at = {started}"),
    );
    assert_eq!(
        state.abandoned(seconds(1_000), 10).await.unwrap(),
        vec![good.clone()]
    );
    assert_eq!(listed(&state).await, [good]);
}

#[tokio::test]
async fn one_is_found_by_its_id_until_it_ends() {
    let (_directory, _store, state) = open();
    let record = record("vendor", None, 100);
    let id = record.intent.id;
    assert_eq!(state.find(id).await.unwrap(), None);
    state.begin(&record).await.unwrap();
    assert_eq!(state.find(id).await.unwrap(), Some(record));
    state.end(id).await.unwrap();
    assert_eq!(state.find(id).await.unwrap(), None);
}

#[tokio::test]
async fn those_that_were_tried_last_come_last_and_each_backend_has_room() {
    let (_directory, _store, state) = open();
    let busy: Vec<IntentRecord> = (0..4).map(|at| record("busy", None, at)).collect();
    let quiet = record("quiet", None, 9);
    for record in busy.iter().chain([&quiet]) {
        state.begin(record).await.unwrap();
    }
    let ids = async |limit| {
        let found = state.abandoned(seconds(1_000), limit).await.unwrap();
        let ids = found.into_iter().map(|record| record.intent.id);
        ids.collect::<Vec<_>>()
    };
    let of = |places: &[usize]| {
        let ids = places.iter().map(|place| busy[*place].intent.id);
        ids.chain([quiet.intent.id]).collect::<Vec<_>>()
    };
    assert_eq!(ids(2).await, of(&[0, 1]));
    state.tried(busy[0].intent.id).await.unwrap();
    state.tried(busy[1].intent.id).await.unwrap();
    assert_eq!(ids(2).await, of(&[2, 3]));
    // Begun again, it keeps its turn.
    state.begin(&busy[0]).await.unwrap();
    assert_eq!(ids(4).await, of(&[2, 3, 0, 1]));
}

#[tokio::test]
async fn what_is_read_often_is_read_by_an_index() {
    let (_directory, store, _state) = open();
    // How PostgreSQL plans depends on what it has counted.
    let Some(file) = store.path() else {
        return;
    };
    let plan = |sql: &str| {
        let connection = rusqlite::Connection::open(file).unwrap();
        let mut statement = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let steps = statement.query_map([], |row| row.get::<_, String>(3));
        steps.unwrap().map(Result::unwrap).collect::<Vec<_>>()
    };
    let cases = [
        (
            "conversation = 'c' ORDER BY started_at, number",
            "intents_by_conversation",
        ),
        (
            "backend = 'b' AND operation = 'o' ORDER BY started_at, number",
            "intents_by_operation",
        ),
        (
            "state = 0 AND migration IS NULL AND backend = 'b' ORDER BY tried_at, number",
            "intents_open_by_try",
        ),
    ];
    for (wanted, index) in cases {
        let steps = plan(&format!("SELECT record FROM intents WHERE {wanted}"));
        // No sorting comes after it.
        assert!(
            matches!(&steps[..], [step] if step.contains(&format!("USING INDEX {index} "))),
            "{steps:?}"
        );
    }
}

#[tokio::test]
async fn those_of_a_migration_are_listed_with_their_conversation_and_never_abandoned() {
    let (directory, store, state) = open();
    let copied = ConversationId::generate();
    let migration = Some(MigrationId::generate());
    let create = IntentRecord {
        public_id: Some(copied),
        migration,
        ..record("vendor", None, 100)
    };
    let import = IntentRecord {
        migration,
        ..record("vendor", Some(copied), 101)
    };
    let other = record("vendor", None, 102);
    for record in [&create, &import, &other] {
        state.begin(record).await.unwrap();
    }
    let of_copied = IntentQuery {
        conversation: Some(copied),
        ..all(10)
    };
    let found = state.list(&of_copied).await.unwrap().items;
    assert_eq!(found, vec![create.clone(), import.clone()]);
    // The process has died, and every deadline has passed.
    drop((state, store));
    let (_store, state) = open_in(&directory);
    let far = seconds(1_000_000_000_000 / 1_000);
    assert_eq!(state.abandoned(far, 10).await.unwrap(), vec![other]);
    // It is taken over by an ordinary write: then it is settled like any other.
    let taken = IntentRecord {
        migration: None,
        ..import
    };
    state.begin(&taken).await.unwrap();
    assert_eq!(state.abandoned(far, 10).await.unwrap().len(), 2);
}
