//! `/v1/backends`: what is behind the gateway, and what it can do.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use backend::{BackendInfo, Capabilities, Context, Error, Health, Kind};
use http::{StatusCode, Uri};
use serde::Serialize;

use crate::answer::Answer;
use crate::call::Call;
use crate::gateway::{App, Mounted};
use crate::list::List;
use crate::path::PathIds;
use crate::problem::Problem;
use crate::query::NoQuery;

/// How long a look at one backend waits for its health.
const HEALTH_WAIT: Duration = Duration::from_secs(2);

/// `GET /v1/backends`
pub(crate) async fn list(
    State(app): State<App>,
    _: Call,
    _: NoQuery,
    uri: Uri,
) -> Result<Response, Problem> {
    let infos = app
        .gateway
        .backends
        .iter()
        .map(|mounted| mounted.stack.info());
    List::whole(infos.collect::<Vec<&BackendInfo>>()).into_answer(&uri)
}

#[derive(Serialize)]
struct BackendDocument<'a> {
    #[serde(flatten)]
    info: &'a BackendInfo,
    health: Health,
    capabilities: BothCapabilities,
}

/// What a backend can do alone, and with everything that the gateway puts around it.
#[derive(Serialize)]
struct BothCapabilities {
    native: Capabilities,
    effective: Capabilities,
}

/// `GET /v1/backends/{name}`
pub(crate) async fn get(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
) -> Result<Answer, Problem> {
    let mounted = find(&app, &call.cx, &ids)?;
    let health = tokio::time::timeout(HEALTH_WAIT, mounted.stack.health(&call.cx))
        .await
        .unwrap_or_else(|_elapsed| Health {
            ok: false,
            detail: "no answer in time".to_owned(),
        });
    Answer::document(
        StatusCode::OK,
        &BackendDocument {
            info: mounted.stack.info(),
            health,
            capabilities: BothCapabilities {
                native: mounted.bare.capabilities(),
                effective: mounted.stack.capabilities(),
            },
        },
    )
}

/// `GET /v1/backends/{name}/templates`
pub(crate) async fn templates(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
    uri: Uri,
) -> Result<Response, Problem> {
    let templates = find(&app, &call.cx, &ids)?
        .stack
        .templates(&call.cx)
        .await?;
    List::whole(templates).into_answer(&uri)
}

/// `GET /v1/backends/{name}/tools`
pub(crate) async fn tools(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
    uri: Uri,
) -> Result<Response, Problem> {
    let tools = find(&app, &call.cx, &ids)?.stack.tools(&call.cx).await?;
    List::whole(tools).into_answer(&uri)
}

/// `GET /v1/backends/{name}/status`
pub(crate) async fn status(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
) -> Result<Answer, Problem> {
    let status = find(&app, &call.cx, &ids)?.stack.status(&call.cx).await?;
    Answer::document(StatusCode::OK, &status)
}

/// `GET /v1/backends/{name}/statistics`
pub(crate) async fn statistics(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
) -> Result<Answer, Problem> {
    let statistics = find(&app, &call.cx, &ids)?
        .stack
        .statistics(&call.cx)
        .await?;
    Answer::document(StatusCode::OK, &statistics)
}

fn find<'a>(app: &'a App, cx: &Context, ids: &PathIds) -> Result<&'a Mounted, Problem> {
    let name = ids.name("name")?;
    let mounted = app
        .gateway
        .mounted(name)
        .ok_or_else(|| Error::new(Kind::NotFound, "no backend has this name; see /v1/backends"))?;
    cx.trace.note_backend(name);
    Ok(mounted)
}
