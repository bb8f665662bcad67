//! What tests of syncs stand on.

use std::sync::Arc;
use std::time::Duration;

use backend::ports::{Directory as _, ItemState, Ledger, PlaceQuery, Switching};
use backend::{Backend, BackendExt as _, ConversationQuery, Location};
use conversation::{
    ConversationPatch, InReplyTo, Message, MessageId, MessagePatch, NewConversation, NewMessage,
    Part, Patch, RawJson, ReplyKind, Time, strict_digest, strict_message_digest,
};
use futures_util::TryStreamExt as _;
use layers::Renamed;

use super::super::{Depth, Synced, sync};
use super::faulty::Faulty;
use super::forgetful::Forgetful;
use super::plan::Plan;
use crate::run::Run;
use crate::testing::{World, cx, said, shown, subject};

/// A world whose backends and ledger fail by a plan.
pub(super) struct Frail {
    pub(super) world: World,
    pub(super) plan: Arc<Plan>,
    pub(super) run: Run,
}

impl Frail {
    /// `looks`: the target takes one message at a time and finds lost writes by comparing.
    pub(super) async fn new(looks: bool) -> Self {
        let (mut world, plan) = (World::new(), Arc::new(Plan::default()));
        for (name, looks) in [("old", false), ("new", looks)] {
            let names = Arc::new(world.state.clone());
            let faulty = Faulty {
                below: Arc::new(world.store.backend(name)),
                plan: plan.clone(),
                looks,
            };
            world.wrap(name, |_| {
                Arc::new(Renamed::new(Arc::new(faulty), names)) as Arc<dyn Backend>
            });
        }
        world.parts.settings.write_timeout = Duration::from_millis(300);
        let run = world.migration().await;
        let mut parts = (*run.parts).clone();
        parts.ledger = Arc::new(Forgetful {
            below: parts.ledger.clone(),
            plan: plan.clone(),
        });
        let run = Run {
            parts: Arc::new(parts),
            ..run
        };
        Self { world, plan, run }
    }

    /// Syncs again and again until it is done, whatever fails or is cut off.
    pub(super) async fn sync(&self, at: &Location, depth: Depth) -> Synced {
        self.sync_as(&self.run, at, depth).await
    }

