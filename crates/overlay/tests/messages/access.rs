//! Access that ends, and what is shown and said afterwards.

use backend::{Backend as _, RespondRequest};
use conversation::{ConversationPatch, MessagePatch, NewConversation, Part, Patch, Role};

use crate::bench::{Bench, asking, completed, cx, shown_by, strict, texts};
use crate::chatty::Manner;

async fn ended() -> (Bench, backend::Location) {
    let bench = Bench::new(Manner {
        expires: true,
        ..Manner::default()
    });
    let new = NewConversation {
        title: Some("a title that is longer than the backend holds".into()),
        ..NewConversation::default()
    };
    let at = bench.create_of(new).await;
    bench.ask(&at, asking("one")).await;
    bench.post(&at, Role::User, "waits").await;
    bench.shown(&at).await;
    bench.chatty.end(&at.native);
    (bench, at)
}

const BEFORE: [&str; 3] = ["one", "answer to: one", "waits"];

#[tokio::test]
async fn what_was_seen_is_shown_when_access_has_ended() {
    let (bench, at) = ended().await;
    for overlay in [bench.overlay.clone(), bench.restarted()] {
        let shown = shown_by(&overlay, &at).await;
        assert_eq!(texts(&shown), BEFORE);
        for message in &shown {
            let read = overlay.get_message(&cx(), &at, &message.id).await.unwrap();
            assert_eq!(read, *message);
        }
        let conversation = overlay.get_conversation(&cx(), &at).await.unwrap();
        assert_eq!(
            conversation.title.as_deref(),
            Some("a title that is longer than the backend holds")
        );
    }
    // What is written then is kept.
    bench.post(&at, Role::User, "more").await;
    let answer = bench.shown(&at).await[1].id.clone();
    let patch = MessagePatch {
        parts: Patch::Set(vec![Part::text("edited")]),
        ..MessagePatch::default()
    };
    bench
        .overlay
        .update_message(&cx(), &at, &answer, patch, None)
        .await
        .unwrap();
    let patch = ConversationPatch {
        title: Patch::Set("new".into()),
        ..ConversationPatch::default()
    };
    let updated = bench
        .overlay
        .update_conversation(&cx(), &at, patch, None)
        .await
        .unwrap();
    assert_eq!(updated.title.as_deref(), Some("new"));
    bench
        .import(&at, &[(Role::User, "old", "2001-01-01T00:00:00Z")])
        .await;
    assert_eq!(
        bench.texts(&at).await,
        ["old", "one", "edited", "waits", "more"]
    );
    let refused = bench
        .overlay
        .delete_message(&strict(), &at, &answer, None)
        .await;
    assert!(refused.is_err());
    bench
        .overlay
        .delete_message(&cx(), &at, &answer, None)
        .await
        .unwrap();
    assert_eq!(bench.texts(&at).await, ["old", "one", "waits", "more"]);
}

#[tokio::test]
async fn an_answer_opens_a_new_conversation_behind_the_same_id() {
    let (bench, at) = ended().await;
    let events = bench.ask(&at, asking("two")).await;
    assert_eq!(completed(&events).conversation_id, at.id);
    let home = bench.home(&at).await;
    assert_eq!(home.id, at.id);
    assert_ne!(home.native, at.native);
    assert_eq!(
        bench.chatty.heard()[1],
        "The conversation so far:\nuser: one\nassistant: answer to: one\n\nwaits\n\ntwo"
    );
    let shown = bench.texts(&home).await;
    assert_eq!(shown[..4], ["one", "answer to: one", "waits", "two"]);
    assert_eq!(shown.len(), 5);
    assert_eq!(texts(&shown_by(&bench.restarted(), &home).await), shown);
    // It goes on there, and nothing is told again.
    bench.ask(&home, asking("three")).await;
    assert_eq!(bench.chatty.heard()[2], "three");
    assert_eq!(bench.home(&at).await, home);
    assert_eq!(bench.chatty.natives().len(), 2);
    assert_eq!(bench.texts(&home).await.len(), 7);
    // And may end again.
    bench.chatty.end(&home.native);
    assert_eq!(bench.texts(&home).await.len(), 7);
    bench.post(&home, Role::User, "four").await;
    bench.ask(&home, RespondRequest::default()).await;
    let next = bench.home(&at).await;
    assert_eq!(bench.chatty.natives().len(), 3);
    assert_eq!(bench.texts(&next).await.len(), 9);
}

#[tokio::test]
async fn access_may_end_right_when_a_question_is_put() {
    let bench = Bench::new(Manner {
        expires: true,
        ..Manner::default()
    });
    let at = bench.create().await;
    bench.ask(&at, asking("one")).await;
    bench.chatty.end(&at.native);
    bench.ask(&at, asking("two")).await;
    let home = bench.home(&at).await;
    let shown = bench.texts(&home).await;
    assert_eq!(shown[..3], ["one", "answer to: one", "two"]);
    assert_eq!(shown.len(), 4);
    assert_eq!(bench.sendings(&home).await, []);
}

#[tokio::test]
async fn a_conversation_out_of_reach_can_be_deleted() {
    let (bench, at) = ended().await;
    assert!(
        bench
            .overlay
            .delete_conversation(&strict(), &at, None)
            .await
            .is_err()
    );
    bench
        .overlay
        .delete_conversation(&cx(), &at, None)
        .await
        .unwrap();
}
