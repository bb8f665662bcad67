//! Bytes that belong to a conversation.
//!
//! A backend may take them by themselves, only with a message, or only by themselves: what it does not take it
//! refuses as not held, and the cases try the other way.

use backend::{Attachment, AttachmentContent, Error, Kind, Location, NewAttachment, Result};
use bytes::Bytes;
use conversation::{AttachmentId, Media, MessageId, Part};

use crate::bench::Bench;
use crate::case::{Case, Need, Outcome, skip};
use crate::expect::{Must, not_found};

const PUTS: &[Need] = &[
    Need::Works("conversation_create"),
    Need::Works("attachment_put"),
    Need::Grows,
];
const OPENS: &[Need] = &[
    Need::Works("conversation_create"),
    Need::Works("attachment_put"),
    Need::Works("attachment_open"),
    Need::Grows,
];

pub(super) const CASES: &[Case] = &[
    Case {
        rule: "an attachment has the type, the name and the size that were sent",
        needs: PUTS,
        run: |bench| Box::pin(described(bench)),
    },
    Case {
        rule: "an attachment put to a message becomes a part of it",
        needs: PUTS,
        run: |bench| Box::pin(part_of_a_message(bench)),
    },
    Case {
        rule: "an attachment for an unknown conversation is not found",
        needs: &[Need::Works("attachment_put")],
        run: |bench| Box::pin(unknown_conversation(bench)),
    },
    Case {
        rule: "an attachment reads back with the same bytes",
        needs: OPENS,
        run: |bench| Box::pin(same_bytes(bench)),
    },
    Case {
        rule: "an unknown attachment is not found",
        needs: OPENS,
        run: |bench| Box::pin(unknown_attachment(bench)),
    },
    Case {
        rule: "an attachment of another conversation is not found",
        needs: OPENS,
        run: |bench| Box::pin(other_conversation(bench)),
    },
];

/// A picture of one white pixel.
const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52,
    0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x7e, 0x9b,
    0x55, 0x00, 0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78, 0xda, 0x63, 0xf8, 0x0f, 0x00, 0x01,
    0x01, 0x01, 0x00, 0x1c, 0xb0, 0x8c, 0x99, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae,
    0x42, 0x60, 0x82,
];

fn picture() -> NewAttachment {
    NewAttachment {
        name: Some("pixel.png".into()),
        media_type: "image/png".into(),
        message_id: None,
        bytes: Bytes::from_static(PNG),
    }
}

/// A text in which no two lines are equal, so that a piece that is lost or doubled shows.
fn lines() -> NewAttachment {
    let text: String = (0..2_000)
        .map(|line| format!("line {line} \u{1f600}\r\n"))
        .collect();
    NewAttachment {
        name: Some("lines.txt".into()),
        media_type: "text/plain".into(),
        message_id: None,
        bytes: text.into(),
    }
}

async fn try_put(bench: &Bench, at: &Location, new: NewAttachment) -> Result<Attachment> {
    bench.backend.put_attachment(&bench.cx(), at, new).await
}

/// True where the backend takes attachments, but not in this way.
fn not_this_way(error: &Error) -> bool {
    error.kind == Kind::NotHeld
}

/// Puts an attachment into a conversation: by itself, else with a new message.
async fn put(bench: &Bench, at: &Location, new: NewAttachment) -> Attachment {
    match try_put(bench, at, new.clone()).await {
        Err(error) if not_this_way(&error) => {
            let said = bench
                .say_text(at, "look")
                .await
                .must("saying something that carries an attachment");
            let new = NewAttachment {
                message_id: Some(said.id),
                ..new
            };
            try_put(bench, at, new)
                .await
                .must("putting an attachment to a message")
        }
        result => result.must("putting an attachment"),
    }
}

async fn open(bench: &Bench, at: &Location, id: &AttachmentId) -> Result<AttachmentContent> {
    bench.backend.open_attachment(&bench.cx(), at, id).await
}

