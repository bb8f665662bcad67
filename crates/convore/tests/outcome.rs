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
    Activity, ActivityKind, AttachmentId, ConversationPatch, MessageId, MessagePatch,
    NewConversation, Part, Patch, Side,
};
use convore::wire::{ConversationStatus, Member};
use convore::{Convore, ConvoreConfig};
use futures_util::FutureExt;
use testkit::line::Line;
use testkit::trial::{Deed, Subject, Trial};
use testkit::{odd, outcome, torn};

use fake::FakeConvore;
use support::{by_mail, config, create_with, cx, inbound, outbound, said_at, somebody};

type Held = fn(&FakeConvore, &str, &str) -> usize;

/// A conversation with a message that has a file, behind a line.
async fn trial(deed: fn(&MessageId, &AttachmentId) -> Deed, held: Held) -> Trial {
    let fake = FakeConvore::start().await;
    let line = Line::to(&fake.base_url()).await;
    let config = |base_url: String| ConvoreConfig {
        base_url,
        settle_after: Duration::ZERO,
        ..config(&fake)
    };
    // The one that is tried remembers nothing of what came before.
    let direct = Convore::new("convore", &config(fake.base_url())).unwrap();
    let at = create_with(&direct, by_mail()).await;
    let message = direct.post_message(&cx(), &at, inbound("before")).await;
    let message = message.unwrap().id;
    let file = direct.put_attachment(&cx(), &at, file(&message)).await;
    fake.change(&at.native, |row| row.is_unread = Member::Value(true));
    let deed = deed(&message, &file.unwrap().id);
    let native = at.native.clone();
    let is_create = matches!(deed, Deed::Write(Write::CreateConversation(_)));
    let convore = Convore::new("convore", &config(line.base_url())).unwrap();
    Trial {
        line,
        backend: Arc::new(convore),
        caller: cx(),
        at: (!is_create).then_some(at),
        deed,
        done: Arc::new(move || held(&fake, &native, message.as_str())),
    }
}

fn subject(
    name: &'static str,
    settles: bool,
    deed: fn(&MessageId, &AttachmentId) -> Deed,
    held: Held,
) -> Subject {
    Subject {
        name,
        settles,
        make: Box::new(move || trial(deed, held).boxed()),
    }
}

fn file(message: &MessageId) -> NewAttachment {
    NewAttachment {
        name: None,
        media_type: "text/plain".into(),
        message_id: Some(message.clone()),
        bytes: "x".into(),
    }
}

fn conversations(fake: &FakeConvore, _: &str, _: &str) -> usize {
    fake.conversations()
}

fn retitled(fake: &FakeConvore, native: &str, _: &str) -> usize {
    let subject = fake.conversation(native).unwrap().subject;
    usize::from(subject.value().is_some_and(|subject| subject == "tried"))
}

fn trashed(fake: &FakeConvore, native: &str, _: &str) -> usize {
    let row = fake.conversation(native).unwrap();
    usize::from(row.status == ConversationStatus::Trash)
}

fn messages(fake: &FakeConvore, native: &str, _: &str) -> usize {
    fake.messages(native).len()
}

/// The new words, and the file that is no longer there.
fn reworded(fake: &FakeConvore, native: &str, id: &str) -> usize {
    let messages = fake.messages(native);
    let message = messages.iter().find(|message| message.id == id).unwrap();
    let has_words = message
        .body
        .value()
        .is_some_and(|body| body.contains("tried"));
    let asked = support::asked(fake);
    let is_removal = |one: &&String| one.starts_with("DELETE /v1/attachments");
    usize::from(has_words) + asked.iter().filter(is_removal).count()
}

fn joined(fake: &FakeConvore, native: &str, _: &str) -> usize {
    fake.conversation(native).unwrap().participants.len()
}

fn left(fake: &FakeConvore, native: &str, _: &str) -> usize {
    2_usize.saturating_sub(fake.conversation(native).unwrap().participants.len())
}

fn read(fake: &FakeConvore, native: &str, _: &str) -> usize {
    let row = fake.conversation(native).unwrap();
    usize::from(row.is_unread.value() == Some(&false))
}

/// What reached the fake was carried out.
fn uploads(fake: &FakeConvore, _: &str, _: &str) -> usize {
    let asked = support::asked(fake);
    asked
        .iter()
        .filter(|one| one.starts_with("POST /v1/attachments"))
        .count()
}

fn nothing(_: &FakeConvore, _: &str, _: &str) -> usize {
    0
}

fn created(title: &str, labels: &[&str]) -> Deed {
    Deed::Write(Write::CreateConversation(NewConversation {
        title: Some(title.into()),
        labels: labels.iter().map(|label| (*label).into()).collect(),
        ..by_mail()
    }))
}

fn writes() -> Vec<Subject> {
    let write = |name, deed, held| subject(name, true, deed, held);
    vec![
        write("create", |_, _| created("tried", &[]), conversations),
        write(
            "create with labels",
            |_, _| created("tried", &["new", "newer"]),
            conversations,
        ),
        write(
            "update",
            |_, _| {
                Deed::Write(Write::UpdateConversation(ConversationPatch {
                    title: Patch::Set("tried".into()),
                    labels: Patch::Set(vec!["new".into()]),
                    ..ConversationPatch::default()
                }))
            },
            retitled,
        ),
        write(
            "delete",
            |_, _| Deed::Write(Write::DeleteConversation),
            trashed,
        ),
        write(
            "send",
            |_, _| Deed::Write(Write::PostMessage(outbound("tried"))),
            messages,
        ),
        write(
            "store",
            |_, _| Deed::Write(Write::PostMessage(inbound("tried"))),
            messages,
        ),
        write(
            "import one",
            |_, _| {
                Deed::Write(Write::ImportMessage(said_at(
                    "tried",
                    "2020-01-01T00:00:00Z",
                )))
            },
            messages,
        ),
        write(
            "import two",
            |_, _| {
                Deed::Write(Write::ImportMessages(vec![
                    said_at("tried", "2020-01-01T00:00:00Z"),
                    said_at("tried again", "2020-01-01T00:00:01Z"),
                ]))
            },
            messages,
        ),
        write(
            "edit",
            |message, _| {
                Deed::Write(Write::UpdateMessage {
                    id: message.clone(),
                    patch: MessagePatch {
                        parts: Patch::Set(vec![Part::text("tried")]),
                        ..MessagePatch::default()
                    },
                })
            },
            reworded,
        ),
        write(
            "add",
            |_, _| {
                let eve = somebody("Eve", "eve@example.test", Side::Customer);
                Deed::Write(Write::AddParticipants(vec![eve]))
            },
            joined,
        ),
        write(
            "remove",
            |_, _| {
                Deed::Write(Write::RemoveParticipant {
                    id: "email:bo@example.test".into(),
                })
            },
            left,
        ),
        write(
            "read",
            |_, _| {
                Deed::Tell(Activity {
                    activity: ActivityKind::Read,
                    participant_id: None,
                })
            },
            read,
        ),
        // A file leaves nothing that tells whose it is.
        subject(
            "attach",
            false,
            |message, _| Deed::Attach(file(message)),
            uploads,
        ),
    ]
}

fn reads() -> Vec<Subject> {
    let read = |name, deed| subject(name, false, deed, nothing);
    vec![
        read("get", |_, _| Deed::GetConversation),
        read("list", |_, _| Deed::ListConversations),
        read("message", |message, _| Deed::GetMessage(message.clone())),
        read("messages", |_, _| Deed::ListMessages),
        read("participants", |_, _| Deed::ListParticipants),
        read("open", |_, file| Deed::OpenAttachment(file.clone())),
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
