//! Who is let in, as whom, and what others see of it.

use std::num::NonZeroU32;

use backend::Scope;
use backend::ports::{CredentialName, Credentials as _, Keys as _};
use conversation::Time;
use datamonkey::{Anonymous, FacadeConfig};
use secrecy::ExposeSecret as _;

use crate::asking::{id_of, signed};
use crate::client::{Answer, send_raw};
use crate::world::{World, open};

const BOTH: [Scope; 2] = [Scope::Read, Scope::Write];

/// The five operations that never make a user.
fn others(id: &str) -> [(&'static str, String); 5] {
    [
        ("GET", "/api/v1/chat".to_owned()),
        ("GET", format!("/api/v1/chat/{id}")),
        ("DELETE", format!("/api/v1/chat/{id}")),
        ("GET", format!("/api/v1/chat/{id}/messages")),
        ("POST", format!("/api/v1/chat/{id}/messages")),
    ]
}

async fn create(world: &World, headers: &[(&str, &str)]) -> Answer {
    world.ask("POST", "/api/v1/chat", headers, b"{}").await
}

#[tokio::test]
async fn a_key_opens_in_a_header_and_never_in_the_query() {
    let world = World::start(FacadeConfig::default()).await;
    let (key, _) = world.key("acme", Some("ann"), &BOTH).await;
    let bearer = format!("Bearer {key}");
    let made = create(&world, &[("Authorization", &bearer)]).await;
    assert_eq!(made.status, 201);
    assert!(made.header("x-session-token").is_none());
    let path = format!("/api/v1/chat/{}", id_of(&made));
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], u16);
    let table: [Row<'_>; 6] = [
        (&path, &[("USER_TOKEN", &key)], 200),
        (
            &path,
            &[("Authorization", "Basic abc"), ("user_token", &key)],
            200,
        ),
        (
            &path,
            &[("Authorization", "Bearer bad"), ("user_token", &key)],
            401,
        ),
        (&path, &[("Authorization", &key)], 401),
        (&path, &[("X-Session-Token", &key)], 401),
        (&path, &[], 401),
    ];
    for (target, headers, expected) in table {
        let answer = world.ask("GET", target, headers, b"").await;
        assert_eq!(answer.status, expected, "{headers:?}");
    }
    // Not in the query: addresses are written down, and a key lives for ever.
    for in_query in [
        format!("{path}?user_token={key}"),
        format!("{path}?user_token=%64rg_{}", &key[4..]),
    ] {
        let answer = world.ask("GET", &in_query, &[], b"").await;
        assert_eq!(answer.status, 401, "{in_query}");
        let headers = [("user_token", key.as_str())];
        let answer = world.ask("GET", &in_query, &headers, b"").await;
        assert_eq!(answer.status, 200, "the header goes first");
    }
}

#[tokio::test]
async fn a_sessions_token_opens_in_the_query_and_a_key_there_makes_no_new_user() {
    let world = World::start(open()).await;
    let (token, id) = world.begin("mine").await;
    let target = format!("/api/v1/chat/{id}?user_token={token}");
    assert_eq!(world.ask("GET", &target, &[], b"").await.status, 200);
    let (key, _) = world.key("acme", None, &BOTH).await;
    let target = format!("/api/v1/chat?user_token={key}");
    let made = world.ask("POST", &target, &[], b"{}").await;
    assert_eq!(made.status, 401);
    assert!(made.header("x-session-token").is_none());
}

#[tokio::test]
async fn the_facades_own_secret_names_nobody_but_the_users_that_it_made() {
    let world = World::start(open()).await;
    world.begin("so that there is a secret").await;
    let name = CredentialName {
        backend: "facade/datamonkey".into(),
        reference: "sessions".into(),
    };
    let secret = world.state.get(&name).await.unwrap().unwrap();
    let status = async |subject: &str| {
        let token = signed(secret.expose_secret(), subject, 60);
        world.with(&token, "GET", "/api/v1/chat", "").await.status
    };
    assert_eq!(status("01234567-89ab-4def-8123-456789abcdef").await, 200);
    for other in [
        "ann",
        "0123456789ab4def8123456789abcdef",
        "01234567-89AB-4DEF-8123-456789ABCDEF",
        "{01234567-89ab-4def-8123-456789abcdef}",
    ] {
        assert_eq!(status(other).await, 401, "{other}");
    }
}

