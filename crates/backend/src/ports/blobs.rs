//! Bytes that a backend cannot hold, or cannot give back.

use std::fmt::Debug;

use async_trait::async_trait;
use conversation::AttachmentId;

use crate::ports::KeptAt;
use crate::{Attachment, AttachmentContent, NewAttachment, Result};

/// Bytes, content-addressed: those of equal SHA-256 are stored once. They belong to a conversation at a backend, and go
/// with [`crate::ports::Change::Forget`].
#[async_trait]
pub trait Blobs: Debug + Send + Sync + 'static {
    /// Keeps bytes under the id and address that `attachment` has. The same id again changes nothing.
    async fn put(&self, at: &KeptAt, attachment: &Attachment, new: &NewAttachment) -> Result<()>;

    /// What is known of kept bytes.
    async fn find(&self, at: &KeptAt, id: &AttachmentId) -> Result<Option<Attachment>>;

    /// The kept bytes.
    async fn open(&self, at: &KeptAt, id: &AttachmentId) -> Result<Option<AttachmentContent>>;
}
