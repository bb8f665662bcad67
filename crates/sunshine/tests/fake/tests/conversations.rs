//! Users, conversations and participants.

use serde_json::{Value, json};

use crate::fake::{FakeOptions, FakeSunshine};
use crate::support::{Caller, assert_refused, furnished};

#[tokio::test]
async fn users_are_found_by_both_ids() {
    let fake = FakeSunshine::start().await;
    let caller = Caller::new(&fake);
    let body = json!({"externalId": "a/b c", "profile": {"givenName": "Ada", "surname": null}, "metadata": {"n": 1}});
    let (status, created) = caller.send("POST", &["users"], &body).await;
    assert_eq!(status, 201);
    let id = created["user"]["id"].as_str().unwrap();
    assert!(
        id.len() == 24 && id.bytes().all(|byte| b"0123456789abcdef".contains(&byte)),
        "{id}"
    );
    assert_eq!(created["user"]["profile"], json!({"givenName": "Ada"}));
    assert_refused(
        &caller.send("POST", &["users"], &body).await,
        409,
        "conflict",
    );
    for name in [id, "a/b c"] {
        assert_eq!(
            caller.get(&["users", name], &[]).await,
            (200, created.clone())
        );
    }
    let (_, patched) = caller
        .send(
            "PATCH",
            &["users", "a/b c"],
            &json!({"profile": {"surname": "L"}, "metadata": {"m": 2}}),
        )
        .await;
    assert_eq!(
        patched["user"]["profile"],
        json!({"givenName": "Ada", "surname": "L"})
    );
    assert_eq!(patched["user"]["metadata"], json!({"m": 2, "n": 1}));
    assert_eq!(caller.delete(&["users", id]).await, (200, json!({})));
    assert_refused(
        &caller.get(&["users", id], &[]).await,
        404,
        "user_not_found",
    );
}

