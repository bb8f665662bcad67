//! An operator's walk over the directory.

use backend::ports::{
    Directory as _, DirectoryWalk, MigrationFilter, NewDirectoryEntry, RosterEntry,
};
use conversation::{ConversationId, NewConversation, Status};
use store::State;

use crate::support::{home, open, seconds};

/// Made in no order of their ids.
async fn fill(state: &State) -> Vec<NewDirectoryEntry> {
    let mut entries = Vec::new();
    for number in 0..60_u64 {
        let backend = ["a", "b"][(number % 2) as usize];
        let native = number.to_string();
        let id = ConversationId::derive(backend, &native);
        let new = NewConversation {
            status: Some([Status::Open, Status::Closed][(number / 2 % 2) as usize].clone()),
            labels: vec![["red", "blue", "green"][(number % 3) as usize].into()],
            ..NewConversation::default()
        };
        let entry = NewDirectoryEntry {
            location: home(id, backend, &native),
            tenant: [Some("acme"), Some("other"), None][(number % 3) as usize].map(Into::into),
            owner: [Some("ann"), Some("bob"), None][(number / 3 % 3) as usize].map(Into::into),
            document: new.into_conversation(id, backend, seconds(number.try_into().unwrap())),
        };
        state.insert(entry.clone()).await.unwrap();
        entries.push(entry);
    }
    entries.sort_by_key(|entry| entry.location.id.to_string());
    entries
}

async fn walked(state: &State, mut walk: DirectoryWalk) -> Vec<ConversationId> {
    let mut met = Vec::new();
    loop {
        let page = state.walk(&walk).await.unwrap();
        assert!(page.len() <= walk.limit);
        let Some(last) = page.last() else {
            return met;
        };
        walk.after = Some(last.location.id);
        met.extend(page.iter().map(|entry| entry.location.id));
    }
}

#[tokio::test]
async fn every_filter_leaves_out_what_does_not_fit_and_nothing_else() {
    let (_directory, _store, state) = open();
    let entries = fill(&state).await;
    let ids: Vec<ConversationId> = entries
        .iter()
        .step_by(4)
        .map(|entry| entry.location.id)
        .chain([ConversationId::generate()])
        .collect();
    let owners = vec![RosterEntry {
        tenant: "acme".into(),
        user: "ann".into(),
    }];
    let walk = |filter| DirectoryWalk {
        backend: Some("a".into()),
        filter,
        owners: Vec::new(),
        after: None,
        limit: 7,
    };
    type Fits = Box<dyn Fn(&NewDirectoryEntry) -> bool>;
    let none = MigrationFilter::default;
    let wanted_ids = ids.clone();
    let cases: Vec<(DirectoryWalk, Fits)> = vec![
        (walk(none()), Box::new(|_| true)),
        (
            walk(MigrationFilter {
                tenant: Some("acme".into()),
                ..none()
            }),
            Box::new(|entry| entry.tenant.as_deref() == Some("acme")),
        ),
        (
            walk(MigrationFilter {
                ids,
                status: vec![Status::Closed],
                ..none()
            }),
            Box::new(move |entry| {
                wanted_ids.contains(&entry.location.id) && entry.document.status == Status::Closed
            }),
        ),
        (
            walk(MigrationFilter {
                label: Some("red".into()),
                ..none()
            }),
            Box::new(|entry| &*entry.document.labels[0] == "red"),
        ),
        (
            walk(MigrationFilter {
                updated_after: Some(seconds(10)),
                updated_before: Some(seconds(20)),
                ..none()
            }),
            Box::new(|entry| (seconds(10)..seconds(20)).contains(&entry.document.updated_at)),
        ),
        (
            DirectoryWalk {
                owners,
                ..walk(none())
            },
            Box::new(|entry| {
                entry.tenant.as_deref() == Some("acme") && entry.owner.as_deref() == Some("ann")
            }),
        ),
    ];
    for (walk, fits) in cases {
        let wanted: Vec<ConversationId> = entries
            .iter()
            .filter(|entry| &*entry.location.backend == "a" && fits(entry))
            .map(|entry| entry.location.id)
            .collect();
        assert!(!wanted.is_empty(), "{walk:?}");
        assert_eq!(walked(&state, walk.clone()).await, wanted, "{walk:?}");
    }
    let everywhere = DirectoryWalk {
        limit: 9,
        ..DirectoryWalk::default()
    };
    assert_eq!(walked(&state, everywhere).await.len(), 60);
}

#[tokio::test]
async fn what_is_gone_is_met_and_what_is_deleted_is_not() {
    let (_directory, _store, state) = open();
    let entries = fill(&state).await;
    state.mark_gone(entries[3].location.id).await.unwrap();
    state.tombstone(entries[5].location.id).await.unwrap();
    let everywhere = DirectoryWalk {
        limit: 1_000,
        ..DirectoryWalk::default()
    };
    let met = walked(&state, everywhere).await;
    assert!(met.contains(&entries[3].location.id));
    assert!(!met.contains(&entries[5].location.id));
    assert_eq!(met.len(), 59);
}

#[tokio::test]
async fn a_walk_meets_everything_while_others_come() {
    let (_directory, _store, state) = open();
    let entries = fill(&state).await;
    let mut walk = DirectoryWalk {
        limit: 5,
        ..DirectoryWalk::default()
    };
    let mut met = Vec::new();
    let mut made = 1_000;
    loop {
        let page = state.walk(&walk).await.unwrap();
        let Some(last) = page.last() else { break };
        walk.after = Some(last.location.id);
        met.extend(page.iter().map(|entry| entry.location.id));
        if made < 1_040 {
            for _ in 0..4 {
                made += 1;
                let native = made.to_string();
                let id = ConversationId::derive("c", &native);
                let at = home(id, "c", &native);
                state.insert(crate::support::entry(at)).await.unwrap();
            }
        }
    }
    for entry in entries {
        assert!(met.contains(&entry.location.id));
    }
    let mut sorted = met.clone();
    sorted.sort_by_key(ConversationId::to_string);
    sorted.dedup();
    assert_eq!(sorted, met);
}
