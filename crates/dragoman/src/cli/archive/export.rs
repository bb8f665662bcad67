//! `dragoman export`: writes conversations into a folder that can be verified.

use std::collections::BTreeMap;
use std::path::Path;

use migration::archive::{About, AttachmentLine, Line, Manifest, OverLine, Reader, Writer};
use serde_json::json;
use transport::Pieces;

use super::directory::Directory;
use super::{MADE_BY, cannot_use};
use crate::cli::arguments::ExportFlags;
use crate::cli::client::{Database, Reached, with_gateway};
use crate::cli::ending::Ending;
use crate::cli::progress::{Lines, Progress};
use crate::cli::shown::{count, thousands};
use crate::cli::{listings, print};
use crate::failure::Failure;

/// The longest line that is taken, in bytes: an archive refuses a longer one too.
const LINE_MAX_BYTES: usize = migration::archive::LINE_MAX_BYTES + 1;

/// Exports, or goes on with an export.
pub(in crate::cli) fn export(
    flags: &ExportFlags,
    variables: &BTreeMap<String, String>,
) -> Result<Ending, Failure> {
    let about = About {
        backend: flags.backend.as_deref().map(Into::into),
        tenant: flags.tenant.as_deref().map(Into::into),
        label: flags.label.as_deref().map(Into::into),
    };
    let path = &flags.out;
    let mut folder =
        Directory::for_writing(path).map_err(|error| cannot_use(path, error.into()))?;
    if let Some(manifest) = finished(&folder, &about) {
        // Whoever types it again wants to know that it is there, not that it is in the way.
        return show(flags, &manifest, true);
    }
    let manifest = with_gateway(
        &flags.server,
        variables,
        "export",
        Database::MustExist,
        async |reached| {
            let writer = Writer::open(&mut folder, &about, MADE_BY)
                .map_err(|error| cannot_use(path, error))?;
            let lines = if flags.json { Lines::Error } else { Lines::Out };
            write(reached, flags, writer, lines).await
        },
    )?;
    show(flags, &manifest, false)
}

/// The manifest of a finished archive of the same that is there already.
fn finished(folder: &Directory, about: &About) -> Option<Manifest> {
    let reader = Reader::open(folder).ok()?;
    let manifest = reader.manifest();
    (manifest.about == *about).then(|| manifest.clone())
}

/// Asks for everything behind what is there, and writes it.
async fn write(
    reached: &Reached,
    flags: &ExportFlags,
    mut writer: Writer<'_>,
    lines: Lines,
) -> Result<Manifest, Failure> {
    let path = &flags.out;
    let asking = reached.api.get(&["archive"]);
    let pieces = asking
        .query("backend", flags.backend.as_deref())
        .query("tenant", flags.tenant.as_deref())
        .query("label", flags.label.as_deref())
        .query("after", writer.after())
        .pieces()
        .await?;
    let mut sent = Sent::new(pieces);
    let mut progress = Progress::new(lines);
    while let Some(line) = sent.next().await? {
        if let Line::Over(over) = line {
            return writer
                .finish(&over)
                .map_err(|error| cannot_use(path, error));
        }
        if let Line::Attachment(line) = &line
            && writer.lacks(&line.sha256)
        {
            let bytes = attachment(reached, sent.conversation.as_deref(), line).await?;
            writer
                .attachment(&line.sha256, &bytes)
                .map_err(|error| cannot_use(path, error))?;
        }
        writer
            .line(&line)
            .map_err(|error| cannot_use(path, error))?;
        tell(&mut progress, &writer.written())?;
    }
    Err(Failure::temporary(
        "the export was cut off by the gateway",
        "the same command goes on behind the last complete conversation",
    ))
}

/// The bytes of an attachment.
async fn attachment(
    reached: &Reached,
    conversation: Option<&str>,
    line: &AttachmentLine,
) -> Result<bytes::Bytes, Failure> {
    let asking = reached.api.get(&["archive", "attachments"]);
    let asking = asking.query("conversation", conversation);
    let answer = asking.query("id", Some(&line.id)).raw().await?;
    Ok(answer.into_body())
}

fn tell(progress: &mut Progress, written: &OverLine) -> Result<(), Failure> {
    let message = format!("conversations, {} messages", thousands(written.messages));
    progress.show(
        written.conversations,
        0,
        &message,
        || json!({"job": "export", "progress": written}),
    )
}

/// Lines as they arrive.
struct Sent {
    pieces: Pieces,
    waiting: Vec<u8>,
    /// How much of what waits is known to hold no line break.
    searched: usize,
    /// The conversation that has begun.
    conversation: Option<String>,
}

impl Sent {
    fn new(pieces: Pieces) -> Self {
        Self {
            pieces,
            waiting: Vec::new(),
            searched: 0,
            conversation: None,
        }
    }

    /// The next line; `None` where the answer ends.
    async fn next(&mut self) -> Result<Option<Line>, Failure> {
        loop {
            let unsearched = &self.waiting[self.searched..];
            if let Some(at) = unsearched.iter().position(|byte| *byte == b'\n') {
                let end = self.searched + at;
                let line = read(&self.waiting[..end])?;
                self.waiting.drain(..=end);
                self.searched = 0;
                if let Line::Conversation(begun) = &line {
                    self.conversation = Some(begun.id.to_string());
                }
                return Ok(Some(line));
            }
            self.searched = self.waiting.len();
            if self.searched > LINE_MAX_BYTES {
                return Err(unreadable());
            }
            let piece = self.pieces.next().await.map_err(|error| {
                Failure::temporary(
                    format!("the export was cut off: {error}"),
                    "the same command goes on behind the last complete conversation",
                )
            })?;
            match piece {
                Some(piece) => self.waiting.extend_from_slice(&piece),
                None => return Ok(None),
            }
        }
    }
}

fn read(line: &[u8]) -> Result<Line, Failure> {
    // What is wrong is not told: it would quote somebody's message.
    serde_json::from_slice(line).map_err(|_| unreadable())
}

fn unreadable() -> Failure {
    Failure::permanent(
        "the gateway's export cannot be read",
        "is the gateway of this version? `dragoman --version` tells this one's",
    )
}

fn show(flags: &ExportFlags, manifest: &Manifest, was_there: bool) -> Result<Ending, Failure> {
    let counts = &manifest.counts;
    if flags.json {
        // Segments and attachments are for programs that read the archive itself.
        let shown = json!({
            "folder": flags.out,
            "was_there": was_there,
            "begun_at": manifest.begun_at,
            "finished_at": manifest.finished_at,
            "about": manifest.about,
            "counts": counts,
            "exceptions": manifest.exceptions,
            "root": manifest.root,
            "complete": manifest.complete,
        });
        print::out(&listings::to_json(&shown)?)?;
        return Ok(Ending::unless(!manifest.complete));
    }
    let mut text = format!(
        "{}: {}{}, {}, {}\n",
        flags.out.display(),
        if was_there { "finished before, " } else { "" },
        count(counts.conversations, "conversation"),
        count(counts.messages, "message"),
        count(counts.attachments, "attachment"),
    );
    for exception in &manifest.exceptions {
        text.push_str(&format!(
            "! {}: {}: {} -> {}\n",
            exception.conversation, exception.reason, exception.detail, exception.next_step
        ));
    }
    if let Some(root) = &manifest.root {
        text.push_str(&format!("root {root}\n"));
    }
    text.push_str(&verify_next(&flags.out));
    print::out(&text)?;
    Ok(Ending::unless(!manifest.complete))
}

fn verify_next(folder: &Path) -> String {
    format!("next: dragoman verify {}\n", folder.display())
}
