//! A live cut-over by the commands of the README, under constant load, while messages also arrive at the vendors past
//! the gateway: no request fails, nothing is lost or doubled, the order stays, no id changes. Then the way back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tests::client::Client;

use crate::generated::seed;
use crate::load::{Caller, Load, assert_nothing_went_wrong};
use crate::seeds;
use crate::seen;
use crate::site::Site;
use crate::vendors::Vendors;

/// Callers at once.
const CALLERS: usize = 3;
/// How many requests they make between two commands.
const BETWEEN: usize = 60;
/// How long what arrives at a vendor may take to be seen. Nothing is measured by it.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(60);

/// What others say at the vendors: conversation and words.
#[derive(Default)]
struct Others {
    said: Vec<(String, String)>,
}

impl Others {
    /// Somebody says something in each of these conversations at this backend's vendor, past the gateway.
    fn say(&mut self, site: &Site, backend: &str, conversations: &[String]) {
        let directory = site.directory();
        for id in conversations {
            let (lives_at, native) = &directory[id];
            let native = if lives_at == backend {
                native.clone()
            } else {
                // Where it lived before: the vendor still has it.
                site.place(id, backend)
            };
            let words = format!("past the gateway {}.", self.said.len());
            self.say_at(site, backend, &native, &words, seeds::now_ms());
            self.said.push((id.clone(), words));
        }
    }

    /// At this time, in milliseconds.
    fn say_at(&self, site: &Site, backend: &str, native: &str, words: &str, at: i64) {
        let number = 2 * self.said.len();
        match backend {
            "four" => seeds::at_convore_said(&site.vendors.convore, native, true, words, at),
            "three" => {
                let members = site.vendors.sunshine.participants(native);
                let user = members[0].user_id.value().expect("a user").clone();
                let said = seeds::at_sunshine_said(&user, number, words, at);
                site.vendors.sunshine.add_message(native, &said);
            }
            other => panic!("nobody speaks at {other} past the gateway"),
        }
    }

