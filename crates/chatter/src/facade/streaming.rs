//! `POST K/streaming`: an answer as it comes, in the frames of the newest release.

use std::io;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use backend::{Error, Event, Kind};
use bytes::Bytes;
use conversation::MessageId;
use futures_util::{StreamExt, stream};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Serialize;
use tokio::sync::mpsc;

use super::answers::Answered;
use super::call::Call;
use super::chat::{Asked, Opened, answer, broke_off, ended_early, open, read};
use super::ids::{MESSAGES, spell_known};
use super::{errors, view};
use crate::wire::{Extra, Member, Raw, STREAM_DONE, StreamEvent, StreamEventType, spaced_ascii};

/// Frames that wait for a slow client.
const FRAMES_WAITING: usize = 64;
/// A client that takes nothing for so long has left.
const STALL: Duration = Duration::from_secs(30);

/// A frame on its way.
struct Frame {
    bytes: Bytes,
    is_last: bool,
}

/// Where the frames go, while somebody reads them.
struct Frames {
    client: Option<mpsc::Sender<Frame>>,
    correlation_id: String,
    /// What every frame of the answer repeats.
    conversation_id: Member<String>,
    message_id: Member<String>,
}

#[derive(Serialize)]
struct OfConversation<'a> {
    conversation_id: &'a str,
}

#[derive(Serialize)]
struct Whole<'a> {
    final_content: &'a str,
    message_complete: bool,
}

/// Only a broken body is refused with a status: everything else is an event, as at the vendor.
pub(super) async fn stream(call: Call) -> Answered {
    let asked = read(&call)?;
    let (sender, receiver) = mpsc::channel(FRAMES_WAITING);
    let mut frames = Frames {
        client: Some(sender),
        correlation_id: call.correlation.text(),
        conversation_id: Member::Null,
        message_id: Member::Null,
    };
    let detached = call.api.parts.detached.clone();
    // A task of its own: the answer is carried to its end, whether or not the client stays.
    let telling = async move {
        let started = Instant::now();
        let told = tell(&call, &asked, &mut frames).await;
        let failure = told.as_ref().err().map(|error| error.kind.as_str());
        let principal = &call.caller.principal;
        let took = started.elapsed();
        call.api
            .figures
            .note(principal, asked.workflow(), took, failure);
        if let Err(error) = told {
            frames.failed(&error).await;
        }
        frames.line(STREAM_DONE, true).await;
    };
    detached.start(telling);
    let mut response = Response::new(body(receiver));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

fn body(receiver: mpsc::Receiver<Frame>) -> Body {
    Body::from_stream(stream::unfold(Some(receiver), async |receiver| {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(frame) => Some((Ok(frame.bytes), (!frame.is_last).then_some(receiver))),
            // It broke off: the client must not take that for the end.
            None => Some((Err(io::Error::from(io::ErrorKind::ConnectionAborted)), None)),
        }
    }))
}

async fn tell(call: &Call, asked: &Asked, frames: &mut Frames) -> Result<(), Error> {
    let opened = open(call, asked).await?;
    let mut events = match answer(call, &opened, asked, None).await {
        Ok(events) => events,
        Err(error) => {
            opened.undo(call, &error).await;
            return Err(error);
        }
    };
    // Not before: nobody learns the id of what is taken back.
    frames
        .about_conversation(StreamEventType::Start, &opened.spelled)
        .await;
    let mut told = String::new();
    let mut open_kind = "";
    loop {
        match events.next().await.ok_or_else(ended_early)? {
            Event::MessageStarted { id, .. } => frames.begin(&opened, id.as_ref()).await,
            Event::PartStarted { kind, .. } => open_kind = kind,
            // Whatever is no text for a reader has no frame.
            Event::PartDelta { text, .. } if open_kind == "text" && !text.is_empty() => {
                frames.of_message(StreamEventType::Token, &text).await;
                told.push_str(&text);
            }
            Event::PartDelta { .. } | Event::PartCompleted { .. } | Event::MessageUsage(_) => {}
            Event::MessageCompleted(message) => {
                let content = view::content(&message);
                // Parts that came whole, and what stands between parts: the tokens add up to the content.
                if let Some(rest) = content.strip_prefix(&told)
                    && !rest.is_empty()
                {
                    frames.of_message(StreamEventType::Token, rest).await;
                }
                frames.complete(&(MESSAGES.spell)(&message), &content).await;
                break;
            }
            Event::MessageIncomplete(_) => return Err(broke_off()),
            Event::MessageFailed { error, .. } => {
                opened.undo(call, &error).await;
                return Err(error);
            }
        }
    }
    frames
        .about_conversation(StreamEventType::End, &opened.spelled)
        .await;
    Ok(())
}

