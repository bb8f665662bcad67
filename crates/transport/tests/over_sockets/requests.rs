//! What arrives at the remote service.

use bytes::Bytes;
use secrecy::SecretString;
use transport::{Delivery, Method, TransportErrorKind};

use crate::fake::{Fake, Step, json_answer};

async fn fake() -> Fake {
    Fake::always(vec![Step::Send(json_answer("{}"))]).await
}

#[tokio::test]
async fn method_path_query_headers_and_body_arrive_as_given() {
    let fake = fake().await;
    let secret = SecretString::from("t0ken");
    fake.transport()
        .request(Method::PATCH, &["api", "v1", "a/b?c#d %2f"])
        .trailing_slash()
        .trailing_slash()
        .query("limit", "50")
        .query("filter", "a&b=c d/é")
        .header("X-Request-Id", "r-1")
        .header("x-request-id", "r-2")
        .bearer(&secret)
        .secret_header("X-Api-Key", &secret)
        .json(&serde_json::json!({"title": "é"}))
        .send()
        .await
        .unwrap();

    let seen = &fake.requests()[0];
    assert_eq!(
        seen.request_line(),
        "PATCH /api/v1/a%2Fb%3Fc%23d%20%252f/?limit=50&filter=a%26b%3Dc+d%2F%C3%A9 HTTP/1.1"
    );
    assert_eq!(seen.header("x-request-id"), Some("r-2"));
    assert_eq!(seen.header("authorization"), Some("Bearer t0ken"));
    assert_eq!(seen.header("x-api-key"), Some("t0ken"));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("accept"), Some("application/json"));
    assert_eq!(seen.header("accept-encoding"), Some("gzip"));
    assert!(seen.header("user-agent").unwrap().starts_with("dragoman/"));
    assert_eq!(seen.body, "{\"title\":\"é\"}".as_bytes());
}

#[tokio::test]
async fn each_short_form_uses_its_method() {
    let fake = fake().await;
    let transport = fake.transport();
    transport.get(&["x"]).send().await.unwrap();
    transport.post(&["x"]).send().await.unwrap();
    transport.put(&["x"]).send().await.unwrap();
    transport.patch(&["x"]).send().await.unwrap();
    transport.delete(&["x"]).send().await.unwrap();
    let lines: Vec<String> = fake
        .requests()
        .iter()
        .map(|seen| seen.request_line().to_owned())
        .collect();
    let expected = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    assert_eq!(
        lines,
        expected.map(|method| format!("{method} /x HTTP/1.1"))
    );
}

#[tokio::test]
async fn basic_credentials_and_serialised_bodies_arrive_as_given() {
    let fake = fake().await;
    let password = SecretString::from("open:sesame");
    let body = Bytes::from_static(b"[1, 2]");
    let request = fake.transport();
    request
        .post(&["x"])
        .basic("ali", &password)
        .accept("text/plain")
        .json_bytes(body)
        .send()
        .await
        .unwrap();

    let seen = &fake.requests()[0];
    assert_eq!(
        seen.header("authorization"),
        Some("Basic YWxpOm9wZW46c2VzYW1l")
    );
    assert_eq!(seen.header("accept"), Some("text/plain"));
    assert_eq!(seen.body, b"[1, 2]");
}

#[tokio::test]
async fn requests_that_cannot_be_built_are_refused_unsent_and_name_no_secret() {
    let fake = fake().await;
    let transport = fake.transport();
    let broken = SecretString::from("planted\r\nx-evil: 1");
    let unserialisable = std::collections::HashMap::from([(vec![1], "planted")]);
    let long = "planted".repeat(20_000);
    let requests = [
        transport.get(&["c", ".."]),
        transport.get(&["c", ""]).json(&1).bearer(&broken),
        transport.get(&["c"]).bearer(&broken),
        transport.get(&["c"]).secret_header("x-key", &broken),
        transport.get(&["c"]).header("x key", "planted"),
        transport.get(&["c"]).header("x-key", "planted\n"),
        transport.get(&["c"]).basic("ali:planted", &broken),
        transport.post(&["c"]).json(&unserialisable),
        transport.get(&["c", &long]),
    ];
    for request in requests {
        let shown = format!("{request:?}");
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::InvalidRequest, "{error}");
        assert_eq!(error.delivery(), Delivery::NotSent);
        assert!(
            !format!("{shown} {error} {error:?}").contains("planted"),
            "{shown} {error:?}"
        );
    }
    assert_eq!(fake.connections(), 0);
}
