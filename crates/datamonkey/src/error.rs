//! What an error of the vendor means: kind, origin, outcome and whether trying again helps.
//!
//! By status, and by whether a handler of the vendor answered at all: a handler's error is JSON, a crashed one's is
//! empty, anything else comes from the route table or from a proxy in between.

use adapterkit::{Effect, Failure, Refusal};
use backend::{Error, Kind, Outcome};
use conversation::Violation;

use crate::wire::Problem;

/// The vendor's name in sentences.
const VENDOR: &str = "datamonkey";

/// What is said where a user's token is of no use any more.
pub(crate) const ACCESS_ENDED: &str = "access to this user's conversations at datamonkey has ended: its tokens live 24 hours and cannot be renewed without the server's signing key";

/// What a call can do before it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// Read something.
    Read,
    /// Make a conversation.
    Create,
    /// Delete one.
    Delete,
    /// Have an answer made and stored.
    Send,
}

impl Call {
    fn effect(self) -> Effect {
        match self {
            Self::Read => Effect::Read,
            Self::Create | Self::Delete | Self::Send => Effect::Write,
        }
    }
}

/// The error of a failed call. Never repeats what the vendor said: it quotes the request and its own insides.
pub(crate) fn to_error(failure: Failure, call: Call) -> Error {
    match failure {
        Failure::Transport(error) => adapterkit::from_transport(error, VENDOR, call.effect()),
        Failure::Refused(refusal) => from_refusal(&refusal, call),
    }
}

/// Whether the vendor's handler is over: it answered an error of its own, or crashed (measured on commit 8fa7f84: 500
/// without a body). What it was to store is stored by then, or never will be.
pub(crate) fn handler_failed(failure: &Failure) -> bool {
    match failure {
        Failure::Refused(refusal) => {
            refusal.status == 500 && (refusal.body.is_empty() || is_handlers(refusal))
        }
        Failure::Transport(_) => false,
    }
}

/// Whether the vendor's handler says that a token is missing or not accepted.
pub(crate) fn asks_for_token(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused(refusal) if refusal.status == 401 && is_handlers(refusal))
}

/// Whether this is how a handler of the vendor refuses.
fn is_handlers(refusal: &Refusal) -> bool {
    refusal.content_type.starts_with("application/json")
        && serde_json::from_slice::<Problem>(&refusal.body).is_ok()
}

fn from_refusal(refusal: &Refusal, call: Call) -> Error {
    let effect = call.effect();
    let by_handler = is_handlers(refusal);
    let mapped = match (refusal.status, by_handler) {
        (200..=299, _) => Error::new(
            Kind::InvalidResponse,
            "datamonkey's answer is not what its contract says",
        )
        .outcome(effect.outcome(Outcome::Unknown)),
        (401, true) => match call {
            Call::Create => Error::new(
                Kind::UpstreamAuth,
                "this datamonkey server makes no users: its user tokens are switched off",
            ),
            Call::Read | Call::Delete | Call::Send => Error::new(
                Kind::UpstreamAuth,
                "datamonkey refused this user's token although it has not ended: was the server set up anew?",
            ),
        },
        // Other people's conversations answer 403: they are none of ours.
        (403 | 404, true) => Error::conversation_not_found(),
        (400, true) if call == Call::Send => {
            let detail = "datamonkey refused this message";
            let violation = Violation {
                pointer: "/input/parts".to_owned(),
                code: "unknown-value",
                detail: detail.to_owned(),
                exceeds: None,
            };
            Error::new(Kind::InvalidRequest, detail).violations(vec![violation])
        }
        // One statement makes a conversation; where the handler says that it failed, there is none.
        (500, true) if call == Call::Create => Error::new(
            Kind::UpstreamFailed,
            "datamonkey could not make the conversation",
        )
        .outcome(Outcome::NotApplied),
        (500, true) if call == Call::Send => {
            Error::new(Kind::UpstreamFailed, "datamonkey could not make an answer")
        }
        (500, false) if call == Call::Send && refusal.body.is_empty() => Error::new(
            Kind::UpstreamFailed,
            "datamonkey crashed while it made an answer: has the server a model?",
        ),
        _ => return adapterkit::from_refusal(refusal, VENDOR, effect),
    };
    mapped.upstream(refusal.upstream(None))
}

#[cfg(test)]
#[path = "../tests/fixtures/recorded.rs"]
#[expect(dead_code, reason = "the requests' bodies do not matter here")]
mod recorded;

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::recorded::{Exchange, all};
    use super::*;

    /// What was called, as the backend names it.
    fn call(exchange: &Exchange) -> Call {
        match exchange.request.method.as_str() {
            "POST" if exchange.request.path.ends_with("/messages") => Call::Send,
            "POST" => Call::Create,
            "DELETE" => Call::Delete,
            _ => Call::Read,
        }
    }

    fn refusal(status: u16, content_type: &str, body: &str) -> Failure {
        Failure::Refused(Box::new(Refusal {
            status,
            content_type: content_type.to_owned(),
            retry_after: None,
            request_id: None,
            body: body.as_bytes().to_vec().into(),
        }))
    }

    #[test]
    fn every_recorded_error_has_the_right_kind_origin_and_outcome() {
        let mut table = String::new();
        for exchange in all() {
            if exchange.response.status < 300 {
                continue;
            }
            let failure = refusal(
                exchange.response.status,
                exchange.content_type(),
                &exchange.response.body,
            );
            let is_over = if handler_failed(&failure) {
                " (handler is over)"
            } else {
                ""
            };
            let error = to_error(failure, call(&exchange));
            let _ = writeln!(
                table,
                "{} {} -> {} {:?} {:?} {:?}{is_over}",
                exchange.name,
                exchange.response.status,
                error.kind.as_str(),
                error.origin,
                error.outcome,
                error.retry,
            );
            let printed = format!("{error:?}");
            for leaked in ["Go struct", "invalid character", "stub model", "Failed to"] {
                assert!(!printed.contains(leaked), "{}: {printed}", exchange.name);
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn what_a_proxy_answers_is_not_taken_for_the_vendors_word() {
        let page = "<html><body>no</body></html>";
        let table = [
            (401, Call::Read, Kind::UpstreamAuth, Outcome::NotApplied),
            (403, Call::Read, Kind::UpstreamAuth, Outcome::NotApplied),
            (404, Call::Send, Kind::UpstreamFailed, Outcome::NotApplied),
            (413, Call::Send, Kind::InvalidRequest, Outcome::NotApplied),
            (429, Call::Create, Kind::RateLimited, Outcome::NotApplied),
            (500, Call::Send, Kind::UpstreamFailed, Outcome::Unknown),
            (500, Call::Create, Kind::UpstreamFailed, Outcome::Unknown),
            (500, Call::Read, Kind::UpstreamFailed, Outcome::NotApplied),
            (502, Call::Delete, Kind::Unavailable, Outcome::Unknown),
            (503, Call::Send, Kind::Unavailable, Outcome::NotApplied),
            (504, Call::Send, Kind::Unavailable, Outcome::Unknown),
        ];
        for (status, call, kind, outcome) in table {
            let failure = refusal(status, "text/html", page);
            assert!(!handler_failed(&failure), "{status}");
            let error = to_error(failure, call);
            assert_eq!(
                (error.kind, error.outcome),
                (kind, outcome),
                "{status} {call:?}"
            );
        }
    }
}
