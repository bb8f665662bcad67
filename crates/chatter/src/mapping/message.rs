//! Messages, both ways.

use adapterkit::{Unmappable, difference, members, with_kept};
use conversation::{
    ConversationId, Extensions, JsonMap, Message, MessageId, MessageStatus, Part, Rating, Role,
    Time, Usage, text_of,
};

use super::EXTENSION;
use super::spelling::{is_spelled_as_usual, spelled_time};
use super::turns::is_apology;
use crate::wire::{Extra, Member, MessageResponse, MessageRole};

/// A message of the vendor in canonical form.
///
/// # Errors
/// Where its id or a time cannot be read.
pub fn message_to_canonical(
    wire: &MessageResponse,
    conversation_id: ConversationId,
) -> Result<Message, Unmappable> {
    let mut message = core(wire, conversation_id)?;
    let mut kept = if comes_back(wire) {
        JsonMap::new()
    } else {
        let built = build(&message, &wire.conversation_id, wire.sequence_number);
        difference(&members(wire)?, &members(&built)?, &[])?
    };
    kept.insert("sequence_number".into(), sequence(wire)?);
    message.extensions.insert(EXTENSION.into(), kept);
    Ok(message)
}

/// The vendor's object of a message: exactly the one it came from, where nothing was changed since.
///
/// `native` is the conversation's id there, `number` its place for a message that never was there.
///
/// # Errors
/// Where kept members have lost their shape.
pub fn message_from_canonical(
    message: &Message,
    native: &str,
    number: i64,
) -> Result<MessageResponse, Unmappable> {
    let built = members(&build(message, native, number))?;
    let Some(kept) = message.extensions.get(EXTENSION) else {
        return with_kept(built, &JsonMap::new());
    };
    let same: MessageResponse = with_kept(built.clone(), kept)?;
    let mut again = core(&same, message.conversation_id)?;
    again.extensions.clone_from(&message.extensions);
    if again == *message {
        return Ok(same);
    }
    // Something with a canonical home was changed: a kept spelling of it is out of date.
    let homeless: JsonMap = kept
        .iter()
        .filter(|(name, _)| !built.contains_key(*name) || &***name == "sequence_number")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    with_kept(built, &homeless)
}

fn sequence(wire: &MessageResponse) -> Result<conversation::RawJson, Unmappable> {
    conversation::RawJson::from_serialize(&wire.sequence_number)
        .map_err(|_| Unmappable("sequence_number"))
}

/// Whether [`build`] makes exactly this object again: so for every recorded message of V1 and V2, and far cheaper to
/// see than to compare.
fn comes_back(wire: &MessageResponse) -> bool {
    let votes_fit = match (&wire.rating, &wire.rating_count) {
        (Member::Null, Member::Value(_)) => true,
        (Member::Value(_), Member::Value(count)) => *count > 0,
        _ => false,
    };
    let all_sent = !(wire.prompt_tokens.is_absent()
        || wire.completion_tokens.is_absent()
        || wire.total_tokens.is_absent()
        || wire.model_used.is_absent()
        || wire.provider_used.is_absent()
        || wire.response_time_ms.is_absent()
        || wire.cost.is_absent()
        || wire.finish_reason.is_absent());
    votes_fit && all_sent && wire.extra.is_empty() && is_spelled_as_usual(&wire.created_at)
}

/// Everything with a canonical home.
fn core(wire: &MessageResponse, conversation_id: ConversationId) -> Result<Message, Unmappable> {
    let id: MessageId = wire.id.parse().map_err(|_| Unmappable("id"))?;
    let created_at: Time = wire
        .created_at
        .parse()
        .map_err(|_| Unmappable("created_at"))?;
    let role = match &wire.role {
        MessageRole::User => Role::User,
        MessageRole::Assistant => Role::Assistant,
        MessageRole::System => Role::System,
        MessageRole::Tool => Role::Tool,
        MessageRole::Other(text) => Role::Other(text.as_str().into()),
    };
    let usage = Usage {
        input_tokens: wire.prompt_tokens.into_value(),
        output_tokens: wire.completion_tokens.into_value(),
        total_tokens: wire.total_tokens.into_value(),
        cost: wire.cost.into_value(),
    };
    let count = wire.rating_count.into_value().unwrap_or_default();
    let boxed = |member: &Member<String>| member.value().map(|text| text.as_str().into());
    Ok(Message {
        id,
        conversation_id,
        direction: role.direction(),
        role,
        author: None,
        recipients: Vec::new(),
        subject: None,
        parts: vec![Part::text(wire.content.as_str())],
        in_reply_to: None,
        status: if is_apology(wire) {
            MessageStatus::Failed
        } else {
            MessageStatus::Sent
        },
        rating: (count > 0).then(|| Rating {
            mean: wire.rating.into_value(),
            count,
            mine: None,
        }),
        usage: Some(usage).filter(|usage| *usage != Usage::default()),
        model: boxed(&wire.model_used),
        provider: boxed(&wire.provider_used),
        finish_reason: boxed(&wire.finish_reason),
        latency_ms: wire.response_time_ms.into_value(),
        source: JsonMap::new(),
        metadata: JsonMap::new(),
        client_message_id: None,
        sent_at: created_at,
        created_at,
        edited_at: None,
        extensions: Extensions::new(),
    })
}

/// The wire object as far as canonical fields give it.
fn build(message: &Message, native: &str, number: i64) -> MessageResponse {
    let usage = message.usage.clone().unwrap_or_default();
    let rating = message.rating.clone().unwrap_or_default();
    let text = |text: &Option<Box<str>>| Member::or_null(text.as_deref().map(str::to_owned));
    MessageResponse {
        role: match &message.role {
            Role::User => MessageRole::User,
            Role::Assistant => MessageRole::Assistant,
            Role::System => MessageRole::System,
            Role::Tool => MessageRole::Tool,
            Role::Other(text) => MessageRole::Other(String::from(&**text)),
        },
        content: text_of(&message.parts),
        id: message.id.to_string(),
        conversation_id: native.to_owned(),
        sequence_number: number,
        prompt_tokens: Member::or_null(usage.input_tokens),
        completion_tokens: Member::or_null(usage.output_tokens),
        total_tokens: Member::or_null(usage.total_tokens),
        model_used: text(&message.model),
        provider_used: text(&message.provider),
        response_time_ms: Member::or_null(message.latency_ms),
        cost: Member::or_null(usage.cost),
        finish_reason: text(&message.finish_reason),
        rating: Member::or_null(rating.mean),
        rating_count: Member::Value(rating.count),
        created_at: spelled_time(message.created_at),
        extra: Extra::new(),
    }
}
