//! `/healthz`, `/readyz`, `/metrics`: for load balancers and monitoring, without a key.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;

use crate::gateway::{App, MetricsPage, ReadinessCheck};
use crate::problem::Problem;
use crate::query::Query;

const PROMETHEUS_TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4");

/// `GET /healthz`: the process answers. Looks at nothing else, or an outage elsewhere would restart us.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

#[derive(Serialize)]
struct ReadinessDocument {
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<Vec<ReadinessCheck>>,
}

/// `GET /readyz`: requests can be served. 503 from the stop signal on.
pub(crate) async fn ready(State(app): State<App>, mut query: Query) -> Result<Response, Problem> {
    let is_verbose = query.one("verbose")?.is_some();
    query.finish()?;
    let mut checks = vec![ReadinessCheck {
        name: "running".to_owned(),
        ok: !app.gateway.shutdown.is_stopping(),
        detail: match app.gateway.shutdown.is_stopping() {
            true => "the server is stopping".to_owned(),
            false => "the server takes requests".to_owned(),
        },
    }];
    checks.extend(app.gateway.readiness.check().await);
    let ready = checks.iter().all(|check| check.ok);
    let status = match ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    checks.extend(app.gateway.readiness.notes().await);
    name_version(&app, &mut checks);
    let checks = (is_verbose || !ready).then_some(checks);
    Ok((status, Json(ReadinessDocument { ready, checks })).into_response())
}

/// Says which version of the configuration is in use: the same number at every replica.
fn name_version(app: &App, checks: &mut [ReadinessCheck]) {
    let status = app.gateway.configuring.as_ref().map(|one| one.status());
    // While it stops nobody tells.
    let Some(Ok(status)) = status else { return };
    for check in checks.iter_mut().filter(|one| one.name == "configuration") {
        check.detail = format!("{}, version {}", check.detail, status.version.version);
    }
}

/// `GET /metrics`
pub(crate) async fn metrics(page: MetricsPage) -> Response {
    ([(CONTENT_TYPE, PROMETHEUS_TEXT)], page()).into_response()
}
