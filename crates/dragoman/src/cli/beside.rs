//! Short commands on the state: they open the database themselves, beside a running server or without one.

use std::collections::BTreeMap;

use super::arguments::ConfigFlags;
use crate::config::Configuration;
use crate::config::load::load;
use crate::failure::Failure;
use crate::state::{self, OpenState, Use};

/// Runs `work` on the state that the configuration names and closes it in good order.
pub(super) fn with_state<T>(
    source: &ConfigFlags,
    variables: &BTreeMap<String, String>,
    work: impl AsyncFnOnce(&OpenState, &Configuration) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let configuration = load(&source.to_flags(), variables)?.configuration;
    // A mistyped --data-dir must not make a second, empty database.
    if let Some(database) = configuration.store.missing_file() {
        return Err(Failure::with_help(
            format!("there is no database at {}", database.display()),
            "start `dragoman serve` once, or name its directory with --data-dir",
        ));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::runtime(format!("the runtime cannot be started: {error}")))?;
    runtime.block_on(async {
        let open = state::open(&configuration, Use::Beside)?;
        let done = work(&open, &configuration).await;
        let closed = open.close().await;
        let result = done?;
        closed?;
        Ok(result)
    })
}
