//! Conversations move between simulated vendors: all the way round, while processes are killed, and while programs go on
//! speaking. Whoever looks through a facade notices nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::client::Client;
use tests::dragoman::Running;
use tokio::runtime::Handle;

use crate::admin;
use crate::caller::text;
use crate::facade::{FACADES, Facade, Said, open, say};
use crate::seen;
use crate::site::{BACKENDS, Key, Site, tenant_of};
use crate::table::{Table, outcome};

/// How often the copying process is killed.
const KILLS: u64 = 3;
/// What is copied while it is killed: conversations, and messages of each.
const CONVERSATIONS: usize = 6;
const MESSAGES: usize = 20;
/// The latest moment of a kill, in milliseconds after the start.
const KILL_MS: u64 = 900;
/// Pause between two looks at a vendor.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How many words a program says before, while and after its conversation moves.
const WORDS_AROUND: usize = 10;
/// How long a program waits between its words where it speaks as people do.
const SPEAKS_EVERY: Duration = Duration::from_millis(400);
/// How long something that must come may take. Nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(120);
/// What is said at a vendor behind the gateway's back.
const BEHIND: &str = "said behind your back";

/// Plans, copies, checks and switches these conversations.
async fn carry(client: &Client, ids: &[String], from: &str, to: &str) -> Value {
    let spec = json!({"from": from, "to": to, "filter": {"ids": ids}});
    let planned = admin::plan(client, &spec).await;
    let migration = admin::id_of(&planned);
    admin::job(client, migration, "copy").await;
    let checked = admin::job(client, migration, "check").await;
    let findings = admin::findings(client, migration).await;
    assert_eq!(
        checked["check"]["same"],
        ids.len(),
        "{checked:#}\n{findings}"
    );
    admin::job(client, migration, "switch").await;
    // Else its old home would be looked through for good, at the others' cost.
    admin::finish(client, migration).await;
    checked
}

/// The public id of the caller's only conversation.
async fn only(normalized: &Client) -> String {
    let listed = normalized.get("/v1/conversations").await.expect(200);
    text(&listed["data"][0]["id"])
}

/// How each facade shows the only conversation of a key.
async fn shown(site: &Site, key: &Key) -> BTreeMap<&'static str, (String, Vec<Said>)> {
    let mut shown = BTreeMap::new();
    for name in FACADES {
        let facade = open(site, name, key);
        let listed = facade.list().await;
        assert_eq!(listed.len(), 1, "{name}: {listed:?}");
        let id = listed[0].id.clone();
        let said = facade.messages(&id).await;
        shown.insert(name, (id, said));
    }
    shown
}

/// Moves a conversation; whoever looks sees the same as before, through every facade.
async fn moved(site: &Site, key: &Key, id: &String, (from, to): (&str, &str)) {
    let normalized = site.normalized(key);
    let before = seen::whole(&normalized, id).await;
    let seen_by_facades = shown(site, key).await;
    carry(site.admin(), std::slice::from_ref(id), from, to).await;
    let after = seen::whole(&normalized, id).await;
    assert_eq!(&*after.conversation.backend, to);
    seen::assert_same(&before, &after, to);
    assert_eq!(shown(site, key).await, seen_by_facades, "{from} to {to}");
}

/// One conversation lives at every backend in turn, goes on at each, and comes home.
async fn round(site: Arc<Site>) {
    let tenant = tenant_of("store");
    let key = site
        .key(&tenant, Some("traveller"), &["read", "write"])
        .await;
    let facade = open(&site, "chatter", &key);
    let id = facade.create("travels").await;
    say(&*facade, &id, "before the journey").await;
    let public = only(&site.normalized(&key)).await;
    let mut at = "store";
    for to in BACKENDS {
        moved(&site, &key, &public, (at, to)).await;
        say(&*facade, &id, &format!("said at {to}")).await;
        at = to;
    }
    assert_eq!(at, "store", "it came home");
}

/// A conversation of its own moves from each backend to each other one.
async fn from_each_to_each(site: Arc<Site>) {
    let sources = BACKENDS.map(|from| tokio::spawn(from_one(Arc::clone(&site), from)));
    for source in sources {
        assert_eq!(outcome(source.await), Ok(()));
    }
}

