//! The routes, all in one table, and what a path answers that is none of them.

use http::Method;
use percent_encoding::percent_decode_str;

/// One of the six operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Makes a conversation.
    Create,
    /// All conversations.
    List,
    /// One conversation with its messages.
    Get,
    /// Deletes one.
    Delete,
    /// The messages of one.
    Messages,
    /// Says something and has it answered.
    Send,
}

impl Operation {
    /// Whether it changes nothing.
    pub(super) fn is_read(self) -> bool {
        matches!(self, Self::List | Self::Get | Self::Messages)
    }
}

/// Method, path below the mount, operation.
const ROUTES: &[(Method, &str, Operation)] = &[
    (Method::POST, "/api/v1/chat", Operation::Create),
    (Method::GET, "/api/v1/chat", Operation::List),
    (Method::GET, "/api/v1/chat/{id}", Operation::Get),
    (Method::DELETE, "/api/v1/chat/{id}", Operation::Delete),
    (
        Method::GET,
        "/api/v1/chat/{id}/messages",
        Operation::Messages,
    ),
    (Method::POST, "/api/v1/chat/{id}/messages", Operation::Send),
];

/// The facade's route for each operation of the vendor, as `OPERATIONS` names it.
#[must_use]
pub fn facade_routes() -> Vec<(&'static str, String)> {
    let route_of = |vendor: &'static str| {
        let is_its = |(method, path, _): &&(Method, &str, Operation)| {
            vendor.split_once(' ') == Some((method.as_str(), *path))
        };
        let (method, path, _) = ROUTES.iter().find(is_its)?;
        Some((vendor, format!("{method} {}{path}", super::PATH)))
    };
    crate::OPERATIONS
        .iter()
        .filter_map(|one| route_of(one.vendor))
        .collect()
}

/// What a request meets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// An operation, and the id in its path; empty where it has none.
    Found(Operation, String),
    /// The same path without the slash at its end is known.
    Redirect,
    /// Nothing. There are no 405s: with another method a path is just another unknown one.
    Missing,
}

/// Finds the route of a request. `path` has no query and is still encoded.
pub(super) fn find(method: &Method, path: &str) -> Route {
    // The vendor's table looks at the decoded path: an encoded slash parts segments.
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    if let Some((operation, id)) = known(method, &decoded) {
        return Route::Found(operation, id.to_owned());
    }
    let is_known_without_slash = path.ends_with('/')
        && decoded
            .strip_suffix('/')
            .is_some_and(|short| known(method, short).is_some());
    if is_known_without_slash {
        Route::Redirect
    } else {
        Route::Missing
    }
}

fn known<'p>(method: &Method, path: &'p str) -> Option<(Operation, &'p str)> {
    ROUTES
        .iter()
        .filter(|(known, _, _)| known == method)
        .find_map(|(_, pattern, operation)| Some((*operation, id_in(pattern, path)?)))
}

/// The id in a path of this pattern; empty where the pattern has none.
fn id_in<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    let (mut wanted, mut found) = (pattern.split('/'), path.split('/'));
    let mut id = "";
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return Some(id),
            (Some("{id}"), Some(segment)) if !segment.is_empty() => id = segment,
            (Some(wanted), Some(segment)) if wanted == segment => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_of_the_vendor_has_a_route_and_every_route_is_one() {
        let mut vendors: Vec<&str> = crate::OPERATIONS.iter().map(|one| one.vendor).collect();
        let mut ours: Vec<String> = ROUTES
            .iter()
            .map(|(method, path, _)| format!("{method} {path}"))
            .collect();
        vendors.sort_unstable();
        ours.sort_unstable();
        assert_eq!(ours, vendors);
        let routes = facade_routes();
        let named: Vec<&str> = routes.iter().map(|(vendor, _)| *vendor).collect();
        let all: Vec<&str> = crate::OPERATIONS.iter().map(|one| one.vendor).collect();
        assert_eq!(named, all);
        assert!(routes.contains(&(
            "POST /api/v1/chat/{id}/messages",
            "POST /facade/datamonkey/api/v1/chat/{id}/messages".to_owned()
        )));
    }

    #[test]
    fn paths_are_found_as_the_vendors_table_finds_them() {
        let found = |operation, id: &str| Route::Found(operation, id.to_owned());
        let table = [
            ("GET", "/api/v1/chat", found(Operation::List, "")),
            ("POST", "/api/v1/chat", found(Operation::Create, "")),
            ("GET", "/api/v1/chat/a", found(Operation::Get, "a")),
            ("DELETE", "/api/v1/chat/a", found(Operation::Delete, "a")),
            (
                "GET",
                "/api/v1/chat/a/messages",
                found(Operation::Messages, "a"),
            ),
            (
                "POST",
                "/api/v1/chat/%E2%9C%93/messages",
                found(Operation::Send, "✓"),
            ),
            ("GET", "/api/v1/chat/%00", found(Operation::Get, "\0")),
            ("GET", "/api/v1/chat/a+b&c", found(Operation::Get, "a+b&c")),
            ("GET", "/api/v1/chat/", Route::Redirect),
            ("POST", "/api/v1/chat/", Route::Redirect),
            ("DELETE", "/api/v1/chat/a/", Route::Redirect),
            ("POST", "/api/v1/chat/a/messages/", Route::Redirect),
            ("GET", "/api/v1/chat/a%2Fb", Route::Missing),
            ("GET", "/api/v1/chat%2F", Route::Missing),
            ("GET", "/api/v1/chat//messages", Route::Missing),
            ("GET", "/api/v1//chat", Route::Missing),
            ("GET", "/chat", Route::Missing),
            ("GET", "/", Route::Missing),
            ("HEAD", "/api/v1/chat", Route::Missing),
            ("OPTIONS", "/api/v1/chat", Route::Missing),
            ("PUT", "/api/v1/chat/a", Route::Missing),
            ("POST", "/api/v1/chat/a", Route::Missing),
            ("POST", "/api/v1/chat/a/", Route::Missing),
            ("GET", "/api/v1/chat/a/messages/b", Route::Missing),
            ("DELETE", "/api/v1/chat/a/messages", Route::Missing),
        ];
        for (method, path, expected) in table {
            let method = method.parse().unwrap();
            assert_eq!(find(&method, path), expected, "{method} {path}");
        }
    }
}
