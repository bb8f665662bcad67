//! What the adapter says of a write that was lost, and of answers that no careful server gives, held against what the
//! vendor holds: every request of every deed, every fault.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests panic like the tests themselves"
)]

#[path = "fake/credentials.rs"]
#[expect(dead_code, reason = "the tests break no stores")]
mod credentials;
#[path = "fake/fake.rs"]
#[expect(dead_code, reason = "faults come from the line, not from the fake")]
mod fake;
#[path = "adapter/support.rs"]
#[expect(dead_code, reason = "only a few short forms are needed")]
mod support;

use std::sync::Arc;
use std::time::Duration;

use backend::{Backend, Location, Write};
use datamonkey::{Datamonkey, DatamonkeyConfig};
use futures_util::FutureExt;
use testkit::line::Line;
use testkit::trial::{Deed, Subject, Trial};
use testkit::{odd, outcome, torn};

use credentials::MemoryCredentials;
use fake::{FakeDatamonkey, FakeOptions};
use support::{all, ask, cx, question, titled};

type Held = fn(&FakeDatamonkey, Option<&str>) -> usize;

/// What stands before the deed.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    /// Nothing: the caller is unknown, and gets a token first.
    Nothing,
    /// A conversation with one turn.
    Turn,
}

async fn trial(before: Before, deed: fn(&[conversation::Message]) -> Deed, held: Held) -> Trial {
    let fake = FakeDatamonkey::start_with(FakeOptions::default()).await;
    let line = Line::to(&fake.base_url()).await;
    let config = DatamonkeyConfig {
        settle_after: Duration::ZERO,
        ..DatamonkeyConfig::new(line.base_url())
    };
    let credentials = Arc::<MemoryCredentials>::default();
    let datamonkey = Datamonkey::new(support::NAME, &config, credentials).unwrap();
    let mut messages = Vec::new();
    let mut at: Option<Location> = None;
    if before == Before::Turn {
        let made = datamonkey
            .create_conversation(&cx(), titled("before"))
            .await;
        let place = made.unwrap().location;
        ask(&datamonkey, &place, "before").await;
        messages = all(&datamonkey, &place).await;
        at = Some(place);
    }
    let deed = deed(&messages);
    let native = at.as_ref().map(|at| at.native.clone());
    if matches!(deed, Deed::Write(Write::CreateConversation(_))) {
        at = None;
    }
    Trial {
        line,
        backend: Arc::new(datamonkey),
        caller: cx(),
        at,
        deed,
        done: Arc::new(move || held(&fake, native.as_deref())),
    }
}

fn subject(
    name: &'static str,
    before: Before,
    settles: bool,
    deed: fn(&[conversation::Message]) -> Deed,
    held: Held,
) -> Subject {
    Subject {
        name,
        settles,
        make: Box::new(move || trial(before, deed, held).boxed()),
    }
}

/// Those that are made only to get a token are nobody's.
fn made(fake: &FakeDatamonkey, _: Option<&str>) -> usize {
    let titles = fake.titles();
    titles.iter().filter(|title| *title == "tried").count()
}

fn deleted(fake: &FakeDatamonkey, _: Option<&str>) -> usize {
    usize::from(!fake.titles().iter().any(|title| title == "before"))
}

fn turns(fake: &FakeDatamonkey, native: Option<&str>) -> usize {
    fake.messages(native.unwrap()).len()
}

fn nothing(_: &FakeDatamonkey, _: Option<&str>) -> usize {
    0
}

fn writes() -> Vec<Subject> {
    use Before::{Nothing, Turn};
    let create =
        |_: &[conversation::Message]| Deed::Write(Write::CreateConversation(titled("tried")));
    vec![
        subject("create", Turn, true, create, made),
        subject("first create", Nothing, true, create, made),
        subject(
            "delete",
            Turn,
            true,
            |_| Deed::Write(Write::DeleteConversation),
            deleted,
        ),
        subject(
            "respond",
            Turn,
            true,
            |_| Deed::Write(Write::Respond(question("tried"))),
            turns,
        ),
    ]
}

fn reads() -> Vec<Subject> {
    let read = |name, deed| subject(name, Before::Turn, false, deed, nothing);
    vec![
        read("get", |_| Deed::GetConversation),
        read("list", |_| Deed::ListConversations),
        read("message", |messages| {
            Deed::GetMessage(messages[0].id.clone())
        }),
        read("messages", |_| Deed::ListMessages),
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
