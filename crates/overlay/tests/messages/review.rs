//! What came to light in a review: deletes, homes and settling while questions are on their way.

use backend::ports::{Change, KeptAt, OverlayState as _, Sending};
use backend::{Backend as _, Context, Fate, Location, RespondRequest, Settled, Write};
use conversation::{MessageId, NewMessage, Role, Time};
use futures_util::StreamExt as _;

use crate::bench::{Bench, asking, completed, cx, intent, shown_by, texts};
use crate::chatty::{Chatty, Failure, Manner, NAME};

/// Four minutes and more ago: no backend is at a question any more.
const LONG_AGO: i64 = -6 * 60 * 1_000_000;

async fn ended() -> (Bench, Location) {
    let bench = Bench::new(Manner {
        expires: true,
        ..Manner::default()
    });
    let at = bench.create().await;
    bench.ask(&at, asking("one")).await;
    bench.shown(&at).await;
    bench.chatty.end(&at.native);
    (bench, at)
}

fn beside(at: &Location) -> KeptAt {
    KeptAt {
        conversation: at.id,
        backend: NAME.into(),
    }
}

/// Puts a question and leaves before its answer is made.
async fn ask_and_leave(bench: &Bench, at: &Location, request: RespondRequest) {
    let stream = bench.overlay.respond(&cx(), at, request).await;
    let mut stream = stream.unwrap();
    stream.next().await;
    drop(stream);
}

#[tokio::test]
async fn a_new_home_is_told_everything_also_after_an_attempt_that_failed() {
    let (bench, at) = ended().await;
    bench
        .chatty
        .behave(|manner| manner.fails = Some(Failure::Before));
    assert!(
        bench
            .overlay
            .respond(&cx(), &at, asking("two"))
            .await
            .is_err()
    );
    bench.chatty.behave(|manner| manner.fails = None);
    let home = bench.home(&at).await;
    completed(&bench.ask(&home, asking("two")).await);
    assert_eq!(
        bench.chatty.heard()[1],
        "The conversation so far:\nuser: one\nassistant: answer to: one\n\ntwo"
    );
    assert_eq!(bench.chatty.natives().len(), 2);
}

#[tokio::test]
async fn a_question_that_only_the_old_home_heard_travels_to_the_new_one() {
    let bench = Bench::over(Chatty::slow(Manner {
        expires: true,
        ..Manner::default()
    }));
    let at = bench.create().await;
    ask_and_leave(&bench, &at, asking("one")).await;
    assert_eq!(bench.texts(&at).await, ["one"]);
    bench.chatty.end(&at.native);
    bench.chatty.go_on();
    completed(&bench.ask(&at, asking("two")).await);
    assert_eq!(bench.chatty.heard()[1], "one\n\ntwo");
    let home = bench.home(&at).await;
    let wanted = ["one", "two", "answer to: one\n\ntwo"];
    assert_eq!(bench.texts(&home).await, wanted);
    assert_eq!(bench.texts(&home).await, wanted);
}

#[tokio::test]
async fn a_late_reader_of_the_old_home_changes_nothing_of_the_new_one() {
    let (bench, at) = ended().await;
    bench.ask(&at, asking("two")).await;
    let home = bench.home(&at).await;
    // Located before the conversation moved.
    assert!(bench.overlay.get_conversation(&cx(), &at).await.is_ok());
    bench.shown(&at).await;
    completed(&bench.ask(&home, asking("three")).await);
    assert_eq!(bench.chatty.heard()[2], "three");
    assert_eq!(bench.chatty.natives().len(), 2);
    assert_eq!(bench.home(&at).await, home);
    let kept = bench.state.kept(&[beside(&at)]).await.unwrap();
    assert!(!kept[0].has_ended);
    assert_eq!(kept[0].index.as_ref().unwrap().native, home.native);
    // Who asks late is answered where the conversation is by now.
    completed(&bench.ask(&at, asking("four")).await);
    assert_eq!(bench.chatty.natives().len(), 2);
}

