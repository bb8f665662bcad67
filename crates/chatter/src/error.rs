//! What an error of the vendor means: kind, origin, outcome and whether trying again helps.

use adapterkit::Refusal;
use backend::{Error, Kind, Origin, Outcome, Retry, Upstream};
use conversation::Violation;

use crate::client::Failure;
use crate::config::Generation;
use crate::wire::{ErrorLocation, FrameworkError, Problem, ValidationError};

/// What a call can have done before it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    Read,
    /// It may have changed one row.
    Write,
    /// It may have stored messages; what a failure leaves behind depends on the generation.
    Chat(Generation),
}

/// The vendor's name in sentences.
const VENDOR: &str = "chatter";

impl Effect {
    fn general(self) -> adapterkit::Effect {
        match self {
            Self::Read => adapterkit::Effect::Read,
            Self::Write | Self::Chat(_) => adapterkit::Effect::Write,
        }
    }
}

/// The error of a failed call. Never repeats what the vendor said: in development a 500 quotes SQL with its
/// parameters, which are users' texts.
pub(crate) fn to_error(failure: Failure, operation: &'static str, effect: Effect) -> Error {
    match failure {
        Failure::Transport(error) => adapterkit::from_transport(error, VENDOR, effect.general()),
        Failure::Refused(refusal) => from_refusal(&refusal, operation, effect),
        Failure::LoginRefused => Error::new(
            Kind::UpstreamAuth,
            "chatter refused the login: check user name and password of this backend",
        ),
    }
}

fn from_refusal(refusal: &Refusal, operation: &'static str, effect: Effect) -> Error {
    let problem: Option<Problem> = refusal
        .content_type
        .starts_with("application/problem+json")
        .then(|| serde_json::from_slice(&refusal.body).ok())
        .flatten();
    let mapped = match (refusal.status, &problem) {
        (401 | 403, _) => Error::new(
            Kind::UpstreamAuth,
            "chatter refused our token: give this backend a valid one, or user name and password",
        ),
        (400, Some(problem)) if problem.detail.starts_with("Invalid ULID format") => {
            not_found(operation)
        }
        // Said in development only: in production every 500 is the same.
        (400 | 500, Some(problem)) if problem.detail.contains("conversations_profile_id_fkey") => {
            invalid("/assistant/profile_id", "chatter has no such profile")
        }
        (400 | 500, Some(problem)) if matches!(effect, Effect::Chat(_)) => {
            chat_failure(&problem.detail, effect)
        }
        (404, Some(problem)) => match problem.resource_type.value().map(String::as_str) {
            Some("message") => Error::message_not_found(),
            Some("conversation") => Error::conversation_not_found(),
            // Any inner error with the words "not found" is reported as a missing template.
            _ => invalid(
                "/template",
                "chatter does not know this template, or the provider or profile asked for",
            )
            .outcome(after_chat_failure(effect)),
        },
        (404 | 405 | 307, _) => Error::new(
            Kind::UpstreamFailed,
            "chatter does not serve this path: check the backend's base url and generation",
        )
        .outcome(Outcome::NotApplied),
        (422, Some(problem)) => from_validation(problem),
        (400, _) => Error::new(
            Kind::UpstreamFailed,
            "chatter refused the request: is the backend's host name one that the server allows?",
        )
        .outcome(Outcome::NotApplied),
        // Where events were asked for and something else came.
        (200..=299, _) => Error::new(Kind::InvalidResponse, "chatter's answer is no event stream")
            .outcome(effect.general().outcome(Outcome::Unknown)),
        _ => adapterkit::from_refusal(refusal, VENDOR, effect.general()),
    };
    mapped.upstream(upstream(refusal, problem.as_ref()))
}

