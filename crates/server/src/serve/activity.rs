//! What a connection is doing, and since when: the facts that its watchdog judges.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::limits::ServeLimits;

/// A moment that may be unset, kept in one atomic: milliseconds since the connection began, plus one.
#[derive(Debug, Default)]
struct Moment(AtomicU64);

impl Moment {
    fn set(&self, elapsed: Duration) {
        self.0.store(in_millis(elapsed) + 1, Ordering::Relaxed);
    }

    fn set_if_unset(&self, elapsed: Duration) {
        if self.0.load(Ordering::Relaxed) == 0 {
            self.set(elapsed);
        }
    }

    fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn get(&self) -> Option<Duration> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            stored => Some(Duration::from_millis(stored - 1)),
        }
    }
}

fn in_millis(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX - 1)
}

/// Why the watchdog closes a connection. The name is a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expired {
    /// No complete request head in time.
    Header,
    /// No further request in time.
    Idle,
    /// The client does not read.
    Stalled,
}

impl Expired {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Expired::Header => "header_timeout",
            Expired::Idle => "idle_timeout",
            Expired::Stalled => "write_stall",
        }
    }
}

/// The watchdog's verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Close the connection.
    Close(Expired),
    /// Look again after this long.
    LookAgain(Duration),
}

/// Facts about one connection, written by its socket and its requests.
#[derive(Debug)]
pub(super) struct Activity {
    began: Instant,
    requests_running: AtomicUsize,
    had_request: AtomicBool,
    is_http1: AtomicBool,
    idle_since: Moment,
    head_began: Moment,
    write_blocked_since: Moment,
    streams: Mutex<Vec<Arc<StreamClock>>>,
}

/// When an HTTP/2 answer handed over a piece that its client has not made room for.
#[derive(Debug, Default)]
pub(super) struct StreamClock {
    waiting_since: Moment,
}

impl Activity {
    pub(super) fn new() -> Self {
        Activity {
            began: Instant::now(),
            requests_running: AtomicUsize::new(0),
            had_request: AtomicBool::new(false),
            is_http1: AtomicBool::new(false),
            idle_since: Moment::default(),
            head_began: Moment::default(),
            write_blocked_since: Moment::default(),
            streams: Mutex::new(Vec::new()),
        }
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Bytes came in. Between two HTTP/1 requests they begin the next head; HTTP/2 sends frames at any time.
    pub(super) fn has_read(&self) {
        if self.requests_running.load(Ordering::Relaxed) == 0
            && self.is_http1.load(Ordering::Relaxed)
        {
            self.head_began.set_if_unset(self.elapsed());
        }
    }

    pub(super) fn has_written(&self) {
        self.write_blocked_since.clear();
    }

    pub(super) fn write_is_blocked(&self) {
        self.write_blocked_since.set_if_unset(self.elapsed());
    }

    pub(super) fn request_begins(&self, version: http::Version) {
        self.is_http1
            .store(version < http::Version::HTTP_2, Ordering::Relaxed);
        self.requests_running.fetch_add(1, Ordering::Relaxed);
        self.had_request.store(true, Ordering::Relaxed);
        self.head_began.clear();
    }

    pub(super) fn request_ends(&self) {
        if self.requests_running.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.idle_since.set(self.elapsed());
        }
    }

    pub(super) fn stream_begins(&self) -> Arc<StreamClock> {
        let clock = Arc::new(StreamClock::default());
        self.lock_streams().push(Arc::clone(&clock));
        clock
    }

    pub(super) fn stream_ends(&self, clock: &Arc<StreamClock>) {
        self.lock_streams()
            .retain(|other| !Arc::ptr_eq(other, clock));
    }

    /// The answer has something ready, and waits for the client to make room.
    pub(super) fn stream_waits(&self, clock: &StreamClock) {
        clock.waiting_since.set(self.elapsed());
    }

    pub(super) fn stream_moves(clock: &StreamClock) {
        clock.waiting_since.clear();
    }

