//! Keys, as clients of the vendor send them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A key, split as HTTP Basic needs it.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) whole: String,
}

impl Key {
    pub(crate) fn secret(&self) -> &str {
        self.whole.rsplit('_').next().unwrap()
    }

    /// What a client sends.
    pub(crate) fn basic(&self) -> String {
        basic(&self.id, self.secret())
    }
}

pub(crate) fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}
