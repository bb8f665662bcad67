//! Addresses and queries that nobody means well: no answer is 500, and each has the form of a refusal.

use backend::Scope;
use serde_json::json;

use crate::support::World;

#[tokio::test]
async fn paths_and_queries_may_be_any_bytes() {
    let world = World::start().await;
    let ids = [
        "%00",
        "%ff%fe",
        "%c3%28",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e",
        "'%20OR%201=1--",
        "msg_%00",
        "conv_7zzzzzzzzzzzzzzzzzzzzzzzzz",
        "conv_zzzzzzzzzzzzzzzzzzzzzzzzzz",
        "msg_7zzzzzzzzzzzzzzzzzzzzzzzzz",
        &"x".repeat(4_000),
        &"%F0%9F%90%89".repeat(200),
    ];
    for id in ids {
        for (method, path) in [
            ("GET", format!("/v1/conversations/{id}")),
            ("GET", format!("/v1/messages/{id}")),
            ("GET", format!("/v1/labels/{id}")),
            ("GET", format!("/v1/contacts/{id}")),
            ("GET", format!("/v1/channels/{id}")),
            ("GET", format!("/v1/events/{id}")),
            ("GET", format!("/v1/events/event_{id}")),
            ("GET", format!("/v1/attachments/{id}/download")),
            ("DELETE", format!("/v1/attachments/{id}")),
            ("DELETE", format!("/v1/labels/{id}")),
        ] {
            world.bytes(method, &path, b"").await.is_problem(404);
        }
        for list in [
            "conversations",
            "messages",
            "labels",
            "contacts",
            "channels",
            "events",
        ] {
            let answer = world
                .bytes("GET", &format!("/v1/{list}?cursor={id}"), b"")
                .await;
            answer.is_problem(400);
            // A filter that nothing fits, or one that is none.
            let path = format!(
                "/v1/{list}?conversation_id={id}&object_id={id}&label_ids={id}&keyword={id}&channel_ids={id}&channel_id={id}"
            );
            let answer = world.bytes("GET", &path, b"").await;
            assert!(
                matches!(answer.status, 200 | 400 | 404),
                "{path}: {answer:?}"
            );
            if answer.status == 200 && !matches!(list, "channels" | "labels") {
                assert_eq!(answer.ids(), Vec::<String>::new(), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_address_leads_nowhere() {
    let world = World::start().await;
    for path in [
        "/v1/labels/%",
        "/v1/messages/%zz",
        "/v1/%00",
        "/v1/labels/../labels",
        "///v1/labels",
    ] {
        let answer = world.send("GET", path, Some(&world.key), "", b"").await;
        answer.is_problem(404);
    }
}

#[tokio::test]
async fn limits_are_numbers_from_one_to_the_most() {
    let world = World::start().await;
    for list in [
        "conversations",
        "messages",
        "labels",
        "contacts",
        "channels",
        "events",
    ] {
        for limit in [
            "0",
            "-1",
            "501",
            "99999999999999999999999",
            "-9223372036854775808",
            "1e2",
            "0x10",
            "1.0",
            "%31%00",
            "",
            "\u{664}",
        ] {
            let path = format!("/v1/{list}?limit={limit}");
            world.bytes("GET", &path, b"").await.is_problem(400);
        }
        world
            .bytes("GET", &format!("/v1/{list}?limit=1"), b"")
            .await
            .ok();
    }
}

#[tokio::test]
async fn cursors_lead_on_in_their_own_list_only() {
    let world = World::start().await;
    let conversation = world.conversation().await;
    let other = world.conversation().await;
    for second in 0..3 {
        let date = format!("2024-03-06T19:29:0{second}.000Z");
        world.said(&conversation, "x", &date).await;
        world.said(&other, "x", &date).await;
        world
            .post("/v1/labels", json!({"name": format!("{second}")}))
            .await
            .ok();
    }
    let of = |id: &str| format!("/v1/messages?conversation_id={id}&limit=1");
    let lists = [
        of(&conversation),
        of(&other),
        "/v1/messages?limit=1".to_owned(),
        "/v1/conversations?limit=1".to_owned(),
        "/v1/labels?limit=1".to_owned(),
        "/v1/contacts?limit=1".to_owned(),
        "/v1/events?limit=1".to_owned(),
    ];
    let mut cursors = Vec::new();
    for list in &lists {
        let page = world.get(list).await.ok();
        cursors.push(page["next_cursor"].as_str().unwrap().to_owned());
    }
    let stranger = world.key_of("other", None, Scope::ALL).await;
    for (at, list) in lists.iter().enumerate() {
        for (from, cursor) in cursors.iter().enumerate() {
            let path = format!("{list}&cursor={cursor}");
            match at == from {
                true => drop(world.get(&path).await.ok()),
                false => world.get(&path).await.is_problem(400),
            }
            // Another tenant's cursor shows nothing.
            let answer = world.send("GET", &path, Some(&stranger), "", b"").await;
            answer.check("GET", &path);
            match answer.status {
                200 => assert_eq!(answer.ids(), Vec::<String>::new(), "{path}"),
                status => assert!(matches!(status, 400 | 404), "{path}: {answer:?}"),
            }
        }
    }
}
