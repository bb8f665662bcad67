//! What the tests of this responder share.

use std::sync::Arc;
use std::time::Duration;

use backend::ports::{AnswerNotes, Responder as _, Turn};
use backend::{Context, Error, Principal};
use conversation::{Assistant, ConversationId, MessageId, NewMessage, Role, Time, Usage};
use futures_util::StreamExt as _;
use responders::{OpenAi, OpenAiConfig};

use crate::fake::Fake;

pub(crate) fn cx(timeout: Duration) -> Context {
    let principal = Principal {
        tenant: "t".into(),
        key: "k".into(),
        user: None,
        scopes: Vec::new(),
    };
    Context::new(Arc::new(principal), "test", timeout)
}

pub(crate) const LONG: Duration = Duration::from_secs(30);

pub(crate) fn turn() -> Turn {
    let question = NewMessage::text(Role::User, "question").into_message(
        MessageId::generate(),
        ConversationId::generate(),
        Time::now(),
    );
    Turn {
        messages: vec![question],
        assistant: Assistant::default(),
        template: None,
        notes: AnswerNotes::default(),
    }
}

pub(crate) fn responder(fake: &Fake) -> OpenAi {
    OpenAi::new(OpenAiConfig {
        api_key: Some("a key".into()),
        ..OpenAiConfig::new(fake.base_url(), "small")
    })
    .unwrap()
}

/// The pieces of an answer, and how it failed.
pub(crate) async fn pieces(fake: &Fake, turn: Turn) -> (Vec<String>, Option<Error>) {
    let mut answer = match responder(fake).answer(&cx(LONG), turn).await {
        Ok(answer) => answer,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut pieces = Vec::new();
    while let Some(next) = answer.next().await {
        match next {
            Ok(piece) => pieces.push(piece),
            Err(error) => return (pieces, Some(error)),
        }
    }
    (pieces, None)
}

pub(crate) const HELLO: &str = r#"{"model":"small-1","choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"},"finish_reason":null}]}"#;
pub(crate) const WORLD: &str =
    r#"{"model":"small-1","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":null}]}"#;
pub(crate) const STOP: &str =
    r#"{"model":"small-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
pub(crate) const USAGE: &str = r#"{"model":"small-1","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}"#;

pub(crate) fn seven_and_two() -> Usage {
    Usage {
        input_tokens: Some(7),
        output_tokens: Some(2),
        total_tokens: Some(9),
        cost: None,
    }
}
