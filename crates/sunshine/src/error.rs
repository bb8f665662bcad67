//! What an error of the vendor means: kind, origin, outcome and whether trying again helps.

use adapterkit::{Effect, Failure, Refusal, from_refusal, from_transport};
use backend::{Error, Kind, Origin, Outcome};
use conversation::Violation;

use crate::wire::ErrorResponse;

/// The vendor's name in sentences.
const VENDOR: &str = "sunshine";

/// What a call was about: the vendor's codes are too coarse to tell what was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A conversation, and everything in it that has no other subject here.
    Conversation,
    /// One message. Its documented code for 404 is that of the conversation.
    Message,
    /// Somebody in a conversation.
    Participant,
    /// A user.
    User,
    /// Who writes a message.
    Author,
    /// Uploaded bytes.
    Attachment,
}

/// The error of a failed call. Never repeats what the vendor said: its titles may quote values of the request.
pub(crate) fn to_error(failure: Failure, subject: Subject, effect: Effect) -> Error {
    match failure {
        Failure::Transport(error) => from_transport(error, VENDOR, effect),
        Failure::Refused(refusal) => refused(&refusal, subject, effect),
    }
}

/// The first code of an error body; `None` where the body is none of the vendor's.
fn code(refusal: &Refusal) -> Option<String> {
    let body: ErrorResponse = serde_json::from_slice(&refusal.body).ok()?;
    body.errors
        .into_iter()
        .next()
        .and_then(|error| error.code.into_value())
}

/// Whether a call in which only a user can be unknown found none. The code is documented for some calls only, so any
/// of the vendor's own will do; a page of somebody else's is no such answer.
pub(crate) fn is_unknown_user(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused(refusal)
        if refusal.status == 404 && code(refusal).is_some_and(|code| code != "app_not_found"))
}

/// Whether the vendor could not do what was asked, rather than not at the moment or not for us.
pub(crate) fn is_about_the_request(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused(refusal)
        if !matches!(refusal.status, 401 | 403 | 408 | 429 | 502..=504))
}

/// Whether the vendor answered with this status.
pub(crate) fn has_status(failure: &Failure, status: u16) -> bool {
    matches!(failure, Failure::Refused(refusal) if refusal.status == status)
}

fn refused(refusal: &Refusal, subject: Subject, effect: Effect) -> Error {
    let code = code(refusal);
    let mapped = match (refusal.status, code.as_deref()) {
        (400, Some(_)) => bad_request(subject, effect),
        (404, Some(code)) => match code {
            "conversation_not_found" if subject != Subject::Message => {
                Error::conversation_not_found()
            }
            "app_not_found" => Error::new(
                Kind::UpstreamFailed,
                "sunshine knows no such app: check this backend's app id",
            )
            .outcome(Outcome::NotApplied),
            "integration_not_found" => Error::new(
                Kind::UpstreamFailed,
                "sunshine knows no such integration: check this backend's configuration",
            )
            .outcome(Outcome::NotApplied),
            "user_not_found" => unknown_user(subject),
            _ => not_found(subject),
        },
        (409, _) => Error::new(
            Kind::Conflict,
            "sunshine says that this is there already, or has changed meanwhile",
        ),
        (423, _) => Error::new(
            Kind::Full,
            "the conversation holds as many messages as sunshine allows",
        )
        .origin(Origin::Upstream),
        _ => return from_refusal(refusal, VENDOR, effect).with_code(refusal, code),
    };
    mapped.with_code(refusal, code)
}

/// Adds what the vendor said, as far as it is one of its fixed words.
trait WithCode {
    fn with_code(self, refusal: &Refusal, code: Option<String>) -> Self;
}

impl WithCode for Error {
    fn with_code(self, refusal: &Refusal, code: Option<String>) -> Self {
        let word = code.filter(|code| {
            code.len() <= 64
                && code
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        });
        self.upstream(refusal.upstream(word))
    }
}

/// Limits and shapes were checked before, so what is left is what only the vendor knows.
fn bad_request(subject: Subject, effect: Effect) -> Error {
    if effect == Effect::Read {
        return Error::new(Kind::UpstreamFailed, "sunshine refused our query")
            .outcome(Outcome::NotApplied);
    }
    let message = match subject {
        Subject::Participant => {
            "sunshine refused the participants: a group has too many, or the conversation is no group"
        }
        Subject::Message | Subject::Author => "sunshine refused the message",
        Subject::Attachment => "sunshine refused the attachment",
        Subject::Conversation | Subject::User => "sunshine refused the request",
    };
    Error::new(Kind::InvalidRequest, message)
}

fn unknown_user(subject: Subject) -> Error {
    match subject {
        Subject::Author => {
            let detail = "the conversation has no such user";
            let violation = Violation {
                pointer: "/author/id".to_owned(),
                code: "not-held",
                detail: detail.to_owned(),
                exceeds: None,
            };
            Error::new(Kind::NotHeld, detail).violations(vec![violation])
        }
        Subject::Participant => participant_not_found(),
        _ => Error::new(Kind::NotFound, "user not found"),
    }
}

/// No such participant in the conversation.
pub(crate) fn participant_not_found() -> Error {
    Error::new(Kind::NotFound, "participant not found")
}

