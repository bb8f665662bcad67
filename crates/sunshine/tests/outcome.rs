//! What the adapter says of a write that was lost, and of answers that no careful server gives, held against what the
//! vendor holds: every request of every deed, every fault.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic like the tests themselves"
)]

#[path = "fake/fake.rs"]
#[expect(dead_code, reason = "faults come from the line, not from the fake")]
mod fake;
#[path = "adapter/support.rs"]
#[expect(dead_code, reason = "only a few short forms are needed")]
mod support;

use std::sync::Arc;
use std::time::Duration;

use backend::{Backend, NewAttachment, Write};
use conversation::{
    Activity, ActivityKind, ConversationPatch, MessageId, NewConversation, NewMessage, Participant,
    ParticipantKind, Patch, Role, Time,
};
use futures_util::FutureExt;
use sunshine::{ImportMode, Sunshine, SunshineConfig};
use testkit::line::Line;
use testkit::trial::{Deed, Subject, Trial};
use testkit::{odd, outcome, torn};

use fake::FakeSunshine;
use support::{config, cx, new, say};

type Held = fn(&FakeSunshine, &str, &str) -> usize;

/// A direct conversation or a group, with a message, behind a line.
async fn trial(is_group: bool, deed: fn(&MessageId) -> Deed, held: Held) -> Trial {
    let fake = FakeSunshine::start().await;
    let line = Line::to(&fake.base_url()).await;
    let config = |base_url: String| SunshineConfig {
        base_url,
        settle_after: Duration::ZERO,
        import_mode: ImportMode::Post,
        ..config(&fake)
    };
    // The one that is tried remembers nothing of what came before.
    let direct = Sunshine::new("sunshine", &config(fake.base_url())).unwrap();
    // The first conversation of a user cannot be deleted.
    support::create(&direct).await;
    let kind = if is_group {
        new(r#"{"kind":"group","participants":[{"id":"bob","kind":"person"}]}"#)
    } else {
        NewConversation::default()
    };
    let made = direct.create_conversation(&cx(), kind).await;
    let at = made.unwrap().location;
    let message = say(&direct, &at, Role::Assistant, "before").await.id;
    let deed = deed(&message);
    let native = at.native.clone();
    let is_create = matches!(deed, Deed::Write(Write::CreateConversation(_)));
    let sunshine = Sunshine::new("sunshine", &config(line.base_url())).unwrap();
    Trial {
        line,
        backend: Arc::new(sunshine),
        caller: cx(),
        at: (!is_create).then_some(at),
        deed,
        done: Arc::new(move || held(&fake, &native, message.as_str())),
    }
}

fn subject(
    name: &'static str,
    is_group: bool,
    settles: bool,
    deed: fn(&MessageId) -> Deed,
    held: Held,
) -> Subject {
    Subject {
        name,
        settles,
        make: Box::new(move || trial(is_group, deed, held).boxed()),
    }
}

fn conversations(fake: &FakeSunshine, _: &str, _: &str) -> usize {
    fake.conversation_ids().len()
}

fn retitled(fake: &FakeSunshine, native: &str, _: &str) -> usize {
    let title = fake.conversation(native).unwrap().display_name;
    usize::from(title.value().is_some_and(|title| title == "tried"))
}

fn deleted(fake: &FakeSunshine, native: &str, _: &str) -> usize {
    usize::from(fake.conversation(native).is_none())
}

fn messages(fake: &FakeSunshine, native: &str, _: &str) -> usize {
    fake.messages(native).len()
}

fn deleted_message(fake: &FakeSunshine, native: &str, id: &str) -> usize {
    let messages = fake.messages(native);
    usize::from(
        !messages
            .iter()
            .any(|message| message.id.value().is_some_and(|one| one == id)),
    )
}

fn joined(fake: &FakeSunshine, native: &str, _: &str) -> usize {
    fake.participants(native).len()
}

fn left(fake: &FakeSunshine, native: &str, _: &str) -> usize {
    2_usize.saturating_sub(fake.participants(native).len())
}

fn attachments(fake: &FakeSunshine, _: &str, _: &str) -> usize {
    fake.attachments()
}

/// Nothing is kept of an activity: what reached the fake was carried out.
fn activities(fake: &FakeSunshine, _: &str, _: &str) -> usize {
    let asked = fake.operations();
    asked
        .iter()
        .filter(|operation| *operation == "PostActivity")
        .count()
}

fn nothing(_: &FakeSunshine, _: &str, _: &str) -> usize {
    0
}

fn person(id: &str) -> Participant {
    Participant {
        id: Some(id.into()),
        kind: ParticipantKind::Person,
        ..Participant::default()
    }
}

fn said(role: Role, text: &str) -> NewMessage {
    NewMessage {
        sent_at: Some("2020-01-01T00:00:00Z".parse::<Time>().unwrap()),
        ..NewMessage::text(role, text)
    }
}

fn writes() -> Vec<Subject> {
    let write = |name, is_group, deed, held| subject(name, is_group, true, deed, held);
    vec![
        write(
            "create",
            false,
            |_| Deed::Write(Write::CreateConversation(NewConversation::default())),
            conversations,
        ),
        write(
            "create a group",
            false,
            |_| {
                let group = r#"{"title":"tried","kind":"group","participants":[{"id":"eve","kind":"person","name":"Eve"}]}"#;
                Deed::Write(Write::CreateConversation(new(group)))
            },
            conversations,
        ),
        write(
            "update",
            false,
            |_| {
                Deed::Write(Write::UpdateConversation(ConversationPatch {
                    title: Patch::Set("tried".into()),
                    ..ConversationPatch::default()
                }))
            },
            retitled,
        ),
        write(
            "delete",
            false,
            |_| Deed::Write(Write::DeleteConversation),
            deleted,
        ),
        write(
            "post to a customer",
            false,
            |_| {
                Deed::Write(Write::PostMessage(NewMessage::text(
                    Role::Assistant,
                    "tried",
                )))
            },
            messages,
        ),
        write(
            "post of a customer",
            false,
            |_| Deed::Write(Write::PostMessage(NewMessage::text(Role::User, "tried"))),
            messages,
        ),
        write(
            "import one",
            false,
            |_| Deed::Write(Write::ImportMessage(said(Role::Assistant, "tried"))),
            messages,
        ),
        write(
            "import two",
            false,
            |_| {
                Deed::Write(Write::ImportMessages(vec![
                    said(Role::Assistant, "tried"),
                    said(Role::Assistant, "tried again"),
                ]))
            },
            messages,
        ),
        write(
            "delete message",
            false,
            |id| Deed::Write(Write::DeleteMessage { id: id.clone() }),
            deleted_message,
        ),
        write(
            "add one",
            true,
            |_| Deed::Write(Write::AddParticipants(vec![person("eve")])),
            joined,
        ),
        write(
            "add two",
            true,
            |_| Deed::Write(Write::AddParticipants(vec![person("eve"), person("kim")])),
            joined,
        ),
        write(
            "remove",
            true,
            |_| Deed::Write(Write::RemoveParticipant { id: "bob".into() }),
            left,
        ),
        // A file leaves nothing that tells whose it is.
        subject(
            "attach",
            false,
            false,
            |_| {
                Deed::Attach(NewAttachment {
                    name: None,
                    media_type: "text/plain".into(),
                    message_id: None,
                    bytes: "bytes".into(),
                })
            },
            attachments,
        ),
        write(
            "read",
            false,
            |_| {
                Deed::Tell(Activity {
                    activity: ActivityKind::Read,
                    participant_id: None,
                })
            },
            activities,
        ),
    ]
}

fn reads() -> Vec<Subject> {
    let read = |name, deed| subject(name, true, false, deed, nothing);
    vec![
        read("get", |_| Deed::GetConversation),
        read("list", |_| Deed::ListConversations),
        read("message", |id| Deed::GetMessage(id.clone())),
        read("messages", |_| Deed::ListMessages),
        read("participants", |_| Deed::ListParticipants),
    ]
}

#[tokio::test]
async fn what_is_said_of_a_write_is_so() {
    outcome::check(writes()).await;
}

#[tokio::test]
async fn a_write_that_is_carried_out_late_is_never_said_to_be_undone() {
    outcome::check_late(writes()).await;
}

#[tokio::test]
async fn no_odd_answer_becomes_a_value_or_is_logged() {
    odd::check(reads().into_iter().chain(writes()).collect()).await;
}

#[tokio::test]
async fn a_part_of_an_answer_is_never_taken_for_the_answer() {
    for (name, step) in [("get", 1), ("messages", 11)] {
        let reads = reads().into_iter().filter(|read| read.name == name);
        torn::check(reads.collect(), step).await;
    }
}
