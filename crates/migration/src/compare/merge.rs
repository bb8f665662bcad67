//! Two lists of messages, met in step: which is on both sides, which on one only, which at another place. Holds a bounded
//! number of those that the other side has not shown yet.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use conversation::{Digest, Message, MessageId};

/// So many messages of one side may wait for the other side to show them. Whoever waits longest is given up: the
/// message is then known as one of one side only, unless somebody asks the other side for it.
const WAITING_MAX: usize = 10_000;

/// Which side a message was met on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Source,
    Target,
}

/// What is to be read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Both sides show the same message.
    Pair,
    /// The next one of this side.
    One(End),
    /// Both lists have ended.
    Done,
}

/// A message that was met on one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Met {
    pub(super) id: MessageId,
    pub(super) digest: Digest,
}

/// What became of a message that was read alone.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The other side has shown it before.
    Other {
        met: Met,
        /// False where it stands at another place among those that are on both sides.
        in_order: bool,
    },
    /// It waits.
    Waits,
    /// It waits, and this one of the same side was given up for it.
    GaveUp(Met),
}

/// Messages of one side that the other has not shown yet, in their order.
#[derive(Debug, Default)]
struct Waiting {
    places: HashMap<MessageId, u64>,
    met: BTreeMap<u64, Met>,
    /// How many messages this side has shown.
    count: u64,
}

impl Waiting {
    fn take(&mut self, id: &MessageId) -> Option<(u64, Met)> {
        let place = self.places.remove(id)?;
        self.met.remove(&place).map(|met| (place, met))
    }

    fn put(&mut self, place: u64, met: Met) -> Option<Met> {
        // A side that shows one id twice: the first of them is on one side only.
        let before = self.places.insert(met.id.clone(), place);
        self.met.insert(place, met);
        if let Some(before) = before {
            return self.met.remove(&before);
        }
        if self.met.len() <= WAITING_MAX {
            return None;
        }
        let (_, oldest) = self.met.pop_first()?;
        self.places.remove(&oldest.id);
        Some(oldest)
    }
}

/// Meets two lists in step.
#[derive(Debug, Default)]
pub(super) struct Merge {
    source: Waiting,
    target: Waiting,
    /// The places of the last pair that was in order.
    last: Option<(u64, u64)>,
}

impl Merge {
    /// What is to be read, given what both sides show next.
    pub(super) fn next(&self, source: Option<&Message>, target: Option<&Message>) -> Step {
        let (one, other) = match (source, target) {
            (None, None) => return Step::Done,
            (Some(_), None) => return Step::One(End::Source),
            (None, Some(_)) => return Step::One(End::Target),
            (Some(one), Some(other)) => (one, other),
        };
        if one.id == other.id {
            return Step::Pair;
        }
        if self.target.places.contains_key(&one.id) {
            return Step::One(End::Source);
        }
        if self.source.places.contains_key(&other.id) {
            return Step::One(End::Target);
        }
        // The one that was said first is the one that the other side lacks, most likely. Where times mislead, or tell
        // nothing, neither side runs away.
        let is_first = match one.sent_at.cmp(&other.sent_at) {
            Ordering::Less => true,
            Ordering::Equal => self.source.count <= self.target.count,
            Ordering::Greater => false,
        };
        let (source, target) = (self.source.met.len(), self.target.met.len());
        let end = match (source >= WAITING_MAX, target >= WAITING_MAX) {
            (true, false) => End::Target,
            (false, true) => End::Source,
            _ if is_first => End::Source,
            _ => End::Target,
        };
        Step::One(end)
    }

    /// A pair was read. True where it is in order.
    pub(super) fn pair(&mut self) -> bool {
        let places = (self.source.count, self.target.count);
        self.source.count += 1;
        self.target.count += 1;
        self.is_in_order(places)
    }

