//! Copies, lost writes, files and answers.

use backend::{
    Applied, Backend as _, Context, Event, Intent, Kind, NewAttachment, Outcome, RespondRequest,
    Settled, Write,
};
use bytes::Bytes;
use conversation::{
    ConversationId, Digest, Media, MessagePatch, NewConversation, NewMessage, Part, Patch, Role,
    Time,
};
use futures_util::StreamExt as _;
use uuid::Uuid;

use crate::support::{Bench, cx, id, reply, text};

#[tokio::test]
async fn a_copy_is_told_the_ids_that_its_messages_got() {
    let bench = Bench::new();
    let copying = Context {
        copying: true,
        public_id: Some(ConversationId::generate()),
        ..cx()
    };
    let made = bench
        .renamed
        .create_conversation(&copying, NewConversation::default())
        .await
        .unwrap();
    assert!(made.location.renamed, "a copy has other ids from the first");
    let at = made.location;
    let native = bench.copied(&at, "public", "words").await;
    let new = reply("public", "copied");
    let mut cx = copying.clone();
    cx.intent = Uuid::now_v7();
    let results = bench
        .renamed
        .import_messages(&cx, &at, vec![new.clone()])
        .await
        .unwrap();
    let got = results.into_iter().next().unwrap().unwrap();
    assert_eq!(got.in_reply_to.as_ref().unwrap().id, id("public"));
    bench.names.note("copy", got.id.as_str());
    // Also where the answer was lost, and when it is noted already.
    let intent = Intent {
        id: cx.intent,
        location: Some(at.clone()),
        write: Write::ImportMessages(vec![new]),
        started_at: Time::now(),
        deadline_at: Time::now(),
    };
    let settled = bench.renamed.settle(&cx, &intent).await.unwrap();
    let Settled::Applied(Applied::Messages(found)) = settled else {
        panic!("{settled:?}")
    };
    assert_eq!(found[0].id, got.id);
    assert_eq!(found[0].in_reply_to.as_ref().unwrap().id, id("public"));
    // Anybody else is told public ids.
    let settled = bench.renamed.settle(&self::cx(), &intent).await.unwrap();
    let Settled::Applied(Applied::Messages(found)) = settled else {
        panic!("{settled:?}")
    };
    assert_eq!(found[0].id, id("copy"));
    let there = bench
        .below
        .get_message(&self::cx(), &at, &got.id)
        .await
        .unwrap();
    assert_eq!(there.in_reply_to.unwrap().id, native);
}

#[tokio::test]
async fn lost_writes_are_asked_about_by_public_ids() {
    let bench = Bench::new();
    let at = bench.create().await;
    bench.copied(&at, "public", "words").await;
    let patch = MessagePatch {
        parts: Patch::Set(vec![Part::text("edited")]),
        ..MessagePatch::default()
    };
    let intent = |cx: &Context, write| Intent {
        id: cx.intent,
        location: Some(at.clone()),
        write,
        started_at: Time::now(),
        deadline_at: Time::now(),
    };
    let edit = cx();
    bench
        .renamed
        .update_message(&edit, &at, &id("public"), patch.clone(), None)
        .await
        .unwrap();
    let write = Write::UpdateMessage {
        id: id("public"),
        patch,
    };
    match bench
        .renamed
        .settle(&cx(), &intent(&edit, write))
        .await
        .unwrap()
    {
        Settled::Applied(Applied::Message(message)) => assert_eq!(message.id, id("public")),
        other => panic!("{other:?}"),
    }
    let delete = cx();
    let write = Write::DeleteMessage { id: id("public") };
    let asked = intent(&delete, write);
    assert_eq!(
        bench.renamed.settle(&cx(), &asked).await.unwrap(),
        Settled::NotApplied
    );
    bench
        .renamed
        .delete_message(&delete, &at, &id("public"), None)
        .await
        .unwrap();
    let settled = bench.renamed.settle(&cx(), &asked).await.unwrap();
    assert_eq!(settled, Settled::Applied(Applied::Nothing));
}

