//! The reading side of an archive: every conversation that the directory knows, read where it lives.

use std::collections::BTreeSet;
use std::sync::Arc;

use backend::ports::{Directory, DirectoryEntry, DirectoryWalk, MigrationFilter};
use backend::{
    AttachmentContent, Context, Error, Kind, Location, Page, PageRequest, Principal, Result, Retry,
    Scope,
};
use conversation::{AttachmentId, ConversationId, Digest, Message, RunningDigest};
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;

use super::sequence::attachments_of;
use super::{
    About, AttachmentLine, ConversationLine, EndLine, ExceptionLine, Line, MessageLine, OverLine,
};
use crate::end::End;
use crate::pace::Paces;
use crate::parts::Parts;
use crate::reasons::{Reason, words};
use crate::service::Migrations;

/// Entries of the directory that are read at once.
const ENTRIES: usize = 100;
/// Messages that are read at once.
const MESSAGES: usize = 200;
/// Lines that wait for their reader: a line may be large.
const LINES_WAITING: usize = 16;

impl Migrations {
    /// The lines of an archive: every conversation that the directory knows and that fits, by id, behind `after`. What
    /// cannot be read is an exception, and the export goes on. The last line is [`Line::Over`].
    #[must_use]
    pub fn export(
        &self,
        about: About,
        after: Option<ConversationId>,
    ) -> BoxStream<'static, Result<Line>> {
        let (lines, reader) = mpsc::channel(LINES_WAITING);
        let export = Export {
            parts: self.parts().clone(),
            paces: self.paces().clone(),
            about,
            sent: OverLine::default(),
            lines,
        };
        tokio::spawn(export.run(after));
        stream::unfold(reader, |mut reader| async move {
            let line = reader.recv().await?;
            Some((line, reader))
        })
        .boxed()
    }

    /// The bytes of an attachment of any tenant's conversation.
    ///
    /// # Errors
    /// [`Kind::NotFound`], and those of its backend.
    pub async fn archived_attachment(
        &self,
        conversation: ConversationId,
        id: &AttachmentId,
    ) -> Result<AttachmentContent> {
        let binding = self.parts().directory.locate(conversation).await?;
        let binding = binding
            .filter(|binding| !binding.deleted)
            .ok_or_else(Error::conversation_not_found)?;
        let at = binding.location;
        let principal = principal_of(binding.tenant, binding.owner);
        let end = end_of(self.parts(), self.paces(), &at, principal)?;
        let content = end.attachment(&at, id).await?;
        content.ok_or_else(|| Error::new(Kind::NotFound, "attachment not found"))
    }
}

/// As whom a conversation is read and restored: its tenant and end user, with every right.
pub(super) fn principal_of(tenant: Option<Box<str>>, user: Option<Box<str>>) -> Arc<Principal> {
    Arc::new(Principal {
        tenant: tenant.unwrap_or_else(|| "default".into()),
        key: "archive".into(),
        user,
        scopes: Scope::ALL.to_vec(),
    })
}

/// The backend of a place.
///
/// # Errors
/// [`Kind::Unavailable`] where it is not configured.
pub(crate) fn end_of(
    parts: &Parts,
    paces: &Paces,
    at: &Location,
    principal: Arc<Principal>,
) -> Result<End> {
    let name = &at.backend;
    let endpoint = parts.ends.get(name).ok_or_else(|| {
        Error::new(
            Kind::Unavailable,
            format!("backend `{name}` is not configured any more"),
        )
        .retry(Retry::Permanent)
    })?;
    let settings = Arc::new(parts.settings.clone());
    let request_id = format!("archive {}", at.id);
    Ok(End::new(
        &endpoint,
        paces,
        principal,
        request_id.into(),
        settings,
    ))
}

/// A page of messages as whoever writes copies reads it: with what is being written, or was when that was cut off.
pub(crate) async fn whole_page(
    end: &End,
    at: &Location,
    page: &PageRequest,
) -> Result<Page<Message>> {
    end.read(|cx| {
        let cx = Context {
            copying: true,
            ..cx
        };
        Box::pin(async move { end.stack().list_messages(&cx, at, page).await })
    })
    .await
}

