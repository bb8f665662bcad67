//! `/admin/v1/credentials`: with which of a vendor's credentials a tenant's or an end user's conversations are made.
//!
//! A secret goes in and never comes out. What is put is used by the next call.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use backend::ports::{AuditEntry, CredentialName, remove_credential};
use backend::{Error, Kind};
use conversation::{Time, Violation};
use http::{StatusCode, Uri};
use keys::{TENANT_RULE, USER_RULE, is_tenant_name, is_user_name};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::answer::Answer;
use crate::call::Call;
use crate::checks::{self, violation};
use crate::gateway::App;
use crate::json::JsonBody;
use crate::list::List;
use crate::problem::Problem;
use crate::query::{NoQuery, Query, invalid_query};

/// Largest secret, in bytes.
const SECRET_MAX_BYTES: usize = 64 * 1024;

/// Whose credential there is: never the secret.
#[derive(Debug, Serialize)]
pub(crate) struct CredentialDocument {
    backend: Box<str>,
    /// What locations of conversations carry that are made with it.
    reference: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Box<str>>,
}

impl From<CredentialName> for CredentialDocument {
    fn from(name: CredentialName) -> Self {
        let of_user = name.reference.strip_prefix("user:");
        let (tenant, user) = match of_user.and_then(|of| of.split_once('/')) {
            Some((tenant, user)) => (Some(tenant.into()), Some(user.into())),
            None => (name.reference.strip_prefix("tenant:").map(Into::into), None),
        };
        Self {
            backend: name.backend,
            tenant,
            user,
            reference: name.reference,
        }
    }
}

/// The body that stores a credential. It has no `Debug`: it holds the secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutRequest {
    backend: Box<str>,
    tenant: Box<str>,
    #[serde(default)]
    user: Option<Box<str>>,
    secret: String,
}

/// The name under which a credential is stored: an end user's, or the one that a tenant's callers share.
fn name_of(backend: &str, tenant: &str, user: Option<&str>) -> CredentialName {
    match user {
        Some(user) => CredentialName::of_user(backend, tenant, user),
        None => CredentialName {
            backend: backend.into(),
            reference: format!("tenant:{tenant}").into(),
        },
    }
}

/// `GET /admin/v1/credentials`
pub(crate) async fn list(
    State(app): State<App>,
    _: Call,
    uri: Uri,
    mut query: Query,
) -> Result<Response, Problem> {
    let (backend, tenant) = (query.one("backend")?, query.one("tenant")?);
    query.finish()?;
    let names = app.gateway.credentials.names().await?;
    let documents = names
        .into_iter()
        .filter(CredentialName::is_credential)
        .map(CredentialDocument::from)
        .filter(|document| {
            backend
                .as_deref()
                .is_none_or(|name| name == &*document.backend)
                && tenant
                    .as_deref()
                    .is_none_or(|name| document.tenant.as_deref() == Some(name))
        });
    List::whole(documents.collect::<Vec<_>>()).into_answer(&uri)
}

/// `PUT /admin/v1/credentials`
pub(crate) async fn put(
    State(app): State<App>,
    call: Call,
    _: NoQuery,
    body: JsonBody,
) -> Result<Answer, Problem> {
    let request: PutRequest = body.parse()?;
    checks::refuse(violations_of(&app, &request))?;
    let name = name_of(&request.backend, &request.tenant, request.user.as_deref());
    let secret = SecretString::from(request.secret.trim());
    // First, so that nothing is changed of which nobody knows who did it.
    note(&app, &call, "credential.put", &name, "begun").await?;
    app.gateway.credentials.put(&name, &secret).await?;
    note(&app, &call, "credential.put", &name, "done").await?;
    Answer::document(StatusCode::OK, &CredentialDocument::from(name))
}

/// `DELETE /admin/v1/credentials`
pub(crate) async fn remove(
    State(app): State<App>,
    call: Call,
    mut query: Query,
) -> Result<Response, Problem> {
    let (backend, tenant) = (query.one("backend")?, query.one("tenant")?);
    let user = query.one("user")?;
    query.finish()?;
    let backend = backend.ok_or_else(|| invalid_query("backend", "name the backend"))?;
    let tenant = tenant.ok_or_else(|| invalid_query("tenant", "name the tenant"))?;
    let name = name_of(&backend, &tenant, user.as_deref());
    note(&app, &call, "credential.remove", &name, "begun").await?;
    if !remove_credential(&*app.gateway.credentials, &name).await? {
        note(&app, &call, "credential.remove", &name, "absent").await?;
        return Err(Error::new(Kind::NotFound, "there is no such credential").into());
    }
    note(&app, &call, "credential.remove", &name, "done").await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn violations_of(app: &App, request: &PutRequest) -> Vec<Violation> {
    let mut violations = Vec::new();
    match app.gateway.mounted(&request.backend) {
        None => violations.push(violation(
            "/backend",
            "invalid-value",
            "no backend has this name; GET /v1/backends lists them",
        )),
        // Only a vendor's backend has somebody to show a credential to.
        Some(mounted) if mounted.overlay.is_none() => violations.push(violation(
            "/backend",
            "invalid-value",
            "this backend is the gateway's own store and takes no credential",
        )),
        Some(_) => {}
    }
    if !is_tenant_name(&request.tenant) {
        violations.push(violation("/tenant", "invalid-value", TENANT_RULE));
    }
    if request
        .user
        .as_deref()
        .is_some_and(|user| !is_user_name(user))
    {
        violations.push(violation("/user", "invalid-value", USER_RULE));
    }
    let secret = request.secret.trim();
    if secret.is_empty() || secret.len() > SECRET_MAX_BYTES || secret.chars().any(char::is_control)
    {
        violations.push(violation(
            "/secret",
            "invalid-value",
            "one line of 1 to 65536 bytes",
        ));
    }
    violations
}

/// Who changed it is kept; what it was never is.
async fn note(
    app: &App,
    call: &Call,
    action: &str,
    name: &CredentialName,
    outcome: &str,
) -> Result<(), Problem> {
    let principal = &call.cx.principal;
    let entry = AuditEntry {
        id: Uuid::now_v7(),
        at: Time::now(),
        tenant: Some(principal.tenant.clone()),
        by: principal.key.clone(),
        user: principal.user.clone(),
        request_id: Some((&*call.cx.request_id).into()),
        action: action.into(),
        target: format!("{} {}", name.backend, name.reference).into(),
        outcome: outcome.into(),
    };
    Ok(app.gateway.audit.append(&entry).await?)
}
