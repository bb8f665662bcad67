//! Lines in their order: what must follow what, and which digests they must have.

use std::collections::BTreeSet;

use conversation::{AttachmentId, ConversationId, Digest, MessageId, Part, RunningDigest};

use super::{Counts, EXCEPTIONS_MAX, EndLine, ExceptionLine, Line, MessageLine, RootDigest};

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It does not belong where it stands.
    Misplaced(String),
    /// The conversation has another digest.
    Conversation(ConversationId, String),
    /// The message has another digest.
    Message(Option<ConversationId>, MessageId),
}

/// The conversation that has begun.
#[derive(Debug)]
struct Open {
    id: ConversationId,
    digest: RunningDigest,
    messages: u64,
    /// Attachments that were named, those that could not be read too.
    attachments: BTreeSet<AttachmentId>,
    /// True where an exception was met.
    lacks: bool,
}

/// Follows the lines of an archive.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    open: Option<Open>,
    /// Lines are missing: nothing is judged by its place until the next conversation begins.
    is_lost: bool,
    /// Lines were missing somewhere, so the root cannot be known.
    has_gap: bool,
    /// The last conversation that was met.
    last: Option<ConversationId>,
    root: RootDigest,
    pub(super) counts: Counts,
    /// The first of them.
    pub(super) exceptions: Vec<ExceptionLine>,
}

impl Sequence {
    /// The conversation that has begun and not ended.
    pub(super) fn open(&self) -> Option<ConversationId> {
        self.open.as_ref().map(|open| open.id)
    }

    /// The last conversation that was met.
    pub(super) fn last(&self) -> Option<ConversationId> {
        self.last
    }

    /// The digest over all conversations; `None` where lines were missing.
    pub(super) fn root(&self) -> Option<Digest> {
        (!self.has_gap).then(|| self.root.clone().finish())
    }

    /// Lines are missing here.
    pub(super) fn gap(&mut self) {
        self.open = None;
        self.is_lost = true;
        self.has_gap = true;
    }

    /// Takes the next line and tells what is wrong with it. The conversation that it belongs to.
    pub(super) fn take(
        &mut self,
        line: &Line,
        tell: &mut dyn FnMut(Fault),
    ) -> Option<ConversationId> {
        match line {
            Line::Conversation(line) => {
                self.begin(line.id, tell);
                if line.found_digest() != line.digest {
                    let detail = "its own fields were changed, their digest does not fit";
                    tell(Fault::Conversation(line.id, detail.to_owned()));
                }
                let mut digest = RunningDigest::default();
                digest.add(line.digest);
                self.open = Some(Open {
                    id: line.id,
                    digest,
                    messages: 0,
                    attachments: BTreeSet::new(),
                    lacks: false,
                });
                self.counts.conversations += 1;
            }
            Line::Attachment(line) => {
                self.counts.attachments += 1;
                match &mut self.open {
                    Some(open) => {
                        open.attachments.insert(line.id.clone());
                    }
                    None => self.outside("an attachment", tell),
                }
            }
            Line::Message(line) => self.message(line, tell),
            Line::Exception(line) => self.exception(line, tell),
            Line::End(line) => self.end(line, tell),
            Line::Over(_) => tell(Fault::Misplaced(
                "the end of a stream has no place in a segment".to_owned(),
            )),
        }
        self.open().or(if self.is_lost { None } else { self.last })
    }

    /// A conversation begins, or an exception tells that it cannot.
    fn begin(&mut self, id: ConversationId, tell: &mut dyn FnMut(Fault)) {
        if let Some(open) = self.open.take() {
            let detail = "it has no end: its last messages may be missing";
            tell(Fault::Conversation(open.id, detail.to_owned()));
            self.has_gap = true;
        }
        if self.last.is_some_and(|last| last >= id) {
            tell(Fault::Misplaced(format!(
                "{id} is not in the order of ids, or is there twice"
            )));
        }
        self.last = Some(id);
        self.is_lost = false;
    }

    fn message(&mut self, line: &MessageLine, tell: &mut dyn FnMut(Fault)) {
        self.counts.messages += 1;
        if line.found_digest() != line.digest {
            tell(Fault::Message(self.open(), line.id.clone()));
        }
        let Some(open) = &mut self.open else {
            return self.outside("a message", tell);
        };
        open.digest.add(line.digest);
        open.messages += 1;
        for id in attachments_of(&line.fields.parts) {
            if !open.attachments.contains(id) {
                let (conversation, message) = (open.id, &line.id);
                let detail = format!("message {message} names {id}, and no line says what that is");
                tell(Fault::Conversation(conversation, detail));
            }
        }
    }

    fn exception(&mut self, line: &ExceptionLine, tell: &mut dyn FnMut(Fault)) {
        self.counts.exceptions += 1;
        if self.exceptions.len() < EXCEPTIONS_MAX {
            self.exceptions.push(line.clone());
        }
        match &mut self.open {
            Some(open) if open.id == line.conversation => {
                open.lacks = true;
                open.attachments.extend(line.attachment.clone());
            }
            // Lost with the lines before it.
            None if self.is_lost && line.attachment.is_some() => {}
            _ => self.begin(line.conversation, tell),
        }
    }

    fn end(&mut self, line: &EndLine, tell: &mut dyn FnMut(Fault)) {
        let Some(open) = self.open.take() else {
            return self.outside("the end of a conversation", tell);
        };
        let found = open.digest.finish();
        let mut differs = |detail: String| tell(Fault::Conversation(open.id, detail));
        if line.id != open.id {
            differs(format!("its end is that of {}", line.id));
        } else if line.messages != open.messages {
            differs(format!(
                "it has {} messages, and its end says {}",
                open.messages, line.messages
            ));
        } else if line.digest != found {
            differs("its digest does not fit: messages were changed or moved".to_owned());
        } else if line.is_whole == open.lacks {
            differs("its end and its exceptions do not agree on whether it is whole".to_owned());
        }
        self.root.add(open.id, line.digest);
    }

    fn outside(&mut self, what: &str, tell: &mut dyn FnMut(Fault)) {
        if !self.is_lost {
            tell(Fault::Misplaced(format!(
                "{what} outside of a conversation"
            )));
            self.has_gap = true;
        }
    }
}

/// The attachments that parts name.
pub(crate) fn attachments_of(parts: &[Part]) -> impl Iterator<Item = &AttachmentId> {
    parts.iter().filter_map(|part| match part {
        Part::Image(media) | Part::File(media) | Part::Audio(media) | Part::Video(media) => {
            media.attachment_id.as_ref()
        }
        _ => None,
    })
}
