//! The `Retry-After` header: seconds or a date.

use std::time::{Duration, SystemTime};

/// The longest wait that is worth honouring inside a call: 30 s. Longer ones belong to the caller.
pub const RETRY_AFTER_CAP: Duration = Duration::from_secs(30);

/// How long to wait according to the value of a `Retry-After` header, at most `cap`.
///
/// Whole seconds or an HTTP date; a date in the past is zero; anything else (negative, fractional, empty) is `None`.
/// A number too large for any clock is `cap`.
pub fn retry_after(value: &str, now: SystemTime, cap: Duration) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // All digits, so the only way to fail is a number beyond u64.
        return Some(value.parse().map_or(cap, Duration::from_secs).min(cap));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or(Duration::ZERO).min(cap))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_reads_seconds_and_dates_and_refuses_the_rest() {
        let now = httpdate::parse_http_date("Sat, 21 Nov 2026 12:00:00 GMT").unwrap();
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let table = [
            ("7", seconds(7)),
            (" 7 ", seconds(7)),
            ("0", seconds(0)),
            ("007", seconds(7)),
            ("31", seconds(30)),
            ("99999999999999999999999999", seconds(30)),
            ("Sat, 21 Nov 2026 12:00:12 GMT", seconds(12)),
            ("Saturday, 21-Nov-26 12:00:12 GMT", seconds(12)),
            ("Sat Nov 21 12:00:12 2026", seconds(12)),
            ("Sat, 21 Nov 2026 11:59:00 GMT", seconds(0)),
            ("Sun, 21 Nov 2027 12:00:00 GMT", seconds(30)),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("", None),
            (" ", None),
            ("soon", None),
            ("7 seconds", None),
            ("2026-11-21T12:00:12Z", None),
            ("٧", None),
        ];
        for (value, expected) in table {
            assert_eq!(
                retry_after(value, now, RETRY_AFTER_CAP),
                expected,
                "{value:?}"
            );
        }
    }

    #[test]
    fn retry_after_is_cut_at_the_cap_that_the_caller_gives() {
        let now = SystemTime::now();
        assert_eq!(
            retry_after("90", now, Duration::from_secs(120)),
            Some(Duration::from_secs(90))
        );
        assert_eq!(
            retry_after("90", now, Duration::from_secs(5)),
            Some(Duration::from_secs(5))
        );
    }
}
