//! `dragoman config diff`, `reload`, `history` and `rollback`: the configuration of a gateway that runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::arguments::{HistoryFlags, OfGateway, RollbackFlags};
use super::client::{Asking, Database, Reached, with_gateway};
use super::listings::{table, to_json};
use super::print;
use crate::failure::Failure;

/// A key whose value differs.
#[derive(Deserialize)]
struct Change {
    key: String,
    #[serde(default)]
    from: Option<Value>,
    #[serde(default)]
    to: Option<Value>,
    needs_restart: bool,
}

/// What a reload would change.
#[derive(Deserialize)]
struct Diff {
    changes: Vec<Change>,
}

/// What a reload or a rollback did.
#[derive(Deserialize)]
struct Outcome {
    result: String,
    version: Version,
    changes: Vec<Change>,
    needs_restart: Vec<String>,
    #[serde(default)]
    notes: Vec<String>,
}

/// A version.
#[derive(Deserialize, Serialize)]
struct Version {
    version: u64,
    at: String,
    by: String,
    digest: String,
    changed: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    restored: Option<u64>,
}

#[derive(Deserialize)]
struct History {
    data: Vec<Version>,
}

/// Says what a reload would change.
pub(super) fn diff(flags: &OfGateway, variables: &BTreeMap<String, String>) -> Result<(), Failure> {
    let found = asked(flags, variables, "config diff", async |gateway| {
        gateway.api.post(&["config", "diff"]).send().await
    })?;
    shown(flags, &found, |diff: Diff| {
        let mut text = lines(&diff.changes);
        if diff.changes.is_empty() {
            text.push_str("the file holds what is in use\n");
        }
        Ok(text)
    })
}

/// Brings what the file holds into use.
pub(super) fn reload(
    flags: &OfGateway,
    variables: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    let done = asked(flags, variables, "config reload", async |gateway| {
        gateway.api.post(&["config", "reload"]).send().await
    })?;
    shown(flags, &done, |outcome: Outcome| Ok(described(&outcome)))
}

/// Lists the versions that were in use.
pub(super) fn history(
    flags: &HistoryFlags,
    variables: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    let found = asked(&flags.of, variables, "config history", async |gateway| {
        let asking = gateway.api.get(&["config", "history"]);
        asking.query("limit", flags.limit).send().await
    })?;
    shown(&flags.of, &found, |history: History| {
        let mut table = table(&["version", "since", "by", "changed"]);
        for version in &history.data {
            let changed = match version.restored {
                Some(restored) => format!("back to version {restored}"),
                None => version.changed.join(", "),
            };
            table.add_row([
                &version.version.to_string(),
                &version.at,
                &version.by,
                &changed,
            ]);
        }
        Ok(table.trim_fmt() + "\n")
    })
}

/// Brings an earlier version into use again.
pub(super) fn rollback(
    flags: &RollbackFlags,
    variables: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    let done = asked(&flags.of, variables, "config rollback", async |gateway| {
        let asking: Asking<'_> = gateway.api.post(&["config", "rollback"]);
        let asking = asking.json(&json!({"version": flags.version}))?;
        asking.send().await
    })?;
    shown(&flags.of, &done, |outcome: Outcome| Ok(described(&outcome)))
}

/// Asks the gateway that serves; one of our own would end with the question.
fn asked(
    flags: &OfGateway,
    variables: &BTreeMap<String, String>,
    command: &str,
    ask: impl AsyncFnOnce(&Reached) -> Result<Value, Failure>,
) -> Result<Value, Failure> {
    with_gateway(
        &flags.server,
        variables,
        command,
        Database::MustExist,
        async |gateway: &Reached| {
            if gateway.is_own {
                return Err(Failure::usage(
                    "no gateway serves from this database",
                    "start it with `dragoman serve`, or name another one with --server",
                ));
            }
            ask(gateway).await
        },
    )
}

fn shown<T: for<'de> Deserialize<'de>>(
    flags: &OfGateway,
    answer: &Value,
    text: impl FnOnce(T) -> Result<String, Failure>,
) -> Result<(), Failure> {
    let text = match flags.json {
        true => to_json(answer)?,
        false => text(T::deserialize(answer)?)?,
    };
    Ok(print::out(&text)?)
}

fn described(outcome: &Outcome) -> String {
    let version = &outcome.version;
    let mut text = match outcome.result.as_str() {
        "unchanged" => format!(
            "version {} stays in use, nothing differs\n",
            version.version
        ),
        _ => format!("version {} is in use\n", version.version),
    };
    text.push_str(&lines(&outcome.changes));
    if !outcome.needs_restart.is_empty() {
        let keys = outcome.needs_restart.join(", ");
        // Writing into a string cannot fail.
        let _ = writeln!(text, "restart the gateway for: {keys}");
    }
    for note in &outcome.notes {
        let _ = writeln!(text, "note: {note}");
    }
    text
}

fn lines(changes: &[Change]) -> String {
    let mut text = String::new();
    for change in changes {
        let value = |value: &Option<Value>| {
            value
                .as_ref()
                .map_or_else(|| "(not set)".to_owned(), Value::to_string)
        };
        let ending = match change.needs_restart {
            true => "  (needs a restart)",
            false => "",
        };
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "{}: {} → {}{ending}",
            change.key,
            value(&change.from),
            value(&change.to)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_says_what_changed_and_what_did_not() {
        let outcome: Outcome = serde_json::from_value(json!({
            "result": "applied",
            "version": {"version": 3, "at": "2030-01-01T00:00:00Z", "by": "key a", "digest": "d", "changed": []},
            "changes": [
                {"key": "route[0].to", "from": "a", "to": "b", "needs_restart": false},
                {"key": "server.listen", "to": "b", "needs_restart": true},
            ],
            "needs_restart": ["server.listen"],
            "notes": ["the file holds another one"],
        }))
        .unwrap();
        let expected = "version 3 is in use\nroute[0].to: \"a\" → \"b\"\n\
                        server.listen: (not set) → \"b\"  (needs a restart)\n\
                        restart the gateway for: server.listen\nnote: the file holds another one\n";
        assert_eq!(described(&outcome), expected);
    }
}
