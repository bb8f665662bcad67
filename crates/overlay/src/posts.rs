//! Messages that are said now.

use backend::ports::{Change, Holder, IndexState, Kept, KeptField};
use backend::{
    Applied, Context, Error, FidelityPolicy, FieldFate, Intent, Kind, Location, Outcome, Result,
    Settled, Write,
};
use conversation::{Message, MessageId, NewMessage, Time, Violation};

use crate::Overlay;
use crate::fidelity::{self, note_written};
use crate::fields::{Judged, lay_message, message_changes};
use crate::index::{impersonal, not_applied, raised, said, under};
use crate::preview::without;
use crate::ratings::is_refusal;

/// How often a write is sent again without the fields over which the backend refused it.
pub(crate) const NOT_HELD_ROUNDS: usize = 3;

/// A message that the backend has stored.
#[derive(Debug)]
pub(crate) struct Stored {
    /// As the backend holds it.
    pub(crate) message: Message,
    /// What was left out of it when the backend refused it, beyond what was foretold.
    pub(crate) left_out: Vec<FieldFate>,
}

/// The id of a posted message that only the gateway has.
pub(crate) fn kept_id(cx: &Context) -> MessageId {
    MessageId::derive(&["kept", &cx.intent.to_string()])
}

/// A failure of ours after the backend has done what it was asked.
pub(crate) fn applied(error: Error) -> Error {
    error.outcome(Outcome::Applied)
}

/// The kept fields among changes.
pub(crate) fn rows_of(changes: &[Change]) -> Vec<KeptField> {
    let fields = changes.iter().filter_map(|change| match change {
        Change::Field(field) => Some(field.clone()),
        _ => None,
    });
    fields.collect()
}

/// The fates that a refusal tells.
pub(crate) fn fates_of(violations: &[Violation]) -> Vec<FieldFate> {
    let fate = |violation: &Violation| {
        let mut fate = FieldFate::overlay(
            violation.pointer.clone(),
            format!("kept beside the backend; {}", violation.detail),
        );
        fate.exceeds = violation.exceeds;
        fate
    };
    violations.iter().map(fate).collect()
}

impl Overlay {
    /// Stores a message that is said now: at the backend what it holds, the rest here.
    pub(crate) async fn post(
        &self,
        cx: &Context,
        at: &Location,
        new: NewMessage,
    ) -> Result<Message> {
        let foretold = self.foretell(&Write::PostMessage(new.clone()));
        foretold.check(cx, self.name())?;
        let mut fates = foretold.fates;
        let kept = self.refreshed(cx, at).await.map_err(not_applied)?;
        let Some(mut sent) = self.held_of(at, &kept, &new, Write::PostMessage).await? else {
            return self.keep_post(cx, at, &kept, new, fates).await;
        };
        if let Some(fate) = self.refer(at, &kept, &mut sent).await? {
            self.must_hold(cx, std::slice::from_ref(&fate))?;
            fates.push(fate);
        }
        let stored = match self.post_below(cx, at, sent).await {
            Ok(Some(stored)) => stored,
            Ok(None) => return self.keep_post(cx, at, &kept, new, fates).await,
            Err(error) if self.has_ended(&kept, &error) => {
                let kept = self.note_ended(cx, at).await?;
                return self.keep_post(cx, at, &kept, new, fates).await;
            }
            Err(error) => return Err(error),
        };
        fates.extend(stored.left_out);
        self.note_posted(cx, at, &new, stored.message, &fates)
            .await
            .map_err(applied)
    }

    /// What the backend would hold of a message that is stored by `write`; nothing where it has no place for it, or no
    /// part of it would be left.
    pub(crate) async fn held_of(
        &self,
        at: &Location,
        kept: &Kept,
        new: &NewMessage,
        write: fn(NewMessage) -> Write,
    ) -> Result<Option<NewMessage>> {
        if kept.has_ended {
            return Ok(None);
        }
        let mut sent = new.clone();
        sent.parts = self.with_urls(at, sent.parts).await.map_err(not_applied)?;
        let projection = self.below().preview(&write(sent));
        let (Write::PostMessage(held) | Write::ImportMessage(held)) = projection.write else {
            return Ok(None);
        };
        Ok((projection.is_held && !held.parts.is_empty()).then_some(held))
    }

    /// Names the message that `sent` follows as the backend knows it. One that only the gateway has is left out, with
    /// the fate that says so.
    pub(crate) async fn refer(
        &self,
        at: &Location,
        kept: &Kept,
        sent: &mut NewMessage,
    ) -> Result<Option<FieldFate>> {
        let Some(reply) = &mut sent.in_reply_to else {
            return Ok(None);
        };
        if kept.index.is_none() {
            return Ok(None);
        }
        let row = self.state().message(&self.beside(at), &reply.id).await?;
        let Some(row) = row.filter(|row| row.holder == Holder::Gateway) else {
            return Ok(None);
        };
        if let Some(native) = row.natives.last() {
            reply.id = native.clone();
            return Ok(None);
        }
        sent.in_reply_to = None;
        Ok(Some(FieldFate::overlay(
            "/in_reply_to",
            "kept beside the backend; it does not have the message that this one follows",
        )))
    }

