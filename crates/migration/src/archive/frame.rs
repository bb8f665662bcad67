//! Frames: lines that are compressed together, and apart from all others. Whoever reads one trusts nothing in it.

use std::io::{self, BufRead, Read};

use conversation::{ConversationId, Digest};

use super::manifest::Frame;
use super::{FRAME_MAX_BYTES, LINE_MAX_BYTES};

/// Fast, and within a tenth of what slower levels reach with text.
const LEVEL: i32 = 3;
/// The largest window that a frame may ask memory for, as a power of two: 16 MiB.
const WINDOW_LOG_MAX: u32 = 24;
/// The most bytes of lines that a frame may hold.
const LINES_MAX_BYTES: usize = if FRAME_MAX_BYTES > LINE_MAX_BYTES {
    FRAME_MAX_BYTES
} else {
    LINE_MAX_BYTES
};
/// The most bytes that a frame may have: what does not compress grows by less than this.
pub(super) const FRAME_LENGTH_MAX: u64 = LINES_MAX_BYTES as u64 + 1024 * 1024;

/// Lines that wait for their frame.
#[derive(Debug, Default)]
pub(super) struct Packer {
    text: Vec<u8>,
    lines: u64,
    first: Option<ConversationId>,
    last: Option<ConversationId>,
}

impl Packer {
    /// So many bytes wait.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Adds a line with its line break.
    pub(super) fn add(&mut self, line: &[u8], conversation: ConversationId) {
        self.text.extend_from_slice(line);
        self.text.push(b'\n');
        self.lines += 1;
        self.first.get_or_insert(conversation);
        self.last = Some(conversation);
    }

    /// The frame of what waits, and what is known of it; nothing waits afterwards. `None` where nothing did.
    pub(super) fn pack(&mut self, offset: u64, ends: bool) -> io::Result<Option<(Frame, Vec<u8>)>> {
        let Self {
            text,
            lines,
            first,
            last,
        } = std::mem::take(self);
        let (Some(first), Some(last)) = (first, last) else {
            return Ok(None);
        };
        let packed = compress(&text)?;
        let frame = Frame {
            offset,
            length: packed.len() as u64,
            sha256: Digest::of(&packed),
            bytes: text.len() as u64,
            lines,
            first,
            last,
            ends,
        };
        Ok(Some((frame, packed)))
    }
}

fn compress(text: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    // A reader without our manifest finds a flipped byte as well.
    compressor.include_checksum(true)?;
    compressor.compress(text)
}

/// The lines of a frame, as far as they could be read.
#[derive(Debug)]
pub(super) struct Unpacked {
    text: Vec<u8>,
    /// Why the rest could not be read.
    pub(super) failure: Option<String>,
}

impl Unpacked {
    /// The lines, without their line breaks. The last may be a part of one where the rest is lost.
    pub(super) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let text = self.text.strip_suffix(b"\n").unwrap_or(&self.text);
        let is_empty = self.text.is_empty();
        text.split(|byte| *byte == b'\n').filter(move |_| !is_empty)
    }

    /// So many bytes.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }
}

/// Unpacks the frame at the beginning of `source`, which is left right behind it. Whatever it claims, it takes no more
/// memory than the largest frame.
pub(super) fn unpack(source: &mut impl BufRead) -> io::Result<Unpacked> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(source)?.single_frame();
    decoder.window_log_max(WINDOW_LOG_MAX)?;
    let mut text = Vec::new();
    let read = decoder
        .take(LINES_MAX_BYTES as u64 + 1)
        .read_to_end(&mut text);
    let failure = match read {
        Err(error) => Some(format!("it cannot be unpacked: {error}")),
        Ok(_) if text.len() > LINES_MAX_BYTES => {
            text.clear();
            Some(format!("it unpacks to more than {LINES_MAX_BYTES} bytes"))
        }
        Ok(_) if !text.is_empty() && !text.ends_with(b"\n") => {
            Some("its last line has no end".to_owned())
        }
        Ok(_) => None,
    };
    Ok(Unpacked { text, failure })
}
