//! What one gateway writes the others read at once: where a conversation lives, what is kept beside its vendor, its end. And
//! a credential that one of them was given.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::client::Client;

use crate::bench::Bench;
use crate::fleet::{Fleet, KEYS, conversation, messages_of, texts};
use crate::gateway::{distinct, said};
use crate::site::BACKENDS;

const REPLICAS: usize = 3;

pub(crate) async fn run(bench: Bench) -> u64 {
    let fleet = Fleet::start(bench, REPLICAS, "", KEYS).await;
    let clients = fleet.replicas.clients();
    let mut runs = 0;
    for round in 0..bench.rounds(1, 10) {
        for backend in BACKENDS.iter().chain(&["store"]) {
            let title = format!("made-{backend}-{round}");
            one(&clients, backend, &title).await;
            runs += 1;
        }
    }
    writers_of_one(&clients).await;
    fleet.ends_well().await;
    runs + 1
}

fn titled(title: &str) -> Value {
    json!({"title": title, "metadata": {"mark": title}})
}

async fn one(clients: &[Client], backend: &str, title: &str) {
    let id = conversation(&clients[0], backend, &titled(title)).await;
    let path = format!("/v1/conversations/{id}");
    for client in clients {
        let read = client.get(&path).await.expect(200);
        assert_eq!(read["title"], title, "{backend}: {read}");
        assert_eq!(read["metadata"]["mark"], title, "{backend}: {read}");
        assert!(is_listed(client, &id).await, "{backend}: it is in no list");
    }
    // Each has it in its memory now, and each changes it in turn.
    for (number, writer) in clients.iter().enumerate() {
        let changed = format!("{title}, changed by {number}");
        writer.patch(&path, &titled(&changed)).await.expect(200);
        let text = format!("said by {number}");
        writer
            .post(&messages_of(&id), &said(&text))
            .await
            .expect(201);
        let mut tags = Vec::new();
        for client in clients {
            let read = client.get(&path).await;
            let shown = read.expect(200);
            assert_eq!(shown["title"], changed, "{backend}: {shown}");
            assert_eq!(shown["metadata"]["mark"], changed, "{backend}: {shown}");
            let texts = texts(client, &id).await;
            let expected: Vec<String> = (0..=number).map(|by| format!("said by {by}")).collect();
            assert_eq!(texts, expected, "{backend}");
            tags.push(read.header("etag").to_owned());
        }
        assert_eq!(distinct(&tags).len(), 1, "{backend}: they show {tags:?}");
    }
    let last = &clients[clients.len() - 1];
    let deleted = last.delete(&path).await;
    assert!(deleted.status.is_success(), "{backend}: {}", deleted.text);
    for client in clients {
        let read = client.get(&path).await;
        assert_eq!(read.status, 404, "{backend}: {}", read.text);
        assert!(!is_listed(client, &id).await, "{backend}: it is listed");
        let late = client.post(&messages_of(&id), &said("too late")).await;
        assert_eq!(late.status, 404, "{backend}: {}", late.text);
    }
}

/// Several gateways write to one conversation at once: each write is there once, in one order for all.
async fn writers_of_one(clients: &[Client]) {
    let id = conversation(&clients[0], "four", &titled("of all")).await;
    let path = messages_of(&id);
    let writing = (0..clients.len() * 4).map(|number| {
        let (client, path) = (&clients[number % clients.len()], &path);
        async move {
            let text = format!("at once {number}.");
            let mut body = said(&text);
            body["metadata"] = json!({"mark": text});
            client.post(path, &body).await.expect(201);
            text
        }
    });
    let mut said = join_all(writing).await;
    said.sort();
    let first = texts(&clients[0], &id).await;
    for client in clients {
        assert_eq!(texts(client, &id).await, first, "another order");
    }
    let mut shown = first;
    shown.sort();
    assert_eq!(shown, said);
}

/// Whether a conversation is in somebody's list.
async fn is_listed(client: &Client, id: &str) -> bool {
    let mut path = "/v1/conversations?limit=100".to_owned();
    loop {
        let page = client.get(&path).await.expect(200);
        let data = page["data"].as_array().expect("a list");
        if data.iter().any(|one| one["id"] == id) {
            return true;
        }
        let Some(cursor) = page["next_cursor"].as_str() else {
            return false;
        };
        path = format!("/v1/conversations?limit=100&cursor={cursor}");
    }
}
