//! The writing thread: groups the writes that wait into one transaction, each undone alone where it fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use backend::{Error, Kind, Outcome, Result};
use conversation::Time;
use metrics::{gauge, histogram};
use tokio::sync::oneshot;

use super::lock::ServingLock;
use super::upkeep::{HEARTBEAT, Upkeep};
use crate::failure::{Attempt, BUSY_RETRY_AFTER, from_sql, from_sqlite};
use crate::sql::{self, Connection};
use crate::store::{broke_off, closed};

/// A clock that goes back by less than this is not believed: a message written later must not come earlier.
const CLOCK_STEP_MAX_MICROS: i64 = 60_000_000;

/// One write: given the connection it does its work, given an error it only passes that on.
type Job = Box<dyn FnOnce(Result<(&Connection, Time)>) -> Finished + Send>;
/// Tells the caller, once it is known whether the transaction was committed.
type Reply = Box<dyn FnOnce(Option<Error>) + Send>;

/// What a job leaves behind.
struct Finished {
    keep: bool,
    reply: Reply,
}

enum Order {
    Write(Job),
    /// Ends the batch that is being collected.
    Interrupt(Interrupt),
}

/// What is done when every write before it was.
enum Interrupt {
    Alone(Alone),
    Close(oneshot::Sender<()>),
}

/// Work that makes its own transactions.
type Alone = Box<dyn FnOnce(&rusqlite::Connection) + Send>;

/// The way to the writing thread. Dropping it writes what waits and ends the thread.
pub(super) struct Writer {
    orders: Option<SyncSender<Order>>,
    thread: Option<JoinHandle<()>>,
    told: Arc<Told>,
}

/// What the thread tells others beside its answers.
struct Told {
    /// Why the last transaction could not be committed.
    last_failure: Mutex<Option<Error>>,
    /// The time of the last transaction that ended, in microseconds.
    ended_at: AtomicI64,
}

impl Writer {
    /// Starts the thread. The serving lock is given back when the thread has ended.
    pub(super) fn start(
        connection: rusqlite::Connection,
        upkeep: Upkeep,
        lock: Option<ServingLock>,
        batch_max_writes: usize,
        queue_max_writes: usize,
    ) -> Result<Self> {
        let (orders, receiver) = sync_channel(queue_max_writes.max(1));
        let last_time = Time::now();
        let told = Arc::new(Told {
            last_failure: Mutex::new(None),
            ended_at: AtomicI64::new(last_time.as_micros()),
        });
        let mut thread = Thread {
            connection,
            receiver,
            batch_max_writes: batch_max_writes.max(1),
            upkeep,
            last_time,
            told: told.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                let closing = thread.run();
                // Whoever waits for the end may open the file at once.
                drop((thread, lock));
                if let Some(done) = closing {
                    let _gone = done.send(());
                }
            })
            .map_err(|error| {
                Error::new(
                    Kind::Unavailable,
                    "the writing thread of the store cannot be started",
                )
                .source(error)
            })?;
        Ok(Self {
            orders: Some(orders),
            thread: Some(thread),
            told,
        })
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection, Time) -> Attempt<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        self.send_write(job(write, move |result| {
            // A caller that no longer waits has dropped its end; its write stands all the same.
            let _gone = sender.send(result);
        }))?;
        // Nobody answers only where the thread ended before the job began.
        receiver.await.map_err(|_| closed())?
    }

    /// Hands a write over without waiting for it. What becomes of it is only logged.
    pub(super) fn write_soon(
        &self,
        write: impl FnOnce(&Connection, Time) -> Attempt<()> + Send + 'static,
    ) -> Result<()> {
        self.send_write(job(write, |result| {
            if let Err(error) = result {
                tracing::warn!(error = %error, "a write that nobody waits for was not made");
            }
        }))
    }

    /// Runs `work` on the writing thread, outside of any transaction: callers wait meanwhile.
    pub(super) async fn run_alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        let alone: Alone = Box::new(move |connection| {
            let result = catch_unwind(AssertUnwindSafe(|| work(connection)))
                .unwrap_or_else(|_| Err(broke_off()));
            // Whoever no longer waits has dropped their end.
            let _gone = sender.send(result);
        });
        self.send(Order::Interrupt(Interrupt::Alone(alone)))?;
        receiver.await.map_err(|_| closed())?
    }

    pub(super) async fn close(&self) -> Result<()> {
        let (sender, receiver) = oneshot::channel();
        let mut order = Order::Interrupt(Interrupt::Close(sender));
        // A full queue empties by itself: closing waits instead of failing.
        while let Some(orders) = &self.orders {
            match orders.try_send(order) {
                Ok(()) => break,
                Err(TrySendError::Full(back)) => {
                    order = back;
                    tokio::task::yield_now().await;
                }
                Err(TrySendError::Disconnected(_)) => return Err(closed()),
            }
        }
        receiver.await.map_err(|_| closed())
    }

    /// Why the last transaction could not be committed; `None` once one was.
    pub(super) fn last_failure(&self) -> Option<Error> {
        self.told
            .last_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Every write up to this time can be seen by readers: one that ends later has a later time, or the same as the
    /// last that ended.
    pub(super) fn visible_until(&self) -> Time {
        let ended_at = self.told.ended_at.load(Ordering::Acquire);
        Time::from_micros(ended_at)
            .map_or_else(|_| Time::now(), |time| time.saturating_add_micros(-1))
    }

    fn send_write(&self, job: Job) -> Result<()> {
        self.send(Order::Write(job))?;
        gauge!("dragoman_store_writes_waiting").increment(1);
        Ok(())
    }

    fn send(&self, order: Order) -> Result<()> {
        let orders = self.orders.as_ref().ok_or_else(closed)?;
        orders.try_send(order).map_err(|error| match error {
            TrySendError::Full(_) => {
                Error::new(Kind::Overloaded, "too many writes wait for the store")
                    .retry_after(Some(BUSY_RETRY_AFTER))
            }
            TrySendError::Disconnected(_) => closed(),
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.orders.take());
        let Some(thread) = self.thread.take() else {
            return;
        };
        if thread.join().is_err() {
            tracing::error!("the writing thread of the store had panicked");
        }
    }
}

/// A write as a job; `tell` is told what became of it.
fn job<T: Send + 'static>(
    write: impl FnOnce(&Connection, Time) -> Attempt<T> + Send + 'static,
    tell: impl FnOnce(Result<T>) + Send + 'static,
) -> Job {
    Box::new(move |transaction| {
        let result = match transaction {
            // A panic must neither end the thread nor undo what others wrote.
            Ok((connection, now)) => catch_unwind(AssertUnwindSafe(|| write(connection, now)))
                .map_or_else(|_| Err(broke_off()), |result| Ok(result?)),
            Err(error) => Err(error),
        };
        let keep = result.is_ok();
        let reply: Reply = Box::new(move |lost| {
            tell(match lost {
                Some(error) if result.is_ok() => Err(error),
                _ => result,
            });
        });
        Finished { keep, reply }
    })
}

