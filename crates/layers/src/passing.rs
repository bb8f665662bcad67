//! A vendor's own API beside the stack: not remembered, not repeated, not counted against limits. What is written there
//! is written past the memory, so the memory forgets.

use std::sync::Arc;

use async_trait::async_trait;
use backend::ports::{Passthrough, PassthroughAnswer, PassthroughRequest};
use backend::{Context, Result};

use crate::Cached;

/// Methods that change nothing.
const SAFE: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

/// A vendor's own API, and the memory of what that vendor answered.
#[derive(Debug)]
pub struct Passing {
    below: Arc<dyn Passthrough>,
    cached: Arc<Cached>,
}

impl Passing {
    /// `below`, beside `cached`.
    #[must_use]
    pub fn new(below: Arc<dyn Passthrough>, cached: Arc<Cached>) -> Self {
        Self { below, cached }
    }
}

/// Forgets all when it is dropped: at the end of a write, whichever it is.
struct Forgetting<'c>(&'c Cached);

impl Drop for Forgetting<'_> {
    fn drop(&mut self) {
        self.0.forget_all();
    }
}

#[async_trait]
impl Passthrough for Passing {
    async fn pass_through(
        &self,
        cx: &Context,
        request: PassthroughRequest,
    ) -> Result<PassthroughAnswer> {
        // Which conversations it changes stands in the vendor's words, which nobody reads here.
        let forgetting = (!SAFE.contains(&&*request.method)).then(|| Forgetting(&self.cached));
        let answer = self.below.pass_through(cx, request).await;
        drop(forgetting);
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use backend::{Backend as _, Kind};
    use bytes::Bytes;

    use super::*;
    use crate::CacheSettings;
    use crate::scripted::{Scripted, at, cx};

    const MINUTE: Duration = Duration::from_secs(60);

    /// A vendor that takes every request, or none.
    #[derive(Debug)]
    struct Vendor(bool);

    #[async_trait]
    impl Passthrough for Vendor {
        async fn pass_through(
            &self,
            _: &Context,
            _: PassthroughRequest,
        ) -> Result<PassthroughAnswer> {
            match self.0 {
                true => Ok(PassthroughAnswer {
                    status: 200,
                    headers: Vec::new(),
                    body: Bytes::new(),
                }),
                false => Err(backend::Error::new(Kind::Timeout, "no answer in time")),
            }
        }
    }

    async fn pass(cached: &Arc<Cached>, method: &str, is_taken: bool) {
        let passing = Passing::new(Arc::new(Vendor(is_taken)), Arc::clone(cached));
        let request = PassthroughRequest {
            method: method.into(),
            path: vec!["conversations".into()],
            query: Vec::new(),
            headers: Vec::new(),
            body: Bytes::new(),
        };
        let result = passing.pass_through(&cx(MINUTE), request).await;
        assert_eq!(result.is_ok(), is_taken);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_past_the_memory_forgets_all_of_it_and_a_read_nothing() {
        let settings = CacheSettings {
            fresh_for: MINUTE,
            ..CacheSettings::default()
        };
        let cached = Arc::new(Cached::new(Scripted::new([]), settings));
        let titles = async || {
            let mut titles = Vec::new();
            for native in ["a", "b"] {
                let read = cached.get_conversation(&cx(MINUTE), &at(native)).await;
                titles.push(read.unwrap().title.unwrap_or_default().to_string());
            }
            titles
        };
        // The vendor gives another title each time that it is asked.
        assert_eq!(titles().await, ["0", "1"]);
        pass(&cached, "GET", true).await;
        assert_eq!(titles().await, ["0", "1"]);
        pass(&cached, "DELETE", true).await;
        assert_eq!(titles().await, ["2", "3"]);
        // It may have been done all the same.
        pass(&cached, "POST", false).await;
        assert_eq!(titles().await, ["4", "5"]);
    }
}
