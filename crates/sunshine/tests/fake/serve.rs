//! From the socket to the handlers: credentials, fault, description, route.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer::{Answer, Refusal};
use super::faults::Fault;
use super::routes::{self, Operation as Op};
use super::{
    DESCRIPTION, SeenRequest, Server, attachments, auth, conversations, messages, participants,
    users,
};
use testkit::budget::retry_after_seconds;
use testkit::cuttable::{Connection, CuttableListener};

/// What the vendor takes as an upload.
const UPLOAD_MAX_BYTES: usize = 50 * 1024 * 1024;
/// What the vendor takes as JSON.
const JSON_MAX_BYTES: usize = 100 * 1024;

/// One request, read completely.
pub(crate) struct Call {
    pub(crate) server: Arc<Server>,
    /// Scheme, host and the prefix before `/v2`.
    pub(crate) origin: String,
    /// From `/v2` on, raw, without the query.
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    method: String,
    operation: Option<String>,
    fault: Option<Fault>,
}

impl Call {
    /// The body, which the description has already let through.
    pub(crate) fn decode<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(&self.body)
            .map_err(|_| Refusal::bad_request("The body is malformed"))
    }
}

/// Serves until the task is aborted.
pub(crate) async fn serve(listener: tokio::net::TcpListener, server: Arc<Server>) {
    let router = Router::new().fallback(answer).with_state(server);
    let service = router.into_make_service_with_connect_info::<Connection>();
    #[expect(
        clippy::disallowed_methods,
        reason = "a fake on loopback needs no header timeout"
    )]
    axum::serve(CuttableListener(listener), service)
        .await
        .expect("the listener never fails");
}

async fn answer(
    State(server): State<Arc<Server>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, UPLOAD_MAX_BYTES + 4096).await else {
        return Refusal::TOO_LARGE.answer().finish(false);
    };
    let header = |name: &str| {
        let value = parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (raw_path, raw_query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    // Zendesk's own hosts serve the API below `/sc`.
    let (prefix, path) = match raw_path.strip_prefix("/sc/") {
        Some(_) => raw_path.split_at("/sc".len()),
        None => ("", raw_path),
    };
    let query = match server.options.json_queries {
        true => without_json(raw_query),
        false => raw_query.to_owned(),
    };
    let described = if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    };
    let operation = DESCRIPTION
        .operation(parts.method.as_str(), path)
        .map(str::to_owned);
    let fault = {
        let mut data = server.data();
        data.seen.push(SeenRequest {
            operation: operation.clone(),
            method: parts.method.to_string(),
            path: parts.uri.to_string(),
            authorization: header("authorization"),
            body: String::from_utf8_lossy(&body).into_owned(),
        });
        let spent = data.budget.as_mut().map(|left| left.spend(Instant::now()));
        if let Some(Err(wait)) = spent {
            data.refused += 1;
            return Refusal::TOO_MANY
                .answer()
                .with("retry-after", retry_after_seconds(wait))
                .finish(false);
        }
        operation.as_deref().and_then(|name| data.take_fault(name))
    };
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let call = Call {
        origin: format!("http://{}{prefix}", header("host")),
        path: path.to_owned(),
        query: pairs
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect(),
        method: parts.method.to_string(),
        headers: parts.headers,
        body,
        operation,
        fault,
        server,
    };
    // A request is carried out even when its client has left, so the work runs on its own task.
    let work = tokio::spawn(async move { carry_out(&call, &described, &connection).await });
    work.await.expect("the fake does not panic")
}

async fn carry_out(call: &Call, described: &str, connection: &Connection) -> Response<Body> {
    match &call.fault {
        Some(Fault::CutBefore) => {
            connection.cut();
            return std::future::pending().await;
        }
        Some(Fault::Silence) => return std::future::pending().await,
        Some(Fault::Slow(time)) => tokio::time::sleep(*time).await,
        Some(Fault::Refuse { status, code }) => {
            return Refusal::new(*status, code, "Planned by a test")
                .answer()
                .finish(false);
        }
        Some(Fault::Answer {
            status,
            headers,
            body,
        }) => return override_with(*status, headers, body).finish(false),
        _ => {}
    }
    let mut answer = dispatch(call, described)
        .await
        .unwrap_or_else(|refusal| refusal.answer());
    check_own_answer(call, &answer);
    match &call.fault {
        Some(Fault::CutAfter) => {
            connection.cut();
            return std::future::pending().await;
        }
        Some(Fault::SilenceAfter) => return std::future::pending().await,
        Some(Fault::Html) => return Answer::html().finish(false),
        Some(Fault::Empty) => answer.body.clear(),
        Some(Fault::TruncatedBody) => answer.body.truncate(answer.body.len() / 2),
        Some(Fault::CutMidBody) => return answer.finish(true),
        Some(fault) => {
            let cursor = ["page[before]", "page[after]"]
                .iter()
                .find_map(|name| call.query.get(*name));
            if let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) {
                fault.edit(&mut body, cursor.map(String::as_str));
                answer.body = serde_json::to_vec(&body).expect("JSON");
            }
        }
        None => {}
    }
    answer.finish(false)
}

