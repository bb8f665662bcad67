//! What is tried with every facade on every backend. Each scenario has end users of its own.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tests::client::Client;

use crate::caller::{rows, text};
use crate::facade::{FACADES, Facade, Said, ids, open, say};
use crate::site::{Key, Site, tenant_of};

/// What an end user's key may do.
const ALL: [&str; 2] = ["read", "write"];
/// More than a page of anything.
const MANY: usize = 5;
/// Larger than any JSON body may be, in bytes.
const TOO_LARGE: usize = 1_100_000;
/// Deeper than any JSON body may be, in levels.
const TOO_DEEP: usize = 10_000;

/// One facade on one backend.
#[derive(Clone)]
pub(crate) struct Cell {
    pub(crate) site: Arc<Site>,
    pub(crate) facade: &'static str,
    /// What the configuration calls the backend.
    pub(crate) backend: &'static str,
}

/// One scenario.
pub(crate) type Scenario = fn(Cell) -> BoxFuture<'static, ()>;

/// All scenarios with their names.
pub(crate) const SCENARIOS: [(&str, Scenario); 9] = [
    ("create", |cell| Box::pin(create(cell))),
    ("list", |cell| Box::pin(list(cell))),
    ("say", |cell| Box::pin(says(cell))),
    ("pages", |cell| Box::pin(pages(cell))),
    ("update", |cell| Box::pin(update(cell))),
    ("delete", |cell| Box::pin(delete(cell))),
    ("errors", |cell| Box::pin(errors(cell))),
    ("isolation", |cell| Box::pin(isolation(cell))),
    ("elsewhere", |cell| Box::pin(elsewhere(cell))),
];

impl Cell {
    /// A key of an end user that no other scenario has.
    pub(crate) async fn key(&self, user: &str, scopes: &[&str]) -> Key {
        let user = format!("{}-{user}", self.facade);
        let tenant = tenant_of(self.backend);
        self.site.key(&tenant, Some(&user), scopes).await
    }

    async fn open(&self, user: &str) -> (Box<dyn Facade>, Client) {
        let key = self.key(user, &ALL).await;
        let normalized = self.site.normalized(&key);
        (open(&self.site, self.facade, &key), normalized)
    }
}

/// The public ids of the caller's conversations, and where each lives.
async fn known(normalized: &Client) -> Vec<(String, String)> {
    let listed = normalized.get("/v1/conversations?limit=50").await;
    let mut known = Vec::new();
    for row in rows(&listed.expect(200)["data"]) {
        let id = text(&row["id"]);
        let one = normalized.get(&format!("/v1/conversations/{id}")).await;
        assert_eq!(one.status, 200, "{}", one.text);
        known.push((id, one.header("dragoman-backend").to_owned()));
    }
    known
}

/// The words of all messages of a conversation through the normalized API, oldest first.
async fn normalized_words(normalized: &Client, id: &str) -> Vec<String> {
    let path = format!("/v1/conversations/{id}/messages?limit=100");
    let listed = normalized.get(&path).await.expect(200);
    let rows = rows(&listed["data"]).into_iter();
    rows.map(|row| text(&row["parts"][0]["text"])).collect()
}

fn words(said: &[Said]) -> Vec<&str> {
    said.iter().map(|one| one.words.as_str()).collect()
}

/// What is made lives at the backend to which the key's tenant leads, and is read again.
async fn create(cell: Cell) {
    let (facade, normalized) = cell.open("create").await;
    let id = facade.create("A title, ünïcode").await;
    let read = facade.get(&id).await.expect(200);
    assert_eq!(facade.title(&read), "A title, ünïcode");
    assert_eq!(facade.messages(&id).await, []);
    let known = known(&normalized).await;
    assert_eq!(known.len(), 1, "{known:?}");
    assert_eq!(known[0].1, cell.backend);
}

/// A list shows what was made, each once, with the ids that the creates gave.
async fn list(cell: Cell) {
    let (facade, _) = cell.open("list").await;
    assert_eq!(facade.list().await, []);
    let mut made = Vec::new();
    for number in 0..MANY {
        made.push((
            facade.create(&format!("title {number}")).await,
            format!("title {number}"),
        ));
    }
    made.sort();
    let rows = facade.list().await.into_iter();
    let mut listed: Vec<(String, String)> = rows.map(|row| (row.id, row.title)).collect();
    listed.sort();
    assert_eq!(listed, made);
}

/// What is said is there, in order; where the vendor's API answers, so is each answer.
async fn says(cell: Cell) {
    let (facade, normalized) = cell.open("say").await;
    let id = facade.create("to say").await;
    for one in ["a question", "another one, ünïcode"] {
        say(&*facade, &id, one).await;
    }
    let said = facade.messages(&id).await;
    let step = if facade.answers() { 2 } else { 1 };
    assert_eq!(said.len(), 2 * step, "{said:?}");
    assert_eq!(said[0].words, "a question");
    assert_eq!(said[step].words, "another one, ünïcode");
    let (public, _) = known(&normalized).await.remove(0);
    assert_eq!(normalized_words(&normalized, &public).await, words(&said));
}

