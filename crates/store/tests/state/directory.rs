//! The directory: what it knows, and who sees what of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use backend::ports::{BackendBinding, Directory, DirectoryEntry, NewDirectoryEntry};
use backend::{
    Backend as _, Context, ConversationFilter, ConversationQuery, Kind, Location, Order,
    PageRequest, Scope, SortKey,
};
use conversation::{
    Conversation, ConversationId, ConversationPatch, Handle, NewConversation, NewMessage,
    Participant, Patch, Priority, RawJson, Role, Status,
};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use store::State;

use crate::support::{open, open_in, principal, seconds};

pub(crate) fn entry(
    tenant: Option<&str>,
    owner: Option<&str>,
    created: i64,
    new: NewConversation,
) -> NewDirectoryEntry {
    let id = ConversationId::generate();
    NewDirectoryEntry {
        location: Location {
            id,
            backend: "chatter".into(),
            native: id.to_string().into(),
            credential: None,
            renamed: false,
        },
        tenant: tenant.map(Into::into),
        owner: owner.map(Into::into),
        document: new.into_conversation(id, "chatter", seconds(created)),
    }
}

pub(crate) fn titled(title: &str) -> NewConversation {
    NewConversation {
        title: Some(title.into()),
        ..NewConversation::default()
    }
}

pub(crate) fn titles(entries: &[DirectoryEntry]) -> Vec<&str> {
    entries
        .iter()
        .map(|entry| entry.document.title.as_deref().unwrap_or_default())
        .collect()
}