async fn from_one(site: Arc<Site>, from: &'static str) {
    for to in BACKENDS.into_iter().filter(|to| *to != from) {
        let user = format!("goes-to-{to}");
        let key = site
            .key(&tenant_of(from), Some(&user), &["read", "write"])
            .await;
        let facade = open(&site, "datamonkey", &key);
        let id = facade.create("moves").await;
        for words in ["one", "two", "three"] {
            say(&*facade, &id, words).await;
        }
        let public = only(&site.normalized(&key)).await;
        moved(&site, &key, &public, (from, to)).await;
        say(&*facade, &id, "goes on").await;
    }
}

/// Makes a conversation with a history of its own words; its public id.
async fn furnished(normalized: &Client, number: usize) -> String {
    let made = normalized.post("/v1/conversations", &json!({})).await;
    let id = text(&made.expect(201)["id"]);
    for message in 0..MESSAGES {
        let words = format!("c{number}-m{message}.");
        let body = json!({"role": "user", "parts": [{"type": "text", "text": words}]});
        let path = format!("/v1/conversations/{id}/messages");
        normalized.post(&path, &body).await.expect(201);
    }
    id
}

/// A copy from Sunshine to Convore is killed again and again; at the end everything is at Convore, once and in order.
async fn killed() {
    let site = tokio::task::block_in_place(Site::start);
    let tenant = tenant_of("sunshine");
    let key = site.key(&tenant, Some("copied"), &["read", "write"]).await;
    let mut ids = Vec::new();
    for number in 0..CONVERSATIONS {
        ids.push(furnished(&site.normalized(&key), number).await);
    }
    let spec = json!({"from": "sunshine", "to": "convore", "filter": {"ids": ids}});
    let planned = admin::plan(site.admin(), &spec).await;
    let migration = admin::id_of(&planned).to_owned();
    let convore = convore_itself(&site);
    let written = || Handle::current().block_on(held_by(&convore)).len();
    let site = tokio::task::block_in_place(|| {
        let copy = ["migrate", "copy", &migration];
        site.restarted_after(|begin| kill_copies(&copy, begin, &written))
    });
    let checked = admin::job(site.admin(), &migration, "check").await;
    assert_eq!(checked["check"]["same"], CONVERSATIONS, "{checked:#}");
    admin::job(site.admin(), &migration, "switch").await;
    let normalized = site.normalized(&key);
    for (number, id) in ids.iter().enumerate() {
        let whole = seen::whole(&normalized, id).await;
        assert_eq!(&*whole.conversation.backend, "convore");
        let expected = (0..MESSAGES).map(|message| format!("c{number}-m{message}."));
        assert_eq!(seen::texts(&whole.messages), expected.collect::<Vec<_>>());
    }
    assert_once(&site, &ids).await;
}

/// Begins the copy again and again, kills it at later and later moments, and lets it end at last.
fn kill_copies(copy: &[&str], begin: &dyn Fn(&[&str]) -> Running, written: &dyn Fn() -> usize) {
    let mut killed = 0;
    for kill in 1..=KILLS {
        let mut running = begin(copy);
        // Any moment will do: while it starts, reads, writes or settles. At last one at which something was written,
        // however slow this machine is.
        std::thread::sleep(Duration::from_millis(KILL_MS * kill / KILLS));
        while kill == KILLS && running.is_running() && written() == 0 {
            std::thread::sleep(LOOK_INTERVAL);
        }
        if running.is_running() {
            running.kill();
            killed += 1;
        }
    }
    assert!(killed > 0, "the copy ends before it is killed");
    let ran = begin(copy).wait();
    assert!(ran.status.success(), "{}{}", ran.output, ran.errors);
}

/// The simulated Convore itself holds each of the words once.
async fn assert_once(site: &Site, ids: &[String]) {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for message in at_convore_itself(site).await {
        *times.entry(words_of(&message).to_owned()).or_default() += 1;
    }
    for number in 0..ids.len() {
        for message in 0..MESSAGES {
            let words = format!("c{number}-m{message}.");
            assert_eq!(times.get(&words), Some(&1), "{words}");
        }
    }
}