#[tokio::test]
async fn nobody_is_let_in_by_a_body_that_never_comes() {
    let head = "POST /api/v1/chat HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                Content-Length: 100\r\n\r\n";
    let closed = World::start(FacadeConfig::default()).await;
    let refused = send_raw(closed.address, head.as_bytes()).await;
    assert_eq!(refused.expect("an answer").status, 401);
    let narrow = World::start(FacadeConfig {
        anonymous: Some(Anonymous {
            tenant: "public".into(),
            sessions_per_minute: NonZeroU32::new(1).unwrap(),
        }),
        signing_key: None,
    })
    .await;
    narrow.begin("the only one").await;
    let refused = send_raw(narrow.address, head.as_bytes()).await;
    assert_eq!(refused.expect("an answer").status, 429);
}

#[tokio::test]
async fn a_create_without_a_usable_token_makes_a_new_user() {
    let world = World::start(open()).await;
    let (token, id) = world.begin("mine").await;
    let expired = signed("whatever", "u", -10);
    for bad in ["", "not-a-jwt", &expired, "a.b.c"] {
        let made = create(&world, &[("user_token", bad)]).await;
        assert_eq!(made.status, 201, "{bad}");
        let other = made.header("x-session-token").unwrap().to_owned();
        assert_ne!(other, token);
        for (method, path) in others(&id).into_iter().skip(1) {
            let answer = world
                .with(&other, method, &path, r#"{"message": "x"}"#)
                .await;
            assert_eq!(answer.status, 404, "{method} {path}");
        }
        let list = world.with(&other, "GET", "/api/v1/chat", "").await.json();
        assert_eq!(list["conversations"].as_array().unwrap().len(), 1);
        for (method, path) in others(&id) {
            let headers = [("user_token", bad)];
            let answer = world.ask(method, &path, &headers, b"").await;
            assert_eq!(answer.status, 401, "{method} {path} {bad}");
        }
    }
    let answer = world
        .with(&token, "GET", &format!("/api/v1/chat/{id}"), "")
        .await;
    assert_eq!(answer.status, 200, "nobody touched it");
}

#[tokio::test]
async fn nobody_is_let_in_without_a_key_unless_a_tenant_is_named() {
    let world = World::start(FacadeConfig::default()).await;
    assert_eq!(create(&world, &[]).await.status, 401);
    let other = World::start(open()).await;
    let (token, _) = other.begin("elsewhere").await;
    let headers = [("user_token", token.as_str())];
    assert_eq!(create(&world, &headers).await.status, 401);
}

#[tokio::test]
async fn a_key_that_does_not_open_never_becomes_another_user() {
    let world = World::start(open()).await;
    let (key, _) = world.key("acme", None, &BOTH).await;
    let wrong = format!("{key}0");
    assert_eq!(create(&world, &[("user_token", &wrong)]).await.status, 401);
    // Another one: what is known of a key is remembered for a moment.
    let (key, record) = world.key("acme", None, &BOTH).await;
    assert!(world.state.revoke(&record.id, Time::now()).await.unwrap());
    assert_eq!(create(&world, &[("user_token", &key)]).await.status, 401);
}

#[tokio::test]
async fn a_key_does_what_its_scopes_allow() {
    let world = World::start(open()).await;
    let (reader, _) = world.key("acme", None, &[Scope::Read]).await;
    let (writer, _) = world.key("acme", None, &[Scope::Write]).await;
    let id = id_of(&create(&world, &[("user_token", &writer)]).await);
    assert_eq!(create(&world, &[("user_token", &reader)]).await.status, 403);
    for (method, path) in others(&id) {
        let key = if method == "GET" { &writer } else { &reader };
        let answer = world.with(key, method, &path, r#"{"message": "x"}"#).await;
        assert_eq!(answer.status, 403, "{method} {path}");
    }
}

#[tokio::test]
async fn tenants_and_users_do_not_see_each_other() {
    let world = World::start(open()).await;
    let (ann, _) = world.key("acme", Some("ann"), &BOTH).await;
    let (ben, _) = world.key("acme", Some("ben"), &BOTH).await;
    let (other, _) = world.key("other", None, &BOTH).await;
    let (session, _) = world.begin("a stranger's").await;
    let id = id_of(&create(&world, &[("user_token", &ann)]).await);
    for stranger in [&ben, &other, &session] {
        for (method, path) in others(&id).into_iter().skip(1) {
            let answer = world
                .with(stranger, method, &path, r#"{"message": "x"}"#)
                .await;
            assert_eq!(answer.status, 404, "{method} {path}");
        }
        let list = world.with(stranger, "GET", "/api/v1/chat", "").await;
        assert!(!list.text().contains(&id));
    }
    let path = format!("/api/v1/chat/{id}");
    assert_eq!(world.with(&ann, "GET", &path, "").await.status, 200);
}

#[tokio::test]
async fn a_session_lives_as_long_as_its_token_and_the_secret() {
    let world = World::start(FacadeConfig {
        signing_key: Some("the secret".into()),
        ..open()
    })
    .await;
    let (token, id) = world.begin("mine").await;
    let path = format!("/api/v1/chat/{id}");
    let claims = token.split('.').nth(1).unwrap();
    assert!(!claims.is_empty());
    let subject = jsonwebtoken::dangerous::insecure_decode_claims::<serde_json::Value>(&token)
        .unwrap()["sub"]
        .as_str()
        .unwrap()
        .to_owned();
    let renewed = signed("the secret", &subject, 60);
    assert_eq!(world.with(&renewed, "GET", &path, "").await.status, 200);
    for bad in [
        signed("the secret", &subject, -1),
        signed("another secret", &subject, 60),
    ] {
        assert_eq!(world.with(&bad, "GET", &path, "").await.status, 401);
    }
}

#[tokio::test]
async fn a_new_token_says_no_more_than_the_vendors() {
    let world = World::start(open()).await;
    let (token, _) = world.begin("claims").await;
    let header = jsonwebtoken::decode_header(&token).unwrap();
    assert_eq!(header.alg, jsonwebtoken::Algorithm::HS256);
    let claims: serde_json::Map<String, serde_json::Value> =
        jsonwebtoken::dangerous::insecure_decode_claims(&token).unwrap();
    let mut names: Vec<&str> = claims.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["exp", "iat", "sub"]);
    let seconds = |name: &str| claims[name].as_i64().unwrap();
    assert_eq!(seconds("exp") - seconds("iat"), 86_400);
    assert_eq!(claims["sub"].as_str().unwrap().len(), 36);
}

#[tokio::test]
async fn whoever_removes_the_secret_ends_all_sessions() {
    let world = World::start(open()).await;
    let (token, _) = world.begin("before").await;
    let list = async || world.with(&token, "GET", "/api/v1/chat", "").await.status;
    assert_eq!(list().await, 200);
    let name = CredentialName {
        backend: "facade/datamonkey".into(),
        reference: "sessions".into(),
    };
    assert!(
        world.state.get(&name).await.unwrap().is_some(),
        "kept sealed"
    );
    world.state.remove(&name).await.unwrap();
    assert_eq!(list().await, 401);
    let (token, _) = world.begin("after").await;
    let again = world.with(&token, "GET", "/api/v1/chat", "").await;
    assert_eq!(again.status, 200);
}

#[tokio::test]
async fn only_so_many_users_are_made_in_a_minute() {
    let world = World::start(FacadeConfig {
        anonymous: Some(Anonymous {
            tenant: "public".into(),
            sessions_per_minute: NonZeroU32::new(2).unwrap(),
        }),
        signing_key: None,
    })
    .await;
    let (token, _) = world.begin("one").await;
    world.begin("two").await;
    let refused = create(&world, &[]).await;
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let again = create(&world, &[("user_token", &token)]).await;
    assert_eq!(again.status, 201, "a user that is there is not counted");
}
