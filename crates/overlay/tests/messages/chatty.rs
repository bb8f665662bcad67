//! A backend that stores only through its AI, and has every fault that was seen of one.

mod backend;
mod preview;
mod settle;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::backend::{BackendInfo, Error, Event, Kind, Location, RespondRequest, Result};
use conversation::{
    Conversation, Counts, Message, MessageId, NewMessage, Part, Role, Time, text_of,
};
use tokio::sync::Semaphore;

/// The backend's name.
pub(crate) const NAME: &str = "chatty";
/// The longest title, in characters.
pub(crate) const TITLE_MAX: usize = 20;

/// What it does otherwise than one would wish.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    /// Every message has the same time.
    pub(crate) clock_stands: bool,
    /// How far its clock is from ours, in microseconds.
    pub(crate) skew: i64,
    /// A question is stored twice.
    pub(crate) doubles: bool,
    /// What is stored of a question's text.
    pub(crate) rewrites: fn(&str) -> String,
    /// Access to a conversation can end.
    pub(crate) expires: bool,
    /// It takes instructions apart from the question.
    pub(crate) takes_prompt: bool,
    /// It deletes messages.
    pub(crate) deletes: bool,
    /// Its conversations tell when something was added.
    pub(crate) has_mark: bool,
    /// It counts messages.
    pub(crate) counts: bool,
    /// Its answers fail: after storing the question, or before.
    pub(crate) fails: Option<Failure>,
    /// Its lists do not show the newest messages.
    pub(crate) lags: usize,
    /// The longest question, in characters.
    pub(crate) text_max: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nothing is stored, and it says so.
    Before,
    /// The question is stored, there is no answer.
    Half,
    /// All is stored, and the answer gets lost on the way.
    Lost,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            clock_stands: false,
            skew: 0,
            doubles: false,
            rewrites: str::to_owned,
            expires: false,
            takes_prompt: false,
            deletes: false,
            has_mark: true,
            counts: false,
            fails: None,
            lags: 0,
            text_max: None,
        }
    }
}

#[derive(Debug)]
struct Kept {
    conversation: Conversation,
    messages: Vec<Message>,
    has_ended: bool,
}

#[derive(Debug, Default)]
struct Inside {
    conversations: BTreeMap<Box<str>, Kept>,
    made: u64,
    /// Every question as it came.
    asked: Vec<RespondRequest>,
    reads: usize,
    /// For which tenant and user each conversation was made.
    makers: Vec<(String, Option<String>)>,
}

/// The backend. Clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct Chatty(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    info: BackendInfo,
    manner: Mutex<Manner>,
    inside: Mutex<Inside>,
    /// Permits for answers to be made, where they wait for any.
    gate: Option<Semaphore>,
}

impl Chatty {
    pub(crate) fn new(manner: Manner) -> Self {
        Self::with(manner, None)
    }

    /// One whose answers wait for [`Chatty::go_on`].
    pub(crate) fn slow(manner: Manner) -> Self {
        Self::with(manner, Some(Semaphore::new(0)))
    }

    fn with(manner: Manner, gate: Option<Semaphore>) -> Self {
        Self(Arc::new(Shared {
            info: BackendInfo {
                name: NAME.into(),
                kind: NAME.into(),
            },
            manner: Mutex::new(manner),
            inside: Mutex::default(),
            gate,
        }))
    }

    pub(crate) fn go_on(&self) {
        self.0.gate.as_ref().unwrap().add_permits(1);
    }