/// A client of the simulated Convore itself, past the gateway.
fn convore_itself(site: &Site) -> Client {
    let convore = site.vendor("convore");
    Client::new(convore.told("base_url"), Some(convore.told("key")))
}

/// Every message that the simulated Convore holds.
async fn at_convore_itself(site: &Site) -> Vec<Value> {
    held_by(&convore_itself(site)).await
}

async fn held_by(client: &Client) -> Vec<Value> {
    let mut found = Vec::new();
    let mut path = "/v1/messages?limit=100".to_owned();
    loop {
        let page = client.get(&path).await.expect(200);
        found.extend(crate::caller::rows(&page["data"]));
        let Some(cursor) = page["next_cursor"].as_str() else {
            return found;
        };
        path = format!("/v1/messages?limit=100&cursor={cursor}");
    }
}

fn words_of(message: &Value) -> &str {
    message["text_body"].as_str().unwrap_or_default().trim()
}

/// Programs go on speaking through the facades while their conversations move from Convore to the store: every word that
/// was accepted is there once, in the order in which it was said.
async fn live(site: Arc<Site>) {
    let stop = Arc::new(AtomicBool::new(false));
    let (mut speakers, mut ids) = (Vec::new(), Vec::new());
    for name in FACADES {
        let user = format!("live-{name}");
        let tenant = tenant_of("convore");
        let key = site.key(&tenant, Some(&user), &["read", "write"]).await;
        let facade = open(&site, name, &key);
        let id = facade.create("goes on").await;
        let normalized = site.normalized(&key);
        let public = only(&normalized).await;
        ids.push(public.clone());
        let stop = Arc::clone(&stop);
        speakers.push(tokio::spawn(async move {
            let said = speak(&*facade, &id, &stop).await;
            let whole = seen::whole(&normalized, &public).await;
            assert_eq!(&*whole.conversation.backend, "store", "{name}");
            let texts = seen::texts(&whole.messages);
            let mine: Vec<&String> = texts.iter().filter(|text| said.contains(text)).collect();
            assert_eq!(mine, said.iter().collect::<Vec<_>>(), "{name}");
            let shown = facade.messages(&id).await;
            let shown: Vec<&String> = shown.iter().map(|one| &one.words).collect();
            assert_eq!(shown, texts.iter().collect::<Vec<_>>(), "{name}");
        }));
    }
    let spec = json!({"from": "convore", "to": "store", "filter": {"ids": ids}});
    let planned = admin::plan(site.admin(), &spec).await;
    let migration = admin::id_of(&planned);
    for verb in ["copy", "switch"] {
        admin::job(site.admin(), migration, verb).await;
    }
    stop.store(true, Ordering::Relaxed);
    for speaker in speakers {
        let ended = outcome(speaker.await);
        assert_eq!(ended, Ok(()));
    }
}

/// Says one word after the other until told to stop, and some more; all of them.
async fn speak(facade: &dyn Facade, id: &str, stop: &AtomicBool) -> Vec<String> {
    let (mut said, mut left) = (Vec::new(), WORDS_AROUND);
    while left > 0 {
        let words = format!("word {}.", said.len());
        say(facade, id, &words).await;
        said.push(words);
        if stop.load(Ordering::Relaxed) {
            left -= 1;
        }
    }
    said
}

