//! Messages that a copy is writing at this moment: they are there, and nobody can say yet by which id callers know them.

use std::collections::HashSet;

use backend::Order;
use backend::ports::Arriving;
use conversation::{Direction, Message, MessageId, NewMessage, Time, text_of};

/// How far a backend's clock may be from ours, in microseconds: five minutes.
const CLOCK_SKEW_MICROS: i64 = 300_000_000;

/// Which messages can be one that is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Those said when it was said.
    ByTime,
    /// Those that came when it was sent, too: its own time may not be known there yet, or never.
    ByArrival,
}

/// The messages of a list, of those without a name, that are on their way: at most one for each that is, the newest.
pub(super) fn found(
    messages: &[Message],
    order: Order,
    unnamed: &HashSet<MessageId>,
    arriving: &[Arriving],
    known: Known,
) -> HashSet<MessageId> {
    let mut newest_first: Vec<&Message> = messages
        .iter()
        .filter(|message| unnamed.contains(&message.id))
        .collect();
    if order == Order::Asc {
        newest_first.reverse();
    }
    let mut hidden = HashSet::new();
    let mut left: Vec<&Arriving> = Vec::new();
    let mut take = |fits: &dyn Fn(&Message) -> bool| {
        let one = newest_first
            .iter()
            .position(|message| fits(message))
            .map(|place| newest_first.remove(place));
        one.is_some_and(|message| hidden.insert(message.id.clone()))
    };
    // What is certain first, so that nothing else is taken for it.
    for one in arriving {
        if !take(&|message| is_alike(message, &one.message) && was_said_with(message, one)) {
            left.push(one);
        }
    }
    if known == Known::ByArrival {
        for one in left {
            take(&|message| is_alike(message, &one.message) && came_with(message, one));
        }
    }
    hidden
}

/// The same words from the same side. What else a message has may be laid over it only later.
fn is_alike(message: &Message, new: &NewMessage) -> bool {
    let is_inbound = |direction: &Direction| *direction == Direction::Inbound;
    let same_side = message.role == new.role
        || is_inbound(&message.direction) == is_inbound(&new.effective_direction());
    // Nobody knows how backends rewrite blanks and line breaks.
    let words = |text: &str| -> Vec<String> { text.split_whitespace().map(Into::into).collect() };
    same_side && words(&text_of(&message.parts)) == words(&text_of(&new.parts))
}

fn was_said_with(message: &Message, arriving: &Arriving) -> bool {
    let said = arriving.message.sent_at.map(Time::as_millis);
    said == Some(message.sent_at.as_millis())
}

fn came_with(message: &Message, arriving: &Arriving) -> bool {
    let first = arriving.since.saturating_add_micros(-CLOCK_SKEW_MICROS);
    let last = arriving.since.saturating_add_micros(CLOCK_SKEW_MICROS);
    let window = first..=last;
    window.contains(&message.created_at) || window.contains(&message.sent_at)
}

#[cfg(test)]
mod tests {
    use conversation::{ConversationId, Role};

    use super::*;

    const NOW: i64 = 10_000;

    fn seconds(seconds: i64) -> Time {
        Time::from_micros(seconds * 1_000_000).unwrap()
    }

    /// Said and stored at these times.
    fn message(id: &str, role: Role, text: &str, sent_at: i64, created_at: i64) -> Message {
        let new = NewMessage {
            sent_at: Some(seconds(sent_at)),
            ..NewMessage::text(role, text)
        };
        let conversation = ConversationId::from_bits(1);
        new.into_message(id.parse().unwrap(), conversation, seconds(created_at))
    }

    /// Said at a time, and sent to the backend now.
    fn arriving(role: Role, text: &str, sent_at: i64) -> Arriving {
        Arriving {
            message: NewMessage {
                sent_at: Some(seconds(sent_at)),
                ..NewMessage::text(role, text)
            },
            since: seconds(NOW),
        }
    }

    fn hidden(messages: &[Message], arriving: &[Arriving], known: Known) -> Vec<String> {
        let ids = messages.iter().map(|message| message.id.clone());
        let unnamed: HashSet<MessageId> = ids.filter(|id| !id.as_str().starts_with('n')).collect();
        let mut reversed = messages.to_vec();
        reversed.reverse();
        let found = |messages: &[Message], order| {
            let found = super::found(messages, order, &unnamed, arriving, known);
            let mut found: Vec<String> = found.iter().map(ToString::to_string).collect();
            found.sort();
            found
        };
        let asc = found(messages, Order::Asc);
        assert_eq!(found(&reversed, Order::Desc), asc, "in either order");
        asc
    }

    #[test]
    fn what_was_said_at_the_same_time_is_it_and_nothing_else() {
        let list = [
            message("a", Role::User, "hello", 5_000, 5_000),
            message("b", Role::User, "other words", 5_000, 5_000),
            message("c", Role::Assistant, "hello", 5_000, 5_000),
            message("n", Role::User, "hello", 5_000, 5_000),
            message("d", Role::User, "hello", NOW, NOW),
        ];
        let one = [arriving(Role::User, "hello", 5_000)];
        for known in [Known::ByTime, Known::ByArrival] {
            assert_eq!(hidden(&list, &one, known), ["a"]);
        }
        assert_eq!(hidden(&list[1..4], &one, Known::ByTime), [""; 0]);
    }

    #[test]
    fn each_hides_one_and_the_newest() {
        let list = [
            message("a", Role::User, "hello", NOW - 20, NOW - 20),
            message("b", Role::User, "hello", NOW - 10, NOW - 10),
            message("c", Role::User, "hello \n", NOW, NOW),
        ];
        let one = arriving(Role::User, "hello", 5_000);
        let two = [one.clone(), one.clone()];
        assert_eq!(hidden(&list, &two[..1], Known::ByArrival), ["c"]);
        assert_eq!(hidden(&list, &two, Known::ByArrival), ["b", "c"]);
        // Where times are kept nobody needs to guess.
        assert_eq!(hidden(&list, &two, Known::ByTime), [""; 0]);
        assert_eq!(hidden(&list, &[], Known::ByArrival), [""; 0]);
    }

    #[test]
    fn what_came_long_before_or_long_after_is_not_it() {
        let one = [arriving(Role::User, "hello", 5_000)];
        for (created_at, is_hidden) in [
            (NOW - 301, false),
            (NOW - 299, true),
            (NOW + 299, true),
            (NOW + 301, false),
        ] {
            let list = [message("a", Role::User, "hello", 1, created_at)];
            assert_eq!(
                !hidden(&list, &one, Known::ByArrival).is_empty(),
                is_hidden,
                "{created_at}"
            );
        }
    }

    #[test]
    fn a_role_that_a_backend_has_not_is_told_by_its_side() {
        let told = |role| message("a", role, "hello", NOW, NOW);
        for (sent, shown, is_hidden) in [
            (Role::System, Role::Assistant, true),
            (Role::Tool, Role::System, true),
            (Role::User, Role::Assistant, false),
            (Role::Assistant, Role::User, false),
        ] {
            let one = [arriving(sent.clone(), "hello", 5_000)];
            let found = hidden(&[told(shown)], &one, Known::ByArrival);
            assert_eq!(!found.is_empty(), is_hidden, "{sent:?}");
        }
    }
}
