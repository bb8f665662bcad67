//! The writing side of an archive: conversations come back under their public ids, through the ledger, so that an import
//! can be killed and repeated, and what lives already is never overwritten.

mod known;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use backend::ports::{NewDirectoryEntry, PlaceQuery};
use backend::{AttachmentContent, Location, PageRequest, Result};
use conversation::{
    AttachmentId, Conversation, ConversationId, Digest, NewConversation, RunningDigest,
    strict_digest, strict_message_digest,
};
use serde::{Deserialize, Serialize};

use self::known::{IMPORT, Known, changed, copy_at, not_begun, other};
use super::export::{digest_of, end_of, principal_of, whole_page};
use super::{ConversationLine, EndLine, MessageLine};
use crate::end::End;
use crate::service::Migrations;
use crate::sync::{CopyWriter, Outgoing};

/// Messages that are read at once.
const MESSAGES: usize = 200;
/// The most messages that an answer names.
const NAMED_MAX: usize = 20;

/// Where a conversation is restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Which.
    pub conversation: ConversationId,
    /// The backend that it is restored to.
    pub backend: Box<str>,
    /// The tenant that it belongs to.
    pub tenant: Option<Box<str>>,
    /// The end user that it belongs to.
    pub owner: Option<Box<str>>,
}

/// What became of a conversation that is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was made just now, or by an earlier import that did not come to its end.
    Begun,
    /// It lives there, from before the import: nothing is written, and at the end both are compared.
    Present,
}

/// The answer to the beginning of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// What became of it.
    pub outcome: Outcome,
    /// True where the conversation was made just now.
    pub written: bool,
}

/// The answer to messages, or to an attachment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Put {
    /// So many were written: 0 where they were there.
    pub written: u64,
    /// So many were there.
    pub present: u64,
}

/// The answer to the end of a conversation: it is there, and equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// So many messages.
    pub messages: u64,
    /// The digest of the conversation with its messages, as it was read where it lives now.
    pub digest: Digest,
}

impl Migrations {
    /// Begins to restore a conversation, or goes on with it.
    ///
    /// # Errors
    /// [`backend::Kind::Conflict`] where it lives at another backend, was deleted here, or was restored with other fields;
    /// [`backend::Kind::InvalidRequest`] where the line was changed, or there is no such backend.
    pub async fn restore(&self, backend: &str, line: &ConversationLine) -> Result<Begun> {
        if line.found_digest() != line.digest {
            return Err(changed(
                "/digest",
                "the conversation was changed: its digest does not fit",
            ));
        }
        let target = Target {
            conversation: line.id,
            backend: backend.into(),
            tenant: line.tenant.clone(),
            owner: line.owner.clone(),
        };
        match self.known(&target).await? {
            Known::Lives(at) => {
                let end = self.end_at(&target)?;
                let held = end.conversation(&at).await?;
                if strict_digest(&held) != line.digest {
                    return Err(other(line.id, backend, "its own fields are others"));
                }
                Ok(Begun {
                    outcome: Outcome::Present,
                    written: false,
                })
            }
            Known::Ours { own, place } => {
                if own.is_some_and(|own| own != line.digest) {
                    let why = "it was restored from another archive, with other fields";
                    return Err(other(line.id, backend, why));
                }
                let new = NewConversation {
                    created_at: Some(line.created_at),
                    ..line.fields.clone()
                };
                let mut writer = self.writer(&target, place, || new.clone()).await?;
                let (location, written) = (writer.location().clone(), writer.is_new());
                // Of one that was cut off right after it was made it is not noted yet what it was made of.
                let wanted = new.into_conversation(line.id, backend, line.created_at);
                let same = writer.change(&wanted).await;
                writer.close().await?;
                same?;
                self.begin_to_know(&target, &location, wanted).await?;
                Ok(Begun {
                    outcome: Outcome::Begun,
                    written,
                })
            }
        }
    }

