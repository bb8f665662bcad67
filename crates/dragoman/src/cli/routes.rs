//! `dragoman routes explain` and `dragoman shadows`: what the running gateway says of its routes.

use std::collections::BTreeMap;

use backend::ports::{
    DifferenceKind, FieldDifference, RouteExplanation, RuleExplanation, ShadowDifference, Share,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::arguments::{ExplainRouteFlags, ShadowsFlags};
use super::client::{Database, with_gateway};
use super::{listings, print};
use crate::failure::Failure;

type Variables = BTreeMap<String, String>;

/// Begins a key as it is sent.
const KEY_PREFIX: &str = "drg_";

/// Says where a new conversation would go, and why.
pub(super) fn explain(flags: &ExplainRouteFlags, variables: &Variables) -> Result<(), Failure> {
    // Before anything is opened: a mistake in a file costs nothing.
    let request = request(flags)?;
    with_gateway(
        &flags.server,
        variables,
        "routes explain",
        Database::MustExist,
        async |reached| {
            let asking = reached.api.post(&["routes", "explain"]).json(&request)?;
            let explained: Value = asking.send().await?;
            let text = match flags.json {
                true => listings::to_json(&explained)?,
                false => shown(&RouteExplanation::deserialize(&explained)?),
            };
            Ok(print::out(&text)?)
        },
    )
}

/// Lists what second backends answered otherwise.
pub(super) fn shadows(flags: &ShadowsFlags, variables: &Variables) -> Result<(), Failure> {
    /// One page.
    #[derive(Deserialize)]
    struct Page {
        data: Vec<ShadowDifference>,
    }
    with_gateway(
        &flags.server,
        variables,
        "shadows",
        Database::MustExist,
        async |reached| {
            let asking = reached.api.get(&["shadows"]);
            let asking = asking.query("conversation_id", flags.conversation.as_ref());
            let asking = asking.query("shadow", flags.shadow.as_ref());
            let page: Page = asking.query("limit", Some(flags.limit)).send().await?;
            let text = match flags.json {
                true => listings::to_json(&page.data)?,
                false => differences(&page.data),
            };
            Ok(print::out(&text)?)
        },
    )
}

/// What the gateway is asked.
fn request(flags: &ExplainRouteFlags) -> Result<Value, Failure> {
    let mut conversation: Map<String, Value> = match &flags.conversation {
        None => Map::new(),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Failure::usage(
                    format!("{} cannot be read: {error}", path.display()),
                    "--conversation names a file with a JSON object",
                )
            })?;
            serde_json::from_str(&text).map_err(|error| {
                Failure::usage(
                    format!("{} is no JSON object: {error}", path.display()),
                    "write what is sent to POST /v1/conversations, such as {\"title\": \"Hello\"}",
                )
            })?
        }
    };
    if let Some(kind) = &flags.kind {
        conversation.insert("kind".to_owned(), json!(kind));
    }
    if !flags.labels.is_empty() {
        conversation.insert("labels".to_owned(), json!(flags.labels));
    }
    if !flags.metadata.is_empty() {
        let members: Map<String, Value> = flags
            .metadata
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        conversation.insert("metadata".to_owned(), Value::Object(members));
    }
    let headers: BTreeMap<&String, &String> = flags
        .headers
        .iter()
        .map(|(name, value)| (name, value))
        .collect();
    let mut request = json!({"headers": headers, "conversation": conversation});
    let key = flags.key.as_deref();
    let key = key.map(|key| key.strip_prefix(KEY_PREFIX).unwrap_or(key));
    for (name, value) in [
        ("tenant", flags.tenant.as_deref()),
        ("key", key),
        ("user", flags.user.as_deref()),
        ("via", flags.via.as_deref()),
        ("backend", flags.backend.as_deref()),
    ] {
        if let Some(value) = value {
            request[name] = json!(value);
        }
    }
    Ok(request)
}

fn shown(explained: &RouteExplanation) -> String {
    let mut text = format!("chosen by: {}\n", explained.route);
    text.push_str(&match &explained.to[..] {
        [] => "goes to: no backend can take it\n".to_owned(),
        to => format!("goes to: {}\n", chances(to)),
    });
    if !explained.fallback.is_empty() {
        let names = explained.fallback.join(", ");
        text.push_str(&format!("fallback: {names}\n"));
    }
    if !explained.rules.is_empty() {
        let mut table = listings::table(&["rule", "fits", "to", "why not"]);
        for rule in &explained.rules {
            table.add_row([
                &*rule.rule,
                if rule.fits { "yes" } else { "no" },
                &leads_to(rule),
                &rule.why_not.join("; "),
            ]);
        }
        text.push_str(&format!("\n{}\n", table.trim_fmt()));
    }
    if !explained.overrides.is_empty() {
        let mut table = listings::table(&["override of migration", "tenant", "from", "to"]);
        for route in &explained.overrides {
            table.add_row([
                &*route.migration.to_string(),
                route.tenant.as_deref().unwrap_or("all"),
                &route.from,
                &route.to,
            ]);
        }
        text.push_str(&format!("\n{}\n", table.trim_fmt()));
    }
    text
}

