//! Settles interrupted writes in the background: at start, and again and again until the stop.

use std::sync::Arc;
use std::time::Duration;

use backend::ports::{IntentQuery, IntentState, Intents};
use conversation::Time;
use routing::Recovered;
use server::Shutdown;

use crate::live::traffic::CurrentRouter;

/// How often interrupted writes are looked for.
const RECOVERY_INTERVAL: Duration = Duration::from_secs(15);

/// Runs until the stop signal. What is being settled then stays open, for the next start.
pub(crate) async fn keep_recovering(router: Arc<CurrentRouter>, shutdown: Shutdown) {
    let mut ticks = tokio::time::interval(RECOVERY_INTERVAL);
    // A long recovery is followed by a pause, not by all that it has missed.
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let recovering = async {
        loop {
            ticks.tick().await;
            match router.now().recover(Time::now()).await {
                Ok(recovered) => report(recovered),
                Err(error) => tracing::warn!(%error, "interrupted writes could not be looked for"),
            }
        }
    };
    tokio::select! {
        () = shutdown.stopping().cancelled() => {}
        () = recovering => {}
    }
}

/// How often writes in doubt are counted, and how many at most.
const DOUBTS_INTERVAL: Duration = Duration::from_secs(60);
const DOUBTS_MAX: usize = 1_000;
/// How many are read at once: each holds a whole write.
const DOUBTS_PAGE: usize = 50;

/// Counts, for as long as the process runs, the writes of which nobody can know what became of them.
pub(crate) async fn keep_counting_doubts(intents: Arc<dyn Intents>) {
    let mut ticks = tokio::time::interval(DOUBTS_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match doubts(&*intents).await {
            // Exact: far below 2^53.
            Ok(count) => metrics::gauge!("dragoman_intents_unknown").set(count as f64),
            Err(error) => tracing::warn!(%error, "writes in doubt could not be counted"),
        }
    }
}

async fn doubts(intents: &dyn Intents) -> backend::Result<usize> {
    let mut count = 0;
    let mut query = IntentQuery {
        state: Some(IntentState::Unknown),
        limit: DOUBTS_PAGE,
        ..IntentQuery::default()
    };
    loop {
        let page = intents.list(&query).await?;
        count += page.items.len();
        match page.next {
            Some(next) if count < DOUBTS_MAX => query.after = Some(next),
            _ => return Ok(count.min(DOUBTS_MAX)),
        }
    }
}

fn report(recovered: Recovered) {
    let Recovered {
        settled,
        unknown,
        waiting,
    } = recovered;
    metrics::counter!("dragoman_intents_settled_total").increment(settled);
    metrics::counter!("dragoman_intents_unknown_total").increment(unknown);
    // A count of what waits is exact far below 2^53.
    metrics::gauge!("dragoman_intents_waiting").set(waiting as f64);
    if settled > 0 || unknown > 0 {
        tracing::info!(settled, unknown, waiting, "interrupted writes were settled");
    }
}
