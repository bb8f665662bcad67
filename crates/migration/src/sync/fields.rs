//! What is compared and changed of a conversation's own fields.

use backend::{Error, Kind, Outcome, Result};
use conversation::{
    Assistant, Conversation, ConversationId, ConversationPatch, Digest, Extensions, JsonMap,
    NewConversation, NewMessage, Part, Patch, RawJson, Time, strict_digest, text_of,
};

/// The strict digest of a conversation that is made of `new`.
pub(crate) fn digest_of(new: &NewConversation) -> Digest {
    let nobody = ConversationId::from_bits(0);
    strict_digest(&new.clone().into_conversation(nobody, "", Time::now()))
}

/// About how many bytes a message has, without its attachments.
pub(crate) fn size_of(new: &NewMessage) -> usize {
    const ENVELOPE: usize = 512;
    let maps = [&new.metadata, &new.source].into_iter();
    let maps: usize = maps
        .flat_map(|map| map.iter().map(|(key, value)| key.len() + value.get().len()))
        .sum();
    let others: usize = new
        .parts
        .iter()
        .map(|part| match part {
            Part::Unknown(unknown) => unknown.value.get().len(),
            Part::ToolCall(call) => call.arguments.get().len(),
            Part::ToolResult(result) => result.result.get().len(),
            _ => 0,
        })
        .sum();
    ENVELOPE + text_of(&new.parts).len() + maps + others
}

/// The change that makes the fields of `held` those of `wanted`; nothing where they are.
///
/// # Errors
/// [`Kind::Internal`] where a kept value is no JSON.
pub(crate) fn difference(held: &Conversation, wanted: &Conversation) -> Result<ConversationPatch> {
    if strict_digest(held) == strict_digest(wanted) {
        return Ok(ConversationPatch::default());
    }
    Ok(ConversationPatch {
        kind: set_if(held.kind != wanted.kind, &wanted.kind),
        title: option(&held.title, &wanted.title),
        description: option(&held.description, &wanted.description),
        status: set_if(held.status != wanted.status, &wanted.status),
        priority: option(&held.priority, &wanted.priority),
        labels: set_if(held.labels != wanted.labels, &wanted.labels),
        participants: set_if(
            held.participants != wanted.participants,
            &wanted.participants,
        ),
        owner: option(&held.owner, &wanted.owner),
        icon_url: option(&held.icon_url, &wanted.icon_url),
        assistant: assistant(held.assistant.as_ref(), wanted.assistant.as_ref())?,
        metadata: map(&held.metadata, &wanted.metadata)?,
        extensions: map(&members(&held.extensions)?, &members(&wanted.extensions)?)?,
    })
}

fn set_if<T: Clone>(is_other: bool, wanted: &T) -> Patch<T> {
    if is_other {
        Patch::Set(wanted.clone())
    } else {
        Patch::Keep
    }
}

fn option<T: Clone + PartialEq>(held: &Option<T>, wanted: &Option<T>) -> Patch<T> {
    match wanted {
        _ if held == wanted => Patch::Keep,
        Some(wanted) => Patch::Set(wanted.clone()),
        None => Patch::Clear,
    }
}

fn assistant(held: Option<&Assistant>, wanted: Option<&Assistant>) -> Result<Patch<JsonMap>> {
    let members = |assistant: Option<&Assistant>| -> Result<JsonMap> {
        let assistant = assistant.cloned().unwrap_or_default();
        RawJson::from_serialize(&assistant)
            .and_then(|raw| raw.to())
            .map_err(unreadable)
    };
    if held.is_some() && wanted.is_none() {
        return Ok(Patch::Clear);
    }
    map(&members(held)?, &members(wanted)?)
}

fn members(extensions: &Extensions) -> Result<JsonMap> {
    RawJson::from_serialize(extensions)
        .and_then(|raw| raw.to())
        .map_err(unreadable)
}

fn map(held: &JsonMap, wanted: &JsonMap) -> Result<Patch<JsonMap>> {
    if held == wanted {
        return Ok(Patch::Keep);
    }
    if wanted.is_empty() {
        return Ok(Patch::Clear);
    }
    Ok(Patch::Set(merge_patch(held, wanted).map_err(unreadable)?))
}

/// The JSON Merge Patch that makes `held` to `wanted`.
fn merge_patch(
    held: &JsonMap,
    wanted: &JsonMap,
) -> std::result::Result<JsonMap, serde_json::Error> {
    let is_object = |value: &RawJson| value.get().starts_with('{');
    let mut patch = JsonMap::new();
    for key in held.keys().filter(|key| !wanted.contains_key(*key)) {
        patch.insert(key.clone(), RawJson::default());
    }
    for (key, value) in wanted {
        match held.get(key) {
            Some(held) if held == value => {}
            Some(held) if is_object(held) && is_object(value) => {
                let inner = merge_patch(&held.to()?, &value.to()?)?;
                patch.insert(key.clone(), RawJson::from_serialize(&inner)?);
            }
            _ => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    Ok(patch)
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::new(Kind::Internal, "a kept field cannot be read")
        .outcome(Outcome::NotApplied)
        .source(error)
}
