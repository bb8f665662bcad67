//! Streams as no careful server sends them: spelled otherwise, without an end, with garbage inside.

use std::sync::Arc;

use backend::{Event, Kind, Outcome};
use testkit::line::{Fate, head_bytes, plain_body};

use crate::fake::Generation;
use crate::support::{events, question, told};
use crate::{Scene, scene};

/// The largest event that is read, in bytes, with a little more.
const TOO_LARGE: usize = 9 << 20;

fn spelled(body: &[u8], ending: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(body).replace("\r\n", "\n");
    text.replace('\n', ending).into_bytes()
}

/// The frames, each with its empty line.
fn frames(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(body).replace("\r\n", "\n");
    let frames = text.split_inclusive("\n\n").map(str::to_owned);
    frames.collect()
}

/// The stream with `what` in front of its second frame.
fn with_inside(body: &[u8], what: &[u8]) -> Vec<u8> {
    let frames = frames(body);
    let (first, rest) = frames.split_first().expect("a stream of frames");
    [first.as_bytes(), what, rest.concat().as_bytes()].concat()
}

fn without_done(body: &[u8]) -> Vec<u8> {
    let frames = frames(body);
    let kept = frames.iter().filter(|frame| !frame.contains("[DONE]"));
    kept.cloned().collect::<String>().into_bytes()
}

type Change = fn(&[u8]) -> Vec<u8>;

/// Asks once; the vendor's stream comes with its body changed, without chunks.
async fn asked(change: Change) -> (Scene, backend::Result<Vec<Event>>) {
    let scene = scene(Generation::V2).await;
    scene.line.heal().await;
    events(&scene.chatter, &scene.at, question("first"))
        .await
        .unwrap();
    let index = scene
        .line
        .exchanges()
        .iter()
        .position(|exchange| exchange.request.contains("/streaming"))
        .expect("a stream");
    let changed = move |answer: &[u8]| {
        let (head, body) = answer.split_at(head_bytes(answer));
        let body = change(&plain_body(head, body));
        let start = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n";
        let length = format!("content-length: {}\r\n\r\n", body.len());
        [start.as_bytes(), length.as_bytes(), &body].concat()
    };
    scene
        .line
        .plan(index, Fate::Changed(Arc::new(changed)))
        .await;
    let answered = events(&scene.chatter, &scene.at, question("tried")).await;
    assert!(scene.line.is_met());
    (scene, answered)
}

#[tokio::test]
async fn a_stream_in_any_spelling_is_the_same_answer() {
    let spellings: [(&str, Change); 9] = [
        ("as it is", <[u8]>::to_vec),
        ("CR", |body| spelled(body, "\r")),
        ("CR LF", |body| spelled(body, "\r\n")),
        ("a mark in front", |body| {
            [b"\xEF\xBB\xBF".as_slice(), body].concat()
        }),
        ("comments", |body| {
            with_inside(body, b": keep-alive\n\n:\n\n")
        }),
        ("empty lines", |body| with_inside(body, b"\n\n\n\r\n")),
        ("other fields", |body| {
            with_inside(body, b"id: 7\nretry: 10\nunknown: x\n\n")
        }),
        ("no last empty line", |body| body.trim_ascii_end().to_vec()),
        ("no end", without_done),
    ];
    for (name, change) in spellings {
        let (scene, answered) = asked(change).await;
        let answered = answered.unwrap();
        let Some(Event::MessageCompleted(_)) = answered.last() else {
            panic!("{name}: {answered:?}");
        };
        assert_eq!(told(&answered), "Echo: tried", "{name}");
        assert_eq!(scene.fake.messages(&scene.at.native).len(), 6, "{name}");
    }
}

#[tokio::test]
async fn garbage_in_a_stream_is_no_answer() {
    let garbage: [(&str, Change); 8] = [
        ("no json", |body| with_inside(body, b"data: planted\n\n")),
        ("json that ends", |body| {
            with_inside(body, b"data: {\"planted\":\n\n")
        }),
        ("another shape", |body| {
            with_inside(body, b"data: [\"planted\"]\n\n")
        }),
        ("another type", |body| {
            with_inside(body, b"data: {\"type\":[\"planted\"]}\n\n")
        }),
        ("no text", |body| {
            with_inside(body, b"data: planted \xff\xfe\n\n")
        }),
        ("NaN", |body| {
            with_inside(body, b"data: {\"type\":\"token\",\"content\":NaN}\n\n")
        }),
        ("half a pair", |body| {
            with_inside(
                body,
                b"data: {\"type\":\"token\",\"content\":\"\\ud83d planted\"}\n\n",
            )
        }),
        ("an event without end", |body| {
            with_inside(
                body,
                &[b"data: ".as_slice(), &vec![b'x'; TOO_LARGE]].concat(),
            )
        }),
    ];
    for (name, change) in garbage {
        let (_scene, answered) = asked(change).await;
        let error = match answered {
            Err(error) => error,
            Ok(mut events) => match events.pop() {
                Some(Event::MessageFailed { error, .. }) => error,
                // What the vendor has stored in spite of it is the answer.
                Some(Event::MessageCompleted(_)) if told(&events) == "Echo: tried" => continue,
                other => panic!("{name}: {other:?}"),
            },
        };
        assert_eq!(error.kind, Kind::InvalidResponse, "{name}: {error:?}");
        assert_eq!(error.outcome, Outcome::Unknown, "{name}");
        assert!(
            !format!("{error:?}").contains("planted"),
            "{name}: {error:?}"
        );
    }
}
