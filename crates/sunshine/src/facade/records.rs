//! Records of files under URLs of our own, and the bytes of those that belong to no conversation yet.

use backend::ports::FacadeObject;
use backend::{AttachmentContent, Context, Error, Kind, Location};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use conversation::{AttachmentId, ConversationId, Time};
use serde::{Deserialize, Serialize};

use super::Shared;
use super::answer::Refused;
use super::media::Wanted;

/// The size of a piece.
const PIECE_BYTES: usize = 1_024 * 1_024;

/// Where a file's bytes are, and what they are.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    pub(super) name: Box<str>,
    pub(super) media_type: Box<str>,
    pub(super) size: Option<u64>,
    /// The attachment that holds the bytes; without one they are kept in pieces.
    pub(super) stored: Option<(ConversationId, AttachmentId)>,
    /// No longer served.
    pub(super) removed: bool,
    /// Whether it goes with the message that names it.
    pub(super) is_of_message: bool,
    /// The end user whose key sent what belongs to no conversation.
    #[serde(skip)]
    pub(super) sender: Option<Box<str>>,
}

impl Shared {
    /// The record of a file, where it is still served.
    pub(super) async fn media(
        &self,
        wanted: &Wanted,
    ) -> Result<Option<(FacadeObject, Record)>, Refused> {
        let Some(object) = self.parts.state.object(&wanted.name()).await? else {
            return Ok(None);
        };
        let record = read(&object)?;
        Ok((!record.removed).then_some((object, record)))
    }

    /// The URL token of an attachment that has one.
    pub(super) async fn media_of(
        &self,
        tenant: &str,
        stored: &(ConversationId, AttachmentId),
    ) -> Result<Option<(String, Record)>, Refused> {
        let name = Wanted::new(tenant, "").name();
        let found = self
            .parts
            .state
            .object_by_alias(&name, &alias(stored))
            .await?;
        let Some(object) = found else {
            return Ok(None);
        };
        let record = read(&object)?;
        Ok(Some((object.name.id.to_string(), record)))
    }

    /// Notes a new file; false where its attachment has a URL already.
    pub(super) async fn note_media(
        &self,
        wanted: &Wanted,
        record: &Record,
    ) -> Result<bool, Refused> {
        let now = Time::now();
        let object = FacadeObject {
            name: wanted.name(),
            alias: record.stored.as_ref().map(|stored| alias(stored).into()),
            document: document(record)?,
            conversation: record
                .stored
                .as_ref()
                .map(|(conversation, _)| *conversation),
            person: record.sender.clone(),
            created_at: now,
            updated_at: now,
        };
        match self.parts.state.insert_object(&object).await {
            Ok(()) => Ok(true),
            Err(error) if error.kind == Kind::Conflict => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Changes the record of a file; false where somebody else changed it first.
    pub(super) async fn change_media(
        &self,
        before: &FacadeObject,
        record: &Record,
    ) -> Result<bool, Refused> {
        let after = FacadeObject {
            alias: record.stored.as_ref().map(|stored| alias(stored).into()),
            document: document(record)?,
            conversation: record
                .stored
                .as_ref()
                .map(|(conversation, _)| *conversation),
            updated_at: Time::now(),
            ..before.clone()
        };
        Ok(self.parts.state.replace_object(before, &after).await?)
    }

    /// Keeps bytes that belong to no conversation.
    pub(super) async fn keep_bytes(
        &self,
        wanted: &Wanted,
        record: &Record,
        bytes: &Bytes,
    ) -> Result<(), Refused> {
        for (number, piece) in bytes.chunks(PIECE_BYTES).enumerate() {
            let now = Time::now();
            let object = FacadeObject {
                name: wanted.piece(number),
                alias: None,
                document: STANDARD.encode(piece).into(),
                conversation: None,
                person: record.sender.clone(),
                created_at: now,
                updated_at: now,
            };
            self.parts.state.insert_object(&object).await?;
        }
        Ok(())
    }

    /// Removes bytes that were kept.
    pub(super) async fn drop_bytes(&self, wanted: &Wanted) -> Result<(), Refused> {
        let mut number = 0;
        while self
            .parts
            .state
            .remove_object(&wanted.piece(number))
            .await?
        {
            number += 1;
        }
        Ok(())
    }

    /// The bytes of a file.
    pub(super) async fn bytes_of(
        &self,
        cx: &Context,
        wanted: &Wanted,
        record: &Record,
    ) -> Result<AttachmentContent, Refused> {
        if let Some((conversation, attachment)) = &record.stored {
            let at = Location::unresolved(*conversation);
            let opened = self
                .parts
                .backend
                .open_attachment(cx, &at, attachment)
                .await;
            return opened.map_err(|error| match error.kind {
                Kind::NotFound | Kind::Unsupported => Refused::not_found(),
                _ => error.into(),
            });
        }
        let mut bytes = Vec::new();
        for number in 0.. {
            let Some(piece) = self.parts.state.object(&wanted.piece(number)).await? else {
                break;
            };
            let piece = STANDARD
                .decode(piece.document.as_bytes())
                .map_err(|error| {
                    Error::new(Kind::Internal, "a stored file cannot be read").source(error)
                })?;
            bytes.extend(piece);
        }
        if record.size != Some(bytes.len() as u64) {
            // A message took the file over at this moment, or it is being removed: half of it is none.
            return match self.media(wanted).await? {
                Some((_, moved)) if moved.stored.is_some() => {
                    Box::pin(self.bytes_of(cx, wanted, &moved)).await
                }
                _ => Err(Refused::not_found()),
            };
        }
        Ok(AttachmentContent {
            name: Some(record.name.clone()),
            media_type: record.media_type.clone(),
            bytes: bytes.into(),
        })
    }
}

fn read(object: &FacadeObject) -> Result<Record, Refused> {
    serde_json::from_str(&object.document).map_err(|error| {
        Error::new(Kind::Internal, "the record of a file cannot be read")
            .source(error)
            .into()
    })
}

fn document(record: &Record) -> Result<Box<str>, Refused> {
    let text = serde_json::to_string(record).map_err(|error| {
        Error::new(Kind::Internal, "the record of a file cannot be written").source(error)
    })?;
    Ok(text.into())
}

fn alias((conversation, attachment): &(ConversationId, AttachmentId)) -> String {
    format!("{conversation}/{attachment}")
}
