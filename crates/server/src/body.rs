//! Request bodies: read within their limits; and those that are a file and no JSON.

use axum::body::Body;
use axum::extract::{FromRef, FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body_util::BodyExt;
use hyper::body::Body as HttpBody;
use mime::Mime;
use tokio::time::{Instant, timeout};

use crate::limits::RequestLimits;
use crate::problem::{Code, FieldError, Place, Problem};

/// The longest media type, in characters.
const MEDIA_TYPE_MAX_CHARS: usize = 255;

/// A file's own bytes and their media type.
///
/// As an extractor it needs [`RequestLimits`] in the state.
pub(crate) struct FileBody {
    pub(crate) media_type: Box<str>,
    pub(crate) bytes: Bytes,
}

impl std::fmt::Debug for FileBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Somebody's file, which must not reach a log.
        write!(formatter, "FileBody({} bytes)", self.bytes.len())
    }
}

impl<S> FromRequest<S> for FileBody
where
    S: Send + Sync,
    RequestLimits: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let limits = RequestLimits::from_ref(state);
        let (parts, body) = request.into_parts();
        let media_type = media_type_of(&parts.headers)?;
        let bytes = read_body(body, limits.attachment_bytes_max, &limits).await?;
        Ok(FileBody { media_type, bytes })
    }
}

/// The media type of a file that is sent as it is.
fn media_type_of(headers: &HeaderMap) -> Result<Box<str>, Problem> {
    let unsupported = |header: &str, code, detail: &str| {
        Problem::at(
            Code::UnsupportedMediaType,
            FieldError::new(Place::Header, format!("/{header}"), code, detail),
        )
    };
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
    {
        return Err(unsupported(
            "content-encoding",
            "invalid-value",
            "compressed bodies are not taken: send the bytes as they are",
        ));
    }
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Err(unsupported(
            "content-type",
            "missing-field",
            "name the media type of the bytes, such as content-type: image/png",
        ));
    };
    let media_type: Option<Mime> = value
        .to_str()
        .ok()
        .filter(|value| value.chars().count() <= MEDIA_TYPE_MAX_CHARS)
        .and_then(|value| value.parse().ok())
        .filter(|found: &Mime| found.type_() != mime::STAR && found.subtype() != mime::STAR);
    let Some(media_type) = media_type else {
        return Err(unsupported(
            "content-type",
            "invalid-value",
            "not a media type: name that of the bytes, such as content-type: image/png",
        ));
    };
    match media_type.essence_str() {
        "multipart/form-data" => Err(unsupported(
            "content-type",
            "invalid-value",
            "a form is not taken: send the file's own bytes as the body, its media type in content-type, and its \
             name in the query as `name`",
        )),
        "application/x-www-form-urlencoded" => Err(unsupported(
            "content-type",
            "invalid-value",
            "this is the media type of a form, which many clients add by themselves: name that of the bytes, such \
             as content-type: image/png",
        )),
        _ => Ok(media_type.as_ref().into()),
    }
}

/// Reads a body to its end within the limits.
pub(crate) async fn read_body(
    mut body: Body,
    bytes_max: usize,
    limits: &RequestLimits,
) -> Result<Bytes, Problem> {
    let too_large = || {
        Problem::new(
            Code::BodyTooLarge,
            format!("the body may have at most {bytes_max} bytes"),
        )
    };
    // With a Content-Length the answer is known before the first byte.
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(too_large());
    }
    let deadline = Instant::now() + limits.body_total_timeout;
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    loop {
        let wait = limits
            .body_idle_timeout
            .min(deadline.saturating_duration_since(Instant::now()));
        let frame = match timeout(wait, body.frame()).await {
            Err(_elapsed) => {
                return Err(Problem::new(
                    Code::RequestBodyTimeout,
                    format!(
                        "a body may pause for {} s and take {} s in all",
                        limits.body_idle_timeout.as_secs_f32(),
                        limits.body_total_timeout.as_secs_f32(),
                    ),
                ));
            }
            Ok(None) => break,
            Ok(Some(Err(_broken))) => {
                return Err(Problem::new(
                    Code::InvalidBody,
                    "the connection broke, or the body's framing is wrong",
                ));
            }
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else {
            continue; // trailers
        };
        if first.len() + all.len() + data.len() > bytes_max {
            return Err(too_large());
        }
        // Most bodies come in one piece, which then needs no copy.
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            if all.is_empty() {
                all.extend_from_slice(&std::mem::take(&mut first));
            }
            all.extend_from_slice(&data);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}