    /// A message of one side was read.
    pub(super) fn one(&mut self, end: End, met: Met) -> Outcome {
        let (own, other) = match end {
            End::Source => (&mut self.source, &mut self.target),
            End::Target => (&mut self.target, &mut self.source),
        };
        let place = own.count;
        own.count += 1;
        if let Some((elsewhere, before)) = other.take(&met.id) {
            let places = match end {
                End::Source => (place, elsewhere),
                End::Target => (elsewhere, place),
            };
            let in_order = self.is_in_order(places);
            return Outcome::Other {
                met: before,
                in_order,
            };
        }
        own.put(place, met).map_or(Outcome::Waits, Outcome::GaveUp)
    }

    /// Those of one side that the other did not show, in their order.
    pub(super) fn left(&mut self, end: End) -> impl Iterator<Item = Met> + use<> {
        let waiting = match end {
            End::Source => &mut self.source,
            End::Target => &mut self.target,
        };
        waiting.places.clear();
        std::mem::take(&mut waiting.met).into_values()
    }

    /// How many messages a side has shown.
    pub(super) fn count(&self, end: End) -> u64 {
        match end {
            End::Source => self.source.count,
            End::Target => self.target.count,
        }
    }

    fn is_in_order(&mut self, places: (u64, u64)) -> bool {
        let in_order = self
            .last
            .is_none_or(|last| places.0 > last.0 && places.1 > last.1);
        if in_order {
            self.last = Some(places);
        }
        in_order
    }
}

