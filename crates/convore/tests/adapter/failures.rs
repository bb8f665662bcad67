//! Every way in which an answer can be missing or wrong, for every operation.

use std::time::Duration;

use backend::{
    Backend, Context, ConversationQuery, Error, Kind, Location, NewAttachment, Origin, Outcome,
    PageRequest, Result,
};
use conversation::{
    Activity, ActivityKind, AttachmentId, ConversationPatch, MessageId, MessagePatch,
    NewConversation, Part, Participant, Patch,
};
use convore::Convore;
use convore::wire::Member;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};

use crate::fake::{FakeConvore, FakeOptions, Fault};
use crate::support::{
    all, by_mail, config, create, create_with, cx, cx_for, inbound, outbound, pair, pair_with,
    said_at, texts,
};

/// What the operations work on.
struct Scene {
    convore: Convore,
    at: Location,
    message: MessageId,
    file: AttachmentId,
}

/// An operation, and the request of it that fails.
struct Operation {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    writes: bool,
    run: for<'a> fn(&'a Context, &'a Scene) -> BoxFuture<'a, Result<()>>,
}

macro_rules! operation {
    ($name:literal, $method:literal, $path:literal, $writes:literal, |$cx:ident, $scene:ident| $call:expr) => {
        Operation {
            name: $name,
            method: $method,
            path: $path,
            writes: $writes,
            run: |$cx, $scene| async move { $call.await.map(|_| ()) }.boxed(),
        }
    };
}

fn retitled() -> ConversationPatch {
    ConversationPatch {
        title: Patch::Set("new".into()),
        ..ConversationPatch::default()
    }
}

fn reworded() -> MessagePatch {
    MessagePatch {
        parts: Patch::Set(vec![Part::text("new")]),
        ..MessagePatch::default()
    }
}

fn labelled() -> NewConversation {
    NewConversation {
        labels: vec!["new".into()],
        ..NewConversation::default()
    }
}

async fn import_one(cx: &Context, scene: &Scene) -> Result<()> {
    let new = vec![said_at("x", "2020-01-01T00:00:00Z")];
    let mut results = scene.convore.import_messages(cx, &scene.at, new).await?;
    results.pop().unwrap().map(|_| ())
}

async fn put_file(cx: &Context, scene: &Scene) -> Result<()> {
    let new = NewAttachment {
        name: None,
        media_type: "text/plain".into(),
        message_id: Some(scene.message.clone()),
        bytes: "x".into(),
    };
    scene
        .convore
        .put_attachment(cx, &scene.at, new)
        .await
        .map(|_| ())
}

async fn list_conversations(cx: &Context, scene: &Scene) -> Result<()> {
    let query = ConversationQuery::all(10);
    scene
        .convore
        .list_conversations(cx, &query)
        .await
        .map(|_| ())
}

async fn list_messages(cx: &Context, scene: &Scene) -> Result<()> {
    let page = PageRequest::first(10);
    scene
        .convore
        .list_messages(cx, &scene.at, &page)
        .await
        .map(|_| ())
}

async fn read_activity(cx: &Context, scene: &Scene) -> Result<()> {
    let activity = Activity {
        activity: ActivityKind::Read,
        participant_id: None,
    };
    scene.convore.send_activity(cx, &scene.at, activity).await
}

