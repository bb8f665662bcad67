//! Putting the question: its words, what goes before them, and the note that they are on their way.

use std::collections::HashSet;

use backend::ports::{Change, Holder, Indexed, Kept, KeptMessage, KeptPage, Sending};
use backend::{
    Context, Error, EventStream, FieldFate, History, Kind, Location, Order, RespondRequest, Result,
    Write,
};
use conversation::{Assistant, JsonMap, Message, MessageId, NewMessage, Part, Role, Time, text_of};

use super::telling::told;
use super::transcript::{CHARS_PER_TOKEN, transcript};
use super::travelling::{Waiting, carried_again, is_heard, joined, sort_out};
use super::{Asked, input_id};
use crate::Overlay;
use crate::fields::members::{read, write};
use crate::fields::pointers;
use crate::index::{not_applied, said, under};

/// How many messages are read at once from the index.
const PAGE: usize = 500;
/// Where the settings of a conversation's AI are.
const ASSISTANT: &str = "/assistant";

/// A question as it goes to the backend.
struct Question {
    /// What is said to the AI.
    input: NewMessage,
    /// Whose words these are, oldest first.
    carries: Vec<MessageId>,
    /// Instructions that go apart from the words, where the backend takes them so.
    prompt: Option<Box<str>>,
}

impl Overlay {
    /// Asks: notes what is sent, sends it, and gives the answer as it comes.
    pub(super) async fn ask(
        &self,
        cx: &Context,
        at: &Location,
        request: RespondRequest,
        fates: Vec<FieldFate>,
    ) -> Result<EventStream> {
        let (kept, index) = self.indexed(cx, at).await?;
        let known = self
            .state()
            .index(&self.beside(at))
            .await
            .map_err(not_applied)?;
        let max_chars = match request.context.unwrap_or(self.settings().history) {
            History::None => 0,
            History::Transcript { max_tokens } => max_tokens.saturating_mul(CHARS_PER_TOKEN),
        };
        let waiting = self
            .waiting(at, &known, max_chars)
            .await
            .map_err(not_applied)?;
        let now = Time::now();
        let travelling = waiting.travelling.iter().map(|row| row.place.time).max();
        let after = said(now, &index).max(travelling.unwrap_or(now));
        let input = request.input.clone().map(|new| {
            let new = NewMessage {
                sent_at: None,
                ..new
            };
            Box::new(new.into_message(input_id(cx.intent), at.id, now))
        });
        let question = self
            .question(
                cx,
                at,
                &kept,
                &request,
                &waiting,
                input.as_deref(),
                max_chars,
            )
            .await?;
        let mut assistant = self.set_up(&kept, &request)?;
        if question.prompt.is_some() {
            assistant.get_or_insert_default().system_prompt = question.prompt;
        }
        let sent = self.of_respond(RespondRequest {
            input: Some(question.input),
            assistant,
            context: None,
            ..request.clone()
        })?;
        let text = sent.input.as_ref().map(|input| text_of(&input.parts));
        let sending = Box::new(Sending {
            intent: cx.intent,
            text: text.unwrap_or_default().into(),
            carries: question.carries,
            input,
            after,
            started_at: now,
        });
        self.apply(cx, at, vec![Change::Send(sending.clone())])
            .await
            .map_err(not_applied)?;
        let asked = Asked {
            sent: Some((sending, known_ids(&known))),
            metadata: request.metadata,
            fates,
        };
        match self.below().respond(&under(cx), at, sent).await {
            Ok(events) => Ok(told(self.clone(), cx.clone(), at.clone(), events, asked)),
            Err(error) => {
                self.not_answered(cx, at, &asked, &error).await;
                Err(error)
            }
        }
    }

