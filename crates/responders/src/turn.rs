//! What is to be answered: the input or the unanswered messages, and the conversation before them.

use backend::{Backend, Context, Error, Kind, Location, Order, PageRequest, Result};
use conversation::{Message, MessageStatus, Role};

/// The most messages that a responder is shown, the newest ones.
const HISTORY_MAX_MESSAGES: usize = 200;

/// The newest messages of a conversation, oldest first.
pub(crate) async fn history(
    inner: &dyn Backend,
    cx: &Context,
    at: &Location,
) -> Result<Vec<Message>> {
    let newest = PageRequest {
        limit: HISTORY_MAX_MESSAGES,
        order: Order::Desc,
        position: None,
    };
    let mut messages = inner.list_messages(cx, at, &newest).await?.items;
    messages.reverse();
    Ok(messages)
}

/// Refuses where no message of a user stands after the last answer.
pub(crate) fn require_unanswered(messages: &[Message]) -> Result<()> {
    let after_answer = messages.iter().rev().take_while(|message| {
        // An answer that failed or broke off is none: the user may ask for it again.
        message.role != Role::Assistant
            || matches!(
                message.status,
                MessageStatus::Failed | MessageStatus::Incomplete
            )
    });
    if after_answer
        .into_iter()
        .any(|message| message.role == Role::User)
    {
        return Ok(());
    }
    Err(Error::new(
        Kind::NothingToAnswer,
        "there is nothing to answer: send `input`, or post a message of the user first",
    ))
}