async fn described(bench: &Bench) -> Outcome {
    let at = bench.conversation().await;
    for new in [picture(), lines()] {
        let attachment = put(bench, &at, new.clone()).await;
        assert_eq!(
            (
                attachment.media_type,
                attachment.name,
                usize::try_from(attachment.size)
            ),
            (new.media_type, new.name, Ok(new.bytes.len())),
            "type, name and size"
        );
    }
    let twice = [
        put(bench, &at, picture()).await,
        put(bench, &at, picture()).await,
    ];
    assert_ne!(twice[0].id, twice[1].id, "two puts make two attachments");
    Ok(())
}

/// The media of a message.
fn media(parts: &[Part]) -> impl Iterator<Item = &Media> {
    parts.iter().filter_map(|part| match part {
        Part::Image(media) | Part::File(media) | Part::Audio(media) | Part::Video(media) => {
            Some(media)
        }
        _ => None,
    })
}

async fn part_of_a_message(bench: &Bench) -> Outcome {
    let (at, messages) = bench.conversation_of(2).await;
    let message = &messages[0];
    let new = NewAttachment {
        message_id: Some(message.id.clone()),
        ..picture()
    };
    let attachment = match try_put(bench, &at, new).await {
        Err(error) if not_this_way(&error) => {
            return Err(skip("backend puts no attachment to a stored message"));
        }
        result => result.must("putting an attachment to a message"),
    };
    for after in bench.messages(&at).await {
        let is_named = |media: &&Media| {
            media.attachment_id.as_ref() == Some(&attachment.id)
                || (media.url.is_some() && media.url == attachment.url)
        };
        let found: Vec<&Media> = media(&after.parts).filter(is_named).collect();
        if after.id != message.id {
            assert!(found.is_empty(), "it is a part of another message too");
            continue;
        }
        assert_eq!(found.len(), 1, "one part shows it: {:?}", after.parts);
        assert_eq!(found[0].media_type.as_deref(), Some("image/png"));
        let others = after.parts.len() - 1;
        assert_eq!(
            after.parts[..others],
            message.parts[..],
            "the parts that were there stay, and it comes last"
        );
    }
    let missing = NewAttachment {
        message_id: Some(bench.missing_message.clone()),
        ..picture()
    };
    not_found(
        try_put(bench, &at, missing).await,
        "putting an attachment to an unknown message",
    );
    Ok(())
}

async fn unknown_conversation(bench: &Bench) -> Outcome {
    let mut result = try_put(bench, &bench.missing, picture()).await;
    if result.as_ref().is_err_and(not_this_way) {
        let with_message = NewAttachment {
            message_id: Some(MessageId::clone(&bench.missing_message)),
            ..picture()
        };
        result = try_put(bench, &bench.missing, with_message).await;
    }
    not_found(result, "putting an attachment into an unknown conversation");
    Ok(())
}

async fn same_bytes(bench: &Bench) -> Outcome {
    let at = bench.conversation().await;
    for new in [picture(), lines()] {
        let attachment = put(bench, &at, new.clone()).await;
        for _ in 0..2 {
            let content = open(bench, &at, &attachment.id)
                .await
                .must("reading an attachment");
            assert_eq!(
                content.bytes.len(),
                new.bytes.len(),
                "the size of what came back"
            );
            assert!(content.bytes == new.bytes, "other bytes came back");
            assert_eq!(content.media_type, new.media_type, "their type");
        }
    }
    Ok(())
}

async fn unknown_attachment(bench: &Bench) -> Outcome {
    let at = bench.conversation().await;
    put(bench, &at, picture()).await;
    for at in [&at, &bench.missing] {
        not_found(
            open(bench, at, &AttachmentId::generate()).await,
            "reading an unknown attachment",
        );
    }
    Ok(())
}

async fn other_conversation(bench: &Bench) -> Outcome {
    let here = bench.conversation().await;
    let attachment = put(bench, &here, picture()).await;
    let elsewhere = bench.conversation().await;
    for at in [&elsewhere, &bench.missing] {
        not_found(
            open(bench, at, &attachment.id).await,
            "reading an attachment of another conversation",
        );
    }
    Ok(())
}
