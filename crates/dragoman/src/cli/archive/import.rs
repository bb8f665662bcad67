//! `dragoman import`: brings the conversations of an archive to a backend.

use std::collections::BTreeMap;

use conversation::ConversationId;
use migration::archive::{
    ArchiveError, AttachmentLine, ConversationLine, EndLine, Line, MessageLine, Reader,
};
use serde::Serialize;
use serde_json::json;

use super::cannot_use;
use super::directory::Directory;
use super::restoring::{Restoring, Stops};
use crate::cli::arguments::ImportFlags;
use crate::cli::client::{Database, with_gateway};
use crate::cli::ending::Ending;
use crate::cli::progress::{Lines, Progress};
use crate::cli::shown::{count, thousands};
use crate::cli::{listings, print};
use crate::config::Name;
use crate::failure::Failure;

/// So many messages travel at once, or so many bytes: less than an import may have.
const MESSAGES_AT_ONCE: usize = 200;
const BYTES_AT_ONCE: usize = 4 * 1024 * 1024;

/// What an import did.
#[derive(Debug, Default, Serialize)]
struct Imported {
    /// Conversations that are there and equal.
    conversations: u64,
    /// Messages that they have.
    messages: u64,
    /// Messages that were written: 0 where all were there.
    written: u64,
    /// Attachments that were written.
    attachments: u64,
    /// What could not be brought there, and why.
    failed: Vec<Failed>,
}

#[derive(Debug, Serialize)]
struct Failed {
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<ConversationId>,
    reason: String,
}

/// Imports, or goes on with an import.
pub(in crate::cli) fn import(
    flags: &ImportFlags,
    variables: &BTreeMap<String, String>,
) -> Result<Ending, Failure> {
    if let Some(tenant) = &flags.tenant {
        Name::try_from(tenant.clone())
            .map_err(|rule| Failure::usage("--tenant: the tenant cannot be used", rule))?;
    }
    let path = &flags.folder;
    let folder = Directory::for_reading(path).map_err(|error| {
        Failure::usage(
            format!("{} cannot be read: {error}", path.display()),
            "name the folder that `dragoman export` wrote",
        )
    })?;
    let reader = Reader::open(&folder).map_err(|error| cannot_use(path, error))?;
    let imported = with_gateway(
        &flags.server,
        variables,
        "import",
        Database::MayBeMade,
        async |reached| {
            let lines = if flags.json { Lines::Error } else { Lines::Out };
            let mut import = Import {
                flags,
                reader: &reader,
                restoring: Restoring::new(&reached.api, &flags.to),
                progress: Progress::new(lines),
                done: Imported::default(),
                current: None,
            };
            let ran = import.run().await;
            if ran.is_err() {
                // Who gives the command again need not wait for these to be named.
                print::error(&failures(&import.done));
            }
            ran.map(|()| import.done)
        },
    )?;
    show(flags, &imported)?;
    Ok(Ending::unless(!imported.failed.is_empty()))
}

/// An import at work.
struct Import<'a> {
    flags: &'a ImportFlags,
    reader: &'a Reader<'a>,
    restoring: Restoring<'a>,
    progress: Progress,
    done: Imported,
    /// The conversation that has begun; absent also where the rest of one is left out.
    current: Option<Current>,
}

/// A conversation on its way.
struct Current {
    id: ConversationId,
    /// Messages that wait to be sent, and how many bytes they are.
    waiting: Vec<MessageLine>,
    bytes: usize,
}

