//! Messages: every content, and what is none.

use serde_json::{Value, json};

use crate::world::{UNKNOWN, World, text};

fn item(title: &str) -> Value {
    json!({
        "title": title,
        "description": "An item",
        "mediaUrl": "https://example.org/item.png",
        "actions": [
            {"type": "link", "text": "More", "uri": "https://example.org/more"},
            {"type": "postback", "text": "Take", "payload": title},
        ],
    })
}

/// The same item in an answer.
fn shown(title: &str) -> Value {
    let mut item = item(title);
    item["mediaType"] = "image/png".into();
    item
}

/// What is posted, and what of the answer is more or other than that.
fn contents() -> Vec<(Value, Value)> {
    let actions = json!([
        {"type": "buy", "text": "Buy", "amount": 1_000, "currency": "usd"},
        {"type": "link", "text": "Open", "uri": "https://example.org", "metadata": {"m": "n"}},
        {"type": "locationRequest", "text": "Where?"},
        {"type": "postback", "text": "Press", "payload": "P"},
        {"type": "reply", "text": "Yes", "payload": "Y", "iconUrl": "https://example.org/y.png"},
        {"type": "webview", "text": "See", "uri": "https://example.org/w",
         "fallback": "https://example.org/f", "size": "tall"},
    ]);
    let picture = "https://example.org/cat.png";
    let fields = json!([
        {"type": "text", "name": "name", "label": "Name", "minSize": 2, "maxSize": 20},
        {"type": "email", "name": "mail", "label": "Mail"},
        {"type": "select", "name": "one", "label": "One", "options": [{"name": "a", "label": "A"}]},
    ]);
    let fallback = "Tacos\nAn item\nMore https://example.org/more\nTake";
    vec![
        (json!({"type": "text", "text": "Hello"}), json!({})),
        (
            json!({"type": "text", "text": "Hello", "blockChatInput": true}),
            json!({}),
        ),
        (
            json!({"type": "text", "text": "Choose", "actions": actions}),
            json!({}),
        ),
        (json!({"type": "text", "actions": actions}), json!({})),
        (
            json!({"type": "text", "markdownText": "*so*"}),
            json!({"text": "so", "htmlText": "<p><em>so</em></p>", "markdownText": null}),
        ),
        (
            json!({"type": "text", "htmlText": "<b>so</b>"}),
            json!({"text": "so"}),
        ),
        (
            json!({"type": "image", "mediaUrl": picture}),
            json!({"mediaType": "image/png", "altText": "cat.png"}),
        ),
        (
            json!({"type": "image", "mediaUrl": picture, "altText": "a cat", "text": "look", "actions": actions}),
            json!({"mediaType": "image/png"}),
        ),
        (
            json!({"type": "file", "mediaUrl": "https://example.org/a.pdf"}),
            json!({"mediaType": "application/pdf", "altText": "a.pdf"}),
        ),
        (
            json!({"type": "carousel", "items": [item("Tacos")], "displaySettings": {"imageAspectRatio": "square"}}),
            json!({"text": fallback, "items": [shown("Tacos")]}),
        ),
        (
            json!({"type": "list", "items": [item("Tacos")]}),
            json!({"text": fallback, "items": [shown("Tacos")]}),
        ),
        (
            json!({"type": "form", "fields": fields}),
            json!({"submitted": false}),
        ),
        (
            json!({"type": "location", "coordinates": {"lat": 51.5, "long": -0.25}}),
            json!({"text": "Location shared:\nhttps://maps.google.com/maps?q=51.5,-0.25"}),
        ),
        (
            json!({"type": "template", "template": {"name": "hello", "language": {"code": "en"}}}),
            json!({}),
        ),
    ]
}

#[tokio::test]
async fn every_content_comes_back_as_the_vendor_would_make_it() {
    let world = World::start().await;
    let user = world.user("ann").await;
    let id = world.personal(&user).await;
    let mut posted = Vec::new();
    for (content, more) in contents() {
        let message = world.post(&id, &content).await;
        let mut expected = content.clone();
        for (name, value) in more.as_object().unwrap() {
            match value {
                Value::Null => drop(expected.as_object_mut().unwrap().remove(name)),
                value => expected[name] = value.clone(),
            }
        }
        assert_eq!(message["content"], expected, "{content}");
        assert_eq!(message["source"], json!({"type": "api:conversations"}));
        posted.push(message);
    }
    let listed = world.get(&format!("/conversations/{id}/messages")).await;
    assert_eq!(listed.json()["messages"], Value::Array(posted));
}

