//! What a backend offers beside conversations, and what it says of an operation that it has not.

use std::collections::BTreeSet;
use std::fmt::Debug;

use backend::{ConversationQuery, Kind, Level, NewAttachment, PageRequest, Result};
use conversation::{
    Activity, ActivityKind, AttachmentId, ConversationPatch, MessagePatch, NewMessage, Part,
    Participant, Patch, Role,
};

use crate::bench::{Bench, asking};
use crate::case::{Case, Need, Outcome, nothing_to_say, word};
use crate::expect::Must;

pub(super) const CASES: &[Case] = &[
    Case {
        rule: "templates have unique names",
        needs: &[],
        run: |bench| Box::pin(templates(bench)),
    },
    Case {
        rule: "tools have unique names",
        needs: &[],
        run: |bench| Box::pin(tools(bench)),
    },
    Case {
        rule: "an operation that the backend has not is refused as unsupported",
        needs: &[Need::Works("conversation_create")],
        run: |bench| Box::pin(unsupported(bench)),
    },
    Case {
        rule: "a running backend is healthy",
        needs: &[],
        run: |bench| Box::pin(healthy(bench)),
    },
];

#[track_caller]
fn assert_unique<'a>(names: impl Iterator<Item = &'a str>) {
    let mut seen = BTreeSet::new();
    for name in names {
        assert_ne!(name, "", "a name is not empty");
        assert!(seen.insert(name), "two are called `{name}`");
    }
}

async fn templates(bench: &Bench) -> Outcome {
    if !bench.capabilities.templates.works() {
        return Err(nothing_to_say("backend has no templates"));
    }
    let templates = bench
        .backend
        .templates(&bench.cx())
        .await
        .must("listing templates");
    assert_unique(templates.iter().map(|template| &*template.name));
    Ok(())
}

async fn tools(bench: &Bench) -> Outcome {
    if !bench.capabilities.tools.works() {
        return Err(nothing_to_say("backend has no tools"));
    }
    let tools = bench.backend.tools(&bench.cx()).await.must("listing tools");
    assert_unique(tools.iter().map(|tool| &*tool.name));
    Ok(())
}

/// Expects the refusal that `level` stands for: what does not exist is unsupported, what exists and cannot be held
/// may also be refused as not held.
#[track_caller]
fn assert_unsupported<T: Debug>(operation: &str, level: Level, result: Result<T>) {
    let error = match result {
        Ok(value) => panic!("`{operation}` is {}, and it gave {value:?}", word(level)),
        Err(error) => error,
    };
    let fits = error.kind == Kind::Unsupported
        || (level == Level::Rejected && error.kind == Kind::NotHeld);
    assert!(
        fits,
        "`{operation}` is {}, and was refused as {}: {error:?}",
        word(level),
        error.kind.as_str()
    );
    assert!(
        !error.is_temporary(),
        "trying again does not help: {error:?}"
    );
}

