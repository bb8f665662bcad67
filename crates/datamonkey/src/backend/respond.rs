//! Having Datamonkey's AI answer: one call that takes as long as the model, told as one delta.

use adapterkit::Failure;
use backend::{
    Context, Error, Event, EventStream, Kind, Location, Outcome, RespondRequest, Result, Write,
};
use conversation::{Message, Part, Time, text_of};
use futures_util::stream;

use super::Datamonkey;
use super::identity::Reach;
use crate::error::{Call, handler_failed};
use crate::mapping::{Placed, placed, send_request};
use crate::wire::{ChatMessage, MessageRole};

impl Datamonkey {
    pub(super) async fn answer(
        &self,
        cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream> {
        let reach = self.reach(cx, at, "respond").await?;
        if request.input.is_none() {
            return Err(self.nothing_new(&reach).await);
        }
        let projection = backend::Backend::preview(self, &Write::Respond(request));
        projection.check(cx, self.name())?;
        let Write::Respond(RespondRequest {
            input: Some(input), ..
        }) = projection.write
        else {
            return Err(Error::new(Kind::Internal, "an answer became another write"));
        };
        let body = send_request(&input);
        let started_at = Time::now();
        let answer = self
            .client()
            .send_message(&reach.caller, reach.native(), &body)
            .await;
        let answer = match answer {
            Ok(answer) => answer.message,
            Err(failure) => {
                return Err(self
                    .not_answered(&reach, &body.message, started_at, failure)
                    .await);
            }
        };
        let (input, answer) = self.stored_pair(&reach, &body.message, answer).await?;
        Ok(Box::pin(stream::iter(told_at_once(input, answer))))
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
            .is_some_and(|placed| placed.message.role == MessageRole::User);
        let error = if unanswered {
            Error::new(
                Kind::Unsupported,
                "datamonkey answers new messages only: send the message again as `input`",
            )
        } else {
            Error::new(
                Kind::NothingToAnswer,
                "there is no unanswered message: send one as `input`",
            )
        };
        error.at(self.name(), reach.operation)
    }

    /// The error of a call that brought no answer. Where the vendor's handler is over, one look tells what it has
    /// stored: nothing where the model failed, and where storing failed half way the question without an answer.
    async fn not_answered(
        &self,
        reach: &Reach<'_>,
        text: &str,
        started_at: Time,
        failure: Failure,
    ) -> Error {
        let is_over = handler_failed(&failure);
        let error = self.failed_at(failure, reach, Call::Send);
        if !is_over {
            return error;
        }
        let patient = self.patient_reach(reach);
        let index = match self.index(&patient).await {
            Ok(index) => index,
            // Deleted while it was answered (measured on commit 8fa7f84).
            Err(missing) if missing.kind == Kind::NotFound => return missing,
            Err(_) => return error.outcome(Outcome::Unknown),
        };
        let first = started_at.saturating_add_micros(-self.skew_micros());
        let is_equal = |placed: &Placed| {
            placed.message.role == MessageRole::User && placed.message.content == text
        };
        let is_ours = |placed: &Placed| is_equal(placed) && placed.is_since(first);
        let messages = &index.messages;
        let outcome = if messages.last().is_some_and(is_ours) {
            Outcome::Applied
        } else if !index.is_complete
            || messages.iter().any(is_ours)
            || messages.last().is_some_and(is_equal)
        {
            // An equal question of a moment ago, ours between parallel ones, ours by a clock that is far off, or one
            // that cannot be read.
            Outcome::Unknown
        } else {
            Outcome::NotApplied
        };
        error.outcome(outcome)
    }

    fn patient_reach<'r>(&self, reach: &Reach<'r>) -> Reach<'r> {
        Reach {
            caller: self.patient(&reach.caller),
            at: reach.at,
            operation: reach.operation,
        }
    }

    /// Question and answer as lists show them. They are read again, because the answer of the call tells neither the
    /// question's time nor whether an equal message stands before the answer in its millisecond.
    async fn stored_pair(
        &self,
        reach: &Reach<'_>,
        text: &str,
        answer: ChatMessage,
    ) -> Result<(Option<Message>, Message)> {
        let patient = self.patient_reach(reach);
        let index = match self.index(&patient).await {
            Ok(index) => index.messages,
            // Under load the vendor answers in a conversation that was deleted meanwhile (measured on commit 8fa7f84).
            Err(error) if error.kind == Kind::NotFound => {
                return Err(error.outcome(Outcome::Applied));
            }
            Err(error) => {
                tracing::warn!(
                    backend.name = self.name(),
                    conversation.native = reach.native(),
                    error.kind = error.kind.as_str(),
                    "an answer of datamonkey could not be read again; its id is derived as if it were alone"
                );
                Vec::new()
            }
        };
        let is_answer = |placed: &Placed| {
            let message = &placed.message;
            message.timestamp == answer.timestamp
                && message.role == answer.role
                && message.content == answer.content
        };
        let found = index.iter().rposition(is_answer);
        let message = match found {
            Some(position) => self.canonical_message(&index[position], reach),
            None => self.alone(reach, answer),
        };
        let input = found
            .and_then(|position| {
                index[..position].iter().rfind(|placed| {
                    placed.message.role == MessageRole::User && placed.message.content == text
                })
            })
            .and_then(|placed| self.canonical_message(placed, reach).ok());
        if found.is_some() && input.is_none() {
            tracing::warn!(
                backend.name = self.name(),
                conversation.native = reach.native(),
                operation = reach.operation,
                "datamonkey does not hold the question as it was sent"
            );
        }
        let message = message.map_err(|error| error.outcome(Outcome::Applied))?;
        Ok((input, message))
    }

    /// The message as if no equal one stood before it in its millisecond.
    fn alone(&self, reach: &Reach<'_>, message: ChatMessage) -> Result<Message> {
        let (index, _) = placed(vec![message]);
        let Some(placed) = index.first() else {
            return Err(self.unmappable(adapterkit::Unmappable("timestamp"), reach.operation));
        };
        self.canonical_message(placed, reach)
    }
}

/// The events of an answer that came in one piece.
fn told_at_once(input: Option<Message>, answer: Message) -> Vec<Event> {
    let text = text_of(&answer.parts);
    let mut events = vec![
        Event::MessageStarted {
            id: Some(answer.id.clone()),
            input: input.map(Box::new),
        },
        Event::PartStarted {
            index: 0,
            kind: "text",
        },
    ];
    if !text.is_empty() {
        events.push(Event::PartDelta {
            index: 0,
            text: text.clone(),
        });
    }
    events.push(Event::PartCompleted {
        index: 0,
        part: Part::text(text),
    });
    events.push(Event::MessageCompleted(Box::new(answer)));
    events
}
