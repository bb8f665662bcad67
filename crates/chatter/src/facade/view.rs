//! Conversations and messages as the vendor's clients take them.
//!
//! The adapter's mapping makes the objects; here they lose what a client of the vendor would choke on.

use std::borrow::Cow;

use backend::Principal;
use conversation::{Conversation, Message, Part, Status, text_of};

use super::answers::{Problems, Refusal};
use super::ids::{MESSAGES, user_id};
use crate::mapping::{
    TITLE_MAX_CHARS, conversation_from_canonical, message_from_canonical, spelled_time,
};
use crate::wire::{
    ConversationResponse, ConversationStatus, Member, MessageResponse, MessageRole, Raw,
};

/// What every conversation has that sets nothing else (measured on commits 56cfcd49 and fe43ba0b).
const CONTEXT_WINDOW: u64 = 4_096;
const RETRIEVAL_LIMIT: u64 = 5;
const RETRIEVAL_SCORE_THRESHOLD: f64 = 0.7;

/// A conversation under the id that its callers know.
pub(crate) fn conversation(
    conversation: &Conversation,
    spelled: &str,
    principal: &Principal,
    problems: &Problems,
) -> Result<ConversationResponse, Refusal> {
    let user = user_id(principal);
    let made = conversation_from_canonical(conversation, spelled, &user).or_else(|_| {
        // Kept members have lost their shape: the object without them is still one.
        let bare = Conversation {
            extensions: conversation::Extensions::new(),
            ..conversation.clone()
        };
        conversation_from_canonical(&bare, spelled, &user)
    });
    let mut made = made.map_err(|_| problems.internal())?;
    spelled.clone_into(&mut made.id);
    if let Some(title) = conversation
        .title
        .as_deref()
        .filter(|title| !title.is_empty())
    {
        // The mapping takes blanks for none, and one blank stands for that.
        title.clone_into(&mut made.title);
    }
    if made.title.chars().count() > TITLE_MAX_CHARS {
        made.title = made.title.chars().take(TITLE_MAX_CHARS).collect();
    }
    if let ConversationStatus::Other(_) = made.status {
        made.status = match conversation.status {
            Status::Archived => ConversationStatus::Archived,
            Status::Trashed => ConversationStatus::Deleted,
            _ => ConversationStatus::Active,
        };
    }
    or_null(&mut made.description);
    or_null(&mut made.profile_id);
    or_null(&mut made.llm_provider);
    or_null(&mut made.llm_model);
    or_null(&mut made.temperature);
    or_null(&mut made.max_tokens);
    or_value(&mut made.enable_retrieval, || false);
    or_value(&mut made.message_count, || 0);
    or_value(&mut made.total_tokens, || 0);
    or_value(&mut made.total_cost, || 0.0);
    or_null(&mut made.system_prompt);
    or_value(&mut made.context_window, || CONTEXT_WINDOW);
    or_value(&mut made.memory_enabled, || true);
    or_null(&mut made.memory_strategy);
    or_value(&mut made.retrieval_limit, || RETRIEVAL_LIMIT);
    or_value(&mut made.retrieval_score_threshold, || {
        RETRIEVAL_SCORE_THRESHOLD
    });
    or_null(&mut made.tags);
    if made.extra_metadata.value().is_none() {
        made.extra_metadata = Member::or_null(Raw::from_text("{}".to_owned()).ok());
    }
    or_null(&mut made.workflow_config);
    or_null(&mut made.last_message_at);
    made.messages = Member::Absent;
    made.extra.clear();
    Ok(made)
}

/// A message under the ids that its callers know, at its place in the conversation.
pub(crate) fn message(
    message: &Message,
    conversation: &str,
    number: u64,
    problems: &Problems,
) -> Result<MessageResponse, Refusal> {
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    let made = message_from_canonical(message, conversation, number).or_else(|_| {
        let bare = Message {
            extensions: conversation::Extensions::new(),
            ..message.clone()
        };
        message_from_canonical(&bare, conversation, number)
    });
    let mut made = made.map_err(|_| problems.internal())?;
    made.id = (MESSAGES.spell)(message);
    conversation.clone_into(&mut made.conversation_id);
    // Numbers of an earlier home would not go with those that come after them.
    made.sequence_number = number;
    if let MessageRole::Other(_) = made.role {
        made.role = MessageRole::System;
    }
    made.content = content(message);
    // The vendor orders by this, so it is when the message was said and not when it was imported.
    made.created_at = spelled_time(message.sent_at);
    or_null(&mut made.prompt_tokens);
    or_null(&mut made.completion_tokens);
    or_null(&mut made.total_tokens);
    or_null(&mut made.model_used);
    or_null(&mut made.provider_used);
    or_null(&mut made.response_time_ms);
    or_null(&mut made.cost);
    or_null(&mut made.finish_reason);
    or_null(&mut made.rating);
    or_value(&mut made.rating_count, || 0);
    made.extra.clear();
    Ok(made)
}

/// What a message says, in words: never nothing, because the vendor has no empty messages.
pub(crate) fn content(message: &Message) -> String {
    let text = text_of(&message.parts);
    if text.is_empty() {
        let stand_ins: Vec<Cow<'_, str>> = message.parts.iter().filter_map(stand_in).collect();
        return match stand_ins.is_empty() {
            true => "[no text]".to_owned(),
            false => stand_ins.join("\n\n"),
        };
    }
    text
}

/// What stands for a part without words.
fn stand_in(part: &Part) -> Option<Cow<'_, str>> {
    match part {
        Part::ToolCall(call) => Some(format!("[tool call: {}]", call.name).into()),
        Part::Reasoning(_) => Some("[reasoning]".into()),
        Part::Activity(_) => Some("[activity]".into()),
        _ => None,
    }
}

fn or_null<T>(member: &mut Member<T>) {
    if member.is_absent() {
        *member = Member::Null;
    }
}

fn or_value<T>(member: &mut Member<T>, value: impl FnOnce() -> T) {
    if member.value().is_none() {
        *member = Member::Value(value());
    }
}
