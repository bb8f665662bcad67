//! A backend whose AI answers twice: the answer is stored two times, and the second one is told, as one generation of
//! Chatter does with every answer.

use std::sync::Arc;

use async_trait::async_trait;
use backend::{Backend, Context, Event, EventStream, Layer, Location, RespondRequest, Result};
use conversation::{Message, NewMessage};
use futures_util::StreamExt as _;

use super::faults::{FaultKind, Faults};

/// A backend whose AI answers twice where the faults say so.
#[derive(Debug)]
pub(super) struct Twice {
    below: Arc<dyn Backend>,
    faults: Arc<Faults>,
}

impl Twice {
    pub(super) fn new(below: Arc<dyn Backend>, faults: Arc<Faults>) -> Self {
        Self { below, faults }
    }
}

/// The same answer once more, as the one that is told.
async fn once_more(
    below: Arc<dyn Backend>,
    cx: Context,
    at: Location,
    answer: Box<Message>,
) -> Event {
    let copy = NewMessage {
        model: answer.model.clone(),
        provider: answer.provider.clone(),
        finish_reason: answer.finish_reason.clone(),
        ..NewMessage::of(answer.role.clone(), answer.parts.clone())
    };
    match below.post_message(&cx, &at, copy).await {
        Ok(copy) => Event::MessageCompleted(Box::new(copy)),
        Err(error) => {
            tracing::warn!(%error, "an answer that was to be stored twice is there once");
            Event::MessageCompleted(answer)
        }
    }
}

#[async_trait]
impl Layer for Twice {
    fn below(&self) -> &dyn Backend {
        &*self.below
    }

    async fn respond(
        &self,
        cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream> {
        let events = self.below.respond(cx, at, request).await?;
        if !self.faults.happens(FaultKind::Doubled) {
            return Ok(events);
        }
        let (below, cx, at) = (Arc::clone(&self.below), cx.clone(), at.clone());
        Ok(Box::pin(events.then(move |event| {
            let (below, cx, at) = (Arc::clone(&below), cx.clone(), at.clone());
            async move {
                match event {
                    Event::MessageCompleted(answer) => once_more(below, cx, at, answer).await,
                    other => other,
                }
            }
        })))
    }
}
