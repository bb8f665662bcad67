//! Which of the backend's messages carry the words of ours.

use std::collections::{HashMap, HashSet};

use backend::ports::{Indexed, Sending};
use conversation::{Message, MessageId, Role, text_of};

/// How long an answer can be under way, in microseconds: so long a message of the user that fits no sending is left for
/// the end of the answer to judge, because it may be the question in other words.
pub(super) const IN_FLIGHT: i64 = 10 * 60 * 1_000_000;
/// How far the clock of a backend may be from ours, in microseconds.
const CLOCK_SKEW: i64 = 5 * 60 * 1_000_000;

/// The words of a message as the backend shows them, each run of white space as one space: vendors trim and wrap.
pub(crate) fn collapsed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// How well a message of the backend fits what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Collapsed,
    Exact,
}

fn fit(message: &Message, text: &str) -> Option<Fit> {
    if message.role != Role::User {
        return None;
    }
    let held = text_of(&message.parts);
    if held == text {
        return Some(Fit::Exact);
    }
    (collapsed(&held) == collapsed(text)).then_some(Fit::Collapsed)
}

/// True where the message reads as these words.
pub(crate) fn carries(message: &Message, text: &str) -> bool {
    fit(message, text).is_some()
}

/// True where every message that travelled in a sending is bound to a message of the backend. One that was bound
/// already when it was sent again stands in `carries` once more for each of those: it is bound anew with one more.
pub(crate) fn is_bound(sending: &Sending, known: &HashMap<&MessageId, &Indexed>) -> bool {
    let mut wanted: HashMap<&MessageId, usize> = HashMap::new();
    for id in &sending.carries {
        *wanted.entry(id).or_default() += 1;
    }
    !wanted.is_empty()
        && wanted
            .into_iter()
            .all(|(id, count)| known.get(id).is_some_and(|row| row.natives.len() >= count))
}

/// Which of `messages`, oldest first, are the question that was answered by `answer`: the last one of the user before it
/// that reads as what was sent, else, whatever it says, the one right before the answer; with the equal ones right before
/// that. Only of those that are new.
pub(crate) fn questions_of(
    messages: &[Message],
    answer: &MessageId,
    text: &str,
    is_new: impl Fn(&MessageId) -> bool,
) -> Vec<MessageId> {
    let Some(end) = messages.iter().position(|message| message.id == *answer) else {
        return Vec::new();
    };
    let Some(before) = messages.get(..end) else {
        return Vec::new();
    };
    let is_ours = |message: &Message| is_new(&message.id) && carries(message, text);
    if let Some(last) = before.iter().rposition(is_ours) {
        let equal = before.iter().take(last + 1).rev();
        let mut found: Vec<MessageId> = equal
            .take_while(|message| is_ours(message))
            .map(|message| message.id.clone())
            .collect();
        found.reverse();
        return found;
    }
    let Some(words) = before.last().map(|last| text_of(&last.parts)) else {
        return Vec::new();
    };
    let is_double = |message: &&Message| is_new(&message.id) && carries(message, &words);
    let doubles = before.iter().rev().take_while(is_double);
    let mut found: Vec<MessageId> = doubles.map(|message| message.id.clone()).collect();
    found.reverse();
    found
}

/// The answer that follows the question of a sending: the first message of the assistant after `question`, where only
/// doubles of the question stand between.
pub(crate) fn answer_to<'m>(
    messages: &'m [Message],
    question: &MessageId,
    text: &str,
) -> Option<&'m Message> {
    let position = messages
        .iter()
        .position(|message| message.id == *question)?;
    messages
        .get(position + 1..)?
        .iter()
        .find(|message| !carries(message, text))
        .filter(|message| message.role == Role::Assistant)
}

/// True where the backend can have stored `message` while `sending` was on its way: what was said long before or after
/// it only reads the same.
pub(crate) fn is_in_time(message: &Message, sending: &Sending) -> bool {
    let first = sending.started_at.saturating_add_micros(-CLOCK_SKEW);
    let last = sending
        .started_at
        .saturating_add_micros(IN_FLIGHT + CLOCK_SKEW);
    (first..=last).contains(&message.sent_at)
}

/// The sending whose question a new message of the backend is: the newest of those that are not bound, because under
/// the lease of the conversation only that can be on its way; an exact fit goes before one but for white space.
pub(crate) fn sending_of<'s>(
    message: &Message,
    open: &[&'s Sending],
    taken: &HashSet<uuid::Uuid>,
) -> Option<&'s Sending> {
    open.iter()
        .rev()
        .filter(|sending| !taken.contains(&sending.intent) && !sending.carries.is_empty())
        .filter(|sending| is_in_time(message, sending))
        .filter_map(|sending| Some((fit(message, &sending.text)?, *sending)))
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, sending)| sending)
}
