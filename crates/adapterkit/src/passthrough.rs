//! Requests in a vendor's own words: what is sent of them, and what is told of the answer. An adapter adds its credential.

use std::time::Instant;

use backend::ports::{PassthroughAnswer, PassthroughRequest};
use backend::{Error, Kind, Outcome, Result};
use transport::{Method, Request, Response, Transport};

use crate::Effect;

/// The header fields of an answer that are told. Never a cookie, and never a token: some vendors send one in a header.
const TOLD: [&str; 9] = [
    "content-disposition",
    "content-language",
    "content-type",
    "etag",
    "last-modified",
    "link",
    "retry-after",
    "x-correlation-id",
    "x-request-id",
];
/// The beginnings of names that tell of limits.
const LIMITS: [&str; 2] = ["ratelimit", "x-ratelimit-"];

/// The method, and what it can do.
///
/// # Errors
/// [`Kind::InvalidRequest`] for what is no method.
pub fn method_of(request: &PassthroughRequest) -> Result<(Method, Effect)> {
    let method = Method::from_bytes(request.method.as_bytes()).map_err(|_not_one| {
        Error::new(Kind::InvalidRequest, "this is no method of a request")
            .outcome(Outcome::NotApplied)
    })?;
    let effect = match method.is_safe() {
        true => Effect::Read,
        false => Effect::Write,
    };
    Ok((method, effect))
}

/// The request, with everything but the credential. An answer may be silent for as long as somebody waits: a vendor's AI
/// may be thinking.
pub fn relayed<'t>(
    transport: &'t Transport,
    method: Method,
    path: &[Box<str>],
    request: &PassthroughRequest,
    deadline: Instant,
) -> Request<'t> {
    let path: Vec<&str> = path.iter().map(|segment| &**segment).collect();
    let mut relayed = transport
        .request(method, &path)
        .operation("pass_through")
        .accept("*/*")
        .deadline(deadline)
        .read_timeout(deadline.saturating_duration_since(Instant::now()));
    for (name, value) in &request.query {
        relayed = relayed.query(name, value);
    }
    if !request.body.is_empty() {
        relayed = relayed.bytes(None, request.body.clone());
    }
    for (name, value) in &request.headers {
        relayed = relayed.header(name, value);
    }
    relayed
}

/// The answer, whatever its status, with the header fields that may be told.
#[must_use]
pub fn answer_of(response: Response) -> PassthroughAnswer {
    let told = response.headers().iter().filter_map(|(name, value)| {
        let name = name.as_str();
        let is_told =
            TOLD.contains(&name) || LIMITS.iter().any(|beginning| name.starts_with(beginning));
        let value = value.to_str().ok().filter(|_| is_told)?;
        Some((name.into(), value.into()))
    });
    PassthroughAnswer {
        status: response.status(),
        headers: told.collect(),
        body: response.into_body(),
    }
}
