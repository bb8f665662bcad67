//! The files of a message: copied before it, one at a time.

use backend::ports::{Finding, PlaceQuery};
use backend::{Kind, Outcome, Result};
use conversation::{AttachmentId, Message, Part};

use super::walk::Walk;
use super::writer::is_refusal;
use crate::files;
use crate::reasons::Reason;

/// Copies the attachments of a message that are not at the target. False where one cannot be copied, which is a finding.
pub(super) async fn copy(walk: &mut Walk<'_>, message: &Message) -> Result<bool> {
    let ids = named(message);
    if ids.is_empty() {
        return Ok(true);
    }
    let at = walk.writer.at();
    let place = PlaceQuery {
        conversation: at.conversation,
        backend: at.to.clone(),
    };
    let ledger = &walk.run.parts.ledger;
    let there = ledger.attachment_natives(&place, &ids).await?;
    for (id, there) in ids.iter().zip(there) {
        if there.is_none() && !copy_one(walk, message, id).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn copy_one(walk: &mut Walk<'_>, message: &Message, id: &AttachmentId) -> Result<bool> {
    let mut content = walk.source.end().attachment(walk.from, id).await?;
    if content.is_none() {
        let (run, subject) = (walk.run, walk.source.subject);
        match files::elsewhere(run, subject, id, walk.source.end().name()).await? {
            // It was stored there, and is known there by this id.
            Some((backend, _)) if backend == walk.writer.at().to => return Ok(true),
            found => content = found.map(|(_, content)| content),
        }
    }
    let Some(content) = content else {
        // The source shows a file that it has not: so will the target.
        let detail = format!("attachment {id} is not there any more");
        let finding = Reason::AttachmentUnreadable.of_message(walk.from.id, &message.id, detail);
        walk.synced.findings.push(finding);
        return Ok(true);
    };
    let size = content.bytes.len() as u64;
    walk.synced.bytes += size;
    if let Some(progress) = &walk.run.progress {
        progress.add_bytes(size);
    }
    match walk.writer.attach(id, content).await {
        Ok(()) => Ok(true),
        Err(error)
            if is_refusal(&error)
                || (error.kind == Kind::InvalidResponse && error.outcome != Outcome::Unknown) =>
        {
            let finding = Reason::TargetRefused.because(Some(walk.from.id), &error);
            walk.synced.findings.push(Finding {
                message: Some(message.id.clone()),
                ..finding
            });
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// The stored attachments that a message names.
pub(super) fn named(message: &Message) -> Vec<AttachmentId> {
    let mut named = Vec::new();
    for part in &message.parts {
        if let Part::Image(media) | Part::File(media) | Part::Audio(media) | Part::Video(media) =
            part
            && let Some(id) = &media.attachment_id
            && !named.contains(id)
        {
            named.push(id.clone());
        }
    }
    named
}