    pub(crate) fn behave(&self, change: impl FnOnce(&mut Manner)) {
        change(&mut self.0.manner.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn manner(&self) -> Manner {
        let manner = self.0.manner.lock();
        manner.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The texts that the AI was given.
    pub(crate) fn heard(&self) -> Vec<String> {
        let inside = self.inside();
        let asked = inside.asked.iter();
        asked
            .map(|request| text_of(&request.input.as_ref().unwrap().parts))
            .collect()
    }

    /// The instructions that came with each.
    pub(crate) fn prompts(&self) -> Vec<Option<String>> {
        let inside = self.inside();
        let prompt = |request: &RespondRequest| {
            let assistant = request.assistant.as_ref()?;
            assistant.system_prompt.as_deref().map(str::to_owned)
        };
        inside.asked.iter().map(prompt).collect()
    }

    /// What it holds of a conversation.
    pub(crate) fn texts(&self, native: &str) -> Vec<String> {
        let inside = self.inside();
        let messages = &inside.conversations[native].messages;
        messages
            .iter()
            .map(|message| text_of(&message.parts))
            .collect()
    }

    /// For which tenant and user each conversation was made.
    pub(crate) fn makers(&self) -> Vec<(String, Option<String>)> {
        self.inside().makers.clone()
    }

    pub(crate) fn natives(&self) -> Vec<Box<str>> {
        self.inside().conversations.keys().cloned().collect()
    }

    /// How often messages were read.
    pub(crate) fn reads(&self) -> usize {
        self.inside().reads
    }

    /// Ends access to a conversation.
    pub(crate) fn end(&self, native: &str) {
        let mut inside = self.inside();
        inside.conversations.get_mut(native).unwrap().has_ended = true;
    }

    /// Somebody writes past the gateway.
    pub(crate) fn said_there(&self, native: &str, role: Role, text: &str) -> MessageId {
        let manner = self.manner();
        self.inside().say(native, role, text, &manner).unwrap().id
    }

    /// Somebody deletes past the gateway.
    pub(crate) fn deleted_there(&self, native: &str, id: &MessageId) {
        let mut inside = self.inside();
        let kept = inside.conversations.get_mut(native).unwrap();
        kept.messages.retain(|message| message.id != *id);
        kept.conversation.updated_at = Time::now();
    }

    fn reach<T>(&self, at: &Location, read: impl FnOnce(&mut Kept) -> T) -> Result<T> {
        let mut inside = self.inside();
        let kept = inside.conversations.get_mut(&at.native);
        let kept = kept.ok_or_else(Error::conversation_not_found)?;
        if kept.has_ended {
            return Err(Error::new(Kind::AccessEnded, "the token has died").at(NAME, "read"));
        }
        Ok(read(kept))
    }

    fn shown(&self, at: &Location) -> Result<Vec<Message>> {
        let lags = self.manner().lags;
        self.reach(at, |kept| {
            let count = kept.messages.len().saturating_sub(lags);
            kept.messages.iter().take(count).cloned().collect()
        })
        .map(|messages: Vec<Message>| {
            messages
                .into_iter()
                .map(|message| Message {
                    conversation_id: at.id,
                    ..message
                })
                .collect()
        })
    }

    fn unsupported(operation: &'static str) -> Error {
        Error::unsupported(NAME, operation)
    }

    /// Answers from where the question is stored to the last event.
    async fn step(self, mut answer: Answer) -> Option<(Event, Answer)> {
        let event = match answer.steps {
            0 => Event::MessageStarted {
                id: None,
                input: None,
            },
            1 => Event::PartStarted {
                index: 0,
                kind: "text",
            },
            2 => {
                if let Some(gate) = &self.0.gate {
                    gate.acquire().await.unwrap().forget();
                }
                Event::PartDelta {
                    index: 0,
                    text: answer.text.clone(),
                }
            }
            3 => {
                let stored = self.inside().say(
                    &answer.at.native,
                    Role::Assistant,
                    &answer.text,
                    &self.manner(),
                );
                let mut stored = stored?;
                stored.conversation_id = answer.at.id;
                answer.stored = Some(Box::new(stored));
                Event::PartCompleted {
                    index: 0,
                    part: Part::text(answer.text.clone()),
                }
            }
            4 => Event::MessageCompleted(answer.stored.clone()?),
            _ => return None,
        };
        answer.steps += 1;
        Some((event, answer))
    }
}

/// An answer that is being made.
struct Answer {
    at: Location,
    text: String,
    steps: u8,
    stored: Option<Box<Message>>,
}

impl Inside {
    fn say(&mut self, native: &str, role: Role, text: &str, manner: &Manner) -> Option<Message> {
        self.made += 1;
        let now = if manner.clock_stands {
            "2026-01-01T00:00:00.000Z".parse().unwrap()
        } else {
            Time::now().saturating_add_micros(manner.skew)
        };
        let id = format!("v{:06}", self.made).parse().unwrap();
        let kept = self.conversations.get_mut(native)?;
        let message = NewMessage::text(role, text).into_message(id, kept.conversation.id, now);
        kept.messages.push(message.clone());
        kept.conversation.updated_at = Time::now();
        kept.conversation.last_message_at = Some(now);
        if manner.counts {
            let messages = Some(kept.messages.len() as u64);
            kept.conversation.counts = Some(Counts { messages });
        }
        Some(message)
    }
}