    /// Refuses under `strict` what is kept here for want of a place at the backend.
    pub(crate) fn must_hold(&self, cx: &Context, fates: &[FieldFate]) -> Result<()> {
        if cx.fidelity != FidelityPolicy::Strict || fates.is_empty() {
            return Ok(());
        }
        let violations = fates.iter().map(|fate| Violation {
            pointer: fate.pointer.clone(),
            code: "not-held",
            detail: fate.detail.clone(),
            exceeds: fate.exceeds,
        });
        let message = format!("backend `{}` cannot hold what was sent", self.name());
        let mut error = Error::new(Kind::NotHeld, message).violations(violations.collect());
        error.backend = Some(self.name().into());
        Err(error)
    }

    /// Posts to the backend. Nothing where it will not have the message however much is left out of it.
    async fn post_below(
        &self,
        cx: &Context,
        at: &Location,
        mut sent: NewMessage,
    ) -> Result<Option<Stored>> {
        let below = under(cx);
        let started_at = Time::now();
        let mut left_out = Vec::new();
        for _ in 0..NOT_HELD_ROUNDS {
            let error = match self.below().post_message(&below, at, sent.clone()).await {
                Ok(message) => return Ok(Some(Stored { message, left_out })),
                Err(error) => error,
            };
            if is_refusal(&error) {
                let fates = fates_of(&error.violations);
                self.must_hold(cx, &fates)?;
                match without(&sent, &error.violations)? {
                    Some(less) if !less.parts.is_empty() => sent = less,
                    _ => return Ok(None),
                }
                left_out.extend(fates);
                continue;
            }
            match (error.kind, error.outcome) {
                // It is stored, though not as it was sent: what differs is found by comparing.
                (Kind::NotHeld, Outcome::Applied) => {
                    let write = Write::PostMessage(sent);
                    let intent = intent_of(cx, at, write, started_at);
                    return match self.below().settle(&below.fresh(), &intent).await {
                        Ok(Settled::Applied(Applied::Message(message))) => {
                            let message = *message;
                            Ok(Some(Stored { message, left_out }))
                        }
                        _ => Err(error),
                    };
                }
                _ => return Err(error),
            }
        }
        Ok(None)
    }

    /// Notes what a posted message has beyond what the backend holds of it, and its place where there is an index.
    /// The same for a post whose answer was lost and that was found.
    pub(crate) async fn note_posted(
        &self,
        cx: &Context,
        at: &Location,
        new: &NewMessage,
        held: Message,
        fates: &[FieldFate],
    ) -> Result<Message> {
        let wanted = new
            .clone()
            .into_message(held.id.clone(), at.id, held.sent_at);
        let judged = if cx.copying {
            Judged::Whole
        } else {
            Judged::Sent(new)
        };
        let mut changes = message_changes(&wanted, judged, &held, fates)?;
        let rows = rows_of(&changes);
        note_written(cx, held.id.as_str(), &changes, fates);
        let kept = self.kept(at).await?;
        if let Some(index) = &kept.index {
            let time = said(held.sent_at, index);
            changes.extend(placed(at, index, time, held.clone()));
        }
        self.apply(cx, at, changes).await?;
        self.shows(cx, held, &rows)
    }

    /// A message that was just written, as it is shown: with its rows, whose fates were told by the write.
    pub(crate) fn shows(&self, cx: &Context, held: Message, rows: &[KeptField]) -> Result<Message> {
        let voter = crate::ratings::voter(&cx.principal);
        Ok(lay_message(held, rows, &self.rules(), &voter)?.object)
    }

    /// Stores a message here that the backend has no place for.
    async fn keep_post(
        &self,
        cx: &Context,
        at: &Location,
        kept: &Kept,
        new: NewMessage,
        mut fates: Vec<FieldFate>,
    ) -> Result<Message> {
        let fate = kept_here();
        fidelity::allow(cx, self.name(), &fate)?;
        if fates.is_empty() {
            fates.push(fate);
        }
        // An index that is there was refreshed for this write. Else this is also the proof that there is such a
        // conversation.
        let index = match &kept.index {
            Some(index) => index.clone(),
            None => self.indexed(cx, at).await?.1,
        };
        let now = Time::now();
        let message = new.into_message(kept_id(cx), at.id, now);
        let time = said(now, &index);
        let changes = vec![
            Change::Message {
                time,
                holder: Holder::Gateway,
                message: Box::new(message.clone()),
            },
            Change::Index(raised(&index, time)),
            Change::Touch {
                updated_at: now,
                last_message_at: Some(message.sent_at),
            },
        ];
        self.apply(cx, at, changes).await?;
        cx.trace.note_fates(message.id.as_str(), fates);
        Ok(message)
    }
}

/// The fate of a message that is kept here.
pub(crate) fn kept_here() -> FieldFate {
    FieldFate::overlay(
        "",
        "kept beside the backend, which does not have this message",
    )
}

/// The changes that put a message of the backend at `time` into an index.
fn placed(at: &Location, index: &IndexState, time: Time, message: Message) -> [Change; 2] {
    [
        Change::Message {
            time,
            holder: Holder::Backend(at.native.clone()),
            message: Box::new(impersonal(message)),
        },
        Change::Index(raised(index, time)),
    ]
}

/// The intent of a call below, as this call began it.
pub(crate) fn intent_of(cx: &Context, at: &Location, write: Write, started_at: Time) -> Intent {
    let micros = i64::try_from(cx.remaining().as_micros()).unwrap_or(i64::MAX);
    Intent {
        id: cx.intent,
        location: Some(at.clone()),
        write,
        started_at,
        deadline_at: Time::now().saturating_add_micros(micros),
    }
}
