//! Laying rows over what was read: with their fates, and with marks on what drifted.

use backend::ports::{Change, Kept, KeptField};
use backend::{Context, Location, Result};
use conversation::{Conversation, Message, MessageId, Time};

use super::{Laid, Rules, Seen, growth, pointers};
use crate::{Overlay, fidelity, ratings};

impl Overlay {
    /// What decides which fields can drift.
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            capabilities: self.below().capabilities(),
            policy: self.settings().drift,
            is_current: true,
        }
    }

    /// What decides it of an answer to this call: one that was given in place of a backend that is down tells nothing.
    fn rules_of(&self, cx: &Context) -> Rules {
        Rules {
            is_current: cx.trace.stale().is_none(),
            ..self.rules()
        }
    }

    /// The same for what may come from a cache.
    fn rules_of_cached(&self) -> Rules {
        Rules {
            is_current: false,
            ..self.rules()
        }
    }

    /// Lays rows over a conversation as the backend holds it: kept fields, counts and times. Notes the fates, marks
    /// what drifted. Where access ends, what the backend showed is copied.
    pub(crate) async fn lay_conversation(
        &self,
        cx: &Context,
        at: &Location,
        held: Conversation,
        kept: &Kept,
    ) -> Result<Conversation> {
        let rules = self.rules_of(cx);
        let copy = self.copy_of(&held, kept).filter(|_| rules.is_current);
        if kept.fields.is_empty() && copy.is_none() {
            return Ok(growth(held, kept));
        }
        let Laid { object, seen } = super::lay_conversation(held, &kept.fields, &rules)?;
        fidelity::note_seen(cx, &at.id.to_string(), &seen);
        if rules.is_current {
            self.mark(cx, at, &seen, copy).await;
        }
        Ok(growth(object, kept))
    }

    /// Like [`Overlay::lay_conversation`], for one of a list, which may come from a cache: what is kept is shown, and
    /// nothing is marked.
    pub(crate) async fn lay_listed(
        &self,
        cx: &Context,
        at: &Location,
        held: Conversation,
        kept: &Kept,
    ) -> Result<Conversation> {
        let copy = self.copy_of(&held, kept);
        let laid = super::lay_conversation(held, &kept.fields, &self.rules_of_cached())?;
        fidelity::note_seen(cx, &at.id.to_string(), &laid.seen);
        self.mark(cx, at, &[], copy).await;
        Ok(growth(laid.object, kept))
    }

    /// Like [`Overlay::lay_conversation`], after a write: the fates are noted by the write, and nothing can have drifted
    /// from what was just compared.
    pub(crate) fn show_conversation(
        &self,
        held: Conversation,
        kept: &Kept,
    ) -> Result<Conversation> {
        let laid = super::lay_conversation(held, &kept.fields, &self.rules())?;
        Ok(growth(laid.object, kept))
    }

    /// The change that copies a conversation as the backend showed it, where access ends and the copy is another.
    pub(crate) fn copy_of(&self, held: &Conversation, kept: &Kept) -> Option<Change> {
        let is_news = self.below().capabilities().access_expires
            && !kept.has_ended
            && kept.copy.as_deref() != Some(held);
        is_news.then(|| Change::Copy(Box::new(held.clone())))
    }

    /// Lays rows over messages as the backend has just shown them, with at most one query for all. Notes the fates, marks
    /// what drifted. Messages that only the gateway has are given as they are kept; ratings are laid over them too.
    pub(crate) async fn lay_messages(
        &self,
        cx: &Context,
        at: &Location,
        kept: &Kept,
        held: Vec<Message>,
    ) -> Result<Vec<Message>> {
        self.lay_all(cx, at, kept, held, self.rules_of(cx)).await
    }

    /// Like [`Overlay::lay_messages`], for copies: what is kept is shown, and nothing is marked.
    pub(crate) async fn lay_copies(
        &self,
        cx: &Context,
        at: &Location,
        kept: &Kept,
        copies: Vec<Message>,
    ) -> Result<Vec<Message>> {
        self.lay_all(cx, at, kept, copies, self.rules_of_cached())
            .await
    }

    async fn lay_all(
        &self,
        cx: &Context,
        at: &Location,
        kept: &Kept,
        held: Vec<Message>,
        rules: Rules,
    ) -> Result<Vec<Message>> {
        if !kept.has_message_fields || held.is_empty() {
            return Ok(held);
        }
        let ids: Vec<MessageId> = held.iter().map(|message| message.id.clone()).collect();
        let mut rows = self.state().message_fields(&self.beside(at), &ids).await?;
        rows.sort_by(|one, other| one.message.cmp(&other.message));
        let voter = ratings::voter(&cx.principal);
        let mut marked = Vec::new();
        let mut laid = Vec::with_capacity(held.len());
        for message in held {
            let first = rows.partition_point(|row| row.message.as_ref() < Some(&message.id));
            let after = rows.partition_point(|row| row.message.as_ref() <= Some(&message.id));
            let own = rows.get(first..after).unwrap_or_default();
            let id = message.id.clone();
            let one = super::lay_message(message, own, &rules, &voter)?;
            fidelity::note_seen(cx, id.as_str(), &one.seen);
            marked.extend(one.seen);
            laid.push(one.object);
        }
        if rules.is_current {
            self.mark(cx, at, &marked, None).await;
        }
        Ok(laid)
    }

    /// Like [`Overlay::lay_messages`], for one message whose rows are known. Marks nothing.
    pub(crate) fn lay_message(
        &self,
        cx: &Context,
        held: Message,
        rows: &[KeptField],
    ) -> Result<Message> {
        let id = held.id.clone();
        let voter = ratings::voter(&cx.principal);
        let laid = super::lay_message(held, rows, &self.rules(), &voter)?;
        fidelity::note_seen(cx, id.as_str(), &laid.seen);
        Ok(laid.object)
    }

    /// Marks what drifted and what no longer does. Reading does not fail by it: a mark that could not be written is
    /// written by the next read.
    async fn mark(&self, cx: &Context, at: &Location, seen: &[Seen], copy: Option<Change>) {
        let now = Time::now();
        let marks: Vec<(KeptField, KeptField)> = seen
            .iter()
            .filter_map(|one| Some((one.row.clone(), one.marked(now)?)))
            .collect();
        if marks.is_empty() && copy.is_none() {
            return;
        }
        let written = match self.change(cx, at, copy.into_iter().collect(), marks).await {
            Ok(written) => written,
            Err(error) => {
                tracing::warn!(
                    backend.name = self.name(),
                    conversation.id = %at.id,
                    error.kind = error.kind.as_str(),
                    "what drifted could not be marked"
                );
                return;
            }
        };
        // Of several who see the same, one writes it, and one tells it.
        let is_written = |row: &KeptField| {
            written
                .iter()
                .any(|one| one.message == row.message && one.pointer == row.pointer)
        };
        let news = seen.iter().filter(|one| one.is_news());
        for news in news.filter(|one| is_written(&one.row)) {
            let field = pointers::field(&news.row.pointer).to_owned();
            tracing::info!(
                backend.name = self.name(),
                conversation.id = %at.id,
                field,
                "a kept field was changed at the backend"
            );
            metrics::counter!("dragoman_overlay_drift_total", "backend" => self.name().to_owned(), "field" => field)
                .increment(1);
        }
    }
}
