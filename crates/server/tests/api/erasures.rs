//! One person is erased: their conversations, what they said elsewhere, and what is kept of them.

use serde_json::{Value, json};

use crate::support::{Answer, PATIENCE, Server};

async fn erase(server: &Server, user: &str) -> Answer {
    server
        .post("/admin/v1/erasures")
        .json(&json!({"tenant": "acme", "user": user}))
        .send()
        .await
}

/// A conversation of `user` with one message of each author.
async fn conversation(server: &Server, user: &str, authors: &[&str]) -> String {
    let participants: Vec<Value> = authors
        .iter()
        .map(|author| json!({"id": author, "kind": "person"}))
        .collect();
    let created = server
        .post("/v1/conversations")
        .header("dragoman-user", user)
        .json(&json!({"participants": participants}))
        .send()
        .await;
    let path = created.expect(201).header("location").unwrap().to_owned();
    for author in authors {
        server
            .post(&format!("{path}/messages"))
            .json(&json!({
                "author": {"id": author, "kind": "person"},
                "parts": [{"type": "text", "text": format!("the words of {author}")}],
            }))
            .send()
            .await
            .expect(201);
    }
    path
}

#[tokio::test]
async fn a_person_is_erased_and_others_keep_theirs() {
    let server = Server::start_pair().await;
    let own = conversation(&server, "ada", &["ada", "bob"]).await;
    let shared = conversation(&server, "bob", &["ada", "bob"]).await;
    let foreign = conversation(&server, "bob", &["bob"]).await;
    let key = server
        .new_key("acme", Some("ada"), &[backend::Scope::Read])
        .await;
    server
        .get("/v1/conversations")
        .key(&key)
        .send()
        .await
        .expect(200);

    // The own one is copied to another backend as well.
    let planned = server
        .post("/admin/v1/migrations")
        .json(&json!({"from": "store", "to": "new"}))
        .send()
        .await;
    let path = planned.expect(201).header("location").unwrap().to_owned();
    let began = std::time::Instant::now();
    let settled = async |phase: &str| loop {
        let found = server.get(&path).send().await.json();
        if found["phase"] == phase && found.get("job").is_none() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "it never ends: {found:#}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    settled("planned").await;
    server
        .post(&format!("{path}/copy"))
        .send()
        .await
        .expect(202);
    settled("copied").await;

    let receipt = erase(&server, "ada").await.expect(200).json();
    assert_eq!(receipt["is_complete"], true, "{receipt}");
    assert_eq!(receipt["still_held"], json!([]));
    assert_eq!(receipt["conversations"].as_array().unwrap().len(), 2);
    let of = |path: &str| {
        let id = path.rsplit('/').next().unwrap();
        let all = receipt["conversations"].as_array().unwrap();
        all.iter().find(|one| one["id"] == id).unwrap().clone()
    };
    assert_eq!(of(&own)["owned"], true);
    assert_eq!(of(&own)["places"].as_array().unwrap().len(), 2);
    assert_eq!(of(&shared)["owned"], false);
    // One, at both places.
    assert_eq!(of(&shared)["messages"], 1);
    assert_eq!(of(&shared)["places"].as_array().unwrap().len(), 2);
    assert_eq!(receipt["erased"]["keys"], 1);
    assert!(!receipt["not_reached"].as_array().unwrap().is_empty());

    server.get(&own).send().await.problem(404, "not-found");
    let left = server.get(&format!("{shared}/messages")).send().await;
    let left = left.expect(200).json();
    assert_eq!(left["data"].as_array().unwrap().len(), 1);
    assert_eq!(left["data"][0]["author"]["id"], "bob");
    let participants = server.get(&format!("{shared}/participants")).send().await;
    assert!(!participants.text().contains("ada"));
    let whole = server.get(&format!("{foreign}/messages")).send().await;
    assert_eq!(whole.json()["data"].as_array().unwrap().len(), 1);
    // Another process, which remembers nothing of the key.
    let other = server
        .rebuilt(|gateway| gateway.key_check = keys::KeyCheck::new(gateway.keys.clone()))
        .await;
    server
        .get("/v1/conversations")
        .key(&key)
        .at(other)
        .send()
        .await
        .problem(401, "unauthenticated");

    // Both sides are still equal.
    server
        .post(&format!("{path}/check"))
        .send()
        .await
        .expect(202);
    let checked = settled("copied").await;
    assert_eq!(checked["check"]["same"], 2, "{checked}");
    assert_eq!(
        checked["check"]["source_root"],
        checked["check"]["target_root"]
    );

    // The same call again finds nothing to do, and tells the same.
    let again = erase(&server, "ada").await.expect(200).json();
    assert_eq!(again["conversations"], receipt["conversations"]);
    assert_eq!(again["is_complete"], true);
    let nobody = erase(&server, "nobody").await.expect(200).json();
    assert_eq!(nobody["conversations"], json!([]));
}

#[tokio::test]
async fn an_erasure_at_work_claims_nothing_of_an_earlier_one() {
    use backend::ports::Leases as _;

    let server = Server::start().await;
    conversation(&server, "ada", &["ada"]).await;
    let done = erase(&server, "ada").await.expect(200).json();
    assert_eq!(done["is_complete"], true, "{done}");
    let whom = conversation::Digest::of(b"acme\0ada");
    let held = server
        .state
        .acquire(&format!("erase/{whom}"), crate::support::PATIENCE)
        .await
        .unwrap()
        .unwrap();
    let running = erase(&server, "ada").await.expect(202).json();
    assert_eq!(running["is_complete"], false, "{running}");
    assert_eq!(running.get("at"), None, "{running}");
    assert_eq!(running["conversations"], done["conversations"]);
    server.state.release(&held).await.unwrap();
    let again = erase(&server, "ada").await.expect(200).json();
    assert_eq!(again["is_complete"], true, "{again}");
}

#[tokio::test]
async fn a_busy_conversation_is_named_and_the_same_call_again_finishes_it() {
    use backend::ports::Leases as _;

    let server = Server::start().await;
    let busy = conversation(&server, "ada", &["ada"]).await;
    let free = conversation(&server, "ada", &["ada"]).await;
    let id = busy.rsplit('/').next().unwrap();
    let name = format!("conversation/{id}");
    let held = server
        .state
        .acquire(&name, crate::support::PATIENCE)
        .await
        .unwrap()
        .unwrap();
    let receipt = erase(&server, "ada").await.expect(200).json();
    assert_eq!(receipt["is_complete"], false, "{receipt}");
    assert_eq!(receipt["still_held"][0]["conversation"], id);
    assert_eq!(receipt["still_held"][0]["temporary"], true);
    server.get(&free).send().await.problem(404, "not-found");
    server.state.release(&held).await.unwrap();
    let receipt = erase(&server, "ada").await.expect(200).json();
    assert_eq!(receipt["is_complete"], true, "{receipt}");
    assert_eq!(receipt["still_held"], json!([]));
    assert_eq!(receipt["conversations"].as_array().unwrap().len(), 2);
    server.get(&busy).send().await.problem(404, "not-found");
}

#[tokio::test]
async fn an_erasure_is_asked_for_by_name_and_never_stored() {
    let server = Server::start().await;
    for (body, pointer) in [
        (json!({"tenant": "a b", "user": "ada"}), "/tenant"),
        (json!({"tenant": "acme", "user": ""}), "/user"),
        (
            json!({"tenant": "acme", "user": "ada", "really": true}),
            "/really",
        ),
    ] {
        let answer = server.post("/admin/v1/erasures").json(&body).send().await;
        answer.problem(422, "invalid-request");
        assert_eq!(answer.pointers(), [("body".to_owned(), pointer.to_owned())]);
    }
    let keyed = server
        .post("/admin/v1/erasures")
        .header("idempotency-key", "k")
        .json(&json!({"tenant": "acme", "user": "ada"}))
        .send()
        .await;
    keyed.problem(400, "invalid-header");
}
