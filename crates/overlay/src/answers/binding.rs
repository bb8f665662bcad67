//! What is done when an answer has come, or failed: the question is bound, and the answer gets its fields.

use std::time::{Duration, Instant};

use backend::ports::{Change, Holder, Sending};
use backend::{Context, Error, FieldFate, Kind, Location, Outcome, Result};
use conversation::{Message, MessageId, MessagePatch, Patch};
use uuid::Uuid;

use super::Asked;
use crate::Overlay;
use crate::fidelity::note_written;
use crate::fields::{Judged, message_changes};
use crate::index::{Look, Why, carries, impersonal, questions_of};
use crate::posts::rows_of;

/// How long what follows an answer may take when the request's own deadline has passed.
const BIND_ANSWER: Duration = Duration::from_secs(10);

/// The context with some time left: the answer is made, and must not be lost over a deadline.
pub(super) fn patient(cx: &Context) -> Context {
    Context {
        deadline: cx.deadline.max(Instant::now() + BIND_ANSWER),
        ..cx.clone()
    }
}

impl Overlay {
    /// Notes an answer: binds the question to ours, gives it its place, and keeps what the backend does not hold of it.
    /// One step, which may be done again. Gives the answer as lists show it.
    ///
    /// # Errors
    /// Those of reading the backend and of the state. The answer is there all the same.
    pub(crate) async fn note_answer(
        &self,
        cx: &Context,
        at: &Location,
        asked: &Asked,
        answer: &Message,
    ) -> Result<Message> {
        let cx = &patient(cx);
        let Some((sending, known)) = &asked.sent else {
            let changes = answer_rows(answer, asked)?;
            let rows = rows_of(&changes);
            note_written(cx, answer.id.as_str(), &changes, &asked.fates);
            self.apply(cx, at, changes).await?;
            return self.shows(cx, answer.clone(), &rows);
        };
        let kept = self.kept(at).await?;
        let Some(look) = self.look(cx, at, &kept, Why::Asked).await? else {
            return Err(Error::new(
                Kind::Internal,
                "the backend was to be read, and was not",
            ));
        };
        let questions: Vec<_> = questions_of(&look.messages, &answer.id, &sending.text, |id| {
            !known.contains(id)
        })
        .into_iter()
        .map(|id| (sending.intent, id))
        .collect();
        let listed = look.messages.iter().find(|message| message.id == answer.id);
        let held = listed
            .cloned()
            .unwrap_or_else(|| impersonal(answer.clone()));
        let mut changes = answer_rows(&held, asked)?;
        let rows = rows_of(&changes);
        note_written(cx, held.id.as_str(), &changes, &asked.fates);
        self.compare_question(cx, at, sending, &look, &questions);
        if questions.is_empty() {
            // The question is nowhere to be seen; it was said all the same.
            if let Some(input) = &sending.input {
                changes.push(Change::Message {
                    time: sending.after,
                    holder: Holder::Gateway,
                    message: input.clone(),
                });
            }
            changes.push(Change::Message {
                time: sending.after.max(held.sent_at),
                holder: Holder::Backend(at.native.clone()),
                message: Box::new(held.clone()),
            });
        }
        if !questions.is_empty() || listed.is_some() {
            changes.push(Change::Sent(sending.intent));
        }
        // Else the backend shows neither yet: the next reading binds what it shows then.
        self.take_in(cx, at, &look, &questions, changes).await?;
        self.shows(cx, held, &rows)
    }

    /// Tells where the backend stored other words than it was sent.
    fn compare_question(
        &self,
        cx: &Context,
        at: &Location,
        sending: &Sending,
        look: &Look,
        questions: &[(Uuid, MessageId)],
    ) {
        let stored = questions
            .last()
            .and_then(|(_, id)| look.messages.iter().find(|message| message.id == *id));
        if stored.is_none_or(|stored| carries(stored, &sending.text)) {
            return;
        }
        tracing::warn!(
            backend.name = self.name(),
            conversation.id = %at.id,
            field = "parts",
            "the backend holds a question otherwise than it was given"
        );
        metrics::counter!(
            "dragoman_overlay_unexpected_total",
            "backend" => self.name().to_owned(),
            "field" => "parts"
        )
        .increment(1);
        if let Some(input) = &sending.input {
            let fate = FieldFate {
                unexpected: true,
                ..FieldFate::overlay(
                    "/parts",
                    "kept beside the backend, which holds it otherwise than it was given",
                )
            };
            cx.trace.note_fates(input.id.as_str(), vec![fate]);
        }
    }

    /// Notes that no answer came: what was not sent is forgotten, what may have been is looked for and else left for
    /// whoever settles it.
    pub(crate) async fn not_answered(
        &self,
        cx: &Context,
        at: &Location,
        asked: &Asked,
        error: &Error,
    ) {
        let Some((sending, _)) = &asked.sent else {
            return;
        };
        let cx = &patient(cx);
        let done = if error.outcome == Outcome::NotApplied {
            self.apply(cx, at, vec![Change::Sent(sending.intent)]).await
        } else {
            self.look_for_question(cx, at, asked, error).await
        };
        if let Err(failed) = done {
            tracing::warn!(
                backend.name = self.name(),
                conversation.id = %at.id,
                error.kind = failed.kind.as_str(),
                "what became of a question that was not answered could not be noted"
            );
        }
    }

    async fn look_for_question(
        &self,
        cx: &Context,
        at: &Location,
        asked: &Asked,
        error: &Error,
    ) -> Result<()> {
        let Some((sending, _)) = &asked.sent else {
            return Ok(());
        };
        let kept = self.kept(at).await?;
        let Some(look) = self.look(cx, at, &kept, Why::Asked).await? else {
            return Ok(());
        };
        self.take_in(cx, at, &look, &[], Vec::new()).await?;
        // A call that is over leaves nothing to wait for.
        if error.outcome == Outcome::Applied && self.is_bound(at, sending).await? {
            let over = vec![Change::Sent(sending.intent)];
            return self.apply(cx, at, over).await;
        }
        Ok(())
    }
}

/// The rows of an answer for the metadata that the request gave it and the backend does not hold.
fn answer_rows(answer: &Message, asked: &Asked) -> Result<Vec<Change>> {
    if asked.metadata.is_empty() {
        return Ok(Vec::new());
    }
    let mut wanted = answer.clone();
    wanted.metadata.extend(asked.metadata.clone());
    let patch = MessagePatch {
        metadata: Patch::Set(asked.metadata.clone()),
        ..MessagePatch::default()
    };
    let judged = Judged::Changed {
        patch: &patch,
        rows: &[],
    };
    message_changes(&wanted, judged, answer, &asked.fates)
}
