//! Messages that a copy is writing at this moment: they are there, and nobody can say yet by which id callers know them.

use std::collections::HashSet;

use backend::Order;
use backend::ports::Arriving;
use conversation::{Direction, Message, MessageId, NewMessage, Time, text_of};

/// So much earlier than a message was sent it may have been stored, in microseconds, by a clock that is behind ours or
/// counts whole seconds. Not more: whatever was there before is somebody's, and to hide a caller's own message is worse
/// than to show a copied one by its native id for a moment.
const EARLIEST_MICROS: i64 = 2_000_000;
/// So long after it was sent it may have been stored: it may have been sent more than once, by a clock that is ahead of
/// ours.
const LATEST_MICROS: i64 = 300_000_000;

/// Which messages can be one that is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Those said when it was said.
    ByTime,
    /// Those that were stored when it was sent, too: its own time may not be known there yet, or never.
    ByArrival,
}

/// The messages of a list, of those without a name, that are on their way: at most one for each that is, and of those that
/// look alike the first that was stored since it was sent, else the last before.
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
    let mut take = |fits: &dyn Fn(&Message) -> Option<Distance>| {
        let fitting = newest_first
            .iter()
            .enumerate()
            .filter_map(|(place, message)| Some((fits(message)?, place)));
        let Some((_, place)) = fitting.min() else {
            return false;
        };
        hidden.insert(newest_first.remove(place).id.clone())
    };
    // What is certain first, so that nothing else is taken for it.
    let mut left: Vec<&Arriving> = Vec::new();
    for one in arriving {
        let fits = |message: &Message| {
            let is_it = is_alike(message, &one.message) && was_said_with(message, one);
            is_it.then_some(Distance::Since(0))
        };
        if !take(&fits) {
            left.push(one);
        }
    }
    if known == Known::ByArrival {
        for one in left {
            take(&|message| distance(message, one).filter(|_| is_alike(message, &one.message)));
        }
    }
    hidden
}

/// What arrived when it was asked for first, and still did when it was asked for again.
pub(super) fn in_both(first: Vec<Arriving>, mut again: Vec<Arriving>) -> Vec<Arriving> {
    let still = first.into_iter().filter(|one| {
        let place = again.iter().position(|other| other == one);
        place.map(|place| again.swap_remove(place)).is_some()
    });
    still.collect()
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

/// How far from when it was sent a message was stored, in microseconds. Nearer ones come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Distance {
    Since(u64),
    Before(u64),
}

/// Of a message that can be the one that was sent. When it was said tells nothing: callers choose that.
fn distance(message: &Message, arriving: &Arriving) -> Option<Distance> {
    let (stored, sent) = (message.created_at, arriving.since);
    let first = sent.saturating_add_micros(-EARLIEST_MICROS);
    let last = sent.saturating_add_micros(LATEST_MICROS);
    if !(first..=last).contains(&stored) {
        return None;
    }
    let distance = stored.as_micros().abs_diff(sent.as_micros());
    Some(match stored < sent {
        true => Distance::Before(distance),
        false => Distance::Since(distance),
    })
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
    fn each_hides_one_and_the_first_that_came_since_it_was_sent() {
        let list = [
            message("a", Role::User, "hello", 5, NOW - 1),
            message("b", Role::User, "hello \n", 5, NOW),
            message("c", Role::User, "hello", NOW, NOW + 2),
            message("d", Role::User, "hello", NOW, NOW + 20),
        ];
        let one = arriving(Role::User, "hello", 5_000);
        let four = [one.clone(), one.clone(), one.clone(), one.clone()];
        assert_eq!(hidden(&list, &four[..1], Known::ByArrival), ["b"]);
        assert_eq!(hidden(&list, &four[..2], Known::ByArrival), ["b", "c"]);
        assert_eq!(hidden(&list, &four[..3], Known::ByArrival), ["b", "c", "d"]);
        assert_eq!(hidden(&list, &four, Known::ByArrival).len(), 4);
        // Where times are kept nobody needs to guess.
        assert_eq!(hidden(&list, &four, Known::ByTime), [""; 0]);
        assert_eq!(hidden(&list, &[], Known::ByArrival), [""; 0]);
    }

    #[test]
    fn what_was_there_before_or_came_long_after_is_not_it() {
        let one = [arriving(Role::User, "hello", 5_000)];
        for (created_at, is_hidden) in [
            (NOW - 299, false),
            (NOW - 3, false),
            (NOW - 2, true),
            (NOW + 300, true),
            (NOW + 301, false),
        ] {
            // When it was said tells nothing of when it came.
            for sent_at in [1, NOW, created_at] {
                let list = [message("a", Role::User, "hello", sent_at, created_at)];
                assert_eq!(
                    !hidden(&list, &one, Known::ByArrival).is_empty(),
                    is_hidden,
                    "{created_at}, said {sent_at}"
                );
            }
        }
    }

    #[test]
    fn what_is_in_both_answers_is_counted() {
        let one = arriving(Role::User, "hello", 5_000);
        let other = arriving(Role::User, "hello", 6_000);
        let first = vec![one.clone(), one.clone(), other.clone()];
        let again = vec![other.clone(), one.clone()];
        assert_eq!(in_both(first.clone(), again), [one, other]);
        assert_eq!(in_both(first, Vec::new()), []);
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
