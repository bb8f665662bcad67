//! What the planner does with the statements, each of which looks up what it is asked for and nothing else; and a
//! database that cannot be written.

use backend::ports::{Change, DriftQuery, Kept, KeptAt, OverlayState as _};
use backend::{Kind, Outcome};
use conversation::{ConversationId, NewConversation, Time};

use super::{conversations, drift, fields, messages};
use crate::{SealingKey, Store, StoreConfig};

fn plan(store: &Store, sql: &str) -> String {
    store.sqlite().unwrap().plan(sql)
}

#[test]
fn no_statement_walks_over_what_belongs_to_other_conversations() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig::at(directory.path().join("dragoman.db"))).unwrap();
    let query = |conversation, backend: Option<&str>| DriftQuery {
        backend: backend.map(Into::into),
        conversation,
        ..DriftQuery::default()
    };
    let drifted = |query: DriftQuery| drift::select(&query, (0, 0), 1).0;
    let some = Some(ConversationId::generate());
    for (sql, step) in [
        (
            messages::PAGE_UP.to_owned(),
            "m USING INDEX overlay_messages_shown (conversation=? AND (time,arrival)>(?,?))",
        ),
        (
            messages::PAGE_DOWN.to_owned(),
            "m USING INDEX overlay_messages_shown (conversation=? AND (time,arrival)<(?,?))",
        ),
        (
            messages::HIDDEN.to_owned(),
            "m USING INDEX overlay_messages_hidden (conversation=? AND time>?)",
        ),
        (
            messages::ONE.to_owned(),
            "m USING INDEX sqlite_autoindex_overlay_messages_1 (conversation=? AND id=?)",
        ),
        (
            messages::INDEX.to_owned(),
            "m USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
        ),
        (
            conversations::KEPT.to_owned(),
            "c USING INDEX sqlite_autoindex_overlay_conversations_1 (id=? AND backend=?)",
        ),
        (
            conversations::KEPT.to_owned(),
            "f USING INDEX sqlite_autoindex_overlay_fields_1 (conversation=? AND message=?)",
        ),
        (
            fields::OF_MESSAGES.to_owned(),
            "f USING INDEX sqlite_autoindex_overlay_fields_1 (conversation=? AND message=?)",
        ),
        (
            drifted(query(None, None)),
            "f USING INDEX overlay_fields_drifted",
        ),
        (
            drifted(query(None, Some("b"))),
            "f USING INDEX overlay_fields_drifted",
        ),
        (drifted(query(some, None)), "c USING"),
    ] {
        let plan = plan(&store, &sql);
        assert!(plan.contains(step), "{plan}");
        let scans = plan.split("; ").filter(|step| step.starts_with("SCAN"));
        for scan in scans {
            // The list that is asked for, and the id itself.
            let is_bounded = scan.contains("j VIRTUAL TABLE") || scan == "SCAN CONSTANT ROW";
            assert!(is_bounded, "{plan}");
        }
    }
}

#[tokio::test]
async fn a_full_and_a_read_only_database_are_told_and_nothing_was_changed() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig::at(directory.path().join("dragoman.db"))).unwrap();
    let state = store.state(&SealingKey::from_bytes([7; 32])).unwrap();
    let at = KeptAt {
        conversation: ConversationId::generate(),
        backend: "vendor".into(),
    };
    let long = NewConversation {
        title: Some("x".repeat(1_000_000).into()),
        ..NewConversation::default()
    };
    let copy = Box::new(long.into_conversation(at.conversation, "vendor", Time::now()));
    let changes = vec![
        Change::Ended {
            native: "native".into(),
            has_ended: true,
        },
        Change::Copy(copy),
    ];
    let set = |pragma: &'static str, value: i64| {
        let sqlite = store.sqlite().unwrap();
        sqlite.alter(move |connection| connection.pragma_update(None, pragma, value))
    };
    for (pragma, kind) in [
        ("max_page_count", Kind::StorageFull),
        ("query_only", Kind::Unavailable),
    ] {
        set(pragma, 1).await;
        let error = state.apply(&at, None, changes.clone()).await.unwrap_err();
        assert_eq!((error.kind, error.outcome), (kind, Outcome::NotApplied));
        assert!(error.is_temporary() && error.retry_after.is_some());
        let found = state.kept(std::slice::from_ref(&at)).await.unwrap();
        assert_eq!(found, [Kept::default()]);
        if kind == Kind::StorageFull {
            set(pragma, 1_000_000).await;
            state.apply(&at, None, changes.clone()).await.unwrap();
            state.apply(&at, None, vec![Change::Forget]).await.unwrap();
        }
    }
}
