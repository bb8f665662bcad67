//! `dragoman doctor`: everything that an installation needs, looked at once, each finding with what to do.

mod database;
mod machine;
mod vendors;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::config::Configuration;
use crate::config::load::{Flags, Loaded, load};
use crate::failure::Failure;
use crate::telemetry;

/// How a finding is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// As it must be.
    Ok,
    /// It works, and is worth a look.
    Warning,
    /// Something does not work.
    Failure,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    /// What was looked at, as a stable word: `backend.support.tls`.
    pub(crate) id: String,
    /// How it is to be taken.
    pub(crate) result: Verdict,
    /// What was found, in words.
    pub(crate) found: String,
    /// What to do; absent where nothing is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fix: Option<String>,
}

impl Finding {
    fn ok(id: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            result: Verdict::Ok,
            found: found.into(),
            fix: None,
        }
    }

    fn warning(id: impl Into<String>, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            result: Verdict::Warning,
            fix: Some(fix.into()),
            ..Self::ok(id, found)
        }
    }

    fn failure(id: impl Into<String>, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            result: Verdict::Failure,
            fix: Some(fix.into()),
            ..Self::ok(id, found)
        }
    }
}

/// Looks at everything. Nothing is changed, and vendors are asked only what every gateway asks them.
///
/// # Errors
/// Where the runtime cannot be started.
pub(crate) fn examine(
    flags: &Flags,
    variables: &BTreeMap<String, String>,
) -> Result<Vec<Finding>, Failure> {
    let loaded = match load(flags, variables) {
        Ok(loaded) => loaded,
        Err(error) => {
            let fix = "correct it; `dragoman config check` says when it can be used";
            let found = error.report(false);
            // Everything else depends on it.
            return Ok(vec![Finding::failure("config", found.trim(), fix)]);
        }
    };
    let mut findings = vec![configuration(&loaded), traces(variables)];
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::runtime(format!("the runtime cannot be started: {error}")))?;
    findings.extend(runtime.block_on(installation(&loaded.configuration)));
    Ok(findings)
}

async fn installation(configuration: &Configuration) -> Vec<Finding> {
    let mut findings = machine::look(configuration);
    let opened = database::open(configuration);
    findings.extend(database::look(configuration, &opened).await);
    findings.extend(machine::listening(configuration, opened.store()).await);
    findings.extend(vendors::look(configuration, &opened).await);
    if let Err(error) = opened.close().await {
        let fix = "look whether the disk is full or its file system read-only";
        findings.push(Finding::failure("database.close", error.message(), fix));
    }
    findings
}

fn configuration(loaded: &Loaded) -> Finding {
    let found = loaded.file.as_deref().map_or_else(
        || "there is no configuration file, the defaults are used".to_owned(),
        |path| format!("{} can be used", path.display()),
    );
    Finding::ok("config", found)
}

fn traces(variables: &BTreeMap<String, String>) -> Finding {
    match telemetry::check_traces(variables) {
        Ok(false) => Finding::ok("traces", "no collector is named, traces are off"),
        Ok(true) => Finding::ok(
            "traces",
            "traces go to the collector that the environment names",
        ),
        Err(error) => Finding::failure(
            "traces",
            error.to_string(),
            "correct the variable; without OTEL_EXPORTER_OTLP_ENDPOINT traces are off",
        ),
    }
}
