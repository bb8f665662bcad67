//! Finding out what became of writes whose answers were lost.

use backend::{Applied, Backend, Context, Intent, Kind, Location, Outcome, Settled, Write};
use conversation::{ConversationPatch, NewConversation, NewMessage, Patch, Role, Time};

use crate::fake::{FakeOptions, Fault};
use crate::support::{MISSING, at, create, cx, filled, pair, pair_with, say};

/// One hour, in microseconds.
const HOUR: i64 = 3_600_000_000;

fn intent(cx: &Context, location: Option<&Location>, write: Write, ago: i64) -> Intent {
    let started_at = Time::now().saturating_add_micros(-ago);
    Intent {
        id: cx.intent,
        location: location.cloned(),
        write,
        started_at,
        deadline_at: started_at.saturating_add_micros(30_000_000),
    }
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_is_found_by_its_own_key() {
    let (fake, sunshine) = pair().await;
    // Others of the same looks stand beside it.
    create(&sunshine).await;
    let cx = cx();
    let write = Write::CreateConversation(NewConversation::default());
    let noted = intent(&cx, None, write, 0);
    fake.inject("CreateConversation", Fault::CutAfter);
    let error = sunshine
        .create_conversation(&cx, NewConversation::default())
        .await
        .unwrap_err();
    assert_eq!(error.outcome, Outcome::Unknown);
    create(&sunshine).await;
    let made = fake.conversation_ids();
    let Settled::Applied(Applied::Conversation(located)) =
        sunshine.settle(&cx, &noted).await.unwrap()
    else {
        panic!("it was done")
    };
    assert_eq!(&*located.location.native, made[1]);
}

#[tokio::test]
async fn a_post_whose_answer_was_lost_is_found_by_its_own_key() {
    let (fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    say(&sunshine, &at, Role::Assistant, "the same").await;
    let cx = cx();
    let new = NewMessage::text(Role::Assistant, "the same");
    let noted = intent(&cx, Some(&at), Write::PostMessage(new.clone()), 0);
    fake.inject("PostMessage", Fault::CutAfter);
    let error = sunshine
        .post_message(&cx, &at, new.clone())
        .await
        .unwrap_err();
    assert_eq!(error.outcome, Outcome::Unknown);
    say(&sunshine, &at, Role::Assistant, "the same").await;
    let wanted = fake.messages(&at.native)[1].id.value().cloned();
    let Settled::Applied(Applied::Message(message)) = sunshine.settle(&cx, &noted).await.unwrap()
    else {
        panic!("it was done")
    };
    assert_eq!(Some(message.id.to_string()), wanted);
    let before = fake.received().len();
    sunshine.settle(&cx, &noted).await.unwrap();
    let writes = fake.received().split_off(before);
    assert!(writes.iter().all(|request| request.method == "GET"));
}

#[tokio::test]
async fn nothing_is_said_to_be_undone_while_it_may_still_be_done() {
    let (_fake, sunshine) = pair().await;
    let (at, _) = filled(&sunshine, 2).await;
    let writes = || {
        [
            (None, Write::CreateConversation(NewConversation::default())),
            (
                Some(&at),
                Write::PostMessage(NewMessage::text(Role::Assistant, "never sent")),
            ),
            (
                Some(&at),
                Write::UpdateConversation(ConversationPatch {
                    title: Patch::Set("never".into()),
                    ..ConversationPatch::default()
                }),
            ),
        ]
    };
    for (location, write) in writes() {
        let noted = intent(&cx(), location, write, 0);
        assert_eq!(
            sunshine.settle(&cx(), &noted).await.unwrap(),
            Settled::Unknown
        );
    }
    for (location, write) in writes() {
        let noted = intent(&cx(), location, write, HOUR);
        assert_eq!(
            sunshine.settle(&cx(), &noted).await.unwrap(),
            Settled::NotApplied
        );
    }
}

#[tokio::test]
async fn an_update_is_done_where_nothing_is_left_to_do() {
    let (_fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    let patch = ConversationPatch {
        title: Patch::Set("new".into()),
        ..ConversationPatch::default()
    };
    sunshine
        .update_conversation(&cx(), &at, patch.clone(), None)
        .await
        .unwrap();
    let noted = intent(&cx(), Some(&at), Write::UpdateConversation(patch), 0);
    let settled = sunshine.settle(&cx(), &noted).await.unwrap();
    assert!(matches!(
        settled,
        Settled::Applied(Applied::Conversation(_))
    ));
}

#[tokio::test]
async fn a_search_ends_where_the_write_cannot_have_been() {
    let options = FakeOptions {
        messages_per_page: 1,
        ..FakeOptions::default()
    };
    let (fake, sunshine) = pair_with(options).await;
    let at = create(&sunshine).await;
    for minute in 0..5 {
        let old = serde_json::json!({
            "id": format!("10000000000000000000000{minute}"),
            "received": format!("2024-01-01T00:0{minute}:00.000Z"),
            "author": {"type": "business"}, "content": {"type": "text", "text": "old"},
            "source": {"type": "api:conversations"}
        });
        fake.add_message(&at.native, &old);
    }
    let new = NewMessage::text(Role::Assistant, "never sent");
    let noted = intent(&cx(), Some(&at), Write::PostMessage(new), HOUR);
    let before = fake.received().len();
    assert_eq!(
        sunshine.settle(&cx(), &noted).await.unwrap(),
        Settled::NotApplied
    );
    assert_eq!(
        fake.received().len() - before,
        1,
        "the newest page says enough"
    );
}

#[tokio::test]
async fn a_write_to_what_is_gone_was_not_done() {
    let (_fake, sunshine) = pair().await;
    let gone = at(MISSING);
    let new = NewMessage::text(Role::Assistant, "into the void");
    let noted = intent(&cx(), Some(&gone), Write::PostMessage(new), 0);
    assert_eq!(
        sunshine.settle(&cx(), &noted).await.unwrap(),
        Settled::NotApplied
    );
    let nowhere = intent(
        &cx(),
        None,
        Write::PostMessage(NewMessage::text(Role::User, "a")),
        0,
    );
    let error = sunshine.settle(&cx(), &nowhere).await.unwrap_err();
    assert_eq!(error.kind, Kind::Internal);
}

/// Makes the middle message of a page unreadable, its id included.
fn unreadable(body: &mut serde_json::Value) {
    for list in ["messages", "conversations"] {
        for record in body[list].as_array_mut().into_iter().flatten() {
            record["author"] = serde_json::json!(7);
            record["metadata"] = serde_json::json!({});
            record["createdAt"] = serde_json::json!(7);
        }
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_may_be_the_one() {
    let (fake, sunshine) = pair().await;
    let (at, _) = filled(&sunshine, 1).await;
    for (list, location, write) in [
        (
            "ListConversations",
            None,
            Write::CreateConversation(NewConversation::default()),
        ),
        (
            "ListMessages",
            Some(&at),
            Write::PostMessage(NewMessage::text(Role::Assistant, "perhaps")),
        ),
    ] {
        fake.inject(list, Fault::Edit(unreadable));
        let noted = intent(&cx(), location, write, HOUR);
        let settled = sunshine.settle(&cx(), &noted).await.unwrap();
        assert_eq!(settled, Settled::Unknown, "{list}");
    }
}

#[tokio::test]
async fn a_post_that_is_found_but_has_no_time_is_never_said_to_be_undone() {
    let (fake, sunshine) = pair().await;
    let at = create(&sunshine).await;
    let cx = cx();
    let new = NewMessage::text(Role::Assistant, "once");
    sunshine.post_message(&cx, &at, new.clone()).await.unwrap();
    let timeless =
        |body: &mut serde_json::Value| body["messages"][0]["received"] = "just now".into();
    fake.inject("ListMessages", Fault::Edit(timeless));
    let noted = intent(&cx, Some(&at), Write::PostMessage(new), HOUR);
    assert_eq!(
        sunshine.settle(&cx, &noted).await.unwrap(),
        Settled::Unknown
    );
}
