//! The routes. Segments are split before they are decoded: an external id may hold a `/` as `%2F`.

use super::APP_ID;
use super::answer::Refusal;

/// One operation with the ids of its path.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    CreateUser,
    ListUsers,
    GetUser(String),
    UpdateUser(String),
    DeleteUser(String),
    CreateConversation,
    ListConversations,
    GetConversation(String),
    UpdateConversation(String),
    DeleteConversation(String),
    Join(String),
    Leave(String),
    ListParticipants(String),
    PostMessage(String),
    ListMessages(String),
    DeleteAllMessages(String),
    DeleteMessage(String, String),
    PostActivity(String),
    UploadAttachment,
    RemoveAttachment,
}

use Operation as Op;

/// Finds the operation of a request. `path` is raw and has no query.
pub(crate) fn find(method: &str, path: &str) -> Result<Operation, Refusal> {
    let segments: Vec<String> = path.split('/').skip(1).map(decoded).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let ["v2", "apps", app, tail @ ..] = segments.as_slice() else {
        return Err(Refusal::NOT_FOUND);
    };
    if *app != APP_ID {
        return Err(Refusal::NO_APP);
    }
    let operation = match (method, tail) {
        ("POST", ["users"]) => Op::CreateUser,
        ("GET", ["users"]) => Op::ListUsers,
        ("GET", ["users", id]) => Op::GetUser((*id).to_owned()),
        ("PATCH", ["users", id]) => Op::UpdateUser((*id).to_owned()),
        ("DELETE", ["users", id]) => Op::DeleteUser((*id).to_owned()),
        ("POST", ["attachments"]) => Op::UploadAttachment,
        ("POST", ["attachments", "remove"]) => Op::RemoveAttachment,
        ("POST", ["conversations"]) => Op::CreateConversation,
        ("GET", ["conversations"]) => Op::ListConversations,
        (_, ["conversations", id, tail @ ..]) => {
            return in_conversation(method, (*id).to_owned(), tail);
        }
        _ => return Err(Refusal::NOT_FOUND),
    };
    Ok(operation)
}

fn in_conversation(method: &str, id: String, tail: &[&str]) -> Result<Operation, Refusal> {
    let operation = match (method, tail) {
        ("GET", []) => Op::GetConversation(id),
        ("PATCH", []) => Op::UpdateConversation(id),
        ("DELETE", []) => Op::DeleteConversation(id),
        ("POST", ["join"]) => Op::Join(id),
        ("POST", ["leave"]) => Op::Leave(id),
        ("GET", ["participants"]) => Op::ListParticipants(id),
        ("POST", ["messages"]) => Op::PostMessage(id),
        ("GET", ["messages"]) => Op::ListMessages(id),
        ("DELETE", ["messages"]) => Op::DeleteAllMessages(id),
        ("DELETE", ["messages", message]) => Op::DeleteMessage(id, (*message).to_owned()),
        ("POST", ["activity"]) => Op::PostActivity(id),
        _ => return Err(Refusal::NOT_FOUND),
    };
    Ok(operation)
}

fn decoded(segment: &str) -> String {
    // A path segment knows no `+` and no `&`, so they are hidden from the form decoding.
    let pair = format!("x={}", segment.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}
