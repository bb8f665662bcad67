//! An archive goes out of one server and comes back into another: the same ids, the same content, twice without change.

use conversation::Digest;
use migration::archive::{Line, RootDigest};
use serde_json::{Value, json};

use crate::support::{Answer, PATIENCE, Server};

/// A conversation with a reply, a label and an attachment.
async fn furnish(server: &Server, title: &str) -> String {
    let created = server
        .post("/v1/conversations")
        .json(&json!({"title": title, "labels": ["kept"], "metadata": {"n": 1}}))
        .send()
        .await;
    let path = created.expect(201).header("location").unwrap().to_owned();
    let first = server.message(&path, "a question").await;
    let id = path.rsplit('/').next().unwrap();
    let put = server
        .post(&format!("/v1/attachments?conversation_id={id}&name=a.txt"))
        .header("content-type", "text/plain")
        .bytes(format!("the file of {title}"))
        .send()
        .await;
    let attachment = put.expect(201).json()["id"].clone();
    let reply = first.rsplit('/').next().unwrap();
    server
        .post(&format!("{path}/messages"))
        .json(&json!({
            "role": "assistant", "in_reply_to": {"id": reply},
            "parts": [{"type": "text", "text": "an answer"}, {"type": "file", "attachment_id": attachment}],
        }))
        .send()
        .await
        .expect(201);
    path
}

