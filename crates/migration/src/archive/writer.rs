//! Writing an archive, so that a killed export goes on where it stopped.
//!
//! Segments only ever grow by whole frames. A frame ends where a conversation does, unless the conversation is too long
//! for it. Whoever goes on reads what is there, keeps every whole conversation and cuts the rest off.

use std::collections::BTreeMap;

use conversation::{ConversationId, Digest, Time};

use super::frame::Packer;
use super::manifest::{MANIFEST, attachment_of, segment_number};
use super::reader::{Frames, parse, read_manifest};
use super::sequence::{Fault, Sequence};
use super::{
    About, ArchiveError, AttachmentFile, FRAME_MAX_BYTES, Folder, Frame, LINE_MAX_BYTES, Line,
    Manifest, OverLine, SEGMENT_MAX_BYTES, Segment, attachment_name, segment_name,
};

/// A frame that is at least so long ends with the next conversation.
const FRAME_ENOUGH_BYTES: usize = FRAME_MAX_BYTES / 2;

/// Writes an archive.
#[derive(Debug)]
pub struct Writer<'f> {
    folder: &'f mut dyn Folder,
    manifest: Manifest,
    sequence: Sequence,
    packer: Packer,
    /// Every attachment that a line named, with its size.
    named: BTreeMap<Digest, u64>,
    /// Every attachment whose bytes are there.
    kept: BTreeMap<Digest, u64>,
    /// What an earlier run had written.
    before: OverLine,
}

impl<'f> Writer<'f> {
    /// Begins an archive, or goes on with one of the same that was not finished.
    ///
    /// # Errors
    /// [`ArchiveError::Occupied`] where the folder holds a finished archive, or one of something else, or other files;
    /// [`ArchiveError::Io`] where it cannot be written.
    pub fn open(
        folder: &'f mut dyn Folder,
        about: &About,
        made_by: &str,
    ) -> Result<Self, ArchiveError> {
        let files = folder.files()?;
        let mut writer = Self {
            manifest: Manifest::begin(about.clone(), made_by),
            sequence: Sequence::default(),
            packer: Packer::default(),
            named: BTreeMap::new(),
            kept: BTreeMap::new(),
            before: OverLine::default(),
            folder,
        };
        if files.is_empty() {
            let manifest = writer.sealed()?;
            writer.folder.replace(MANIFEST, &manifest)?;
            return Ok(writer);
        }
        let begun = read_manifest(writer.folder)?.map_err(|damage| {
            ArchiveError::Occupied(format!(
                "the folder is not empty and holds no archive that could be gone on with ({damage}): use an empty one"
            ))
        })?;
        if begun.finished_at.is_some() {
            return Err(ArchiveError::Occupied(
                "the folder holds a finished archive: verify it, or use an empty folder".to_owned(),
            ));
        }
        if begun.about != *about {
            return Err(ArchiveError::Occupied(
                "the folder holds an archive of something else that was not finished: repeat its own export, or use an \
                 empty folder"
                    .to_owned(),
            ));
        }
        writer.manifest.begun_at = begun.begun_at;
        writer.go_on(&files)?;
        writer.before = writer.written();
        Ok(writer)
    }

    /// The last conversation that is in it: the export goes on behind it.
    #[must_use]
    pub fn after(&self) -> Option<ConversationId> {
        self.sequence.last()
    }

    /// True where the bytes of an attachment are not there yet. They are to be written before the line that names them.
    #[must_use]
    pub fn lacks(&self, sha256: &Digest) -> bool {
        !self.kept.contains_key(sha256)
    }

    /// Writes the bytes of an attachment.
    ///
    /// # Errors
    /// [`ArchiveError::Misplaced`] where they are others; [`ArchiveError::Io`].
    pub fn attachment(&mut self, sha256: &Digest, bytes: &[u8]) -> Result<(), ArchiveError> {
        if Digest::of(bytes) != *sha256 {
            return Err(ArchiveError::Misplaced(format!(
                "the bytes of attachment {sha256} are others"
            )));
        }
        self.folder.replace(&attachment_name(sha256), bytes)?;
        self.kept.insert(*sha256, bytes.len() as u64);
        Ok(())
    }

