//! The routes: one table, and what a path that is none of them answers.

use http::Method;
use percent_encoding::percent_decode_str;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    List,
    /// The list of the older prefix, in its own shape.
    OldList,
    Get,
    Update,
    Delete,
    ListMessages,
    DeleteMessage,
    RateMessage,
    Chat,
    Stream,
    Template,
    Templates,
    Tools,
    Statistics,
    McpStatus,
}

/// One path with its methods, in the order in which the vendor declares them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    /// Braces stand for one segment.
    pub(crate) path: &'static str,
    pub(crate) methods: &'static [(&'static str, Operation)],
}

use Operation as Op;

/// Every path. No two of them fit the same request.
pub(crate) const ROUTES: &[Route] = &[
    Route {
        path: "/api/v1/conversations/",
        methods: &[("POST", Op::Create), ("GET", Op::List)],
    },
    Route {
        path: "/api/v1/conversations/{id}",
        methods: MEMBER,
    },
    Route {
        path: "/api/v1/conversations/{id}/messages",
        methods: &[("GET", Op::ListMessages)],
    },
    Route {
        path: "/api/v1/conversations/{id}/messages/{mid}",
        methods: &[("DELETE", Op::DeleteMessage)],
    },
    Route {
        path: "/api/v1/conversations/{id}/messages/{mid}/rating",
        methods: &[("PATCH", Op::RateMessage)],
    },
    Route {
        path: "/api/v1/chat/conversations",
        methods: &[("POST", Op::Create), ("GET", Op::OldList)],
    },
    Route {
        path: "/api/v1/chat/conversations/{id}",
        methods: MEMBER,
    },
    Route {
        path: "/api/v1/chat/conversations/{id}/messages",
        methods: &[("GET", Op::ListMessages)],
    },
    Route {
        path: "/api/v1/chat/conversations/{id}/messages/{mid}",
        methods: &[("DELETE", Op::DeleteMessage)],
    },
    Route {
        path: "/api/v1/chat/conversations/{id}/messages/{mid}/rating",
        methods: &[("PATCH", Op::RateMessage)],
    },
    Route {
        path: "/api/v1/chat/chat",
        methods: &[("POST", Op::Chat)],
    },
    Route {
        path: "/api/v1/chat/streaming",
        methods: &[("POST", Op::Stream)],
    },
    Route {
        path: "/api/v1/chat/template/{name}",
        methods: &[("POST", Op::Template)],
    },
    Route {
        path: "/api/v1/chat/templates",
        methods: &[("GET", Op::Templates)],
    },
    Route {
        path: "/api/v1/chat/tools/available",
        methods: &[("GET", Op::Tools)],
    },
    Route {
        path: "/api/v1/chat/performance/stats",
        methods: &[("GET", Op::Statistics)],
    },
    Route {
        path: "/api/v1/chat/mcp/status",
        methods: &[("GET", Op::McpStatus)],
    },
];

const MEMBER: &[(&str, Operation)] = &[
    ("GET", Op::Get),
    ("PUT", Op::Update),
    ("DELETE", Op::Delete),
];

/// What a request meets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Met {
    /// An operation, with the decoded segments that stand for the braces.
    Operation(Operation, Vec<String>),
    /// A path of ours, with another method.
    WrongMethod {
        /// The method that the vendor names: the first that it declares.
        allow: &'static str,
    },
    /// The same path with or without a slash at its end is one of ours.
    Redirect(String),
    /// Nothing.
    Nothing,
}

impl Met {
    /// A name for it, out of a few.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Operation(operation, _) => ROUTES
                .iter()
                .find(|route| route.methods.iter().any(|(_, of)| of == operation))
                .map_or("", |route| route.path),
            Self::WrongMethod { .. } => "method",
            Self::Redirect(_) => "redirect",
            Self::Nothing => "",
        }
    }
}

