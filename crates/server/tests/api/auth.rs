//! Keys, scopes, end users, and nobody sees anybody else's.

use backend::Scope;
use backend::ports::Keys;
use conversation::Time;
use http::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Call, Server};

/// Every operation of the API description with a sample body, at the given conversation and message.
async fn operations(server: &Server, ids: &[(&str, &str)]) -> Vec<(Method, String, Value)> {
    let description = server
        .get("/openapi.json")
        .no_key()
        .send()
        .await
        .expect(200)
        .json();
    let mut operations = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let scopes = &operation["security"];
            if scopes == &json!([]) {
                continue;
            }
            let mut filled = path.clone();
            for (name, value) in ids {
                filled = filled.replace(&format!("{{{name}}}"), value);
            }
            let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
            operations.push((method, filled, operation.clone()));
        }
    }
    assert!(operations.len() >= 25, "{}", operations.len());
    operations
}

fn sample_body(operation: &Value) -> Value {
    let text = json!({"parts": [{"type": "text", "text": "a"}]});
    match operation["operationId"].as_str().unwrap() {
        "postMessage" => text,
        "importMessages" => json!({"messages": [text]}),
        "rateMessage" => json!({"value": 1}),
        "sendActivity" => json!({"activity": "read"}),
        "respond" => json!({"input": text}),
        "addParticipants" => json!({"participants": [{"name": "a"}]}),
        "createKey" => json!({"tenant": "t", "name": "n", "scopes": ["read"]}),
        _ => json!({}),
    }
}

fn call(server: &Server, method: &Method, path: &str, operation: &Value) -> Call {
    let call = Call::new(server, method.clone(), path);
    match operation.get("requestBody") {
        None => call,
        Some(_) => call.json(&sample_body(operation)),
    }
}

/// Everything but the request's own id.
fn without_request_id(answer: &Answer) -> Value {
    let mut problem = answer.json();
    problem.as_object_mut().unwrap().remove("request_id");
    problem
}

#[tokio::test]
async fn every_bad_key_gets_the_same_401_on_every_route() {
    let server = Server::start().await;
    let revoked = server.new_key("acme", None, Scope::ALL).await;
    let id = revoked.split('_').nth(1).unwrap();
    server.state.revoke(id, Time::now()).await.unwrap();
    let mut wrong_secret = server.key.clone();
    wrong_secret.pop();
    let bad = [
        None,
        Some(""),
        Some("drg_unknown_0000"),
        Some("other"),
        Some(&*wrong_secret),
        Some(&*revoked),
    ];
    let mut first: Option<Value> = None;
    for (method, path, operation) in operations(&server, &[]).await {
        for key in bad {
            let call = call(&server, &method, &path, &operation).no_key();
            let call = match key {
                None => call,
                Some(key) => call.key(key),
            };
            let answer = call.send().await;
            answer.problem(401, "unauthenticated");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            let problem = without_request_id(&answer);
            assert_eq!(first.get_or_insert(problem.clone()), &problem);
        }
    }
}

#[tokio::test]
async fn every_operation_needs_exactly_the_scope_that_it_names() {
    let server = Server::start().await;
    let conversation = server.conversation().await;
    let message = server.message(&conversation, "a").await;
    let ids = [
        ("id", conversation.rsplit('/').next().unwrap()),
        ("message_id", message.rsplit('/').next().unwrap()),
        ("name", "store"),
        ("participant_id", "p"),
        ("key_id", "k"),
        ("intent_id", "0190a5b6-0000-7000-8000-000000000000"),
    ];
    for scope in [Scope::Read, Scope::Write, Scope::Admin] {
        let key = server.new_key("acme", None, &[scope]).await;
        for (method, path, operation) in operations(&server, &ids).await {
            // Deletes last, or the others find nothing; what they find does not matter here.
            let named = operation["security"][0]["key"][0].as_str().unwrap();
            let answer = call(&server, &method, &path, &operation)
                .key(&key)
                .send()
                .await;
            if named == scope.as_str() {
                assert_ne!(answer.status, 403, "{method} {path} with {named}");
                assert_ne!(answer.status, 401, "{method} {path} with {named}");
            } else {
                answer.problem(403, "forbidden");
            }
        }
    }
}