    /// Restores messages, in their order.
    ///
    /// # Errors
    /// [`backend::Kind::Conflict`] where the conversation was not begun, has a message of the same id and another content, or was
    /// written to by somebody else; [`backend::Kind::InvalidRequest`] where a line was changed, or the backend refuses a message.
    pub async fn restore_messages(&self, target: &Target, lines: Vec<MessageLine>) -> Result<Put> {
        for (index, line) in lines.iter().enumerate() {
            if line.found_digest() != line.digest {
                let pointer = format!("/messages/{index}/digest");
                let detail = format!("message {} was changed: its digest does not fit", line.id);
                return Err(changed(&pointer, &detail));
            }
        }
        let place = match self.known(target).await? {
            Known::Lives(_) => {
                return Ok(Put {
                    written: 0,
                    present: lines.len() as u64,
                });
            }
            Known::Ours { place: None, .. } => return Err(not_begun(target)),
            Known::Ours { place, .. } => place,
        };
        let at = copy_at(target);
        let ids: Vec<_> = lines.iter().map(|line| line.id.clone()).collect();
        let writer = self.writer(target, place, Default::default).await?;
        // Only now it is known what an import that was cut off has written.
        let copied = self.parts().ledger.copied(&at, &ids).await;
        let put = match copied {
            Ok(copied) => {
                let mut new = Vec::new();
                let mut differs = None;
                for (line, copied) in lines.into_iter().zip(copied) {
                    match copied {
                        None => new.push(line),
                        Some(copied) if copied.digest == line.digest => {}
                        Some(_) => {
                            differs.get_or_insert(line.id);
                        }
                    }
                }
                self.put(target, writer, new, differs.map(|id| id.to_string()))
                    .await
            }
            Err(error) => {
                writer.close().await?;
                return Err(error);
            }
        }?;
        Ok(Put {
            written: put,
            present: ids.len() as u64 - put,
        })
    }

    async fn put(
        &self,
        target: &Target,
        mut writer: CopyWriter,
        new: Vec<MessageLine>,
        differs: Option<String>,
    ) -> Result<u64> {
        let written = match differs {
            Some(id) => {
                let why = format!("it has message {id} with another content");
                Err(other(target.conversation, &target.backend, &why))
            }
            None if new.is_empty() => Ok(0),
            None => match self.untouched(target, &writer).await {
                Ok(()) => store(&mut writer, parents_first(new)).await,
                Err(error) => Err(error),
            },
        };
        let closed = writer.close().await;
        let written = written?;
        closed?;
        Ok(written)
    }

    /// Restores an attachment, before the messages that name it.
    ///
    /// # Errors
    /// As [`Migrations::restore_messages`]; [`backend::Kind::InvalidRequest`] where its bytes are not those of `sha256`.
    pub async fn restore_attachment(
        &self,
        target: &Target,
        id: &AttachmentId,
        sha256: Digest,
        content: AttachmentContent,
    ) -> Result<Put> {
        if digest_of(content.bytes.clone()).await? != sha256 {
            let detail = format!("the bytes of {id} were changed: their SHA-256 does not fit");
            return Err(changed("", &detail));
        }
        let present = Put {
            written: 0,
            present: 1,
        };
        let place = match self.known(target).await? {
            Known::Lives(_) => return Ok(present),
            Known::Ours { place: None, .. } => return Err(not_begun(target)),
            Known::Ours { place, .. } => place,
        };
        let at = PlaceQuery {
            conversation: target.conversation,
            backend: target.backend.clone(),
        };
        let ledger = &self.parts().ledger;
        let known = ledger
            .attachment_natives(&at, std::slice::from_ref(id))
            .await?;
        if matches!(&known[..], [Some(_)]) {
            return Ok(present);
        }
        let mut writer = self.writer(target, place, Default::default).await?;
        let attached = writer.attach(id, content).await;
        let closed = writer.close().await;
        attached?;
        closed?;
        Ok(Put {
            written: 1,
            present: 0,
        })
    }

    /// Ends a conversation: it is read where it lives now, compared with what the archive says, and known from then on.
    ///
    /// # Errors
    /// [`backend::Kind::Conflict`] where it is not equal: it stays as it is.
    pub async fn restore_end(&self, target: &Target, end: &EndLine) -> Result<Ended> {
        let (at, lives) = match self.known(target).await? {
            Known::Lives(at) => (at, true),
            Known::Ours { place: None, .. } => return Err(not_begun(target)),
            Known::Ours {
                place: Some(at), ..
            } => (at, false),
        };
        let side = self.end_at(target)?;
        let document = side.conversation(&at).await?;
        let read = self.read(target, &side, &at, &document).await?;
        if (read.messages, read.digest) != (end.messages, end.digest) {
            let mut why = match read.messages == end.messages {
                true => "it differs from the archive".to_owned(),
                false => format!(
                    "it has {} messages, and the archive {}",
                    read.messages, end.messages
                ),
            };
            if !read.differing.is_empty() {
                why.push_str(&format!("; differing: {}", read.differing.join(", ")));
            }
            return Err(other(target.conversation, &target.backend, &why));
        }
        if !lives {
            self.know(target, at, document).await?;
        }
        Ok(Ended {
            messages: read.messages,
            digest: read.digest,
        })
    }