/// Finds what a request asks for. `path` has no query and is not decoded.
pub(crate) fn find(method: &Method, path: &str) -> Met {
    if let Some((route, segments)) = fitting(path) {
        let found = route
            .methods
            .iter()
            .find(|(allowed, _)| *allowed == method.as_str());
        return match (found, route.methods.first()) {
            (Some((_, operation)), _) => Met::Operation(*operation, segments),
            (None, Some((allow, _))) => Met::WrongMethod { allow },
            (None, None) => Met::Nothing,
        };
    }
    let other = match path.strip_suffix('/') {
        Some(shorter) => shorter.to_owned(),
        None => format!("{path}/"),
    };
    match fitting(&other) {
        Some(_) => Met::Redirect(other),
        None => Met::Nothing,
    }
}

fn fitting(path: &str) -> Option<(&'static Route, Vec<String>)> {
    ROUTES
        .iter()
        .find_map(|route| Some((route, segments_of(route.path, path)?)))
}

/// The decoded segments of `path` that stand for braces in `pattern`.
fn segments_of(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let mut wanted = pattern.split('/');
    let mut sent = path.split('/');
    loop {
        match (wanted.next(), sent.next()) {
            (None, None) => return Some(found),
            (Some(wanted), Some(sent)) if wanted.starts_with('{') => {
                let segment = percent_decode_str(sent).decode_utf8_lossy();
                // An encoded slash is a slash to the vendor, and so ends a segment.
                if segment.is_empty() || segment.contains('/') {
                    return None;
                }
                found.push(segment.into_owned());
            }
            (Some(wanted), Some(sent)) if wanted == sent => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OPERATIONS;

    #[test]
    fn every_documented_operation_has_its_route() {
        for operation in OPERATIONS
            .iter()
            .filter(|operation| operation.is_documented)
        {
            let (method, path) = operation.vendor.split_once(' ').unwrap();
            let routes = ROUTES.iter().filter(|route| route.path == path);
            let methods: Vec<&str> = routes
                .flat_map(|route| route.methods.iter().map(|(method, _)| *method))
                .collect();
            assert!(methods.contains(&method), "{}", operation.vendor);
        }
        let served: usize = ROUTES.iter().map(|route| route.methods.len()).sum();
        let documented = OPERATIONS
            .iter()
            .filter(|operation| operation.is_documented)
            .count();
        assert_eq!(served, documented);
    }

    #[test]
    fn a_path_with_the_wrong_slash_is_sent_on() {
        for (path, to) in [
            ("/api/v1/conversations", "/api/v1/conversations/"),
            ("/api/v1/chat/conversations/", "/api/v1/chat/conversations"),
            ("/api/v1/conversations/abc/", "/api/v1/conversations/abc"),
            ("/api/v1/chat/templates/", "/api/v1/chat/templates"),
        ] {
            let expected = Met::Redirect(to.to_owned());
            assert_eq!(find(&Method::POST, path), expected, "{path}");
        }
    }

    #[test]
    fn other_methods_and_paths_are_told_apart() {
        let allowed = |method: &Method, path: &str| match find(method, path) {
            Met::WrongMethod { allow } => allow,
            other => panic!("{other:?}"),
        };
        assert_eq!(allowed(&Method::HEAD, "/api/v1/conversations/x"), "GET");
        assert_eq!(
            allowed(&Method::GET, "/api/v1/conversations/x/messages/y"),
            "DELETE"
        );
        for path in [
            "/",
            "/api/v1/nope",
            "/api/v1/conversations//messages",
            "/api/v1/conversations/a%2Fb",
        ] {
            assert_eq!(find(&Method::GET, path), Met::Nothing, "{path}");
        }
    }

    #[test]
    fn segments_are_decoded() {
        let found = find(&Method::POST, "/api/v1/chat/template/Hello%20World+1");
        assert_eq!(
            found,
            Met::Operation(Op::Template, vec!["Hello World+1".to_owned()])
        );
    }
}
