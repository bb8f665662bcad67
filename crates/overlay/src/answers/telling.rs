//! An answer as it comes, told with what is kept of it. The last event is told when all is noted.

use backend::{Context, Error, Event, EventStream, Kind, Location, Origin};
use conversation::Message;
use futures_util::{StreamExt, stream};

use super::Asked;
use crate::Overlay;
use crate::posts::applied;

struct Telling {
    overlay: Overlay,
    cx: Context,
    at: Location,
    events: EventStream,
    asked: Asked,
    is_over: bool,
}

/// The events of an answer. Where the reader leaves, what was sent stays noted, and the next look at the backend finds
/// what became of it.
pub(super) fn told(
    overlay: Overlay,
    cx: Context,
    at: Location,
    events: EventStream,
    asked: Asked,
) -> EventStream {
    let telling = Telling {
        overlay,
        cx,
        at,
        events,
        asked,
        is_over: false,
    };
    Box::pin(stream::unfold(telling, |mut telling| async move {
        let event = telling.next().await?;
        Some((event, telling))
    }))
}

impl Telling {
    async fn next(&mut self) -> Option<Event> {
        if self.is_over {
            return None;
        }
        let event = match self.events.next().await {
            Some(event) => event,
            None => Event::MessageFailed {
                message: None,
                error: Error::new(Kind::InvalidResponse, "the answer ended without saying how")
                    .origin(Origin::Upstream)
                    .at(self.overlay.name(), "respond"),
            },
        };
        self.is_over = event.is_last();
        Some(match event {
            Event::MessageStarted { id, input } => {
                let ours = match &self.asked.sent {
                    Some((sending, _)) => sending.input.clone(),
                    None => input,
                };
                Event::MessageStarted { id, input: ours }
            }
            Event::MessageCompleted(answer) => {
                match noted(&self.overlay, &self.cx, &self.at, &self.asked, &answer).await {
                    Ok(answer) => Event::MessageCompleted(answer),
                    Err(error) => not_noted(answer, error),
                }
            }
            Event::MessageIncomplete(answer) => {
                match noted(&self.overlay, &self.cx, &self.at, &self.asked, &answer).await {
                    Ok(answer) => Event::MessageIncomplete(answer),
                    Err(error) => not_noted(answer, error),
                }
            }
            Event::MessageFailed {
                message: Some(stored),
                error,
            } => {
                // What was stored is told either way: the failure that counts is the answer's.
                let message =
                    match noted(&self.overlay, &self.cx, &self.at, &self.asked, &stored).await {
                        Ok(stored) => stored,
                        Err(_) => stored,
                    };
                Event::MessageFailed {
                    message: Some(message),
                    error,
                }
            }
            Event::MessageFailed {
                message: None,
                error,
            } => {
                let (overlay, cx, at) = (&self.overlay, &self.cx, &self.at);
                overlay.not_answered(cx, at, &self.asked, &error).await;
                Event::MessageFailed {
                    message: None,
                    error,
                }
            }
            event => event,
        })
    }
}

// Not a method: a stream that is read is not shared between threads.
async fn noted(
    overlay: &Overlay,
    cx: &Context,
    at: &Location,
    asked: &Asked,
    answer: &Message,
) -> Result<Box<Message>, Error> {
    let noted = overlay.note_answer(cx, at, asked, answer).await;
    noted.map(Box::new).inspect_err(|error| {
        tracing::warn!(
            backend.name = overlay.name(),
            conversation.id = %at.id,
            error.kind = error.kind.as_str(),
            "an answer came, and could not be noted; it is found by the next look or when its intent is settled"
        );
    })
}

/// The answer is there, and what belongs to it could not be noted: nothing of it is lost, and nobody may ask again.
fn not_noted(answer: Box<Message>, error: Error) -> Event {
    Event::MessageFailed {
        message: Some(answer),
        error: applied(error),
    }
}
