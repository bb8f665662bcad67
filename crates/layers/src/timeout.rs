//! The time that a read may take. Writes have the time that their adapter gives them: nobody cuts one half way.

use std::future::Future;
use std::time::Duration;

use backend::{Context, Error, Kind, Origin, Outcome, Result};
use tokio::time::{Instant, timeout_at};

/// How much longer than its deadline a read is waited for: what watches the deadline itself says more.
const GRACE: Duration = Duration::from_millis(100);

/// The context of a read that began now and may take `most`, if its caller waits so long.
pub(crate) fn within(cx: &Context, most: Duration) -> Context {
    let until = (Instant::now() + most).into_std();
    Context {
        deadline: cx.deadline.min(until),
        ..cx.clone()
    }
}

/// What a read gives, or that the deadline of its context has passed.
pub(crate) async fn limited<T>(
    deadline: std::time::Instant,
    read: impl Future<Output = Result<T>>,
) -> Result<T> {
    match timeout_at(Instant::from_std(deadline) + GRACE, read).await {
        Ok(result) => result,
        Err(_) => Err(
            Error::new(Kind::Timeout, "the backend did not answer in time")
                .origin(Origin::Network)
                .outcome(Outcome::NotApplied),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted;

    fn cx(seconds: u64) -> Context {
        scripted::cx(Duration::from_secs(seconds))
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_ends_at_its_own_time_or_its_callers() {
        for (caller, most) in [(60, 5), (5, 60)] {
            let cx = within(&cx(caller), Duration::from_secs(most));
            let began = Instant::now();
            let error = limited(cx.deadline, std::future::pending::<Result<()>>())
                .await
                .unwrap_err();
            assert_eq!(error.kind, Kind::Timeout);
            assert_eq!(error.outcome, Outcome::NotApplied);
            let took = began.elapsed();
            let about = Duration::from_secs(4)..Duration::from_secs(6);
            assert!(about.contains(&took), "{took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_in_time_is_told() {
        let cx = within(&cx(60), Duration::from_secs(5));
        let answer = async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            Ok(7)
        };
        assert_eq!(limited(cx.deadline, answer).await.unwrap(), 7);
    }
}