#[tokio::test]
async fn authors_and_metadata_come_back() {
    let world = World::start().await;
    let user = world.user("ann").await;
    let id = world.personal(&user).await;
    let tail = format!("/conversations/{id}/messages");
    let content = json!({"type": "text", "text": "Hi"});
    for (author, expected) in [
        (
            json!({"type": "business", "displayName": "Bot", "avatarUrl": "https://example.org/b.png"}),
            json!({"type": "business", "displayName": "Bot", "avatarUrl": "https://example.org/b.png"}),
        ),
        (
            json!({"type": "business", "subtypes": ["AI"]}),
            json!({"type": "business", "subtypes": ["AI"]}),
        ),
        (
            json!({"type": "user", "userId": user}),
            json!({"type": "user", "userId": user, "displayName": "Jane"}),
        ),
        (
            json!({"type": "user", "userExternalId": "ann", "displayName": "Annie"}),
            json!({"type": "user", "userId": user, "displayName": "Annie"}),
        ),
    ] {
        let body = json!({"author": author, "content": content, "metadata": {"src": "x", "n": 1}});
        let answer = world.ask("POST", &tail, &body).await;
        assert_eq!(answer.status, 201);
        let message = &answer.json()["messages"][0];
        assert_eq!(message["author"], expected);
        assert_eq!(message["metadata"], body["metadata"]);
    }
    let found = world.get(&format!("/conversations/{id}")).await.json();
    let listed = world.get(&tail).await.json();
    let last = listed["messages"].as_array().unwrap().last().unwrap();
    assert_eq!(found["conversation"]["lastUpdatedAt"], last["received"]);
}

#[tokio::test]
async fn a_message_that_cannot_be_is_refused() {
    let world = World::start().await;
    let user = world.user("ann").await;
    let stranger = world.user("bob").await;
    let id = world.personal(&user).await;
    let tail = format!("/conversations/{id}/messages");
    let hello = json!({"type": "text", "text": "hello"});
    let business = json!({"type": "business"});
    let no_actions = json!({"title": "One", "actions": []});
    for (author, content) in [
        (json!({}), hello.clone()),
        (json!({"type": "robot"}), hello.clone()),
        (json!({"type": "user"}), hello.clone()),
        (json!({"type": "business", "userId": user}), hello.clone()),
        (json!({"type": "user", "userId": stranger}), hello.clone()),
        (json!({"type": "business", "subtypes": ["agent"]}), hello),
        (business.clone(), Value::Null),
        (business.clone(), json!({"type": "text"})),
        (
            business.clone(),
            json!({"type": "text", "text": "x".repeat(4_097)}),
        ),
        (
            business.clone(),
            json!({"type": "text", "htmlText": "a", "markdownText": "b"}),
        ),
        (business.clone(), json!({"type": "image"})),
        (
            business.clone(),
            json!({"type": "image", "mediaUrl": "nowhere"}),
        ),
        (business.clone(), json!({"type": "carousel", "items": []})),
        (
            business.clone(),
            json!({"type": "carousel", "items": [no_actions]}),
        ),
        (
            business.clone(),
            json!({"type": "list", "items": vec![item("x"); 11]}),
        ),
        (
            business.clone(),
            json!({"type": "form", "fields": [{"type": "text", "name": "a"}]}),
        ),
        (
            business.clone(),
            json!({"type": "formResponse", "fields": [{"type": "text", "name": "a", "label": "A"}]}),
        ),
        (
            business.clone(),
            json!({"type": "location", "coordinates": {"lat": 91, "long": 0}}),
        ),
        (business, json!({"type": "hologram"})),
    ] {
        let body = json!({"author": author, "content": content});
        let answer = world.ask("POST", &tail, &body).await;
        assert_eq!(answer.code(), (400, "bad_request".to_owned()), "{body}");
    }
    let hello = json!({"type": "text", "text": "hello"});
    let nobody = json!({"author": {"type": "user", "userId": UNKNOWN}, "content": hello});
    let answer = world.ask("POST", &tail, &nobody).await;
    assert_eq!(answer.code(), (404, "user_not_found".to_owned()));
    let body = json!({"author": {"type": "business"}, "content": hello});
    let nowhere = format!("/conversations/{UNKNOWN}/messages");
    let answer = world.ask("POST", &nowhere, &body).await;
    assert_eq!(answer.code(), (404, "conversation_not_found".to_owned()));
    let answer = world.get(&nowhere).await;
    assert_eq!(answer.code(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn one_message_goes_then_all() {
    let world = World::start().await;
    let user = world.user("ann").await;
    let id = world.personal(&user).await;
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(world.say(&id, &number.to_string()).await);
    }
    let tail = format!("/conversations/{id}/messages");
    let one = format!("{tail}/{}", ids[1]);
    let deleted = world.ask("DELETE", &one, &Value::Null).await;
    assert_eq!((deleted.status, deleted.json()), (200, json!({})));
    let again = world.ask("DELETE", &one, &Value::Null).await;
    assert_eq!(again.code(), (404, "conversation_not_found".to_owned()));
    let listed = world.get(&tail).await.json();
    let left: Vec<String> = listed["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| text(&message["id"]))
        .collect();
    assert_eq!(left, [ids[0].clone(), ids[2].clone()]);
    assert_eq!(world.ask("DELETE", &tail, &Value::Null).await.status, 200);
    assert_eq!(world.get(&tail).await.json()["messages"], json!([]));
}
