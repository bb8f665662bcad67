//! Turns: how long work may take for which a conversation's writers wait.

use std::pin::pin;
use std::time::Duration;

use crate::run::Run;

/// How long writers wait at most before what is being done for them to wait for is brought to an end. A request of theirs
/// waits longer than that.
const MOST: Duration = Duration::from_secs(10);
/// How long what was begun by then may take to end. After that it is cut off, which is a crash that every sync survives.
const GRACE: Duration = Duration::from_secs(10);
/// How long writers have between two turns to take theirs.
pub(crate) const PAUSE: Duration = Duration::from_millis(500);

/// One turn: a migration at work that is stopped when the turn is over.
#[derive(Debug)]
pub(crate) struct Turn {
    most: Duration,
    /// The migration, for whoever works in this turn.
    pub(crate) run: Run,
}

impl Turn {
    pub(crate) fn of(run: &Run) -> Self {
        Self::lasting(run, MOST)
    }

    /// A turn of another length, shorter than a request of theirs waits.
    pub(crate) fn lasting(run: &Run, most: Duration) -> Self {
        Self {
            most,
            run: Run {
                stop: run.stop.child_token(),
                ..run.clone()
            },
        }
    }

    /// Works until the turn is over: then what is under way ends as it does where a job is stopped. `None` where it had
    /// to be cut off.
    pub(crate) async fn take<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        if let Ok(done) = tokio::time::timeout(self.most, work.as_mut()).await {
            return Some(done);
        }
        self.run.stop.cancel();
        tokio::time::timeout(GRACE, work).await.ok()
    }

    /// True where the turn was over before the work was done, or the job is to stop.
    pub(crate) fn is_over(&self) -> bool {
        self.run.stop.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[tokio::test]
    async fn what_takes_too_long_is_stopped_and_then_cut_off() {
        let world = World::new();
        let run = world.migration().await;
        tokio::time::pause();
        let turn = Turn::of(&run);
        assert_eq!(turn.take(async { 1 }).await, Some(1));
        assert!(!turn.is_over());
        let stop = turn.run.stop.clone();
        let gives_way = async {
            stop.cancelled().await;
            2
        };
        assert_eq!(turn.take(gives_way).await, Some(2));
        assert!(turn.is_over() && !run.stop.is_cancelled());
        let never = std::future::pending::<u8>();
        assert_eq!(Turn::of(&run).take(never).await, None);
    }
}
