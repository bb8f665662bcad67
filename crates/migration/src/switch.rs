//! The switch: new conversations follow a route override, then every conversation is bound to the target.

use std::collections::HashSet;
use std::sync::Arc;

use backend::ports::{Item, ItemQuery, ItemState, MigrationSpec, Phase, RouteOverride};
use backend::{Error, Kind, Result};
use conversation::{ConversationId, Time};
use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use std::sync::{Mutex, PoisonError};

use crate::binding::{Binder, Bound};
use crate::changes::Changes;
use crate::end::stopped;
use crate::progress::Counters;
use crate::run::Run;
use crate::service::Service;
use crate::work::{Done, count, is_listing_incomplete, look, look_and_copy};

/// Items of a page of the ledger.
const PAGE: usize = 200;
/// How often it is looked for new conversations. Those that come later are the drain's.
const LOOKS_MAX: usize = 10;
/// So many requests to each backend binding one conversation takes at most, where nothing is left to copy. Writers wait
/// for them, so that no more are bound at once than a slow backend answers in a second or two.
const REQUESTS_OF_ONE: u64 = 6;

/// The states of conversations that live on the source.
const HERE: [ItemState; 3] = [ItemState::Pending, ItemState::Copied, ItemState::Failed];

/// Binds every conversation of a migration to the target.
pub(crate) async fn switch_all(
    service: &Arc<Service>,
    run: &Run,
    counters: &Counters,
) -> Result<Done> {
    let changes = follow(service)?;
    // What is left for when writers wait is then little.
    look_and_copy(run, counters).await?;
    if leads_new_ones(&run.spec) {
        run.parts.ledger.begin_override(&route(run)).await?;
    }
    let binder = Binder {
        run,
        changes: &changes,
        state: ItemState::Switched,
        is_back: false,
    };
    let tried = Mutex::new(HashSet::new());
    for _ in 0..LOOKS_MAX {
        bind_all(&binder, &HERE, &tried, counters).await?;
        if look(run).await? == 0 {
            break;
        }
    }
    let left = count(run, &HERE).await?;
    if left > 0 {
        return Ok(Done {
            but: Some(format!(
                "switched, but {left} conversations stay on `{}`: see the findings, remove the causes and switch again; or \
                 finish, and leave them there; or roll back",
                run.spec.from
            )),
            ..Done::default()
        });
    }
    let mut done = Done::in_phase(Phase::Switched);
    if is_listing_incomplete(run).await? {
        done.but = Some(
            "everything that is known is switched, but the source could not be looked through to its end: see the \
             findings; the drain goes on looking"
                .to_owned(),
        );
    }
    Ok(done)
}

/// Follows what is written through the gateway.
pub(crate) fn follow(service: &Service) -> Result<Changes> {
    let traffic = service.traffic.get();
    let traffic =
        traffic.ok_or_else(|| Error::new(Kind::Internal, "migrations are not started"))?;
    Ok(Changes::follow(traffic))
}

/// Whether new conversations follow: only where all of those that a rule leads to the source belong to the migration.
fn leads_new_ones(spec: &MigrationSpec) -> bool {
    spec.filter.is_whole() && spec.roster.is_empty()
}

fn route(run: &Run) -> RouteOverride {
    RouteOverride {
        migration: run.migration,
        from: run.spec.from.clone(),
        to: run.spec.to.clone(),
        tenant: run.spec.filter.tenant.clone(),
        since: Time::now(),
    }
}

/// Binds every conversation whose item is in one of these states and that was not tried yet.
pub(crate) async fn bind_all(
    binder: &Binder<'_>,
    states: &[ItemState],
    tried: &Mutex<HashSet<ConversationId>>,
    counters: &Counters,
) -> Result<()> {
    let run = binder.run;
    let left = count(run, states).await?;
    let done = counters.snapshot().conversations;
    counters.expect(done.saturating_add(left), 0);
    each_item(run, states.to_vec())
        .try_for_each_concurrent(at_once(run), |item| async move {
            if run.stop.is_cancelled() {
                return Err(stopped());
            }
            let is_new = tried
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(item.conversation);
            if is_new {
                let bound = binder.bind(&item).await?;
                counters.add_conversation(bound == Bound::Here);
            }
            Ok(())
        })
        .await
}

/// How many conversations are bound at once.
fn at_once(run: &Run) -> usize {
    let slowest = [&run.from, &run.to]
        .into_iter()
        .filter_map(|end| {
            let documented = end.stack.capabilities().limits.requests_per_minute;
            end.requests_per_minute.or(documented)
        })
        .min();
    let most = slowest.map_or(u64::MAX, |rate| (rate / 60 / REQUESTS_OF_ONE).max(1));
    usize::try_from(most.min(run.spec.parallel.into()))
        .unwrap_or(1)
        .max(1)
}

/// Items in these states, a page at a time, as they are when they are reached.
pub(crate) fn each_item(
    run: &Run,
    states: Vec<ItemState>,
) -> impl Stream<Item = Result<Item>> + Send + '_ {
    let first = Some(ItemQuery {
        states,
        limit: PAGE,
        ..ItemQuery::default()
    });
    let pages = stream::try_unfold(first, move |query| async move {
        let Some(query) = query else {
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
