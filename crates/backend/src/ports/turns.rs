//! Turns: how often somebody may do something in a window of time, counted for all replicas together.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use crate::Result;

/// What became of asking for a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// True where it was given.
    pub granted: bool,
    /// How many more may be taken in this window.
    pub remaining: u32,
    /// How long the window still lasts: when there are turns again for somebody who has none left.
    pub wait: Duration,
}

impl Taken {
    /// What is left where `used` turns of at most `most` are taken in a window that lasts for `wait` more.
    #[must_use]
    pub const fn of(granted: bool, used: u32, most: u32, wait: Duration) -> Self {
        Self {
            granted,
            remaining: most.saturating_sub(used),
            wait,
        }
    }
}

/// Turns. Time runs by the store's clock, one for all replicas.
///
/// - Of the turns that are asked for in one window, by however many replicas, at most `most` are given, and as many where
///   so many are asked for.
/// - A window begins with the first turn that is given in none, and lasts for `window`; it does not slide.
/// - A turn that is not given costs nothing.
/// - Each pair of `what` and `who` has windows of its own.
/// - A limit that changes holds at once, for the window under way too: what was given in it stays given.
/// - With a `most` of 0 no turn is ever given.
/// - What is remembered is bounded: a window that is over may be forgotten.
/// - Where the state cannot be asked, that is an error, and never a turn.
#[async_trait]
pub trait Turns: Debug + Send + Sync + 'static {
    /// Asks for one turn of `who` to do `what`, of at most `most` in a `window`.
    ///
    /// # Errors
    /// Those of the state; no turn is given then.
    async fn take(&self, what: &str, who: &str, most: u32, window: Duration) -> Result<Taken>;
}