/// Pages meet each message once, both ways, and no id is given twice.
async fn pages(cell: Cell) {
    let (facade, _) = cell.open("pages").await;
    let id = facade.create("pages").await;
    for number in 0..MANY {
        say(&*facade, &id, &format!("words {number}")).await;
    }
    let forwards = facade.messages(&id).await;
    let mine: Vec<&str> = words(&forwards)
        .into_iter()
        .filter(|words| words.starts_with("words "))
        .collect();
    assert_eq!(
        mine,
        ["words 0", "words 1", "words 2", "words 3", "words 4"]
    );
    let mut ids: Vec<&str> = forwards.iter().map(|one| one.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), forwards.len(), "{forwards:?}");
    assert_eq!(facade.backwards(&id).await, forwards);
}

/// A change is seen by the facade and by the normalized API.
async fn update(cell: Cell) {
    let (facade, normalized) = cell.open("update").await;
    let id = facade.create("before").await;
    let expected = match facade.update(&id, "after").await {
        true => "after",
        false => "before",
    };
    let read = facade.get(&id).await.expect(200);
    assert_eq!(facade.title(&read), expected);
    let listed = normalized.get("/v1/conversations").await.expect(200);
    assert_eq!(listed["data"][0]["title"], expected);
}

/// What is deleted is gone, and nothing else is.
async fn delete(cell: Cell) {
    let (facade, normalized) = cell.open("delete").await;
    let kept = facade.create("kept").await;
    let gone = facade.create("gone").await;
    say(&*facade, &gone, "soon gone").await;
    let deleted = facade.try_delete(&gone).await;
    assert!(deleted.status.is_success(), "{}", deleted.text);
    let after = facade.get(&gone).await;
    assert!(facade.is_deleted(&after), "{} {}", after.status, after.text);
    assert!(!facade.is_deleted(&facade.get(&kept).await));
    if after.status == 404 {
        assert_eq!(facade.try_say(&gone, "too late").await.status, 404);
        assert_eq!(ids(&facade.list().await), [kept]);
        assert_eq!(known(&normalized).await.len(), 1);
    }
}

/// Every class of error in the vendor's shape, with nothing of the request in it.
async fn errors(cell: Cell) {
    let (facade, _) = cell.open("errors").await;
    let id = facade.create("errors").await;
    let caller = facade.caller();
    let refused = |what: &str, answer: &tests::client::Answer, status: u16| {
        assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.text);
        let words = facade.refusal(answer);
        let words = words.unwrap_or_else(|| panic!("{what}: not the vendor's: {}", answer.text));
        assert!(!words.is_empty() && !words.contains("drg_"), "{what}");
    };
    for wrong in facade.wrongs(&id) {
        let what = format!("{} {} {}", wrong.method, wrong.path, wrong.body);
        let body = (!wrong.body.is_empty()).then(|| ("application/json", wrong.body.into()));
        let answer = caller.raw(wrong.method, &wrong.path, body).await;
        refused(&what, &answer, wrong.status);
    }
    let wrongs = facade.wrongs(&id);
    let post = wrongs.iter().find(|wrong| wrong.method == "POST");
    let path = &post.expect("a request with a body").path;
    for (who, caller) in [("nobody", caller.nobody()), ("a forger", caller.forger())] {
        let answer = caller.ask("POST", path, json!({})).await;
        refused(who, &answer, 401);
    }
    let reader = cell.key("errors", &["read"]).await;
    let reader = open(&cell.site, cell.facade, &reader);
    assert_eq!(reader.get(&id).await.status, 200);
    refused("a reader", &reader.try_say(&id, "no").await, 403);
    let large = ("application/json", TOO_LARGE);
    let answer = caller.announce("POST", path, large).await;
    refused("a large body", &answer, 413);
    let deep = ("application/json", "[".repeat(TOO_DEEP).into_bytes());
    let answer = caller.raw("POST", path, Some(deep)).await;
    let status = answer.status.as_u16();
    assert!(matches!(status, 400 | 422), "deep: {}", answer.text);
    refused("a deep body", &answer, status);
    // Neither is this any JSON, nor that any path.
    let bytes = ("application/json", b"{\"title\": \"\xff\0\"}".to_vec());
    let answer = caller.raw("POST", path, Some(bytes)).await;
    let status = answer.status.as_u16();
    assert!(matches!(status, 400 | 422), "bytes: {}", answer.text);
    let answer = caller.get(&format!("{path}/%00%ff%2f..%2f")).await;
    assert!(answer.status.is_client_error(), "{}", answer.text);
    assert_eq!(facade.list().await.len(), 1, "nothing was made");
}

