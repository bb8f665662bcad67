//! What a backend's error is to a caller: kind to status and code, and what may be said.

use std::time::Duration;

use backend::{Error, Kind, Obstacle, Origin as ErrorOrigin, Outcome as ErrorOutcome};

use crate::problem::{Code, FieldError, Origin, Outcome, Place, Problem, Upstream};

/// How long a caller waits where nobody says how long.
const UNNAMED_WAIT: Duration = Duration::from_secs(1);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let code = code_of(&error);
        log(&error, code);
        let mut problem = Problem::new(code, error.message.clone())
            .with_retryable(error.is_temporary())
            .with_origin(match error.origin {
                ErrorOrigin::Client => Origin::Client,
                ErrorOrigin::Gateway => Origin::Gateway,
                ErrorOrigin::Upstream => Origin::Upstream,
                ErrorOrigin::Network => Origin::Network,
            })
            .with_outcome(match error.outcome {
                ErrorOutcome::NotApplied => Outcome::NotApplied,
                ErrorOutcome::Applied => Outcome::Applied,
                ErrorOutcome::Unknown => Outcome::Unknown,
            });
        // Whose conversation it is not, must not show in the answer either.
        if let (Some(backend), false) = (&error.backend, error.kind == Kind::NotFound) {
            problem = problem.with_backend(&**backend);
        }
        if let Some(upstream) = &error.upstream {
            problem = problem.with_upstream(Upstream {
                status: upstream.status,
                code: upstream.code.clone(),
                request_id: upstream.request_id.clone(),
            });
        }
        // "Too many" is never said without a time.
        let unnamed = (code == Code::RateLimited).then_some(UNNAMED_WAIT);
        if let Some(wait) = error.retry_after.or(unnamed) {
            problem = problem.with_retry_after(wait);
        }
        let place = match code {
            Code::InvalidCursor => Place::Query,
            _ => Place::Body,
        };
        for violation in &error.violations {
            problem = problem.with_error(FieldError::of_violation(place, violation.clone()));
        }
        if code == Code::InvalidCursor && error.violations.is_empty() {
            problem = problem.with_error(FieldError::new(
                Place::Query,
                "/cursor",
                "invalid-value",
                error.message.clone(),
            ));
        }
        problem
    }
}

fn code_of(error: &Error) -> Code {
    match error.kind {
        Kind::InvalidRequest => Code::InvalidRequest,
        Kind::InvalidCursor => Code::InvalidCursor,
        Kind::NotFound => Code::NotFound,
        Kind::Forbidden => Code::Forbidden,
        Kind::Unsupported => Code::NotSupported,
        Kind::NotHeld => Code::NotHeldByBackend,
        Kind::NothingToAnswer => Code::NothingToAnswer,
        Kind::PreconditionFailed => Code::PreconditionFailed,
        Kind::Conflict => Code::Conflict,
        Kind::Busy | Kind::Moved => Code::ConversationBusy,
        Kind::Full => Code::ConversationFull,
        Kind::RateLimited => Code::RateLimited,
        Kind::Overloaded => Code::Overloaded,
        Kind::Unavailable => match error.origin {
            ErrorOrigin::Gateway | ErrorOrigin::Client => Code::Unavailable,
            ErrorOrigin::Upstream | ErrorOrigin::Network => match error.obstacle {
                None => Code::UpstreamUnreachable,
                Some(Obstacle::Name) => Code::UpstreamUnresolved,
                Some(Obstacle::Trust) => Code::UpstreamUntrusted,
            },
        },
        Kind::StorageFull => Code::StorageFull,
        Kind::UpstreamAuth => Code::UpstreamAuth,
        Kind::AccessEnded => Code::UpstreamAccessEnded,
        Kind::UpstreamFailed => Code::UpstreamError,
        Kind::InvalidResponse => Code::UpstreamInvalidResponse,
        Kind::Timeout => Code::Timeout,
        Kind::Internal => Code::Internal,
    }
}

