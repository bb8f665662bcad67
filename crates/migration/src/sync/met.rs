//! Which messages of the source a walk has met: one by one while they are few, by sums where they are many. So memory does
//! not grow with the conversation.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use conversation::MessageId;

/// The most messages that are remembered one by one, and so many sums there are beyond: two to this power.
const BITS: u32 = if cfg!(test) { 8 } else { 16 };
const MOST: usize = 1 << BITS;

/// The messages that a walk has met.
#[derive(Debug)]
pub(super) struct Met {
    hasher: RandomState,
    seen: Seen,
    copied: u64,
}

/// Messages by their hashes.
#[derive(Debug)]
enum Seen {
    /// Each, and whether it is at the target.
    Each(HashMap<u64, bool>),
    /// Those that are at the target, summed up.
    Sums(Sums),
}

/// Sums of hashes, each of the messages that its number falls to.
#[derive(Debug, Clone)]
pub(super) struct Sums {
    hasher: RandomState,
    sums: Vec<u64>,
}

impl Met {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            seen: Seen::Each(HashMap::new()),
            copied: 0,
        }
    }

    /// Meets a message; false where that is surely not the first time.
    pub(super) fn meet(&mut self, id: &MessageId) -> bool {
        let Seen::Each(each) = &mut self.seen else {
            return true;
        };
        let hash = self.hasher.hash_one(id);
        if each.contains_key(&hash) {
            return false;
        }
        if each.len() < MOST {
            each.insert(hash, false);
            return true;
        }
        let mut sums = Sums::new(self.hasher.clone());
        for (hash, _) in each.iter().filter(|(_, is_copied)| **is_copied) {
            sums.add(*hash);
        }
        self.seen = Seen::Sums(sums);
        true
    }

    /// A message that was met is at the target.
    pub(super) fn is_copied(&mut self, id: &MessageId) {
        self.copied += 1;
        let hash = self.hasher.hash_one(id);
        match &mut self.seen {
            Seen::Each(each) => drop(each.insert(hash, true)),
            Seen::Sums(sums) => sums.add(hash),
        }
    }

    /// So many messages that were met are at the target.
    pub(super) fn copied(&self) -> u64 {
        self.copied
    }

    /// Whether a message was met; nothing where they are too many to tell.
    pub(super) fn has(&self, id: &MessageId) -> Option<bool> {
        match &self.seen {
            Seen::Each(each) => Some(each.contains_key(&self.hasher.hash_one(id))),
            Seen::Sums(_) => None,
        }
    }

    /// The sums of those at the target, where they are too many to tell one by one.
    pub(super) fn sums(&self) -> Option<Sums> {
        match &self.seen {
            Seen::Each(_) => None,
            Seen::Sums(sums) => Some(sums.clone()),
        }
    }
}

impl Sums {
    fn new(hasher: RandomState) -> Self {
        Self {
            hasher,
            sums: vec![0; MOST],
        }
    }

    fn add(&mut self, hash: u64) {
        if let Some(sum) = self.sum(hash) {
            *sum = sum.wrapping_add(hash);
        }
    }

    /// Takes a message out. Once all that are known to be at the target are out, a sum that is left over tells that among
    /// its messages some were not met.
    pub(super) fn take(&mut self, id: &MessageId) {
        let hash = self.hasher.hash_one(id);
        if let Some(sum) = self.sum(hash) {
            *sum = sum.wrapping_sub(hash);
        }
    }

    /// True where nothing is left over.
    pub(super) fn is_even(&self) -> bool {
        self.sums.iter().all(|sum| *sum == 0)
    }

    /// True where something is left over of the messages among which this one is.
    pub(super) fn is_left_over(&mut self, id: &MessageId) -> bool {
        let hash = self.hasher.hash_one(id);
        self.sum(hash).is_some_and(|sum| *sum != 0)
    }

    fn sum(&mut self, hash: u64) -> Option<&mut u64> {
        let place = usize::try_from(hash >> (u64::BITS - BITS)).ok()?;
        self.sums.get_mut(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> MessageId {
        format!("m{number}").parse().unwrap()
    }

    #[test]
    fn few_are_told_one_by_one_and_each_counts_once() {
        let mut met = Met::new();
        assert!(met.meet(&id(1)) && !met.meet(&id(1)));
        met.is_copied(&id(1));
        assert_eq!(
            (met.has(&id(1)), met.has(&id(2))),
            (Some(true), Some(false))
        );
        assert_eq!(met.copied(), 1);
        assert!(met.sums().is_none());
    }

    #[test]
    fn of_many_the_few_that_were_not_met_are_among_a_few() {
        let (all, gone) = (MOST * 3, [7, MOST + 3, MOST * 2 + 1]);
        let mut met = Met::new();
        for number in (0..all).filter(|number| !gone.contains(number)) {
            met.meet(&id(number));
            met.is_copied(&id(number));
        }
        assert_eq!(met.has(&id(1)), None);
        let mut sums = met.sums().unwrap();
        (0..all).for_each(|number| sums.take(&id(number)));
        assert!(!sums.is_even());
        let asked: Vec<usize> = (0..all)
            .filter(|number| sums.is_left_over(&id(*number)))
            .collect();
        assert!(gone.iter().all(|gone| asked.contains(gone)));
        assert!(asked.len() < 60, "{}", asked.len());

        let mut sums = met.sums().unwrap();
        let there = (0..all).filter(|number| !gone.contains(number));
        there.for_each(|number| sums.take(&id(number)));
        assert!(sums.is_even());
    }
}
