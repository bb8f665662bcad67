//! The closed list of problem codes: what each means, its HTTP status and its documentation.

use http::StatusCode;
use serde::{Serialize, Serializer};

/// Everything that can be wrong, as callers see it. Programs branch on the code, people read the detail.
///
/// The list is closed: a code is added here or it does not exist. The error page at `/docs/errors` and the
/// OpenAPI document are made from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Code {
    /// The `Host` header is missing, doubled, broken or contradicts the request line.
    InvalidHost,
    /// The body could not be read as JSON.
    InvalidJson,
    /// The body could not be read at all.
    InvalidBody,
    /// A query parameter is unknown, broken or out of range.
    InvalidQuery,
    /// A part of the path is not a possible id.
    InvalidId,
    /// A request header is broken.
    InvalidHeader,
    /// A page cursor is broken, or belongs to another list, filter or caller.
    InvalidCursor,
    /// No key, or one that is unknown, expired or revoked.
    Unauthenticated,
    /// The key is good and does not allow this.
    Forbidden,
    /// No route has this path.
    RouteNotFound,
    /// What the path names does not exist for this caller.
    NotFound,
    /// The path exists and does not take this method.
    MethodNotAllowed,
    /// The caller accepts none of the formats that we can answer with.
    NotAcceptable,
    /// The request body arrived too slowly.
    RequestBodyTimeout,
    /// Another write to the same conversation is running.
    ConversationBusy,
    /// A request with the same idempotency key is still running.
    RequestInProgress,
    /// The request contradicts what is stored.
    Conflict,
    /// The conversation holds as many messages as its backend allows.
    ConversationFull,
    /// `If-Match` names another version.
    PreconditionFailed,
    /// The request body is larger than allowed.
    BodyTooLarge,
    /// The path and query are longer than allowed.
    UriTooLong,
    /// The body is not in a format that the route takes.
    UnsupportedMediaType,
    /// The range that is asked for lies behind the end.
    RangeNotSatisfiable,
    /// The JSON is well formed and says something that is not possible.
    InvalidRequest,
    /// The idempotency key was used before with another request.
    IdempotencyMismatch,
    /// The backend cannot hold what was asked.
    NotHeldByBackend,
    /// The backend has no such operation.
    NotSupported,
    /// `respond` has no input, and nothing in the conversation waits for an answer.
    NothingToAnswer,
    /// A limit on requests is reached, ours or the vendor's.
    RateLimited,
    /// A fault of ours.
    Internal,
    /// The vendor answered with an error.
    UpstreamError,
    /// The vendor refused our credential.
    UpstreamAuth,
    /// Access to the conversation has ended at its vendor by itself, and nothing can renew it.
    UpstreamAccessEnded,
    /// The vendor's answer could not be understood.
    UpstreamInvalidResponse,
    /// The vendor could not be reached.
    UpstreamUnreachable,
    /// The vendor's host name could not be resolved.
    UpstreamUnresolved,
    /// Whoever answers in the vendor's place did not prove to be the vendor.
    UpstreamUntrusted,
    /// Nobody knows whether the write was applied.
    OutcomeUnknown,
    /// Too many requests at once.
    Overloaded,
    /// The server is stopping.
    ShuttingDown,
    /// A backend that we run, or our own storage, is not available now.
    Unavailable,
    /// There was no answer in time, from the vendor or from us.
    Timeout,
    /// Our own storage is full.
    StorageFull,
}

/// What the error page says about one code.
struct Entry {
    code: &'static str,
    status: StatusCode,
    title: &'static str,
    documentation: &'static str,
}

