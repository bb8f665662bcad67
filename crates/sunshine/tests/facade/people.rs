//! Users and participants.

use serde_json::{Value, json};

use crate::world::{UNKNOWN, World, text};

#[tokio::test]
async fn a_user_is_made_found_changed_and_deleted() {
    let world = World::start().await;
    let body = json!({
        "externalId": "ext/1 ü",
        "signedUpAt": "2020-06-23T14:33:47.492Z",
        "profile": {"givenName": "Jane", "email": "Jane@example.org"},
        "metadata": {"lang": "en-ca", "n": 1, "b": true},
    });
    let made = world.ask("POST", "/users", &body).await.json();
    let id = text(&made["user"]["id"]);
    assert_eq!(id.len(), 24);
    assert_eq!(made["user"]["signedUpAt"], "2020-06-23T14:33:47.492Z");
    assert_eq!(made["user"]["metadata"], body["metadata"]);
    let again = world.ask("POST", "/users", &body).await;
    assert_eq!(again.code(), (409, "conflict".to_owned()));
    for name in [id.as_str(), "ext%2F1%20%C3%BC"] {
        let found = world.get(&format!("/users/{name}")).await.json();
        assert_eq!(found["user"]["id"], id);
    }
    for mail in ["jane@example.org", "JANE%40example.org"] {
        let tail = format!("/users?filter[identities.email]={mail}");
        let found = world.get(&tail).await.json();
        assert_eq!(found["users"][0]["id"], id, "{mail}");
    }
    let nobody = world.get("/users?filter[identities.email]=x@y.z").await;
    assert_eq!(nobody.json(), json!({"users": []}));
    assert_eq!(world.get("/users").await.status, 400);
    let change = json!({"profile": {"surname": "Doe", "email": null}});
    let changed = world
        .ask("PATCH", "/users/ext%2F1%20%C3%BC", &change)
        .await
        .json();
    let profile = &changed["user"]["profile"];
    assert_eq!(*profile, json!({"givenName": "Jane", "surname": "Doe"}));
    let gone = world
        .get("/users?filter[identities.email]=jane@example.org")
        .await;
    assert_eq!(gone.json(), json!({"users": []}));
    let deleted = world
        .ask("DELETE", &format!("/users/{id}"), &Value::Null)
        .await;
    assert_eq!((deleted.status, deleted.json()), (200, json!({})));
    for name in [id.as_str(), "ext%2F1%20%C3%BC", UNKNOWN] {
        let answer = world.get(&format!("/users/{name}")).await;
        assert_eq!(answer.code(), (404, "user_not_found".to_owned()));
    }
    assert_eq!(world.ask("POST", "/users", &body).await.status, 201);
}

#[tokio::test]
async fn a_user_that_cannot_be_is_refused() {
    let world = World::start().await;
    for body in [
        json!({"externalId": ""}),
        json!({"externalId": "x".repeat(1_025)}),
        json!({"profile": {"email": "nobody"}}),
        json!({"profile": {"givenName": ""}}),
        json!({"profile": {"avatarUrl": "nowhere"}}),
        json!({"metadata": {"a": {}}}),
        json!({"signedUpAt": "yesterday"}),
    ] {
        let answer = world.ask("POST", "/users", &body).await;
        assert_eq!(answer.code(), (400, "bad_request".to_owned()), "{body}");
    }
}

#[tokio::test]
async fn a_group_is_joined_listed_and_left_in_each_way() {
    let world = World::start().await;
    let first = world.user("p0").await;
    let body = json!({
        "type": "sdkGroup",
        "participants": [{"userId": first, "subscribeSDKClient": false}],
    });
    let made = world.ask("POST", "/conversations", &body).await.json();
    let group = text(&made["conversation"]["id"]);
    assert_eq!(made["conversation"]["type"], "sdkGroup");
    let mut users = vec![first];
    for number in 1..4 {
        let id = world.user(&format!("p{number}")).await;
        let tail = format!("/conversations/{group}/join");
        let body = json!({"userId": id, "subscribeSDKClient": true});
        let joined = world.ask("POST", &tail, &body).await;
        assert_eq!(joined.status, 201);
        let joined = &joined.json()["participant"];
        assert_eq!(joined["userId"], id);
        assert_eq!(joined["userExternalId"], format!("p{number}"));
        users.push(id);
    }
    let tail = format!("/conversations/{group}/participants");
    let page = world.get(&format!("{tail}?page[size]=3")).await.json();
    assert_eq!(page["participants"].as_array().unwrap().len(), 3);
    assert_eq!(page["meta"]["hasMore"], true);
    let cursor = text(&page["meta"]["afterCursor"]);
    assert!(text(&page["links"]["next"]).contains(&cursor));
    let rest = format!("{tail}?page={{\"size\":3,\"after\":\"{cursor}\"}}");
    let rest = rest
        .replace('"', "%22")
        .replace('{', "%7B")
        .replace('}', "%7D");
    let rest = world.get(&rest).await.json();
    assert_eq!(rest["participants"][0]["userId"], users[3]);
    assert_eq!(rest["meta"]["hasMore"], false);
    let leave = format!("/conversations/{group}/leave");
    for body in [
        json!({"userId": users[1]}),
        json!({"userExternalId": "p2"}),
        json!({"participantId": rest["participants"][0]["id"]}),
    ] {
        let left = world.ask("POST", &leave, &body).await;
        assert_eq!((left.status, left.json()), (200, json!({})), "{body}");
    }
    let gone = world
        .ask("POST", &leave, &json!({"userId": users[1]}))
        .await;
    assert_eq!(gone.code(), (404, "not_found".to_owned()));
    let left = world.get(&tail).await.json();
    assert_eq!(left["participants"].as_array().unwrap().len(), 1);
    let nobody = world.ask("POST", &leave, &json!({"userId": UNKNOWN})).await;
    assert_eq!(nobody.code(), (404, "user_not_found".to_owned()));
}