    /// The question and what goes before it.
    #[expect(
        clippy::too_many_arguments,
        reason = "one caller, which has all of them"
    )]
    async fn question(
        &self,
        cx: &Context,
        at: &Location,
        kept: &Kept,
        request: &RespondRequest,
        waiting: &Waiting,
        input: Option<&Message>,
        max_chars: u64,
    ) -> Result<Question> {
        let mut carries = carried_again(&waiting.travelling);
        let mut texts = self.words_of(at, &waiting.travelling).await?;
        let mut alone = None;
        if let (Some(input), Some(new)) = (input, &request.input) {
            let mut sent = new.clone();
            sent.parts = self.with_urls(at, sent.parts).await.map_err(not_applied)?;
            carries.push(input.id.clone());
            texts.push(text_of(&sent.parts));
            alone = Some(sent).filter(|_| waiting.travelling.is_empty());
        }
        if carries.is_empty() {
            if waiting.unanswered.is_empty() {
                return Err(Error::new(
                    Kind::NothingToAnswer,
                    "there is nothing to answer: send `input`, or post a message of the user first",
                )
                .at(self.name(), "respond"));
            }
            carries = carried_again(&waiting.unanswered);
            texts = self.words_of(at, &waiting.unanswered).await?;
        }
        let mut text = joined(texts);
        let mut prompt = None;
        if self.takes_prompt(request) {
            prompt = self
                .prompt(cx, at, kept, request, waiting, max_chars)
                .await?;
        } else {
            let (instructions, left_out) = fitting(&waiting.system, self.room_before(&text));
            note_left_out(cx, left_out);
            let system = joined(instructions.iter().map(|row| text_of(&row.message.parts)));
            let used = joined([system.clone(), text.clone()]);
            let room = self.room_before(&used).min(max_chars);
            let told = transcript(waiting.unheard.iter().map(|row| &row.message), room);
            let before = joined([system, told.text.clone()]);
            if !before.is_empty() {
                text = joined([before, text]);
                alone = None;
            }
            let mut heard = carried_again(instructions);
            if !told.text.is_empty() {
                let newest = waiting.unheard.iter().take(told.messages).rev();
                heard.extend(carried_again(newest));
            }
            heard.extend(carries);
            carries = heard;
        }
        if !self.below().capabilities().text_nul.works() && text.contains('\0') {
            text.retain(|char| char != '\0');
            alone = None;
        }
        Ok(Question {
            input: alone.unwrap_or_else(|| NewMessage::text(Role::User, text)),
            carries,
            prompt,
        })
    }

    /// How many characters have room before a question.
    fn room_before(&self, text: &str) -> u64 {
        let limit = self.below().capabilities().limits.text_max_chars;
        let used = text.chars().count() as u64;
        // And two line ends before the question.
        limit.map_or(u64::MAX, |limit| {
            limit.saturating_sub(used).saturating_sub(2)
        })
    }

    /// Instructions, with what the backend has not heard; nothing where there is none of both.
    async fn prompt(
        &self,
        cx: &Context,
        at: &Location,
        kept: &Kept,
        request: &RespondRequest,
        waiting: &Waiting,
        max_chars: u64,
    ) -> Result<Option<Box<str>>> {
        let system = waiting.system.iter().map(|row| text_of(&row.message.parts));
        let told = transcript(waiting.unheard.iter().map(|row| &row.message), max_chars);
        let more = joined(system.chain([told.text]));
        if more.is_empty() {
            return Ok(None);
        }
        let set = self
            .set_up(kept, request)?
            .and_then(|set| set.system_prompt);
        let own = match set {
            Some(own) => Some(own),
            None => {
                let held = self.below().get_conversation(&under(cx), at).await;
                let assistant = held.map_err(not_applied)?.assistant;
                assistant.and_then(|assistant| assistant.system_prompt)
            }
        };
        let own = own.map(String::from).unwrap_or_default();
        Ok(Some(joined([own, more]).into()))
    }

    /// True where the backend takes instructions apart from the words of a question.
    fn takes_prompt(&self, request: &RespondRequest) -> bool {
        let asked = RespondRequest {
            input: Some(NewMessage::text(Role::User, "?")),
            assistant: Some(Assistant {
                system_prompt: Some("!".into()),
                ..Assistant::default()
            }),
            template: request.template.clone(),
            ..RespondRequest::default()
        };
        let projection = self.below().preview(&Write::Respond(asked));
        projection.is_held
            && projection
                .fates
                .iter()
                .all(|fate| pointers::field(&fate.pointer) != "assistant")
    }

    /// How the AI is set up: by the request, else as is kept of the conversation, where the backend takes that for an
    /// answer.
    pub(super) fn set_up(
        &self,
        kept: &Kept,
        request: &RespondRequest,
    ) -> Result<Option<Assistant>> {
        let rows = kept.fields.iter().filter_map(|row| {
            let name = pointers::name_below(ASSISTANT, &row.pointer)?;
            Some((Box::<str>::from(name), row.value.clone()?))
        });
        let mut members: JsonMap = rows.collect();
        if members.is_empty() {
            return Ok(request.assistant.clone());
        }
        let ours = RespondRequest {
            input: Some(NewMessage::text(Role::User, "?")),
            assistant: Some(read(&write(&members)?)?),
            template: request.template.clone(),
            ..RespondRequest::default()
        };
        if let Write::Respond(taken) = self.below().preview(&Write::Respond(ours)).write {
            members = match taken.assistant {
                Some(taken) => read(&write(&taken)?)?,
                None => JsonMap::new(),
            };
        }
        if let Some(asked) = &request.assistant {
            members.extend(read::<JsonMap>(&write(asked)?)?);
        }
        let set: Assistant = read(&write(&members)?)?;
        Ok(Some(set).filter(|set| !set.is_empty()))
    }

    async fn words_of(&self, at: &Location, rows: &[KeptMessage]) -> Result<Vec<String>> {
        let mut words = Vec::with_capacity(rows.len());
        for row in rows {
            let parts: Vec<Part> = self
                .with_urls(at, row.message.parts.clone())
                .await
                .map_err(not_applied)?;
            words.push(text_of(&parts));
        }
        Ok(words)
    }

    /// Who waits for an answer, and what the backend has not heard: read from the newest message back, as far as there
    /// is any of it.
    async fn waiting(&self, at: &Location, known: &[Indexed], max_chars: u64) -> Result<Waiting> {
        let place = self.beside(at);
        let is_unheard = |holder: &Holder, homes: &[Box<str>]| !is_heard(holder, homes, &at.native);
        let mut left = known
            .iter()
            .filter(|row| !row.is_hidden && !row.is_gone && is_unheard(&row.holder, &row.homes))
            .count();
        let mut page = KeptPage {
            order: Order::Desc,
            after: None,
            limit: PAGE,
        };
        let (mut found, mut is_answered, mut chars) = (Vec::new(), false, 0_u64);
        loop {
            let rows = self.state().messages(&place, &page).await?;
            let Some(last) = rows.last() else { break };
            page.after = Some(last.place);
            for row in rows {
                let is_new = is_unheard(&row.holder, &row.homes);
                left = left.saturating_sub(usize::from(is_new));
                let is_end = super::travelling::is_answer(&row.message);
                // What has no room in a transcript is not held in memory either; instructions always go along.
                let has_room = row.message.role == Role::System || chars <= max_chars;
                if !is_answered || (is_new && has_room) {
                    if is_answered || is_end {
                        chars += text_of(&row.message.parts).chars().count() as u64;
                    }
                    found.push(row);
                }
                is_answered |= is_end;
            }
            if is_answered && left == 0 {
                break;
            }
        }
        Ok(sort_out(found, &at.native))
    }
}

