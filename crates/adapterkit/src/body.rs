//! Bodies that are handed in to be translated: reading them, and what of them has no canonical home.

use backend::{Error, Fate, FieldFate, Kind, Projection, Result};
use conversation::{
    Conversation, Extensions, JsonMap, Message, MessageStatus, NewConversation, NewMessage,
    RawJson, Status, Violation,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::{Unmappable, member_pointer, members};

/// Reads a body of one shape of a vendor. `vendor` is the name as it stands in sentences.
///
/// # Errors
/// [`Kind::InvalidRequest`] with a violation whose pointer names the member that is missing or has another type. No
/// value of the body is repeated.
pub fn read_body<T: DeserializeOwned>(body: &RawJson, vendor: &str) -> Result<T> {
    let mut deserializer = serde_json::Deserializer::from_str(body.get());
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let mut pointer = String::new();
        for segment in error.path() {
            match segment {
                Segment::Seq { index } => pointer = format!("{pointer}/{index}"),
                Segment::Map { key } => pointer = member_pointer(&pointer, key),
                Segment::Enum { .. } | Segment::Unknown => {}
            }
        }
        let message = error.inner().to_string();
        let missing = message
            .strip_prefix("missing field `")
            .and_then(|rest| rest.split('`').next());
        match missing {
            Some(name) => wrong_body(vendor, member_pointer(&pointer, name), "missing-field"),
            None => wrong_body(vendor, pointer, "invalid-type"),
        }
    })
}

/// A body that is not of the vendor's shape at `pointer`.
#[must_use]
pub fn wrong_body(vendor: &str, pointer: impl Into<String>, code: &'static str) -> Error {
    let detail = match code {
        "missing-field" => format!("{vendor}'s shape has a member here"),
        _ => format!("{vendor}'s shape has something else here"),
    };
    let violation = Violation {
        pointer: pointer.into(),
        code,
        detail,
        exceeds: None,
    };
    let message = format!("the body is not of {vendor}'s shape");
    Error::new(Kind::InvalidRequest, message).violations(vec![violation])
}

/// A member of a body that has the right type and no canonical value, such as a time that is none.
#[must_use]
pub fn unmappable_body(vendor: &str, unmappable: Unmappable) -> Error {
    wrong_body(vendor, format!("/{}", unmappable.0), "invalid-value")
}

/// The fates of members that have no canonical home, or whose spelling the canonical form does not bring back.
/// `kept` is what stands under `extensions`, in `extension`.
#[must_use]
pub fn kept_fates(kept: &JsonMap, extension: &str) -> Vec<FieldFate> {
    let detail = format!("has no canonical home as it is: kept in `extensions.{extension}`");
    kept.keys()
        .filter(|name| &***name != crate::kept::ABSENT)
        .map(|name| FieldFate::overlay(member_pointer("", name), detail.clone()))
        .collect()
}

/// Keeps these members under `extensions`, in `extension`, and gives their fates.
pub fn keep_members(extensions: &mut Extensions, extension: &str, kept: JsonMap) -> Vec<FieldFate> {
    let fates = kept_fates(&kept, extension);
    if !kept.is_empty() {
        extensions.insert(extension.into(), kept);
    }
    fates
}

/// The fates of kept members that have no place in a body that is sent. `vendor` is the name as it stands in sentences.
#[must_use]
pub fn homeless_fates(kept: &JsonMap, extension: &str, vendor: &str) -> Vec<FieldFate> {
    let pointer = member_pointer("/extensions", extension);
    let detail = format!("no member of what {vendor} is sent");
    kept.keys()
        .map(|name| FieldFate::rejected(member_pointer(&pointer, name), detail.clone()))
        .collect()
}

/// What would have to be sent to make this conversation: everything that a client can set.
#[must_use]
pub fn to_new_conversation(conversation: Conversation) -> NewConversation {
    NewConversation {
        kind: Some(conversation.kind),
        title: conversation.title,
        description: conversation.description,
        status: Some(conversation.status).filter(|status| *status != Status::Open),
        priority: conversation.priority,
        labels: conversation.labels,
        participants: conversation.participants,
        owner: conversation.owner,
        icon_url: conversation.icon_url,
        assistant: conversation.assistant,
        metadata: conversation.metadata,
        created_at: None,
        extensions: conversation.extensions,
    }
}

/// What would have to be sent to make this message: everything that a client can set.
#[must_use]
pub fn to_new_message(message: Message) -> NewMessage {
    let direction = message.role.direction();
    NewMessage {
        role: message.role,
        author: message.author,
        direction: Some(message.direction).filter(|given| *given != direction),
        recipients: message.recipients,
        subject: message.subject,
        parts: message.parts,
        in_reply_to: message.in_reply_to,
        status: Some(message.status).filter(|status| *status != MessageStatus::Sent),
        rating: message.rating,
        usage: message.usage,
        model: message.model,
        provider: message.provider,
        finish_reason: message.finish_reason,
        latency_ms: message.latency_ms,
        source: message.source,
        metadata: message.metadata,
        client_message_id: message.client_message_id,
        sent_at: Some(message.sent_at),
        edited_at: message.edited_at,
        extensions: message.extensions,
    }
}

