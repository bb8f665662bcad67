//! Archives: conversations as files that prove themselves.
//!
//! An archive is a folder:
//!
//! - `manifest.json`: what is in it, with the SHA-256 of everything, and one of itself.
//! - `segments/000001.jsonl.zst`, …: JSON Lines in zstd frames that stand for themselves, at most 1 MiB of lines in each.
//!   Ordinary tools read them: `zstdcat segments/* | jq`.
//! - `attachments/<sha256>`: the bytes of attachments, each file once.
//!
//! Conversations come in the order of their ids. A line is an object with one member, which says what it is: see
//! [`Line`]. Everything here works on a [`Folder`], which knows no paths, and holds one frame in memory, not more.

mod damage;
mod export;
mod folder;
mod frame;
mod line;
mod manifest;
mod reader;
mod restore;
mod sequence;
mod verify;
mod writer;

use conversation::{ConversationId, Digest, RunningDigest};

pub use self::damage::{ArchiveError, Damage};
pub(crate) use self::export::{end_of, whole_page};
pub use self::folder::{Folder, Readable};
pub use self::line::{
    AttachmentLine, ConversationLine, EndLine, ExceptionLine, Line, MessageLine, OverLine,
};
pub use self::manifest::{
    About, AttachmentFile, Counts, Frame, MANIFEST, Manifest, Segment, attachment_name,
    segment_name,
};
pub use self::reader::{Lines, Reader};
pub use self::restore::{Begun, Ended, Outcome, Put, Target};
pub use self::verify::{Verified, verify};
pub use self::writer::Writer;

/// The most bytes of lines in one frame; a line that is longer has a frame of its own.
pub const FRAME_MAX_BYTES: usize = 1024 * 1024;
/// The longest line, in bytes.
pub const LINE_MAX_BYTES: usize = 32 * 1024 * 1024;
/// The most bytes of frames in one segment.
pub const SEGMENT_MAX_BYTES: u64 = 256 * 1024 * 1024;
/// The largest attachment that is read out of an archive, in bytes: more than any backend takes. What a manifest claims
/// is a stranger's word.
pub const ATTACHMENT_MAX_BYTES: u64 = 256 * 1024 * 1024;
/// The largest manifest, in bytes.
const MANIFEST_MAX_BYTES: u64 = 1024 * 1024 * 1024;
/// The most exceptions that a manifest names; all of them stand in the lines.
const EXCEPTIONS_MAX: usize = 1_000;

/// The digest over all conversations, in the order of their ids: of each its id, and its digest with its messages.
#[derive(Debug, Clone, Default)]
pub struct RootDigest(RunningDigest);

impl RootDigest {
    /// Adds the next conversation.
    pub fn add(&mut self, id: ConversationId, digest: Digest) {
        self.0.add(Digest::of(id.to_string().as_bytes()));
        self.0.add(digest);
    }

    /// The digest over all that were added.
    #[must_use]
    pub fn finish(self) -> Digest {
        self.0.finish()
    }
}
