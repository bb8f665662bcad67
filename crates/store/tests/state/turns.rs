//! Turns: how many are given in a window, and to whom.

use std::time::Duration;

use backend::ports::{Taken, Turns as _};
use futures_util::future::join_all;

use crate::support::open;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn of_all_that_ask_at_once_as_many_are_given_a_turn_as_there_are() {
    let (_directory, _store, state) = open();
    let others = [state.clone(), state.clone()];
    let asks = (0..60).map(|number| others[number % 2].take("call", "k", 10, HOUR));
    let taken: Vec<Taken> = join_all(asks)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let given = taken.iter().filter(|taken| taken.granted);
    let mut left: Vec<u32> = given.map(|taken| taken.remaining).collect();
    left.sort_unstable();
    assert_eq!(left, (0..10).collect::<Vec<_>>());
    let refused = taken.iter().find(|taken| !taken.granted).unwrap();
    assert_eq!(refused.remaining, 0);
    assert!(refused.wait > Duration::ZERO && refused.wait <= HOUR);
    // Somebody else, and something else, have their own.
    assert!(state.take("call", "l", 10, HOUR).await.unwrap().granted);
    assert!(state.take("look", "k", 10, HOUR).await.unwrap().granted);
}

#[tokio::test]
async fn a_window_that_is_over_gives_turns_again_and_another_limit_holds_at_once() {
    let (_directory, _store, state) = open();
    let moment = Duration::from_millis(200);
    assert!(state.take("call", "k", 1, moment).await.unwrap().granted);
    let mut taken = state.take("call", "k", 1, moment).await.unwrap();
    while !taken.granted {
        tokio::time::sleep(taken.wait).await;
        taken = state.take("call", "k", 1, moment).await.unwrap();
    }
    assert!(state.take("call", "l", 1, HOUR).await.unwrap().granted);
    assert!(!state.take("call", "l", 1, HOUR).await.unwrap().granted);
    assert!(state.take("call", "l", 2, HOUR).await.unwrap().granted);
    assert!(!state.take("call", "l", 1, HOUR).await.unwrap().granted);
    assert!(!state.take("call", "m", 0, HOUR).await.unwrap().granted);
}
