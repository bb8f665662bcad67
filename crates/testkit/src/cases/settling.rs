//! Finding out what became of a write whose answer was lost.

use backend::{Applied, Context, Intent, Location, RespondRequest, Settled, Write};
use conversation::{ConversationId, NewConversation, NewMessage, Role, Time};

use crate::bench::{Bench, asking, completed};
use crate::case::{Case, Need, Outcome, is_held};
use crate::expect::Must;

mod others;

const NEEDS: &[Need] = &[Need::Works("conversation_create"), Need::Settles];

pub(super) const CASES: &[Case] = &[
    Case {
        rule: "a write that was done settles as applied",
        needs: NEEDS,
        run: |bench| Box::pin(done(bench)),
    },
    Case {
        rule: "a write that was never sent settles as not applied",
        needs: NEEDS,
        run: |bench| Box::pin(never_sent(bench)),
    },
];

/// One hour, in microseconds.
const HOUR: i64 = 3_600_000_000;

/// A create that can be told from every other.
fn unmistakable(bench: &Bench) -> NewConversation {
    let title = format!("settle {}", ConversationId::generate());
    let held = is_held(bench.capabilities.conversation_title);
    NewConversation {
        title: held.then(|| title.into()),
        ..NewConversation::default()
    }
}

fn unmistakable_text() -> NewMessage {
    NewMessage::text(Role::User, format!("settle {}", ConversationId::generate()))
}

/// What the gateway notes before it sends the write of `cx`.
fn intent(cx: &Context, location: Option<&Location>, write: Write, started_at: Time) -> Intent {
    let waited = i64::try_from(cx.remaining().as_micros()).unwrap_or(i64::MAX);
    let deadline_at = started_at.saturating_add_micros(waited);
    Intent {
        id: cx.intent,
        location: location.cloned(),
        write,
        started_at,
        deadline_at,
    }
}

async fn settle(bench: &Bench, intent: &Intent) -> Settled {
    bench
        .backend
        .settle(&bench.cx(), intent)
        .await
        .must("settling")
}

#[track_caller]
fn applied(settled: Settled, what: &str) -> Applied {
    match settled {
        Settled::Applied(applied) => applied,
        other => panic!("{what} was done, and settles as {other:?}"),
    }
}

async fn done(bench: &Bench) -> Outcome {
    let (cx, new) = (bench.cx(), unmistakable(bench));
    let noted = intent(
        &cx,
        None,
        Write::CreateConversation(new.clone()),
        Time::now(),
    );
    let created = bench
        .backend
        .create_conversation(&cx, new)
        .await
        .must("creating a conversation");
    match applied(settle(bench, &noted).await, "a create") {
        Applied::Conversation(located) => {
            assert_eq!(
                located.location.native, created.location.native,
                "it made this conversation"
            );
            assert_eq!(located.conversation.title, created.conversation.title);
        }
        other => panic!("a create made {other:?}"),
    }

    let at = &created.location;
    if bench.capabilities.message_post.works() {
        let (cx, new) = (bench.cx(), unmistakable_text());
        let noted = intent(&cx, Some(at), Write::PostMessage(new.clone()), Time::now());
        let posted = bench
            .backend
            .post_message(&cx, at, new)
            .await
            .must("posting");
        assert_message(applied(settle(bench, &noted).await, "a post"), &posted.id);
    }
    if bench.capabilities.message_import.works() {
        let cx = bench.cx();
        let sent_at = "2020-02-02T02:02:02.020Z".parse().ok();
        let new = NewMessage {
            sent_at,
            ..unmistakable_text()
        };
        let noted = intent(
            &cx,
            Some(at),
            Write::ImportMessage(new.clone()),
            Time::now(),
        );
        let results = bench
            .backend
            .import_messages(&cx, at, vec![new])
            .await
            .must("importing");
        let imported = results
            .into_iter()
            .next()
            .unwrap_or_else(|| panic!("one message, no result"));
        assert_message(
            applied(settle(bench, &noted).await, "an import"),
            &imported.must("importing").id,
        );
    }
    if bench.capabilities.respond.works() {
        let cx = bench.cx();
        let request = RespondRequest {
            input: Some(unmistakable_text()),
            ..RespondRequest::default()
        };
        let noted = intent(&cx, Some(at), Write::Respond(request.clone()), Time::now());
        let stream = bench
            .backend
            .respond(&cx, at, request)
            .await
            .must("asking for an answer");
        let events: Vec<_> = futures_util::StreamExt::collect(stream).await;
        assert_message(
            applied(settle(bench, &noted).await, "an answer"),
            &completed(&events).id,
        );
    }
    others::done(bench).await;
    Ok(())
}

#[track_caller]
fn assert_message(applied: Applied, wanted: &conversation::MessageId) {
    match applied {
        Applied::Message(message) => assert_eq!(&message.id, wanted, "it stored this message"),
        other => panic!("a message was stored, and not {other:?}"),
    }
}

async fn never_sent(bench: &Bench) -> Outcome {
    // Long past: whatever the backend waits for has happened by now.
    let long_ago = Time::now().saturating_add_micros(-HOUR);
    let noted = intent(
        &bench.cx(),
        None,
        Write::CreateConversation(unmistakable(bench)),
        long_ago,
    );
    assert_eq!(
        settle(bench, &noted).await,
        Settled::NotApplied,
        "a create that was never sent"
    );

    let at = &bench.conversation().await;
    if bench.capabilities.message_post.works() {
        bench
            .say_text(at, "something else")
            .await
            .must("saying something");
        let noted = intent(
            &bench.cx(),
            Some(at),
            Write::PostMessage(unmistakable_text()),
            long_ago,
        );
        assert_eq!(
            settle(bench, &noted).await,
            Settled::NotApplied,
            "a post that was never sent"
        );
    }
    if bench.capabilities.respond.works() {
        bench.answered(at, "something else").await;
        let request = asking("a question that was never sent");
        let noted = intent(&bench.cx(), Some(at), Write::Respond(request), long_ago);
        assert_eq!(
            settle(bench, &noted).await,
            Settled::NotApplied,
            "an answer that was never asked for"
        );
    }
    others::never_sent(bench, long_ago).await;
    Ok(())
}
