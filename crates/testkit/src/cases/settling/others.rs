//! Settling imports of several messages, edits, deletes and participants.
//!
//! A backend that finds lost writes by their looks may not tell of these; what it tells must be right.

use backend::{Applied, Context, Location, SettleSupport, Settled, Write};
use conversation::{
    ConversationId, Message, MessagePatch, NewMessage, Part, Participant, Patch, Time,
};

use super::{intent, settle, unmistakable_text};
use crate::bench::Bench;
use crate::case::is_held;
use crate::expect::Must;

/// What a write that was done settles as; `None` where the backend cannot tell and need not.
#[track_caller]
fn applied(bench: &Bench, settled: Settled, what: &str) -> Option<Applied> {
    match settled {
        Settled::Applied(applied) => Some(applied),
        Settled::Unknown if bench.capabilities.settle != SettleSupport::Certain => None,
        other => panic!("{what} was done, and settles as {other:?}"),
    }
}

#[track_caller]
fn not_applied(bench: &Bench, settled: &Settled, what: &str) {
    match settled {
        Settled::NotApplied => {}
        Settled::Unknown if bench.capabilities.settle != SettleSupport::Certain => {}
        other => panic!("{what} was never sent, and settles as {other:?}"),
    }
}

fn history() -> Vec<NewMessage> {
    let at = |time: &str| NewMessage {
        sent_at: time.parse().ok(),
        ..unmistakable_text()
    };
    vec![
        at("2020-02-02T02:02:02.020Z"),
        at("2020-02-02T02:02:03.020Z"),
    ]
}

fn edit() -> MessagePatch {
    let text = format!("edited {}", ConversationId::generate());
    MessagePatch {
        parts: Patch::Set(vec![Part::text(text)]),
        ..MessagePatch::default()
    }
}

fn somebody() -> Participant {
    Participant {
        id: Some(format!("somebody-{}", ConversationId::generate()).into()),
        name: Some("Somebody".into()),
        ..Participant::default()
    }
}

async fn said(bench: &Bench, at: &Location) -> Message {
    let text = format!("settle {}", ConversationId::generate());
    bench.say_text(at, text).await.must("saying something")
}

/// Whether messages can be said and then changed or deleted.
fn changes(bench: &Bench, operation: backend::Level) -> bool {
    bench.capabilities.message_post.works() && operation.works()
}

pub(super) async fn done(bench: &Bench) {
    let capabilities = &bench.capabilities;
    let at = &bench.conversation().await;
    let noted = |cx: &Context, write| intent(cx, Some(at), write, Time::now());
    if capabilities.message_import.works() {
        let (cx, new) = (bench.cx(), history());
        let noted = noted(&cx, Write::ImportMessages(new.clone()));
        let results = bench
            .backend
            .import_messages(&cx, at, new)
            .await
            .must("importing");
        let imported: Vec<Message> = results
            .into_iter()
            .map(|result| result.must("importing"))
            .collect();
        match applied(bench, settle(bench, &noted).await, "an import") {
            Some(Applied::Messages(messages)) => {
                let ids = |messages: &[Message]| -> Vec<_> {
                    messages.iter().map(|message| message.id.clone()).collect()
                };
                assert_eq!(ids(&messages), ids(&imported), "it stored these messages");
            }
            None => {}
            other => panic!("an import made {other:?}"),
        }
    }
    if changes(bench, capabilities.message_update) {
        let message = said(bench, at).await;
        let (cx, patch) = (bench.cx(), edit());
        let id = message.id;
        let write = Write::UpdateMessage {
            id: id.clone(),
            patch: patch.clone(),
        };
        let noted = noted(&cx, write);
        let edited = bench
            .backend
            .update_message(&cx, at, &id, patch, None)
            .await
            .must("editing");
        match applied(bench, settle(bench, &noted).await, "an edit") {
            Some(Applied::Message(message)) => {
                assert_eq!(
                    (&message.id, &message.parts),
                    (&edited.id, &edited.parts),
                    "it changed this message"
                );
            }
            None => {}
            other => panic!("an edit made {other:?}"),
        }
    }
    if changes(bench, capabilities.message_delete) {
        let id = said(bench, at).await.id;
        let cx = bench.cx();
        let noted = noted(&cx, Write::DeleteMessage { id: id.clone() });
        bench
            .backend
            .delete_message(&cx, at, &id, None)
            .await
            .must("deleting a message");
        let settled = settle(bench, &noted).await;
        applied(bench, settled, "the delete of a message");
    }
    // One that is held in part may be for some conversations only.
    if is_held(capabilities.conversation_participants) && capabilities.participant_add.works() {
        let (cx, new) = (bench.cx(), vec![somebody()]);
        let noted = noted(&cx, Write::AddParticipants(new.clone()));
        let added = bench
            .backend
            .add_participants(&cx, at, new)
            .await
            .must("adding a participant");
        match applied(bench, settle(bench, &noted).await, "an added participant") {
            Some(Applied::Participants(participants)) => assert_eq!(participants, added),
            None => {}
            other => panic!("an added participant made {other:?}"),
        }
    }
    if capabilities.conversation_delete.works() {
        let cx = bench.cx();
        let noted = noted(&cx, Write::DeleteConversation);
        bench
            .backend
            .delete_conversation(&cx, at, None)
            .await
            .must("deleting a conversation");
        // A router no longer knows it, and says so; whoever repeats the delete learns the same.
        match bench.backend.settle(&bench.cx(), &noted).await {
            Ok(settled) => drop(applied(bench, settled, "the delete of a conversation")),
            Err(error) => assert_eq!(error.kind, backend::Kind::NotFound, "{error:?}"),
        }
    }
}

pub(super) async fn never_sent(bench: &Bench, long_ago: Time) {
    let capabilities = &bench.capabilities;
    let at = &bench.conversation().await;
    let settled = async |write| {
        let noted = intent(&bench.cx(), Some(at), write, long_ago);
        settle(bench, &noted).await
    };
    if capabilities.message_import.works() {
        let settled = settled(Write::ImportMessages(history())).await;
        not_applied(bench, &settled, "an import");
    }
    if changes(bench, capabilities.message_update) {
        let id = said(bench, at).await.id;
        let settled = settled(Write::UpdateMessage { id, patch: edit() }).await;
        not_applied(bench, &settled, "an edit");
    }
    if changes(bench, capabilities.message_delete) {
        let id = said(bench, at).await.id;
        let settled = settled(Write::DeleteMessage { id }).await;
        not_applied(bench, &settled, "the delete of a message");
    }
    if capabilities.participant_add.works() {
        let settled = settled(Write::AddParticipants(vec![somebody()])).await;
        not_applied(bench, &settled, "an added participant");
    }
    if capabilities.conversation_delete.works() {
        let settled = settled(Write::DeleteConversation).await;
        not_applied(bench, &settled, "the delete of a conversation");
    }
}
