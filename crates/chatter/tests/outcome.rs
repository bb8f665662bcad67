//! What the adapter says of a write that was lost, and of answers that no careful server gives, held against what the
//! vendor holds: every request of every deed, every fault.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic like the tests themselves"
)]

#[path = "fake/fake.rs"]
#[expect(dead_code, reason = "faults come from the line, not from the fake")]
mod fake;
#[path = "outcome/streams.rs"]
mod streams;
#[path = "adapter/support.rs"]
#[expect(dead_code, reason = "only a few short forms are needed")]
mod support;

use std::sync::Arc;
use std::time::Duration;

use backend::{Location, RespondRequest, Write};
use chatter::wire::ConversationStatus;
use chatter::{Chatter, ChatterConfig};
use conversation::{ConversationPatch, MessageId, NewConversation, Patch};
use futures_util::FutureExt;
use testkit::line::Line;
use testkit::trial::{Deed, Subject, Trial};
use testkit::{odd, outcome, torn};

use fake::{FakeChatter, Generation};
use support::{ask, config, create, cx, question};

/// A conversation with one turn, behind a line.
struct Scene {
    fake: FakeChatter,
    line: Line,
    chatter: Chatter,
    at: Location,
    answer: MessageId,
}

async fn scene(generation: Generation) -> Scene {
    let fake = FakeChatter::start(generation).await;
    let line = Line::to(&fake.base_url()).await;
    let config = ChatterConfig {
        base_url: line.base_url(),
        settle_after: Duration::ZERO,
        ..config(&fake)
    };
    let chatter = Chatter::new("chatter", &config, None).unwrap();
    chatter.find_generation().await.unwrap();
    let at = create(&chatter).await;
    let answer = ask(&chatter, &at, "before").await.id;
    Scene {
        fake,
        line,
        chatter,
        at,
        answer,
    }
}

impl Scene {
    /// A deed in the conversation; `held` says how much of it the fake holds.
    fn trial(
        self,
        deed: Deed,
        held: impl Fn(&FakeChatter, &str, &str) -> usize + Send + Sync + 'static,
    ) -> Trial {
        let at =
            (!matches!(deed, Deed::Write(Write::CreateConversation(_)))).then_some(self.at.clone());
        let (native, answer) = (self.at.native, self.answer.to_string());
        let fake = self.fake;
        Trial {
            line: self.line,
            backend: Arc::new(self.chatter),
            caller: cx(),
            at,
            deed,
            done: Arc::new(move || held(&fake, &native, &answer)),
        }
    }
}

type Held = fn(&FakeChatter, &str, &str) -> usize;

fn subject(
    name: &'static str,
    generation: Generation,
    settles: bool,
    deed: fn(&Scene) -> Deed,
    held: Held,
) -> Subject {
    Subject {
        name,
        settles,
        make: Box::new(move || {
            async move {
                let scene = scene(generation).await;
                let deed = deed(&scene);
                scene.trial(deed, held)
            }
            .boxed()
        }),
    }
}

fn conversations(fake: &FakeChatter, _: &str, _: &str) -> usize {
    fake.conversations()
}

fn retitled(fake: &FakeChatter, native: &str, _: &str) -> usize {
    let row = fake.conversation(native).unwrap();
    usize::from(row.title == "tried")
}

fn deleted(fake: &FakeChatter, native: &str, _: &str) -> usize {
    let row = fake.conversation(native).unwrap();
    usize::from(row.status == ConversationStatus::Deleted)
}

/// Questions and answers that are stored.
fn turns(fake: &FakeChatter, native: &str, _: &str) -> usize {
    fake.messages(native).len()
}

fn deleted_message(fake: &FakeChatter, native: &str, id: &str) -> usize {
    usize::from(!fake.messages(native).iter().any(|message| message.id == id))
}

fn votes(fake: &FakeChatter, native: &str, id: &str) -> usize {
    let messages = fake.messages(native);
    let message = messages.iter().find(|message| message.id == id).unwrap();
    usize::from(message.rating_count.value().is_some_and(|count| *count > 0))
}

fn nothing(_: &FakeChatter, _: &str, _: &str) -> usize {
    0
}

fn writes() -> Vec<Subject> {
    use Generation::{V1NewFastApi, V1OldFastApi, V2};
    let tried = |_: &Scene| {
        Deed::Write(Write::CreateConversation(NewConversation {
            title: Some("tried".into()),
            ..NewConversation::default()
        }))
    };
    let templated = |_: &Scene| {
        Deed::Write(Write::Respond(RespondRequest {
            template: Some("general_chat".into()),
            ..question("tried")
        }))
    };
    let asked = |_: &Scene| Deed::Write(Write::Respond(question("tried")));
    let retitle = |_: &Scene| {
        Deed::Write(Write::UpdateConversation(ConversationPatch {
            title: Patch::Set("tried".into()),
            ..ConversationPatch::default()
        }))
    };
    vec![
        subject("create, V1", V1NewFastApi, true, tried, conversations),
        subject("create, V2", V2, true, tried, conversations),
        subject("update", V2, true, retitle, retitled),
        subject(
            "delete",
            V2,
            true,
            |_| Deed::Write(Write::DeleteConversation),
            deleted,
        ),
        subject("chat, V1 old", V1OldFastApi, true, asked, turns),
        subject("chat, V1", V1NewFastApi, true, asked, turns),
        subject("template, V1", V1NewFastApi, true, templated, turns),
        subject("stream, V2", V2, true, asked, turns),
        subject(
            "delete message",
            V2,
            true,
            |scene| {
                Deed::Write(Write::DeleteMessage {
                    id: scene.answer.clone(),
                })
            },
            deleted_message,
        ),
        // A vote leaves nothing that tells whose it is.
        subject(
            "rate",
            V1NewFastApi,
            false,
            |scene| {
                Deed::Write(Write::RateMessage {
                    id: scene.answer.clone(),
                    value: 4.0,
                })
            },
            votes,
        ),
    ]
}

fn reads() -> Vec<Subject> {
    let read = |name, deed| subject(name, Generation::V2, false, deed, nothing);
    vec![
        read("get", |_| Deed::GetConversation),
        read("list", |_| Deed::ListConversations),
        read("message", |scene| Deed::GetMessage(scene.answer.clone())),
        read("messages", |_| Deed::ListMessages),
        read("tools", |_| Deed::Tools),
        read("templates", |_| Deed::Templates),
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
    let streams = writes()
        .into_iter()
        .filter(|write| write.name == "stream, V2");
    torn::check(streams.collect(), 29).await;
}