    fn lock_streams(&self) -> std::sync::MutexGuard<'_, Vec<Arc<StreamClock>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn blocked_since(&self) -> Option<Duration> {
        let streams = self.lock_streams();
        let stream = streams.iter().filter_map(|clock| clock.waiting_since.get());
        stream.chain(self.write_blocked_since.get()).min()
    }

    /// Judges the connection now.
    pub(super) fn judge(&self, limits: &ServeLimits) -> Verdict {
        self.judge_at(self.elapsed(), limits)
    }

    fn judge_at(&self, now: Duration, limits: &ServeLimits) -> Verdict {
        let mut deadlines: [Option<(Duration, Expired)>; 2] = [None, None];
        deadlines[0] = self
            .blocked_since()
            .map(|since| (since + limits.write_stall_timeout, Expired::Stalled));
        if self.requests_running.load(Ordering::Relaxed) == 0 {
            deadlines[1] = Some(if !self.had_request.load(Ordering::Relaxed) {
                (limits.header_timeout, Expired::Header)
            } else if let Some(since) = self.head_began.get() {
                (since + limits.header_timeout, Expired::Header)
            } else {
                let since = self.idle_since.get().unwrap_or_default();
                (since + limits.idle_timeout, Expired::Idle)
            });
        }
        // Nothing wakes the watchdog when a deadline appears, so it looks again at a quarter of the shortest limit.
        let shortest = limits
            .header_timeout
            .min(limits.idle_timeout)
            .min(limits.write_stall_timeout);
        let mut look_again = (shortest / 4).max(Duration::from_millis(5));
        for (deadline, expired) in deadlines.into_iter().flatten() {
            if deadline <= now {
                return Verdict::Close(expired);
            }
            look_again = look_again.min(deadline - now);
        }
        Verdict::LookAgain(look_again.max(Duration::from_millis(1)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Version;

    use super::{Activity, Expired, Verdict};
    use crate::limits::ServeLimits;

    fn closes_at(activity: &Activity, seconds: u64) -> Option<Expired> {
        match activity.judge_at(Duration::from_secs(seconds), &ServeLimits::default()) {
            Verdict::Close(expired) => Some(expired),
            Verdict::LookAgain(_) => None,
        }
    }

    #[test]
    fn connection_without_a_request_has_ten_seconds() {
        let activity = Activity::new();
        assert_eq!(closes_at(&activity, 9), None);
        assert_eq!(closes_at(&activity, 10), Some(Expired::Header));
    }

    #[test]
    fn running_request_is_never_idle() {
        let activity = Activity::new();
        activity.request_begins(Version::HTTP_11);
        assert_eq!(closes_at(&activity, 100_000), None);
    }

    #[test]
    fn connection_between_requests_has_seventy_five_seconds() {
        let activity = Activity::new();
        activity.request_begins(Version::HTTP_11);
        activity.request_ends();
        assert_eq!(closes_at(&activity, 74), None);
        assert_eq!(closes_at(&activity, 76), Some(Expired::Idle));
    }

    #[test]
    fn second_half_header_has_ten_seconds() {
        let activity = Activity::new();
        activity.request_begins(Version::HTTP_11);
        activity.request_ends();
        activity.has_read();
        assert_eq!(closes_at(&activity, 9), None);
        assert_eq!(closes_at(&activity, 11), Some(Expired::Header));
    }

    #[test]
    fn http2_frames_between_requests_are_no_half_header() {
        let activity = Activity::new();
        activity.request_begins(Version::HTTP_2);
        activity.request_ends();
        activity.has_read();
        assert_eq!(closes_at(&activity, 11), None);
    }

    #[test]
    fn blocked_write_has_thirty_seconds_even_with_a_running_request() {
        let activity = Activity::new();
        activity.request_begins(Version::HTTP_11);
        activity.write_is_blocked();
        assert_eq!(closes_at(&activity, 29), None);
        assert_eq!(closes_at(&activity, 31), Some(Expired::Stalled));
        activity.has_written();
        assert_eq!(closes_at(&activity, 31), None);
    }

    #[test]
    fn http2_stream_without_room_has_thirty_seconds() {
        let activity = Activity::new();
        activity.request_begins(Version::HTTP_2);
        let clock = activity.stream_begins();
        activity.stream_waits(&clock);
        assert_eq!(closes_at(&activity, 31), Some(Expired::Stalled));
        Activity::stream_moves(&clock);
        assert_eq!(closes_at(&activity, 31), None);
        activity.stream_waits(&clock);
        activity.stream_ends(&clock);
        assert_eq!(closes_at(&activity, 31), None);
    }
}
