//! Experiment 21: the clock jumps, forwards and backwards, while requests run. Nothing waits for the time that was lost,
//! nothing is forgotten too soon, and everything that was written is there, once.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tests::faultd::{Fault, Rule};

use crate::bench::Bench;
use crate::gateway::{Gateway, failed_or_kept, faulty_system, said};
use crate::site::Site;

/// How far the clock jumps, in seconds.
const JUMPS: [i64; 6] = [3_600, -3_600, 0, 300, -43_200, 7];
const SETTINGS: &str = "[timeouts]\nrequest_seconds = 120\n";
/// Bounds the silent read, which is what is tried, and no write.
const KEYS: &str = "read_seconds = 5";
/// Much longer than a read may take on any machine, much shorter than the time that is lost.
const SOON: Duration = Duration::from_secs(90);

pub(crate) async fn run(bench: Bench) -> u64 {
    let site = Site::start(bench).await;
    let system = faulty_system();
    let gateway = Gateway::start(system.under(site.launch(SETTINGS, KEYS)));
    let backends = ["store", "one", "four"];
    let mut conversations = Vec::new();
    for backend in backends {
        conversations.push(gateway.conversation(backend).await);
    }
    let mut said_so_far = Vec::new();
    let mut keyed = Vec::new();
    for (number, jump) in JUMPS.into_iter().enumerate() {
        system.clock_is_off_by_seconds(jump);
        let text = format!("jump {number}");
        for conversation in &conversations {
            let path = format!("/v1/conversations/{conversation}/messages");
            let request = gateway.client.request(Method::POST, &path);
            let request = request.header("idempotency-key", format!("{number}-{conversation}"));
            let posted = gateway.client.send(request.json(&said(&text))).await;
            posted.expect(201);
            let path = format!("/v1/conversations/{conversation}");
            let renamed = gateway.client.patch(&path, &json!({"title": text})).await;
            assert_eq!(renamed.status, 200, "{jump} s: {}", renamed.text);
            keyed.push((
                format!("{number}-{conversation}"),
                conversation.clone(),
                text.clone(),
                posted.json()["id"].clone(),
            ));
        }
        said_so_far.push(text);
        for (conversation, backend) in conversations.iter().zip(backends) {
            // Where messages lie by their times, one from before the jump may stand behind.
            let mut texts = gateway.texts(conversation).await;
            texts.sort();
            assert_eq!(texts, said_so_far, "{jump} s on {backend}");
        }
        let listed = gateway
            .client
            .get("/v1/conversations?limit=10")
            .await
            .expect(200);
        let listed = listed["data"].as_array().map_or(0, Vec::len);
        assert_eq!(listed, conversations.len(), "{jump} s");
        // A wait ends when it should, whatever the clock says meanwhile.
        site.proxy("four")
            .plan([Rule::new(Fault::Silent { applied: false })]);
        let began = Instant::now();
        let path = format!("/v1/conversations/{}", conversations[2]);
        let silent = gateway.client.get(&path);
        let back = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            system.clock_is_off_by_seconds(jump - 3_600);
        };
        let (silent, ()) = tokio::join!(silent, back);
        failed_or_kept(&silent, &[]);
        assert!(began.elapsed() < SOON, "{jump} s: {:?}", began.elapsed());
        site.proxy("four").heal();
        gateway.healed(&path, "after a jump").await;
    }
    // Half a day back is no expiry: each key still gives its first answer.
    system.clock_is_off_by_seconds(0);
    for (key, conversation, text, id) in keyed {
        let path = format!("/v1/conversations/{conversation}/messages");
        let request = gateway.client.request(Method::POST, &path);
        let request = request.header("idempotency-key", key);
        let again = gateway.client.send(request.json(&said(&text))).await;
        assert_eq!(again.expect(201)["id"], id, "{text}");
        assert_eq!(again.header("idempotency-replayed"), "true", "{text}");
    }
    gateway.holds(&[]).await;
    JUMPS.len() as u64
}
