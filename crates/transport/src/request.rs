//! One request under construction.

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use url::Url;

use crate::client::Transport;
use crate::error::TransportError;
use crate::response::{PiecewiseResponse, Response, StreamingResponse};

/// One request, made by [`Transport::request`] and its short forms, sent by [`send`](Self::send) or
/// [`stream`](Self::stream).
///
/// A mistake made while building (an unusable segment, a header with a line break) is kept and returned on sending.
#[must_use = "a request does nothing until it is sent"]
pub struct Request<'t> {
    pub(crate) transport: &'t Transport,
    pub(crate) operation: &'static str,
    pub(crate) parts: Result<reqwest::Request, TransportError>,
    pub(crate) deadline: Option<Instant>,
    pub(crate) read_timeout: Option<Duration>,
    pub(crate) fresh_connection: bool,
}

impl<'t> Request<'t> {
    pub(crate) fn new(
        transport: &'t Transport,
        method: Method,
        url: Result<Url, TransportError>,
    ) -> Self {
        Self {
            transport,
            operation: "unnamed",
            parts: url.map(|url| reqwest::Request::new(method, url)),
            deadline: None,
            read_timeout: None,
            fresh_connection: false,
        }
    }

    /// The name of the call in the debug log, for example `get_conversation`. The path itself is never logged.
    pub fn operation(mut self, name: &'static str) -> Self {
        self.operation = name;
        self
    }

    /// Ends the path with a slash, for servers that would otherwise answer with a redirect.
    pub fn trailing_slash(self) -> Self {
        self.change(|parts| {
            if let Ok(mut segments) = parts.url_mut().path_segments_mut() {
                segments.pop_if_empty().push("");
            }
            Ok(())
        })
    }

    /// Appends one query pair, encoded as a form field (a blank becomes `+`).
    pub fn query(self, name: &str, value: &str) -> Self {
        self.change(|parts| {
            parts.url_mut().query_pairs_mut().append_pair(name, value);
            Ok(())
        })
    }

