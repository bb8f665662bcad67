//! Which faults a simulator has, and when: each by chance or every so many times, the same again under the same seed.

use std::sync::{Mutex, PoisonError};

use crate::config::BackendKind;

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FaultKind {
    /// 429: too many requests, try again in a second. Nothing was done.
    TooMany,
    /// 423: the conversation is locked. Nothing was done.
    Locked,
    /// 500. Nothing was done.
    Failed,
    /// The answer comes late.
    Slow,
    /// The request was carried out; its answer breaks off in the middle.
    Cut,
    /// The AI's answer is stored twice.
    Doubled,
}

impl FaultKind {
    /// Every kind.
    pub(crate) const ALL: [Self; 6] = [
        Self::TooMany,
        Self::Locked,
        Self::Failed,
        Self::Slow,
        Self::Cut,
        Self::Doubled,
    ];

    /// The word on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::TooMany => "429",
            Self::Locked => "423",
            Self::Failed => "500",
            Self::Slow => "slow",
            Self::Cut => "cut",
            Self::Doubled => "double",
        }
    }

    /// Whether a vendor's API has it.
    pub(crate) fn is_of(self, vendor: BackendKind) -> bool {
        match self {
            Self::Failed | Self::Slow | Self::Cut => true,
            Self::TooMany => vendor != BackendKind::Datamonkey,
            Self::Locked => vendor == BackendKind::Sunshine,
            Self::Doubled => vendor == BackendKind::Chatter,
        }
    }
}

/// How often a fault happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rate {
    /// By chance, 0 to 1.
    Chance(f64),
    /// Each so many-th time, exactly.
    Every(u64),
}

/// A fault and how often it happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) rate: Rate,
}

impl std::str::FromStr for Fault {
    type Err = String;

    /// `500=0.1` (one in ten by chance) or `500=1/10` (each tenth).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, rate) = text
            .split_once('=')
            .ok_or("write a fault and how often, such as 500=0.1 or 500=1/10")?;
        let known = FaultKind::ALL.into_iter().find(|one| one.as_str() == kind);
        let kind = known.ok_or_else(|| {
            let words = FaultKind::ALL.map(FaultKind::as_str).join(", ");
            format!("`{kind}` is no fault; there are {words}")
        })?;
        let rate = match rate.strip_prefix("1/") {
            Some(every) => {
                let every = every.parse().ok().filter(|every| *every >= 1);
                Rate::Every(every.ok_or("behind 1/ stands a whole number from 1 on")?)
            }
            None => {
                let chance: Option<f64> = rate.parse().ok();
                let chance = chance.filter(|chance| (0.0..=1.0).contains(chance));
                Rate::Chance(chance.ok_or("how often is 0 to 1, or 1/N for each N-th")?)
            }
        };
        Ok(Self { kind, rate })
    }
}

/// The faults of one simulator.
#[derive(Debug)]
pub(crate) struct Faults {
    drawn: Mutex<Drawn>,
}

#[derive(Debug)]
struct Drawn {
    faults: Vec<(Fault, u64)>,
    random: u64,
}

impl Faults {
    /// These, drawn in an order that the seed decides.
    pub(crate) fn new(faults: &[Fault], seed: u64) -> Self {
        let faults = faults.iter().map(|fault| (*fault, 0)).collect();
        Self {
            drawn: Mutex::new(Drawn {
                faults,
                random: seed,
            }),
        }
    }

    /// Whether a fault of this kind happens now.
    pub(crate) fn happens(&self, kind: FaultKind) -> bool {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        let Drawn { faults, random } = &mut *drawn;
        let mut happens = false;
        for (fault, times) in faults.iter_mut().filter(|(fault, _)| fault.kind == kind) {
            *times += 1;
            happens |= match fault.rate {
                Rate::Every(every) => times.is_multiple_of(every),
                Rate::Chance(chance) => chance_of(random) < chance,
            };
        }
        happens
    }
}

/// The next number from 0 to below 1 (`SplitMix64`: small, and the same on every machine).
fn chance_of(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    let top = u32::try_from(mixed >> 32).unwrap_or(u32::MAX);
    f64::from(top) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str, seed: u64) -> Vec<bool> {
        let fault: Fault = text.parse().unwrap();
        let faults = Faults::new(&[fault], seed);
        (0..1_000).map(|_| faults.happens(fault.kind)).collect()
    }

    #[test]
    fn a_rate_is_a_chance_or_each_so_many() {
        let each_third = drawn("500=1/3", 7);
        let expected: Vec<bool> = (1..=1_000).map(|time| time % 3 == 0).collect();
        assert_eq!(each_third, expected);
        assert!(drawn("cut=0", 7).iter().all(|happened| !happened));
        assert!(drawn("cut=1", 7).iter().all(|happened| *happened));
        let tenth = drawn("slow=0.1", 7).iter().filter(|one| **one).count();
        assert!((60..140).contains(&tenth), "{tenth}");
    }

    #[test]
    fn the_seed_decides_what_happens() {
        assert_eq!(drawn("429=0.5", 1), drawn("429=0.5", 1));
        assert_ne!(drawn("429=0.5", 1), drawn("429=0.5", 2));
    }

    #[test]
    fn what_is_no_fault_is_said() {
        for text in [
            "500",
            "404=0.1",
            "500=2",
            "500=-1",
            "500=1/0",
            "500=often",
            "=1",
        ] {
            assert!(text.parse::<Fault>().is_err(), "{text}");
        }
    }
}