/// What sending ends with.
type Sent<T = ()> = std::result::Result<T, Ends>;

/// The reader of the lines has gone, or the state does not work.
#[derive(Debug)]
enum Ends {
    Gone,
    Failed(Error),
}

impl From<Error> for Ends {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

struct Export {
    parts: Arc<Parts>,
    paces: Arc<Paces>,
    about: About,
    sent: OverLine,
    lines: mpsc::Sender<Result<Line>>,
}

impl Export {
    async fn run(mut self, after: Option<ConversationId>) {
        if let Err(Ends::Failed(error)) = self.all(after).await {
            // Where nobody listens, nobody need know.
            let _gone = self.lines.send(Err(error)).await;
        }
    }

    async fn all(&mut self, mut after: Option<ConversationId>) -> Sent {
        let About {
            backend,
            tenant,
            label,
        } = self.about.clone();
        loop {
            let walk = DirectoryWalk {
                backend: backend.clone(),
                filter: MigrationFilter {
                    tenant: tenant.clone(),
                    label: label.clone(),
                    ..MigrationFilter::default()
                },
                owners: Vec::new(),
                after,
                limit: ENTRIES,
            };
            let entries = self.parts.directory.walk(&walk).await?;
            let Some(last) = entries.last() else {
                return self.send(Line::Over(self.sent.clone())).await;
            };
            after = Some(last.location.id);
            for entry in entries {
                self.conversation(entry).await?;
            }
        }
    }

    async fn send(&self, line: Line) -> Sent {
        self.lines.send(Ok(line)).await.map_err(|_| Ends::Gone)
    }

    async fn except(&mut self, line: ExceptionLine) -> Sent {
        self.sent.exceptions += 1;
        self.send(Line::Exception(line)).await
    }

