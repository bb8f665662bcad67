//! Turns: in the database where several processes serve. One that serves alone counts them in memory: what it took into its
//! grave is forgotten with it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use backend::Result;
use backend::ports::{Taken, Turns};

use super::State;

/// The most windows that are remembered. Beyond it those that are over are forgotten, and if there are none, those that
/// end first: whoever has so many names is counted too kindly, and memory stays bounded.
const WINDOWS_MAX: usize = 100_000;
/// How many are forgotten at once where none is over.
const ROOM: usize = WINDOWS_MAX / 10;

/// The windows of one process.
#[derive(Debug, Default)]
pub(crate) struct TakenTurns(Mutex<HashMap<Name, Window>>);

/// What is done, and who does it.
type Name = (Box<str>, Box<str>);

#[derive(Debug, Clone, Copy)]
struct Window {
    ends_at: Instant,
    used: u32,
}

impl TakenTurns {
    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Window>> {
        // The map is whole after every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, name: Name, most: u32, length: Duration, now: Instant) -> Taken {
        let mut windows = self.lock();
        if windows.len() >= WINDOWS_MAX && !windows.contains_key(&name) {
            make_room(&mut windows, now);
        }
        let begun = windows.get(&name).filter(|window| window.ends_at > now);
        let window = begun.copied().unwrap_or(Window {
            ends_at: now + length,
            used: 0,
        });
        let wait = window.ends_at.saturating_duration_since(now);
        if window.used >= most {
            return Taken::of(false, window.used, most, wait);
        }
        let used = window.used + 1;
        windows.insert(name, Window { used, ..window });
        Taken::of(true, used, most, wait)
    }
}

fn make_room(windows: &mut HashMap<Name, Window>, now: Instant) {
    windows.retain(|_, window| window.ends_at > now);
    if windows.len() < WINDOWS_MAX {
        return;
    }
    let mut ends: Vec<Instant> = windows.values().map(|window| window.ends_at).collect();
    let (_, until, _) = ends.select_nth_unstable(ROOM);
    let until = *until;
    windows.retain(|_, window| window.ends_at > until);
}

#[async_trait]
impl Turns for State {
    async fn take(&self, what: &str, who: &str, most: u32, window: Duration) -> Result<Taken> {
        if let Some(postgres) = self.store.postgres() {
            return postgres.take(what, who, most, window).await;
        }
        let name = (what.into(), who.into());
        Ok(self.store.turns().take(name, most, window, Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn name(who: &str) -> Name {
        ("call".into(), who.into())
    }

    #[test]
    fn a_window_begins_with_its_first_turn_and_gives_no_more_than_its_limit() {
        let (turns, start) = (TakenTurns::default(), Instant::now());
        let take = |who: &str, most, seconds| {
            turns.take(
                name(who),
                most,
                MINUTE,
                start + Duration::from_secs(seconds),
            )
        };
        assert_eq!(take("a", 2, 0), Taken::of(true, 1, 2, MINUTE));
        let half = Duration::from_secs(30);
        assert_eq!(take("a", 2, 30), Taken::of(true, 2, 2, half));
        assert_eq!(take("a", 2, 30), Taken::of(false, 2, 2, half));
        assert!(take("b", 2, 30).granted, "each has windows of its own");
        assert_eq!(take("a", 2, 59).wait, Duration::from_secs(1));
        // Over: nothing that was refused was counted, and the next begins now.
        assert_eq!(take("a", 2, 60), Taken::of(true, 1, 2, MINUTE));
        assert_eq!(take("a", 2, 90).wait, half);
    }

    #[test]
    fn another_limit_holds_at_once_and_what_was_given_stays_given() {
        let (turns, now) = (TakenTurns::default(), Instant::now());
        for _ in 0..3 {
            assert!(turns.take(name("a"), 3, MINUTE, now).granted);
        }
        assert!(!turns.take(name("a"), 2, MINUTE, now).granted);
        assert!(turns.take(name("a"), 4, MINUTE, now).granted);
        let none = turns.take(name("b"), 0, MINUTE, now);
        assert_eq!(none, Taken::of(false, 0, 0, MINUTE));
    }

    #[test]
    fn windows_do_not_pile_up() {
        let (turns, now) = (TakenTurns::default(), Instant::now());
        // The last is the only one that is not over by then.
        for number in 0..=WINDOWS_MAX {
            let later = if number == WINDOWS_MAX {
                now + MINUTE
            } else {
                now
            };
            turns.take(name(&number.to_string()), 1, MINUTE, later);
        }
        assert_eq!(turns.lock().len(), 1);
        for number in 0..WINDOWS_MAX + ROOM {
            let later = now + MINUTE + Duration::from_micros(number as u64);
            turns.take(name(&number.to_string()), 1, MINUTE, later);
        }
        assert!(turns.lock().len() <= WINDOWS_MAX);
    }
}