/// A failed chat call by the vendor's words for it, which also come as an event of a stream. V0 and V1 roll everything
/// back; V2 keeps the user's message, so a repeat would double it (measured on commits 56cfcd49 and fe43ba0b).
pub(crate) fn chat_failure(detail: &str, effect: Effect) -> Error {
    // The second are our own facade's words.
    if detail.contains("'NoneType' object has no attribute") || detail == "Conversation not found" {
        return Error::conversation_not_found();
    }
    if detail.contains("uq_conversation_sequence") {
        return Error::new(
            Kind::Busy,
            "another chat call ran in this conversation at the same time",
        )
        .origin(Origin::Upstream)
        .outcome(after_chat_failure(effect))
        .retry(if after_chat_failure(effect) == Outcome::NotApplied {
            Retry::Temporary
        } else {
            Retry::Permanent
        });
    }
    if detail.contains("not found or inactive") && !detail.contains("'None'") {
        return invalid("/assistant/provider", "chatter has no such provider")
            .outcome(after_chat_failure(effect));
    }
    let message = if detail.contains("no content") || detail.contains("check_content_not_empty") {
        "chatter's model gave no answer"
    } else {
        "chatter could not make an answer"
    };
    Error::new(Kind::UpstreamFailed, message).outcome(after_chat_failure(effect))
}

/// What the vendor's model failing means: its apology is stored as if it were an answer.
pub(crate) fn model_failed() -> Error {
    Error::new(
        Kind::UpstreamFailed,
        "chatter's model failed; chatter stored an apology in place of an answer",
    )
    .outcome(Outcome::Applied)
}

fn after_chat_failure(effect: Effect) -> Outcome {
    match effect {
        Effect::Chat(Generation::V2) => Outcome::Applied,
        Effect::Chat(Generation::V0 | Generation::V1) | Effect::Read => Outcome::NotApplied,
        Effect::Write => Outcome::Unknown,
    }
}

fn not_found(operation: &'static str) -> Error {
    if operation.ends_with("_message") {
        Error::message_not_found()
    } else {
        Error::conversation_not_found()
    }
}

fn invalid(pointer: &str, detail: &str) -> Error {
    let violation = Violation {
        pointer: pointer.to_owned(),
        code: "unknown-value",
        detail: detail.to_owned(),
        exceeds: None,
    };
    Error::new(Kind::InvalidRequest, detail).violations(vec![violation])
}

/// All findings of the vendor's own check, at the places of our model.
fn from_validation(problem: &Problem) -> Error {
    let errors = problem
        .errors
        .value()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let in_query = errors
        .iter()
        .any(|error| error.loc.first() == Some(&ErrorLocation::Name("query".to_owned())));
    if in_query {
        // Queries are ours alone.
        return Error::new(Kind::Internal, "chatter refused our query")
            .outcome(Outcome::NotApplied);
    }
    let violations = errors.iter().map(violation).collect();
    Error::new(
        Kind::InvalidRequest,
        "chatter refused members of the request",
    )
    .violations(violations)
}

fn violation(error: &ValidationError) -> Violation {
    let name = match error.loc.get(1) {
        Some(ErrorLocation::Name(name)) => name.as_str(),
        _ => "",
    };
    let pointer = match name {
        "title" | "description" | "status" => format!("/{name}"),
        "extra_metadata" => "/metadata".to_owned(),
        "temperature" | "max_tokens" | "system_prompt" | "profile_id" | "workflow" | "provider"
        | "workflow_config" => {
            format!("/assistant/{name}")
        }
        "enable_retrieval" => "/assistant/retrieval".to_owned(),
        "system_prompt_override" => "/assistant/system_prompt".to_owned(),
        "message" => "/input/parts".to_owned(),
        "rating" => "/value".to_owned(),
        _ => String::new(),
    };
    // Only the vendor's fixed words: `input` and `ctx` may repeat what the caller sent.
    let code = match error.kind.as_str() {
        "greater_than_equal" | "less_than_equal" => "out-of-range",
        "enum" | "literal_error" => "unknown-value",
        _ => "unknown-value",
    };
    Violation {
        pointer,
        code,
        detail: format!("chatter: {}", error.msg),
        exceeds: None,
    }
}

