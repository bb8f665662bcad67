//! What is wrong with an archive, by name.

use std::{fmt, io};

use conversation::{AttachmentId, ConversationId, Digest, MessageId};
use serde::Serialize;

/// One thing that is wrong with an archive. Never content of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "damage", rename_all = "snake_case")]
pub enum Damage {
    /// The manifest cannot be used. What can be checked without it was checked.
    Manifest {
        /// Why, in words.
        detail: String,
    },
    /// A file that must be there is not.
    MissingFile {
        /// Its name.
        name: String,
    },
    /// A file that belongs to no archive, or not to this one.
    ExtraFile {
        /// Its name.
        name: String,
    },
    /// A file that cannot be read, or has another size.
    File {
        /// Its name.
        name: String,
        /// Why, in words.
        detail: String,
    },
    /// A frame that was changed.
    Frame {
        /// The segment's name.
        segment: String,
        /// The frame's number in it, from 1.
        frame: usize,
        /// The first conversation in it; absent where nothing says.
        #[serde(skip_serializing_if = "Option::is_none")]
        first: Option<ConversationId>,
        /// The last conversation in it.
        #[serde(skip_serializing_if = "Option::is_none")]
        last: Option<ConversationId>,
        /// Why, in words.
        detail: String,
    },
    /// A line that cannot be read, or does not belong where it stands.
    Line {
        /// The segment's name.
        segment: String,
        /// The frame's number in it, from 1.
        frame: usize,
        /// The line's number in it, from 1.
        line: usize,
        /// The conversation, where known.
        #[serde(skip_serializing_if = "Option::is_none")]
        conversation: Option<ConversationId>,
        /// Why, in words.
        detail: String,
    },
    /// A conversation that was changed: its own fields, or which messages it has.
    Conversation {
        /// Which.
        id: ConversationId,
        /// How, in words.
        detail: String,
    },
    /// A message that was changed.
    Message {
        /// Its conversation; absent where its beginning is lost.
        #[serde(skip_serializing_if = "Option::is_none")]
        conversation: Option<ConversationId>,
        /// Which.
        id: MessageId,
    },
    /// An attachment whose bytes are others.
    Attachment {
        /// SHA-256 of the bytes that it had.
        sha256: Digest,
        /// Its id, where a line names it that does not fit.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<AttachmentId>,
        /// Why, in words.
        detail: String,
    },
    /// The digest over all conversations is another one.
    Root {
        /// What was expected.
        expected: Digest,
        /// What was found.
        found: Digest,
    },
    /// There is more or less in it than the manifest says.
    Counts {
        /// What, in words.
        detail: String,
    },
    /// The export was not finished, or something could not be read.
    Incomplete {
        /// Why, in words.
        detail: String,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest { detail } => write!(f, "manifest.json: {detail}"),
            Self::MissingFile { name } => write!(f, "{name}: the file is missing"),
            Self::ExtraFile { name } => {
                write!(f, "{name}: the file does not belong to the archive")
            }
            Self::File { name, detail } => write!(f, "{name}: {detail}"),
            Self::Frame {
                segment,
                frame,
                first,
                last,
                detail,
            } => {
                write!(f, "{segment}, frame {frame}: {detail}")?;
                match (first, last) {
                    (Some(first), Some(last)) if first == last => write!(f, "; of {first}"),
                    (Some(first), Some(last)) => write!(f, "; of {first} to {last}"),
                    _ => Ok(()),
                }
            }
            Self::Line {
                segment,
                frame,
                line,
                conversation,
                detail,
            } => {
                write!(f, "{segment}, frame {frame}, line {line}: {detail}")?;
                match conversation {
                    Some(id) => write!(f, "; of {id}"),
                    None => Ok(()),
                }
            }
            Self::Conversation { id, detail } => write!(f, "{id}: {detail}"),
            Self::Message { conversation, id } => {
                if let Some(conversation) = conversation {
                    write!(f, "{conversation}, ")?;
                }
                write!(f, "message {id}: it was changed, its digest does not fit")
            }
            Self::Attachment { sha256, id, detail } => {
                write!(f, "attachments/{sha256}")?;
                if let Some(id) = id {
                    write!(f, ", {id}")?;
                }
                write!(f, ": {detail}")
            }
            Self::Root { expected, found } => {
                write!(f, "the root digest is {found}, and should be {expected}")
            }
            Self::Counts { detail } | Self::Incomplete { detail } => f.write_str(detail),
        }
    }
}

/// Why an archive cannot be written or read at all.
#[derive(Debug)]
pub enum ArchiveError {
    /// A file cannot be written or read.
    Io(io::Error),
    /// It is damaged, so that nothing can be added to it or read from it.
    Damaged(Box<Damage>),
    /// The folder holds something else.
    Occupied(String),
    /// A line that does not belong where it comes: a defect of whoever sends it.
    Misplaced(String),
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the archive cannot be written or read: {error}"),
            Self::Damaged(damage) => write!(f, "the archive is damaged: {damage}"),
            Self::Occupied(detail) => f.write_str(detail),
            Self::Misplaced(detail) => write!(f, "the export is not in order: {detail}"),
        }
    }
}

impl std::error::Error for ArchiveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Damage> for ArchiveError {
    fn from(damage: Damage) -> Self {
        Self::Damaged(Box::new(damage))
    }
}

impl From<io::Error> for ArchiveError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
