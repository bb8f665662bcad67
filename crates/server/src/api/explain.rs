//! `/admin/v1/explain/{request_id}`: the way of a request that asked for it.

use axum::extract::State;
use backend::{Error, Kind};
use http::StatusCode;

use crate::answer::Answer;
use crate::call::Call;
use crate::gateway::App;
use crate::path::PathIds;
use crate::problem::Problem;
use crate::query::NoQuery;

/// `GET /admin/v1/explain/{request_id}`
pub(crate) async fn get(
    State(app): State<App>,
    _: Call,
    ids: PathIds,
    _: NoQuery,
) -> Result<Answer, Problem> {
    let request_id = ids.name("request_id")?;
    let found = app.gateway.explaining.explanation(request_id).await?;
    let explanation = found.ok_or_else(|| {
        Error::new(
            Kind::NotFound,
            "there is no explanation of this request: it did not ask for one with `dragoman-explain: true`, still runs, \
             or ended more than an hour ago",
        )
    })?;
    Answer::document(StatusCode::OK, &explanation.document)
}
