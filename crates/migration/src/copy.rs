//! Copies every conversation of a migration: several at once, each by one task, in bounded memory.
//!
//! A pass that follows an earlier one looks first which conversations have changed, and makes them pending again; so every
//! pass ends when nothing is pending, and one that was cut off goes on where it was.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backend::ports::{Finding, Item, ItemQuery, ItemState, MigrationRecord, Sign};
use backend::{Error, Kind, Result};
use conversation::{ConversationId, Digest};
use futures_util::future::FutureExt as _;
use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};

use crate::end::{MOMENT, stopped};
use crate::enumerate::enumerate;
use crate::mirror;
use crate::progress::Counters;
use crate::reasons::Reason;
use crate::records::{note, set_note};
use crate::run::{Lives, Run};
use crate::sync::{self, Depth, Synced};

/// Items of a page of the ledger.
const PAGE: usize = 200;
/// How long is waited before those are tried again that were put aside: at first, and at most.
const ASIDE_FIRST: Duration = MOMENT.saturating_mul(4);
const ASIDE_MOST: Duration = Duration::from_secs(30);
/// So often a conversation is tried again whose failure may pass; after that it counts as failed. One whose write is in
/// doubt is asked about until the ledger's patience is over.
const ROUNDS_MAX: u32 = 5;
/// Where the migration's record holds how far the pass is.
const PASS: &str = "pass";

/// How far a pass is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Pass {
    /// It is looked which conversations have changed.
    Looking,
    /// Those that are pending are copied.
    Copying,
}

/// Copies what is not copied, and what has changed since. A conversation that cannot be copied is a finding.
///
/// # Errors
/// Those of the gateway's own state, and where the job was stopped: the next call goes on.
pub(crate) async fn copy_all(run: &Run, progress: &Counters) -> Result<()> {
    if pass(run).await? != Some(Pass::Copying) {
        if has_any(run, vec![ItemState::Copied]).await? || !has_any(run, Vec::new()).await? {
            note_pass(run, Some(Pass::Looking)).await?;
            let found = enumerate(run).await?;
            run.parts
                .ledger
                .replace_findings(run.migration, None, &found.findings)
                .await?;
            reopen_changed(run).await?;
        }
        note_pass(run, Some(Pass::Copying)).await?;
    }
    expect(run, progress).await?;
    let mut states = vec![ItemState::Pending, ItemState::Failed];
    let mut wait = ASIDE_FIRST;
    let mut rounds = 0;
    loop {
        let round = Round {
            run,
            progress,
            is_last: rounds >= ROUNDS_MAX,
            aside: AtomicU64::new(0),
        };
        let parallel = usize::try_from(run.spec.parallel).unwrap_or(1).max(1);
        pending(run, states)
            .try_for_each_concurrent(parallel, |item| round.copy(item).boxed())
            .await?;
        if run.stop.is_cancelled() {
            return Err(stopped());
        }
        if round.aside.into_inner() == 0 {
            break;
        }
        tokio::select! {
            () = run.stop.cancelled() => return Err(stopped()),
            () = tokio::time::sleep(wait) => {}
        }
        wait = (wait * 2).min(ASIDE_MOST);
        rounds += 1;
        // Those that failed for good were tried; who was put aside is pending still.
        states = vec![ItemState::Pending];
    }
    note_pass(run, None).await
}

/// One round over all that is pending.
struct Round<'r> {
    run: &'r Run,
    progress: &'r Counters,
    /// True where nobody is put aside any more but for doubt.
    is_last: bool,
    /// So many were put aside.
    aside: AtomicU64,
}

