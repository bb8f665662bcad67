//! An answer on its way: it holds its permit until its last event, and says how its backend is.

use std::pin::Pin;
use std::task::{Context, Poll};

use backend::{Event, EventStream};
use futures_util::Stream;
use tokio::time::Instant;

use super::Underway;
use crate::breaker::Verdict;

/// The events of an answer, and what is held until the last of them.
pub(super) struct Held {
    events: EventStream,
    underway: Option<Underway>,
    began: Instant,
}

impl Held {
    /// The events, with what their call holds: who reads on below after the last event needs a permit of its own.
    pub(super) fn stream(events: EventStream, underway: Underway) -> EventStream {
        Box::pin(Self {
            events,
            underway: Some(underway),
            began: Instant::now(),
        })
    }

    fn hear(&mut self, event: &Event) {
        let verdict = match event {
            // Some adapters say this by themselves.
            Event::MessageStarted { .. } => return,
            Event::MessageFailed { error, .. } => Verdict::of(error, self.began.elapsed(), None),
            _ => Verdict::Works,
        };
        let pass = self
            .underway
            .as_mut()
            .and_then(|underway| underway.pass.take());
        if let Some(pass) = pass {
            pass.report(verdict);
        }
        if event.is_last() {
            self.underway = None;
        }
    }
}

impl Stream for Held {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let polled = self.events.as_mut().poll_next(cx);
        match &polled {
            Poll::Ready(Some(event)) => self.hear(event),
            Poll::Ready(None) => self.underway = None,
            Poll::Pending => {}
        }
        polled
    }
}
