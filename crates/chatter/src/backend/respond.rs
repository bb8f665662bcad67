//! Having Chatter's AI answer: streamed on V2, in one piece elsewhere and with templates.

use backend::{
    Context, Error, Event, EventStream, Kind, Location, Outcome, RespondRequest, Result, Write,
};
use conversation::{Message, MessageStatus, Part, text_of};
use futures_util::stream;

use super::telling::Telling;
use super::{Chatter, Reach};
use crate::config::Generation;
use crate::error::{Effect, model_failed};
use crate::mapping::chat_request;
use crate::wire::{ChatRequest, ConversationStatus, MessageRole};

impl Chatter {
    pub(super) async fn answer(
        &self,
        cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream> {
        let reach = self.reach(cx, at, "respond").await?;
        if reach.generation == Generation::V0 {
            // Every chat call of this generation fails (measured on commit 2e6f1dad).
            return Err(self.unsupported(reach.operation));
        }
        let Some(text) = request.input.as_ref().map(|input| text_of(&input.parts)) else {
            return Err(self.nothing_new(&reach).await);
        };
        let projection = backend::Backend::preview(self, &Write::Respond(request));
        projection.check(cx, self.name())?;
        let Write::Respond(request) = projection.write else {
            return Err(Error::new(Kind::Internal, "an answer became another write"));
        };
        // The vendor chats into a deleted conversation as if nothing had happened.
        if !self.0.alive.is_alive(reach.native()) {
            self.read_row(&reach).await?;
        }
        let body = chat_request(&request, &text, reach.native());
        match (&request.template, reach.generation) {
            (None, Generation::V2) => self.stream_answer(&reach, &body).await,
            (template, _) => self.whole_answer(&reach, template.as_deref(), &body).await,
        }
    }

    /// Without input there is nothing that the vendor could answer: it takes messages only together with its answer.
    async fn nothing_new(&self, reach: &Reach<'_>) -> Error {
        let index = match self.index(reach).await {
            Ok(index) => index,
            Err(error) => return error,
        };
        let unanswered = index
            .messages
            .last()
            .is_some_and(|shown| shown.message.role == MessageRole::User);
        let error = if unanswered {
            Error::new(
                Kind::Unsupported,
                "chatter answers new messages only: send the message again as `input`",
            )
        } else {
            Error::new(
                Kind::NothingToAnswer,
                "there is no unanswered message: send one as `input`",
            )
        };
        error.at(self.name(), reach.operation)
    }

    /// V2: the answer as it comes. Returned once the server has announced the answer, so that what fails before is
    /// an error and no event.
    async fn stream_answer(&self, reach: &Reach<'_>, body: &ChatRequest) -> Result<EventStream> {
        let events = self
            .client()
            .chat_streaming(&reach.caller, body)
            .await
            .map_err(|failure| {
                self.failed(failure, reach.operation, Effect::Chat(reach.generation))
            })?;
        let mut telling = Telling::new(self.clone(), reach, events);
        telling.begin().await?;
        Ok(Box::pin(stream::unfold(telling, async |mut telling| {
            let event = telling.next().await?;
            Some((event, telling))
        })))
    }

    /// V1, and templates everywhere: one call that takes as long as the model, told as one delta.
    async fn whole_answer(
        &self,
        reach: &Reach<'_>,
        template: Option<&str>,
        body: &ChatRequest,
    ) -> Result<EventStream> {
        let answer = match template {
            Some(name) => {
                self.client()
                    .chat_with_template(&reach.caller, name, body)
                    .await
            }
            None => self.client().chat(&reach.caller, body).await,
        };
        let answer = answer.map_err(|failure| {
            self.failed(failure, reach.operation, Effect::Chat(reach.generation))
        })?;
        if answer.conversation.status == ConversationStatus::Deleted {
            // Deleted past us since it was last seen alive; the answer is stored where nobody will look.
            self.0.alive.gone(reach.native());
            return Err(Error::conversation_not_found()
                .outcome(Outcome::Applied)
                .at(self.name(), reach.operation));
        }
        self.0.alive.seen(reach.native());
        let message = self
            .canonical_message(&answer.message, reach)
            .map_err(|error| error.outcome(Outcome::Applied))?;
        Ok(Box::pin(stream::iter(told_at_once(message, self.name()))))
    }
}

/// The events of an answer that came in one piece.
fn told_at_once(message: Message, backend: &str) -> Vec<Event> {
    let started = Event::MessageStarted {
        id: Some(message.id.clone()),
        input: None,
    };
    if message.status == MessageStatus::Failed {
        let error = model_failed().at(backend, "respond");
        return vec![
            started,
            Event::MessageFailed {
                message: Some(Box::new(message)),
                error,
            },
        ];
    }
    let text = text_of(&message.parts);
    vec![
        started,
        Event::PartStarted {
            index: 0,
            kind: "text",
        },
        Event::PartDelta {
            index: 0,
            text: text.clone(),
        },
        Event::PartCompleted {
            index: 0,
            part: Part::text(text),
        },
        Event::MessageCompleted(Box::new(message)),
    ]
}