    async fn read(
        &self,
        target: &Target,
        side: &End,
        at: &Location,
        document: &Conversation,
    ) -> Result<Read> {
        let copy = copy_at(target);
        let mut digest = RunningDigest::default();
        digest.add(strict_digest(document));
        let mut read = Read::default();
        let mut request = PageRequest::first(side.page_size(MESSAGES));
        loop {
            let page = whole_page(side, at, &request).await?;
            let ids: Vec<_> = page
                .items
                .iter()
                .map(|message| message.id.clone())
                .collect();
            let copied = self.parts().ledger.copied(&copy, &ids).await?;
            for (message, copied) in page.items.iter().zip(copied) {
                let found = strict_message_digest(message);
                digest.add(found);
                read.messages += 1;
                let is_same = copied.is_none_or(|copied| copied.digest == found);
                if !is_same && read.differing.len() < NAMED_MAX {
                    read.differing.push(message.id.to_string());
                }
            }
            match page.next {
                Some(next) => request = request.after(next),
                None => break,
            }
        }
        read.digest = digest.finish();
        Ok(read)
    }

    /// The directory knows the conversation from now on.
    async fn know(&self, target: &Target, at: Location, document: Conversation) -> Result<()> {
        let location = Location {
            renamed: true,
            ..at
        };
        let entry = NewDirectoryEntry {
            location: location.clone(),
            tenant: target.tenant.clone(),
            owner: target.owner.clone(),
            document: document.clone(),
        };
        let directory = &self.parts().directory;
        if !directory.insert(entry).await? {
            directory.rebind(&location).await?;
            directory.refresh(target.conversation, &document).await?;
        }
        Ok(())
    }

    /// The directory knows a conversation from its beginning on, though no list shows it before its end: whoever erases
    /// its owner must find it, also where the import never goes on. The embedded store shows it already: its readers
    /// are to see public ids.
    async fn begin_to_know(
        &self,
        target: &Target,
        at: &Location,
        document: Conversation,
    ) -> Result<()> {
        let directory = &self.parts().directory;
        let location = Location {
            renamed: true,
            ..at.clone()
        };
        match directory.locate(at.id).await? {
            None => {
                let entry = NewDirectoryEntry {
                    location,
                    tenant: target.tenant.clone(),
                    owner: target.owner.clone(),
                    document,
                };
                match directory.insert(entry).await? {
                    true => directory.mark_gone(at.id).await,
                    false => Ok(()),
                }
            }
            Some(binding) if !binding.deleted && !binding.location.renamed => {
                directory.rebind(&location).await
            }
            Some(_) => Ok(()),
        }
    }

    fn end_at(&self, target: &Target) -> Result<End> {
        let at = Location {
            backend: target.backend.clone(),
            ..Location::unresolved(target.conversation)
        };
        let principal = principal_of(target.tenant.clone(), target.owner.clone());
        end_of(self.parts(), self.paces(), &at, principal)
    }

    async fn writer(
        &self,
        target: &Target,
        place: Option<Location>,
        new: impl FnOnce() -> NewConversation,
    ) -> Result<CopyWriter> {
        let parts = Arc::clone(self.parts());
        let side = self.end_at(target)?;
        CopyWriter::open(parts, IMPORT, copy_at(target), side, place, new).await
    }
}

/// A conversation as it was read back.
#[derive(Debug)]
struct Read {
    messages: u64,
    digest: Digest,
    /// The first messages that are other than they were restored.
    differing: Vec<String>,
}

impl Default for Read {
    fn default() -> Self {
        Self {
            messages: 0,
            digest: RunningDigest::default().finish(),
            differing: Vec::new(),
        }
    }
}

/// Stores messages; how many.
async fn store(writer: &mut CopyWriter, lines: Vec<MessageLine>) -> Result<u64> {
    let ids: Vec<_> = lines.iter().map(|line| line.id.clone()).collect();
    let messages = lines.into_iter().map(|line| Outgoing {
        public: line.id,
        new: line.fields,
        digest: line.digest,
    });
    let results = writer.put(messages.collect(), false).await?;
    let mut written = 0;
    for (id, result) in ids.into_iter().zip(results) {
        match result {
            Ok(()) => written += 1,
            Err(mut error) => {
                error.message = format!("message {id}: {}", error.message);
                return Err(error);
            }
        }
    }
    Ok(written)
}

/// A message that follows one behind it in the same batch comes behind that one.
fn parents_first(lines: Vec<MessageLine>) -> Vec<MessageLine> {
    let mut waiting: BTreeSet<_> = lines.iter().map(|line| line.id.clone()).collect();
    let mut sorted = Vec::with_capacity(lines.len());
    let mut rest = lines;
    loop {
        let before = rest.len();
        let mut later = Vec::new();
        for line in rest {
            let parent = line.fields.in_reply_to.as_ref().map(|reply| &reply.id);
            if parent.is_some_and(|parent| *parent != line.id && waiting.contains(parent)) {
                later.push(line);
            } else {
                waiting.remove(&line.id);
                sorted.push(line);
            }
        }
        if later.is_empty() || later.len() == before {
            // Messages that follow one another in a circle have no first one.
            sorted.extend(later);
            return sorted;
        }
        rest = later;
    }
}