fn operations() -> Vec<Operation> {
    vec![
        operation!("create", "POST", "/v1/conversations", true, |cx, scene| {
            scene
                .convore
                .create_conversation(cx, NewConversation::default())
        }),
        // Labels are read and made before the conversation: it is never made then.
        operation!("labels", "GET", "/v1/labels", false, |cx, scene| scene
            .convore
            .create_conversation(cx, labelled())),
        operation!("make label", "POST", "/v1/labels", false, |cx, scene| scene
            .convore
            .create_conversation(cx, labelled())),
        operation!("get", "GET", "/v1/conversations/", false, |cx, scene| scene
            .convore
            .get_conversation(cx, &scene.at)),
        operation!("list", "GET", "/v1/conversations", false, |cx, scene| {
            list_conversations(cx, scene)
        }),
        operation!(
            "update",
            "PATCH",
            "/v1/conversations/",
            true,
            |cx, scene| scene
                .convore
                .update_conversation(cx, &scene.at, retitled(), None)
        ),
        operation!("messages", "GET", "/v1/messages", false, |cx, scene| {
            list_messages(cx, scene)
        }),
        operation!("message", "GET", "/v1/messages/", false, |cx, scene| scene
            .convore
            .get_message(cx, &scene.at, &scene.message)),
        operation!("send", "POST", "/v1/messages", true, |cx, scene| scene
            .convore
            .post_message(cx, &scene.at, outbound("x"))),
        operation!("store", "POST", "/v1/messages/import", true, |cx, scene| {
            scene.convore.post_message(cx, &scene.at, inbound("x"))
        }),
        operation!(
            "import",
            "POST",
            "/v1/messages/import",
            true,
            |cx, scene| import_one(cx, scene)
        ),
        operation!("add", "PATCH", "/v1/conversations/", true, |cx, scene| {
            scene
                .convore
                .add_participants(cx, &scene.at, vec![Participant::default()])
        }),
        operation!(
            "remove",
            "PATCH",
            "/v1/conversations/",
            true,
            |cx, scene| scene
                .convore
                .remove_participant(cx, &scene.at, "email:bo@example.test")
        ),
        operation!("read", "PATCH", "/v1/conversations/", true, |cx, scene| {
            read_activity(cx, scene)
        }),
        operation!("put file", "POST", "/v1/attachments", true, |cx, scene| {
            put_file(cx, scene)
        }),
        operation!("open file", "GET", "/v1/messages", false, |cx, scene| scene
            .convore
            .open_attachment(cx, &scene.at, &scene.file)),
        // These leave something behind that the others need.
        operation!("edit", "PATCH", "/v1/messages/", true, |cx, scene| scene
            .convore
            .update_message(cx, &scene.at, &scene.message, reworded(), None)),
        operation!(
            "participants",
            "GET",
            "/v1/conversations/",
            false,
            |cx, scene| scene.convore.list_participants(cx, &scene.at)
        ),
        operation!(
            "delete",
            "PATCH",
            "/v1/conversations/",
            true,
            |cx, scene| scene.convore.delete_conversation(cx, &scene.at, None)
        ),
    ]
}

/// A conversation with a message, a file, and something to read.
async fn scene(fake: &FakeConvore) -> Scene {
    let convore = forgetful(fake);
    let at = create_with(&convore, by_mail()).await;
    let message = convore
        .post_message(&cx(), &at, inbound("hello"))
        .await
        .unwrap()
        .id;
    let new = NewAttachment {
        name: None,
        media_type: "text/plain".into(),
        message_id: Some(message.clone()),
        bytes: "x".into(),
    };
    let file = convore.put_attachment(&cx(), &at, new).await.unwrap().id;
    fake.change(&at.native, |row| row.is_unread = Member::Value(true));
    Scene {
        convore,
        at,
        message,
        file,
    }
}

/// An adapter that remembers nothing yet, with a small limit for answers.
fn forgetful(fake: &FakeConvore) -> Convore {
    let mut config = config(fake);
    config.transport.response_max_bytes = 256 * 1024;
    Convore::new("convore", &config).unwrap()
}

async fn fails(fault: Fault) -> Vec<(&'static str, bool, Error)> {
    let fake = FakeConvore::start().await;
    let mut errors = Vec::new();
    let mut scene = scene(&fake).await;
    for operation in operations() {
        scene.convore = forgetful(&fake);
        fake.inject(operation.method, operation.path, fault);
        let error = (operation.run)(&cx(), &scene).await;
        let error = error.expect_err(operation.name);
        assert!(
            !format!("{error:?}").contains("secret"),
            "{}: {error:?}",
            operation.name
        );
        errors.push((operation.name, operation.writes, error));
    }
    errors
}

