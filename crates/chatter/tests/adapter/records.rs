//! Answers of which a part is not what it should be: records that cannot be read, words that nobody knows, pages that
//! come again and again.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backend::{
    Backend, ConversationPage, ConversationQuery, Intent, Kind, Location, Order, Outcome, Settled,
    Write,
};
use chatter::Chatter;
use conversation::{NewConversation, Role, Status, Time};
use uuid::Uuid;

use crate::fake::{FakeChatter, FakeOptions, Fault, Generation};
use crate::support::{
    ALL, ANSWERING, all, ask, config, create, cx, events, missing, pair, pair_with, question, texts,
};

#[tokio::test]
async fn a_tool_or_template_that_cannot_be_read_leaves_the_others_alone() {
    let logged = Logged::new();
    let (fake, chatter) = pair(Generation::V1NewFastApi).await;
    let answer = |body: &str| Fault::Answer {
        status: 200,
        content_type: "application/json",
        body: body.to_owned(),
    };
    fake.inject(
        "GET",
        "/tools",
        answer(
            r#"{"tools":[{"name":"good","description":"d","type":"mcp","args_schema":{}},{"name":"bad","description":7},"x"]}"#,
        ),
    );
    let tools = chatter.tools(&cx()).await.unwrap();
    assert_eq!(tools.len(), 1);
    assert_eq!(&*tools[0].name, "good");
    let good = r#"{"name":"good","workflow_type":"plain","description":"d","required_tools":[],"required_retrievers":[],"default_params":{}}"#;
    fake.inject(
        "GET",
        "/templates",
        answer(&format!(
            r#"{{"templates":{{"worse":null,"good":{good},"bad one":7}},"total_count":3}}"#
        )),
    );
    let templates = chatter.templates(&cx()).await.unwrap();
    assert_eq!(templates.len(), 1);
    assert_eq!(&*templates[0].name, "good");
    let lines = logged.left_out();
    let named = |words: &str| lines.iter().filter(|line| line.contains(words)).count();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert_eq!(
        (named("record.id=\"bad\""), named("record.id=\"worse\"")),
        (1, 1),
        "{lines:?}"
    );
    assert_eq!(named("record.position=2"), 2, "{lines:?}");
}

/// What is logged on this thread until it is dropped.
struct Logged {
    text: Arc<Mutex<Vec<u8>>>,
    _guard: tracing::subscriber::DefaultGuard,
}

struct Writer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Logged {
    fn new() -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&text);
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || Writer(Arc::clone(&written)))
            .finish();
        Self {
            text,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    /// The lines about records that were left out.
    fn left_out(&self) -> Vec<String> {
        let text = String::from_utf8(self.text.lock().unwrap().clone()).unwrap();
        text.lines()
            .filter(|line| line.contains("left out"))
            .map(str::to_owned)
            .collect()
    }
}

fn titled(title: &str) -> NewConversation {
    NewConversation {
        title: Some(title.into()),
        ..NewConversation::default()
    }
}

async fn create_all(chatter: &Chatter, titles: &[&str]) -> Vec<Location> {
    let mut made = Vec::new();
    for title in titles {
        let located = chatter.create_conversation(&cx(), titled(title)).await;
        made.push(located.unwrap().location);
    }
    made
}

async fn list(chatter: &Chatter, query: &ConversationQuery) -> backend::Result<ConversationPage> {
    chatter.list_conversations(&cx(), query).await
}

/// The titles of all conversations, page by page.
async fn walked(chatter: &Chatter, limit: usize, order: Order) -> Vec<String> {
    let mut query = ConversationQuery::all(limit);
    query.page.order = order;
    let mut titles = Vec::new();
    loop {
        let page = list(chatter, &query).await.unwrap().page;
        titles.extend(page.items.iter().map(|located| {
            let title = located.conversation.title.as_deref();
            title.unwrap_or_default().to_owned()
        }));
        match page.next {
            Some(next) => query.page.position = Some(backend::Position::After(next)),
            None => return titles,
        }
    }
}

