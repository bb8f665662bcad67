//! Lists of the directory by number: how many entries there are, and pages that begin at a number; and first homes.

use backend::ports::{Directory, DirectoryEntry};
use backend::{
    ConversationFilter, ConversationQuery, Location, Order, PageRequest, Position, Principal,
    Scope, SortKey,
};
use conversation::{ConversationId, NewConversation};
use store::State;

use crate::directory::{entry, titled, titles};
use crate::support::{open, principal};

fn query(sort: SortKey, order: Order, limit: usize) -> ConversationQuery {
    ConversationQuery {
        filter: ConversationFilter::default(),
        sort,
        page: PageRequest {
            limit,
            order,
            position: None,
        },
    }
}

/// Seven of a tenant, three of which are Ann's; two of nobody's; one of another tenant; and one that was deleted.
async fn filled(state: &State) {
    for (tenant, owner, title) in [
        (Some("acme"), Some("ann"), "f"),
        (Some("acme"), None, "b"),
        (None, None, "c"),
        (Some("acme"), Some("ann"), "a"),
        (Some("other"), None, "z"),
        (Some("acme"), None, "g"),
        (None, None, "e"),
        (Some("acme"), Some("ann"), "d"),
        (Some("acme"), None, "i"),
        (Some("acme"), None, "h"),
    ] {
        let at = i64::from(title.as_bytes()[0]);
        let new = entry(tenant, owner, at, titled(title));
        state.insert(new).await.unwrap();
    }
    let gone = entry(Some("acme"), None, 1, titled("gone"));
    let id = gone.location.id;
    state.insert(gone).await.unwrap();
    state.tombstone(id).await.unwrap();
}

async fn page(state: &State, who: &Principal, query: &ConversationQuery) -> Vec<DirectoryEntry> {
    state.list(who, query).await.unwrap().items
}

#[tokio::test]
async fn a_list_has_as_many_entries_as_can_be_seen() {
    let (_directory, _store, state) = open();
    filled(&state).await;
    let all = query(SortKey::CreatedAt, Order::Desc, 1);
    for (who, wanted) in [
        (principal("acme", None, &[]), 7),
        (principal("acme", None, &[Scope::Unowned]), 9),
        (principal("acme", Some("ann"), &[]), 3),
        (principal("other", None, &[]), 1),
        (principal("nobody", None, &[]), 0),
    ] {
        assert_eq!(state.count(&who, &all).await.unwrap(), wanted, "{who:?}");
    }
}

#[tokio::test]
async fn a_page_begins_at_any_number_of_any_list() {
    let (_directory, _store, state) = open();
    filled(&state).await;
    let sorts = [
        SortKey::CreatedAt,
        SortKey::UpdatedAt,
        SortKey::Id,
        SortKey::Title,
    ];
    for who in [
        principal("acme", None, &[]),
        principal("acme", None, &[Scope::Unowned]),
        principal("acme", Some("ann"), &[]),
    ] {
        for (sort, order) in sorts
            .into_iter()
            .flat_map(|sort| [(sort, Order::Asc), (sort, Order::Desc)])
        {
            let whole = page(&state, &who, &query(sort, order, 100)).await;
            for skip in 1..=whole.len() {
                let mut rest = query(sort, order, 100);
                let cursor = state.cursor_at(&who, &rest, skip as u64).await.unwrap();
                rest.page.position = cursor.map(Position::After);
                assert!(rest.page.position.is_some());
                let rest = page(&state, &who, &rest).await;
                assert_eq!(titles(&rest), titles(&whole[skip..]), "{sort:?} {order:?}");
            }
            let list = query(sort, order, 100);
            for beyond in [0, whole.len() as u64 + 1, u64::MAX] {
                let cursor = state.cursor_at(&who, &list, beyond).await.unwrap();
                assert_eq!(cursor, None, "{sort:?} {order:?} {beyond}");
            }
        }
    }
}

#[tokio::test]
async fn a_first_home_stays_what_it_was() {
    let (_directory, _store, state) = open();
    let id = ConversationId::derive("vendor", "n-1");
    let mut new = entry(Some("acme"), None, 1, NewConversation::default());
    new.location = Location {
        id,
        backend: "vendor".into(),
        native: "n-1".into(),
        credential: None,
        renamed: false,
    };
    new.document.id = id;
    state.insert(new.clone()).await.unwrap();
    let ours = entry(Some("acme"), None, 1, NewConversation::default());
    state.insert(ours.clone()).await.unwrap();
    let moved = Location {
        backend: "other".into(),
        native: "n-9".into(),
        renamed: true,
        ..new.location.clone()
    };
    state.rebind(&moved).await.unwrap();
    let first = Some(("vendor".into(), "n-1".into()));
    let own = Some((ours.location.backend.clone(), ours.location.native.clone()));
    let unknown = ConversationId::generate();
    let homes = state.first_homes(&[id, unknown, ours.location.id]).await;
    assert_eq!(homes.unwrap(), [first, None, own]);
    assert_eq!(state.find_first("vendor", "n-1").await.unwrap(), Some(id));
    assert_eq!(state.find_first("other", "n-9").await.unwrap(), None);
    // A deleted one is found, so that it is told from one that never was; where it lived is nobody's business any more.
    state.tombstone(id).await.unwrap();
    assert_eq!(state.find_first("vendor", "n-1").await.unwrap(), Some(id));
    assert_eq!(state.first_homes(&[id]).await.unwrap(), [None]);
}
