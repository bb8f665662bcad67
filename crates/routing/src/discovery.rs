//! Looking through a backend for conversations that the directory does not know.

use std::sync::Arc;
use std::time::Duration;

use backend::ports::{Directory, NewDirectoryEntry};
use backend::{BackendExt, Context, ConversationQuery, Located, Principal, Result};
use conversation::Time;
use futures_util::TryStreamExt;

use crate::slot::{Discovery, Slot};

/// How long one look through a backend may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(600);
/// How many conversations are asked for at a time.
const LOOK_PAGE: usize = 200;
/// How far the backend's clock may be from ours, in microseconds: five minutes.
const CLOCK_SKEW_MICROS: i64 = 300_000_000;

/// Looks through every backend whose last look is older than `interval`; waits, at most `budget`, only for those
/// that never were looked through.
pub(crate) async fn refresh(
    slots: impl Iterator<Item = &Arc<Slot>>,
    directory: &Arc<dyn Directory>,
    interval: Duration,
    budget: Duration,
) {
    let mut first_looks = Vec::new();
    for slot in slots {
        if slot.discovery == Discovery::Off {
            continue;
        }
        let last = match directory.discovered_at(slot.name(), None).await {
            Ok(last) => last,
            Err(error) => {
                tracing::warn!(backend.name = slot.name(), %error, "the time of the last discovery could not be read");
                continue;
            }
        };
        let interval_micros = i64::try_from(interval.as_micros()).unwrap_or(i64::MAX);
        if last.is_some_and(|last| last.saturating_add_micros(interval_micros) > Time::now()) {
            continue;
        }
        let look = tokio::spawn(look_once(slot.clone(), directory.clone(), last));
        if last.is_none() {
            first_looks.push(look);
        }
    }
    // Past the budget the looks go on in the background; the list shows what is known by then.
    let _ = tokio::time::timeout(budget, futures_util::future::join_all(first_looks)).await;
}

/// One look, unless another one is under way or has ended since `last`.
async fn look_once(slot: Arc<Slot>, directory: Arc<dyn Directory>, last: Option<Time>) {
    let _one_at_a_time = slot.discovering.lock().await;
    let looked = async {
        if directory.discovered_at(slot.name(), None).await? != last {
            return Ok(());
        }
        look(&slot, &directory).await
    };
    if let Err(error) = looked.await {
        tracing::warn!(backend.name = slot.name(), error.kind = error.kind.as_str(), %error, "discovery did not finish");
    }
}

async fn look(slot: &Slot, directory: &Arc<dyn Directory>) -> Result<()> {
    let principal = Principal {
        tenant: slot.default_tenant.clone().unwrap_or_default(),
        key: "discovery".into(),
        user: None,
        scopes: Vec::new(),
    };
    let cx = Context::new(Arc::new(principal), "discovery", LOOK_TIMEOUT);
    let started = Time::now();
    let mut found = slot
        .backend
        .all_conversations(&cx, ConversationQuery::all(LOOK_PAGE));
    let mut adopted = 0_u64;
    while let Some(located) = found.try_next().await? {
        if adopt(slot, directory, located).await? {
            adopted += 1;
        }
    }
    drop(found);
    directory
        .set_discovered_at(slot.name(), None, started)
        .await?;
    tracing::info!(backend.name = slot.name(), adopted, "discovery finished");
    Ok(())
}

/// Makes a conversation known, or refreshes one that is; true where it is new.
async fn adopt(slot: &Slot, directory: &Arc<dyn Directory>, located: Located) -> Result<bool> {
    let Located {
        location,
        conversation,
    } = located;
    if let Some(entry) = directory
        .find_native(&location.backend, &location.native)
        .await?
    {
        if !entry.deleted && entry.location.id == conversation.id {
            // Also where nothing changed: it may have been taken for gone.
            directory.refresh(conversation.id, &conversation).await?;
        }
        return Ok(false);
    }
    // One that a create under way could have made belongs to that create.
    let recent = slot.oldest_create().is_some_and(|began| {
        conversation.created_at >= began.saturating_add_micros(-CLOCK_SKEW_MICROS)
    });
    if recent {
        return Ok(false);
    }
    directory
        .insert(NewDirectoryEntry {
            location,
            tenant: slot.default_tenant.clone(),
            owner: None,
            document: conversation,
        })
        .await
}
