//! Whatever a caller may send reads back as it was sent, on each of the five backends, and the fates name exactly what
//! the backend alone does not hold.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use backend::{Backend, Context, Located, Principal, Result, Scope};
use conversation::{
    Conversation, Kind, Message, NewConversation, NewMessage, Status, canonical_json,
    strict_digest, strict_message_digest,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::generated::{self, Generator, seed};
use crate::stacks::{Behind, Stack};

/// Conversations for each backend.
const CONVERSATIONS: usize = 12;
/// Messages in each, for each way to write them.
const MESSAGES: usize = 6;

pub(crate) fn cx() -> Context {
    let principal = Principal {
        tenant: "acme".into(),
        key: "tests".into(),
        user: Some("ann".into()),
        scopes: Scope::ALL.to_vec(),
    };
    Context::new(Arc::new(principal), "test", Duration::from_secs(60))
}

fn members(value: &impl Serialize) -> Map<String, Value> {
    let value: Value = serde_json::from_str(&canonical(value)).expect("canonical JSON is JSON");
    match value {
        Value::Object(members) => members,
        other => panic!("not an object: {other}"),
    }
}

fn canonical(value: &impl Serialize) -> String {
    canonical_json(value)
}

/// The members of `sent` that `held` has not just so. Beside the callers' extensions backends show their own.
fn differing(sent: &Map<String, Value>, held: &Map<String, Value>) -> BTreeSet<String> {
    let has = |name: &str, value: &Value| match (name, held.get(name), value) {
        ("extensions", held, Value::Object(vendors)) => vendors
            .iter()
            .all(|(vendor, value)| held.and_then(|held| held.get(vendor)) == Some(value)),
        (_, held, value) => held == Some(value),
    };
    sent.iter()
        .filter(|(name, value)| !has(name, value))
        .map(|(name, _)| name.clone())
        .collect()
}

/// The members of these names, for a person.
fn shown(names: &BTreeSet<String>, sent: &Map<String, Value>, held: &impl Serialize) -> String {
    let held = members(held);
    names
        .iter()
        .map(|name| {
            format!(
                "\n  {name}: {:?} instead of {:?}",
                held.get(name),
                sent.get(name)
            )
        })
        .collect()
}

/// The fields that the fates name, by their first segment.
fn named(cx: &Context, of: &str) -> BTreeSet<String> {
    cx.trace
        .fates()
        .into_iter()
        .filter(|(id, _)| &**id == of)
        .map(|(_, fate)| {
            let pointer = fate.pointer.trim_start_matches('/');
            pointer.split('/').next().unwrap_or_default().to_owned()
        })
        .collect()
}

/// Everything that went wrong, so that one run shows all of it.
#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn check(&mut self, what: &str, is_right: bool, detail: impl FnOnce() -> String) {
        if !is_right {
            self.0.push(format!("{what}: {}", detail()));
        }
    }

    #[track_caller]
    fn must_be_none(self) {
        assert!(
            self.0.is_empty(),
            "{} findings\n{}",
            self.0.len(),
            self.0.join("\n")
        );
    }
}

struct Run<'a> {
    stack: &'a Stack,
    findings: Findings,
    what: String,
}

impl Run<'_> {
    fn router(&self) -> &dyn Backend {
        &*self.stack.router
    }

    /// Checks a written conversation: as it came back, as it reads now, and against what the vendor has alone.
    async fn conversation(&mut self, cx: &Context, new: &NewConversation, made: &Located) {
        let read = self
            .router()
            .get_conversation(&self::cx(), &made.location)
            .await;
        let Some(read) = self.ok("reading", read) else {
            return;
        };
        let sent = members(new);
        for (when, document) in [("as written", &made.conversation), ("as read", &read)] {
            let differs = differing(&sent, &members(document));
            self.finding(
                &format!("conversation {when} differs in {differs:?}"),
                differs.is_empty(),
                || shown(&differs, &sent, document),
            );
        }
        let alone = self
            .stack
            .bare
            .get_conversation(&self::cx(), &made.location)
            .await;
        if let Some(alone) = self.ok("reading past the gateway", alone) {
            let lacks = differing(&sent, &members(&alone));
            let named = named(cx, &made.location.id.to_string());
            self.finding("fates of a conversation", named == lacks, || {
                format!("the backend lacks {lacks:?}, and {named:?} are named")
            });
        }
    }

    async fn copied_conversation(&mut self, new: &NewConversation, made: &Located) {
        let read = self.router().get_conversation(&cx(), &made.location).await;
        let Some(read) = self.ok("reading a copy", read) else {
            return;
        };
        let whole = wanted_conversation(new, &made.conversation);
        self.finding(
            "the digest of a copied conversation",
            strict_digest(&whole) == strict_digest(&read),
            || differences(&whole, &read),
        );
    }

    async fn message(
        &mut self,
        way: &str,
        wanted: &Message,
        sent: &NewMessage,
        written: &Message,
        at: &Located,
    ) {
        let read = self
            .router()
            .get_message(&cx(), &at.location, &written.id)
            .await;
        let Some(read) = self.ok("reading a message", read) else {
            return;
        };
        let sent = members(sent);
        for (when, document) in [("as written", written), ("as read", &read)] {
            let differs = differing(&sent, &members(document));
            self.finding(
                &format!("{way} message {when} differs in {differs:?}"),
                differs.is_empty(),
                || shown(&differs, &sent, document),
            );
        }
        if way == "imported" {
            self.finding(
                "the digest of an imported message",
                strict_message_digest(wanted) == strict_message_digest(&read),
                || {
                    let id = &read.id;
                    format!("{id} {}", differences(wanted, &read))
                },
            );
        }
    }

    /// Checks that the fates of a post name what the vendor alone does not hold of it, or the message as a whole.
    async fn fates_of_message(
        &mut self,
        cx: &Context,
        sent: &NewMessage,
        written: &Message,
        at: &Located,
    ) {
        let named = named(cx, written.id.as_str());
        let alone = self
            .stack
            .bare
            .get_message(&self::cx(), &at.location, &written.id)
            .await;
        match alone {
            Ok(alone) => {
                let lacks = differing(&members(sent), &members(&alone));
                self.finding("fates of a message", named == lacks, || {
                    format!("the backend lacks {lacks:?}, and {named:?} are named")
                });
            }
            // Kept as a whole: what is named says why.
            Err(error) if error.kind == backend::Kind::NotFound => {
                self.finding("fates of a kept message", !named.is_empty(), || {
                    "none".to_owned()
                });
            }
            Err(error) => {
                let _: Option<()> = self.ok("reading past the gateway", Err(error));
            }
        }
    }

    fn finding(&mut self, what: &str, is_right: bool, detail: impl FnOnce() -> String) {
        let what = format!("{}, {what}", self.what);
        self.findings.check(&what, is_right, detail);
    }

    fn ok<T>(&mut self, what: &str, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.finding(what, false, || format!("{error:?}"));
                None
            }
        }
    }
}