#[tokio::test]
async fn a_conversation_that_cannot_be_read_is_left_out_and_named() {
    for generation in ALL {
        let (fake, chatter) = pair(generation).await;
        let made = create_all(&chatter, &["a", "bad", "c", "d"]).await;
        fake.rewrite("\"title\":\"bad\"", "\"title\":7");
        let logged = Logged::new();
        assert_eq!(walked(&chatter, 10, Order::Asc).await, ["a", "c", "d"]);
        let lines = logged.left_out();
        assert_eq!(lines.len(), 1, "{lines:?}");
        for part in ["WARN", "list_conversations", "chatter", &made[1].native] {
            assert!(lines[0].contains(part), "{part}: {lines:?}");
        }
        for limit in 1..4 {
            assert_eq!(walked(&chatter, limit, Order::Asc).await, ["a", "c", "d"]);
            assert_eq!(walked(&chatter, limit, Order::Desc).await, ["d", "c", "a"]);
        }
        let error = chatter.get_conversation(&cx(), &made[1]).await.unwrap_err();
        assert_eq!(
            (error.kind, error.outcome),
            (Kind::InvalidResponse, Outcome::NotApplied)
        );
    }
}

#[tokio::test]
async fn many_conversations_that_cannot_be_read_hide_no_other() {
    let (fake, chatter) = pair(Generation::V2).await;
    let titles = ["a", "bad", "bad", "bad", "bad", "bad", "bad", "h"];
    create_all(&chatter, &titles).await;
    fake.rewrite("\"title\":\"bad\"", "\"title\":7");
    for limit in 1..10 {
        assert_eq!(walked(&chatter, limit, Order::Asc).await, ["a", "h"]);
        assert_eq!(walked(&chatter, limit, Order::Desc).await, ["h", "a"]);
    }
}

#[tokio::test]
async fn a_conversation_that_cannot_be_mapped_is_left_out_and_named() {
    let (fake, chatter) = pair(Generation::V2).await;
    let made = create_all(&chatter, &["a", "b", "c"]).await;
    let time = fake.conversation(&made[1].native).unwrap().created_at;
    fake.rewrite(
        &format!("\"created_at\":\"{time}\""),
        "\"created_at\":\"planted\"",
    );
    let logged = Logged::new();
    assert_eq!(walked(&chatter, 10, Order::Asc).await, ["a", "c"]);
    let lines = logged.left_out();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(&*made[1].native), "{lines:?}");
    assert!(!lines[0].contains("planted"), "{lines:?}");
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_left_out_and_named() {
    for generation in ANSWERING {
        let (fake, chatter) = pair(generation).await;
        let at = create(&chatter).await;
        ask(&chatter, &at, "one").await;
        let bad = ask(&chatter, &at, "planted").await;
        let good = ask(&chatter, &at, "three").await;
        fake.rewrite("\"content\":\"Echo: planted\"", "\"content\":[\"planted\"]");
        let logged = Logged::new();
        assert_eq!(
            texts(&all(&chatter, &at).await),
            ["one", "Echo: one", "planted", "three", "Echo: three"]
        );
        let lines = logged.left_out();
        let copies = if generation == Generation::V2 { 1 } else { 2 };
        assert_eq!(lines.len(), copies, "{lines:?}");
        for part in ["WARN", "list_messages", "chatter", bad.id.as_str()] {
            assert!(lines.concat().contains(part), "{part}: {lines:?}");
        }
        assert!(!lines.concat().contains("planted"), "{lines:?}");
        let found = chatter.get_message(&cx(), &at, &good.id).await.unwrap();
        assert_eq!(found, good);
        // It is there, so it is not called missing.
        for error in [
            chatter.get_message(&cx(), &at, &bad.id).await.unwrap_err(),
            chatter
                .delete_message(&cx(), &at, &bad.id, None)
                .await
                .unwrap_err(),
            chatter
                .rate_message(&cx(), &at, &bad.id, 1.0)
                .await
                .unwrap_err(),
        ] {
            assert_eq!(
                (error.kind, error.outcome),
                (Kind::InvalidResponse, Outcome::NotApplied)
            );
        }
        let unknown = missing().native.parse().unwrap();
        let error = chatter.get_message(&cx(), &at, &unknown).await.unwrap_err();
        assert_eq!(error.kind, Kind::NotFound);
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_back_was_made() {
    let (fake, chatter) = pair(Generation::V2).await;
    let at = create(&chatter).await;
    fake.rewrite("\"content\":\"Echo: hi\"", "\"content\":7");
    let events = events(&chatter, &at, question("hi")).await.unwrap();
    let Some(backend::Event::MessageFailed { error, .. }) = events.last() else {
        panic!("{events:?}");
    };
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::InvalidResponse, Outcome::Applied)
    );
}

