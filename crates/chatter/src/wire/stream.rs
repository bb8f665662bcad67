//! Frames of `POST K/streaming`: lines `data: <JSON>`, the last one always `data: [DONE]`.

use std::io;

use serde::Serialize;
use serde_json::ser::Formatter;

use super::Raw;
use adapterkit::{wire_object, wire_word};

/// The data of the last frame, also after an error. It is no JSON.
pub const STREAM_DONE: &str = "[DONE]";

wire_word! {
    /// What a frame says. The documented `usage`, `node_start` and `node_complete` never appeared.
    pub enum StreamEventType {
        /// The first frame carries the conversation's id in its metadata; V2 sends a second one with the message's id.
        Start = "start",
        /// A piece of the answer; V2 only.
        Token = "token",
        /// The whole answer in `metadata.final_content`; V2 only.
        Complete = "complete",
        /// The end of the answer.
        End = "end",
        /// A failure, before or after `start`; the text is in `content`.
        Error = "error",
    }
}

wire_object! {
    /// One frame: seven members, null where unused.
    pub struct StreamEvent {
        /// What the frame says.
        required kind = "type": StreamEventType,
        /// A piece of text, an error's text, or `""`.
        optional content: String,
        /// Always null.
        optional usage: Raw,
        /// Null in the first and the last frame.
        optional conversation_id: String,
        /// The stored assistant message, where there is one.
        optional message_id: String,
        /// The request's correlation id.
        optional correlation_id: String,
        /// An object; see [`StreamEventType`].
        optional metadata: Raw,
        /// The text of an error in a second form that the server's code can produce (never seen in a recording).
        optional error: String,
    }
}

impl StreamEvent {
    /// The frame as its server writes it: spaces after commas and colons, non-ASCII characters escaped.
    pub fn encode(&self) -> serde_json::Result<String> {
        spaced_ascii(self)
    }
}

/// A value in the layout of streams.
pub(crate) fn spaced_ascii<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(
        &mut bytes,
        SpacedAscii,
    ))?;
    // The formatter writes ASCII only, so this never replaces anything.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The layout of the vendor's JSON library in streams.
struct SpacedAscii;

impl Formatter for SpacedAscii {
    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first {
            Ok(())
        } else {
            writer.write_all(b", ")
        }
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first {
            Ok(())
        } else {
            writer.write_all(b", ")
        }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for character in fragment.chars() {
            if character.is_ascii() {
                write!(writer, "{character}")?;
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}
