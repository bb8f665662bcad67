//! Touches: which conversations were written to, told from one replica to the others.

use std::fmt::Debug;

use async_trait::async_trait;

use super::Touch;
use crate::Result;

/// Writes to conversations, told through the state to every replica that looks. A process that serves alone tells them in
/// memory, and neither writes nor finds anything here.
///
/// - Where the state is not shared, nothing is noted, nothing is found, and every number is 0.
/// - What was noted before a replica asks is found by it, also by the one that noted it.
/// - Touches are found by their numbers, smallest first, behind `after`, at most `limit`.
/// - A number may become visible after a larger one, and some are never used: whoever goes on from the largest that it saw
///   looks back a little, and forgets what it has seen.
/// - A touch is kept for ten minutes at least, and may be forgotten then.
#[async_trait]
pub trait Touches: Debug + Send + Sync + 'static {
    /// True where several processes serve from the state at once.
    fn is_shared(&self) -> bool;

    /// Notes a write; its number. A read is not noted by those who write.
    async fn touch(&self, touch: &Touch) -> Result<u64>;

    /// What was noted behind `after`, with its numbers.
    async fn since(&self, after: u64, limit: usize) -> Result<Vec<(u64, Touch)>>;

    /// The largest number that is visible now; 0 where there is none.
    async fn newest(&self) -> Result<u64>;
}
