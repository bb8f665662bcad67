//! Every recorded request once more, to the facade: status, headers and shape must be what the vendor's server answered,
//! but for what differs on purpose.

use std::sync::Arc;

use datamonkey::FacadeConfig;
use serde_json::{Value, json};

use crate::asking::signed;
use crate::client::Answer;
use crate::model::Model;
use crate::player::{Player, SECRET};
use crate::recorded::{self, Exchange};
use crate::world::{Behind, Setup, World, open};

/// What differs on purpose: what is recorded (with a star for any text), the status that stands here, and why. The README
/// has the same rows.
const DIFFERENT: &[(&str, u16, &str)] = &[
    (
        "*.other_user",
        404,
        "nobody learns whether somebody else's conversation is there",
    ),
    (
        "create.signed_but_unknown_sub",
        201,
        "a user needs no row of its own here",
    ),
    (
        "create.empty_sub",
        201,
        "a subject that names nobody is no token of ours, so a new user is made",
    ),
    (
        "list.empty_sub",
        401,
        "a subject that names nobody is no token of ours",
    ),
    (
        "race.send_while_deleted.*",
        404,
        "the conversation is not there",
    ),
    (
        "noai.send",
        500,
        "the vendor's handler crashes without a word",
    ),
];

/// The row of what is recorded under this name.
fn row_of(name: &str) -> Option<&'static (&'static str, u16, &'static str)> {
    DIFFERENT.iter().find(|(pattern, _, _)| {
        match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
            (Some(end), _) => name.ends_with(end),
            (None, Some(start)) => name.starts_with(start),
            (None, None) => name == *pattern,
        }
    })
}

/// The answers as far as the contract goes.
#[derive(Debug, PartialEq)]
struct Seen {
    status: u16,
    headers: Vec<(&'static str, Option<String>)>,
    body: Value,
}

const HEADERS: [&str; 3] = ["content-type", "location", "access-control-expose-headers"];
const NEW_TOKEN: &str = "x-session-token";

fn seen<'a>(
    status: u16,
    header: impl Fn(&str) -> Option<&'a str>,
    is_json: bool,
    body: &str,
) -> Seen {
    let named = |name: &'static str| (name, header(name).map(str::to_owned));
    let mut headers: Vec<_> = HEADERS.into_iter().map(named).collect();
    headers.push((NEW_TOKEN, header(NEW_TOKEN).map(|_| "a token".to_owned())));
    let body = match is_json {
        true => shape(&serde_json::from_str(body).unwrap()),
        false => json!(body),
    };
    Seen {
        status,
        headers,
        body,
    }
}

/// Members, their order aside, and the types of their values; of an array, what its items look like.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => json!("null"),
        Value::Bool(_) => json!("boolean"),
        Value::Number(number) if number.is_i64() => json!("integer"),
        Value::Number(_) => json!("number"),
        Value::String(_) => json!("string"),
        Value::Array(items) => {
            let mut shapes: Vec<Value> = items.iter().map(shape).collect();
            shapes.dedup();
            Value::Array(shapes)
        }
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), shape(value)))
            .collect(),
    }
}

/// What is wrong with the answer to a recorded request.
fn judged(exchange: &Exchange, answer: &Answer) -> Option<String> {
    let name = &exchange.name;
    let here = seen(
        answer.status,
        |header| answer.header(header),
        answer.is_json(),
        answer.text(),
    );
    let there = seen(
        exchange.response.status,
        |header| exchange.header(header),
        exchange.is_json(),
        &exchange.response.body,
    );
    let Some((_, status, why)) = row_of(name) else {
        return (here != there).then(|| format!("{name}: {here:#?} for {there:#?}"));
    };
    if here == there {
        return Some(format!("{name} differs no longer, so not because {why}"));
    }
    if here.status != *status {
        return Some(format!("{name}: {} for {status}", here.status));
    }
    let is_problem = here.body == json!({"error": "string"}) && answer.is_json();
    (*status >= 400 && !is_problem).then(|| format!("{name}: an error in another shape: {here:?}"))
}