fn upstream(refusal: &Refusal, problem: Option<&Problem>) -> Upstream {
    let code = problem
        .map(|problem| problem.slug().to_owned())
        .or_else(|| {
            let framework: FrameworkError = serde_json::from_slice(&refusal.body).ok()?;
            matches!(
                framework.detail.as_str(),
                "Not Found" | "Method Not Allowed"
            )
            .then_some(framework.detail)
        });
    Upstream {
        status: Some(refusal.status),
        code,
        request_id: refusal.request_id.clone(),
        excerpt: None,
    }
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
    fn call(file: &str, exchange: &Exchange) -> (&'static str, Effect) {
        let generation = match file {
            "v0" => Generation::V0,
            "v2" => Generation::V2,
            _ => Generation::V1,
        };
        let path = exchange.request.path.split('?').next().unwrap_or_default();
        match exchange.request.method.as_str() {
            "POST"
                if path.contains("/chat/chat")
                    || path.contains("/template/")
                    || path.contains("/streaming") =>
            {
                ("respond", Effect::Chat(generation))
            }
            "POST" => ("create_conversation", Effect::Write),
            "PUT" => ("update_conversation", Effect::Write),
            "PATCH" => ("rate_message", Effect::Write),
            "DELETE" if path.contains("/messages/") => ("delete_message", Effect::Write),
            "DELETE" => ("delete_conversation", Effect::Write),
            _ if path.contains("/messages") => ("list_messages", Effect::Read),
            _ => ("get_conversation", Effect::Read),
        }
    }

    fn refusal(exchange: &Exchange) -> Refusal {
        let seconds = exchange
            .header("retry-after")
            .and_then(|value| value.parse().ok());
        Refusal {
            status: exchange.response.status,
            content_type: exchange.content_type().to_owned(),
            retry_after: seconds.map(std::time::Duration::from_secs),
            request_id: None,
            body: exchange.response.body.clone().into(),
        }
    }

    #[test]
    fn every_recorded_error_has_the_right_kind_origin_and_outcome() {
        let mut table = String::new();
        for (file, exchange) in all() {
            if exchange.response.status < 300 {
                continue;
            }
            let (operation, effect) = call(file, &exchange);
            let error = to_error(
                Failure::Refused(Box::new(refusal(&exchange))),
                operation,
                effect,
            );
            let pointers: Vec<&str> = error
                .violations
                .iter()
                .map(|violation| violation.pointer.as_str())
                .collect();
            let _ = writeln!(
                table,
                "{file} {} {} -> {} {:?} {:?} {:?} {} {}",
                exchange.name,
                exchange.response.status,
                error.kind.as_str(),
                error.origin,
                error.outcome,
                error.retry,
                error
                    .retry_after
                    .map_or(String::new(), |wait| format!("after {}s", wait.as_secs())),
                pointers.join(" "),
            );
            let printed = format!("{error:?}");
            for leaked in ["SELECT", "INSERT", "UPDATE", "asyncpg", "Failing row"] {
                assert!(
                    !printed.contains(leaked),
                    "{file} {}: {printed}",
                    exchange.name
                );
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn errors_inside_streams_mean_what_errors_of_calls_mean() {
        let effect = Effect::Chat(Generation::V2);
        let kind = |text| chat_failure(text, effect).kind;
        assert_eq!(
            kind("'NoneType' object has no attribute 'id'"),
            Kind::NotFound
        );
        assert_eq!(
            kind("Plain workflow streaming failed: Provider 'nope' not found or inactive"),
            Kind::InvalidRequest
        );
        assert_eq!(
            kind("Provider 'None' not found or inactive"),
            Kind::UpstreamFailed
        );
        assert_eq!(
            kind("violates unique constraint \"uq_conversation_sequence\""),
            Kind::Busy
        );
        assert_eq!(kind(""), Kind::UpstreamFailed);
    }

    #[test]
    fn plain_text_refusals_say_what_to_check() {
        let plain = |status, body: &'static str| Refusal {
            status,
            content_type: "text/plain; charset=utf-8".to_owned(),
            retry_after: None,
            request_id: None,
            body: body.into(),
        };
        let error = from_refusal(
            &plain(400, "Invalid host header"),
            "respond",
            Effect::Chat(Generation::V1),
        );
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::UpstreamFailed, Outcome::NotApplied)
        );
        assert!(error.message.contains("host name"), "{}", error.message);
        let error = from_refusal(
            &plain(502, "Bad Gateway"),
            "create_conversation",
            Effect::Write,
        );
        assert_eq!(
            (error.kind, error.origin, error.outcome),
            (Kind::Unavailable, Origin::Upstream, Outcome::Unknown)
        );
    }
}
