//! Reading an archive: its manifest, and its lines frame by frame.

use std::io::{self, BufReader, Read, SeekFrom};

use conversation::{ConversationId, Digest};

use super::folder::Readable;
use super::frame::{FRAME_LENGTH_MAX, Unpacked, unpack};
use super::manifest::{MANIFEST, without_content};
use super::{
    ATTACHMENT_MAX_BYTES, ArchiveError, Damage, Folder, Frame, LINE_MAX_BYTES, Line,
    MANIFEST_MAX_BYTES, Manifest, segment_name,
};

/// Reads the manifest.
pub(super) fn read_manifest(folder: &dyn Folder) -> io::Result<Result<Manifest, Damage>> {
    let file = match folder.open(MANIFEST) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Err(Damage::MissingFile {
                name: MANIFEST.to_owned(),
            }));
        }
        Err(error) => return Err(error),
    };
    let mut text = Vec::new();
    file.take(MANIFEST_MAX_BYTES).read_to_end(&mut text)?;
    Ok(Manifest::read(&text).map_err(|detail| Damage::Manifest { detail }))
}

/// A frame as it was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) unpacked: Unpacked,
    /// Why it is not the frame that the manifest names.
    pub(super) fault: Option<String>,
}

/// Reads the frame that the manifest names out of its segment.
pub(super) fn read_frame(segment: &mut dyn Readable, frame: &Frame) -> io::Result<Found> {
    segment.seek(SeekFrom::Start(frame.offset))?;
    let mut packed = Vec::new();
    segment
        .take(frame.length.min(FRAME_LENGTH_MAX))
        .read_to_end(&mut packed)?;
    let mut fault = None;
    if packed.len() as u64 != frame.length {
        fault = Some(format!(
            "it has {} bytes, and should have {}",
            packed.len(),
            frame.length
        ));
    } else if Digest::of(&packed) != frame.sha256 {
        fault = Some("it was changed: its SHA-256 does not fit".to_owned());
    }
    let unpacked = unpack(&mut packed.as_slice())?;
    if fault.is_none() {
        let lines = unpacked.lines().count() as u64;
        fault = unpacked.failure.clone();
        if fault.is_none() && (unpacked.len() as u64, lines) != (frame.bytes, frame.lines) {
            fault = Some("it does not hold the lines that the manifest counts".to_owned());
        }
    }
    Ok(Found { unpacked, fault })
}

/// Reads a line.
pub(super) fn parse(line: &[u8]) -> Result<Line, String> {
    if line.len() > LINE_MAX_BYTES {
        return Err(format!("it is longer than {LINE_MAX_BYTES} bytes"));
    }
    serde_json::from_slice(line).map_err(|error| without_content(&error))
}

/// Reads an archive that was finished.
#[derive(Debug)]
pub struct Reader<'f> {
    folder: &'f dyn Folder,
    manifest: Manifest,
}

impl<'f> Reader<'f> {
    /// Opens an archive.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`] where its manifest cannot be used or names impossible files, or it was not finished.
    pub fn open(folder: &'f dyn Folder) -> Result<Self, ArchiveError> {
        let manifest = read_manifest(folder)?.map_err(ArchiveError::from)?;
        if manifest.finished_at.is_none() {
            return Err(Damage::Incomplete {
                detail: "the export was not finished: repeat it, it goes on where it stopped"
                    .to_owned(),
            }
            .into());
        }
        if let Some(detail) = misnamed(&manifest) {
            return Err(Damage::Manifest { detail }.into());
        }
        Ok(Self { folder, manifest })
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The lines of conversations behind `after`, in order. A frame that is damaged is told as one, and its lines are
    /// not; those of a conversation that it cuts off are for the caller to leave.
    pub fn lines(&self, after: Option<ConversationId>) -> Lines<'_> {
        let frames = self.manifest.segments.iter().flat_map(|segment| {
            let numbered = (1..).zip(&segment.frames);
            numbered.map(|(number, frame)| (&*segment.name, number, frame))
        });
        Lines {
            folder: self.folder,
            frames: Box::new(frames),
            segment: None,
            missing: None,
            frame: Vec::new().into_iter(),
            after,
            is_behind: false,
        }
    }

    /// The bytes of an attachment.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`] where they are missing, or others.
    pub fn attachment(&self, sha256: &Digest) -> Result<Vec<u8>, ArchiveError> {
        let name = super::attachment_name(sha256);
        let size = self
            .manifest
            .attachments
            .binary_search_by(|file| file.sha256.cmp(sha256))
            .map(|place| self.manifest.attachments[place].size);
        let Ok(size) = size else {
            return Err(Damage::MissingFile { name }.into());
        };
        let wrong = |detail: String| Damage::Attachment {
            sha256: *sha256,
            id: None,
            detail,
        };
        if size > ATTACHMENT_MAX_BYTES {
            let detail = format!("it has more than {ATTACHMENT_MAX_BYTES} bytes");
            return Err(wrong(detail).into());
        }
        let mut bytes = Vec::new();
        match self.folder.open(&name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Damage::MissingFile { name }.into());
            }
            file => file?.take(size.saturating_add(1)).read_to_end(&mut bytes)?,
        };
        if bytes.len() as u64 != size || Digest::of(&bytes) != *sha256 {
            let detail = "its bytes were changed: their SHA-256 does not fit";
            return Err(wrong(detail.to_owned()).into());
        }
        Ok(bytes)
    }
}