impl Code {
    /// Every code, in the order of the error page.
    pub const ALL: &'static [Code] = &[
        Code::InvalidHost,
        Code::InvalidJson,
        Code::InvalidBody,
        Code::InvalidQuery,
        Code::InvalidId,
        Code::InvalidHeader,
        Code::InvalidCursor,
        Code::Unauthenticated,
        Code::Forbidden,
        Code::RouteNotFound,
        Code::NotFound,
        Code::MethodNotAllowed,
        Code::NotAcceptable,
        Code::RequestBodyTimeout,
        Code::ConversationBusy,
        Code::RequestInProgress,
        Code::Conflict,
        Code::ConversationFull,
        Code::PreconditionFailed,
        Code::BodyTooLarge,
        Code::UriTooLong,
        Code::UnsupportedMediaType,
        Code::RangeNotSatisfiable,
        Code::InvalidRequest,
        Code::IdempotencyMismatch,
        Code::NotHeldByBackend,
        Code::NotSupported,
        Code::NothingToAnswer,
        Code::RateLimited,
        Code::Internal,
        Code::UpstreamError,
        Code::UpstreamAuth,
        Code::UpstreamAccessEnded,
        Code::UpstreamInvalidResponse,
        Code::UpstreamUnreachable,
        Code::UpstreamUnresolved,
        Code::UpstreamUntrusted,
        Code::OutcomeUnknown,
        Code::Overloaded,
        Code::ShuttingDown,
        Code::Unavailable,
        Code::Timeout,
        Code::StorageFull,
    ];

    /// The code as it travels, for example `conversation-not-found`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.entry().code
    }

    /// The HTTP status that always goes with the code.
    #[must_use]
    pub fn status(self) -> StatusCode {
        self.entry().status
    }

    /// A short sentence for people; the same for every problem with this code.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.entry().title
    }

    /// What it means and what to do about it, for the error page.
    #[must_use]
    pub fn documentation(self) -> &'static str {
        self.entry().documentation
    }

    /// The address of the code on the error page, relative to this server.
    #[must_use]
    pub fn type_uri(self) -> String {
        format!("/docs/errors#{}", self.as_str())
    }

    fn entry(self) -> Entry {
        let (code, status, title, documentation) = match self {
            Code::InvalidHost => (
                "invalid-host",
                StatusCode::BAD_REQUEST,
                "the Host header is not usable",
                "HTTP/1.1 needs exactly one Host header, and where the request line carries a host too, both must be the same. Ordinary HTTP clients do this by themselves; look for a proxy that adds a second header.",
            ),
            Code::InvalidJson => (
                "invalid-json",
                StatusCode::BAD_REQUEST,
                "the body is not acceptable JSON",
                "The body must be one JSON value in UTF-8 without a byte order mark. A key twice in one object, a lone surrogate in a string, a number that no double can hold and nesting deeper than 64 levels are refused too; `errors` points to the place.",
            ),
            Code::InvalidBody => (
                "invalid-body",
                StatusCode::BAD_REQUEST,
                "the body could not be read",
                "The connection broke, or the framing of the body was wrong. Send the request again.",
            ),
            Code::InvalidQuery => (
                "invalid-query",
                StatusCode::BAD_REQUEST,
                "a query parameter is wrong",
                "`errors` names the parameter. Unknown parameters are refused, so that a misspelt filter never returns everything.",
            ),
            Code::InvalidId => (
                "invalid-id",
                StatusCode::BAD_REQUEST,
                "a part of the path is not a possible id",
                "`errors` names the part. A conversation's id is `conv_` and 26 characters; other ids have 1 to 128 characters out of letters, digits, `_` and `-`.",
            ),
            Code::InvalidHeader => (
                "invalid-header",
                StatusCode::BAD_REQUEST,
                "a request header is wrong",
                "`errors` names the header and what it should look like.",
            ),
            Code::InvalidCursor => (
                "invalid-cursor",
                StatusCode::BAD_REQUEST,
                "the cursor does not belong to this list",
                "Cursors are opaque. Use one only with the same path, filters, sort, order and key that returned it; start again without a cursor.",
            ),
            Code::Unauthenticated => (
                "unauthenticated",
                StatusCode::UNAUTHORIZED,
                "a valid key is needed",
                "Send `Authorization: Bearer drg_…`. The answer is the same for a missing, unknown, expired and revoked key. Make one with `dragoman keys create`.",
            ),
            Code::Forbidden => (
                "forbidden",
                StatusCode::FORBIDDEN,
                "the key does not allow this",
                "The detail names the scope that is missing. Use another key, or make one with that scope.",
            ),
            Code::RouteNotFound => (
                "route-not-found",
                StatusCode::NOT_FOUND,
                "no such route",
                "The path does not exist in this API; all paths are listed at `/docs`.",
            ),
            Code::NotFound => (
                "not-found",
                StatusCode::NOT_FOUND,
                "not found",
                "It does not exist, was deleted, or belongs to somebody else: the answer is the same on purpose.",
            ),
            Code::MethodNotAllowed => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "the route does not take this method",
                "The `Allow` header lists the methods that it takes.",
            ),
            Code::NotAcceptable => (
                "not-acceptable",
                StatusCode::NOT_ACCEPTABLE,
                "no acceptable format",
                "Ask for `application/json`, or for `text/event-stream` where the route can stream.",
            ),
            Code::RequestBodyTimeout => (
                "request-body-timeout",
                StatusCode::REQUEST_TIMEOUT,
                "the body arrived too slowly",
                "Nothing was done. Send the request again; for large imports send smaller batches.",
            ),
            Code::ConversationBusy => (
                "conversation-busy",
                StatusCode::CONFLICT,
                "another write to this conversation is running",
                "Writes to one conversation run one after another. Nothing was done: try again.",
            ),
            Code::RequestInProgress => (
                "request-in-progress",
                StatusCode::CONFLICT,
                "the same request is still running",
                "A request with this Idempotency-Key has not finished. Nothing was done: repeat it later to get the stored answer.",
            ),
            Code::Conflict => (
                "conflict",
                StatusCode::CONFLICT,
                "the request contradicts what is stored",
                "The detail says what. Read the current state and decide again.",
            ),
            Code::ConversationFull => (
                "conversation-full",
                StatusCode::LOCKED,
                "the conversation is full",
                "It holds as many messages as its backend allows. Nothing was stored: go on in a new conversation.",
            ),
            Code::PreconditionFailed => (
                "precondition-failed",
                StatusCode::PRECONDITION_FAILED,
                "the object has changed",
                "The ETag in If-Match is not the current one. Nothing was done: read the object again and repeat the change on what you find.",
            ),
            Code::BodyTooLarge => (
                "body-too-large",
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is too large",
                "The detail names the limit in bytes. Send less, or in several requests.",
            ),
            Code::UriTooLong => (
                "uri-too-long",
                StatusCode::URI_TOO_LONG,
                "the path and query are too long",
                "The detail names the limit in bytes.",
            ),
            Code::UnsupportedMediaType => (
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body is in the wrong format",
                "Send `Content-Type: application/json` (UTF-8, not compressed). An attachment is its own bytes, not a form, under their own media type.",
            ),
            Code::RangeNotSatisfiable => (
                "range-not-satisfiable",
                StatusCode::RANGE_NOT_SATISFIABLE,
                "the range lies behind the end",
                "`Content-Range` says how many bytes there are.",
            ),
            Code::InvalidRequest => (
                "invalid-request",
                StatusCode::UNPROCESSABLE_ENTITY,
                "the JSON says something that is not possible",
                "`errors` points to each wrong member with a JSON pointer.",
            ),
            Code::IdempotencyMismatch => (
                "idempotency-mismatch",
                StatusCode::UNPROCESSABLE_ENTITY,
                "the idempotency key belongs to another request",
                "This Idempotency-Key was used with another path or body. Nothing was done: make a new key for each new request.",
            ),
            Code::NotHeldByBackend => (
                "not-held-by-backend",
                StatusCode::UNPROCESSABLE_ENTITY,
                "the backend cannot hold this",
                "`errors` points to each member that the conversation's backend has no place for, with the `limit` that it crosses and the `value` that was sent where there is one. Nothing was sent. With `Prefer: handling=strict` these are also the members that the gateway would otherwise keep beside the backend, or that the backend would hold in another form. `GET /v1/backends/{name}` shows what a backend can hold.",
            ),
            Code::NotSupported => (
                "not-supported",
                StatusCode::UNPROCESSABLE_ENTITY,
                "the backend has no such operation",
                "`GET /v1/backends/{name}` shows what the backend can do.",
            ),
            Code::NothingToAnswer => (
                "nothing-to-answer",
                StatusCode::UNPROCESSABLE_ENTITY,
                "there is nothing to answer",
                "Send `input`, or post a user message first: the newest user message already has an answer.",
            ),
            Code::RateLimited => (
                "rate-limited",
                StatusCode::TOO_MANY_REQUESTS,
                "too many requests",
                "Wait as long as Retry-After says.",
            ),
            Code::Internal => (
                "internal",
                StatusCode::INTERNAL_SERVER_ERROR,
                "a fault in this server",
                "Please report it with the request id. `outcome` says whether something was written.",
            ),
            Code::UpstreamError => (
                "upstream-error",
                StatusCode::BAD_GATEWAY,
                "the vendor answered with an error",
                "`upstream` carries the vendor's status and code. `retryable` and `outcome` say whether to try again.",
            ),
            Code::UpstreamAuth => (
                "upstream-auth",
                StatusCode::BAD_GATEWAY,
                "the vendor refused our credential",
                "Your own key is good. The operator must renew the credential that this server uses for the backend.",
            ),
            Code::UpstreamAccessEnded => (
                "upstream-access-ended",
                StatusCode::BAD_GATEWAY,
                "access to the conversation has ended at its vendor",
                "Some vendors give access to a conversation for a time only, and nothing can renew it. What the gateway keeps can still be read; what it does not keep is out of reach. Nothing was sent. An answer (`responses`) goes on in a new conversation at the vendor, under the same id.",
            ),
            Code::UpstreamInvalidResponse => (
                "upstream-invalid-response",
                StatusCode::BAD_GATEWAY,
                "the vendor's answer could not be understood",
                "The vendor sent something other than its documented answer: a cut body, an HTML page, broken JSON.",
            ),
            Code::UpstreamUnreachable => (
                "upstream-unreachable",
                StatusCode::BAD_GATEWAY,
                "the vendor could not be reached",
                "The connection could not be made, or was lost. `outcome` says whether something may have been done.",
            ),
            Code::UpstreamUnresolved => (
                "upstream-unresolved",
                StatusCode::BAD_GATEWAY,
                "the vendor's host name could not be resolved",
                "The name server knows no such host, or did not answer. Nothing was sent. The operator should check the backend's base URL and the name server; `dragoman doctor` tries both.",
            ),
            Code::UpstreamUntrusted => (
                "upstream-untrusted",
                StatusCode::BAD_GATEWAY,
                "the vendor's certificate was refused",
                "Whoever answers at the backend's address did not prove to be the vendor: the certificate has another name, has expired, or comes from an authority that is not trusted. Nothing was sent, and trying again does not help. The operator should check the backend's base URL and authorities; `dragoman doctor` says what is wrong.",
            ),
            Code::OutcomeUnknown => (
                "outcome-unknown",
                StatusCode::BAD_GATEWAY,
                "nobody knows whether the write was applied",
                "The vendor's answer was lost, and looking it up gave no certain result. Repeating the Idempotency-Key sends nothing again; look at the conversation before you decide.",
            ),
            Code::Overloaded => (
                "overloaded",
                StatusCode::SERVICE_UNAVAILABLE,
                "too many requests at once",
                "Nothing was done. Wait as long as Retry-After says.",
            ),
            Code::ShuttingDown => (
                "shutting-down",
                StatusCode::SERVICE_UNAVAILABLE,
                "the server is stopping",
                "Nothing was done. Try again: another replica, or the restarted one, will answer.",
            ),
            Code::Unavailable => (
                "unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "not available at the moment",
                "Our own storage, or a backend that is switched off, cannot be used now. `outcome` says whether something was written. Try again later.",
            ),
            Code::Timeout => (
                "timeout",
                StatusCode::GATEWAY_TIMEOUT,
                "there was no answer in time",
                "`outcome` says whether a write was applied. For `unknown`, repeat it with the same Idempotency-Key to get its answer, or look before you send it again.",
            ),
            Code::StorageFull => (
                "storage-full",
                StatusCode::INSUFFICIENT_STORAGE,
                "our storage is full",
                "Nothing was written. The operator must make room.",
            ),
        };
        Entry {
            code,
            status,
            title,
            documentation,
        }
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Code;

    #[test]
    fn list_of_codes_is_complete_and_in_order() {
        for (position, code) in Code::ALL.iter().enumerate() {
            assert_eq!(*code as usize, position, "{code:?} is out of place");
        }
        assert_eq!(Code::ALL.len(), Code::StorageFull as usize + 1);
    }

    #[test]
    fn codes_are_unique_kebab_case_errors() {
        let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(
                code.as_str()
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-'),
                "{code:?}"
            );
            assert!(code.status().is_client_error() || code.status().is_server_error());
            assert!(code.documentation().ends_with('.'), "{code:?}");
        }
    }
}
