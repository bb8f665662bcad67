//! What became of the last attempt to bring a configuration into use: for operators, probes and metrics.

use std::sync::{Mutex, MutexGuard, PoisonError};

use conversation::Time;
use server::{ConfigAttempt, ConfigMistake, ConfigResult};

/// The last attempt.
#[derive(Debug)]
pub(crate) struct Attempts(Mutex<ConfigAttempt>);

impl Attempts {
    /// The process starts with a configuration that can be used.
    pub(crate) fn started() -> Self {
        metrics::gauge!("dragoman_config_last_reload_success").set(1.0);
        // So that both are there before the first of their kind.
        metrics::counter!("dragoman_config_reloads_total").absolute(0);
        metrics::counter!("dragoman_config_reload_failures_total").absolute(0);
        Self(Mutex::new(ConfigAttempt {
            at: Time::now(),
            by: "start".into(),
            result: ConfigResult::Applied,
            mistakes: Vec::new(),
        }))
    }

    /// The last one.
    pub(crate) fn last(&self) -> ConfigAttempt {
        self.attempt().clone()
    }

    /// Another configuration is in use, or the file holds the one that is.
    pub(crate) fn note(&self, by: &str, result: ConfigResult) {
        *self.attempt() = ConfigAttempt {
            at: Time::now(),
            by: by.into(),
            result,
            mistakes: Vec::new(),
        };
        metrics::gauge!("dragoman_config_last_reload_success").set(1.0);
        // Last: who sees it count finds the rest as it is.
        if result == ConfigResult::Applied {
            metrics::counter!("dragoman_config_reloads_total").increment(1);
        }
    }

    /// One was refused, for these reasons.
    pub(crate) fn note_refusal(&self, by: &str, mistakes: &[ConfigMistake]) {
        tracing::error!(
            config.by = by,
            reason = in_one_line(mistakes),
            "the configuration was refused, the one in use stays"
        );
        *self.attempt() = ConfigAttempt {
            at: Time::now(),
            by: by.into(),
            result: ConfigResult::Refused,
            mistakes: mistakes.to_vec(),
        };
        metrics::gauge!("dragoman_config_last_reload_success").set(0.0);
        // Last: who sees it count finds the rest as it is.
        metrics::counter!("dragoman_config_reload_failures_total").increment(1);
    }

    /// Whether the last attempt went well, and what was wrong.
    pub(crate) fn in_words(&self) -> (bool, String) {
        let last = self.attempt();
        match last.result {
            ConfigResult::Applied | ConfigResult::Unchanged => {
                (true, "the configuration is in use".to_owned())
            }
            ConfigResult::Refused => (
                false,
                format!(
                    "refused at {}, the one before stays in use: {}",
                    last.at,
                    in_one_line(&last.mistakes)
                ),
            ),
        }
    }

    fn attempt(&self) -> MutexGuard<'_, ConfigAttempt> {
        // It is replaced whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every mistake with its place, on one line.
pub(crate) fn in_one_line(mistakes: &[ConfigMistake]) -> String {
    let lines: Vec<String> = mistakes
        .iter()
        .map(|mistake| match &mistake.at {
            Some(at) => format!("{at}: {}", mistake.message),
            None => mistake.message.clone(),
        })
        .collect();
    lines.join("; ").replace('\n', " ")
}
