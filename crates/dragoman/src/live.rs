//! The configuration while the process runs: read again, checked, built beside the one in use, and swapped whole.
//!
//! Requests that have begun end under the configuration that they began with. What cannot be used changes nothing.

pub(crate) mod attempts;
pub(crate) mod current;
pub(crate) mod handle;
mod in_use;
mod replicas;
mod stamp;
pub(crate) mod traffic;
mod versions;
mod watching;
mod words;

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use backend::ports::{AuditEntry, AuditLog, ConfigHistory, ConfigVersion};
use backend::{Error, Kind};
use conversation::Time;
use server::{
    Application, ConfigCaller, ConfigCheck, ConfigDiff, ConfigMistake, ConfigOutcome,
    ConfigRefusal, ConfigResult, ConfigStatus,
};
use store::State;
use tokio::sync::Mutex;
use uuid::Uuid;

use self::attempts::Attempts;
use self::in_use::InUse;
pub(crate) use self::replicas::keep_alike;
use self::stamp::{Stamp, in_background, stamp};
use self::watching::Writers;
pub(crate) use self::watching::{Hangups, keep_watching};
use self::words::{blamed, internal, mistakes_of, shown};
use crate::config::Configuration;
use crate::config::changes::{as_far_as_live, changes};
use crate::config::diagnose::ConfigError;
use crate::config::load::Loaded;
use crate::config::reading::Layers;
use crate::telemetry::{Linker, LogLevel};
use crate::wiring::{self, Generation, Standing, Unbuildable};

/// How an attempt by nobody in particular is told.
const BY_FILE: &str = "file";
const BY_SIGNAL: &str = "signal";

/// What a reload is made with.
pub(crate) struct Tools {
    /// Where the configuration comes from.
    pub(crate) layers: Layers,
    /// What lives as long as the process.
    pub(crate) standing: Standing,
    /// The log's level.
    pub(crate) log_level: LogLevel,
    /// Links requests to their callers' traces.
    pub(crate) linker: Linker,
    /// What became of the last attempt.
    pub(crate) attempts: Arc<Attempts>,
    /// Where versions are kept, and who brought them.
    pub(crate) state: Arc<State>,
    /// Whether other processes serve from the same state: what one brings into use all use.
    pub(crate) is_shared: bool,
}

/// The configuration of a gateway that runs.
pub(crate) struct Live {
    tools: Tools,
    application: Application,
    in_use: ArcSwap<InUse>,
    /// One attempt at a time, each beginning with what the one before it saw.
    seen: Mutex<Seen>,
    /// What `seen` means for operators: whether the file, when it was last read, held what is in use.
    file_differs: std::sync::atomic::AtomicBool,
    /// The version of another replica that cannot be used here: it is not tried again. 0 where there is none.
    passed_over: std::sync::atomic::AtomicU64,
    /// The version in use when the file was last found to be as `seen`.
    seen_under: std::sync::atomic::AtomicU64,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Live").finish_non_exhaustive()
    }
}

/// The file as it was last read.
#[derive(Debug, PartialEq)]
enum Seen {
    /// It can be used.
    Usable(Box<Configuration>),
    /// It cannot, for these reasons; also where what it names cannot be built.
    Refused(Vec<ConfigMistake>),
}

/// Where another configuration comes from.
struct Source<'a> {
    /// Who brings it, as versions and attempts tell.
    by: Box<str>,
    /// The same for the audit log.
    caller: ConfigCaller,
    /// What is done: `config.reload`, `config.rollback`.
    action: &'a str,
    /// The version that it brings back.
    restored: Option<u64>,
    /// The version that it is, where another replica brought it: it is in the history and in the audit log already.
    known: Option<ConfigVersion>,
}

impl Live {
    /// The configuration that the process was started with, in use as `generation`.
    ///
    /// # Errors
    /// Those of the state.
    pub(crate) async fn begin(
        tools: Tools,
        application: Application,
        generation: Generation,
        loaded: &Loaded,
    ) -> backend::Result<Arc<Self>> {
        let version =
            versions::of_start(&*tools.state, &tools.layers, loaded, tools.is_shared).await?;
        let wanted = loaded.configuration.clone();
        Ok(Arc::new(Self {
            tools,
            application,
            seen: Mutex::new(Seen::Usable(Box::new(wanted.clone()))),
            file_differs: std::sync::atomic::AtomicBool::new(false),
            passed_over: std::sync::atomic::AtomicU64::new(0),
            seen_under: std::sync::atomic::AtomicU64::new(version.version),
            in_use: ArcSwap::from_pointee(InUse {
                generation: Arc::new(generation),
                wanted,
                version,
                text: loaded.text.clone(),
            }),
        }))
    }