fn not_found(subject: Subject) -> Error {
    match subject {
        Subject::Conversation | Subject::Author => Error::conversation_not_found(),
        Subject::Message => Error::message_not_found(),
        Subject::Participant => participant_not_found(),
        Subject::User => Error::new(Kind::NotFound, "user not found"),
        Subject::Attachment => Error::new(Kind::NotFound, "attachment not found"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use backend::Retry;

    use super::*;

    struct Seen {
        status: u16,
        body: &'static str,
        retry_after: Option<u64>,
    }

    fn error(seen: &Seen, subject: Subject, effect: Effect) -> Error {
        let refusal = Refusal {
            status: seen.status,
            content_type: "application/json".to_owned(),
            retry_after: seen.retry_after.map(Duration::from_secs),
            request_id: None,
            body: seen.body.into(),
        };
        to_error(Failure::Refused(Box::new(refusal)), subject, effect)
    }

    fn seen(status: u16, body: &'static str) -> Seen {
        Seen {
            status,
            body,
            retry_after: None,
        }
    }

    /// The documented pairs of code and title.
    const UNAUTHORIZED: &str =
        r#"{"errors":[{"code":"unauthorized","title":"Authorization is required"}]}"#;
    const FORBIDDEN: &str = r#"{"errors":[{"code":"forbidden","title":"Forbidden"}]}"#;
    const NO_CONVERSATION: &str =
        r#"{"errors":[{"code":"conversation_not_found","title":"Conversation not found"}]}"#;
    const NO_USER: &str = r#"{"errors":[{"code":"user_not_found","title":"User not found"}]}"#;
    const NO_APP: &str = r#"{"errors":[{"code":"app_not_found","title":"App not found"}]}"#;
    const NOT_FOUND: &str = r#"{"errors":[{"code":"not_found","title":"Not found"}]}"#;
    const BAD_REQUEST: &str = r#"{"errors":[{"code":"bad_request","title":"Bad request"}]}"#;
    const CONFLICT: &str = r#"{"errors":[{"code":"conflict","title":"User already exists"}]}"#;
    const LOCKED: &str = r#"{"errors":[{"code":"locked","title":"Conversation locked"}]}"#;

    #[test]
    fn each_refusal_has_its_kind_and_outcome() {
        use Effect::{Read, Write};
        use Subject::{Author, Conversation, Message, Participant, User};
        let table = [
            (401, UNAUTHORIZED, Conversation, Read, Kind::UpstreamAuth),
            (401, "", Conversation, Write, Kind::UpstreamAuth),
            (403, FORBIDDEN, Conversation, Write, Kind::UpstreamAuth),
            (404, NO_CONVERSATION, Conversation, Read, Kind::NotFound),
            (404, NO_CONVERSATION, Message, Write, Kind::NotFound),
            (404, NO_USER, User, Read, Kind::NotFound),
            (404, NO_USER, Author, Write, Kind::NotHeld),
            (404, NO_APP, Conversation, Read, Kind::UpstreamFailed),
            (404, NOT_FOUND, Conversation, Read, Kind::NotFound),
            (404, NOT_FOUND, Participant, Write, Kind::NotFound),
            (404, "<html>", Conversation, Read, Kind::UpstreamFailed),
            (400, BAD_REQUEST, Conversation, Write, Kind::InvalidRequest),
            (400, BAD_REQUEST, Conversation, Read, Kind::UpstreamFailed),
            (400, "<html>", Conversation, Write, Kind::UpstreamFailed),
            (402, "{}", Conversation, Write, Kind::UpstreamFailed),
            (409, CONFLICT, User, Write, Kind::Conflict),
            (413, "", Message, Write, Kind::InvalidRequest),
            (423, LOCKED, Author, Write, Kind::Full),
            (423, "", Author, Write, Kind::Full),
            (429, "", Conversation, Write, Kind::RateLimited),
            (503, "", Conversation, Write, Kind::Unavailable),
        ];
        for (status, body, subject, effect, kind) in table {
            let error = error(&seen(status, body), subject, effect);
            let case = format!("{status} {body} {subject:?}");
            assert_eq!(error.kind, kind, "{case}");
            assert_eq!(error.outcome, Outcome::NotApplied, "{case}");
            assert_eq!(
                error.upstream.as_ref().and_then(|upstream| upstream.status),
                Some(status)
            );
        }
    }

    #[test]
    fn a_crash_leaves_a_write_unknown_and_a_read_not_applied() {
        for status in [500, 502, 504, 520] {
            let seen = seen(status, "");
            let write = error(&seen, Subject::Author, Effect::Write);
            assert_eq!(write.outcome, Outcome::Unknown, "{status}");
            let read = error(&seen, Subject::Conversation, Effect::Read);
            assert_eq!(read.outcome, Outcome::NotApplied, "{status}");
        }
    }

    #[test]
    fn a_rate_limit_is_temporary_with_and_without_a_time_to_wait() {
        for retry_after in [None, Some(7)] {
            let seen = Seen {
                status: 429,
                body: "",
                retry_after,
            };
            let error = error(&seen, Subject::Author, Effect::Write);
            assert_eq!(error.retry, Retry::Temporary);
            assert_eq!(error.origin, Origin::Upstream);
            assert_eq!(error.retry_after, retry_after.map(Duration::from_secs));
        }
    }

    #[test]
    fn what_was_not_found_is_said_by_the_subject() {
        let of = |body, subject| {
            error(&seen(404, body), subject, Effect::Write)
                .message
                .clone()
        };
        assert_eq!(of(NO_CONVERSATION, Subject::Message), "message not found");
        assert_eq!(
            of(NO_CONVERSATION, Subject::Participant),
            "conversation not found"
        );
        assert_eq!(of(NOT_FOUND, Subject::Participant), "participant not found");
        assert_eq!(of(NO_USER, Subject::Participant), "participant not found");
    }

    #[test]
    fn the_vendors_words_are_told_only_where_they_are_fixed() {
        let quoting = r#"{"errors":[{"code":"metadata 'secret' is bad","title":"secret"}]}"#;
        let error = error(&seen(400, quoting), Subject::Author, Effect::Write);
        assert!(!format!("{error:?}").contains("secret"));
    }
}
