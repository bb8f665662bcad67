//! What became of a write whose answer was lost.

use std::time::Duration;

use backend::{Applied, Backend, Intent, Location, Outcome, Settled, Write};
use chatter::Chatter;
use conversation::{ConversationPatch, NewConversation, Patch, Time};
use uuid::Uuid;

use crate::fake::{FakeChatter, Fault, Generation};
use crate::support::{ANSWERING, ask, config, create, cx, events, question};

/// An adapter that believes a server to be done with a write at the write's deadline.
async fn impatient(generation: Generation) -> (FakeChatter, Chatter) {
    let fake = FakeChatter::start(generation).await;
    let mut config = config(&fake);
    config.settle_after = Duration::ZERO;
    let chatter = Chatter::new("chatter", &config, None).unwrap();
    (fake, chatter)
}

fn intent(write: Write, location: Option<&Location>, started_at: Time) -> Intent {
    Intent {
        id: Uuid::now_v7(),
        location: location.cloned(),
        write,
        started_at,
        deadline_at: Time::now(),
    }
}

async fn settled(chatter: &Chatter, intent: &Intent) -> Settled {
    chatter.settle(&cx(), intent).await.unwrap()
}

#[tokio::test]
async fn a_chat_whose_answer_was_lost_is_found_with_its_answer() {
    for generation in ANSWERING {
        let (fake, chatter) = impatient(generation).await;
        let at = create(&chatter).await;
        ask(&chatter, &at, "before").await;
        let started = Time::now();
        let mut request = question("lost");
        request.template = Some("general_chat".into());
        fake.inject("POST", "/chat/template", Fault::CutAfter);
        let error = events(&chatter, &at, request.clone()).await.unwrap_err();
        assert_eq!(error.outcome, Outcome::Unknown);
        let intent = intent(Write::Respond(request), Some(&at), started);
        let Settled::Applied(Applied::Message(message)) = settled(&chatter, &intent).await else {
            panic!()
        };
        assert_eq!(conversation::text_of(&message.parts), "Echo: lost");
    }
}

#[tokio::test]
async fn a_chat_is_found_by_the_text_as_it_was_sent() {
    let (_fake, chatter) = impatient(Generation::V2).await;
    let at = create(&chatter).await;
    // Several parts travel as one text, and NUL does not travel at all.
    let mut request = question("one");
    if let Some(input) = &mut request.input {
        input.parts.push(conversation::Part::text("two\0"));
    }
    let started = Time::now();
    let backend::Projection { write, .. } = chatter.preview(&Write::Respond(request.clone()));
    let Write::Respond(sent) = write else {
        panic!()
    };
    events(&chatter, &at, sent).await.unwrap();
    let intent = intent(Write::Respond(request), Some(&at), started);
    let Settled::Applied(Applied::Message(message)) = settled(&chatter, &intent).await else {
        panic!()
    };
    assert_eq!(conversation::text_of(&message.parts), "Echo: one\n\ntwo");
}

#[tokio::test]
async fn a_chat_that_never_arrived_is_not_applied_once_its_time_is_over() {
    let (fake, chatter) = impatient(Generation::V1NewFastApi).await;
    let at = create(&chatter).await;
    let started = Time::now();
    fake.inject("POST", "/chat/chat", Fault::CutBefore);
    events(&chatter, &at, question("lost")).await.unwrap_err();
    let mut intent = intent(Write::Respond(question("lost")), Some(&at), started);
    assert_eq!(settled(&chatter, &intent).await, Settled::NotApplied);
    intent.deadline_at = intent.deadline_at.saturating_add_micros(60_000_000);
    assert_eq!(
        settled(&chatter, &intent).await,
        Settled::Unknown,
        "the server may still be at it"
    );
}

#[tokio::test]
async fn equal_questions_in_the_window_cannot_be_told_apart() {
    let (_fake, chatter) = impatient(Generation::V2).await;
    let at = create(&chatter).await;
    let started = Time::now();
    for _ in 0..2 {
        ask(&chatter, &at, "same").await;
    }
    let intent = intent(Write::Respond(question("same")), Some(&at), started);
    assert_eq!(settled(&chatter, &intent).await, Settled::Unknown);
}

#[tokio::test]
async fn a_question_without_an_answer_stays_unknown() {
    let (_fake, chatter) = impatient(Generation::V2).await;
    let at = create(&chatter).await;
    let started = Time::now();
    events(&chatter, &at, question("[[empty]]"))
        .await
        .unwrap_err();
    let intent = intent(Write::Respond(question("[[empty]]")), Some(&at), started);
    assert_eq!(settled(&chatter, &intent).await, Settled::Unknown);
}

