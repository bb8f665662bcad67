//! Servers that say too much, or say it too slowly.

use std::time::Duration;

use backend::Kind;
use backend::ports::Responder as _;
use futures_util::StreamExt as _;
use responders::{OpenAi, OpenAiConfig};

use crate::fake::{Fake, Reply};
use crate::support::{HELLO, LONG, STOP, cx, pieces, turn};

/// How an answer failed, where no more than `most` bytes are taken.
async fn refused(reply: Reply, most: usize) -> Kind {
    let fake = Fake::start(reply).await;
    let mut config = OpenAiConfig::new(fake.base_url(), "small");
    config.transport.response_max_bytes = most;
    config.transport.sse_event_max_bytes = most;
    config.transport.sse_line_max_bytes = most;
    let responder = OpenAi::new(config).unwrap();
    let mut answer = match responder.answer(&cx(LONG), turn()).await {
        Ok(answer) => answer,
        Err(error) => return error.kind,
    };
    loop {
        match answer.next().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => return error.kind,
            None => panic!("the answer came to an end"),
        }
    }
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_cut_off() {
    let long = "x".repeat(100_000);
    let whole = format!(r#"{{"choices":[{{"message":{{"content":"{long}"}}}}]}}"#);
    let one_event = format!(r#"{{"choices":[{{"delta":{{"content":"{long}"}}}}]}}"#);
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    for reply in [
        Reply::json(200, &whole),
        Reply::events(&[&one_event]),
        Reply::json(200, &deep),
        // Never a line's end, never the last event.
        Reply::Endless("data: x".to_owned()),
        Reply::Endless(format!("data: {HELLO}\n\n")),
    ] {
        assert_eq!(refused(reply, 50_000).await, Kind::InvalidResponse);
    }
}

#[tokio::test]
async fn silence_within_an_answer_ends_it() {
    let fake = Fake::start(Reply::Stalled(format!("data: {HELLO}\n\n"))).await;
    let responder = OpenAi::new(OpenAiConfig {
        longest_silence: Duration::from_secs(1),
        ..OpenAiConfig::new(fake.base_url(), "small")
    })
    .unwrap();
    let mut answer = responder.answer(&cx(LONG), turn()).await.unwrap();
    assert_eq!(answer.next().await.unwrap().unwrap(), "Hel");
    let error = answer.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind, Kind::Timeout);
}

#[tokio::test]
async fn what_a_server_notes_is_kept_only_where_it_is_a_note() {
    let long = "x".repeat(5_000);
    let odd = format!(
        r#"{{"model":"{long}","choices":[{{"delta":{{"content":"a"}},"finish_reason":"{long}"}}]}}"#
    );
    for (events, reason) in [(vec![odd.as_str()], None), (vec![&odd, STOP], Some("stop"))] {
        let fake = Fake::start(Reply::events(&events)).await;
        let turn = turn();
        let notes = turn.notes.clone();
        let (pieces, error) = pieces(&fake, turn).await;
        assert!(error.is_none(), "{error:?}");
        assert_eq!(pieces, ["a"]);
        assert_eq!(notes.noted().finish_reason.as_deref(), reason);
        assert!(notes.noted().model.is_none_or(|model| model.len() < 100));
    }
}
