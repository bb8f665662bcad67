//! Saying something now: what the business says is sent, what a customer says is stored.

use backend::{Backend, Context, Error, Kind, Location, Outcome, Result, Write};
use conversation::{Direction, Message, MessageId, NewMessage, Time};

use super::Convore;
use crate::error::{Effect, Target};
use crate::mapping::{Sides, import_request, send_request};
use crate::wire::{self, Conversation};

const OPERATION: &str = "post_message";
/// Why a message does not follow another.
const NO_SUCH_MESSAGE: &str = "convore has no message with this id in the conversation";

impl Convore {
    pub(super) async fn post(
        &self,
        cx: &Context,
        at: &Location,
        new: NewMessage,
    ) -> Result<Message> {
        let projection = self.preview(&Write::PostMessage(new));
        projection.check(cx, self.name())?;
        let Write::PostMessage(new) = projection.write else {
            return Err(self.became_another(OPERATION));
        };
        let row = self.read_row(cx, at, OPERATION).await?;
        if new.effective_direction() == Direction::Inbound {
            self.store(cx, at, &row, &new, OPERATION).await
        } else {
            self.send(cx, at, &row, &new).await
        }
    }

    /// Stores one message without sending it: history, or what a customer says now.
    pub(super) async fn store(
        &self,
        cx: &Context,
        at: &Location,
        row: &Conversation,
        new: &NewMessage,
        operation: &'static str,
    ) -> Result<Message> {
        let caller = Self::caller(cx);
        let sides = Sides {
            conversation: row,
            caller: &caller,
        };
        let request = import_request(new, sides, Time::now());
        match self.client().import_message(cx.deadline, &request).await {
            Ok(answer) => self.stored(cx, at, answer, operation).await,
            Err(failure) => {
                self.0.indexes.forget(&at.native);
                let error = self.failed(failure, operation, Target::Collection, Effect::Write);
                Err(self.unless_unanswerable(cx, new, error, operation).await)
            }
        }
    }

    /// Why an import was refused: where it is that the message which it follows is not there, that is said.
    async fn unless_unanswerable(
        &self,
        cx: &Context,
        new: &NewMessage,
        error: Error,
        operation: &'static str,
    ) -> Error {
        let Some(reply) = &new.in_reply_to else {
            return error;
        };
        if error.kind != Kind::InvalidRequest || error.outcome != Outcome::NotApplied {
            return error;
        }
        let found = self.client().get_message(cx.deadline, reply.id.as_str());
        let found = found.await.map_err(|failure| {
            self.failed(failure, operation, Target::Message, Effect::Read)
                .kind
        });
        if found == Err(Kind::NotFound) {
            return self.not_held("/in_reply_to", NO_SUCH_MESSAGE, operation);
        }
        error
    }

    /// Sends to people, as an answer to the newest message: nobody knows whether anything else stays in the thread.
    async fn send(
        &self,
        cx: &Context,
        at: &Location,
        row: &Conversation,
        new: &NewMessage,
    ) -> Result<Message> {
        let answered = match &new.in_reply_to {
            Some(reply) => Some(self.answered(cx, at, &reply.id).await?),
            None => self.newest(cx, at, row).await?,
        };
        let caller = Self::caller(cx);
        let sides = Sides {
            conversation: row,
            caller: &caller,
        };
        let Some(request) = send_request(new, sides, answered.as_ref()) else {
            let detail = "nobody would get this message: name recipients, or add a customer to the conversation";
            return Err(self.not_held("/recipients", detail, OPERATION));
        };
        let answer = self
            .client()
            .send_message(cx.deadline, &request)
            .await
            .map_err(|failure| {
                self.0.indexes.forget(&at.native);
                self.failed(failure, OPERATION, Target::Collection, Effect::Write)
            })?;
        self.stored(cx, at, answer, OPERATION).await
    }

    /// The message that is answered. The vendor finds the recipients by it, so it must be one of this conversation:
    /// else those of another one would get what is said here.
    async fn answered(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<wire::Message> {
        let found = self.shown_message(cx, at, id, OPERATION).await;
        found.map_err(|error| {
            if error.kind != Kind::NotFound {
                return error;
            }
            self.not_held("/in_reply_to", NO_SUCH_MESSAGE, OPERATION)
        })
    }

    /// The newest message, where there is any.
    async fn newest(
        &self,
        cx: &Context,
        at: &Location,
        row: &Conversation,
    ) -> Result<Option<wire::Message>> {
        if row.message_count.value() == Some(&0) {
            return Ok(None);
        }
        let index = self.index_at(cx, at, row, true, OPERATION).await?;
        Ok(index.last().map(|placed| placed.message.clone()))
    }
}
