//! Where a new conversation goes: the caller's wish, else what the first rule that fits chooses, else the default; and
//! the route overrides of migrations after that.

use std::sync::Arc;

use backend::ports::{MigrationId, RouteOverride, Share};
use backend::{Context, Error, Kind, Outcome, Principal, Result, Write};
use conversation::{Digest, NewConversation, Violation};
use uuid::Uuid;

use crate::Router;
use crate::overriding::follow;
use crate::rules::{Require, Rule};
use crate::slot::Slot;

/// A backend that may get a new conversation.
#[derive(Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) slot: &'a Arc<Slot>,
    /// The name of what chose it.
    pub(crate) route: Box<str>,
    /// Whose route overrides led it there.
    pub(crate) overridden_by: Vec<MigrationId>,
}

/// What chooses for a new conversation.
#[derive(Debug)]
pub(crate) struct Choice<'a> {
    /// A rule's name, `default` or `header`.
    pub(crate) route: &'a str,
    pub(crate) rule: Option<&'a Rule>,
    to: Vec<Share>,
}

/// The backends that may get it, and those that are passed over.
#[derive(Debug)]
pub(crate) struct Candidates<'a> {
    /// One of these, with its weight; backends are named once.
    pub(crate) to: Vec<(Candidate<'a>, u32)>,
    /// Those after it, in this order.
    pub(crate) fallback: Vec<Candidate<'a>>,
    /// Those that cannot take it, and why.
    pub(crate) passed_over: Vec<PassedOver>,
}

/// A backend that cannot take a new conversation.
#[derive(Debug, PartialEq)]
pub(crate) struct PassedOver {
    pub(crate) backend: Box<str>,
    /// The fields that it does not hold; none where there is no such backend.
    pub(crate) not_held: Vec<Violation>,
}

impl Router {
    /// Where a new conversation goes, the first choice first; never empty.
    ///
    /// # Errors
    /// Nothing was sent: the caller names a backend that is not there, the state cannot tell the overrides, no backend
    /// of the rule holds what it requires ([`Kind::NotHeld`]), or none of them is configured.
    pub(crate) async fn place<'a>(
        &'a self,
        cx: &Context,
        new: &NewConversation,
    ) -> Result<Vec<Candidate<'a>>> {
        let choice = self.choose(cx, new)?;
        let overrides = self.overrides_for(cx).await?;
        let Candidates {
            to,
            fallback,
            passed_over,
        } = self.candidates(cx, new, &choice, &overrides);
        let mut placed: Vec<Candidate<'a>> = Vec::new();
        let weights: Vec<u32> = to.iter().map(|(_, weight)| *weight).collect();
        let chosen = pick(cx.intent, &weights);
        let first = to.into_iter().nth(chosen).map(|(candidate, _)| candidate);
        for candidate in first.into_iter().chain(fallback) {
            if placed
                .iter()
                .all(|one| !Arc::ptr_eq(one.slot, candidate.slot))
            {
                placed.push(candidate);
            }
        }
        if placed.is_empty() {
            return Err(nowhere(&choice, passed_over));
        }
        Ok(placed)
    }

    /// What chooses for a new conversation.
    pub(crate) fn choose<'a>(
        &'a self,
        cx: &'a Context,
        new: &NewConversation,
    ) -> Result<Choice<'a>> {
        let whole = |backend: &str| {
            vec![Share {
                backend: backend.into(),
                weight: 1,
            }]
        };
        if let Some(wanted) = cx.route.backend.as_deref() {
            if !self.slots.contains_key(wanted) {
                return Err(Error::new(
                    Kind::InvalidRequest,
                    "there is no backend of the name in `Dragoman-Backend`: GET /v1/backends lists them",
                ));
            }
            return Ok(Choice {
                route: "header",
                rule: None,
                to: whole(wanted),
            });
        }
        let mut rules = self.settings.rules.iter();
        Ok(match rules.find(|rule| rule.when.fits(cx, new.into())) {
            Some(rule) => Choice {
                route: &rule.name,
                rule: Some(rule),
                to: rule.to.clone(),
            },
            None => Choice {
                route: "default",
                rule: None,
                to: whole(&self.settings.default_backend),
            },
        })
    }

    /// The overrides that change where a new conversation goes: none where the caller names its backend.
    pub(crate) async fn overrides_for(&self, cx: &Context) -> Result<Vec<RouteOverride>> {
        match &self.overriding {
            Some(overriding) if cx.route.backend.is_none() => {
                let overrides = overriding.overrides.overrides().await;
                overrides.map_err(|error| error.outcome(Outcome::NotApplied))
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The backends of a choice, after overrides, with those that cannot take `new` put aside.
    pub(crate) fn candidates<'a>(
        &'a self,
        cx: &Context,
        new: &NewConversation,
        choice: &Choice<'_>,
        overrides: &[RouteOverride],
    ) -> Candidates<'a> {
        let mut candidates = Candidates {
            to: Vec::new(),
            fallback: Vec::new(),
            passed_over: Vec::new(),
        };
        let require = choice.rule.and_then(|rule| rule.require);
        let judge = |name: &str, route: &str| {
            self.candidate(&cx.principal, new, require, name, route, overrides)
        };
        for share in choice.to.iter().filter(|share| share.weight > 0) {
            match judge(&share.backend, choice.route) {
                Ok(candidate) => candidates.add(candidate, share.weight),
                Err(passed_over) => candidates.pass_over(passed_over),
            }
        }
        let route = format!("{}, fallback", choice.route);
        for name in choice.rule.iter().flat_map(|rule| &rule.fallback) {
            match judge(name, &route) {
                Ok(candidate) => candidates.fallback.push(candidate),
                Err(passed_over) => candidates.pass_over(passed_over),
            }
        }
        candidates
    }

    fn candidate<'a>(
        &'a self,
        principal: &Principal,
        new: &NewConversation,
        require: Option<Require>,
        name: &str,
        route: &str,
        overrides: &[RouteOverride],
    ) -> std::result::Result<Candidate<'a>, PassedOver> {
        let led = follow(name, route, principal, overrides);
        let passed_over = |not_held| PassedOver {
            backend: (&*led.to).into(),
            not_held,
        };
        let slot = self
            .slots
            .get(&*led.to)
            .ok_or_else(|| passed_over(Vec::new()))?;
        let not_held = require.map_or_else(Vec::new, |require| not_held(slot, require, new));
        if !not_held.is_empty() {
            return Err(passed_over(not_held));
        }
        Ok(Candidate {
            slot,
            route: (&*led.route).into(),
            overridden_by: led.by,
        })
    }
}

