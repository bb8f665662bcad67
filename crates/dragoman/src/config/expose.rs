//! `[expose]`: which pages are served to callers without a key.

use serde::{Deserialize, Serialize};

/// Which pages are served to callers without a key. A page that is off answers 404.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExposeConfig {
    /// Whether `/metrics` is served. Default: true.
    pub metrics: bool,
    /// Whether `/docs` and `/openapi.json` are served. Default: true.
    pub docs: bool,
}

impl Default for ExposeConfig {
    fn default() -> Self {
        Self {
            metrics: true,
            docs: true,
        }
    }
}
