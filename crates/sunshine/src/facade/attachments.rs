//! Attachments: uploaded, named by messages, removed.
//!
//! A file of a conversation is an attachment of that conversation and goes with it. One that was uploaded for none is kept
//! beside, until a message names it.

use axum::body::Body;
use backend::{Kind, Location, NewAttachment};
use conversation::{Media, Part};
use facadekit::read_body;
use http::{HeaderMap, StatusCode};

use super::answer::{Answer, Refused};
use super::call::{Call, of_fault};
use super::media::{Wanted, of_url, token, url_of};
use super::records::Record;
use super::upload::{self, Upload};
use crate::limits::ATTACHMENT_MAX_BYTES;
use crate::wire::{Attachment, AttachmentDeleteBody, AttachmentResponse, Extra, Member};

/// What stands around the bytes of an upload.
const MULTIPART_BYTES: usize = 64 * 1_024;
/// How often a token is made anew, where another call noted one first.
const TRIES: usize = 4;

/// `POST …/attachments`
pub(super) async fn upload(
    call: &Call,
    headers: &HeaderMap,
    body: Body,
) -> Result<Answer, Refused> {
    if call.query.one("access") != Some("public") {
        return Err(Refused::bad_request("The access must be public"));
    }
    let at = match (call.query.one("for"), call.query.one("conversationId")) {
        (None | Some("message"), Some(id)) => {
            Some(Location::unresolved(call.conversation_id(id).await?))
        }
        (Some("message"), None) => {
            return Err(Refused::bad_request("The conversationId is required"));
        }
        (None, None) => None,
        (Some(_), _) => return Err(Refused::bad_request("for can only be message")),
    };
    if let Some(at) = &at {
        call.backend().get_conversation(&call.cx(), at).await?;
    }
    let limits = &call.shared.parts.limits;
    let most = limits.attachment_bytes_max.min(ATTACHMENT_MAX_BYTES);
    let body = read_body(
        body,
        most.saturating_add(MULTIPART_BYTES),
        limits.body_timeout,
    )
    .await
    .map_err(|fault| of_fault(&fault))?;
    let file = upload::read(headers, body).await?;
    if file.bytes.len() > most {
        return Err(Refused::too_large());
    }
    let media_type = String::from(&*file.media_type);
    let media_url = match at {
        Some(at) => call.attach(&at, file).await?,
        None => call.keep(file).await?,
    };
    let attachment = Attachment {
        media_url: Member::Value(media_url),
        media_type: Member::Value(media_type),
        extra: Extra::new(),
    };
    let body = AttachmentResponse {
        attachment,
        extra: Extra::new(),
    };
    Answer::json(StatusCode::CREATED, &body)
}

/// `POST …/attachments/remove`: the URL leads nowhere from now on. The bytes go with their conversation.
pub(super) async fn remove(call: &Call, body: &[u8]) -> Result<Answer, Refused> {
    let request: AttachmentDeleteBody = call.decode(body)?;
    let wanted = of_url(&request.media_url)
        .ok_or_else(|| Refused::bad_request("This mediaUrl cannot be deleted"))?;
    if wanted.tenant() != call.tenant() {
        return Err(Refused::not_found());
    }
    let found = call.shared.media(&wanted).await?;
    let (object, record) = found.ok_or_else(Refused::not_found)?;
    if let Some((conversation, _)) = &record.stored {
        let at = Location::unresolved(*conversation);
        match call.backend().get_conversation(&call.cx(), &at).await {
            Err(error) if error.kind == Kind::NotFound => return Err(Refused::not_found()),
            found => drop(found?),
        }
    }
    let gone = Record {
        removed: true,
        ..record
    };
    if !call.shared.change_media(&object, &gone).await? {
        // Somebody else removed it at the same moment, or a message took it over.
        return Err(Refused::of_status(StatusCode::SERVICE_UNAVAILABLE, None));
    }
    call.shared.drop_bytes(&wanted).await?;
    Answer::empty_object()
}

impl Call {
    /// Stores a file in a conversation; its URL.
    async fn attach(&self, at: &Location, file: Upload) -> Result<String, Refused> {
        let new = NewAttachment {
            name: Some(file.name.clone()),
            media_type: file.media_type.clone(),
            message_id: None,
            bytes: file.bytes,
        };
        let stored = self.backend().put_attachment(&self.cx(), at, new).await?;
        // Where the backend serves the bytes itself, its URL is the one that parts name.
        if let Some(url) = stored.url {
            self.note_remote(at.id, &url, &stored.media_type, stored.size)
                .await?;
            return Ok(url.into());
        }
        let record = Record {
            name: file.name,
            media_type: stored.media_type,
            size: Some(stored.size),
            stored: Some((at.id, stored.id)),
            removed: false,
            is_of_message: true,
            sender: None,
        };
        self.url_for(record).await
    }

