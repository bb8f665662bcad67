//! The model behind the recordings, as far as its answers' shapes go.

use async_trait::async_trait;
use backend::ports::{Responder, Turn};
use backend::{Context, Error, Kind, Result};
use conversation::text_of;
use futures_util::stream::{self, BoxStream, StreamExt as _};

#[derive(Debug)]
pub(crate) struct Model;

#[async_trait]
impl Responder for Model {
    fn name(&self) -> &str {
        "model"
    }

    async fn answer(
        &self,
        _cx: &Context,
        turn: Turn,
    ) -> Result<BoxStream<'static, Result<String>>> {
        let asked = turn.messages.last().unwrap();
        let asked = text_of(&asked.parts);
        if asked.contains("[[fail]]") || asked.contains("[[blocked]]") {
            return Err(Error::new(Kind::UpstreamFailed, "the model failed"));
        }
        let words = match asked.contains("[[empty]]") {
            true => Vec::new(),
            false => vec![Ok(format!("echo: {asked}"))],
        };
        Ok(stream::iter(words).boxed())
    }
}
