//! Planted secrets: no message text, token or key reaches the log, not even at trace level.

use serde_json::json;
use tests::client::Client;
use tests::dragoman::Launch;

use crate::callers::client;
use crate::fake::{FakeChatter, Fault, Generation};

/// Words that stand in requests and must not come back in the log.
const MESSAGE: &str = "planted-message-7f3a91";
const TITLE: &str = "planted-title-51bd02";
const METADATA: &str = "planted-metadata-c81e44";
const WRONG_KEY: &str = "drg_planted00000000_plantedsecret00000000000000000000";
const USER: &str = "planted-user-token-90aa13";

#[tokio::test]
async fn no_secret_and_no_message_text_reaches_the_log_at_trace_level() {
    let chatter = FakeChatter::start(Generation::V2).await;
    let dragoman = Launch::new()
        .configuration("[telemetry]\nlog_level = \"trace\"\n")
        .variable("DRAGOMAN_CHATTER_URL", &chatter.base_url())
        .variable("DRAGOMAN_CHATTER_TOKEN", FakeChatter::TOKEN)
        .start();
    let key = dragoman.key().expect("a key").to_owned();
    let secret = key.rsplit_once('_').expect("id and secret").1.to_owned();
    let client = client(&dragoman);
    let message = json!({"role": "user", "parts": [{"type": "text", "text": MESSAGE}]});

    for backend in ["store", "chatter"] {
        let body = json!({"title": TITLE, "metadata": {"note": METADATA}});
        let create = client
            .request(reqwest::Method::POST, "/v1/conversations")
            .header("dragoman-backend", backend);
        let id = client.send(create.json(&body)).await.expect(201)["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let path = format!("/v1/conversations/{id}");
        client.post(&format!("{path}/messages"), &message).await;
        client
            .post(&format!("{path}/responses"), &json!({"input": message}))
            .await
            .expect(200);
        let stream = client
            .request(reqwest::Method::POST, &format!("{path}/responses"))
            .json(&json!({"input": message}));
        client
            .send(stream.header("accept", "text/event-stream"))
            .await;
        client.get(&format!("{path}/messages")).await.expect(200);
        client
            .get(&format!("/v1/conversations?metadata.note={METADATA}"))
            .await;
        client
            .patch(&path, &json!({"title": format!("{TITLE} changed")}))
            .await;
        // Errors quote input all too easily.
        client
            .post(&format!("{path}/messages"), &json!({"parts": MESSAGE}))
            .await;
        client
            .send(
                client
                    .request(reqwest::Method::POST, "/v1/conversations")
                    .body(format!("{{\"{MESSAGE}")),
            )
            .await;
        client.get(&format!("/v1/conversations/{MESSAGE}")).await;
        client
            .get(&format!(
                "/v1/conversations?limit={MESSAGE}&cursor={METADATA}"
            ))
            .await;
    }
    chatter.inject("POST", "/chat", Fault::CutAfter);
    let body = json!({"input": message});
    let create = client
        .request(reqwest::Method::POST, "/v1/conversations")
        .header("dragoman-backend", "chatter");
    let id = client
        .send(create.json(&json!({"title": TITLE})))
        .await
        .expect(201)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    client
        .post(&format!("/v1/conversations/{id}/responses"), &body)
        .await;
    Client::new(dragoman.base_url(), Some(WRONG_KEY))
        .get("/v1/conversations")
        .await
        .expect(401);
    let acting = client
        .request(reqwest::Method::GET, "/v1/conversations")
        .header("idempotency-key", USER);
    client.send(acting).await;

    // The banner shows the key once; everything after it is log.
    let (status, output) = dragoman.stop();
    assert!(status.success());
    let shown = output.matches(&*secret).count();
    let banner_lines: Vec<&str> = output
        .lines()
        .filter(|line| line.contains(&*secret))
        .collect();
    assert!(
        banner_lines
            .iter()
            .all(|line| !line.trim_start().starts_with('{')),
        "the key is in the log: {banner_lines:?}"
    );
    assert!(
        shown <= 2,
        "the key is shown in the banner and its curl only, not {shown} times"
    );
    let is_detail = |line: &str| line.contains("\"DEBUG\"") || line.contains("\"TRACE\"");
    assert!(
        output.lines().any(is_detail),
        "the log is on below the usual level"
    );
    let (_, wrong_secret) = WRONG_KEY.rsplit_once('_').expect("id and secret");
    for planted in [MESSAGE, TITLE, METADATA, wrong_secret, FakeChatter::TOKEN] {
        let found: Vec<&str> = output
            .lines()
            .filter(|line| line.contains(planted))
            .collect();
        assert!(found.is_empty(), "{planted} is in the log: {found:?}");
    }
}