/// A message as it is met.
pub(super) fn met(message: &Message, digest: Digest) -> Met {
    Met {
        id: message.id.clone(),
        digest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use conversation::{ConversationId, NewMessage, Role, Time};

    #[derive(Debug, Default, PartialEq, Eq)]
    struct Found {
        missing: Vec<String>,
        extra: Vec<String>,
        moved: Vec<String>,
        waited: usize,
    }

    fn message(id: &str, at: i64) -> Message {
        let mut new = NewMessage::text(Role::User, id);
        new.sent_at = Time::from_micros(at).ok();
        new.into_message(
            id.parse().unwrap(),
            ConversationId::from_bits(1),
            Time::from_micros(0).unwrap(),
        )
    }

    /// Both lists, each message with its time, merged.
    fn merged(source: &[(&str, i64)], target: &[(&str, i64)]) -> Found {
        let read = |list: &[(&str, i64)]| -> std::collections::VecDeque<Message> {
            list.iter().map(|(id, at)| message(id, *at)).collect()
        };
        let (mut source, mut target) = (read(source), read(target));
        let mut merge = Merge::default();
        let mut found = Found::default();
        loop {
            let end = match merge.next(source.front(), target.front()) {
                Step::Done => break,
                Step::Pair => {
                    let (one, _) = (source.pop_front().unwrap(), target.pop_front());
                    if !merge.pair() {
                        found.moved.push(one.id.to_string());
                    }
                    continue;
                }
                Step::One(end) => end,
            };
            let one = match end {
                End::Source => source.pop_front(),
                End::Target => target.pop_front(),
            }
            .unwrap();
            match merge.one(end, met(&one, Digest::of(b""))) {
                Outcome::Other { met, in_order } => {
                    if !in_order {
                        found.moved.push(met.id.to_string());
                    }
                }
                Outcome::Waits => {}
                Outcome::GaveUp(met) => match end {
                    End::Source => found.missing.push(met.id.to_string()),
                    End::Target => found.extra.push(met.id.to_string()),
                },
            }
            found.waited = found
                .waited
                .max(merge.source.met.len().max(merge.target.met.len()));
        }
        let ids = |met: Met| met.id.to_string();
        found.missing.extend(merge.left(End::Source).map(ids));
        found.extra.extend(merge.left(End::Target).map(ids));
        found
    }

    fn found(missing: &[&str], extra: &[&str], moved: &[&str]) -> Found {
        let owned = |list: &[&str]| list.iter().map(|&one| one.to_owned()).collect();
        Found {
            missing: owned(missing),
            extra: owned(extra),
            moved: owned(moved),
            waited: 0,
        }
    }

    fn at_one_time<'a>(ids: &[&'a str]) -> Vec<(&'a str, i64)> {
        ids.iter().map(|id| (*id, 7)).collect()
    }

    fn one_after_the_other<'a>(ids: &[&'a str]) -> Vec<(&'a str, i64)> {
        ids.iter()
            .map(|id| (*id, id.bytes().map(i64::from).sum()))
            .collect()
    }

    #[test]
    fn what_one_side_lacks_is_named_and_nothing_else() {
        let cases: [(&[&str], &[&str], Found); 8] = [
            (&[], &[], found(&[], &[], &[])),
            (&["a", "b", "c"], &["a", "b", "c"], found(&[], &[], &[])),
            (&["a", "b", "c"], &["b", "c"], found(&["a"], &[], &[])),
            (&["a", "b", "c"], &["a", "c"], found(&["b"], &[], &[])),
            (&["a", "b", "c"], &["a", "b"], found(&["c"], &[], &[])),
            (
                &["b", "d"],
                &["a", "b", "c", "d"],
                found(&[], &["a", "c"], &[]),
            ),
            (&["a", "b"], &[], found(&["a", "b"], &[], &[])),
            (
                &["a", "c", "d"],
                &["a", "b", "d"],
                found(&["c"], &["b"], &[]),
            ),
        ];
        for (source, target, expected) in cases {
            for timed in [at_one_time, one_after_the_other] {
                let mut got = merged(&timed(source), &timed(target));
                got.waited = 0;
                assert_eq!(got, expected, "{source:?} {target:?}");
            }
        }
    }

    #[test]
    fn one_that_stands_elsewhere_is_the_one_that_is_named() {
        let last_first = merged(
            &at_one_time(&["a", "b", "c", "x"]),
            &at_one_time(&["x", "a", "b", "c"]),
        );
        assert_eq!(last_first.moved, ["x"]);
        let first_last = merged(
            &at_one_time(&["x", "a", "b", "c"]),
            &at_one_time(&["a", "b", "c", "x"]),
        );
        assert_eq!(first_last.moved, ["x"]);
        assert!(first_last.missing.is_empty() && first_last.extra.is_empty());
        let swapped = merged(&at_one_time(&["a", "b"]), &at_one_time(&["b", "a"]));
        assert_eq!(swapped.moved.len(), 1);
    }

    #[test]
    fn a_side_that_lacks_its_beginning_keeps_little_waiting_and_order_holds() {
        let ids: Vec<String> = (0..40_000).map(|n| format!("m{n:05}")).collect();
        let all: Vec<(&str, i64)> = ids.iter().map(String::as_str).zip(0..).collect();
        let got = merged(&all, &all[30_000..]);
        assert_eq!(got.missing.len(), 30_000);
        assert!(got.extra.is_empty() && got.moved.is_empty());
        assert!(got.waited <= WAITING_MAX);
    }

    #[test]
    fn times_that_mislead_lose_nothing() {
        let ids: Vec<String> = (0..30_000).map(|n| format!("m{n:05}")).collect();
        let source: Vec<(&str, i64)> = ids.iter().map(String::as_str).zip(0..).collect();
        // All of them are later at the target than the last of the source.
        let target: Vec<(&str, i64)> = ids.iter().map(String::as_str).zip(90_000..).collect();
        for (one, other) in [(&source, &target), (&target, &source)] {
            let mut got = merged(&one[1..], other);
            assert!(got.waited <= WAITING_MAX);
            got.waited = 0;
            assert_eq!(got, found(&[], &["m00000"], &[]));
        }
    }

    #[test]
    fn one_id_twice_on_a_side_is_once_too_many() {
        let got = merged(&at_one_time(&["a", "b"]), &at_one_time(&["a", "a", "b"]));
        assert_eq!((got.missing.len(), got.extra), (0, vec!["a".to_owned()]));
    }
}