/// The request body that `built` becomes with the vendor's own members that the canonical form does not hold: those
/// of `kept` that are in `names` and that `built` does not have. They are taken out of `kept`; what is left there has
/// no place in this body.
///
/// # Errors
/// [`Kind::Internal`], where a body is no JSON: never in practice.
pub fn put_back<T: Serialize + DeserializeOwned>(
    built: &T,
    kept: &mut JsonMap,
    names: &[&str],
) -> Result<RawJson> {
    let internal = |_| Error::new(Kind::Internal, "a body could not be written");
    let mut body = members(built).map_err(internal)?;
    let mut whole = RawJson::from_serialize(built)
        .map_err(|_| Error::new(Kind::Internal, "a body could not be written"))?;
    for name in names {
        if body.contains_key(*name) {
            continue;
        }
        let Some(value) = kept.get(*name) else {
            continue;
        };
        body.insert((*name).into(), value.clone());
        // A kept member may have been changed since: one that no longer fits stays out.
        let again = RawJson::from_serialize(&body)
            .ok()
            .and_then(|body| body.to::<T>().ok())
            .and_then(|body| RawJson::from_serialize(&body).ok());
        match again {
            Some(again) => {
                kept.remove(*name);
                whole = again;
            }
            None => {
                body.remove(*name);
            }
        }
    }
    Ok(whole)
}

/// Why a write has no place at the vendor as a whole.
///
/// # Errors
/// [`Kind::NotHeld`] with a violation for each rejected field, where `projection` is not held.
pub fn check_held(projection: &Projection, vendor: &str) -> Result<()> {
    if projection.is_held {
        return Ok(());
    }
    let rejected = projection
        .fates
        .iter()
        .filter(|fate| fate.fate == Fate::Rejected);
    let violations = rejected.map(|fate| Violation {
        pointer: fate.pointer.clone(),
        code: "not-held",
        detail: fate.detail.clone(),
        exceeds: fate.exceeds,
    });
    let message = format!("{vendor} has no place for this");
    Err(Error::new(Kind::NotHeld, message).violations(violations.collect()))
}

#[cfg(test)]
#[expect(unreachable_pub, reason = "wire objects are public")]
mod tests {
    use super::*;
    use crate::wire_object;

    wire_object! {
        /// An answer.
        pub struct Inner {
            required text: String,
        }
    }

    wire_object! {
        /// A body.
        pub struct Outer {
            required id: String,
            optional inner = "in/ner": Vec<Inner>,
            optional count: u64,
        }
    }

    fn map(text: &str) -> JsonMap {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_body_of_another_shape_is_refused_with_the_members_pointer() {
        let table = [
            ("7", "", "invalid-type"),
            ("{}", "/id", "missing-field"),
            (r#"{"id":null}"#, "/id", "invalid-type"),
            (r#"{"id":"a","count":-1}"#, "/count", "invalid-type"),
            (
                r#"{"id":"a","in/ner":[{"text":"t"},{}]}"#,
                "/in~1ner/1/text",
                "missing-field",
            ),
            (
                r#"{"id":"a","in/ner":["planted"]}"#,
                "/in~1ner/0",
                "invalid-type",
            ),
        ];
        for (body, pointer, code) in table {
            let body = RawJson::parse(body).unwrap();
            let error = read_body::<Outer>(&body, "acme").unwrap_err();
            let violation = &error.violations[0];
            assert_eq!(
                (error.kind, violation.pointer.as_str(), violation.code),
                (Kind::InvalidRequest, pointer, code)
            );
            assert!(!format!("{error:?}").contains("planted"));
        }
        let body = RawJson::parse(r#"{"id":"a","more":1.50}"#).unwrap();
        let read: Outer = read_body(&body, "acme").unwrap();
        assert_eq!(read.extra["more"].text(), "1.50");
        assert_eq!(Outer::MEMBERS, ["id", "in/ner", "count"]);
        assert_eq!(Inner::MEMBERS, ["text"]);
    }

    #[test]
    fn kept_members_go_back_into_a_body_that_has_them() {
        let built: Outer = serde_json::from_str(r#"{"id":"a"}"#).unwrap();
        let mut kept = map(r#"{"id":"other","count":3,"in/ner":"changed since","more":1}"#);
        let body = put_back(&built, &mut kept, Outer::MEMBERS).unwrap();
        assert_eq!(body.get(), r#"{"id":"a","count":3}"#);
        let fates = homeless_fates(&kept, "acme", "acme");
        let pointers: Vec<&str> = fates.iter().map(|fate| fate.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/extensions/acme/id",
                "/extensions/acme/in~1ner",
                "/extensions/acme/more"
            ]
        );
    }

    #[test]
    fn a_conversation_comes_back_from_what_would_make_it() {
        let new: NewConversation = serde_json::from_str(
            r#"{"kind":"mail","title":"t","status":"archived","labels":["a"],"extensions":{"x":{"y":1}}}"#,
        )
        .unwrap();
        let id = conversation::ConversationId::derive("b", "n");
        let now = conversation::Time::now();
        let held = new.clone().into_conversation(id, "b", now);
        assert_eq!(to_new_conversation(held), new);
        let said = NewMessage::text(conversation::Role::Assistant, "words");
        let id = conversation::MessageId::derive(&["m"]);
        let held = said.clone().into_message(id, held_in(), now);
        let again = to_new_message(held);
        assert_eq!(again.sent_at, Some(now));
        assert_eq!(
            NewMessage {
                sent_at: None,
                ..again
            },
            said
        );
    }

    fn held_in() -> conversation::ConversationId {
        conversation::ConversationId::derive("b", "n")
    }

    #[test]
    fn kept_members_are_named_without_what_was_not_sent() {
        let mut extensions = Extensions::new();
        let kept = map(r#"{"a/b":1,"absent_members":["c"]}"#);
        let fates = keep_members(&mut extensions, "acme", kept);
        assert_eq!(fates.len(), 1);
        assert_eq!(fates[0].pointer, "/a~1b");
        assert_eq!(extensions["acme"].len(), 2);
        assert!(keep_members(&mut extensions, "other", JsonMap::new()).is_empty());
        assert!(!extensions.contains_key("other"));
    }
}