    /// Sets a header that is no secret, replacing an earlier value.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.set_header(name, value, false)
    }

    /// Sets a header whose value is a secret: it is marked sensitive, so no library prints it.
    pub fn secret_header(self, name: &str, value: &SecretString) -> Self {
        self.set_header(name, value.expose_secret(), true)
    }

    /// Sets `Authorization: Bearer …`.
    pub fn bearer(self, token: &SecretString) -> Self {
        let value = format!("Bearer {}", token.expose_secret());
        self.set_header(AUTHORIZATION.as_str(), &value, true)
    }

    /// Sets `Authorization: Basic …` from a user name (or key id) and a password (or key secret).
    pub fn basic(mut self, user: &str, password: &SecretString) -> Self {
        if user.contains(':') {
            // RFC 7617 section 2: the first colon ends the user name.
            return self.change(|_| {
                Err(TransportError::invalid_request(
                    "a basic user name holds a colon",
                ))
            });
        }
        self.parts = self.parts.and_then(|parts| {
            let client = self.transport.pooled_client();
            reqwest::RequestBuilder::from_parts(client, parts)
                .basic_auth(user, Some(password.expose_secret()))
                .build()
                .map_err(|_| TransportError::invalid_request("the credentials cannot be encoded"))
        });
        self
    }

    /// Sets `Accept`. The default is `application/json`, and `text/event-stream` for [`stream`](Self::stream).
    pub fn accept(self, media_type: &str) -> Self {
        self.set_header(ACCEPT.as_str(), media_type, false)
    }

    /// Sets a JSON body from a value.
    pub fn json(self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.json_bytes(Bytes::from(body)),
            // The cause is left out: it may quote the value.
            Err(_) => self.change(|_| {
                Err(TransportError::invalid_request(
                    "the body cannot be written as json",
                ))
            }),
        }
    }

    /// Sets a JSON body that is serialised already.
    pub fn json_bytes(self, body: Bytes) -> Self {
        self.change(|parts| {
            parts
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *parts.body_mut() = Some(body.into());
            Ok(())
        })
    }

    /// Sets a body that is already as it is to be sent, under this media type, or under none.
    pub fn bytes(self, media_type: Option<&str>, body: Bytes) -> Self {
        let request = self.change(|parts| {
            *parts.body_mut() = Some(body.into());
            Ok(())
        });
        match media_type {
            Some(media_type) => request.header(CONTENT_TYPE.as_str(), media_type),
            None => request,
        }
    }

    /// Sets a `multipart/form-data` body of one file: `part` is the form field, `file_name` what the server is told.
    pub fn file(
        mut self,
        part: &'static str,
        file_name: &str,
        media_type: &str,
        bytes: Bytes,
    ) -> Self {
        self.parts = self.parts.and_then(|parts| {
            let file =
                reqwest::multipart::Part::stream_with_length(bytes.clone(), bytes.len() as u64)
                    .file_name(file_name.to_owned())
                    .mime_str(media_type)
                    .map_err(|_| {
                        TransportError::invalid_request("the media type cannot be sent")
                    })?;
            let form = reqwest::multipart::Form::new().part(part, file);
            let client = self.transport.pooled_client();
            reqwest::RequestBuilder::from_parts(client, parts)
                .multipart(form)
                .build()
                .map_err(|_| TransportError::invalid_request("the file cannot be encoded"))
        });
        self
    }

    /// The moment at which the whole call, reading the answer included, is given up. If it has passed already,
    /// nothing is sent. Default: `request_timeout_ms` from now.
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Longest silence for this call, instead of the configured `read_timeout_ms`.
    pub fn read_timeout(mut self, longest_silence: Duration) -> Self {
        self.read_timeout = Some(longest_silence);
        self
    }

    /// Sends over a connection of its own, opened for this request and closed after it.
    ///
    /// For writes to a server that may have dropped an idle connection unnoticed: a write on such a connection has an
    /// unknown outcome. [`Transport`] does this by itself for a while after a 5xx answer, see there.
    pub fn fresh_connection(mut self) -> Self {
        self.fresh_connection = true;
        self
    }

    /// Sends the request and reads the complete answer, whatever its status.
    ///
    /// Dropping the future closes the connection; the remote service may still finish what it began.
    ///
    /// # Errors
    ///
    /// Every [`TransportErrorKind`](crate::TransportErrorKind) except `InvalidConfig` and `InvalidUrl`. A status of
    /// 400 and above is not an error here.
    pub async fn send(self) -> Result<Response, TransportError> {
        let transport = self.transport;
        transport.send(self).await
    }

    /// Sends the request and reads the answer as server-sent events, if it is a 2xx with `text/event-stream`;
    /// any other answer is read completely as by [`send`](Self::send).
    ///
    /// Compression is not asked for, because a compressing server may hold events back.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); later errors come from [`EventStream::next`](crate::EventStream::next).
    pub async fn stream(self) -> Result<StreamingResponse, TransportError> {
        let transport = self.transport;
        transport.stream(self).await
    }

    /// Sends the request and reads a 2xx piece by piece; any other answer is read completely as by
    /// [`send`](Self::send).
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); later errors come from [`Pieces::next`](crate::Pieces::next).
    pub async fn pieces(self) -> Result<PiecewiseResponse, TransportError> {
        let transport = self.transport;
        transport.pieces(self).await
    }

    fn set_header(self, name: &str, value: &str, is_secret: bool) -> Self {
        self.change(|parts| {
            let name = HeaderName::try_from(name)
                .map_err(|_| TransportError::invalid_request("a header name is not a token"))?;
            let mut value = HeaderValue::try_from(value).map_err(|_| {
                TransportError::invalid_request(format!(
                    "the value of header {name} holds a control character"
                ))
            })?;
            value.set_sensitive(is_secret);
            parts.headers_mut().insert(name, value);
            Ok(())
        })
    }

    /// Applies a step unless an earlier one failed.
    fn change(
        mut self,
        step: impl FnOnce(&mut reqwest::Request) -> Result<(), TransportError>,
    ) -> Self {
        if let Ok(parts) = &mut self.parts
            && let Err(error) = step(parts)
        {
            self.parts = Err(error);
        }
        self
    }
}

// By hand: URL, headers and body are not for logs.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Request")
            .field("operation", &self.operation)
            .field("method", &self.parts.as_ref().map(|parts| parts.method()))
            .field("deadline", &self.deadline)
            .field("fresh_connection", &self.fresh_connection)
            .finish_non_exhaustive()
    }
}
