//! `[directory]`: how fresh lists are, and how conversations made elsewhere become known.

use serde::{Deserialize, Serialize};

/// How fresh lists are, and how conversations made elsewhere become known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DirectoryConfig {
    /// How long a list waits for what the backends say now, in milliseconds; what was not reached
    /// is shown as last seen. Default: 2000.
    pub hydrate_budget_ms: u64,
    /// How old the last look through a backend may be before a list starts another one, in
    /// seconds. Default: 60.
    pub discover_interval_seconds: u64,
}

impl Default for DirectoryConfig {
    fn default() -> Self {
        Self {
            hydrate_budget_ms: 2000,
            discover_interval_seconds: 60,
        }
    }
}
