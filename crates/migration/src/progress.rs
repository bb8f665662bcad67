//! How far a job has come, counted where the work is done.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use conversation::Time;

use crate::status::Progress;

/// The rate is a mean over so many whole seconds.
const RATE_SECONDS: u64 = 30;
/// Buckets of one second each: those of the rate, and the one that is being filled.
const BUCKETS: usize = 32;
/// No pause: the counter's value where nothing waits.
const NO_PAUSE: i64 = i64::MIN;

/// What a job counts. Shared by `Arc`; adding is a few atomic steps and never waits.
#[derive(Debug)]
pub(crate) struct Counters {
    began: Instant,
    conversations: AtomicU64,
    conversations_total: AtomicU64,
    failed: AtomicU64,
    messages: AtomicU64,
    messages_total: AtomicU64,
    written: AtomicU64,
    bytes: AtomicU64,
    /// Microseconds since 1970.
    waits_until: AtomicI64,
    /// Messages of each of the last seconds: the second in the upper half, how many in the lower.
    seconds: [AtomicU64; BUCKETS],
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            conversations: AtomicU64::default(),
            conversations_total: AtomicU64::default(),
            failed: AtomicU64::default(),
            messages: AtomicU64::default(),
            messages_total: AtomicU64::default(),
            written: AtomicU64::default(),
            bytes: AtomicU64::default(),
            waits_until: AtomicI64::new(NO_PAUSE),
            seconds: Default::default(),
        }
    }
}

impl Counters {
    /// So many conversations and messages there are to do, as far as is known; 0 messages where that is not known.
    pub(crate) fn expect(&self, conversations: u64, messages: u64) {
        self.conversations_total
            .store(conversations, Ordering::Relaxed);
        self.messages_total.store(messages, Ordering::Relaxed);
    }

    /// One conversation is done, or failed.
    pub(crate) fn add_conversation(&self, failed: bool) {
        self.conversations.fetch_add(1, Ordering::Relaxed);
        self.failed.fetch_add(u64::from(failed), Ordering::Relaxed);
    }

    /// So many messages were read or compared.
    pub(crate) fn add_messages(&self, count: u64) {
        self.add_messages_at(self.began.elapsed().as_secs(), count);
    }

    /// So many messages were written.
    pub(crate) fn add_written(&self, count: u64) {
        self.written.fetch_add(count, Ordering::Relaxed);
    }

    /// So many bytes of text and attachments were read.
    pub(crate) fn add_bytes(&self, count: u64) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
    }

    /// A backend asked for a pause until then. Of several the last one counts.
    pub(crate) fn wait_until(&self, time: Time) {
        self.waits_until
            .fetch_max(time.as_micros(), Ordering::Relaxed);
    }

    /// How far it has come.
    pub(crate) fn snapshot(&self) -> Progress {
        self.snapshot_at(self.began.elapsed(), Time::now())
    }

    fn add_messages_at(&self, second: u64, count: u64) {
        self.messages.fetch_add(count, Ordering::Relaxed);
        let second = second & u64::from(u32::MAX);
        let place = usize::try_from(second).unwrap_or_default() % BUCKETS;
        let add = |held: u64| {
            let so_far = if held >> 32 == second {
                held & u64::from(u32::MAX)
            } else {
                0
            };
            let sum = so_far.saturating_add(count).min(u64::from(u32::MAX));
            Some((second << 32) | sum)
        };
        // The closure always gives a value, so this cannot fail.
        let _ = self.seconds[place].fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Messages in a second over the last half minute, so long after the job began.
    fn rate_at(&self, elapsed: Duration) -> f64 {
        let second = elapsed.as_secs();
        let from = second.saturating_sub(RATE_SECONDS - 1);
        let counted: u64 = self
            .seconds
            .iter()
            .map(|bucket| bucket.load(Ordering::Relaxed))
            .filter(|held| (from..=second).contains(&(held >> 32)))
            .map(|held| held & u64::from(u32::MAX))
            .sum();
        // The first second counts whole: a job that is a moment old has no rate worth telling.
        let span = elapsed.saturating_sub(Duration::from_secs(from));
        as_f64(counted) / span.as_secs_f64().max(1.0)
    }

    fn snapshot_at(&self, elapsed: Duration, now: Time) -> Progress {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let waits_until = self.waits_until.load(Ordering::Relaxed);
        let waits_until = Time::from_micros(waits_until)
            .ok()
            .filter(|time| waits_until != NO_PAUSE && *time > now);
        let mut progress = Progress {
            conversations: read(&self.conversations),
            conversations_total: read(&self.conversations_total),
            failed: read(&self.failed),
            messages: read(&self.messages),
            messages_total: read(&self.messages_total),
            written: read(&self.written),
            bytes: read(&self.bytes),
            messages_per_second: self.rate_at(elapsed),
            seconds_left: None,
            waits_until,
        };
        progress.seconds_left = seconds_left(&progress, elapsed.as_secs_f64()).map(|left| {
            let pause = waits_until.map_or(0, |time| time.as_micros() - now.as_micros());
            left.saturating_add(u64::try_from(pause).unwrap_or_default() / 1_000_000)
        });
        progress
    }
}

