//! `/v1/backends/{name}/passthrough/…`: a vendor's own API with the gateway's credentials.
//!
//! The vendor's answer is the caller's answer, whatever its status. Every call is written to the audit log before it is
//! sent, and how it ended afterwards, also where the caller has left.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use backend::ports::{AuditEntry, PassthroughAnswer, PassthroughRequest};
use backend::{Context, Error, Kind, Origin, Outcome, Scope};
use bytes::Bytes;
use conversation::Time;
use http::header::{
    ACCEPT, ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, IF_MATCH,
    IF_NONE_MATCH,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use crate::auth::lacks;
use crate::body::read_body;
use crate::call::{Call, invalid_header};
use crate::gateway::App;
use crate::path::PathIds;
use crate::problem::{self, Code, FieldError, Place, Problem};

/// The header fields of a request that a vendor is told. Never a credential, a cookie, or where the caller comes from.
const TOLD: [HeaderName; 6] = [
    ACCEPT,
    ACCEPT_LANGUAGE,
    CONTENT_TYPE,
    CONTENT_LANGUAGE,
    IF_MATCH,
    IF_NONE_MATCH,
];
/// The vendor's status: it tells its 404 from one of ours.
const UPSTREAM_STATUS: HeaderName = HeaderName::from_static("dragoman-upstream-status");
/// The vendor's id of the request.
const UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("dragoman-upstream-request-id");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// By these names vendors tell their id of a request.
const REQUEST_IDS: [&str; 2] = ["x-request-id", "x-correlation-id"];
/// The most segments of a path that the audit log names.
const NAMED_SEGMENTS: usize = 4;
/// The longest segment that it names, in bytes.
const NAMED_SEGMENT_MAX_BYTES: usize = 64;
const ACTION: &str = "passthrough";
/// The window in which the calls of a key are counted.
const MINUTE: Duration = Duration::from_secs(60);

/// `GET|POST|PUT|PATCH|DELETE /v1/backends/{name}/passthrough/{path}`
pub(crate) async fn pass(
    State(app): State<App>,
    Call { cx, .. }: Call,
    ids: PathIds,
    request: Request,
) -> Result<Response, Problem> {
    if !cx.principal.may(Scope::Passthrough) {
        return Err(lacks(Scope::Passthrough));
    }
    let name = ids.name("name")?.to_owned();
    let mounted = app
        .gateway
        .mounted(&name)
        .ok_or_else(|| Error::new(Kind::NotFound, "no backend has this name; see /v1/backends"))?;
    let vendor = mounted.passthrough.clone().ok_or_else(|| {
        let detail = "this backend has no passthrough: it has no vendor, or `passthrough` is not set in its part of the \
                      configuration";
        Problem::new(Code::NotSupported, detail).with_backend(&*name)
    })?;
    cx.trace.note_backend(&name);
    let request = request_of(&app, request).await?;
    take_a_turn(&app, &cx, &name).await?;

    let mut entry = AuditEntry {
        id: Uuid::now_v7(),
        at: Time::now(),
        tenant: Some(cx.principal.tenant.clone()),
        by: cx.principal.key.clone(),
        user: cx.principal.user.clone(),
        request_id: Some((*cx.request_id).into()),
        action: ACTION.into(),
        target: target(&name, &request),
        outcome: "begun".into(),
    };
    // Without a word about it nothing is sent.
    let noted = app.gateway.audit.append(&entry).await;
    noted.map_err(|error| error.outcome(Outcome::NotApplied))?;

    let recorder = app
        .gateway
        .explaining
        .of(&cx)
        .map(|recording| recording.recorder().clone());
    let audit = app.gateway.audit.clone();
    let backend = name.clone();
    // A task of its own: the log says how the call ended also where the caller has left.
    let work = app.gateway.shutdown.detached().run(async move {
        cx.trace.note_attempt();
        let call = vendor.pass_through(&cx, request);
        let result = match recorder {
            Some(recorder) => transport::recorded(recorder, call).await,
            None => call.await,
        };
        entry.id = Uuid::now_v7();
        entry.at = Time::now();
        entry.outcome = ending(&result);
        if let Err(error) = audit.append(&entry).await {
            // It was done, rightly, and the log knows that it was begun.
            tracing::warn!(%error, "how a passthrough call ended could not be added to the audit log");
        }
        count(&backend, &result);
        result
    });
    let result = work.await.map_err(|error| {
        Error::new(Kind::Internal, "the call ended without a result").source(error)
    })?;
    answer_of(result.map_err(|error| error.at(&name, "pass_through"))?)
}

/// The request in the vendor's words.
async fn request_of(app: &App, request: Request) -> Result<PassthroughRequest, Problem> {
    let (parts, body) = request.into_parts();
    let limits = &app.gateway.limits;
    if parts.headers.contains_key(&IDEMPOTENCY_KEY) {
        return Err(invalid_header(
            &IDEMPOTENCY_KEY,
            "a vendor's own API is called as it is: no answer is stored for repeats; leave it out",
        ));
    }
    if parts
        .headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
    {
        return Err(Problem::at(
            Code::UnsupportedMediaType,
            FieldError::new(
                Place::Header,
                "/content-encoding",
                "invalid-value",
                "compressed bodies are not taken: send the bytes as they are",
            ),
        ));
    }
    let path = segments(parts.uri.path())?;
    let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let is_json = parts
        .headers
        .get(CONTENT_TYPE)
        .is_none_or(|value| value.as_bytes().starts_with(b"application/json"));
    let bytes_max = match is_json {
        true => limits.body_bytes_max,
        // A file, perhaps in a form.
        false => limits.attachment_bytes_max,
    };
    let body = read_body(body, bytes_max, limits).await?;
    Ok(PassthroughRequest {
        method: parts.method.as_str().into(),
        path,
        query,
        headers: told(&parts.headers)?,
        body,
    })
}

/// The segments behind `passthrough/`, decoded. A slash at the end makes no segment.
fn segments(path: &str) -> Result<Vec<Box<str>>, Problem> {
    let refused = |detail: &str| {
        Problem::at(
            Code::InvalidId,
            FieldError::new(Place::Path, "/path", "invalid-value", detail),
        )
    };
    // `/v1/backends/{name}/passthrough/` is five pieces.
    let rest = path.splitn(6, '/').nth(5).unwrap_or_default();
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    rest.split('/')
        .map(|segment| {
            let decoded = percent_decode_str(segment)
                .decode_utf8()
                .map_err(|_not_text| refused("not UTF-8 after percent-decoding"))?;
            let is_sane =
                !matches!(&*decoded, "" | "." | "..") && !decoded.contains(char::is_control);
            match is_sane {
                true => Ok(decoded.into()),
                false => Err(refused(
                    "no part of the path may be empty, `.` or `..`, or have a control character",
                )),
            }
        })
        .collect()
}

/// Names and values of header fields.
type Fields = Vec<(Box<str>, Box<str>)>;

fn told(headers: &HeaderMap) -> Result<Fields, Problem> {
    let mut told = Vec::new();
    for name in &TOLD {
        for value in headers.get_all(name) {
            let value = value
                .to_str()
                .map_err(|_not_ascii| invalid_header(name, "visible ASCII characters"))?;
            told.push((name.as_str().into(), value.into()));
        }
    }
    Ok(told)
}

/// Where the calls of a key cannot be counted, none is sent.
async fn take_a_turn(app: &App, cx: &Context, backend: &str) -> Result<(), Problem> {
    let per_minute = app.gateway.limits.passthrough_per_minute;
    let taken = app
        .gateway
        .turns
        .take(ACTION, &cx.principal.key, per_minute, MINUTE)
        .await
        .map_err(|error| error.outcome(Outcome::NotApplied))?;
    if taken.granted {
        return Ok(());
    }
    count_as(backend, "refused");
    let detail = format!("a key may call vendors' own APIs {per_minute} times a minute");
    Err(Problem::new(Code::RateLimited, detail)
        .with_outcome(problem::Outcome::NotApplied)
        .with_retry_after(taken.wait))
}

/// `support GET /conversations/c-1/…`: where the call went, without anything that only a person would say.
fn target(backend: &str, request: &PassthroughRequest) -> Box<str> {
    let mut target = format!("{backend} {} ", request.method);
    for segment in request.path.iter().take(NAMED_SEGMENTS) {
        let is_plain = segment.len() <= NAMED_SEGMENT_MAX_BYTES
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
        target.push('/');
        target.push_str(if is_plain { segment } else { "*" });
    }
    if request.path.len() > NAMED_SEGMENTS {
        target.push_str("/…");
    }
    target.into()
}

/// How a call ended, for the audit log: the vendor's status, or why there is none and what became of it.
fn ending(result: &backend::Result<PassthroughAnswer>) -> Box<str> {
    match result {
        Ok(answer) => answer.status.to_string().into(),
        Err(error) => {
            let outcome = match error.outcome {
                Outcome::NotApplied => "not_applied",
                Outcome::Applied => "applied",
                Outcome::Unknown => "unknown",
            };
            format!("{} ({outcome})", error.kind.as_str()).into()
        }
    }
}

fn count(backend: &str, result: &backend::Result<PassthroughAnswer>) {
    count_as(
        backend,
        match result {
            Ok(answer) => match answer.status {
                200..=299 => "2xx",
                300..=399 => "3xx",
                400..=499 => "4xx",
                _ => "5xx",
            },
            Err(_) => "failed",
        },
    );
}

fn count_as(backend: &str, result: &'static str) {
    metrics::counter!(
        "dragoman_passthrough_requests_total", "backend" => backend.to_owned(), "result" => result
    )
    .increment(1);
}

/// The vendor's answer as ours.
fn answer_of(answer: PassthroughAnswer) -> Result<Response, Problem> {
    let unusable = || {
        Error::new(
            Kind::InvalidResponse,
            "the vendor's answer cannot be passed on",
        )
        .origin(Origin::Upstream)
        .outcome(Outcome::Unknown)
    };
    // Below 200 are no answers.
    let status = StatusCode::from_u16(answer.status)
        .ok()
        .filter(|status| status.as_u16() >= 200)
        .ok_or_else(unusable)?;
    let mut response = Response::new(Body::from(Bytes::clone(&answer.body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(UPSTREAM_STATUS, HeaderValue::from(answer.status));
    for (name, value) in &answer.headers {
        let name = match REQUEST_IDS.contains(&&**name) {
            true => UPSTREAM_REQUEST_ID,
            false => HeaderName::try_from(&**name).map_err(|_bad| unusable())?,
        };
        let value = HeaderValue::from_str(value).map_err(|_bad| unusable())?;
        headers.append(name, value);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(path: &str) -> Result<Vec<String>, u16> {
        let path = format!("/v1/backends/a/passthrough/{path}");
        let found = segments(&path).map_err(|problem| problem.status().as_u16())?;
        Ok(found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_path_is_its_decoded_segments_and_leads_nowhere_else() {
        let words = |words: &[&str]| Ok(words.iter().map(ToString::to_string).collect());
        assert_eq!(parts("v1/messages"), words(&["v1", "messages"]));
        assert_eq!(parts("v1/messages/"), words(&["v1", "messages"]));
        assert_eq!(parts("a%2Fb/c%252fd/%3F"), words(&["a/b", "c%2fd", "?"]));
        assert_eq!(parts("%2e%2E%2fx"), words(&["../x"]));
        for bad in [
            "",
            "a//b",
            "a/../b",
            "a/%2e%2e/b",
            ".",
            "a/%00",
            "a/%0d%0a",
            "a/%ff",
        ] {
            assert_eq!(parts(bad), Err(400), "{bad}");
        }
    }

    #[test]
    fn the_audit_log_names_where_a_call_went_and_no_more() {
        let request = |path: &[&str]| PassthroughRequest {
            method: "GET".into(),
            path: path.iter().map(|&segment| segment.into()).collect(),
            query: vec![("planted".into(), "planted".into())],
            headers: Vec::new(),
            body: Bytes::from_static(b"planted"),
        };
        let of = |path: &[&str]| target("support", &request(path)).to_string();
        assert_eq!(
            of(&["v1", "messages", "m-1"]),
            "support GET /v1/messages/m-1"
        );
        assert_eq!(of(&["a", "b", "c", "d", "e"]), "support GET /a/b/c/d/…");
        assert_eq!(of(&["users", "ada@mail", "a b"]), "support GET /users/*/*");
        assert_eq!(of(&[&"x".repeat(65)]), "support GET /*");
    }

    #[test]
    fn only_harmless_headers_are_told() {
        let mut headers = HeaderMap::new();
        for name in [
            "authorization",
            "cookie",
            "user_token",
            "x-forwarded-for",
            "host",
            "x-api-key",
            "accept",
            "content-type",
            "proxy-authorization",
            "dragoman-user",
            "content-length",
            "te",
            "connection",
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("v"));
        }
        let told = told(&headers).unwrap();
        let names: Vec<&str> = told.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["accept", "content-type"]);
    }
}
