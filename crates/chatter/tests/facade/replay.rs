//! The vendor's recordings are sent to the facade, in their order, and answered as the vendor answered, but for what is
//! listed.

#[path = "replay/differences.rs"]
mod differences;
#[path = "replay/failing.rs"]
mod failing;
#[path = "replay/implied.rs"]
mod implied;
#[path = "replay/recording.rs"]
mod recording;
#[path = "replay/shape.rs"]
mod shape;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chatter::FacadeConfig;
use http::Method;
use serde_json::{Value, json};

use self::differences::{DIFFERENCES, FILLED};
use self::failing::Failing;
use self::implied::IMPLIED;
use self::recording::{Exchange, is_id, recording};
use crate::support::{Answer, World};

/// What the recordings ask for where they want what nobody has.
const NOBODYS: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// What came of a file.
#[derive(Default)]
struct Outcome {
    /// With the facade's status.
    differing: BTreeMap<String, (u16, Vec<String>)>,
    filled: BTreeSet<String>,
}

/// One file on its way through the facade.
struct Replay {
    world: World,
    file: &'static str,
    exchanges: Vec<Exchange>,
    /// The facade's ids of what the vendor gave others.
    ids: BTreeMap<String, String>,
    /// The keys of the people of the recording.
    keys: BTreeMap<String, String>,
}

impl Replay {
    async fn of(file: &'static str) -> Self {
        let config = FacadeConfig {
            requests_per_minute: 0,
            ..FacadeConfig::default()
        };
        Self {
            world: World::answered_by(config, Some(Arc::new(Failing))).await,
            file,
            exchanges: recording(file).exchanges,
            ids: BTreeMap::new(),
            keys: BTreeMap::new(),
        }
    }

    /// Sends everything; what differed, by the exchange's name, and which members only the facade filled.
    async fn run(mut self) -> Outcome {
        let mut found = Outcome::default();
        for exchange in std::mem::take(&mut self.exchanges) {
            for (file, name, method, path, body) in IMPLIED {
                if (*file, *name) == (self.file, exchange.name.as_str()) {
                    let path = self.path(path, &exchange).await;
                    let key = self.key(&exchange).await.unwrap();
                    let call = self.world.call(method.parse().unwrap(), &path).key(&key);
                    let call = call.raw("application/json", *body);
                    assert!(call.send().await.status < 300, "{name}");
                }
            }
            let ours = self.send(&exchange).await;
            self.learn(&exchange, &ours);
            let compared = shape::compare(&exchange.response, &ours);
            found.filled.extend(compared.filled);
            if !compared.differences.is_empty() {
                let told = (ours.status, compared.differences);
                found.differing.insert(exchange.name, told);
            }
        }
        found
    }

    /// Sends one request with the facade's ids in the place of the vendor's.
    async fn send(&mut self, exchange: &Exchange) -> Answer {
        let path = self.path(&exchange.request.path, exchange).await;
        let method: Method = exchange.request.method.parse().unwrap();
        let key = self.key(exchange).await;
        let mut call = self.world.call(method, &path).without("authorization");
        if let Some(key) = key {
            call = call.key(&key);
        }
        for (name, value) in &exchange.request.headers {
            match name.as_str() {
                "authorization" | "content-type" => {}
                _ => call = call.header(name, value),
            }
        }
        if let Some(sent) = exchange.request.headers.get("authorization")
            && !sent.contains("{{")
        {
            call = call.header("authorization", sent);
        }
        if let Some(body) = &exchange.request.body {
            let content_type = exchange.request.headers.get("content-type");
            let body = self.body(body, exchange).await;
            call = call.raw(
                content_type.map_or("application/json", String::as_str),
                body,
            );
        }
        call.send().await
    }

    /// The key of who sent this; nobody has one who sent none, or a token without an owner.
    async fn key(&mut self, exchange: &Exchange) -> Option<String> {
        let sent = exchange.request.headers.get("authorization")?;
        let name = sent.split_once("{{")?.1.trim_end_matches("}}");
        if name.starts_with("GHOST") {
            return Some("a token of nobody".to_owned());
        }
        if !self.keys.contains_key(name) {
            let user = name.to_ascii_lowercase();
            let made = self.world.new_key("acme", Some(&user), backend::Scope::ALL);
            self.keys.insert(name.to_owned(), made.await);
        }
        self.keys.get(name).cloned()
    }

    /// A path below `/api/v1/`, with the facade's ids.
    async fn path(&mut self, path: &str, exchange: &Exchange) -> String {
        let path = path.strip_prefix("/api/v1/").unwrap_or(path);
        let (path, query) = path
            .split_once('?')
            .map_or((path, None), |(path, query)| (path, Some(query)));
        let mut segments: Vec<String> = Vec::new();
        for segment in path.split('/') {
            let is_message = segments.last().is_some_and(|last| last == "messages");
            segments.push(match is_id(segment) {
                true if is_message => self.ids.get(segment).map_or(segment, |id| id).to_owned(),
                true => self.id(segment, exchange).await,
                false => self.lower(segment),
            });
        }
        let path = segments.join("/");
        query.map_or(path.clone(), |query| format!("{path}?{query}"))
    }

    /// An id that somebody has spelled in lower case.
    fn lower(&self, segment: &str) -> String {
        let known = self.ids.get(&segment.to_ascii_uppercase());
        known.map_or(segment.to_owned(), |id| id.to_ascii_lowercase())
    }

