//! The routes, in one table.

use http::Method;
use percent_encoding::percent_decode_str;

use super::FacadeConfig;
use super::answer::Refused;

/// One operation with the ids of its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation {
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
    ListParticipants(String),
    Join(String),
    Leave(String),
    PostActivity(String),
    PostMessage(String),
    ListMessages(String),
    DeleteAllMessages(String),
    DeleteMessage(String, String),
    UploadAttachment,
    RemoveAttachment,
}

/// How an operation takes the ids of its path.
enum Make {
    Plain(Operation),
    One(fn(String) -> Operation),
    Two(fn(String, String) -> Operation),
}

/// One row of the table.
pub(super) struct FacadeRoute {
    method: Method,
    /// Below `/v2/apps/{appId}`, as the vendor writes it.
    path: &'static str,
    make: fn() -> Make,
}

/// Declares the table: `METHOD "path" => operation`, with the number of ids in its path.
macro_rules! table {
    ($( $method:ident $path:literal => $kind:ident $operation:ident; )+) => {
        /// Every route. A method that a path has not is no route either.
        pub(super) static TABLE: &[FacadeRoute] = &[
            $( FacadeRoute { method: Method::$method, path: $path, make: || Make::$kind(Operation::$operation) }, )+
        ];
    };
}

table! {
    POST "/conversations/{conversationId}/messages" => One PostMessage;
    GET "/conversations/{conversationId}/messages" => One ListMessages;
    DELETE "/conversations/{conversationId}/messages" => One DeleteAllMessages;
    DELETE "/conversations/{conversationId}/messages/{messageId}" => Two DeleteMessage;
    POST "/conversations" => Plain CreateConversation;
    GET "/conversations" => Plain ListConversations;
    GET "/conversations/{conversationId}" => One GetConversation;
    PATCH "/conversations/{conversationId}" => One UpdateConversation;
    DELETE "/conversations/{conversationId}" => One DeleteConversation;
    GET "/conversations/{conversationId}/participants" => One ListParticipants;
    POST "/conversations/{conversationId}/join" => One Join;
    POST "/conversations/{conversationId}/leave" => One Leave;
    POST "/conversations/{conversationId}/activity" => One PostActivity;
    POST "/users" => Plain CreateUser;
    GET "/users" => Plain ListUsers;
    GET "/users/{userIdOrExternalId}" => One GetUser;
    PATCH "/users/{userIdOrExternalId}" => One UpdateUser;
    DELETE "/users/{userIdOrExternalId}" => One DeleteUser;
    POST "/attachments" => Plain UploadAttachment;
    POST "/attachments/remove" => Plain RemoveAttachment;
}

impl FacadeRoute {
    /// The vendor's operation, and the route of the facade.
    pub(super) fn described(&self) -> (String, String) {
        let operation = format!("{} {}", self.method, self.path);
        let route = format!(
            "{} {}/v2/apps/{{appId}}{}",
            self.method,
            super::PATH,
            self.path
        );
        (operation, route)
    }

    /// The operation, where the segments are of this path.
    fn read(&self, segments: &[String]) -> Option<Operation> {
        let pattern: Vec<&str> = self.path.split('/').skip(1).collect();
        if pattern.len() != segments.len() {
            return None;
        }
        let mut ids = Vec::new();
        for (wanted, segment) in pattern.iter().zip(segments) {
            if wanted.starts_with('{') {
                ids.push(segment.clone());
            } else if wanted != segment {
                return None;
            }
        }
        let mut ids = ids.into_iter();
        match (self.make)() {
            Make::Plain(operation) => Some(operation),
            Make::One(make) => Some(make(ids.next()?)),
            Make::Two(make) => Some(make(ids.next()?, ids.next()?)),
        }
    }
}

/// The path from `/v2` on: the vendor's own hosts have `/sc` before it.
pub(super) fn path_of(raw: &str) -> &str {
    match raw.strip_prefix("/sc") {
        Some(rest) if rest.starts_with('/') => rest,
        _ => raw,
    }
}

/// The operation of a request. `path` is raw and has no query.
pub(super) fn find(
    method: &Method,
    path: &str,
    config: &FacadeConfig,
) -> Result<Operation, Refused> {
    let segments: Option<Vec<String>> = path.split('/').skip(1).map(decoded).collect();
    let segments = segments.ok_or_else(Refused::not_found)?;
    let [version, apps, app, tail @ ..] = segments.as_slice() else {
        return Err(Refused::not_found());
    };
    if version != "v2" || apps != "apps" || tail.is_empty() {
        return Err(Refused::not_found());
    }
    let is_known = config.app_ids.is_empty() || config.app_ids.iter().any(|id| **id == **app);
    if !is_known {
        return Err(Refused::no_app());
    }
    TABLE
        .iter()
        .filter(|route| route.method == *method)
        .find_map(|route| route.read(tail))
        .ok_or_else(Refused::not_found)
}

/// A segment as it is meant. An empty one, or one that is no UTF-8, is part of no path.
fn decoded(segment: &str) -> Option<String> {
    let text = percent_decode_str(segment).decode_utf8().ok()?;
    (!text.is_empty()).then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: Method, path: &str) -> Option<Operation> {
        find(&method, path, &FacadeConfig::default()).ok()
    }

    #[test]
    fn an_external_id_may_hold_a_slash() {
        assert_eq!(
            found(Method::GET, "/v2/apps/a/users/ext%201%2F%C3%BC"),
            Some(Operation::GetUser("ext 1/ü".to_owned()))
        );
        assert_eq!(found(Method::GET, "/v2/apps/a/users/ext/1"), None);
    }

    #[test]
    fn a_method_that_a_path_has_not_is_no_route() {
        for (method, path) in [
            (Method::HEAD, "/v2/apps/a/conversations/c"),
            (Method::PUT, "/v2/apps/a/conversations/c"),
            (Method::GET, "/v2/apps/a/conversations/c/messages/m"),
            (Method::GET, "/v2/apps/a"),
            (Method::GET, "/v2/apps/a/conversations/"),
            (Method::GET, "/v1/apps/a/conversations/c"),
            (Method::GET, "/v2/apps/a/users/%ff"),
        ] {
            assert_eq!(found(method, path), None, "{path}");
        }
    }

    #[test]
    fn only_the_apps_that_are_named_are_known() {
        let config = FacadeConfig {
            app_ids: vec!["a".into()],
            public_url: None,
        };
        let path = |app: &str| format!("/v2/apps/{app}/conversations/c");
        assert!(find(&Method::GET, &path("a"), &config).is_ok());
        assert!(find(&Method::GET, &path("b"), &config).is_err());
    }

    #[test]
    fn the_prefix_of_the_vendors_hosts_is_passed_over() {
        assert_eq!(path_of("/sc/v2/apps/a"), "/v2/apps/a");
        assert_eq!(path_of("/v2/apps/a"), "/v2/apps/a");
        assert_eq!(path_of("/script"), "/script");
    }

    #[test]
    fn every_operation_that_the_adapter_uses_has_a_route() {
        let routes = crate::facade_routes();
        for operation in crate::OPERATIONS {
            assert!(
                routes.iter().any(|(known, _)| *known == operation.vendor),
                "{}",
                operation.vendor
            );
        }
    }
}
