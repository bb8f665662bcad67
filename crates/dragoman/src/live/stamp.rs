//! Reading files beside everything else, and whether somebody writes one just now.

use std::path::Path;
use std::time::{Duration, SystemTime};

use backend::{Error, Kind};

use super::watching::QUIET;

/// How long somebody is waited for who has written to the file and still holds it open.
const HELD_MAX: Duration = Duration::from_secs(60);

/// When a file was last written, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stamp {
    written: SystemTime,
    bytes: u64,
}

impl Stamp {
    /// Whether it may be written just now, where `is_open` says that somebody who wrote has not ended. A time to come says
    /// nothing: somebody has set it.
    pub(super) fn is_young(&self, now: SystemTime, is_open: bool) -> bool {
        let most = if is_open { HELD_MAX } else { QUIET };
        let age = now.duration_since(self.written);
        age.is_ok_and(|age| age < most)
    }
}

/// The stamp of a file; of one that is not there, none.
pub(super) async fn stamp(file: &Path) -> backend::Result<Option<Stamp>> {
    let file = file.to_owned();
    in_background(move || {
        let metadata = std::fs::metadata(file).ok()?;
        Some(Stamp {
            written: metadata.modified().ok()?,
            bytes: metadata.len(),
        })
    })
    .await
}

/// Reads files where nobody else waits.
pub(super) async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> backend::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_panicked| Error::new(Kind::Internal, "the configuration could not be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_left_alone_until_it_was_not_written_for_a_moment() {
        let written = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let stamp = Stamp { written, bytes: 1 };
        for (is_open, most) in [(false, QUIET), (true, HELD_MAX)] {
            assert!(stamp.is_young(written, is_open));
            assert!(stamp.is_young(written + most - Duration::from_millis(1), is_open));
            assert!(!stamp.is_young(written + most, is_open));
            // A clock that was set back must not keep a file out for ever.
            assert!(!stamp.is_young(written - Duration::from_secs(9), is_open));
        }
    }
}
