//! Who may ask, and what is no request.

use std::time::{SystemTime, UNIX_EPOCH};

use backend::Scope;
use backend::ports::{CredentialName, Credentials as _, Keys as _};
use conversation::Time;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::client::send;
use crate::credentials::basic;
use crate::world::{APP, TENANT, UNKNOWN, World};

#[tokio::test]
async fn a_key_opens_in_both_spellings_and_nothing_else_does() {
    let world = World::start().await;
    let key = world.key(TENANT, None, &[Scope::Read]).await;
    let ask = async |authorization: &str| {
        let tail = format!("/users/{UNKNOWN}");
        world
            .ask_as(authorization, "GET", &tail, &Value::Null)
            .await
            .code()
    };
    let good = (404, "user_not_found".to_owned());
    let bad = (401, "unauthorized".to_owned());
    assert_eq!(ask(&key.basic()).await, good);
    assert_eq!(ask(&basic("anything", &key.whole)).await, good);
    assert_eq!(ask(&basic(&key.id, "wrong")).await, bad);
    assert_eq!(ask(&basic("wrong", key.secret())).await, bad);
    assert_eq!(ask("Basic %%%").await, bad);
    assert_eq!(ask("Digest x").await, bad);
    assert_eq!(ask(&format!("Bearer {}", key.whole)).await, bad);
    let path = format!("/v2/apps/{APP}/users/{UNKNOWN}");
    let without = send(world.address, "GET", &path, &[], b"").await;
    assert_eq!(without.code(), bad);
}

pub(crate) fn token(id: &str, secret: &str, claims: &Value) -> String {
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(id.to_owned());
    let key = EncodingKey::from_secret(secret.as_bytes());
    format!("Bearer {}", encode(&header, claims, &key).unwrap())
}

#[tokio::test]
async fn a_signed_token_opens_as_long_as_it_and_its_key_are_good() {
    let world = World::start().await;
    let key = world.key(TENANT, None, &[Scope::Read]).await;
    let name = CredentialName {
        backend: "facade/sunshine".into(),
        reference: format!("signing/{}", key.id).into(),
    };
    let secret = "a signing secret of enough length";
    world.state.put(&name, &secret.into()).await.unwrap();
    let ask = async |authorization: &str| {
        let tail = format!("/users/{UNKNOWN}");
        let answer = world.ask_as(authorization, "GET", &tail, &Value::Null);
        answer.await.code().0
    };
    assert_eq!(
        ask(&token(&key.id, secret, &json!({"scope": "app"}))).await,
        404
    );
    assert_eq!(
        ask(&token(&key.id, secret, &json!({"scope": "user"}))).await,
        403
    );
    assert_eq!(ask(&token(&key.id, secret, &json!({}))).await, 401);
    assert_eq!(
        ask(&token(&key.id, "another", &json!({"scope": "app"}))).await,
        401
    );
    assert_eq!(
        ask(&token("unknown", secret, &json!({"scope": "app"}))).await,
        401
    );
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    for seconds in [30, 3_600] {
        let past = json!({"scope": "app", "exp": now - seconds});
        assert_eq!(ask(&token(&key.id, secret, &past)).await, 401);
    }
    assert_eq!(
        ask(&token(&key.id, secret, &json!({"scope": "app", "exp": 1}))).await,
        401
    );
    // Made by a clock that is ahead of ours, by a little and by more than clocks differ.
    for (seconds, status) in [(0, 404), (240, 404), (3_600, 401)] {
        let (from, to) = (now + seconds, now + seconds + 3_600);
        let early = json!({"scope": "app", "nbf": from, "iat": from, "exp": to});
        let answer = ask(&token(&key.id, secret, &early)).await;
        assert_eq!(answer, status, "{seconds} s ahead");
    }
}

#[tokio::test]
async fn keys_that_are_over_open_nothing() {
    let world = World::start().await;
    let past: Time = "2020-02-02T02:02:02.020Z".parse().unwrap();
    let expired = world.key_until(TENANT, None, Scope::ALL, Some(past)).await;
    let revoked = world.key(TENANT, None, Scope::ALL).await;
    world.state.revoke(&revoked.id, Time::now()).await.unwrap();
    let secret = "a signing secret of enough length";
    for key in [expired, revoked] {
        let name = CredentialName {
            backend: "facade/sunshine".into(),
            reference: format!("signing/{}", key.id).into(),
        };
        world.state.put(&name, &secret.into()).await.unwrap();
        let signed = token(&key.id, secret, &json!({"scope": "app"}));
        for authorization in [key.basic(), basic("anything", &key.whole), signed] {
            let tail = format!("/users/{UNKNOWN}");
            let answer = world.ask_as(&authorization, "GET", &tail, &Value::Null);
            assert_eq!(answer.await.code(), (401, "unauthorized".to_owned()));
        }
    }
}