/// Nobody sees or changes what belongs to another user or tenant.
async fn isolation(cell: Cell) {
    let (facade, _) = cell.open("owner").await;
    let id = facade.create("private").await;
    say(&*facade, &id, "for the owner only").await;
    let before = (facade.get(&id).await.text, facade.messages(&id).await);
    let user = format!("{}-owner", cell.facade);
    let strangers = [
        cell.key("stranger", &ALL).await,
        // The same name in another tenant is another person.
        cell.site.key("elsewhere", Some(&user), &ALL).await,
    ];
    for key in strangers {
        let stranger = open(&cell.site, cell.facade, &key);
        for answer in [
            stranger.get(&id).await,
            stranger.try_say(&id, "x").await,
            stranger.try_delete(&id).await,
        ] {
            assert_eq!(answer.status, 404, "{}", answer.text);
            assert!(!answer.text.contains("owner only"), "{}", answer.text);
        }
        assert_eq!(stranger.list().await, []);
    }
    let after = (facade.get(&id).await.text, facade.messages(&id).await);
    assert_eq!(after, before);
}

/// What was made with one facade is read and continued with all others and with the normalized API.
async fn elsewhere(cell: Cell) {
    let key = cell.key("elsewhere", &ALL).await;
    let facade = open(&cell.site, cell.facade, &key);
    let normalized = cell.site.normalized(&key);
    let id = facade.create("seen by all").await;
    say(&*facade, &id, "a question").await;
    let (public, _) = known(&normalized).await.remove(0);
    for name in FACADES.into_iter().filter(|name| *name != cell.facade) {
        let other = open(&cell.site, name, &key);
        let listed = other.list().await;
        assert_eq!(listed.len(), 1, "{name}: {listed:?}");
        assert_eq!(listed[0].title, "seen by all", "{name}");
        let there = &listed[0].id;
        let read = other.get(there).await.expect(200);
        assert_eq!(other.title(&read), "seen by all", "{name}");
        let expected = facade.messages(&id).await;
        assert_eq!(
            words(&other.messages(there).await),
            words(&expected),
            "{name}"
        );
        say(&*other, there, &format!("said with {name}")).await;
        let now = facade.messages(&id).await;
        assert_eq!(now[..expected.len()], expected, "{name}");
        assert_eq!(now[expected.len()].words, format!("said with {name}"));
        assert_eq!(normalized_words(&normalized, &public).await, words(&now));
    }
    let body = json!({"role": "assistant", "parts": [{"type": "text", "text": "said with none"}]});
    let path = format!("/v1/conversations/{public}/messages");
    normalized.post(&path, &body).await.expect(201);
    let last = facade.messages(&id).await.pop();
    assert_eq!(last.expect("messages").words, "said with none");
}

/// What must be the same after a restart.
pub(crate) struct Remembered {
    key: Key,
    id: String,
    conversation: Value,
    messages: Vec<Said>,
    elsewhere: Vec<(&'static str, String, Vec<Said>)>,
}

/// Makes a conversation and remembers by which ids each facade shows it.
pub(crate) async fn remember(cell: Cell) -> Remembered {
    let key = cell.key("restart", &ALL).await;
    let facade = open(&cell.site, cell.facade, &key);
    let id = facade.create("stays").await;
    for words in ["one", "two"] {
        say(&*facade, &id, words).await;
    }
    let mut elsewhere = Vec::new();
    for name in FACADES {
        let other = open(&cell.site, name, &key);
        let listed = other.list().await;
        assert_eq!(listed.len(), 1, "{name}: {listed:?}");
        let there = listed[0].id.clone();
        let messages = other.messages(&there).await;
        elsewhere.push((name, there, messages));
    }
    Remembered {
        conversation: facade.get(&id).await.expect(200),
        messages: facade.messages(&id).await,
        key,
        id,
        elsewhere,
    }
}

/// After a restart everything has the same ids, also for who asks for the id first of all.
pub(crate) async fn recall(cell: Cell, before: Remembered) {
    let facade = open(&cell.site, cell.facade, &before.key);
    assert_eq!(
        facade.get(&before.id).await.expect(200),
        before.conversation
    );
    assert_eq!(facade.messages(&before.id).await, before.messages);
    for (name, there, messages) in before.elsewhere {
        let other = open(&cell.site, name, &before.key);
        assert_eq!(other.messages(&there).await, messages, "{name}");
        assert_eq!(ids(&other.list().await), [there], "{name}");
    }
    say(&*facade, &before.id, "three").await;
    let now = facade.messages(&before.id).await;
    assert_eq!(now[before.messages.len()].words, "three");
}
