//! What became of a write whose answer was lost.

use std::time::Duration;

use backend::{Applied, Backend, Context, Intent, Location, Outcome, Settled, Write};
use conversation::{
    ConversationPatch, NewConversation, NewMessage, Participant, Patch, Side, Time,
};
use convore::Convore;
use convore::wire::{ConversationStatus, Member};

use crate::fake::{FakeConvore, FakeOptions, Fault};
use crate::support::{
    by_mail, create, create_with, cx, import, inbound, missing, outbound, pair, pair_with, said_at,
};

const HOUR: i64 = 3_600_000_000;

fn intent(cx: &Context, location: Option<&Location>, write: Write) -> Intent {
    intent_at(cx, location, write, Time::now())
}

fn intent_at(cx: &Context, location: Option<&Location>, write: Write, started_at: Time) -> Intent {
    Intent {
        id: cx.intent,
        location: location.cloned(),
        write,
        started_at,
        deadline_at: started_at.saturating_add_micros(1_000_000),
    }
}

async fn settle(convore: &Convore, intent: &Intent) -> Settled {
    convore.settle(&cx(), intent).await.unwrap()
}

/// An adapter for which every write is over at once.
fn impatient(fake: &FakeConvore) -> Convore {
    let mut config = crate::support::config(fake);
    config.settle_after = Duration::ZERO;
    Convore::new("convore", &config).unwrap()
}

