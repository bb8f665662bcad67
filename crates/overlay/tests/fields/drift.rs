//! Drift: found per field, shown by policy, settled by repair; growth is none.

use backend::ports::{Repair as _, RepairSelection, Resolution};
use backend::{Backend as _, ConversationQuery, Level};
use conversation::{NewMessage, RawJson, Role};
use overlay::{DriftPolicy, OverlaySettings};

use crate::support::{Bench, cx, told};

const LONG: &str = "a title that is much longer than twenty characters";

fn kept() -> OverlaySettings {
    OverlaySettings {
        drift: DriftPolicy::Kept,
        ..OverlaySettings::default()
    }
}

fn long() -> String {
    format!(r#"{{"title":"{LONG}","owner":"ann"}}"#)
}

#[tokio::test]
async fn a_field_that_was_changed_there_is_shown_by_policy() {
    let bench = Bench::new(|below| below.refuses = &["owner"]);
    let at = bench.create(&long()).await;
    bench
        .changed_there(&at, r#"{"title":"theirs","description":"new"}"#)
        .await;
    let cx = cx();
    let read = bench.overlay.get_conversation(&cx, &at).await.unwrap();
    assert_eq!(
        (read.title.as_deref(), read.description.as_deref()),
        (Some("theirs"), Some("new"))
    );
    assert_eq!(read.owner.as_deref(), Some("ann"));
    assert_eq!(told(&cx), ["/owner", "/title~"]);
    let marked = bench.drifted(&at).await;
    assert_eq!(marked.len(), 1);
    let drift = marked[0].drift.clone().unwrap();
    assert_eq!(drift.value, Some(RawJson::string("theirs")));
    assert_eq!(
        marked[0].value,
        Some(RawJson::string(LONG)),
        "nothing is deleted"
    );

    let keeps = bench.restarted(kept());
    let read = keeps
        .get_conversation(&crate::support::cx(), &at)
        .await
        .unwrap();
    assert_eq!(read.title.as_deref(), Some(LONG));
    assert_eq!(
        bench.drifted(&at).await[0].drift.as_ref().unwrap().since,
        drift.since
    );

    bench.changed_there(&at, r#"{"title":null}"#).await;
    assert_eq!(bench.get(&at).await.title.as_deref(), Some(LONG));
    assert_eq!(bench.drifted(&at).await, Vec::new(), "it is as it was");
}

#[tokio::test]
async fn a_field_that_the_backend_cannot_hold_never_drifts() {
    let bench = Bench::new(|below| {
        below.refuses = &["owner"];
        below.can.conversation_owner = Level::Rejected;
    });
    let at = bench.create(&long()).await;
    bench.changed_there(&at, r#"{"owner":"somebody"}"#).await;
    assert_eq!(bench.get(&at).await.owner.as_deref(), Some("ann"));
    assert_eq!(bench.drifted(&at).await, Vec::new());
}

#[tokio::test]
async fn growth_is_no_drift() {
    let bench = Bench::new(|below| below.refuses = &["owner", "labels", "metadata"]);
    let json = format!(r#"{{"title":"{LONG}","owner":"ann","labels":["a"],"metadata":{{"k":1}}}}"#);
    let at = bench.create(&json).await;
    let before = bench.get(&at).await;
    for number in 0..1_000 {
        let said = NewMessage::text(Role::User, format!("message {number}"));
        bench
            .below
            .store
            .post_message(&cx(), &at, said)
            .await
            .unwrap();
    }
    let after = bench.get(&at).await;
    assert_eq!(
        after.counts.as_ref().and_then(|counts| counts.messages),
        Some(1_000)
    );
    assert!(after.updated_at > before.updated_at);
    assert_eq!(
        (after.title, after.owner, after.labels, after.metadata),
        (before.title, before.owner, before.labels, before.metadata)
    );
    assert_eq!(bench.drifted(&at).await, Vec::new());
}

#[tokio::test]
async fn a_write_settles_what_drifted() {
    let bench = Bench::new(|_| {});
    let at = bench.create(&long()).await;
    bench.changed_there(&at, r#"{"title":"theirs"}"#).await;
    bench.get(&at).await;
    assert_eq!(bench.drifted(&at).await.len(), 1);
    let again = format!(r#"{{"title":"{LONG}"}}"#);
    assert_eq!(bench.update(&at, &again).await.title.as_deref(), Some(LONG));
    assert_eq!(bench.drifted(&at).await, Vec::new());
    assert_eq!(bench.get(&at).await.title.as_deref(), Some(LONG));
}

#[tokio::test]
async fn repair_keeps_the_backends_value_or_ours() {
    let bench = Bench::new(|_| {});
    let title = RepairSelection {
        message: None,
        pointer: Some("/title".into()),
    };
    for resolution in [Resolution::KeepBackend, Resolution::SendOurs] {
        let at = bench.create(&long()).await;
        bench.changed_there(&at, r#"{"title":"theirs"}"#).await;
        bench.get(&at).await;
        let other = RepairSelection {
            message: None,
            pointer: Some("/owner".into()),
        };
        bench
            .overlay
            .repair(&cx(), &at, &other, resolution)
            .await
            .unwrap_err();
        let settled = bench
            .overlay
            .repair(&cx(), &at, &title, resolution)
            .await
            .unwrap();
        assert_eq!(settled, 1);
        assert_eq!(bench.drifted(&at).await, Vec::new());
        let shown = bench.get(&at).await.title;
        let wanted = if resolution == Resolution::KeepBackend {
            "theirs"
        } else {
            LONG
        };
        assert_eq!(shown.as_deref(), Some(wanted), "{resolution:?}");
        assert_eq!(
            bench
                .overlay
                .repair(&cx(), &at, &RepairSelection::default(), resolution)
                .await
                .unwrap(),
            0
        );
    }
}

#[tokio::test]
async fn repair_sends_again_what_the_backend_holds() {
    // It forgot what it was given, and takes it now.
    let bench = Bench::new(|_| {});
    let at = bench.create(r#"{"metadata":{"a":1}}"#).await;
    let long = format!(r#"{{"title":"{LONG}","metadata":{{"b":2}}}}"#);
    bench.update(&at, &long).await;
    bench.changed_there(&at, r#"{"title":"theirs"}"#).await;
    bench.get(&at).await;
    bench
        .overlay
        .repair(
            &cx(),
            &at,
            &RepairSelection::default(),
            Resolution::SendOurs,
        )
        .await
        .unwrap();
    let rows = bench.rows(&at).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0].base, Some(RawJson::string("theirs")));
}

#[tokio::test]
async fn a_list_that_may_come_from_a_cache_says_nothing_of_drift() {
    let bench = Bench::new(|_| {});
    let at = bench.create(&long()).await;
    bench.changed_there(&at, r#"{"title":"theirs"}"#).await;
    let listed = cx();
    let page = bench
        .overlay
        .list_conversations(&listed, &ConversationQuery::all(10))
        .await
        .unwrap()
        .page;
    assert_eq!(page.items[0].conversation.title.as_deref(), Some(LONG));
    assert_eq!(told(&listed), ["/title"]);
    assert_eq!(bench.drifted(&at).await, Vec::new());
    // A mark that was made is not taken away by a list either.
    assert_eq!(bench.get(&at).await.title.as_deref(), Some("theirs"));
    bench
        .overlay
        .list_conversations(&cx(), &ConversationQuery::all(10))
        .await
        .unwrap();
    assert_eq!(bench.drifted(&at).await.len(), 1);
}
