//! What an error of a backend is called in the vendor's words.

use backend::{Error, Kind, Outcome};
use conversation::{RawJson, Violation};
use http::StatusCode;

use super::answers::{Problems, Refusal};
use super::check;
use crate::wire::{ErrorLocation, ValidationError};

/// When to try again where nothing says it, in seconds.
const SOON: u64 = 1;

/// The refusal that an error becomes. What it says is ours alone: never a word of another vendor.
pub(super) fn refusal(problems: &Problems, error: &Error) -> Refusal {
    note(error);
    let wait = error
        .retry_after
        .map_or(SOON, |wait| wait.as_secs().max(SOON));
    match error.kind {
        Kind::InvalidRequest | Kind::NotHeld if !error.violations.is_empty() => {
            problems.invalid(error.violations.iter().map(violation).collect())
        }
        Kind::InvalidRequest
        | Kind::InvalidCursor
        | Kind::NotHeld
        | Kind::NothingToAnswer
        | Kind::Unsupported => problems.bad_request(&error.message),
        Kind::NotFound => match error.message.starts_with("message") {
            true => problems.no_message(),
            false => problems.no_conversation(),
        },
        Kind::Forbidden => problems.plain(StatusCode::FORBIDDEN, &error.message),
        Kind::PreconditionFailed | Kind::Conflict | Kind::Full => {
            problems.plain(StatusCode::CONFLICT, &error.message)
        }
        // Its window is another's: only the time to wait is known.
        Kind::RateLimited if error.outcome == Outcome::NotApplied => {
            problems.plain_for_now(StatusCode::TOO_MANY_REQUESTS, &error.message, wait)
        }
        Kind::Busy | Kind::Moved | Kind::Overloaded | Kind::Unavailable | Kind::StorageFull
            if error.outcome == Outcome::NotApplied =>
        {
            problems.plain_for_now(StatusCode::SERVICE_UNAVAILABLE, &error.message, wait)
        }
        Kind::Timeout => problems.plain(StatusCode::GATEWAY_TIMEOUT, &error.message),
        Kind::Busy
        | Kind::Moved
        | Kind::Overloaded
        | Kind::RateLimited
        | Kind::Unavailable
        | Kind::StorageFull
        | Kind::UpstreamAuth
        | Kind::AccessEnded
        | Kind::UpstreamFailed
        | Kind::InvalidResponse => problems.plain(StatusCode::BAD_GATEWAY, &error.message),
        Kind::Internal => problems.internal(),
    }
}

/// An error of a read behind a write: the write was done, whatever the read says of itself.
pub(super) fn afterwards(error: Error) -> Error {
    match error.outcome {
        Outcome::NotApplied => error.outcome(Outcome::Applied),
        _ => error,
    }
}

/// The refusal of an error where the caller named a message: whatever is not there, the vendor says the message.
pub(super) fn message_refusal(problems: &Problems, error: &Error) -> Refusal {
    match error.kind {
        Kind::NotFound => problems.no_message(),
        _ => refusal(problems, error),
    }
}

/// The refusal of a chat call.
pub(super) fn chat_refusal(problems: &Problems, error: &Error, template: Option<&str>) -> Refusal {
    let is_template = |violation: &Violation| violation.pointer == "/template";
    match (error.kind, template) {
        (Kind::InvalidRequest | Kind::NotHeld, Some(name))
            if error.violations.iter().any(is_template) =>
        {
            problems.not_found(None, &format!("Template '{name}' not found"))
        }
        (Kind::InvalidRequest | Kind::NotHeld | Kind::NothingToAnswer | Kind::Unsupported, _) => {
            note(error);
            problems.bad_request(&chat_words(error))
        }
        _ => refusal(problems, error),
    }
}

/// What a failed chat says, as an answer and as an event.
pub(super) fn chat_words(error: &Error) -> String {
    format!("Chat processing failed: {}", error.message)
}

pub(super) fn note(error: &Error) {
    if error.kind == Kind::Internal {
        tracing::error!(error.kind = error.kind.as_str(), %error, "a call of the facade failed");
    } else {
        tracing::debug!(error.kind = error.kind.as_str(), %error, "a call of the facade failed");
    }
}

/// A broken rule at the vendor's name for the member.
pub(super) fn violation(violation: &Violation) -> ValidationError {
    let mut steps = violation.pointer.split('/').skip(1);
    let (first, second) = (steps.next().unwrap_or_default(), steps.next());
    let name = match (first, second) {
        ("metadata", _) => "extra_metadata",
        ("assistant", Some("retrieval")) => "enable_retrieval",
        ("assistant", Some(setting)) => setting,
        ("labels", _) => "tags",
        ("value", _) => "rating",
        ("input" | "parts", _) => "message",
        (name, _) => name,
    };
    let mut place = vec![ErrorLocation::Name("body".to_owned())];
    if !name.is_empty() {
        place.push(ErrorLocation::Name(name.to_owned()));
    }
    let words = format!("Value error, {}", violation.detail);
    check::error("value_error", place, &words, &RawJson::default(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems() -> Problems {
        Problems {
            base: "http://localhost:8000".into(),
            instance: "http://localhost/x".to_owned(),
        }
    }

    #[test]
    fn what_may_have_been_done_is_never_said_to_be_worth_a_repeat() {
        let lost = Error::new(Kind::Unavailable, "lost").outcome(Outcome::Unknown);
        let refused = refusal(&problems(), &lost);
        assert_eq!(refused.status(), StatusCode::BAD_GATEWAY);
        for kind in [Kind::RateLimited, Kind::Busy, Kind::Unavailable] {
            let behind = afterwards(Error::new(kind, "later"));
            let refused = refusal(&problems(), &behind);
            assert_eq!(refused.status(), StatusCode::BAD_GATEWAY, "{kind:?}");
            assert!(refused.headers().get("retry-after").is_none());
        }
        let busy = Error::new(Kind::Busy, "busy");
        let refused = refusal(&problems(), &busy);
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers().get("retry-after").unwrap(), "1");
    }

    #[test]
    fn members_have_the_vendors_names() {
        let name = |pointer: &str| {
            let found = violation(&Violation {
                pointer: pointer.to_owned(),
                code: "too-long",
                detail: String::new(),
                exceeds: None,
            });
            found.loc.last().cloned()
        };
        for (pointer, expected) in [
            ("/metadata/a", "extra_metadata"),
            ("/assistant/retrieval", "enable_retrieval"),
            ("/assistant/profile_id", "profile_id"),
            ("/title", "title"),
            ("/input/parts", "message"),
            ("", "body"),
        ] {
            let expected = ErrorLocation::Name(expected.to_owned());
            assert_eq!(name(pointer), Some(expected), "{pointer}");
        }
    }
}
