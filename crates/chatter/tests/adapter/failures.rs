//! Rate limits, outages, slow and locked servers, and the operations that only ever fail.

use std::time::Duration;

use backend::{
    Backend, Context, ConversationQuery, Error, Event, Kind, Location, Origin, Outcome, PageRequest,
};
use chatter::client::{Access, Caller, ChatterClient};
use chatter::wire::{ChatRequest, Member};
use chatter::{Chatter, ChatterConfig};
use conversation::{ConversationPatch, MessageId, Patch};
use futures_util::StreamExt;
use futures_util::future::join_all;

use crate::fake::{FakeChatter, FakeOptions, Fault, Generation};
use crate::support::{
    ALL, adapter, ask, config, create, cx, cx_for, events, missing, pair, pair_with, question,
};

fn retitled() -> ConversationPatch {
    ConversationPatch {
        title: Patch::Set("new".into()),
        ..ConversationPatch::default()
    }
}

/// A call, and the request of it that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    List,
    Get,
    Create,
    Update,
    Delete,
    Messages,
    Message,
    DeleteMessage,
    Rate,
    Chat,
    Template,
    Stream,
    Tools,
    Templates,
}

use Call::{
    Chat, Create, Delete, DeleteMessage, Get, List, Message, Messages, Rate, Stream, Template,
    Templates, Tools, Update,
};

const CALLS: [Call; 14] = [
    List,
    Get,
    Create,
    Update,
    Delete,
    Messages,
    Message,
    DeleteMessage,
    Rate,
    Chat,
    Template,
    Stream,
    Tools,
    Templates,
];

impl Call {
    /// V2 streams, V1 does not.
    fn generation(self) -> Generation {
        match self {
            Stream => Generation::V2,
            _ => Generation::V1NewFastApi,
        }
    }

    /// Method and a part of the path of the request that fails.
    fn request(self) -> (&'static str, &'static str) {
        match self {
            List | Get | Messages | Message => ("GET", "/conversations/"),
            Create => ("POST", "/conversations/"),
            Update => ("PUT", "/conversations/"),
            Delete => ("DELETE", "/conversations/"),
            DeleteMessage => ("DELETE", "/messages/"),
            Rate => ("PATCH", "/rating"),
            Chat => ("POST", "/chat/chat"),
            Template => ("POST", "/chat/template"),
            Stream => ("POST", "/chat/streaming"),
            Tools => ("GET", "/tools"),
            Templates => ("GET", "/templates"),
        }
    }

    /// The outcome of a failure that leaves open what was done.
    fn open(self) -> Outcome {
        match self {
            List | Get | Messages | Message | Tools | Templates => Outcome::NotApplied,
            _ => Outcome::Unknown,
        }
    }
}

/// A fake with a conversation of one turn.
struct World {
    fake: FakeChatter,
    chatter: Chatter,
    at: Location,
    answer: MessageId,
}

impl World {
    async fn new(generation: Generation, change: impl FnOnce(&mut ChatterConfig)) -> Self {
        let fake = FakeChatter::start(generation).await;
        let mut config = config(&fake);
        change(&mut config);
        let chatter = Chatter::new("chatter", &config, None).unwrap();
        chatter.find_generation().await.unwrap();
        let at = create(&chatter).await;
        let answer = ask(&chatter, &at, "before").await.id;
        Self {
            fake,
            chatter,
            at,
            answer,
        }
    }

    async fn of(call: Call) -> Self {
        Self::new(call.generation(), |_| {}).await
    }

    /// Its error, where it fails. A fault that was planned and not met would meet the next call.
    async fn fails(&self, cx: &Context, call: Call, fault: Fault) -> Option<Error> {
        let (method, path_part) = call.request();
        self.fake.inject(method, path_part, fault);
        let (chatter, at) = (&self.chatter, &self.at);
        match call {
            List => {
                let query = ConversationQuery::all(10);
                chatter.list_conversations(cx, &query).await.err()
            }
            Get => chatter.get_conversation(cx, at).await.err(),
            Create => {
                let new = Default::default();
                chatter.create_conversation(cx, new).await.err()
            }
            Update => {
                let patch = retitled();
                chatter.update_conversation(cx, at, patch, None).await.err()
            }
            Delete => chatter.delete_conversation(cx, at, None).await.err(),
            Messages => {
                let page = PageRequest::first(10);
                chatter.list_messages(cx, at, &page).await.err()
            }
            Message => chatter.get_message(cx, at, &self.answer).await.err(),
            DeleteMessage => {
                let id = &self.answer;
                chatter.delete_message(cx, at, id, None).await.err()
            }
            Rate => chatter.rate_message(cx, at, &self.answer, 4.0).await.err(),
            Chat | Stream | Template => {
                let mut request = question("hello");
                if call == Template {
                    request.template = Some("general_chat".into());
                }
                match chatter.respond(cx, at, request).await {
                    Ok(events) => match events.collect::<Vec<_>>().await.pop() {
                        Some(Event::MessageFailed { error, .. }) => Some(error),
                        _ => None,
                    },
                    Err(error) => Some(error),
                }
            }
            Tools => chatter.tools(cx).await.err(),
            Templates => chatter.templates(cx).await.err(),
        }
    }
}

