//! The conformance suite over backends that hold everything, little, or less than they say.

use std::sync::Arc;

use async_trait::async_trait;
use backend::{Backend, Level, Location};
use conversation::ConversationId;

use crate::below::Below;
use crate::support::Bench;

struct Over {
    name: &'static str,
    bench: Bench,
}

#[async_trait]
impl testkit::Harness for Over {
    fn name(&self) -> &str {
        self.name
    }

    async fn backend(&self) -> Arc<dyn Backend> {
        Arc::new(self.bench.overlay.clone())
    }

    fn missing(&self) -> Location {
        Location {
            id: ConversationId::generate(),
            backend: "below".into(),
            native: "nowhere".into(),
            credential: None,
            renamed: false,
        }
    }
}

/// Runs every case; none may be skipped but those about answers, which no store makes.
async fn passes(name: &'static str, change: impl FnOnce(&mut Below)) {
    let over = Over {
        name,
        bench: Bench::new(change),
    };
    let report = testkit::run(&over, &[], |_, _| {}).await;
    assert!(report.failures().is_empty(), "{report}");
    let answers = [
        "respond",
        "templates",
        "tools",
        "answer",
        "refuse",
        "holds every",
        "status",
    ];
    for (rule, why) in report.skips() {
        assert!(
            answers.iter().any(|word| why.contains(word)),
            "{name}: {rule}: {why}"
        );
    }
}

#[tokio::test]
async fn over_a_backend_that_holds_everything() {
    passes("overlay over all", |_| {}).await;
}

#[tokio::test]
async fn over_a_backend_that_holds_little_and_says_so() {
    passes("overlay over little", |below| {
        below.refuses = &[
            "labels",
            "participants",
            "assistant",
            "metadata",
            "extensions",
            "owner",
            "status",
        ];
        let can = &mut below.can;
        for level in [
            &mut can.conversation_labels,
            &mut can.conversation_participants,
            &mut can.conversation_assistant,
            &mut can.conversation_metadata,
            &mut can.conversation_extensions,
            &mut can.conversation_owner,
            &mut can.conversation_status,
        ] {
            *level = Level::Rejected;
        }
        for level in [
            &mut can.message_update,
            &mut can.message_rate,
            &mut can.participant_list,
            &mut can.participant_add,
            &mut can.participant_remove,
            &mut can.activity,
            &mut can.attachment_put,
            &mut can.attachment_open,
        ] {
            *level = Level::None;
        }
    })
    .await;
}

#[tokio::test]
async fn over_a_backend_that_spoils_without_a_word() {
    passes("overlay over a spoiler", |below| {
        below.spoils = |conversation| {
            conversation.participants.reverse();
            conversation.labels.truncate(1);
            conversation.description = None;
            conversation.metadata.clear();
            conversation.title = conversation
                .title
                .take()
                .map(|title| title.to_uppercase().into());
        };
        below.spoils_message = |message| {
            message.metadata.clear();
            message.subject = None;
            message.author = None;
            message.parts.truncate(1);
        };
    })
    .await;
}
