//! The whole route table. What stands here is served, described at `/openapi.json`, and needs a key with the scope
//! of its method; the few open routes stand apart.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use http::Method;
use tower_http::compression::CompressionLayer;

use crate::api::{
    activity, archive, attachments, audit, backends, config, conversations, credentials, erasures,
    explain, intents, keys, messages, migrations, overlay, participants, passthrough, probes,
    responses, routes, shadows, translate,
};
use crate::call::authenticate;
use crate::gateway::App;
use crate::middleware::surround;
use crate::{docs, openapi};

/// One operation that needs a key.
pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// `operationId`, and the key of its description.
    pub(crate) id: &'static str,
    handler: MethodRouter<App>,
}

fn operation(
    method: Method,
    path: &'static str,
    id: &'static str,
    handler: MethodRouter<App>,
) -> Operation {
    Operation {
        method,
        path,
        id,
        handler,
    }
}

const CONVERSATIONS: &str = "/v1/conversations";
const CONVERSATION: &str = "/v1/conversations/{id}";
const MESSAGES: &str = "/v1/conversations/{id}/messages";
const IMPORT: &str = "/v1/conversations/{id}/messages:import";
const MESSAGE: &str = "/v1/conversations/{id}/messages/{message_id}";
const RATING: &str = "/v1/conversations/{id}/messages/{message_id}/rating";
const RESPONSES: &str = "/v1/conversations/{id}/responses";
const PARTICIPANTS: &str = "/v1/conversations/{id}/participants";
const PARTICIPANT: &str = "/v1/conversations/{id}/participants/{participant_id}";
const ACTIVITY: &str = "/v1/conversations/{id}/activity";
const ATTACHMENTS: &str = "/v1/attachments";
const CONTENT: &str = "/v1/attachments/{attachment_id}/content";
const BACKENDS: &str = "/v1/backends";
const BACKEND: &str = "/v1/backends/{name}";
const TEMPLATES: &str = "/v1/backends/{name}/templates";
const TOOLS: &str = "/v1/backends/{name}/tools";
const STATUS: &str = "/v1/backends/{name}/status";
const STATISTICS: &str = "/v1/backends/{name}/statistics";
pub(crate) const PASSTHROUGH: &str = "/v1/backends/{name}/passthrough/{*path}";
pub(crate) const TRANSLATE: &str = "/v1/translate";
const DRIFT: &str = "/admin/v1/overlay/drift";
const REPAIR: &str = "/admin/v1/overlay/repair";
const INTENTS: &str = "/admin/v1/intents";
const INTENT: &str = "/admin/v1/intents/{intent_id}";
const MIGRATIONS: &str = "/admin/v1/migrations";
const MIGRATION: &str = "/admin/v1/migrations/{migration_id}";
const COPY: &str = "/admin/v1/migrations/{migration_id}/copy";
const PAUSE: &str = "/admin/v1/migrations/{migration_id}/pause";
const CANCEL: &str = "/admin/v1/migrations/{migration_id}/cancel";
const CHECK: &str = "/admin/v1/migrations/{migration_id}/check";
const SWITCH: &str = "/admin/v1/migrations/{migration_id}/switch";
const ROLLBACK: &str = "/admin/v1/migrations/{migration_id}/rollback";
const FINISH: &str = "/admin/v1/migrations/{migration_id}/finish";
const ITEMS: &str = "/admin/v1/migrations/{migration_id}/items";
const FINDINGS: &str = "/admin/v1/migrations/{migration_id}/findings";
const REPORT: &str = "/admin/v1/migrations/{migration_id}/report";
const OVERRIDES: &str = "/admin/v1/routes/overrides";
const EXPLAIN_ROUTE: &str = "/admin/v1/routes/explain";
const SHADOWS: &str = "/admin/v1/shadows";
const ARCHIVE: &str = "/admin/v1/archive";
const ARCHIVED: &str = "/admin/v1/archive/attachments";
const RESTORE: &str = "/admin/v1/archive/conversations/{id}";
const RESTORE_MESSAGES: &str = "/admin/v1/archive/conversations/{id}/messages";
const RESTORE_ATTACHMENT: &str = "/admin/v1/archive/conversations/{id}/attachments/{attachment_id}";
pub(crate) const RESTORE_END: &str = "/admin/v1/archive/conversations/{id}/end";
const ERASURES: &str = "/admin/v1/erasures";
const CREDENTIALS: &str = "/admin/v1/credentials";
const CONFIG: &str = "/admin/v1/config";
const CONFIG_CHECK: &str = "/admin/v1/config/check";
const CONFIG_DIFF: &str = "/admin/v1/config/diff";
const CONFIG_RELOAD: &str = "/admin/v1/config/reload";
const CONFIG_HISTORY: &str = "/admin/v1/config/history";
const CONFIG_ROLLBACK: &str = "/admin/v1/config/rollback";
const AUDIT: &str = "/admin/v1/audit";
const EXPLAIN: &str = "/admin/v1/explain/{request_id}";
const KEYS: &str = "/admin/v1/keys";
const KEY: &str = "/admin/v1/keys/{key_id}";