#[tokio::test]
async fn attachments_have_public_ids_in_parts_and_in_calls() {
    let bench = Bench::new();
    let at = bench.create().await;
    let native_message = bench.copied(&at, "public", "look").await;
    let new = |message: Option<&str>| NewAttachment {
        name: Some("a.txt".into()),
        media_type: "text/plain".into(),
        message_id: message.map(id),
        bytes: Bytes::from_static(b"bytes"),
    };
    let put = bench
        .renamed
        .put_attachment(&cx(), &at, new(Some("public")))
        .await
        .unwrap();
    let there = bench
        .below
        .get_message(&cx(), &at, &native_message)
        .await
        .unwrap();
    assert_eq!(there.parts.len(), 2, "it became a part of the message");
    bench.names.note("att-public", put.id.as_str());
    let public = "att-public".parse().unwrap();
    let shown = bench
        .renamed
        .get_message(&cx(), &at, &id("public"))
        .await
        .unwrap();
    match &shown.parts[1] {
        Part::File(media) => assert_eq!(media.attachment_id.as_ref(), Some(&public)),
        other => panic!("{other:?}"),
    }
    let opened = bench
        .renamed
        .open_attachment(&cx(), &at, &public)
        .await
        .unwrap();
    assert_eq!(opened.bytes, "bytes");
    let by_native = bench.renamed.open_attachment(&cx(), &at, &put.id).await;
    assert_eq!(by_native.unwrap_err().kind, Kind::NotFound);
    // A new message that shows it names it as the backend does.
    let media = Media {
        attachment_id: Some(public.clone()),
        ..Media::default()
    };
    let message = NewMessage::of(Role::User, vec![Part::Image(media)]);
    let posted = bench
        .renamed
        .post_message(&cx(), &at, message)
        .await
        .unwrap();
    let there = bench
        .below
        .get_message(&cx(), &at, &posted.id)
        .await
        .unwrap();
    match &there.parts[0] {
        Part::Image(media) => assert_eq!(media.attachment_id.as_ref(), Some(&put.id)),
        other => panic!("{other:?}"),
    }
    // A lost put to a message is asked about by the message's public id.
    let cx = cx();
    let intent = Intent {
        id: cx.intent,
        location: Some(at.clone()),
        write: Write::PutAttachment {
            message_id: Some(id("public")),
            name: Some("a.txt".into()),
            digest: Digest::of(b"bytes"),
        },
        started_at: Time::now(),
        deadline_at: Time::now(),
    };
    let put = bench
        .renamed
        .put_attachment(&cx, &at, new(Some("public")))
        .await
        .unwrap();
    match bench.renamed.settle(&cx, &intent).await.unwrap() {
        Settled::Applied(Applied::Attachment(found)) => assert_eq!(found.id, put.id),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn answers_tell_public_ids() {
    let bench = Bench::new();
    let at = bench.create().await;
    let native = bench.copied(&at, "public", "words").await;
    let request = RespondRequest {
        input: Some(reply("public", "and now?")),
        ..RespondRequest::default()
    };
    let events = bench.renamed.respond(&cx(), &at, request).await.unwrap();
    let events: Vec<Event> = events.collect().await;
    let mut inputs = events.iter().filter_map(|event| match event {
        Event::MessageStarted { input, .. } => input.as_deref(),
        _ => None,
    });
    let input = inputs.next().unwrap();
    assert_eq!(input.in_reply_to.as_ref().unwrap().id, id("public"));
    let there = bench
        .below
        .get_message(&cx(), &at, &input.id)
        .await
        .unwrap();
    assert_eq!(there.in_reply_to.unwrap().id, native);
    assert!(matches!(events.last(), Some(Event::MessageCompleted(_))));
}

#[tokio::test]
async fn a_write_that_was_done_says_so_where_its_ids_cannot_be_told() {
    let bench = Bench::new();
    let at = bench.create().await;
    bench.copied(&at, "public", "words").await;
    bench.names.fail(true);
    let plain = NewMessage::text(Role::User, "said");
    // Nothing is asked on the way down: the failure comes after.
    let error = bench
        .renamed
        .post_message(&cx(), &at, plain)
        .await
        .unwrap_err();
    assert_eq!(error.outcome, Outcome::Applied);
    let error = bench
        .renamed
        .delete_message(&cx(), &at, &id("public"), None)
        .await
        .unwrap_err();
    assert_eq!(error.outcome, Outcome::NotApplied);
    bench.names.fail(false);
    let texts: Vec<String> = bench.shown(&at).await.iter().map(text).collect();
    assert_eq!(texts, ["words", "said"]);
}

#[tokio::test]
async fn an_import_asks_as_often_for_many_messages_as_for_one() {
    let bench = Bench::new();
    let at = bench.create().await;
    bench.copied(&at, "public", "words").await;
    let copying = Context {
        copying: true,
        ..cx()
    };
    for (cx, wanted) in [(copying, 2), (cx(), 3)] {
        for count in [1, 50] {
            let new = (0..count).map(|number| reply("public", &number.to_string()));
            let cx = Context {
                intent: Uuid::now_v7(),
                ..cx.clone()
            };
            bench.names.asked();
            let results = bench
                .renamed
                .import_messages(&cx, &at, new.collect())
                .await
                .unwrap();
            assert_eq!(results.len(), count);
            // Once for the parents on their way down, once on their way up, and once more for ids that have no name yet.
            assert_eq!(bench.names.asked(), wanted, "{count} messages");
        }
    }
}
