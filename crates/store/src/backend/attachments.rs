//! Attachments: bytes stored once, by their SHA-256, however many attachments hold the same.
//!
//! An attachment lives as long as its conversation, also where the message that showed it is deleted: another message
//! may name it.

use backend::{Attachment, AttachmentContent, Context, Error, Kind, Location, NewAttachment};
use backend::{Outcome, Result};
use conversation::{AttachmentId, Digest, Media, Message, MessageId, Part, Time, Violation};

use super::writes::{self, Operation};
use super::{Admission, StoreBackend, conversations, messages, ratings};
use crate::failure::Attempt;
use crate::sql::{Connection, Micros, OptionalExtension as _, params};

/// The largest attachment, in bytes: one is read and written in one piece.
pub(crate) const ATTACHMENT_MAX_BYTES: u64 = 25 * 1_024 * 1_024;
/// The most parts of one message, as for every message that is sent.
const PARTS_MAX: usize = 1_000;

impl StoreBackend {
    pub(super) async fn store_attachment(
        &self,
        cx: &Context,
        at: &Location,
        new: NewAttachment,
    ) -> Result<Attachment> {
        let attachment = Attachment {
            id: AttachmentId::generate(),
            url: None,
            name: new.name,
            media_type: new.media_type,
            size: new.bytes.len() as u64,
        };
        if attachment.size > ATTACHMENT_MAX_BYTES {
            return Err(too_large(self.name()));
        }
        // Beside the threads that serve: megabytes take a while.
        let bytes = new.bytes.clone();
        let sha256 = off_thread(move || Digest::of(&bytes)).await?;
        let ready = Ready {
            write: writes::Reference::new(cx, self.name(), Operation::PutAttachment, &at.native),
            at: at.clone(),
            voter: ratings::voter(&cx.principal),
            attachment: attachment.clone(),
            message: new.message_id,
            sha256,
        };
        let admission = Admission::of(cx);
        self.store
            .write_beside(move |connection, now| {
                admission.check(connection, &ready.write.backend, &ready.at)?;
                ready.store(connection, &new.bytes, now)
            })
            .await?;
        Ok(attachment)
    }

    pub(super) async fn read_attachment(
        &self,
        at: &Location,
        id: &AttachmentId,
    ) -> Result<AttachmentContent> {
        let (this, at, id) = (self.clone(), at.clone(), id.clone());
        self.store
            .read_apart(move |connection| content(connection, this.name(), &at, &id))
            .await
    }
}

/// An attachment that is about to be stored: everything that needs no transaction is done.
struct Ready {
    write: writes::Reference,
    at: Location,
    voter: String,
    attachment: Attachment,
    message: Option<MessageId>,
    sha256: Digest,
}

impl Ready {
    fn store(&self, connection: &Connection, bytes: &[u8], now: Time) -> Attempt<()> {
        let conversation = conversations::number(connection, &self.write.backend, &self.at)?;
        connection
            .prepare_cached(
                "INSERT INTO blobs (sha256, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            )?
            .execute(params![self.sha256.as_bytes(), bytes])?;
        let Attachment {
            id,
            url: _,
            name,
            media_type,
            size,
        } = &self.attachment;
        connection
            .prepare_cached(
                "INSERT INTO attachments (id, conversation, sha256, name, media_type, size, created_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                id.as_str(),
                conversation,
                self.sha256.as_bytes(),
                name,
                media_type,
                size,
                Micros(now)
            ])?;
        if let Some(message) = &self.message {
            self.show(connection, message, now)?;
        }
        self.write.store_bytes(connection, id, now)?;
        Ok(())
    }