/// Every operation that needs a key.
#[rustfmt::skip]
pub(crate) fn operations() -> Vec<Operation> {
    let (read, make, change, replace, remove) =
        (Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::DELETE);
    vec![
        // conversations
        operation(read.clone(), CONVERSATIONS, "listConversations", get(conversations::list)),
        operation(make.clone(), CONVERSATIONS, "createConversation", post(conversations::create)),
        operation(read.clone(), CONVERSATION, "getConversation", get(conversations::get)),
        operation(change.clone(), CONVERSATION, "updateConversation", patch(conversations::update)),
        operation(remove.clone(), CONVERSATION, "deleteConversation", delete(conversations::delete)),
        // messages
        operation(read.clone(), MESSAGES, "listMessages", get(messages::list)),
        operation(make.clone(), MESSAGES, "postMessage", post(messages::post)),
        operation(make.clone(), IMPORT, "importMessages", post(messages::import)),
        operation(read.clone(), MESSAGE, "getMessage", get(messages::get)),
        operation(change.clone(), MESSAGE, "updateMessage", patch(messages::update)),
        operation(remove.clone(), MESSAGE, "deleteMessage", delete(messages::delete)),
        operation(replace.clone(), RATING, "rateMessage", put(messages::rate)),
        // answers
        operation(make.clone(), RESPONSES, "respond", post(responses::respond)),
        // participants
        operation(read.clone(), PARTICIPANTS, "listParticipants", get(participants::list)),
        operation(make.clone(), PARTICIPANTS, "addParticipants", post(participants::add)),
        operation(remove.clone(), PARTICIPANT, "removeParticipant", delete(participants::remove)),
        operation(make.clone(), ACTIVITY, "sendActivity", post(activity::send)),
        // attachments
        operation(make.clone(), ATTACHMENTS, "putAttachment", post(attachments::put)),
        operation(read.clone(), CONTENT, "openAttachment", get(attachments::content)),
        // backends
        operation(read.clone(), BACKENDS, "listBackends", get(backends::list)),
        operation(read.clone(), BACKEND, "getBackend", get(backends::get)),
        operation(read.clone(), TEMPLATES, "listTemplates", get(backends::templates)),
        operation(read.clone(), TOOLS, "listTools", get(backends::tools)),
        operation(read.clone(), STATUS, "getBackendStatus", get(backends::status)),
        operation(read.clone(), STATISTICS, "getBackendStatistics", get(backends::statistics)),
        operation(read.clone(), PASSTHROUGH, "passThroughGet", get(passthrough::pass)),
        operation(make.clone(), PASSTHROUGH, "passThroughPost", post(passthrough::pass)),
        operation(replace.clone(), PASSTHROUGH, "passThroughPut", put(passthrough::pass)),
        operation(change.clone(), PASSTHROUGH, "passThroughPatch", patch(passthrough::pass)),
        operation(remove.clone(), PASSTHROUGH, "passThroughDelete", delete(passthrough::pass)),
        // shapes
        operation(make.clone(), TRANSLATE, "translate", post(translate::translate)),
        // administration
        operation(read.clone(), DRIFT, "listDrift", get(overlay::drift)),
        operation(make.clone(), REPAIR, "repairDrift", post(overlay::repair)),
        operation(read.clone(), INTENTS, "listIntents", get(intents::list)),
        operation(remove.clone(), INTENT, "forgetIntent", delete(intents::forget)),
        // migrations
        operation(make.clone(), MIGRATIONS, "planMigration", post(migrations::plan)),
        operation(read.clone(), MIGRATIONS, "listMigrations", get(migrations::list)),
        operation(read.clone(), MIGRATION, "getMigration", get(migrations::get)),
        operation(make.clone(), COPY, "copyMigration", post(migrations::copy)),
        operation(make.clone(), PAUSE, "pauseMigration", post(migrations::pause)),
        operation(make.clone(), CANCEL, "cancelMigration", post(migrations::cancel)),
        operation(make.clone(), CHECK, "checkMigration", post(migrations::check)),
        operation(make.clone(), SWITCH, "switchMigration", post(migrations::switch)),
        operation(make.clone(), ROLLBACK, "rollbackMigration", post(migrations::rollback)),
        operation(make.clone(), FINISH, "finishMigration", post(migrations::finish)),
        operation(read.clone(), ITEMS, "listMigrationItems", get(migrations::items::list)),
        operation(read.clone(), FINDINGS, "listMigrationFindings", get(migrations::items::findings)),
        operation(read.clone(), REPORT, "getMigrationReport", get(migrations::report::report)),
        operation(read.clone(), OVERRIDES, "listRouteOverrides", get(migrations::overrides)),
        // routes
        operation(make.clone(), EXPLAIN_ROUTE, "explainRoute", post(routes::explain)),
        operation(read.clone(), SHADOWS, "listShadowDifferences", get(shadows::list)),
        // archives and erasure
        operation(read.clone(), ARCHIVE, "exportArchive", get(archive::export)),
        operation(read.clone(), ARCHIVED, "openArchivedAttachment", get(archive::attachment)),
        operation(replace.clone(), RESTORE, "restoreConversation", put(archive::conversation)),
        operation(make.clone(), RESTORE_MESSAGES, "restoreMessages", post(archive::messages)),
        operation(replace, RESTORE_ATTACHMENT, "restoreAttachment", put(archive::put_attachment)),
        operation(make.clone(), RESTORE_END, "endRestore", post(archive::end)),
        operation(make.clone(), ERASURES, "erasePerson", post(erasures::erase)),
        // credentials
        operation(read.clone(), CREDENTIALS, "listCredentials", get(credentials::list)),
        operation(Method::PUT, CREDENTIALS, "putCredential", put(credentials::put)),
        operation(remove.clone(), CREDENTIALS, "removeCredential", delete(credentials::remove)),
        // configuration
        operation(read.clone(), CONFIG, "getConfiguration", get(config::status)),
        operation(make.clone(), CONFIG_CHECK, "checkConfiguration", post(config::check)),
        operation(make.clone(), CONFIG_DIFF, "compareConfiguration", post(config::diff)),
        operation(make.clone(), CONFIG_RELOAD, "reloadConfiguration", post(config::reload)),
        operation(read.clone(), CONFIG_HISTORY, "listConfigurations", get(config::history)),
        operation(make.clone(), CONFIG_ROLLBACK, "rollbackConfiguration", post(config::rollback)),
        // looking back
        operation(read.clone(), AUDIT, "listAudit", get(audit::list)),
        operation(read.clone(), EXPLAIN, "getExplanation", get(explain::get)),
        // keys
        operation(read, KEYS, "listKeys", get(keys::list)),
        operation(make, KEYS, "createKey", post(keys::create)),
        operation(remove, KEY, "revokeKey", delete(keys::revoke)),
    ]
}

