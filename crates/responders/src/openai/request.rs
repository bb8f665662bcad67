//! From a turn to what the server is asked.

use backend::ports::Turn;
use backend::{Error, Kind, Outcome, Result};
use conversation::{Message, MessageStatus, Role, text_of};

use super::config::{OpenAiConfig, TokenLimit};
use super::wire::{Completion, Said, StreamOptions};

/// What the server is asked.
///
/// # Errors
/// [`Kind::NothingToAnswer`] where no user says a word.
pub(super) fn completion(config: &OpenAiConfig, turn: &Turn) -> Result<Completion> {
    let assistant = &turn.assistant;
    let prompt = assistant
        .system_prompt
        .as_deref()
        .or(config.system_prompt.as_deref());
    let prompt = templated(turn.template.as_deref(), prompt);
    let messages = messages(prompt, &turn.messages);
    if !messages.iter().any(|said| said.role == USER) {
        return Err(Error::new(
            Kind::NothingToAnswer,
            "there is nothing to answer: no message of a user has words",
        )
        .outcome(Outcome::NotApplied));
    }
    let limit = match (assistant.max_tokens, config.max_tokens) {
        (Some(wanted), Some(most)) => Some(wanted.min(most)),
        (wanted, most) => wanted.or(most),
    };
    let (max_tokens, max_completion_tokens) = match config.token_limit {
        TokenLimit::MaxTokens => (limit, None),
        TokenLimit::MaxCompletionTokens => (None, limit),
    };
    let chosen = assistant
        .model
        .as_ref()
        .filter(|model| config.other_models.contains(model));
    Ok(Completion {
        model: chosen.unwrap_or(&config.model).clone(),
        messages,
        stream: true,
        stream_options: config.asks_for_usage.then_some(StreamOptions {
            include_usage: true,
        }),
        temperature: assistant.temperature.or(config.temperature),
        top_p: assistant.top_p.or(config.top_p),
        max_tokens,
        max_completion_tokens,
    })
}

const USER: &str = "user";

/// The prompt below the template's name, which is all that there is of a template: any name is one, and what the model
/// makes of it is the model's.
fn templated(template: Option<&str>, prompt: Option<&str>) -> Option<String> {
    let Some(template) = template else {
        return prompt.map(str::to_owned);
    };
    let named = format!("[TEMPLATE:{template}]");
    Some(match prompt.filter(|prompt| !prompt.is_empty()) {
        Some(prompt) => format!("{named} {prompt}"),
        None => named,
    })
}

/// The conversation as the server takes it: text only, without empty messages, and neighbours of one role together,
/// because some models insist on taking turns.
fn messages(prompt: Option<String>, messages: &[Message]) -> Vec<Said> {
    let mut told: Vec<Said> = Vec::with_capacity(messages.len() + 1);
    let prompt = prompt.map(|prompt| ("system", prompt));
    let said = messages.iter().filter_map(|message| {
        let role = role_of(message)?;
        Some((role, text_of(&message.parts)))
    });
    for (role, content) in prompt.into_iter().chain(said) {
        if content.is_empty() {
            continue;
        }
        match told.last_mut() {
            Some(last) if last.role == role => {
                last.content.push_str("\n\n");
                last.content.push_str(&content);
            }
            _ => told.push(Said { role, content }),
        }
    }
    told
}

