//! A copy from vendor to vendor, over all four and back to the first, ends with equal digests.

use backend::{BackendExt, Context, Location, PageRequest};
use conversation::{
    Conversation, Digest, Message, NewConversation, NewMessage, conversation_digest, strict_digest,
    strict_message_digest,
};
use futures_util::TryStreamExt;

use crate::generated::{self, Generator, seed};
use crate::stacks::{Behind, Stack};
use crate::written::{cx, differences};

/// Conversations that travel.
const CONVERSATIONS: usize = 4;
/// Messages in each.
const MESSAGES: usize = 25;

/// Everything of a conversation that a client can set.
fn as_new(conversation: Conversation) -> NewConversation {
    NewConversation {
        kind: Some(conversation.kind),
        title: conversation.title,
        description: conversation.description,
        status: Some(conversation.status),
        priority: conversation.priority,
        labels: conversation.labels,
        participants: conversation.participants,
        owner: conversation.owner,
        icon_url: conversation.icon_url,
        assistant: conversation.assistant,
        metadata: conversation.metadata,
        created_at: Some(conversation.created_at),
        extensions: conversation.extensions,
    }
}

fn message_as_new(message: Message) -> NewMessage {
    NewMessage {
        role: message.role,
        author: message.author,
        direction: Some(message.direction),
        recipients: message.recipients,
        subject: message.subject,
        parts: message.parts,
        in_reply_to: message.in_reply_to,
        status: Some(message.status),
        rating: message.rating,
        usage: message.usage,
        model: message.model,
        provider: message.provider,
        finish_reason: message.finish_reason,
        latency_ms: message.latency_ms,
        source: message.source,
        metadata: message.metadata,
        client_message_id: message.client_message_id,
        sent_at: Some(message.sent_at),
        edited_at: message.edited_at,
        extensions: message.extensions,
    }
}

/// A conversation with all of its messages, oldest first.
struct Whole {
    conversation: Conversation,
    messages: Vec<Message>,
}

impl Whole {
    fn digest(&self) -> Digest {
        let messages = self.messages.iter().map(strict_message_digest);
        conversation_digest(Some(strict_digest(&self.conversation)), messages)
    }
}

fn copying() -> Context {
    Context {
        copying: true,
        ..cx()
    }
}

async fn write(stack: &Stack, new: NewConversation, messages: Vec<NewMessage>) -> Location {
    use backend::Backend as _;

    let made = stack
        .router
        .create_conversation(&copying(), new)
        .await
        .expect("a copy");
    let imported = stack
        .router
        .import_messages(&copying(), &made.location, messages)
        .await
        .expect("its messages");
    for result in imported {
        result.expect("a message");
    }
    made.location
}

async fn read(stack: &Stack, at: &Location) -> Whole {
    use backend::Backend as _;

    let cx = cx().fresh();
    let conversation = stack.router.get_conversation(&cx, at).await;
    let messages = stack
        .router
        .all_messages(&cx, at, PageRequest::first(7))
        .try_collect()
        .await;
    Whole {
        conversation: conversation.expect("a conversation"),
        messages: messages.expect("its messages"),
    }
}

#[track_caller]
fn assert_equal(before: &Whole, after: &Whole, way: &str) {
    let changed = differences(&before.conversation, &after.conversation);
    assert_eq!(
        strict_digest(&before.conversation),
        strict_digest(&after.conversation),
        "{way}: the conversation: {changed}"
    );
    assert_eq!(before.messages.len(), after.messages.len(), "{way}");
    for (one, other) in before.messages.iter().zip(&after.messages) {
        let changed = differences(one, other);
        assert_eq!(
            strict_message_digest(one),
            strict_message_digest(other),
            "{way}: a message: {changed}"
        );
    }
    assert_eq!(before.digest(), after.digest(), "{way}");
}

#[tokio::test]
async fn a_copy_over_all_vendors_and_back_loses_nothing() {
    let seed = seed();
    let mut generator = Generator::new("copying", seed);
    let mut stacks = Vec::new();
    for behind in Behind::VENDORS {
        stacks.push((behind.name(), Stack::start(behind).await));
    }
    for number in 0..CONVERSATIONS {
        let new = generator.any(&generated::conversation());
        let messages: Vec<NewMessage> = (0..MESSAGES)
            .map(|_| generator.any(&generated::message()))
            .collect();
        let (first, source) = &stacks[0];
        let at = write(source, new, messages).await;
        let original = read(source, &at).await;
        let mut travelling = read(source, &at).await;
        let round = stacks.iter().skip(1).chain(stacks.first());
        for (name, target) in round {
            let way = format!("to {name} (seed {seed}, conversation {number} from {first})");
            let messages = travelling.messages.into_iter().map(message_as_new);
            let new = as_new(travelling.conversation);
            let at = write(target, new, messages.collect()).await;
            travelling = read(target, &at).await;
            assert_equal(&original, &travelling, &way);
        }
    }
}