#[tokio::test]
async fn words_that_nobody_knows_are_kept() {
    for generation in ANSWERING {
        let (fake, chatter) = pair(generation).await;
        let at = create(&chatter).await;
        fake.rewrite("\"status\":\"active\"", "\"status\":\"frozen\"");
        fake.rewrite("\"role\":\"assistant\"", "\"role\":\"oracle\"");
        ask(&chatter, &at, "hi").await;
        let conversation = chatter.get_conversation(&cx(), &at).await.unwrap();
        assert_eq!(conversation.status, Status::Open);
        assert_eq!(conversation.status_native.as_deref(), Some("frozen"));
        let page = list(&chatter, &ConversationQuery::all(10)).await.unwrap();
        assert_eq!(page.page.items[0].conversation, conversation);
        let messages = all(&chatter, &at).await;
        let last = messages.last().unwrap();
        assert_eq!(last.role, Role::Other("oracle".into()));
        assert_eq!(texts(&messages)[1], "Echo: hi");
    }
}

/// An adapter that believes a server to be done with a write at the write's deadline, and to have our clock.
async fn impatient(generation: Generation) -> (FakeChatter, Chatter) {
    let fake = FakeChatter::start(generation).await;
    let mut config = config(&fake);
    (config.settle_after, config.clock_skew) = (Duration::ZERO, Duration::ZERO);
    let chatter = Chatter::new("chatter", &config, None).unwrap();
    (fake, chatter)
}

async fn settled(
    chatter: &Chatter,
    write: Write,
    at: Option<&Location>,
    started_at: Time,
) -> Settled {
    let intent = Intent {
        id: Uuid::now_v7(),
        location: at.cloned(),
        write,
        started_at,
        deadline_at: Time::now(),
    };
    chatter.settle(&cx(), &intent).await.unwrap()
}

#[tokio::test]
async fn a_create_is_not_settled_by_a_list_that_lacks_a_record() {
    for generation in ALL {
        let (fake, chatter) = impatient(generation).await;
        create_all(&chatter, &["older", "old"]).await;
        let started = Time::now();
        create_all(&chatter, &["bad"]).await;
        let write = || Write::CreateConversation(titled("lost"));
        let before = settled(&chatter, write(), None, started).await;
        assert_eq!(before, Settled::NotApplied);
        fake.rewrite("\"title\":\"bad\"", "\"title\":7");
        let lacks = settled(&chatter, write(), None, started).await;
        assert_eq!(lacks, Settled::Unknown, "it may be the one");
        create_all(&chatter, &["lost"]).await;
        let found = settled(&chatter, write(), None, started).await;
        assert_eq!(found, Settled::Unknown, "the other may be it");
    }
}

#[tokio::test]
async fn what_is_older_than_a_lost_create_may_be_unreadable() {
    let (fake, chatter) = impatient(Generation::V2).await;
    create_all(&chatter, &["bad", "old"]).await;
    fake.rewrite("\"title\":\"bad\"", "\"title\":7");
    let write = Write::CreateConversation(titled("lost"));
    let found = settled(&chatter, write, None, Time::now()).await;
    assert_eq!(found, Settled::NotApplied);
}

