//! What becomes of fields at the target, counted over all conversations.

use std::collections::BTreeMap;

use backend::{Fate, FieldFate};
use conversation::ConversationId;

use crate::status::PlannedFate;

/// So many different fates are told one by one; the rest is counted as fields of any name.
const FATES_MAX: usize = 500;
/// Members whose own members anybody may name.
const FREE: [&str; 3] = ["metadata", "extensions", "source"];

/// Fates by what they are of, their pointer and themselves.
#[derive(Debug, Default)]
pub(super) struct Fates(BTreeMap<(&'static str, Box<str>, u8), PlannedFate>);

impl Fates {
    /// Adds the fates of one write.
    pub(super) fn add(&mut self, of: &'static str, fates: Vec<FieldFate>, example: ConversationId) {
        for fate in fates {
            if fate.fate == Fate::Exact {
                continue;
            }
            self.put(PlannedFate {
                of: of.into(),
                pointer: normal(&fate.pointer),
                fate: fate.fate,
                count: 1,
                detail: fate.detail.into(),
                example,
            });
        }
    }

    /// Adds those of another conversation.
    pub(super) fn merge(&mut self, other: Self) {
        other.0.into_values().for_each(|fate| self.put(fate));
    }

    fn put(&mut self, mut fate: PlannedFate) {
        let of = if &*fate.of == "message" {
            "message"
        } else {
            "conversation"
        };
        let what = fate.fate as u8;
        let key = |pointer: &str| (of, Box::from(pointer), what);
        if let Some(known) = self.0.get_mut(&key(&fate.pointer)) {
            known.count += fate.count;
            return;
        }
        if self.0.len() >= FATES_MAX {
            fate.pointer = "/*".into();
        }
        self.0
            .entry(key(&fate.pointer))
            .and_modify(|known| known.count += fate.count)
            .or_insert(fate);
    }

    /// All of them, in the order of their pointers.
    pub(super) fn into_planned(self) -> Vec<PlannedFate> {
        self.0.into_values().collect()
    }
}

/// A pointer in which members of free maps, and places in lists, are `*`.
fn normal(pointer: &str) -> Box<str> {
    let mut names = Vec::new();
    for name in pointer.split('/').skip(1) {
        let is_free = names
            .first()
            .is_some_and(|first: &&str| FREE.contains(first));
        let is_place = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        if is_free {
            names.push("*");
            break;
        }
        names.push(if is_place { "*" } else { name });
    }
    names.iter().map(|name| format!("/{name}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_those_of_the_model_and_name_no_members_of_callers() {
        let cases = [
            ("", ""),
            ("/title", "/title"),
            ("/metadata", "/metadata"),
            ("/metadata/a~1b", "/metadata/*"),
            ("/extensions/vendor/field", "/extensions/*"),
            ("/source/device/name", "/source/*"),
            ("/parts/12/actions/0/text", "/parts/*/actions/*/text"),
            ("/labels/3", "/labels/*"),
        ];
        for (pointer, expected) in cases {
            assert_eq!(&*normal(pointer), expected);
        }
    }

    #[test]
    fn equal_fates_are_counted_and_too_many_are_pooled() {
        let of = ConversationId::from_bits;
        let mut fates = Fates::default();
        for number in 0..3 {
            let rejected = FieldFate::rejected("/parts/7", "no such thing");
            fates.add("message", vec![rejected], of(number));
        }
        fates.add(
            "conversation",
            vec![FieldFate::overlay("/parts/7", "kept")],
            of(9),
        );
        let mut other = Fates::default();
        other.add(
            "message",
            vec![FieldFate::rejected("/parts/1", "no such thing")],
            of(4),
        );
        fates.merge(other);
        let planned = fates.into_planned();
        assert_eq!(planned.len(), 2);
        let message = planned.iter().find(|fate| &*fate.of == "message").unwrap();
        assert_eq!((message.count, message.example), (4, of(0)));

        let mut many = Fates::default();
        for number in 0..2_000 {
            let fate = FieldFate::overlay(format!("/field{number}"), "kept");
            many.add("message", vec![fate], of(1));
        }
        let planned = many.into_planned();
        assert_eq!(planned.len(), FATES_MAX + 1);
        assert_eq!(planned.iter().map(|fate| fate.count).sum::<u64>(), 2_000);
    }
}
