//! The answer as it comes: pieces of text, and notes on what it cost and why it ended.

use backend::ports::AnswerNotes;
use backend::{Error, Kind, Outcome, Result};
use conversation::Usage;
use transport::{EventStream, Response};

use super::error::{ended_early, from_failure, from_transport};
use super::wire::{Chunk, Tokens};

/// The longest name or reason that is noted, in bytes: what is longer is none.
const NOTE_MAX_BYTES: usize = 256;
/// The event that promises that nothing follows.
const DONE: &str = "[DONE]";

/// A streamed answer.
pub(super) struct Words {
    events: EventStream,
    reading: Reading,
}

impl Words {
    pub(super) fn new(events: EventStream, notes: AnswerNotes) -> Self {
        Self {
            events,
            reading: Reading {
                notes,
                has_words: false,
                is_finished: false,
            },
        }
    }

    /// The next piece; `None` at the end of the answer.
    ///
    /// # Errors
    /// Where the server fails or leaves before the end.
    pub(super) async fn next(&mut self) -> Result<Option<String>> {
        loop {
            let event = match self.events.next().await {
                Ok(Some(event)) => event,
                // Not every server says `[DONE]`: an answer that said why it ended is whole without.
                Ok(None) if self.reading.is_finished => return self.reading.end(),
                Ok(None) => return Err(ended_early()),
                Err(error) if self.reading.is_finished => {
                    tracing::debug!(%error, "a finished answer lost what stood behind its words");
                    return self.reading.end();
                }
                Err(error) => return Err(from_transport(error)),
            };
            let data = event.data.trim();
            if data == DONE {
                return self.reading.end();
            }
            if data.is_empty() {
                continue;
            }
            let chunk: Chunk = serde_json::from_str(data).map_err(|_| unreadable())?;
            if event.event.as_deref() == Some("error") && chunk.error.is_none() {
                return Err(from_failure(None));
            }
            let piece = self.reading.take(chunk)?;
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
    }
}

/// The text of an answer that came in one piece.
///
/// # Errors
/// Where it is no answer.
pub(super) fn whole(response: &Response, notes: &AnswerNotes) -> Result<String> {
    let chunk: Chunk = response.json().map_err(from_transport)?;
    let is_answer = chunk
        .choices
        .as_ref()
        .is_some_and(|choices| !choices.is_empty());
    if !is_answer && chunk.error.is_none() {
        return Err(unreadable());
    }
    let mut reading = Reading {
        notes: notes.clone(),
        has_words: false,
        is_finished: false,
    };
    let text = reading.take(chunk)?;
    reading.end()?;
    Ok(text)
}

/// What is known of an answer while it is read.
struct Reading {
    notes: AnswerNotes,
    has_words: bool,
    /// Whether the server has said why the answer ended.
    is_finished: bool,
}

impl Reading {
    /// The text of a piece; what else it says is noted.
    fn take(&mut self, chunk: Chunk) -> Result<String> {
        if let Some(failure) = chunk.error {
            return Err(from_failure(Some(&failure)));
        }
        if let Some(model) = chunk.model.filter(|model| is_note(model)) {
            self.notes.note(|noted| noted.model = Some(model));
        }
        if let Some(tokens) = chunk.usage {
            self.notes.note(|noted| noted.usage = Some(usage(&tokens)));
        }
        let mut text = String::new();
        for choice in chunk.choices.into_iter().flatten().take(1) {
            if let Some(words) = choice.delta.or(choice.message) {
                if words.tool_calls.is_some_and(|calls| !calls.is_empty()) {
                    return Err(asked_for_tool());
                }
                if let Some(content) = words.content {
                    text.push_str(&content.into_text());
                }
                text.push_str(words.refusal.as_deref().unwrap_or_default());
            }
            if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
                if matches!(&*reason, "tool_calls" | "function_call") {
                    return Err(asked_for_tool());
                }
                self.is_finished = true;
                if is_note(&reason) {
                    self.notes.note(|noted| noted.finish_reason = Some(reason));
                }
            }
        }
        self.has_words |= !text.is_empty();
        Ok(text)
    }

    /// The end of the answer.
    fn end(&self) -> Result<Option<String>> {
        let reason = self.notes.noted().finish_reason;
        if !self.has_words && reason.as_deref() == Some("content_filter") {
            return Err(Error::new(
                Kind::UpstreamFailed,
                "the model's server withheld the answer because of what it or the question says",
            )
            .outcome(Outcome::NotApplied));
        }
        Ok(None)
    }
}

fn is_note(text: &str) -> bool {
    (1..=NOTE_MAX_BYTES).contains(&text.len())
}

fn usage(tokens: &Tokens) -> Usage {
    Usage {
        input_tokens: tokens.prompt_tokens,
        output_tokens: tokens.completion_tokens,
        total_tokens: tokens.total_tokens,
        cost: None,
    }
}

fn unreadable() -> Error {
    Error::new(
        Kind::InvalidResponse,
        "the model's server answered what is no chat completion: check the responder's base url",
    )
    .outcome(Outcome::NotApplied)
}

fn asked_for_tool() -> Error {
    Error::new(
        Kind::UpstreamFailed,
        "the model asked for a tool, and none was offered: choose a model that answers by itself",
    )
    .outcome(Outcome::NotApplied)
}
