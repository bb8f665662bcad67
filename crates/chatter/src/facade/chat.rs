//! Chats: what the caller says is stored and answered, in one piece.

use std::time::Instant;

use backend::{
    Error, Event, EventStream, Kind as ErrorKind, Outcome, RespondRequest, Result as BackendResult,
};
use conversation::{
    Assistant, Conversation, Kind, Message, NewConversation, NewMessage, RawJson, Role,
    validate_message,
};
use futures_util::StreamExt;
use http::StatusCode;

use super::answers::{Answered, Refusal, json};
use super::call::{Call, Named};
use super::conversations::{make, shown_after, take_back, title_of};
use super::messages::place_of;
use super::{errors, view};
use crate::wire::{ChatResponse, Extra};

/// The most tokens of an answer.
const CHAT_MAX_TOKENS: i128 = 8_192;
/// How much of a message becomes the title of the conversation that it begins, in characters.
const TITLE_CHARS: usize = 50;
/// The way of answering where none is named.
const PLAIN: &str = "plain";

/// What a chat asks for.
#[derive(Debug)]
pub(super) struct Asked {
    message: String,
    conversation_id: Option<String>,
    profile_id: Option<String>,
    workflow: Option<&'static str>,
    provider: Option<String>,
    temperature: Option<f64>,
    max_tokens: Option<u64>,
    retrieval: Option<bool>,
    system_prompt: Option<String>,
    workflow_config: Option<RawJson>,
}

/// Reads the body of a chat, by the newest release: it knows no `stream`, and takes no notice of one.
pub(super) fn read(call: &Call) -> Result<Asked, Refusal> {
    let mut check = call.check_body()?;
    let message = check.required_text("message");
    let conversation_id = check.text("conversation_id").into_value();
    let profile_id = check.text("profile_id").into_value();
    let workflow = check.choice("workflow", false, &[PLAIN, "rag", "tools", "full"]);
    let provider = check.text("provider").into_value();
    let temperature = check.number("temperature", 0.0, 2.0).into_value();
    let max_tokens = check.integer("max_tokens", 1, CHAT_MAX_TOKENS);
    // Checked and without effect, as at the vendor: no backend has a place for them.
    check.integer("context_limit", 1, super::check::I64_MAX);
    let retrieval = check.flag("enable_retrieval", true);
    check.check_texts("document_ids");
    let system_prompt = check.text("system_prompt_override").into_value();
    let workflow_config = check.object("workflow_config").into_value();
    check.text("workflow_type");
    check.text("prompt_id");
    check.finish(&call.problems)?;
    Ok(Asked {
        message,
        conversation_id: conversation_id.filter(|id| !id.is_empty()),
        profile_id,
        workflow,
        provider,
        temperature,
        max_tokens: max_tokens
            .into_value()
            .and_then(|tokens| u64::try_from(tokens).ok()),
        retrieval: retrieval.filter(|enabled| *enabled),
        system_prompt,
        workflow_config,
    })
}

/// The conversation that a chat goes on in.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) named: Named,
    /// The conversation's id as its callers know it.
    pub(super) spelled: String,
    /// The conversation, where the chat has just begun it.
    made: Option<Conversation>,
}

impl Opened {
    /// Takes back what was made for a chat that certainly did nothing.
    pub(super) async fn undo(&self, call: &Call, error: &Error) {
        if let Some(made) = &self.made
            && error.outcome == Outcome::NotApplied
        {
            take_back(call, made).await;
        }
    }
}

/// Finds the conversation, or begins one.
pub(super) async fn open(call: &Call, asked: &Asked) -> BackendResult<Opened> {
    check_message(&asked.message)?;
    let Some(id) = &asked.conversation_id else {
        let made = make(call, begun(asked)).await?;
        let spelled = match call.spelled(&made).await {
            Ok(spelled) => spelled,
            Err(error) => {
                take_back(call, &made).await;
                return Err(error);
            }
        };
        return Ok(Opened {
            named: Named {
                at: backend::Location::unresolved(made.id),
                is_own: false,
            },
            spelled,
            made: Some(made),
        });
    };
    let named = call.find(id).await?;
    let named = named.ok_or_else(Error::conversation_not_found)?;
    let backend = &call.api.parts.backend;
    let found = backend.get_conversation(&call.cx(), &named.at).await?;
    Ok(Opened {
        spelled: call.spelled(&found).await?,
        named,
        made: None,
    })
}

/// What the vendor's database refuses, and the rules that hold on every backend.
fn check_message(message: &str) -> BackendResult<()> {
    let invalid = |detail: &str| Err(Error::new(ErrorKind::InvalidRequest, detail));
    if message.is_empty() {
        return invalid("the message is empty");
    }
    if message.contains('\0') {
        return invalid("the character NUL is not allowed in a message");
    }
    match validate_message(&NewMessage::text(Role::User, message)).first() {
        Some(broken) => invalid(&broken.detail),
        None => Ok(()),
    }
}

/// The conversation that a message begins: its first words are the title.
fn begun(asked: &Asked) -> NewConversation {
    let mut title: String = asked.message.chars().take(TITLE_CHARS).collect();
    if asked.message.chars().count() > TITLE_CHARS {
        title.push_str("...");
    }
    let assistant = Assistant {
        temperature: asked.temperature,
        max_tokens: asked.max_tokens,
        workflow_config: asked.workflow_config.clone(),
        profile_id: asked.profile_id.as_deref().map(Into::into),
        ..Assistant::default()
    };
    NewConversation {
        kind: Some(Kind::Assistant),
        title: title_of(&title),
        assistant: Some(assistant).filter(|assistant| !assistant.is_empty()),
        ..NewConversation::default()
    }
}

