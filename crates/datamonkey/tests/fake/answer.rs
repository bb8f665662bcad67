//! Answers in the vendor's shapes: JSON of a handler, plain text of the route table, nothing of a crashed handler.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, Response};
use datamonkey::wire::{self, NEW_TOKEN_HEADER};
use serde::Serialize;

/// An answer before it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// A refused request: the answer is an error.
pub(crate) type Refusal = Box<Answer>;

const JSON: &str = "application/json; charset=utf-8";

impl Answer {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let headers = if content_type.is_empty() {
            Vec::new()
        } else {
            vec![("content-type", content_type.to_owned())]
        };
        Self {
            status,
            body: body.into(),
            headers,
        }
    }

    pub(crate) fn json<T: Serialize>(status: u16, value: &T) -> Self {
        Self::new(
            status,
            JSON,
            wire::to_bytes(value).expect("wire types are JSON"),
        )
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self::new(status, "", "")
    }

    /// What the route table says of a path that it does not know.
    pub(crate) fn missing(is_head: bool) -> Self {
        Self::new(
            404,
            "text/plain",
            if is_head { "" } else { "404 page not found" },
        )
    }

    pub(crate) fn redirect(method: &str, path: &str) -> Self {
        let answer = if method == "GET" {
            let page = format!("<a href=\"{path}\">Moved Permanently</a>.\n\n");
            Self::new(301, "text/html; charset=utf-8", page)
        } else {
            Self::empty(307)
        };
        answer.with("location", path)
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn with_new_token(self, token: String) -> Self {
        self.with("access-control-expose-headers", "X-Session-Token")
            .with(NEW_TOKEN_HEADER, token)
    }

    pub(crate) fn without_new_token(mut self) -> Self {
        self.headers.retain(|(name, _)| *name != NEW_TOKEN_HEADER);
        self
    }

    /// The response; one that is cut announces its whole body and sends half of it.
    pub(crate) fn finish(self, is_cut: bool) -> Response<Body> {
        let length = self.body.len();
        let body = if is_cut {
            let half = self.body.slice(..length / 2);
            Body::from_stream(futures_util::stream::unfold(Some(half), async |half| {
                if let Some(half) = half {
                    return Some((Ok(half), None));
                }
                // What is sent so far has left by then: cut at once, it would never arrive.
                tokio::time::sleep(Duration::from_millis(50)).await;
                let cut = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                Some((Err(cut), None))
            }))
        } else {
            Body::from(self.body)
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status.try_into().expect("a status");
        for (name, value) in self.headers {
            let value = HeaderValue::from_str(&value).expect("a header value");
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
        if is_cut {
            response
                .headers_mut()
                .insert("content-length", length.into());
        }
        response
    }
}

/// A handler's refusal.
pub(crate) fn refuse(status: u16, error: &str) -> Refusal {
    Box::new(Answer::json(
        status,
        &wire::Problem {
            error: error.to_owned(),
            extra: wire::Extra::new(),
        },
    ))
}