#[tokio::test]
async fn nobody_finds_what_belongs_to_somebody_else() {
    let server = Server::start().await;
    let ann = server.new_key("acme", Some("ann"), Scope::ALL).await;
    let created = server
        .post("/v1/conversations")
        .key(&ann)
        .json(&json!({}))
        .send()
        .await;
    let conversation = created.expect(201).header("location").unwrap().to_owned();
    let posted = server
        .post(&format!("{conversation}/messages"))
        .key(&ann)
        .json(&json!({"parts": [{"type": "text", "text": "planted"}]}))
        .send()
        .await;
    let message = posted.expect(201).header("location").unwrap().to_owned();
    let id = conversation.rsplit('/').next().unwrap();
    let ids = [
        ("id", id),
        ("message_id", message.rsplit('/').next().unwrap()),
        ("participant_id", "p"),
    ];
    let other_tenant = server.new_key("other", None, Scope::ALL).await;
    let other_user = server.new_key("acme", Some("bob"), Scope::ALL).await;
    let same_user_elsewhere = server.new_key("other", Some("ann"), Scope::ALL).await;
    for key in [&other_tenant, &other_user, &same_user_elsewhere] {
        let mut unknown: Option<Value> = None;
        for (method, path, operation) in operations(&server, &ids).await {
            // What an administrator does is done for every tenant.
            if !path.contains(id) || path.starts_with("/admin/") {
                continue;
            }
            let answer = call(&server, &method, &path, &operation)
                .key(key)
                .send()
                .await;
            answer.problem(404, "not-found");
            let elsewhere = path.replace(id, "conv_00000000000000000000000000");
            let nothing = call(&server, &method, &elsewhere, &operation)
                .key(key)
                .send()
                .await;
            assert_eq!(
                without_request_id(&answer)["title"],
                without_request_id(&nothing)["title"]
            );
            let (answer, nothing) = (without_request_id(&answer), without_request_id(&nothing));
            assert_eq!(answer, nothing, "{method} {path}");
            unknown = Some(nothing);
        }
        assert!(unknown.is_some());
        let list = server
            .get("/v1/conversations")
            .key(key)
            .send()
            .await
            .expect(200)
            .json();
        assert_eq!(list["data"], json!([]));
    }
    server.get(&conversation).key(&ann).send().await.expect(200);
    server.get(&conversation).send().await.expect(200);
}

#[tokio::test]
async fn header_names_an_end_user_where_the_key_allows_it() {
    let server = Server::start().await;
    let ask = async |key: &str, user: &str| {
        server
            .get("/v1/conversations")
            .key(key)
            .header("dragoman-user", user)
            .send()
            .await
    };
    ask(&server.key, "ann").await.expect(200);
    let plain = server.new_key("acme", None, &[Scope::Read]).await;
    ask(&plain, "ann").await.problem(403, "forbidden");
    let bound = server.new_key("acme", Some("ann"), Scope::ALL).await;
    ask(&bound, "ann").await.expect(200);
    ask(&bound, "bob").await.problem(403, "forbidden");
    ask(&server.key, "").await.problem(400, "invalid-header");

    let created = server
        .post("/v1/conversations")
        .header("dragoman-user", "ann")
        .json(&json!({}))
        .send()
        .await;
    let path = created.expect(201).header("location").unwrap();
    server.get(path).key(&bound).send().await.expect(200);
    let bob = server.get(path).header("dragoman-user", "bob").send().await;
    bob.problem(404, "not-found");
}

#[tokio::test]
async fn backend_is_chosen_only_with_the_scope_for_it() {
    let server = Server::start().await;
    let plain = server.new_key("acme", None, &[Scope::Write]).await;
    let create = |key: &str, backend: &str| {
        server
            .post("/v1/conversations")
            .key(key)
            .header("dragoman-backend", backend)
            .send()
    };
    create(&plain, "store").await.problem(403, "forbidden");
    create(&server.key, "store").await.expect(201);
    assert!(create(&server.key, "nobody").await.status.is_client_error());
}

#[tokio::test]
async fn keys_are_made_listed_and_revoked() {
    let server = Server::start().await;
    let created = server
        .post("/admin/v1/keys")
        .json(&json!({"tenant": "acme", "name": "ci", "scopes": ["read"], "user": "ann"}))
        .send()
        .await;
    let document = created.expect(201).json();
    let key = document["key"].as_str().unwrap();
    assert!(key.starts_with("drg_"));
    server
        .get("/v1/conversations")
        .key(key)
        .send()
        .await
        .expect(200);

    let list = server.get("/admin/v1/keys?tenant=acme").send().await;
    let secret = key.rsplit('_').next().unwrap();
    assert!(!list.expect(200).text().contains(secret));
    assert_eq!(list.json()["data"].as_array().unwrap().len(), 2);

    let path = created.header("location").unwrap();
    server.delete(path).send().await.expect(204);
    server
        .get("/v1/conversations")
        .key(key)
        .send()
        .await
        .problem(401, "unauthenticated");
    server.delete(path).send().await.problem(404, "not-found");
}

#[tokio::test]
async fn wrong_key_request_names_each_member() {
    let server = Server::start().await;
    let answer = server
        .post("/admin/v1/keys")
        .json(
            &json!({"tenant": "", "name": "n", "scopes": [], "expires_at": "2000-01-01T00:00:00Z"}),
        )
        .send()
        .await;
    answer.problem(422, "invalid-request");
    let pointers: Vec<String> = answer
        .pointers()
        .into_iter()
        .map(|(_, pointer)| pointer)
        .collect();
    assert_eq!(pointers, ["/tenant", "/scopes", "/expires_at"]);
    // At vendors `a/b` and its user `c` would be `a` and its user `b/c`.
    for tenant in ["a/b", "a:b", "a@b", "ä", "a b", &"a".repeat(65)] {
        let answer = server
            .post("/admin/v1/keys")
            .json(&json!({"tenant": tenant, "name": "n", "scopes": ["read"]}))
            .send()
            .await;
        answer.problem(422, "invalid-request");
        assert_eq!(answer.pointers()[0].1, "/tenant", "{tenant}");
    }
    let stored = server
        .post("/admin/v1/keys")
        .header("idempotency-key", "a")
        .json(&json!({"tenant": "t", "name": "n", "scopes": ["read"]}))
        .send()
        .await;
    stored.problem(400, "invalid-header");
}
