//! What a caller sees of conversations, read whole through the API.

use std::collections::{BTreeMap, BTreeSet};

use conversation::{Conversation, Digest, Message, strict_digest, strict_message_digest, text_of};
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tests::client::Client;

/// Items of one page; small, so that walks have several pages.
const PAGE: usize = 40;

/// A conversation with all of its messages, oldest first.
#[derive(Debug, Clone)]
pub(crate) struct Whole {
    pub(crate) conversation: Conversation,
    pub(crate) messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
    next_cursor: Option<String>,
}

/// All items of a list, read page by page. From the text: JSON values would round large numbers.
pub(crate) async fn walk<T: DeserializeOwned>(client: &Client, path: &str) -> Vec<T> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let first = format!("{path}{separator}limit={PAGE}");
    let mut next = first.clone();
    let mut items = Vec::new();
    loop {
        let answer = client.get(&next).await;
        assert_eq!(answer.status, 200, "GET {next}: {}", answer.text);
        let page: Page<T> = serde_json::from_str(&answer.text)
            .unwrap_or_else(|error| panic!("GET {next}: {error}: {}", answer.text));
        items.extend(page.data);
        match page.next_cursor {
            Some(cursor) => next = format!("{first}&cursor={cursor}"),
            None => return items,
        }
    }
}

/// One conversation, read past every cache.
pub(crate) async fn whole(client: &Client, id: &str) -> Whole {
    let path = format!("/v1/conversations/{id}");
    let answer = client.get(&path).await;
    assert_eq!(answer.status, 200, "GET {path}: {}", answer.text);
    Whole {
        conversation: serde_json::from_str(&answer.text).expect("a conversation"),
        messages: walk(client, &format!("{path}/messages?order=asc")).await,
    }
}

/// The ids of all conversations that a list shows.
pub(crate) async fn ids(client: &Client) -> BTreeSet<String> {
    let listed: Vec<Conversation> = walk(client, "/v1/conversations?sort=created_at").await;
    let met = listed.len();
    let ids: BTreeSet<String> = listed.iter().map(|one| one.id.to_string()).collect();
    assert_eq!(ids.len(), met, "a list shows a conversation twice");
    ids
}

/// Every conversation that a list shows, whole.
pub(crate) async fn everything(client: &Client) -> BTreeMap<String, Whole> {
    let mut all = BTreeMap::new();
    for id in ids(client).await {
        let whole = whole(client, &id).await;
        all.insert(id, whole);
    }
    all
}

/// The texts of messages, in their order.
pub(crate) fn texts(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .map(|message| text_of(&message.parts))
        .collect()
}

/// The ids of messages, in their order.
pub(crate) fn message_ids(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|one| one.id.to_string()).collect()
}

/// Both must be the same for a caller: ids, order and everything that a client can set.
#[track_caller]
pub(crate) fn assert_same(before: &Whole, after: &Whole, when: &str) {
    assert_eq!(before.conversation.id, after.conversation.id, "{when}");
    assert_eq!(
        strict_digest(&before.conversation),
        strict_digest(&after.conversation),
        "{when}: the conversation: {}",
        changed(&before.conversation, &after.conversation)
    );
    assert_eq!(
        message_ids(&before.messages),
        message_ids(&after.messages),
        "{when}: ids and their order"
    );
    for (one, other) in before.messages.iter().zip(&after.messages) {
        assert_eq!(
            strict_message_digest(one),
            strict_message_digest(other),
            "{when}: message {}: {}",
            one.id,
            changed(one, other)
        );
    }
}

/// The members in which two differ, for a person.
fn changed(before: &impl serde::Serialize, after: &impl serde::Serialize) -> String {
    let members = |value: &serde_json::Value| value.as_object().cloned().unwrap_or_default();
    let json = |value: serde_json::Result<Value>| members(&value.expect("JSON"));
    let (before, after) = (
        json(serde_json::to_value(before)),
        json(serde_json::to_value(after)),
    );
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| {
            format!(
                "\n  {name}: {:?} instead of {:?}",
                after.get(name),
                before.get(name)
            )
        })
        .collect()
}

/// What a caller may not notice of a move: every conversation as it was.
#[track_caller]
pub(crate) fn assert_all_same(
    before: &BTreeMap<String, Whole>,
    after: &BTreeMap<String, Whole>,
    when: &str,
) {
    let known = |all: &BTreeMap<String, Whole>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(known(before), known(after), "{when}: the ids of the list");
    for (id, whole) in before {
        assert_same(whole, &after[id], &format!("{when}: {id}"));
    }
}

/// The bytes of an attachment, which must have the digest that the answer names.
pub(crate) async fn bytes_of(client: &Client, conversation: &str, attachment: &str) -> Vec<u8> {
    let path = format!("/v1/attachments/{attachment}/content?conversation_id={conversation}");
    let response = client.request(Method::GET, &path).send().await;
    let response = response.expect("the server answers");
    assert_eq!(response.status(), 200, "{path}");
    let tag = response.headers().get("etag").cloned();
    let bytes = response.bytes().await.expect("all bytes").to_vec();
    let tag = tag.expect("an entity tag");
    assert_eq!(
        tag.to_str().expect("text").trim_matches('"'),
        Digest::of(&bytes).to_string(),
        "{path}: the tag is the SHA-256 of the bytes"
    );
    bytes
}
