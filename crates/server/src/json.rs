//! Reading JSON bodies: format, size, time, a strict scan, then the type with JSON pointers.

mod objects;
mod pointer;
mod scan;

use axum::extract::{FromRef, FromRequest, Request};
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use hyper::body::Body as HttpBody;
use mime::Mime;
use serde::de::DeserializeOwned;

use self::scan::Bounds;
use crate::body::read_body;
use crate::limits::RequestLimits;
use crate::problem::{Code, FieldError, Place, Problem};

/// A whole JSON body that passed the strict scan and is not yet read into a type.
///
/// As an extractor it needs [`RequestLimits`] in the state.
#[derive(Clone)]
pub(crate) struct JsonBody {
    text: Bytes,
}

/// The same with the size limit of imports.
#[derive(Clone, Debug)]
pub(crate) struct ImportBody(pub(crate) JsonBody);

/// The same for lines of an archive: what was taken from a caller or a vendor comes back, however deep it stands there.
#[derive(Clone, Debug)]
pub(crate) struct ArchiveBody(pub(crate) JsonBody);

/// How deep a line of an archive may nest: as deep as kept JSON may, and what stands around it.
const ARCHIVE_DEPTH_MAX: usize = 160;
/// The most members and elements of a body: an import of a thousand messages with a hundred each.
const VALUES_MAX: usize = 100_000;
/// The same for a line of an archive: as many as an answer of a vendor may have.
const ARCHIVE_VALUES_MAX: usize = 500_000;

fn ordinary(limits: &RequestLimits) -> Bounds {
    Bounds {
        depth: limits.json_depth_max,
        values: VALUES_MAX,
    }
}

/// The same where a request may come without a body; absent when it has no bytes.
#[derive(Clone, Debug)]
pub(crate) struct OptionalJsonBody(pub(crate) Option<JsonBody>);

impl std::fmt::Debug for JsonBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Bodies hold message text, which must not reach a log.
        write!(formatter, "JsonBody({} bytes)", self.text.len())
    }
}

impl JsonBody {
    /// The bytes as they came.
    #[must_use]
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.text
    }

    /// Scans bytes that are already here.
    ///
    /// # Errors
    /// 400 `invalid-json` with the pointer of the first thing that is wrong.
    pub(crate) fn from_bytes(text: Bytes, bounds: Bounds) -> Result<Self, Problem> {
        if text.starts_with(b"\xef\xbb\xbf") {
            return Err(invalid(
                "",
                "byte-order-mark",
                "the body begins with a byte order mark: send plain UTF-8",
            ));
        }
        let unicode = std::str::from_utf8(&text).map_err(|error| {
            invalid(
                "",
                "not-utf-8",
                format!("the body is not UTF-8 from byte {} on", error.valid_up_to()),
            )
        })?;
        scan::scan(unicode, bounds)
            .map_err(|finding| invalid(finding.pointer, finding.code, finding.detail))?;
        Ok(JsonBody { text })
    }

    /// Reads the body into a type.
    ///
    /// # Errors
    /// 422 `invalid-request` with the pointer of the member that does not fit.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        parse(&self.text, "")
    }
}

/// Reads JSON that passed the strict scan and stands at `place` in the body.
///
/// # Errors
/// 422 `invalid-request` with the pointer of the member that does not fit.
pub(crate) fn parse<T: DeserializeOwned>(text: &[u8], place: &str) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let deserializer = objects::ObjectsOnly(&mut deserializer);
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let pointer = format!("{place}{}", pointer::pointer_to(error.path()));
        let detail = without_position(&error.inner().to_string());
        Problem::at(
            Code::InvalidRequest,
            FieldError::new(Place::Body, pointer, reason(&detail), detail),
        )
    })
}

fn invalid(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Problem {
    Problem::at(
        Code::InvalidJson,
        FieldError::new(Place::Body, pointer, code, detail),
    )
}

/// The pointer says where; line and column would only make equal mistakes look different.
fn without_position(message: &str) -> String {
    match message.rfind(" at line ") {
        Some(end) => message[..end].to_owned(),
        None => message.to_owned(),
    }
}

/// serde's provided error constructors are the only source of these beginnings.
fn reason(message: &str) -> &'static str {
    const REASONS: [(&str, &str); 6] = [
        ("missing field", "missing-field"),
        ("unknown field", "unknown-field"),
        ("unknown variant", "unknown-variant"),
        ("duplicate field", "duplicate-key"),
        ("invalid type", "invalid-type"),
        ("invalid length", "invalid-length"),
    ];
    REASONS
        .iter()
        .find(|(beginning, _)| message.starts_with(beginning))
        .map_or("invalid-value", |(_, code)| code)
}

