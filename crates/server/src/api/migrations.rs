//! `/admin/v1/migrations`: conversations that are moved between backends.

pub(crate) mod items;
pub(crate) mod report;

use axum::extract::State;
use axum::response::Response;
use backend::Write;
use backend::ports::{MigrationId, MigrationSpec, RosterEntry, RouteOverride};
use conversation::{ConversationPatch, Violation};
use http::{StatusCode, Uri};
use keys::{TENANT_RULE, USER_RULE, is_tenant_name, is_user_name};
use migration::{CopyOptions, Migrations, Status, SwitchOptions};
use serde::{Deserialize, Serialize};

use crate::answer::Answer;

use crate::call::Call;
use crate::checks::{self, violation};
use crate::gateway::App;
use crate::json::{ImportBody, OptionalJsonBody};
use crate::list::List;
use crate::once::{Attempt, Recovery, run_once};
use crate::path::PathIds;
use crate::problem::Problem;
use crate::query::NoQuery;

/// The most entries of a roster that an answer names.
const VIOLATIONS_MAX: usize = 100;

/// A migration as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct MigrationDocument {
    #[serde(flatten)]
    status: Status,
    /// Where new conversations go because of it.
    overrides: Vec<RouteOverride>,
}

impl MigrationDocument {
    async fn of(app: &App, status: Status) -> Result<Self, Problem> {
        let id = status.record.id;
        let mut overrides = app.gateway.route_overrides.overrides().await?;
        overrides.retain(|route| route.migration == id);
        Ok(MigrationDocument { status, overrides })
    }
}

/// A write to a migration as its idempotency record sees it: what is asked for is a state, so asking again changes
/// nothing more.
pub(super) fn attempt(body: &[u8]) -> Attempt<'_> {
    Attempt {
        location: None,
        write: Write::UpdateConversation(ConversationPatch::default()),
        body,
        recovery: Recovery::RunAgain,
    }
}

/// `POST /admin/v1/migrations`
pub(crate) async fn plan(
    State(app): State<App>,
    call: Call,
    _: NoQuery,
    ImportBody(body): ImportBody,
) -> Result<Answer, Problem> {
    let spec: MigrationSpec = body.parse()?;
    checks::refuse(misnamed(&spec.roster))?;
    let shared = &app;
    run_once(&app, call, attempt(body.bytes()), |cx| async move {
        // The same for each repeat of a request with an idempotency key: it plans once.
        let id = MigrationId::from_uuid(cx.intent);
        let status = shared.gateway.migrations.plan_as(id, spec).await?;
        tracing::info!(migration = %id, "a migration was planned");
        let document = MigrationDocument::of(shared, status).await?;
        let answer = Answer::document(StatusCode::CREATED, &document)?;
        Ok(answer.at(&format!("/admin/v1/migrations/{id}")))
    })
    .await
}

/// Entries that no key could have: names at vendors are made of tenant and end user, so that one may be another's there.
fn misnamed(roster: &[RosterEntry]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (position, entry) in roster.iter().enumerate() {
        if !is_tenant_name(&entry.tenant) {
            let pointer = format!("/roster/{position}/tenant");
            violations.push(violation(&pointer, "invalid-value", TENANT_RULE));
        }
        if !is_user_name(&entry.user) {
            let pointer = format!("/roster/{position}/user");
            violations.push(violation(&pointer, "invalid-value", USER_RULE));
        }
        if violations.len() >= VIOLATIONS_MAX {
            break;
        }
    }
    violations
}

/// `GET /admin/v1/migrations`
pub(crate) async fn list(
    State(app): State<App>,
    _: Call,
    uri: Uri,
    _: NoQuery,
) -> Result<Response, Problem> {
    let overrides = app.gateway.route_overrides.overrides().await?;
    let all = app.gateway.migrations.list().await?;
    let documents = all.into_iter().map(|status| {
        let id = status.record.id;
        let own = overrides.iter().filter(|route| route.migration == id);
        MigrationDocument {
            overrides: own.cloned().collect(),
            status,
        }
    });
    List::whole(documents.collect()).into_answer(&uri)
}

