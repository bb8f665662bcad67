//! Several processes over one state: the newest version of the configuration is the wish that all of them take up.
//!
//! A replica that brings a file or an earlier version into use adds it to the history; the others look there every second.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use backend::ports::{ConfigHistory, ConfigVersion};
use secrecy::SecretString;
use server::{ConfigOutcome, ConfigRefusal, ConfigResult, Shutdown};
use tokio::time::MissedTickBehavior;

use super::in_use::InUse;
use super::stamp::in_background;
use super::versions::{LOOKED_BACK, digest};
use super::words::mistakes_of;
use super::{Live, Seen, Source, nobody};
use crate::config::diagnose::ConfigError;
use crate::config::load::Loaded;

/// How often it is looked for a version that another replica brought.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Uses what the other replicas use, until the stop signal.
pub(crate) async fn keep_alike(live: Arc<Live>, shutdown: Shutdown) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let looking = async {
        let mut is_failing = false;
        loop {
            ticks.tick().await;
            let looked = live.take_up_newest().await;
            if let (Err(error), false) = (&looked, is_failing) {
                tracing::warn!(%error, "it could not be looked for a configuration of another replica");
            }
            is_failing = looked.is_err();
        }
    };
    tokio::select! {
        () = shutdown.stopping().cancelled() => {}
        () = looking => {}
    }
}

impl Live {
    /// Brings the newest version into use, where another replica brought it.
    ///
    /// # Errors
    /// Those of the state. One that cannot be used here is no error: it is told as an attempt, and not tried again.
    pub(crate) async fn take_up_newest(&self) -> backend::Result<()> {
        let seen = self.seen.lock().await;
        self.take_up(&seen).await
    }

    /// The same for whoever attempts something now: it begins with what all others use.
    pub(super) async fn take_up(&self, seen: &Seen) -> backend::Result<()> {
        if !self.tools.is_shared {
            return Ok(());
        }
        let history: &dyn ConfigHistory = &*self.tools.state;
        let Some(newest) = history.versions(1).await?.pop() else {
            return Ok(());
        };
        let number = newest.version;
        let is_in_use = number == self.in_use.load().version.version;
        if is_in_use || number == self.passed_over.load(Ordering::Relaxed) {
            return Ok(());
        }
        let Some(text) = history.text(number).await? else {
            return Ok(());
        };
        let source = Source {
            by: newest.by.clone(),
            caller: nobody(&newest.by),
            action: "config.reload",
            restored: newest.restored,
            known: Some(newest),
        };
        let layers = self.tools.layers.clone();
        let name = format!("version {number}");
        let read = in_background(move || layers.read_text(&text, &name)).await?;
        let taken = match read {
            Ok(loaded) => self.bring(loaded, &source).await,
            Err(error) => self.refuse(&source, mistakes_of(&error)).await,
        };
        match taken {
            Ok(_) => {
                self.compare_with(seen);
                Ok(())
            }
            Err(ConfigRefusal::Mistakes(_)) => {
                self.passed_over.store(number, Ordering::Relaxed);
                Ok(())
            }
            Err(ConfigRefusal::Failed(error)) => Err(error),
        }
    }

    /// The file is as it was last seen, or seen anew.
    pub(super) fn note_seen(&self) {
        let number = self.in_use.load().version.version;
        self.seen_under.store(number, Ordering::Relaxed);
    }

    /// Whether another replica has brought the file's new text into use before it was noticed here. It may have been replaced
    /// since, by a rollback: then it must not come again only because this replica is late.
    ///
    /// # Errors
    /// Those of the state.
    pub(super) async fn is_brought_already(
        &self,
        seen: &mut Seen,
        read: &Result<Loaded, ConfigError>,
    ) -> backend::Result<bool> {
        self.take_up(seen).await?;
        let (true, Ok(loaded)) = (self.tools.is_shared, read) else {
            return Ok(false);
        };
        let seen_under = self.seen_under.load(Ordering::Relaxed);
        let history: &dyn ConfigHistory = &*self.tools.state;
        let digest = digest(&loaded.text);
        let versions = history.versions(LOOKED_BACK).await?;
        let is_brought = versions
            .iter()
            .any(|version| version.version > seen_under && version.digest == digest);
        if is_brought {
            *seen = Seen::Usable(Box::new(loaded.configuration.clone()));
            self.note_seen();
            self.compare_with(seen);
        }
        Ok(is_brought)
    }

    /// What is in use is known by another version from now on: its text says the same in other words.
    pub(super) fn rename(
        &self,
        former: &InUse,
        version: ConfigVersion,
        text: SecretString,
    ) -> Result<ConfigOutcome, ConfigRefusal> {
        let in_use = Arc::new(InUse {
            generation: Arc::clone(&former.generation),
            wanted: former.wanted.clone(),
            version,
            text,
        });
        self.in_use.store(Arc::clone(&in_use));
        in_use.outcome(ConfigResult::Unchanged, Vec::new())
    }
}

#[cfg(test)]
mod tests;
