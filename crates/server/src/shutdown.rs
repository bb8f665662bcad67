//! The steps of stopping: not ready, streams end, everything is cut.

use facadekit::Detached;
use tokio_util::sync::CancellationToken;

/// Shared by the signal handler, the accept loop, the streams and `/readyz`.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    stopping: CancellationToken,
    draining: CancellationToken,
    streams: CancellationToken,
    cut: CancellationToken,
    detached: Detached,
}

impl Shutdown {
    /// A server that runs.
    #[must_use]
    pub fn new() -> Self {
        Shutdown::default()
    }

    /// The stop signal: `/readyz` says 503 at once, [`crate::serve()`] drains and returns within its deadline.
    pub fn begin(&self) {
        self.stopping.cancel();
    }

    /// The second stop signal: cuts everything now.
    pub fn cut(&self) {
        self.stopping.cancel();
        self.draining.cancel();
        self.streams.cancel();
        self.cut.cancel();
    }

    /// Whether the stop signal has come.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Cancelled when the stop signal has come.
    #[must_use]
    pub fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Cancelled when streams must send their last event and end.
    #[must_use]
    pub fn streams_must_end(&self) -> &CancellationToken {
        &self.streams
    }

    /// Work that outlives its client; shutdown waits for it until the deadline.
    #[must_use]
    pub fn detached(&self) -> &Detached {
        &self.detached
    }

    /// The drain delay is over: connections finish what runs and take nothing new.
    pub(crate) fn drain(&self) {
        self.draining.cancel();
    }

    pub(crate) fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    pub(crate) fn end_streams(&self) {
        self.streams.cancel();
    }

    pub(crate) fn cutting(&self) -> &CancellationToken {
        &self.cut
    }
}
