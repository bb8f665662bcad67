//! A responder that asks a server with OpenAI's chat completions: OpenAI itself, or any of the many that speak alike.
//!
//! Text goes in and text comes out. No tool is ever offered, so a model that asks for one has failed. The answer is asked
//! for as a stream; a server that sends it in one piece all the same is understood.

mod config;
mod error;
mod request;
mod wire;
mod words;

use async_trait::async_trait;
use backend::ports::{Responder, Turn};
use backend::{Context, Error, Kind, Result};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use transport::{StreamingResponse, Transport};

pub use self::config::{OpenAiConfig, TokenLimit};
use self::error::{from_refusal, from_transport, masked};
use self::words::Words;

/// A server with OpenAI's chat completions as a responder.
#[derive(Debug)]
pub struct OpenAi {
    config: OpenAiConfig,
    transport: Transport,
}

impl OpenAi {
    /// A responder that asks the server of `config`. Nothing is connected yet.
    ///
    /// # Errors
    /// [`Kind::InvalidRequest`] where a setting cannot be used; the message names it.
    pub fn new(config: OpenAiConfig) -> Result<Self> {
        if let Some(mistake) = config.first_mistake() {
            return Err(Error::new(Kind::InvalidRequest, mistake));
        }
        let transport = Transport::new(config.api_url(), &config.transport).map_err(|error| {
            let message = format!("the responder's server cannot be used: {}", error.detail());
            Error::new(Kind::InvalidRequest, message).source(error)
        })?;
        Ok(Self { config, transport })
    }
}

#[async_trait]
impl Responder for OpenAi {
    fn name(&self) -> &str {
        &self.config.name
    }

    async fn answer(&self, cx: &Context, turn: Turn) -> Result<BoxStream<'static, Result<String>>> {
        let body = request::completion(&self.config, &turn)?;
        let mut request = self
            .transport
            .post(&["chat", "completions"])
            .operation("chat_completions")
            .deadline(cx.deadline)
            .read_timeout(self.config.longest_silence)
            .json(&body);
        if let Some(key) = &self.config.api_key {
            request = request.bearer(key);
        }
        let key = self.config.api_key.clone();
        let begun = request.stream().await.map_err(from_transport)?;
        let answer = match begun {
            StreamingResponse::Events(events) => {
                let words = Words::new(events, turn.notes);
                let pieces = stream::try_unfold(words, |mut words: Words| async move {
                    let piece = words.next().await?;
                    Ok::<_, Error>(piece.map(|piece| (piece, words)))
                });
                Ok(pieces.boxed())
            }
            StreamingResponse::Complete(response) if response.is_success() => {
                words::whole(&response, &turn.notes).map(|text| stream::iter([Ok(text)]).boxed())
            }
            StreamingResponse::Complete(response) => Err(from_refusal(&response, key.as_ref())),
        };
        let answer = answer.map_err(|error| masked(error, self.config.api_key.as_ref()))?;
        let pieces = answer.map(move |piece| piece.map_err(|error| masked(error, key.as_ref())));
        Ok(pieces.boxed())
    }
}