/// What a failure gives: its kind and origin, and the outcome of a write.
async fn check(fault: Fault, kind: Kind, origin: Origin, of_a_write: Outcome) {
    for (name, writes, error) in fails(fault).await {
        let outcome = if writes {
            of_a_write
        } else {
            Outcome::NotApplied
        };
        // What cannot be the id of a message is the id of none.
        let (kind, origin) = match (name, kind) {
            ("message", Kind::InvalidRequest) => (Kind::NotFound, Origin::Client),
            _ => (kind, origin),
        };
        assert_eq!(
            (error.kind, error.origin, error.outcome),
            (kind, origin, outcome),
            "{name} {fault:?}: {error:?}"
        );
        assert_eq!(error.backend.as_deref(), Some("convore"), "{name}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_the_vendors_fault() {
    let html = "<html><body>a secret of somebody</body></html>";
    for fault in [
        Fault::Truncated,
        Fault::Instead("application/json", ""),
        Fault::Instead("text/html", html),
        Fault::Instead("application/json", "[]"),
        Fault::Instead("application/json", "{\"secret\":1}"),
        Fault::Padded(512 * 1024),
    ] {
        check(
            fault,
            Kind::InvalidResponse,
            Origin::Upstream,
            Outcome::Unknown,
        )
        .await;
    }
}

#[tokio::test]
async fn a_cut_connection_is_the_networks_fault() {
    check(
        Fault::CutMidBody,
        Kind::Unavailable,
        Origin::Network,
        Outcome::Unknown,
    )
    .await;
    // A read that was cut before its answer began is repeated by the transport.
    let fake = FakeConvore::start().await;
    for operation in operations()
        .into_iter()
        .filter(|operation| operation.writes)
    {
        for fault in [Fault::CutBefore, Fault::CutAfter] {
            let scene = scene(&fake).await;
            fake.inject(operation.method, operation.path, fault);
            let error = (operation.run)(&cx(), &scene)
                .await
                .expect_err(operation.name);
            assert_eq!(
                (error.kind, error.origin, error.outcome),
                (Kind::Unavailable, Origin::Network, Outcome::Unknown),
                "{} {fault:?}",
                operation.name
            );
        }
    }
}

#[tokio::test]
async fn silence_ends_with_the_deadline() {
    // All at once, each on a fake of its own: the time is for what comes before the silent request.
    let calls = operations().into_iter().map(|operation| async move {
        let fake = FakeConvore::start().await;
        let scene = scene(&fake).await;
        let silence = Fault::Slow(Duration::from_secs(60));
        fake.inject(operation.method, operation.path, silence);
        let cx = cx_for(Duration::from_secs(3));
        let error = (operation.run)(&cx, &scene).await;
        (operation, error)
    });
    for (operation, error) in join_all(calls).await {
        let error = error.expect_err(operation.name);
        let outcome = if operation.writes {
            Outcome::Unknown
        } else {
            Outcome::NotApplied
        };
        assert_eq!(
            (error.kind, error.origin, error.outcome),
            (Kind::Timeout, Origin::Network, outcome),
            "{}",
            operation.name
        );
    }
}

#[tokio::test]
async fn a_write_ends_by_its_own_timeout() {
    let fake = FakeConvore::start().await;
    let mut config = config(&fake);
    config.write_timeout = Duration::from_millis(300);
    let convore = Convore::new("convore", &config).unwrap();
    fake.inject(
        "POST",
        "/v1/conversations",
        Fault::Slow(Duration::from_secs(60)),
    );
    let error = convore
        .create_conversation(&cx(), Default::default())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::Timeout, Outcome::Unknown)
    );
}

