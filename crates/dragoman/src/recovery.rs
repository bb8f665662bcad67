//! Settles interrupted writes in the background: at start, and again and again until the stop.

use std::sync::Arc;
use std::time::Duration;

use conversation::Time;
use routing::{Recovered, Router};
use server::Shutdown;

/// How often interrupted writes are looked for.
const RECOVERY_INTERVAL: Duration = Duration::from_secs(15);

/// Runs until the stop signal. What is being settled then stays open, for the next start.
pub(crate) async fn keep_recovering(router: Arc<Router>, shutdown: Shutdown) {
    let mut ticks = tokio::time::interval(RECOVERY_INTERVAL);
    // A long recovery is followed by a pause, not by all that it has missed.
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let recovering = async {
        loop {
            ticks.tick().await;
            match router.recover(Time::now()).await {
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
