//! `/admin/v1/routes/explain`: where a new conversation would go, and why.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use backend::ports::{RouteExplanation, RouteOverride, RuleExplanation, Share};
use backend::{Context, Principal, RouteHints};
use conversation::{NewConversation, Violation};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::call::Call;
use crate::checks::{self, below, violation};
use crate::gateway::App;
use crate::json::JsonBody;
use crate::problem::Problem;
use crate::query::NoQuery;

/// Our own API, beside the facades.
const NORMALIZED: &str = "normalized";

/// Who would make which conversation, and how; what is absent is the caller's own, or nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ExplainRouteRequest {
    tenant: Option<Box<str>>,
    key: Option<Box<str>>,
    user: Option<Box<str>>,
    via: Option<Box<str>>,
    backend: Option<Box<str>>,
    headers: BTreeMap<String, Box<str>>,
    conversation: NewConversation,
}

/// Where it would go.
#[derive(Debug, Serialize)]
struct RouteDocument {
    route: Box<str>,
    to: Vec<Chance>,
    fallback: Vec<Box<str>>,
    rules: Vec<RuleExplanation>,
    overrides: Vec<RouteOverride>,
}

/// A backend that may get it.
#[derive(Debug, Serialize)]
struct Chance {
    #[serde(flatten)]
    share: Share,
    /// How probably, 0 to 1.
    chance: f64,
}

impl From<RouteExplanation> for RouteDocument {
    fn from(explanation: RouteExplanation) -> Self {
        let RouteExplanation {
            route,
            to,
            fallback,
            rules,
            overrides,
        } = explanation;
        let total: f64 = to.iter().map(|share| f64::from(share.weight)).sum();
        let to = to.into_iter().map(|share| Chance {
            chance: f64::from(share.weight) / total,
            share,
        });
        RouteDocument {
            route,
            to: to.collect(),
            fallback,
            rules,
            overrides,
        }
    }
}

/// `POST /admin/v1/routes/explain`
pub(crate) async fn explain(
    State(app): State<App>,
    call: Call,
    _: NoQuery,
    body: JsonBody,
) -> Result<Answer, Problem> {
    let request: ExplainRouteRequest = body.parse()?;
    let mut violations = unseen(&request.headers);
    violations.extend(below(
        "/conversation",
        conversation::validate_conversation(&request.conversation),
    ));
    checks::refuse(violations)?;
    let new = request.conversation.clone();
    let explained = app
        .gateway
        .routes
        .explain_route(&context(call.cx, request), &new)
        .await?;
    Answer::document(StatusCode::OK, &RouteDocument::from(explained))
}

/// The context that such a caller's request would have.
fn context(cx: Context, request: ExplainRouteRequest) -> Context {
    let own = &cx.principal;
    let principal = Principal {
        tenant: request.tenant.unwrap_or_else(|| own.tenant.clone()),
        key: request.key.unwrap_or_else(|| own.key.clone()),
        user: request.user,
        scopes: own.scopes.clone(),
    };
    let headers = request.headers.into_iter();
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase().into(), value));
    Context {
        principal: Arc::new(principal),
        route: Arc::new(RouteHints {
            via: request.via.filter(|via| **via != *NORMALIZED),
            backend: request.backend,
            headers: headers.collect(),
        }),
        ..cx
    }
}

/// Headers that no rule sees.
fn unseen(headers: &BTreeMap<String, Box<str>>) -> Vec<Violation> {
    let is_seen = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.starts_with("x-") || name.starts_with("dragoman-")
    };
    headers
        .keys()
        .filter(|name| !is_seen(name))
        .map(|name| {
            let name = name.replace('~', "~0").replace('/', "~1");
            violation(
                format!("/headers/{name}"),
                "unknown-value",
                "rules see header fields that begin with x- or dragoman-",
            )
        })
        .collect()
}