impl Round<'_> {
    async fn copy(&self, item: Item) -> Result<()> {
        if self.run.stop.is_cancelled() {
            return Ok(());
        }
        let id = item.conversation;
        let subject = match self.run.subject(id).await {
            Ok(subject) => subject,
            Err(error) if error.kind == Kind::NotFound => return self.deleted(item, &error).await,
            Err(error) => return Err(error),
        };
        match sync::sync(self.run, &subject, Depth::Whole).await {
            Ok(synced) => self.copied(item, synced).await,
            // It was deleted meanwhile.
            Err(error) if error.kind == Kind::NotFound && self.is_deleted(id).await? => {
                self.deleted(item, &error).await
            }
            // It was bound to the target, by another migration or a switch of this one: there is nothing left to copy.
            Err(error) if error.kind == Kind::Conflict && self.is_at_target(id).await? => {
                self.settle(item, ItemState::Switched, None, Vec::new())
                    .await
            }
            Err(error) => self.refused(item, &error).await,
        }
    }

    async fn is_deleted(&self, id: ConversationId) -> Result<bool> {
        match self.run.subject(id).await {
            Ok(_) => Ok(false),
            Err(error) if error.kind == Kind::NotFound => Ok(true),
            Err(error) => Err(error),
        }
    }

    async fn is_at_target(&self, id: ConversationId) -> Result<bool> {
        let lives = self.run.lives(id).await?;
        Ok(matches!(lives, Lives::AtTarget(_)))
    }

    /// The conversation was deleted through the gateway since: so is its copy.
    async fn deleted(&self, item: Item, error: &Error) -> Result<()> {
        let id = item.conversation;
        if let Err(error) = mirror::delete_copy(self.run, id).await {
            return self.refused(item, &error).await;
        }
        let finding = Reason::Deleted.because(Some(id), error);
        self.settle(item, ItemState::Deleted, None, vec![finding])
            .await
    }

    /// It could not be copied now, or not at all.
    async fn refused(&self, item: Item, error: &Error) -> Result<()> {
        let id = item.conversation;
        match error {
            _ if self.run.stop.is_cancelled() => Ok(()),
            error if self.is_put_aside(error) => {
                tracing::info!(
                    migration = %self.run.migration,
                    conversation = %id,
                    error.kind = error.kind.as_str(),
                    "a conversation is copied later"
                );
                self.aside.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            error => {
                let finding = sync::finding_of(id, error);
                let state = if error.kind == Kind::Full {
                    ItemState::Skipped
                } else {
                    ItemState::Failed
                };
                self.settle(item, state, None, vec![finding]).await
            }
        }
    }

    fn is_put_aside(&self, error: &Error) -> bool {
        // Somebody may have taken away a message just while it was a place in the walk.
        let may_pass = error.is_temporary() || error.kind == Kind::NotFound;
        sync::is_doubtful(error) || (may_pass && !self.is_last)
    }

    async fn copied(&self, item: Item, synced: Synced) -> Result<()> {
        if self.run.progress.is_none() {
            self.progress.add_messages(synced.messages);
            self.progress.add_written(synced.written);
            self.progress.add_bytes(synced.bytes);
        }
        let state = if synced.failed == 0 {
            ItemState::Copied
        } else {
            ItemState::Failed
        };
        let item = Item {
            messages: synced.messages,
            bytes: synced.bytes,
            ..item
        };
        self.settle(item, state, synced.mark, synced.findings).await
    }

    /// Notes what became of a conversation.
    async fn settle(
        &self,
        item: Item,
        state: ItemState,
        mark: Option<Digest>,
        findings: Vec<Finding>,
    ) -> Result<()> {
        let run = self.run;
        let (id, before) = (item.conversation, item.state);
        let was_checked = item.sign.is_some();
        let item = Item {
            state,
            mark,
            // What was compared is not what is there now.
            sign: (state == ItemState::Failed).then_some(Sign::Failed),
            source: None,
            target: None,
            ..item
        };
        if !findings.is_empty() || before != ItemState::Pending || was_checked {
            run.parts
                .ledger
                .replace_findings(run.migration, Some(id), &findings)
                .await?;
        }
        run.parts.ledger.put_items(run.migration, &[item]).await?;
        let is_failed = matches!(state, ItemState::Failed | ItemState::Skipped);
        self.progress.add_conversation(is_failed);
        Ok(())
    }
}

