//! Migrations, their items and findings, and route overrides.

use backend::Kind;
use backend::ports::{
    Checked, Erasure as _, Finding, Item, ItemChange, ItemQuery, ItemState, Ledger as _,
    MigrationId, Phase, RouteOverride, RouteOverrides as _, Sign, Tally,
};
use conversation::{ConversationId, Digest, Patch};
use store::State;

use crate::support::{migration, migration_record, open, open_in, seconds};

fn conversation(number: u128) -> ConversationId {
    ConversationId::from_bits(number)
}

fn item(number: u128, state: ItemState, sign: Option<Sign>) -> Item {
    Item {
        conversation: conversation(number),
        state,
        mark: Some(Digest::of(&number.to_be_bytes())),
        messages: 10,
        bytes: 100,
        sign,
        source: sign.map(|_| Digest::of(b"source")),
        target: None,
    }
}

fn all(limit: usize) -> ItemQuery {
    ItemQuery {
        limit,
        ..ItemQuery::default()
    }
}

async fn tallied(
    state: &State,
    migration: MigrationId,
) -> Vec<(ItemState, Option<Sign>, u64, u64)> {
    let tallies = state.tally(migration).await.unwrap();
    tallies
        .into_iter()
        .map(
            |Tally {
                 state,
                 sign,
                 conversations,
                 messages,
                 ..
             }| (state, sign, conversations, messages),
        )
        .collect()
}

