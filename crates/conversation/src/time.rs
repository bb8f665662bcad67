//! Points in time: UTC, microseconds, RFC 3339 on every wire.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time, UTC, truncated to microseconds.
///
/// Spelled as RFC 3339 with `Z` and three fraction digits, or six where the value has microseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(jiff::Timestamp);

/// A text or number that is no point in time which we can hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time with an offset, such as 2026-01-31T09:30:00.000Z")]
pub struct InvalidTime;

impl Time {
    /// The present moment.
    #[must_use]
    pub fn now() -> Self {
        Self::truncated(jiff::Timestamp::now())
    }

    /// From microseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`InvalidTime`] outside the years −9999 to 9999.
    pub fn from_micros(micros: i64) -> Result<Self, InvalidTime> {
        jiff::Timestamp::from_microsecond(micros)
            .map(Self)
            .map_err(|_| InvalidTime)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn as_micros(self) -> i64 {
        self.0.as_microsecond()
    }

    /// Milliseconds since 1970-01-01T00:00:00Z, rounded down.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        self.as_micros().div_euclid(1_000)
    }

    /// This time without its microseconds: what strict digests compare.
    #[must_use]
    pub fn to_millis(self) -> Self {
        Self::from_micros(self.as_millis() * 1_000).unwrap_or(self)
    }

    /// This time moved by `micros`; it stays at the first or last time that we can hold.
    #[must_use]
    pub fn saturating_add_micros(self, micros: i64) -> Self {
        let moved = self.as_micros().saturating_add(micros);
        let bound = if micros < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        };
        Self::from_micros(moved).unwrap_or(Self(bound))
    }

    fn truncated(timestamp: jiff::Timestamp) -> Self {
        Self::from_micros(timestamp.as_microsecond()).unwrap_or(Self(timestamp))
    }
}

impl std::str::FromStr for Time {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        // jiff also reads zone annotations in brackets; RFC 3339 has none.
        if text.contains('[') {
            return Err(InvalidTime);
        }
        text.parse().map(Self::truncated).map_err(|_| InvalidTime)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.as_microsecond() % 1_000 == 0 {
            write!(f, "{:.3}", self.0)
        } else {
            write!(f, "{:.6}", self.0)
        }
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_at_least_milliseconds_and_keep_microseconds() {
        let spelled = |text: &str| text.parse::<Time>().map(|time| time.to_string());
        assert_eq!(
            spelled("2026-11-21T11:03:04Z"),
            Ok("2026-11-21T11:03:04.000Z".to_owned())
        );
        assert_eq!(
            spelled("2026-11-21T11:03:04.5+01:00"),
            Ok("2026-11-21T10:03:04.500Z".to_owned())
        );
        assert_eq!(
            spelled("2026-11-21T11:03:04.318619Z"),
            Ok("2026-11-21T11:03:04.318619Z".to_owned())
        );
        assert_eq!(
            spelled("2026-11-21T11:03:04.3186199Z"),
            Ok("2026-11-21T11:03:04.318619Z".to_owned())
        );
        for bad in [
            "",
            "2026-11-21",
            "2026-11-21T11:03:04",
            "yesterday",
            "2026-11-21T11:03:04Z[UTC]",
            "2026-13-01T00:00:00Z",
        ] {
            assert_eq!(spelled(bad), Err(InvalidTime), "{bad}");
        }
    }
}