/// Puts everything together: keyed routes behind authentication, open ones beside them, the middleware around all.
pub(crate) fn build(app: App) -> Result<Router, serde_json::Error> {
    let operations = operations();
    let description = openapi::describe(&operations);
    let keyed = operations
        .into_iter()
        .fold(Router::new(), |router, operation| {
            router.route(operation.path, operation.handler)
        })
        .route_layer(from_fn_with_state(app.clone(), authenticate));
    let mut open = Router::new()
        .route("/healthz", get(probes::alive))
        .route("/readyz", get(probes::ready));
    if let Some(page) = app.gateway.metrics.clone() {
        open = open.route("/metrics", get(move || probes::metrics(page.clone())));
    }
    let mut open = open.with_state(app.clone());
    if app.gateway.docs {
        open = open.merge(docs::routes(&description)?);
    }
    // Only what is large and the same for everybody is compressed: a strong ETag names the bytes that are sent, and
    // secrets beside chosen text must not show in a length.
    let router = keyed
        .with_state(app.clone())
        .merge(open.layer(CompressionLayer::new()));
    let facades = &app.gateway.facades;
    let router = facades.iter().fold(router, |router, facade| {
        // As a service: what it has not is answered by itself, and in its vendor's words.
        router.nest_service(facade.path, facade.router.clone())
    });
    let limits = app.gateway.limits.clone();
    let shutdown = app.gateway.shutdown.clone();
    let in_work = app.gateway.in_work.clone();
    Ok(surround(
        router,
        limits,
        in_work,
        shutdown,
        facades.clone(),
        app.gateway.explaining.clone(),
    ))
}
