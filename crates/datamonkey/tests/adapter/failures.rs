//! Outages and answers that are none: every fault on every operation, and what each means.
//!
//! The vendor has no pages, so there is no cursor that could repeat; records of lists that cannot be read, and words
//! that nobody knows, have tests of their own beside their operations.

use std::time::Duration;

use backend::{
    Backend, Context, ConversationQuery, Error, Kind, Location, Origin, Outcome, PageRequest,
};
use conversation::NewConversation;
use datamonkey::DatamonkeyConfig;
use futures_util::future::join_all;

use crate::fake::{FakeOptions, Fault, Operation};
use crate::support::{Pair, all, cx, cx_for, question};

const OPERATIONS: [Operation; 6] = [
    Operation::Create,
    Operation::List,
    Operation::Get,
    Operation::Delete,
    Operation::Messages,
    Operation::Send,
];

fn writes(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Create | Operation::Delete | Operation::Send
    )
}

/// The outcome of a failure that leaves open what was done.
fn open(operation: Operation) -> Outcome {
    if writes(operation) {
        Outcome::Unknown
    } else {
        Outcome::NotApplied
    }
}

/// Calls one operation; its error, where it fails.
async fn call(pair: &Pair, cx: &Context, operation: Operation, at: &Location) -> Option<Error> {
    let datamonkey = &pair.datamonkey;
    match operation {
        Operation::Create => datamonkey
            .create_conversation(cx, NewConversation::default())
            .await
            .err(),
        Operation::List => datamonkey
            .list_conversations(cx, &ConversationQuery::all(10))
            .await
            .err(),
        Operation::Get => datamonkey.get_conversation(cx, at).await.err(),
        Operation::Delete => datamonkey.delete_conversation(cx, at, None).await.err(),
        Operation::Messages => datamonkey
            .list_messages(cx, at, &PageRequest::first(10))
            .await
            .err(),
        Operation::Send => datamonkey.respond(cx, at, question("hello")).await.err(),
    }
}

/// A fault, and what it means on an operation.
struct Row {
    what: &'static str,
    fault: Fault,
    kind: Kind,
    origin: Origin,
    outcome: fn(Operation) -> Outcome,
}

const NEVER: fn(Operation) -> Outcome = |_| Outcome::NotApplied;

fn answer(status: u16, content_type: &'static str, body: &str) -> Fault {
    Fault::Answer {
        status,
        content_type,
        body: body.to_owned(),
    }
}

