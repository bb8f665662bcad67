//! Work that a client's hang-up must not cancel half way.

use std::future::Future;

use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// The detached work panicked, or the runtime is going down.
#[derive(Debug, thiserror::Error)]
#[error("the work ended without a result")]
pub struct Interrupted;

/// Runs work on tasks of its own and knows which still run.
///
/// hyper drops a handler's future when its client disconnects. A write that was dropped between "the vendor has it"
/// and "we stored it" is a lost answer, so unsafe methods run here, and the handler only waits.
#[derive(Clone, Debug, Default)]
pub struct Detached {
    tasks: TaskTracker,
}

impl Detached {
    /// Starts the work in the caller's tracing span and waits for it. Dropping the returned future stops the
    /// waiting, not the work.
    ///
    /// # Errors
    /// [`Interrupted`] when the work panicked.
    pub fn run<F>(&self, work: F) -> impl Future<Output = Result<F::Output, Interrupted>> + use<F>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = self.tasks.spawn(work.in_current_span());
        async move { task.await.map_err(|_error| Interrupted) }
    }

    /// Starts the work and does not wait for it. Shutdown does.
    pub fn start<F>(&self, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(work.in_current_span());
    }

    /// How much work still runs.
    #[must_use]
    pub fn running(&self) -> usize {
        self.tasks.len()
    }

    /// Waits until nothing runs any more. Work may still be added meanwhile.
    pub async fn finished(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::sync::oneshot;

    use super::Detached;

    #[tokio::test]
    async fn dropping_the_waiter_does_not_cancel_the_work() {
        let detached = Detached::default();
        let (go, wait) = oneshot::channel::<()>();
        let done = Arc::new(AtomicBool::new(false));
        let waiter = detached.run({
            let done = Arc::clone(&done);
            async move {
                wait.await.expect("the test sends");
                done.store(true, Ordering::SeqCst);
            }
        });
        drop(waiter);
        assert_eq!(detached.running(), 1);
        go.send(()).expect("the work still waits");
        detached.finished().await;
        assert!(done.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn panic_in_the_work_is_an_error_to_the_waiter() {
        let detached = Detached::default();
        let result = detached
            .run(async {
                assert!(std::hint::black_box(false), "planted");
            })
            .await;
        assert!(result.is_err());
    }
}
