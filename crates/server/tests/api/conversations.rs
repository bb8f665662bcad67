//! Conversations, lists and participants.

use serde_json::{Value, json};

use crate::support::Server;

#[tokio::test]
async fn conversation_lives_from_create_to_delete() {
    let server = Server::start().await;
    let created = server
        .post("/v1/conversations")
        .json(&json!({"title": "Ünïcode", "labels": ["b", "a"], "metadata": {"n": 1}}))
        .send()
        .await;
    created.expect(201);
    let path = created.header("location").unwrap();
    assert_eq!(created.header("dragoman-backend"), Some("store"));
    assert_eq!(created.json()["labels"], json!(["a", "b"]));

    let read = server.get(path).send().await;
    assert_eq!(read.expect(200).body, created.body);
    let etag = created.header("etag").unwrap();
    assert_eq!(read.header("etag"), Some(etag));
    let known = server.get(path).header("if-none-match", etag).send().await;
    assert!(known.expect(304).body.is_empty());

    let stale = server
        .patch(path)
        .header("if-match", "\"other\"")
        .json(&json!({"title": "lost"}))
        .send()
        .await;
    assert_eq!(
        stale.problem(412, "precondition-failed")["outcome"],
        "not_applied"
    );
    let patched = server
        .patch(path)
        .header("if-match", etag)
        .json(&json!({"title": null, "metadata": {"n": null, "m": 2}}))
        .send()
        .await;
    let conversation = patched.expect(200).json();
    assert_eq!(conversation.get("title"), None);
    assert_eq!(conversation["metadata"], json!({"m": 2}));
    assert_ne!(patched.header("etag"), Some(etag));

    assert!(server.delete(path).send().await.expect(204).body.is_empty());
    server.get(path).send().await.problem(404, "not-found");
    server.delete(path).send().await.problem(404, "not-found");
}

#[tokio::test]
async fn create_without_a_body_is_the_minimal_create() {
    let server = Server::start().await;
    for call in [
        server.post("/v1/conversations"),
        server.post("/v1/conversations").json(&json!({})),
    ] {
        let conversation = call.send().await.expect(201).json();
        assert_eq!(conversation["status"], "open");
    }
}

#[tokio::test]
async fn merge_patch_media_type_is_taken() {
    let server = Server::start().await;
    let path = server.conversation().await;
    let mut patch = server.patch(&path).json(&json!({"title": "a"}));
    patch = patch.header("x-other", "1");
    patch.send().await.expect(200);
    let merge = server
        .patch(&path)
        .header("content-type", "application/merge-patch+json");
    // Two content types are one too many, so this one stands alone.
    merge.send().await.problem(400, "invalid-json");
}

#[tokio::test]
async fn walk_meets_every_conversation_once_in_both_directions() {
    let server = Server::start().await;
    let mut made = Vec::new();
    for _ in 0..7 {
        made.push(server.conversation().await);
    }
    made.reverse();
    let mut path = "/v1/conversations?limit=3&kind=assistant".to_owned();
    let mut seen = Vec::new();
    let mut pages = Vec::new();
    loop {
        let page = server.get(&path).send().await;
        let list = page.expect(200).json();
        let ids: Vec<String> = list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|conversation| {
                format!("/v1/conversations/{}", conversation["id"].as_str().unwrap())
            })
            .collect();
        seen.extend(ids.clone());
        pages.push((ids, list.clone()));
        if list["has_more"] == false {
            assert_eq!(list.get("next_cursor"), None);
            break;
        }
        let link = page.header("link").unwrap();
        let next = link
            .strip_prefix('<')
            .unwrap()
            .split_once(">; rel=\"next\"")
            .unwrap()
            .0;
        assert!(
            next.starts_with("/v1/conversations?limit=3&kind=assistant&cursor="),
            "{next}"
        );
        path = next.to_owned();
    }
    assert_eq!(seen, made);
    let back = pages[1].1["previous_cursor"].as_str().unwrap();
    let first = server
        .get(&format!(
            "/v1/conversations?limit=3&kind=assistant&cursor={back}"
        ))
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(first["data"], pages[0].1["data"]);
}

