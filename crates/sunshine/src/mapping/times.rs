//! Times: RFC 3339 UTC with milliseconds.

use adapterkit::Unmappable;
use conversation::Time;

use crate::wire::{CURSOR_CHARS, Member};

/// A time that was sent, else the one inside the id: the ids of all examples begin with the seconds since 1970 in
/// eight hexadecimal digits.
pub(super) fn time_or_id(
    sent: &Member<String>,
    id: &str,
    member: &'static str,
) -> Result<Time, Unmappable> {
    match sent.value() {
        Some(text) => text.parse().map_err(|_| Unmappable(member)),
        None => time_of_id(id).ok_or(Unmappable(member)),
    }
}

fn time_of_id(id: &str) -> Option<Time> {
    let is_object_id = id.len() == CURSOR_CHARS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let seconds = i64::from_str_radix(is_object_id.then(|| id.get(..8))??, 16).ok()?;
    Time::from_micros(seconds * 1_000_000).ok()
}

/// A time that may be missing.
pub(super) fn optional_time(
    sent: &Member<String>,
    member: &'static str,
) -> Result<Option<Time>, Unmappable> {
    sent.value()
        .map(|text| text.parse().map_err(|_| Unmappable(member)))
        .transpose()
}

/// The vendor's spelling.
pub(super) fn spelled(time: Time) -> String {
    time.to_millis().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_time_has_the_one_in_its_id() {
        let id = "5e552ef595e5206375bb835d";
        let time = time_or_id(&Member::Absent, id, "received").unwrap();
        assert_eq!(time.to_string(), "2020-02-25T14:28:05.000Z");
        assert!(time_or_id(&Member::Absent, "message-1", "received").is_err());
        let sent = Member::Value("2019-03-21T18:48:52.760Z".to_owned());
        assert_eq!(
            spelled(time_or_id(&sent, id, "received").unwrap()),
            "2019-03-21T18:48:52.760Z"
        );
    }
}
