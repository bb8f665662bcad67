//! What is asked of each target, and the conversations that it is asked about.

use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tests::client::Client;

use crate::Outcome;
use crate::load::Requests;
use crate::target::Target;

/// Conversations that are only read, and their messages: one page.
const READ: usize = 64;
const PAGE: usize = 50;
/// Conversations that are posted to, well above the connections: writes to one conversation queue up.
const POSTED: usize = 512;
/// Characters of a message's text.
pub(crate) const TEXT_CHARACTERS: usize = 200;
/// Values in the metadata of a conversation that is read, which bring its answer to 2 KB.
const METADATA_VALUES: usize = 12;
const METADATA_CHARACTERS: usize = 133;
/// Conversations that are made at once before anything is measured.
const MADE_AT_ONCE: usize = 16;

/// The conversations of one target.
pub(crate) struct Content {
    read: Vec<String>,
    posted: Vec<String>,
    /// What the answer of each read is long, in bytes.
    pub(crate) conversation_bytes: usize,
    pub(crate) page_bytes: usize,
}

impl Content {
    /// Makes them.
    pub(crate) async fn fill(client: &Client) -> Outcome<Self> {
        let metadata: serde_json::Map<String, Value> = (0..METADATA_VALUES)
            .map(|number| {
                (
                    format!("key_{number}"),
                    "m".repeat(METADATA_CHARACTERS).into(),
                )
            })
            .collect();
        let large = json!({"title": "A conversation to read", "metadata": metadata});
        let read = conversations(client, READ, &large).await?;
        for id in &read {
            let path = format!("/v1/conversations/{id}/messages:import");
            let messages = json!({"messages": vec![a_message(); PAGE]});
            expect(client.post(&path, &messages).await.status, 200, "an import")?;
        }
        let posted = conversations(client, POSTED, &a_conversation()).await?;
        let first = read.first().ok_or("no conversation was made")?;
        let conversation = client.get(&format!("/v1/conversations/{first}")).await;
        expect(conversation.status, 200, "a conversation")?;
        let page = client.get(&page_of(first)).await;
        expect(page.status, 200, "a page")?;
        let found = page.json()["data"].as_array().map_or(0, Vec::len);
        if found != PAGE {
            return Err(format!("a page of {found} messages instead of {PAGE}").into());
        }
        Ok(Self {
            read,
            posted,
            conversation_bytes: conversation.text.len(),
            page_bytes: page.text.len(),
        })
    }
}

/// One kind of request.
#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What one such request leaves in the database.
    pub(crate) leaves: Option<&'static str>,
    requests: fn(&Target) -> Requests,
}

/// All of them, in the order of the table.
pub(crate) const SCENARIOS: [Scenario; 4] = [
    Scenario {
        name: "POST message",
        leaves: Some("message"),
        requests: |target| {
            let paths = target.content.posted.iter();
            let paths = paths.map(|id| format!("/v1/conversations/{id}/messages"));
            write(target, paths.collect(), &a_message())
        },
    },
    Scenario {
        name: "GET conversation",
        leaves: None,
        requests: |target| {
            let paths = target.content.read.iter();
            read(
                target,
                paths.map(|id| format!("/v1/conversations/{id}")).collect(),
            )
        },
    },
    Scenario {
        name: "list of 50 messages",
        leaves: None,
        requests: |target| {
            let paths = target.content.read.iter();
            read(target, paths.map(|id| page_of(id)).collect())
        },
    },
    Scenario {
        name: "create conversation",
        leaves: Some("conversation"),
        requests: |target| {
            write(
                target,
                vec!["/v1/conversations".to_owned()],
                &a_conversation(),
            )
        },
    },
];

impl Scenario {
    /// Its requests to one target.
    pub(crate) fn requests(&self, target: &Target) -> Requests {
        (self.requests)(target)
    }
}

fn read(target: &Target, paths: Vec<String>) -> Requests {
    Requests {
        method: "GET",
        paths,
        headers: vec![target.authorization()],
        body: None,
    }
}

fn write(target: &Target, paths: Vec<String>, body: &Value) -> Requests {
    Requests {
        method: "POST",
        paths,
        headers: vec![
            target.authorization(),
            ("content-type", "application/json".to_owned()),
        ],
        body: Some(body.to_string()),
    }
}

fn page_of(conversation: &str) -> String {
    format!("/v1/conversations/{conversation}/messages?limit={PAGE}")
}

fn a_message() -> Value {
    json!({"role": "user", "parts": [{"type": "text", "text": "t".repeat(TEXT_CHARACTERS)}]})
}

fn a_conversation() -> Value {
    json!({"title": "A conversation to measure with", "metadata": {"order": "2026-11-22/17"}})
}

async fn conversations(client: &Client, count: usize, body: &Value) -> Outcome<Vec<String>> {
    let mut ids = Vec::with_capacity(count);
    while ids.len() < count {
        let now = MADE_AT_ONCE.min(count - ids.len());
        ids.extend(try_join_all((0..now).map(|_| create(client, body))).await?);
    }
    Ok(ids)
}

async fn create(client: &Client, body: &Value) -> Outcome<String> {
    let created = client.post("/v1/conversations", body).await;
    expect(created.status, 201, "a create")?;
    let id = created.json()["id"].as_str().map(str::to_owned);
    Ok(id.ok_or("a conversation without an id")?)
}

fn expect(status: reqwest::StatusCode, wanted: u16, what: &str) -> Outcome<()> {
    if status.as_u16() == wanted {
        Ok(())
    } else {
        Err(format!("{what} was answered with {status}").into())
    }
}