/// Failures that are not the caller's are worth a line. Never a vendor's words: they can hold message text.
fn log(error: &Error, code: Code) {
    if !code.status().is_server_error() {
        return;
    }
    let cause = match error.origin {
        ErrorOrigin::Gateway => error.source.as_ref().map(tracing::field::display),
        _ => None,
    };
    tracing::warn!(
        error.kind = error.kind.as_str(),
        backend.name = error.backend.as_deref(),
        operation = error.operation,
        vendor.status = error.upstream.as_ref().and_then(|upstream| upstream.status),
        cause,
        "{}",
        error.message
    );
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use backend::{
        Context, Error, FieldFate, Kind, Obstacle, Origin, Principal, Projection, Write,
    };

    use crate::problem::{Code, Problem};

    #[test]
    fn vendor_that_refuses_our_credential_is_never_a_401() {
        let problem = Problem::from(Error::new(Kind::UpstreamAuth, "refused"));
        assert_eq!(problem.code(), Code::UpstreamAuth);
        assert_eq!(problem.status(), http::StatusCode::BAD_GATEWAY);
    }

    #[test]
    fn access_that_ended_is_told_from_a_credential_that_is_wrong() {
        let problem = Problem::from(Error::new(Kind::AccessEnded, "the token has expired"));
        assert_eq!(problem.code(), Code::UpstreamAccessEnded);
        assert_eq!(problem.status(), http::StatusCode::BAD_GATEWAY);
        let document = problem.document();
        assert!(!document.retryable && document.origin == crate::problem::Origin::Upstream);
    }

    #[test]
    fn refused_field_says_which_limit_it_crosses() {
        let fate = FieldFate::rejected("/title", "at most 255 characters").exceeds(255, Some(300));
        let cx = Context::new(Arc::new(nobody()), "id", Duration::from_secs(1));
        let projection = Projection::of(Write::DeleteConversation, vec![fate]);
        let problem = Problem::from(projection.check(&cx, "narrow").unwrap_err());
        assert_eq!(problem.code(), Code::NotHeldByBackend);
        let error = &problem.document().errors[0];
        assert_eq!((error.limit, error.value), (Some(255), Some(300)));
        let json = serde_json::to_value(error).unwrap();
        assert_eq!((&json["limit"], &json["value"]), (&255.into(), &300.into()));
    }

    fn nobody() -> Principal {
        Principal {
            tenant: "t".into(),
            key: "k".into(),
            user: None,
            scopes: Vec::new(),
        }
    }

    #[test]
    fn own_state_is_503_and_a_vendor_out_of_reach_502() {
        let own = Problem::from(Error::new(Kind::Unavailable, "no database"));
        assert_eq!(own.code(), Code::Unavailable);
        let vendor = Error::new(Kind::Unavailable, "refused").origin(Origin::Network);
        assert_eq!(
            Problem::from(vendor.clone()).code(),
            Code::UpstreamUnreachable
        );
        for (obstacle, code) in [
            (Obstacle::Name, Code::UpstreamUnresolved),
            (Obstacle::Trust, Code::UpstreamUntrusted),
        ] {
            let problem = Problem::from(vendor.clone().obstacle(obstacle));
            assert_eq!((problem.code(), problem.status().as_u16()), (code, 502));
        }
    }

    #[test]
    fn missing_conversation_does_not_name_its_backend() {
        let error = Error::conversation_not_found().at("support", "get_conversation");
        assert_eq!(Problem::from(error).document().backend, None);
    }

    #[test]
    fn retry_after_of_the_vendor_is_passed_on() {
        let error = Error::new(Kind::RateLimited, "slow down")
            .retry_after(Some(Duration::from_millis(2_500)));
        assert_eq!(Problem::from(error).headers()["retry-after"], "3");
        let unnamed = Problem::from(Error::new(Kind::RateLimited, "slow down"));
        assert_eq!(unnamed.headers()["retry-after"], "1");
    }
}
