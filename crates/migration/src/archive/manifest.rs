//! What is in an archive, with the SHA-256 of everything.

use conversation::{ConversationId, Digest, Time, canonical_json};
use serde::{Deserialize, Serialize};

use super::ExceptionLine;

/// The manifest's name.
pub const MANIFEST: &str = "manifest.json";
/// What `format` says.
const FORMAT: &str = "dragoman-archive";
/// The version of the format that is written, and the newest that is read.
const VERSION: u32 = 1;

/// What an archive is of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct About {
    /// Of conversations on this backend only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<Box<str>>,
    /// Of this tenant only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Box<str>>,
    /// With this label only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Box<str>>,
}

/// The manifest of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always `dragoman-archive`.
    pub format: Box<str>,
    /// The version of the format.
    pub version: u32,
    /// What wrote it.
    pub made_by: Box<str>,
    /// When it was begun.
    pub begun_at: Time,
    /// When it was finished; absent where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// What it is of.
    pub about: About,
    /// The segments, in their order.
    pub segments: Vec<Segment>,
    /// Every attachment, by SHA-256.
    pub attachments: Vec<AttachmentFile>,
    /// What is in it.
    pub counts: Counts,
    /// The first of what could not be read; the lines name all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<ExceptionLine>,
    /// The digest over all conversations: see [`super::RootDigest`]. Absent where it was not finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Digest>,
    /// True where it was finished and nothing is an exception.
    pub complete: bool,
    /// SHA-256 of this manifest as canonical JSON, without this member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<Digest>,
}

/// A segment: frames, one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// The file's name in the archive.
    pub name: String,
    /// Its size in bytes.
    pub length: u64,
    /// Its frames, in their order.
    pub frames: Vec<Frame>,
}

/// A frame: lines that are compressed together, and apart from all others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frame {
    /// Where it begins in its segment.
    pub offset: u64,
    /// Its size in bytes, compressed.
    pub length: u64,
    /// SHA-256 of its compressed bytes.
    pub sha256: Digest,
    /// Its size in bytes, as lines.
    pub bytes: u64,
    /// Its lines.
    pub lines: u64,
    /// The conversation of its first line.
    pub first: ConversationId,
    /// The conversation of its last line.
    pub last: ConversationId,
    /// True where that conversation ends in it.
    pub ends: bool,
}

/// A file of an attachment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttachmentFile {
    /// SHA-256 of its bytes, and its name.
    pub sha256: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// What is in an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Conversations.
    pub conversations: u64,
    /// Messages.
    pub messages: u64,
    /// Attachments that messages name: one file may be several.
    pub attachments: u64,
    /// What could not be read.
    pub exceptions: u64,
}

impl Manifest {
    /// The manifest of an archive that begins.
    pub(super) fn begin(about: About, made_by: &str) -> Self {
        Self {
            format: FORMAT.into(),
            version: VERSION,
            made_by: made_by.into(),
            begun_at: Time::now().to_millis(),
            finished_at: None,
            about,
            segments: Vec::new(),
            attachments: Vec::new(),
            counts: Counts::default(),
            exceptions: Vec::new(),
            root: None,
            complete: false,
            seal: None,
        }
    }

    /// The manifest as it is written.
    ///
    /// # Errors
    /// Where it cannot be JSON, which its types rule out.
    pub(super) fn sealed(mut self) -> serde_json::Result<Vec<u8>> {
        self.seal = None;
        self.seal = Some(Digest::of(canonical_json(&self).as_bytes()));
        self.text()
    }

    fn text(&self) -> serde_json::Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        let mut manifest: Self = serde_json::from_slice(text)
            .map_err(|error| format!("it cannot be read: {}", without_content(&error)))?;
        if &*manifest.format != FORMAT {
            return Err(format!("its format is not `{FORMAT}`"));
        }
        if manifest.version > VERSION {
            return Err(format!(
                "its format has version {}, and this program reads up to {VERSION}: use a newer one",
                manifest.version
            ));
        }
        let seal = manifest.seal.take();
        if seal != Some(Digest::of(canonical_json(&manifest).as_bytes())) {
            return Err("it was changed: its seal does not fit".to_owned());
        }
        manifest.seal = seal;
        // A byte that changes no value, such as white space, was changed all the same.
        if manifest.text().ok().as_deref() != Some(text) {
            return Err("it was changed: it is not spelled as it was written".to_owned());
        }
        Ok(manifest)
    }
}

/// Where a text is wrong, and of which sort the fault is: never the text itself.
pub(super) fn without_content(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Data => "a member does not fit",
        _ => "it is not JSON",
    };
    format!(
        "{what}, in line {}, column {}",
        error.line(),
        error.column()
    )
}

/// The name of the segment with this number, from 1.
#[must_use]
pub fn segment_name(number: usize) -> String {
    format!("segments/{number:06}.jsonl.zst")
}

/// The name of the file of an attachment.
#[must_use]
pub fn attachment_name(sha256: &Digest) -> String {
    format!("attachments/{sha256}")
}

/// The digest in the name of the file of an attachment.
pub(super) fn attachment_of(name: &str) -> Option<Digest> {
    let digest: Digest = name.strip_prefix("attachments/")?.parse().ok()?;
    // One spelling for each: upper case is another file.
    (attachment_name(&digest) == name).then_some(digest)
}

/// The number in the name of a segment.
pub(super) fn segment_number(name: &str) -> Option<usize> {
    let digits = name.strip_prefix("segments/")?.strip_suffix(".jsonl.zst")?;
    let number = digits.parse().ok()?;
    (segment_name(number) == name).then_some(number)
}
