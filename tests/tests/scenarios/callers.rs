//! Keys, tenants and end users: nobody sees another's conversation, on no route.

use reqwest::Method;
use serde_json::{Value, json};
use tests::client::Client;
use tests::dragoman::{Dragoman, Launch};

/// Makes a key with the command line, while the server runs.
pub(crate) fn create_key(dragoman: &Dragoman, arguments: &[&str]) -> String {
    let (status, output) = Launch::new()
        .data_dir(dragoman.data_dir())
        .run(&[&["keys", "create"], arguments].concat());
    assert!(status.success(), "{output}");
    let words = output
        .split(|character: char| !(character.is_ascii_alphanumeric() || "_-".contains(character)));
    let key = words
        .into_iter()
        .find(|word| word.starts_with("drg_") && word.len() > 20);
    key.unwrap_or_else(|| panic!("no key in: {output}"))
        .to_owned()
}

/// A client with the key of the first start.
pub(crate) fn client(dragoman: &Dragoman) -> Client {
    Client::new(
        dragoman.base_url(),
        Some(dragoman.key().expect("a first start prints a key")),
    )
}

/// Every route of the description: method, path template, operation.
pub(crate) async fn routes(client: &Client) -> Vec<(Method, String, Value)> {
    let description = client.get("/openapi.json").await.expect(200);
    let mut routes = Vec::new();
    for (path, item) in description["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("a path item") {
            if let Ok(method) = method.to_ascii_uppercase().parse::<Method>()
                && operation.get("responses").is_some()
            {
                routes.push((method, path.clone(), operation.clone()));
            }
        }
    }
    assert!(
        routes.len() >= 20,
        "the description has all routes: {}",
        routes.len()
    );
    routes
}

/// A body that the operation could accept, so that the key alone decides.
fn plausible_body(path: &str) -> Value {
    let message = json!({"role": "user", "parts": [{"type": "text", "text": "mine"}]});
    match path.rsplit('/').next().unwrap_or_default() {
        "messages" => message,
        "messages:import" => json!({"messages": [message]}),
        "responses" => json!({"input": message}),
        "rating" => json!({"value": 5}),
        "participants" => json!({"participants": [{"kind": "person"}]}),
        "activity" => json!({"activity": "read"}),
        _ => json!({}),
    }
}

/// The query that the operation must have: the conversation, where it does not stand in the path.
pub(crate) fn required_query(operation: &Value, conversation: &str) -> String {
    let parameters = operation["parameters"].as_array().cloned();
    let is_asked_for = parameters.unwrap_or_default().iter().any(|parameter| {
        parameter["name"] == "conversation_id" && parameter["required"] == Value::Bool(true)
    });
    if is_asked_for {
        format!("?conversation_id={conversation}")
    } else {
        String::new()
    }
}

/// Tells of a conversation to nobody else, whatever the route and whichever the key. Routes of administration reach every
/// tenant: there only the scope decides, before body and query are looked at.
#[tokio::test]
async fn every_route_answers_404_to_every_wrong_key() {
    let dragoman = Launch::new().start();
    let owner_key = create_key(&dragoman, &["--tenant", "owner", "--user", "ada"]);
    let owner = client(&dragoman).with_key(&owner_key);
    let id = owner
        .post("/v1/conversations", &json!({"title": "private"}))
        .await
        .expect(201);
    let id = id["id"].as_str().expect("an id").to_owned();
    let message = json!({"role": "assistant", "parts": [{"type": "text", "text": "for ada only"}]});
    let message = owner
        .post(&format!("/v1/conversations/{id}/messages"), &message)
        .await
        .expect(201);
    let message_id = message["id"].as_str().expect("an id").to_owned();
    let file = owner
        .request(
            Method::POST,
            &format!("/v1/attachments?conversation_id={id}"),
        )
        .header("content-type", "text/plain")
        .body("a file for ada only");
    let file = owner.send(file).await.expect(201);
    let file_id = file["id"].as_str().expect("an id").to_owned();
    let before = owner.get(&format!("/v1/conversations/{id}")).await;

    let strangers = [
        (
            "another tenant",
            create_key(&dragoman, &["--tenant", "stranger"]),
        ),
        (
            "the first key's tenant",
            dragoman.key().expect("a key").to_owned(),
        ),
        (
            "another user of the same tenant",
            create_key(&dragoman, &["--tenant", "owner", "--user", "bob"]),
        ),
    ];
    let all_but_admin = "read,write,act-as,choose-backend,unowned";
    let no_admins = [
        (
            "another tenant without the scope",
            create_key(
                &dragoman,
                &["--tenant", "stranger", "--scopes", all_but_admin],
            ),
        ),
        (
            "the owner's tenant without the scope",
            create_key(&dragoman, &["--tenant", "owner", "--scopes", all_but_admin]),
        ),
        (
            "the owner, whose key was made as it comes",
            owner_key.clone(),
        ),
    ];
    let (mut tried, mut tried_as_admin) = (0, 0);
    for (method, path, operation) in routes(&owner).await {
        let query = required_query(&operation, &id);
        if !path.contains("/conversations/{") && query.is_empty() {
            continue;
        }
        let names: Vec<&str> = path
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split('}').next())
            .collect();
        let mut filled = path.clone();
        for (position, name) in names.iter().enumerate() {
            let value = match (*name, position) {
                ("attachment_id", _) => file_id.as_str(),
                (_, 0) => id.as_str(),
                _ => message_id.as_str(),
            };
            filled = filled.replace(&format!("{{{name}}}"), value);
        }
        filled.push_str(&query);
        let is_admins = path.starts_with("/admin/");
        let (callers, refused) = match is_admins {
            true => (&no_admins, 403),
            false => (&strangers, 404),
        };
        for (who, key) in callers {
            let stranger = owner.with_key(key);
            let mut request = stranger.request(method.clone(), &filled);
            if operation.get("requestBody").is_some() {
                let kind = if method == Method::PATCH {
                    "application/merge-patch+json"
                } else {
                    "application/json"
                };
                request = request
                    .header("content-type", kind)
                    .body(plausible_body(&path).to_string());
            }
            let answer = stranger.send(request).await;
            assert_eq!(
                answer.status, refused,
                "{who}: {method} {path}: {}",
                answer.text
            );
            assert!(
                !answer.text.contains("for ada only"),
                "{who}: {method} {path}"
            );
            match is_admins {
                true => tried_as_admin += 1,
                false => tried += 1,
            }
        }
        for key in [
            None,
            Some("drg_unknown_0123456789abcdef0123456789abcdef"),
            Some("not-a-key"),
        ] {
            let nobody = Client::new(dragoman.base_url(), key);
            let answer = nobody.send(nobody.request(method.clone(), &filled)).await;
            assert_eq!(answer.status, 401, "{method} {path}: {}", answer.text);
        }
    }
    assert!(tried >= 30, "all routes were tried: {tried}");
    assert!(
        tried_as_admin >= 12,
        "all routes were tried: {tried_as_admin}"
    );
    for (who, key) in &strangers {
        let listed = owner
            .with_key(key)
            .get("/v1/conversations?limit=100")
            .await
            .expect(200);
        assert_eq!(
            listed["data"].as_array().expect("a list").len(),
            0,
            "{who} sees the conversation in the list"
        );
    }
    let after = owner.get(&format!("/v1/conversations/{id}")).await;
    assert_eq!(
        before.text, after.text,
        "a stranger changed the conversation"
    );
}

