//! A crash at every step of an answer: another process finds out, and nothing is doubled or lost.

use backend::ports::{Change, KeptAt, OverlayState as _, Sending};
use backend::{Applied, Backend as _, Event, Kind, Settled, Write};
use conversation::{MessageId, Role, Time, text_of};
use futures_util::StreamExt as _;

use crate::bench::{Bench, asking, cx, intent, settled, shown_by, texts};
use crate::chatty::{Chatty, Failure, Manner};

/// How many events an answer has.
const EVENTS: usize = 5;

#[tokio::test]
async fn an_answer_that_was_dropped_anywhere_is_settled() {
    for doubles in [false, true] {
        for dropped_after in 0..=EVENTS {
            for looks in [false, true] {
                let bench = Bench::over(Chatty::slow(Manner {
                    doubles,
                    ..Manner::default()
                }));
                bench.chatty.go_on();
                let at = bench.create().await;
                bench.post(&at, Role::User, "waits").await;
                let cx = cx();
                let request = asking("now");
                let noted = intent(&cx, &at, Write::Respond(request.clone()));
                let stream = bench.overlay.respond(&cx, &at, request).await;
                let mut stream = stream.unwrap();
                for _ in 0..dropped_after {
                    assert!(stream.next().await.is_some());
                }
                drop(stream);
                if looks {
                    // Whoever reads before the write is settled sees nothing twice.
                    let shown = texts(&shown_by(&bench.restarted(), &at).await);
                    let once = shown.iter().filter(|text| *text == "waits").count();
                    assert_eq!(once, 1, "{shown:?}");
                    assert!(shown.iter().filter(|text| text.ends_with("now")).count() <= 2);
                }
                // The answer is stored with its fourth event.
                let is_answered = dropped_after >= 4;
                let what =
                    format!("doubles {doubles}, dropped after {dropped_after}, looks {looks}");
                match settled(&bench, &noted).await {
                    Settled::Applied(Applied::Message(answer)) => {
                        assert!(is_answered, "{what}");
                        assert_eq!(text_of(&answer.parts), "answer to: waits\n\nnow");
                        assert_eq!(bench.sendings(&at).await, [], "{what}");
                    }
                    Settled::Unknown => assert!(!is_answered, "{what}"),
                    other => panic!("{what}: {other:?}"),
                }
                let mut wanted = vec!["waits", "now"];
                if is_answered {
                    wanted.push("answer to: waits\n\nnow");
                }
                let shown = shown_by(&bench.restarted(), &at).await;
                let mut said = texts(&shown);
                said.truncate(wanted.len());
                assert_eq!(said, wanted, "{what}");
                assert!(shown.len() == wanted.len(), "{what}: {:?}", texts(&shown));
            }
        }
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_on_the_way_is_found() {
    let bench = Bench::new(Manner {
        fails: Some(Failure::Lost),
        ..Manner::default()
    });
    let at = bench.create().await;
    bench.post(&at, Role::User, "waits").await;
    let cx = cx();
    let request = asking("now");
    let noted = intent(&cx, &at, Write::Respond(request.clone()));
    let failed = bench.overlay.respond(&cx, &at, request).await;
    assert_eq!(failed.err().unwrap().kind, Kind::Timeout);
    let wanted = ["waits", "now", "answer to: waits\n\nnow"];
    assert_eq!(bench.texts(&at).await, wanted);
    let Settled::Applied(Applied::Message(answer)) = settled(&bench, &noted).await else {
        panic!("it was done");
    };
    assert_eq!(texts(&[*answer]), wanted[2..]);
    assert_eq!(bench.texts(&at).await, wanted);
    assert_eq!(bench.sendings(&at).await, []);
}

#[tokio::test]
async fn a_question_that_was_noted_and_never_sent_is_not_said() {
    let bench = Bench::new(Manner::default());
    let at = bench.create().await;
    bench.post(&at, Role::User, "waits").await;
    let (cx, request) = (cx(), asking("now"));
    let noted = intent(&cx, &at, Write::Respond(request.clone()));
    // The process ends between the note and the call.
    let beside = KeptAt {
        conversation: at.id,
        backend: at.backend.clone(),
    };
    let waiting = bench.shown(&at).await;
    let sending = Sending {
        intent: cx.intent,
        text: "waits\n\nnow".into(),
        carries: vec![
            waiting[0].id.clone(),
            MessageId::derive(&["input", &cx.intent.to_string()]),
        ],
        input: None,
        after: Time::now(),
        started_at: Time::now(),
    };
    let state = bench.state.clone();
    let send = vec![Change::Send(Box::new(sending))];
    state.apply(&beside, None, send).await.unwrap();
    assert_eq!(settled(&bench, &noted).await, Settled::NotApplied);
    assert_eq!(bench.sendings(&at).await, []);
    assert_eq!(bench.texts(&at).await, ["waits"]);
}

#[tokio::test]
async fn an_answer_is_told_also_where_it_cannot_be_noted() {
    let bench = Bench::new(Manner::default());
    let at = bench.create().await;
    bench.post(&at, Role::User, "waits").await;
    let touch = |fence| {
        let beside = KeptAt {
            conversation: at.id,
            backend: at.backend.clone(),
        };
        let change = Change::Touch {
            updated_at: Time::now(),
            last_message_at: None,
        };
        let state = bench.state.clone();
        async move {
            state
                .apply(&beside, Some(fence), vec![change])
                .await
                .unwrap();
        }
    };
    touch(5).await;
    let cx = backend::Context {
        fence: Some(3),
        ..cx()
    };
    let noted = intent(&cx, &at, Write::Respond(asking("late")));
    let newer = backend::Context {
        fence: Some(9),
        ..cx.clone()
    };
    let refused = bench.overlay.respond(&cx, &at, asking("late")).await;
    assert_eq!(
        refused.err().unwrap().kind,
        Kind::Busy,
        "an older lease sends nothing"
    );
    let stream = bench.overlay.respond(&newer, &at, asking("late")).await;
    let mut stream = stream.unwrap();
    let mut last = None;
    for _ in 0..EVENTS {
        last = stream.next().await;
        // Somebody takes over while the answer is made.
        touch(10).await;
    }
    let Some(Event::MessageFailed {
        message: Some(answer),
        error,
    }) = last
    else {
        panic!("it could not be noted: {last:?}");
    };
    assert_eq!(text_of(&answer.parts), "answer to: waits\n\nlate");
    assert_eq!(error.outcome, backend::Outcome::Applied);
    let Settled::Applied(Applied::Message(found)) = settled(&bench, &noted).await else {
        panic!("it was done");
    };
    assert_eq!(found.id, answer.id);
    let shown = bench.texts(&at).await;
    assert_eq!(shown, ["waits", "late", "answer to: waits\n\nlate"]);
}
