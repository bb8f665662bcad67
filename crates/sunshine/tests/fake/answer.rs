//! Answers and refusals in the vendor's shapes.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response};
use serde::Serialize;
use sunshine::wire::{self, Member};

/// An answer before it is sent.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A refused request.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: u16,
    code: &'static str,
    title: &'static str,
}

impl Answer {
    pub(crate) fn json<T: Serialize>(status: u16, value: &T) -> Self {
        Self {
            status,
            headers: vec![(
                "content-type".into(),
                "application/json; charset=utf-8".into(),
            )],
            body: serde_json::to_vec(value).expect("wire types are JSON"),
        }
    }

    /// What every delete and other calls without a result answer.
    pub(crate) fn empty_object() -> Self {
        let extra = wire::Extra::new();
        Self::json(200, &wire::Empty { extra })
    }

    /// With one more header.
    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub(crate) fn html() -> Self {
        Self {
            status: 200,
            headers: vec![("content-type".into(), "text/html".into())],
            body: b"<!DOCTYPE html><title>Sign in</title>".to_vec(),
        }
    }

    /// Sends it; `cut` breaks the connection in the middle of the body.
    pub(crate) fn finish(self, cut: bool) -> Response<Body> {
        let length = self.body.len();
        let mut response = Response::new(if cut {
            let half = self.body[..length / 2].to_vec();
            let pieces = [Ok(half), Err(std::io::Error::other("cut"))];
            Body::from_stream(futures_util::stream::iter(pieces))
        } else {
            Body::from(self.body)
        });
        *response.status_mut() = self.status.try_into().expect("a status");
        for (name, value) in self.headers {
            let name = HeaderName::try_from(name).expect("a header's name");
            let value = HeaderValue::try_from(value).expect("a header's value");
            response.headers_mut().insert(name, value);
        }
        if cut {
            response
                .headers_mut()
                .insert("content-length", length.into());
        }
        response
    }
}

impl Refusal {
    pub(crate) const fn new(status: u16, code: &'static str, title: &'static str) -> Self {
        Self {
            status,
            code,
            title,
        }
    }

    pub(crate) const fn bad_request(title: &'static str) -> Self {
        Self::new(400, "bad_request", title)
    }

    pub(crate) const UNAUTHORIZED: Self =
        Self::new(401, "unauthorized", "Authorization is required");
    pub(crate) const FORBIDDEN: Self =
        Self::new(403, "forbidden", "You are not allowed to do this");
    pub(crate) const NO_APP: Self = Self::new(404, "app_not_found", "App not found");
    pub(crate) const NO_USER: Self = Self::new(404, "user_not_found", "User not found");
    pub(crate) const NO_CONVERSATION: Self =
        Self::new(404, "conversation_not_found", "Conversation not found");
    pub(crate) const NOT_FOUND: Self = Self::new(404, "not_found", "Not found");
    pub(crate) const CONFLICT: Self = Self::new(409, "conflict", "User already exists");
    pub(crate) const TOO_LARGE: Self =
        Self::new(413, "payload_too_large", "The request is too large");
    pub(crate) const LOCKED: Self =
        Self::new(423, "locked", "The conversation has too many messages");
    pub(crate) const TOO_MANY: Self = Self::new(429, "too_many_requests", "Too many requests");
    pub(crate) const BAD_PAGE: Self = Self::bad_request("The page parameters are invalid");

    pub(crate) fn answer(&self) -> Answer {
        let entry = wire::ErrorEntry {
            code: Member::Value(self.code.to_owned()),
            title: Member::Value(self.title.to_owned()),
            extra: wire::Extra::new(),
        };
        let body = wire::ErrorResponse {
            errors: vec![entry],
            extra: wire::Extra::new(),
        };
        Answer::json(self.status, &body)
    }
}