fn message(settled: Settled) -> conversation::Message {
    match settled {
        Settled::Applied(Applied::Message(message)) => *message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_lost_create_is_found_by_what_it_made() {
    for tells_counts in [true, false] {
        let options = FakeOptions {
            tells_counts,
            labels_have_twins: true,
            ..FakeOptions::default()
        };
        let (fake, convore) = pair_with(options).await;
        let new = NewConversation {
            labels: vec!["vip".into()],
            participants: vec![Participant {
                name: Some("nobody knows an address".into()),
                side: Some(Side::Customer),
                ..Participant::default()
            }],
            ..by_mail()
        };
        let cx = cx();
        let noted = intent(&cx, None, Write::CreateConversation(new.clone()));
        fake.inject("POST", "/v1/conversations", Fault::CutAfter);
        let error = convore
            .create_conversation(&cx, new.clone())
            .await
            .unwrap_err();
        assert_eq!(error.outcome, Outcome::Unknown);
        assert_eq!(fake.conversations(), 1, "it was carried out");
        let Settled::Applied(Applied::Conversation(found)) = settle(&convore, &noted).await else {
            panic!("it was made")
        };
        assert_eq!(found.conversation.title, new.title);
        // One that somebody has written to is no longer nobody's.
        convore
            .post_message(&cx, &found.location, inbound("x"))
            .await
            .unwrap();
        assert_eq!(settle(&convore, &noted).await, Settled::Unknown);
    }
}

#[tokio::test]
async fn two_alike_and_none_are_told_apart_with_care() {
    let (fake, convore) = pair().await;
    let cx = cx();
    let noted = intent(&cx, None, Write::CreateConversation(by_mail()));
    assert_eq!(
        settle(&convore, &noted).await,
        Settled::Unknown,
        "it may still come"
    );
    let long_ago = Time::now().saturating_add_micros(-HOUR);
    let old = intent_at(&cx, None, Write::CreateConversation(by_mail()), long_ago);
    create_with(&convore, by_mail()).await;
    assert_eq!(
        settle(&convore, &old).await,
        Settled::NotApplied,
        "made too late to be it"
    );
    create_with(&convore, by_mail()).await;
    assert_eq!(
        settle(&convore, &noted).await,
        Settled::Unknown,
        "either may be it"
    );
    let asked = crate::support::asked(&fake);
    let filtered = asked
        .iter()
        .filter(|one| one.contains("created_at_after="))
        .count();
    assert!(filtered >= 6 && asked.iter().all(|one| !one.contains("status=trash")));
}

#[tokio::test]
async fn a_lost_post_is_found_by_its_words_its_way_and_its_time() {
    let (fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    convore
        .post_message(&cx(), &at, inbound("a & b\nc"))
        .await
        .unwrap();
    for (new, path) in [
        (outbound("a & b\nc"), "/v1/messages"),
        (inbound("other words"), "/v1/messages/import"),
    ] {
        let cx = cx();
        let noted = intent(&cx, Some(&at), Write::PostMessage(new.clone()));
        fake.inject("POST", path, Fault::CutAfter);
        let error = convore
            .post_message(&cx, &at, new.clone())
            .await
            .unwrap_err();
        assert_eq!(error.outcome, Outcome::Unknown);
        let found = message(settle(&convore, &noted).await);
        assert_eq!(
            (found.direction, found.parts),
            (new.effective_direction(), new.parts.clone())
        );
        // A second one like it may be either.
        convore.post_message(&cx, &at, new).await.unwrap();
        assert_eq!(settle(&convore, &noted).await, Settled::Unknown);
    }
    let long_ago = Time::now().saturating_add_micros(-HOUR);
    let never = Write::PostMessage(inbound("other words"));
    let noted = intent_at(&cx(), Some(&at), never, long_ago);
    assert_eq!(settle(&convore, &noted).await, Settled::NotApplied);
}

#[tokio::test]
async fn a_lost_post_is_found_where_the_vendor_writes_it_anew() {
    let options = FakeOptions {
        rewrites_bodies: true,
        ..FakeOptions::default()
    };
    let (_fake, convore) = pair_with(options).await;
    let at = create_with(&convore, by_mail()).await;
    let cx = cx();
    let new = inbound("\"one\"\n\ntwo");
    let noted = intent(&cx, Some(&at), Write::PostMessage(new.clone()));
    convore.post_message(&cx, &at, new).await.unwrap();
    message(settle(&convore, &noted).await);
}

#[tokio::test]
async fn a_first_send_that_went_astray_is_never_sent_again() {
    let options = FakeOptions {
        sends_start_conversations: true,
        ..FakeOptions::default()
    };
    let (fake, convore) = pair_with(options).await;
    let at = create_with(&convore, by_mail()).await;
    let convore = impatient(&fake);
    let cx = cx();
    let started_at = Time::now().saturating_add_micros(-1_100_000);
    let noted = |text: &str| {
        intent_at(
            &cx,
            Some(&at),
            Write::PostMessage(outbound(text)),
            started_at,
        )
    };
    fake.inject("POST", "/v1/messages", Fault::CutAfter);
    convore
        .post_message(&cx, &at, outbound("astray"))
        .await
        .unwrap_err();
    assert_eq!(settle(&convore, &noted("astray")).await, Settled::Unknown);
    assert_eq!(
        settle(&convore, &noted("never sent")).await,
        Settled::NotApplied
    );
}

#[tokio::test]
async fn a_lost_import_is_found_by_its_own_time() {
    let (fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    import(&convore, &at, vec![said_at("x", "2020-01-01T00:00:00Z")]).await;
    let new = said_at("x", "2020-01-02T00:00:00.123Z");
    let cx = cx();
    let noted = intent(&cx, Some(&at), Write::ImportMessage(new.clone()));
    fake.inject("POST", "/v1/messages/import", Fault::CutAfter);
    convore
        .import_messages(&cx, &at, vec![new.clone()])
        .await
        .unwrap();
    let found = message(settle(&convore, &noted).await);
    assert_eq!(Some(found.sent_at), new.sent_at);
    let other = NewMessage {
        author: Some(Participant {
            id: Some("somebody else".into()),
            side: Some(Side::Customer),
            ..Participant::default()
        }),
        ..new
    };
    let noted = intent(&cx, Some(&at), Write::ImportMessage(other));
    assert_eq!(settle(&convore, &noted).await, Settled::Unknown);
}

#[tokio::test]
async fn a_lost_update_is_done_where_everything_is_as_it_was_to_be() {
    let (fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    let patch = ConversationPatch {
        title: Patch::Set("new".into()),
        labels: Patch::Set(vec!["vip".into()]),
        ..ConversationPatch::default()
    };
    let cx = cx();
    let noted = intent(&cx, Some(&at), Write::UpdateConversation(patch.clone()));
    assert_eq!(settle(&convore, &noted).await, Settled::Unknown);
    fake.inject("PATCH", "/v1/conversations/", Fault::CutAfter);
    convore
        .update_conversation(&cx, &at, patch, None)
        .await
        .unwrap_err();
    assert!(matches!(
        settle(&convore, &noted).await,
        Settled::Applied(Applied::Conversation(_))
    ));
    fake.change(&at.native, |row| {
        row.subject = Member::Value("other".to_owned());
    });
    assert_eq!(settle(&convore, &noted).await, Settled::Unknown);
    assert_eq!(
        settle(&convore, &intent(&cx, Some(&missing()), noted.write)).await,
        Settled::Unknown,
        "it may still come"
    );
}

#[tokio::test]
async fn what_was_thrown_away_since_may_have_been_written_to() {
    let (fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    let cx = cx();
    let noted = intent(&cx, Some(&at), Write::PostMessage(outbound("sent")));
    fake.inject("POST", "/v1/messages", Fault::CutAfter);
    convore
        .post_message(&cx, &at, outbound("sent"))
        .await
        .unwrap_err();
    fake.change(&at.native, |row| row.status = ConversationStatus::Trash);
    message(settle(&convore, &noted).await);
}

#[tokio::test]
async fn an_import_is_found_where_times_have_no_offset() {
    let (fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    let new = said_at("x", "2020-01-02T00:00:00.123Z");
    let cx = cx();
    let noted = intent(&cx, Some(&at), Write::ImportMessage(new.clone()));
    import(&convore, &at, vec![new]).await;
    let edit = |page: &mut serde_json::Value| {
        page["data"][0]["date"] = "2020-01-02T00:00:00.123".into();
    };
    fake.inject("GET", "/v1/messages", Fault::Edited(edit));
    message(settle(&convore, &noted).await);
}

#[tokio::test]
async fn a_create_is_found_where_the_account_has_other_names_for_people() {
    let (fake, convore) = pair().await;
    let cx = cx();
    let noted = intent(&cx, None, Write::CreateConversation(by_mail()));
    let at = create_with(&convore, by_mail()).await;
    fake.change(&at.native, |row| {
        row.participants[0].name = Member::Value("Robert".to_owned());
        row.participants[0].handle.value = "bo@EXAMPLE.test".to_owned();
    });
    assert!(matches!(
        settle(&convore, &noted).await,
        Settled::Applied(Applied::Conversation(_))
    ));
    assert!(
        crate::support::asked(&fake)
            .iter()
            .filter(|one| one.contains("created_at_after="))
            .all(|one| one.contains("has_messages=false"))
    );
}

#[tokio::test]
async fn messages_that_show_no_texts_prove_nothing() {
    let options = FakeOptions {
        lists_are_minimal: true,
        reads_are_minimal: true,
        ..FakeOptions::default()
    };
    let (_fake, convore) = pair_with(options).await;
    let at = create_with(&convore, by_mail()).await;
    import(&convore, &at, vec![said_at("x", "2020-01-01T00:00:00Z")]).await;
    let long_ago = Time::now().saturating_add_micros(-HOUR);
    let never = Write::PostMessage(inbound("never"));
    let noted = intent_at(&cx(), Some(&at), never, long_ago);
    assert_eq!(settle(&convore, &noted).await, Settled::Unknown);
}

#[tokio::test]
async fn a_list_with_a_bad_record_proves_nothing() {
    let (fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    convore
        .post_message(&cx(), &at, inbound("hello"))
        .await
        .unwrap();
    let long_ago = Time::now().saturating_add_micros(-HOUR);
    let spoil = Fault::Edited(|page| page["data"][0]["sender"] = 7.into());
    let noted = intent_at(
        &cx(),
        Some(&at),
        Write::PostMessage(inbound("never")),
        long_ago,
    );
    fake.inject("GET", "/v1/messages", spoil);
    assert_eq!(settle(&convore, &noted).await, Settled::Unknown);
    assert_eq!(settle(&convore, &noted).await, Settled::NotApplied);
    let noted = intent_at(&cx(), None, Write::CreateConversation(by_mail()), long_ago);
    fake.inject(
        "GET",
        "/v1/conversations",
        Fault::Edited(|page| page["data"] = serde_json::json!([7])),
    );
    assert_eq!(settle(&convore, &noted).await, Settled::Unknown);
}

#[tokio::test]
async fn what_is_never_sent_was_not_done_and_a_file_tells_nothing() {
    let (_fake, convore) = pair().await;
    let at = create(&convore).await;
    let cx = cx();
    let id: conversation::MessageId = "msg_1".parse().unwrap();
    let file = |message_id| Write::PutAttachment {
        message_id,
        name: None,
        digest: conversation::Digest::of(b"bytes"),
    };
    let noted = intent(&cx, Some(&at), file(Some(id.clone())));
    assert_eq!(settle(&convore, &noted).await, Settled::Unknown);
    let rating = Write::RateMessage {
        id: id.clone(),
        value: 5.0,
    };
    for write in [
        rating,
        Write::DeleteMessage { id },
        Write::Respond(Default::default()),
        file(None),
    ] {
        let noted = intent(&cx, Some(&at), write);
        assert_eq!(settle(&convore, &noted).await, Settled::NotApplied);
    }
    let noted = intent(&cx, None, Write::PostMessage(inbound("x")));
    assert!(convore.settle(&cx, &noted).await.is_err());
}

#[tokio::test]
async fn equal_messages_of_one_import_are_each_found() {
    let (_fake, convore) = pair().await;
    let at = create(&convore).await;
    let cx = cx();
    let said = |text: &str| said_at(text, "2020-01-01T00:00:00Z");
    let history = vec![said("again"), said("once"), said("again")];
    let noted = intent(&cx, Some(&at), Write::ImportMessages(history.clone()));
    let stored = import(&convore, &at, history.clone()).await;
    let found = settle(&convore, &noted).await;
    assert_eq!(found, Settled::Applied(Applied::Messages(stored)));
    // One that was not sent, and one that somebody else may have sent.
    for other in [
        vec![said("again"), said("once"), said("again"), said("never")],
        vec![said("again"), said("once")],
    ] {
        let noted = intent(&cx, Some(&at), Write::ImportMessages(other));
        assert_eq!(settle(&convore, &noted).await, Settled::Unknown);
    }
    let history = Write::ImportMessages(vec![said("never")]);
    let noted = intent_at(
        &cx,
        Some(&at),
        history,
        Time::now().saturating_add_micros(-HOUR),
    );
    assert_eq!(settle(&convore, &noted).await, Settled::NotApplied);
}

#[tokio::test]
async fn settling_writes_nothing() {
    let (fake, convore) = pair().await;
    let at = create_with(&convore, by_mail()).await;
    fake.forget_requests();
    let cx = cx();
    let new = NewConversation {
        labels: vec!["never made".into()],
        ..by_mail()
    };
    for write in [
        Write::CreateConversation(new),
        Write::PostMessage(outbound("x")),
        Write::ImportMessage(inbound("x")),
        Write::UpdateConversation(ConversationPatch {
            labels: Patch::Set(vec!["never made".into()]),
            ..ConversationPatch::default()
        }),
    ] {
        let place = (!matches!(write, Write::CreateConversation(_))).then_some(&at);
        settle(&convore, &intent(&cx, place, write)).await;
    }
    assert!(
        crate::support::asked(&fake)
            .iter()
            .all(|one| one.starts_with("GET"))
    );
    assert!(fake.labels().is_empty());
}
