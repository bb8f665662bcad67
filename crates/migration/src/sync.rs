//! Making the copy of one conversation equal to its source, from whatever state a crash or an earlier run left.
//!
//! - Every write is noted before it is sent and again when its end is known ([`journal`]); one of which nobody knows the
//!   end is asked about before anything else is sent ([`settling`], [`creating`]).
//! - The source is read page by page, oldest first; what the ledger does not know is imported, what changed is deleted at
//!   the target and imported again ([`walk`]), what the source has no more is deleted there ([`deleted`]).
//! - A crash between two steps leaves less at the target, never more: the next sync meets the rest as unknown.

mod attachments;
mod behind;
mod creating;
mod deleted;
mod fields;
mod journal;
mod met;
mod order;
mod oversize;
mod pages;
mod settling;
mod source;
mod walk;
mod writer;

#[cfg(test)]
mod tests;

use backend::ports::Finding;
use backend::{Backend, Error, Kind, Location, Outcome, Result};
use conversation::{Conversation, ConversationId, Digest, Time, canonical_json, strict_digest};

use crate::plan::new_conversation;
use crate::reasons::Reason;
use crate::run::{Run, Subject};
use order::{OnlyIf, Target};
use oversize::room;
use source::Source;
use walk::Walk;

pub(crate) use writer::{CopyWriter, Outgoing};

/// How much of the source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Everything: what was added, changed or deleted.
    Whole,
    /// The conversation's own fields, and its newest messages until one that is known and unchanged.
    Newest,
    /// Only messages that are not known, from the newest to the first that is: the target is the truth by now.
    NewOnly,
}

/// What a sync did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Synced {
    /// Messages that were read at the source.
    pub(crate) messages: u64,
    /// Bytes of text and attachments that were read.
    pub(crate) bytes: u64,
    /// Messages that were written.
    pub(crate) written: u64,
    /// Messages that were written again, or taken back, because the source changed them.
    pub(crate) changed: u64,
    /// Messages that could not be copied: each is a finding.
    pub(crate) failed: u64,
    /// What of the source's conversation shows that it changed; absent where it tells nothing of the kind, or not all was
    /// copied.
    pub(crate) mark: Option<Digest>,
    /// The source's `updated_at` when it was read: before its messages were.
    pub(crate) updated_at: Option<Time>,
    /// What an operator must know.
    pub(crate) findings: Vec<Finding>,
}

/// Makes the copy at the target equal to the source. Holds the copy's lease, so that two never work on one conversation.
///
/// # Errors
/// Where the source cannot be read or the target not be written. Whatever was done by then is in the ledger; the same call
/// again goes on from there. [`is_doubtful`] tells where it is not known yet what became of a write; with the outcome
/// `unknown` and no hope the operator must look. [`Kind::Full`] where the conversation has more messages than the target
/// takes, and is not to be copied. [`Kind::Conflict`] where it lives elsewhere by now, so that the source is not the truth
/// any more; [`Kind::Busy`] where its writers did not wait, and the subject gives up then.
pub(crate) async fn sync(run: &Run, subject: &Subject, depth: Depth) -> Result<Synced> {
    let id = subject.id;
    let from = run.place(id, &run.from).await?.ok_or_else(not_there)?;
    // A first home, too, knows messages by other ids, once some were carried back to it.
    let from = Location {
        renamed: true,
        ..from
    };
    let only_if = match depth {
        Depth::NewOnly => OnlyIf::ItLives,
        Depth::Whole | Depth::Newest => OnlyIf::ItLivesAt(run.from.stack.info().name.clone()),
    };
    // Also before anything is read: the source may not be there any more.
    only_if.check(&run.parts, id).await?;
    let known = run.place(id, &run.to).await?;
    let source = Source::new(run, subject);
    let conversation = source.conversation(&from).await?;
    let mut synced = Synced {
        updated_at: Some(conversation.updated_at),
        ..Synced::default()
    };
    let room = room(run, &source, &from, &conversation, &mut synced).await?;
    let target = Target {
        migration: run.migration,
        at: run.copy_at(id),
        end: run.end(&run.to, subject),
        only_if,
    };
    let new = || new_conversation(conversation.clone());
    let mut writer = CopyWriter::open_of(run.parts.clone(), target, known, new).await?;
    let mut walk = Walk::new(&source, &from, &mut writer, room, &mut synced);
    let done = walk.make_equal(&conversation, depth).await;
    let closed = writer.close().await;
    done.and(closed).map(|()| synced)
}

/// True where it is not known yet what became of a write, and asking again later will tell.
pub(crate) fn is_doubtful(error: &Error) -> bool {
    error.outcome == Outcome::Unknown && error.is_temporary()
}

/// What an error of [`sync`] means for an operator.
pub(crate) fn finding_of(conversation: ConversationId, error: &Error) -> Finding {
    let reason = match error.kind {
        Kind::Full => Reason::OversizeRefused,
        _ if error.outcome == Outcome::Unknown && !error.is_temporary() => Reason::OutcomeUnknown,
        _ => Reason::CopyFailed,
    };
    reason.because(Some(conversation), error)
}

/// What of a conversation moves with every message that is added, where its backend has such a thing; where writes are
/// transactions, with every change.
pub(crate) fn mark_of(backend: &dyn Backend, conversation: &Conversation) -> Option<Digest> {
    let can = backend.capabilities();
    if !can.change_mark && !can.transactional {
        return None;
    }
    let mark = (
        strict_digest(conversation),
        conversation.updated_at,
        conversation.last_message_at,
        &conversation.counts,
    );
    Some(Digest::of(canonical_json(&mark).as_bytes()))
}

fn not_there() -> Error {
    Error::new(
        Kind::NotFound,
        "the conversation does not live at the source, and never did",
    )
}
