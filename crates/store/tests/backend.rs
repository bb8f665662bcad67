//! What the embedded backend promises beyond the conformance suite.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect, helpers included"
)]

use std::sync::Arc;
use std::time::Duration;

use backend::ports::Directory as _;
use backend::{
    Applied, Backend, BackendExt as _, Context, ConversationQuery, Intent, Kind, Location, Order,
    PageRequest, Position, Principal, Scope, Settled, Write,
};
use conversation::{
    Direction, Message, MessagePatch, MessageStatus, NewConversation, NewMessage, Patch, Rating,
    Role, Time, Usage, text_of,
};
use futures_util::TryStreamExt as _;
use store::{SealingKey, Store, StoreBackend};

#[expect(dead_code, reason = "each program of tests uses its own part")]
#[path = "support/home.rs"]
mod home;

use home::Home;

fn open() -> (Home, Store, StoreBackend) {
    let directory = Home::new();
    let store = directory.open();
    let backend = store.backend("store");
    (directory, store, backend)
}

fn context() -> Context {
    context_of("key", None)
}

fn context_of(key: &str, user: Option<&str>) -> Context {
    let principal = Principal {
        tenant: "acme".into(),
        key: key.into(),
        user: user.map(Into::into),
        scopes: Scope::ALL.to_vec(),
    };
    Context::new(Arc::new(principal), "request", Duration::from_secs(30))
}

async fn conversation(backend: &StoreBackend) -> Location {
    backend
        .create_conversation(&context(), NewConversation::default())
        .await
        .unwrap()
        .location
}

async fn texts(backend: &StoreBackend, at: &Location, page: PageRequest) -> Vec<String> {
    let messages: Vec<Message> = backend
        .all_messages(&context(), at, page)
        .try_collect()
        .await
        .unwrap();
    messages
        .iter()
        .map(|message| text_of(&message.parts))
        .collect()
}

fn text(role: Role, words: &str) -> NewMessage {
    NewMessage::text(role, words)
}

fn at(seconds: i64) -> Time {
    Time::from_micros(seconds * 1_000_000).unwrap()
}

#[tokio::test]
async fn backends_of_one_file_do_not_see_each_other() {
    let (_directory, store, first) = open();
    let second = store.backend("second");
    let location = conversation(&first).await;
    let query = ConversationQuery::all(10);
    assert_eq!(
        second
            .list_conversations(&context(), &query)
            .await
            .unwrap()
            .page
            .items
            .len(),
        0
    );
    assert_eq!(
        second
            .get_conversation(&context(), &location)
            .await
            .unwrap_err()
            .kind,
        Kind::NotFound
    );
    assert_eq!(
        first
            .list_conversations(&context(), &query)
            .await
            .unwrap()
            .page
            .items
            .len(),
        1
    );
}

#[tokio::test]
async fn a_location_is_found_by_its_native_id_and_shown_under_its_public_id() {
    let (_directory, _store, backend) = open();
    let mut location = conversation(&backend).await;
    backend
        .post_message(&context(), &location, text(Role::User, "hello"))
        .await
        .unwrap();
    // As after a migration: another public id points here.
    location.id = conversation::ConversationId::generate();
    assert_eq!(
        backend
            .get_conversation(&context(), &location)
            .await
            .unwrap()
            .id,
        location.id
    );
    let page = backend
        .list_messages(&context(), &location, &PageRequest::first(5))
        .await
        .unwrap();
    assert_eq!(page.items[0].conversation_id, location.id);
    let unresolved = Location::unresolved(location.id);
    assert_eq!(
        backend
            .get_conversation(&context(), &unresolved)
            .await
            .unwrap_err()
            .kind,
        Kind::NotFound
    );
}