async fn unsupported(bench: &Bench) -> Outcome {
    let Bench {
        backend,
        capabilities,
        missing_message: message,
        ..
    } = bench;
    let at = &bench.conversation().await;
    let mut tried = 0;
    let mut lacks = |level: Level| {
        let lacks = !level.works();
        tried += usize::from(lacks);
        lacks
    };
    if lacks(capabilities.templates) {
        assert_unsupported(
            "templates",
            capabilities.templates,
            backend.templates(&bench.cx()).await,
        );
    }
    if lacks(capabilities.tools) {
        assert_unsupported(
            "tools",
            capabilities.tools,
            backend.tools(&bench.cx()).await,
        );
    }
    if lacks(capabilities.status) {
        assert_unsupported(
            "status",
            capabilities.status,
            backend.status(&bench.cx()).await,
        );
    }
    if lacks(capabilities.statistics) {
        assert_unsupported(
            "statistics",
            capabilities.statistics,
            backend.statistics(&bench.cx()).await,
        );
    }
    if lacks(capabilities.conversation_list) {
        let result = backend
            .list_conversations(&bench.cx(), &ConversationQuery::all(1))
            .await;
        assert_unsupported("conversation_list", capabilities.conversation_list, result);
    }
    if lacks(capabilities.conversation_update) {
        let patch = ConversationPatch {
            title: Patch::Set("new".into()),
            ..ConversationPatch::default()
        };
        let result = backend
            .update_conversation(&bench.cx(), at, patch, None)
            .await;
        assert_unsupported(
            "conversation_update",
            capabilities.conversation_update,
            result,
        );
    }
    if lacks(capabilities.message_list) {
        let result = backend
            .list_messages(&bench.cx(), at, &PageRequest::first(1))
            .await;
        assert_unsupported("message_list", capabilities.message_list, result);
    }
    if lacks(capabilities.message_post) {
        let result = backend
            .post_message(&bench.cx(), at, NewMessage::text(Role::User, "words"))
            .await;
        assert_unsupported("message_post", capabilities.message_post, result);
    }
    if lacks(capabilities.message_import) {
        // Refused as a whole, or message by message.
        let new = vec![NewMessage::text(Role::User, "words")];
        let result = backend.import_messages(&bench.cx(), at, new).await;
        let result = result.and_then(|results| results.into_iter().collect::<Result<Vec<_>>>());
        assert_unsupported("message_import", capabilities.message_import, result);
    }
    if lacks(capabilities.message_update) {
        let patch = MessagePatch {
            parts: Patch::Set(vec![Part::text("new")]),
            ..MessagePatch::default()
        };
        let result = backend
            .update_message(&bench.cx(), at, message, patch, None)
            .await;
        assert_unsupported("message_update", capabilities.message_update, result);
    }
    if lacks(capabilities.message_delete) {
        let result = backend.delete_message(&bench.cx(), at, message, None).await;
        assert_unsupported("message_delete", capabilities.message_delete, result);
    }
    if lacks(capabilities.message_rate) {
        let result = backend.rate_message(&bench.cx(), at, message, 3.0).await;
        assert_unsupported("message_rate", capabilities.message_rate, result);
    }
    if lacks(capabilities.respond) {
        assert_unsupported(
            "respond",
            capabilities.respond,
            bench.answer(at, asking("words")).await,
        );
    }
    if lacks(capabilities.participant_list) {
        let result = backend.list_participants(&bench.cx(), at).await;
        assert_unsupported("participant_list", capabilities.participant_list, result);
    }
    if lacks(capabilities.participant_add) {
        let result = backend
            .add_participants(&bench.cx(), at, vec![Participant::default()])
            .await;
        assert_unsupported("participant_add", capabilities.participant_add, result);
    }
    if lacks(capabilities.participant_remove) {
        let result = backend
            .remove_participant(&bench.cx(), at, "somebody")
            .await;
        assert_unsupported(
            "participant_remove",
            capabilities.participant_remove,
            result,
        );
    }
    if lacks(capabilities.activity) {
        let typing = Activity {
            activity: ActivityKind::TypingStart,
            participant_id: None,
        };
        let result = backend.send_activity(&bench.cx(), at, typing).await;
        assert_unsupported("activity", capabilities.activity, result);
    }
    if lacks(capabilities.attachment_put) {
        let new = NewAttachment {
            name: None,
            media_type: "text/plain".into(),
            message_id: None,
            bytes: "words".into(),
        };
        let result = backend.put_attachment(&bench.cx(), at, new).await;
        assert_unsupported("attachment_put", capabilities.attachment_put, result);
    }
    if lacks(capabilities.attachment_open) {
        let result = backend
            .open_attachment(&bench.cx(), at, &AttachmentId::generate())
            .await;
        assert_unsupported("attachment_open", capabilities.attachment_open, result);
    }
    if lacks(capabilities.conversation_delete) {
        let result = backend.delete_conversation(&bench.cx(), at, None).await;
        assert_unsupported(
            "conversation_delete",
            capabilities.conversation_delete,
            result,
        );
    }
    if tried == 0 {
        return Err(nothing_to_say("backend has every operation"));
    }
    Ok(())
}

async fn healthy(bench: &Bench) -> Outcome {
    let health = bench.backend.health(&bench.cx()).await;
    assert!(health.ok, "{}", health.detail);
    assert_ne!(&*bench.backend.info().name, "", "a backend has a name");
    assert_ne!(&*bench.backend.info().kind, "", "a backend has a kind");
    Ok(())
}
