//! The rules for what callers send, beyond its shape: all that are broken, each with its pointer.

use conversation::{
    Assistant, ConversationPatch, JsonMap, MessagePatch, NewConversation, NewMessage, Part, Patch,
    RawJson, Role, Violation, validate_conversation, validate_message,
};

use crate::problem::{Code, FieldError, Outcome, Place, Problem};

/// Refuses a request that breaks rules.
pub(crate) fn refuse(violations: Vec<Violation>) -> Result<(), Problem> {
    let Some(first) = violations.first() else {
        return Ok(());
    };
    let detail = match violations.len() {
        1 => first.detail.clone(),
        count => format!("{count} members are wrong"),
    };
    let problem = Problem::new(Code::InvalidRequest, detail).with_outcome(Outcome::NotApplied);
    Err(violations.into_iter().fold(problem, |problem, violation| {
        problem.with_error(FieldError::of_violation(Place::Body, violation))
    }))
}

/// A new conversation.
pub(crate) fn conversation(new: &NewConversation) -> Result<(), Problem> {
    let mut violations = validate_conversation(new);
    if new.created_at.is_some() {
        violations.push(violation(
            "/created_at",
            "import-only",
            "a conversation is made now; only copies keep the time of what they are a copy of",
        ));
    }
    refuse(violations)
}

/// A message that is said now, below `pointer` in the body.
pub(crate) fn post(new: &NewMessage, pointer: &str) -> Result<(), Problem> {
    let mut violations = validate_message(new);
    let import_only = [
        ("status", new.status.is_some()),
        ("rating", new.rating.is_some()),
        ("usage", new.usage.is_some()),
        ("sent_at", new.sent_at.is_some()),
        ("edited_at", new.edited_at.is_some()),
    ];
    for (member, is_set) in import_only {
        if is_set {
            violations.push(violation(
                format!("/{member}"),
                "import-only",
                "a post is said now; store history with `messages:import`",
            ));
        }
    }
    refuse(below(pointer, violations))
}

/// Messages of an import; all are checked before any is stored.
pub(crate) fn import(messages: &[NewMessage]) -> Result<(), Problem> {
    let mut violations = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        violations.extend(below(
            &format!("/messages/{index}"),
            validate_message(message),
        ));
    }
    refuse(violations)
}

/// A change to a conversation, by the rules of a new one.
pub(crate) fn conversation_patch(patch: &ConversationPatch) -> Result<(), Problem> {
    let ConversationPatch {
        kind,
        title,
        description: _,
        status,
        priority,
        labels,
        participants,
        owner,
        icon_url,
        assistant,
        metadata,
        extensions,
    } = patch;
    let mut violations = Vec::new();
    let assistant = match assistant.set().map(assistant_of) {
        Some(Err(violation)) => {
            violations.push(violation);
            None
        }
        Some(Ok(assistant)) => Some(assistant),
        None => None,
    };
    violations.extend(validate_conversation(&NewConversation {
        kind: kind.set().cloned(),
        title: title.set().cloned(),
        status: status.set().cloned(),
        priority: priority.set().cloned(),
        labels: labels.set().cloned().unwrap_or_default(),
        participants: participants.set().cloned().unwrap_or_default(),
        owner: owner.set().cloned(),
        icon_url: icon_url.set().cloned(),
        assistant,
        metadata: metadata.set().cloned().unwrap_or_default(),
        ..NewConversation::default()
    }));
    cannot_be_cleared(&mut violations, "/kind", kind);
    cannot_be_cleared(&mut violations, "/status", status);
    extensions_are_objects(&mut violations, extensions);
    refuse(violations)
}

/// A change to a message, by the rules of a new one.
pub(crate) fn message_patch(patch: &MessagePatch) -> Result<(), Problem> {
    let MessagePatch {
        parts,
        subject,
        status,
        metadata,
        extensions,
    } = patch;
    let parts_now = parts.set().cloned();
    let mut violations = validate_message(&NewMessage {
        subject: subject.set().cloned(),
        status: status.set().cloned(),
        metadata: metadata.set().cloned().unwrap_or_default(),
        ..NewMessage::of(
            Role::User,
            parts_now.unwrap_or_else(|| vec![Part::text("")]),
        )
    });
    cannot_be_cleared(&mut violations, "/parts", parts);
    cannot_be_cleared(&mut violations, "/status", status);
    extensions_are_objects(&mut violations, extensions);
    refuse(violations)
}

