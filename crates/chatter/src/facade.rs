//! The vendor's API over any backend: its paths, shapes, ids, headers and errors, with our keys as its tokens.
//!
//! It copies the vendor's contract as it was measured, and not its defects; the README lists each answer that differs on
//! purpose. [`facade`] gives what a server mounts.

mod answers;
mod arriving;
mod call;
mod chat;
mod check;
mod conversations;
mod errors;
mod figures;
mod ids;
mod limits;
mod listing;
mod messages;
mod metadata;
mod routes;
mod service;
mod streaming;
mod updates;
mod view;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use conversation::ConversationId;
use facadekit::{Facade, FacadeParts, Messages, Refusal};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use moka::sync::Cache;

use self::answers::Problems;
use self::arriving::Correlation;
use self::figures::Figures;
use self::limits::Limits;

/// The vendor's kind.
const KIND: &str = "chatter";
/// Where the facade is mounted.
const PATH: &str = "/facade/chatter";
/// What the vendor's problems begin with where nobody has set another address.
const PROBLEMS_BASE: &str = "http://localhost:8000";

/// Walks that are remembered, and how long.
const WALKED_MAX: u64 = 100_000;
const WALKED_FOR: Duration = Duration::from_secs(600);

/// How the facade behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacadeConfig {
    /// Requests a minute for each path and caller; zero: no limit, and headers that say so. Default 100, the vendor's
    /// own. Chats, streams and lists of a user have 30, 20 and 60 percent of it on top, as at the vendor.
    pub requests_per_minute: u32,
    /// What stands before `/problems/` in the type of a problem. Default `http://localhost:8000`, the vendor's own.
    pub problems_base: Box<str>,
}

impl Default for FacadeConfig {
    fn default() -> Self {
        Self {
            requests_per_minute: 100,
            problems_base: PROBLEMS_BASE.into(),
        }
    }
}

/// What all requests share.
#[derive(Debug)]
struct Api {
    parts: FacadeParts,
    messages: Messages,
    /// Where the walk to a conversation's newest message ended, in whole pages.
    walked: Cache<ConversationId, u64>,
    limits: Limits,
    figures: Figures,
    problems_base: Arc<str>,
}

/// The facade over these parts.
#[must_use]
pub fn facade(parts: FacadeParts, config: FacadeConfig) -> Facade {
    let api = Api {
        messages: Messages::new(Arc::clone(&parts.backend)),
        walked: Cache::builder()
            .max_capacity(WALKED_MAX)
            .time_to_live(WALKED_FOR)
            .build(),
        limits: Limits::new(config.requests_per_minute, Arc::clone(&parts.turns)),
        figures: Figures::default(),
        problems_base: config.problems_base.into(),
        parts,
    };
    Facade {
        kind: KIND,
        path: PATH,
        // Everything goes one way: the vendor's rules for slashes and methods are not the router's.
        router: Router::new().fallback(handle).with_state(Arc::new(api)),
        refuse,
    }
}

/// Every operation of the vendor that is served, as the table of operations names it, with the facade's own whole route.
#[must_use]
pub fn facade_routes() -> Vec<(String, String)> {
    routes::ROUTES
        .iter()
        .flat_map(|route| {
            let methods = route.methods.iter();
            methods.map(|(method, _)| {
                (
                    format!("{method} {}", route.path),
                    format!("{method} {PATH}{}", route.path),
                )
            })
        })
        .collect()
}

async fn handle(State(api): State<Arc<Api>>, request: Request) -> Response {
    if request.method().is_safe() {
        return respond(api, request).await;
    }
    // A client that leaves must not stop a write half way.
    let detached = api.parts.detached.clone();
    match detached.run(respond(api, request)).await {
        Ok(response) => response,
        Err(interrupted) => {
            tracing::error!(error = %interrupted, "a call of the facade was lost");
            refuse(&Refusal {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                detail: String::new().into(),
                retry_after: None,
            })
        }
    }
}

async fn respond(api: Arc<Api>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let correlation = Correlation::of(&parts.headers);
    let (answer, budget) = call::answer(&api, parts, body, &correlation).await;
    let mut response = answer.unwrap_or_else(|refusal| *refusal);
    let headers = response.headers_mut();
    secure(headers);
    if let Some(budget) = budget.spent {
        budget.write_to(headers);
    }
    // The vendor's limit stands before what names requests.
    if !budget.is_used_up {
        headers.insert(HeaderName::from_static("x-correlation-id"), correlation.0);
    }
    response
}

/// The headers that the vendor puts on most answers. Without `Strict-Transport-Security`, which would speak for the whole
/// host that the facade is a path of.
fn secure(headers: &mut HeaderMap) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("x-xss-protection", "1; mode=block"),
        ("referrer-policy", "strict-origin-when-cross-origin"),
    ] {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
}

/// What the server around the facade refused, as a problem of the vendor's shape.
fn refuse(refusal: &Refusal) -> Response {
    let problems = Problems {
        base: PROBLEMS_BASE.into(),
        instance: PATH.to_owned(),
    };
    let seconds = refusal.retry_after.map(|wait| wait.as_secs().max(1));
    let mut response = match refusal.status {
        StatusCode::INTERNAL_SERVER_ERROR => *problems.internal(),
        status => *problems.plain(status, &refusal.detail),
    };
    if let Some(seconds) = seconds {
        let headers = response.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    secure(response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_routes_names_operations_as_they_are_named() {
        let routes = facade_routes();
        for operation in crate::OPERATIONS
            .iter()
            .filter(|operation| operation.is_documented)
        {
            let found = routes
                .iter()
                .find(|(vendor, _)| *vendor == operation.vendor);
            let (method, path) = operation.vendor.split_once(' ').unwrap();
            let expected = format!("{method} /facade/chatter{path}");
            assert_eq!(found.map(|(_, route)| route.as_str()), Some(&*expected));
        }
    }

    #[tokio::test]
    async fn what_the_server_refuses_is_a_problem_of_the_vendors_shape() {
        for (status, retry_after, kind) in [
            (
                StatusCode::SERVICE_UNAVAILABLE,
                Some(Duration::from_millis(10)),
                "service-unavailable",
            ),
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                None,
                "internal-server-error",
            ),
            (StatusCode::PAYLOAD_TOO_LARGE, None, "payload-too-large"),
        ] {
            let refused = refuse(&Refusal {
                status,
                detail: "too much at once".into(),
                retry_after,
            });
            assert_eq!(refused.status(), status);
            let wait = refused.headers().get(RETRY_AFTER);
            assert_eq!(wait.is_some(), retry_after.is_some());
            let body = axum::body::to_bytes(refused.into_body(), 1_024)
                .await
                .unwrap();
            let problem: crate::wire::Problem = serde_json::from_slice(&body).unwrap();
            assert_eq!(
                problem.kind,
                format!("http://localhost:8000/problems/{kind}")
            );
            assert_eq!(problem.status, status.as_u16());
            let is_told = problem.detail == "too much at once";
            assert_eq!(is_told, status != StatusCode::INTERNAL_SERVER_ERROR);
        }
    }
}
