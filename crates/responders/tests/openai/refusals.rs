//! What the server refuses, and what is told of it.

use std::time::Duration;

use backend::ports::Responder as _;
use backend::{Kind, Outcome, Retry};
use responders::{OpenAi, OpenAiConfig};

use crate::fake::{Fake, Reply};
use crate::support::{LONG, cx, pieces, turn};

#[tokio::test]
async fn refusals_say_whose_turn_it_is() {
    let coded =
        |code: &str| format!(r#"{{"error":{{"message":"planted words","code":"{code}"}}}}"#);
    let table = [
        (
            401,
            coded("invalid_api_key"),
            Kind::UpstreamAuth,
            Retry::Permanent,
        ),
        (403, String::new(), Kind::UpstreamAuth, Retry::Permanent),
        (
            404,
            coded("model_not_found"),
            Kind::UpstreamFailed,
            Retry::Permanent,
        ),
        (
            400,
            coded("context_length_exceeded"),
            Kind::UpstreamFailed,
            Retry::Permanent,
        ),
        (
            422,
            r#"{"detail":"planted words"}"#.to_owned(),
            Kind::UpstreamFailed,
            Retry::Permanent,
        ),
        (
            429,
            coded("rate_limit_exceeded"),
            Kind::RateLimited,
            Retry::Temporary,
        ),
        (
            429,
            coded("insufficient_quota"),
            Kind::UpstreamFailed,
            Retry::Permanent,
        ),
        (
            500,
            r#"{"error":"planted words"}"#.to_owned(),
            Kind::UpstreamFailed,
            Retry::Temporary,
        ),
        (
            503,
            "<html>planted words</html>".to_owned(),
            Kind::Unavailable,
            Retry::Temporary,
        ),
        (504, String::new(), Kind::Timeout, Retry::Temporary),
        (307, String::new(), Kind::UpstreamFailed, Retry::Permanent),
        (
            200,
            r#"{"hello":"world"}"#.to_owned(),
            Kind::InvalidResponse,
            Retry::Permanent,
        ),
    ];
    for (status, body, kind, retry) in table {
        let fake = Fake::start(Reply::json(status, &body)).await;
        let (_, error) = pieces(&fake, turn()).await;
        let error = error.unwrap();
        assert_eq!((error.kind, error.retry), (kind, retry), "{status} {body}");
        assert_eq!(error.outcome, Outcome::NotApplied, "{status} {body}");
        assert!(!error.message.contains("planted"), "{}", error.message);
        if status == 429 {
            let upstream = error.upstream.clone().unwrap();
            assert_eq!(upstream.status, Some(429));
            assert!(upstream.code.is_some());
        }
        if error.kind == Kind::RateLimited {
            assert_eq!(error.retry_after, Some(Duration::from_secs(3)));
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_or_says_nothing_is_told_from_one_that_fails() {
    let nobody = OpenAi::new(OpenAiConfig::new("http://127.0.0.1:1/v1", "small")).unwrap();
    let error = nobody.answer(&cx(LONG), turn()).await.err().unwrap();
    assert_eq!(error.kind, Kind::Unavailable);
    let fake = Fake::start(Reply::Silence).await;
    let hasty = OpenAi::new(OpenAiConfig {
        longest_silence: Duration::from_millis(50),
        ..OpenAiConfig::new(fake.base_url(), "small")
    })
    .unwrap();
    let error = hasty.answer(&cx(LONG), turn()).await.err().unwrap();
    assert_eq!(error.kind, Kind::Timeout);
}

#[test]
fn settings_that_cannot_be_used_are_refused_at_once() {
    for config in [
        OpenAiConfig::new("not a url", "small"),
        OpenAiConfig::new("http://model.example", ""),
    ] {
        assert_eq!(OpenAi::new(config).unwrap_err().kind, Kind::InvalidRequest);
    }
}

#[tokio::test]
async fn a_key_that_the_server_repeats_is_in_no_error() {
    let key = "short.key_7";
    let told = |status: u16, body: &str| (status, body.replace("KEY", key));
    for (status, body) in [
        told(
            401,
            r#"{"error":{"message":"no such key: KEY","code":"KEY"}}"#,
        ),
        told(400, r#"{"error":{"message":"KEY","type":"x.KEY"}}"#),
        told(500, &format!("{}KEY KEY", "a ".repeat(140))),
        told(200, r#"{"error":{"message":"KEY","code":"KEY"}}"#),
        told(200, r#"{"hello":"KEY"}"#),
    ] {
        let fake = Fake::start(Reply::json(status, &body)).await;
        let responder = OpenAi::new(OpenAiConfig {
            api_key: Some(key.into()),
            ..OpenAiConfig::new(fake.base_url(), "small")
        })
        .unwrap();
        let error = responder.answer(&cx(LONG), turn()).await.err().unwrap();
        assert!(!error.to_string().contains("short"), "{error}");
        assert!(!format!("{error:?}").contains("short"), "{error:?}");
        assert!(!format!("{responder:?}").contains("short"));
    }
}

#[tokio::test]
async fn a_key_that_no_header_can_carry_is_not_sent_and_not_told() {
    let fake = Fake::start(Reply::events(&[])).await;
    let responder = OpenAi::new(OpenAiConfig {
        api_key: Some("planted\nkey".into()),
        ..OpenAiConfig::new(fake.base_url(), "small")
    })
    .unwrap();
    let error = responder.answer(&cx(LONG), turn()).await.err().unwrap();
    assert_eq!(error.kind, Kind::Internal);
    assert!(error.message.contains("api key"), "{error}");
    assert!(!format!("{error:?}").contains("planted"), "{error:?}");
    assert_eq!(fake.seen().method, "", "nothing was sent");
}

#[tokio::test]
async fn nothing_follows_a_server_elsewhere_with_the_key() {
    let other = Fake::start(Reply::events(&[])).await;
    let target = format!("{}/chat/completions", other.base_url());
    let fake = Fake::start(Reply::Elsewhere(target)).await;
    let (pieces, error) = pieces(&fake, turn()).await;
    assert!(pieces.is_empty());
    assert_eq!(error.unwrap().kind, Kind::UpstreamFailed);
    assert_eq!(other.seen().method, "", "nobody was asked there");
}