/// The set-up that a merge would make of nothing: null members go, the others must have their type.
fn assistant_of(changes: &JsonMap) -> Result<Assistant, Violation> {
    let kept: JsonMap = changes
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    // A null member must be a known one too, or a misspelt removal would seem to work.
    for (key, value) in changes.iter().filter(|(_, value)| value.is_null()) {
        member_of_assistant(key, value)?;
    }
    for (key, value) in &kept {
        member_of_assistant(key, value)?;
    }
    RawJson::from_serialize(&kept)
        .and_then(|members| members.to())
        .map_err(|_| violation("/assistant", "invalid-type", "not a set-up of an assistant"))
}

fn member_of_assistant(key: &str, value: &RawJson) -> Result<(), Violation> {
    let alone = JsonMap::from([(key.into(), value.clone())]);
    RawJson::from_serialize(&alone)
        .and_then(|members| members.to::<Assistant>().map(|_| ()))
        .map_err(|error| {
            let key = key.replace('~', "~0").replace('/', "~1");
            let detail = error.to_string();
            let detail = detail.split(" at line ").next().unwrap_or_default();
            violation(format!("/assistant/{key}"), "invalid-value", detail)
        })
}

fn cannot_be_cleared<T>(violations: &mut Vec<Violation>, pointer: &str, patch: &Patch<T>) {
    if matches!(patch, Patch::Clear) {
        violations.push(violation(pointer, "invalid-value", "cannot be cleared"));
    }
}

fn extensions_are_objects(violations: &mut Vec<Violation>, patch: &Patch<JsonMap>) {
    for (vendor, fields) in patch.set().into_iter().flatten() {
        if !fields.is_null() && !fields.get().starts_with('{') {
            let vendor = vendor.replace('~', "~0").replace('/', "~1");
            violations.push(violation(
                format!("/extensions/{vendor}"),
                "invalid-type",
                "an object with the vendor's fields, or null",
            ));
        }
    }
}

/// One broken rule.
pub(crate) fn violation(
    pointer: impl Into<String>,
    code: &'static str,
    detail: impl Into<String>,
) -> Violation {
    Violation {
        pointer: pointer.into(),
        code,
        detail: detail.into(),
        exceeds: None,
    }
}

/// Moves pointers below another.
pub(crate) fn below(pointer: &str, violations: Vec<Violation>) -> Vec<Violation> {
    violations
        .into_iter()
        .map(|violation| Violation {
            pointer: format!("{pointer}{}", violation.pointer),
            ..violation
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{conversation_patch, message_patch, post};
    use crate::problem::Problem;

    fn pointers(result: Result<(), Problem>) -> Vec<String> {
        result.map_or_else(
            |problem| {
                let errors = &problem.document().errors;
                errors.iter().map(|error| error.pointer.clone()).collect()
            },
            |()| Vec::new(),
        )
    }

    #[test]
    fn post_with_members_of_an_import_names_each() {
        let message = serde_json::from_str(
            r#"{"parts":[{"type":"text","text":"a"}],"status":"sent","sent_at":"2026-01-01T00:00:00Z"}"#,
        )
        .unwrap();
        assert_eq!(
            pointers(post(&message, "/input")),
            ["/input/status", "/input/sent_at"]
        );
    }

    #[test]
    fn patch_is_checked_like_a_new_conversation() {
        for (patch, expected) in [
            (
                r#"{"title":null,"owner":"ann","assistant":{"model":null,"top_p":0.5}}"#,
                &[][..],
            ),
            (r#"{"kind":null,"status":null}"#, &["/kind", "/status"]),
            (r#"{"status":"later"}"#, &["/status"]),
            (
                r#"{"assistant":{"temperature":9}}"#,
                &["/assistant/temperature"],
            ),
            (
                r#"{"assistant":{"temperature":"hot"}}"#,
                &["/assistant/temperature"],
            ),
            (r#"{"assistant":{"modle":null}}"#, &["/assistant/modle"]),
            (
                r#"{"metadata":{"a":null,"b":[9007199254740993]}}"#,
                &["/metadata/b/0"],
            ),
            (
                r#"{"extensions":{"x":1,"y":null,"z":{}}}"#,
                &["/extensions/x"],
            ),
            (r#"{"labels":[""]}"#, &["/labels/0"]),
        ] {
            let patch = serde_json::from_str(patch).unwrap();
            assert_eq!(pointers(conversation_patch(&patch)), expected, "{patch:?}");
        }
    }

    #[test]
    fn patch_of_a_message_is_checked_like_a_new_one() {
        for (patch, expected) in [
            (r#"{"metadata":{"a":1},"subject":null}"#, &[][..]),
            (r#"{"parts":[]}"#, &["/parts"]),
            (r#"{"parts":null,"status":null}"#, &["/parts", "/status"]),
            (r#"{"status":"lost"}"#, &["/status"]),
        ] {
            let patch = serde_json::from_str(patch).unwrap();
            assert_eq!(pointers(message_patch(&patch)), expected, "{patch:?}");
        }
    }
}