#[tokio::test]
async fn pages_in_both_orders_and_directions_meet_each_message_once() {
    let (_directory, _store, backend) = open();
    let location = conversation(&backend).await;
    // Equal times on purpose: arrival decides.
    let messages = (0..23)
        .map(|number| NewMessage {
            sent_at: Some(at(number / 5)),
            ..text(Role::User, &number.to_string())
        })
        .collect();
    backend
        .import_messages(&context(), &location, messages)
        .await
        .unwrap();
    let ascending: Vec<String> = (0..23).map(|number| number.to_string()).collect();
    let descending: Vec<String> = ascending.iter().rev().cloned().collect();
    for limit in [1, 2, 7, 22, 23, 24, 1_000] {
        for (order, expected) in [(Order::Asc, &ascending), (Order::Desc, &descending)] {
            let first = PageRequest {
                order,
                ..PageRequest::first(limit)
            };
            assert_eq!(
                &texts(&backend, &location, first.clone()).await,
                expected,
                "{order:?} {limit}"
            );
            // To the last page, then back along `previous`.
            let mut pages = vec![
                backend
                    .list_messages(&context(), &location, &first)
                    .await
                    .unwrap(),
            ];
            assert_eq!(pages[0].previous, None);
            while let Some(next) = pages.last().unwrap().next.clone() {
                pages.push(
                    backend
                        .list_messages(&context(), &location, &first.after(next))
                        .await
                        .unwrap(),
                );
            }
            for index in (1..pages.len()).rev() {
                let previous = first.before(pages[index].previous.clone().unwrap());
                let back = backend
                    .list_messages(&context(), &location, &previous)
                    .await
                    .unwrap();
                assert_eq!(
                    back.items,
                    pages[index - 1].items,
                    "{order:?} {limit} {index}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_page_may_begin_at_a_message_in_either_order() {
    let (_directory, _store, backend) = open();
    let location = conversation(&backend).await;
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(
            backend
                .post_message(&context(), &location, text(Role::User, &number.to_string()))
                .await
                .unwrap()
                .id,
        );
    }
    for (order, position, expected) in [
        (
            Order::Asc,
            Position::AfterMessage(ids[1].clone()),
            vec!["2", "3"],
        ),
        (
            Order::Asc,
            Position::BeforeMessage(ids[3].clone()),
            vec!["1", "2"],
        ),
        (
            Order::Desc,
            Position::AfterMessage(ids[3].clone()),
            vec!["2", "1"],
        ),
        (
            Order::Desc,
            Position::BeforeMessage(ids[1].clone()),
            vec!["3", "2"],
        ),
        (Order::Asc, Position::AfterMessage(ids[4].clone()), vec![]),
    ] {
        let request = PageRequest {
            limit: 2,
            order,
            position: Some(position.clone()),
        };
        let page = backend
            .list_messages(&context(), &location, &request)
            .await
            .unwrap();
        let found: Vec<String> = page
            .items
            .iter()
            .map(|message| text_of(&message.parts))
            .collect();
        assert_eq!(found, expected, "{order:?} {position:?}");
    }
}

#[tokio::test]
async fn a_cursor_opens_only_in_the_list_that_made_it() {
    let (_directory, store, backend) = open();
    let (here, there) = (conversation(&backend).await, conversation(&backend).await);
    for location in [&here, &there] {
        for _ in 0..3 {
            backend
                .post_message(&context(), location, text(Role::User, "x"))
                .await
                .unwrap();
        }
    }
    let first = PageRequest::first(1);
    let cursor = backend
        .list_messages(&context(), &here, &first)
        .await
        .unwrap()
        .next
        .unwrap();
    let refused = |result: backend::Result<backend::Page<Message>>| result.unwrap_err().kind;
    let page = first.after(cursor.clone());
    assert_eq!(
        refused(backend.list_messages(&context(), &there, &page).await),
        Kind::InvalidCursor
    );
    let turned = PageRequest {
        order: Order::Desc,
        ..page.clone()
    };
    assert_eq!(
        refused(backend.list_messages(&context(), &here, &turned).await),
        Kind::InvalidCursor
    );
    let other = store.backend("other");
    let elsewhere = conversation(&other).await;
    assert_eq!(
        refused(other.list_messages(&context(), &elsewhere, &page).await),
        Kind::InvalidCursor
    );
    let query = ConversationQuery {
        page,
        ..ConversationQuery::all(1)
    };
    assert_eq!(
        backend
            .list_conversations(&context(), &query)
            .await
            .unwrap_err()
            .kind,
        Kind::InvalidCursor
    );
}

#[tokio::test]
async fn times_counts_unread_and_usage_follow_the_messages() {
    let (_directory, _store, backend) = open();
    let location = conversation(&backend).await;
    let look = async || {
        backend
            .get_conversation(&context(), &location)
            .await
            .unwrap()
    };
    let counted = |conversation: &conversation::Conversation| {
        (
            conversation
                .counts
                .as_ref()
                .and_then(|counts| counts.messages)
                .unwrap(),
            conversation.unread.unwrap(),
        )
    };
    assert_eq!(counted(&look().await), (0, 0));
    let question = backend
        .post_message(&context(), &location, text(Role::User, "?"))
        .await
        .unwrap();
    assert_eq!(counted(&look().await), (1, 1));
    assert_eq!(look().await.last_message_at, Some(question.sent_at));
    let spent = Usage {
        input_tokens: Some(3),
        cost: Some(0.5),
        ..Usage::default()
    };
    let answer = NewMessage {
        usage: Some(spent.clone()),
        ..text(Role::Assistant, "!")
    };
    let answer = backend
        .post_message(&context(), &location, answer)
        .await
        .unwrap();
    assert_eq!(counted(&look().await), (2, 0));
    assert_eq!(look().await.usage, Some(spent));
    // Three of the past, out of order: two wait behind no answer of their time, but the newest answer covers them.
    let old = |seconds: i64, role: Role| NewMessage {
        sent_at: Some(at(seconds)),
        ..text(role, "old")
    };
    backend
        .import_messages(
            &context(),
            &location,
            vec![
                old(30, Role::User),
                old(10, Role::User),
                old(20, Role::Assistant),
            ],
        )
        .await
        .unwrap();
    assert_eq!(counted(&look().await), (5, 0));
    assert_eq!(look().await.last_message_at, Some(answer.sent_at));
    backend
        .delete_message(&context(), &location, &answer.id, None)
        .await
        .unwrap();
    // Now the message of second 30 and the question wait behind the answer of second 20.
    assert_eq!(counted(&look().await), (4, 2));
    assert_eq!(look().await.last_message_at, Some(question.sent_at));
    let read = MessagePatch {
        status: Patch::Set(MessageStatus::Read),
        ..MessagePatch::default()
    };
    backend
        .update_message(&context(), &location, &question.id, read, None)
        .await
        .unwrap();
    assert_eq!(counted(&look().await), (4, 1));
    assert!(look().await.updated_at > question.sent_at);
}

#[tokio::test]
async fn a_post_is_said_now_and_an_import_when_it_says() {
    let (_directory, _store, backend) = open();
    let location = conversation(&backend).await;
    let before = Time::now();
    let old = NewMessage {
        sent_at: Some(at(5)),
        edited_at: Some(at(6)),
        ..text(Role::User, "old")
    };
    let posted = backend
        .post_message(&context(), &location, old.clone())
        .await
        .unwrap();
    assert!(posted.sent_at >= before);
    let imported = backend
        .import_messages(&context(), &location, vec![old])
        .await
        .unwrap()
        .remove(0)
        .unwrap();
    assert_eq!((imported.sent_at, imported.edited_at), (at(5), Some(at(6))));
    for message in [posted, imported] {
        assert_eq!(
            backend
                .get_message(&context(), &location, &message.id)
                .await
                .unwrap(),
            message
        );
    }
}

#[tokio::test]
async fn an_import_of_more_than_a_thousand_is_refused_and_stores_nothing() {
    let (_directory, _store, backend) = open();
    let location = conversation(&backend).await;
    let error = backend
        .import_messages(&context(), &location, vec![text(Role::User, "x"); 1_001])
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.violations[0].pointer.as_str()),
        (Kind::InvalidRequest, "/messages")
    );
    let results = backend
        .import_messages(&context(), &location, vec![text(Role::User, "x"); 1_000])
        .await
        .unwrap();
    assert!(results.iter().all(Result::is_ok));
    let shown = backend
        .get_conversation(&context(), &location)
        .await
        .unwrap();
    assert_eq!(shown.counts.unwrap().messages, Some(1_000));
}

#[tokio::test]
async fn each_principal_has_one_vote_and_sees_its_own() {
    let (_directory, _store, backend) = open();
    let location = conversation(&backend).await;
    let imported = NewMessage {
        rating: Some(Rating {
            mean: Some(4.0),
            count: 2,
            mine: None,
        }),
        ..text(Role::Assistant, "answer")
    };
    let message = backend
        .import_messages(&context(), &location, vec![imported])
        .await
        .unwrap()
        .remove(0)
        .unwrap();
    let (ann, bob) = (
        context_of("key", Some("ann")),
        context_of("key", Some("bob")),
    );
    let rate = async |cx: &Context, value| {
        backend
            .rate_message(cx, &location, &message.id, value)
            .await
            .unwrap()
            .rating
            .unwrap()
    };
    assert_eq!(
        rate(&ann, 1.0).await,
        Rating {
            mean: Some(3.0),
            count: 3,
            mine: Some(1.0)
        }
    );
    assert_eq!(
        rate(&ann, 4.0).await,
        Rating {
            mean: Some(4.0),
            count: 3,
            mine: Some(4.0)
        }
    );
    assert_eq!(
        rate(&bob, 0.0).await,
        Rating {
            mean: Some(3.0),
            count: 4,
            mine: Some(0.0)
        }
    );
    let seen = backend
        .get_message(&context(), &location, &message.id)
        .await
        .unwrap();
    assert_eq!(
        seen.rating,
        Some(Rating {
            mean: Some(3.0),
            count: 4,
            mine: None
        })
    );
    for value in [-0.1, 5.1, f64::NAN, f64::INFINITY] {
        let error = backend
            .rate_message(&ann, &location, &message.id, value)
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::InvalidRequest, "{value}");
    }
    // A change of the text leaves every vote alone.
    let patch = MessagePatch {
        subject: Patch::Set("subject".into()),
        ..MessagePatch::default()
    };
    let changed = backend
        .update_message(&bob, &location, &message.id, patch, None)
        .await
        .unwrap();
    assert_eq!(
        changed.rating,
        Some(Rating {
            mean: Some(3.0),
            count: 4,
            mine: Some(0.0)
        })
    );
}