struct Thread {
    connection: rusqlite::Connection,
    receiver: Receiver<Order>,
    batch_max_writes: usize,
    upkeep: Upkeep,
    last_time: Time,
    told: Arc<Told>,
}

impl Thread {
    /// Works until it is told to end; gives back whom to tell when all is closed.
    fn run(&mut self) -> Option<oneshot::Sender<()>> {
        let mut closing = None;
        let mut upkeep_at = Instant::now();
        while closing.is_none() {
            if Instant::now() >= upkeep_at {
                upkeep_at = Instant::now() + self.do_upkeep();
            }
            let wait = upkeep_at.saturating_duration_since(Instant::now());
            let mut batch = Vec::new();
            let mut interrupt = None;
            match self.receiver.recv_timeout(wait) {
                Ok(Order::Write(job)) => batch.push(job),
                Ok(Order::Interrupt(first)) => interrupt = Some(first),
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.collect(&mut batch, &mut interrupt);
            if !batch.is_empty() {
                self.commit(batch);
            }
            match interrupt {
                Some(Interrupt::Alone(work)) => work(&self.connection),
                Some(Interrupt::Close(done)) => closing = Some(done),
                None => {}
            }
        }
        self.drain();
        if let Err(error) = self.close() {
            tracing::warn!(error = %error, "the store was not closed in good order; the next start repairs it");
        }
        closing
    }

    /// Takes what waits already, up to the limit of a batch.
    fn collect(&self, batch: &mut Vec<Job>, interrupt: &mut Option<Interrupt>) {
        while interrupt.is_none() && batch.len() < self.batch_max_writes {
            match self.receiver.try_recv() {
                Ok(Order::Write(job)) => batch.push(job),
                Ok(Order::Interrupt(next)) => *interrupt = Some(next),
                Err(_) => return,
            }
        }
    }

    /// Writes what was sent before the end. Nothing else is begun: whoever waits for it is told that the store is closed.
    fn drain(&mut self) {
        loop {
            let mut batch = Vec::new();
            let mut refused = None;
            self.collect(&mut batch, &mut refused);
            if batch.is_empty() && refused.is_none() {
                return;
            }
            if !batch.is_empty() {
                self.commit(batch);
            }
        }
    }

    fn commit(&mut self, batch: Vec<Job>) {
        let (started, size) = (Instant::now(), batch.len());
        #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
        let size_metric = size as f64;
        gauge!("dragoman_store_writes_waiting").decrement(size_metric);
        histogram!("dragoman_store_batch_writes").record(size_metric);
        let now = self.tick();
        if let Err(error) = self.execute("BEGIN IMMEDIATE") {
            let error = from_sqlite(error);
            self.note(Some(&error));
            for job in batch {
                (job(Err(error.clone())).reply)(None);
            }
            return;
        }
        let mut replies = Vec::with_capacity(size);
        let mut lost = None;
        for job in batch {
            match &lost {
                None => lost = self.run_job(job, now, size > 1, &mut replies).err(),
                Some(error) => (job(Err(error.clone())).reply)(None),
            }
        }
        if lost.is_none() && !self.connection.is_autocommit() {
            lost = self.execute("COMMIT").err().map(|error| {
                // Where the log itself could not be written, recovery decides what became of it.
                let unknown =
                    error.sqlite_error_code() == Some(rusqlite::ErrorCode::SystemIoFailure);
                from_sqlite(error).outcome(if unknown {
                    Outcome::Unknown
                } else {
                    Outcome::NotApplied
                })
            });
        }
        if lost.is_some()
            && !self.connection.is_autocommit()
            && let Err(error) = self.execute("ROLLBACK")
        {
            tracing::error!(error = %error, "a transaction of the store could not be rolled back");
        }
        self.note(lost.as_ref());
        histogram!("dragoman_store_commit_duration_seconds")
            .record(started.elapsed().as_secs_f64());
        for reply in replies {
            reply(lost.clone());
        }
    }

    /// Runs one job. An error means that the whole transaction is lost. The only job of a transaction needs no
    /// savepoint: it is undone with the transaction.
    fn run_job(&self, job: Job, now: Time, shared: bool, replies: &mut Vec<Reply>) -> Result<()> {
        if shared {
            self.execute("SAVEPOINT job").map_err(from_sqlite)?;
        }
        let Finished { keep, reply } = job(Ok((&self.connection, now)));
        replies.push(reply);
        if self.connection.is_autocommit() {
            // A full disk or a failed read can make SQLite undo the whole transaction.
            let message =
                "the database has undone the transaction: it may be out of room or damaged";
            return Err(Error::new(Kind::Unavailable, message).retry_after(Some(BUSY_RETRY_AFTER)));
        }
        match (keep, shared) {
            (true, true) => self.execute("RELEASE job"),
            (true, false) => Ok(()),
            (false, true) => self
                .execute("ROLLBACK TO job")
                .and_then(|()| self.execute("RELEASE job")),
            (false, false) => self.execute("ROLLBACK"),
        }
        .map_err(from_sqlite)
    }

    /// Does the regular work; returns when it is to be done again.
    fn do_upkeep(&mut self) -> Duration {
        let now = self.tick();
        let done = self.upkeep_at(now);
        if !self.connection.is_autocommit() {
            // It failed half way; the next one tries again.
            let _unchanged = self.execute("ROLLBACK");
        }
        match done {
            Ok(again) => {
                self.note(None);
                again
            }
            Err(error) => {
                let error = from_sql(error);
                tracing::warn!(error = %error, "the store cannot be written at the moment");
                self.note(Some(&error));
                HEARTBEAT
            }
        }
    }

    fn upkeep_at(&mut self, now: Time) -> sql::Result<Duration> {
        self.execute("BEGIN IMMEDIATE")?;
        let again = self.upkeep.run(&self.connection, now)?;
        self.execute("COMMIT")?;
        Ok(again)
    }

    fn close(&self) -> rusqlite::Result<()> {
        self.upkeep.end(&self.connection)?;
        self.connection.flush_prepared_statement_cache();
        // Readers that still read keep part of the log; it is folded in by whoever opens the file next.
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }

    /// The time of the next write: after the last one, unless the clock was set back on purpose. So a conversation that
    /// changed has another `updated_at`, also while the clock stands still.
    fn tick(&mut self) -> Time {
        let now = Time::now();
        let back = self.last_time.as_micros().saturating_sub(now.as_micros());
        self.last_time = if (0..CLOCK_STEP_MAX_MICROS).contains(&back) {
            self.last_time.saturating_add_micros(1)
        } else {
            now
        };
        self.last_time
    }

    /// Tells how a transaction ended.
    fn note(&self, failure: Option<&Error>) {
        self.told
            .ended_at
            .store(self.last_time.as_micros(), Ordering::Release);
        *self
            .told
            .last_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = failure.cloned();
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }
}
