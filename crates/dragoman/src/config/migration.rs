//! `[migration]`: how conversations are moved between backends.

use serde::{Deserialize, Serialize};

/// How conversations are moved between backends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MigrationConfig {
    /// How long a switch waits for those who write to one conversation, in seconds. Default: 60.
    pub switch_patience_seconds: u64,
    /// How often the source is looked through, after a switch, for what still arrives there, in
    /// seconds. Default: 10.
    pub drain_interval_seconds: u64,
    /// How long one write to the target may take before it is asked about, in seconds. Default: 30.
    pub write_timeout_seconds: u64,
    /// How long a write whose end is not known is asked about before it is left to the operator, in
    /// seconds. Default: 600 (10 minutes).
    pub settle_patience_seconds: u64,
    /// While a mirror runs, one of so many reads is compared on both sides. Default: 10.
    pub shadow_sample: u32,
}

impl Default for MigrationConfig {
    fn default() -> Self {
        Self {
            switch_patience_seconds: 60,
            drain_interval_seconds: 10,
            write_timeout_seconds: 30,
            settle_patience_seconds: 600,
            shadow_sample: 10,
        }
    }
}