    /// Keeps a file that belongs to no conversation yet; its URL.
    async fn keep(&self, file: Upload) -> Result<String, Refused> {
        let wanted = Wanted::new(self.tenant(), &token()?);
        let record = Record {
            size: Some(file.bytes.len() as u64),
            name: file.name,
            media_type: file.media_type,
            stored: None,
            removed: false,
            is_of_message: false,
            sender: self.caller.principal.user.clone(),
        };
        // The bytes first: a record without them would promise what is not there.
        self.shared
            .keep_bytes(&wanted, &record, &file.bytes)
            .await?;
        self.shared.note_media(&wanted, &record).await?;
        Ok(self.url(wanted.token(), &record))
    }

    fn url(&self, token: &str, record: &Record) -> String {
        url_of(&self.base, self.tenant(), token, &record.name)
    }

    /// The URL of an attachment: always the same one.
    async fn url_for(&self, record: Record) -> Result<String, Refused> {
        for _ in 0..TRIES {
            if let Some(stored) = &record.stored
                && let Some((token, known)) = self.shared.media_of(self.tenant(), stored).await?
            {
                return Ok(self.url(&token, &known));
            }
            let wanted = Wanted::new(self.tenant(), &token()?);
            if self.shared.note_media(&wanted, &record).await? {
                return Ok(self.url(wanted.token(), &record));
            }
        }
        Err(Refused::internal())
    }

    /// Gives the media of a message that is shown a URL, where they have none: they are attachments.
    pub(super) async fn link_media(
        &self,
        at: &Location,
        parts: &mut [Part],
    ) -> Result<(), Refused> {
        for part in parts {
            let (Part::Image(media) | Part::File(media)) = part else {
                continue;
            };
            let Some(id) = media.attachment_id.take() else {
                continue;
            };
            if media.url.is_some() {
                continue;
            }
            let name = media.alt_text.as_deref().unwrap_or("file").into();
            let media_type = media.media_type.as_deref();
            let record = Record {
                name,
                media_type: media_type.unwrap_or("application/octet-stream").into(),
                size: media.size,
                stored: Some((at.id, id)),
                removed: false,
                is_of_message: true,
                sender: None,
            };
            media.url = Some(self.url_for(record).await?.into());
        }
        Ok(())
    }

    /// Makes attachments of the media of a message that is posted, where their URLs are ours: whatever backend has the
    /// conversation then has the bytes as well.
    pub(super) async fn store_media(
        &self,
        at: &Location,
        parts: &mut [Part],
    ) -> Result<(), Refused> {
        for part in parts {
            let (Part::Image(media) | Part::File(media)) = part else {
                continue;
            };
            let wanted = media.url.as_deref().and_then(of_url);
            self.describe_remote(media).await?;
            if let Some(wanted) = wanted.filter(|wanted| wanted.tenant() == self.tenant()) {
                self.store_one(at, media, &wanted).await?;
            }
        }
        Ok(())
    }

    async fn store_one(
        &self,
        at: &Location,
        media: &mut Media,
        wanted: &Wanted,
    ) -> Result<(), Refused> {
        let Some((object, record)) = self.shared.media(wanted).await? else {
            return Ok(());
        };
        media.media_type = Some(record.media_type.clone());
        media.size = record.size;
        if let Some((conversation, id)) = &record.stored
            && *conversation == at.id
        {
            media.url = None;
            media.attachment_id = Some(id.clone());
            return Ok(());
        }
        let cx = self.cx();
        let content = match self.shared.bytes_of(&cx, wanted, &record).await {
            // A file of a conversation that the caller may not see, or that is gone: the URL alone is told on.
            Err(refused) if refused.is_not_found() => return Ok(()),
            content => content?,
        };
        let new = NewAttachment {
            name: Some(record.name.clone()),
            media_type: record.media_type.clone(),
            message_id: None,
            bytes: content.bytes,
        };
        let stored = match self.backend().put_attachment(&cx, at, new).await {
            // The URL stays good, and is all that such a backend can hold.
            Err(error) if matches!(error.kind, Kind::Unsupported | Kind::NotHeld) => return Ok(()),
            stored => stored?,
        };
        if let Some(url) = stored.url {
            self.note_remote(at.id, &url, &stored.media_type, stored.size)
                .await?;
            media.url = Some(url);
            return Ok(());
        }
        media.url = None;
        media.attachment_id = Some(stored.id.clone());
        if record.stored.is_none() {
            let moved = Record {
                stored: Some((at.id, stored.id)),
                ..record
            };
            if self.shared.change_media(&object, &moved).await? {
                self.shared.drop_bytes(wanted).await?;
            }
        }
        Ok(())
    }
}
