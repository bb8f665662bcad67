//! Bytes that the backend cannot hold, or cannot give back.

use backend::ports::{Change, Holder, KeptField};
use backend::{
    Attachment, AttachmentContent, Context, Error, FieldFate, Kind, Location, NewAttachment,
    Outcome, Result, Write,
};
use conversation::{AttachmentId, Digest, Media, Message, MessageId, Part, Time, Violation};

use crate::conversations::applied;
use crate::fields::members::{read, write as to_json};
use crate::index::{impersonal, under};
use crate::lists::Held;
use crate::ratings::is_refusal;
use crate::{Overlay, fidelity};

/// The largest attachment, in bytes: the most that the gateway's own state keeps in one piece.
pub(crate) const ATTACHMENT_MAX_BYTES: u64 = 25 * 1_024 * 1_024;
/// The most parts of one message, as for every message that is sent.
const PARTS_MAX: usize = 1_000;

const PARTS: &str = "/parts";

/// A message that an attachment becomes a part of.
struct Target {
    held: Held,
    /// Its kept parts, where they are kept.
    row: Option<KeptField>,
}

impl Target {
    fn message(&self) -> &Message {
        match &self.held {
            Held::Ours(kept) | Held::Copy(kept) => &kept.message,
            Held::Backends(message) => message,
        }
    }

    /// What it shows.
    fn parts(&self) -> Result<Vec<Part>> {
        match self.row.as_ref().and_then(|row| row.value.as_ref()) {
            Some(kept) => read(kept),
            None => Ok(self.message().parts.clone()),
        }
    }
}

impl Overlay {
    pub(crate) async fn attach(
        &self,
        cx: &Context,
        at: &Location,
        new: NewAttachment,
    ) -> Result<Attachment> {
        if new.bytes.len() as u64 > ATTACHMENT_MAX_BYTES {
            return Err(too_large(self.name()));
        }
        let write = describe(&new).await?;
        self.foretell(&write).check(cx, self.name())?;
        let target = match &new.message_id {
            Some(id) => Some(self.target(cx, at, id).await?),
            None => None,
        };
        if let Some(target) = &target
            && target.parts()?.len() >= PARTS_MAX
        {
            let message = format!("the message has {PARTS_MAX} parts, and takes no more");
            return Err(Error::new(Kind::InvalidRequest, message));
        }
        let is_there = |target: &Target| matches!(target.held, Held::Backends(_));
        let mut put = None;
        if !cx.beside && target.as_ref().is_none_or(is_there) {
            put = self.put_below(cx, at, &new).await?;
        }
        let shows_it = put.is_some();
        if !cx.beside && put.is_none() && new.message_id.is_some() {
            let fate = FieldFate::overlay(
                "/message_id",
                "kept beside the backend, whose message does not show this file",
            );
            fidelity::allow(cx, self.name(), &fate)?;
            let alone = NewAttachment {
                message_id: None,
                ..new.clone()
            };
            put = self.put_below(cx, at, &alone).await?;
        }
        let is_put = put.is_some();
        let done = self.keep_attachment(
            cx,
            at,
            &new,
            put,
            target.filter(|_| new.message_id.is_some()),
            shows_it,
        );
        done.await
            .map_err(|error| if is_put { applied(error) } else { error })
    }

