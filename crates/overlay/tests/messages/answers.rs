//! What travels with a question, and that nothing shows twice.

use backend::{Backend as _, Event, History, Kind, RespondRequest};
use conversation::{JsonMap, NewMessage, Part, Role, text_of};
use futures_util::StreamExt as _;

use crate::bench::{Bench, asking, completed, cx, ids, shown_by, strict, texts};
use crate::chatty::{Chatty, Failure, Manner};

const HOUR: i64 = 3_600_000_000;

fn manners() -> Vec<Manner> {
    let mut all = Vec::new();
    for (clock_stands, skew) in [(false, 0), (true, 0), (false, HOUR), (false, -HOUR)] {
        for doubles in [false, true] {
            for has_mark in [true, false] {
                all.push(Manner {
                    clock_stands,
                    skew,
                    doubles,
                    has_mark,
                    ..Manner::default()
                });
            }
        }
    }
    all
}

#[tokio::test]
async fn what_waits_travels_once_and_is_shown_once() {
    for manner in manners() {
        let bench = Bench::new(manner.clone());
        let at = bench.create().await;
        bench.post(&at, Role::User, "one").await;
        bench.post(&at, Role::User, "two").await;
        let events = bench.ask(&at, asking("three")).await;
        let answer = completed(&events).clone();
        assert_eq!(text_of(&answer.parts), "answer to: one\n\ntwo\n\nthree");
        let shown = bench.shown(&at).await;
        assert_eq!(
            texts(&shown),
            ["one", "two", "three", "answer to: one\n\ntwo\n\nthree"],
            "{manner:?}"
        );
        assert_eq!(shown[3], answer, "what is told is what is listed");
        let Some(Event::MessageStarted {
            input: Some(input), ..
        }) = events.first()
        else {
            panic!("the first event shows the input");
        };
        assert_eq!(**input, shown[2]);
        assert_eq!(bench.sendings(&at).await, []);

        // Said later comes later, whatever the clocks say; what has travelled does not travel again.
        bench.post(&at, Role::User, "four").await;
        bench.ask(&at, RespondRequest::default()).await;
        assert_eq!(bench.chatty.heard(), ["one\n\ntwo\n\nthree", "four"]);
        let after = bench.texts(&at).await;
        assert_eq!(after[4..], ["four", "answer to: four"], "{manner:?}");
        assert_eq!(after.len(), 6, "{manner:?}");
        // And in a process that knows nothing.
        assert_eq!(texts(&shown_by(&bench.restarted(), &at).await), after);
    }
}

