//! Connections for reading, used on the caller's thread: a hand-off would cost ten times a cached read.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use rusqlite::Connection;

/// A fixed set of connections. Each thread prefers one of its own, so that they seldom wait for each other.
pub(super) struct Readers {
    connections: Box<[Mutex<Connection>]>,
}

static NEXT_THREAD: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static THREAD: Cell<usize> = Cell::new(NEXT_THREAD.fetch_add(1, Ordering::Relaxed));
}

impl Readers {
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        Self {
            connections: connections.into_iter().map(Mutex::new).collect(),
        }
    }

    /// Runs `read` with a connection that nobody else uses meanwhile.
    pub(super) fn with<T>(&self, read: impl FnOnce(&Connection) -> T) -> T {
        read(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        let count = self.connections.len();
        let preferred = THREAD.with(Cell::get) % count;
        for offset in 0..count {
            match self.connections[(preferred + offset) % count].try_lock() {
                Ok(connection) => return connection,
                // A reader that panicked has rolled back; its connection is as good as before.
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        self.connections[preferred]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A read transaction, ended when it is dropped. rusqlite's own compiles its statements each time.
pub(super) struct Moment<'a>(&'a Connection);

impl<'a> Moment<'a> {
    pub(super) fn begin(connection: &'a Connection) -> rusqlite::Result<Self> {
        connection.prepare_cached("BEGIN")?.execute([])?;
        Ok(Self(connection))
    }
}

impl Drop for Moment<'_> {
    fn drop(&mut self) {
        let ended = self
            .0
            .prepare_cached("COMMIT")
            .and_then(|mut commit| commit.execute([]));
        if let Err(error) = ended {
            tracing::error!(error = %error, "a read of the store could not be ended");
        }
    }
}