impl<'a> Candidates<'a> {
    /// Adds a share. Overrides may lead two of them to one backend.
    fn add(&mut self, candidate: Candidate<'a>, weight: u32) {
        let same = |(one, _): &&mut (Candidate<'_>, u32)| Arc::ptr_eq(one.slot, candidate.slot);
        match self.to.iter_mut().find(same) {
            Some((_, sum)) => *sum = sum.saturating_add(weight),
            None => self.to.push((candidate, weight)),
        }
    }

    fn pass_over(&mut self, one: PassedOver) {
        if !self.passed_over.contains(&one) {
            self.passed_over.push(one);
        }
    }
}

/// The fields of `new` that a backend does not hold as it is required to.
fn not_held(slot: &Slot, require: Require, new: &NewConversation) -> Vec<Violation> {
    use backend::Fate;
    let write = Write::CreateConversation(new.clone());
    let projection = match require {
        Require::Native => slot.bare.preview(&write),
        Require::Effective => slot.backend.preview(&write),
    };
    let is_held = |fate: Fate| match fate {
        Fate::Exact => true,
        Fate::Overlay => require == Require::Effective,
        Fate::Converted | Fate::Rejected => false,
    };
    let fates = projection.fates.into_iter();
    let mut violations: Vec<Violation> = fates
        .filter(|fate| !is_held(fate.fate))
        .map(|fate| Violation {
            pointer: fate.pointer,
            code: "not-held",
            detail: format!("backend `{}`: {}", slot.name(), fate.detail),
            exceeds: fate.exceeds,
        })
        .collect();
    if violations.is_empty() && !projection.is_held {
        violations.push(Violation {
            pointer: String::new(),
            code: "not-held",
            detail: format!("backend `{}` has no place for it", slot.name()),
            exceeds: None,
        });
    }
    violations
}

/// Why no backend can take it.
fn nowhere(choice: &Choice<'_>, passed_over: Vec<PassedOver>) -> Error {
    let missing = passed_over.iter().find(|one| one.not_held.is_empty());
    if let Some(missing) = missing
        && passed_over.iter().all(|one| one.not_held.is_empty())
    {
        return Error::new(
            Kind::Unavailable,
            format!(
                "new conversations are led to backend `{}`, which is not configured",
                missing.backend
            ),
        );
    }
    let require = choice.rule.and_then(|rule| rule.require);
    let words = require.map_or("effective", Require::as_str);
    let violations = passed_over.into_iter().flat_map(|one| one.not_held);
    Error::new(
        Kind::NotHeld,
        format!(
            "route `{}` requires that a backend holds everything that was sent ({words}), and none of its backends does",
            choice.route
        ),
    )
    .violations(violations.collect())
}

/// Which of these weights a write draws. The same write draws the same: whoever repeats it comes to where it was.
pub(crate) fn pick(intent: Uuid, weights: &[u32]) -> usize {
    let total: u64 = weights.iter().copied().map(u64::from).sum();
    let mut drawn = scaled(intent, total);
    for (position, weight) in weights.iter().copied().map(u64::from).enumerate() {
        if drawn < weight {
            return position;
        }
        drawn -= weight;
    }
    0
}

/// A number below `below`, drawn by an id: evenly, and always the same.
pub(crate) fn scaled(id: Uuid, below: u64) -> u64 {
    let digest = Digest::of(id.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&digest.as_bytes()[..8]);
    let product = u128::from(u64::from_be_bytes(first)) * u128::from(below);
    u64::try_from(product >> 64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_draws_by_weight_and_always_the_same() {
        let weights = [90, 0, 10];
        let mut drawn = [0_u32; 3];
        for number in 0..10_000_u128 {
            let intent = Uuid::from_u128(number);
            let position = pick(intent, &weights);
            assert_eq!(pick(intent, &weights), position);
            drawn[position] += 1;
        }
        // 10,000 draws of one in ten: five standard deviations are 150.
        assert!((850..=1_150).contains(&drawn[2]), "{drawn:?}");
        assert_eq!(drawn[1], 0);
    }

    #[test]
    fn a_growing_weight_takes_none_back() {
        for number in 0..1_000_u128 {
            let intent = Uuid::from_u128(number);
            let (before, after) = (pick(intent, &[90, 10]), pick(intent, &[50, 50]));
            assert!(after >= before, "{number}");
        }
    }

    #[test]
    fn the_only_one_is_drawn() {
        assert_eq!(pick(Uuid::from_u128(1), &[7]), 0);
        assert_eq!(pick(Uuid::from_u128(1), &[0, 1]), 1);
        assert_eq!(pick(Uuid::from_u128(1), &[u32::MAX, u32::MAX]) / 2, 0);
    }
}
