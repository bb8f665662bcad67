//! What becomes of a write: what the backend cannot hold is kept beside it, what it refuses on the way is left out.

use backend::{Capabilities, Fate, FieldFate, Projection, Result, Write};
use conversation::{JsonMap, RawJson, Violation, text_of};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Overlay;
use crate::fields::members::{read, write as to_json};
use crate::fields::pointers;

impl Overlay {
    /// The fates of a write. The write itself is held whole: what the backend would not take stays here.
    pub(crate) fn foretell(&self, write: &Write) -> Projection {
        let native = self.below().preview(write);
        over(write, native, &self.below().capabilities())
    }
}

/// `native`, as the backend below projects `write`, with the overlay over it.
pub(crate) fn over(write: &Write, native: Projection, can: &Capabilities) -> Projection {
    // Nothing can be kept of an answer that is not made.
    if matches!(write, Write::Respond(_)) && !can.respond.works() {
        return native;
    }
    let fates = match write {
        Write::UpdateMessage { patch, .. } if !native.is_held || !can.message_update.works() => {
            named(patch, &native.fates)
        }
        _ => {
            let mut fates: Vec<FieldFate> = native
                .fates
                .into_iter()
                .filter_map(|fate| kept(write, fate))
                .collect();
            if fates.is_empty() {
                fates.extend(not_done(write, can));
            }
            fates
        }
    };
    Projection::of(write.clone(), fates)
}

/// A field's fate with the overlay: what the backend rejects or converts is kept beside it. A request for an answer can
/// ask for what no gateway can do: that stays refused.
fn kept(write: &Write, fate: FieldFate) -> Option<FieldFate> {
    if matches!(fate.fate, Fate::Exact | Fate::Overlay) {
        return Some(fate);
    }
    if let Write::Respond(request) = write {
        let has_no_words = || {
            request
                .input
                .as_ref()
                .is_some_and(|input| text_of(&input.parts).is_empty())
        };
        match pointers::field(&fate.pointer) {
            // How much of the history the AI is told is done here.
            "context" => return None,
            "assistant" | "template" => return Some(fate),
            // An AI answers words: nothing can stand for a question that has none.
            "input" if fate.pointer == "/input/parts" && has_no_words() => return Some(fate),
            _ => {}
        }
    }
    // What stays at the backend is nothing that is kept here.
    if matches!(write, Write::DeleteConversation) {
        return Some(FieldFate {
            fate: Fate::Overlay,
            ..fate
        });
    }
    let is_converted = fate.fate == Fate::Converted;
    let why = if is_converted {
        ", which holds it in another form"
    } else {
        ""
    };
    Some(FieldFate {
        fate: Fate::Overlay,
        detail: format!("kept beside the backend{why}: {}", fate.detail),
        ..fate
    })
}

/// The members that a change of a message names, where the backend changes no messages.
fn named<T: Serialize>(patch: &T, native: &[FieldFate]) -> Vec<FieldFate> {
    let why = native
        .first()
        .map_or("the backend changes no messages", |fate| &fate.detail);
    let members: JsonMap = to_json(patch)
        .and_then(|json| read(&json))
        .unwrap_or_default();
    members
        .keys()
        .map(|name| {
            let pointer = pointers::member("", name);
            FieldFate::overlay(pointer, format!("kept beside the backend: {why}"))
        })
        .collect()
}

/// What is done here because the backend has no such operation, where its preview does not say so.
fn not_done(write: &Write, can: &Capabilities) -> Option<FieldFate> {
    let (level, pointer, detail): (_, Box<str>, _) = match write {
        Write::UpdateConversation(_) => (
            can.conversation_update,
            "".into(),
            "kept beside the backend, which changes no conversations",
        ),
        Write::DeleteMessage { .. } => (
            can.message_delete,
            "".into(),
            "hidden, still held by the backend",
        ),
        Write::RateMessage { .. } => (
            can.message_rate,
            "/rating".into(),
            "kept beside the backend, which takes no votes",
        ),
        Write::AddParticipants(_) => (
            can.participant_add,
            "/participants".into(),
            "kept beside the backend, which adds no participants",
        ),
        Write::RemoveParticipant { id } => (
            can.participant_remove,
            pointers::member("/participants", id),
            "hidden, still a participant at the backend",
        ),
        Write::PutAttachment { .. } => (
            can.attachment_put,
            "/attachment".into(),
            "kept beside the backend, which takes no files",
        ),
        _ => return None,
    };
    (!level.works()).then(|| FieldFate::overlay(pointer, detail))
}

/// Leaves out of `object` what `violations` name: members, members of objects, items of lists. Nothing where none of
/// them is there: sending the same again would be refused again.
pub(crate) fn without<T: Serialize + DeserializeOwned>(
    object: &T,
    violations: &[Violation],
) -> Result<Option<T>> {
    let mut members: JsonMap = read(&to_json(object)?)?;
    let mut paths: Vec<Vec<String>> = violations
        .iter()
        .map(|one| pointers::names(&one.pointer))
        .collect();
    // Later items first, so that the places of earlier ones stay.
    paths.sort_by_key(|path| {
        std::cmp::Reverse(path.get(1).and_then(|name| name.parse::<usize>().ok()))
    });
    paths.dedup_by(|one, other| {
        one.first() == other.first() && one.get(1).is_some() && one.get(1) == other.get(1)
    });
    let mut is_less = false;
    for path in paths {
        is_less |= take(&mut members, &path)?;
    }
    if !is_less {
        return Ok(None);
    }
    // A message without its only part is none: nothing is left to be sent.
    Ok(read(&to_json(&members)?).ok())
}

