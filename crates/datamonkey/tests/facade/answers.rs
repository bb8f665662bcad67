//! Answers that fail or break off, and what a caller is told of them.

use std::sync::Arc;

use backend::Kind;

use crate::client::Answer;
use crate::scripted::{Script, Scripted};
use crate::world::{Behind, Setup, World};

async fn answered_by(script: Script) -> (World, String, String, Answer) {
    let world = World::start_with(Setup {
        behind: Behind::Answered(Arc::new(Scripted(script))),
        ..Setup::default()
    })
    .await;
    let (token, id) = world.begin("scripted").await;
    let path = format!("/api/v1/chat/{id}/messages");
    let answer = world
        .with(&token, "POST", &path, r#"{"message": "question"}"#)
        .await;
    (world, token, id, answer)
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_answered_as_far_as_it_came() {
    let (world, token, id, answer) = answered_by(Script::BreaksOff).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["message"]["content"], "some words");
    let stored = world.messages(&token, &id).await;
    assert_eq!(stored[1], answer.json()["message"]);
}

#[tokio::test]
async fn an_answer_that_fails_is_a_500_whatever_it_was_and_tells_no_secret() {
    for kind in [
        Kind::UpstreamFailed,
        Kind::UpstreamAuth,
        Kind::RateLimited,
        Kind::Unavailable,
        Kind::InvalidResponse,
        Kind::Internal,
    ] {
        for script in [Script::FailsAtOnce(kind), Script::FailsBeforeAnyWord(kind)] {
            let (world, token, id, answer) = answered_by(script).await;
            // The question is stored, so nobody is asked to send it again.
            assert_eq!(answer.status, 500, "{kind:?}");
            assert!(answer.header("retry-after").is_none(), "{kind:?}");
            assert!(!answer.text().contains("planted"), "{}", answer.text());
            let stored = world.messages(&token, &id).await;
            assert_eq!(stored.as_array().unwrap().len(), 1);
        }
    }
    let (_, _, _, answer) = answered_by(Script::FailsAtOnce(Kind::Timeout)).await;
    assert_eq!(answer.status, 504);
}
