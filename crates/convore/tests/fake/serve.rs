//! From the socket to the handlers: key, route, ids, body.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Response};
use convore::wire;
use futures_util::stream::{self, StreamExt};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer::{Answer, Query, Refusal};
use super::faults::Fault;
use super::{
    DESCRIPTION, FakeConvore, SeenRequest, Server, attachments, conversations, labels, messages,
};
use testkit::budget::retry_after_seconds;
use testkit::cuttable::{Connection, CuttableListener};

/// Larger bodies are refused by the fake; no test needs them.
const BODY_MAX_BYTES: usize = 32 * 1024 * 1024;

/// One request, read completely.
pub(crate) struct Call {
    pub(crate) server: Arc<Server>,
    pub(crate) query: Query,
    pub(crate) body: Bytes,
    method: String,
    path: String,
    path_and_query: String,
    headers: HeaderMap,
}

impl Call {
    /// The body as a request of the vendor.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(&self.body).map_err(|_| Answer::refused(400, "body"))
    }

    pub(crate) fn content_type(&self) -> &str {
        let header = self.headers.get("content-type");
        header
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// A success with this object.
    pub(crate) fn ok(&self, value: &impl serde::Serialize) -> Answer {
        Answer::json(self.server.options.success, value)
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
    let Ok(body) = axum::body::to_bytes(body, BODY_MAX_BYTES).await else {
        return Answer::refused(413, "too large for the fake").finish();
    };
    let path_and_query = parts
        .uri
        .path_and_query()
        .map_or_else(|| parts.uri.path().to_owned(), ToString::to_string);
    let method = parts.method.to_string();
    let violations = DESCRIPTION.check_request(&method, &path_and_query, &parts.headers, &body);
    let fault = {
        let mut data = server.data();
        data.violations.extend(violations);
        data.seen.push(SeenRequest {
            method: method.clone(),
            path: path_and_query.clone(),
            body: String::from_utf8_lossy(&body).into_owned(),
        });
        let broken = data.broken.iter();
        let broken = broken
            .filter(|broken| path_and_query.contains(&broken.path_part))
            .map(|broken| Fault::Status(broken.status))
            .next();
        let spent = data.budget.as_mut().map(|left| left.spend(Instant::now()));
        match spent {
            Some(Err(wait)) => {
                data.refused += 1;
                Some(Fault::TooManyRequests(Some(retry_after_seconds(wait))))
            }
            _ => broken.or_else(|| data.take_fault(&method, parts.uri.path())),
        }
    };
    let call = Call {
        query: Query::of(parts.uri.query().unwrap_or_default()),
        body,
        method,
        path: parts.uri.path().to_owned(),
        path_and_query,
        headers: parts.headers,
        server,
    };
    // A server carries a request out even when its client has left, so the work runs on its own task.
    let work = tokio::spawn(async move { carry_out(&call, fault, &connection).await });
    work.await.expect("the fake does not panic")
}

async fn carry_out(call: &Call, fault: Option<Fault>, connection: &Connection) -> Response<Body> {
    match fault {
        Some(Fault::CutBefore) => {
            connection.cut();
            return std::future::pending().await;
        }
        Some(Fault::Slow(time)) => tokio::time::sleep(time).await,
        Some(Fault::TooManyRequests(seconds)) => {
            let mut refusal = Answer::refused(429, "slow down");
            refusal.retry_after = seconds;
            return refusal.finish();
        }
        Some(Fault::Status(status)) => return Answer::refused(status, "planned").finish(),
        _ => {}
    }
    let (late, later) = delays(call);
    tokio::time::sleep(late).await;
    let mut answer = dispatch(call).unwrap_or_else(|refusal| *refusal);
    tokio::time::sleep(later).await;
    // An empty cursor breaks the description on purpose.
    let is_described = answer.status == 200 && !call.server.options.ends_with_empty_cursor;
    if is_described && answer.content_type == "application/json" {
        let violations = DESCRIPTION.check_response(
            &call.method,
            &call.path_and_query,
            answer.status,
            &answer.body,
        );
        call.server.data().violations.extend(violations);
    }
    match fault {
        Some(Fault::CutAfter) => {
            connection.cut();
            return std::future::pending().await;
        }
        Some(Fault::CutMidBody) => return half(answer),
        Some(Fault::Instead(content_type, body)) => {
            answer.status = 200;
            answer.content_type = content_type.to_owned();
            answer.body = body.into();
        }
        Some(Fault::Truncated) => answer.body.truncate(answer.body.len() / 2),
        Some(Fault::PlainText) => answer.content_type = "text/plain; charset=utf-8".to_owned(),
        Some(Fault::Padded(blanks)) => answer.body.extend(std::iter::repeat_n(b' ', blanks)),
        Some(Fault::Edited(edit)) => {
            let mut value: Value = serde_json::from_slice(&answer.body).expect("a json answer");
            edit(&mut value);
            answer.body = serde_json::to_vec(&value).expect("a json answer");
        }
        _ => {}
    }
    answer.finish()
}

/// How late a request is carried out, and how late it is answered then.
fn delays(call: &Call) -> (Duration, Duration) {
    if call.method == "GET" {
        return (Duration::ZERO, Duration::ZERO);
    }
    let mut data = call.server.data();
    data.writes += 1;
    (call.server.options.write_delays)(data.writes)
}

/// The first half of an answer, then nothing more.
fn half(answer: Answer) -> Response<Body> {
    let length = answer.body.len();
    let first = Bytes::copy_from_slice(&answer.body[..length / 2]);
    // What is pending is flushed, so the first half is on its way before the cut.
    let cut = async {
        tokio::task::yield_now().await;
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    };
    let body = Body::from_stream(stream::iter([Ok(first)]).chain(stream::once(cut)));
    Response::builder()
        .header("content-type", answer.content_type)
        .header("content-length", length)
        .body(body)
        .expect("an answer")
}

fn dispatch(call: &Call) -> Result<Answer, Refusal> {
    let key = call
        .headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    if key != Some(FakeConvore::KEY) {
        return Err(Answer::refused(401, "key"));
    }
    let segments: Vec<String> = call.path.split('/').skip(1).map(decoded).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (call.method.as_str(), segments.as_slice()) {
        ("GET", ["v1", "messages"]) => messages::list(call),
        ("POST", ["v1", "messages"]) => messages::send(call),
        ("POST", ["v1", "messages", "import"]) => messages::import(call),
        ("GET", ["v1", "messages", id]) => messages::get(call, id),
        ("PATCH", ["v1", "messages", id]) => messages::update(call, id),
        ("GET", ["v1", "conversations"]) => conversations::list(call),
        ("POST", ["v1", "conversations"]) => conversations::create(call),
        ("GET", ["v1", "conversations", id]) => conversations::get(call, id),
        ("PATCH", ["v1", "conversations", id]) => conversations::update(call, id),
        ("GET", ["v1", "labels"]) => labels::list(call),
        ("POST", ["v1", "labels"]) => labels::create(call),
        ("POST", ["v1", "attachments"]) => attachments::upload(call),
        ("DELETE", ["v1", "attachments", id]) => attachments::delete(call, id),
        ("GET", ["v1", "attachments", id, "download"]) => attachments::download(call, id),
        _ => Err(Answer::refused(404, "route")),
    }
}

fn decoded(segment: &str) -> String {
    // A path segment knows no `+`, so it is hidden from the form decoding.
    let pair = format!("x={}", segment.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// A time that may be stored: with an offset.
pub(crate) fn check_time(text: &str) -> Result<(), Refusal> {
    let has_offset = text.parse::<jiff::Timestamp>().is_ok();
    has_offset
        .then_some(())
        .ok_or_else(|| Answer::refused(400, "time"))
}

/// Participants as a careful server takes them: known kinds of addresses, none empty.
pub(crate) fn check_participants(participants: &[wire::MessageParticipant]) -> Result<(), Refusal> {
    let is_right = |one: &wire::MessageParticipant| {
        !matches!(one.handle.kind, wire::ContactHandleType::Other(_))
            && !matches!(one.role, wire::MessageParticipantRole::Other(_))
            && !one.handle.value.is_empty()
    };
    let all = participants.iter().all(is_right);
    all.then_some(())
        .ok_or_else(|| Answer::refused(400, "participant"))
}