fn rows() -> Vec<Row> {
    let row = |what, fault, kind, origin, outcome| Row {
        what,
        fault,
        kind,
        origin,
        outcome,
    };
    let json = "application/json; charset=utf-8";
    vec![
        row(
            "truncated json",
            answer(200, json, r#"{"id":"conv-1-a","conver"#),
            Kind::InvalidResponse,
            Origin::Upstream,
            open,
        ),
        row(
            "json of another shape",
            answer(200, json, r#"["planted"]"#),
            Kind::InvalidResponse,
            Origin::Upstream,
            open,
        ),
        row(
            "json of another type",
            answer(
                200,
                json,
                r#"{"id":7,"conversations":7,"messages":7,"message":7}"#,
            ),
            Kind::InvalidResponse,
            Origin::Upstream,
            open,
        ),
        row(
            "a wrong content type",
            answer(200, "image/png", "planted"),
            Kind::InvalidResponse,
            Origin::Upstream,
            open,
        ),
        row(
            "an error page with 200",
            Fault::html(200),
            Kind::InvalidResponse,
            Origin::Upstream,
            open,
        ),
        row(
            "an empty 200",
            answer(200, "", ""),
            Kind::InvalidResponse,
            Origin::Upstream,
            open,
        ),
        row(
            "deep json",
            answer(200, json, &"[".repeat(200_000)),
            Kind::InvalidResponse,
            Origin::Upstream,
            open,
        ),
        row(
            "too many requests",
            Fault::TooManyRequests(Some(17)),
            Kind::RateLimited,
            Origin::Upstream,
            NEVER,
        ),
        row(
            "too many requests, for how long nobody says",
            Fault::TooManyRequests(None),
            Kind::RateLimited,
            Origin::Upstream,
            NEVER,
        ),
        row(
            "an outage",
            Fault::html(503),
            Kind::Unavailable,
            Origin::Upstream,
            NEVER,
        ),
        row(
            "a proxy's 502",
            Fault::html(502),
            Kind::Unavailable,
            Origin::Upstream,
            open,
        ),
        row(
            "a proxy's 504",
            answer(504, "", ""),
            Kind::Unavailable,
            Origin::Upstream,
            open,
        ),
        row(
            "a proxy's 500",
            Fault::html(500),
            Kind::UpstreamFailed,
            Origin::Upstream,
            open,
        ),
        row(
            "a proxy's login",
            Fault::html(401),
            Kind::UpstreamAuth,
            Origin::Upstream,
            NEVER,
        ),
        row(
            "an unknown path",
            answer(404, "text/plain", "404 page not found"),
            Kind::UpstreamFailed,
            Origin::Upstream,
            NEVER,
        ),
        row(
            "a redirect",
            answer(307, "", ""),
            Kind::UpstreamFailed,
            Origin::Upstream,
            NEVER,
        ),
        row(
            "headers too large",
            answer(431, "text/plain", ""),
            Kind::UpstreamFailed,
            Origin::Upstream,
            NEVER,
        ),
        row(
            "a status that nobody knows",
            answer(799, "", ""),
            Kind::UpstreamFailed,
            Origin::Upstream,
            open,
        ),
    ]
}

#[tokio::test]
async fn every_fault_of_every_operation_has_its_kind_origin_and_outcome() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    for operation in OPERATIONS {
        for row in rows() {
            pair.fake.inject(operation, row.fault);
            let Some(error) = call(&pair, &cx(), operation, &at).await else {
                panic!("{operation:?} {} did not fail", row.what);
            };
            assert_eq!(
                (error.kind, error.origin, error.outcome),
                (row.kind, row.origin, (row.outcome)(operation)),
                "{operation:?} {}: {error:?}",
                row.what
            );
            let waits = row.what == "too many requests";
            assert_eq!(
                error.retry_after,
                waits.then_some(Duration::from_secs(17)),
                "{}",
                row.what
            );
            assert_eq!(
                error.backend.as_deref(),
                Some("monkey"),
                "{operation:?} {}",
                row.what
            );
            assert!(error.operation.is_some());
            assert!(!format!("{error:?}").contains("planted"), "{error:?}");
        }
    }
    pair.datamonkey.get_conversation(&cx(), &at).await.unwrap();
    assert!(all(&pair.datamonkey, &at).await.is_empty());
}

#[tokio::test]
async fn a_connection_that_is_cut_leaves_writes_open() {
    for operation in OPERATIONS {
        for fault in [Fault::CutInBody, Fault::CutAfter, Fault::CutBefore] {
            let pair = Pair::new().await;
            let at = pair.create().await;
            pair.fake.inject(operation, fault.clone());
            let error = call(&pair, &cx(), operation, &at).await;
            let empty_answer = operation == Operation::Delete && matches!(fault, Fault::CutInBody);
            match error {
                Some(error) => {
                    assert_eq!(error.origin, Origin::Network, "{operation:?} {fault:?}");
                    assert_eq!(error.kind, Kind::Unavailable, "{operation:?} {fault:?}");
                    assert_eq!(error.outcome, open(operation), "{operation:?} {fault:?}");
                }
                // A read on a reused connection may be sent again by the client; an answer without a body has no middle.
                None => assert!(
                    !writes(operation) || empty_answer,
                    "{operation:?} {fault:?}"
                ),
            }
        }
    }
}

#[tokio::test]
async fn silence_ends_with_the_deadline() {
    let silent = OPERATIONS.into_iter().map(async |operation| {
        let pair = Pair::new().await;
        let at = pair.create().await;
        pair.fake
            .inject(operation, Fault::Slow(Duration::from_secs(3600)));
        let cx = cx_for("ada", Duration::from_secs(2));
        let error = call(&pair, &cx, operation, &at).await.unwrap();
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::Timeout, open(operation)),
            "{operation:?}"
        );
    });
    join_all(silent).await;
}

#[tokio::test]
async fn writes_end_with_their_own_timeout() {
    let silent = [Operation::Create, Operation::Delete].map(async |operation| {
        let pair = Pair::with(FakeOptions::default(), |config| {
            config.write_timeout = Duration::from_secs(2);
        })
        .await;
        let at = pair.create().await;
        pair.fake
            .inject(operation, Fault::Slow(Duration::from_secs(3600)));
        let error = call(&pair, &cx(), operation, &at).await.unwrap();
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::Timeout, Outcome::Unknown),
            "{operation:?}"
        );
    });
    join_all(silent).await;
}