#[tokio::test]
async fn filters_choose_and_sort_orders() {
    let server = Server::start().await;
    for (title, label, region) in [("b", "x", "eu"), ("a", "y", "eu"), ("c", "x", "us")] {
        server
            .post("/v1/conversations")
            .json(&json!({"title": title, "labels": [label], "metadata": {"region": region}}))
            .send()
            .await
            .expect(201);
    }
    for (query, expected) in [
        ("sort=title&order=asc", vec!["a", "b", "c"]),
        ("sort=title&order=desc&label=x", vec!["c", "b"]),
        ("sort=title&order=asc&metadata.region=eu", vec!["a", "b"]),
        ("sort=title&status=closed", vec![]),
        (
            "sort=title&order=asc&status=closed&status=open&label=y",
            vec!["a"],
        ),
        ("updated_after=2999-01-01T00:00:00Z", vec![]),
        ("backend=other", vec![]),
    ] {
        let list = server
            .get(&format!("/v1/conversations?{query}"))
            .send()
            .await
            .expect(200)
            .json();
        let titles: Vec<&str> = list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|conversation| conversation["title"].as_str().unwrap())
            .collect();
        assert_eq!(titles, expected, "{query}");
    }
}

#[tokio::test]
async fn cursor_with_another_filter_is_refused() {
    let server = Server::start().await;
    for _ in 0..3 {
        server.conversation().await;
    }
    let list = server
        .get("/v1/conversations?limit=1")
        .send()
        .await
        .expect(200)
        .json();
    let cursor = list["next_cursor"].as_str().unwrap();
    for query in [
        format!("limit=1&status=open&cursor={cursor}"),
        format!("limit=1&order=asc&cursor={cursor}"),
        "cursor=nAAAA".to_owned(),
        "cursor=x".to_owned(),
        "cursor=".to_owned(),
    ] {
        let answer = server
            .get(&format!("/v1/conversations?{query}"))
            .send()
            .await;
        answer.problem(400, "invalid-cursor");
        assert_eq!(
            answer.pointers(),
            [("query".to_owned(), "/cursor".to_owned())]
        );
    }
    server
        .get(&format!("/v1/conversations?limit=2&cursor={cursor}"))
        .send()
        .await
        .expect(200);
}

#[tokio::test]
async fn conversation_can_include_its_messages() {
    let server = Server::start().await;
    let path = server.conversation().await;
    server.message(&path, "hello").await;
    let answer = server.get(&format!("{path}?include=messages")).send().await;
    let conversation = answer.expect(200).json();
    assert_eq!(
        conversation["messages"]["data"][0]["parts"][0]["text"],
        "hello"
    );
    assert_eq!(conversation["messages"]["has_more"], false);
    assert_eq!(answer.header("etag"), None);
}

#[tokio::test]
async fn participants_are_added_listed_and_removed() {
    let server = Server::start().await;
    let path = format!("{}/participants", server.conversation().await);
    let added = server
        .post(&path)
        .json(&json!({"participants": [{"id": "ann", "kind": "person"}, {"name": "Bob"}]}))
        .send()
        .await;
    assert_eq!(
        added.expect(201).json()["data"].as_array().unwrap().len(),
        2
    );
    let again = server
        .post(&path)
        .json(&json!({"participants": [{"id": "ann"}]}))
        .send()
        .await;
    again.problem(409, "conflict");
    server
        .delete(&format!("{path}/ann"))
        .send()
        .await
        .expect(204);
    server
        .delete(&format!("{path}/ann"))
        .send()
        .await
        .problem(404, "not-found");
    let left = server.get(&path).send().await.expect(200).json();
    let names: Vec<&Value> = left["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["name"])
        .collect();
    assert_eq!(names, ["Bob"]);
}

#[tokio::test]
async fn backends_are_shown_with_what_they_can_do() {
    let server = Server::start().await;
    let list = server.get("/v1/backends").send().await.expect(200).json();
    assert_eq!(list["data"], json!([{"name": "store", "kind": "store"}]));
    let backend = server
        .get("/v1/backends/store")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(backend["health"]["ok"], true);
    assert_eq!(backend["capabilities"]["effective"]["message_post"], "full");
    server
        .get("/v1/backends/nobody")
        .send()
        .await
        .problem(404, "not-found");
    server
        .get("/v1/backends/store/statistics")
        .send()
        .await
        .problem(422, "not-supported");
}
