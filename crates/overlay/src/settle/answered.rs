//! Settling answers: the question is looked for, then the answer that follows it.

use std::collections::HashSet;
use std::time::Duration;

use backend::ports::{Change, Holder, Indexed, Kept, KeptMessage, KeptPage, Place, Sending};
use backend::{
    Applied, Context, Intent, Location, Order, RespondRequest, Result, SettleWindow, Settled, Write,
};
use conversation::{Message, MessageId, NewMessage, Role, text_of};

use super::{if_there, message_of};
use crate::Overlay;
use crate::answers::{Asked, input_id};
use crate::index::{Look, Why, answer_to, carries, is_in_time, not_applied};

/// How long a backend may still be at a question whose asker has left: the longest that is allowed of a backend.
const STILL_AT_IT: SettleWindow = SettleWindow {
    settle_after: Duration::from_secs(4 * 60),
    clock_skew: Duration::from_secs(5 * 60),
};
/// How many messages after a question are looked at for its answer.
const ANSWER_WITHIN: usize = 50;

impl Overlay {
    pub(super) async fn settle_answer(
        &self,
        cx: &Context,
        at: &Location,
        intent: &Intent,
        request: &RespondRequest,
    ) -> Result<Settled> {
        let sendings = self.state().sendings(&self.beside(at)).await?;
        let sending = sendings
            .into_iter()
            .find(|sending| sending.intent == intent.id);
        match sending {
            Some(sending) => self.settle_sending(cx, at, intent, request, sending).await,
            None => self.settle_unnoted(cx, at, intent, request).await,
        }
    }

    /// What was noted as sent: it is there with its answer, or was never sent, or cannot be told.
    async fn settle_sending(
        &self,
        cx: &Context,
        at: &Location,
        intent: &Intent,
        request: &RespondRequest,
        sending: Sending,
    ) -> Result<Settled> {
        let kept = self.kept(at).await?;
        let look = match self.look(&cx.fresh(), at, &kept, Why::Asked).await {
            Ok(Some(look)) => look,
            Ok(None) => return Ok(Settled::Unknown),
            Err(error) if self.has_ended(&kept, &error) => {
                self.note_ended(cx, at).await?;
                return Ok(Settled::Unknown);
            }
            Err(error) => {
                if_there::<()>(Err(error))?;
                return Ok(Settled::NotApplied);
            }
        };
        let index = self.state().index(&self.beside(at)).await?;
        let known = known_without(&index, &sending);
        let is_bound = self.is_bound(at, &sending).await?;
        let question = question_of(&look, &index, &known, &sending, is_bound);
        let found = question
            .as_ref()
            .and_then(|id| answer_to(&look.messages, id, &sending.text));
        let asked = Asked {
            metadata: request.metadata.clone(),
            fates: self.foretell(&intent.write).fates,
            sent: Some((Box::new(sending.clone()), known)),
        };
        if let Some(answer) = found {
            let answer = self.note_answer(cx, at, &asked, answer).await?;
            return Ok(message_of(answer));
        }
        let sent = Write::Respond(RespondRequest {
            input: Some(NewMessage::text(Role::User, &*sending.text)),
            ..request.clone()
        });
        // An answer that was shown before these words were sent answers others.
        let is_earlier = |answer: &Message| {
            index
                .iter()
                .any(|row| row.id == answer.id && row.place.time <= sending.after)
        };
        match self.settled_below(cx, intent, sent).await? {
            Settled::Applied(Applied::Message(answer)) if !is_earlier(&answer) => {
                let answer = self.note_answer(cx, at, &asked, &answer).await?;
                Ok(message_of(answer))
            }
            // Where an equal question was answered before, the backend cannot tell the two apart.
            Settled::Applied(_)
                if question.is_none() && STILL_AT_IT.nothing_found(intent) == Settled::Unknown =>
            {
                Ok(Settled::Unknown)
            }
            Settled::NotApplied | Settled::Applied(_) if question.is_none() => {
                let forget = vec![Change::Sent(sending.intent)];
                self.apply(cx, at, forget).await?;
                Ok(Settled::NotApplied)
            }
            _ => {
                self.take_in(cx, at, &look, &[], Vec::new()).await?;
                Ok(Settled::Unknown)
            }
        }
    }

