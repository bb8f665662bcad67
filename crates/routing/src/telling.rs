//! The events of an answer, and what is held for it until the last of them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use backend::ports::Directory;
use backend::{Event, EventStream};
use conversation::{ConversationId, Time};
use futures_util::Stream;

use crate::holding::{self, Holding};
use crate::keeping::touch;
use crate::traffic::Untold;

/// The events of an answer. Dropped before the last one, it leaves open what became of the answer.
pub(crate) struct Telling {
    pub(crate) events: EventStream,
    /// Told when the answer has ended or its reader left, and dropped before the lease.
    pub(crate) untold: Option<Untold>,
    pub(crate) holding: Option<Holding>,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) id: ConversationId,
}

impl Telling {
    /// In the background: whoever reads the events need not wait for our own notes.
    fn end(&mut self, said_at: Option<Time>, is_known: bool) {
        let (directory, id, holding) = (self.directory.clone(), self.id, self.holding.take());
        let untold = self.untold.take();
        tokio::spawn(async move {
            // Before the lease goes: whoever takes it next has been told.
            let is_told = match untold {
                Some(mut untold) => untold.tell().await,
                None => true,
            };
            if let Some(at) = said_at {
                touch(&directory, id, at).await;
            }
            if let Some(holding) = holding {
                holding.end(is_known && is_told).await;
            }
        });
    }
}

impl Stream for Telling {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let polled = self.events.as_mut().poll_next(cx);
        match &polled {
            Poll::Ready(Some(
                Event::MessageCompleted(message) | Event::MessageIncomplete(message),
            )) => self.end(Some(message.created_at), true),
            Poll::Ready(Some(Event::MessageFailed { error, .. })) => {
                let is_nothing = holding::is_known(error);
                if let Some(untold) = self.untold.as_mut().filter(|_| is_nothing) {
                    untold.nothing();
                }
                self.end(None, is_nothing);
            }
            // Without a last event nobody knows how it ended.
            Poll::Ready(None) => self.end(None, false),
            Poll::Ready(Some(_)) | Poll::Pending => {}
        }
        polled
    }
}
