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
    /// Brings what still arrives at the source.
    Drain,
    /// After a rollback: brings what still arrives at the target.
    DrainBack,
}

impl What {
    fn of(record: &MigrationRecord) -> Option<Self> {
        match record.phase {
            Phase::Copying | Phase::Copied if record.mirror => Some(Self::Mirror),
            Phase::Switched => Some(Self::Drain),
            Phase::RolledBack => Some(Self::DrainBack),
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
            What::Drain => tokio::spawn(drain::drain(run, Way::Forth)),
            What::DrainBack => tokio::spawn(drain::drain(run, Way::Back)),
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
