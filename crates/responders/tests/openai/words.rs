//! Answers in whatever form they come.

use backend::ports::Responder as _;
use backend::{Kind, Outcome};
use futures_util::StreamExt as _;
use responders::{OpenAi, OpenAiConfig};

use crate::fake::{Fake, Reply};
use crate::support::{HELLO, LONG, STOP, USAGE, WORLD, cx, pieces, seven_and_two, turn};

#[tokio::test]
async fn an_answer_comes_in_its_pieces_with_notes() {
    let fake = Fake::start(Reply::events(&[HELLO, WORLD, STOP, USAGE, "[DONE]"])).await;
    let turn = turn();
    let notes = turn.notes.clone();
    let (pieces, error) = pieces(&fake, turn).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(pieces, ["Hel", "lo"]);
    let noted = notes.noted();
    assert_eq!(noted.usage, Some(seven_and_two()));
    assert_eq!(noted.model.as_deref(), Some("small-1"));
    assert_eq!(noted.finish_reason.as_deref(), Some("stop"));
    let seen = fake.seen();
    assert_eq!(seen.method, "POST");
    assert_eq!(seen.path, "/v1/chat/completions");
    assert_eq!(seen.authorization.as_deref(), Some("Bearer a key"));
    assert_eq!(seen.body["model"], "small");
    assert_eq!(seen.body["stream"], true);
    assert_eq!(seen.body["messages"][0]["content"], "question");
}

#[tokio::test]
async fn without_a_key_nothing_is_presented() {
    let fake = Fake::start(Reply::events(&[HELLO, STOP])).await;
    let open = OpenAi::new(OpenAiConfig::new(fake.base_url(), "small")).unwrap();
    let answer = open.answer(&cx(LONG), turn()).await.unwrap();
    assert_eq!(answer.count().await, 1, "whole without `[DONE]`");
    assert_eq!(fake.seen().authorization, None);
}

#[tokio::test]
async fn an_answer_in_one_piece_is_understood() {
    let body = r#"{"model":"small-1","choices":[{"message":{"role":"assistant","content":"Hello"},"finish_reason":"length"}],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}"#;
    let fake = Fake::start(Reply::json(200, body)).await;
    let turn = turn();
    let notes = turn.notes.clone();
    let (pieces, error) = pieces(&fake, turn).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(pieces, ["Hello"]);
    assert_eq!(notes.noted().usage, Some(seven_and_two()));
    assert_eq!(notes.noted().finish_reason.as_deref(), Some("length"));
}

#[tokio::test]
async fn parts_refusals_and_unknown_events_are_words_or_nothing() {
    let parts = r#"{"choices":[{"delta":{"content":[{"type":"thinking","text":"hm"},{"type":"text","text":"a"}]}}]}"#;
    let refusal = r#"{"choices":[{"delta":{"content":null,"refusal":"no"}}]}"#;
    let nothing = r#"{"choices":null,"x_server":{"a":1}}"#;
    let fake = Fake::start(Reply::events(&[parts, refusal, nothing, STOP, "[DONE]"])).await;
    let (pieces, error) = pieces(&fake, turn()).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(pieces, ["a", "no"]);
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_not_taken_for_whole() {
    let failure = r#"{"error":{"message":"planted","type":"server_error"}}"#;
    let tool = r#"{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}"#;
    let withheld = r#"{"choices":[{"delta":{},"finish_reason":"content_filter"}]}"#;
    let table = [
        (Reply::events(&[HELLO]), 1, Kind::UpstreamFailed),
        (Reply::cut_events(&[HELLO]), 1, Kind::Unavailable),
        (Reply::events(&[HELLO, failure]), 1, Kind::UpstreamFailed),
        (
            Reply::events(&[HELLO, "nonsense"]),
            1,
            Kind::InvalidResponse,
        ),
        (Reply::events(&[tool, "[DONE]"]), 0, Kind::UpstreamFailed),
        (
            Reply::events(&[withheld, "[DONE]"]),
            0,
            Kind::UpstreamFailed,
        ),
    ];
    for (place, (reply, said, kind)) in table.into_iter().enumerate() {
        let fake = Fake::start(reply).await;
        let (pieces, error) = pieces(&fake, turn()).await;
        let error = error.unwrap();
        assert_eq!((pieces.len(), error.kind), (said, kind), "row {place}");
        assert_eq!(error.outcome, Outcome::NotApplied, "row {place}");
        assert!(!error.message.contains("planted"));
    }
}

#[tokio::test]
async fn what_stands_behind_a_finished_answer_may_be_lost() {
    let fake = Fake::start(Reply::cut_events(&[HELLO, STOP])).await;
    let (pieces, error) = pieces(&fake, turn()).await;
    assert_eq!(pieces, ["Hel"]);
    assert!(error.is_none(), "{error:?}");
}