#[tokio::test]
async fn a_new_home_belongs_to_whom_the_conversation_belongs() {
    let (bench, at) = ended().await;
    let other = Context {
        principal: std::sync::Arc::new(backend::Principal {
            user: Some("another".into()),
            ..(*cx().principal).clone()
        }),
        ..cx()
    };
    let stream = bench.overlay.respond(&other, &at, asking("two")).await;
    completed(&stream.unwrap().collect::<Vec<_>>().await);
    let wanted = ("t".to_owned(), Some("u".to_owned()));
    assert_eq!(bench.chatty.makers(), [wanted.clone(), wanted]);
}

#[tokio::test]
async fn a_deleted_question_does_not_come_back() {
    let bench = Bench::over(Chatty::slow(Manner {
        deletes: true,
        takes_prompt: true,
        ..Manner::default()
    }));
    let at = bench.create().await;
    bench.post(&at, Role::System, "kept").await;
    ask_and_leave(&bench, &at, asking("secret")).await;
    let question = bench.shown(&at).await.last().unwrap().id.clone();
    let overlay = &bench.overlay;
    overlay
        .delete_message(&cx(), &at, &question, None)
        .await
        .unwrap();
    assert_eq!(bench.sendings(&at).await, []);
    let there = bench.chatty.said_there(&at.native, Role::User, "secret");
    let shown = crate::bench::ids(&bench.shown(&at).await);
    assert!(!shown.contains(&question) && shown.contains(&there));
}

#[tokio::test]
async fn what_is_said_after_an_equal_question_was_deleted_is_shown() {
    let bench = Bench::over(Chatty::slow(Manner {
        deletes: true,
        ..Manner::default()
    }));
    let at = bench.create().await;
    let question = bench.post(&at, Role::User, "yes").await.id;
    ask_and_leave(&bench, &at, RespondRequest::default()).await;
    bench.shown(&at).await;
    let overlay = &bench.overlay;
    overlay
        .delete_message(&cx(), &at, &question, None)
        .await
        .unwrap();
    let there = bench.chatty.said_there(&at.native, Role::User, "yes");
    bench
        .chatty
        .said_there(&at.native, Role::Assistant, "later");
    let shown = crate::bench::ids(&bench.shown(&at).await);
    assert!(shown.contains(&there));
    assert_eq!(shown.len(), 2);
}

#[tokio::test]
async fn a_question_that_was_never_sent_does_not_get_the_answer_of_an_equal_one() {
    let bench = Bench::new(Manner::default());
    let at = bench.create().await;
    bench.post(&at, Role::System, "kept").await;
    bench.ask(&at, asking("hi")).await;
    bench.ask(&at, asking("hi")).await;
    let cx = cx();
    let now = Time::now();
    let id = MessageId::derive(&["input", &cx.intent.to_string()]);
    let input = NewMessage::text(Role::User, "hi").into_message(id.clone(), at.id, now);
    let sending = Sending {
        intent: cx.intent,
        text: "hi".into(),
        carries: vec![id],
        input: Some(Box::new(input)),
        after: now,
        started_at: now,
    };
    let send = vec![Change::Send(Box::new(sending))];
    bench.state.apply(&beside(&at), None, send).await.unwrap();
    let mut noted = intent(&cx, &at, Write::Respond(asking("hi")));
    // The backend may be at it still.
    let settled = bench.restarted().settle(&cx, &noted).await.unwrap();
    assert_eq!(settled, Settled::Unknown);
    noted.deadline_at = now.saturating_add_micros(LONG_AGO);
    noted.started_at = noted.deadline_at;
    for _ in 0..2 {
        let settled = bench.restarted().settle(&cx, &noted).await.unwrap();
        assert_eq!(settled, Settled::NotApplied);
        assert_eq!(bench.sendings(&at).await, []);
    }
    assert_eq!(bench.chatty.heard().len(), 2);
}