    async fn conversation(&mut self, entry: DirectoryEntry) -> Sent {
        let DirectoryEntry {
            location: at,
            tenant,
            owner,
            ..
        } = entry;
        let id = at.id;
        let principal = principal_of(tenant.clone(), owner.clone());
        let read = match end_of(&self.parts, &self.paces, &at, principal) {
            Ok(end) => match end.conversation(&at).await {
                Ok(conversation) => Ok((end, conversation)),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        let (end, conversation) = match read {
            Ok(read) => read,
            Err(error) => {
                // Deleted since it was listed: nothing is missing.
                if is_deleted(&*self.parts.directory, id).await? {
                    return Ok(());
                }
                return self.except(unreadable(id, &error)).await;
            }
        };
        let told = count_of(&conversation);
        let line = ConversationLine::of(&conversation, tenant, owner);
        let mut running = Running {
            id,
            digest: RunningDigest::default(),
            messages: 0,
            attachments: BTreeSet::new(),
            is_whole: true,
        };
        running.digest.add(line.digest);
        self.sent.conversations += 1;
        self.send(Line::Conversation(Box::new(line))).await?;
        if let Err(error) = self.messages(&end, &at, &mut running).await? {
            running.is_whole = false;
            self.except(unreadable(id, &error)).await?;
        } else if running.messages < told.unwrap_or_default() {
            // Messages may have been deleted since it was counted.
            let again = end.conversation(&at).await.ok();
            let told = again.as_ref().and_then(count_of).unwrap_or_default();
            if running.messages < told {
                running.is_whole = false;
                let detail = format!(
                    "backend `{}` tells of {told} messages and shows {}",
                    at.backend, running.messages
                );
                let mut line = exception(id, Reason::SourceIncomplete);
                line.detail = detail.into();
                self.except(line).await?;
            }
        }
        self.send(Line::End(EndLine {
            id,
            messages: running.messages,
            digest: running.digest.finish(),
            is_whole: running.is_whole,
        }))
        .await
    }

    /// Sends all messages, oldest first. The inner error is the backend's.
    async fn messages(
        &mut self,
        end: &End,
        at: &Location,
        running: &mut Running,
    ) -> Sent<Result<()>> {
        let mut request = PageRequest::first(end.page_size(MESSAGES));
        loop {
            let page = match end.page(at, &request).await {
                Ok(page) => page,
                Err(error) => return Ok(Err(error)),
            };
            for message in page.items {
                self.message(end, at, running, message).await?;
            }
            match page.next {
                // A vendor that repeats a cursor would go on for ever.
                Some(next) if request.position != Some(backend::Position::After(next.clone())) => {
                    request = request.after(next);
                }
                Some(_) => {
                    let error = Error::new(
                        Kind::InvalidResponse,
                        "the backend repeats a cursor, so its list has no end",
                    );
                    return Ok(Err(error.at(&at.backend, "list_messages")));
                }
                None => return Ok(Ok(())),
            }
        }
    }

    async fn message(
        &mut self,
        end: &End,
        at: &Location,
        running: &mut Running,
        message: Message,
    ) -> Sent {
        let named: Vec<AttachmentId> = attachments_of(&message.parts).cloned().collect();
        for id in named {
            if running.attachments.insert(id.clone()) {
                self.attachment(end, at, running, id).await?;
            }
        }
        let line = MessageLine::of(message);
        running.digest.add(line.digest);
        running.messages += 1;
        self.sent.messages += 1;
        self.send(Line::Message(Box::new(line))).await
    }

    async fn attachment(
        &mut self,
        end: &End,
        at: &Location,
        running: &mut Running,
        id: AttachmentId,
    ) -> Sent {
        let opened = end.attachment(at, &id).await;
        let failed = match opened {
            Ok(Some(content)) => match digest_of(content.bytes.clone()).await {
                Ok(sha256) => {
                    let line = AttachmentLine {
                        id,
                        name: content.name,
                        media_type: content.media_type,
                        size: content.bytes.len() as u64,
                        sha256,
                    };
                    return self.send(Line::Attachment(line)).await;
                }
                Err(error) => error,
            },
            Ok(None) => Error::new(Kind::NotFound, "the backend does not find it any more"),
            Err(error) => error,
        };
        running.is_whole = false;
        let mut line = exception(running.id, Reason::AttachmentUnreadable);
        line.attachment = Some(id);
        line.detail = words(&failed).into();
        line.temporary = failed.is_temporary();
        self.except(line).await
    }
}

/// The conversation that is being sent.
struct Running {
    id: ConversationId,
    digest: RunningDigest,
    messages: u64,
    /// Those that were sent, or tried.
    attachments: BTreeSet<AttachmentId>,
    is_whole: bool,
}

/// SHA-256, beside the threads that serve.
pub(super) async fn digest_of(bytes: bytes::Bytes) -> Result<Digest> {
    tokio::task::spawn_blocking(move || Digest::of(&bytes))
        .await
        .map_err(|ended| Error::new(Kind::Internal, "bytes could not be hashed").source(ended))
}

async fn is_deleted(directory: &dyn Directory, id: ConversationId) -> Result<bool> {
    let binding = directory.locate(id).await?;
    Ok(binding.is_none_or(|binding| binding.deleted))
}

fn count_of(conversation: &conversation::Conversation) -> Option<u64> {
    conversation.counts.as_ref()?.messages
}

fn exception(conversation: ConversationId, reason: Reason) -> ExceptionLine {
    ExceptionLine {
        conversation,
        attachment: None,
        reason: reason.as_str().into(),
        detail: Box::default(),
        next_step: "look at the backend's health and at the words given, then export again into an empty folder"
            .into(),
        temporary: false,
    }
}

fn unreadable(conversation: ConversationId, error: &Error) -> ExceptionLine {
    ExceptionLine {
        detail: words(error).into(),
        temporary: error.is_temporary(),
        ..exception(conversation, Reason::Incomplete)
    }
}