    /// Stores at the backend; nothing where it does not take bytes in this way.
    async fn put_below(
        &self,
        cx: &Context,
        at: &Location,
        new: &NewAttachment,
    ) -> Result<Option<Attachment>> {
        let kept = self.kept(at).await?;
        let can = self.below().capabilities();
        let is_too_large = can
            .limits
            .attachment_max_bytes
            .is_some_and(|most| new.bytes.len() as u64 > most);
        if kept.has_ended || is_too_large || !can.attachment_put.works() {
            return Ok(None);
        }
        match self
            .below()
            .put_attachment(&under(cx), at, new.clone())
            .await
        {
            Ok(attachment) => Ok(Some(attachment)),
            Err(error) if is_refusal(&error) || self.has_ended(&kept, &error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps what the backend did not take, or would not give back: the bytes, and the part that shows them.
    async fn keep_attachment(
        &self,
        cx: &Context,
        at: &Location,
        new: &NewAttachment,
        put: Option<Attachment>,
        target: Option<Target>,
        shows_it: bool,
    ) -> Result<Attachment> {
        let opens = self.below().capabilities().attachment_open.works();
        let (attachment, is_kept) = match put {
            Some(attachment) => (attachment, !opens),
            None => (self.kept_attachment(cx, at, new).await?, true),
        };
        if is_kept {
            self.blobs().put(&self.beside(at), &attachment, new).await?;
        }
        if let Some(target) = target {
            self.show_attachment(cx, at, target, &attachment, shows_it)
                .await?;
        }
        Ok(attachment)
    }

    /// An attachment that only the gateway will have, in a conversation that is there.
    async fn kept_attachment(
        &self,
        cx: &Context,
        at: &Location,
        new: &NewAttachment,
    ) -> Result<Attachment> {
        let fate = FieldFate::overlay(
            "/attachment",
            "kept beside the backend, which takes no file like this",
        );
        fidelity::allow(cx, self.name(), &fate)?;
        // Whoever keeps something beside a backend has made the conversation there.
        if new.message_id.is_none() && !cx.beside {
            let kept = self.kept(at).await?;
            self.held_conversation(cx, at, kept).await?;
        }
        let attachment = Attachment {
            id: AttachmentId::derive(&["kept", &cx.intent.to_string()]),
            url: None,
            name: new.name.clone(),
            media_type: new.media_type.clone(),
            size: new.bytes.len() as u64,
        };
        cx.trace.note_fates(attachment.id.as_str(), vec![fate]);
        Ok(attachment)
    }

    /// Has a message show an attachment that is kept, where it does not yet: what follows the keeping of its bytes. False
    /// where the message is not there.
    pub(crate) async fn shown_in(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        attachment: &Attachment,
    ) -> Result<bool> {
        let target = match self.target(cx, at, id).await {
            Ok(target) => target,
            Err(error) if error.kind == Kind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        if !target.parts()?.iter().any(|part| names(part, attachment)) {
            self.show_attachment(cx, at, target, attachment, false)
                .await?;
        }
        Ok(true)
    }

    /// The message that is to show an attachment.
    async fn target(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Target> {
        let kept = self.refreshed(cx, at).await?;
        let held = self.held(cx, at, &kept, id).await?;
        let mut target = Target { held, row: None };
        if kept.has_message_fields {
            let id = target.message().id.clone();
            let rows = self.state().message_fields(&self.beside(at), &[id]).await?;
            target.row = rows.into_iter().find(|row| &*row.pointer == PARTS);
        }
        Ok(target)
    }

    /// Makes an attachment the last part of its message. That is no edit: what was said stays as it was.
    async fn show_attachment(
        &self,
        cx: &Context,
        at: &Location,
        target: Target,
        attachment: &Attachment,
        shows_it: bool,
    ) -> Result<()> {
        let mut changes = Vec::new();
        let id = target.message().id.clone();
        let mut parts = target.parts()?;
        parts.push(part(attachment));
        match (&target.held, shows_it) {
            (Held::Ours(kept), _) => changes.push(Change::Message {
                time: kept.place.time,
                holder: Holder::Gateway,
                message: Box::new(Message {
                    parts: parts.clone(),
                    ..kept.message.clone()
                }),
            }),
            (Held::Backends(_), true) => {
                let held = self
                    .below()
                    .get_message(&under(&cx.fresh()), at, &id)
                    .await?;
                let is_shown = held.parts.iter().any(|part| names(part, attachment));
                if target.row.is_some() || !is_shown {
                    changes.push(row(&id, &parts, &held.parts, !is_shown)?);
                }
                if self.kept(at).await?.index.is_some() {
                    changes.push(Change::Message {
                        time: held.sent_at,
                        holder: Holder::Backend(at.native.clone()),
                        message: Box::new(impersonal(held)),
                    });
                }
            }
            (Held::Backends(_) | Held::Copy(_), _) => {
                changes.push(row(&id, &parts, &target.message().parts, false)?);
            }
        }
        // Ours may have a row of parts too, from when the backend had it.
        if let (Held::Ours(_), Some(before)) = (&target.held, &target.row) {
            changes.push(Change::Field(KeptField {
                value: Some(to_json(&parts)?),
                ..before.clone()
            }));
        }
        if changes
            .iter()
            .any(|change| matches!(change, Change::Field(_)))
            || matches!(target.held, Held::Ours(_))
        {
            changes.push(Change::Touch {
                updated_at: Time::now(),
                last_message_at: None,
            });
        }
        fidelity::note_written(cx, id.as_str(), &changes, &[]);
        self.apply(cx, at, changes).await
    }

    pub(crate) async fn open(
        &self,
        cx: &Context,
        at: &Location,
        id: &AttachmentId,
    ) -> Result<AttachmentContent> {
        // Ours first: bytes never change, and a copy here is one that the backend cannot give back.
        if let Some(content) = self.blobs().open(&self.beside(at), id).await? {
            return Ok(content);
        }
        let not_found = || Error::new(Kind::NotFound, "attachment not found");
        if self.kept(at).await?.has_ended || !self.below().capabilities().attachment_open.works() {
            return Err(not_found());
        }
        match self.below().open_attachment(&under(cx), at, id).await {
            Err(error) if is_refusal(&error) => Err(not_found()),
            opened => opened,
        }
    }

    /// Parts as they are sent to the backend: one that names a kept attachment names it by the address at which the
    /// backend itself serves it, where it does.
    pub(crate) async fn with_urls(&self, at: &Location, parts: Vec<Part>) -> Result<Vec<Part>> {
        let mut named = parts;
        for part in &mut named {
            let (Part::Image(media) | Part::File(media) | Part::Audio(media) | Part::Video(media)) =
                part
            else {
                continue;
            };
            let Some(id) = &media.attachment_id else {
                continue;
            };
            let known = self.blobs().find(&self.beside(at), id).await?;
            if let Some(url) = known.and_then(|known| known.url) {
                media.url = Some(url);
                media.attachment_id = None;
            }
        }
        Ok(named)
    }
}

/// True for a part that shows an attachment.
fn names(part: &Part, attachment: &Attachment) -> bool {
    let (Part::Image(media) | Part::File(media) | Part::Audio(media) | Part::Video(media)) = part
    else {
        return false;
    };
    media.attachment_id.as_ref() == Some(&attachment.id)
        || (media.url.is_some() && media.url == attachment.url)
}

fn row(id: &MessageId, parts: &[Part], held: &[Part], unexpected: bool) -> Result<Change> {
    Ok(Change::Field(KeptField {
        message: Some(id.clone()),
        pointer: PARTS.into(),
        value: Some(to_json(parts)?),
        base: Some(to_json(held)?),
        unexpected,
        drift: None,
    }))
}

/// The write, with the digest of its bytes.
async fn describe(new: &NewAttachment) -> Result<Write> {
    let bytes = new.bytes.clone();
    // Beside the threads that serve: megabytes take a while.
    let digest = tokio::task::spawn_blocking(move || Digest::of(&bytes)).await;
    let digest = digest.map_err(|error| {
        Error::new(Kind::Internal, "the work on an attachment ended early")
            .outcome(Outcome::NotApplied)
            .source(error)
    })?;
    Ok(Write::PutAttachment {
        message_id: new.message_id.clone(),
        name: new.name.clone(),
        digest,
    })
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

fn too_large(backend: &str) -> Error {
    let violation = Violation {
        pointer: String::new(),
        code: "too-long",
        detail: format!("an attachment has at most {ATTACHMENT_MAX_BYTES} bytes"),
        exceeds: None,
    };
    let message = format!("backend `{backend}` cannot hold what was sent");
    Error::new(Kind::NotHeld, message).violations(vec![violation])
}
