//! Answers: what travels to the AI with a question, and how its answer is bound.

mod asking;
mod binding;
mod telling;
mod transcript;
mod travelling;

use std::collections::HashSet;

use backend::ports::{Kept, Sending};
use backend::{
    Context, Error, EventStream, FieldFate, Kind, Location, Outcome, Projection, RespondRequest,
    Result, Write,
};
use conversation::{JsonMap, MessageId, Violation};

use crate::Overlay;
use crate::fields::pointers;
use crate::index::{not_applied, under};
use telling::told;

/// The id of an input that is kept here.
pub(crate) fn input_id(intent: uuid::Uuid) -> MessageId {
    MessageId::derive(&["input", &intent.to_string()])
}

/// What is still to be done when an answer has come.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// What was sent, and what was known before; nothing where the backend holds the question just as it was put.
    pub(crate) sent: Option<(Box<Sending>, HashSet<MessageId>)>,
    /// The metadata that the answer is to have.
    pub(crate) metadata: JsonMap,
    /// The fates that were foretold.
    pub(crate) fates: Vec<FieldFate>,
}

impl Overlay {
    /// Has the backend's AI answer: the input, and what waits for an answer. What the backend holds of that is bound to
    /// what is shown of it, so that nothing shows twice.
    pub(crate) async fn answer(
        &self,
        cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream> {
        if !self.below().capabilities().respond.works() {
            return self.below().respond(&under(cx), at, request).await;
        }
        let foretold = self.foretell(&Write::Respond(request.clone()));
        foretold.check(cx, self.name())?;
        note_foretold(cx, at, &foretold.fates);
        let kept = self.refreshed(cx, at).await.map_err(not_applied)?;
        if kept.has_ended {
            return self
                .answer_elsewhere(cx, at, &kept, request, foretold.fates)
                .await;
        }
        if kept.index.is_none() && self.holds_question(&request) {
            return self.pass(cx, at, &kept, request, foretold.fates).await;
        }
        let asked = self
            .ask(cx, at, request.clone(), foretold.fates.clone())
            .await;
        match asked {
            Err(error) if self.has_ended(&kept, &error) => {
                let kept = self.note_ended(cx, at).await.map_err(not_applied)?;
                self.answer_elsewhere(cx, at, &kept, request, foretold.fates)
                    .await
            }
            asked => asked,
        }
    }

    /// Asks in a new native conversation, where the one until now cannot be reached any more.
    async fn answer_elsewhere(
        &self,
        cx: &Context,
        at: &Location,
        kept: &Kept,
        request: RespondRequest,
        fates: Vec<FieldFate>,
    ) -> Result<EventStream> {
        let home = self.move_in(cx, at, kept).await?;
        self.ask(cx, &home, request, fates).await
    }

    /// True where the backend stores the question just as it is put.
    pub(crate) fn holds_question(&self, request: &RespondRequest) -> bool {
        let projection = self.below().preview(&Write::Respond(request.clone()));
        request.input.is_some()
            && projection.is_held
            && projection
                .fates
                .iter()
                .all(|fate| pointers::field(&fate.pointer) != "input")
    }

    /// Passes a question through that the backend holds just so.
    async fn pass(
        &self,
        cx: &Context,
        at: &Location,
        kept: &Kept,
        request: RespondRequest,
        fates: Vec<FieldFate>,
    ) -> Result<EventStream> {
        let metadata = request.metadata.clone();
        let request = RespondRequest {
            assistant: self.set_up(kept, &request)?,
            context: None,
            ..request
        };
        let sent = self.of_respond(request)?;
        let events = self.below().respond(&under(cx), at, sent).await?;
        let asked = Asked {
            sent: None,
            metadata,
            fates,
        };
        Ok(told(self.clone(), cx.clone(), at.clone(), events, asked))
    }

    /// What the backend takes of a request.
    pub(crate) fn of_respond(&self, request: RespondRequest) -> Result<RespondRequest> {
        let Projection {
            write,
            mut fates,
            is_held,
        } = self.below().preview(&Write::Respond(request));
        let Write::Respond(request) = write else {
            return Err(Error::new(Kind::Internal, "an answer became another write")
                .outcome(Outcome::NotApplied));
        };
        // Without its words there is no question.
        let has_words = request
            .input
            .as_ref()
            .is_some_and(|input| !input.parts.is_empty());
        if !is_held || !has_words {
            fates.retain(|fate| pointers::field(&fate.pointer) == "input");
            if fates.is_empty() {
                fates.push(FieldFate::rejected(
                    "/input/parts",
                    "the backend's ai takes no question like this",
                ));
            }
            let message = format!("backend `{}` cannot answer what was sent", self.name());
            let violations = fates.into_iter().map(|fate| Violation {
                pointer: fate.pointer,
                code: "not-held",
                detail: fate.detail,
                exceeds: fate.exceeds,
            });
            return Err(Error::new(Kind::NotHeld, message)
                .violations(violations.collect())
                .at(self.name(), "respond"));
        }
        Ok(request)
    }
}

/// Notes what became of a request: of the input with its own pointers, of the rest with those of the answer.
fn note_foretold(cx: &Context, at: &Location, fates: &[FieldFate]) {
    for fate in fates {
        let mut fate = fate.clone();
        let of = match fate.pointer.strip_prefix("/input") {
            Some(rest) => {
                fate.pointer = rest.to_owned();
                input_id(cx.intent).to_string()
            }
            None => at.id.to_string(),
        };
        cx.trace.note_fates(&of, vec![fate]);
    }
}
