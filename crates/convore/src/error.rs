//! What an error of the vendor means: kind, origin, outcome and whether trying again helps.
//!
//! The vendor declares no error bodies, so only the status counts. What is in the body is never looked at.

pub(crate) use adapterkit::Effect;
use adapterkit::{Failure, Refusal};
use backend::{Error, Kind, Origin, Outcome};

/// The vendor's name in sentences.
const VENDOR: &str = "convore";

/// What the path of a call names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A collection: no id is in the path, but the body may hold some.
    Collection,
    /// A conversation.
    Conversation,
    /// A message.
    Message,
    /// A file.
    Attachment,
}

/// The error of a failed call. Never repeats what the vendor said.
pub(crate) fn to_error(failure: Failure, target: Target, effect: Effect) -> Error {
    match failure {
        Failure::Transport(error) => adapterkit::from_transport(error, VENDOR, effect),
        Failure::Refused(refusal) => from_refusal(&refusal, target, effect),
    }
}

fn from_refusal(refusal: &Refusal, target: Target, effect: Effect) -> Error {
    let mapped = match (refusal.status, target) {
        (404 | 410, Target::Conversation) => Error::conversation_not_found(),
        (404 | 410, Target::Message) => Error::message_not_found(),
        // Such an id was never one of the vendor's.
        (400 | 422, Target::Message) if effect == Effect::Read => Error::message_not_found(),
        (404 | 410, Target::Attachment) => Error::new(Kind::NotFound, "attachment not found"),
        // Nothing in the path can be missing where something is written: one of the ids in the body is.
        (404, Target::Collection) if effect == Effect::Write => Error::new(
            Kind::InvalidRequest,
            "convore does not know a message, label or channel that the request names, or does not serve this path",
        )
        .origin(Origin::Upstream),
        (400 | 422, _) => Error::new(Kind::InvalidRequest, "convore refused the request as invalid")
            .origin(Origin::Upstream),
        (409, _) => Error::new(
            Kind::Conflict,
            "convore refused the request: it does not fit what is stored there",
        )
        .origin(Origin::Upstream),
        // Only 200 is declared: what another success means for a write is anybody's guess.
        (200..=299, _) => Error::new(
            Kind::InvalidResponse,
            "convore answered with a success that its contract does not have",
        )
        .outcome(effect.outcome(Outcome::Unknown)),
        _ => return adapterkit::from_refusal(refusal, VENDOR, effect),
    };
    mapped.upstream(refusal.upstream(None))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::time::Duration;

    use super::*;

    fn refusal(status: u16) -> Refusal {
        Refusal {
            status,
            content_type: "application/json".to_owned(),
            retry_after: (status == 429).then_some(Duration::from_secs(7)),
            request_id: None,
            body: r#"{"message":"a secret of somebody"}"#.into(),
        }
    }

    #[test]
    fn every_status_has_the_right_kind_origin_and_outcome() {
        let mut table = String::new();
        let targets = [
            Target::Collection,
            Target::Conversation,
            Target::Message,
            Target::Attachment,
        ];
        for status in [
            202, 204, 302, 400, 401, 403, 404, 405, 409, 410, 413, 422, 429, 500, 502, 503, 504,
        ] {
            for effect in [Effect::Read, Effect::Write] {
                for target in targets {
                    let failure = Failure::Refused(Box::new(refusal(status)));
                    let error = to_error(failure, target, effect);
                    let _ = writeln!(
                        table,
                        "{status} {effect:?} {target:?} -> {} {:?} {:?} {:?} {}",
                        error.kind.as_str(),
                        error.origin,
                        error.outcome,
                        error.retry,
                        error
                            .retry_after
                            .map_or(String::new(), |wait| format!("after {}s", wait.as_secs())),
                    );
                    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
                    if effect == Effect::Read {
                        assert_eq!(error.outcome, Outcome::NotApplied, "{status}");
                    }
                }
            }
        }
        insta::assert_snapshot!(table);
    }
}