/// Programs go on speaking while their conversations move from Convore to the store, somebody writes at Convore itself
/// behind the gateway's back, and everything is rolled back: nothing is lost, doubled or put elsewhere.
async fn there_and_back(site: Arc<Site>) {
    let stop = Arc::new(AtomicBool::new(false));
    let (mut speakers, mut talks) = (Vec::new(), Vec::new());
    for name in FACADES {
        let word = format!("{name}-word");
        let tenant = tenant_of("convore");
        let key = site.key(&tenant, Some(&word), &["read", "write"]).await;
        let facade = open(&site, name, &key);
        let id = facade.create("there and back").await;
        say(&*facade, &id, &format!("{word} begins.")).await;
        let normalized = site.normalized(&key);
        talks.push((only(&normalized).await, normalized));
        let stop = Arc::clone(&stop);
        speakers.push(tokio::spawn(async move {
            let mut said = vec![format!("{word} begins.")];
            while !stop.load(Ordering::Relaxed) {
                let words = format!("{word} {}.", said.len());
                say(&*facade, &id, &words).await;
                said.push(words);
                // As people do: whoever writes faster than a vendor takes it is made to wait between turns.
                tokio::time::sleep(SPEAKS_EVERY).await;
            }
            said
        }));
    }
    let ids: Vec<&String> = talks.iter().map(|(id, _)| id).collect();
    let spec = json!({"from": "convore", "to": "store", "filter": {"ids": ids}});
    let planned = admin::plan(site.admin(), &spec).await;
    let migration = admin::id_of(&planned);
    for verb in ["copy", "switch"] {
        admin::job(site.admin(), migration, verb).await;
    }
    // Somebody goes on with the first of them at the vendor itself.
    let (first, normalized) = &talks[0];
    say_behind(&site, &format!("{}-word begins.", FACADES[0])).await;
    let mut has_come = false;
    let began = Instant::now();
    while !has_come {
        assert!(began.elapsed() < PATIENCE, "it never comes");
        let whole = seen::whole(normalized, first).await;
        has_come = seen::texts(&whole.messages)
            .iter()
            .any(|text| text == BEHIND);
        tokio::time::sleep(SPEAKS_EVERY).await;
    }
    admin::job(site.admin(), migration, "rollback").await;
    stop.store(true, Ordering::Relaxed);
    for (place, (speaker, (id, normalized))) in speakers.into_iter().zip(&talks).enumerate() {
        let said = speaker.await.expect("nobody is refused");
        let whole = seen::whole(normalized, id).await;
        assert_eq!(&*whole.conversation.backend, "convore");
        let texts = seen::texts(&whole.messages);
        let mine: Vec<&String> = texts.iter().filter(|text| said.contains(text)).collect();
        assert_eq!(mine, said.iter().collect::<Vec<_>>(), "{}", FACADES[place]);
        // What was answered is there once too.
        let different: BTreeSet<&String> = texts.iter().collect();
        assert_eq!(
            different.len(),
            texts.len(),
            "{}: {texts:?}",
            FACADES[place]
        );
        let behind = texts.iter().filter(|text| *text == BEHIND);
        assert_eq!(
            behind.count(),
            usize::from(place == 0),
            "{}",
            FACADES[place]
        );
    }
}

/// Says something at the simulated Convore itself, in the conversation in which these words were said.
async fn say_behind(site: &Site, words: &str) {
    let all = at_convore_itself(site).await;
    let found = all.iter().find(|message| words_of(message) == words);
    let found = found.unwrap_or_else(|| panic!("Convore does not hold {words}"));
    let body = json!({
        "channel_id": site.vendor("convore").told("channel_id"),
        "conversation_id": found["conversation_id"],
        "to": ["somebody@example.test"],
        "body": BEHIND,
    });
    let client = convore_itself(site);
    client.post("/v1/messages", &body).await.expect(200);
}

/// Moves everything in all these ways.
pub(crate) async fn run(site: &Arc<Site>) -> Table {
    let mut table = Table::new("moves");
    let ended = tokio::spawn(round(Arc::clone(site))).await;
    table.note("simulated vendors", "all the way round", outcome(ended));
    let ended = tokio::spawn(killed()).await;
    table.note("simulated vendors", "killed", outcome(ended));
    let ended = tokio::spawn(from_each_to_each(Arc::clone(site))).await;
    table.note("simulated vendors", "from each to each", outcome(ended));
    let ended = tokio::spawn(live(Arc::clone(site))).await;
    table.note("simulated vendors", "live", outcome(ended));
    let ended = tokio::spawn(there_and_back(Arc::clone(site))).await;
    table.note("simulated vendors", "there and back", outcome(ended));
    table
}