/// The backends with how probably each gets it.
fn chances(to: &[Share]) -> String {
    let total: f64 = to.iter().map(|share| f64::from(share.weight)).sum();
    let chances = to.iter().map(|share| {
        let percent = f64::from(share.weight) / total * 100.0;
        let percent = format!("{percent:.2}");
        let percent = percent.trim_end_matches('0').trim_end_matches('.');
        format!("{} ({percent} %)", share.backend)
    });
    chances.collect::<Vec<_>>().join(", ")
}

fn leads_to(rule: &RuleExplanation) -> String {
    let mut text = match &rule.to[..] {
        [only] => only.backend.to_string(),
        to => chances(to),
    };
    if !rule.fallback.is_empty() {
        text.push_str(&format!(", else {}", rule.fallback.join(", ")));
    }
    text
}

fn differences(all: &[ShadowDifference]) -> String {
    if all.is_empty() {
        return "no differences\n".to_owned();
    }
    let mut table = listings::table(&["at", "conversation", "read", "backends", "differs in"]);
    for difference in all {
        let fields: Vec<String> = difference.fields.iter().map(field).collect();
        table.add_row([
            &*difference.at.to_string(),
            &difference.conversation.to_string(),
            &difference.operation,
            &format!("{} / {}", difference.primary, difference.shadow),
            &fields.join("; "),
        ]);
    }
    table.trim_fmt() + "\n"
}

fn field(field: &FieldDifference) -> String {
    let mut place = match &field.message {
        Some(id) => format!("{id}"),
        None => String::new(),
    };
    place.push_str(&field.pointer);
    if place.is_empty() {
        place.push_str("the whole");
    }
    let value = |value: &Option<Box<str>>| value.clone().unwrap_or_else(|| "absent".into());
    match field.kind {
        DifferenceKind::Changed => format!(
            "{place}: {} / {}",
            value(&field.primary),
            value(&field.shadow)
        ),
        DifferenceKind::Missing => format!("{place} is missing"),
        DifferenceKind::Added => format!("{place} was added"),
        DifferenceKind::Unreadable => format!("{place} cannot be read"),
    }
}

#[cfg(test)]
mod tests {
    use backend::ports::RouteOverride;

    use super::*;

    #[test]
    fn an_explanation_is_a_readable_text() {
        let share = |backend: &str, weight| Share {
            backend: backend.into(),
            weight,
        };
        let rule = |name: &str, why_not: &[&str], to: Vec<Share>| RuleExplanation {
            rule: name.into(),
            fits: why_not.is_empty(),
            why_not: why_not.iter().map(|why| (*why).to_owned()).collect(),
            to,
            fallback: vec!["science".into()],
        };
        let canary = vec![share("science", 9), share("support", 1)];
        let migration = "mig_019a8f0c2d7e7b3c8d4e5f60718293a4".parse().unwrap();
        let explained = RouteExplanation {
            route: "canary".into(),
            to: canary.clone(),
            fallback: vec!["science".into()],
            rules: vec![
                rule(
                    "mail",
                    &["kind must be `mail`, it is absent"],
                    vec![share("inbox", 1)],
                ),
                rule("canary", &[], canary),
            ],
            overrides: vec![RouteOverride {
                migration,
                from: "old".into(),
                to: "inbox".into(),
                tenant: None,
                since: "2026-01-02T03:04:05Z".parse().unwrap(),
            }],
        };
        let text = shown(&explained);
        for line in [
            "chosen by: canary\n",
            "goes to: science (90 %), support (10 %)\n",
            "fallback: science\n",
            "inbox, else science ",
            "kind must be `mail`, it is absent\n",
            "science (90 %), support (10 %), else science\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        let shown_override = text.lines().find(|line| line.contains("mig_"));
        let shown_override = shown_override.unwrap_or_default();
        assert!(shown_override.contains(" all "), "{text}");
        assert!(shown_override.trim_end().ends_with("inbox"), "{text}");
    }

    #[test]
    fn differences_are_one_line_each() {
        let difference: ShadowDifference = serde_json::from_value(json!({
            "id": "00000000-0000-7000-8000-000000000001", "at": "2026-01-02T03:04:05Z",
            "conversation": "conv_01h455vb4pex5vsknk084sn02q", "primary": "science", "shadow": "support",
            "rule": "canary", "operation": "list_messages",
            "fields": [
                {
                    "pointer": "/title", "kind": "changed", "primary": "5 characters, 0123456789abcdef",
                    "shadow": "4 characters, fedcba9876543210",
                },
                {"message": "m1", "pointer": "", "kind": "missing"},
            ],
        }))
        .unwrap();
        let text = differences(&[difference]);
        let line = text.lines().last().unwrap_or_default();
        for words in [
            "2026-01-02T03:04:05",
            "conv_01h455vb4pex5vsknk084sn02q",
            "list_messages",
            "science / support",
            "/title: 5 characters, 0123456789abcdef / 4 characters, fedcba9876543210; m1 is missing",
        ] {
            assert!(line.contains(words), "{words}: {text}");
        }
        assert_eq!(differences(&[]), "no differences\n");
    }
}