#[tokio::test]
async fn personal_conversations_are_neither_joined_nor_left() {
    let world = World::start().await;
    let user = world.user("ann").await;
    let id = world.personal(&user).await;
    let body = json!({"userId": user, "subscribeSDKClient": true});
    let tail = format!("/conversations/{id}/join");
    assert_eq!(world.ask("POST", &tail, &body).await.code().0, 400);
    let body = json!({"userId": user});
    let tail = format!("/conversations/{id}/leave");
    assert_eq!(world.ask("POST", &tail, &body).await.code().0, 400);
}

#[tokio::test]
async fn reading_moves_marks() {
    let world = World::start().await;
    let user = world.user("ann").await;
    let id = world.personal(&user).await;
    world.say(&id, "unread").await;
    let marks = async || {
        let tail = format!("/conversations/{id}/participants");
        let listed = world.get(&tail).await.json();
        let one = &listed["participants"][0];
        (
            one["unreadCount"].as_i64().unwrap(),
            one["lastRead"].is_string(),
        )
    };
    assert_eq!(marks().await, (1, false));
    let tail = format!("/conversations/{id}/activity");
    let body = json!({"author": {"type": "user", "userId": user}, "type": "conversation:read"});
    let read = world.ask("POST", &tail, &body).await;
    assert_eq!((read.status, read.json()), (200, json!({})));
    assert_eq!(marks().await, (0, true));
    for kind in ["typing:start", "typing:stop", "conversation:read"] {
        let body = json!({"author": {"type": "business"}, "type": kind});
        assert_eq!(world.ask("POST", &tail, &body).await.status, 200, "{kind}");
    }
    let found = world.get(&format!("/conversations/{id}")).await.json();
    assert!(found["conversation"]["businessLastRead"].is_string());
    let typing = json!({"author": {"type": "user", "userId": user}, "type": "typing:start"});
    assert_eq!(world.ask("POST", &tail, &typing).await.code().0, 400);
    let unknown = json!({"author": {"type": "business"}, "type": "sleeping"});
    assert_eq!(world.ask("POST", &tail, &unknown).await.code().0, 400);
}

#[tokio::test]
async fn with_a_user_go_the_personal_conversations() {
    let world = World::start().await;
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let own = world.personal(&ann).await;
    let body = json!({"type": "sdkGroup", "participants": [
        {"userId": ann, "subscribeSDKClient": true},
        {"userExternalId": "bob", "subscribeSDKClient": true},
    ]});
    let group = world.ask("POST", "/conversations", &body).await.json();
    let group = text(&group["conversation"]["id"]);
    let deleted = world.ask("DELETE", "/users/ann", &Value::Null).await;
    assert_eq!(deleted.status, 200);
    assert_eq!(
        world.get(&format!("/conversations/{own}")).await.status,
        404
    );
    let left = world
        .get(&format!("/conversations/{group}/participants"))
        .await
        .json();
    assert_eq!(left["participants"].as_array().unwrap().len(), 1);
    assert_eq!(left["participants"][0]["userId"], bob);
}

#[tokio::test]
async fn nobody_is_taken_for_who_is_reached_under_their_name() {
    let world = World::start().await;
    let mail = "ann@example.org";
    let other = json!({"externalId": "bob", "profile": {"email": mail}});
    let other = world.ask("POST", "/users", &other).await.json();
    let bob = text(&other["user"]["id"]);
    let of_bob = world.personal(&bob).await;
    let ann = world.user(mail).await;
    let listed = async |user: &str| {
        let tail = format!("/conversations?filter[userId]={user}");
        let rows = world.get(&tail).await.json()["conversations"].clone();
        let rows = rows.as_array().unwrap().clone();
        let row = |row: &Value| (text(&row["id"]), row["isDefault"].as_bool().unwrap());
        rows.iter().map(row).collect::<Vec<_>>()
    };
    assert_eq!(listed(&ann).await, []);
    let of_ann = world.personal(&ann).await;
    assert_eq!(listed(&ann).await, [(of_ann.clone(), true)]);
    assert_eq!(listed(&bob).await, [(of_bob, true)]);
    let default = world
        .ask("DELETE", &format!("/conversations/{of_ann}"), &Value::Null)
        .await;
    assert_eq!(default.code(), (400, "bad_request".to_owned()));
}

#[tokio::test]
async fn nobody_is_called_by_another_users_id() {
    let world = World::start().await;
    let made = world.ask("POST", "/users", &json!({})).await.json();
    let id = text(&made["user"]["id"]);
    let taken = world
        .ask("POST", "/users", &json!({"externalId": id}))
        .await;
    assert_eq!(taken.code(), (409, "conflict".to_owned()));
    assert_eq!(world.user(UNKNOWN).await.len(), 24);
}