impl<S> FromRequest<S> for JsonBody
where
    S: Send + Sync,
    RequestLimits: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let limits = RequestLimits::from_ref(state);
        read_json(request, limits.body_bytes_max, ordinary(&limits), &limits).await
    }
}

impl<S> FromRequest<S> for ImportBody
where
    S: Send + Sync,
    RequestLimits: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let limits = RequestLimits::from_ref(state);
        read_json(request, limits.import_bytes_max, ordinary(&limits), &limits)
            .await
            .map(ImportBody)
    }
}

impl<S> FromRequest<S> for ArchiveBody
where
    S: Send + Sync,
    RequestLimits: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let limits = RequestLimits::from_ref(state);
        let bounds = Bounds {
            depth: limits.json_depth_max.max(ARCHIVE_DEPTH_MAX),
            values: ARCHIVE_VALUES_MAX,
        };
        read_json(request, limits.import_bytes_max, bounds, &limits)
            .await
            .map(ArchiveBody)
    }
}

impl<S> FromRequest<S> for OptionalJsonBody
where
    S: Send + Sync,
    RequestLimits: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let limits = RequestLimits::from_ref(state);
        if request.body().is_end_stream() {
            return Ok(OptionalJsonBody(None));
        }
        let (parts, body) = request.into_parts();
        let text = read_body(body, limits.body_bytes_max, &limits).await?;
        if text.is_empty() {
            return Ok(OptionalJsonBody(None));
        }
        check_format(&parts.headers)?;
        JsonBody::from_bytes(text, ordinary(&limits)).map(|body| OptionalJsonBody(Some(body)))
    }
}

async fn read_json(
    request: Request,
    bytes_max: usize,
    bounds: Bounds,
    limits: &RequestLimits,
) -> Result<JsonBody, Problem> {
    let (parts, body) = request.into_parts();
    check_format(&parts.headers)?;
    let text = read_body(body, bytes_max, limits).await?;
    if text.is_empty() {
        return Err(invalid(
            "",
            "syntax",
            "the body is empty: send a JSON object",
        ));
    }
    JsonBody::from_bytes(text, bounds)
}