    async fn body(&mut self, body: &str, exchange: &Exchange) -> String {
        let Ok(mut json) = serde_json::from_str::<Value>(body) else {
            return body.to_owned();
        };
        match json.get_mut("conversation_id") {
            Some(Value::String(id)) if is_id(id) => {
                *id = self.id(id, exchange).await;
                json.to_string()
            }
            _ => body.to_owned(),
        }
    }

    /// The facade's id. A conversation whose beginning was not recorded begins here.
    async fn id(&mut self, id: &str, exchange: &Exchange) -> String {
        if id == NOBODYS {
            return id.to_owned();
        }
        if !self.ids.contains_key(id) {
            let key = self.key(exchange).await.unwrap();
            let made = self.world.post("conversations/", beginning(id, exchange));
            let made = made.key(&key).send().await.expect(201);
            let given = made["id"].as_str().unwrap().to_owned();
            self.ids.insert(id.to_owned(), given);
        }
        self.ids[id].clone()
    }

    /// Notes the facade's ids of what an answer shows.
    fn learn(&mut self, exchange: &Exchange, ours: &Answer) {
        if exchange.response.body.starts_with("data: ") {
            let id = |text: &str| {
                let first = text.split("\n\n").next()?.strip_prefix("data: ")?;
                let first: Value = serde_json::from_str(first).ok()?;
                Some(first["metadata"]["conversation_id"].as_str()?.to_owned())
            };
            if let (Some(theirs), Some(own)) = (id(&exchange.response.body), id(&ours.text)) {
                self.ids.insert(theirs, own);
            }
            return;
        }
        let own: Option<Value> = serde_json::from_str(&ours.text).ok();
        let (Some(theirs), Some(own)) = (exchange.response.json(), own) else {
            return;
        };
        self.note(&theirs, &own);
        self.note(&theirs["message"], &own["message"]);
        let conversation = &theirs["conversation"];
        self.note(conversation, &own["conversation"]);
        for (theirs, own) in [(&theirs, &own), (&theirs["messages"], &own["messages"])] {
            self.note_messages(theirs, own);
        }
    }

    fn note(&mut self, theirs: &Value, own: &Value) {
        if let (Some(theirs), Some(own)) = (theirs["id"].as_str(), own["id"].as_str()) {
            self.ids.insert(theirs.to_owned(), own.to_owned());
        }
    }

    /// Messages are found again by what they say.
    fn note_messages(&mut self, theirs: &Value, own: &Value) {
        let (Some(theirs), Some(own)) = (theirs.as_array(), own.as_array()) else {
            return;
        };
        let said = |message: &Value| {
            let words = message["content"].as_str().unwrap_or_default();
            (message["role"].to_string(), words.to_lowercase())
        };
        for message in theirs {
            if let Some(found) = own.iter().find(|own| said(own) == said(message)) {
                self.note(message, found);
            }
        }
    }
}

/// What begins a conversation, as far as an answer about it tells.
fn beginning(id: &str, exchange: &Exchange) -> Value {
    let shown = exchange.response.json().unwrap_or_default();
    let shown = [&shown, &shown["conversation"]]
        .into_iter()
        .find(|shown| shown["id"] == id);
    let mut body = json!({"title": "before"});
    for name in ["title", "temperature", "max_tokens", "extra_metadata"] {
        if let Some(value) = shown
            .map(|shown| &shown[name])
            .filter(|value| !value.is_null())
        {
            body[name] = value.clone();
        }
    }
    body
}

/// Holds what differs against the list.
async fn check(file: &'static str) -> Outcome {
    let outcome = Replay::of(file).await.run().await;
    let mut listed = BTreeMap::new();
    for difference in DIFFERENCES {
        let of_file = difference.names.iter().filter(|(of, _)| *of == file);
        for name in of_file.flat_map(|(_, names)| *names) {
            listed.insert(*name, difference.statuses);
        }
    }
    for (name, (status, differences)) in &outcome.differing {
        let told = differences.join("\n    ");
        let statuses = listed.get(name.as_str());
        let statuses = statuses.unwrap_or_else(|| panic!("{name} is not listed\n    {told}"));
        assert!(statuses.contains(status), "{name}: {status}\n    {told}");
    }
    let stale: Vec<&&str> = listed
        .keys()
        .filter(|name| !outcome.differing.contains_key(**name))
        .collect();
    assert!(stale.is_empty(), "do not differ any more: {stale:?}");
    outcome
}

#[tokio::test]
async fn the_recordings_of_v0_are_answered_alike() {
    check("v0").await;
}

#[tokio::test]
async fn the_recordings_of_v1_are_answered_alike() {
    let outcome = check("v1").await;
    let filled: BTreeSet<String> = FILLED.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(outcome.filled, filled);
}

#[tokio::test]
async fn the_recordings_of_v1_in_production_are_answered_alike() {
    check("v1_production").await;
}

#[tokio::test]
async fn the_recordings_of_v2_are_answered_alike() {
    check("v2").await;
}

#[test]
fn the_page_names_every_reason() {
    let page = include_str!("../../README.md");
    for difference in DIFFERENCES {
        let row = format!("\n| {} |", difference.vendor);
        assert!(page.contains(&row), "the page has no row {row:?}");
    }
}
