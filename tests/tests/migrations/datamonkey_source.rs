//! Datamonkey as a source: no ids, messages of the same millisecond, some of them equal to the letter, and one
//! conversation whose messages cannot be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tests::client::Client;

use crate::seen::{self, Whole};
use crate::site::Site;
use crate::vendors::Vendors;

const CONVERSATIONS: usize = 5;
const MESSAGES: usize = 18;
/// The end user to whom all of it belongs.
const USER: &str = "ann";
/// Messages of one and the same millisecond.
const AT_ONCE: usize = 6;

async fn create(client: &Client, title: &str) -> String {
    let request = client
        .request(Method::POST, "/v1/conversations")
        .header("dragoman-backend", "two")
        .header("dragoman-user", USER)
        .json(&json!({"title": title}));
    let made = client.send(request).await.expect(201);
    made["id"].as_str().expect("an id").to_owned()
}

/// What the vendor stores by itself: equal times, and of each three one that was said before to the letter.
fn fill(site: &Site, native: &str) {
    for number in 0..MESSAGES {
        let role = if number % 2 == 0 { "user" } else { "assistant" };
        let at = 1_709_283_600_000 + (number / AT_ONCE) as i64;
        let words = match number % 3 {
            2 => "yes".to_owned(),
            _ => format!("said {number}."),
        };
        site.vendors.datamonkey.store(native, role, &words, at);
    }
}

async fn read(client: &Client, ids: &[String]) -> BTreeMap<String, Whole> {
    let mut all = BTreeMap::new();
    for id in ids {
        all.insert(id.clone(), seen::whole(client, id).await);
    }
    all
}

fn names(report: &Value, conversation: &str) -> bool {
    let findings = report["findings"].as_array().expect("findings");
    findings
        .iter()
        .any(|finding| finding["conversation"] == conversation && finding["sign"] == "!")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_without_ids_keep_theirs_and_what_cannot_be_read_is_named() {
    let vendors = Arc::new(Vendors::start().await);
    let site = Site::new(&vendors);
    let (dragoman, client) = site.serve_first();
    let key = dragoman.key().expect("a key").to_owned();
    let mut ids = Vec::new();
    for number in 0..CONVERSATIONS {
        ids.push(create(&client, &format!("talk {number}")).await);
    }
    let directory = site.directory();
    for id in &ids {
        fill(&site, &directory[id].1);
    }
    let before = read(&client, &ids).await;
    for (id, whole) in &before {
        let mut known = seen::message_ids(&whole.messages);
        assert_eq!(known.len(), MESSAGES, "{id}");
        known.sort_unstable();
        known.dedup();
        assert_eq!(known.len(), MESSAGES, "{id}: every message has its own id");
    }
    dragoman.stop();

    let dragoman = site.serve();
    let client = Client::new(dragoman.base_url(), Some(&key));
    let again = read(&client, &ids).await;
    seen::assert_all_same(&before, &again, "by another process");

    let broken = &ids[2];
    vendors.datamonkey.break_messages(&directory[broken].1, 500);
    let roster = site.write("users.txt", &format!("{USER}\n"));
    let plan = [
        "migrate", "plan", "--from", "two", "--to", "store", "--roster", &roster, "--json",
    ];
    let plan = site.run(&plan);
    let told = crate::site::last_json(&plan.output);
    let migration = crate::site::migration_of(&told);
    let copied = site.run(&["migrate", "copy", &migration]);
    assert!(
        matches!(copied.status.code(), Some(1 | 5 | 6)),
        "{}{}",
        copied.output,
        copied.errors
    );
    let report: Value = serde_json::from_str(&site.ends(0, &["migrate", "report", &migration]))
        .expect("a report is JSON");
    assert!(names(&report, broken), "{report:#}");
    let shown = site.run(&["migrate", "check", &migration]);
    let line = format!("! {broken}");
    assert!(
        shown.output.contains(&line),
        "{}{}",
        shown.output,
        shown.errors
    );
    let checked = site.run(&["migrate", "check", &migration, "--json"]);
    assert!(
        matches!(checked.status.code(), Some(1 | 5 | 6)),
        "{}{}",
        checked.output,
        checked.errors
    );
    let told = crate::site::last_json(&checked.output);
    assert_eq!(told["check"]["same"], CONVERSATIONS - 1, "{told:#}");
    assert_eq!(told["check"]["failed"], 1, "{told:#}");
    assert_eq!(told["check"]["extra"], 0, "{told:#}");

    vendors.datamonkey.mend();
    let last = site.tells(0, &["migrate", "copy", &migration]);
    assert_eq!(last["last"]["progress"]["written"], MESSAGES, "{last:#}");
    let checked = site.tells(0, &["migrate", "check", &migration]);
    assert_eq!(checked["check"]["same"], CONVERSATIONS, "{checked:#}");
    let again = site.tells(0, &["migrate", "copy", &migration]);
    assert_eq!(again["last"]["progress"]["written"], 0, "{again:#}");
    site.ends(0, &["migrate", "switch", &migration]);
    let after = read(&client, &ids).await;
    seen::assert_all_same(&before, &after, "at the store");
    for whole in after.values() {
        assert_eq!(&*whole.conversation.backend, "store");
    }
    dragoman.stop();
}
