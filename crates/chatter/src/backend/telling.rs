//! An answer that is being streamed: from the vendor's frames to events.

use std::collections::VecDeque;

use adapterkit::Unmappable;
use backend::{Error, Event, Kind, Location, Outcome, Result};
use conversation::Part;
use serde::Deserialize;
use transport::SseEvent;

use super::{Chatter, Reach};
use crate::client::{Caller, Failure};
use crate::config::Generation;
use crate::error::{Effect, chat_failure, model_failed};
use crate::mapping::{APOLOGY, is_apology};
use crate::wire::{Member, Raw, STREAM_DONE, StreamEvent, StreamEventType};

const OPERATION: &str = "respond";

/// What the `complete` frame says in its metadata.
#[derive(Deserialize)]
struct Complete {
    final_content: String,
}

/// The state of one streamed answer.
pub(super) struct Telling {
    chatter: Chatter,
    caller: Caller,
    generation: Generation,
    location: Location,
    frames: transport::EventStream,
    waiting: VecDeque<Event>,
    message_id: Option<String>,
    /// What has arrived.
    text: String,
    /// How many bytes of it have been told.
    told: usize,
    part_is_open: bool,
    is_over: bool,
}

impl Telling {
    pub(super) fn new(chatter: Chatter, reach: &Reach<'_>, frames: transport::EventStream) -> Self {
        Self {
            chatter,
            caller: reach.caller.clone(),
            generation: reach.generation,
            location: reach.at.clone(),
            frames,
            waiting: VecDeque::new(),
            message_id: None,
            text: String::new(),
            told: 0,
            part_is_open: false,
            is_over: false,
        }
    }

    /// Reads until the answer is announced. An answer that fails before that is an error.
    pub(super) async fn begin(&mut self) -> Result<()> {
        while self.message_id.is_none() && self.text.is_empty() && !self.is_over {
            self.read().await;
        }
        if let Some(Event::MessageFailed {
            message: None,
            error,
        }) = self.waiting.front()
        {
            return Err(error.clone());
        }
        let id = self.message_id.as_deref().and_then(|id| id.parse().ok());
        self.waiting
            .push_front(Event::MessageStarted { id, input: None });
        Ok(())
    }

    pub(super) async fn next(&mut self) -> Option<Event> {
        while self.waiting.is_empty() && !self.is_over {
            self.read().await;
        }
        self.waiting.pop_front()
    }

    async fn read(&mut self) {
        match self.frames.next().await {
            Ok(Some(frame)) if frame.data == STREAM_DONE => self.finish(None).await,
            Ok(Some(frame)) => self.take(&frame),
            Ok(None) => {
                let cut = Error::new(Kind::Unavailable, "chatter's answer was cut")
                    .outcome(Outcome::Unknown);
                self.finish(Some(cut.origin(backend::Origin::Network)))
                    .await;
            }
            Err(error) => {
                let error =
                    self.chatter
                        .failed(Failure::Transport(error), OPERATION, Effect::Write);
                self.finish(Some(error)).await;
            }
        }
    }

    fn take(&mut self, frame: &SseEvent) {
        let Ok(event) = serde_json::from_str::<StreamEvent>(&frame.data) else {
            let error = Error::new(
                Kind::InvalidResponse,
                "chatter's stream has a frame that cannot be read",
            );
            self.fail(error.outcome(Outcome::Unknown));
            return;
        };
        if let Some(id) = event.message_id.into_value() {
            self.message_id = Some(id);
        }
        match event.kind {
            StreamEventType::Token => {
                self.text
                    .push_str(event.content.value().map_or("", String::as_str));
                self.tell();
            }
            StreamEventType::Complete => self.take_whole(&event.metadata),
            StreamEventType::Error => {
                let text = event
                    .error
                    .value()
                    .or(event.content.value())
                    .map_or("", String::as_str);
                self.fail(chat_failure(text, Effect::Chat(self.generation)));
            }
            StreamEventType::Start | StreamEventType::End | StreamEventType::Other(_) => {}
        }
    }

