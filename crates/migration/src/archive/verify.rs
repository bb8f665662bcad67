//! Verifying an archive offline: everything that is wrong with it, by name. Damage in one place hides no other.

use std::collections::BTreeMap;
use std::io::{self, Read};

use conversation::{ConversationId, Digest};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::frame::Unpacked;
use super::manifest::{MANIFEST, attachment_of, segment_number};
use super::reader::{Frames, misnamed, parse, read_frame, read_manifest};
use super::sequence::{Fault, Sequence};
use super::{
    AttachmentLine, Counts, Damage, ExceptionLine, Folder, Line, Manifest, Segment,
    attachment_name, segment_name,
};

/// What verifying found, beside the damages that were told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// So many damages were told.
    pub damages: u64,
    /// What was read.
    pub counts: Counts,
    /// The digest over all conversations, where every line could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<Digest>,
    /// True where the export was finished and had no exception.
    pub is_complete: bool,
    /// The first of what the export could not read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<ExceptionLine>,
}

impl Verified {
    /// True where nothing is wrong and nothing is missing.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damages == 0
    }
}

/// Verifies an archive, and tells each thing that is wrong as it is found. `expected` is the root digest that the caller
/// noted elsewhere: without it nobody can know whether the whole archive was replaced by another.
///
/// # Errors
/// Where the folder itself cannot be read. Files in it that cannot be read are damages.
pub fn verify(
    folder: &dyn Folder,
    expected: Option<Digest>,
    tell: &mut dyn FnMut(Damage),
) -> io::Result<Verified> {
    let mut damages = 0;
    let mut counting = |damage| {
        damages += 1;
        tell(damage);
    };
    let mut run = Run {
        folder,
        sequence: Sequence::default(),
        attachments: BTreeMap::new(),
        is_listed: true,
        tell: &mut counting,
    };
    let manifest = match read_manifest(folder)? {
        Ok(manifest) => match misnamed(&manifest) {
            None => Some(manifest),
            Some(detail) => {
                (run.tell)(Damage::Manifest { detail });
                None
            }
        },
        Err(damage) => {
            (run.tell)(damage);
            None
        }
    };
    let files = folder.files()?;
    let manifest = match manifest {
        Some(manifest) if manifest.finished_at.is_some() => {
            run.by_manifest(&manifest, &files);
            Some(manifest)
        }
        unfinished => {
            if unfinished.is_some() {
                (run.tell)(Damage::Incomplete {
                    detail: "the export was not finished: repeat it, it goes on where it stopped"
                        .to_owned(),
                });
            }
            run.without_manifest(&files);
            None
        }
    };
    let Run { sequence, tell, .. } = run;
    let root = sequence.root();
    let noted = manifest.as_ref().and_then(|manifest| manifest.root);
    for expected in [noted, expected].into_iter().flatten() {
        if let Some(found) = root.filter(|found| *found != expected) {
            tell(Damage::Root { expected, found });
        }
    }
    if let Some(manifest) = &manifest {
        // Counts that follow from damage elsewhere are no news.
        if root.is_some() && manifest.counts != sequence.counts {
            tell(Damage::Counts {
                detail: format!(
                    "it holds {}, and the manifest says {}",
                    in_words(&sequence.counts),
                    in_words(&manifest.counts)
                ),
            });
        }
        if !manifest.complete {
            tell(Damage::Incomplete {
                detail: format!(
                    "the export could not read everything: {} exceptions",
                    manifest.counts.exceptions
                ),
            });
        }
    }
    let is_complete = manifest
        .as_ref()
        .is_some_and(|manifest| manifest.complete && manifest.finished_at.is_some());
    Ok(Verified {
        damages,
        counts: sequence.counts,
        root,
        is_complete,
        exceptions: sequence.exceptions,
    })
}

fn in_words(counts: &Counts) -> String {
    let Counts {
        conversations,
        messages,
        attachments,
        exceptions,
    } = counts;
    format!(
        "{conversations} conversations, {messages} messages, {attachments} attachments and {exceptions} exceptions"
    )
}

