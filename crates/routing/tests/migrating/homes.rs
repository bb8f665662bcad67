//! Questions about what was before a switch are answered from where it was.

use backend::ports::{CopyAt, IntentRecord, IntentState, Intents as _, Ledger as _, Step};
use backend::{
    Applied, Backend as _, Context, Intent, Kind, Location, NewAttachment, Outcome, PageRequest,
    Settled, Write,
};
use conversation::{AttachmentId, Media, NewMessage, Part, Role, Time, text_of};

use crate::line::Event;
use crate::world::{Is, World, cx, intent, said};

#[tokio::test]
async fn a_walk_that_began_before_a_switch_goes_on_after_it() {
    let world = World::new(Is::Embedded, Is::Embedded).await;
    let at = world.conversation(&["1", "2", "3", "4", "5"]).await;
    let page = PageRequest::first(2);
    let first = world.router.list_messages(&cx(), &at, &page).await;
    let first = first.unwrap();
    let before = world.ids(&at).await;
    world.switching(&at).await;
    let next = page.after(first.next.clone().unwrap());
    let next = world.router.list_messages(&cx(), &at, &next).await.unwrap();
    let texts: Vec<String> = next.items.iter().map(|one| text_of(&one.parts)).collect();
    assert_eq!(texts, ["3", "4"]);
    assert_eq!(next.items[0].id, before[2], "public ids stay");
    assert_eq!(world.ids(&at).await, before);
    // One of another list is still refused.
    let other = world.conversation(&["other"]).await;
    let foreign = page.after(first.next.unwrap());
    let refused = world.router.list_messages(&cx(), &other, &foreign).await;
    assert_eq!(refused.unwrap_err().kind, Kind::InvalidCursor);
}

fn file() -> NewAttachment {
    NewAttachment {
        name: Some("a.txt".into()),
        media_type: "text/plain".into(),
        bytes: "bytes".into(),
        message_id: None,
    }
}

#[tokio::test]
async fn a_file_that_no_message_named_yet_is_still_there_after_a_switch() {
    for to in [Is::Embedded, Is::Vendor] {
        let world = World::new(Is::Embedded, to).await;
        let at = world.conversation(&["one"]).await;
        let put = world.router.put_attachment(&cx(), &at, file()).await;
        let id = put.unwrap().id;
        world.switching(&at).await;
        let new = NewMessage {
            parts: vec![Part::File(Media {
                attachment_id: Some(id.clone()),
                ..Media::default()
            })],
            ..NewMessage::text(Role::User, "")
        };
        world.router.post_message(&cx(), &at, new).await.unwrap();
        let opened = world.router.open_attachment(&cx(), &at, &id).await.unwrap();
        assert_eq!(&*opened.bytes, b"bytes", "{to:?}");
        // Nobody has another one; and whether an earlier home has it is not known while it cannot be asked.
        let other: AttachmentId = AttachmentId::generate();
        let missing = world.router.open_attachment(&cx(), &at, &other).await;
        assert_eq!(missing.unwrap_err().kind, Kind::NotFound, "{to:?}");
        world.a.on("open_attachment", Event::IsDown);
        let down = world.router.open_attachment(&cx(), &at, &id).await;
        assert_eq!(down.unwrap_err().kind, Kind::Unavailable, "{to:?}");
    }
}

