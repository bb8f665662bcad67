//! Files: put to a message, read by id, gone with an edit.

use backend::{Backend, Kind, NewAttachment, Outcome, Write};
use conversation::{AttachmentId, Media, MessageId, MessagePatch, Part, Patch};

use crate::fake::Fault;
use crate::support::{all, asked, create, cx, inbound, pair};

fn picture(message_id: Option<&MessageId>) -> NewAttachment {
    NewAttachment {
        name: Some("a \"cat\".png".into()),
        media_type: "image/png".into(),
        message_id: message_id.cloned(),
        bytes: b"\x89PNG\r\n\r\n--not a boundary\0".as_slice().into(),
    }
}

#[tokio::test]
async fn a_file_needs_a_stored_message() {
    let (fake, convore) = pair().await;
    let at = create(&convore).await;
    let error = convore
        .put_attachment(&cx(), &at, picture(None))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.violations[0].pointer.as_str()),
        (Kind::NotHeld, "/message_id")
    );
    let elsewhere = create(&convore).await;
    let said = convore
        .post_message(&cx(), &elsewhere, inbound("x"))
        .await
        .unwrap();
    let error = convore
        .put_attachment(&cx(), &at, picture(Some(&said.id)))
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
    assert!(!asked(&fake).iter().any(|one| one.contains("/attachments")));
}

#[tokio::test]
async fn a_file_becomes_a_part_and_reads_back() {
    let (_fake, convore) = pair().await;
    let at = create(&convore).await;
    let said = convore
        .post_message(&cx(), &at, inbound("look"))
        .await
        .unwrap();
    let new = picture(Some(&said.id));
    let stored = convore
        .put_attachment(&cx(), &at, new.clone())
        .await
        .unwrap();
    assert_eq!(
        (&*stored.media_type, stored.size),
        ("image/png", new.bytes.len() as u64)
    );
    let parts = all(&convore, &at).await.remove(0).parts;
    let [Part::Text(_), Part::Image(media)] = &parts[..] else {
        panic!("{parts:?}")
    };
    assert_eq!(media.attachment_id.as_ref(), Some(&stored.id));
    assert_eq!((media.size, &media.name), (Some(stored.size), &stored.name));
    let content = convore
        .open_attachment(&cx(), &at, &stored.id)
        .await
        .unwrap();
    assert_eq!(content.bytes, new.bytes);
    assert_eq!(
        (&*content.media_type, content.name),
        ("image/png", stored.name)
    );
    for (at, id) in [
        (create(&convore).await, stored.id.clone()),
        (at, AttachmentId::generate()),
    ] {
        let error = convore.open_attachment(&cx(), &at, &id).await.unwrap_err();
        assert_eq!(error.kind, Kind::NotFound);
    }
}

#[tokio::test]
async fn an_edit_keeps_the_files_that_it_names_and_removes_the_others() {
    let (_fake, convore) = pair().await;
    let at = create(&convore).await;
    let said = convore
        .post_message(&cx(), &at, inbound("look"))
        .await
        .unwrap();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let stored = convore
            .put_attachment(&cx(), &at, picture(Some(&said.id)))
            .await
            .unwrap();
        ids.push(stored.id);
    }
    let mut parts = convore
        .get_message(&cx(), &at, &said.id)
        .await
        .unwrap()
        .parts;
    parts[0] = Part::text("see");
    parts.remove(1);
    let patch = MessagePatch {
        parts: Patch::Set(parts.clone()),
        ..MessagePatch::default()
    };
    let after = convore
        .update_message(&cx(), &at, &said.id, patch, None)
        .await
        .unwrap();
    assert_eq!(after.parts, parts);
    assert_eq!(
        convore
            .get_message(&cx(), &at, &said.id)
            .await
            .unwrap()
            .parts,
        parts
    );
    let error = convore
        .open_attachment(&cx(), &at, &ids[0])
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
    convore.open_attachment(&cx(), &at, &ids[1]).await.unwrap();
}