struct Run<'r> {
    folder: &'r dyn Folder,
    sequence: Sequence,
    /// The attachments that there are, with their sizes.
    attachments: BTreeMap<Digest, u64>,
    /// Whether `attachments` is what the manifest says.
    is_listed: bool,
    tell: &'r mut dyn FnMut(Damage),
}

/// Where a frame is.
struct Place<'p> {
    segment: &'p str,
    frame: usize,
    /// False where the frame is known to be damaged: then its lines are looked at for what they name only.
    is_trusted: bool,
}

impl Run<'_> {
    fn by_manifest(&mut self, manifest: &Manifest, files: &[(String, u64)]) {
        let present: BTreeMap<&str, u64> =
            files.iter().map(|(name, size)| (&**name, *size)).collect();
        for file in &manifest.attachments {
            self.attachments.insert(file.sha256, file.size);
        }
        for (name, _) in files {
            let belongs = name == MANIFEST
                || segment_number(name)
                    .is_some_and(|number| (1..=manifest.segments.len()).contains(&number))
                || attachment_of(name).is_some_and(|sha256| self.attachments.contains_key(&sha256));
            if !belongs {
                (self.tell)(Damage::ExtraFile { name: name.clone() });
            }
        }
        for segment in &manifest.segments {
            match present.get(&*segment.name) {
                None => {
                    (self.tell)(Damage::MissingFile {
                        name: segment.name.clone(),
                    });
                    self.sequence.gap();
                }
                Some(size) => self.segment(segment, *size),
            }
        }
        self.ended();
        let listed = std::mem::take(&mut self.attachments);
        for (sha256, size) in &listed {
            let name = attachment_name(sha256);
            match present.contains_key(&*name) {
                true => self.attachment(*sha256, &name, Some(*size)),
                false => (self.tell)(Damage::MissingFile { name }),
            }
        }
    }

    /// What can be said where nothing names the frames: each segment is read from its beginning.
    fn without_manifest(&mut self, files: &[(String, u64)]) {
        self.is_listed = false;
        let mut numbers: Vec<usize> = Vec::new();
        for (name, size) in files {
            match (segment_number(name), attachment_of(name)) {
                (Some(number), _) => numbers.push(number),
                (_, Some(sha256)) => {
                    self.attachments.insert(sha256, *size);
                    self.attachment(sha256, name, None);
                }
                _ if name == MANIFEST => {}
                _ => (self.tell)(Damage::ExtraFile { name: name.clone() }),
            }
        }
        numbers.sort_unstable();
        for (expected, number) in (1..).zip(numbers.iter().copied()) {
            let name = segment_name(number);
            if expected != number {
                self.sequence.gap();
            }
            if let Err(error) = self.whole_segment(&name) {
                self.unreadable(&name, &error);
            }
        }
        self.ended();
    }

    fn whole_segment(&mut self, name: &str) -> io::Result<()> {
        let folder = self.folder;
        let mut frames = Frames::of(folder.open(name)?);
        for number in 1.. {
            let Some((_, _, _, unpacked)) = frames.next()? else {
                break;
            };
            let failure = unpacked.failure.clone();
            let place = Place {
                segment: name,
                frame: number,
                is_trusted: failure.is_none(),
            };
            self.lines(&place, &unpacked);
            if let Some(detail) = failure {
                (self.tell)(Damage::Frame {
                    segment: name.to_owned(),
                    frame: number,
                    first: None,
                    last: None,
                    detail: format!("{detail}; what follows in this segment cannot be found"),
                });
                self.sequence.gap();
                break;
            }
        }
        Ok(())
    }

    fn unreadable(&mut self, name: &str, error: &io::Error) {
        (self.tell)(Damage::File {
            name: name.to_owned(),
            detail: format!("it cannot be read: {error}"),
        });
        self.sequence.gap();
    }

    fn segment(&mut self, segment: &Segment, size: u64) {
        let name = &segment.name;
        if size != segment.length {
            (self.tell)(Damage::File {
                name: name.clone(),
                detail: format!("it has {size} bytes, and should have {}", segment.length),
            });
        }
        let folder = self.folder;
        let mut file = match folder.open(name) {
            Ok(file) => file,
            Err(error) => return self.unreadable(name, &error),
        };
        for (number, frame) in (1..).zip(&segment.frames) {
            let damaged = |detail: String| Damage::Frame {
                segment: name.clone(),
                frame: number,
                first: Some(frame.first),
                last: Some(frame.last),
                detail,
            };
            let found = match read_frame(file.as_mut(), frame) {
                Ok(found) => found,
                Err(error) => {
                    (self.tell)(damaged(format!("it cannot be read: {error}")));
                    self.sequence.gap();
                    continue;
                }
            };
            let place = Place {
                segment: name,
                frame: number,
                is_trusted: found.fault.is_none(),
            };
            if let Some(detail) = found.fault.clone() {
                (self.tell)(damaged(detail));
            }
            self.lines(&place, &found.unpacked);
            if found.unpacked.failure.is_some() {
                self.sequence.gap();
            }
        }
    }

    fn lines(&mut self, place: &Place<'_>, unpacked: &Unpacked) {
        for (number, text) in (1..).zip(unpacked.lines()) {
            let misplaced = |detail: String, conversation| Damage::Line {
                segment: place.segment.to_owned(),
                frame: place.frame,
                line: number,
                conversation,
                detail,
            };
            let line = match parse(text) {
                Ok(line) => line,
                Err(detail) => {
                    if place.is_trusted {
                        (self.tell)(misplaced(detail, self.sequence.open()));
                    }
                    self.sequence.gap();
                    continue;
                }
            };
            let mut faults = Vec::new();
            let conversation = self.sequence.take(&line, &mut |fault| faults.push(fault));
            for fault in faults {
                match fault {
                    // What is damaged was named, and where its lines stand follows from that.
                    Fault::Misplaced(_) if !place.is_trusted => {}
                    Fault::Misplaced(detail) => (self.tell)(misplaced(detail, conversation)),
                    Fault::Conversation(id, detail) => {
                        (self.tell)(Damage::Conversation { id, detail });
                    }
                    Fault::Message(conversation, id) => {
                        (self.tell)(Damage::Message { conversation, id });
                    }
                }
            }
            if let Line::Attachment(line) = &line {
                self.names(line, conversation);
            }
        }
    }

    /// A line names an attachment: it must be there.
    fn names(&mut self, line: &AttachmentLine, conversation: Option<ConversationId>) {
        let wrong = |detail: String| Damage::Attachment {
            sha256: line.sha256,
            id: Some(line.id.clone()),
            detail,
        };
        let of = conversation.map_or_else(String::new, |id| format!(" of {id}"));
        match self.attachments.get(&line.sha256) {
            None if self.is_listed => {
                (self.tell)(wrong(format!(
                    "a line{of} names it, and the manifest does not"
                )));
            }
            None => (self.tell)(wrong(format!(
                "a line{of} names it, and there is no such file"
            ))),
            Some(size) if *size != line.size => {
                (self.tell)(wrong(format!(
                    "a line{of} says {} bytes, and it has {size}",
                    line.size
                )));
            }
            Some(_) => {}
        }
    }

    /// The last conversation must have ended.
    fn ended(&mut self) {
        if let Some(id) = self.sequence.open() {
            (self.tell)(Damage::Conversation {
                id,
                detail: "it has no end: its last messages may be missing".to_owned(),
            });
            self.sequence.gap();
        }
    }

    fn attachment(&mut self, sha256: Digest, name: &str, size: Option<u64>) {
        let found = match self.hash(name) {
            Ok(found) => found,
            Err(error) => {
                return (self.tell)(Damage::File {
                    name: name.to_owned(),
                    detail: format!("it cannot be read: {error}"),
                });
            }
        };
        if found.0 != sha256 || size.is_some_and(|size| size != found.1) {
            (self.tell)(Damage::Attachment {
                sha256,
                id: None,
                detail: "its bytes were changed: their SHA-256 does not fit".to_owned(),
            });
        }
    }

    fn hash(&self, name: &str) -> io::Result<(Digest, u64)> {
        let mut file = self.folder.open(name)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        let mut length = 0;
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                return Ok((Digest::from_bytes(hasher.finalize().into()), length));
            }
            hasher.update(&buffer[..count]);
            length += count as u64;
        }
    }
}
