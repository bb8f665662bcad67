//! What the planner does with the statements, each of which looks up what it is asked for and nothing else.

use backend::ports::{DirectoryWalk, MigrationFilter, RosterEntry};
use conversation::{ConversationId, Status, Time};

use super::{copied, findings, items, places};
use crate::state::{intents, names, walking};
use crate::{Store, StoreConfig};

fn plan(store: &Store, sql: &str) -> String {
    store.sqlite().unwrap().plan(sql)
}

fn open() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(StoreConfig::at(directory.path().join("dragoman.db"))).unwrap();
    (directory, store)
}

#[test]
fn no_statement_walks_over_what_belongs_to_other_conversations() {
    let (_directory, store) = open();
    let message = "m USING PRIMARY KEY (place=? AND public=?)";
    for (sql, step) in [
        (copied::OF_MESSAGES, message),
        (copied::COUNT, "copied_messages USING PRIMARY KEY (place=?)"),
        (
            copied::AFTER,
            "copied_messages USING PRIMARY KEY (place=? AND public>?)",
        ),
        (
            copied::IS_KNOWN,
            "copied_messages USING COVERING INDEX copied_messages_by_native (place=? AND native=?)",
        ),
        (names::MESSAGE_NATIVES, message),
        (
            names::MESSAGE_PUBLICS,
            "copied_messages_by_native (place=? AND native=?)",
        ),
        (
            names::ATTACHMENT_NATIVES,
            "a USING PRIMARY KEY (place=? AND public=?)",
        ),
        (
            names::ATTACHMENT_PUBLICS,
            "copied_attachments_by_native (place=? AND native=?)",
        ),
        (
            intents::ARRIVING,
            "intents USING INDEX intents_by_conversation (conversation=?)",
        ),
        (
            places::ONE,
            "p USING INDEX sqlite_autoindex_places_1 (conversation=? AND backend=?)",
        ),
        (
            places::ALL,
            "p USING INDEX sqlite_autoindex_places_1 (conversation=?)",
        ),
        (
            items::PAGE,
            "migration_items USING PRIMARY KEY (migration=? AND conversation>?)",
        ),
        (
            items::PAGE_OF,
            "migration_items_by_state (migration=? AND state=? AND sign=? AND conversation>?)",
        ),
        (
            items::MIGRATIONS_OF,
            "migration_items_by_conversation (conversation=?)",
        ),
        (
            findings::PAGE,
            "migration_findings_by_conversation (migration=? AND conversation>?)",
        ),
        (
            findings::EMPTY,
            "migration_findings_of_conversation (conversation=?)",
        ),
    ] {
        let plan = plan(&store, sql);
        assert!(plan.contains(step), "{sql}: {plan}");
        let scans = plan.split("; ").filter(|step| step.starts_with("SCAN"));
        for scan in scans {
            // The list that is asked for, and what is no table at all.
            let is_bounded = scan.contains("j VIRTUAL TABLE") || scan == "SCAN CONSTANT ROW";
            assert!(is_bounded, "{sql}: {plan}");
        }
        let sorts = plan.contains("TEMP B-TREE");
        assert!(!sorts || sql == items::MIGRATIONS_OF, "{sql}: {plan}");
    }
}

#[test]
fn an_operators_walk_goes_by_id_whatever_it_leaves_out() {
    let (_directory, store) = open();
    let walk = DirectoryWalk {
        backend: Some("b".into()),
        filter: MigrationFilter {
            tenant: Some("t".into()),
            ids: Vec::new(),
            label: Some("label".into()),
            status: vec![Status::Open],
            updated_after: Some(Time::now()),
            updated_before: Some(Time::now()),
        },
        owners: vec![RosterEntry {
            tenant: "t".into(),
            user: "u".into(),
        }],
        after: Some(ConversationId::generate()),
        limit: 10,
    };
    let all = DirectoryWalk {
        backend: None,
        filter: MigrationFilter::default(),
        ..walk.clone()
    };
    let bare = DirectoryWalk {
        owners: Vec::new(),
        after: None,
        filter: MigrationFilter::default(),
        ..walk.clone()
    };
    for (walk, step) in [
        (&walk, "directory_by_backend (backend=? AND id>?)"),
        (&bare, "directory_by_backend (backend=?)"),
        (&all, "sqlite_autoindex_directory_1 (id>?)"),
    ] {
        let (sql, _values) = walking::select(walk, None, 10).unwrap();
        let plan = plan(&store, &sql);
        assert!(plan.contains(step), "{plan}");
        assert!(!plan.contains("ORDER BY"), "{plan}");
    }
    let ids = vec![ConversationId::generate().to_string()];
    let (sql, _values) = walking::select(&walk, Some(&ids), 10).unwrap();
    let plan = plan(&store, &sql);
    assert!(
        plan.contains("directory_by_backend (backend=? AND id=?)"),
        "{plan}"
    );
}
