//! What is to be answered: the input or the unanswered messages, and the conversation before them.

use backend::{Backend, Context, Error, History, Kind, Location, Order, PageRequest, Result};
use conversation::{
    ConversationId, Message, MessageId, MessageStatus, NewMessage, Part, Role, Time, text_of,
};

/// The most messages that a responder is shown, the newest ones.
const HISTORY_MAX_MESSAGES: usize = 200;
/// How many characters count as a token.
const CHARACTERS_PER_TOKEN: u64 = 4;

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

/// The conversation with its input at the end, unless an earlier run of the same request stored it before the history was
/// read.
pub(crate) fn followed_by(mut earlier: Vec<Message>, input: Option<&Message>) -> Vec<Message> {
    if let Some(input) = input
        && !earlier.iter().any(|message| message.id == input.id)
    {
        earlier.push(input.clone());
    }
    earlier
}

/// Refuses an input without words where nothing else that a user said is told with it.
pub(crate) fn require_words(
    earlier: &[Message],
    input: &NewMessage,
    conversation: &ConversationId,
    context: Option<History>,
) -> Result<()> {
    if has_words(&input.role, &input.parts) {
        return Ok(());
    }
    let last = input
        .clone()
        .into_message(MessageId::generate(), *conversation, Time::now());
    let all = earlier.iter().cloned().chain([last]).collect();
    let is_asked = |message: &Message| {
        message.status != MessageStatus::Deleted && has_words(&message.role, &message.parts)
    };
    if told(all, context).iter().any(is_asked) {
        return Ok(());
    }
    Err(Error::new(
        Kind::NothingToAnswer,
        "there is nothing to answer: no message of a user has words",
    ))
}

fn has_words(role: &Role, parts: &[Part]) -> bool {
    *role == Role::User && !text_of(parts).is_empty()
}

/// What the responder is told of the newest messages: with a `context` what is unanswered, and before it as much as fits.
pub(crate) fn told(messages: Vec<Message>, context: Option<History>) -> Vec<Message> {
    let Some(context) = context else {
        return messages;
    };
    let first_unanswered = messages
        .iter()
        .rposition(is_answer)
        .map_or(0, |answer| answer + 1);
    let unanswered =
        |place: usize, message: &Message| place >= first_unanswered && message.role == Role::User;
    let first_told = match context {
        History::None => first_unanswered,
        History::Transcript { max_tokens } => {
            let mut left = max_tokens.saturating_mul(CHARACTERS_PER_TOKEN);
            let before = messages.iter().take(first_unanswered).rev();
            let fitting = before.take_while(|message| {
                let text = text_of(&message.parts);
                let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
                let fits = length <= left;
                left = left.saturating_sub(length);
                fits
            });
            first_unanswered - fitting.count()
        }
    };
    let messages = messages.into_iter().enumerate();
    messages
        .filter(|(place, message)| {
            *place >= first_told && (context != History::None || unanswered(*place, message))
        })
        .map(|(_, message)| message)
        .collect()
}

/// An answer that failed or broke off is none: the user may ask for it again.
fn is_answer(message: &Message) -> bool {
    message.role == Role::Assistant
        && !matches!(
            message.status,
            MessageStatus::Failed | MessageStatus::Incomplete
        )
}

/// Refuses where no message of a user stands after the last answer.
pub(crate) fn require_unanswered(messages: &[Message]) -> Result<()> {
    let mut after_answer = messages
        .iter()
        .rev()
        .take_while(|message| !is_answer(message));
    if after_answer.any(|message| message.role == Role::User) {
        return Ok(());
    }
    Err(Error::new(
        Kind::NothingToAnswer,
        "there is nothing to answer: send `input`, or post a message of the user first",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation() -> Vec<Message> {
        let said = [
            (Role::User, "one two three"),
            (Role::Assistant, "a"),
            (Role::User, "four"),
            (Role::Assistant, "bbbb"),
            (Role::System, "rule"),
            (Role::User, "five"),
        ];
        let at = conversation::ConversationId::generate();
        said.map(|(role, text)| {
            let new = conversation::NewMessage::text(role, text);
            let id = conversation::MessageId::generate();
            new.into_message(id, at, conversation::Time::now())
        })
        .into()
    }

    fn told_texts(context: Option<History>) -> Vec<String> {
        let told = told(conversation(), context);
        told.iter().map(|message| text_of(&message.parts)).collect()
    }

    #[test]
    fn an_input_ends_the_conversation_once() {
        let said = conversation();
        let (input, earlier) = said.split_last().unwrap();
        assert_eq!(followed_by(earlier.to_vec(), Some(input)), said);
        assert_eq!(followed_by(said.clone(), Some(input)), said);
        assert_eq!(followed_by(said.clone(), None), said);
    }

    #[test]
    fn an_input_without_words_needs_words_that_are_told_with_it() {
        let mut said = conversation();
        let at = said[0].conversation_id;
        let silent = NewMessage::text(Role::User, "");
        let needs = |said: &[Message], context| require_words(said, &silent, &at, context).is_err();
        assert!(!needs(&said, None));
        assert!(!needs(&said, Some(History::None)), "`five` is unanswered");
        said.pop();
        assert!(!needs(&said, None));
        assert!(needs(&said, Some(History::None)));
        assert!(needs(&[], None));
    }

    #[test]
    fn a_context_decides_what_is_told_before_the_unanswered_messages() {
        let all = ["one two three", "a", "four", "bbbb", "rule", "five"];
        assert_eq!(told_texts(None), all);
        assert_eq!(told_texts(Some(History::None)), ["five"]);
        let within = |max_tokens| told_texts(Some(History::Transcript { max_tokens }));
        assert_eq!(within(0), all[4..], "what is unanswered is always told");
        assert_eq!(within(1), all[3..]);
        assert_eq!(within(2), all[2..]);
        assert_eq!(
            within(3),
            all[1..],
            "nine characters of twelve, and 13 more do not fit"
        );
        assert_eq!(within(6), all);
    }
}
