//! Attachments: `POST …/attachments` (multipart, one part `source`) and `POST …/attachments/remove`.

use adapterkit::wire_object;

wire_object! {
    /// Answer of an upload, 201.
    pub struct AttachmentResponse {
        /// Where the bytes are now.
        required attachment: Attachment,
    }
}

wire_object! {
    /// Uploaded bytes.
    pub struct Attachment {
        /// Where they are served. With private attachments reading them needs an `Authorization` header.
        optional media_url = "mediaUrl": String,
        /// Their media type, as the vendor sees it.
        optional media_type = "mediaType": String,
    }
}

wire_object! {
    /// Body of a removal. Its answer is `{}`; caches may serve the bytes for 15 more minutes.
    pub struct AttachmentDeleteBody {
        /// Where the bytes are.
        required media_url = "mediaUrl": String,
    }
}

/// Query of an upload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttachmentUploadQuery {
    /// The conversation with which the bytes die (`for=message`).
    pub conversation_id: Option<String>,
}

impl AttachmentUploadQuery {
    /// The parameters as they are sent. `access` is mandatory and works only as `public`.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![("access", "public".to_owned())];
        if let Some(id) = &self.conversation_id {
            pairs.push(("for", "message".to_owned()));
            pairs.push(("conversationId", id.clone()));
        }
        pairs
    }
}