#[tokio::test]
async fn migrations_are_kept_whole_and_listed_newest_first() {
    let (directory, store, state) = open();
    let mut first = migration_record("a", "b");
    let second = migration_record("b", "c");
    for record in [&first, &second] {
        state.put_migration(record).await.unwrap();
    }
    first.phase = Phase::Copying;
    first.holder = Some("somebody".into());
    first
        .notes
        .insert("plan".into(), serde_json::json!({"messages": 1}));
    state.put_migration(&first).await.unwrap();
    drop((state, store));
    let (_store, state) = open_in(&directory);
    assert_eq!(
        state.migrations().await.unwrap(),
        [second.clone(), first.clone()]
    );
    assert_eq!(state.migration(first.id).await.unwrap(), Some(first));
    assert_eq!(
        state.migration(MigrationId::generate()).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn items_are_added_once_and_changed_whole() {
    let (_directory, _store, state) = open();
    let migration = migration(&state, "a", "b").await;
    let items = [
        item(1, ItemState::Pending, None),
        item(2, ItemState::Copied, None),
    ];
    assert_eq!(state.add_items(migration, &items).await.unwrap(), 2);
    let pending = item(2, ItemState::Pending, None);
    assert_eq!(
        state.items(migration, &all(10)).await.unwrap(),
        [items[0].clone(), pending]
    );
    let changed = item(1, ItemState::Failed, Some(Sign::Failed));
    state
        .put_items(migration, std::slice::from_ref(&changed))
        .await
        .unwrap();
    // Known ones stay as they are.
    let again = [items[0].clone(), item(3, ItemState::Pending, None)];
    assert_eq!(state.add_items(migration, &again).await.unwrap(), 1);
    assert_eq!(
        state.item(migration, conversation(1)).await.unwrap(),
        Some(changed)
    );
    assert_eq!(state.item(migration, conversation(9)).await.unwrap(), None);
    assert_eq!(
        state.migrations_of(conversation(3)).await.unwrap(),
        [migration]
    );
    assert_eq!(state.migrations_of(conversation(9)).await.unwrap(), []);
    let unknown = MigrationId::generate();
    let error = state.put_items(unknown, &again).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
    assert_eq!(state.items(unknown, &all(10)).await.unwrap(), []);
}

#[tokio::test]
async fn items_are_found_by_state_and_sign_in_order_page_by_page() {
    let (_directory, _store, state) = open();
    let migration = migration(&state, "a", "b").await;
    let signs: Vec<Option<Sign>> = std::iter::once(None).chain(Sign::ALL.map(Some)).collect();
    let items: Vec<Item> = (0..210)
        .map(|number| {
            item(
                number,
                ItemState::ALL[(number * 5 % 7) as usize],
                signs[(number * 7 % 6) as usize],
            )
        })
        .collect();
    state.put_items(migration, &items).await.unwrap();
    for states in [
        vec![],
        vec![ItemState::Failed],
        vec![ItemState::Failed, ItemState::Born, ItemState::Failed],
    ] {
        for signs in [
            vec![],
            vec![Sign::Same],
            vec![Sign::Different, Sign::Missing],
        ] {
            let wanted: Vec<&Item> = items
                .iter()
                .filter(|item| states.is_empty() || states.contains(&item.state))
                .filter(|item| {
                    signs.is_empty() || item.sign.is_some_and(|sign| signs.contains(&sign))
                })
                .collect();
            assert!(!wanted.is_empty());
            let mut query = ItemQuery {
                states: states.clone(),
                signs,
                after: None,
                limit: 4,
            };
            let mut met = Vec::new();
            loop {
                let page = state.items(migration, &query).await.unwrap();
                assert!(page.len() <= 4);
                let Some(last) = page.last() else { break };
                query.after = Some(last.conversation);
                met.extend(page);
            }
            assert_eq!(met.iter().collect::<Vec<_>>(), wanted);
        }
    }
}

#[tokio::test]
async fn the_tally_follows_every_change() {
    let (_directory, _store, state) = open();
    let (migration, other) = (
        migration(&state, "a", "b").await,
        migration(&state, "a", "c").await,
    );
    let items: Vec<Item> = (0..5)
        .map(|number| item(number, ItemState::Pending, None))
        .collect();
    state.add_items(migration, &items).await.unwrap();
    state.add_items(migration, &items).await.unwrap();
    state.add_items(other, &items[..1]).await.unwrap();
    assert_eq!(
        tallied(&state, migration).await,
        [(ItemState::Pending, None, 5, 50)]
    );
    let copied = Item {
        messages: 11,
        ..item(1, ItemState::Copied, Some(Sign::Same))
    };
    state.put_items(migration, &[copied]).await.unwrap();
    state.born(migration, conversation(77)).await.unwrap();
    assert_eq!(
        tallied(&state, migration).await,
        [
            (ItemState::Born, None, 1, 0),
            (ItemState::Copied, Some(Sign::Same), 1, 11),
            (ItemState::Pending, None, 4, 40),
        ]
    );
    assert_eq!(
        tallied(&state, other).await,
        [(ItemState::Pending, None, 1, 10)]
    );
}

#[tokio::test]
async fn a_check_is_noted_of_known_items_and_changes_nothing_else() {
    let (_directory, _store, state) = open();
    let migration = migration(&state, "a", "b").await;
    let before = item(1, ItemState::Switched, None);
    state
        .put_items(migration, std::slice::from_ref(&before))
        .await
        .unwrap();
    let checked = |number| Checked {
        conversation: conversation(number),
        sign: Sign::Different,
        source: None,
        target: Some(Digest::of(b"target")),
    };
    state
        .note_check(migration, &[checked(1), checked(2)])
        .await
        .unwrap();
    let wanted = Item {
        sign: Some(Sign::Different),
        target: Some(Digest::of(b"target")),
        ..before
    };
    assert_eq!(state.items(migration, &all(9)).await.unwrap(), [wanted]);
}

#[tokio::test]
async fn what_was_erased_stays_so_whoever_still_works_on_it() {
    let (_directory, _store, state) = open();
    let migration = migration(&state, "a", "b").await;
    let before = item(1, ItemState::Copied, None);
    let other = item(2, ItemState::Copied, None);
    let both = [before, other.clone()];
    state.put_items(migration, &both).await.unwrap();
    let id = conversation(1);
    state.erase_conversation(id).await.unwrap();
    let erased = state.item(migration, id).await.unwrap().unwrap();
    assert_eq!((erased.state, erased.mark), (ItemState::Deleted, None));
    let erased = state.item(migration, id).await.unwrap();

    let checked = Checked {
        conversation: id,
        sign: Sign::Same,
        source: Some(Digest::of(b"source")),
        target: Some(Digest::of(b"target")),
    };
    state.note_check(migration, &[checked]).await.unwrap();
    let mark = ItemChange {
        mark: Patch::Set(Digest::of(b"mark")),
        messages: Some(7),
        ..ItemChange::default()
    };
    let switched = ItemChange {
        state: Some(ItemState::Switched),
        ..ItemChange::default()
    };
    for change in [mark, switched] {
        state.change_item(migration, id, &change).await.unwrap();
        let now = state.item(migration, id).await.unwrap();
        assert_eq!(now, erased, "{change:?}");
    }
    state.born(migration, id).await.unwrap();
    assert_eq!(state.item(migration, id).await.unwrap(), erased);
    // To say it again changes nothing, and the others are as they were.
    let deleted = ItemChange {
        state: Some(ItemState::Deleted),
        ..ItemChange::default()
    };
    state.change_item(migration, id, &deleted).await.unwrap();
    assert_eq!(state.item(migration, id).await.unwrap(), erased);
    let is = state.item(migration, other.conversation).await.unwrap();
    assert_eq!(is, Some(other));
}

#[tokio::test]
async fn an_item_is_born_where_it_is_not_known_or_waits_and_nowhere_else() {
    let (_directory, _store, state) = open();
    let migration = migration(&state, "a", "b").await;
    for (number, before) in ItemState::ALL.into_iter().enumerate() {
        let before = item(number as u128, before, None);
        let of = before.conversation;
        let put = std::slice::from_ref(&before);
        state.put_items(migration, put).await.unwrap();
        state.born(migration, of).await.unwrap();
        let after = state.item(migration, of).await.unwrap().unwrap();
        let wanted = match before.state {
            ItemState::Pending => ItemState::Born,
            state => state,
        };
        assert_eq!(after.state, wanted, "{:?}", before.state);
        assert_eq!((after.mark, after.messages), (before.mark, before.messages));
    }
}

fn finding(of: Option<ConversationId>, detail: &str) -> Finding {
    Finding {
        sign: Sign::Failed,
        conversation: of,
        message: None,
        reason: "source-incomplete".into(),
        detail: detail.into(),
        next_step: "try again".into(),
        temporary: true,
    }
}

async fn details(state: &State, migration: MigrationId, after: Option<u64>) -> Vec<(u64, String)> {
    let found = state.findings(migration, after, 100).await.unwrap();
    found
        .into_iter()
        .map(|(number, finding)| (number, finding.detail.into()))
        .collect()
}

#[tokio::test]
async fn findings_come_by_conversation_and_are_replaced_whole() {
    let (_directory, _store, state) = open();
    let migration = migration(&state, "a", "b").await;
    let put = |of: Option<u128>, texts: &'static [&'static str]| {
        let state = state.clone();
        let of = of.map(conversation);
        async move {
            let findings: Vec<Finding> = texts.iter().map(|text| finding(of, text)).collect();
            state
                .replace_findings(migration, of, &findings)
                .await
                .unwrap();
            assert_eq!(state.findings_of(migration, of).await.unwrap(), findings);
        }
    };
    put(Some(2), &["two", "two more"]).await;
    put(Some(1), &["one"]).await;
    put(None, &["all"]).await;
    put(Some(3), &[]).await;
    let found = details(&state, migration, None).await;
    let texts: Vec<&str> = found.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["all", "one", "two", "two more"]);
    // A walk goes on where it stood, also where what it stood at is found no more.
    let (stands_at, _) = found[1];
    put(Some(1), &[]).await;
    put(Some(2), &["again", "more", "and more"]).await;
    let rest: Vec<String> = details(&state, migration, Some(stands_at))
        .await
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_eq!(rest, ["again", "more", "and more"]);
    let one = state.findings(migration, None, 1).await.unwrap();
    assert_eq!(&*one[0].1.detail, "all");
    let error = state.findings(migration, Some(999), 9).await.unwrap_err();
    assert_eq!(error.kind, Kind::InvalidCursor);
    let unknown = MigrationId::generate();
    let error = state
        .replace_findings(unknown, None, &[finding(None, "x")])
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
}

#[tokio::test]
async fn overrides_are_in_force_from_begin_to_end() {
    let (directory, store, state) = open();
    let (first, second) = (
        migration(&state, "a", "b").await,
        migration(&state, "b", "c").await,
    );
    let route = |migration, since| RouteOverride {
        migration,
        from: "a".into(),
        to: "b".into(),
        tenant: Some("acme".into()),
        since: seconds(since),
    };
    let (later, earlier) = (route(first, 9), route(second, 5));
    for route in [&later, &earlier, &later] {
        state.begin_override(route).await.unwrap();
    }
    drop((state, store));
    let (_store, state) = open_in(&directory);
    assert_eq!(state.overrides().await.unwrap(), [earlier, later.clone()]);
    state.end_override(second).await.unwrap();
    state.end_override(second).await.unwrap();
    assert_eq!(state.overrides().await.unwrap(), [later]);
    let unknown = MigrationId::generate();
    let error = state.begin_override(&route(unknown, 1)).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
    let error = state.born(unknown, conversation(1)).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
}
