//! AIs that the tests look into and hold up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use backend::ports::{Responder, Turn};
use backend::{Context, Error, Kind, Result};
use conversation::Assistant;
use futures_util::stream::{self, BoxStream, StreamExt};
use responders::Echo;
use tokio::sync::Notify;

/// How an answer was set up, with its template.
type SetUp = (Assistant, Option<Box<str>>);

/// Says what it was told, and notes how it was set up for that.
#[derive(Debug, Clone, Default)]
pub(crate) struct Noting(Arc<Mutex<Vec<SetUp>>>);

impl Noting {
    /// The set-up of each answer.
    pub(crate) fn noted(&self) -> Vec<SetUp> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait::async_trait]
impl Responder for Noting {
    fn name(&self) -> &str {
        "noting"
    }

    async fn answer(&self, cx: &Context, turn: Turn) -> Result<BoxStream<'static, Result<String>>> {
        let set_up = (turn.assistant.clone(), turn.template.clone());
        self.0.lock().unwrap().push(set_up);
        Echo.answer(cx, turn).await
    }
}

/// Begins to answer when it is let.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held {
    pub(crate) is_asked: Arc<Notify>,
    pub(crate) may_answer: Arc<Notify>,
}

#[async_trait::async_trait]
impl Responder for Held {
    fn name(&self) -> &str {
        "held"
    }

    async fn answer(&self, cx: &Context, turn: Turn) -> Result<BoxStream<'static, Result<String>>> {
        self.is_asked.notify_one();
        self.may_answer.notified().await;
        Echo.answer(cx, turn).await
    }
}

/// Answers, and from then on nothing can be read; or breaks its answer off.
#[derive(Debug, Clone, Default)]
pub(crate) struct Breaking {
    /// Set when it is asked.
    pub(crate) sets: Option<Arc<AtomicBool>>,
    /// Half an answer is all that it says.
    pub(crate) breaks_off: bool,
    /// It refuses, and says when to come again.
    pub(crate) is_limited: bool,
}

#[async_trait::async_trait]
impl Responder for Breaking {
    fn name(&self) -> &str {
        "breaking"
    }

    async fn answer(&self, cx: &Context, turn: Turn) -> Result<BoxStream<'static, Result<String>>> {
        if let Some(sets) = &self.sets {
            sets.store(true, Ordering::SeqCst);
        }
        if self.is_limited {
            return Err(Error::new(Kind::RateLimited, "later"));
        }
        if self.breaks_off {
            let lost = Error::new(Kind::UpstreamFailed, "lost");
            return Ok(stream::iter([Ok("half ".to_owned()), Err(lost)]).boxed());
        }
        Echo.answer(cx, turn).await
    }
}