/// A fault, and what it means.
struct Row {
    what: &'static str,
    fault: Fault,
    kind: Kind,
    outcome: fn(Call) -> Outcome,
}

const NEVER: fn(Call) -> Outcome = |_| Outcome::NotApplied;

fn answer(status: u16, content_type: &'static str, body: &str) -> Fault {
    Fault::Answer {
        status,
        content_type,
        body: body.to_owned(),
    }
}

fn rows() -> Vec<Row> {
    let row = |what, fault, kind, outcome| Row {
        what,
        fault,
        kind,
        outcome,
    };
    let json = |body: &str| answer(200, "application/json", body);
    let deep = "[".repeat(200_000);
    let (open, invalid) = (Call::open as fn(Call) -> Outcome, Kind::InvalidResponse);
    vec![
        row("json that ends", json(r#"{"id":"01AR"#), invalid, open),
        row("another shape", json(r#"["planted"]"#), invalid, open),
        row(
            "another type",
            json(r#"{"id":7,"message":7,"conversations":7,"tools":7,"templates":7}"#),
            invalid,
            open,
        ),
        row("deep json", json(&deep), invalid, open),
        row(
            "a wrong content type",
            answer(200, "image/png", "planted"),
            invalid,
            open,
        ),
        row("an error page with 200", Fault::html(200), invalid, open),
        row("an empty 200", answer(200, "", ""), invalid, open),
        row("an empty 204", answer(204, "", ""), invalid, open),
        row(
            "too many requests",
            Fault::TooManyRequests(Some(17)),
            Kind::RateLimited,
            NEVER,
        ),
        row(
            "too many requests, for how long nobody says",
            Fault::TooManyRequests(None),
            Kind::RateLimited,
            NEVER,
        ),
        row("an outage", Fault::Unavailable, Kind::Unavailable, NEVER),
        row("a proxy's 502", Fault::html(502), Kind::Unavailable, open),
        row(
            "a proxy's 504",
            answer(504, "", ""),
            Kind::Unavailable,
            open,
        ),
        row(
            "a proxy's 500",
            Fault::html(500),
            Kind::UpstreamFailed,
            open,
        ),
        row(
            "a redirect",
            answer(307, "", ""),
            Kind::UpstreamFailed,
            NEVER,
        ),
        row(
            "a refused token",
            answer(401, "text/plain", "planted"),
            Kind::UpstreamAuth,
            NEVER,
        ),
        row(
            "headers too large",
            answer(431, "text/plain", ""),
            Kind::UpstreamFailed,
            NEVER,
        ),
        row(
            "a status that nobody knows",
            answer(799, "", ""),
            Kind::UpstreamFailed,
            open,
        ),
    ]
}

#[tokio::test]
async fn every_fault_of_every_call_has_its_kind_origin_and_outcome() {
    for call in CALLS {
        let world = World::of(call).await;
        for row in rows() {
            let Some(error) = world.fails(&cx(), call, row.fault).await else {
                panic!("{call:?} {} did not fail", row.what);
            };
            assert_eq!(
                (error.kind, error.origin, error.outcome),
                (row.kind, Origin::Upstream, (row.outcome)(call)),
                "{call:?} {}: {error:?}",
                row.what
            );
            let waits = row.what == "too many requests";
            assert_eq!(
                error.retry_after,
                waits.then_some(Duration::from_secs(17)),
                "{call:?} {}",
                row.what
            );
            let is_temporary = matches!(row.kind, Kind::RateLimited | Kind::Unavailable);
            assert_eq!(error.is_temporary(), is_temporary, "{call:?} {}", row.what);
            assert_eq!(error.backend.as_deref(), Some("chatter"), "{call:?}");
            assert!(error.operation.is_some(), "{call:?} {}", row.what);
            assert!(!format!("{error:?}").contains("planted"), "{error:?}");
        }
        let stored = world.fake.messages(&world.at.native).len();
        assert_eq!(stored, if call == Stream { 2 } else { 3 }, "{call:?}");
        let chatter = &world.chatter;
        chatter.get_conversation(&cx(), &world.at).await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_leaves_writes_open() {
    for call in CALLS {
        for fault in [Fault::CutBefore, Fault::CutAfter, Fault::CutInBody] {
            if call == Stream && matches!(fault, Fault::CutInBody) {
                // What came of a stream decides: see `answers`.
                continue;
            }
            let world = World::of(call).await;
            let error = world.fails(&cx(), call, fault.clone()).await;
            let Some(error) = error else {
                // A read that is lost on a connection used before is sent again by the transport.
                let is_read = call.open() == Outcome::NotApplied;
                let is_begun = matches!(fault, Fault::CutInBody);
                assert!(is_read && !is_begun, "{call:?} {fault:?} did not fail");
                continue;
            };
            assert_eq!(
                (error.kind, error.origin, error.outcome),
                (Kind::Unavailable, Origin::Network, call.open()),
                "{call:?} {fault:?}: {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_shorter_than_it_should_be_is_invalid() {
    for call in CALLS.into_iter().filter(|call| *call != Stream) {
        let world = World::of(call).await;
        let error = world.fails(&cx(), call, Fault::Truncated).await.unwrap();
        assert_eq!(
            (error.kind, error.origin, error.outcome),
            (Kind::InvalidResponse, Origin::Upstream, call.open()),
            "{call:?}: {error:?}"
        );
    }
}

#[tokio::test]
async fn silence_ends_with_the_deadline() {
    let silent = CALLS.into_iter().flat_map(|call| {
        [
            (call, Fault::Slow(Duration::from_secs(3600))),
            (call, Fault::Stalled),
        ]
    });
    let calls = silent
        // A stream that falls silent behind its answer is completed by reading it back.
        .filter(|(call, fault)| *call != Stream || matches!(fault, Fault::Slow(_)))
        .map(async |(call, fault)| {
            let world = World::of(call).await;
            let cx = cx_for(Duration::from_secs(2));
            let error = world.fails(&cx, call, fault.clone()).await.unwrap();
            assert_eq!(
                (error.kind, error.origin, error.outcome),
                (Kind::Timeout, Origin::Network, call.open()),
                "{call:?} {fault:?}: {error:?}"
            );
        });
    join_all(calls).await;
}

#[tokio::test]
async fn an_answer_over_the_size_limit_is_invalid() {
    let small = |config: &mut ChatterConfig| config.transport.response_max_bytes = 20_000;
    for call in CALLS {
        let world = World::new(call.generation(), small).await;
        let large = answer(200, "application/json", &" ".repeat(50_000));
        let error = world.fails(&cx(), call, large).await.unwrap();
        assert_eq!(
            (error.kind, error.origin, error.outcome),
            (Kind::InvalidResponse, Origin::Upstream, call.open()),
            "{call:?}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_stream_that_is_none_has_an_unknown_outcome() {
    let (invalid, lost) = (
        (Kind::InvalidResponse, Origin::Upstream),
        (Kind::Unavailable, Origin::Network),
    );
    let table = [
        ("data: {\"type\":\"token\",\"planted\n\n", invalid),
        ("data: {\"type\":7}\n\n", invalid),
        ("data: planted\n\n", invalid),
        ("planted", lost),
        ("", lost),
        (": planted\n\n", lost),
    ];
    for (body, expected) in table {
        let world = World::of(Stream).await;
        let fault = answer(200, "text/event-stream; charset=utf-8", body);
        let error = world.fails(&cx(), Stream, fault).await.unwrap();
        assert_eq!((error.kind, error.origin), expected, "{body}: {error:?}");
        assert_eq!(error.outcome, Outcome::Unknown, "{body}");
        assert!(!format!("{error:?}").contains("planted"), "{error:?}");
    }
}

#[tokio::test]
async fn the_vendors_own_limits_are_felt_per_path() {
    let options = FakeOptions {
        requests_per_minute: 3,
        ..FakeOptions::new(Generation::V2)
    };
    let (_fake, chatter) = pair_with(options).await;
    // Finding the generation has used one request of this path.
    create(&chatter).await;
    let at = create(&chatter).await;
    let error = chatter
        .create_conversation(&cx(), Default::default())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.retry_after),
        (Kind::RateLimited, Some(Duration::from_secs(60)))
    );
    chatter.get_conversation(&cx(), &at).await.unwrap();
}

#[tokio::test]
async fn limits_per_user_are_felt_on_v2() {
    let options = FakeOptions {
        user_limits: true,
        ..FakeOptions::new(Generation::V2)
    };
    let (_fake, chatter) = pair_with(options).await;
    let at = create(&chatter).await;
    for _ in 0..20 {
        events(&chatter, &at, question("hi")).await.unwrap();
    }
    let error = events(&chatter, &at, question("hi")).await.unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::RateLimited, Outcome::NotApplied)
    );
}

#[tokio::test]
async fn nobody_listening_is_not_applied() {
    let fake = FakeChatter::start(Generation::V2).await;
    let chatter = adapter(&fake);
    chatter.find_generation().await.unwrap();
    drop(fake);
    // The listener closes a moment after its task was stopped.
    let error = loop {
        match chatter.create_conversation(&cx(), Default::default()).await {
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

#[tokio::test]
async fn a_write_into_a_conversation_that_a_stream_has_locked_ends_by_its_timeout() {
    let fake = FakeChatter::start(Generation::V1OldFastApi).await;
    let mut config = config(&fake);
    config.write_timeout = Duration::from_millis(300);
    let chatter = Chatter::new("chatter", &config, None).unwrap();
    let at = create(&adapter(&fake)).await;
    // Another program streams into it; we never would.
    let client = ChatterClient::new(&config).unwrap();
    let caller = Caller {
        correlation_id: "other".into(),
        deadline: cx().deadline,
        access: Access::Own,
    };
    let mut body = ChatRequest::new("hi");
    body.conversation_id = Member::Value(at.native.to_string());
    let mut frames = client.chat_streaming(&caller, &body).await.unwrap();
    while frames.next().await.unwrap().is_some() {}
    let error = chatter
        .update_conversation(&cx(), &at, retitled(), None)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::Timeout, Outcome::Unknown)
    );
    chatter.get_conversation(&cx(), &at).await.unwrap();
}

#[tokio::test]
async fn a_stream_on_new_fastapi_locks_nothing() {
    let (fake, chatter) = pair(Generation::V1NewFastApi).await;
    let at = create(&chatter).await;
    let client = ChatterClient::new(&config(&fake)).unwrap();
    let caller = Caller {
        correlation_id: "other".into(),
        deadline: cx().deadline,
        access: Access::Own,
    };
    let mut body = ChatRequest::new("hi");
    body.conversation_id = Member::Value(at.native.to_string());
    let mut frames = client.chat_streaming(&caller, &body).await.unwrap();
    while frames.next().await.unwrap().is_some() {}
    chatter
        .update_conversation(&cx(), &at, retitled(), None)
        .await
        .unwrap();
}

#[tokio::test]
async fn status_and_statistics_are_clear_errors_of_the_vendor() {
    for generation in ALL {
        let (_fake, chatter) = pair(generation).await;
        for error in [
            chatter.status(&cx()).await.unwrap_err(),
            chatter.statistics(&cx()).await.unwrap_err(),
        ] {
            assert_eq!(
                (error.kind, error.origin, error.outcome),
                (Kind::UpstreamFailed, Origin::Upstream, Outcome::NotApplied)
            );
            assert_eq!(error.upstream.as_ref().unwrap().status, Some(500));
            assert!(error.message.contains("500"), "{}", error.message);
        }
    }
}

#[tokio::test]
async fn tools_and_templates_are_listed() {
    for generation in ALL {
        let (_fake, chatter) = pair(generation).await;
        let tools = chatter.tools(&cx()).await.unwrap();
        assert_eq!(
            tools.iter().map(|tool| &*tool.name).collect::<Vec<_>>(),
            ["calculator", "get_time"]
        );
        assert!(tools[0].parameters.get().contains("expression"));
        let templates = chatter.templates(&cx()).await.unwrap();
        let seeded = matches!(
            generation,
            Generation::V1OldFastApi | Generation::V1NewFastApi
        );
        assert_eq!(templates.len(), if seeded { 3 } else { 0 });
        assert!(
            templates
                .iter()
                .all(|template| template.extensions.contains_key("workflow_type"))
        );
    }
}

#[tokio::test]
async fn errors_never_repeat_what_the_vendor_said() {
    let (_fake, chatter) = pair(Generation::V2).await;
    let error = chatter
        .get_conversation(&cx(), &missing())
        .await
        .unwrap_err();
    assert!(!format!("{error:?}").contains("accessible"), "{error:?}");
    let error = events(&chatter, &create(&chatter).await, question("[[empty]]"))
        .await
        .unwrap_err();
    assert!(
        !format!("{error:?}").contains("Assistant response"),
        "{error:?}"
    );
}
