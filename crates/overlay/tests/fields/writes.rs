//! Creates and updates: what is kept, what is refused under `strict`, what is sent.

use backend::{Backend as _, Error, FidelityPolicy, Kind, Precondition};
use conversation::{Conversation, RawJson, Status, canonical_json, etag};

use crate::support::{Bench, cx, new, patch, strict, told};

const LONG: &str = "a title that is much longer than twenty characters";

/// Every field, of which the backend holds the fewest.
fn full() -> String {
    format!(
        r#"{{"kind":"mail","title":"{LONG}","description":"d","status":"archived","priority":"high",
        "labels":["a","b/c"],"owner":"ann","icon_url":"https://x.example/i",
        "participants":[{{"id":"p1","kind":"person","name":"Ann","handles":[{{"type":"email","value":"a@x"}}]}},{{"id":"p2","kind":"bot"}}],
        "assistant":{{"model":"m","temperature":0.5,"workflow_config":{{"x":1.50}}}},
        "metadata":{{"a/b":1.50,"n":null,"o":{{"p":[1]}}}},"extensions":{{"acme":{{"x":[1]}}}}}}"#
    )
}

const REFUSED: &[&str] = &[
    "labels",
    "participants",
    "assistant",
    "metadata",
    "extensions",
    "owner",
    "description",
];

fn little() -> Bench {
    Bench::new(|below| below.refuses = REFUSED)
}

fn refused(error: &Error) -> Vec<&str> {
    assert_eq!(error.kind, Kind::NotHeld, "{error:?}");
    error
        .violations
        .iter()
        .map(|one| one.pointer.as_str())
        .collect()
}

/// What of `seen` a caller can set, as canonical JSON.
fn settable(seen: &Conversation) -> String {
    let mut members: conversation::JsonMap = RawJson::from_serialize(seen).unwrap().to().unwrap();
    for made in [
        "id",
        "backend",
        "unread",
        "counts",
        "created_at",
        "updated_at",
        "last_message_at",
    ] {
        members.remove(made);
    }
    canonical_json(&members)
}

