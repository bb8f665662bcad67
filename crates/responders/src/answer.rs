//! An answer in the making: its pieces are told as they come, and stored together.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backend::ports::AnswerNotes;
use backend::{Backend, Context, Error, Event, FidelityPolicy, Kind, Location, Result};
use conversation::{Message, MessageStatus, NewMessage, Part};
use futures_util::stream::{BoxStream, StreamExt};
use tokio::sync::mpsc;

use crate::answering::said;

/// How long the storing of a finished answer may take when the request's own deadline has passed.
const STORE_ANSWER: Duration = Duration::from_secs(10);

/// An answer in the making.
pub(crate) struct Answer {
    pub(crate) inner: Arc<dyn Backend>,
    pub(crate) cx: Context,
    pub(crate) at: Location,
    /// The answer's fields, all but its parts and status.
    pub(crate) draft: NewMessage,
    /// What the responder learns of the answer while it comes.
    pub(crate) notes: AnswerNotes,
    /// True where the request had an input, which is stored by now.
    pub(crate) has_said: bool,
    pub(crate) input: Option<Box<Message>>,
    pub(crate) started: Instant,
    pub(crate) events: mpsc::Sender<Event>,
}

impl Answer {
    /// Reads the pieces, tells them, and stores what arrived, also when the reader has gone.
    pub(crate) async fn run(mut self, mut pieces: BoxStream<'static, Result<String>>) {
        let mut text = String::new();
        let mut failure: Option<Error> = None;
        let input = self.input.take();
        let mut heard = self.tell(Event::MessageStarted { id: None, input }).await
            && self
                .tell(Event::PartStarted {
                    index: 0,
                    kind: "text",
                })
                .await;
        let mut whole = false;
        while heard {
            let next = tokio::select! {
                next = tokio::time::timeout_at(self.cx.deadline.into(), pieces.next()) => next,
                () = self.events.closed() => break,
            };
            match next {
                Ok(Some(Ok(piece))) => {
                    text.push_str(&piece);
                    heard = self
                        .tell(Event::PartDelta {
                            index: 0,
                            text: piece,
                        })
                        .await;
                }
                Ok(Some(Err(error))) => {
                    failure = Some(error);
                    break;
                }
                Ok(None) => {
                    whole = true;
                    break;
                }
                Err(_) => {
                    failure = Some(Error::new(
                        Kind::Timeout,
                        "the answer was not complete at the deadline",
                    ));
                    break;
                }
            }
        }
        drop(pieces);
        self.store(text, whole, failure).await;
    }

    async fn store(self, text: String, whole: bool, failure: Option<Error>) {
        if text.is_empty() && !whole {
            // Not a word came: there is nothing to keep. Without a failure the reader has left.
            if let Some(error) = failure {
                self.fail(error).await;
            }
            return;
        }
        let mut answer = self.draft.clone();
        answer.parts = vec![Part::text(text)];
        answer.status = Some(if whole {
            MessageStatus::Sent
        } else {
            MessageStatus::Incomplete
        });
        let noted = self.notes.noted();
        answer.finish_reason = Some(match &failure {
            Some(error) => error.kind.as_str().into(),
            None if whole => noted.finish_reason.unwrap_or_else(|| "stop".into()),
            None => "cancelled".into(),
        });
        answer.model = noted.model.or(answer.model);
        answer.usage.clone_from(&noted.usage);
        answer.latency_ms = u64::try_from(self.started.elapsed().as_millis()).ok();
        let part = answer.parts[0].clone();
        // The words are made; storing them gets a deadline of its own.
        let store_cx = Context {
            deadline: self.cx.deadline.max(Instant::now() + STORE_ANSWER),
            // What the caller sent was judged before; the words are not lost over what the answer tells of itself.
            fidelity: FidelityPolicy::Lenient,
            ..self.cx.clone()
        };
        match self.inner.post_message(&store_cx, &self.at, answer).await {
            Ok(message) => {
                self.tell(Event::PartCompleted { index: 0, part }).await;
                if let Some(usage) = noted.usage {
                    self.tell(Event::MessageUsage(usage)).await;
                }
                let message = Box::new(message);
                let last = if whole {
                    Event::MessageCompleted(message)
                } else {
                    Event::MessageIncomplete(message)
                };
                self.tell(last).await;
            }
            Err(error) => self.fail(error).await,
        }
    }

    async fn fail(&self, error: Error) {
        self.tell(Event::MessageFailed {
            message: None,
            error: said(self.has_said, error),
        })
        .await;
    }

    /// False where nobody listens any more.
    async fn tell(&self, event: Event) -> bool {
        self.events.send(event).await.is_ok()
    }
}
