//! What goes on beside jobs: a mirror until the switch, a drain after it. At most one of a migration.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backend::Result;
use backend::ports::{MigrationId, MigrationRecord, Phase};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::drain::Way;
use crate::service::Service;
use crate::shadow::Shadow;
use crate::status::ShadowSummary;
use crate::{drain, mirror};

/// What watches a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// Copies what is written at the source.
    Mirror,
    /// Brings what still arrives at a home that was left.
    Drain(Way),
}

impl What {
    fn of(record: &MigrationRecord) -> Option<Self> {
        // A job that binds conversations ends the drain before it begins, and one that came to no end leaves some where
        // they were: the others must not wait for those.
        let is_left = record.holder.is_none();
        match record.phase {
            Phase::Copying | Phase::Copied if record.mirror => Some(Self::Mirror),
            Phase::Switched => Some(Self::Drain(Way::Forth)),
            Phase::Switching if is_left => Some(Self::Drain(Way::ForthInPart)),
            Phase::RolledBack => Some(Self::Drain(Way::Back)),
            Phase::RollingBack if is_left => Some(Self::Drain(Way::BackInPart)),
            _ => None,
        }
    }
}

/// The watches of this process.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    watches: Mutex<HashMap<MigrationId, Watch>>,
    /// Held while one ends and another begins.
    changing: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Watch {
    what: What,
    stop: CancellationToken,
    task: JoinHandle<()>,
    shadow: Arc<Shadow>,
}

impl Watches {
    fn lock(&self) -> MutexGuard<'_, HashMap<MigrationId, Watch>> {
        // The map is whole after every step.
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What comparing reads has found so far, where a mirror runs.
    pub(crate) fn shadow(&self, id: MigrationId) -> Option<ShadowSummary> {
        let watches = self.lock();
        let watch = watches.get(&id)?;
        (watch.what == What::Mirror).then(|| watch.shadow.summary())
    }

    /// Ends every watch, and waits until what they began has ended.
    pub(crate) async fn stop_all(&self) {
        let _one = self.changing.lock().await;
        let all: Vec<Watch> = self.lock().drain().map(|(_, watch)| watch).collect();
        for watch in &all {
            watch.stop.cancel();
        }
        for watch in all {
            watch.end().await;
        }
    }

    /// Ends every watch on the spot.
    pub(crate) fn abort(&self) {
        for watch in self.lock().values() {
            watch.task.abort();
        }
    }
}

impl Watch {
    async fn end(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await
            && error.is_panic()
        {
            tracing::error!("a watch of a migration panicked");
        }
    }
}

impl Service {
    /// Lets a migration be watched as its record wants it from now on: ends what is over, to its end, and begins what is
    /// due. What a mirror follows is followed on return.
    pub(crate) async fn watch(self: &Arc<Self>, record: &MigrationRecord) -> Result<()> {
        let _one = self.watches.changing.lock().await;
        let wanted = What::of(record);
        let running = self.watches.lock().get(&record.id).map(|watch| watch.what);
        if running == wanted {
            return Ok(());
        }
        let over = self.watches.lock().remove(&record.id);
        if let Some(over) = over {
            over.end().await;
        }
        let (Some(what), Some(traffic)) = (wanted, self.traffic.get()) else {
            return Ok(());
        };
        let stop = CancellationToken::new();
        let run = self.run(record, None, stop.clone())?;
        let shadow = Arc::new(Shadow::of(record));
        let task = match what {
            What::Mirror => {
                let touches = traffic.follow();
                tokio::spawn(mirror::mirror(self.clone(), run, touches, shadow.clone()))
            }
            What::Drain(way) => tokio::spawn(drain::drain(run, way)),
        };
        let watch = Watch {
            what,
            stop,
            task,
            shadow,
        };
        self.watches.lock().insert(record.id, watch);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use backend::ports::{MigrationFilter, MigrationSpec, Oversize};
    use conversation::Time;

    use super::*;

    #[test]
    fn what_was_bound_is_drained_also_where_some_were_left() {
        let of = |phase, is_run: bool| {
            What::of(&MigrationRecord {
                id: MigrationId::generate(),
                spec: MigrationSpec {
                    from: "old".into(),
                    to: "new".into(),
                    filter: MigrationFilter::default(),
                    roster: Vec::new(),
                    oversize: Oversize::Refuse,
                    parallel: 1,
                },
                phase,
                mirror: true,
                holder: is_run.then(|| "somebody".into()),
                stopped: None,
                notes: serde_json::Map::new(),
                created_at: Time::now(),
                updated_at: Time::now(),
            })
        };
        for phase in Phase::ALL {
            let (run, left) = match phase {
                Phase::Copying | Phase::Copied => (Some(What::Mirror), Some(What::Mirror)),
                Phase::Switching => (None, Some(What::Drain(Way::ForthInPart))),
                Phase::Switched => (Some(What::Drain(Way::Forth)), Some(What::Drain(Way::Forth))),
                Phase::RollingBack => (None, Some(What::Drain(Way::BackInPart))),
                Phase::RolledBack => (Some(What::Drain(Way::Back)), Some(What::Drain(Way::Back))),
                _ => (None, None),
            };
            assert_eq!(
                (of(phase, true), of(phase, false)),
                (run, left),
                "{phase:?}"
            );
        }
    }
}
