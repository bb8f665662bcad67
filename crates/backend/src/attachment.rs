//! Bytes that belong to a conversation: images, files and what else messages carry.

use std::fmt;

use bytes::Bytes;
use conversation::{AttachmentId, MessageId};
use serde::{Deserialize, Serialize};

/// Bytes to be stored.
#[derive(Clone, PartialEq, Eq)]
pub struct NewAttachment {
    /// File name, where known.
    pub name: Option<Box<str>>,
    /// Media type, such as `image/png`.
    pub media_type: Box<str>,
    /// The stored message of which they become a part.
    pub message_id: Option<MessageId>,
    /// The bytes.
    pub bytes: Bytes,
}

// By hand: the bytes are somebody's file.
impl fmt::Debug for NewAttachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewAttachment")
            .field("media_type", &self.media_type)
            .field("size", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// What is known of stored bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its id.
    pub id: AttachmentId,
    /// Where the backend itself serves the bytes: a part names them by this, where it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Box<str>>,
    /// File name, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Box<str>>,
    /// Media type.
    pub media_type: Box<str>,
    /// Size in bytes.
    pub size: u64,
}

/// Stored bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct AttachmentContent {
    /// File name, where known.
    pub name: Option<Box<str>>,
    /// Media type.
    pub media_type: Box<str>,
    /// The bytes.
    pub bytes: Bytes,
}

// By hand: the bytes are somebody's file.
impl fmt::Debug for AttachmentContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttachmentContent")
            .field("media_type", &self.media_type)
            .field("size", &self.bytes.len())
            .finish_non_exhaustive()
    }
}
