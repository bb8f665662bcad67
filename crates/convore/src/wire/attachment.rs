//! Files of messages. Their bytes travel alone.

use adapterkit::wire_object;

wire_object! {
    /// A stored file. There is no list of them and no read of one: only its message shows it.
    pub struct Attachment {
        /// Its id, such as `attch_…`.
        required id: String,
        /// The conversation of its message.
        required conversation_id: String,
        /// The draft that it belongs to.
        optional draft_id: String,
        /// The message that it belongs to.
        optional message_id: String,
        /// Its media type.
        required content_type: String,
        /// Its name.
        required filename: String,
        /// True where the body shows it.
        required is_inline: bool,
        /// By which name the body shows it.
        optional content_id: String,
        /// Its size in bytes.
        required size: u64,
    }
}

/// Query of `POST /v1/attachments`, whose body is one multipart part called `file`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentUpload {
    /// The message that it shall belong to.
    pub message_id: String,
    /// True where the body shows it.
    pub is_inline: bool,
}

impl AttachmentUpload {
    /// The parameters as they are sent.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        vec![
            ("message_id", self.message_id.clone()),
            ("is_inline", self.is_inline.to_string()),
        ]
    }
}
