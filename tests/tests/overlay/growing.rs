//! A conversation grows at its vendor, past the gateway: that is no drift, and changes nothing that is kept beside it.

use backend::ports::DriftQuery;
use backend::{Backend, BackendExt, Location, PageRequest, RespondRequest};
use conversation::{
    Message, NewConversation, NewMessage, Role, strict_digest, strict_message_digest, text_of,
};
use futures_util::{StreamExt, TryStreamExt};

use crate::stacks::{Behind, Stack};
use crate::written::{cx, differences};

/// Messages that come past the gateway.
const GROWTH: usize = 1_000;

/// Whatever the vendor cannot hold, in one conversation.
fn rich_conversation() -> NewConversation {
    serde_json::from_str(
        r#"{
            "kind": "mail", "title": "a title", "description": "what it is about", "status": "closed",
            "priority": "urgent", "labels": ["one", "two"], "owner": "ann", "icon_url": "https://example.com/i.png",
            "participants": [
                {"id": "p1", "kind": "person", "side": "customer", "name": "Bea", "handles": [{"type": "email", "value": "bea@example.com"}]},
                {"id": "p2", "kind": "bot", "side": "business", "name": "Bot"}
            ],
            "assistant": {"model": "m", "temperature": 0.5, "system_prompt": "be brief"},
            "metadata": {"nested": {"a": [1, 2.50]}, "flat": "x"},
            "extensions": {"acme": {"shard": 7}}
        }"#,
    )
    .expect("a conversation")
}

fn rich_message(text: &str) -> NewMessage {
    let mut new: NewMessage = serde_json::from_str(
        r#"{
            "subject": "a subject", "parts": [{"type": "list", "items": [{"title": "one"}]}], "client_message_id": "c-1",
            "recipients": [{"kind": "cc", "name": "Carla"}], "metadata": {"k": {"v": 1}}, "source": {"channel": "web"}
        }"#,
    )
    .expect("a message");
    new.parts.push(conversation::Part::text(text));
    new
}

/// Says `count` things at the vendor itself.
async fn grow(stack: &Stack, at: &Location, count: usize) {
    let posts = stack.bare.capabilities().message_post.works();
    let mut said = 0;
    while said < count {
        let text = NewMessage::text(Role::User, format!("past the gateway {said}"));
        if posts {
            let posted = stack.bare.post_message(&cx(), at, text).await;
            posted.expect("a message");
            said += 1;
            continue;
        }
        let request = RespondRequest {
            input: Some(text),
            ..RespondRequest::default()
        };
        let events = stack.bare.respond(&cx(), at, request).await;
        let events: Vec<_> = events.expect("an answer").collect().await;
        assert!(!events.is_empty());
        said += 2;
    }
}

async fn messages(stack: &Stack, at: &Location) -> Vec<Message> {
    let cx = cx().fresh();
    let messages = stack
        .router
        .all_messages(&cx, at, PageRequest::first(100))
        .try_collect()
        .await;
    messages.expect("all messages")
}

async fn grows_without_drift(behind: Behind) {
    let stack = Stack::start(behind).await;
    let router = &stack.router;
    let made = router
        .create_conversation(&cx(), rich_conversation())
        .await
        .expect("a conversation");
    let at = &made.location;
    for text in ["first", "second"] {
        let posted = router.post_message(&cx(), at, rich_message(text)).await;
        posted.expect("a post");
    }
    let history = vec![NewMessage {
        sent_at: "2020-02-02T02:02:02.020Z".parse().ok(),
        ..rich_message("long ago")
    }];
    for imported in router
        .import_messages(&cx(), at, history)
        .await
        .expect("an import")
    {
        imported.expect("a message");
    }
    let request = RespondRequest {
        input: Some(rich_message("a question")),
        ..RespondRequest::default()
    };
    let events = router.respond(&cx(), at, request).await.expect("an answer");
    let events: Vec<_> = events.collect().await;
    assert!(
        matches!(events.last(), Some(backend::Event::MessageCompleted(_))),
        "{events:?}"
    );
    let before = (
        router
            .get_conversation(&cx().fresh(), at)
            .await
            .expect("the conversation"),
        messages(&stack, at).await,
    );
    assert_eq!(before.1.len(), 5, "{}: {:?}", behind.name(), before.1);

    grow(&stack, at, GROWTH).await;

    let after = messages(&stack, at).await;
    assert_eq!(after.len(), before.1.len() + GROWTH, "{}", behind.name());
    for message in &before.1 {
        let found = after
            .iter()
            .find(|found| found.id == message.id)
            .unwrap_or_else(|| panic!("{}: {:?} is gone", behind.name(), text_of(&message.parts)));
        let changed = differences(message, found);
        assert_eq!(
            strict_message_digest(found),
            strict_message_digest(message),
            "{}: a message changed: {changed}",
            behind.name()
        );
    }
    let ids = |messages: &[Message]| -> Vec<_> {
        let known = |message: &&Message| before.1.iter().any(|one| one.id == message.id);
        let known = messages.iter().filter(known);
        known.map(|message| message.id.clone()).collect()
    };
    assert_eq!(
        ids(&after),
        ids(&before.1),
        "{}: their order",
        behind.name()
    );
    let conversation = router
        .get_conversation(&cx().fresh(), at)
        .await
        .expect("the conversation");
    let changed = differences(&before.0, &conversation);
    assert_eq!(
        strict_digest(&conversation),
        strict_digest(&before.0),
        "{}: the conversation changed: {changed}",
        behind.name()
    );
    let query = DriftQuery {
        limit: 100,
        ..DriftQuery::default()
    };
    let drifted = stack.kept().drifted(&query).await.expect("the drift");
    assert!(drifted.items.is_empty(), "{}: {drifted:?}", behind.name());
}

#[tokio::test]
async fn growth_on_chatter_is_no_drift() {
    grows_without_drift(Behind::VENDORS[0]).await;
}

#[tokio::test]
async fn growth_on_datamonkey_is_no_drift() {
    grows_without_drift(Behind::Datamonkey).await;
}

#[tokio::test]
async fn growth_on_sunshine_is_no_drift() {
    grows_without_drift(Behind::Sunshine).await;
}

#[tokio::test]
async fn growth_on_convore_is_no_drift() {
    grows_without_drift(Behind::Convore).await;
}