fn override_with(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answer {
    let json = ("content-type", "application/json; charset=utf-8");
    let headers = std::iter::once(&json).chain(headers);
    Answer {
        status,
        headers: headers
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: body.as_bytes().to_vec(),
    }
}

async fn dispatch(call: &Call, described: &str) -> Result<Answer, Refusal> {
    if call.method == "GET" && call.path.starts_with(attachments::SERVED) {
        return attachments::serve(call);
    }
    auth::check(&call.headers)?;
    let is_upload = call.operation.as_deref() == Some("UploadAttachment");
    let max = if is_upload {
        UPLOAD_MAX_BYTES
    } else {
        JSON_MAX_BYTES
    };
    if call.body.len() > max {
        return Err(Refusal::TOO_LARGE);
    }
    let operation = routes::find(&call.method, &call.path);
    let violations = violations_of(call, described);
    if !violations.is_empty() {
        call.server.data().violations.extend(violations);
        operation?;
        return Err(Refusal::bad_request("The request is not as described"));
    }
    match operation? {
        Op::CreateUser => users::create(call),
        Op::ListUsers => users::list(call),
        Op::GetUser(id) => users::get(call, &id),
        Op::UpdateUser(id) => users::update(call, &id),
        Op::DeleteUser(id) => users::delete(call, &id),
        Op::CreateConversation => conversations::create(call),
        Op::ListConversations => conversations::list(call),
        Op::GetConversation(id) => conversations::get(call, &id),
        Op::UpdateConversation(id) => conversations::update(call, &id),
        Op::DeleteConversation(id) => conversations::delete(call, &id),
        Op::Join(id) => participants::join(call, &id),
        Op::Leave(id) => participants::leave(call, &id),
        Op::ListParticipants(id) => participants::list(call, &id),
        Op::PostMessage(id) => messages::post(call, &id),
        Op::ListMessages(id) => messages::list(call, &id),
        Op::DeleteAllMessages(id) => messages::delete_all(call, &id),
        Op::DeleteMessage(id, message) => messages::delete(call, &id, &message),
        Op::PostActivity(id) => participants::activity(call, &id),
        Op::UploadAttachment => attachments::upload(call).await,
        Op::RemoveAttachment => attachments::remove(call),
    }
}

fn violations_of(call: &Call, described: &str) -> Vec<String> {
    let mut violations =
        DESCRIPTION.check_request(&call.method, described, &call.headers, &call.body);
    let tolerated = &call.server.options.tolerated;
    violations.retain(|violation| !tolerated.iter().any(|text| violation.contains(text)));
    violations
}

/// The fake itself must keep to the description, except in what a test has put in.
fn check_own_answer(call: &Call, answer: &Answer) {
    let ours = !call.server.data().has_added_messages;
    if ours && call.operation.is_some() {
        let violations =
            DESCRIPTION.check_response(&call.method, &call.path, answer.status, &answer.body);
        let ours = violations
            .into_iter()
            .map(|violation| format!("the fake's own answer: {violation}"));
        call.server.data().violations.extend(ours);
    }
}

/// `page={"after":"x"}` as `page[after]=x`.
fn without_json(query: &str) -> String {
    let mut written = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match serde_json::from_str::<BTreeMap<String, Value>>(&value) {
            Ok(members) => {
                for (member, value) in members {
                    let text = value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned);
                    written.append_pair(&format!("{name}[{member}]"), &text);
                }
            }
            Err(_) => {
                written.append_pair(&name, &value);
            }
        }
    }
    written.finish()
}
