//! The routes, and what a path that is none of them answers.

/// One of the six operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// `POST /chat`.
    Create,
    /// `GET /chat`.
    List,
    /// `GET /chat/{id}`.
    Get,
    /// `DELETE /chat/{id}`.
    Delete,
    /// `GET /chat/{id}/messages`.
    Messages,
    /// `POST /chat/{id}/messages`.
    Send,
}

/// What a request meets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// An operation, and the id in its path.
    Found(Operation, String),
    /// The same path without the slash at its end is known.
    Redirect(String),
    /// Nothing. There are no 405s: another method is just another unknown route.
    Missing,
}

/// Finds the route of a request. `path` has no query.
pub(crate) fn find(method: &str, path: &str) -> Route {
    match known(method, path) {
        Some((operation, id)) => Route::Found(operation, id),
        None => match path
            .strip_suffix('/')
            .filter(|short| known(method, short).is_some())
        {
            Some(short) => Route::Redirect(short.to_owned()),
            None => Route::Missing,
        },
    }
}

fn known(method: &str, path: &str) -> Option<(Operation, String)> {
    // The route table looks at the decoded path: an encoded slash parts segments.
    let decoded = decoded(path);
    let segments: Vec<&str> = decoded.strip_prefix("/api/v1/")?.split('/').collect();
    let (operation, id) = match (method, segments.as_slice()) {
        ("POST", ["chat"]) => (Operation::Create, ""),
        ("GET", ["chat"]) => (Operation::List, ""),
        ("GET", ["chat", id]) => (Operation::Get, *id),
        ("DELETE", ["chat", id]) => (Operation::Delete, *id),
        ("GET", ["chat", id, "messages"]) => (Operation::Messages, *id),
        ("POST", ["chat", id, "messages"]) => (Operation::Send, *id),
        _ => return None,
    };
    let has_id = !matches!(operation, Operation::Create | Operation::List);
    (!has_id || !id.is_empty()).then(|| (operation, id.to_owned()))
}

fn decoded(path: &str) -> String {
    // A path knows no `+`, `&` or `=` of forms, so they are hidden from the form decoding.
    let pair = format!("x={}", path.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}