#[tokio::test]
async fn an_end_user_key_sees_its_own_conversations_and_a_tenant_key_sees_all() {
    let dragoman = Launch::new().start();
    let tenant = client(&dragoman).with_key(&create_key(&dragoman, &["--tenant", "acme"]));
    let ada = tenant.with_key(&create_key(
        &dragoman,
        &["--tenant", "acme", "--user", "ada"],
    ));
    ada.post("/v1/conversations", &json!({"title": "ada's"}))
        .await
        .expect(201);
    tenant
        .post("/v1/conversations", &json!({"title": "the tenant's"}))
        .await
        .expect(201);
    let titles = |list: Value| -> Vec<String> {
        let data = list["data"].as_array().expect("a list").clone();
        data.iter()
            .map(|item| item["title"].as_str().expect("a title").to_owned())
            .collect()
    };
    assert_eq!(
        titles(ada.get("/v1/conversations").await.expect(200)),
        ["ada's"]
    );
    assert_eq!(
        titles(tenant.get("/v1/conversations").await.expect(200)).len(),
        2
    );
}

#[tokio::test]
async fn acting_for_an_end_user_needs_the_scope() {
    let dragoman = Launch::new().start();
    let may = client(&dragoman);
    let may_not = may.with_key(&create_key(
        &dragoman,
        &["--tenant", "default", "--scopes", "read,write"],
    ));
    let create = |client: &Client| {
        client
            .request(Method::POST, "/v1/conversations")
            .header("dragoman-user", "ada")
            .json(&json!({"title": "for ada"}))
    };
    may_not.send(create(&may_not)).await.expect(403);
    may.send(create(&may)).await.expect(201);
    let listed = may
        .send(
            may.request(Method::GET, "/v1/conversations")
                .header("dragoman-user", "bob"),
        )
        .await
        .expect(200);
    assert_eq!(listed["data"], json!([]), "bob sees what was made for ada");
}

#[tokio::test]
async fn a_key_does_only_what_its_scopes_say_and_nothing_once_revoked() {
    let dragoman = Launch::new().start();
    let key = create_key(&dragoman, &["--tenant", "default", "--scopes", "read"]);
    let reader = client(&dragoman).with_key(&key);
    reader.get("/v1/conversations").await.expect(200);
    let refused = reader
        .post("/v1/conversations", &json!({}))
        .await
        .expect(403);
    assert_eq!(refused["code"], "forbidden");
    let id = key.rsplit_once('_').expect("id and secret").0;
    let (status, output) = Launch::new()
        .data_dir(dragoman.data_dir())
        .run(&["keys", "revoke", id]);
    assert!(status.success(), "{output}");
    // Another process revoked it; the server may remember a key for a moment.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(120);
    while reader.get("/v1/conversations").await.status != 401 {
        assert!(
            std::time::Instant::now() < deadline,
            "the revoked key still works"
        );
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}