/// Plays what was recorded on a server that was set up like this.
async fn play(server: Option<&str>, setup: Setup) {
    let has_tokens = setup.config.anonymous.is_some();
    let mut player = Player::new(World::start_with(setup).await, has_tokens).await;
    let mut findings = Vec::new();
    let mut played = 0;
    let recorded = recorded::all();
    let ours = recorded
        .iter()
        .filter(|one| one.server.as_deref() == server);
    for exchange in ours {
        let answer = player.play(exchange).await;
        findings.extend(judged(exchange, &answer));
        played += 1;
    }
    assert!(findings.is_empty(), "{findings:#?}");
    assert!(played > 0, "nothing was recorded on {server:?}");
}

fn signing() -> FacadeConfig {
    FacadeConfig {
        signing_key: Some(SECRET.into()),
        ..open()
    }
}

#[tokio::test]
async fn every_recorded_request_is_answered_alike() {
    let setup = Setup {
        config: signing(),
        behind: Behind::Answered(Arc::new(Model)),
        ..Setup::default()
    };
    play(None, setup).await;
}

#[tokio::test]
async fn so_is_every_request_to_a_server_without_a_model() {
    for server in ["no-LLM-key", "MODEL_PROVIDER=ollama"] {
        let setup = Setup {
            config: signing(),
            behind: Behind::Unanswered,
            ..Setup::default()
        };
        play(Some(server), setup).await;
    }
}

#[tokio::test]
async fn so_is_every_request_to_a_server_that_gives_no_tokens() {
    let setup = Setup {
        config: FacadeConfig::default(),
        ..Setup::default()
    };
    play(Some("USER_TOKEN_ENABLED=false"), setup).await;
}

#[test]
fn every_difference_is_recorded_and_in_the_readme() {
    let recorded = recorded::all();
    let readme = include_str!("../../README.md");
    for (pattern, status, _) in DIFFERENT {
        let is_recorded = recorded
            .iter()
            .any(|one| row_of(&one.name).is_some_and(|(found, _, _)| found == pattern));
        assert!(is_recorded, "nothing recorded is called {pattern}");
        let row = readme
            .lines()
            .find(|line| line.starts_with('|') && line.contains(&format!("`{pattern}`")));
        let row = row.unwrap_or_else(|| panic!("the README does not tell of {pattern}"));
        assert!(row.contains(&status.to_string()), "{row}");
    }
}

#[tokio::test]
async fn the_question_of_a_failed_answer_stays_here_and_only_here() {
    let messages_at = |name: &str| {
        let recorded = recorded::all();
        let exchange = recorded.iter().find(|one| one.name == name).unwrap();
        let body: Value = serde_json::from_str(&exchange.response.body).unwrap();
        body["messages"].as_array().unwrap().len()
    };
    assert_eq!(
        messages_at("messages.before_failures"),
        messages_at("messages.after_failures")
    );
    let world = World::start_with(Setup {
        behind: Behind::Answered(Arc::new(Model)),
        ..Setup::default()
    })
    .await;
    let (token, id) = world.begin("failing").await;
    let path = format!("/api/v1/chat/{id}/messages");
    for question in ["[[fail]]", "[[blocked]]"] {
        let body = json!({"message": question}).to_string();
        assert_eq!(world.with(&token, "POST", &path, &body).await.status, 500);
    }
    let stored = world.messages(&token, &id).await;
    assert_eq!(stored.as_array().unwrap().len(), 2);
    assert_eq!(stored[1]["content"], "[[blocked]]");
}

#[tokio::test]
async fn a_token_that_another_signed_is_read_like_a_recorded_one() {
    let world = World::start(signing()).await;
    let token = signed(SECRET, "somebody", 60);
    let list = world.with(&token, "GET", "/api/v1/chat", "").await;
    assert_eq!(list.json(), json!({"conversations": []}));
}