#[tokio::test]
async fn the_first_personal_conversation_is_the_default_and_stays() {
    let fake = FakeSunshine::start().await;
    let caller = Caller::new(&fake);
    let user = fake.add_user(Some("ada"));
    let personal = json!({"type": "personal", "participants": [{"userExternalId": "ada"}], "displayName": "T", "metadata": {"a": 1}});
    let (status, first) = caller.send("POST", &["conversations"], &personal).await;
    assert_eq!(
        (status, &first["conversation"]["isDefault"]),
        (201, &json!(true))
    );
    let (_, second) = caller.send("POST", &["conversations"], &personal).await;
    assert_eq!(second["conversation"]["isDefault"], false);
    let id = |answer: &Value| answer["conversation"]["id"].as_str().unwrap().to_owned();
    assert_refused(
        &caller.delete(&["conversations", &id(&first)]).await,
        400,
        "bad_request",
    );
    assert_eq!(
        caller.delete(&["conversations", &id(&second)]).await,
        (200, json!({}))
    );
    assert_refused(
        &caller.get(&["conversations", &id(&second)], &[]).await,
        404,
        "conversation_not_found",
    );
    let unknown = json!({"type": "sdkGroup", "participants": [{"userId": "f".repeat(24), "subscribeSDKClient": true}]});
    assert_refused(
        &caller.send("POST", &["conversations"], &unknown).await,
        404,
        "user_not_found",
    );
    let (_, changed) = caller
        .send(
            "PATCH",
            &["conversations", &id(&first)],
            &json!({"displayName": null, "metadata": {"b": true}}),
        )
        .await;
    assert_eq!(changed["conversation"].get("displayName"), None);
    assert_eq!(
        changed["conversation"]["metadata"],
        json!({"a": 1, "b": true})
    );
    let (_, listed) = caller
        .get(&["conversations"], &[("filter[userId]", &user)])
        .await;
    assert_eq!(listed["conversations"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn metadata_replaces_where_the_option_says_so() {
    let options = FakeOptions {
        metadata_replaces: true,
        ..FakeOptions::default()
    };
    let (_fake, caller, _, [first, _]) = furnished(options).await;
    for (sent, held) in [
        (json!({"a": 1}), json!({"a": 1})),
        (json!({"b": 2}), json!({"b": 2})),
        (Value::Null, Value::Null),
    ] {
        let (_, changed) = caller
            .send(
                "PATCH",
                &["conversations", &first],
                &json!({"metadata": sent}),
            )
            .await;
        assert_eq!(changed["conversation"]["metadata"], held);
    }
    let large = json!({"metadata": {"a": "x".repeat(5000)}});
    assert_refused(
        &caller
            .send("PATCH", &["conversations", &first], &large)
            .await,
        400,
        "bad_request",
    );
}

#[tokio::test]
async fn lists_of_conversations_page_forwards() {
    let fake = FakeSunshine::start().await;
    let caller = Caller::new(&fake);
    let user = fake.add_user(None);
    let ids: Vec<String> = (0..5).map(|_| fake.add_conversation(&user)).collect();
    let page = async |cursor: &[(&str, &str)]| {
        let query = [
            &[("filter[userId]", user.as_str()), ("page[size]", "2")],
            cursor,
        ]
        .concat();
        let (status, body) = caller.get(&["conversations"], &query).await;
        assert_eq!(status, 200, "{body}");
        let found = body["conversations"].as_array().unwrap();
        let found: Vec<String> = found
            .iter()
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect();
        (found, body)
    };
    let (found, body) = page(&[]).await;
    assert_eq!(found, ids[..2]);
    assert_eq!(
        body["meta"],
        json!({"hasMore": true, "afterCursor": ids[1]})
    );
    assert_eq!(body["links"].get("prev"), None);
    let next = body["links"]["next"].as_str().unwrap();
    assert!(
        next.starts_with(&fake.base_url()) && next.contains(&format!("page%5Bafter%5D={}", ids[1])),
        "{next}"
    );
    let (found, body) = page(&[("page[after]", &ids[3])]).await;
    assert_eq!(
        (found.as_slice(), &body["meta"]),
        (
            &ids[4..],
            &json!({"hasMore": false, "beforeCursor": ids[4]})
        )
    );
    let (found, body) = page(&[("page[before]", &ids[2])]).await;
    assert_eq!(
        (found.as_slice(), &body["meta"]),
        (&ids[..2], &json!({"hasMore": false, "afterCursor": ids[1]}))
    );
    let missing = "f".repeat(24);
    assert_refused(
        &caller
            .get(&["conversations"], &[("filter[userId]", &missing)])
            .await,
        404,
        "user_not_found",
    );
    let both = [
        ("filter[userId]", user.as_str()),
        ("filter[userExternalId]", "x"),
    ];
    assert_refused(
        &caller.get(&["conversations"], &both).await,
        400,
        "bad_request",
    );
}

#[tokio::test]
async fn groups_are_joined_and_left() {
    let options = FakeOptions {
        participants_max: 2,
        ..FakeOptions::default()
    };
    let (fake, caller, user, [personal, _]) = furnished(options).await;
    let (_, created) = caller
        .send("POST", &["conversations"], &json!({"type": "sdkGroup"}))
        .await;
    let group = created["conversation"]["id"].as_str().unwrap();
    let join = async |conversation: &str, user: &str| {
        let body = json!({"userId": user, "subscribeSDKClient": true});
        caller
            .send("POST", &["conversations", conversation, "join"], &body)
            .await
    };
    let (status, joined) = join(group, &user).await;
    assert_eq!(
        (status, &joined["participant"]["userExternalId"]),
        (201, &json!("ada"))
    );
    assert_eq!(
        join(group, &user).await.1["participant"]["id"],
        joined["participant"]["id"]
    );
    let [second, third] = [fake.add_user(None), fake.add_user(None)];
    assert_eq!(join(group, &second).await.0, 201);
    assert_refused(&join(group, &third).await, 400, "bad_request");
    assert_refused(&join(&personal, &second).await, 400, "bad_request");
    let leave = async |body: Value| {
        caller
            .send("POST", &["conversations", group, "leave"], &body)
            .await
    };
    assert_eq!(
        leave(json!({"participantId": joined["participant"]["id"]})).await,
        (200, json!({}))
    );
    assert_refused(
        &leave(json!({"userExternalId": "ada"})).await,
        404,
        "not_found",
    );
    let destination = json!({"author": {"type": "business"}, "destination": {"integrationType": "none"}, "content": {"type": "text", "text": "x"}});
    let post = async |conversation: &str| {
        caller
            .send(
                "POST",
                &["conversations", conversation, "messages"],
                &destination,
            )
            .await
    };
    assert_refused(&post(group).await, 400, "bad_request");
    assert_eq!(post(&personal).await.0, 201);
}
