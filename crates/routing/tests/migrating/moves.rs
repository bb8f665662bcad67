//! Writes that meet a switch on their way go where their conversation lives by then.

use backend::ports::{Held, Leases, conversation_lease};
use backend::{Backend as _, Kind};
use conversation::{Activity, ActivityKind};
use futures_util::poll;
use std::sync::Arc;
use std::time::Duration;

use crate::line::Event;
use crate::world::{Is, World, cx, said};

#[tokio::test]
async fn a_write_follows_its_conversation_out_of_a_closed_home() {
    let world = World::new(Is::Embedded, Is::Embedded).await;
    let at = world.conversation(&["one"]).await;
    let switching = world.switching(&at);
    world
        .a
        .on("post_message", Event::Before(Box::pin(switching)));
    let cx = cx();
    let posted = world.router.post_message(&cx, &at, said("two")).await;
    posted.unwrap();
    assert_eq!(cx.trace.backend(), Some("b"), "who took it");
    assert_eq!(world.texts(&at).await, ["one", "two"]);
    assert_eq!(world.noted().await, []);
}

#[tokio::test]
async fn what_was_read_follows_its_conversation_too() {
    let world = World::new(Is::Embedded, Is::Embedded).await;
    let at = world.conversation(&["one"]).await;
    let unread = async || {
        let read = world.router.get_conversation(&cx(), &at).await;
        read.unwrap().unread
    };
    assert_eq!(unread().await, Some(1));
    let switching = world.switching(&at);
    world
        .a
        .on("send_activity", Event::Before(Box::pin(switching)));
    let activity = Activity {
        activity: ActivityKind::Read,
        participant_id: None,
    };
    let cx = cx();
    let sent = world.router.send_activity(&cx, &at, activity.clone()).await;
    sent.unwrap();
    assert_eq!(cx.trace.backend(), Some("b"), "who took it");
    assert_eq!(unread().await, Some(0));
    // What is nobody's is told to nobody.
    let at = backend::Location::unresolved(conversation::ConversationId::generate());
    let missing = world.router.send_activity(&cx, &at, activity).await;
    assert_eq!(missing.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test]
async fn a_writer_that_waited_for_the_switch_writes_to_the_new_home() {
    for to in [Is::Vendor, Is::Embedded] {
        let world = World::new(Is::Vendor, to).await;
        let at = world.conversation(&["one"]).await;
        let leases: Arc<dyn Leases> = world.state.clone();
        let name = conversation_lease(at.id);
        let held = Held::take(&leases, &name, Duration::from_secs(5)).await;
        let held = held.unwrap();
        let cx = cx();
        let post = world.router.post_message(&cx, &at, said("two"));
        tokio::pin!(post);
        // It has found the old home, and waits.
        assert!(poll!(&mut post).is_pending());
        world.switching(&at).await;
        held.release().await;
        post.await.unwrap();
        assert_eq!(cx.trace.backend(), Some("b"), "{to:?}");
        assert_eq!(world.texts(&at).await, ["one", "two"], "{to:?}");
        assert_eq!(world.noted().await, [], "{to:?}");
    }
}