async fn export(server: &Server, query: &str) -> Vec<Line> {
    let answer = server
        .get(&format!("/admin/v1/archive?{query}"))
        .send()
        .await;
    answer.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/jsonl"));
    let text = answer.text();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn root_of(lines: &[Line]) -> Digest {
    let mut root = RootDigest::default();
    for line in lines {
        if let Line::End(line) = line {
            assert!(line.is_whole);
            root.add(line.id, line.digest);
        }
    }
    root.finish()
}

/// Imports as the command does; how many messages and attachments were written, and how every conversation ended.
async fn import(source: &Server, target: &Server, lines: &[Line]) -> (u64, Vec<Answer>) {
    let mut written = 0;
    let mut ends = Vec::new();
    let mut base = String::new();
    let mut query = String::new();
    let count = |answer: &Answer| answer.expect(200).json()["written"].as_u64().unwrap();
    for line in lines {
        match line {
            Line::Conversation(line) => {
                base = format!("/admin/v1/archive/conversations/{}", line.id);
                query = format!("backend=store&tenant={}", line.tenant.as_deref().unwrap());
                let path = format!("{base}?backend=store");
                let put = target.put(&path).json(&json!(line)).send().await;
                put.expect(200);
            }
            Line::Attachment(line) => {
                let id = base.rsplit('/').next().unwrap();
                let bytes = source
                    .get(&format!(
                        "/admin/v1/archive/attachments?conversation={id}&id={}",
                        line.id
                    ))
                    .send()
                    .await;
                assert_eq!(Digest::of(&bytes.expect(200).body), line.sha256);
                let path = format!(
                    "{base}/attachments/{}?{query}&sha256={}&name=a.txt&media_type=text/plain",
                    line.id, line.sha256
                );
                let put = target
                    .put(&path)
                    .header("content-type", "application/octet-stream")
                    .bytes(bytes.body)
                    .send()
                    .await;
                written += count(&put);
            }
            Line::Message(line) => {
                let path = format!("{base}/messages?{query}");
                let body = json!({"messages": [line]});
                written += count(&target.post(&path).json(&body).send().await);
            }
            Line::End(line) => {
                let path = format!("{base}/end?{query}");
                ends.push(target.post(&path).json(&json!(line)).send().await);
            }
            Line::Exception(_) | Line::Over(_) => {}
        }
    }
    (written, ends)
}

#[tokio::test]
async fn an_archive_comes_back_with_its_ids_and_its_root() {
    let source = Server::start().await;
    let mut paths = Vec::new();
    for title in ["first", "second", "third"] {
        paths.push(furnish(&source, title).await);
    }
    let lines = export(&source, "").await;
    let Some(Line::Over(over)) = lines.last() else {
        panic!("the export has no end");
    };
    assert_eq!(
        (over.conversations, over.messages, over.exceptions),
        (3, 6, 0)
    );

    let target = Server::start().await;
    let (written, ends) = import(&source, &target, &lines).await;
    assert_eq!(written, 9);
    for end in &ends {
        end.expect(200);
    }
    let back = export(&target, "").await;
    assert_eq!(root_of(&back), root_of(&lines));
    for path in &paths {
        let shown = |answer: Answer| {
            let list = answer.expect(200).json();
            let messages = list["data"].as_array().unwrap().clone();
            messages
                .into_iter()
                .map(|mut message| {
                    // When the backend stored it is its own.
                    message.as_object_mut().unwrap().remove("created_at");
                    message
                })
                .collect::<Vec<Value>>()
        };
        let there = shown(source.get(&format!("{path}/messages")).send().await);
        let here = shown(target.get(&format!("{path}/messages")).send().await);
        assert_eq!(here, there);
    }

    // The second time there is nothing to do.
    let (written, ends) = import(&source, &target, &lines).await;
    assert_eq!(written, 0);
    for end in &ends {
        end.expect(200);
    }
    // Neither where they have always lived.
    let (written, ends) = import(&source, &source, &lines).await;
    assert_eq!(written, 0);
    for end in &ends {
        end.expect(200);
    }
    assert_eq!(root_of(&export(&source, "").await), root_of(&lines));
}

#[tokio::test]
async fn an_import_that_was_cut_off_goes_on() {
    let source = Server::start().await;
    furnish(&source, "first").await;
    furnish(&source, "second").await;
    let lines = export(&source, "").await;
    let target = Server::start().await;
    let mut all = 0;
    for cut in 1..lines.len() {
        let (written, _) = import(&source, &target, &lines[..cut]).await;
        all += written;
    }
    let (written, ends) = import(&source, &target, &lines).await;
    assert_eq!(all + written, 6, "each was written once");
    for end in &ends {
        end.expect(200);
    }
    assert_eq!(root_of(&export(&target, "").await), root_of(&lines));
}

#[tokio::test]
async fn an_export_is_filtered_and_goes_on_behind_a_conversation() {
    let server = Server::start().await;
    for title in ["a", "b", "c"] {
        furnish(&server, title).await;
    }
    let lines = export(&server, "").await;
    let ends: Vec<_> = lines
        .iter()
        .filter_map(|line| match line {
            Line::End(line) => Some(line.id),
            _ => None,
        })
        .collect();
    let rest = export(&server, &format!("after={}", ends[0])).await;
    let first = lines
        .iter()
        .position(|line| matches!(line, Line::End(_)))
        .unwrap();
    assert_eq!(rest[..rest.len() - 1], lines[first + 1..lines.len() - 1]);
    assert_eq!(
        export(&server, "label=kept&tenant=acme&backend=store")
            .await
            .len(),
        lines.len()
    );
    for query in ["label=other", "tenant=other"] {
        assert_eq!(export(&server, query).await.len(), 1, "{query}");
    }
    for query in ["backend=other", "after=x", "before=x"] {
        let answer = server
            .get(&format!("/admin/v1/archive?{query}"))
            .send()
            .await;
        answer.problem(400, "invalid-query");
    }
}

#[tokio::test]
async fn what_lives_with_other_content_is_named_and_left_alone() {
    let source = Server::start().await;
    let path = furnish(&source, "first").await;
    let lines = export(&source, "").await;
    let id = path.rsplit('/').next().unwrap();

    // It was written to since.
    let target = Server::start().await;
    import(&source, &target, &lines).await;
    target.message(&path, "a later word").await;
    let (written, ends) = import(&source, &target, &lines).await;
    assert_eq!(written, 0);
    let problem = ends[0].problem(409, "conflict");
    assert!(problem["detail"].as_str().unwrap().contains(id));
    let messages = target.get(&format!("{path}/messages")).send().await;
    assert_eq!(messages.json()["data"].as_array().unwrap().len(), 3);

    // Its title is another one.
    let changed = json!({"title": "another"});
    source.patch(&path).json(&changed).send().await.expect(200);
    let newer = export(&source, "").await;
    let Line::Conversation(line) = &newer[0] else {
        panic!("no conversation");
    };
    let put = format!("/admin/v1/archive/conversations/{id}?backend=store");
    let answer = target.put(&put).json(&json!(line)).send().await;
    answer.problem(409, "conflict");

    // It was deleted here.
    target.delete(&path).send().await.expect(204);
    let answer = target.put(&put).json(&json!(line)).send().await;
    answer.problem(409, "conflict");

    // Somebody changed the line, the path names another one, or there is no such backend.
    let fresh = Server::start().await;
    let mut forged = json!(line);
    forged["fields"]["title"] = json!("forged");
    let answer = fresh.put(&put).json(&forged).send().await;
    answer.problem(422, "invalid-request");
    assert_eq!(
        answer.pointers(),
        [("body".to_owned(), "/digest".to_owned())]
    );
    let elsewhere = "/admin/v1/archive/conversations/conv_00000000000000000000000000?backend=store";
    let answer = fresh.put(elsewhere).json(&json!(line)).send().await;
    assert_eq!(answer.pointers(), [("body".to_owned(), "/id".to_owned())]);
    let nowhere = format!("/admin/v1/archive/conversations/{id}?backend=nowhere");
    let answer = fresh.put(&nowhere).json(&json!(line)).send().await;
    answer.problem(400, "invalid-query");
    let early = format!("/admin/v1/archive/conversations/{id}/end?backend=store");
    let Some(Line::End(end)) = newer.iter().find(|line| matches!(line, Line::End(_))) else {
        panic!("no end");
    };
    let answer = fresh.post(&early).json(&json!(end)).send().await;
    answer.problem(409, "conflict");
}

#[tokio::test]
async fn what_callers_nested_as_deep_as_they_may_comes_back() {
    let source = Server::start().await;
    let path = furnish(&source, "deep").await;
    // The body, `metadata` and its member are three levels of 64.
    let depth = 61;
    let value: Value =
        serde_json::from_str(&format!("{}1{}", "[".repeat(depth), "]".repeat(depth))).unwrap();
    let body = |value: &Value| json!({"parts": [{"type": "text", "text": "deep"}], "metadata": {"deep": value}});
    let posted = source.post(&format!("{path}/messages")).json(&body(&value));
    posted.send().await.expect(201);
    let deeper = json!([[value]]);
    let refused = source
        .post(&format!("{path}/messages"))
        .json(&body(&deeper));
    refused.send().await.problem(400, "invalid-json");

    let lines = export(&source, "").await;
    let target = Server::start().await;
    let (written, ends) = import(&source, &target, &lines).await;
    assert_eq!(written, 4);
    ends[0].expect(200);
    assert_eq!(root_of(&export(&target, "").await), root_of(&lines));
}

#[tokio::test]
async fn nobody_is_restored_under_a_name_that_no_key_has() {
    let source = Server::start().await;
    furnish(&source, "first").await;
    let lines = export(&source, "").await;
    let Line::Conversation(line) = &lines[0] else {
        panic!("no conversation");
    };
    let target = Server::start().await;
    let base = format!("/admin/v1/archive/conversations/{}", line.id);
    for (member, value, pointer) in [
        ("tenant", "acme:bob", "/tenant"),
        ("tenant", "", "/tenant"),
        ("owner", "a\u{0}b", "/owner"),
        ("owner", "", "/owner"),
    ] {
        let mut forged = json!(line);
        forged[member] = json!(value);
        let put = target.put(&format!("{base}?backend=store")).json(&forged);
        let answer = put.send().await;
        answer.problem(422, "invalid-request");
        assert_eq!(answer.pointers(), [("body".to_owned(), pointer.to_owned())]);
    }
    let body = json!({"messages": []});
    for query in ["tenant=acme%3Abob", "owner=%0A"] {
        let path = format!("{base}/messages?backend=store&{query}");
        let answer = target.post(&path).json(&body).send().await;
        answer.problem(400, "invalid-query");
    }
    assert_eq!(export(&target, "").await.len(), 1, "nothing was made");
}

/// Waits until a migration has come to a phase and does nothing.
async fn settled(server: &Server, path: &str, phase: &str) {
    let began = std::time::Instant::now();
    loop {
        let found = server.get(path).send().await.json();
        if found["phase"] == phase && found.get("job").is_none() {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "it never ends: {found:#}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn what_a_migration_brought_there_is_there() {
    let server = Server::start_pair().await;
    let path = furnish(&server, "first").await;
    let lines = export(&server, "").await;
    let spec = json!({"from": "store", "to": "new"});
    let planned = server.post("/admin/v1/migrations").json(&spec).send().await;
    let migration = planned.expect(201).header("location").unwrap().to_owned();
    settled(&server, &migration, "planned").await;
    for (step, phase) in [("copy", "copied"), ("switch", "switched")] {
        let asked = server.post(&format!("{migration}/{step}")).send().await;
        asked.expect(202);
        settled(&server, &migration, phase).await;
    }

    let id = path.rsplit('/').next().unwrap();
    let base = format!("/admin/v1/archive/conversations/{id}");
    let Line::Conversation(line) = &lines[0] else {
        panic!("no conversation");
    };
    let begun = server
        .put(&format!("{base}?backend=new"))
        .json(&json!(line));
    assert_eq!(begun.send().await.expect(200).json()["outcome"], "present");
    for line in &lines {
        let query = "backend=new&tenant=acme";
        match line {
            Line::Message(line) => {
                let body = json!({"messages": [line]});
                let put = server.post(&format!("{base}/messages?{query}")).json(&body);
                assert_eq!(put.send().await.expect(200).json()["written"], 0);
            }
            Line::End(line) => {
                let end = server
                    .post(&format!("{base}/end?{query}"))
                    .json(&json!(line));
                end.send().await.expect(200);
            }
            _ => {}
        }
    }
}