#[tokio::test]
async fn an_answer_over_the_size_limit_is_invalid() {
    let small = |config: &mut DatamonkeyConfig| config.transport.response_max_bytes = 2_000;
    let pair = Pair::with(FakeOptions::default(), small).await;
    let at = pair.create().await;
    for operation in OPERATIONS {
        pair.fake.inject(
            operation,
            answer(200, "application/json", &" ".repeat(5_000)),
        );
        let error = call(&pair, &cx(), operation, &at).await.unwrap();
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::InvalidResponse, open(operation)),
            "{operation:?}"
        );
    }
}

#[tokio::test]
async fn nobody_listening_is_not_applied() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    let Pair {
        fake,
        credentials,
        datamonkey,
    } = pair;
    drop(fake);
    // The listener closes a moment after its task was stopped.
    for operation in OPERATIONS {
        let error = loop {
            let error = match operation {
                Operation::Create => datamonkey
                    .create_conversation(&cx(), NewConversation::default())
                    .await
                    .err(),
                Operation::Send => datamonkey.respond(&cx(), &at, question("x")).await.err(),
                _ => datamonkey.get_conversation(&cx(), &at).await.err(),
            };
            match error {
                Some(error)
                    if error.outcome == Outcome::NotApplied
                        && error.message.contains("takes no connection") =>
                {
                    break error;
                }
                _ => tokio::task::yield_now().await,
            }
        };
        assert_eq!(
            (error.kind, error.origin),
            (Kind::Unavailable, Origin::Network),
            "{operation:?}"
        );
    }
    drop(credentials);
}

#[tokio::test]
async fn a_handlers_failure_to_make_a_conversation_has_made_none() {
    let pair = Pair::new().await;
    pair.create().await;
    let body = r#"{"error":"Failed to create conversation"}"#;
    pair.fake.inject(Operation::Create, Fault::json(500, body));
    let error = pair
        .datamonkey
        .create_conversation(&cx(), NewConversation::default())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::UpstreamFailed, Outcome::NotApplied)
    );
    pair.fake.inject(Operation::Create, answer(500, "", ""));
    let error = pair
        .datamonkey
        .create_conversation(&cx(), NewConversation::default())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::UpstreamFailed, Outcome::Unknown)
    );
}

#[tokio::test]
async fn a_refused_message_names_the_parts() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    pair.fake.inject(
        Operation::Send,
        Fault::json(400, r#"{"error":"Invalid request: planted"}"#),
    );
    let error = call(&pair, &cx(), Operation::Send, &at).await.unwrap();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::InvalidRequest, Outcome::NotApplied)
    );
    assert_eq!(error.violations[0].pointer, "/input/parts");
    assert!(!format!("{error:?}").contains("planted"));
}

#[tokio::test]
async fn other_peoples_conversations_are_not_found() {
    let pair = Pair::new().await;
    let at = pair.create().await;
    for status in [403, 404] {
        for operation in [
            Operation::Get,
            Operation::Delete,
            Operation::Messages,
            Operation::Send,
        ] {
            pair.fake
                .inject(operation, Fault::json(status, r#"{"error":"no"}"#));
            let error = call(&pair, &cx(), operation, &at).await.unwrap();
            assert_eq!(
                (error.kind, error.outcome),
                (Kind::NotFound, Outcome::NotApplied),
                "{operation:?}"
            );
        }
    }
}

#[tokio::test]
async fn messages_that_cannot_be_read_fail_until_the_vendor_is_mended() {
    let pair = Pair::new().await;
    let (broken, whole) = (pair.create().await, pair.create().await);
    pair.fake.break_messages(&broken.native, 500);
    let page = PageRequest::first(10);
    for _ in 0..2 {
        let read = pair.datamonkey.list_messages(&cx(), &broken, &page).await;
        assert_eq!(read.unwrap_err().kind, Kind::UpstreamFailed);
    }
    assert!(all(&pair.datamonkey, &whole).await.is_empty());
    pair.fake.mend();
    assert!(all(&pair.datamonkey, &broken).await.is_empty());
}
