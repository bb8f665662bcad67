//! The process dies at random moments under writes to every vendor: afterwards nothing is doubled, and what was
//! acknowledged is there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proptest::sample::select;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tests::client::Client;
use tests::dragoman::Dragoman;
use tests::{figures, looking};

use crate::generated::{Generator, seed};
use crate::vendors::Vendors;

/// How often the process is killed; the environment may ask for more.
const KILLS: usize = 10;
const KILLS_VARIABLE: &str = "DRAGOMAN_TEST_KILLS";
const BACKENDS: [&str; 4] = ["one", "two", "three", "four"];
/// The longest time from the first write of a round to its kill, in milliseconds.
const KILL_WITHIN_MS: usize = 700;
/// How long recovery may take at the end. Nothing is measured by it.
const RECOVERY_LIMIT: Duration = Duration::from_secs(180);
/// Vendors are asked soon, and nothing is waited for long.
const SETTINGS: &str = "[timeouts]\nrequest_seconds = 10\nrespond_seconds = 10\n";
const KEYS: &str = "settle_after_seconds = 1\nclock_skew_seconds = 1";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Create,
    Post,
    Respond,
    Import,
}

/// A write of the run.
#[derive(Debug, Clone)]
struct Written {
    kind: Kind,
    backend: &'static str,
    /// Its own, as idempotency key, title and text.
    name: String,
    is_acknowledged: bool,
    /// What was answered, where anything was.
    status: Option<u16>,
}

impl Written {
    fn path(&self, conversations: &BTreeMap<&'static str, String>) -> String {
        let conversation = || &conversations[self.backend];
        match self.kind {
            Kind::Create => "/v1/conversations".to_owned(),
            Kind::Post => format!("/v1/conversations/{}/messages", conversation()),
            Kind::Respond => format!("/v1/conversations/{}/responses", conversation()),
            Kind::Import => format!("/v1/conversations/{}/messages:import", conversation()),
        }
    }

    fn body(&self) -> Value {
        let message = |text: &str| json!({"parts": [{"type": "text", "text": text}], "metadata": {"n": {"a": 1}}});
        match self.kind {
            Kind::Create => json!({"title": self.name, "metadata": {"nested": {"a": 1}}}),
            Kind::Post => message(&self.name),
            Kind::Respond => json!({"input": message(&self.name)}),
            Kind::Import => json!({"messages": [message(&self.name)]}),
        }
    }

    fn request(
        &self,
        client: &Client,
        conversations: &BTreeMap<&'static str, String>,
    ) -> RequestBuilder {
        client
            .request(Method::POST, &self.path(conversations))
            .header("idempotency-key", &self.name)
            .header("dragoman-backend", self.backend)
            .json(&self.body())
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Written>>>);

impl Log {
    fn begin(&self, written: Written) -> usize {
        let mut log = self.0.lock().expect("not poisoned");
        log.push(written);
        log.len() - 1
    }

    fn end(&self, number: usize, status: u16) {
        let mut log = self.0.lock().expect("not poisoned");
        log[number].status = Some(status);
        log[number].is_acknowledged = (200..300).contains(&status);
    }

