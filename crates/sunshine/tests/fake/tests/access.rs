//! Credentials, unknown paths, and requests that the description forbids.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::fake::{APP_ID, FakeOptions, KEY_ID, SECRET};
use crate::support::{Caller, answered, assert_refused, furnished};

#[tokio::test]
async fn only_the_key_or_a_token_signed_with_its_secret_may_ask() {
    let (fake, caller, _, [first, _]) = furnished(FakeOptions::default()).await;
    let segments = ["v2", "apps", APP_ID, "conversations", &first];
    assert_refused(
        &answered(caller.0.get(&segments)).await,
        401,
        "unauthorized",
    );
    let wrong = SecretString::from("wrong");
    assert_refused(
        &answered(caller.0.get(&segments).basic(KEY_ID, &wrong)).await,
        401,
        "unauthorized",
    );
    let token = |key_id: &str, secret: &str, claims: &Value| {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(key_id.to_owned());
        let key = EncodingKey::from_secret(secret.as_bytes());
        SecretString::from(encode(&header, claims, &key).unwrap())
    };
    for (token, status) in [
        (token(KEY_ID, SECRET, &json!({"scope": "app"})), 200),
        (token(KEY_ID, SECRET, &json!({"scope": "account"})), 403),
        (token(KEY_ID, SECRET, &json!({"scope": "user"})), 403),
        (token(KEY_ID, SECRET, &json!({})), 401),
        (
            token(KEY_ID, SECRET, &json!({"scope": "app", "exp": 1})),
            401,
        ),
        (
            token(KEY_ID, "another secret", &json!({"scope": "app"})),
            401,
        ),
        (token("app_other", SECRET, &json!({"scope": "app"})), 401),
    ] {
        let answer = answered(caller.0.get(&segments).bearer(&token)).await;
        assert_eq!(answer.0, status, "{answer:?}");
    }
    let below = Caller::at(&format!("{}/sc", fake.base_url()));
    assert_eq!(below.get(&["conversations", &first], &[]).await.0, 200);
}

#[tokio::test]
async fn another_app_and_unknown_paths_are_not_found() {
    let (fake, caller, ..) = furnished(FakeOptions::default()).await;
    fake.expect_violations();
    let secret = SecretString::from(SECRET);
    let other = caller
        .0
        .get(&["v2", "apps", "0".repeat(24).as_str(), "users", "x"]);
    assert_refused(
        &answered(other.basic(KEY_ID, &secret)).await,
        404,
        "app_not_found",
    );
    assert_refused(&caller.get(&["nothing"], &[]).await, 404, "not_found");
    assert_refused(&caller.delete(&["conversations"]).await, 404, "not_found");
    assert_eq!(fake.violations().len(), 2, "{:?}", fake.violations());
}

#[tokio::test]
async fn requests_that_the_description_forbids_are_named_and_refused() {
    let (fake, caller, user, [first, _]) = furnished(FakeOptions::default()).await;
    fake.expect_violations();
    let long = json!({"displayName": "x".repeat(101)});
    let answers = [
        caller.send("PATCH", &["conversations", &first], &long).await,
        caller.send("PATCH", &["conversations", &first], &json!({"displayname": "x"})).await,
        caller.get(&["conversations"], &[("filter[userId]", &user), ("page[size]", "101")]).await,
        caller.get(&["conversations"], &[("filter[userId]", &user), ("page[after]", "short")]).await,
        caller.get(&["conversations"], &[]).await,
        caller.say(&first, json!({"type": "formResponse", "fields": [{"type": "text", "name": "n", "label": "l"}]})).await,
    ];
    for answer in &answers {
        assert_refused(answer, 400, "bad_request");
    }
    assert_eq!(
        fake.violations().len(),
        answers.len(),
        "{:#?}",
        fake.violations()
    );
}