#[tokio::test]
async fn strict_refuses_before_anything_reaches_the_backend() {
    let bench = little();
    let error = bench
        .overlay
        .create_conversation(&strict(), new(&full()))
        .await
        .unwrap_err();
    let mut wanted: Vec<String> = REFUSED.iter().map(|name| format!("/{name}")).collect();
    wanted.push("/title".to_owned());
    assert_eq!(refused(&error), wanted);
    let limit = error.violations.iter().find_map(|one| one.exceeds).unwrap();
    assert_eq!((limit.limit, limit.value), (20, Some(LONG.len() as u64)));
    assert_eq!(bench.below.writes(), Vec::<&str>::new());

    let at = bench.create("{}").await;
    let change = patch(r#"{"labels":["x"],"status":"closed"}"#);
    let error = bench
        .overlay
        .update_conversation(&strict(), &at, change, None)
        .await
        .unwrap_err();
    assert_eq!(refused(&error), ["/labels"]);
    assert_eq!(bench.below.writes(), ["create"]);
    let fits = patch(r#"{"status":"closed"}"#);
    bench
        .overlay
        .update_conversation(&strict(), &at, fits, None)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_the_backend_cannot_hold_reads_back_as_it_was_sent() {
    let bench = little();
    let cx = cx();
    let created = bench
        .overlay
        .create_conversation(&cx, new(&full()))
        .await
        .unwrap();
    assert_eq!(
        told(&cx),
        [
            "/assistant/model",
            "/assistant/temperature",
            "/assistant/workflow_config",
            "/description",
            "/extensions/acme/x",
            "/metadata/a~1b",
            "/metadata/n",
            "/metadata/o",
            "/owner",
            "/title",
            "/labels/a",
            "/labels/b~1c",
            "/participants/p1",
            "/participants/p2",
        ]
    );
    let read = bench.get(&created.location).await;
    assert_eq!(read, created.conversation);
    let wanted = new(&full()).into_conversation(read.id, "below", read.created_at);
    assert_eq!(settable(&read), settable(&wanted));
    let there = bench
        .below
        .store
        .get_conversation(&cx, &created.location)
        .await
        .unwrap();
    assert_eq!((there.title, there.labels.len()), (None, 0));
    assert_eq!(there.status, Status::Archived, "what it holds it was given");
}

#[tokio::test]
async fn what_the_backend_refuses_on_the_way_is_kept() {
    let bench = Bench::new(|below| below.refuses_late = &["owner", "labels"]);
    let json = r#"{"owner":"ann","labels":["a"],"description":"d"}"#;
    let at = bench.create(json).await;
    let read = bench.get(&at).await;
    assert_eq!((read.owner.as_deref(), read.labels.len()), (Some("ann"), 1));
    assert_eq!(bench.below.writes(), ["create", "create"]);
    let read = bench
        .update(&at, r#"{"owner":"bob","description":"e"}"#)
        .await;
    assert_eq!(
        (read.owner.as_deref(), read.description.as_deref()),
        (Some("bob"), Some("e"))
    );
    // Who insists is told, although nothing foretold it.
    let change = patch(r#"{"owner":"eve"}"#);
    let error = bench
        .overlay
        .update_conversation(&strict(), &at, change, None)
        .await
        .unwrap_err();
    assert_eq!(refused(&error), ["/owner"]);
    assert_eq!(bench.get(&at).await.owner.as_deref(), Some("bob"));
}

#[tokio::test]
async fn a_field_that_fits_again_is_kept_no_more() {
    let bench = little();
    let at = bench.create(&full()).await;
    let read = bench.update(&at, r#"{"title":"short"}"#).await;
    assert_eq!(read.title.as_deref(), Some("short"));
    assert!(
        bench
            .rows(&at)
            .await
            .iter()
            .all(|row| &*row.pointer != "/title")
    );
    let cx = cx();
    let json = format!(r#"{{"title":"{LONG}"}}"#);
    let read = bench
        .overlay
        .update_conversation(&cx, &at, patch(&json), None)
        .await
        .unwrap();
    assert_eq!(read.title.as_deref(), Some(LONG));
    assert_eq!(told(&cx), ["/title"], "only what was named");
    let row = bench
        .rows(&at)
        .await
        .into_iter()
        .find(|row| &*row.pointer == "/title")
        .unwrap();
    assert_eq!(row.base, Some(RawJson::string("short")));
    let read = bench.update(&at, r#"{"title":null}"#).await;
    assert_eq!(read.title, None);
    assert_eq!(bench.get(&at).await.title, None);
}

#[tokio::test]
async fn metadata_is_kept_member_by_member() {
    let bench = little();
    let at = bench
        .create(r#"{"metadata":{"a":1,"b":{"c":2,"d":[3,4]},"kept":"x \" y"}}"#)
        .await;
    let read = bench
        .update(
            &at,
            r#"{"metadata":{"a":null,"b":{"c":9,"e":null},"g":[5]}}"#,
        )
        .await;
    let wanted = r#"{"b":{"c":9,"d":[3,4]},"g":[5],"kept":"x \" y"}"#;
    assert_eq!(serde_json::to_string(&read.metadata).unwrap(), wanted);
    assert_eq!(bench.get(&at).await, read);
    bench.update(&at, r#"{"metadata":null}"#).await;
    assert!(bench.get(&at).await.metadata.is_empty());
    assert_eq!(bench.rows(&at).await, Vec::new());
}

#[tokio::test]
async fn null_is_a_value_and_absent_is_none() {
    let bench = little();
    let at = bench.create(r#"{"metadata":{"n":null}}"#).await;
    let read = bench.get(&at).await;
    assert!(read.metadata.get("n").unwrap().is_null());
    let rows = bench.rows(&at).await;
    assert_eq!(
        (&*rows[0].pointer, rows[0].base.is_none()),
        ("/metadata/n", true)
    );
    assert!(rows[0].value.as_ref().unwrap().is_null());

    // What the backend adds by itself stays, unless it is told to go.
    let adds = |conversation: &mut Conversation| {
        conversation
            .metadata
            .insert("own".into(), RawJson::default());
    };
    let bench = Bench::new(|below| below.spoils = adds);
    let at = bench.create("{}").await;
    assert!(bench.get(&at).await.metadata.contains_key("own"));
    bench.update(&at, r#"{"metadata":{"own":null}}"#).await;
    assert!(!bench.get(&at).await.metadata.contains_key("own"));
    let rows = bench.rows(&at).await;
    assert_eq!(rows[0].value, None);
    assert!(rows[0].base.as_ref().unwrap().is_null());
}

#[tokio::test]
async fn a_copy_reads_as_it_was_given_whatever_the_backend_adds() {
    let adds = |conversation: &mut Conversation| {
        conversation
            .metadata
            .insert("own".into(), RawJson::string("x"));
        conversation.labels.push("auto".into());
        conversation.owner = Some("robot".into());
    };
    let bench = Bench::new(|below| below.spoils = adds);
    let copying = backend::Context {
        copying: true,
        ..cx()
    };
    let given = r#"{"kind":"assistant","status":"open","title":"t","metadata":{"mine":1}}"#;
    let created = bench
        .overlay
        .create_conversation(&copying, new(given))
        .await
        .unwrap();
    let read = bench.get(&created.location).await;
    let wanted = new(given).into_conversation(read.id, "below", read.created_at);
    assert_eq!(settable(&read), settable(&wanted));
    let plain = bench.create(given).await;
    assert_eq!(bench.get(&plain).await.owner.as_deref(), Some("robot"));
}

#[tokio::test]
async fn preconditions_look_at_what_is_shown() {
    let bench = little();
    let at = bench.create(&full()).await;
    let shown = bench.get(&at).await;
    let tag = |seen: &Conversation| etag(serde_json::to_string(seen).unwrap().as_bytes());
    let holds = Precondition::Matches(vec![tag(&shown)]);
    let change = || patch(r#"{"labels":["c"]}"#);
    let overlay = &bench.overlay;
    overlay
        .update_conversation(&cx(), &at, change(), Some(&holds))
        .await
        .unwrap();
    let error = overlay
        .update_conversation(&cx(), &at, change(), Some(&holds))
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::PreconditionFailed);
    let error = overlay
        .delete_conversation(&cx(), &at, Some(&holds))
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::PreconditionFailed);
    let now = Precondition::Matches(vec![tag(&bench.get(&at).await)]);
    overlay
        .delete_conversation(&cx(), &at, Some(&now))
        .await
        .unwrap();
    assert_eq!(
        overlay.get_conversation(&cx(), &at).await.unwrap_err().kind,
        Kind::NotFound
    );
    assert_eq!(bench.rows(&at).await, Vec::new(), "nothing is kept of it");
}

#[tokio::test]
async fn a_backend_that_changes_nothing_is_changed_here() {
    let bench = Bench::new(|below| below.can.conversation_update = backend::Level::None);
    let at = bench.create(r#"{"title":"t"}"#).await;
    let before = bench.get(&at).await;
    let read = bench
        .update(&at, r#"{"title":"u","status":"closed"}"#)
        .await;
    assert_eq!(
        (read.title.as_deref(), &read.status),
        (Some("u"), &Status::Closed)
    );
    assert!(read.updated_at > before.updated_at);
    assert_eq!(bench.get(&at).await, read);
    assert_eq!(bench.below.writes(), ["create"]);
    let insist = backend::Context {
        fidelity: FidelityPolicy::Strict,
        ..cx()
    };
    let change = patch(r#"{"title":"v"}"#);
    let error = bench
        .overlay
        .update_conversation(&insist, &at, change, None)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotHeld);
}
