//! What surrounds a facade: refusals of the server's own in the facade's shape, and no timeout before its own.

use axum::response::{IntoResponse, Response};
use facadekit::{Facade, Refusal};

use super::super::TIMEOUT_GRACE;
use super::{Answer, Duration, RequestLimits, Router, Running, get, panics, router};

/// A refusal in words that only this vendor has.
fn refuse(refusal: &Refusal) -> Response {
    let retry = refusal.retry_after.map_or(0, |after| after.as_secs());
    let words = format!("vendor says {} after {retry}", refusal.status.as_u16());
    (refusal.status, words).into_response()
}

fn facade() -> Facade {
    let routes = Router::new()
        .route("/panic", get(panics).post(panics))
        .route("/never", get(std::future::pending::<()>))
        .route(
            "/slow",
            get(|| async {
                tokio::time::sleep(TIMEOUT_GRACE + Duration::from_millis(300)).await;
                "slow"
            }),
        )
        .fallback(|| async { (http::StatusCode::NOT_FOUND, "vendor has no such route") });
    Facade {
        kind: "vendor",
        path: "/facade/vendor",
        router: routes,
        refuse,
    }
}

async fn running(limits: RequestLimits) -> Running {
    let facade = facade();
    let router = router().nest_service(facade.path, facade.router.clone());
    Running::with_facades(router, limits, vec![facade]).await
}

fn words(answer: &Answer) -> &str {
    std::str::from_utf8(&answer.body).unwrap()
}

#[tokio::test]
async fn what_a_facade_has_not_it_answers_itself() {
    let running = running(RequestLimits::default()).await;
    for line in [
        "GET /facade/vendor/x",
        "DELETE /facade/vendor",
        "PUT /facade/vendor/",
    ] {
        let answer = running.ask(&format!("{line} HTTP/1.1")).await;
        assert_eq!(answer.status(), "404", "{line}");
        assert_eq!(words(&answer), "vendor has no such route", "{line}");
        assert!(answer.header("x-request-id").is_some());
    }
    // Beside it everything is ours.
    for path in ["/facade/vendors", "/facade", "/facade/other/x"] {
        let answer = running.ask(&format!("GET {path} HTTP/1.1")).await;
        assert_eq!(answer.problem()["code"], "route-not-found", "{path}");
    }
}

#[tokio::test]
async fn what_the_server_refuses_has_the_facades_shape() {
    let limits = RequestLimits {
        uri_bytes_max: 100,
        ..RequestLimits::default()
    };
    let running = running(limits).await;
    let long = "x".repeat(200);
    for (line, status) in [
        ("GET /facade/vendor/panic".to_owned(), "500"),
        ("POST /facade/vendor/panic".to_owned(), "500"),
        (format!("GET /facade/vendor/{long}"), "414"),
    ] {
        let answer = running.ask(&format!("{line} HTTP/1.1")).await;
        assert_eq!(answer.status(), status, "{line}");
        assert_eq!(words(&answer), format!("vendor says {status} after 0"));
    }
}

#[tokio::test]
async fn too_much_at_once_is_refused_in_the_facades_shape() {
    let limits = RequestLimits {
        requests_max: 0,
        ..RequestLimits::default()
    };
    let running = running(limits).await;
    let answer = running.ask("GET /facade/vendor/slow HTTP/1.1").await;
    assert_eq!(words(&answer), "vendor says 503 after 1");
}

#[tokio::test]
async fn a_facade_may_take_as_long_as_an_answer_of_an_ai() {
    let limits = RequestLimits {
        request_timeout: Duration::ZERO,
        respond_timeout: Duration::from_secs(20),
        ..RequestLimits::default()
    };
    // It takes longer than an ordinary request may.
    let patient = running(limits).await;
    let answer = patient.ask("GET /facade/vendor/slow HTTP/1.1").await;
    assert_eq!(words(&answer), "slow");
    let hasty = running(RequestLimits {
        respond_timeout: Duration::ZERO,
        ..RequestLimits::default()
    });
    let answer = hasty.await.ask("GET /facade/vendor/never HTTP/1.1").await;
    assert_eq!(words(&answer), "vendor says 504 after 0");
}
