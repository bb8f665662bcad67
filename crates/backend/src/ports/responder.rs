//! Responders: an AI for backends that have none.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use conversation::{Assistant, Message, Usage};
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
    /// Where the responder notes what it learns of its answer beside the words.
    pub notes: AnswerNotes,
}

/// What a responder knows of an answer beside its words.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Noted {
    /// What it cost.
    pub usage: Option<Usage>,
    /// The model that really answered.
    pub model: Option<Box<str>>,
    /// Why it ended, in the model's words.
    pub finish_reason: Option<Box<str>>,
}

/// Notes on an answer in the making: written by the responder while the words come, read when they have ended by who
/// stores them. Clones share what is noted.
#[derive(Debug, Clone, Default)]
pub struct AnswerNotes(Arc<Mutex<Noted>>);

impl AnswerNotes {
    /// Changes what is noted.
    pub fn note(&self, change: impl FnOnce(&mut Noted)) {
        change(&mut self.lock());
    }

    /// What is noted by now.
    #[must_use]
    pub fn noted(&self) -> Noted {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        // Every member stands for itself, so a panic elsewhere cannot have left them half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes answers. Stores nothing; who calls it stores what it says.
#[async_trait]
pub trait Responder: Debug + Send + Sync + 'static {
    /// The responder's name, used as `provider` of its answers.
    fn name(&self) -> &str;

    /// The answer's text, piece by piece. An error ends it.
    async fn answer(&self, cx: &Context, turn: Turn) -> Result<BoxStream<'static, Result<String>>>;
}