async fn listed(state: &State, filter: ConversationFilter) -> BTreeSet<String> {
    let query = ConversationQuery {
        filter,
        ..ConversationQuery::all(100)
    };
    let page = state
        .list(&principal("acme", None, &[]), &query)
        .await
        .unwrap();
    titles(&page.items).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn an_entry_is_found_by_its_id_and_by_where_it_lives() {
    let (_directory, _store, state) = open();
    let mut new = entry(Some("acme"), Some("ann"), 5, titled("one"));
    new.location.credential = Some("user:acme/ann".into());
    assert!(state.insert(new.clone()).await.unwrap());
    assert!(!state.insert(new.clone()).await.unwrap());
    let found = state.find(new.location.id).await.unwrap().unwrap();
    assert_eq!(
        found,
        DirectoryEntry {
            location: new.location.clone(),
            tenant: new.tenant.clone(),
            owner: new.owner.clone(),
            deleted: false,
            document: new.document.clone(),
        }
    );
    assert_eq!(
        state
            .find_native("chatter", &new.location.native)
            .await
            .unwrap(),
        Some(found)
    );
    assert_eq!(
        state
            .find_native("other", &new.location.native)
            .await
            .unwrap(),
        None
    );
    // The same home under another id is known, too.
    let mut again = new;
    again.location.id = ConversationId::generate();
    assert!(!state.insert(again.clone()).await.unwrap());
    assert_eq!(state.find(again.location.id).await.unwrap(), None);
}

#[tokio::test]
async fn each_principal_sees_its_tenant_and_its_user_only() {
    let (_directory, _store, state) = open();
    let owners = [
        (Some("acme"), None),
        (Some("acme"), Some("ann")),
        (Some("acme"), Some("bob")),
        (Some("other"), None),
        (Some("other"), Some("ann")),
        (None, None),
        (None, Some("ann")),
    ];
    for (index, (tenant, owner)) in owners.into_iter().enumerate() {
        let title = format!("{}/{}", tenant.unwrap_or("-"), owner.unwrap_or("-"));
        state
            .insert(entry(
                tenant,
                owner,
                i64::try_from(index).unwrap(),
                titled(&title),
            ))
            .await
            .unwrap();
    }
    for tenant in ["acme", "other", "third"] {
        for user in [None, Some("ann"), Some("bob"), Some("eve")] {
            for scopes in [&[][..], &[Scope::Unowned][..]] {
                let principal = principal(tenant, user, scopes);
                for sort in [
                    SortKey::CreatedAt,
                    SortKey::UpdatedAt,
                    SortKey::Id,
                    SortKey::Title,
                ] {
                    let query = ConversationQuery {
                        sort,
                        ..ConversationQuery::all(100)
                    };
                    let page = state.list(&principal, &query).await.unwrap();
                    let found: BTreeSet<_> = page
                        .items
                        .iter()
                        .map(|item| (item.tenant.clone(), item.owner.clone()))
                        .collect();
                    let expected: BTreeSet<_> = owners
                        .iter()
                        .filter(|(tenant, owner)| principal.may_see(*tenant, *owner))
                        .map(|(tenant, owner)| (tenant.map(Box::from), owner.map(Box::from)))
                        .collect();
                    assert_eq!(found, expected, "{principal:?} {sort:?}");
                    assert_eq!(page.items.len(), expected.len());
                }
            }
        }
    }
}

#[tokio::test]
async fn lists_are_sorted_and_paged_in_both_directions() {
    let (_directory, _store, state) = open();
    // Equal keys on purpose: the id decides. Two tenants' lists are merged for the principal.
    for number in 0..17_i64 {
        let title = ["b", "", "a", "ä", "Z"][usize::try_from(number % 5).unwrap()];
        let tenant = if number % 3 == 0 { None } else { Some("acme") };
        state
            .insert(entry(tenant, None, number / 4, titled(title)))
            .await
            .unwrap();
    }
    let principal = principal("acme", None, &[Scope::Unowned]);
    for sort in [
        SortKey::CreatedAt,
        SortKey::UpdatedAt,
        SortKey::Id,
        SortKey::Title,
    ] {
        let all = ConversationQuery {
            sort,
            ..ConversationQuery::all(100)
        };
        let all = state.list(&principal, &all).await.unwrap().items;
        let mut expected = all.clone();
        expected.sort_by(|a, b| {
            let key = |entry: &DirectoryEntry| match sort {
                SortKey::CreatedAt | SortKey::UpdatedAt => {
                    (entry.document.created_at.as_micros(), Box::from(""))
                }
                SortKey::Id => (0, Box::from("")),
                SortKey::Title => (0, entry.document.title.clone().unwrap()),
            };
            (key(a), a.location.id).cmp(&(key(b), b.location.id))
        });
        assert_eq!(all, expected, "{sort:?}");
        let mut descending = expected.clone();
        descending.reverse();
        for limit in [1, 2, 5, 16, 17] {
            for (order, expected) in [(Order::Asc, &expected), (Order::Desc, &descending)] {
                let mut query = ConversationQuery {
                    sort,
                    page: PageRequest {
                        order,
                        ..PageRequest::first(limit)
                    },
                    ..ConversationQuery::all(limit)
                };
                let first = query.page.clone();
                let mut pages = vec![state.list(&principal, &query).await.unwrap()];
                assert_eq!(pages[0].previous, None);
                while let Some(next) = pages.last().unwrap().next.clone() {
                    query.page = first.after(next);
                    pages.push(state.list(&principal, &query).await.unwrap());
                }
                let walked: Vec<_> = pages.iter().flat_map(|page| page.items.clone()).collect();
                assert_eq!(&walked, expected, "{sort:?} {order:?} {limit}");
                for index in (1..pages.len()).rev() {
                    query.page = first.before(pages[index].previous.clone().unwrap());
                    assert_eq!(
                        state.list(&principal, &query).await.unwrap().items,
                        pages[index - 1].items
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn a_cursor_of_another_principal_filter_sort_or_order_is_refused() {
    let (_directory, _store, state) = open();
    for number in 0..3 {
        state
            .insert(entry(Some("acme"), Some("ann"), number, titled("x")))
            .await
            .unwrap();
    }
    let ann = principal("acme", Some("ann"), &[]);
    let query = ConversationQuery::all(1);
    let cursor = state.list(&ann, &query).await.unwrap().next.unwrap();
    let page = query.page.after(cursor);
    let mine = ConversationQuery {
        page: page.clone(),
        ..query.clone()
    };
    assert_eq!(state.list(&ann, &mine).await.unwrap().items.len(), 1);
    let filtered = ConversationFilter {
        backend: Some("chatter".into()),
        ..ConversationFilter::default()
    };
    let turned = PageRequest {
        order: Order::Desc,
        ..page.clone()
    };
    for (principal, query) in [
        (principal("acme", None, &[]), mine.clone()),
        (principal("acme", Some("bob"), &[]), mine.clone()),
        (principal("other", Some("ann"), &[]), mine.clone()),
        (
            principal("acme", Some("ann"), &[Scope::Unowned]),
            mine.clone(),
        ),
        (
            ann.clone(),
            ConversationQuery {
                filter: filtered,
                ..mine.clone()
            },
        ),
        (
            ann.clone(),
            ConversationQuery {
                sort: SortKey::Title,
                ..mine.clone()
            },
        ),
        (
            ann.clone(),
            ConversationQuery {
                page: turned,
                ..mine.clone()
            },
        ),
    ] {
        assert_eq!(
            state.list(&principal, &query).await.unwrap_err().kind,
            Kind::InvalidCursor,
            "{query:?}"
        );
    }
}

#[tokio::test]
async fn every_filter_selects_and_all_must_fit() {
    let (_directory, _store, state) = open();
    let ann = Participant {
        id: Some("p-ann".into()),
        handles: vec![Handle {
            kind: "email".into(),
            value: "ann@example.org".into(),
        }],
        ..Participant::default()
    };
    let one = NewConversation {
        status: Some(Status::Closed),
        kind: Some(conversation::Kind::Mail),
        priority: Some(Priority::High),
        labels: vec!["red".into(), "blue".into()],
        participants: vec![ann],
        metadata: [
            ("order".into(), RawJson::string("42")),
            ("paid".into(), RawJson::parse("true").unwrap()),
            ("long".into(), RawJson::string(&"x".repeat(1_000))),
            ("object".into(), RawJson::parse("{}").unwrap()),
        ]
        .into(),
        ..titled("one")
    };
    let two = NewConversation {
        labels: vec!["red".into()],
        ..titled("two")
    };
    state
        .insert(entry(Some("acme"), None, 10, one))
        .await
        .unwrap();
    state
        .insert(entry(Some("acme"), None, 20, two))
        .await
        .unwrap();
    // Another tenant's entries with the same terms never show.
    state
        .insert(entry(
            Some("other"),
            None,
            20,
            NewConversation {
                labels: vec!["red".into()],
                ..titled("no")
            },
        ))
        .await
        .unwrap();
    let none = ConversationFilter::default;
    let metadata = |key: &str, value: &str| ConversationFilter {
        metadata: vec![(key.into(), value.into())],
        ..none()
    };
    for (filter, expected) in [
        (none(), &["one", "two"][..]),
        (
            ConversationFilter {
                status: vec![Status::Closed],
                ..none()
            },
            &["one"],
        ),
        (
            ConversationFilter {
                status: vec![Status::Closed, Status::Open],
                ..none()
            },
            &["one", "two"],
        ),
        (
            ConversationFilter {
                kind: vec![conversation::Kind::Mail],
                ..none()
            },
            &["one"],
        ),
        (
            ConversationFilter {
                priority: vec![Priority::High, Priority::Low],
                ..none()
            },
            &["one"],
        ),
        (
            ConversationFilter {
                label: vec!["red".into()],
                ..none()
            },
            &["one", "two"],
        ),
        (
            ConversationFilter {
                label: vec!["red".into(), "blue".into()],
                ..none()
            },
            &["one"],
        ),
        (
            ConversationFilter {
                label: vec!["green".into()],
                ..none()
            },
            &[],
        ),
        (
            ConversationFilter {
                participant: Some("p-ann".into()),
                ..none()
            },
            &["one"],
        ),
        (
            ConversationFilter {
                participant: Some("ann@example.org".into()),
                ..none()
            },
            &["one"],
        ),
        (
            ConversationFilter {
                backend: Some("chatter".into()),
                ..none()
            },
            &["one", "two"],
        ),
        (
            ConversationFilter {
                backend: Some("store".into()),
                ..none()
            },
            &[],
        ),
        (
            ConversationFilter {
                updated_after: Some(seconds(10)),
                ..none()
            },
            &["two"],
        ),
        (metadata("order", "42"), &["one"]),
        (metadata("order", "43"), &[]),
        (metadata("paid", "true"), &["one"]),
        (metadata("long", &"x".repeat(1_000)), &["one"]),
        (metadata("object", "{}"), &[]),
        (
            ConversationFilter {
                label: vec!["red".into()],
                status: vec![Status::Open],
                ..none()
            },
            &["two"],
        ),
        (
            ConversationFilter {
                status: vec![Status::Other("' OR 1 = 1 --".into())],
                ..none()
            },
            &[],
        ),
    ] {
        let expected: BTreeSet<String> = expected.iter().map(|&title| title.to_owned()).collect();
        assert_eq!(listed(&state, filter.clone()).await, expected, "{filter:?}");
    }
    let many = ConversationFilter {
        label: vec!["x".into(); 33],
        ..none()
    };
    let query = ConversationQuery {
        filter: many,
        ..ConversationQuery::all(1)
    };
    assert_eq!(
        state
            .list(&principal("acme", None, &[]), &query)
            .await
            .unwrap_err()
            .kind,
        Kind::InvalidRequest
    );
}

#[tokio::test]
async fn a_common_label_pages_like_a_rare_one() {
    let (_directory, store, state) = open();
    let backend = store.backend("store");
    let cx = Context::new(
        Arc::new(principal("acme", None, &[])),
        "request",
        Duration::from_secs(60),
    );
    let creates = (0..1_200).map(|number| {
        let labels = if number % 400 == 0 {
            vec!["common".into(), "rare".into()]
        } else {
            vec!["common".into()]
        };
        backend.create_conversation(
            &cx,
            NewConversation {
                labels,
                ..NewConversation::default()
            },
        )
    });
    // Not all at once: where they wait for a connection, they do not wait for long.
    let made = stream::iter(creates).buffer_unordered(8);
    made.try_for_each(async |_| Ok(())).await.unwrap();
    for (label, expected) in [("common", 1_200), ("rare", 3)] {
        let filter = ConversationFilter {
            label: vec![label.into()],
            ..ConversationFilter::default()
        };
        let mut query = ConversationQuery {
            filter,
            ..ConversationQuery::all(100)
        };
        let (mut found, first) = (BTreeSet::new(), query.page.clone());
        loop {
            let page = state.list(&cx.principal, &query).await.unwrap();
            found.extend(page.items.iter().map(|entry| entry.location.id));
            let Some(next) = page.next else { break };
            query.page = first.after(next);
        }
        assert_eq!(found.len(), expected, "{label}");
    }
}

#[tokio::test]
async fn refresh_replaces_what_lists_filter_by() {
    let (_directory, _store, state) = open();
    let new = entry(
        Some("acme"),
        None,
        10,
        NewConversation {
            labels: vec!["old".into()],
            ..titled("before")
        },
    );
    state.insert(new.clone()).await.unwrap();
    let label = |name: &str| ConversationFilter {
        label: vec![name.into()],
        ..ConversationFilter::default()
    };
    let changed = Conversation {
        title: Some("after".into()),
        labels: vec!["new".into()],
        ..new.document.clone()
    };
    state.refresh(new.location.id, &changed).await.unwrap();
    assert_eq!(listed(&state, label("old")).await.len(), 0);
    assert_eq!(
        listed(&state, label("new")).await,
        ["after".to_owned()].into()
    );
    assert_eq!(
        state.find(new.location.id).await.unwrap().unwrap().document,
        changed
    );
    // Of an unknown one nothing happens.
    state
        .refresh(ConversationId::generate(), &changed)
        .await
        .unwrap();
    assert_eq!(listed(&state, ConversationFilter::default()).await.len(), 1);
}

#[tokio::test]
async fn what_a_list_does_not_tell_stays_and_what_a_read_does_not_is_gone() {
    let (_directory, _store, state) = open();
    let new = entry(Some("acme"), None, 10, titled("before"));
    state.insert(new.clone()).await.unwrap();
    let id = new.location.id;
    let held = async || state.find(id).await.unwrap().unwrap().document;
    let read = Conversation {
        last_message_at: Some(seconds(20)),
        ..new.document.clone()
    };
    state.refresh(id, &read).await.unwrap();
    let listed = Conversation {
        title: Some("after".into()),
        ..new.document.clone()
    };
    assert_eq!(listed.last_message_at, None);
    state.refresh_listed(id, &listed).await.unwrap();
    let both = Conversation {
        last_message_at: read.last_message_at,
        ..listed.clone()
    };
    assert_eq!(held().await, both);
    state.refresh(id, &listed).await.unwrap();
    assert_eq!(held().await, listed);
}

#[tokio::test]
async fn touch_moves_times_forward_and_never_back() {
    let (_directory, _store, state) = open();
    let new = entry(Some("acme"), None, 10, titled("one"));
    state.insert(new.clone()).await.unwrap();
    let times = async || {
        let document = state.find(new.location.id).await.unwrap().unwrap().document;
        (document.updated_at, document.last_message_at)
    };
    state.touch(new.location.id, seconds(30)).await.unwrap();
    assert_eq!(times().await, (seconds(30), Some(seconds(30))));
    state.touch(new.location.id, seconds(20)).await.unwrap();
    assert_eq!(times().await, (seconds(30), Some(seconds(30))));
    let later = ConversationFilter {
        updated_after: Some(seconds(29)),
        ..ConversationFilter::default()
    };
    assert_eq!(listed(&state, later).await.len(), 1);
}

#[tokio::test]
async fn a_tombstone_is_for_ever_and_keeps_nothing_but_the_id() {
    let (_directory, _store, state) = open();
    let new = entry(
        Some("acme"),
        None,
        10,
        NewConversation {
            labels: vec!["x".into()],
            ..titled("secret plan")
        },
    );
    state.insert(new.clone()).await.unwrap();
    state.tombstone(new.location.id).await.unwrap();
    assert!(!state.insert(new.clone()).await.unwrap());
    state.refresh(new.location.id, &new.document).await.unwrap();
    state.touch(new.location.id, seconds(99)).await.unwrap();
    state.tombstone(new.location.id).await.unwrap();
    let found = state.find(new.location.id).await.unwrap().unwrap();
    assert!(found.deleted);
    assert_eq!(found.document.title, None);
    assert_eq!(listed(&state, ConversationFilter::default()).await.len(), 0);
    let label = ConversationFilter {
        label: vec!["x".into()],
        ..ConversationFilter::default()
    };
    assert_eq!(listed(&state, label).await.len(), 0);
}

#[tokio::test]
async fn what_is_gone_is_left_out_until_it_is_seen_again() {
    let (_directory, _store, state) = open();
    let new = entry(Some("acme"), None, 10, titled("one"));
    state.insert(new.clone()).await.unwrap();
    state.mark_gone(new.location.id).await.unwrap();
    assert_eq!(listed(&state, ConversationFilter::default()).await.len(), 0);
    assert!(!state.find(new.location.id).await.unwrap().unwrap().deleted);
    state.refresh(new.location.id, &new.document).await.unwrap();
    assert_eq!(listed(&state, ConversationFilter::default()).await.len(), 1);
}

#[tokio::test]
async fn the_embedded_backend_keeps_its_own_entries_true() {
    let (_directory, store, state) = open();
    let backend = store.backend("store");
    let caller = principal("acme", Some("ann"), &[]);
    let cx = Context::new(Arc::new(caller.clone()), "request", Duration::from_secs(30));
    let created = backend
        .create_conversation(&cx, titled("mine"))
        .await
        .unwrap();
    let at = created.location.clone();
    let seen = async || state.find(at.id).await.unwrap().unwrap();
    assert_eq!(
        seen().await,
        DirectoryEntry {
            location: at.clone(),
            tenant: Some("acme".into()),
            owner: Some("ann".into()),
            deleted: false,
            document: created.conversation,
        }
    );
    let posted = backend
        .post_message(&cx, &at, NewMessage::text(Role::User, "hello"))
        .await
        .unwrap();
    assert_eq!(seen().await.document.last_message_at, Some(posted.sent_at));
    let patch = ConversationPatch {
        title: Patch::Set("yours".into()),
        ..ConversationPatch::default()
    };
    let changed = backend
        .update_conversation(&cx, &at, patch, None)
        .await
        .unwrap();
    assert_eq!(seen().await.document, changed);
    backend
        .delete_message(&cx, &at, &posted.id, None)
        .await
        .unwrap();
    assert_eq!(seen().await.document.last_message_at, None);
    backend.delete_conversation(&cx, &at, None).await.unwrap();
    assert!(seen().await.deleted);
    assert_eq!(
        state
            .list(&caller, &ConversationQuery::all(10))
            .await
            .unwrap()
            .items
            .len(),
        0
    );
}

#[tokio::test]
async fn discoveries_are_noted_per_credential_and_never_go_back() {
    let (_directory, _store, state) = open();
    assert_eq!(state.discovered_at("chatter", None).await.unwrap(), None);
    state
        .set_discovered_at("chatter", None, seconds(20))
        .await
        .unwrap();
    state
        .set_discovered_at("chatter", None, seconds(10))
        .await
        .unwrap();
    state
        .set_discovered_at("chatter", Some("user:a/b"), seconds(5))
        .await
        .unwrap();
    assert_eq!(
        state.discovered_at("chatter", None).await.unwrap(),
        Some(seconds(20))
    );
    assert_eq!(
        state
            .discovered_at("chatter", Some("user:a/b"))
            .await
            .unwrap(),
        Some(seconds(5))
    );
}

#[tokio::test]
async fn a_backends_name_is_bound_for_ever() {
    let (directory, store, state) = open();
    let binding = BackendBinding {
        name: "support".into(),
        kind: "chatter".into(),
        base_url: "https://a.example".into(),
        account: "".into(),
    };
    state.bind_backend(&binding).await.unwrap();
    drop((state, store));
    let (_store, state) = open_in(&directory);
    state.bind_backend(&binding).await.unwrap();
    let moved = BackendBinding {
        base_url: "https://b.example".into(),
        ..binding
    };
    let error = state.bind_backend(&moved).await.unwrap_err();
    assert_eq!(error.kind, Kind::Conflict);
    assert!(
        error
            .message
            .contains("its base URL is `https://a.example`, not `https://b.example`"),
        "{}",
        error.message
    );
    assert!(
        error.message.contains("add a backend with a new name"),
        "{}",
        error.message
    );
}