    /// Nothing is on its way: all was noted before the answer of the write was lost, or it went through the gateway as
    /// it was, or nothing was sent.
    async fn settle_unnoted(
        &self,
        cx: &Context,
        at: &Location,
        intent: &Intent,
        request: &RespondRequest,
    ) -> Result<Settled> {
        let Some(kept) = if_there(self.refreshed(&cx.fresh(), at).await)? else {
            return Ok(Settled::NotApplied);
        };
        if kept.index.is_some() {
            return self.settle_indexed(cx, at, &kept, intent, request).await;
        }
        let Ok(sent) = self.of_respond(request.clone()) else {
            // It would have been refused.
            return Ok(Settled::NotApplied);
        };
        match self.settled_below(cx, intent, Write::Respond(sent)).await? {
            Settled::Applied(Applied::Message(answer)) => {
                let asked = Asked {
                    sent: None,
                    metadata: request.metadata.clone(),
                    fates: self.foretell(&intent.write).fates,
                };
                let answer = self.note_answer(cx, at, &asked, &answer).await?;
                Ok(message_of(answer))
            }
            settled => Ok(settled),
        }
    }

    /// Nothing is on its way in a conversation that has an index: its answer stands behind the question, or it was never
    /// sent.
    async fn settle_indexed(
        &self,
        cx: &Context,
        at: &Location,
        kept: &Kept,
        intent: &Intent,
        request: &RespondRequest,
    ) -> Result<Settled> {
        let place = self.beside(at);
        let input = self.state().message(&place, &input_id(intent.id)).await?;
        let (first, _) = STILL_AT_IT.bounds(intent);
        let since = |time| Place { time, arrival: 0 };
        let (asked, is_sent) = match (input, &request.input) {
            (Some(row), _) => (Some(row.place), true),
            // Whatever waited was answered behind the time at which it was sent.
            (None, None) => (Some(since(intent.started_at)), false),
            // It may have gone through the gateway as it was, before the conversation got its index.
            (None, Some(input)) if self.holds_question(request) => {
                let text = text_of(&input.parts);
                let rows = self.rows_after(at, since(first)).await?;
                let asked = rows.into_iter().rfind(|row| {
                    row.holder == Holder::Backend(at.native.clone()) && carries(&row.message, &text)
                });
                (asked.map(|row| row.place), true)
            }
            (None, Some(_)) => (None, false),
        };
        let Some(asked) = asked else {
            return Ok(Settled::NotApplied);
        };
        let answer = self
            .rows_after(at, asked)
            .await?
            .into_iter()
            .map(|row| row.message)
            .find(|message| message.role == Role::Assistant);
        match answer {
            Some(answer) => {
                let answer = self.laid(cx, at, kept, answer).await?;
                Ok(message_of(answer))
            }
            None if is_sent => Ok(Settled::Unknown),
            None => Ok(Settled::NotApplied),
        }
    }

    async fn rows_after(&self, at: &Location, place: Place) -> Result<Vec<KeptMessage>> {
        let page = KeptPage {
            order: Order::Asc,
            after: Some(place),
            limit: ANSWER_WITHIN,
        };
        let rows = self.state().messages(&self.beside(at), &page).await;
        rows.map_err(not_applied)
    }
}

/// What was known before a sending, as far as can be told afterwards: all but what carries its words.
fn known_without(index: &[Indexed], sending: &Sending) -> HashSet<MessageId> {
    let is_ours = |row: &&Indexed| sending.carries.contains(&row.id);
    let carriers: HashSet<&MessageId> = index
        .iter()
        .filter(is_ours)
        .flat_map(|row| &row.natives)
        .collect();
    index
        .iter()
        .flat_map(|row| std::iter::once(&row.id).chain(&row.natives))
        .filter(|id| !carriers.contains(id))
        .cloned()
        .collect()
}

/// The backend's message with the words of a sending: the last that is bound to what travelled, else the first new one
/// that reads like it.
fn question_of(
    look: &Look,
    index: &[Indexed],
    known: &HashSet<MessageId>,
    sending: &Sending,
    is_bound: bool,
) -> Option<MessageId> {
    if is_bound {
        let last = sending.carries.last()?;
        let row = index.iter().find(|row| row.id == *last)?;
        let bound = look
            .messages
            .iter()
            .rfind(|message| row.natives.contains(&message.id));
        return bound.map(|message| message.id.clone());
    }
    let bound: HashSet<&MessageId> = index.iter().flat_map(|row| &row.natives).collect();
    look.messages
        .iter()
        .find(|message| {
            !known.contains(&message.id)
                && !bound.contains(&message.id)
                && carries(message, &sending.text)
                && is_in_time(message, sending)
        })
        .map(|message| message.id.clone())
}