#[tokio::test]
async fn a_plain_question_goes_through_and_keeps_nothing() {
    let bench = Bench::new(Manner::default());
    let at = bench.create().await;
    let mut request = asking("hello");
    let metadata: JsonMap = serde_json::from_str(r#"{"trace":"x"}"#).unwrap();
    request.metadata.clone_from(&metadata);
    let events = bench.ask(&at, request).await;
    let answer = completed(&events);
    assert_eq!(answer.metadata, metadata, "kept beside the backend");
    let shown = bench.shown(&at).await;
    assert_eq!(texts(&shown), ["hello", "answer to: hello"]);
    assert_eq!(&shown[1], answer);
    assert_eq!(bench.sendings(&at).await, []);
}

#[tokio::test]
async fn an_input_with_more_than_words_is_shown_as_it_was_put() {
    let bench = Bench::new(Manner::default());
    let at = bench.create().await;
    let input = NewMessage {
        metadata: serde_json::from_str(r#"{"n":1.50}"#).unwrap(),
        ..NewMessage::of(
            Role::User,
            vec![Part::text("a\0b"), Part::Reasoning("hm".into())],
        )
    };
    let request = RespondRequest {
        input: Some(input.clone()),
        ..RespondRequest::default()
    };
    let events = bench.ask(&at, request).await;
    completed(&events);
    let shown = bench.shown(&at).await;
    assert_eq!(shown.len(), 2);
    assert_eq!(shown[0].parts, input.parts);
    assert_eq!(shown[0].metadata, input.metadata);
    assert_eq!(bench.chatty.heard(), ["ab"]);
    let read = bench.overlay.get_message(&cx(), &at, &shown[0].id).await;
    assert_eq!(read.unwrap(), shown[0]);
    // The backend's own copy leads to ours.
    let native = bench.chatty.texts(&at.native);
    assert_eq!(native.len(), 2);
}

#[tokio::test]
async fn at_every_point_of_an_answer_another_reader_sees_each_message_once() {
    for manner in manners() {
        for rewrites in [false, true] {
            let manner = Manner {
                rewrites: if rewrites {
                    |text| format!("You said: {}", text.to_uppercase())
                } else {
                    str::to_owned
                },
                ..manner.clone()
            };
            let bench = Bench::over(Chatty::slow(manner.clone()));
            let at = bench.create().await;
            bench.post(&at, Role::User, "waits").await;
            let other = bench.restarted();
            let stream = bench.overlay.respond(&cx(), &at, asking("now")).await;
            let mut stream = stream.unwrap();
            bench.chatty.go_on();
            let mut seen = Vec::new();
            loop {
                seen.push(texts(&shown_by(&other, &at).await));
                match stream.next().await {
                    Some(event) if event.is_last() => break,
                    Some(_) => {}
                    None => panic!("the answer has an end"),
                }
            }
            for shown in seen {
                assert_eq!(
                    shown
                        .iter()
                        .filter(|text| text.to_lowercase().contains("waits"))
                        .count(),
                    1 + shown
                        .iter()
                        .filter(|text| text.starts_with("answer"))
                        .count(),
                    "{manner:?} {shown:?}"
                );
                assert_eq!(shown[0], "waits", "{manner:?}");
                let rest: Vec<&str> = shown[1..].iter().map(String::as_str).collect();
                let whole = ["now", "answer to: waits\n\nnow"];
                assert!(whole.starts_with(&rest), "{manner:?} {shown:?}");
            }
            let wanted = ["waits", "now", "answer to: waits\n\nnow"];
            assert_eq!(texts(&shown_by(&other, &at).await), wanted, "{manner:?}");
            assert_eq!(bench.texts(&at).await, wanted, "{manner:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_lists_do_not_show_yet_is_shown_and_bound_later() {
    let bench = Bench::new(Manner {
        lags: 2,
        ..Manner::default()
    });
    let at = bench.create().await;
    bench.post(&at, Role::User, "waits").await;
    let events = bench.ask(&at, asking("now")).await;
    completed(&events);
    let wanted = ["waits", "now", "answer to: waits\n\nnow"];
    assert_eq!(bench.texts(&at).await, wanted);
    bench.chatty.behave(|manner| manner.lags = 0);
    let (cx, page) = (cx().fresh(), backend::PageRequest::first(10));
    let fresh = bench.overlay.list_messages(&cx, &at, &page).await;
    assert_eq!(texts(&fresh.unwrap().items), wanted);
}

#[tokio::test]
async fn there_must_be_something_to_answer() {
    let bench = Bench::new(Manner::default());
    let at = bench.create().await;
    let refused = |cx| {
        let (bench, at) = (&bench, &at);
        async move {
            let answered = bench
                .overlay
                .respond(&cx, at, RespondRequest::default())
                .await;
            answered.err().unwrap().kind
        }
    };
    assert_eq!(refused(cx()).await, Kind::NothingToAnswer);
    bench.post(&at, Role::User, "one").await;
    bench.ask(&at, RespondRequest::default()).await;
    assert_eq!(refused(cx()).await, Kind::NothingToAnswer);
    assert_eq!(bench.chatty.heard(), ["one"]);
}

#[tokio::test]
async fn a_question_that_was_never_sent_is_forgotten_and_asked_again() {
    let bench = Bench::new(Manner {
        fails: Some(Failure::Before),
        ..Manner::default()
    });
    let at = bench.create().await;
    bench.post(&at, Role::User, "waits").await;
    let failed = bench.overlay.respond(&cx(), &at, asking("now")).await;
    assert_eq!(failed.err().unwrap().kind, Kind::Unavailable);
    assert_eq!(bench.sendings(&at).await, []);
    assert_eq!(bench.texts(&at).await, ["waits"], "the input was not said");
    bench.chatty.behave(|manner| manner.fails = None);
    bench.ask(&at, asking("now")).await;
    assert_eq!(
        bench.texts(&at).await,
        ["waits", "now", "answer to: waits\n\nnow"]
    );
}

#[tokio::test]
async fn a_question_without_an_answer_is_sent_again_and_shown_once() {
    let bench = Bench::new(Manner {
        fails: Some(Failure::Half),
        ..Manner::default()
    });
    let at = bench.create().await;
    bench.post(&at, Role::User, "waits").await;
    let failed = bench.overlay.respond(&cx(), &at, asking("now")).await;
    assert_eq!(failed.err().unwrap().kind, Kind::UpstreamFailed);
    assert_eq!(bench.texts(&at).await, ["waits", "now"]);
    assert_eq!(bench.sendings(&at).await, []);
    bench.chatty.behave(|manner| manner.fails = None);
    bench.ask(&at, RespondRequest::default()).await;
    assert_eq!(bench.chatty.heard(), ["waits\n\nnow", "waits\n\nnow"]);
    assert_eq!(
        bench.texts(&at).await,
        ["waits", "now", "answer to: waits\n\nnow"]
    );
    // What the backend alone has is sent again as well.
    let at = bench.create().await;
    bench.chatty.said_there(&at.native, Role::User, "there");
    bench.ask(&at, RespondRequest::default()).await;
    assert_eq!(bench.texts(&at).await, ["there", "answer to: there"]);
}

#[tokio::test]
async fn instructions_go_apart_each_time_or_before_the_words_once() {
    let apart = Bench::new(Manner {
        takes_prompt: true,
        ..Manner::default()
    });
    let before = Bench::new(Manner::default());
    for bench in [&apart, &before] {
        let at = bench.create().await;
        bench.post(&at, Role::System, "be brief").await;
        bench.ask(&at, asking("one")).await;
        bench.ask(&at, asking("two")).await;
        let shown = bench.shown(&at).await;
        let roles: Vec<&str> = shown.iter().map(|message| message.role.as_str()).collect();
        assert_eq!(roles, ["system", "user", "assistant", "user", "assistant"]);
        assert_eq!(texts(&shown)[..2], ["be brief", "one"]);
    }
    assert_eq!(apart.chatty.heard(), ["one", "two"]);
    let brief = Some("be brief".to_owned());
    assert_eq!(apart.chatty.prompts(), [brief.clone(), brief]);
    assert_eq!(before.chatty.heard(), ["be brief\n\none", "two"]);
}

#[tokio::test]
async fn history_is_told_within_its_budget() {
    let history = [
        (Role::User, "an old question", "2020-01-01T00:00:00Z"),
        (Role::Assistant, "an old answer", "2020-01-01T00:00:01Z"),
    ];
    for (context, wanted) in [
        (Some(History::None), "now"),
        (
            None,
            "The conversation so far:\nuser: an old question\nassistant: an old answer\n\nnow",
        ),
        (
            Some(History::Transcript { max_tokens: 13 }),
            "The conversation so far:\nassistant: an old answer\n\nnow",
        ),
    ] {
        let bench = Bench::new(Manner::default());
        let at = bench.create().await;
        bench.import(&at, &history).await;
        let request = RespondRequest {
            context,
            ..asking("now")
        };
        bench.ask(&at, request).await;
        assert_eq!(bench.chatty.heard(), [wanted]);
        let shown = bench.texts(&at).await;
        assert_eq!(shown[..3], ["an old question", "an old answer", "now"]);
        assert_eq!(shown.len(), 4);
    }
    // Before the words it is told once; apart from them each time.
    for (takes_prompt, wanted) in [(false, "again"), (true, "again")] {
        let bench = Bench::new(Manner {
            takes_prompt,
            ..Manner::default()
        });
        let at = bench.create().await;
        bench.import(&at, &history).await;
        bench.ask(&at, asking("now")).await;
        bench.ask(&at, asking(wanted)).await;
        assert_eq!(bench.chatty.heard()[1], wanted);
        let told = bench.chatty.prompts()[1].clone();
        assert_eq!(told.is_some(), takes_prompt, "{told:?}");
    }
}

#[tokio::test]
async fn strict_refuses_before_anything_is_sent() {
    let bench = Bench::new(Manner::default());
    let at = bench.create().await;
    let mut request = asking("now");
    request.metadata = serde_json::from_str(r#"{"a":1}"#).unwrap();
    let refused = bench
        .overlay
        .respond(&strict(), &at, request)
        .await
        .err()
        .unwrap();
    assert_eq!(refused.kind, Kind::NotHeld);
    let refused = bench
        .overlay
        .post_message(&strict(), &at, NewMessage::text(Role::User, "x"))
        .await;
    assert_eq!(refused.unwrap_err().kind, Kind::NotHeld);
    assert!(bench.chatty.heard().is_empty());
    let stream = bench.overlay.respond(&strict(), &at, asking("now")).await;
    let events: Vec<Event> = stream.unwrap().collect().await;
    completed(&events);
}

#[tokio::test]
async fn equal_questions_are_two_questions() {
    for manner in manners() {
        let bench = Bench::new(manner.clone());
        let at = bench.create().await;
        bench.post(&at, Role::User, "yes").await;
        bench.post(&at, Role::User, "yes").await;
        bench.ask(&at, asking("yes")).await;
        bench.ask(&at, asking("yes")).await;
        let shown = bench.shown(&at).await;
        let said = texts(&shown);
        assert_eq!(
            said.iter().filter(|text| *text == "yes").count(),
            4,
            "{manner:?}"
        );
        assert_eq!(shown.len(), 6, "{manner:?} {said:?}");
        let mut unique = ids(&shown);
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), 6);
    }
}
