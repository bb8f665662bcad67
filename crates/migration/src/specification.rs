//! What a migration's specification must be.

use std::collections::BTreeSet;

use backend::ports::MigrationSpec;
use backend::{Error, Kind, Result};
use conversation::{Exceeds, Violation};

use crate::parts::Parts;

/// The most conversations that are copied at once.
const PARALLEL_MAX: u32 = 64;
/// The most end users in a roster.
const ROSTER_MAX: usize = 100_000;
/// The most conversations that a filter names.
const IDS_MAX: usize = 100_000;

/// Refuses a specification that cannot be used.
///
/// # Errors
/// [`Kind::InvalidRequest`] with a violation for each member.
pub(crate) fn check(spec: &MigrationSpec, parts: &Parts) -> Result<()> {
    let mut found = Vec::new();
    let mut refuse = |pointer: &str, code, detail: String, exceeds| {
        found.push(Violation {
            pointer: pointer.to_owned(),
            code,
            detail,
            exceeds,
        });
    };
    let too_many = |limit: usize, value: usize| {
        Some(Exceeds {
            limit: u64::try_from(limit).unwrap_or(u64::MAX),
            value: u64::try_from(value).ok(),
        })
    };
    let known = parts.ends.names();
    for (pointer, name) in [("/from", &spec.from), ("/to", &spec.to)] {
        if !known.contains(name) {
            let detail = format!(
                "there is no backend `{name}`; there are: {}",
                known.join(", ")
            );
            refuse(pointer, "unknown-value", detail, None);
        }
    }
    if spec.from == spec.to {
        let detail = "source and target are the same backend";
        refuse("/to", "conflict", detail.to_owned(), None);
    }
    if !(1..=PARALLEL_MAX).contains(&spec.parallel) {
        let detail = format!("at least 1, at most {PARALLEL_MAX} conversations at once");
        let exceeds = (spec.parallel > PARALLEL_MAX).then_some(Exceeds {
            limit: PARALLEL_MAX.into(),
            value: Some(spec.parallel.into()),
        });
        refuse("/parallel", "out-of-range", detail, exceeds);
    }
    if spec.roster.len() > ROSTER_MAX {
        let detail =
            format!("a roster holds at most {ROSTER_MAX} end users; plan several migrations");
        let exceeds = too_many(ROSTER_MAX, spec.roster.len());
        refuse("/roster", "too-many", detail, exceeds);
    }
    let mut users = BTreeSet::new();
    for (position, one) in spec.roster.iter().enumerate().take(ROSTER_MAX) {
        if one.tenant.is_empty() || one.user.is_empty() {
            let detail = "tenant and user are not empty".to_owned();
            refuse(&format!("/roster/{position}"), "empty", detail, None);
        } else if !users.insert(one) {
            let detail = "this end user is named twice".to_owned();
            refuse(&format!("/roster/{position}"), "conflict", detail, None);
        } else if let Some(tenant) = &spec.filter.tenant
            && *tenant != one.tenant
        {
            let detail = "the filter wants another tenant only".to_owned();
            let pointer = format!("/roster/{position}/tenant");
            refuse(&pointer, "conflict", detail, None);
        }
    }
    let filter = &spec.filter;
    for (pointer, text) in [
        ("/filter/tenant", &filter.tenant),
        ("/filter/label", &filter.label),
    ] {
        if text.as_deref().is_some_and(str::is_empty) {
            refuse(pointer, "empty", "leave it out instead".to_owned(), None);
        }
    }
    if filter.ids.len() > IDS_MAX {
        let detail = format!("a filter names at most {IDS_MAX} conversations");
        let exceeds = too_many(IDS_MAX, filter.ids.len());
        refuse("/filter/ids", "too-many", detail, exceeds);
    }
    if let (Some(after), Some(before)) = (filter.updated_after, filter.updated_before)
        && after >= before
    {
        let detail = "no time is both".to_owned();
        refuse("/filter/updated_before", "conflict", detail, None);
    }
    if found.is_empty() {
        return Ok(());
    }
    let words = "the migration cannot be planned so: see `violations`";
    Err(Error::new(Kind::InvalidRequest, words).violations(found))
}