    /// Reads the file because somebody asks for it.
    pub(crate) async fn reload(
        &self,
        by: Box<str>,
        caller: ConfigCaller,
    ) -> Result<ConfigOutcome, ConfigRefusal> {
        let mut seen = self.seen.lock().await;
        self.take_up(&seen).await?;
        let read = self.read().await?;
        let source = Source {
            by,
            caller,
            action: "config.reload",
            restored: None,
            known: None,
        };
        self.bring_file(&mut seen, read, &source).await
    }

    /// Reads the file because it may have changed, where nobody writes it just now. Where it has not changed, nothing
    /// happens. True where it must be looked at again soon.
    pub(crate) async fn look(&self, writers: &Writers) -> bool {
        let mut seen = self.seen.lock().await;
        let file = self.tools.layers.file();
        let Ok(before) = stamp(&file).await else {
            return false;
        };
        // Half of a file may be a configuration too, with fewer backends.
        let is_written = |stamp: Stamp| stamp.is_young(SystemTime::now(), writers.is_open());
        if before.is_some_and(is_written) {
            return true;
        }
        let read = match self.read().await {
            Ok(read) => read,
            Err(error) => {
                tracing::warn!(%error, "the configuration could not be looked at");
                return false;
            }
        };
        if stamp(&file).await.ok() != Some(before) || before.is_some_and(is_written) {
            return true;
        }
        let is_known = match (&read, &*seen) {
            (Ok(loaded), Seen::Usable(known)) => loaded.configuration == **known,
            (Err(error), Seen::Refused(known)) => mistakes_of(error) == *known,
            _ => false,
        };
        if is_known {
            self.note_seen();
            return false;
        }
        match self.is_brought_already(&mut seen, &read).await {
            Ok(true) => return false,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(%error, "the configuration could not be looked at");
                return true;
            }
        }
        let source = Source {
            by: BY_FILE.into(),
            caller: nobody(BY_FILE),
            action: "config.reload",
            restored: None,
            known: None,
        };
        let done = self.bring_file(&mut seen, read, &source).await;
        self.told(BY_FILE, done);
        false
    }

    /// Reads the file because a signal asked for it.
    pub(crate) async fn signalled(&self) {
        let done = self.reload(BY_SIGNAL.into(), nobody(BY_SIGNAL)).await;
        self.told(BY_SIGNAL, done);
    }

    /// Brings an earlier version into use.
    pub(crate) async fn rollback(
        &self,
        version: u64,
        by: Box<str>,
        caller: ConfigCaller,
    ) -> Result<ConfigOutcome, ConfigRefusal> {
        let seen = self.seen.lock().await;
        self.take_up(&seen).await?;
        let history: &dyn ConfigHistory = &*self.tools.state;
        let text = history.text(version).await?.ok_or_else(|| {
            Error::new(
                Kind::NotFound,
                format!("there is no version {version}, or its text is not kept any more"),
            )
        })?;
        let source = Source {
            by,
            caller,
            action: "config.rollback",
            restored: Some(version),
            known: None,
        };
        let layers = self.tools.layers.clone();
        let name = format!("version {version}");
        let read = in_background(move || layers.read_text(&text, &name)).await?;
        let brought = match read {
            Ok(loaded) => self.bring(loaded, &source).await,
            Err(error) => self.refuse(&source, mistakes_of(&error)).await,
        };
        let mut outcome = brought?;
        self.compare_with(&seen);
        if self.file_differs() {
            let file = self.tools.layers.file();
            outcome.notes.push(match self.tools.is_shared {
                false => format!(
                    "{} still holds another configuration: its next change, a reload or a restart brings that one back",
                    file.display()
                ),
                true => format!(
                    "{} still holds another configuration: its next change or a reload, at any replica, brings that one back \
                     for all; a restart does not",
                    file.display()
                ),
            });
        }
        Ok(outcome)
    }

    /// Whether the file could be used: read, and what it names built, but not bound.
    pub(crate) async fn check(&self) -> backend::Result<ConfigCheck> {
        let mistakes = match self.read().await? {
            Err(error) => mistakes_of(&error),
            Ok(loaded) => match self.prepared(&loaded) {
                Ok(prepared) => match prepared.may_bind(&self.tools.standing) {
                    Ok(()) => Vec::new(),
                    Err(error) => vec![blamed(&loaded, &error)],
                },
                Err(error) => vec![blamed(&loaded, &error)],
            },
        };
        Ok(ConfigCheck {
            usable: mistakes.is_empty(),
            mistakes,
        })
    }

    /// What a reload would change.
    pub(crate) async fn diff(&self) -> Result<ConfigDiff, ConfigRefusal> {
        let read = self.read().await?;
        let loaded = read.map_err(|error| ConfigRefusal::Mistakes(mistakes_of(&error)))?;
        let in_use = self.in_use.load();
        let changes = changes(in_use.generation.configuration(), &loaded.configuration);
        Ok(ConfigDiff {
            changes: shown(changes.map_err(internal)?),
        })
    }

    /// The configuration in use.
    pub(crate) fn status(&self) -> backend::Result<ConfigStatus> {
        let in_use = self.in_use.load();
        let file = self.tools.layers.file();
        Ok(ConfigStatus {
            version: in_use.version.clone(),
            file: file.is_file().then(|| file.display().to_string()),
            file_differs: self.file_differs(),
            needs_restart: in_use.held_back()?,
            last_attempt: self.tools.attempts.last(),
            effective: serde_json::to_value(in_use.generation.configuration()).map_err(internal)?,
        })
    }

    /// The newest versions.
    pub(crate) async fn history(&self, limit: usize) -> backend::Result<Vec<ConfigVersion>> {
        ConfigHistory::versions(&*self.tools.state, limit).await
    }

    fn file_differs(&self) -> bool {
        self.file_differs.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn compare_with(&self, seen: &Seen) {
        let is_same = match seen {
            Seen::Usable(configuration) => **configuration == self.in_use.load().wanted,
            Seen::Refused(_) => false,
        };
        self.file_differs
            .store(!is_same, std::sync::atomic::Ordering::Relaxed);
    }

    async fn read(&self) -> backend::Result<Result<Loaded, ConfigError>> {
        let layers = self.tools.layers.clone();
        let text = self.in_use.load().text.clone();
        in_background(move || layers.read(&text)).await
    }

    /// Brings what was read from the file into use, and remembers what was read.
    async fn bring_file(
        &self,
        seen: &mut Seen,
        read: Result<Loaded, ConfigError>,
        source: &Source<'_>,
    ) -> Result<ConfigOutcome, ConfigRefusal> {
        let (brought, now_seen) = match read {
            Err(error) => {
                let mistakes = mistakes_of(&error);
                let now_seen = Seen::Refused(mistakes.clone());
                // Before the attempt is told: who hears of it finds the file different.
                self.compare_with(&now_seen);
                (self.refuse(source, mistakes).await, now_seen)
            }
            // What could not be built is not tried again by itself: the same text would be told of at every look.
            Ok(loaded) => {
                let now_seen = Seen::Usable(Box::new(loaded.configuration.clone()));
                self.compare_with(&now_seen);
                (self.bring(loaded, source).await, now_seen)
            }
        };
        self.compare_with(&now_seen);
        // Where the state failed, the next look tries again.
        if !matches!(brought, Err(ConfigRefusal::Failed(_))) {
            *seen = now_seen;
            self.note_seen();
        }
        brought
    }

    /// Brings a configuration into use: built beside the one in use, then swapped.
    async fn bring(
        &self,
        loaded: Loaded,
        source: &Source<'_>,
    ) -> Result<ConfigOutcome, ConfigRefusal> {
        let former = self.in_use.load_full();
        if let (true, Some(version)) = (loaded.configuration == former.wanted, &source.known) {
            return self.rename(&former, version.clone(), loaded.text);
        }
        if loaded.configuration == former.wanted {
            self.tools
                .attempts
                .note(&source.by, ConfigResult::Unchanged);
            self.audit(source, &target(former.version.version), "unchanged")
                .await;
            return former.outcome(ConfigResult::Unchanged, Vec::new());
        }
        let changes = changes(former.generation.configuration(), &loaded.configuration);
        let changes = changes.map_err(internal)?;
        let prepared = match self.prepared(&loaded) {
            Ok(prepared) => prepared,
            Err(error) => return self.refuse(source, vec![blamed(&loaded, &error)]).await,
        };
        let application = prepared.gateway().clone().into_router().map_err(internal)?;
        let application = self.tools.linker.linked(application);
        let bound = prepared.bind(&self.tools.standing).await;
        match bound {
            Ok(()) => {}
            Err(Unbuildable { error, .. }) if error.kind != Kind::Conflict => {
                return Err(ConfigRefusal::Failed(error));
            }
            Err(error) => return self.refuse(source, vec![blamed(&loaded, &error)]).await,
        }
        let version = match &source.known {
            Some(version) => version.clone(),
            None => {
                let history = &*self.tools.state;
                let restored = source.restored;
                versions::added(history, &source.by, &loaded.text, &changes, restored).await?
            }
        };
        // Nothing can fail any more.
        let level = &loaded.configuration.telemetry.log_level;
        if *level != former.wanted.telemetry.log_level
            && let Err(error) = self.tools.log_level.set(level)
        {
            tracing::warn!(%error, "the level of the log stays as it was");
        }
        let generation = Arc::new(prepared.begin(&self.tools.standing));
        self.application.replace(application);
        let in_use = Arc::new(InUse {
            generation,
            wanted: loaded.configuration,
            version,
            text: loaded.text,
        });
        self.in_use.store(Arc::clone(&in_use));
        self.tools.attempts.note(&source.by, ConfigResult::Applied);
        let outcome = in_use.outcome(ConfigResult::Applied, changes)?;
        self.audit(source, &target(outcome.version.version), "applied")
            .await;
        tracing::info!(
            config.by = &*source.by,
            config.version = outcome.version.version,
            changed = outcome.version.changed.join(","),
            needs_restart = outcome.needs_restart.join(","),
            "another configuration is in use"
        );
        Ok(outcome)
    }

    fn prepared(&self, loaded: &Loaded) -> Result<wiring::Prepared, Unbuildable> {
        let former = self.in_use.load_full();
        let running = former.generation.configuration();
        let live = as_far_as_live(loaded.configuration.clone(), running);
        wiring::prepare(&live, &self.tools.standing, Some(&*former.generation))
    }

    async fn refuse(
        &self,
        source: &Source<'_>,
        mistakes: Vec<ConfigMistake>,
    ) -> Result<ConfigOutcome, ConfigRefusal> {
        self.tools.attempts.note_refusal(&source.by, &mistakes);
        let target = match source.restored {
            Some(version) => target(version),
            None => self.tools.layers.file().display().to_string(),
        };
        self.audit(source, &target, "refused").await;
        Err(ConfigRefusal::Mistakes(mistakes))
    }

    /// Notes what was done. It is done: where the note cannot be written the log says so.
    async fn audit(&self, source: &Source<'_>, target: &str, outcome: &str) {
        if source.known.is_some() {
            return;
        }
        let caller = source.caller.clone();
        let entry = AuditEntry {
            id: Uuid::now_v7(),
            at: Time::now(),
            tenant: caller.tenant,
            by: caller.by,
            user: caller.user,
            request_id: caller.request_id,
            action: source.action.into(),
            target: target.into(),
            outcome: outcome.into(),
        };
        if let Err(error) = AuditLog::append(&*self.tools.state, &entry).await {
            tracing::error!(%error, action = source.action, outcome, "the audit log could not be written");
        }
    }

    /// An attempt that nobody waits for: what was refused is in the log already.
    fn told(&self, by: &str, done: Result<ConfigOutcome, ConfigRefusal>) {
        if let Err(ConfigRefusal::Failed(error)) = done {
            let mistake = ConfigMistake {
                at: None,
                message: error.to_string(),
            };
            self.tools.attempts.note_refusal(by, &[mistake]);
        }
    }
}

fn nobody(by: &str) -> ConfigCaller {
    ConfigCaller {
        by: by.into(),
        tenant: None,
        user: None,
        request_id: None,
    }
}

fn target(version: u64) -> String {
    format!("version {version}")
}
