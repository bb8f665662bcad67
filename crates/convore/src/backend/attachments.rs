//! Files: put to a stored message, read by id. Only their message tells what they are.

use backend::{
    Attachment, AttachmentContent, Context, Error, Kind, Location, NewAttachment, Outcome, Result,
};
use conversation::AttachmentId;

use super::Convore;
use crate::error::{Effect, Target};
use crate::mapping::FILES_BELONG_TO_MESSAGES;
use crate::wire::{self, AttachmentUpload};

/// What a file without a name is called.
const NAMELESS: &str = "attachment";

impl Convore {
    pub(super) async fn attach(
        &self,
        cx: &Context,
        at: &Location,
        new: NewAttachment,
    ) -> Result<Attachment> {
        let operation = "put_attachment";
        self.read_row(cx, at, operation).await?;
        let Some(message_id) = &new.message_id else {
            return Err(self.not_held("/message_id", FILES_BELONG_TO_MESSAGES, operation));
        };
        self.read_message(cx, at, message_id, operation).await?;
        self.0.indexes.forget(&at.native);
        let query = AttachmentUpload {
            message_id: message_id.to_string(),
            is_inline: false,
        };
        let size = new.bytes.len() as u64;
        let name = new.name.as_deref().filter(|name| !name.is_empty());
        let stored = self
            .client()
            .upload_attachment(
                cx.deadline,
                &query,
                name.unwrap_or(NAMELESS),
                &new.media_type,
                new.bytes,
            )
            .await
            .map_err(|failure| {
                self.failed(failure, operation, Target::Collection, Effect::Write)
            })?;
        if stored.size != size {
            let message = "convore stored another number of bytes than was sent";
            return Err(Error::new(Kind::InvalidResponse, message)
                .outcome(Outcome::Applied)
                .at(self.name(), operation));
        }
        let id = stored.id.parse().map_err(|_| {
            self.unmappable(adapterkit::Unmappable("id"), operation)
                .outcome(Outcome::Applied)
        })?;
        Ok(Attachment {
            id,
            url: None,
            name: Some(stored.filename.into()),
            media_type: stored.content_type.into(),
            size: stored.size,
        })
    }

    pub(super) async fn download(
        &self,
        cx: &Context,
        at: &Location,
        id: &AttachmentId,
    ) -> Result<AttachmentContent> {
        let operation = "open_attachment";
        let row = self.read_row(cx, at, operation).await?;
        // Ids are the account's: only a message of this conversation proves that the file is one of its own.
        let Some(file) = self.find_file(cx, at, &row, id).await? else {
            return Err(
                Error::new(Kind::NotFound, "attachment not found").at(self.name(), operation)
            );
        };
        let found = self
            .client()
            .download_attachment(cx.deadline, id.as_str())
            .await
            .map_err(|failure| self.failed(failure, operation, Target::Attachment, Effect::Read))?;
        Ok(AttachmentContent {
            name: Some(file.filename)
                .filter(|name| !name.is_empty())
                .map(Into::into),
            media_type: Some(file.content_type)
                .filter(|media_type| !media_type.is_empty())
                .unwrap_or(found.content_type)
                .into(),
            bytes: found.bytes,
        })
    }

    /// What a message of the conversation says of a file: looked up in what was read a moment ago, then anew.
    async fn find_file(
        &self,
        cx: &Context,
        at: &Location,
        row: &wire::Conversation,
        id: &AttachmentId,
    ) -> Result<Option<wire::Attachment>> {
        let operation = "open_attachment";
        for may_be_kept in [true, false] {
            let index = self.index_at(cx, at, row, may_be_kept, operation).await?;
            let mut files = index
                .iter()
                .filter_map(|placed| placed.message.attachments.value())
                .flatten();
            if let Some(found) = files.find(|file| file.id == id.as_str()) {
                return Ok(Some(found.clone()));
            }
        }
        Ok(None)
    }
}
