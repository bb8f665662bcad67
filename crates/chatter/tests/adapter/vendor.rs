//! The fake is held to the recordings: what the real server refused, it refuses in the same words.

use secrecy::SecretString;
use transport::{Transport, TransportConfig};

use crate::fake::{FakeChatter, Generation};

#[path = "../fixtures/recorded.rs"]
#[expect(dead_code, reason = "streams are not replayed")]
mod recorded;

/// The instance names the host that was asked.
fn without_host(body: &str, base_url: &str) -> String {
    body.replace(base_url, "")
        .replace("http://chatter.example", "")
}

/// Errors that need no data of the recording: refused by login, route, ids or the request check.
fn needs_no_data(exchange: &recorded::Exchange) -> bool {
    let name = exchange.name.as_str();
    let status = exchange.response.status;
    matches!(status, 401 | 404 | 405 | 422)
        || (status == 400 && exchange.response.body.contains("Invalid ULID"))
        // Asked with tokens, hosts or content types of their own.
        && !name.contains("login")
}

#[tokio::test]
async fn the_fake_refuses_in_the_recorded_words() {
    let mut compared = 0;
    for (generation, file) in [
        (Generation::V0, "v0"),
        (Generation::V1OldFastApi, "v1"),
        (Generation::V2, "v2"),
    ] {
        let fake = FakeChatter::start(generation).await;
        let base_url = fake.base_url();
        let transport = Transport::new(&base_url, &TransportConfig::default()).unwrap();
        for (_, exchange) in recorded::all()
            .into_iter()
            .filter(|(name, _)| *name == file)
        {
            if !needs_no_data(&exchange)
                || exchange.name.contains("no_content_type")
                || exchange.name.contains("login")
            {
                continue;
            }
            let token = match exchange.response.status {
                401 if exchange.response.body.contains("credentials required") => None,
                401 => Some(SecretString::from("unknown")),
                _ => Some(SecretString::from(FakeChatter::TOKEN)),
            };
            // The fake knows no other users' tokens of its own making.
            if exchange.response.body.contains("User not found")
                || exchange.request.path.contains("/auth/")
            {
                continue;
            }
            let (path, query) = exchange
                .request
                .path
                .split_once('?')
                .unwrap_or((&exchange.request.path, ""));
            let segments: Vec<&str> = path
                .trim_start_matches('/')
                .trim_end_matches('/')
                .split('/')
                .collect();
            let mut request =
                transport.request(exchange.request.method.parse().unwrap(), &segments);
            if path.ends_with('/') {
                request = request.trailing_slash();
            }
            for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
                request = request.query(&name, &value);
            }
            if let Some(token) = &token {
                request = request.bearer(token);
            }
            if let Some(body) = &exchange.request.body {
                request = request.json_bytes(body.clone().into());
            }
            let answer = request.send().await.unwrap();
            assert_eq!(
                answer.status(),
                exchange.response.status,
                "{file} {}",
                exchange.name
            );
            let body = without_host(std::str::from_utf8(answer.body()).unwrap(), &base_url);
            assert_eq!(
                body,
                without_host(&exchange.response.body, ""),
                "{file} {}",
                exchange.name
            );
            for header in ["content-type", "allow", "www-authenticate"] {
                assert_eq!(
                    answer.header(header),
                    exchange.header(header),
                    "{file} {} {header}",
                    exchange.name
                );
            }
            compared += 1;
        }
    }
    assert!(compared > 50, "only {compared} recordings were compared");
}