#[tokio::test]
async fn a_create_whose_answer_was_lost_is_found_if_there_is_only_one() {
    for generation in [Generation::V0, Generation::V1OldFastApi, Generation::V2] {
        let (fake, chatter) = impatient(generation).await;
        let started = Time::now();
        let new = NewConversation {
            title: Some("lost".into()),
            ..NewConversation::default()
        };
        let intent = || intent(Write::CreateConversation(new.clone()), None, started);
        assert_eq!(settled(&chatter, &intent()).await, Settled::NotApplied);
        fake.inject("POST", "/conversations", Fault::CutAfter);
        chatter
            .create_conversation(&cx(), new.clone())
            .await
            .unwrap_err();
        assert_eq!(fake.conversations(), 1, "it was carried out");
        let Settled::Applied(Applied::Conversation(located)) = settled(&chatter, &intent()).await
        else {
            panic!()
        };
        assert_eq!(located.conversation.title.as_deref(), Some("lost"));
        chatter
            .create_conversation(&cx(), new.clone())
            .await
            .unwrap();
        assert_eq!(
            settled(&chatter, &intent()).await,
            Settled::Unknown,
            "two look alike"
        );
    }
}

#[tokio::test]
async fn a_create_is_never_mistaken_for_a_conversation_that_is_in_use() {
    let (_fake, chatter) = impatient(Generation::V2).await;
    let started = Time::now();
    let at = create(&chatter).await;
    ask(&chatter, &at, "hello").await;
    let intent = intent(
        Write::CreateConversation(NewConversation::default()),
        None,
        started,
    );
    assert_eq!(settled(&chatter, &intent).await, Settled::NotApplied);
}

#[tokio::test]
async fn an_update_is_settled_by_what_the_conversation_is() {
    let (fake, chatter) = impatient(Generation::V1NewFastApi).await;
    let at = create(&chatter).await;
    let patch = ConversationPatch {
        title: Patch::Set("new".into()),
        ..ConversationPatch::default()
    };
    let intent = intent(
        Write::UpdateConversation(patch.clone()),
        Some(&at),
        Time::now(),
    );
    assert_eq!(settled(&chatter, &intent).await, Settled::NotApplied);
    fake.inject("PUT", "/conversations/", Fault::CutAfter);
    chatter
        .update_conversation(&cx(), &at, patch, None)
        .await
        .unwrap_err();
    let Settled::Applied(Applied::Conversation(located)) = settled(&chatter, &intent).await else {
        panic!()
    };
    assert_eq!(located.conversation.title.as_deref(), Some("new"));
}

#[tokio::test]
async fn deletes_are_settled_by_what_is_left() {
    let (_fake, chatter) = impatient(Generation::V2).await;
    let at = create(&chatter).await;
    let id = ask(&chatter, &at, "hello").await.id;
    let delete = |write: Write| intent(write, Some(&at), Time::now());
    let message = delete(Write::DeleteMessage { id: id.clone() });
    assert_eq!(settled(&chatter, &message).await, Settled::NotApplied);
    let vote = delete(Write::RateMessage {
        id: id.clone(),
        value: 3.0,
    });
    assert_eq!(settled(&chatter, &vote).await, Settled::Unknown);
    chatter.delete_message(&cx(), &at, &id, None).await.unwrap();
    let done = Settled::Applied(Applied::Nothing);
    assert_eq!(settled(&chatter, &message).await, done);
    let whole = delete(Write::DeleteConversation);
    assert_eq!(settled(&chatter, &whole).await, Settled::NotApplied);
    chatter.delete_conversation(&cx(), &at, None).await.unwrap();
    assert_eq!(settled(&chatter, &whole).await, done);
}

#[tokio::test]
async fn writes_that_are_refused_here_were_never_sent() {
    let (_fake, chatter) = impatient(Generation::V2).await;
    let at = create(&chatter).await;
    let message = question("x").input.unwrap();
    for write in [
        Write::PostMessage(message.clone()),
        Write::ImportMessage(message.clone()),
        Write::ImportMessages(vec![message.clone(), message.clone()]),
        Write::UpdateMessage {
            id: conversation::MessageId::derive(&["any"]),
            patch: conversation::MessagePatch {
                parts: Patch::Set(message.parts.clone()),
                ..conversation::MessagePatch::default()
            },
        },
        Write::AddParticipants(vec![conversation::Participant {
            id: Some("ann".into()),
            ..conversation::Participant::default()
        }]),
        Write::RemoveParticipant { id: "ann".into() },
        Write::PutAttachment {
            message_id: None,
            name: None,
            digest: conversation::Digest::of(b"bytes"),
        },
        Write::Respond(backend::RespondRequest {
            input: Some(conversation::NewMessage {
                role: conversation::Role::System,
                ..message
            }),
            ..backend::RespondRequest::default()
        }),
    ] {
        assert_eq!(
            settled(&chatter, &intent(write, Some(&at), Time::now())).await,
            Settled::NotApplied
        );
    }
}
