//! Broken answers, broken connections, limits: every operation, every fault, a typed error each time.

use std::time::Duration;

use backend::{
    Backend, ConversationQuery, Error, Kind, Location, NewAttachment, Origin, Outcome, PageRequest,
    Result,
};
use conversation::{
    Activity, ActivityKind, ConversationPatch, MessageId, NewConversation, NewMessage, Participant,
    ParticipantKind, Patch, Role,
};
use sunshine::{Sunshine, SunshineConfig};

use crate::fake::{FakeSunshine, Fault};
use crate::support::{config, create, cx, filled, new, pair};

/// One operation of the port, by the vendor's call that fails in it.
#[derive(Clone, Copy, Debug)]
struct Operation {
    vendor: &'static str,
    writes: bool,
    run: Run,
}

#[derive(Clone, Copy, Debug)]
enum Run {
    Create,
    Get,
    List,
    Update,
    Delete,
    Messages,
    Message,
    Post,
    DeleteMessage,
    Participants,
    Users,
    Join,
    Leave,
    Activity,
    Attachment,
}

const fn operation(vendor: &'static str, writes: bool, run: Run) -> Operation {
    Operation {
        vendor,
        writes,
        run,
    }
}

const OPERATIONS: [Operation; 15] = [
    operation("CreateConversation", true, Run::Create),
    operation("GetConversation", false, Run::Get),
    operation("ListConversations", false, Run::List),
    operation("UpdateConversation", true, Run::Update),
    operation("DeleteConversation", true, Run::Delete),
    operation("ListMessages", false, Run::Messages),
    operation("ListMessages", false, Run::Message),
    operation("PostMessage", true, Run::Post),
    operation("DeleteMessage", true, Run::DeleteMessage),
    operation("ListParticipants", false, Run::Participants),
    operation("GetUser", false, Run::Users),
    operation("JoinConversation", true, Run::Join),
    operation("LeaveConversation", true, Run::Leave),
    operation("PostActivity", true, Run::Activity),
    operation("UploadAttachment", true, Run::Attachment),
];

/// A group with two messages, in which everything can be tried.
struct Scene {
    fake: FakeSunshine,
    sunshine: Sunshine,
    at: Location,
    message: MessageId,
}

async fn scene() -> Scene {
    scene_with(|config| config).await
}