impl Frames {
    fn event(&self, kind: StreamEventType, content: &str) -> StreamEvent {
        StreamEvent {
            kind,
            content: Member::Value(content.to_owned()),
            usage: Member::Null,
            conversation_id: Member::Null,
            message_id: Member::Null,
            correlation_id: Member::Value(self.correlation_id.clone()),
            metadata: Member::Null,
            error: Member::Absent,
            extra: Extra::new(),
        }
    }

    /// The first and the last frame: the conversation's id stands in the metadata.
    async fn about_conversation(&mut self, kind: StreamEventType, conversation_id: &str) {
        let mut event = self.event(kind, "");
        event.metadata = metadata(&OfConversation { conversation_id });
        self.send(&event).await;
    }

    /// The second start: the answer's id is known from here on, where the backend knows it already.
    async fn begin(&mut self, opened: &Opened, id: Option<&MessageId>) {
        self.conversation_id = Member::Value(opened.spelled.clone());
        self.message_id = Member::or_null(id.and_then(|id| spell_known(id.as_str())));
        self.of_message(StreamEventType::Start, "").await;
    }

    async fn of_message(&mut self, kind: StreamEventType, content: &str) {
        let event = self.about_message(kind, content);
        self.send(&event).await;
    }

    fn about_message(&self, kind: StreamEventType, content: &str) -> StreamEvent {
        let mut event = self.event(kind, content);
        event.conversation_id = self.conversation_id.clone();
        event.message_id = self.message_id.clone();
        event
    }

    async fn complete(&mut self, message_id: &str, content: &str) {
        // The last event's id is the one that counts.
        self.message_id = Member::Value(message_id.to_owned());
        let mut event = self.about_message(StreamEventType::Complete, "");
        event.metadata = metadata(&Whole {
            final_content: content,
            message_complete: true,
        });
        self.send(&event).await;
    }

    async fn failed(&mut self, error: &Error) {
        let words = match error.kind {
            Kind::NotFound => "Conversation not found".to_owned(),
            Kind::Internal => "An internal server error occurred".to_owned(),
            _ => errors::chat_words(error),
        };
        tracing::debug!(error.kind = error.kind.as_str(), "a streamed chat failed");
        let event = self.about_message(StreamEventType::Error, &words);
        self.send(&event).await;
    }

    async fn send(&mut self, event: &StreamEvent) {
        match event.encode() {
            Ok(text) => self.line(&text, false).await,
            Err(error) => {
                // The client must not take what it has for the whole.
                tracing::error!(%error, "a frame could not be written");
                self.client = None;
            }
        }
    }

    async fn line(&mut self, text: &str, is_last: bool) {
        let Some(client) = &self.client else { return };
        let frame = Frame {
            bytes: format!("data: {text}\n\n").into(),
            is_last,
        };
        if client.send_timeout(frame, STALL).await.is_err() {
            // It left, or does not read. The answer goes on without it.
            self.client = None;
        }
    }
}

/// An object in the layout of the frames.
fn metadata<T: Serialize>(object: &T) -> Member<Raw> {
    let text = spaced_ascii(object).ok();
    Member::or_null(text.and_then(|text| Raw::from_text(text).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_are_spelled_as_the_vendor_spells_them() {
        let (sender, mut receiver) = mpsc::channel(4);
        let mut frames = Frames {
            client: Some(sender),
            correlation_id: "01M7YX9NJDY2FBVJBE0HZ3Q13W".to_owned(),
            conversation_id: Member::Value("01M7YX9NKNZSYCFMM1J1JNEV1A".to_owned()),
            message_id: Member::Null,
        };
        frames
            .complete("01M7YX9NQSYJZBCHAJKA0E06B6", "Echo: stream é")
            .await;
        frames.line(STREAM_DONE, true).await;
        let frame = receiver.recv().await.unwrap();
        let expected = "data: {\"type\": \"complete\", \"content\": \"\", \"usage\": null, \
            \"conversation_id\": \"01M7YX9NKNZSYCFMM1J1JNEV1A\", \
            \"message_id\": \"01M7YX9NQSYJZBCHAJKA0E06B6\", \
            \"correlation_id\": \"01M7YX9NJDY2FBVJBE0HZ3Q13W\", \
            \"metadata\": {\"final_content\": \"Echo: stream \\u00e9\", \"message_complete\": true}}\n\n";
        assert_eq!(frame.bytes, expected);
        let last = receiver.recv().await.unwrap();
        assert_eq!(
            (last.bytes, last.is_last),
            ("data: [DONE]\n\n".into(), true)
        );
    }
}
