//! What a mirror does for one conversation: its copy becomes what the source is, or is deleted.

use std::time::Duration;

use backend::ports::{Held, ItemChange, ItemState, copy_lease};
use backend::{Context, Kind, Result};
use conversation::{ConversationId, Patch};

use crate::named::{change_item, name, note_moved, set_state};
use crate::reasons::Reason;
use crate::run::{Lives, Run, Subject};
use crate::sync::{self, Depth, Synced};

/// How long a delete waits for whoever copies the conversation.
const COPY_PATIENCE: Duration = Duration::from_secs(30);

/// What is to be done for a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Sync(Depth),
    Delete,
}

impl What {
    /// What is to be done for both.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Delete, _) | (_, Self::Delete) => Self::Delete,
            (Self::Sync(Depth::Whole), _) | (_, Self::Sync(Depth::Whole)) => {
                Self::Sync(Depth::Whole)
            }
            (one, _) => one,
        }
    }
}

/// What became of a conversation that was to be brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Brought {
    /// The copy is what the source is.
    All,
    /// The target refused something: it is named.
    Part,
}

/// Makes the copy of one conversation what the source is.
pub(super) async fn bring(run: &Run, id: ConversationId, what: What) -> Result<Brought> {
    if let What::Sync(depth) = what {
        match run.lives(id).await? {
            Lives::AtSource(_, subject) => return sync_one(run, subject, depth).await,
            Lives::AtTarget(subject) => {
                note_moved(run, subject.id, &run.spec.to).await?;
                return Ok(Brought::All);
            }
            Lives::Elsewhere(home, _) => {
                note_moved(run, id, &home.backend).await?;
                return Ok(Brought::All);
            }
            // Deleted since.
            Lives::Nowhere => {}
        }
    }
    delete_copy(run, id).await?;
    set_state(run, id, ItemState::Deleted).await?;
    Ok(Brought::All)
}

async fn sync_one(run: &Run, subject: Subject, depth: Depth) -> Result<Brought> {
    let id = subject.id;
    let subject = Subject {
        // It is asked again.
        gives_up: true,
        ..subject
    };
    let synced = sync::sync(run, &subject, depth).await?;
    if synced.failed > 0 {
        // The next pass, or the switch, meets it again.
        set_state(run, id, ItemState::Failed).await?;
        name(run, id, &[], synced.findings).await?;
        return Ok(Brought::Part);
    }
    copied(run, id, depth, &synced).await?;
    Ok(Brought::All)
}

/// A conversation that no pass has met yet, or that could not be copied before, is copied by now.
async fn copied(run: &Run, id: ConversationId, depth: Depth, synced: &Synced) -> Result<()> {
    if depth != Depth::Whole {
        return Ok(());
    }
    let item = run.parts.ledger.item(run.migration, id).await?;
    let state = item.map(|item| item.state);
    if !matches!(state, Some(ItemState::Pending | ItemState::Failed)) {
        return Ok(());
    }
    let change = ItemChange {
        state: Some(ItemState::Copied),
        mark: synced.mark.map_or(Patch::Clear, Patch::Set),
        messages: Some(synced.messages),
        bytes: Some(synced.bytes),
    };
    change_item(run, id, change).await?;
    let over = [Reason::CopyFailed, Reason::TargetRefused];
    name(run, id, &over, synced.findings.clone()).await
}

/// Deletes the copy at the target of a conversation that was deleted through the gateway, where there is one.
///
/// # Errors
/// Where the target does not do it. Doing it again is right: what is gone already is not an error.
pub(crate) async fn delete_copy(run: &Run, id: ConversationId) -> Result<()> {
    let parts = &run.parts;
    let Some(binding) = parts.directory.locate(id).await? else {
        return Ok(());
    };
    if !binding.deleted || binding.location.backend == run.to.stack.info().name {
        return Ok(());
    }
    // Whoever copies it at the moment finds that it was deleted, and makes no place any more.
    let copying = Held::take(&parts.leases, &copy_lease(id), COPY_PATIENCE).await?;
    let deleted = async {
        let Some(copy) = run.place(id, &run.to).await? else {
            return Ok(());
        };
        let target = run.end(&run.to, &Subject::of(id, binding));
        target.wait(1).await?;
        let timeout = parts.settings.write_timeout;
        let cx = Context {
            copying: true,
            ..target.context(timeout)
        };
        let delete = target.stack().delete_conversation(&cx, &copy, None);
        match target.heard(target.in_time(timeout, delete).await) {
            Err(error) if error.kind == Kind::NotFound => Ok(()),
            deleted => deleted,
        }
    };
    let deleted = deleted.await;
    copying.release().await;
    deleted
}
