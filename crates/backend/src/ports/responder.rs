//! Responders: an AI for backends that have none.

use std::fmt::Debug;

use async_trait::async_trait;
use conversation::{Assistant, Message};
use futures_util::stream::BoxStream;

use crate::{Context, Result};

/// What is to be answered.
#[derive(Debug, Clone)]
pub struct Turn {
    /// The conversation so far, oldest first, ending with what is to be answered; bounded by who asks.
    pub messages: Vec<Message>,
    /// How the AI is set up: the conversation's own set-up under the request's.
    pub assistant: Assistant,
    /// The template that the request named.
    pub template: Option<Box<str>>,
}

/// Makes answers. Stores nothing; who calls it stores what it says.
#[async_trait]
pub trait Responder: Debug + Send + Sync + 'static {
    /// The responder's name, used as `provider` of its answers.
    fn name(&self) -> &str;

    /// The answer's text, piece by piece. An error ends it.
    async fn answer(&self, cx: &Context, turn: Turn) -> Result<BoxStream<'static, Result<String>>>;
}