impl Import<'_> {
    async fn run(&mut self) -> Result<(), Failure> {
        for line in self.reader.lines(None) {
            let done = match line {
                Ok(line) => self.take(line).await,
                // The rest of a conversation that it cuts off is left out too.
                Err(ArchiveError::Damaged(damage)) => Err(Stops::Conversation(damage.to_string())),
                Err(error) => return Err(cannot_use(&self.flags.folder, error)),
            };
            match done {
                Ok(()) => {}
                Err(Stops::Conversation(why)) => {
                    let id = self.current.take().map(|current| current.id);
                    self.fail(id, why);
                }
                Err(Stops::All(failure)) => return Err(failure),
            }
            self.tell()?;
        }
        Ok(())
    }

    fn fail(&mut self, conversation: Option<ConversationId>, reason: String) {
        self.done.failed.push(Failed {
            conversation,
            reason,
        });
    }

    async fn take(&mut self, line: Line) -> Result<(), Stops> {
        match line {
            Line::Conversation(line) => self.begin(*line).await,
            Line::Attachment(line) => self.attach(&line).await,
            Line::Message(line) => self.message(*line).await,
            Line::End(line) => self.end(&line).await,
            Line::Exception(line) => {
                self.fail(
                    Some(line.conversation),
                    format!("{}: {}", line.reason, line.detail),
                );
                Ok(())
            }
            Line::Over(_) => Ok(()),
        }
    }

    async fn begin(&mut self, mut line: ConversationLine) -> Result<(), Stops> {
        if let Some(tenant) = &self.flags.tenant {
            line.tenant = Some(tenant.as_str().into());
        }
        self.current = Some(Current {
            id: line.id,
            waiting: Vec::new(),
            bytes: 0,
        });
        self.restoring.begin(&line).await
    }

    async fn attach(&mut self, line: &AttachmentLine) -> Result<(), Stops> {
        if self.current.is_none() {
            return Ok(());
        }
        let bytes = match self.reader.attachment(&line.sha256) {
            Ok(bytes) => bytes,
            Err(ArchiveError::Damaged(damage)) => {
                return Err(Stops::Conversation(damage.to_string()));
            }
            Err(error) => return Err(cannot_use(&self.flags.folder, error).into()),
        };
        self.done.attachments += self.restoring.attach(line, bytes.into()).await?;
        Ok(())
    }

    async fn message(&mut self, line: MessageLine) -> Result<(), Stops> {
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        let bytes = serde_json::to_vec(&line)?.len();
        if current.waiting.len() >= MESSAGES_AT_ONCE || current.bytes + bytes > BYTES_AT_ONCE {
            self.flush().await?;
        }
        if let Some(current) = &mut self.current {
            current.bytes += bytes;
            current.waiting.push(line);
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Stops> {
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        let waiting = std::mem::take(&mut current.waiting);
        current.bytes = 0;
        if !waiting.is_empty() {
            self.done.written += self.restoring.messages(&waiting).await?;
        }
        Ok(())
    }

    async fn end(&mut self, line: &EndLine) -> Result<(), Stops> {
        if self.current.is_none() {
            return Ok(());
        }
        self.flush().await?;
        self.restoring.end(line).await?;
        self.done.messages += line.messages;
        self.done.conversations += 1;
        self.current = None;
        Ok(())
    }

    fn tell(&mut self) -> Result<(), Failure> {
        let total = self.reader.manifest().counts.conversations;
        let message = format!(
            "conversations, {} messages written",
            thousands(self.done.written)
        );
        let done = &self.done;
        self.progress.show(done.conversations, total, &message, || {
            json!({
                "job": "import",
                "progress": {
                    "conversations": done.conversations,
                    "conversations_total": total,
                    "messages": done.messages,
                    "written": done.written,
                    "failed": done.failed.len(),
                },
            })
        })
    }
}

fn show(flags: &ImportFlags, imported: &Imported) -> Result<(), Failure> {
    if flags.json {
        print::out(&listings::to_json(imported)?)?;
        return Ok(());
    }
    let mut text = failures(imported);
    text.push_str(&format!(
        "{} at {}, {}, {} written, {} not brought there\n",
        count(imported.conversations, "conversation"),
        flags.to,
        count(imported.messages, "message"),
        thousands(imported.written),
        thousands(imported.failed.len() as u64),
    ));
    print::out(&text)?;
    Ok(())
}

/// What could not be brought there, a line for each.
fn failures(imported: &Imported) -> String {
    let mut text = String::new();
    for failed in &imported.failed {
        match failed.conversation {
            Some(id) => text.push_str(&format!("! {id}: {}\n", failed.reason)),
            None => text.push_str(&format!("! {}\n", failed.reason)),
        }
    }
    text
}