/// Splits instructions, oldest first, at the newest that has no room any more: those that have, and those that are left
/// out.
fn fitting(system: &[KeptMessage], room: u64) -> (&[KeptMessage], &[KeptMessage]) {
    let mut left = room;
    let count = system
        .iter()
        .rev()
        .take_while(|row| {
            let words = text_of(&row.message.parts);
            // And the empty line behind it.
            let needed = words.chars().count() as u64 + 2;
            let fits = words.is_empty() || left.saturating_add(2) >= needed;
            if fits && !words.is_empty() {
                left = left.saturating_sub(needed);
            }
            fits
        })
        .count();
    let (left_out, fitting) = system.split_at(system.len() - count);
    (fitting, left_out)
}

/// Tells which instructions the AI is not given.
fn note_left_out(cx: &Context, left_out: &[KeptMessage]) {
    for row in left_out {
        let fate = FieldFate::overlay(
            "/parts",
            "kept beside the backend; there was no room for it before the question",
        );
        cx.trace.note_fates(row.message.id.as_str(), vec![fate]);
    }
}

/// The ids of an index, and of what stands behind its messages.
fn known_ids(index: &[Indexed]) -> HashSet<MessageId> {
    index
        .iter()
        .flat_map(|row| std::iter::once(&row.id).chain(&row.natives))
        .cloned()
        .collect()
}