#[tokio::test]
async fn what_is_previewed_of_an_edit_keeps_the_files_that_are_there() {
    let (fake, convore) = pair().await;
    let at = create(&convore).await;
    let said = convore.post_message(&cx(), &at, inbound("look")).await;
    let said = said.unwrap();
    let file = picture(Some(&said.id));
    let stored = convore.put_attachment(&cx(), &at, file).await.unwrap();
    // As somebody names it who knows no more of it than its id.
    let named = |id: &AttachmentId| {
        Part::File(Media {
            attachment_id: Some(id.clone()),
            ..Media::default()
        })
    };
    let edit = |parts| Write::UpdateMessage {
        id: said.id.clone(),
        patch: MessagePatch {
            parts: Patch::Set(parts),
            ..MessagePatch::default()
        },
    };
    let parts = vec![
        Part::text("see"),
        named(&stored.id),
        Part::Reasoning("hm".into()),
    ];
    let Write::UpdateMessage { patch, .. } = convore.preview(&edit(parts)).write else {
        panic!("another write")
    };
    let after = convore
        .update_message(&cx(), &at, &said.id, patch, None)
        .await;
    let after = after.unwrap();
    assert_eq!(after.parts[0], Part::text("see"));
    assert_eq!(after.parts.len(), 2);
    convore
        .open_attachment(&cx(), &at, &stored.id)
        .await
        .unwrap();
    // One that it does not have.
    fake.forget_requests();
    let parts = vec![Part::text("see"), named(&AttachmentId::generate())];
    let Write::UpdateMessage { patch, .. } = edit(parts) else {
        panic!("another write")
    };
    let error = convore
        .update_message(&cx(), &at, &said.id, patch, None)
        .await;
    let error = error.unwrap_err();
    assert_eq!(
        (error.kind, error.outcome, &*error.violations[0].pointer),
        (Kind::NotHeld, Outcome::NotApplied, "/parts/1")
    );
    assert!(asked(&fake).iter().all(|one| one.starts_with("GET")));
}

#[tokio::test]
async fn a_removal_that_answers_no_content_is_a_success() {
    let (fake, convore) = pair().await;
    let at = create(&convore).await;
    let said = convore
        .post_message(&cx(), &at, inbound("look"))
        .await
        .unwrap();
    convore
        .put_attachment(&cx(), &at, picture(Some(&said.id)))
        .await
        .unwrap();
    fake.inject("DELETE", "/v1/attachments/", Fault::Status(204));
    let patch = MessagePatch {
        parts: Patch::Set(vec![Part::text("look")]),
        ..MessagePatch::default()
    };
    convore
        .update_message(&cx(), &at, &said.id, patch, None)
        .await
        .unwrap();
}

#[tokio::test]
async fn failures_of_files_have_their_kinds() {
    let (fake, convore) = pair().await;
    let at = create(&convore).await;
    let said = convore
        .post_message(&cx(), &at, inbound("look"))
        .await
        .unwrap();
    let new = picture(Some(&said.id));
    fake.inject("POST", "/v1/attachments", Fault::Status(413));
    let error = convore
        .put_attachment(&cx(), &at, new.clone())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::InvalidRequest, Outcome::NotApplied)
    );
    fake.inject(
        "POST",
        "/v1/attachments",
        Fault::Edited(|file| file["size"] = 1.into()),
    );
    let error = convore
        .put_attachment(&cx(), &at, new.clone())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::InvalidResponse, Outcome::Applied)
    );
    let wrong_type = NewAttachment {
        media_type: "no type".into(),
        ..new.clone()
    };
    let error = convore
        .put_attachment(&cx(), &at, wrong_type)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome),
        (Kind::InvalidRequest, Outcome::NotApplied)
    );
    let stored = convore.put_attachment(&cx(), &at, new).await.unwrap();
    for (fault, kind) in [
        (Fault::Status(404), Kind::NotFound),
        (Fault::CutMidBody, Kind::Unavailable),
        (Fault::TooManyRequests(None), Kind::RateLimited),
    ] {
        fake.inject("GET", "/download", fault);
        let error = convore
            .open_attachment(&cx(), &at, &stored.id)
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.outcome),
            (kind, Outcome::NotApplied),
            "{fault:?}"
        );
    }
}
