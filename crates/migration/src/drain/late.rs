//! What arrived at an earlier home of one conversation, and is carried to where it lives.

use std::time::Duration;

use backend::ports::{Held, conversation_lease};
use backend::{Error, Kind, Location, Order, Outcome, PageRequest, Result};
use conversation::MessageId;

use super::settling::settle;
use crate::end::stopped;
use crate::run::{Run, Subject};
use crate::sync::{Depth, Synced, sync};
use crate::turns::{PAUSE, Turn};

/// Messages of the page that shows whether something arrived: as many as a sync looks at first.
const PAGE: usize = 200;
/// The turns of one round, for each of which writers wait: a long one only where short ones were not enough.
const TURNS: [Duration; 3] = [
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(40),
];

/// Carries what arrived at the earlier home that `run` reads to the conversation's home. Its writers wait: what arrives
/// takes its place among what they say.
///
/// # Errors
/// Where one side cannot be read, the other not be written, or others write all the time; [`Kind::Busy`] where there is
/// more than fits into a round. What was carried by then stays, and the next round goes on there.
pub(crate) async fn carry_late(run: &Run, subject: &Subject) -> Result<Synced> {
    for most in TURNS {
        let turn = Turn::lasting(run, most);
        let waiting = Subject {
            writers_wait: true,
            ..subject.clone()
        };
        let held = hold(run, subject).await?;
        let work = Box::pin(sync(&turn.run, &waiting, Depth::NewOnly));
        let carried = turn.take(work).await;
        held.release().await;
        match carried {
            Some(Ok(carried)) => return Ok(carried),
            _ if run.stop.is_cancelled() => return Err(stopped()),
            Some(Err(error)) if !turn.is_over() => return Err(error),
            // The next turn goes on where this one ended; its writers come first.
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
    Err(Error::new(
        Kind::Busy,
        "more arrived than could be carried while its writers waited: the next round goes on",
    )
    .outcome(Outcome::NotApplied))
}

/// Finds out, while writers wait, what became of writes to the conversation's home that were cut off.
///
/// # Errors
/// Where its backend cannot be asked, or does not tell yet.
pub(super) async fn settle_late(run: &Run, subject: &Subject) -> Result<()> {
    let held = hold(run, subject).await?;
    let turn = Turn::of(run);
    let settled = turn.take(settle(&turn.run, subject)).await;
    held.release().await;
    settled.unwrap_or_else(|| Err(stopped()))
}

async fn hold(run: &Run, subject: &Subject) -> Result<Held> {
    let patience = run.parts.settings.switch_patience;
    let name = conversation_lease(subject.id);
    tokio::select! {
        () = run.stop.cancelled() => Err(stopped()),
        held = Held::take(&run.parts.leases, &name, patience) => held,
    }
}

/// Whether the earlier home `old` shows something that is not known at the home: only then need anybody wait.
///
/// # Errors
/// Where it cannot be read.
pub(crate) async fn has_new(run: &Run, subject: &Subject, old: &Location) -> Result<bool> {
    let end = run.end(&run.from, subject);
    let old = Location {
        renamed: true,
        ..old.clone()
    };
    let newest = PageRequest {
        limit: end.page_size(PAGE),
        order: Order::Desc,
        position: None,
    };
    let shown = end.page(&old, &newest).await?.items;
    let ids: Vec<MessageId> = shown.into_iter().map(|message| message.id).collect();
    let copied = run.copy_at(subject.id);
    let known = run.parts.ledger.copied(&copied, &ids).await?;
    Ok(known.len() != ids.len() || known.iter().any(Option::is_none))
}
