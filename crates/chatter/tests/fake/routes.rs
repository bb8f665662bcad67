//! The routes of each generation, and what a path that is none of them answers.

use super::Generation;

/// One operation with the ids of its path.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Login,
    CreateConversation,
    ListConversations,
    GetConversation(String),
    UpdateConversation(String),
    DeleteConversation(String),
    ListMessages(String),
    DeleteMessage(String, String),
    RateMessage(String, String),
    Chat,
    Stream,
    Template(String),
    Tools,
    Templates,
    Statistics,
    McpStatus,
}

/// Why a request meets no operation.
#[derive(Debug)]
pub(crate) enum Miss {
    NotFound,
    MethodNotAllowed(&'static str),
    Redirect(String),
}

use Operation as Op;

/// Finds the operation of a request. `path` has no query.
pub(crate) fn find(generation: Generation, method: &str, path: &str) -> Result<Operation, Miss> {
    let segments: Vec<&str> = path
        .strip_prefix("/api/v1/")
        .ok_or(Miss::NotFound)?
        .split('/')
        .collect();
    match segments.as_slice() {
        ["auth", "login"] => only(method, &[("POST", Op::Login)], "POST"),
        ["chat", "conversations", tail @ ..] if generation != Generation::V2 => match tail {
            [] => collection(method),
            [""] => Err(Miss::Redirect(path.trim_end_matches('/').to_owned())),
            tail => member(method, tail),
        },
        ["chat", tail @ ..] => chat(method, tail),
        // Here the collection needs the slash that the other prefix refuses.
        ["conversations", tail @ ..] if generation != Generation::V0 => match tail {
            [] => Err(Miss::Redirect(format!("{path}/"))),
            [""] => collection(method),
            tail => member(method, tail),
        },
        _ => Err(Miss::NotFound),
    }
}

fn collection(method: &str) -> Result<Operation, Miss> {
    only(
        method,
        &[
            ("GET", Op::ListConversations),
            ("POST", Op::CreateConversation),
        ],
        "GET, POST",
    )
}

fn member(method: &str, tail: &[&str]) -> Result<Operation, Miss> {
    match tail {
        [id] => {
            let id = decoded(id);
            let operations = [
                ("GET", Op::GetConversation(id.clone())),
                ("PUT", Op::UpdateConversation(id.clone())),
                ("DELETE", Op::DeleteConversation(id)),
            ];
            only(method, &operations, "DELETE, GET, PUT")
        }
        [id, "messages"] => only(method, &[("GET", Op::ListMessages(decoded(id)))], "GET"),
        [id, "messages", message] => only(
            method,
            &[("DELETE", Op::DeleteMessage(decoded(id), decoded(message)))],
            "DELETE",
        ),
        // Undocumented under `/chat`, but there.
        [id, "messages", message, "rating"] => only(
            method,
            &[("PATCH", Op::RateMessage(decoded(id), decoded(message)))],
            "PATCH",
        ),
        _ => Err(Miss::NotFound),
    }
}

fn chat(method: &str, tail: &[&str]) -> Result<Operation, Miss> {
    match tail {
        ["chat"] => only(method, &[("POST", Op::Chat)], "POST"),
        ["streaming"] => only(method, &[("POST", Op::Stream)], "POST"),
        ["template", name] if !name.is_empty() => {
            only(method, &[("POST", Op::Template(decoded(name)))], "POST")
        }
        ["tools", "available"] => only(method, &[("GET", Op::Tools)], "GET"),
        ["templates"] => only(method, &[("GET", Op::Templates)], "GET"),
        ["performance", "stats"] => only(method, &[("GET", Op::Statistics)], "GET"),
        ["mcp", "status"] => only(method, &[("GET", Op::McpStatus)], "GET"),
        _ => Err(Miss::NotFound),
    }
}

fn only(
    method: &str,
    operations: &[(&str, Operation)],
    allow: &'static str,
) -> Result<Operation, Miss> {
    operations
        .iter()
        .find(|(allowed, _)| *allowed == method)
        .map(|(_, operation)| operation.clone())
        .ok_or(Miss::MethodNotAllowed(allow))
}

fn decoded(segment: &str) -> String {
    // A path segment knows no `+`, so it is hidden from the form decoding.
    let pair = format!("x={}", segment.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// Whether this is an id as the server makes them: 26 characters of upper-case base 32, at most 128 bits.
pub(crate) fn is_ulid(id: &str) -> bool {
    id.len() == 26
        && id.as_bytes()[0] <= b'7'
        && id
            .bytes()
            .all(|byte| b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".contains(&byte))
}
