//! Which call fails, and how.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backend::{Error, Kind, Result};
use futures_util::future::BoxFuture;
use tokio::sync::Notify;
use uuid::Uuid;

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is certainly not done.
    Refused,
    /// It is done, and the answer is lost.
    LostDone,
    /// It is not done, and nobody can know.
    LostUndone,
    /// It is done a while later, and the answer is lost.
    Late,
    /// Whoever calls dies before it is done.
    CutBefore,
    /// Whoever calls dies while it is done: what was handed over is done all the same.
    CutDuring,
    /// Whoever calls dies after it is done.
    CutAfter,
}

impl Fault {
    pub(super) const ALL: [Self; 7] = [
        Self::Refused,
        Self::LostDone,
        Self::LostUndone,
        Self::Late,
        Self::CutBefore,
        Self::CutDuring,
        Self::CutAfter,
    ];
}

/// The n-th call of everything that is wrapped fails.
#[derive(Debug, Default)]
pub(super) struct Plan {
    calls: AtomicU64,
    fails: Mutex<Option<(u64, Fault)>>,
    /// Writes that are still to be done.
    late: Mutex<HashSet<Uuid>>,
    /// So many imports from now on one is stored without what is kept beside it, and its answer is lost.
    loses: AtomicU64,
    pub(super) cut: Notify,
}

impl Plan {
    /// From now on the n-th call fails.
    pub(super) fn fail(&self, nth: u64, fault: Fault) {
        self.calls.store(0, Ordering::SeqCst);
        *self.fails.lock().unwrap() = Some((nth, fault));
    }

    /// Nothing fails any more; whether something did.
    pub(super) fn end(&self) -> bool {
        self.fails.lock().unwrap().take().is_none()
    }

    /// The n-th import from now on is stored bare, and its answer is lost.
    pub(super) fn lose_import(&self, nth: u64) {
        self.loses.store(nth, Ordering::SeqCst);
    }

    pub(super) fn loses_this_import(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        let before = self
            .loses
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        before == Ok(1)
    }

    pub(super) fn is_late(&self, intent: Uuid) -> bool {
        self.late.lock().unwrap().contains(&intent)
    }

    pub(super) async fn all_landed(&self) {
        while !self.late.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn next(&self) -> Option<Fault> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let mut fails = self.fails.lock().unwrap();
        let (_, fault) = (*fails).filter(|(nth, _)| *nth == call)?;
        *fails = None;
        Some(fault)
    }

    /// Makes a call, or has it fail. `intent` is that of a write.
    pub(super) async fn call<T: Send + 'static>(
        self: &std::sync::Arc<Self>,
        intent: Option<Uuid>,
        call: BoxFuture<'static, Result<T>>,
    ) -> Result<T> {
        let lost = || Error::new(Kind::Timeout, "the answer was lost");
        match self.next() {
            None => call.await,
            Some(Fault::Refused) => Err(Error::new(Kind::Unavailable, "not now")),
            Some(Fault::LostUndone) => Err(lost()),
            Some(Fault::LostDone) => {
                drop(call.await);
                Err(lost())
            }
            Some(Fault::Late) => {
                let this = self.clone();
                if let Some(intent) = intent {
                    this.late.lock().unwrap().insert(intent);
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_millis(8)).await;
                        drop(call.await);
                        this.late.lock().unwrap().remove(&intent);
                    });
                }
                Err(lost())
            }
            Some(Fault::CutBefore) => {
                self.cut.notify_one();
                std::future::pending().await
            }
            Some(Fault::CutDuring) => {
                let mut call = call;
                drop(futures_util::poll!(&mut call));
                drop(call);
                self.cut.notify_one();
                std::future::pending().await
            }
            Some(Fault::CutAfter) => {
                drop(call.await);
                self.cut.notify_one();
                std::future::pending().await
            }
        }
    }
}