#[tokio::test]
async fn every_write_settles_by_its_intent() {
    let (_directory, _store, backend) = open();
    let cx = context();
    let intent = |write: Write, location: Option<Location>| Intent {
        id: cx.intent,
        location,
        write,
        started_at: Time::now(),
        deadline_at: Time::now(),
    };
    let create = intent(Write::CreateConversation(NewConversation::default()), None);
    assert_eq!(
        backend.settle(&cx, &create).await.unwrap(),
        Settled::NotApplied
    );
    let created = backend
        .create_conversation(&cx, NewConversation::default())
        .await
        .unwrap();
    assert_eq!(
        backend.settle(&cx, &create).await.unwrap(),
        Settled::Applied(Applied::Conversation(Box::new(created.clone())))
    );
    let at = Some(created.location.clone());
    let post = intent(Write::PostMessage(text(Role::User, "hello")), at.clone());
    assert_eq!(
        backend.settle(&cx, &post).await.unwrap(),
        Settled::NotApplied
    );
    let posted = backend
        .post_message(&cx, &created.location, text(Role::User, "hello"))
        .await
        .unwrap();
    assert_eq!(
        backend.settle(&cx, &post).await.unwrap(),
        Settled::Applied(Applied::Message(Box::new(posted)))
    );
    // Of an answer, the input alone says nothing; with the answer it is known.
    let respond = intent(
        Write::Respond(backend::RespondRequest::default()),
        at.clone(),
    );
    assert_eq!(
        backend.settle(&cx, &respond).await.unwrap(),
        Settled::Unknown
    );
    let answer = backend
        .post_message(&cx, &created.location, text(Role::Assistant, "hello"))
        .await
        .unwrap();
    assert_eq!(
        backend.settle(&cx, &respond).await.unwrap(),
        Settled::Applied(Applied::Message(Box::new(answer.clone())))
    );
    // Another intent has nothing; what was deleted since is done but cannot be shown; what is too old is unknown.
    let other = Intent {
        id: context().intent,
        ..post.clone()
    };
    assert_eq!(
        backend.settle(&cx, &other).await.unwrap(),
        Settled::NotApplied
    );
    let old = Intent {
        started_at: at_past(),
        ..other
    };
    assert_eq!(backend.settle(&cx, &old).await.unwrap(), Settled::Unknown);
    backend
        .delete_message(&cx, &created.location, &answer.id, None)
        .await
        .unwrap();
    assert_eq!(backend.settle(&cx, &post).await.unwrap(), Settled::Unknown);
}