fn take(members: &mut JsonMap, path: &[String]) -> Result<bool> {
    let levels = match path.first().map(String::as_str) {
        Some("extensions") => 2,
        Some("metadata" | "assistant" | "source") => 1,
        _ => 0,
    };
    take_below(members, path, levels)
}

/// Takes out what is at `path`, at most `levels` objects deep: what lies deeper goes with the object around it.
fn take_below(members: &mut JsonMap, path: &[String], levels: usize) -> Result<bool> {
    let Some((name, rest)) = path.split_first() else {
        return Ok(false);
    };
    let Some(value) = members.get(name.as_str()) else {
        return Ok(false);
    };
    let less = match rest.first() {
        Some(item) if value.get().starts_with('[') => without_item(value, item)?,
        Some(_) if levels > 0 && value.get().starts_with('{') => {
            let mut inner: JsonMap = read(value)?;
            if !take_below(&mut inner, rest, levels - 1)? {
                return Ok(false);
            }
            Some(to_json(&inner)?)
        }
        _ => None,
    };
    match less {
        Some(less) => drop(members.insert(name.as_str().into(), less)),
        None => drop(members.remove(name.as_str())),
    }
    Ok(true)
}

/// A list without one item; nothing where it would be empty, or where the item has no place in it.
fn without_item(list: &RawJson, item: &str) -> Result<Option<RawJson>> {
    let mut items: Vec<RawJson> = read(list)?;
    match item.parse::<usize>() {
        Ok(place) if place < items.len() => drop(items.remove(place)),
        _ => return Ok(None),
    }
    if items.is_empty() {
        Ok(None)
    } else {
        to_json(&items).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use backend::{Level, RespondRequest};
    use conversation::{MessagePatch, NewConversation, NewMessage, Part, Role};

    use super::*;

    fn violation(pointer: &str) -> Violation {
        Violation {
            pointer: pointer.to_owned(),
            code: "not-held",
            detail: String::new(),
            exceeds: None,
        }
    }

    fn left(json: &str, pointers: &[&str]) -> Option<String> {
        let new: NewConversation = serde_json::from_str(json).unwrap();
        let violations: Vec<Violation> = pointers.iter().map(|one| violation(one)).collect();
        without(&new, &violations)
            .unwrap()
            .map(|new| serde_json::to_string(&new).unwrap())
    }

    #[test]
    fn what_is_refused_is_left_out_and_nothing_else() {
        let json = r#"{"title":"t","labels":["a","b","c"],"metadata":{"a/b":1.50,"c":2},"extensions":{"x":{"y":1,"z":2}}}"#;
        assert_eq!(
            left(
                json,
                &[
                    "/title",
                    "/labels/0",
                    "/labels/2",
                    "/metadata/c",
                    "/extensions/x/y"
                ]
            )
            .as_deref(),
            Some(r#"{"labels":["b"],"metadata":{"a/b":1.50},"extensions":{"x":{"z":2}}}"#)
        );
        assert_eq!(
            left(
                r#"{"labels":["a"],"metadata":{"c":1}}"#,
                &["/labels/0", "/metadata"]
            )
            .as_deref(),
            Some("{}")
        );
        assert_eq!(left(json, &["/owner", "/metadata/d", ""]), None);
    }

    #[test]
    fn two_refusals_of_one_item_leave_out_one_item() {
        let json = r#"{"participants":[{"id":"a"},{"id":"b"},{"id":"c"}]}"#;
        let less = left(
            json,
            &[
                "/participants/1/name",
                "/participants/0",
                "/participants/1/handles",
            ],
        );
        assert_eq!(
            less.as_deref(),
            Some(r#"{"participants":[{"id":"c","kind":"unknown"}]}"#)
        );
    }

    #[test]
    fn what_the_backend_cannot_hold_is_kept_and_what_nobody_can_do_stays_refused() {
        let can = Capabilities {
            respond: Level::Full,
            ..Capabilities::default()
        };
        let request = RespondRequest {
            input: Some(NewMessage::of(
                Role::User,
                vec![Part::Reasoning("hm".into())],
            )),
            ..RespondRequest::default()
        };
        let write = Write::Respond(request);
        let mut native = Projection::exact(write.clone());
        native.fates = [
            "/input/subject",
            "/assistant/model",
            "/template",
            "/input/parts",
            "/context",
        ]
        .map(|pointer| FieldFate::rejected(pointer, "no"))
        .to_vec();
        let fates: Vec<(String, Fate)> = over(&write, native, &can)
            .fates
            .into_iter()
            .map(|fate| (fate.pointer, fate.fate))
            .collect();
        let refused = |pointer: &str| (pointer.to_owned(), Fate::Rejected);
        assert_eq!(
            fates,
            [
                ("/input/subject".to_owned(), Fate::Overlay),
                refused("/assistant/model"),
                refused("/template"),
                refused("/input/parts"),
            ]
        );
    }

    #[test]
    fn a_change_of_a_message_that_the_backend_cannot_change_names_its_members() {
        let patch: MessagePatch =
            serde_json::from_str(r#"{"subject":null,"metadata":{"a":1}}"#).unwrap();
        let write = Write::UpdateMessage {
            id: "m".parse().unwrap(),
            patch,
        };
        let mut native = Projection::exact(write.clone());
        native.is_held = false;
        native.fates = vec![FieldFate::rejected("/parts", "no such thing")];
        let fates = over(&write, native, &Capabilities::default()).fates;
        let pointers: Vec<&str> = fates.iter().map(|fate| fate.pointer.as_str()).collect();
        assert_eq!(pointers, ["/metadata", "/subject"]);
        assert!(
            fates
                .iter()
                .all(|fate| fate.fate == Fate::Overlay && fate.detail.contains("no such thing"))
        );
    }
}