    /// Waits until everything that they have said is seen, once.
    async fn are_seen(&self, client: &Client, when: &str) {
        let started = Instant::now();
        loop {
            let mut missing = BTreeMap::new();
            for (id, words) in &self.said {
                let whole = seen::whole(client, id).await;
                let texts = seen::texts(&whole.messages);
                // The responder repeats what it was told.
                let is_theirs =
                    |text: &&String| text.contains(&**words) && !text.starts_with("echo: ");
                let times = texts.iter().filter(is_theirs).count();
                assert!(
                    times < 2,
                    "{when}: {words:?} is shown {times} times in {id}: {texts:#?}"
                );
                if times == 0 {
                    missing.insert(words, (id, whole.conversation.backend));
                }
            }
            if missing.is_empty() {
                return;
            }
            assert!(
                started.elapsed() < ARRIVAL_LIMIT,
                "{when}: never seen: {missing:#?}"
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// How a cut-over ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Finish,
    Rollback,
}

/// Waits until every conversation lives at this backend: those that were made at the other one late, too.
async fn all_live_at(site: &Site, backend: &str, when: &str) {
    let started = Instant::now();
    loop {
        let elsewhere: Vec<_> = site
            .directory()
            .into_iter()
            .filter(|(_, (at, _))| at != backend)
            .collect();
        if elsewhere.is_empty() {
            return;
        }
        let waits = started.elapsed() < ARRIVAL_LIMIT;
        assert!(waits, "{when}: not at {backend}: {elsewhere:#?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The commands of the README, with these backends in the place of its own.
struct Readme {
    commands: Vec<Vec<String>>,
}

impl Readme {
    fn new(from: &str, to: &str, roster: Option<&str>) -> Self {
        let readme = include_str!("../../../README.md");
        let (_, section) = readme
            .split_once("## Change vendor without downtime")
            .expect("the README tells how to change the vendor");
        let section = section.split("\n## ").next().unwrap_or_default();
        let blocks = section.split("```sh").skip(1);
        let lines = blocks.filter_map(|rest| rest.split("```").next());
        let commands = lines.flat_map(str::lines).filter_map(|line| {
            let line = line.trim().strip_prefix("dragoman ")?;
            let words = line.split_whitespace().map(|word| match word {
                "sunshine" => from.to_owned(),
                "convore" => to.to_owned(),
                "users.txt" => roster.unwrap_or_default().to_owned(),
                // They are files in the operator's folder.
                other => other.to_owned(),
            });
            let mut words: Vec<String> = words.collect();
            if roster.is_none() {
                // Backends that list everything need none.
                words.retain(|word| word != "--roster" && !word.is_empty());
            }
            Some(words)
        });
        Self {
            commands: commands.collect(),
        }
    }

    /// The command of this name.
    fn command(&self, name: &str) -> Vec<&str> {
        let found = self
            .commands
            .iter()
            .find(|words| words.starts_with(&["migrate".to_owned(), name.to_owned()]));
        let found = found.unwrap_or_else(|| panic!("the README has no `migrate {name}`"));
        found.iter().map(String::as_str).collect()
    }
}

async fn cut_over(from: &'static str, to: &'static str, end: End) {
    let seed = seed();
    let vendors = Arc::new(Vendors::start().await);
    let site = Site::new(&vendors)
        .with("four", "default_tenant = \"default\"")
        .default_backend(from);
    let roster: String = (0..CALLERS)
        .map(|number| format!("caller-{number}\n"))
        .collect();
    let roster = site.write("users.txt", &roster);
    let readme = Readme::new(from, to, (from == "three").then_some(roster.as_str()));
    let (dragoman, client) = site.serve_first();
    let mut callers = Vec::new();
    for number in 0..CALLERS {
        callers.push(Caller::new(&format!("caller-{number}"), &client, seed).await);
    }
    let first: Vec<String> = callers
        .iter()
        .flat_map(|caller| caller.conversations().cloned())
        .collect();
    let mut others = Others::default();
    others.say(&site, from, &first);
    let before: BTreeMap<String, Vec<String>> = ids_of(&client, &first).await;

    let load = Load::start(callers);
    load.passes(BETWEEN).await;
    site.ends(0, &readme.command("plan"));
    site.ends(0, &readme.command("copy"));
    others.say(&site, from, &first);
    load.passes(BETWEEN).await;
    // What is written this moment may differ; that it is the same is proved below, when nobody writes.
    let checked = site.run(&readme.command("check"));
    assert!(
        matches!(checked.status.code(), Some(0 | 1)),
        "{}{}",
        checked.output,
        checked.errors
    );
    others.say(&site, from, &first);
    site.ends(0, &readme.command("switch"));
    // They arrive late, at the source.
    others.say(&site, from, &first);
    load.passes(BETWEEN).await;
    let (mut callers, requests) = load.stop().await;
    let when = format!("{from} to {to}, seed {seed}, after the switch and {requests} requests");
    others.are_seen(&client, &when).await;
    assert_nothing_went_wrong(&mut callers, &when).await;
    all_live_at(&site, to, &when).await;
    assert_ids_stay(&before, &ids_of(&client, &first).await, &when);

    if end == End::Rollback {
        let before = ids_of(&client, &first).await;
        let load = Load::start(callers);
        load.passes(BETWEEN).await;
        if to != "store" {
            others.say(&site, to, &first);
        }
        others.say(&site, from, &first);
        site.ends(0, &readme.command("rollback"));
        load.passes(BETWEEN).await;
        let (mut callers, requests) = load.stop().await;
        let when = format!("{from} to {to}, seed {seed}, rolled back, {requests} requests");
        others.are_seen(&client, &when).await;
        assert_nothing_went_wrong(&mut callers, &when).await;
        all_live_at(&site, from, &when).await;
        assert_ids_stay(&before, &ids_of(&client, &first).await, &when);
    } else {
        site.ends(0, &readme.command("finish"));
        assert_nothing_went_wrong(&mut callers, &when).await;
    }
    assert_none_doubled(&vendors, &when);
    dragoman.stop();
}

/// Nothing is at Convore twice, which deletes no message.
#[track_caller]
fn assert_none_doubled(vendors: &Vendors, when: &str) {
    let doubled: Vec<String> = vendors
        .convore
        .doubled()
        .into_iter()
        .map(|(one, times)| {
            let there = vendors.convore.messages(&one.conversation_id);
            let alike: Vec<String> = there
                .iter()
                .filter(|other| other.date == one.date)
                .map(|other| format!("{} {:?}", other.created_at, other.text_body.value()))
                .collect();
            format!(
                "{times} times {:?}, at that time: {alike:#?}",
                one.text_body.value()
            )
        })
        .collect();
    assert!(doubled.is_empty(), "{when}: {doubled:#?}");
}

async fn ids_of(client: &Client, conversations: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut ids = BTreeMap::new();
    for id in conversations {
        let whole = seen::whole(client, id).await;
        ids.insert(id.clone(), seen::message_ids(&whole.messages));
    }
    ids
}

/// What was there is still there, by the same ids and in the same order.
#[track_caller]
fn assert_ids_stay(
    before: &BTreeMap<String, Vec<String>>,
    after: &BTreeMap<String, Vec<String>>,
    when: &str,
) {
    for (conversation, ids) in before {
        let shown = &after[conversation];
        let still: Vec<&String> = shown.iter().filter(|id| ids.contains(id)).collect();
        let expected: Vec<&String> = ids.iter().collect();
        assert_eq!(still, expected, "{when}: {conversation}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn convore_is_left_for_the_store_under_load_and_returned_to() {
    cut_over("four", "store", End::Rollback).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn convore_is_left_for_sunshine_under_load_and_returned_to() {
    cut_over("four", "three", End::Rollback).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sunshine_is_left_for_convore_under_load_for_good() {
    cut_over("three", "four", End::Finish).await;
}

/// Somebody speaks at the old home late, after somebody at the new one, at the same time to the millisecond. On the way
/// back the first comes behind the second, as everybody saw it: at the old home, which deletes nothing, that takes no
/// second copy of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_put_in_order_on_the_way_back_is_not_stored_twice() {
    let vendors = Arc::new(Vendors::start().await);
    let site = Site::new(&vendors)
        .with("four", "default_tenant = \"default\"")
        .default_backend("four");
    let (dragoman, client) = site.serve_first();
    let mut caller = Caller::new("caller", &client, seed()).await;
    let conversations: Vec<String> = caller.conversations().cloned().collect();
    let (plan, _) = site.plan("four", "three", &[]);
    site.ends(0, &["migrate", "copy", &plan]);
    site.ends(0, &["migrate", "switch", &plan]);
    let mut others = Others::default();
    for id in &conversations {
        let at = seeds::now_ms();
        for backend in ["three", "four"] {
            let words = format!("past the gateway {}.", others.said.len());
            others.say_at(&site, backend, &site.place(id, backend), &words, at);
            others.said.push((id.clone(), words));
        }
    }
    let when = "switched";
    others.are_seen(&client, when).await;
    let before = ids_of(&client, &conversations).await;
    for id in &conversations {
        let shown = seen::whole(&client, id).await.messages;
        let [.., first, second] = shown.as_slice() else {
            panic!("{id}: {shown:#?}")
        };
        assert_eq!(first.sent_at, second.sent_at, "of one time");
    }
    site.ends(0, &["migrate", "rollback", &plan]);
    let when = "rolled back";
    others.are_seen(&client, when).await;
    all_live_at(&site, "four", when).await;
    assert_ids_stay(&before, &ids_of(&client, &conversations).await, when);
    assert_nothing_went_wrong(std::slice::from_mut(&mut caller), when).await;
    assert_none_doubled(&vendors, when);
    for id in &conversations {
        let native = site.place(id, "four");
        let there = vendors.convore.messages(&native).len();
        assert_eq!(there, before[id].len(), "{id} at {native}");
    }
    dragoman.stop();
}
