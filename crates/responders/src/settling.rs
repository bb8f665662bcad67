//! What became of an answer whose caller heard no end: of its input first, then of the answer itself.

use backend::{
    Applied, Backend, Context, Intent, Location, Order, PageRequest, Position, RespondRequest,
    Result, SettleSupport, Settled, Write,
};
use conversation::{Message, MessageStatus, Role};
use uuid::Uuid;

use crate::answering::{draft, layered};

/// The context in which the input of an answer is stored: the answer carries the intent itself, so the input needs one
/// of its own, the same in every run.
pub(crate) fn of_input(cx: &Context, answer: Uuid) -> Context {
    Context {
        intent: Uuid::from_u128(answer.as_u128() ^ 1),
        ..cx.clone()
    }
}

/// What became of an answer of `responder`.
///
/// The input is settled first, so that the backend below finishes what a crash interrupted, then the answer. Without
/// its input an answer was never begun.
pub(crate) async fn settle(
    inner: &dyn Backend,
    responder: &str,
    cx: &Context,
    intent: &Intent,
    request: &RespondRequest,
) -> Result<Settled> {
    let Some(at) = &intent.location else {
        return Ok(Settled::Unknown);
    };
    let mut input = None;
    if let Some(new) = &request.input {
        let input_cx = of_input(cx, intent.id);
        let posted = Intent {
            id: input_cx.intent,
            write: Write::PostMessage(new.clone()),
            ..intent.clone()
        };
        match inner.settle(&input_cx, &posted).await? {
            Settled::Applied(Applied::Message(message)) => input = Some(message),
            Settled::NotApplied => return Ok(Settled::NotApplied),
            Settled::Applied(_) | Settled::Unknown => return Ok(Settled::Unknown),
        }
    }
    let conversation = inner.get_conversation(cx, at).await?;
    let assistant = layered(
        conversation.assistant.unwrap_or_default(),
        request.assistant.clone().unwrap_or_default(),
    );
    let mut answer = draft(responder, &assistant, request.metadata.clone());
    if inner.capabilities().settle != SettleSupport::Certain {
        // Its words are the only trace of it: those of the first answer behind the input, because no other could be
        // asked for until this one had ended.
        let Some(input) = input else {
            return Ok(Settled::Unknown);
        };
        let Some(found) = first_answer_after(inner, cx, at, &input).await? else {
            return Ok(Settled::Unknown);
        };
        answer.parts = found.parts;
        answer.status = Some(MessageStatus::Sent);
        answer.finish_reason = Some("stop".into());
    }
    let answer = Intent {
        write: Write::PostMessage(answer),
        ..intent.clone()
    };
    inner.settle(cx, &answer).await
}

/// How many messages behind an input are looked at: others may have written meanwhile.
const LOOKED_AT: usize = 50;

async fn first_answer_after(
    inner: &dyn Backend,
    cx: &Context,
    at: &Location,
    input: &Message,
) -> Result<Option<Message>> {
    let page = PageRequest {
        limit: LOOKED_AT,
        order: Order::Asc,
        position: Some(Position::AfterMessage(input.id.clone())),
    };
    let after = inner.list_messages(cx, at, &page).await?.items;
    Ok(after
        .into_iter()
        .find(|message| message.role == Role::Assistant))
}
