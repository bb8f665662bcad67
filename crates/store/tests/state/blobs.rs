//! Bytes kept beside a backend.

use backend::ports::{Blobs as _, Change, KeptAt, OverlayState as _};
use backend::{Attachment, Kind, NewAttachment, Outcome};
use bytes::Bytes;
use conversation::AttachmentId;
use store::{State, Store};

use crate::home;
use crate::support::{beside, field, kept, kept_rows, open, open_in};

fn new(bytes: impl Into<Bytes>) -> NewAttachment {
    NewAttachment {
        name: Some("cat.png".into()),
        media_type: "image/png".into(),
        message_id: None,
        bytes: bytes.into(),
    }
}

fn attachment(url: Option<&str>, new: &NewAttachment) -> Attachment {
    Attachment {
        id: AttachmentId::generate(),
        url: url.map(Into::into),
        name: new.name.clone(),
        media_type: new.media_type.clone(),
        size: new.bytes.len() as u64,
    }
}

async fn put(state: &State, at: &KeptAt, bytes: &'static [u8]) -> Attachment {
    let new = new(bytes);
    let attachment = attachment(None, &new);
    state.put(at, &attachment, &new).await.unwrap();
    attachment
}

fn count(store: &Store, table: &str) -> i64 {
    home::number(store, &format!("SELECT count(*) FROM {table}"))
}

#[tokio::test]
async fn bytes_read_back_under_the_id_and_address_that_they_were_given() {
    let (directory, store, state) = open();
    let at = beside("vendor");
    let new = new(&b"\x89PNG \0 bytes"[..]);
    let given = attachment(Some("https://files.example/1"), &new);
    state.put(&at, &given, &new).await.unwrap();
    // The same id again changes nothing.
    let other = NewAttachment {
        bytes: Bytes::from_static(b"other"),
        ..new.clone()
    };
    state.put(&at, &given, &other).await.unwrap();
    assert_eq!(count(&store, "blobs"), 1);
    drop((state, store));
    let (_store, state) = open_in(&directory);
    assert_eq!(
        state.find(&at, &given.id).await.unwrap(),
        Some(given.clone())
    );
    let content = state.open(&at, &given.id).await.unwrap().unwrap();
    assert_eq!(
        (&content.bytes, &content.name, &content.media_type),
        (&new.bytes, &new.name, &new.media_type)
    );
    // Another conversation, backend or id finds nothing.
    let elsewhere = KeptAt {
        backend: "other".into(),
        ..at.clone()
    };
    for (at, id) in [
        (&elsewhere, &given.id),
        (&beside("vendor"), &given.id),
        (&at, &AttachmentId::generate()),
    ] {
        assert_eq!(state.find(at, id).await.unwrap(), None);
        assert!(state.open(at, id).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn bytes_go_with_what_was_kept_and_stay_where_another_holds_them() {
    let (directory, store, state) = open();
    let (at, other) = (beside("vendor"), beside("vendor"));
    put(&state, &at, b"shared").await;
    put(&state, &at, b"alone").await;
    let stays = put(&state, &other, b"shared").await;
    assert_eq!(count(&store, "blobs"), 2);
    state.apply(&at, None, vec![Change::Forget]).await.unwrap();
    assert_eq!(count(&store, "loose_blobs"), 2);
    store.close().await.unwrap();
    drop((state, store));
    // Upkeep runs when a process starts to serve, before its first write.
    let (store, state) = open_in(&directory);
    let changes = vec![Change::Field(field(None, "/title"))];
    state.apply(&other, None, changes).await.unwrap();
    home::becomes(&store, "SELECT count(*) FROM loose_blobs", 0);
    assert_eq!(count(&store, "blobs"), 1);
    let content = state.open(&other, &stays.id).await.unwrap().unwrap();
    assert_eq!(&*content.bytes, b"shared");
}

#[tokio::test]
async fn more_bytes_than_an_attachment_may_have_are_refused() {
    let (_directory, store, state) = open();
    let at = beside("vendor");
    let large = new(vec![0_u8; 25 * 1_024 * 1_024 + 1]);
    let error = state
        .put(&at, &attachment(None, &large), &large)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.outcome, error.violations[0].code),
        (Kind::NotHeld, Outcome::NotApplied, "too-long")
    );
    assert_eq!(kept_rows(&store), 0);
    assert!(kept(&state, &at).await.fields.is_empty());
}
