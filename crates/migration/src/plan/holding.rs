//! What a plan holds to: the specification, and what the target could do.

use std::collections::BTreeSet;

use backend::ports::MigrationSpec;
use backend::{Capabilities, Error, Kind, Result};
use conversation::{Digest, canonical_json};
use serde_json::{Map, Value};

use crate::run::Run;
use crate::status::Plan;

/// Digest of the specification and of what the target can do.
pub(super) fn digest(run: &Run) -> Digest {
    over(&run.spec, &run.to.stack.capabilities())
}

fn over(spec: &MigrationSpec, target: &Capabilities) -> Digest {
    Digest::of(canonical_json(&(spec, target)).as_bytes())
}

/// Refuses where the target is no longer what the plan holds to.
///
/// # Errors
/// [`Kind::Conflict`], naming what changed.
pub(crate) fn holds(plan: &Plan, run: &Run) -> Result<()> {
    if plan.holds_to == digest(run) {
        return Ok(());
    }
    let changed = changes(&plan.target, &run.to.stack.capabilities());
    let mut what = Vec::new();
    if plan.holds_to != over(&run.spec, &plan.target) {
        what.push("what is to be migrated".to_owned());
    }
    if !changed.is_empty() {
        what.push(format!("what the target can do ({})", changed.join(", ")));
    }
    let detail = format!(
        "since the plan has changed: {}. Plan again",
        what.join("; ")
    );
    Err(Error::new(Kind::Conflict, detail))
}

fn changes(then: &Capabilities, now: &Capabilities) -> Vec<String> {
    let (then, now) = (members(then), members(now));
    let names: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    names
        .into_iter()
        .filter(|name| then.get(*name) != now.get(*name))
        .map(|name| format!("{name}: was {}, is {}", word(&then, name), word(&now, name)))
        .collect()
}

/// The members of what a backend can do; limits as members of their own.
fn members(can: &Capabilities) -> Map<String, Value> {
    let mut members = match serde_json::to_value(can) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    if let Some(Value::Object(limits)) = members.remove("limits") {
        members.extend(limits);
    }
    members
}

fn word(members: &Map<String, Value>, name: &str) -> String {
    match members.get(name) {
        Some(Value::String(word)) => word.clone(),
        Some(value) => value.to_string(),
        None => "absent".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use backend::Level;

    #[test]
    fn what_changed_is_named_with_its_words() {
        let then = Capabilities::holds_everything();
        let mut now = then.clone();
        assert_eq!(changes(&then, &now), [""; 0]);
        now.limits.conversation_max_messages = Some(30_000);
        now.message_rating = Level::Overlay;
        assert_eq!(
            changes(&then, &now),
            [
                "conversation_max_messages: was absent, is 30000",
                "message_rating: was full, is overlay"
            ]
        );
    }
}