#[tokio::test]
async fn a_create_is_not_settled_by_a_conversation_that_cannot_be_mapped_or_is_not_empty() {
    let (fake, chatter) = impatient(Generation::V2).await;
    let started = Time::now();
    let made = create_all(&chatter, &["lost"]).await;
    let write = || Write::CreateConversation(titled("lost"));
    ask(&chatter, &made[0], "hi").await;
    fake.rewrite("\"role\":\"user\"", "\"role\":7");
    fake.rewrite("\"role\":\"assistant\"", "\"role\":7");
    let used = settled(&chatter, write(), None, started).await;
    assert_eq!(used, Settled::NotApplied, "an unreadable message is one");
    let time = fake.conversation(&made[0].native).unwrap().created_at;
    fake.rewrite(
        &format!("\"created_at\":\"{time}\""),
        "\"created_at\":\"?\"",
    );
    let unmappable = settled(&chatter, write(), None, started).await;
    assert_eq!(unmappable, Settled::Unknown);
}

#[tokio::test]
async fn an_answer_is_not_settled_by_a_list_that_lacks_a_record() {
    for generation in ANSWERING {
        let (fake, chatter) = impatient(generation).await;
        let at = create(&chatter).await;
        let started = Time::now();
        ask(&chatter, &at, "there").await;
        let write = |text| Write::Respond(question(text));
        for (text, expected) in [("lost", true), ("there", false)] {
            let found = settled(&chatter, write(text), Some(&at), started).await;
            assert_eq!(found == Settled::NotApplied, expected, "{found:?}");
        }
        fake.rewrite("\"content\":\"Echo: there\"", "\"content\":7");
        for text in ["lost", "there"] {
            let found = settled(&chatter, write(text), Some(&at), started).await;
            assert_eq!(found, Settled::Unknown, "{text}");
        }
    }
}

#[tokio::test]
async fn a_server_that_repeats_its_pages_is_an_error_and_no_endless_loop() {
    for (generation, conversations) in [
        (Generation::V0, 100),
        (Generation::V1NewFastApi, 5),
        (Generation::V2, 5),
    ] {
        let options = FakeOptions {
            repeats_pages: true,
            ..FakeOptions::new(generation)
        };
        let (fake, chatter) = pair_with(options).await;
        create_all(&chatter, &vec!["x"; conversations]).await;
        let mut query = ConversationQuery::all(2);
        let asked = fake.requests().len();
        let error = match list(&chatter, &query).await {
            Ok(page) => {
                let next = page.page.next.unwrap();
                query.page.position = Some(backend::Position::After(next));
                list(&chatter, &query).await.unwrap_err()
            }
            Err(error) => error,
        };
        assert_eq!(error.outcome, Outcome::NotApplied, "{generation:?}");
        let expected = match generation {
            Generation::V0 => Kind::InvalidResponse,
            _ => Kind::UpstreamFailed,
        };
        assert_eq!(error.kind, expected, "{generation:?}");
        assert_eq!(error.backend.as_deref(), Some("chatter"));
        assert!(fake.requests().len() - asked <= 33, "{generation:?}");
    }
}

#[tokio::test]
async fn rows_of_a_repeated_page_are_listed_once() {
    let options = FakeOptions {
        repeats_pages: true,
        ..FakeOptions::new(Generation::V2)
    };
    let (fake, chatter) = pair_with(options).await;
    create_all(&chatter, &["a", "bad", "bad", "d", "e"]).await;
    fake.rewrite("\"title\":\"bad\"", "\"title\":7");
    let error = list(&chatter, &ConversationQuery::all(2)).await;
    assert_eq!(error.unwrap_err().kind, Kind::UpstreamFailed);
}