/// Items in these states, a page at a time, as they are when they are reached.
fn pending(run: &Run, states: Vec<ItemState>) -> BoxStream<'_, Result<Item>> {
    let first = Some(ItemQuery {
        states,
        limit: PAGE,
        ..ItemQuery::default()
    });
    let pages = stream::try_unfold(first, move |query| async move {
        let Some(query) = query.filter(|_| !run.stop.is_cancelled()) else {
            return Ok(None);
        };
        let page = run.parts.ledger.items(run.migration, &query).await?;
        let next = page.last().map(|last| ItemQuery {
            after: Some(last.conversation),
            ..query
        });
        let page = stream::iter(page.into_iter().map(Ok::<_, Error>));
        Ok::<_, Error>(next.map(|next| (page, Some(next))))
    });
    pages.try_flatten().boxed()
}

async fn has_any(run: &Run, states: Vec<ItemState>) -> Result<bool> {
    let query = ItemQuery {
        states,
        limit: 1,
        ..ItemQuery::default()
    };
    let found = run.parts.ledger.items(run.migration, &query).await?;
    Ok(!found.is_empty())
}

/// Tells how much there is to do.
async fn expect(run: &Run, progress: &Counters) -> Result<()> {
    let tally = run.parts.ledger.tally(run.migration).await?;
    let (mut conversations, mut messages) = (0, 0);
    for row in tally {
        if matches!(row.state, ItemState::Pending | ItemState::Failed) {
            conversations += row.conversations;
            messages += row.messages;
        }
    }
    progress.expect(conversations, messages);
    Ok(())
}

/// Makes those pending again whose source has changed, or does not tell.
async fn reopen_changed(run: &Run) -> Result<()> {
    let copied = pending(run, vec![ItemState::Copied]);
    let parallel = usize::try_from(run.spec.parallel).unwrap_or(1).max(1);
    copied
        .try_for_each_concurrent(parallel, |item| reopen_if_changed(run, item).boxed())
        .await?;
    if run.stop.is_cancelled() {
        return Err(stopped());
    }
    Ok(())
}

async fn reopen_if_changed(run: &Run, item: Item) -> Result<()> {
    if run.stop.is_cancelled() || !has_changed(run, &item).await? {
        return Ok(());
    }
    let item = Item {
        state: ItemState::Pending,
        ..item
    };
    run.parts.ledger.put_items(run.migration, &[item]).await
}

/// Whether the source of a copied conversation is not what it was; also where that cannot be seen.
async fn has_changed(run: &Run, item: &Item) -> Result<bool> {
    // A mark may not move where a message was only edited. A check saw it all the same.
    let is_other = item.sign.is_some_and(|sign| sign != Sign::Same);
    let Some(mark) = item.mark.filter(|_| !is_other) else {
        return Ok(true);
    };
    let subject = match run.subject(item.conversation).await {
        Ok(subject) => subject,
        Err(error) if error.kind == Kind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    let Some(at) = run.place(subject.id, &run.from).await? else {
        return Ok(true);
    };
    let source = run.end(&run.from, &subject);
    Ok(match source.conversation(&at).await {
        Ok(conversation) => sync::mark_of(&*run.from.stack, &conversation) != Some(mark),
        // What is wrong is told where it is copied.
        Err(_) => true,
    })
}

async fn pass(run: &Run) -> Result<Option<Pass>> {
    let record = run.records.get(run.migration).await?;
    Ok(note(&record, PASS))
}

async fn note_pass(run: &Run, pass: Option<Pass>) -> Result<()> {
    let edit = |record: &mut MigrationRecord| match pass {
        Some(pass) => set_note(record, PASS, &pass),
        None => {
            record.notes.remove(PASS);
            Ok(())
        }
    };
    run.records.edit(run.migration, edit).await.map(drop)
}