    /// Writes the next line.
    ///
    /// # Errors
    /// [`ArchiveError::Misplaced`] where it does not belong here, or its digest does not fit; [`ArchiveError::Io`].
    pub fn line(&mut self, line: &Line) -> Result<(), ArchiveError> {
        if let Line::Attachment(line) = line {
            if self.lacks(&line.sha256) {
                return Err(ArchiveError::Misplaced(format!(
                    "attachment {} comes before its bytes",
                    line.id
                )));
            }
            self.named.insert(line.sha256, line.size);
        }
        let text = serde_json::to_vec(line)
            .map_err(|_| ArchiveError::Misplaced("a line cannot be written".to_owned()))?;
        if text.len() > LINE_MAX_BYTES {
            return Err(ArchiveError::Misplaced(format!(
                "a line is longer than {LINE_MAX_BYTES} bytes"
            )));
        }
        if self.packer.len() > 0 && self.packer.len() + text.len() + 1 > FRAME_MAX_BYTES {
            self.flush()?;
        }
        let conversation = self.follow(line)?;
        self.packer.add(&text, conversation);
        if self.sequence.open().is_none() && self.packer.len() >= FRAME_ENOUGH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Finishes the archive: `sent` is what the export counts since this writer was opened.
    ///
    /// # Errors
    /// [`ArchiveError::Misplaced`] where a conversation has no end, or `sent` counts other lines; [`ArchiveError::Io`].
    pub fn finish(mut self, sent: &OverLine) -> Result<Manifest, ArchiveError> {
        if let Some(id) = self.sequence.open() {
            return Err(ArchiveError::Misplaced(format!("{id} has no end")));
        }
        let (written, before) = (self.written(), &self.before);
        let since = OverLine {
            conversations: written.conversations - before.conversations,
            messages: written.messages - before.messages,
            exceptions: written.exceptions - before.exceptions,
        };
        if since != *sent {
            return Err(ArchiveError::Misplaced(
                "the export sent another number of lines than arrived".to_owned(),
            ));
        }
        self.flush()?;
        // Of a conversation that was cut off and is other by now.
        for (name, _) in self.folder.files()? {
            if attachment_of(&name).is_some_and(|sha256| !self.named.contains_key(&sha256)) {
                self.folder.remove(&name)?;
            }
        }
        let named = std::mem::take(&mut self.named);
        self.manifest.attachments = named
            .into_iter()
            .map(|(sha256, size)| AttachmentFile { sha256, size })
            .collect();
        self.manifest.counts = self.sequence.counts.clone();
        self.manifest.exceptions = self.sequence.exceptions.clone();
        self.manifest.complete = self.sequence.counts.exceptions == 0;
        self.manifest.root = self.sequence.root();
        self.manifest.finished_at = Some(Time::now().to_millis());
        let text = self.sealed()?;
        self.folder.replace(MANIFEST, &text)?;
        Manifest::read(&text).map_err(ArchiveError::Misplaced)
    }

    /// What is in it by now.
    #[must_use]
    pub fn written(&self) -> OverLine {
        let counts = &self.sequence.counts;
        OverLine {
            conversations: counts.conversations,
            messages: counts.messages,
            exceptions: counts.exceptions,
        }
    }

    fn sealed(&self) -> Result<Vec<u8>, ArchiveError> {
        let sealed = self.manifest.clone().sealed();
        sealed.map_err(|_| ArchiveError::Misplaced("the manifest cannot be written".to_owned()))
    }

    fn follow(&mut self, line: &Line) -> Result<ConversationId, ArchiveError> {
        let mut fault = None;
        let conversation = self.sequence.take(line, &mut |found| {
            fault.get_or_insert(found);
        });
        match (fault, conversation) {
            (None, Some(conversation)) => Ok(conversation),
            (Some(Fault::Misplaced(detail)), _) => Err(ArchiveError::Misplaced(detail)),
            (Some(Fault::Conversation(id, detail)), _) => {
                Err(ArchiveError::Misplaced(format!("{id}: {detail}")))
            }
            (Some(Fault::Message(_, id)), _) => Err(ArchiveError::Misplaced(format!(
                "message {id}: its digest does not fit"
            ))),
            (None, None) => Err(ArchiveError::Misplaced(
                "a line outside of a conversation".to_owned(),
            )),
        }
    }

    fn flush(&mut self) -> Result<(), ArchiveError> {
        let is_full = self
            .manifest
            .segments
            .last()
            .is_none_or(|segment| segment.length >= SEGMENT_MAX_BYTES);
        if is_full && self.packer.len() > 0 {
            self.manifest.segments.push(Segment {
                name: segment_name(self.manifest.segments.len() + 1),
                length: 0,
                frames: Vec::new(),
            });
        }
        let ends = self.sequence.open().is_none();
        let Some(segment) = self.manifest.segments.last_mut() else {
            return Ok(());
        };
        if let Some((frame, packed)) = self.packer.pack(segment.length, ends)? {
            self.folder.append(&segment.name, &packed)?;
            segment.length += frame.length;
            segment.frames.push(frame);
        }
        Ok(())
    }

    /// Keeps every frame up to the last that ends with a conversation, and cuts the rest off.
    fn go_on(&mut self, files: &[(String, u64)]) -> Result<(), ArchiveError> {
        for (name, size) in files {
            if let Some(sha256) = attachment_of(name) {
                self.kept.insert(sha256, *size);
            }
        }
        let mut numbers: Vec<usize> = files
            .iter()
            .filter_map(|(name, _)| segment_number(name))
            .collect();
        numbers.sort_unstable();
        let whole: Vec<usize> = (1..)
            .zip(numbers.iter().copied())
            .take_while(|(expected, number)| expected == number)
            .map(|(_, number)| number)
            .collect();
        let keep = self.last_whole(&whole)?;
        for number in numbers.into_iter().rev() {
            let name = segment_name(number);
            match &keep {
                Some((kept, length)) if number == *kept => self.folder.truncate(&name, *length)?,
                Some((kept, _)) if number < *kept => {}
                _ => self.folder.remove(&name)?,
            }
        }
        if let Some((kept, _)) = keep {
            let (sequence, segments, named) = self.read(kept, None)?;
            self.sequence = sequence;
            self.manifest.segments = segments;
            self.named = named;
        }
        Ok(())
    }

    /// The segment, and the place in it, up to which everything is sound and whole.
    fn last_whole(&self, numbers: &[usize]) -> Result<Option<(usize, u64)>, ArchiveError> {
        let mut keep = None;
        if let Some(last) = numbers.last() {
            self.read(*last, Some(&mut keep))?;
        }
        Ok(keep)
    }

    /// Reads the segments up to the one with this number. With `keep` it stops at the first damage, and notes there how
    /// far everything is whole.
    #[expect(clippy::type_complexity, reason = "the three parts of what is read")]
    fn read(
        &self,
        last: usize,
        mut keep: Option<&mut Option<(usize, u64)>>,
    ) -> Result<(Sequence, Vec<Segment>, BTreeMap<Digest, u64>), ArchiveError> {
        let mut sequence = Sequence::default();
        let mut segments = Vec::new();
        let mut named = BTreeMap::new();
        'segments: for number in 1..=last {
            let name = segment_name(number);
            let mut segment = Segment {
                name: name.clone(),
                length: 0,
                frames: Vec::new(),
            };
            let mut frames = Frames::of(self.folder.open(&name)?);
            while let Some((offset, length, sha256, unpacked)) = frames.next()? {
                let mut frame = None;
                let mut is_sound = unpacked.failure.is_none();
                for text in unpacked.lines() {
                    let line = parse(text);
                    let Ok(line) = line else {
                        is_sound = false;
                        break;
                    };
                    let conversation = sequence.take(&line, &mut |_| is_sound = false);
                    if let Line::Attachment(line) = &line {
                        // Bytes that a power cut took are fetched again with their conversation.
                        is_sound &= self.kept.get(&line.sha256) == Some(&line.size);
                        named.insert(line.sha256, line.size);
                    }
                    let Some(conversation) = conversation.filter(|_| is_sound) else {
                        is_sound = false;
                        break;
                    };
                    let frame = frame.get_or_insert(Frame {
                        offset,
                        length,
                        sha256,
                        bytes: unpacked.len() as u64,
                        lines: 0,
                        first: conversation,
                        last: conversation,
                        ends: false,
                    });
                    frame.lines += 1;
                    frame.last = conversation;
                }
                let Some(mut frame) = frame.filter(|_| is_sound) else {
                    break 'segments;
                };
                frame.ends = sequence.open().is_none();
                if frame.ends
                    && let Some(keep) = keep.as_deref_mut()
                {
                    *keep = Some((number, offset + length));
                }
                segment.length = offset + length;
                segment.frames.push(frame);
            }
            segments.push(segment);
        }
        Ok((sequence, segments, named))
    }
}
