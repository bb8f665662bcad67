//! What goes on beside jobs: a mirror until the switch, a drain after it. At most one of a migration.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backend::ports::{Held, MigrationId, MigrationRecord, Phase};
use backend::{Error, Kind, Result};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::drain::Way;
use crate::records::{note, set_note};
use crate::service::Service;
use crate::shadow::Shadow;
use crate::status::ShadowSummary;
use crate::{drain, mirror};

/// The note of a record that tells what watches it, wherever.
const WATCH: &str = "watch";
/// How long is waited until another replica has ended its watch: what that has begun is brought to its end first, and a dead
/// one's lease lasts a while.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(200);

/// When a watch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begins {
    /// With a job, or after one: on return whoever watched before has ended, and whoever watches from now on has begun.
    Due,
    /// Where nobody else watches. What was written until then was missed.
    WhereFree,
}

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

impl What {
    /// As records tell it.
    fn word(self) -> &'static str {
        match self {
            Self::Mirror => "mirror",
            Self::Drain(Way::Forth) => "drain",
            Self::Drain(Way::ForthInPart) => "drain_in_part",
            Self::Drain(Way::Back) => "drain_back",
            Self::Drain(Way::BackInPart) => "drain_back_in_part",
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

    /// The migrations that are watched here.
    pub(crate) fn ids(&self) -> Vec<MigrationId> {
        self.lock().keys().copied().collect()
    }

    /// What watches a migration here; one whose lease was lost has ended by itself.
    fn running(&self, id: MigrationId) -> Option<What> {
        let watches = self.lock();
        let watch = watches.get(&id)?;
        (!watch.task.is_finished()).then_some(watch.what)
    }

    /// True where a migration is watched here otherwise than its record wants it.
    pub(crate) fn is_other(&self, record: &MigrationRecord) -> bool {
        let running = self.running(record.id);
        running.is_some() && running != What::of(record) && self.changing.try_lock().is_ok()
    }

    /// True where a migration is to be watched and is not, here.
    pub(crate) fn is_wanted_and_not_here(&self, record: &MigrationRecord) -> bool {
        let is_wanted = What::of(record).is_some() && self.running(record.id).is_none();
        is_wanted && self.changing.try_lock().is_ok()
    }

    /// What comparing reads has found so far, where a mirror runs.
    pub(crate) fn shadow(&self, id: MigrationId) -> Option<ShadowSummary> {
        let watches = self.lock();
        let watch = watches.get(&id)?;
        (watch.what == What::Mirror && !watch.task.is_finished()).then(|| watch.shadow.summary())
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
        self.watch_as(record, Begins::Due).await
    }

    /// The same for a migration that another replica may watch: then it is left to that one.
    pub(crate) async fn watch_left(self: &Arc<Self>, record: &MigrationRecord) -> Result<()> {
        self.watch_as(record, Begins::WhereFree).await
    }

    async fn watch_as(self: &Arc<Self>, record: &MigrationRecord, begins: Begins) -> Result<()> {
        let one = self.watches.changing.lock().await;
        let now;
        let record = match self.is_shared() {
            // Another replica may have changed it.
            true => {
                now = self.records.get(record.id).await?;
                &now
            }
            false => record,
        };
        let id = record.id;
        let wanted = What::of(record);
        let running = self.watches.running(id);
        if running == wanted && (wanted.is_some() || !self.is_shared()) {
            return Ok(());
        }
        let over = self.watches.lock().remove(&id);
        if let Some(over) = over {
            over.end().await;
        }
        let (Some(what), Some(traffic)) = (wanted, self.traffic.get()) else {
            // What runs here of other migrations need not wait for another replica.
            drop(one);
            return match self.is_shared() && begins == Begins::Due {
                true => self.until_nobody_watches(id).await,
                false => Ok(()),
            };
        };
        let held = match self.is_shared() {
            true => match self.hold_watch(id, what, begins).await? {
                Some(held) => Some(held),
                None => return Ok(()),
            },
            false => None,
        };
        let stop = CancellationToken::new();
        let mut run = self.run(record, None, stop.clone())?;
        if let Some(held) = &held {
            run = self.within(run, held);
        }
        let shadow = Arc::new(Shadow::of(record));
        let task = match what {
            What::Mirror => {
                let touches = traffic.follow();
                // From here on nothing is missed, of other replicas either.
                let is_told = traffic.catch_up().await.is_ok();
                let missed = begins == Begins::WhereFree || !is_told;
                let mirror = mirror::mirror(self.clone(), run, touches, shadow.clone(), missed);
                tokio::spawn(while_held(id, held, mirror))
            }
            What::Drain(way) => tokio::spawn(while_held(id, held, drain::drain(run, way))),
        };
        let watch = Watch {
            what,
            stop,
            task,
            shadow,
        };
        self.watches.lock().insert(id, watch);
        Ok(())
    }

    /// Takes the lease of whoever watches a migration; `None` where it is left to the one that does.
    async fn hold_watch(
        &self,
        id: MigrationId,
        what: What,
        begins: Begins,
    ) -> Result<Option<Held>> {
        let give_up = Instant::now() + PATIENCE;
        let held = loop {
            match Held::take(&self.parts.leases, &lease(id), Duration::ZERO).await {
                Ok(held) => break held,
                Err(error) if error.kind != Kind::Busy => return Err(error),
                Err(_) if begins == Begins::WhereFree => return Ok(None),
                Err(_) => {}
            }
            let record = self.records.get(id).await?;
            if note::<Box<str>>(&record, WATCH).as_deref() == Some(what.word()) {
                return Ok(None);
            }
            if Instant::now() >= give_up {
                return Err(still_watched());
            }
            tokio::time::sleep(LOOK).await;
        };
        let noting = self
            .records
            .edit(id, |record| set_note(record, WATCH, &what.word()));
        match noting.await {
            Ok(_) => Ok(Some(held)),
            Err(error) => {
                held.release().await;
                Err(error)
            }
        }
    }

    /// Waits until the watch of another replica has ended.
    async fn until_nobody_watches(&self, id: MigrationId) -> Result<()> {
        let held = Held::take(&self.parts.leases, &lease(id), PATIENCE).await;
        let held = held.map_err(|error| match error.kind {
            Kind::Busy => still_watched(),
            _ => error,
        })?;
        held.release().await;
        Ok(())
    }
}

/// Watches until the end, or until the lease is lost: then it is left where it stands.
async fn while_held(id: MigrationId, held: Option<Held>, watching: impl Future<Output = ()>) {
    let Some(held) = held else {
        return watching.await;
    };
    let term = held.term();
    tokio::select! {
        biased;
        () = term.over() => {
            tracing::warn!(migration = %id, "the lease of a migration's watch was lost: another replica goes on with it");
        }
        () = watching => {}
    }
    held.release().await;
}

/// The lease of whoever watches a migration.
fn lease(id: MigrationId) -> String {
    format!("watch/{id}")
}

fn still_watched() -> Error {
    Error::new(
        Kind::Busy,
        "another replica has not ended what it does beside this migration's jobs: try again",
    )
    .retry_after(Some(Duration::from_secs(1)))
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