    /// Makes the attachment a part of its message. That is no edit: what was said stays as it was.
    fn show(&self, connection: &Connection, message: &MessageId, now: Time) -> Attempt<()> {
        let backend = &self.write.backend;
        let stored = messages::find(connection, backend, &self.at, message, &self.voter)?;
        if stored.message.parts.len() >= PARTS_MAX {
            return Err(Error::new(
                Kind::InvalidRequest,
                format!("the message has {PARTS_MAX} parts, and takes no more"),
            )
            .into());
        }
        let mut parts = stored.message.parts.clone();
        parts.push(part(&self.attachment));
        let changed = Message {
            parts,
            ..stored.message.clone()
        };
        messages::replace(connection, &stored, changed, now)
    }
}

/// The part that shows an attachment, by its media type.
fn part(attachment: &Attachment) -> Part {
    let media = Media {
        attachment_id: Some(attachment.id.clone()),
        media_type: Some(attachment.media_type.clone()),
        size: Some(attachment.size),
        name: attachment.name.clone(),
        ..Media::default()
    };
    let sort = attachment.media_type.split('/').next().unwrap_or_default();
    match sort.to_ascii_lowercase().as_str() {
        "image" => Part::Image(media),
        "audio" => Part::Audio(media),
        "video" => Part::Video(media),
        _ => Part::File(media),
    }
}

fn content(
    connection: &Connection,
    backend: &str,
    at: &Location,
    id: &AttachmentId,
) -> Attempt<AttachmentContent> {
    let conversation = conversations::number(connection, backend, at)?;
    let found = connection
        .prepare_cached(
            "SELECT a.name, a.media_type, b.bytes FROM attachments a JOIN blobs b ON b.sha256 = a.sha256 \
             WHERE a.id = ?1 AND a.conversation = ?2",
        )?
        .query_row(params![id.as_str(), conversation], |row| {
            Ok(AttachmentContent {
                name: row.get(0)?,
                media_type: row.get(1)?,
                bytes: row.get::<_, Vec<u8>>(2)?.into(),
            })
        })
        .optional()?;
    Ok(found.ok_or_else(not_found)?)
}

/// What is known of an attachment of the conversation at a location.
pub(super) fn find(
    connection: &Connection,
    backend: &str,
    at: &Location,
    id: &AttachmentId,
) -> Attempt<Attachment> {
    let conversation = conversations::number(connection, backend, at)?;
    let found = connection
        .prepare_cached(
            "SELECT name, media_type, size FROM attachments WHERE id = ?1 AND conversation = ?2",
        )?
        .query_row(params![id.as_str(), conversation], |row| {
            Ok(Attachment {
                id: id.clone(),
                url: None,
                name: row.get(0)?,
                media_type: row.get(1)?,
                size: row.get(2)?,
            })
        })
        .optional()?;
    Ok(found.ok_or_else(not_found)?)
}

pub(super) fn not_found() -> Error {
    Error::new(Kind::NotFound, "attachment not found")
}

/// The error for more bytes than an attachment may have.
pub(crate) fn too_large(backend: &str) -> Error {
    Error::new(
        Kind::NotHeld,
        format!("backend `{backend}` cannot hold what was sent"),
    )
    .violations(vec![Violation {
        pointer: String::new(),
        code: "too-long",
        detail: format!("an attachment has at most {ATTACHMENT_MAX_BYTES} bytes"),
        exceeds: None,
    }])
}

/// Does long work beside the threads that serve.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        Error::new(Kind::Internal, "the work on an attachment ended early")
            .outcome(Outcome::NotApplied)
            .source(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_type_chooses_the_part() {
        for (media_type, wanted) in [
            ("image/png", "image"),
            ("Image/SVG+xml", "image"),
            ("audio/ogg", "audio"),
            ("video/mp4; codecs=\"avc1\"", "video"),
            ("text/plain", "file"),
            ("application/octet-stream", "file"),
            ("imagery/x", "file"),
        ] {
            let attachment = Attachment {
                id: AttachmentId::generate(),
                url: None,
                name: None,
                media_type: media_type.into(),
                size: 1,
            };
            assert_eq!(part(&attachment).type_name(), wanted, "{media_type}");
        }
    }
}
