//! Looks at the file again when it changes, when a signal asks for it, and every now and then.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use server::Shutdown;
use tokio::sync::mpsc;

use super::Live;

/// The file is looked at when it has been left alone for so long: whoever writes it may not have ended.
pub(super) const QUIET: Duration = Duration::from_millis(500);
/// How often it is looked at in any case: where changes are not told, as on a network's disk, or where the directory was
/// replaced; also for files that it refers to.
const POLL: Duration = Duration::from_secs(30);

/// Whether somebody has written to the file and still holds it open, as far as that is told.
#[derive(Debug, Default)]
pub(crate) struct Writers(AtomicBool);

impl Writers {
    /// True from a write until whoever wrote has closed it, or another file stands in its place.
    pub(super) fn is_open(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn note(&self, is_open: bool) {
        self.0.store(is_open, Ordering::Release);
    }

    /// Notes what an event says of the file itself.
    fn heard(&self, kind: EventKind) {
        match kind {
            // Only where its end is told as well.
            EventKind::Modify(ModifyKind::Data(_)) => self.note(cfg!(target_os = "linux")),
            // Rights and times: nothing that was written.
            EventKind::Modify(ModifyKind::Metadata(_)) => {}
            // Closed, new, renamed, removed, or nobody knows what.
            _ => self.note(false),
        }
    }
}

/// Keeps the configuration as its file is, until the stop signal.
pub(crate) async fn keep_watching(live: Arc<Live>, hangups: Hangups, shutdown: Shutdown) {
    let file = live.tools.layers.file();
    let watching = watch(live, hangups, &file);
    tokio::select! {
        () = shutdown.stopping().cancelled() => {}
        () = watching => {}
    }
}

async fn watch(live: Arc<Live>, mut hangups: Hangups, file: &Path) {
    // One that waits is enough: the file is read whole.
    let (told, mut changes) = mpsc::channel(1);
    let writers = Arc::new(Writers::default());
    // Held as long as it watches. Without it there is still the poll.
    let watcher = watcher(file, told.clone(), Arc::clone(&writers))
        .inspect_err(|error| {
            tracing::warn!(%error, "changes of the configuration are noticed within half a minute only");
        })
        .ok();
    let mut polls = tokio::time::interval(POLL);
    polls.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // The first tick comes at once.
    polls.tick().await;
    // What changed between the start and now was told to nobody.
    let mut looks_again = true;
    loop {
        tokio::select! {
            // Whoever writes goes on: the pause begins anew.
            Some(()) = changes.recv() => looks_again = true,
            () = tokio::time::sleep(QUIET), if looks_again => looks_again = live.look(&writers).await,
            () = hangups.next() => live.signalled().await,
            _ = polls.tick() => looks_again = live.look(&writers).await || looks_again,
        }
        // Both live as long as the loop.
        let _ = (&watcher, &told);
    }
}

/// Watches the directory: editors and Kubernetes put another file in the place of this one.
fn watcher(
    file: &Path,
    told: mpsc::Sender<()>,
    writers: Arc<Writers>,
) -> notify::Result<RecommendedWatcher> {
    let directory = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let name = file.file_name().map(ToOwned::to_owned);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        let concerns = match &event {
            Ok(event) => {
                let concerns = concerns(event, name.as_deref());
                if concerns {
                    writers.heard(event.kind);
                }
                concerns
            }
            // What was missed is not known.
            Err(_) => {
                writers.note(false);
                true
            }
        };
        if concerns {
            // One that waits already is enough.
            let _ = told.try_send(());
        }
    })?;
    watcher.watch(&directory, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// Whether the file may hold something else since.
fn concerns(event: &Event, name: Option<&std::ffi::OsStr>) -> bool {
    match event.kind {
        // Our own reading is told too.
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => {}
        EventKind::Access(_) => return false,
        _ => {}
    }
    // Some changes are told without a name. Kubernetes swaps links whose names begin with two dots.
    event.paths.is_empty()
        || event.paths.iter().any(|path| {
            let changed = path.file_name();
            changed == name
                || changed.is_some_and(|changed| changed.to_string_lossy().starts_with(".."))
        })
}

/// The signal that asks to read the configuration again.
#[cfg(unix)]
pub(crate) struct Hangups(tokio::signal::unix::Signal);

#[cfg(unix)]
impl Hangups {
    /// From now on it is received here, and no longer ends the process.
    pub(crate) fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::hangup()).map(Self)
    }

    async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// There is no such signal here.
#[cfg(not(unix))]
pub(crate) struct Hangups;

#[cfg(not(unix))]
impl Hangups {
    /// Nothing to receive.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, DataChange, MetadataKind, RenameMode};

    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn who_has_written_is_there_until_the_file_is_closed_or_another_one() {
        let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let touched = EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any));
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        let renamed = EventKind::Modify(ModifyKind::Name(RenameMode::To));
        let writers = Writers::default();
        assert!(!writers.is_open());
        for end in [closed, renamed] {
            for kind in [written, touched, written] {
                writers.heard(kind);
                assert!(writers.is_open(), "{kind:?}");
            }
            writers.heard(end);
            assert!(!writers.is_open(), "{end:?}");
            writers.heard(touched);
            assert!(!writers.is_open());
        }
    }

    #[test]
    fn only_what_may_have_changed_the_file_concerns_it() {
        let event = |kind, path: &str| Event::new(kind).add_path(PathBuf::from(path));
        let name = Some(std::ffi::OsStr::new("dragoman.toml"));
        let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let renamed = EventKind::Modify(ModifyKind::Name(RenameMode::To));
        let read = EventKind::Access(AccessKind::Open(AccessMode::Any));
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        for (kind, path, wanted) in [
            (written, "/etc/dragoman.toml", true),
            (renamed, "/etc/dragoman.toml", true),
            (closed, "/etc/dragoman.toml", true),
            (read, "/etc/dragoman.toml", false),
            (written, "/etc/another.toml", false),
            (EventKind::Create(CreateKind::Any), "/etc/..data", true),
            (renamed, "/etc/..data_tmp", true),
        ] {
            assert_eq!(
                concerns(&event(kind, path), name),
                wanted,
                "{kind:?} {path}"
            );
        }
        assert!(concerns(&Event::new(EventKind::Any), name));
    }
}
