//! Single conversations: create, read, change, delete.

use backend::Kind as ErrorKind;
use conversation::{Assistant, Conversation, Kind, NewConversation, validate_conversation};
use http::StatusCode;

use super::answers::{Answered, Refusal, json};
use super::call::Call;
use super::messages::{Rows, messages_of};
use super::{errors, metadata, view};
use crate::mapping::TITLE_MAX_CHARS;
use crate::wire::{ConversationDeleteResponse, ConversationResponse, Extra, Member};

/// The largest `max_tokens` of a conversation: the vendor's column has 32 bits.
pub(super) const STORED_MAX_TOKENS: i128 = i32::MAX as i128;
/// What stands for no title.
const NO_TITLE: &str = " ";

/// `POST C/`
pub(super) async fn create(call: &Call) -> Answered {
    let mut check = call.check_body()?;
    let title = check.required_text("title");
    if check.is_text("title") {
        check.limit_text("title", &title, 1, TITLE_MAX_CHARS);
    }
    let description = check.text("description").into_value();
    let profile_id = check.text("profile_id").into_value();
    let system_prompt = check.text("system_prompt").into_value();
    let retrieval = check.flag("enable_retrieval", false);
    let temperature = check.number("temperature", 0.0, 2.0).into_value();
    let max_tokens = check.integer("max_tokens", 1, STORED_MAX_TOKENS);
    let workflow_config = check.object("workflow_config").into_value();
    let extra_metadata = check.object("extra_metadata").into_value();
    check.finish(&call.problems)?;

    let (metadata, inside) = metadata::split(extra_metadata.as_ref());
    let assistant = Assistant {
        temperature,
        max_tokens: tokens(max_tokens),
        system_prompt: system_prompt.map(Into::into),
        workflow_config: workflow_config.or(inside),
        // As in the objects: false says nothing.
        retrieval: retrieval.filter(|enabled| *enabled),
        profile_id: profile_id.map(Into::into),
        ..Assistant::default()
    };
    let new = NewConversation {
        kind: Some(Kind::Assistant),
        title: title_of(&title),
        description: description.map(Into::into),
        assistant: Some(assistant).filter(|assistant| !assistant.is_empty()),
        metadata,
        ..NewConversation::default()
    };
    let made = make(call, new).await;
    let made = made.map_err(|error| call.failed(&error))?;
    Ok(json(StatusCode::CREATED, &shown_after(call, &made).await?))
}

/// Makes a conversation by the rules that hold on every backend.
pub(super) async fn make(call: &Call, new: NewConversation) -> backend::Result<Conversation> {
    let broken = validate_conversation(&new);
    if !broken.is_empty() {
        let error = backend::Error::new(ErrorKind::InvalidRequest, "members are wrong");
        return Err(error.violations(broken));
    }
    let backend = &call.api.parts.backend;
    let made = backend.create_conversation(&call.cx(), new).await?;
    Ok(made.conversation)
}

/// A conversation as its callers see it.
pub(super) async fn shown(
    call: &Call,
    conversation: &Conversation,
) -> Result<ConversationResponse, Refusal> {
    let spelled = call.spelled(conversation).await;
    let spelled = spelled.map_err(|error| call.failed(&error))?;
    show(call, conversation, &spelled)
}

/// The same behind a write: where it cannot be shown, it was done all the same.
pub(super) async fn shown_after(
    call: &Call,
    conversation: &Conversation,
) -> Result<ConversationResponse, Refusal> {
    let spelled = call.spelled(conversation).await;
    let spelled = spelled.map_err(|error| call.failed(&errors::afterwards(error)))?;
    show(call, conversation, &spelled)
}

fn show(
    call: &Call,
    conversation: &Conversation,
    spelled: &str,
) -> Result<ConversationResponse, Refusal> {
    view::conversation(
        conversation,
        spelled,
        &call.caller.principal,
        &call.problems,
    )
}

/// `GET C/{id}`
pub(super) async fn get(call: &Call, id: &str) -> Answered {
    let mut check = call.check_query();
    let with_messages = check.flag("include_messages", false).unwrap_or(true);
    check.finish(&call.problems)?;
    let named = call.conversation(id).await?;
    let cx = call.cx();
    let backend = &call.api.parts.backend;
    let found = backend.get_conversation(&cx, &named.at).await;
    let found = found.map_err(|error| call.failed(&error))?;
    let mut wire = shown(call, &found).await?;
    wire.messages = Member::Value(if with_messages {
        let spelled = wire.id.clone();
        messages_of(call, &named, &spelled, Rows::ALL, "include_messages").await?
    } else {
        Vec::new()
    });
    Ok(json(StatusCode::OK, &wire))
}

/// `DELETE C/{id}`
pub(super) async fn delete(call: &Call, id: &str) -> Answered {
    let named = call.conversation(id).await?;
    let backend = &call.api.parts.backend;
    let cx = call.cx();
    let deleted = backend.delete_conversation(&cx, &named.at, None).await;
    deleted.map_err(|error| call.failed(&error))?;
    let answer = ConversationDeleteResponse {
        message: "Conversation deleted successfully".to_owned(),
        extra: Extra::new(),
    };
    Ok(json(StatusCode::OK, &answer))
}

/// Takes back a conversation that was made for a chat which then did nothing.
pub(super) async fn take_back(call: &Call, conversation: &Conversation) {
    let at = backend::Location::unresolved(conversation.id);
    let backend = &call.api.parts.backend;
    match backend.delete_conversation(&call.cx(), &at, None).await {
        Err(error) if error.kind != ErrorKind::NotFound => {
            tracing::warn!(conversation.id = %conversation.id, %error, "a conversation without a chat could not be taken back");
        }
        _ => {}
    }
}

/// The title, where there is one: the vendor has no conversation without, so one blank stands for none.
pub(super) fn title_of(title: &str) -> Option<Box<str>> {
    Some(title)
        .filter(|title| !["", NO_TITLE].contains(title))
        .map(Into::into)
}

/// A checked number of tokens.
pub(super) fn tokens(member: Member<i128>) -> Option<u64> {
    let value = member.into_value();
    value.and_then(|value| u64::try_from(value).ok())
}
