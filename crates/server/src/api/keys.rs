//! `/admin/v1/keys`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use backend::ports::KeyRecord;
use backend::{Error, Kind, Scope};
use conversation::{Time, Violation};
use http::{HeaderName, StatusCode, Uri};
use keys::{KeyRequest, NewKey, TENANT_RULE, USER_RULE, is_tenant_name, is_user_name};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::call::{Call, invalid_header};
use crate::checks::{self, violation};
use crate::gateway::App;
use crate::json::JsonBody;
use crate::list::List;
use crate::path::PathIds;
use crate::problem::{Code, Problem};
use crate::query::{NoQuery, Query};

/// A key as it is shown: never its secret.
#[derive(Debug, Serialize)]
pub(crate) struct KeyDocument {
    id: Box<str>,
    tenant: Box<str>,
    name: Box<str>,
    scopes: Vec<Scope>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Box<str>>,
    created_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Time>,
}

impl From<KeyRecord> for KeyDocument {
    fn from(record: KeyRecord) -> Self {
        let KeyRecord {
            id,
            tenant,
            name,
            secret_hash: _,
            scopes,
            user,
            created_at,
            expires_at,
            revoked_at,
        } = record;
        KeyDocument {
            id,
            tenant,
            name,
            scopes,
            user,
            created_at,
            expires_at,
            revoked_at,
        }
    }
}

/// `GET /admin/v1/keys`
pub(crate) async fn list(
    State(app): State<App>,
    _: Call,
    uri: Uri,
    mut query: Query,
) -> Result<Response, Problem> {
    let tenant = query.one("tenant")?;
    query.finish()?;
    let records = app.gateway.keys.list(tenant.as_deref()).await?;
    let keys: Vec<KeyDocument> = records.into_iter().map(KeyDocument::from).collect();
    List::whole(keys).into_answer(&uri)
}

/// The body that makes a key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateRequest {
    tenant: Box<str>,
    name: Box<str>,
    scopes: Vec<Scope>,
    #[serde(default)]
    user: Option<Box<str>>,
    #[serde(default)]
    expires_at: Option<Time>,
}

/// The one answer that holds a secret.
#[derive(Serialize)]
struct CreatedKey<'a> {
    #[serde(flatten)]
    document: KeyDocument,
    key: &'a str,
}

/// `POST /admin/v1/keys`
pub(crate) async fn create(
    State(app): State<App>,
    call: Call,
    _: NoQuery,
    body: JsonBody,
) -> Result<Answer, Problem> {
    if call.cx.idempotency_key.is_some() {
        return Err(invalid_header(
            &HeaderName::from_static("idempotency-key"),
            "an answer with a secret is never stored, so it cannot be repeated: send it without",
        ));
    }
    let request: CreateRequest = body.parse()?;
    checks::refuse(violations_of(&request))?;
    let new = NewKey::generate(KeyRequest {
        tenant: request.tenant,
        name: request.name,
        scopes: request.scopes,
        user: request.user,
        expires_at: request.expires_at,
    })
    .map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    app.gateway.keys.insert(&new.record).await?;
    tracing::info!(key.id = &*new.record.id, "a key was made");
    let location = format!("/admin/v1/keys/{}", new.record.id);
    let answer = Answer::document(
        StatusCode::CREATED,
        &CreatedKey {
            document: new.record.into(),
            key: new.key.expose_secret(),
        },
    )?;
    Ok(answer.at(&location))
}

fn violations_of(request: &CreateRequest) -> Vec<Violation> {
    let mut violations = Vec::new();
    if !is_tenant_name(&request.tenant) {
        violations.push(violation("/tenant", "invalid-value", TENANT_RULE));
    }
    let names = [
        ("/name", Some(&request.name)),
        ("/user", request.user.as_ref()),
    ];
    for (pointer, name) in names {
        if name.is_some_and(|name| !is_user_name(name)) {
            violations.push(violation(pointer, "invalid-value", USER_RULE));
        }
    }
    if request.scopes.is_empty() {
        violations.push(violation("/scopes", "empty", "at least one scope"));
    }
    if request.expires_at.is_some_and(|end| end <= Time::now()) {
        violations.push(violation("/expires_at", "out-of-range", "in the future"));
    }
    violations
}

/// `DELETE /admin/v1/keys/{key_id}`
pub(crate) async fn revoke(
    State(app): State<App>,
    _: Call,
    ids: PathIds,
    _: NoQuery,
) -> Result<Response, Problem> {
    let id = ids.name("key_id")?;
    if !app.gateway.keys.revoke(id, Time::now()).await? {
        return Err(Error::new(Kind::NotFound, "no key has this id, or it is revoked").into());
    }
    app.gateway.key_check.forget(id).await;
    tracing::info!(key.id = id, "a key was revoked");
    Ok(StatusCode::NO_CONTENT.into_response())
}
