//! Places: when a message counts as said, whatever the clock of its backend says.

use backend::ports::IndexState;
use conversation::Time;

/// When something that is said at `now` counts as said: behind all that was said before it.
pub(crate) fn said(now: Time, index: &IndexState) -> Time {
    now.max(index.floor)
}

/// The index with something said at `time` in it: what is said later comes behind that.
pub(crate) fn raised(index: &IndexState, time: Time) -> IndexState {
    IndexState {
        floor: index.floor.max(time),
        ..index.clone()
    }
}

/// The time before everything that is said through the gateway: the floor of an index without messages.
pub(crate) fn beginning() -> Time {
    Time::from_micros(0).unwrap_or_else(|_| Time::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Time {
        Time::from_micros(micros).unwrap()
    }

    #[test]
    fn what_is_said_now_comes_behind_a_clock_that_is_ahead() {
        let index = IndexState {
            native: "n".into(),
            mark: None,
            read_at: at(0),
            whole_at: at(0),
            floor: at(50),
        };
        assert_eq!(said(at(10), &index), at(50));
        assert_eq!(said(at(60), &index), at(60));
        assert_eq!(raised(&index, at(60)).floor, at(60));
        assert_eq!(raised(&index, at(40)).floor, at(50));
    }
}
