//! What travels to the AI with a question: messages that wait for it, and what its backend has not heard.

use backend::ports::{Holder, KeptMessage};
use conversation::{Message, MessageId, MessageStatus, Role};

/// Who waits for an answer, and what the backend has not heard.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Messages of the user after the last answer that the backend has not heard, oldest first.
    pub(super) travelling: Vec<KeptMessage>,
    /// All messages of the user after the last answer, oldest first: what is sent again where nothing travels.
    pub(super) unanswered: Vec<KeptMessage>,
    /// Instructions that the backend has not heard, oldest first.
    pub(super) system: Vec<KeptMessage>,
    /// What else the backend has not heard, newest first.
    pub(super) unheard: Vec<KeptMessage>,
}

/// Sorts the messages that are shown, newest first, by what becomes of them with the next question to the conversation
/// `native`: in a new home nothing was heard yet.
pub(super) fn sort_out(newest_first: Vec<KeptMessage>, native: &str) -> Waiting {
    let mut waiting = Waiting::default();
    let mut is_answered = false;
    for row in newest_first {
        is_answered |= is_answer(&row.message);
        let is_heard = is_heard(&row.holder, &row.homes, native);
        match row.message.role {
            Role::User if !is_answered => {
                if !is_heard {
                    waiting.travelling.push(row.clone());
                }
                waiting.unanswered.push(row);
            }
            _ if is_heard => {}
            Role::System => waiting.system.push(row),
            _ => waiting.unheard.push(row),
        }
    }
    waiting.travelling.reverse();
    waiting.unanswered.reverse();
    waiting.system.reverse();
    waiting
}

/// True where the backend has a message, or one that carries its words, in the conversation `native`.
pub(super) fn is_heard(holder: &Holder, homes: &[Box<str>], native: &str) -> bool {
    let is_here = matches!(holder, Holder::Backend(holder) if **holder == *native);
    is_here || homes.iter().any(|home| **home == *native)
}

/// One that failed or broke off answers nothing: the user may ask again.
pub(super) fn is_answer(message: &Message) -> bool {
    message.role == Role::Assistant
        && !matches!(
            message.status,
            MessageStatus::Failed | MessageStatus::Incomplete
        )
}

/// The words of several messages as one text: apart by an empty line; what has no words leaves nothing.
pub(super) fn joined(texts: impl IntoIterator<Item = String>) -> String {
    let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    texts.join("\n\n")
}

/// What is sent again stands for as many messages of the backend as carry it, and one more: so a sending that is bound
/// is told from one that is not.
pub(super) fn carried_again<'r>(rows: impl IntoIterator<Item = &'r KeptMessage>) -> Vec<MessageId> {
    rows.into_iter()
        .flat_map(|row| std::iter::repeat_n(row.message.id.clone(), row.natives.len() + 1))
        .collect()
}

#[cfg(test)]
mod tests {
    use backend::ports::Place;
    use conversation::{ConversationId, NewMessage, Time};
    use proptest::prelude::*;

    use super::*;

    fn row(arrival: u64, role: Role, holder: Holder, natives: usize) -> KeptMessage {
        let time = Time::from_micros(i64::try_from(arrival).unwrap()).unwrap();
        let id = format!("m{arrival}");
        let text = format!("words {arrival}");
        KeptMessage {
            place: Place { time, arrival },
            holder,
            message: NewMessage::text(role, text).into_message(
                id.parse().unwrap(),
                ConversationId::from_bits(1),
                time,
            ),
            is_hidden: false,
            is_gone: false,
            natives: (0..natives)
                .map(|nth| format!("n{arrival}-{nth}").parse().unwrap())
                .collect(),
            homes: if natives > 0 {
                vec!["here".into()]
            } else {
                Vec::new()
            },
        }
    }

    fn ids(rows: &[KeptMessage]) -> Vec<u64> {
        rows.iter().map(|row| row.place.arrival).collect()
    }

    fn sorted(mut rows: Vec<KeptMessage>, native: &str) -> Waiting {
        rows.reverse();
        sort_out(rows, native)
    }

    #[test]
    fn what_waits_travels_and_what_was_answered_is_history() {
        let here = || Holder::Backend("here".into());
        let rows = vec![
            row(1, Role::System, Holder::Gateway, 0),
            row(2, Role::User, Holder::Gateway, 0),
            row(3, Role::Assistant, Holder::Gateway, 0),
            row(4, Role::User, Holder::Gateway, 1),
            row(5, Role::Assistant, here(), 0),
            row(6, Role::User, here(), 0),
            row(7, Role::User, Holder::Gateway, 0),
            row(8, Role::System, Holder::Gateway, 0),
            row(9, Role::User, Holder::Gateway, 0),
        ];
        let waiting = sorted(rows.clone(), "here");
        assert_eq!(ids(&waiting.travelling), [7, 9]);
        assert_eq!(ids(&waiting.unanswered), [6, 7, 9]);
        assert_eq!(ids(&waiting.system), [1, 8]);
        assert_eq!(ids(&waiting.unheard), [3, 2]);

        let waiting = sorted(rows, "a new home");
        assert_eq!(ids(&waiting.travelling), [6, 7, 9]);
        assert_eq!(ids(&waiting.unheard), [5, 4, 3, 2]);
    }

    #[test]
    fn an_answer_that_failed_answers_nothing() {
        let mut failed = row(2, Role::Assistant, Holder::Backend("here".into()), 0);
        failed.message.status = MessageStatus::Failed;
        let rows = vec![row(1, Role::User, Holder::Gateway, 1), failed];
        let waiting = sorted(rows, "here");
        assert_eq!(ids(&waiting.travelling), Vec::<u64>::new());
        assert_eq!(ids(&waiting.unanswered), [1]);
        assert_eq!(carried_again(&waiting.unanswered).len(), 2);
    }

    proptest! {
        #[test]
        fn every_message_is_heard_or_has_one_way(
            drawn in prop::collection::vec((0_usize..4, 0_usize..3, 0_usize..2), 0..20),
            native in prop::sample::select(vec!["here", "before", "a new home"]),
        ) {
            let roles = [Role::User, Role::Assistant, Role::System, Role::Tool];
            let rows: Vec<KeptMessage> = drawn
                .iter()
                .zip(1..)
                .map(|(&(role, holder, natives), arrival)| {
                    let holder = match holder {
                        0 => Holder::Gateway,
                        1 => Holder::Backend("here".into()),
                        _ => Holder::Backend("before".into()),
                    };
                    row(arrival, roles[role].clone(), holder, natives)
                })
                .collect();
            let waiting = sorted(rows.clone(), native);
            let mut met: Vec<u64> = ids(&waiting.travelling);
            met.extend(ids(&waiting.system));
            met.extend(ids(&waiting.unheard));
            met.sort_unstable();
            let wanted: Vec<u64> = rows
                .iter()
                .filter(|row| !is_heard(&row.holder, &row.homes, native))
                .map(|row| row.place.arrival)
                .collect();
            prop_assert_eq!(met, wanted);
            prop_assert!(ids(&waiting.travelling).is_sorted());
            prop_assert!(ids(&waiting.unheard).iter().rev().is_sorted());
        }
    }
}
