//! A responder without any AI: it says what it was told. For first steps, demos and tests.

use async_trait::async_trait;
use backend::ports::{Responder, Turn};
use backend::{Context, Result};
use conversation::{Role, text_of};
use futures_util::stream::{self, BoxStream, StreamExt};

/// Answers `echo: ` and the words of the user's unanswered messages, a word at a time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Echo;

#[async_trait]
impl Responder for Echo {
    fn name(&self) -> &str {
        "echo"
    }

    async fn answer(
        &self,
        _cx: &Context,
        turn: Turn,
    ) -> Result<BoxStream<'static, Result<String>>> {
        let unanswered = turn
            .messages
            .iter()
            .rev()
            .take_while(|message| message.role != Role::Assistant);
        let mut words: Vec<String> = unanswered
            .filter(|message| message.role == Role::User)
            .map(|message| text_of(&message.parts))
            .collect();
        words.reverse();
        let answer = format!("echo: {}", words.join("\n\n"));
        let pieces: Vec<Result<String>> = answer
            .split_inclusive(' ')
            .map(|piece| Ok(piece.to_owned()))
            .collect();
        Ok(stream::iter(pieces).boxed())
    }
}