/// JSON in UTF-8, not compressed.
fn check_format(headers: &HeaderMap) -> Result<(), Problem> {
    let unsupported = |header: &str, detail: &str| {
        Problem::at(
            Code::UnsupportedMediaType,
            FieldError::new(Place::Header, format!("/{header}"), "invalid-value", detail),
        )
    };
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
    {
        return Err(unsupported(
            "content-encoding",
            "compressed bodies are not taken: send the JSON as it is",
        ));
    }
    let media_type: Option<Mime> = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok());
    let is_json = media_type.is_some_and(|media_type| {
        let json = media_type.type_() == mime::APPLICATION
            && (media_type.subtype() == mime::JSON || media_type.suffix() == Some(mime::JSON));
        json && media_type
            .get_param(mime::CHARSET)
            .is_none_or(|charset| charset == mime::UTF_8)
    });
    if is_json {
        Ok(())
    } else {
        Err(unsupported(
            "content-type",
            "send the header content-type: application/json",
        ))
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::{FromRequest, Request};
    use bytes::Bytes;
    use http::StatusCode;
    use serde::Deserialize;

    use super::{JsonBody, OptionalJsonBody};
    use crate::limits::RequestLimits;
    use crate::problem::Problem;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        #[expect(dead_code, reason = "only read")]
        title: String,
        #[expect(dead_code, reason = "only read")]
        #[serde(default)]
        parts: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    struct Inner {
        #[expect(dead_code, reason = "only read")]
        size: u8,
    }

    async fn read(content_type: &str, body: impl Into<Body>) -> Result<JsonBody, Problem> {
        let request = Request::post("/")
            .header("content-type", content_type)
            .body(body.into())
            .unwrap();
        JsonBody::from_request(
            request,
            &RequestLimits {
                body_bytes_max: 1_000,
                ..RequestLimits::default()
            },
        )
        .await
    }

    async fn refused(body: &'static [u8]) -> (StatusCode, String, &'static str) {
        let problem = read("application/json", Bytes::from_static(body))
            .await
            .and_then(|body| body.parse::<Example>().map(|_| ()))
            .expect_err("the body is wrong");
        let error = &problem.document().errors[0];
        (problem.status(), error.pointer.clone(), error.code)
    }

    #[tokio::test]
    async fn broken_bodies_are_400_with_a_pointer() {
        let bad = StatusCode::BAD_REQUEST;
        for (body, pointer, code) in [
            (&b"{\"title\": \"a"[..], "/title", "syntax"),
            (b"", "", "syntax"),
            (b"\xef\xbb\xbf{}", "", "byte-order-mark"),
            (b"{\"title\": \"\xff\"}", "", "not-utf-8"),
            (b"{\"title\":\"\\ud800\"}", "/title", "syntax"),
            (b"{\"a\":1,\"a\":2}", "/a", "duplicate-key"),
        ] {
            assert_eq!(refused(body).await, (bad, pointer.to_owned(), code));
        }
    }

    #[tokio::test]
    async fn wrong_values_are_422_with_a_pointer() {
        let wrong = StatusCode::UNPROCESSABLE_ENTITY;
        for (body, pointer, code) in [
            (&b"{}"[..], "", "missing-field"),
            (b"[1]", "", "invalid-type"),
            (b"{\"title\":7}", "/title", "invalid-type"),
            (b"{\"title\":\"a\",\"x\":1}", "/x", "unknown-field"),
            (
                b"{\"title\":\"a\",\"parts\":[{\"size\":1},{\"size\":300}]}",
                "/parts/1/size",
                "invalid-value",
            ),
        ] {
            assert_eq!(refused(body).await, (wrong, pointer.to_owned(), code));
        }
    }

    #[tokio::test]
    async fn only_json_in_utf_8_is_taken() {
        for content_type in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/merge-patch+json",
        ] {
            assert!(read(content_type, "{}").await.is_ok(), "{content_type}");
        }
        for content_type in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json; charset=utf-16",
            "json",
            "",
        ] {
            let problem = read(content_type, "{}").await.expect_err(content_type);
            assert_eq!(problem.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
    }

    #[tokio::test]
    async fn large_body_is_refused_with_and_without_a_length() {
        let with_length = read("application/json", " ".repeat(1_001)).await;
        let pieces = (0..11).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 100])));
        let without_length = read(
            "application/json",
            Body::from_stream(tokio_stream::iter(pieces)),
        )
        .await;
        for result in [with_length, without_length] {
            let problem = result.expect_err("the body is too large");
            assert_eq!(problem.status(), StatusCode::PAYLOAD_TOO_LARGE);
        }
    }

    #[tokio::test]
    async fn body_in_pieces_is_joined() {
        let pieces = ["{\"tit", "le\":", "\"a\"}"].map(Ok::<_, std::io::Error>);
        let body = read(
            "application/json",
            Body::from_stream(tokio_stream::iter(pieces)),
        )
        .await
        .expect("the body is good");
        assert_eq!(&body.bytes()[..], b"{\"title\":\"a\"}");
    }

    #[tokio::test(start_paused = true)]
    async fn silent_body_is_408() {
        let problem = read(
            "application/json",
            Body::from_stream(tokio_stream::pending::<Result<Bytes, std::io::Error>>()),
        )
        .await
        .expect_err("the body never comes");
        assert_eq!(problem.status(), StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn dripping_body_is_408_at_the_total_limit() {
        let drips = futures_util::stream::unfold((), |()| async {
            tokio::time::sleep(std::time::Duration::from_secs(9)).await;
            Some((Ok::<_, std::io::Error>(" "), ()))
        });
        let problem = read("application/json", Body::from_stream(drips))
            .await
            .expect_err("the body is slow");
        assert_eq!(problem.status(), StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test]
    async fn optional_body_may_be_absent_and_not_wrong() {
        let limits = RequestLimits::default();
        let absent = OptionalJsonBody::from_request(Request::new(Body::empty()), &limits).await;
        assert!(matches!(absent, Ok(OptionalJsonBody(None))));
        let untyped = OptionalJsonBody::from_request(Request::new(Body::from("{}")), &limits).await;
        assert_eq!(
            untyped.expect_err("no content type").status(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE
        );
    }

    #[test]
    fn debug_output_holds_no_text() {
        let bounds = super::Bounds {
            depth: 64,
            values: 1,
        };
        let body = JsonBody::from_bytes(Bytes::from_static(b"\"planted\""), bounds).unwrap();
        assert_eq!(format!("{body:?}"), "JsonBody(9 bytes)");
    }
}
