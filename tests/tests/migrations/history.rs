//! A thousand conversations from Convore to Chatter, which cannot store a message that it is handed: the history is
//! kept beside it, in order, and its AI is told it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use crate::seeds;
use crate::seen;
use crate::site::Site;
use crate::vendors::Vendors;

const CONVERSATIONS: usize = 1_000;
/// Every so manieth conversation goes on with a question to the AI.
const ASKED_EVERY: usize = 50;
/// Messages of those, and of the others: what is proved there needs many conversations and no long ones.
const MESSAGES_TOLD: usize = 8;
const MESSAGES: usize = 2;

fn is_asked(conversation: usize) -> bool {
    conversation.is_multiple_of(ASKED_EVERY)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_histories_are_kept_beside_chatter_and_told_to_its_ai() {
    let vendors = Arc::new(Vendors::start().await);
    let site = Site::new(&vendors)
        // The documented limit is 100 creates in a minute; this server has another one.
        .with("one", "requests_per_minute = 600000")
        .with("four", "default_tenant = \"default\"");
    let length = |number| match is_asked(number) {
        true => MESSAGES_TOLD,
        false => MESSAGES,
    };
    let seeded = seeds::at_convore(&vendors.convore, CONVERSATIONS, length);
    let messages: usize = seeded.iter().map(|one| one.said.len()).sum();
    let (dragoman, client) = site.serve_first();
    let (migration, told) = site.plan("four", "one", &[]);
    assert_eq!(told["plan"]["conversations"], CONVERSATIONS, "{told:#}");
    assert_eq!(told["plan"]["messages"], messages);
    let directory = site.directory();
    let by_native: BTreeMap<&str, &str> = directory
        .iter()
        .map(|(id, (_, native))| (native.as_str(), id.as_str()))
        .collect();

    site.ends(0, &["migrate", "copy", &migration]);
    let checked = site.tells(0, &["migrate", "check", &migration]);
    assert_eq!(checked["check"]["same"], CONVERSATIONS, "{checked:#}");
    assert_eq!(checked["check"]["messages"], messages);
    site.ends(0, &["migrate", "switch", &migration]);

    let now = site.directory();
    for (number, source) in seeded.iter().enumerate() {
        let id = by_native[source.native.as_str()];
        let (backend, native) = &now[id];
        assert_eq!(backend, "one", "{id}");
        assert!(
            vendors.chatter.messages(native).is_empty(),
            "no AI was asked by a migration"
        );
        if !is_asked(number) {
            continue;
        }
        let before = seen::whole(&client, id).await;
        let expected: Vec<String> = source.said.iter().map(|(words, _)| words.clone()).collect();
        assert_eq!(seen::texts(&before.messages), expected, "{id}");
        let times: Vec<i64> = before
            .messages
            .iter()
            .map(|one| one.sent_at.to_string().parse::<jiff::Timestamp>())
            .map(|time| time.expect("a time").as_millisecond())
            .collect();
        let said_at: Vec<i64> = source.said.iter().map(|(_, at)| *at).collect();
        assert_eq!(times, said_at, "{id}: the original times");

        let question = json!({"input": {"parts": [{"type": "text", "text": "and now?"}]}});
        let path = format!("/v1/conversations/{id}/responses");
        client.post(&path, &question).await.expect(200);
        let requests = vendors.chatter.requests();
        let asked = requests.last().expect("the AI was asked");
        let asked = requests
            .iter()
            .rev()
            .find(|request| request.body.contains("and now?"))
            .unwrap_or(asked);
        let places: Vec<Option<usize>> = expected
            .iter()
            .map(|words| asked.body.find(words.as_str()))
            .collect();
        assert!(
            places.iter().all(Option::is_some) && places.is_sorted(),
            "{id}: the AI gets everything that was said, in order: {}",
            asked.body
        );
        let after = seen::whole(&client, id).await;
        let ids = seen::message_ids(&after.messages);
        assert_eq!(
            ids[..MESSAGES_TOLD],
            seen::message_ids(&before.messages),
            "{id}"
        );
        assert_eq!(
            ids.len(),
            MESSAGES_TOLD + 2,
            "{id}: the question and its answer"
        );
    }
    dragoman.stop();
}
