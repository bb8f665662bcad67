//! Pages of messages.

use serde_json::{Value, json};

use crate::world::{World, text};

/// More than two pages.
const MESSAGES: usize = 230;

fn ids_of(page: &Value) -> Vec<String> {
    let rows = page["messages"].as_array().unwrap();
    rows.iter().map(|row| text(&row["id"])).collect()
}

async fn filled(world: &World) -> (String, Vec<String>) {
    let user = world.user("ann").await;
    let id = world.personal(&user).await;
    let mut ids = Vec::new();
    for number in 0..MESSAGES {
        ids.push(world.say(&id, &number.to_string()).await);
    }
    (format!("/conversations/{id}/messages"), ids)
}

#[tokio::test]
async fn messages_are_walked_backwards_and_forwards_in_both_spellings() {
    let world = World::start().await;
    let (tail, ids) = filled(&world).await;
    let (mut found, mut query) = (Vec::new(), String::new());
    loop {
        let page = world.get(&format!("{tail}{query}")).await.json();
        drop(found.splice(0..0, ids_of(&page)));
        if page["meta"]["hasMore"] == json!(false) {
            assert_eq!(page["meta"].get("beforeCursor"), None);
            break;
        }
        let cursor = text(&page["meta"]["beforeCursor"]);
        assert!(text(&page["links"]["prev"]).contains(&cursor));
        // The size counts for nothing, though clients send one.
        query = format!("?page=%7B%22before%22%3A%22{cursor}%22%2C%22size%22%3A25%7D");
    }
    assert_eq!(found, ids);
    let mut found = ids[..1].to_vec();
    loop {
        let cursor = found.last().unwrap();
        let page = world.get(&format!("{tail}?page%5Bafter%5D={cursor}")).await;
        let page = page.json();
        found.extend(ids_of(&page));
        if page["meta"]["hasMore"] == json!(false) {
            break;
        }
        assert_eq!(text(&page["meta"]["afterCursor"]), *found.last().unwrap());
    }
    assert_eq!(found, ids);
    let all = world
        .get(&format!("{tail}?page[after]={}", "0".repeat(24)))
        .await;
    assert_eq!(ids_of(&all.json()), ids[..100]);
}

#[tokio::test]
async fn a_cursor_whose_message_is_gone_still_leads_on() {
    let world = World::start().await;
    let (tail, ids) = filled(&world).await;
    let gone = world
        .ask("DELETE", &format!("{tail}/{}", ids[150]), &Value::Null)
        .await;
    assert_eq!(gone.status, 200);
    let page = world
        .get(&format!("{tail}?page[before]={}", ids[150]))
        .await
        .json();
    let before = ids_of(&page);
    // What was said in the same millisecond is told apart by hash: nothing older is missing all the same.
    assert!(
        before.len() == 100 && before.contains(&ids[100]),
        "{before:?}"
    );
    let short = world.get(&format!("{tail}?page[before]=short")).await;
    assert_eq!(short.code(), (400, "bad_request".to_owned()));
    let none = world
        .get(&format!("{tail}?page[before]={}", "x".repeat(24)))
        .await;
    assert_eq!(none.code(), (400, "bad_request".to_owned()));
}

#[tokio::test]
async fn a_cursor_before_all_messages_leads_to_the_first() {
    let world = World::start().await;
    let user = world.user("ann").await;
    let id = world.personal(&user).await;
    let said = world.say(&id, "first").await;
    let tail = format!("/conversations/{id}/messages");
    let early = "000000000001aaaaaaaaaaaa";
    let before = world.get(&format!("{tail}?page[before]={early}")).await;
    assert_eq!(ids_of(&before.json()), Vec::<String>::new());
    let after = world.get(&format!("{tail}?page[after]={early}")).await;
    assert_eq!(ids_of(&after.json()), [said]);
    let gone = world
        .ask("DELETE", &format!("{tail}/{early}"), &Value::Null)
        .await;
    assert_eq!(gone.code(), (404, "conversation_not_found".to_owned()));
}
