//! Migrations as an operator sees them: planned, copied, checked, switched and taken back over HTTP.

use std::time::Duration;

use backend::Scope;
use serde_json::{Value, json};

use crate::support::{Answer, PATIENCE, Server};

async fn plan(server: &Server, spec: Value) -> Answer {
    server.post("/admin/v1/migrations").json(&spec).send().await
}

/// The migration once it has this phase and nothing runs.
async fn reached(server: &Server, path: &str, phase: &str) -> Value {
    let give_up = tokio::time::Instant::now() + PATIENCE;
    loop {
        let found = server.get(path).send().await.expect(200).json();
        if found["phase"] == phase && found.get("job").is_none() {
            return found;
        }
        assert!(tokio::time::Instant::now() < give_up, "{found}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn act(server: &Server, path: &str, what: &str) {
    let answer = server.post(&format!("{path}/{what}")).send().await;
    answer.expect(202);
}

fn between() -> Value {
    json!({"from": "store", "to": "new"})
}

#[tokio::test]
async fn a_migration_is_planned_copied_checked_switched_and_taken_back() {
    let server = Server::start_pair().await;
    let mut paths = Vec::new();
    for _ in 0..3 {
        let path = server.conversation().await;
        server.message(&path, "one").await;
        server.message(&path, "two").await;
        paths.push(path);
    }
    let read = async |path: &str| {
        let page = server.get(&format!("{path}/messages")).send().await;
        let mut messages = page.expect(200).json()["data"].clone();
        for message in messages.as_array_mut().unwrap() {
            // When its backend stored it is each backend's own.
            message.as_object_mut().unwrap().remove("created_at");
        }
        messages
    };
    let before = read(&paths[0]).await;

    let planned = plan(&server, between()).await;
    let path = planned.expect(201).header("location").unwrap().to_owned();
    assert!(path.starts_with("/admin/v1/migrations/mig_"));
    let found = reached(&server, &path, "planned").await;
    assert_eq!(found["plan"]["conversations"], 3);
    assert_eq!(found["plan"]["messages"], 6);
    let list = server.get("/admin/v1/migrations").send().await;
    assert_eq!(list.expect(200).json()["data"][0]["id"], found["id"]);

    act(&server, &path, "copy").await;
    reached(&server, &path, "copied").await;
    act(&server, &path, "check").await;
    let checked = reached(&server, &path, "copied").await;
    assert_eq!(checked["check"]["same"], 3, "{checked}");
    assert_eq!(
        checked["check"]["source_root"],
        checked["check"]["target_root"]
    );

    let items = async |query: &str| {
        let answer = server.get(&format!("{path}/items?{query}")).send().await;
        answer.expect(200).json()
    };
    let first = items("limit=2&state=copied&sign=%3D").await;
    assert_eq!(first["data"].as_array().unwrap().len(), 2);
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = items(&format!("limit=2&state=copied&sign=%3D&cursor={cursor}")).await;
    assert_eq!(rest["data"].as_array().unwrap().len(), 1);
    assert_eq!(rest["has_more"], false);
    assert_eq!(items("sign=*").await["data"], json!([]));
    let findings = server.get(&format!("{path}/findings")).send().await;
    assert_eq!(findings.expect(200).json()["data"], json!([]));
    let report = server.get(&format!("{path}/report")).send().await;
    let report = report.expect(200).json();
    assert_eq!(report["items"].as_array().unwrap().len(), 3);
    assert_eq!(report["migration"]["id"], found["id"]);

    act(&server, &path, "switch").await;
    let switched = reached(&server, &path, "switched").await;
    assert_eq!(switched["overrides"][0]["to"], "new");
    let overrides = server.get("/admin/v1/routes/overrides").send().await;
    assert_eq!(overrides.expect(200).json()["data"], switched["overrides"]);
    let one = server.get(&paths[0]).send().await;
    assert_eq!(one.expect(200).json()["backend"], "new");
    assert_eq!(read(&paths[0]).await, before);
    let born = server.post("/v1/conversations").send().await;
    assert_eq!(born.expect(201).json()["backend"], "new");

    act(&server, &path, "rollback").await;
    let back = reached(&server, &path, "rolled_back").await;
    assert_eq!(back["overrides"], json!([]));
    let one = server.get(&paths[0]).send().await;
    assert_eq!(one.expect(200).json()["backend"], "store");
    assert_eq!(read(&paths[0]).await, before);
}

#[tokio::test]
async fn an_idempotency_key_plans_once() {
    let server = Server::start_pair().await;
    let send = || {
        server
            .post("/admin/v1/migrations")
            .header("idempotency-key", "plan-1")
            .json(&between())
            .send()
    };
    let first = send().await;
    let again = send().await;
    first.expect(201);
    again.expect(201);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(first.header("location"), again.header("location"));
    let list = server.get("/admin/v1/migrations").send().await;
    assert_eq!(list.json()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_migrated_is_refused_with_its_pointer() {
    let server = Server::start_pair().await;
    for (spec, pointer) in [
        (json!({"from": "store", "to": "nowhere"}), "/to"),
        (json!({"from": "nowhere", "to": "new"}), "/from"),
        (
            json!({"from": "store", "to": "new", "parallel": 0}),
            "/parallel",
        ),
        (json!({"from": "store", "to": "new", "speed": 1}), "/speed"),
        (
            json!({"from": "store", "to": "new", "filter": {"lable": "a"}}),
            "/filter/lable",
        ),
    ] {
        let answer = plan(&server, spec.clone()).await;
        answer.problem(422, "invalid-request");
        assert_eq!(
            answer.pointers(),
            [("body".to_owned(), pointer.to_owned())],
            "{spec}"
        );
    }
    let same = plan(&server, json!({"from": "store", "to": "store"})).await;
    same.problem(422, "invalid-request");
}

#[tokio::test]
async fn unknown_migrations_wrong_phases_and_options_are_refused() {
    let server = Server::start_pair().await;
    let missing = "/admin/v1/migrations/mig_01890a5d000070008000000000000000";
    server.get(missing).send().await.problem(404, "not-found");
    server
        .get("/admin/v1/migrations/mig_1")
        .send()
        .await
        .problem(400, "invalid-id");
    server
        .post(&format!("{missing}/copy"))
        .send()
        .await
        .problem(404, "not-found");
    let planned = plan(&server, between()).await;
    let path = planned.expect(201).header("location").unwrap().to_owned();
    reached(&server, &path, "planned").await;
    for what in ["switch", "rollback", "finish", "pause"] {
        let answer = server.post(&format!("{path}/{what}")).send().await;
        answer.problem(409, "conflict");
    }
    let copy = server
        .post(&format!("{path}/copy"))
        .json(&json!({"mirorr": true}))
        .send()
        .await;
    copy.problem(422, "invalid-request");
    assert_eq!(copy.pointers(), [("body".to_owned(), "/mirorr".to_owned())]);
    let check = server
        .post(&format!("{path}/check"))
        .json(&json!({"deep": true}))
        .send()
        .await;
    check.problem(422, "invalid-request");
    for query in ["state=lost", "sign=x", "cursor=nabc", "limit=0"] {
        let answer = server.get(&format!("{path}/items?{query}")).send().await;
        assert_eq!(answer.status, 400, "{query}");
    }
    act(&server, &path, "cancel").await;
    reached(&server, &path, "cancelled").await;
    let copy = server.post(&format!("{path}/copy")).send().await;
    copy.problem(409, "conflict");
}

#[tokio::test]
async fn migrations_archives_and_erasures_are_administrators() {
    let server = Server::start_pair().await;
    let key = server
        .new_key("acme", None, &[Scope::Read, Scope::Write])
        .await;
    for path in [
        "/admin/v1/migrations",
        "/admin/v1/routes/overrides",
        "/admin/v1/archive",
    ] {
        let answer = server.get(path).key(&key).send().await;
        answer.problem(403, "forbidden");
    }
    for path in ["/admin/v1/migrations", "/admin/v1/erasures"] {
        let answer = server.post(path).key(&key).json(&json!({})).send().await;
        answer.problem(403, "forbidden");
    }
}

#[tokio::test]
async fn a_roster_names_nobody_whom_no_key_could_name() {
    let server = Server::start_pair().await;
    let spec = json!({
        "from": "store", "to": "new",
        "roster": [{"tenant": "acme", "user": "ann"}, {"tenant": "acme:bob", "user": "x"}, {"tenant": "acme", "user": ""}],
    });
    let answer = server.post("/admin/v1/migrations").json(&spec).send().await;
    answer.problem(422, "invalid-request");
    let expected = ["/roster/1/tenant", "/roster/2/user"];
    let expected = expected.map(|pointer| ("body".to_owned(), pointer.to_owned()));
    assert_eq!(answer.pointers(), expected);
}
