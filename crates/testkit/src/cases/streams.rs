//! Answers as streams: the order of events, their texts, and a reader who leaves.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use backend::{Event, Kind};
use conversation::{Part, Role, text_of};
use futures_util::StreamExt;

use crate::bench::{Bench, asking, completed};
use crate::case::{Case, Need, Outcome};
use crate::expect::Must;

const NEEDS: &[Need] = &[
    Need::Works("conversation_create"),
    Need::Works("respond"),
    Need::Works("message_list"),
];

pub(super) const CASES: &[Case] = &[
    Case {
        rule: "the events of an answer come in their documented order",
        needs: NEEDS,
        run: |bench| Box::pin(documented_order(bench)),
    },
    Case {
        rule: "the deltas of an answer add up to its text",
        needs: NEEDS,
        run: |bench| Box::pin(deltas_add_up(bench)),
    },
    Case {
        rule: "after a dropped stream the conversation can be written again",
        needs: NEEDS,
        run: |bench| Box::pin(dropped_stream(bench)),
    },
];

/// How long a conversation may stay busy after its reader left.
const BUSY_MAX: Duration = Duration::from_secs(30);
/// How long to wait before trying again.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

async fn events(bench: &Bench, text: &str) -> Vec<Event> {
    let at = bench.conversation().await;
    bench
        .answer(&at, asking(text))
        .await
        .must("asking for an answer")
}

async fn documented_order(bench: &Bench) -> Outcome {
    for text in [
        "Hello there, how are you today?",
        "x",
        "Ünïcode 👩‍👩‍👧 「text」\nand\n\nlines",
    ] {
        let events = events(bench, text).await;
        assert_order(&events);
        completed(&events);
    }
    Ok(())
}

/// One start; for each part its start, any deltas, its end; at most one usage; exactly one end.
#[track_caller]
fn assert_order(events: &[Event]) {
    let names: Vec<&str> = events.iter().map(Event::name).collect();
    assert!(
        matches!(events.first(), Some(Event::MessageStarted { .. })),
        "begins with its start: {names:?}"
    );
    let mut open: Option<(usize, &str)> = None;
    let mut parts = 0;
    let mut usages = 0;
    for (place, event) in events.iter().enumerate().skip(1) {
        let last = place + 1 == events.len();
        assert_eq!(
            event.is_last(),
            last,
            "one end, and nothing after it: {names:?}"
        );
        if usages > 0 {
            assert!(last, "after the usage only the end follows: {names:?}");
        }
        match event {
            Event::MessageStarted { .. } => panic!("one start only: {names:?}"),
            Event::PartStarted { index, kind } => {
                assert_eq!(open, None, "one part after the other: {names:?}");
                assert_eq!(*index, parts, "parts are counted from 0: {names:?}");
                open = Some((*index, *kind));
            }
            Event::PartDelta { index, .. } => {
                assert_eq!(
                    open.map(|(open, _)| open),
                    Some(*index),
                    "a delta of the open part: {names:?}"
                );
            }
            Event::PartCompleted { index, part } => {
                assert_eq!(
                    open,
                    Some((*index, part.type_name())),
                    "the open part ends: {names:?}"
                );
                open = None;
                parts += 1;
            }
            Event::MessageUsage(_) => {
                assert_eq!(open, None, "no part is open: {names:?}");
                usages += 1;
            }
            Event::MessageCompleted(message) => {
                assert_eq!(open, None, "no part is open: {names:?}");
                assert_eq!(
                    message.parts.len(),
                    parts,
                    "every part was announced: {names:?}"
                );
            }
            Event::MessageIncomplete(_) | Event::MessageFailed { .. } => {}
        }
    }
}

async fn deltas_add_up(bench: &Bench) -> Outcome {
    for text in ["Tell me a story of several words.", "Grüße 👩‍👩‍👧 \u{301}"] {
        let events = events(bench, text).await;
        let mut texts: BTreeMap<usize, String> = BTreeMap::new();
        let mut whole = Vec::new();
        for event in &events {
            match event {
                Event::PartDelta { index, text } => texts.entry(*index).or_default().push_str(text),
                Event::PartCompleted { index, part } => {
                    let added = texts.get(index).map(String::as_str).unwrap_or_default();
                    match part {
                        Part::Text(text) => {
                            assert_eq!(added, &*text.text, "the deltas of part {index}");
                        }
                        Part::Reasoning(text) => {
                            assert_eq!(added, &**text, "the deltas of part {index}");
                        }
                        other => assert_eq!(
                            added,
                            "",
                            "a part of type `{}` has no words",
                            other.type_name()
                        ),
                    }
                    whole.push(part.clone());
                }
                _ => {}
            }
        }
        let answer = completed(&events);
        assert_eq!(
            answer.parts, whole,
            "the stored answer is what was streamed"
        );
        assert_ne!(text_of(&answer.parts), "", "an answer has words");
    }
    Ok(())
}

async fn dropped_stream(bench: &Bench) -> Outcome {
    for events_read in [0, 1, 2] {
        let at = bench.conversation().await;
        let stream = bench
            .backend
            .respond(&bench.cx(), &at, asking("Count to a thousand."))
            .await;
        let mut stream = stream.must("asking for an answer");
        for _ in 0..events_read {
            stream.next().await;
        }
        drop(stream);
        let begun = Instant::now();
        let said = loop {
            match bench.say_text(&at, "I am back.").await {
                Err(error) if error.kind == Kind::Busy && begun.elapsed() < BUSY_MAX => {
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
                result => break result.must("writing after a stream was dropped"),
            }
        };
        let listed = bench.messages(&at).await;
        assert!(
            listed.iter().any(|message| message.id == said.id),
            "what was said afterwards is listed"
        );
        let asked = listed.iter().filter(|message| message.role == Role::User);
        let asked = asked
            .filter(|message| text_of(&message.parts) == "Count to a thousand.")
            .count();
        assert!(asked <= 1, "the input is stored at most once");
    }
    Ok(())
}
