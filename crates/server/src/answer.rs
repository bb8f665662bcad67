//! Answers: one resource as JSON, its `ETag` over the very bytes that are sent, and the conditions on it.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use backend::Precondition;
use backend::ports::StoredAnswer;
use bytes::Bytes;
use conversation::etag;
use http::header::{CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use crate::call::invalid_header;
use crate::fidelity::FIDELITY_HEADER;
use crate::problem::{Code, PROBLEM_JSON, Problem};

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// On an answer that was stored earlier.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Headers that belong to the answer itself, and are stored with it.
const STORED_HEADERS: [HeaderName; 8] = [
    CONTENT_TYPE,
    ETAG,
    LOCATION,
    http::header::RETRY_AFTER,
    HeaderName::from_static("dragoman-backend"),
    HeaderName::from_static("dragoman-route"),
    HeaderName::from_static("dragoman-attempts"),
    FIDELITY_HEADER,
];

/// A whole answer, before it is sent and perhaps stored.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// One resource, with its `ETag`.
    pub(crate) fn resource<T: Serialize>(
        status: StatusCode,
        resource: &T,
    ) -> Result<Self, Problem> {
        let mut answer = Answer::document(status, resource)?;
        let tag = format!("\"{}\"", etag(&answer.body));
        if let Ok(tag) = HeaderValue::try_from(tag) {
            answer.headers.insert(ETAG, tag);
        }
        Ok(answer)
    }

    /// JSON that is not one resource, so it has no `ETag`.
    pub(crate) fn document<T: Serialize>(
        status: StatusCode,
        document: &T,
    ) -> Result<Self, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, JSON);
        Ok(Answer {
            status,
            headers,
            body: to_json(document)?,
        })
    }

    /// Done, and nothing to show.
    pub(crate) fn no_content() -> Self {
        Answer {
            status: StatusCode::NO_CONTENT,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// A problem with its body, under the id of the request that it belongs to.
    pub(crate) fn of_problem(problem: Problem, request_id: &str) -> Self {
        let status = problem.status();
        let mut headers = problem.headers().clone();
        headers.insert(CONTENT_TYPE, PROBLEM_JSON);
        Answer {
            status,
            headers,
            // Only strings and numbers: it can always be written, and `to_json` has logged what else may happen.
            body: to_json(&problem.into_document(request_id)).unwrap_or_default(),
        }
    }

    /// Says where the new resource is.
    pub(crate) fn at(mut self, location: &str) -> Self {
        if let Ok(location) = HeaderValue::from_str(location) {
            self.headers.insert(LOCATION, location);
        }
        self
    }

    /// 304 where the caller has this very representation already.
    pub(crate) fn unless_known(self, request: &HeaderMap) -> Self {
        let tag = self.headers.get(ETAG).and_then(|tag| tag.to_str().ok());
        let is_known = tag.is_some_and(|tag| {
            request
                .get_all(IF_NONE_MATCH)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','))
                // If-None-Match compares weakly (RFC 9110, 13.1.2).
                .map(|known| known.trim().trim_start_matches("W/"))
                .any(|known| known == "*" || known == tag)
        });
        if !is_known {
            return self;
        }
        let mut headers = self.headers;
        headers.remove(CONTENT_TYPE);
        Answer {
            status: StatusCode::NOT_MODIFIED,
            headers,
            body: Bytes::new(),
        }
    }

    /// What is stored for repeats.
    pub(crate) fn to_stored(&self) -> StoredAnswer {
        let headers = STORED_HEADERS
            .iter()
            .filter_map(|name| {
                let value = self.headers.get(name)?.to_str().ok()?;
                Some((name.as_str().to_owned(), value.to_owned()))
            })
            .collect();
        StoredAnswer {
            status: self.status.as_u16(),
            headers,
            body: String::from_utf8_lossy(&self.body).into_owned(),
        }
    }

    /// The answer of an earlier, equal request.
    pub(crate) fn replayed(stored: StoredAnswer) -> Self {
        let mut headers = HeaderMap::new();
        for (name, value) in stored.headers {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                headers.insert(name, value);
            }
        }
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
        Answer {
            status: StatusCode::from_u16(stored.status)
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            headers,
            body: Bytes::from(stored.body),
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// Writes JSON.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<Bytes, Problem> {
    serde_json::to_vec(value).map(Bytes::from).map_err(|error| {
        tracing::error!(%error, "an answer could not be written");
        Problem::new(Code::Internal, "the answer could not be written")
    })
}

/// `If-Match`: `*`, or a list of strong tags. Weak tags never match.
pub(crate) fn precondition_of(headers: &HeaderMap) -> Result<Option<Precondition>, Problem> {
    let mut tags = Vec::new();
    let mut is_present = false;
    for value in headers.get_all(IF_MATCH) {
        is_present = true;
        let wrong = || invalid_header(&IF_MATCH, "`*`, or tags in double quotes as ETag gave them");
        for tag in value.to_str().map_err(|_| wrong())?.split(',') {
            let tag = tag.trim();
            if tag == "*" {
                return Ok(Some(Precondition::Exists));
            }
            let (is_weak, tag) = match tag.strip_prefix("W/") {
                Some(tag) => (true, tag),
                None => (false, tag),
            };
            let opaque = tag
                .strip_prefix('"')
                .and_then(|tag| tag.strip_suffix('"'))
                .ok_or_else(wrong)?;
            if !is_weak {
                tags.push(opaque.to_owned());
            }
        }
    }
    Ok(is_present.then_some(Precondition::Matches(tags)))
}

#[cfg(test)]
mod tests {
    use backend::Precondition;
    use http::header::{IF_MATCH, IF_NONE_MATCH};
    use http::{HeaderMap, HeaderValue, StatusCode};

    use super::{Answer, precondition_of};

    fn if_match(value: &'static str) -> Result<Option<Precondition>, u16> {
        let mut headers = HeaderMap::new();
        headers.insert(IF_MATCH, HeaderValue::from_static(value));
        precondition_of(&headers).map_err(|problem| problem.status().as_u16())
    }

    #[test]
    fn if_match_reads_strong_tags_and_the_star() {
        let matches = |tags: &[&str]| {
            Ok(Some(Precondition::Matches(
                tags.iter().map(|tag| (*tag).to_owned()).collect(),
            )))
        };
        assert_eq!(if_match("*"), Ok(Some(Precondition::Exists)));
        assert_eq!(if_match("\"a\", \"b\""), matches(&["a", "b"]));
        assert_eq!(if_match("W/\"a\""), matches(&[]));
        assert_eq!(if_match("a"), Err(400));
        assert_eq!(if_match(""), Err(400));
    }

    #[test]
    fn known_representation_is_304_without_a_body() {
        let answer = Answer::resource(StatusCode::OK, &"a").unwrap();
        let tag = answer.headers["etag"].clone();
        for value in [tag, HeaderValue::from_static("*")] {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, value);
            let known = answer.clone().unless_known(&headers);
            assert_eq!(known.status, StatusCode::NOT_MODIFIED);
            assert!(known.body.is_empty() && known.headers.contains_key("etag"));
        }
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("\"other\""));
        assert_eq!(answer.unless_known(&headers).status, StatusCode::OK);
    }
}