fn at_past() -> Time {
    at(1_000_000_000)
}

#[tokio::test]
async fn a_write_past_its_deadline_does_nothing() {
    let (_directory, _store, backend) = open();
    let location = conversation(&backend).await;
    let late = Context::new(context().principal, "late", Duration::ZERO);
    let error = backend
        .post_message(&late, &location, text(Role::User, "late"))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::Timeout, backend::Outcome::NotApplied)
    );
    assert_eq!(
        texts(&backend, &location, PageRequest::first(10)).await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn the_store_refuses_filters_because_the_router_filters() {
    let (_directory, _store, backend) = open();
    let mut query = ConversationQuery::all(10);
    query.filter.label = vec!["x".into()];
    assert_eq!(
        backend
            .list_conversations(&context(), &query)
            .await
            .unwrap_err()
            .kind,
        Kind::Unsupported
    );
}

#[tokio::test]
async fn directions_are_kept_apart_from_roles() {
    let (_directory, _store, backend) = open();
    let location = conversation(&backend).await;
    let note = NewMessage {
        direction: Some(Direction::Internal),
        ..text(Role::Assistant, "note")
    };
    let posted = backend
        .post_message(&context(), &location, note)
        .await
        .unwrap();
    let read = backend
        .get_message(&context(), &location, &posted.id)
        .await
        .unwrap();
    assert_eq!(
        (read.role, read.direction),
        (Role::Assistant, Direction::Internal)
    );
}

#[tokio::test]
async fn a_copy_tells_when_its_conversation_was_made_and_a_new_one_when_it_is_made() {
    let (_directory, store, backend) = open();
    let state = store.state(&SealingKey::from_bytes([7; 32])).unwrap();
    let began: Time = "2020-01-01T00:00:00.123Z".parse().unwrap();
    let new = || NewConversation {
        created_at: Some(began),
        ..NewConversation::default()
    };
    let copying = Context {
        copying: true,
        ..context()
    };
    let cx = context();
    for (cx, is_copy) in [(&copying, true), (&cx, false)] {
        let made = backend.create_conversation(cx, new()).await.unwrap();
        assert_eq!(made.conversation.created_at == began, is_copy);
        assert!(made.conversation.updated_at > began);
        let read = backend.get_conversation(cx, &made.location).await.unwrap();
        assert_eq!(read, made.conversation);
        // What lists show, too.
        let id = made.location.id;
        let known = state.find(id).await.unwrap().unwrap();
        assert_eq!(known.document.created_at, read.created_at);
    }
}