/// The members in which two differ, for a person.
pub(crate) fn differences(wanted: &impl Serialize, found: &impl Serialize) -> String {
    let (wanted, found) = (members(wanted), members(found));
    let names: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
    names
        .into_iter()
        .filter(|name| wanted.get(*name) != found.get(*name))
        .map(|name| {
            format!(
                "\n  {name}: {:?} instead of {:?}",
                found.get(name),
                wanted.get(name)
            )
        })
        .collect()
}

fn wanted_conversation(new: &NewConversation, like: &Conversation) -> Conversation {
    new.clone()
        .into_conversation(like.id, &like.backend, like.created_at)
}

async fn everything_reads_back(behind: Behind) {
    let seed = seed();
    let stack = Stack::start(behind).await;
    let mut generator = Generator::new("written", seed);
    let mut run = Run {
        stack: &stack,
        findings: Findings::default(),
        what: String::new(),
    };
    for number in 0..CONVERSATIONS {
        run.what = format!("{} (seed {seed}, conversation {number})", behind.name());
        let mut new = generator.any(&generated::conversation());
        let mut cx = cx();
        cx.copying = number % 2 == 1;
        if cx.copying {
            // What is copied has both: every conversation has.
            new.kind.get_or_insert(Kind::Assistant);
            new.status.get_or_insert(Status::Open);
        } else {
            // Callers cannot give it: only a copy was made at another time.
            new.created_at = None;
            if let Some(assistant) = &mut new.assistant {
                // A profile that is not there is the caller's mistake.
                assistant.profile_id = None;
            }
        }
        let made = run.router().create_conversation(&cx, new.clone()).await;
        let messages: Vec<NewMessage> = (0..2 * MESSAGES)
            .map(|_| generator.any(&generated::message()))
            .collect();
        let Some(made) = run.ok("creating", made) else {
            continue;
        };
        if cx.copying {
            run.copied_conversation(&new, &made).await;
        } else {
            run.conversation(&cx, &new, &made).await;
        }
        let (posted, imported) = messages.split_at(MESSAGES);
        for new in posted {
            let new = generated::posted(new.clone());
            let cx = self::cx();
            let written = run
                .router()
                .post_message(&cx, &made.location, new.clone())
                .await;
            if let Some(written) = run.ok("posting", written) {
                run.fates_of_message(&cx, &new, &written, &made).await;
                let whole = new.clone().into_message(
                    written.id.clone(),
                    made.location.id,
                    written.created_at,
                );
                run.message("posted", &whole, &new, &written, &made).await;
            }
        }
        let written = run
            .router()
            .import_messages(&self::cx(), &made.location, imported.to_vec())
            .await;
        for (new, written) in imported
            .iter()
            .zip(run.ok("importing", written).unwrap_or_default())
        {
            if let Some(written) = run.ok("importing one", written) {
                // Said when it came, where the caller does not say when.
                let whole = NewMessage {
                    sent_at: new.sent_at.or(Some(written.sent_at)),
                    ..new.clone()
                };
                let whole =
                    whole.into_message(written.id.clone(), made.location.id, written.created_at);
                run.message("imported", &whole, new, &written, &made).await;
            }
        }
    }
    run.findings.must_be_none();
}

#[tokio::test]
async fn everything_reads_back_on_the_store() {
    everything_reads_back(Behind::Store).await;
}

#[tokio::test]
async fn everything_reads_back_on_chatter() {
    everything_reads_back(Behind::FIVE[1]).await;
}

#[tokio::test]
async fn everything_reads_back_on_datamonkey() {
    everything_reads_back(Behind::Datamonkey).await;
}

#[tokio::test]
async fn everything_reads_back_on_sunshine() {
    everything_reads_back(Behind::Sunshine).await;
}

#[tokio::test]
async fn everything_reads_back_on_convore() {
    everything_reads_back(Behind::Convore).await;
}