async fn scene_with(change: impl Fn(SunshineConfig) -> SunshineConfig) -> Scene {
    let fake = FakeSunshine::start().await;
    let whole = Sunshine::new("sunshine", &config(&fake)).unwrap();
    let group = new(r#"{"kind":"group","participants":[{"id":"bob","kind":"person"}]}"#);
    let at = whole
        .create_conversation(&cx(), group)
        .await
        .unwrap()
        .location;
    let mut message = None;
    for text in ["one", "two"] {
        let new = NewMessage::text(Role::Assistant, text);
        message = Some(whole.post_message(&cx(), &at, new).await.unwrap().id);
    }
    Scene {
        sunshine: Sunshine::new("sunshine", &change(config(&fake))).unwrap(),
        fake,
        at,
        message: message.unwrap(),
    }
}

fn person(id: &str) -> Participant {
    Participant {
        id: Some(id.into()),
        kind: ParticipantKind::Person,
        ..Participant::default()
    }
}

async fn run(scene: &Scene, run: Run) -> Result<()> {
    let Scene {
        sunshine,
        at,
        message,
        ..
    } = scene;
    let cx = cx();
    match run {
        Run::Create => {
            let new = NewConversation::default();
            sunshine.create_conversation(&cx, new).await.map(drop)
        }
        Run::Get => sunshine.get_conversation(&cx, at).await.map(drop),
        Run::List => {
            let query = ConversationQuery::all(10);
            sunshine.list_conversations(&cx, &query).await.map(drop)
        }
        Run::Update => {
            let patch = ConversationPatch {
                title: Patch::Set("new".into()),
                ..ConversationPatch::default()
            };
            let updated = sunshine.update_conversation(&cx, at, patch, None).await;
            updated.map(drop)
        }
        Run::Delete => sunshine.delete_conversation(&cx, at, None).await,
        Run::Messages => {
            let page = PageRequest::first(10);
            sunshine.list_messages(&cx, at, &page).await.map(drop)
        }
        Run::Message => sunshine.get_message(&cx, at, message).await.map(drop),
        Run::Post => {
            let new = NewMessage::text(Role::Assistant, "hello");
            sunshine.post_message(&cx, at, new).await.map(drop)
        }
        Run::DeleteMessage => sunshine.delete_message(&cx, at, message, None).await,
        Run::Participants | Run::Users => sunshine.list_participants(&cx, at).await.map(drop),
        Run::Join => {
            let new = vec![person("eve")];
            sunshine.add_participants(&cx, at, new).await.map(drop)
        }
        Run::Leave => sunshine.remove_participant(&cx, at, "bob").await,
        Run::Activity => {
            let read = Activity {
                activity: ActivityKind::Read,
                participant_id: None,
            };
            sunshine.send_activity(&cx, at, read).await
        }
        Run::Attachment => {
            let new = NewAttachment {
                name: None,
                media_type: "text/plain".into(),
                message_id: None,
                bytes: "bytes".into(),
            };
            sunshine.put_attachment(&cx, at, new).await.map(drop)
        }
    }
}

async fn failed(operation: Operation, fault: Fault) -> Error {
    let scene = scene().await;
    // A read whose connection is lost is sent once more, and some operations read for two users.
    scene.fake.inject_times(operation.vendor, fault.clone(), 4);
    match run(&scene, operation.run).await {
        Err(error) => error,
        Ok(()) => panic!("{operation:?} survived {fault:?}"),
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_leaves_a_write_unknown() {
    for operation in OPERATIONS {
        for fault in [Fault::TruncatedBody, Fault::Html, Fault::Empty] {
            let error = failed(operation, fault.clone()).await;
            let case = format!("{operation:?} {fault:?}: {error:?}");
            assert_eq!(error.kind, Kind::InvalidResponse, "{case}");
            assert_eq!(error.origin, Origin::Upstream, "{case}");
            assert_eq!(error.outcome, outcome(operation), "{case}");
            assert_eq!(error.backend.as_deref(), Some("sunshine"), "{case}");
        }
    }
}

fn outcome(operation: Operation) -> Outcome {
    if operation.writes {
        Outcome::Unknown
    } else {
        Outcome::NotApplied
    }
}

#[tokio::test]
async fn a_cut_connection_is_the_networks_fault() {
    for operation in OPERATIONS {
        for fault in [Fault::CutMidBody, Fault::CutBefore, Fault::CutAfter] {
            let error = failed(operation, fault.clone()).await;
            let case = format!("{operation:?} {fault:?}: {error:?}");
            assert_eq!(error.kind, Kind::Unavailable, "{case}");
            assert_eq!(error.origin, Origin::Network, "{case}");
            assert_eq!(error.outcome, outcome(operation), "{case}");
            assert!(error.is_temporary(), "{case}");
        }
    }
}

#[tokio::test]
async fn silence_ends_with_the_deadline() {
    for operation in OPERATIONS {
        let scene = scene_with(|mut config| {
            config.transport.read_timeout_ms = 150;
            config
        })
        .await;
        scene.fake.inject(operation.vendor, Fault::Silence);
        let error = run(&scene, operation.run).await.unwrap_err();
        assert_eq!(error.kind, Kind::Timeout, "{operation:?}");
        assert_eq!(error.outcome, outcome(operation), "{operation:?}");
    }
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_not_read() {
    for operation in OPERATIONS {
        let scene = scene_with(|mut config| {
            config.transport.response_max_bytes = 20_000;
            config
        })
        .await;
        scene
            .fake
            .inject(operation.vendor, Fault::Oversized(40_000));
        let error = run(&scene, operation.run).await.unwrap_err();
        assert_eq!(error.kind, Kind::InvalidResponse, "{operation:?}");
        assert_eq!(error.outcome, outcome(operation), "{operation:?}");
    }
}

#[tokio::test]
async fn a_rate_limit_is_temporary_with_and_without_a_time_to_wait() {
    for operation in OPERATIONS {
        for (headers, wait) in [
            (vec![], None),
            (vec![("retry-after", "17")], Some(Duration::from_secs(17))),
        ] {
            let fault = Fault::Answer {
                status: 429,
                headers,
                body: String::new(),
            };
            let error = failed(operation, fault).await;
            assert_eq!(error.kind, Kind::RateLimited, "{operation:?}");
            assert_eq!(error.outcome, Outcome::NotApplied, "{operation:?}");
            assert_eq!(error.retry_after, wait, "{operation:?}");
            assert!(error.is_temporary(), "{operation:?}");
        }
    }
}

#[tokio::test]
async fn a_crash_of_the_vendor_leaves_a_write_unknown() {
    for operation in OPERATIONS {
        let fault = Fault::Answer {
            status: 500,
            headers: vec![("content-type", "text/html")],
            body: "<html>secret words</html>".to_owned(),
        };
        let error = failed(operation, fault).await;
        assert_eq!(error.kind, Kind::UpstreamFailed, "{operation:?}");
        assert_eq!(error.outcome, outcome(operation), "{operation:?}");
        assert!(!format!("{error:?}").contains("secret"), "{operation:?}");
    }
}

#[tokio::test]
async fn one_bad_record_costs_itself_only() {
    for fault in [Fault::BadRecord, Fault::NoRecord] {
        let (fake, sunshine) = pair().await;
        let (at, ids) = filled(&sunshine, 5).await;
        fake.inject("ListMessages", fault.clone());
        let page = sunshine
            .list_messages(&cx(), &at, &PageRequest::first(10))
            .await
            .unwrap();
        let met: Vec<String> = page
            .items
            .iter()
            .map(|message| message.id.to_string())
            .collect();
        let mut wanted = ids;
        wanted.remove(2);
        assert_eq!(met, wanted, "{fault:?}");

        for _ in 0..2 {
            create(&sunshine).await;
        }
        fake.inject("ListConversations", fault.clone());
        let listed = sunshine
            .list_conversations(&cx(), &ConversationQuery::all(10))
            .await
            .unwrap();
        assert_eq!(listed.page.items.len(), 2, "{fault:?}");

        let group = new(r#"{"participants":[{"id":"bob"},{"id":"eve"}]}"#);
        let at = sunshine
            .create_conversation(&cx(), group)
            .await
            .unwrap()
            .location;
        fake.inject("ListParticipants", fault.clone());
        let listed = sunshine.list_participants(&cx(), &at).await.unwrap();
        assert_eq!(listed.len(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn unknown_words_are_kept() {
    let (fake, sunshine) = pair().await;
    let (at, _) = filled(&sunshine, 1).await;
    let strange = |body: &mut serde_json::Value| {
        body["conversation"]["type"] = "email".into();
        body["conversation"]["mood"] = "good".into();
    };
    fake.inject("GetConversation", Fault::Edit(strange));
    let conversation = sunshine.get_conversation(&cx(), &at).await.unwrap();
    let kept = &conversation.extensions["sunshine"];
    assert_eq!(kept["type"].get(), r#""email""#);
    assert_eq!(kept["mood"].get(), r#""good""#);
    let strange = |body: &mut serde_json::Value| {
        body["messages"][0]["author"]["type"] = "robot".into();
        body["messages"][0]["content"]["type"] = "hologram".into();
    };
    fake.inject("ListMessages", Fault::Edit(strange));
    let page = sunshine
        .list_messages(&cx(), &at, &PageRequest::first(10))
        .await
        .unwrap();
    assert_eq!(page.items[0].parts[0].type_name(), "unknown");
}

#[tokio::test]
async fn a_list_that_repeats_its_cursor_is_an_error_and_no_endless_loop() {
    let (fake, sunshine) = pair().await;
    for _ in 0..3 {
        create(&sunshine).await;
    }
    let first = ConversationQuery::all(1);
    let next = sunshine
        .list_conversations(&cx(), &first)
        .await
        .unwrap()
        .page
        .next
        .unwrap();
    let mut second = first;
    second.page = second.page.after(next);
    fake.inject("ListConversations", Fault::RepeatCursor);
    let error = sunshine
        .list_conversations(&cx(), &second)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.origin, error.outcome),
        (Kind::InvalidResponse, Origin::Upstream, Outcome::NotApplied)
    );

    let at = create(&sunshine).await;
    // Without end, and ever the same page.
    fake.inject_times("ListParticipants", Fault::RepeatCursor, 3);
    let error = sunshine.list_participants(&cx(), &at).await.unwrap_err();
    assert_eq!(error.kind, Kind::InvalidResponse);
}

#[tokio::test]
async fn nobody_listening_is_not_applied() {
    let (fake, sunshine) = pair().await;
    create(&sunshine).await;
    drop(fake);
    // The listener closes a moment after its task was stopped.
    let error = loop {
        match sunshine
            .create_conversation(&cx(), NewConversation::default())
            .await
        {
            Ok(_) => tokio::task::yield_now().await,
            Err(error) if error.outcome == Outcome::Unknown => tokio::task::yield_now().await,
            Err(error) => break error,
        }
    };
    assert_eq!(
        (error.kind, error.origin, error.outcome),
        (Kind::Unavailable, Origin::Network, Outcome::NotApplied)
    );
}