/// The server's word for who speaks; `None` for what it is not told.
fn role_of(message: &Message) -> Option<&'static str> {
    if message.status == MessageStatus::Deleted {
        return None;
    }
    match message.role {
        Role::User => Some(USER),
        // An answer that failed has words of an excuse at most.
        Role::Assistant => (message.status != MessageStatus::Failed).then_some("assistant"),
        Role::System => Some("system"),
        // A tool's result is taken only behind the call that asked for it.
        Role::Tool | Role::Other(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use backend::ports::AnswerNotes;
    use conversation::{Assistant, ConversationId, MessageId, NewMessage, Time};

    use super::*;

    fn turn(said: &[(Role, &str)]) -> Turn {
        let at = ConversationId::generate();
        let message = |(role, text): &(Role, &str)| {
            NewMessage::text(role.clone(), *text).into_message(
                MessageId::generate(),
                at,
                Time::now(),
            )
        };
        Turn {
            messages: said.iter().map(message).collect(),
            assistant: Assistant::default(),
            template: None,
            notes: AnswerNotes::default(),
        }
    }

    fn config() -> OpenAiConfig {
        OpenAiConfig::new("http://model.example", "m")
    }

    fn asked(config: &OpenAiConfig, turn: &Turn) -> serde_json::Value {
        serde_json::to_value(completion(config, turn).unwrap()).unwrap()
    }

    #[test]
    fn a_conversation_becomes_turns_of_text() {
        let turn = turn(&[
            (Role::System, "rule"),
            (Role::User, "one"),
            (Role::User, "two"),
            (Role::Assistant, "answer"),
            (Role::Tool, "result"),
            (Role::User, ""),
            (Role::User, "three"),
        ]);
        assert_eq!(
            asked(&config(), &turn),
            serde_json::json!({
                "model": "m",
                "messages": [
                    {"role": "system", "content": "rule"},
                    {"role": "user", "content": "one\n\ntwo"},
                    {"role": "assistant", "content": "answer"},
                    {"role": "user", "content": "three"},
                ],
                "stream": true,
                "stream_options": {"include_usage": true},
            })
        );
    }

    #[test]
    fn a_conversations_own_set_up_goes_first_within_the_operators_limits() {
        let config = OpenAiConfig {
            other_models: vec!["large".into()],
            system_prompt: Some("be kind".into()),
            temperature: Some(0.5),
            max_tokens: Some(100),
            asks_for_usage: false,
            ..config()
        };
        let mut turn = turn(&[(Role::User, "hi")]);
        let body = asked(&config, &turn);
        assert_eq!(body["model"], "m");
        assert_eq!(body["messages"][0]["content"], "be kind");
        assert_eq!(body["temperature"], 0.5);
        assert_eq!(body["max_tokens"], 100);
        assert!(body.get("stream_options").is_none());
        turn.assistant = Assistant {
            model: Some("large".into()),
            temperature: Some(1.0),
            max_tokens: Some(200),
            system_prompt: Some("be short".into()),
            ..Assistant::default()
        };
        let body = asked(&config, &turn);
        assert_eq!(body["model"], "large");
        assert_eq!(body["messages"][0]["content"], "be short");
        assert_eq!(body["temperature"], 1.0);
        assert_eq!(body["max_tokens"], 100, "not more than the operator's");
        turn.assistant.model = Some("unknown".into());
        turn.assistant.max_tokens = Some(7);
        let newer = OpenAiConfig {
            token_limit: TokenLimit::MaxCompletionTokens,
            ..config
        };
        let body = asked(&newer, &turn);
        assert_eq!(body["model"], "m");
        assert_eq!(body["max_completion_tokens"], 7);
        assert!(body.get("max_tokens").is_none());
    }

    #[test]
    fn nothing_is_asked_without_words_of_a_user() {
        let mut silent = turn(&[(Role::User, ""), (Role::System, "rule")]);
        silent.template = Some("summary".into());
        let error = completion(&config(), &silent).err().unwrap();
        assert_eq!(error.kind, Kind::NothingToAnswer);
    }

    #[test]
    fn any_template_is_named_before_the_prompt() {
        let mut turn = turn(&[(Role::User, "hi")]);
        turn.template = Some("any name".into());
        let first = |body: serde_json::Value| body["messages"][0].clone();
        assert_eq!(
            first(asked(&config(), &turn)),
            serde_json::json!({"role": "system", "content": "[TEMPLATE:any name]"})
        );
        let config = OpenAiConfig {
            system_prompt: Some("be kind".into()),
            ..config()
        };
        assert_eq!(
            first(asked(&config, &turn))["content"],
            "[TEMPLATE:any name] be kind"
        );
        turn.assistant.system_prompt = Some("be short".into());
        assert_eq!(
            first(asked(&config, &turn))["content"],
            "[TEMPLATE:any name] be short"
        );
    }
}
