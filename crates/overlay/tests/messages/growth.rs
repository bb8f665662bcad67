//! A conversation that grows past the gateway.

use conversation::{MessagePatch, Part, Patch, Role};

use backend::{Backend as _, Order, PageRequest};

use crate::bench::{Bench, asking, cx, ids, texts};
use crate::chatty::Manner;

#[tokio::test]
async fn a_thousand_messages_change_no_place_and_no_kept_field() {
    for counts in [false, true] {
        let bench = Bench::new(Manner {
            counts,
            ..Manner::default()
        });
        let at = bench.create().await;
        bench
            .import(&at, &[(Role::User, "old", "2001-01-01T00:00:00Z")])
            .await;
        bench.post(&at, Role::User, "waits").await;
        bench.ask(&at, asking("now")).await;
        let answer = bench.shown(&at).await[3].id.clone();
        let patch = MessagePatch {
            parts: Patch::Set(vec![Part::text("better words")]),
            metadata: Patch::Set(serde_json::from_str(r#"{"k":[1,2]}"#).unwrap()),
            ..MessagePatch::default()
        };
        bench
            .overlay
            .update_message(&cx(), &at, &answer, patch, None)
            .await
            .unwrap();
        bench.post(&at, Role::User, "last").await;
        let before = bench.shown(&at).await;
        assert_eq!(
            texts(&before),
            ["old", "waits", "now", "better words", "last"]
        );
        for number in 0..1_000 {
            let role = if number % 2 == 0 {
                Role::User
            } else {
                Role::Assistant
            };
            bench
                .chatty
                .said_there(&at.native, role, &format!("there {number}"));
        }
        let page = PageRequest::first(1_000);
        let first = bench
            .overlay
            .list_messages(&cx(), &at, &page)
            .await
            .unwrap();
        assert_eq!(
            first.items[..5],
            before,
            "nothing moved and nothing changed"
        );
        let next = page.after(first.next.unwrap());
        let rest = bench
            .overlay
            .list_messages(&cx(), &at, &next)
            .await
            .unwrap();
        assert_eq!(first.items.len() + rest.items.len(), 1_005);
        let all = texts(&[first.items, rest.items].concat());
        let there: Vec<&String> = all
            .iter()
            .filter(|text| text.starts_with("there"))
            .collect();
        let wanted: Vec<String> = (0..1_000).map(|number| format!("there {number}")).collect();
        assert_eq!(there, wanted.iter().collect::<Vec<_>>());
        let shown = bench
            .overlay
            .get_conversation(&cx().fresh(), &at)
            .await
            .unwrap();
        if counts {
            assert_eq!(shown.counts.unwrap().messages, Some(1_005));
        }
        // And what is asked then comes behind it all.
        bench.ask(&at, asking("after")).await;
        let newest = PageRequest {
            limit: 2,
            order: Order::Desc,
            position: None,
        };
        let newest = bench
            .overlay
            .list_messages(&cx(), &at, &newest)
            .await
            .unwrap();
        assert_eq!(texts(&newest.items)[1], "after");
        let mut unique = ids(&bench.shown(&at).await);
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), 1_007);
    }
}

#[tokio::test]
async fn what_is_deleted_past_the_gateway_is_gone_and_ours_stays() {
    let bench = Bench::new(Manner::default());
    let at = bench.create().await;
    bench.post(&at, Role::User, "waits").await;
    bench.ask(&at, asking("now")).await;
    let there = bench.chatty.said_there(&at.native, Role::User, "there");
    assert_eq!(bench.texts(&at).await.len(), 4);
    let carrier = "v000002".parse().unwrap();
    assert_eq!(bench.chatty.texts(&at.native)[0], "waits\n\nnow");
    for id in [&there, &carrier] {
        bench.chatty.deleted_there(&at.native, id);
    }
    let wanted = ["waits", "now", "answer to: waits\n\nnow"];
    assert_eq!(bench.texts(&at).await, wanted);
    let read = bench.overlay.get_message(&cx(), &at, &there).await;
    assert_eq!(read.unwrap_err().kind, backend::Kind::NotFound);
}

#[tokio::test]
async fn a_list_reads_the_messages_again_only_when_the_mark_moved() {
    let bench = Bench::new(Manner::default());
    let at = bench.create().await;
    bench.post(&at, Role::User, "waits").await;
    bench.shown(&at).await;
    let before = bench.chatty.reads();
    for _ in 0..5 {
        bench.shown(&at).await;
    }
    assert_eq!(bench.chatty.reads(), before);
    bench.chatty.said_there(&at.native, Role::User, "there");
    assert_eq!(bench.shown(&at).await.len(), 2);
    assert_eq!(bench.chatty.reads(), before + 1);
}

#[tokio::test]
async fn a_write_reads_the_messages_once_and_one_that_is_known_is_read_alone() {
    let bench = Bench::new(Manner {
        has_mark: false,
        ..Manner::default()
    });
    let at = bench.create().await;
    bench.post(&at, Role::User, "first").await;
    let before = bench.chatty.reads();
    let posted = bench.post(&at, Role::User, "second").await;
    assert_eq!(bench.chatty.reads(), before + 1);
    bench
        .import(&at, &[(Role::User, "old", "2001-01-01T00:00:00Z")])
        .await;
    assert_eq!(bench.chatty.reads(), before + 2);
    let read = bench.overlay.get_message(&cx(), &at, &posted.id).await;
    assert_eq!(read.unwrap(), posted);
    assert_eq!(bench.chatty.reads(), before + 2);
}