/// How long the rest takes: by messages as fast as in the last half minute where their number is known, else by
/// conversations as fast as since the beginning.
fn seconds_left(progress: &Progress, elapsed: f64) -> Option<u64> {
    let conversations = progress
        .conversations_total
        .saturating_sub(progress.conversations);
    if progress.conversations_total > 0 && conversations == 0 {
        return Some(0);
    }
    let messages = progress.messages_total.saturating_sub(progress.messages);
    let seconds = if messages > 0 && progress.messages_per_second > 0.0 {
        as_f64(messages) / progress.messages_per_second
    } else if progress.conversations > 0 && conversations > 0 {
        as_f64(conversations) * elapsed / as_f64(progress.conversations)
    } else {
        return None;
    };
    Some(whole_seconds(seconds))
}

/// A count for a mean, where its last digits do not matter.
#[expect(
    clippy::cast_precision_loss,
    reason = "means and estimates; counts beyond 2^53 lose digits that nobody reads"
)]
pub(crate) fn as_f64(count: u64) -> f64 {
    count as f64
}

/// Seconds, rounded up.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast stops at both bounds, which is what is wanted"
)]
pub(crate) fn whole_seconds(seconds: f64) -> u64 {
    seconds.ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_half_minute() {
        let counters = Counters::default();
        counters.expect(10, 10_000);
        for second in 0..100 {
            counters.add_messages_at(second, if second < 60 { 1_000 } else { 20 });
        }
        let progress = counters.snapshot_at(Duration::from_secs(100), Time::now());
        assert!(
            (progress.messages_per_second - 20.0).abs() < 1.0,
            "{progress:?}"
        );
    }

    #[test]
    fn a_job_that_stands_still_has_no_rate_and_still_tells_what_is_left() {
        let counters = Counters::default();
        counters.expect(4, 0);
        counters.add_messages_at(0, 500);
        counters.add_conversation(false);
        let progress = counters.snapshot_at(Duration::from_secs(60), Time::now());
        assert_eq!(progress.messages_per_second, 0.0);
        assert_eq!(progress.seconds_left, Some(180));
        assert_eq!((progress.conversations, progress.messages), (1, 500));
    }

    #[test]
    fn what_is_left_goes_by_messages_and_counts_a_pause() {
        let counters = Counters::default();
        counters.expect(2, 200);
        for second in 0..10 {
            counters.add_messages_at(second, 10);
        }
        let now = Time::now();
        assert_eq!(
            counters
                .snapshot_at(Duration::from_secs(10), now)
                .seconds_left,
            Some(10),
            "100 messages at 10 a second"
        );
        counters.wait_until(now.saturating_add_micros(5_000_000));
        let waiting = counters.snapshot_at(Duration::from_secs(10), now);
        assert_eq!(waiting.seconds_left, Some(15));
        assert!(waiting.waits_until.is_some());
        let later = now.saturating_add_micros(6_000_000);
        assert_eq!(
            counters
                .snapshot_at(Duration::from_secs(10), later)
                .waits_until,
            None
        );
    }

    #[test]
    fn what_is_done_has_nothing_left() {
        let counters = Counters::default();
        counters.expect(2, 100);
        counters.add_conversation(false);
        counters.add_conversation(true);
        let progress = counters.snapshot();
        assert_eq!(progress.seconds_left, Some(0));
        assert_eq!((progress.conversations, progress.failed), (2, 1));
    }

    #[test]
    fn many_may_count_at_once() {
        let counters = Counters::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1_000).for_each(|_| counters.add_messages(1)));
            }
        });
        assert_eq!(counters.snapshot().messages, 4_000);
    }
}