#[tokio::test]
async fn a_question_that_was_not_even_noted_was_never_sent() {
    let bench = Bench::new(Manner::default());
    let at = bench.create().await;
    bench.post(&at, Role::System, "kept").await;
    bench.ask(&at, asking("hi")).await;
    let noted = intent(&cx(), &at, Write::Respond(asking("hi")));
    let settled = bench.restarted().settle(&cx(), &noted).await.unwrap();
    assert_eq!(settled, Settled::NotApplied);
}

#[tokio::test]
async fn a_question_that_went_through_before_there_was_an_index_is_found() {
    let bench = Bench::new(Manner::default());
    let at = bench.create().await;
    let cx = cx();
    let noted = intent(&cx, &at, Write::Respond(asking("hi")));
    bench
        .chatty
        .behave(|manner| manner.fails = Some(Failure::Lost));
    assert!(bench.overlay.respond(&cx, &at, asking("hi")).await.is_err());
    bench.post(&at, Role::System, "kept").await;
    let settled = bench.restarted().settle(&cx, &noted).await.unwrap();
    assert!(matches!(settled, Settled::Applied(_)), "{settled:?}");
}

#[tokio::test]
async fn a_conversation_that_was_only_read_once_is_shown_when_access_has_ended() {
    let bench = Bench::new(Manner {
        expires: true,
        ..Manner::default()
    });
    let at = bench.create().await;
    bench.chatty.said_there(&at.native, Role::User, "there");
    let forget = vec![Change::Forget];
    bench.state.apply(&beside(&at), None, forget).await.unwrap();
    let overlay = bench.restarted();
    overlay.get_conversation(&cx(), &at).await.unwrap();
    bench.chatty.end(&at.native);
    assert!(overlay.get_conversation(&cx(), &at).await.is_ok());
    assert_eq!(texts(&shown_by(&overlay, &at).await), ["there"]);
}

#[tokio::test]
async fn a_conversation_of_which_only_a_copy_was_kept_ends_empty_and_goes_on() {
    let bench = Bench::new(Manner {
        expires: true,
        ..Manner::default()
    });
    let at = bench.create().await;
    bench.chatty.said_there(&at.native, Role::User, "there");
    let held = bench.chatty.get_conversation(&cx(), &at).await.unwrap();
    let copy = vec![Change::Forget, Change::Copy(Box::new(held.clone()))];
    bench.state.apply(&beside(&at), None, copy).await.unwrap();
    bench.chatty.end(&at.native);
    let overlay = bench.restarted();
    let shown = overlay.get_conversation(&cx(), &at).await.unwrap();
    assert_eq!(shown.id, held.id);
    assert_eq!(shown_by(&overlay, &at).await, []);
    let waits = NewMessage::text(Role::User, "waits");
    overlay.post_message(&cx(), &at, waits).await.unwrap();
    let stream = overlay.respond(&cx(), &at, asking("now")).await.unwrap();
    completed(&stream.collect::<Vec<_>>().await);
    let home = bench.home(&at).await;
    assert_eq!(shown_by(&overlay, &home).await.len(), 3);
}

#[tokio::test]
async fn instructions_without_room_do_not_block_an_answer() {
    let bench = Bench::new(Manner {
        text_max: Some(40),
        ..Manner::default()
    });
    let at = bench.create().await;
    let long = bench.post(&at, Role::System, &"x".repeat(100)).await.id;
    bench.post(&at, Role::System, "be kind").await;
    let cx = cx();
    let stream = bench.overlay.respond(&cx, &at, asking("hi")).await;
    completed(&stream.unwrap().collect::<Vec<_>>().await);
    assert_eq!(bench.chatty.heard(), ["be kind\n\nhi"]);
    let fates = cx.trace.fates();
    let mut of_long = fates.iter().filter(|(of, _)| **of == *long.as_str());
    assert!(of_long.any(|(_, fate)| fate.fate == Fate::Overlay && fate.pointer == "/parts"));
    bench.ask(&at, asking("again")).await;
    assert_eq!(bench.chatty.heard()[1], "again");
}