#[tokio::test]
async fn a_rate_limit_is_temporary_and_keeps_its_wait() {
    for seconds in [Some(17), None] {
        for (name, _, error) in fails(Fault::TooManyRequests(seconds)).await {
            assert_eq!(
                (
                    error.kind,
                    error.origin,
                    error.outcome,
                    error.is_temporary()
                ),
                (
                    Kind::RateLimited,
                    Origin::Upstream,
                    Outcome::NotApplied,
                    true
                ),
                "{name}"
            );
            assert_eq!(
                error.retry_after,
                seconds.map(Duration::from_secs),
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn refusals_and_outages_have_their_kinds() {
    let table = [
        (
            400,
            Kind::InvalidRequest,
            Origin::Upstream,
            Outcome::NotApplied,
        ),
        (
            401,
            Kind::UpstreamAuth,
            Origin::Upstream,
            Outcome::NotApplied,
        ),
        (
            422,
            Kind::InvalidRequest,
            Origin::Upstream,
            Outcome::NotApplied,
        ),
        (
            202,
            Kind::InvalidResponse,
            Origin::Upstream,
            Outcome::Unknown,
        ),
        (
            500,
            Kind::UpstreamFailed,
            Origin::Upstream,
            Outcome::Unknown,
        ),
        (502, Kind::Unavailable, Origin::Upstream, Outcome::Unknown),
        (
            503,
            Kind::Unavailable,
            Origin::Upstream,
            Outcome::NotApplied,
        ),
    ];
    for (status, kind, origin, outcome) in table {
        check(Fault::Status(status), kind, origin, outcome).await;
    }
}

#[tokio::test]
async fn another_content_type_changes_nothing() {
    let fake = FakeConvore::start().await;
    let mut scene = scene(&fake).await;
    for operation in operations() {
        scene.convore = forgetful(&fake);
        fake.inject(operation.method, operation.path, Fault::PlainText);
        (operation.run)(&cx(), &scene).await.expect(operation.name);
    }
}

#[tokio::test]
async fn a_cursor_that_comes_again_is_an_error_and_an_empty_one_is_an_end() {
    let options = FakeOptions {
        page_max: 1,
        ..FakeOptions::default()
    };
    let (fake, convore) = pair_with(options).await;
    let at = create(&convore).await;
    for text in ["a", "b", "c"] {
        convore
            .post_message(&cx(), &at, inbound(text))
            .await
            .unwrap();
    }
    create(&convore).await;
    let again = |page: &mut serde_json::Value| page["next_cursor"] = "offset/0==".into();
    for path in ["/v1/messages", "/v1/conversations", "/v1/labels"] {
        for _ in 0..2 {
            fake.inject("GET", path, Fault::Edited(again));
        }
        // The conversation is read before its messages, so that fault would be used up by it.
        let error = match path {
            "/v1/messages" => convore
                .list_messages(&cx(), &at, &PageRequest::first(9))
                .await
                .unwrap_err(),
            "/v1/conversations" => convore
                .list_conversations(&cx(), &ConversationQuery::all(9))
                .await
                .unwrap_err(),
            _ => convore
                .create_conversation(&cx(), labelled())
                .await
                .unwrap_err(),
        };
        assert_eq!(
            (error.kind, error.origin, error.outcome),
            (Kind::InvalidResponse, Origin::Upstream, Outcome::NotApplied),
            "{path}"
        );
    }
    for cursor in [serde_json::json!(""), serde_json::Value::Null] {
        let end: fn(&mut serde_json::Value) = if cursor.is_null() {
            |page| page["next_cursor"] = serde_json::Value::Null
        } else {
            |page| page["next_cursor"] = "".into()
        };
        fake.inject("GET", "/v1/messages", Fault::Edited(end));
        assert_eq!(all(&convore, &at).await.len(), 1);
    }
}

#[tokio::test]
async fn a_bad_record_is_left_out_and_the_others_survive() {
    let (fake, convore) = pair().await;
    let at = create(&convore).await;
    for text in ["a", "b", "c"] {
        convore
            .post_message(&cx(), &at, inbound(text))
            .await
            .unwrap();
    }
    let edits: [fn(&mut serde_json::Value); 7] = [
        |page| page["data"][1]["sender"] = 7.into(),
        |page| page["data"][1]["date"] = "yesterday".into(),
        |page| page["data"][1]["created_at"] = "later".into(),
        |page| page["data"][1]["id"] = "not/an id".into(),
        |page| page["data"][1] = serde_json::Value::Null,
        |page| page["data"][1] = serde_json::json!([1, "a secret"]),
        |page| {
            page["data"][1].as_object_mut().unwrap().remove("direction");
        },
    ];
    for edit in edits {
        fake.inject("GET", "/v1/messages", Fault::Edited(edit));
        assert_eq!(texts(&all(&convore, &at).await), ["a", "c"]);
    }
    assert_eq!(texts(&all(&convore, &at).await), ["a", "b", "c"]);

    for _ in 0..2 {
        create(&convore).await;
    }
    let edits: [fn(&mut serde_json::Value); 3] = [
        |page| page["data"][1]["participants"] = "nobody".into(),
        |page| page["data"][1]["created_at"] = "".into(),
        |page| page["data"][1] = 1.into(),
    ];
    for edit in edits {
        fake.inject("GET", "/v1/conversations", Fault::Edited(edit));
        let query = ConversationQuery::all(10);
        let page = convore
            .list_conversations(&cx(), &query)
            .await
            .unwrap()
            .page;
        assert_eq!(page.items.len(), 2);
    }
    fake.inject(
        "GET",
        "/v1/labels",
        Fault::Edited(|page| page["data"] = serde_json::json!([{}])),
    );
    convore
        .create_conversation(&cx(), labelled())
        .await
        .unwrap();
}

#[tokio::test]
async fn nobody_listening_is_not_applied() {
    let (fake, convore) = pair().await;
    drop(fake);
    // The listener closes a moment after its task was stopped.
    let error = loop {
        match convore.create_conversation(&cx(), Default::default()).await {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) if error.outcome == Outcome::Unknown => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert_eq!(
        (error.kind, error.origin, error.outcome),
        (Kind::Unavailable, Origin::Network, Outcome::NotApplied)
    );
    assert!(!convore.health(&cx()).await.ok);
}