/// Names in a manifest are a stranger's: only those that an archive has are ever opened.
pub(super) fn misnamed(manifest: &Manifest) -> Option<String> {
    (1..).zip(&manifest.segments).find_map(|(number, segment)| {
        let name = segment_name(number);
        if segment.name != name {
            return Some(format!("its segment {number} is not `{name}`"));
        }
        // Else there were bytes that no digest covers.
        let end = segment.frames.iter().try_fold(0_u64, |end, frame| {
            let end = (frame.offset == end).then_some(end)?;
            end.checked_add(frame.length)
        });
        (end != Some(segment.length))
            .then(|| format!("the frames of `{name}` do not follow one another to its end"))
    })
}

/// A frame, with its segment's name and its number in it.
type Numbered<'f> = (&'f str, usize, &'f Frame);

/// The lines of an archive.
pub struct Lines<'f> {
    folder: &'f dyn Folder,
    frames: Box<dyn Iterator<Item = Numbered<'f>> + 'f>,
    /// The segment that is open.
    segment: Option<(&'f str, Box<dyn Readable + 'f>)>,
    /// The segment that is not there: told once.
    missing: Option<&'f str>,
    frame: std::vec::IntoIter<Result<Line, Damage>>,
    after: Option<ConversationId>,
    /// True once a conversation behind `after` was met.
    is_behind: bool,
}

impl std::fmt::Debug for Lines<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").finish_non_exhaustive()
    }
}

impl Lines<'_> {
    fn is_wanted(&mut self, line: &Line) -> bool {
        let Some(after) = self.after else {
            return true;
        };
        let begins = match line {
            Line::Conversation(line) => Some(line.id),
            Line::Exception(line) => Some(line.conversation),
            _ => None,
        };
        self.is_behind |= begins.is_some_and(|id| id > after);
        self.is_behind
    }

    fn next_frame(&mut self) -> io::Result<bool> {
        let Some((name, number, frame)) = self.frames.next() else {
            return Ok(false);
        };
        if self.after.is_some_and(|after| frame.last <= after) {
            return Ok(true);
        }
        if self.missing == Some(name) {
            return Ok(true);
        }
        if self.segment.as_ref().is_none_or(|(open, _)| *open != name) {
            match self.folder.open(name) {
                Ok(segment) => self.segment = Some((name, segment)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.missing = Some(name);
                    let damage = Damage::MissingFile {
                        name: name.to_owned(),
                    };
                    self.frame = vec![Err(damage)].into_iter();
                    return Ok(true);
                }
                Err(error) => return Err(error),
            }
        }
        let Some((_, segment)) = &mut self.segment else {
            return Ok(false);
        };
        let found = read_frame(segment.as_mut(), frame)?;
        let damaged = |detail: String| Damage::Frame {
            segment: name.to_owned(),
            frame: number,
            first: Some(frame.first),
            last: Some(frame.last),
            detail,
        };
        let lines: Vec<_> = match found.fault {
            Some(detail) => vec![Err(damaged(detail))],
            None => {
                let lines = found.unpacked.lines();
                lines.map(|line| parse(line).map_err(damaged)).collect()
            }
        };
        self.frame = lines.into_iter();
        Ok(true)
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<Line, ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.frame.next() {
                Some(Ok(line)) if !self.is_wanted(&line) => {}
                Some(line) => return Some(line.map_err(ArchiveError::from)),
                None => match self.next_frame() {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(error) => return Some(Err(error.into())),
                },
            }
        }
    }
}

/// A segment that is read from its beginning, frame by frame, without a manifest.
pub(super) struct Frames<'f> {
    source: BufReader<Box<dyn Readable + 'f>>,
    position: u64,
}

impl<'f> Frames<'f> {
    pub(super) fn of(segment: Box<dyn Readable + 'f>) -> Self {
        Self {
            source: BufReader::new(segment),
            position: 0,
        }
    }

    /// The next frame: where it begins, its compressed bytes' digest and number, and what is in it. `None` at the end of
    /// the segment. One that cannot be unpacked is the last.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, u64, Digest, Unpacked)>> {
        let mut noting = Noting::new(&mut self.source);
        if noting.is_at_end()? {
            return Ok(None);
        }
        let unpacked = unpack(&mut noting)?;
        let (length, digest) = noting.finish();
        let offset = self.position;
        self.position += length;
        Ok(Some((offset, length, digest, unpacked)))
    }
}

use self::noting::Noting;

mod noting {
    //! A reader that notes what passes through it.

    use std::io::{self, BufRead, Read};

    use conversation::Digest;
    use sha2::{Digest as _, Sha256};

    /// Counts and hashes what is consumed.
    pub(super) struct Noting<'r, R> {
        source: &'r mut R,
        length: u64,
        hasher: Sha256,
    }

    impl<'r, R: BufRead> Noting<'r, R> {
        pub(super) fn new(source: &'r mut R) -> Self {
            Self {
                source,
                length: 0,
                hasher: Sha256::new(),
            }
        }

        pub(super) fn is_at_end(&mut self) -> io::Result<bool> {
            Ok(self.source.fill_buf()?.is_empty())
        }

        pub(super) fn finish(self) -> (u64, Digest) {
            (
                self.length,
                Digest::from_bytes(self.hasher.finalize().into()),
            )
        }
    }

    impl<R: BufRead> Read for Noting<'_, R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let available = self.fill_buf()?;
            let count = available.len().min(buffer.len());
            buffer[..count].copy_from_slice(&available[..count]);
            self.consume(count);
            Ok(count)
        }
    }

    impl<R: BufRead> BufRead for Noting<'_, R> {
        fn fill_buf(&mut self) -> io::Result<&[u8]> {
            self.source.fill_buf()
        }

        fn consume(&mut self, count: usize) {
            // What is consumed was filled before, so this reads nothing.
            if let Ok(buffer) = self.source.fill_buf() {
                let count = count.min(buffer.len());
                self.hasher.update(&buffer[..count]);
                self.length += count as u64;
            }
            self.source.consume(count);
        }
    }
}