impl Asked {
    /// The way of answering, for the figures.
    pub(super) fn workflow(&self) -> &'static str {
        self.workflow.unwrap_or(PLAIN)
    }
}

/// Asks for the answer.
pub(super) async fn answer(
    call: &Call,
    opened: &Opened,
    asked: &Asked,
    template: Option<&str>,
) -> BackendResult<EventStream> {
    let assistant = Assistant {
        provider: asked.provider.as_deref().map(Into::into),
        temperature: asked.temperature,
        max_tokens: asked.max_tokens,
        system_prompt: asked.system_prompt.as_deref().map(Into::into),
        // The plain way is every backend's own.
        workflow: asked
            .workflow
            .filter(|workflow| *workflow != PLAIN)
            .map(Into::into),
        retrieval: asked.retrieval,
        ..Assistant::default()
    };
    let request = RespondRequest {
        input: Some(NewMessage::text(Role::User, asked.message.as_str())),
        assistant: Some(assistant).filter(|assistant| !assistant.is_empty()),
        template: template.map(Into::into),
        ..RespondRequest::default()
    };
    let backend = &call.api.parts.backend;
    backend
        .respond(&call.answering_cx(), &opened.named.at, request)
        .await
}

/// The stream ended without its last event.
pub(super) fn ended_early() -> Error {
    let words = "the answer ended before its end";
    Error::new(ErrorKind::InvalidResponse, words).outcome(Outcome::Unknown)
}

/// The answer has a beginning only.
pub(super) fn broke_off() -> Error {
    let words = "the answer broke off; what arrived of it is stored";
    Error::new(ErrorKind::UpstreamFailed, words).outcome(Outcome::Applied)
}

/// `POST K/chat` and `POST K/template/{name}`
pub(super) async fn chat(call: &Call, template: Option<&str>) -> Answered {
    let asked = read(call)?;
    let started = Instant::now();
    let outcome = carry_out(call, &asked, template).await;
    let failure = match &outcome {
        Ok(_) => None,
        Err(Failed::Error(error)) => Some(error.kind.as_str()),
        Err(Failed::Refused(_)) => Some(ErrorKind::Internal.as_str()),
    };
    let principal = &call.caller.principal;
    let took = started.elapsed();
    call.api
        .figures
        .note(principal, asked.workflow(), took, failure);
    match outcome {
        Ok(answer) => Ok(json(StatusCode::OK, &answer)),
        Err(Failed::Refused(refusal)) => Err(refusal),
        Err(Failed::Error(error)) => Err(errors::chat_refusal(&call.problems, &error, template)),
    }
}

/// Why a chat brought nothing.
enum Failed {
    Error(Error),
    Refused(Refusal),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

async fn carry_out(
    call: &Call,
    asked: &Asked,
    template: Option<&str>,
) -> Result<ChatResponse, Failed> {
    let opened = open(call, asked).await?;
    let message = match whole(call, &opened, asked, template).await {
        Ok(message) => message,
        Err(error) => {
            opened.undo(call, &error).await;
            return Err(error.into());
        }
    };
    let backend = &call.api.parts.backend;
    let cx = call.cx().fresh();
    // The answer is stored: nothing that fails from here on may sound as if it were not.
    let conversation = backend.get_conversation(&cx, &opened.named.at).await;
    let conversation = conversation.map_err(errors::afterwards)?;
    let counted = conversation
        .counts
        .as_ref()
        .and_then(|counts| counts.messages);
    let place = place_of(call, &opened.named, counted, &message).await;
    let place = place.map_err(errors::afterwards)?;
    let conversation = shown_after(call, &conversation).await?;
    let message = view::message(&message, &conversation.id, place, &call.problems)?;
    Ok(ChatResponse {
        conversation_id: conversation.id.clone(),
        message,
        conversation,
        extra: Extra::new(),
    })
}

/// The answer in one piece.
async fn whole(
    call: &Call,
    opened: &Opened,
    asked: &Asked,
    template: Option<&str>,
) -> BackendResult<Message> {
    let mut events = answer(call, opened, asked, template).await?;
    loop {
        match events.next().await {
            Some(Event::MessageCompleted(message)) => return Ok(*message),
            Some(Event::MessageIncomplete(_)) => return Err(broke_off()),
            Some(Event::MessageFailed { error, .. }) => return Err(error),
            Some(_) => {}
            None => return Err(ended_early()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(message: &str) -> Asked {
        Asked {
            message: message.to_owned(),
            conversation_id: None,
            profile_id: None,
            workflow: None,
            provider: None,
            temperature: None,
            max_tokens: None,
            retrieval: None,
            system_prompt: None,
            workflow_config: None,
        }
    }

    #[test]
    fn the_first_words_are_the_title() {
        let title = |message: &str| begun(&asked(message)).title;
        assert_eq!(title("Hello there").as_deref(), Some("Hello there"));
        let long = "ä".repeat(51);
        let expected = format!("{}...", "ä".repeat(50));
        assert_eq!(title(&long).as_deref(), Some(&*expected));
        assert_eq!(title("  ").as_deref(), Some("  "));
        assert_eq!(title(" "), None);
    }

    #[test]
    fn what_the_vendor_cannot_store_is_refused() {
        assert!(check_message("hello").is_ok());
        for message in ["", "a\0b"] {
            assert!(check_message(message).is_err(), "{message:?}");
        }
    }
}
