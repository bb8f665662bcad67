//! Changes and deletes of messages that the backend has, has not, or has the words of.

use backend::{Backend as _, Kind, Location, Precondition};
use conversation::{Message, MessagePatch, Part, Patch, Role, etag};

use crate::bench::{Bench, asking, cx, strict};
use crate::chatty::Manner;

fn words(text: &str) -> MessagePatch {
    MessagePatch {
        parts: Patch::Set(vec![Part::text(text)]),
        ..MessagePatch::default()
    }
}

async fn delete(bench: &Bench, at: &Location, message: &Message) -> backend::Result<()> {
    bench
        .overlay
        .delete_message(&cx(), at, &message.id, None)
        .await
}

#[tokio::test]
async fn any_message_is_edited_in_its_place() {
    let bench = Bench::new(Manner::default());
    let at = bench.create().await;
    bench.post(&at, Role::User, "waits").await;
    bench.ask(&at, asking("now")).await;
    bench.post(&at, Role::User, "later").await;
    for (place, message) in bench.shown(&at).await.into_iter().enumerate() {
        let representation = serde_json::to_vec(&message).unwrap();
        let current = Precondition::Matches(vec![etag(&representation)]);
        let other = Precondition::Matches(vec![etag(b"other")]);
        let text = format!("edited {place}");
        let edit = |precondition| {
            let (bench, at, id, text) = (&bench, &at, &message.id, &text);
            async move {
                let (cx, patch) = (cx(), words(text));
                bench
                    .overlay
                    .update_message(&cx, at, id, patch, precondition)
                    .await
            }
        };
        let refused = edit(Some(&other)).await.unwrap_err();
        assert_eq!(refused.kind, Kind::PreconditionFailed);
        let edited = edit(Some(&current)).await.unwrap();
        assert_eq!(edited.parts, [Part::text(text.as_str())]);
        assert!(edited.edited_at.unwrap() >= message.sent_at);
        let shown = bench.shown(&at).await;
        assert_eq!(shown[place], edited);
        let unchanged = bench
            .overlay
            .update_message(&cx(), &at, &message.id, MessagePatch::default(), None)
            .await;
        assert_eq!(unchanged.unwrap(), edited);
    }
    let edited: Vec<String> = (0..4).map(|place| format!("edited {place}")).collect();
    assert_eq!(bench.texts(&at).await, edited);
}

#[tokio::test]
async fn a_deleted_message_never_comes_back() {
    for deletes in [false, true] {
        let bench = Bench::new(Manner {
            deletes,
            counts: true,
            ..Manner::default()
        });
        let at = bench.create().await;
        bench.ask(&at, asking("before")).await;
        bench.post(&at, Role::User, "waits").await;
        bench.ask(&at, asking("now")).await;
        bench.post(&at, Role::User, "later").await;
        let all = bench.shown(&at).await;
        assert_eq!(all.len(), 6);
        // In an order in which each sort of message comes while others stand.
        for (left, place) in [(5, 1), (4, 5), (3, 2), (2, 3), (1, 4), (0, 0)] {
            let message = &all[place];
            delete(&bench, &at, message).await.unwrap();
            let again = delete(&bench, &at, message).await.unwrap_err();
            assert_eq!(again.kind, Kind::NotFound, "{place}");
            let read = bench.overlay.get_message(&cx(), &at, &message.id).await;
            assert_eq!(read.unwrap_err().kind, Kind::NotFound);
            assert_eq!(
                bench.shown(&at).await.len(),
                left,
                "deletes {deletes}, {place}"
            );
            let conversation = bench.overlay.get_conversation(&cx().fresh(), &at).await;
            let counted = conversation.unwrap().counts.unwrap().messages;
            assert_eq!(counted, Some(left as u64), "deletes {deletes}, {place}");
        }
        bench.chatty.said_there(&at.native, Role::User, "there");
        assert_eq!(bench.texts(&at).await, ["there"]);
    }
}

#[tokio::test]
async fn strict_deletes_only_what_goes_away() {
    let bench = Bench::new(Manner::default());
    let at = bench.create().await;
    bench.ask(&at, asking("before")).await;
    let shown = bench.shown(&at).await;
    let refused = bench
        .overlay
        .delete_message(&strict(), &at, &shown[0].id, None)
        .await;
    assert_eq!(refused.unwrap_err().kind, Kind::NotHeld);
    assert_eq!(bench.shown(&at).await, shown);
    let cx = cx();
    bench
        .overlay
        .delete_message(&cx, &at, &shown[0].id, None)
        .await
        .unwrap();
    let fates = cx.trace.fates();
    assert!(
        fates.iter().any(|(id, fate)| **id == *shown[0].id.as_str()
            && fate.detail.contains("still held by the backend")),
        "{fates:?}"
    );
}
