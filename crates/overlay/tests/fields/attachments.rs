//! Bytes that the backend cannot hold, or cannot give back.

use backend::{Attachment, Backend as _, Kind, Level, Location, NewAttachment};
use conversation::{AttachmentId, Message, MessageId, NewMessage, Part, Role};

use crate::support::{Bench, cx, strict, told};

const BYTES: &[u8] = b"\x00\x01 some bytes";

fn file(message_id: Option<&MessageId>) -> NewAttachment {
    NewAttachment {
        name: Some("a.pdf".into()),
        media_type: "application/pdf".into(),
        message_id: message_id.cloned(),
        bytes: BYTES.to_vec().into(),
    }
}

async fn put(bench: &Bench, at: &Location, new: NewAttachment) -> Attachment {
    bench.overlay.put_attachment(&cx(), at, new).await.unwrap()
}

async fn said(bench: &Bench, at: &Location) -> Message {
    let new = NewMessage::text(Role::User, "look");
    bench.overlay.post_message(&cx(), at, new).await.unwrap()
}

async fn parts(bench: &Bench, at: &Location, id: &MessageId) -> Vec<Part> {
    bench
        .overlay
        .get_message(&cx(), at, id)
        .await
        .unwrap()
        .parts
}

fn shows(part: &Part, attachment: &Attachment) -> bool {
    matches!(part, Part::File(media) if media.attachment_id.as_ref() == Some(&attachment.id)
        && media.size == Some(BYTES.len() as u64) && media.name.as_deref() == Some("a.pdf"))
}

#[tokio::test]
async fn bytes_are_kept_where_the_backend_takes_none() {
    let bench = Bench::new(|below| {
        below.can.attachment_put = Level::None;
        below.can.attachment_open = Level::None;
    });
    let at = bench.create("{}").await;
    let noted = cx();
    let attachment = bench
        .overlay
        .put_attachment(&noted, &at, file(None))
        .await
        .unwrap();
    assert_eq!(told(&noted), ["/attachment"]);
    let content = bench
        .overlay
        .open_attachment(&cx(), &at, &attachment.id)
        .await
        .unwrap();
    assert_eq!(
        (&content.bytes[..], &*content.media_type),
        (BYTES, "application/pdf")
    );
    assert_ne!(put(&bench, &at, file(None)).await.id, attachment.id);
    // The same write again is the same attachment.
    let again = bench
        .overlay
        .put_attachment(&noted, &at, file(None))
        .await
        .unwrap();
    assert_eq!(again.id, attachment.id);

    let message = said(&bench, &at).await;
    let shown = put(&bench, &at, file(Some(&message.id))).await;
    let parts = parts(&bench, &at, &message.id).await;
    assert_eq!(parts[..1], message.parts[..]);
    assert!(parts.len() == 2 && shows(&parts[1], &shown), "{parts:?}");
    assert!(!bench.below.writes().contains(&"attach"));

    let error = bench
        .overlay
        .put_attachment(&strict(), &at, file(None))
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotHeld);
    let elsewhere = bench.create("{}").await;
    let nowhere = Location {
        native: "nowhere".into(),
        ..bench.create("{}").await
    };
    let unknown = AttachmentId::generate();
    for (at, id) in [
        (&elsewhere, &attachment.id),
        (&at, &unknown),
        (&nowhere, &unknown),
    ] {
        let error = bench
            .overlay
            .open_attachment(&cx(), at, id)
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::NotFound);
    }
    for (at, message) in [(&nowhere, None), (&at, Some(MessageId::generate()))] {
        let error = bench
            .overlay
            .put_attachment(&cx(), at, file(message.as_ref()))
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::NotFound);
    }
}

#[tokio::test]
async fn bytes_that_the_backend_does_not_give_back_are_copied() {
    let bench = Bench::new(|below| below.can.attachment_open = Level::None);
    let at = bench.create("{}").await;
    let attachment = put(&bench, &at, file(None)).await;
    assert!(bench.below.writes().contains(&"attach"));
    let content = bench
        .overlay
        .open_attachment(&cx(), &at, &attachment.id)
        .await
        .unwrap();
    assert_eq!(&content.bytes[..], BYTES);
}

#[tokio::test]
async fn kept_parts_gain_what_the_backend_was_given() {
    let bench = Bench::new(|below| {
        below.spoils_message = |message| {
            for part in &mut message.parts {
                if let Part::Text(text) = part {
                    text.text = text.text.to_uppercase().into();
                }
            }
        };
    });
    let at = bench.create("{}").await;
    let message = said(&bench, &at).await;
    let attachment = put(&bench, &at, file(Some(&message.id))).await;
    let parts = parts(&bench, &at, &message.id).await;
    assert_eq!(parts[0], Part::text("look"));
    assert!(
        parts.len() == 2 && shows(&parts[1], &attachment),
        "{parts:?}"
    );
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let bench = Bench::new(|_| {});
    let at = bench.create("{}").await;
    let most = bench
        .overlay
        .capabilities()
        .limits
        .attachment_max_bytes
        .unwrap();
    let large = vec![0; usize::try_from(most).unwrap() + 1];
    let new = NewAttachment {
        bytes: large.into(),
        ..file(None)
    };
    let error = bench
        .overlay
        .put_attachment(&cx(), &at, new)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotHeld);
    assert_eq!(bench.below.writes(), ["create"]);
}