    pub(super) async fn sync_as(&self, run: &Run, at: &Location, depth: Depth) -> Synced {
        if depth != Depth::NewOnly {
            live_at(&self.world, run, at, &run.from.stack.info().name).await;
        }
        let subject = subject(run, at).await;
        for _ in 0..200 {
            let done = tokio::select! {
                done = sync(run, &subject, depth) => Some(done),
                () = self.plan.cut.notified() => None,
            };
            match done {
                Some(Ok(synced)) => return synced,
                Some(Err(error)) => {
                    assert!(error.is_temporary(), "{error:?}");
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                None => {}
            }
        }
        panic!("it never ends");
    }

    /// Where the copy is.
    pub(super) async fn copy_of(&self, at: &Location) -> Location {
        place_of(&self.world, at, "new").await
    }

    /// Both sides are the same, in the same order; nothing is there twice, and a further sync has nothing to do.
    pub(super) async fn assert_equal(&self, at: &Location, what: &str) {
        self.assert_same(at, what).await;
        let again = self.sync(at, Depth::Whole).await;
        assert_eq!((again.written, again.changed), (0, 0), "{what}: {again:?}");
        assert_eq!(again.findings, [], "{what}");
    }

    /// Both sides are the same, in the same order, and nothing is there twice.
    pub(super) async fn assert_same(&self, at: &Location, what: &str) {
        self.plan.all_landed().await;
        let copy = self.copy_of(at).await;
        let (source, target) = (
            self.world.messages(at).await,
            self.world.messages(&copy).await,
        );
        assert_eq!(ids(&source), ids(&target), "{what}");
        for (source, target) in source.iter().zip(&target) {
            assert_eq!(
                strict_message_digest(source),
                strict_message_digest(target),
                "{what}: {source:?}\n{target:?}"
            );
        }
        let own = async |at: &Location| {
            let read = self
                .world
                .end(&at.backend)
                .get_conversation(&cx(), at)
                .await;
            read.unwrap()
        };
        let (source, target) = (own(at).await, own(&copy).await);
        assert_eq!(strict_digest(&source), strict_digest(&target), "{what}");
        let context = cx();
        let end = self.world.end("new");
        let all: Vec<_> = end
            .all_conversations(&context, ConversationQuery::all(100))
            .try_filter(|found| std::future::ready(found.conversation.title == target.title))
            .try_collect()
            .await
            .unwrap();
        assert_eq!(all.len(), 1, "{what}: {all:?}");
    }
}

pub(super) async fn place_of(world: &World, at: &Location, backend: &str) -> Location {
    let query = PlaceQuery {
        conversation: at.id,
        backend: backend.into(),
    };
    world.state.place(&query).await.unwrap().unwrap().0
}

/// Has a conversation live at this backend, where it does not yet.
pub(super) async fn live_at(world: &World, run: &Run, at: &Location, backend: &str) {
    let home = world.state.locate(at.id).await.unwrap().unwrap().location;
    if *home.backend == *backend {
        return;
    }
    let switching = Switching {
        migration: run.migration,
        to: Location {
            renamed: true,
            ..place_of(world, at, backend).await
        },
        from: home,
        unchanged_since: None,
        route: None,
        state: ItemState::Switched,
    };
    assert!(world.state.switch(&switching).await.unwrap());
}

pub(super) fn ids(messages: &[Message]) -> Vec<MessageId> {
    messages.iter().map(|message| message.id.clone()).collect()
}

/// A conversation with a title of its own, equal times, a reply to a later message, and a file that two messages show.
pub(super) async fn story(world: &World, title: &str) -> Location {
    let new: NewConversation = serde_json::from_value(serde_json::json!({
        "title": title, "labels": ["a"], "metadata": {"deep": {"x": 1, "y": 2}, "gone": true},
    }))
    .unwrap();
    let at = world.conversation(new).await;
    let file = world.file_of(&at, "the same bytes").await;
    let later = world.say(&at, vec![said(9, "said later")]).await.remove(0);
    let mut reply = said(3, "a reply to what is said later");
    reply.in_reply_to = Some(InReplyTo {
        id: later,
        kind: ReplyKind::Reply,
    });
    let said = vec![
        said(1, "first"),
        shown(2, &file),
        reply,
        said(5, "of one time"),
        said(5, "of one time"),
        said(5, "of one time, too"),
        shown(7, &file),
    ];
    world.say(&at, said).await;
    at
}

/// Changes a conversation in every way: fields, a message edited among others of its time, one deleted, one added.
pub(super) async fn edit(world: &World, at: &Location) {
    let end = world.end("old");
    let messages = world.messages(at).await;
    let patch = MessagePatch {
        parts: Patch::Set(vec![Part::text("edited")]),
        ..MessagePatch::default()
    };
    let edited = end
        .update_message(&cx(), at, &messages[3].id, patch, None)
        .await;
    edited.unwrap();
    end.delete_message(&cx(), at, &messages[0].id, None)
        .await
        .unwrap();
    let file = world.file_of(at, "other bytes").await;
    world
        .say(at, vec![said(5, "added among them"), shown(20, &file)])
        .await;
    let patch: ConversationPatch = serde_json::from_value(serde_json::json!({
        "labels": ["b", "c"], "metadata": {"deep": {"x": 3, "y": null}, "gone": null, "new": [1]},
    }))
    .unwrap();
    let changed = end.update_conversation(&cx(), at, patch, None).await;
    assert_eq!(
        changed.unwrap().metadata["deep"],
        RawJson::parse(r#"{"x":3}"#).unwrap()
    );
}

/// A message with this text and time, in milliseconds.
pub(super) fn words(millis: i64, text: &str) -> NewMessage {
    let mut new = said(0, text);
    new.sent_at = Time::from_micros(millis * 1_000).ok();
    new
}
