//! The six operations.

use std::time::Duration;

use datamonkey::wire::{self, Extra, Member};

use super::access::{sign, subject_of};
use super::answer::{Answer, Refusal, refuse};
use super::body;
use super::data::StoredConversation;
use super::serve::Call;

const NOT_YOURS: &str = "You don't have permission to access this conversation";

/// The user of a call; 401 in the words of its operation where no token is accepted. Without tokens everybody is the
/// empty user.
fn authenticate(call: &Call, to: &str) -> Result<String, Refusal> {
    if !call.server.options.user_tokens {
        return Ok(String::new());
    }
    call.token
        .as_deref()
        .and_then(|token| subject_of(&call.server.data().key, token))
        .ok_or_else(|| refuse(401, &format!("Unauthorized - valid token required to {to}")))
}

/// The conversation of a call: 404 where there is none, 403 where it is somebody else's.
fn owned(call: &Call, user: &str, not_yours: &str) -> Result<StoredConversation, Refusal> {
    let data = call.server.data();
    let stored = data
        .conversations
        .get(&call.id)
        .ok_or_else(|| refuse(404, "Conversation not found"))?;
    if call.server.options.user_tokens && stored.owner != user {
        return Err(refuse(403, not_yours));
    }
    Ok(stored.clone())
}

/// Never refuses: without an accepted token it makes a new user.
pub(crate) fn create(call: &Call) -> Result<Answer, Refusal> {
    let options = &call.server.options;
    if !options.user_tokens {
        let error = match call.token {
            None => refuse(401, "User token is required"),
            Some(_) => refuse(500, "Failed to create conversation"),
        };
        return Err(error);
    }
    let mut data = call.server.data();
    let known = call
        .token
        .as_deref()
        .and_then(|token| subject_of(&data.key, token));
    let (subject, new_token) = match known {
        Some(subject) => (subject, None),
        None => {
            let subject = data.new_subject();
            let token = sign(&data.key, &subject, options.token_lifetime);
            (subject, Some(token))
        }
    };
    if !data.sessions.contains(&subject) {
        return Err(refuse(500, "Failed to create conversation"));
    }
    let stored = data.add(&subject, body::title(&call.body));
    let created = wire::CreatedConversation {
        id: stored.id,
        title: Member::from(Some(stored.title).filter(|title| !title.is_empty())),
        created: stored.created,
        updated: stored.updated,
        extra: Extra::new(),
    };
    let answer = Answer::json(201, &created);
    Ok(match new_token {
        Some(token) => answer.with_new_token(token),
        None => answer,
    })
}

pub(crate) fn list(call: &Call) -> Result<Answer, Refusal> {
    let user = authenticate(call, "list conversations")?;
    let data = call.server.data();
    let mut rows: Vec<&StoredConversation> = data
        .conversations
        .values()
        .filter(|stored| stored.owner == user)
        .collect();
    rows.sort_by_key(|stored| std::cmp::Reverse(stored.updated));
    let records = rows
        .into_iter()
        .map(|stored| stored.shown(Member::Absent))
        .collect();
    Ok(Answer::json(
        200,
        &wire::ConversationList {
            conversations: Member::Value(records),
            extra: Extra::new(),
        },
    ))
}

pub(crate) fn get(call: &Call) -> Result<Answer, Refusal> {
    let user = authenticate(call, "access conversations")?;
    let stored = owned(call, &user, NOT_YOURS)?;
    Ok(Answer::json(200, &stored.shown(stored.sent_messages())))
}

pub(crate) fn delete(call: &Call) -> Result<Answer, Refusal> {
    let user = authenticate(call, "delete conversations")?;
    owned(
        call,
        &user,
        "You don't have permission to delete this conversation",
    )?;
    call.server.data().conversations.remove(&call.id);
    Ok(Answer::empty(204))
}

pub(crate) fn messages(call: &Call) -> Result<Answer, Refusal> {
    let user = authenticate(call, "access conversations")?;
    let stored = owned(call, &user, NOT_YOURS)?;
    if let Some(status) = call.server.data().broken.get(&call.id) {
        return Err(refuse(*status, "Failed to get messages"));
    }
    Ok(Answer::json(
        200,
        &wire::MessageList {
            messages: stored.sent_messages(),
            extra: Extra::new(),
        },
    ))
}

/// Asks the model first and stores both messages afterwards, each in a statement of its own: where the client leaves
/// meanwhile, nothing is stored.
pub(crate) async fn send(call: &Call) -> Result<Answer, Refusal> {
    let user = authenticate(call, "send messages")?;
    let stored = owned(call, &user, NOT_YOURS)?;
    let message = body::message(&call.body)
        .map_err(|error| refuse(400, &format!("Invalid request: {error}")))?;
    if !call.server.options.has_model {
        return Err(Box::new(Answer::empty(500)));
    }
    let reply = model(call, &stored, &message).await?;
    let mut data = call.server.data();
    if !data.conversations.contains_key(&call.id) {
        if !call.server.options.stores_orphans {
            return Err(refuse(500, "Failed to save message"));
        }
        data.orphans += 2;
        let answer = super::data::message("assistant", &reply, data.now());
        return Ok(said(answer));
    }
    let asked_at = data.now();
    data.store(&call.id, "user", &message, asked_at);
    if message.contains("[[half]]") {
        // Seen in the source only: the second insert fails.
        return Err(refuse(500, "Failed to save message"));
    }
    let answered_at = data.now();
    data.store(&call.id, "assistant", &reply, answered_at);
    Ok(said(super::data::message("assistant", &reply, answered_at)))
}

fn said(message: wire::ChatMessage) -> Answer {
    let body = wire::SendResponse {
        message,
        extra: Extra::new(),
    };
    Answer::json(200, &body)
}

/// What the model says. Directives in a message make it fail, crash, wait, say nothing or tell what it was given.
async fn model(call: &Call, stored: &StoredConversation, message: &str) -> Result<String, Refusal> {
    let wait = message
        .split_once("[[slow:")
        .and_then(|(_, rest)| rest.split_once("]]")?.0.parse().ok())
        .map_or(call.server.options.model_delay, Duration::from_millis);
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    let failed = |text: &str| refuse(500, &format!("Failed to process chat: {text}"));
    if message.contains("[[fail]]") {
        return Err(failed(
            "failed to generate chat response: stub model failure",
        ));
    }
    if message.contains("[[blocked]]") {
        return Err(failed("AI response was blocked or filtered"));
    }
    if message.contains("[[panic]]") {
        return Err(Box::new(Answer::empty(500)));
    }
    Ok(if message.contains("[[empty]]") {
        String::new()
    } else if message.contains("[[big]]") {
        "b".repeat(2 * 1024 * 1024)
    } else if message.contains("[[history]]") {
        let spoken = stored.messages.iter().map(|said| {
            let role = if said.role == wire::MessageRole::User {
                "user"
            } else {
                "model"
            };
            format!("{role}:{}|", said.content)
        });
        spoken.chain([format!("user:{message}|")]).collect()
    } else {
        format!("echo: {message}")
    })
}
