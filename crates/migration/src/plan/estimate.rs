//! How long a copy will take.

use backend::Result;
use serde::{Deserialize, Serialize};

use super::reading::Foretold;
use crate::progress::{as_f64, whole_seconds};
use crate::run::Run;
use crate::status::{Estimate, EstimateBasis};

/// The member of a migration's notes in which a copy says how fast it was.
pub(crate) const MEASURED: &str = "measured";

/// How fast a copy was.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Messages that it wrote.
    pub(crate) messages: u64,
    /// How long it took.
    pub(crate) seconds: f64,
    /// How many conversations it copied at once.
    #[serde(default)]
    pub(crate) parallel: Option<u32>,
}

/// What there is to do.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// How long reading the source took, so many conversations at once as the copy will.
    pub(super) read_seconds: f64,
    messages: u64,
    attachments: u64,
    /// Messages to be written.
    to_write: u64,
    /// Of one conversation, which is copied one message after the other.
    longest: u64,
    /// Requests to the target's vendor.
    requests: u64,
}

impl Work {
    pub(super) fn add(&mut self, foretold: &Foretold) {
        self.messages += foretold.messages;
        self.attachments += foretold.attachments;
        self.to_write += foretold.to_write;
        self.longest = self.longest.max(foretold.to_write);
        self.requests += foretold.requests;
    }
}

/// Before anything is known.
pub(super) fn nothing() -> Estimate {
    Estimate {
        seconds: 0,
        target_requests: 0,
        requests_per_minute: None,
        basis: EstimateBasis::Measured,
    }
}

/// How long the copy takes: as long as reading the source does, or as writing to the target does, whichever is longer.
/// Several conversations are copied at once, so that one is read while another is written.
pub(super) async fn estimate(run: &Run, work: &Work) -> Result<Estimate> {
    let documented = run.to.stack.capabilities().limits.requests_per_minute;
    let limit = match (run.to.requests_per_minute, documented) {
        (Some(limit), _) => Some((limit, EstimateBasis::Configured)),
        (None, Some(limit)) => Some((limit, EstimateBasis::Documented)),
        (None, None) => None,
    };
    let earlier = match limit {
        None => earlier(run).await?,
        Some(_) => None,
    };
    Ok(judge(
        work,
        limit,
        earlier,
        run.from.requests_per_minute,
        run.spec.parallel,
    ))
}

fn judge(
    work: &Work,
    limit: Option<(u64, EstimateBasis)>,
    earlier: Option<Measured>,
    source_limit: Option<u64>,
    parallel: u32,
) -> Estimate {
    // The plan reads no files; each takes a request.
    let files = source_limit.map_or(0.0, |limit| {
        as_f64(work.attachments) * 60.0 / as_f64(limit.max(1))
    });
    let reading = work.read_seconds + files;
    let measured = |seconds: f64| Estimate {
        seconds: whole_seconds(seconds),
        target_requests: work.requests,
        requests_per_minute: None,
        basis: EstimateBasis::Measured,
    };
    if let Some((limit, basis)) = limit {
        let writing = as_f64(work.requests) * 60.0 / as_f64(limit.max(1));
        if writing < reading {
            return measured(reading);
        }
        return Estimate {
            requests_per_minute: Some(limit),
            basis,
            ..measured(writing)
        };
    }
    let parallel = f64::from(parallel.max(1));
    let each = match earlier {
        Some(earlier) if earlier.messages > 0 => {
            let then = earlier.parallel.map_or(parallel, f64::from).max(1.0);
            earlier.seconds / as_f64(earlier.messages) * then / parallel
        }
        // Nothing tells how fast the target is: as fast as the source was read.
        _ if work.messages > 0 => work.read_seconds / as_f64(work.messages),
        _ => 0.0,
    };
    // One conversation has only one of those that work at once.
    let alone = as_f64(work.longest) * each * parallel;
    let writing = (as_f64(work.to_write) * each).max(alone);
    measured(match earlier {
        // What was measured then was reading and writing.
        Some(_) => writing.max(reading),
        None => writing + reading,
    })
}

/// How fast the newest copy to the same target was that wrote something.
async fn earlier(run: &Run) -> Result<Option<Measured>> {
    let migrations = run.parts.ledger.migrations().await?;
    Ok(migrations
        .iter()
        .filter(|record| record.spec.to == run.spec.to)
        .filter_map(|record| record.notes.get(MEASURED))
        .filter_map(|note| serde_json::from_value::<Measured>(note.clone()).ok())
        .find(|measured| measured.messages > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work() -> Work {
        Work {
            read_seconds: 10.0,
            messages: 1_000,
            attachments: 60,
            to_write: 1_000,
            longest: 10,
            requests: 1_200,
        }
    }

    #[test]
    fn a_limit_of_the_target_decides_where_it_is_slower_than_reading() {
        let limited = |limit| {
            judge(
                &work(),
                Some((limit, EstimateBasis::Documented)),
                None,
                None,
                8,
            )
        };
        let slow = limited(600);
        assert_eq!((slow.seconds, slow.target_requests), (120, 1_200));
        assert_eq!(slow.requests_per_minute, Some(600));
        assert_eq!(slow.basis, EstimateBasis::Documented);
        let fast = limited(1_000_000);
        assert_eq!((fast.seconds, fast.requests_per_minute), (10, None));
        assert_eq!(fast.basis, EstimateBasis::Measured);
    }

    #[test]
    fn files_are_read_at_the_sources_pace() {
        assert_eq!(judge(&work(), None, None, Some(60), 8).seconds, 80);
    }

    #[test]
    fn an_earlier_copy_tells_more_than_reading_does() {
        let earlier = Measured {
            messages: 100,
            seconds: 10.0,
            parallel: Some(4),
        };
        assert_eq!(judge(&work(), None, Some(earlier), None, 8).seconds, 50);
        assert_eq!(judge(&work(), None, None, None, 8).seconds, 20);
    }

    #[test]
    fn one_long_conversation_is_not_copied_by_several() {
        let mut work = work();
        work.longest = 1_000;
        let earlier = Measured {
            messages: 100,
            seconds: 10.0,
            parallel: None,
        };
        assert_eq!(judge(&work, None, Some(earlier), None, 8).seconds, 800);
    }

    #[test]
    fn nothing_takes_no_time() {
        let nothing = Work::default();
        assert_eq!(judge(&nothing, None, None, None, 8).seconds, 0);
    }
}
