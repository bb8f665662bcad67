//! `/admin/v1/erasures`: one person's data, removed everywhere.

use std::time::Duration;

use axum::extract::State;
use backend::ports::RosterEntry;
use conversation::Violation;
use http::{HeaderName, StatusCode};
use keys::{TENANT_RULE, USER_RULE, is_tenant_name, is_user_name};
use serde::Deserialize;

use crate::answer::Answer;
use crate::call::{Call, invalid_header};
use crate::checks::{self, violation};
use crate::gateway::App;
use crate::json::JsonBody;
use crate::problem::{Code, Problem};
use crate::query::NoQuery;

/// How long the answer waits for the end of an erasure, before it tells how far that has come.
const WAIT: Duration = Duration::from_secs(60);

/// The body of an erasure.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EraseRequest {
    tenant: Box<str>,
    user: Box<str>,
}

/// `POST /admin/v1/erasures`
pub(crate) async fn erase(
    State(app): State<App>,
    call: Call,
    _: NoQuery,
    body: JsonBody,
) -> Result<Answer, Problem> {
    if call.cx.idempotency_key.is_some() {
        return Err(invalid_header(
            &HeaderName::from_static("idempotency-key"),
            "the answer names the person and is never stored: send it without, the same call again goes on",
        ));
    }
    let request: EraseRequest = body.parse()?;
    checks::refuse(violations_of(&request))?;
    let person = RosterEntry {
        tenant: request.tenant,
        user: request.user,
    };
    let gateway = &app.gateway;
    let (migrations, whom) = (gateway.migrations.clone(), person.clone());
    // It goes on after the answer.
    let erasing = gateway
        .shutdown
        .detached()
        .run(async move { migrations.erase(&whom).await });
    let wait = WAIT.min(gateway.limits.request_timeout);
    match tokio::time::timeout(wait, erasing).await {
        Ok(Ok(Ok(Some(receipt)))) => {
            tracing::info!(
                conversations = receipt.conversations.len(),
                is_complete = receipt.is_complete,
                "a person was erased"
            );
            Answer::document(StatusCode::OK, &receipt)
        }
        Ok(Ok(Err(error))) => Err(error.into()),
        Ok(Err(_interrupted)) => Err(Problem::new(
            Code::Internal,
            "the erasure met a fault in this server: the same call again goes on",
        )),
        // This one or an earlier one still runs.
        Ok(Ok(Ok(None))) | Err(_) => {
            let receipt = gateway.migrations.being_erased(&person).await?;
            Answer::document(StatusCode::ACCEPTED, &receipt)
        }
    }
}

fn violations_of(request: &EraseRequest) -> Vec<Violation> {
    let mut violations = Vec::new();
    if !is_tenant_name(&request.tenant) {
        violations.push(violation("/tenant", "invalid-value", TENANT_RULE));
    }
    if !is_user_name(&request.user) {
        violations.push(violation("/user", "invalid-value", USER_RULE));
    }
    violations
}
