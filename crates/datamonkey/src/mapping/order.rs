//! Places and ids of messages, which the vendor gives neither.

use std::collections::BTreeMap;

use conversation::{MessageId, Time};

use super::time;
use crate::wire::ChatMessage;

/// A message, its place and what tells it from others.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// The message.
    pub message: ChatMessage,
    /// Its time in milliseconds, and its position among messages of that time. Only grows.
    pub place: (i64, u32),
    /// How many messages of the same time, role and content come before it.
    copy: u32,
}

impl Placed {
    /// The id that we derive: the same on every read. Not from the position, because a message that is stored later
    /// can have an earlier time (measured on commit 8fa7f84, with parallel sends).
    #[must_use]
    pub fn id(&self, backend: &str, native: &str) -> MessageId {
        MessageId::derive(&[
            backend,
            native,
            &self.place.0.to_string(),
            self.message.role.as_str(),
            &self.message.content,
            &self.copy.to_string(),
        ])
    }

    /// Whether it can have been said at `time` or later: its own time is that of a whole millisecond.
    #[must_use]
    pub fn is_since(&self, time: Time) -> bool {
        self.place.0 >= time.as_millis()
    }
}

/// The messages in the order in which they were said, and the positions of those whose time cannot be read.
///
/// The vendor sends them by time, equal times in the order in which they were stored; that order among equal times is
/// kept.
#[must_use]
pub fn placed(sent: Vec<ChatMessage>) -> (Vec<Placed>, Vec<usize>) {
    let mut messages = Vec::with_capacity(sent.len());
    let mut unreadable = Vec::new();
    for (position, message) in sent.into_iter().enumerate() {
        match said_at(&message) {
            Some(time) => messages.push((time, message)),
            None => unreadable.push(position),
        }
    }
    if !messages.is_sorted_by_key(|(time, _)| *time) {
        messages.sort_by_key(|(time, _)| *time);
    }
    let mut numbers = Vec::with_capacity(messages.len());
    for run in messages.chunk_by(|one, other| one.0 == other.0) {
        let mut copies: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for (index, (_, message)) in (0_u32..).zip(run) {
            let copies = copies
                .entry((message.role.as_str(), &message.content))
                .or_default();
            numbers.push((index, *copies));
            *copies += 1;
        }
    }
    let placed = messages
        .into_iter()
        .zip(numbers)
        .map(|((time, message), (index, copy))| Placed {
            message,
            place: (time, index),
            copy,
        })
        .collect();
    (placed, unreadable)
}

/// When it was said, in milliseconds, where that is a time that we can hold.
fn said_at(message: &ChatMessage) -> Option<i64> {
    let millis = message.timestamp.into_value().unwrap_or_default();
    time(millis, "timestamp").is_ok().then_some(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(messages: &[(&str, &str, i64)]) -> Vec<ChatMessage> {
        let message = |(role, content, timestamp): &(&str, &str, i64)| {
            let text =
                serde_json::json!({"role": role, "content": content, "timestamp": timestamp});
            serde_json::from_str(&text.to_string()).unwrap()
        };
        messages.iter().map(message).collect()
    }

    fn ids(messages: &[(&str, &str, i64)]) -> Vec<MessageId> {
        let (placed, unreadable) = placed(sent(messages));
        assert_eq!(unreadable, [0_usize; 0]);
        placed
            .iter()
            .map(|message| message.id("backend", "conv-1"))
            .collect()
    }

    #[test]
    fn ids_stay_the_same_when_a_message_of_an_earlier_time_is_stored_later() {
        let before = ids(&[("user", "b", 5), ("assistant", "B", 6)]);
        let after = ids(&[
            ("user", "a", 4),
            ("user", "b", 5),
            ("assistant", "A", 6),
            ("assistant", "B", 6),
        ]);
        assert_eq!(before, [after[1].clone(), after[3].clone()]);
    }

    #[test]
    fn equal_messages_of_one_millisecond_have_ids_of_their_own() {
        let one = ids(&[("user", "a", 5), ("user", "a", 5)]);
        let more = ids(&[("user", "a", 5), ("assistant", "a", 5), ("user", "a", 5)]);
        assert_ne!(one[0], one[1]);
        assert_eq!(one, [more[0].clone(), more[2].clone()]);
        assert_ne!(more[0], more[1]);
    }

    #[test]
    fn a_time_that_cannot_be_held_leaves_the_others_alone() {
        let all = sent(&[("user", "a", 5), ("user", "x", i64::MAX), ("user", "b", 5)]);
        let (placed, unreadable) = placed(all);
        assert_eq!((placed.len(), unreadable), (2, vec![1]));
        assert_eq!([placed[0].place, placed[1].place], [(5, 0), (5, 1)]);
    }
}