    fn all(&self) -> Vec<Written> {
        self.0.lock().expect("not poisoned").clone()
    }
}

/// Writes one after the other until the server is gone.
async fn write(
    client: Client,
    conversations: BTreeMap<&'static str, String>,
    log: Log,
    writes: Vec<Written>,
) {
    for written in writes {
        let request = written.request(&client, &conversations);
        let number = log.begin(written);
        match client.try_send(request).await {
            Ok(answer) => log.end(number, answer.status.as_u16()),
            Err(_) => return,
        }
    }
}

/// Everything that one conversation shows, as texts.
async fn texts(client: &Client, id: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut path = format!("/v1/conversations/{id}/messages?limit=100");
    loop {
        let page = client.get(&path).await.expect(200);
        for message in page["data"].as_array().expect("a list") {
            let text = message["parts"][0]["text"].as_str();
            texts.push(text.unwrap_or_default().to_owned());
        }
        let Some(cursor) = page["next_cursor"].as_str() else {
            return texts;
        };
        path = format!("/v1/conversations/{id}/messages?limit=100&cursor={cursor}");
    }
}

async fn titles(client: &Client) -> Vec<String> {
    let mut titles = Vec::new();
    let mut path = "/v1/conversations?limit=100".to_owned();
    loop {
        let page = client.get(&path).await.expect(200);
        for conversation in page["data"].as_array().expect("a list") {
            titles.push(
                conversation["title"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            );
        }
        let Some(cursor) = page["next_cursor"].as_str() else {
            return titles;
        };
        path = format!("/v1/conversations?limit=100&cursor={cursor}");
    }
}

/// The vendors' ids of our conversations.
fn natives(dragoman: &Dragoman) -> BTreeMap<String, String> {
    let found = looking::rows(
        dragoman.data_dir().path(),
        "SELECT id, native FROM directory",
    );
    let pairs = found.into_iter().map(<[String; 2]>::try_from);
    pairs
        .map(|pair| pair.expect("two columns").into())
        .collect()
}

/// What a run shows at one moment.
struct Seen {
    texts: BTreeMap<&'static str, Vec<String>>,
    titles: Vec<String>,
}

async fn look(client: &Client, conversations: &BTreeMap<&'static str, String>) -> Seen {
    let mut seen = BTreeMap::new();
    for (backend, id) in conversations {
        seen.insert(*backend, texts(client, id).await);
    }
    Seen {
        texts: seen,
        titles: titles(client).await,
    }
}

fn assert_nothing_lost_or_doubled(log: &Log, seen: &Seen, when: &str) {
    let mut findings = Vec::new();
    for written in log.all() {
        let shown = match written.kind {
            Kind::Create => &seen.titles,
            Kind::Post | Kind::Respond | Kind::Import => &seen.texts[written.backend],
        };
        let count = shown.iter().filter(|text| **text == written.name).count();
        if count > 1 || (written.is_acknowledged && count == 0) {
            findings.push(format!("shown {count} times: {written:?}"));
        }
    }
    assert!(findings.is_empty(), "{when}:\n{}", findings.join("\n"));
}

/// The vendor has the words of each write at most once, whatever was repeated.
fn assert_vendors_were_told_once(
    log: &Log,
    vendors: &Vendors,
    dragoman: &Dragoman,
    conversations: &BTreeMap<&'static str, String>,
    when: &str,
) {
    let natives = natives(dragoman);
    let mut findings = Vec::new();
    for (backend, id) in conversations {
        let held: Vec<String> = vendors
            .held(backend, &natives[id])
            .into_iter()
            .filter(|message| message["role"] != "assistant")
            .map(|message| message.to_string())
            // The responder repeats what it was asked.
            .filter(|message| !message.contains("echo: "))
            .collect();
        let log = log.all();
        let said = log.iter().filter(|written| {
            // Imported words may be told again, as history.
            written.backend == *backend && matches!(written.kind, Kind::Post | Kind::Respond)
        });
        for written in said {
            let count = held
                .iter()
                .filter(|message| message.contains(&*written.name))
                .count();
            if count > 1 {
                findings.push(format!("told {count} times: {written:?}"));
            }
        }
    }
    assert!(findings.is_empty(), "{when}:\n{}", findings.join("\n"));
}

/// Repeats what was not answered, under its own key.
async fn repeat(client: &Client, conversations: &BTreeMap<&'static str, String>, log: &Log) {
    for (number, written) in log.all().into_iter().enumerate() {
        if written.status.is_some() {
            continue;
        }
        let answer = client.send(written.request(client, conversations)).await;
        let status = answer.status.as_u16();
        assert!(
            matches!(status, 200..=299 | 409 | 502 | 503 | 504),
            "{written:?}: {status} {}",
            answer.text
        );
        log.end(number, status);
    }
}

/// Waits until nothing is being settled any more, but for answers: of one whose question was stored and whose process
/// died before it was said nobody can tell, until it is given up minutes later.
async fn settled(client: &Client) {
    let started = Instant::now();
    loop {
        let open = client
            .get("/admin/v1/intents?state=open&limit=50")
            .await
            .expect(200);
        let mut writes = open["data"].as_array().expect("a list").iter();
        if writes.all(|write| write["operation"] == "respond") {
            return;
        }
        assert!(started.elapsed() < RECOVERY_LIMIT, "still open: {open}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_doubled_or_lost_when_the_process_is_killed() {
    let seed = seed();
    let kills = std::env::var(KILLS_VARIABLE).ok();
    let kills = kills.map_or(KILLS, |kills| kills.parse().expect("a number"));
    let started = Instant::now();
    let mut generator = Generator::new("crashes", seed);
    let vendors = Vendors::start().await;
    let mut dragoman = vendors.launch_with(SETTINGS, KEYS).start();
    let key = dragoman.key().expect("a key").to_owned();
    let mut client = Client::new(dragoman.base_url(), Some(&key));
    let mut conversations = BTreeMap::new();
    for backend in BACKENDS {
        let create = client
            .request(Method::POST, "/v1/conversations")
            .header("dragoman-backend", backend)
            .json(&json!({}));
        let created = client.send(create).await.expect(201);
        conversations.insert(backend, created["id"].as_str().expect("an id").to_owned());
    }

    let log = Log::default();
    for kill in 0..kills {
        let when = format!("seed {seed}, kill {kill} of {kills}");
        let kinds = select(vec![Kind::Create, Kind::Post, Kind::Respond, Kind::Import]);
        let writers: Vec<_> = BACKENDS
            .into_iter()
            .map(|backend| {
                let writes = (0..200).map(|number| Written {
                    kind: generator.any(&kinds),
                    backend,
                    name: format!("write-{backend}-{kill}-{number}."),
                    is_acknowledged: false,
                    status: None,
                });
                let writing = write(
                    client.clone(),
                    conversations.clone(),
                    log.clone(),
                    writes.collect(),
                );
                tokio::spawn(writing)
            })
            .collect();
        let moment: usize = generator.any(&(20..KILL_WITHIN_MS));
        tokio::time::sleep(Duration::from_millis(moment as u64)).await;
        let data_dir = dragoman.kill();
        for writer in writers {
            writer.await.expect("a writer ends with the server");
        }
        dragoman = vendors
            .launch_with(SETTINGS, KEYS)
            .data_dir(data_dir)
            .start();
        client = Client::new(dragoman.base_url(), Some(&key));
        repeat(&client, &conversations, &log).await;
        let seen = look(&client, &conversations).await;
        assert_nothing_lost_or_doubled(&log, &seen, &when);
    }
    settled(&client).await;
    let when = format!("seed {seed}, after recovery");
    let seen = look(&client, &conversations).await;
    assert_nothing_lost_or_doubled(&log, &seen, &when);
    assert_vendors_were_told_once(&log, &vendors, &dragoman, &conversations, &when);
    let acknowledged = log
        .all()
        .iter()
        .filter(|written| written.is_acknowledged)
        .count();
    figures::print(
        "gateway under writes, killed",
        &[
            ("kills", kills.to_string()),
            ("acknowledged", acknowledged.to_string()),
            ("doubled", "0".to_owned()),
            ("lost", "0".to_owned()),
            ("seconds", started.elapsed().as_secs().to_string()),
            ("seed", seed.to_string()),
        ],
    );
    assert!(
        acknowledged > kills,
        "{acknowledged} writes were acknowledged"
    );
}
