//! Which conversations a migration holds: the source is looked through, then the directory is walked.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use backend::ports::{
    DirectoryEntry, DirectoryWalk, Finding, Item, ItemState, RosterEntry, Traffic,
};
use backend::{Enumerates, Error, Principal, Result, Scope};
use backon::{ExponentialBuilder, Retryable as _};
use futures_util::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};

use crate::end::{MOMENT, stopped};
use crate::reasons::{Reason, words};
use crate::run::Run;

/// Conversations of a page of the directory.
const PAGE: usize = 500;
/// How many end users a source is looked through for at once.
const LOOKS_PARALLEL: usize = 4;
/// How often a look is tried again.
const RETRIES: usize = 5;
/// The user of a roster's entry that stands for one who was erased.
const ERASED: &str = "(erased)";
/// The most failed looks that are named one by one.
const NAMED_MAX: usize = 1_000;

/// What looking through the source found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Enumerated {
    /// So many conversations are new in the migration.
    pub(crate) added: u64,
    /// False where the source may hold more.
    pub(crate) is_complete: bool,
    /// Why it may.
    pub(crate) findings: Vec<Finding>,
}

/// Looks the source through and adds the conversations that fit to the migration, page by page.
///
/// # Errors
/// Those of the gateway's own state. A source that cannot be looked through is a finding.
pub(crate) async fn enumerate(run: &Run) -> Result<Enumerated> {
    // As it is now: who was erased since the job began has left it.
    let roster = run.records.get(run.migration).await?.spec.roster;
    let findings = look(run, &roster).await?;
    let mut enumerated = Enumerated {
        added: 0,
        is_complete: findings.is_empty(),
        findings,
    };
    let mut walk = DirectoryWalk {
        backend: Some(run.from.stack.info().name.clone()),
        filter: run.spec.filter.clone(),
        owners: roster,
        after: None,
        limit: PAGE,
    };
    loop {
        if run.stop.is_cancelled() {
            return Err(stopped());
        }
        let page = run.parts.directory.walk(&walk).await?;
        let Some(last) = page.last() else {
            return Ok(enumerated);
        };
        walk.after = Some(last.location.id);
        let items: Vec<Item> = page.iter().map(item_of).collect();
        enumerated.added += run.parts.ledger.add_items(run.migration, &items).await?;
    }
}

/// A conversation that is to be copied.
pub(crate) fn item_of(entry: &DirectoryEntry) -> Item {
    let counts = entry.document.counts.as_ref();
    Item {
        conversation: entry.location.id,
        state: ItemState::Pending,
        mark: None,
        messages: counts
            .and_then(|counts| counts.messages)
            .unwrap_or_default(),
        bytes: 0,
        sign: None,
        source: None,
        target: None,
    }
}

/// Has the router look the source through, where conversations may be there that the directory does not know.
async fn look(run: &Run, roster: &[RosterEntry]) -> Result<Vec<Finding>> {
    // What is named one by one is known, or cannot be found by looking.
    if !run.from.discovers || !run.spec.filter.ids.is_empty() {
        return Ok(Vec::new());
    }
    let Some(traffic) = &run.traffic else {
        return Ok(Vec::new());
    };
    let backend = run.from.stack.info().name.clone();
    let by_user = run.from.stack.capabilities().enumerates == Enumerates::User;
    if by_user && roster.is_empty() {
        let detail = format!(
            "backend `{backend}` lists conversations by end user only, and no roster names them: only conversations that \
             the gateway knows are migrated"
        );
        return Ok(vec![Reason::RosterNeeded.finding(None, detail)]);
    }
    let whose: Vec<Option<RosterEntry>> = if by_user {
        // Who was erased is looked for no more.
        let persons = roster.iter().filter(|entry| &*entry.user != ERASED);
        persons.cloned().map(Some).collect()
    } else {
        vec![None]
    };
    let looks = stream::iter(whose).map(|whose| look_for(run, traffic.clone(), whose).boxed());
    let failed = looks
        .buffer_unordered(LOOKS_PARALLEL)
        .take_until(run.stop.cancelled())
        .filter_map(std::future::ready);
    let mut findings: Vec<Finding> = Vec::new();
    let mut unnamed: u64 = 0;
    tokio::pin!(failed);
    while let Some((whose, error)) = failed.next().await {
        if findings.len() < NAMED_MAX {
            findings.push(failed_look(&backend, whose.as_ref(), &error));
        } else {
            unnamed += 1;
        }
    }
    if run.stop.is_cancelled() {
        return Err(stopped());
    }
    if unnamed > 0 {
        let detail = format!("looks for {unnamed} more end users failed");
        findings.push(Reason::ListingIncomplete.finding(None, detail));
    }
    Ok(findings)
}

/// Looks the source through for an end user, or for everybody; why that did not come to its end.
async fn look_for(
    run: &Run,
    traffic: Arc<dyn Traffic>,
    whose: Option<RosterEntry>,
) -> Option<(Option<RosterEntry>, Error)> {
    let backend = &run.from.stack.info().name;
    let principal = principal(run, whose.as_ref());
    let pace = run.paces.of(&run.from);
    let looking = || async {
        pace.wait(1).await;
        traffic.look_through(backend, &principal).await
    };
    let looked = looking
        .retry(
            ExponentialBuilder::default()
                .with_min_delay(MOMENT)
                .with_max_delay(Duration::from_secs(10))
                .with_max_times(RETRIES)
                .with_jitter(),
        )
        .sleep(tokio::time::sleep)
        .when(Error::is_temporary)
        .adjust(|error, wait| {
            wait.map(|wait| error.retry_after.map_or(wait, |asked| asked.max(wait)))
        })
        .await;
    looked.err().map(|error| (whose, error))
}

fn failed_look(backend: &str, whose: Option<&RosterEntry>, error: &Error) -> Finding {
    let whose = whose.map_or_else(String::new, |entry| {
        format!(" for user `{}` of tenant `{}`", entry.user, entry.tenant)
    });
    let detail = format!(
        "looking through backend `{backend}`{whose} did not come to its end: {}",
        words(error)
    );
    Finding {
        detail: detail.into(),
        ..Reason::ListingIncomplete.because(None, error)
    }
}

/// For whom the source is looked through: an end user, or everybody.
fn principal(run: &Run, whose: Option<&RosterEntry>) -> Arc<Principal> {
    let tenant = match whose {
        Some(entry) => entry.tenant.clone(),
        None => run
            .spec
            .filter
            .tenant
            .clone()
            .unwrap_or_else(|| "default".into()),
    };
    Arc::new(Principal {
        tenant,
        key: "migration".into(),
        user: whose.map(|entry| entry.user.clone()),
        scopes: Scope::ALL.to_vec(),
    })
}