#[tokio::test]
async fn a_key_does_only_what_it_may() {
    let world = World::start().await;
    let reader = world.key(TENANT, None, &[Scope::Read]).await.basic();
    let body = json!({"externalId": "ann"});
    let refused = world.ask_as(&reader, "POST", "/users", &body).await;
    assert_eq!(refused.code(), (403, "forbidden".to_owned()));
}

#[tokio::test]
async fn what_is_no_route_is_not_found() {
    let world = World::start().await;
    for (method, tail) in [
        ("PUT", "/conversations"),
        ("GET", "/nothing"),
        ("GET", ""),
        ("POST", "/conversations/x/passControl"),
        ("DELETE", "/users"),
    ] {
        let answer = world.ask(method, tail, &Value::Null).await;
        assert_eq!(
            answer.code(),
            (404, "not_found".to_owned()),
            "{method} {tail}"
        );
    }
    let headers = [("authorization", &*world.authorization)];
    let path = format!("/v2/apps/{UNKNOWN}/users/x");
    let answer = send(world.address, "GET", &path, &headers, b"").await;
    assert_eq!(answer.code(), (404, "app_not_found".to_owned()));
}

#[tokio::test]
async fn what_is_no_body_is_refused() {
    let world = World::start().await;
    let as_json = "application/json";
    let deep = format!("{{\"metadata\":{}{}}}", "[".repeat(200), "]".repeat(200));
    for body in ["{", "", "[]", "null", "{\"type\":1}", &deep, "\u{feff}{}"] {
        let answer = world
            .raw(
                &world.authorization,
                "POST",
                "/conversations",
                as_json,
                body.as_bytes(),
            )
            .await;
        assert_eq!(answer.code(), (400, "bad_request".to_owned()), "{body}");
    }
    let form = "application/x-www-form-urlencoded";
    let answer = world
        .raw(&world.authorization, "POST", "/users", form, b"a=b")
        .await;
    assert_eq!(answer.status, 415);
    let large = format!("{{\"externalId\":\"{}\"}}", "x".repeat(103_000));
    let answer = world
        .raw(
            &world.authorization,
            "POST",
            "/users",
            as_json,
            large.as_bytes(),
        )
        .await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn tenants_know_nothing_of_each_other() {
    let world = World::start().await;
    let user = world.user("ann").await;
    let conversation = world.personal(&user).await;
    let scopes = [Scope::Read, Scope::Write, Scope::ActAs];
    let other = world.key("other", None, &scopes).await.basic();
    for (tail, code) in [
        (format!("/users/{user}"), "user_not_found"),
        ("/users/ann".to_owned(), "user_not_found"),
        (
            format!("/conversations/{conversation}"),
            "conversation_not_found",
        ),
        (
            format!("/conversations/{conversation}/messages"),
            "not_found",
        ),
        (
            format!("/conversations?filter[userId]={user}"),
            "user_not_found",
        ),
    ] {
        let answer = world.ask_as(&other, "GET", &tail, &Value::Null).await;
        assert_eq!(answer.code(), (404, code.to_owned()), "{tail}");
    }
}

#[tokio::test]
async fn a_key_of_one_end_user_sees_nobody_else() {
    let world = World::start().await;
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let (of_ann, of_bob) = (world.personal(&ann).await, world.personal(&bob).await);
    let key = world
        .key(TENANT, Some("ann"), &[Scope::Read, Scope::Write])
        .await;
    let ask = async |tail: String| {
        let authorization = key.basic();
        let answer = world.ask_as(&authorization, "GET", &tail, &Value::Null);
        answer.await.status
    };
    assert_eq!(ask(format!("/users/{ann}")).await, 200);
    assert_eq!(ask(format!("/users/{bob}")).await, 404);
    assert_eq!(ask(format!("/conversations/{of_ann}")).await, 200);
    assert_eq!(ask(format!("/conversations/{of_bob}")).await, 404);
    assert_eq!(
        ask(format!("/conversations?filter[userId]={bob}")).await,
        404
    );
}