#[tokio::test]
async fn what_never_moved_is_asked_for_where_it_is_only() {
    let world = World::new(Is::Embedded, Is::Embedded).await;
    let at = world.conversation(&["one"]).await;
    // A copy that was not switched to is a place of it too.
    let place = Location {
        backend: "b".into(),
        native: "copy".into(),
        renamed: true,
        ..world.place(at.id, "a").await.unwrap()
    };
    let step = Step {
        place: Some(place),
        ..Step::default()
    };
    let copy = CopyAt {
        conversation: at.id,
        from: "a".into(),
        to: "b".into(),
    };
    world
        .state
        .record(world.migration, &copy, &step)
        .await
        .unwrap();
    assert!(world.place(at.id, "b").await.is_some());
    let id = AttachmentId::generate();
    world.b.on("open_attachment", Event::IsDown);
    let missing = world.router.open_attachment(&cx(), &at, &id).await;
    assert_eq!(missing.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test]
async fn of_a_conversation_that_is_gone_from_its_home_no_file_is_told() {
    for to in [Is::Embedded, Is::Vendor] {
        let world = World::new(Is::Embedded, to).await;
        let at = world.conversation(&["one"]).await;
        let put = world.router.put_attachment(&cx(), &at, file()).await;
        let id = put.unwrap().id;
        world.switching(&at).await;
        let opened = world.router.open_attachment(&cx(), &at, &id).await;
        assert_eq!(&*opened.unwrap().bytes, b"bytes", "{to:?}");
        // Whether the conversation still is there is not known while its home cannot be asked.
        world.b.on("get_conversation", Event::IsDown);
        let down = world.router.open_attachment(&cx(), &at, &id).await;
        assert_eq!(down.unwrap_err().kind, Kind::Unavailable, "{to:?}");
        // Deleted past the gateway.
        let there = world.place(at.id, "b").await.unwrap();
        let deleted = world.b.delete_conversation(&cx(), &there, None).await;
        deleted.unwrap();
        let missing = world.router.open_attachment(&cx(), &at, &id).await;
        assert_eq!(missing.unwrap_err().kind, Kind::NotFound, "{to:?}");
    }
}

#[tokio::test]
async fn a_walk_goes_on_where_it_stood_though_what_is_next_there_is_not_shown() {
    for b in [Is::Embedded, Is::Vendor] {
        let world = World::new(Is::Embedded, b).await;
        let at = world.conversation(&["1", "2"]).await;
        world.switching(&at).await;
        // It was written there, and nobody has noted by which id callers know it.
        let there = world.place(at.id, "b").await.unwrap();
        let late = NewMessage {
            sent_at: Some(Time::now()),
            ..said("late")
        };
        let copying = Context {
            copying: true,
            ..cx()
        };
        let written = world
            .b
            .import_messages(&copying, &there, vec![late.clone()])
            .await;
        written.unwrap().remove(0).unwrap();
        for words in ["3", "4"] {
            world.say(&at, words).await;
        }
        let page = PageRequest::first(2);
        let first = world.router.list_messages(&cx(), &at, &page).await;
        let next = page.after(first.unwrap().next.unwrap());
        let now = Time::now();
        let import = IntentRecord {
            intent: Intent {
                id: copying.intent,
                location: Some(there.clone()),
                write: Write::ImportMessages(vec![late]),
                started_at: now,
                deadline_at: now,
            },
            backend: "b".into(),
            principal: (*copying.principal).clone(),
            request_id: "test".into(),
            copying: true,
            strict: false,
            public_id: None,
            beside: false,
            migration: Some(world.migration),
            led_by: Vec::new(),
            messages: Vec::new(),
            state: IntentState::Open,
            detail: None,
        };
        world.state.begin(&import).await.unwrap();
        assert_eq!(world.texts(&at).await, ["1", "2", "3", "4"]);
        world.switching_back(&at).await;
        let walked = world.router.list_messages(&cx(), &at, &next).await;
        let walked = walked.unwrap().items;
        let texts: Vec<String> = walked.iter().map(|one| text_of(&one.parts)).collect();
        assert_eq!(texts, ["late", "3"], "{b:?}");
    }
}

#[tokio::test]
async fn a_repeated_write_is_found_where_it_was_done() {
    for (from, to) in [
        (Is::Embedded, Is::Embedded),
        (Is::Vendor, Is::Vendor),
        (Is::Vendor, Is::Embedded),
    ] {
        let world = World::new(from, to).await;
        let at = world.conversation(&["one"]).await;
        let cx = cx();
        world.a.on("post_message", Event::LosesAnswer);
        let lost = world.router.post_message(&cx, &at, said("two")).await;
        assert_eq!(lost.unwrap_err().outcome, Outcome::Unknown);
        let public = world.texts(&at).await;
        assert_eq!(public, ["one", "two"]);
        world.switching(&at).await;
        let repeated = intent(&cx, Some(&at), Write::PostMessage(said("two")));
        let settled = world.router.settle(&cx, &repeated).await.unwrap();
        let Settled::Applied(Applied::Message(found)) = settled else {
            panic!("{from:?} to {to:?}: {settled:?}");
        };
        assert_eq!(text_of(&found.parts), "two");
        assert_eq!(world.ids(&at).await[1], found.id);
        // One that was never sent is not found at either.
        let other = crate::world::cx();
        let never = intent(&other, Some(&at), Write::PostMessage(said("three")));
        let settled = world.router.settle(&other, &never).await.unwrap();
        assert_eq!(settled, Settled::NotApplied, "{from:?} to {to:?}");
    }
}
