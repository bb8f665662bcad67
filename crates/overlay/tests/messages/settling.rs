//! Writes whose answers were lost, and that keep something here.

use backend::{Applied, Backend as _, Settled, Write};
use conversation::{MessageId, MessagePatch, NewMessage, Part, Patch, Role};

use crate::bench::{Bench, asking, cx, intent, settled, texts};
use crate::chatty::Manner;

#[tokio::test]
async fn what_is_kept_here_is_known_for_certain() {
    let bench = Bench::new(Manner::default());
    let at = bench.create().await;
    let new = NewMessage::text(Role::User, "kept");
    let cx1 = cx();
    let post = intent(&cx1, &at, Write::PostMessage(new.clone()));
    assert_eq!(settled(&bench, &post).await, Settled::NotApplied);
    let posted = bench
        .overlay
        .post_message(&cx1, &at, new.clone())
        .await
        .unwrap();
    assert_eq!(
        settled(&bench, &post).await,
        Settled::Applied(Applied::Message(Box::new(posted.clone())))
    );

    let cx2 = cx();
    let history: Vec<NewMessage> = ["a", "b"]
        .map(|text| NewMessage {
            sent_at: "2001-01-01T00:00:00Z".parse().ok(),
            ..NewMessage::text(Role::User, text)
        })
        .to_vec();
    let import = intent(&cx2, &at, Write::ImportMessages(history.clone()));
    assert_eq!(settled(&bench, &import).await, Settled::NotApplied);
    bench
        .overlay
        .import_messages(&cx2, &at, history.clone())
        .await
        .unwrap();
    let Settled::Applied(Applied::Messages(found)) = settled(&bench, &import).await else {
        panic!("it was done");
    };
    assert_eq!(texts(&found), ["a", "b"]);

    // The same again stores nothing twice.
    bench
        .overlay
        .import_messages(&cx2, &at, history)
        .await
        .unwrap();
    bench.overlay.post_message(&cx1, &at, new).await.unwrap();
    assert_eq!(bench.texts(&at).await, ["a", "b", "kept"]);

    let patch = MessagePatch {
        parts: Patch::Set(vec![Part::text("edited")]),
        ..MessagePatch::default()
    };
    let edit = Write::UpdateMessage {
        id: posted.id.clone(),
        patch: patch.clone(),
    };
    let edit = intent(&cx(), &at, edit);
    assert_eq!(settled(&bench, &edit).await, Settled::NotApplied);
    let overlay = &bench.overlay;
    let edited = overlay
        .update_message(&cx(), &at, &posted.id, patch, None)
        .await
        .unwrap();
    assert_eq!(
        settled(&bench, &edit).await,
        Settled::Applied(Applied::Message(Box::new(edited)))
    );

    let delete = intent(
        &cx(),
        &at,
        Write::DeleteMessage {
            id: posted.id.clone(),
        },
    );
    assert_eq!(settled(&bench, &delete).await, Settled::NotApplied);
    overlay
        .delete_message(&cx(), &at, &posted.id, None)
        .await
        .unwrap();
    assert_eq!(
        settled(&bench, &delete).await,
        Settled::Applied(Applied::Nothing)
    );
}

#[tokio::test]
async fn an_answer_that_was_noted_whole_settles_as_applied() {
    let bench = Bench::new(Manner::default());
    for waits in [false, true] {
        let at = bench.create().await;
        if waits {
            bench.post(&at, Role::User, "waits").await;
        }
        let cx = cx();
        let noted = intent(&cx, &at, Write::Respond(asking("now")));
        let stream = bench
            .overlay
            .respond(&cx, &at, asking("now"))
            .await
            .unwrap();
        let events: Vec<_> = futures_util::StreamExt::collect(stream).await;
        let answer = crate::bench::completed(&events).clone();
        assert_eq!(
            settled(&bench, &noted).await,
            Settled::Applied(Applied::Message(Box::new(answer)))
        );
        let never = intent(&crate::bench::cx(), &at, Write::Respond(asking("never")));
        assert_eq!(settled(&bench, &never).await, Settled::NotApplied);
    }
}

#[tokio::test]
async fn an_edit_and_a_delete_that_only_wrote_here_are_settled_by_what_is_shown() {
    let bench = Bench::new(Manner::default());
    let at = bench.create().await;
    bench.ask(&at, asking("one")).await;
    let ids: Vec<MessageId> = crate::bench::ids(&bench.shown(&at).await);
    let patch = MessagePatch {
        metadata: Patch::Set(serde_json::from_str(r#"{"a":{"b":1}}"#).unwrap()),
        ..MessagePatch::default()
    };
    let edit = Write::UpdateMessage {
        id: ids[0].clone(),
        patch: patch.clone(),
    };
    let edit = intent(&cx(), &at, edit);
    assert_eq!(settled(&bench, &edit).await, Settled::NotApplied);
    let overlay = &bench.overlay;
    overlay
        .update_message(&cx(), &at, &ids[0], patch, None)
        .await
        .unwrap();
    assert!(matches!(settled(&bench, &edit).await, Settled::Applied(_)));
    let delete = intent(&cx(), &at, Write::DeleteMessage { id: ids[1].clone() });
    assert_eq!(settled(&bench, &delete).await, Settled::NotApplied);
    overlay
        .delete_message(&cx(), &at, &ids[1], None)
        .await
        .unwrap();
    assert_eq!(
        settled(&bench, &delete).await,
        Settled::Applied(Applied::Nothing)
    );
}