/// `GET /admin/v1/migrations/{migration_id}`
pub(crate) async fn get(
    State(app): State<App>,
    _: Call,
    ids: PathIds,
    _: NoQuery,
) -> Result<Answer, Problem> {
    let status = app.gateway.migrations.status(ids.migration()?).await?;
    Answer::document(StatusCode::OK, &MigrationDocument::of(&app, status).await?)
}

/// `GET /admin/v1/routes/overrides`
pub(crate) async fn overrides(
    State(app): State<App>,
    _: Call,
    uri: Uri,
    _: NoQuery,
) -> Result<Response, Problem> {
    let overrides = app.gateway.route_overrides.overrides().await?;
    List::whole(overrides).into_answer(&uri)
}

/// A body without members: what has no options takes none.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoOptions {}

/// Asks a migration for something. It begins, and goes on after the answer.
async fn act<O, F, R>(
    app: &App,
    call: Call,
    ids: &PathIds,
    body: OptionalJsonBody,
    run: F,
) -> Result<Answer, Problem>
where
    O: serde::de::DeserializeOwned + Default,
    F: FnOnce(Migrations, MigrationId, O) -> R,
    R: Future<Output = backend::Result<Status>>,
{
    let id = ids.migration()?;
    let options: O = match &body.0 {
        Some(body) => body.parse()?,
        None => O::default(),
    };
    let bytes = body.0.as_ref().map_or(&[][..], |body| &body.bytes()[..]);
    run_once(app, call, attempt(bytes), |_| async {
        let status = run(app.gateway.migrations.clone(), id, options).await?;
        let document = MigrationDocument::of(app, status).await?;
        Answer::document(StatusCode::ACCEPTED, &document)
    })
    .await
}

/// `POST /admin/v1/migrations/{migration_id}/copy`
pub(crate) async fn copy(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
    body: OptionalJsonBody,
) -> Result<Answer, Problem> {
    act(
        &app,
        call,
        &ids,
        body,
        |migrations, id, options: CopyOptions| async move { migrations.copy(id, options).await },
    )
    .await
}

/// `POST /admin/v1/migrations/{migration_id}/pause`
pub(crate) async fn pause(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
    body: OptionalJsonBody,
) -> Result<Answer, Problem> {
    act(
        &app,
        call,
        &ids,
        body,
        |migrations, id, _: NoOptions| async move { migrations.pause(id).await },
    )
    .await
}

/// `POST /admin/v1/migrations/{migration_id}/cancel`
pub(crate) async fn cancel(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
    body: OptionalJsonBody,
) -> Result<Answer, Problem> {
    act(
        &app,
        call,
        &ids,
        body,
        |migrations, id, _: NoOptions| async move { migrations.cancel(id).await },
    )
    .await
}

/// `POST /admin/v1/migrations/{migration_id}/check`
pub(crate) async fn check(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
    body: OptionalJsonBody,
) -> Result<Answer, Problem> {
    act(
        &app,
        call,
        &ids,
        body,
        |migrations, id, _: NoOptions| async move { migrations.check(id).await },
    )
    .await
}

/// `POST /admin/v1/migrations/{migration_id}/switch`
pub(crate) async fn switch(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
    body: OptionalJsonBody,
) -> Result<Answer, Problem> {
    act(&app, call, &ids, body, |migrations, id, options: SwitchOptions| async move {
        migrations.switch(id, options).await
    })
    .await
}

/// `POST /admin/v1/migrations/{migration_id}/rollback`
pub(crate) async fn rollback(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
    body: OptionalJsonBody,
) -> Result<Answer, Problem> {
    act(
        &app,
        call,
        &ids,
        body,
        |migrations, id, _: NoOptions| async move { migrations.rollback(id).await },
    )
    .await
}

/// `POST /admin/v1/migrations/{migration_id}/finish`
pub(crate) async fn finish(
    State(app): State<App>,
    call: Call,
    ids: PathIds,
    _: NoQuery,
    body: OptionalJsonBody,
) -> Result<Answer, Problem> {
    act(
        &app,
        call,
        &ids,
        body,
        |migrations, id, _: NoOptions| async move { migrations.finish(id).await },
    )
    .await
}
