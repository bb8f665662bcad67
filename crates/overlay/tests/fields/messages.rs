//! Messages that the backend refuses late, or deletes: nothing is kept against the caller's will, and nothing stays.

use backend::{Applied, Backend as _, Context, Kind, Location, Settled, Write};
use conversation::{Message, MessagePatch, NewMessage, Part, Patch, Role};

use crate::below::Below;
use crate::support::{Bench, cx, intent, strict};

const LONG: &str = "a title that is much longer than twenty characters";

fn said() -> NewMessage {
    NewMessage {
        metadata: serde_json::from_str(r#"{"a":1}"#).unwrap(),
        ..NewMessage::text(Role::User, "hello")
    }
}

fn without_metadata(below: &mut Below) {
    below.spoils_message = |message| message.metadata = Default::default();
}

async fn said_there(bench: &Bench, at: &Location) -> Message {
    let store = &bench.below.store;
    store.post_message(&cx(), at, said()).await.unwrap()
}

#[tokio::test]
async fn strict_keeps_no_message_that_the_backend_refuses_late() {
    let bench = Bench::new(|below| below.refuses_posts = true);
    let at = bench.create("{}").await;
    let refused = bench.overlay.post_message(&strict(), &at, said()).await;
    assert_eq!(refused.unwrap_err().kind, Kind::NotHeld);
    assert_eq!(bench.index(&at).await, Vec::new());
    let kept = bench.overlay.post_message(&cx(), &at, said()).await;
    let kept = kept.unwrap();
    let patch = || MessagePatch {
        parts: Patch::Set(vec![Part::text("other")]),
        ..MessagePatch::default()
    };
    let overlay = &bench.overlay;
    let refused = overlay
        .update_message(&strict(), &at, &kept.id, patch(), None)
        .await;
    assert_eq!(refused.unwrap_err().kind, Kind::NotHeld);
    assert_eq!(
        overlay.get_message(&cx(), &at, &kept.id).await.unwrap(),
        kept
    );
    overlay
        .update_message(&cx(), &at, &kept.id, patch(), None)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_deleted_message_leaves_no_fields() {
    let bench = Bench::new(without_metadata);
    let at = bench.create("{}").await;
    let posted = bench.overlay.post_message(&cx(), &at, said()).await;
    let id = posted.unwrap().id;
    assert_eq!(bench.index(&at).await, Vec::new(), "it is passed through");
    assert!(!bench.message_rows(&at, &id).await.is_empty());
    bench
        .overlay
        .delete_message(&cx(), &at, &id, None)
        .await
        .unwrap();
    assert_eq!(bench.message_rows(&at, &id).await, Vec::new());
}

#[tokio::test]
async fn a_delete_that_is_settled_ends_like_one_whose_answer_came() {
    let bench = Bench::new(|below| {
        below.refuses_posts = true;
        below.deletes_late = true;
    });
    let at = bench.create("{}").await;
    bench
        .overlay
        .post_message(&cx(), &at, said())
        .await
        .unwrap();
    let there = said_there(&bench, &at).await;
    let write = Write::DeleteMessage {
        id: there.id.clone(),
    };
    let delete = intent(&cx(), &at, write);
    for _ in 0..2 {
        let settled = bench.overlay.settle(&cx(), &delete).await.unwrap();
        assert_eq!(settled, Settled::Applied(Applied::Nothing));
    }
    let index = bench.index(&at).await;
    let row = index.iter().find(|row| row.id == there.id).unwrap();
    assert!(
        row.is_hidden && row.is_gone,
        "a reader who began before brings it back"
    );
}

#[tokio::test]
async fn a_writer_sees_what_another_process_wrote() {
    let bench = Bench::new(|_| {});
    let at = bench.create("{}").await;
    bench.get(&at).await;
    let other = bench.restarted(overlay::OverlaySettings::default());
    let patch = crate::support::patch;
    let long = patch(&format!(r#"{{"title":"{LONG}"}}"#));
    other
        .update_conversation(&cx(), &at, long, None)
        .await
        .unwrap();
    assert_eq!(bench.rows(&at).await.len(), 1);
    let writer = Context {
        fence: Some(1),
        ..cx()
    };
    let short = patch(r#"{"title":"short"}"#);
    let updated = bench
        .overlay
        .update_conversation(&writer, &at, short, None)
        .await
        .unwrap();
    assert_eq!(updated.title.as_deref(), Some("short"));
    assert_eq!(bench.rows(&at).await, Vec::new());
}
