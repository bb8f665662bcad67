//! `/admin/v1/config`: the configuration in use, and another one in its place.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use backend::{Error, Kind};
use http::{StatusCode, Uri};
use serde::Deserialize;

use crate::answer::Answer;
use crate::call::Call;
use crate::configuring::{ConfigCaller, ConfigMistake, ConfigRefusal, Configuring};
use crate::gateway::App;
use crate::json::JsonBody;
use crate::list::List;
use crate::problem::{Code, Outcome, Problem};
use crate::query::{NoQuery, Query, invalid_query};

/// How many versions a list shows where no limit is named, and at most.
const HISTORY_DEFAULT: usize = 20;
const HISTORY_MAX: usize = 200;

/// `GET /admin/v1/config`
pub(crate) async fn status(State(app): State<App>, _: Call, _: NoQuery) -> Result<Answer, Problem> {
    Answer::document(StatusCode::OK, &configuring(&app)?.status()?)
}

/// `POST /admin/v1/config/check`
pub(crate) async fn check(State(app): State<App>, _: Call, _: NoQuery) -> Result<Answer, Problem> {
    Answer::document(StatusCode::OK, &configuring(&app)?.check().await?)
}

/// `POST /admin/v1/config/diff`
pub(crate) async fn diff(State(app): State<App>, _: Call, _: NoQuery) -> Result<Answer, Problem> {
    let diff = configuring(&app)?.diff().await.map_err(problem_of)?;
    Answer::document(StatusCode::OK, &diff)
}

/// `POST /admin/v1/config/reload`
pub(crate) async fn reload(
    State(app): State<App>,
    call: Call,
    _: NoQuery,
) -> Result<Answer, Problem> {
    let done = configuring(&app)?.reload(caller(&call)).await;
    Answer::document(StatusCode::OK, &done.map_err(problem_of)?)
}

/// `GET /admin/v1/config/history`
pub(crate) async fn history(
    State(app): State<App>,
    _: Call,
    uri: Uri,
    mut query: Query,
) -> Result<Response, Problem> {
    let limit = match query.one("limit")? {
        None => HISTORY_DEFAULT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=HISTORY_MAX).contains(limit))
            .ok_or_else(|| invalid_query("limit", format!("a number from 1 to {HISTORY_MAX}")))?,
    };
    query.finish()?;
    List::whole(configuring(&app)?.history(limit).await?).into_answer(&uri)
}

/// Which version is brought back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RollbackRequest {
    version: u64,
}

/// `POST /admin/v1/config/rollback`
pub(crate) async fn rollback(
    State(app): State<App>,
    call: Call,
    _: NoQuery,
    body: JsonBody,
) -> Result<Answer, Problem> {
    let RollbackRequest { version } = body.parse()?;
    let done = configuring(&app)?.rollback(version, caller(&call)).await;
    Answer::document(StatusCode::OK, &done.map_err(problem_of)?)
}

/// A gateway that one command started has nothing to configure: it ends with the command.
fn configuring(app: &App) -> Result<&Arc<dyn Configuring>, Problem> {
    app.gateway.configuring.as_ref().ok_or_else(|| {
        Error::new(
            Kind::Unsupported,
            "this gateway keeps the configuration that it was started with",
        )
        .into()
    })
}

fn caller(call: &Call) -> ConfigCaller {
    let principal = &call.cx.principal;
    ConfigCaller {
        by: principal.key.clone(),
        tenant: Some(principal.tenant.clone()),
        user: principal.user.clone(),
        request_id: Some((&*call.cx.request_id).into()),
    }
}

fn problem_of(refusal: ConfigRefusal) -> Problem {
    match refusal {
        ConfigRefusal::Failed(error) => error.into(),
        ConfigRefusal::Mistakes(mistakes) => {
            let lines: Vec<String> = mistakes.iter().map(line).collect();
            let detail = format!(
                "the configuration cannot be used, and the one in use stays: {}",
                lines.join("; ")
            );
            Problem::new(Code::InvalidRequest, detail).with_outcome(Outcome::NotApplied)
        }
    }
}

fn line(mistake: &ConfigMistake) -> String {
    match &mistake.at {
        Some(at) => format!("{at}: {}", mistake.message),
        None => mistake.message.clone(),
    }
}
