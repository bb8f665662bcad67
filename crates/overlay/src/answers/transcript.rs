//! What an AI is told of messages that its backend does not have.

use conversation::{Message, text_of};

/// The line above a transcript.
const HEADING: &str = "The conversation so far:";
/// How many characters count as one token.
pub(super) const CHARS_PER_TOKEN: u64 = 4;

/// A transcript, and which messages are in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Transcript {
    /// The words; empty where nothing is in it.
    pub(super) text: String,
    /// How many of the newest messages are in it.
    pub(super) messages: usize,
}

/// A transcript of `newest_first` with at most `max_chars` characters: as many of the newest messages as have room,
/// oldest first, each whole. Messages without words take none.
pub(super) fn transcript<'m>(
    newest_first: impl IntoIterator<Item = &'m Message>,
    max_chars: u64,
) -> Transcript {
    let mut room = max_chars.saturating_sub(chars(HEADING));
    let mut lines = Vec::new();
    let mut messages = 0;
    for message in newest_first {
        let words = text_of(&message.parts);
        if !words.is_empty() {
            let line = format!("{}: {words}", message.role);
            // And the end of the line before it.
            let Some(left) = room.checked_sub(chars(&line) + 1) else {
                break;
            };
            room = left;
            lines.push(line);
        }
        messages += 1;
    }
    if lines.is_empty() {
        return Transcript {
            text: String::new(),
            messages,
        };
    }
    lines.push(HEADING.to_owned());
    lines.reverse();
    Transcript {
        text: lines.join("\n"),
        messages,
    }
}

fn chars(text: &str) -> u64 {
    text.chars().count() as u64
}

#[cfg(test)]
mod tests {
    use conversation::{ConversationId, NewMessage, Role, Time};
    use proptest::prelude::*;

    use super::*;

    fn message(role: Role, text: &str) -> Message {
        NewMessage::text(role, text).into_message(
            conversation::MessageId::derive(&[text]),
            ConversationId::from_bits(1),
            Time::now(),
        )
    }

    #[test]
    fn the_newest_messages_stand_oldest_first_under_a_heading() {
        let messages = [
            message(Role::Assistant, "three"),
            message(Role::User, "two"),
            message(Role::User, ""),
            message(Role::System, "one"),
        ];
        let all = transcript(&messages, 1_000);
        assert_eq!(
            all.text,
            "The conversation so far:\nsystem: one\nuser: two\nassistant: three"
        );
        assert_eq!(all.messages, 4);
        let some = transcript(&messages, chars(HEADING) + 28);
        assert_eq!(
            some.text,
            "The conversation so far:\nuser: two\nassistant: three"
        );
        assert_eq!(some.messages, 3);
        for none in [0, chars(HEADING), chars(HEADING) + 16] {
            assert_eq!(transcript(&messages, none), Transcript::default(), "{none}");
        }
    }

    proptest! {
        #[test]
        fn a_transcript_keeps_its_budget_and_loses_no_newer_message(
            texts in prop::collection::vec("[a-zü\\n]{0,40}", 0..12),
            max in 0_u64..400,
        ) {
            let messages: Vec<Message> =
                texts.iter().map(|text| message(Role::User, text)).collect();
            let made = transcript(&messages, max);
            prop_assert!(chars(&made.text) <= max.max(chars(HEADING)));
            prop_assert!(made.text.is_empty() || chars(&made.text) <= max);
            prop_assert!(made.messages <= messages.len());
            let told = messages.iter().take(made.messages);
            for message in told.filter(|message| !text_of(&message.parts).is_empty()) {
                let line = format!("user: {}", text_of(&message.parts));
                prop_assert!(made.text.contains(&line));
            }
            // What was left out would not have had room.
            let more = transcript(&messages, max + 1_000);
            prop_assert!(more.messages >= made.messages);
        }
    }
}