    /// The whole answer, where the tokens are its beginning.
    fn take_whole(&mut self, metadata: &Member<Raw>) {
        let whole = metadata
            .value()
            .and_then(|metadata| metadata.decode::<Complete>().ok());
        if let Some(Complete { final_content }) = whole
            && final_content.starts_with(&self.text)
        {
            self.text = final_content;
            self.tell();
        }
    }

    /// Tells what has arrived and cannot be the beginning of an apology, which would be no part of an answer.
    fn tell(&mut self) {
        if APOLOGY.starts_with(&self.text) || self.text.starts_with(APOLOGY) {
            return;
        }
        self.tell_up_to_now();
    }

    fn tell_up_to_now(&mut self) {
        if self.told == self.text.len() {
            return;
        }
        self.open_part();
        let text = self.text[self.told..].to_owned();
        self.told = self.text.len();
        self.waiting.push_back(Event::PartDelta { index: 0, text });
    }

    fn open_part(&mut self) {
        if !self.part_is_open {
            self.part_is_open = true;
            self.waiting.push_back(Event::PartStarted {
                index: 0,
                kind: "text",
            });
        }
    }

    fn close_part(&mut self) {
        if std::mem::take(&mut self.part_is_open) {
            let part = Part::text(self.text[..self.told].to_owned());
            self.waiting
                .push_back(Event::PartCompleted { index: 0, part });
        }
    }

    fn fail(&mut self, error: Error) {
        self.close_part();
        let error = error.at(self.chatter.name(), OPERATION);
        self.waiting.push_back(Event::MessageFailed {
            message: None,
            error,
        });
        self.is_over = true;
    }

    /// The stream is over: what counts is what the server has stored.
    async fn finish(&mut self, cut: Option<Error>) {
        self.is_over = true;
        let Some(id) = self.message_id.clone() else {
            self.fail(cut.unwrap_or_else(|| no_answer(Outcome::Applied)));
            return;
        };
        let location = self.location.clone();
        let reach = Reach {
            caller: self.chatter.patient(&self.caller),
            generation: self.generation,
            at: &location,
            operation: OPERATION,
        };
        let chatter = self.chatter.clone();
        let (stored, may_be_there) = match chatter.index(&reach).await {
            Ok(index) => {
                let may_be_there = index.may_lack(&id);
                let mut messages = index.messages.into_iter();
                let stored = messages.find(|shown| shown.message.id == id);
                (stored.map(|shown| shown.message), may_be_there)
            }
            Err(error) => {
                // The answer is made; only reading it back failed.
                self.fail(error.outcome(if cut.is_some() {
                    Outcome::Unknown
                } else {
                    Outcome::Applied
                }));
                return;
            }
        };
        let Some(stored) = stored else {
            let error = if may_be_there {
                let unreadable = chatter.unmappable(Unmappable("messages"), OPERATION);
                unreadable.outcome(Outcome::Applied)
            } else {
                no_answer(Outcome::Applied)
            };
            self.fail(cut.unwrap_or(error));
            return;
        };
        let message = match chatter.canonical_message(&stored, &reach) {
            Ok(message) => Box::new(message),
            Err(error) => {
                self.fail(error.outcome(Outcome::Applied));
                return;
            }
        };
        if is_apology(&stored) {
            let error = model_failed().at(chatter.name(), OPERATION);
            self.waiting.push_back(Event::MessageFailed {
                message: Some(message),
                error,
            });
            return;
        }
        if stored.content.starts_with(&self.text) {
            self.text = stored.content;
        }
        self.open_part();
        self.tell_up_to_now();
        self.close_part();
        self.waiting.push_back(Event::MessageCompleted(message));
    }
}

fn no_answer(outcome: Outcome) -> Error {
    Error::new(Kind::UpstreamFailed, "chatter's model gave no answer").outcome(outcome)
}
