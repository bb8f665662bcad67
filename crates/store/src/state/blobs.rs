//! Bytes that a backend cannot hold: content-addressed, beside those of the embedded backends.

use async_trait::async_trait;
use backend::ports::{Blobs, KeptAt};
use backend::{Attachment, AttachmentContent, Error, NewAttachment, Result};
use conversation::{AttachmentId, Digest, Time};

use super::{State, overlay};
use crate::backend::{ATTACHMENT_MAX_BYTES, off_thread, too_large};
use crate::failure::Attempt;
use crate::sql::{Connection, Micros, OptionalExtension as _, params};

#[async_trait]
impl Blobs for State {
    async fn put(&self, at: &KeptAt, attachment: &Attachment, new: &NewAttachment) -> Result<()> {
        if new.bytes.len() as u64 > ATTACHMENT_MAX_BYTES {
            return Err(too_large(&at.backend));
        }
        let bytes = new.bytes.clone();
        let sha256 = off_thread(move || Digest::of(&bytes)).await?;
        let (at, attachment, bytes) = (at.clone(), attachment.clone(), new.bytes.clone());
        self.store
            .write(move |connection, now| store(connection, &at, &attachment, sha256, &bytes, now))
            .await
    }

    async fn find(&self, at: &KeptAt, id: &AttachmentId) -> Result<Option<Attachment>> {
        self.store
            .read(|connection| {
                Ok(connection
                    .prepare_cached(
                        "SELECT a.url, a.name, a.media_type, a.size FROM overlay_conversations c \
                     JOIN overlay_attachments a ON a.conversation = c.number \
                     WHERE c.id = ?1 AND c.backend = ?2 AND a.id = ?3",
                    )?
                    .query_row(
                        params![at.conversation.to_string(), at.backend, id.as_str()],
                        |row| {
                            Ok(Attachment {
                                id: id.clone(),
                                url: row.get(0)?,
                                name: row.get(1)?,
                                media_type: row.get(2)?,
                                size: row.get(3)?,
                            })
                        },
                    )
                    .optional()?)
            })
            .await
    }

    async fn open(&self, at: &KeptAt, id: &AttachmentId) -> Result<Option<AttachmentContent>> {
        let (at, id) = (at.clone(), id.clone());
        self.store
            .read_apart(move |connection| content(connection, &at, &id))
            .await
    }
}

fn store(
    connection: &Connection,
    at: &KeptAt,
    attachment: &Attachment,
    sha256: Digest,
    bytes: &[u8],
    now: Time,
) -> Attempt<()> {
    if overlay::is_deleted(connection, &at.conversation.to_string())? {
        return Err(Error::conversation_not_found().into());
    }
    let conversation = overlay::enter(connection, at)?;
    let Attachment {
        id,
        url,
        name,
        media_type,
        size,
    } = attachment;
    let is_there = connection
        .prepare_cached("SELECT 1 FROM overlay_attachments WHERE conversation = ?1 AND id = ?2")?
        .exists(params![conversation, id.as_str()])?;
    if is_there {
        return Ok(());
    }
    connection
        .prepare_cached("INSERT INTO blobs (sha256, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![sha256.as_bytes(), bytes])?;
    connection
        .prepare_cached(
            "INSERT INTO overlay_attachments (conversation, id, sha256, url, name, media_type, size, created_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            conversation,
            id.as_str(),
            sha256.as_bytes(),
            url,
            name,
            media_type,
            size,
            Micros(now)
        ])?;
    Ok(())
}

fn content(
    connection: &Connection,
    at: &KeptAt,
    id: &AttachmentId,
) -> Attempt<Option<AttachmentContent>> {
    Ok(connection
        .prepare_cached(
            "SELECT a.name, a.media_type, b.bytes FROM overlay_conversations c \
             JOIN overlay_attachments a ON a.conversation = c.number JOIN blobs b ON b.sha256 = a.sha256 \
             WHERE c.id = ?1 AND c.backend = ?2 AND a.id = ?3",
        )?
        .query_row(params![at.conversation.to_string(), at.backend, id.as_str()], |row| {
            Ok(AttachmentContent {
                name: row.get(0)?,
                media_type: row.get(1)?,
                bytes: row.get::<_, Vec<u8>>(2)?.into(),
            })
        })
        .optional()?)
}
