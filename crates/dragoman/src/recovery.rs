//! Settles interrupted writes in the background: at start, and again and again until the stop.

use std::sync::Arc;
use std::time::Duration;

use backend::Kind;
use backend::ports::{Held, IntentQuery, IntentState, Intents, Leases};
use conversation::Time;
use routing::Recovered;
use server::Shutdown;

use crate::live::traffic::CurrentRouter;

/// How often interrupted writes are looked for.
const RECOVERY_INTERVAL: Duration = Duration::from_secs(15);

/// The lease of the replica that settles interrupted writes.
const RECOVERY_LEASE: &str = "recovery";

/// Runs until the stop signal. What is being settled then stays open, for the next start.
pub(crate) async fn keep_recovering(
    router: Arc<CurrentRouter>,
    leases: Arc<dyn Leases>,
    shutdown: Shutdown,
) {
    let mut ticks = tokio::time::interval(RECOVERY_INTERVAL);
    // A long recovery is followed by a pause, not by all that it has missed.
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let recovering = async {
        loop {
            ticks.tick().await;
            let router = router.now();
            match alone(&leases, router.recover(Time::now())).await {
                Ok(Some(recovered)) => report(recovered),
                // Another replica does it, and tells what waits.
                Ok(None) => metrics::gauge!("dragoman_intents_waiting").set(0.0),
                Err(error) => tracing::warn!(%error, "interrupted writes could not be looked for"),
            }
        }
    };
    tokio::select! {
        () = shutdown.stopping().cancelled() => {}
        () = recovering => {}
    }
}

/// Settles where no other replica does now: two would settle the same writes, and count them twice. `None` where another
/// one does, or may have begun to since.
async fn alone<T>(
    leases: &Arc<dyn Leases>,
    recovering: impl Future<Output = backend::Result<T>>,
) -> backend::Result<Option<T>> {
    let held = match Held::take(leases, RECOVERY_LEASE, Duration::ZERO).await {
        Ok(held) => held,
        Err(error) if error.kind == Kind::Busy => return Ok(None),
        Err(error) => return Err(error),
    };
    let term = held.term();
    let recovered = tokio::select! {
        biased;
        () = term.over() => Ok(None),
        recovered = recovering => recovered.map(Some),
    };
    held.release().await;
    recovered
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use store::{SealingKey, Store, StoreConfig};

    use super::*;

    #[tokio::test]
    async fn one_replica_at_a_time_settles_interrupted_writes() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig::at(directory.path().join("dragoman.db"))).unwrap();
        let state = store.state(&SealingKey::from_bytes([7; 32])).unwrap();
        let leases: Arc<dyn Leases> = Arc::new(state);
        let at_once = AtomicUsize::new(0);
        let recovering = || async {
            assert_eq!(at_once.fetch_add(1, Ordering::SeqCst), 0);
            tokio::time::sleep(Duration::from_millis(50)).await;
            at_once.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        };
        let done =
            futures_util::future::join_all((0..4).map(|_| alone(&leases, recovering()))).await;
        let done: Vec<Option<()>> = done.into_iter().map(Result::unwrap).collect();
        assert_eq!(done.iter().flatten().count(), 1);
        // The next round may be another one's.
        assert_eq!(alone(&leases, recovering()).await.unwrap(), Some(()));
        store.close().await.unwrap();
    }
}
