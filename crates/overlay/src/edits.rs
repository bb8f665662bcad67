//! Messages that are changed or deleted.

mod deletes;

use backend::ports::{Change, Holder, Kept, KeptField, KeptMessage};
use backend::{Context, Error, FieldFate, Kind, Location, Outcome, Precondition, Result, Write};
use conversation::{Message, MessageId, MessagePatch, Time};

use crate::Overlay;
use crate::fidelity::{self, note_written};
use crate::fields::{Judged, message_changes};
use crate::index::{impersonal, not_applied, under};
use crate::lists::Held;
use crate::posts::{NOT_HELD_ROUNDS, applied, fates_of};
use crate::preview::without;
use crate::ratings::is_refusal;

/// A change of a message of the backend.
struct Edit<'a> {
    patch: &'a MessagePatch,
    /// As the backend held it before.
    held: Message,
    /// As it was shown before.
    shown: Message,
    rows: Vec<KeptField>,
    fates: Vec<FieldFate>,
}

impl Overlay {
    /// Changes a message: ours in its place, the backend's there as far as it changes messages, the rest in rows.
    pub(crate) async fn edit(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        patch: MessagePatch,
        precondition: Option<&Precondition>,
    ) -> Result<Message> {
        let foretold = self.foretell(&Write::UpdateMessage {
            id: id.clone(),
            patch: patch.clone(),
        });
        foretold.check(cx, self.name())?;
        let kept = self.knowing(cx, at, id).await.map_err(not_applied)?;
        let found = self
            .held(&cx.fresh(), at, &kept, id)
            .await
            .map_err(not_applied)?;
        let held = found.message().clone();
        let rows = self.rows_of_message(at, &kept, &held.id).await?;
        let shown = self.lay_message(cx, held.clone(), &rows)?;
        if let Some(precondition) = precondition {
            precondition.check(&shown)?;
        }
        if patch.is_empty() {
            return Ok(shown);
        }
        match found {
            Held::Ours(row) => self.edit_ours(cx, at, *row, patch, &rows).await,
            Held::Backends(_) | Held::Copy(_) => {
                let is_reached = matches!(found, Held::Backends(_));
                let edit = Edit {
                    patch: &patch,
                    held,
                    shown,
                    rows,
                    fates: foretold.fates,
                };
                self.edit_backends(cx, at, &kept, edit, is_reached).await
            }
        }
    }

    async fn rows_of_message(
        &self,
        at: &Location,
        kept: &Kept,
        id: &MessageId,
    ) -> Result<Vec<KeptField>> {
        if !kept.has_message_fields {
            return Ok(Vec::new());
        }
        let place = self.beside(at);
        self.state()
            .message_fields(&place, std::slice::from_ref(id))
            .await
    }

    async fn edit_ours(
        &self,
        cx: &Context,
        at: &Location,
        row: KeptMessage,
        patch: MessagePatch,
        rows: &[KeptField],
    ) -> Result<Message> {
        fidelity::allow(cx, self.name(), &only_here())?;
        let now = Time::now();
        let message = changed(row.message, patch, now)?;
        let changes = vec![
            Change::Message {
                time: row.place.time,
                holder: Holder::Gateway,
                message: Box::new(message.clone()),
            },
            touched(now),
        ];
        self.apply(cx, at, changes).await?;
        cx.trace.note_fates(message.id.as_str(), vec![only_here()]);
        self.shows(cx, message, rows)
    }

    async fn edit_backends(
        &self,
        cx: &Context,
        at: &Location,
        kept: &Kept,
        mut edit: Edit<'_>,
        is_reached: bool,
    ) -> Result<Message> {
        let now = Time::now();
        let wanted = changed(edit.shown.clone(), edit.patch.clone(), now)?;
        let below = if is_reached {
            self.edit_below(cx, at, &mut edit).await?
        } else {
            None
        };
        if below.is_none() {
            fidelity::allow(cx, self.name(), &change_here())?;
        }
        let outcome = if below.is_some() {
            applied
        } else {
            not_applied
        };
        let is_indexed = below.is_some() && kept.index.is_some();
        let held = below.unwrap_or_else(|| edit.held.clone());
        self.note_edit(cx, at, &edit, wanted, held, is_indexed)
            .await
            .map_err(outcome)
    }

    /// Keeps what the backend does not hold of a change: it holds `held` now.
    async fn note_edit(
        &self,
        cx: &Context,
        at: &Location,
        edit: &Edit<'_>,
        wanted: Message,
        held: Message,
        is_indexed: bool,
    ) -> Result<Message> {
        let judged = Judged::Changed {
            patch: edit.patch,
            rows: &edit.rows,
        };
        let mut changes = message_changes(&wanted, judged, &held, &edit.fates)?;
        note_written(cx, held.id.as_str(), &changes, &edit.fates);
        if !changes.is_empty() {
            changes.push(touched(Time::now()));
        }
        if is_indexed {
            changes.push(Change::Message {
                time: held.sent_at,
                holder: Holder::Backend(at.native.clone()),
                message: Box::new(impersonal(held.clone())),
            });
        }
        self.apply(cx, at, changes).await?;
        let kept = self.kept(at).await?;
        let rows = self.rows_of_message(at, &kept, &held.id).await?;
        self.shows(cx, held, &rows)
    }

    /// Keeps what the backend does not hold of a change that it has made and whose answer was lost: it holds `held`
    /// now. The same again changes nothing.
    pub(crate) async fn note_edited(
        &self,
        cx: &Context,
        at: &Location,
        patch: &MessagePatch,
        held: Message,
    ) -> Result<Message> {
        let kept = self.kept(at).await?;
        let rows = self.rows_of_message(at, &kept, &held.id).await?;
        let shown = self.shows(cx, held.clone(), &rows)?;
        let wanted = changed(shown.clone(), patch.clone(), Time::now())?;
        let write = Write::UpdateMessage {
            id: held.id.clone(),
            patch: patch.clone(),
        };
        let edit = Edit {
            patch,
            held: held.clone(),
            shown,
            rows,
            fates: self.foretell(&write).fates,
        };
        self.note_edit(cx, at, &edit, wanted, held, kept.index.is_some())
            .await
    }

    /// Has the backend make what it can of a change; nothing where that is nothing.
    async fn edit_below(
        &self,
        cx: &Context,
        at: &Location,
        edit: &mut Edit<'_>,
    ) -> Result<Option<Message>> {
        if !self.below().capabilities().message_update.works() {
            return Ok(None);
        }
        let id = &edit.held.id;
        let projection = self.below().preview(&Write::UpdateMessage {
            id: id.clone(),
            patch: edit.patch.clone(),
        });
        let Write::UpdateMessage { mut patch, .. } = projection.write else {
            return Ok(None);
        };
        if !projection.is_held {
            return Ok(None);
        }
        if let conversation::Patch::Set(parts) = &mut patch.parts {
            *parts = self
                .with_urls(at, std::mem::take(parts))
                .await
                .map_err(not_applied)?;
        }
        let below = under(cx);
        for _ in 0..NOT_HELD_ROUNDS {
            if patch.is_empty() {
                break;
            }
            let sent = self
                .below()
                .update_message(&below, at, id, patch.clone(), None)
                .await;
            let error = match sent {
                Ok(message) => return Ok(Some(message)),
                Err(error) => error,
            };
            if is_refusal(&error) {
                let fates = fates_of(&error.violations);
                self.must_hold(cx, &fates)?;
                match without(&patch, &error.violations)? {
                    Some(less) => patch = less,
                    None => return Ok(None),
                }
                edit.fates.extend(fates);
                continue;
            }
            // Done, though not as it was asked: what differs is found by comparing.
            if error.kind == Kind::NotHeld && error.outcome == Outcome::Applied {
                let read = self.below().get_message(&below.fresh(), at, id).await;
                return read.map(Some).map_err(applied);
            }
            return Err(error);
        }
        Ok(None)
    }
}

fn touched(now: Time) -> Change {
    Change::Touch {
        updated_at: now,
        last_message_at: None,
    }
}

fn changed(mut message: Message, patch: MessagePatch, now: Time) -> Result<Message> {
    // A clock that is ahead does not make a message edited before it was said.
    let now = now.max(message.sent_at);
    patch.apply(&mut message, now).map_err(|error| {
        Error::new(
            Kind::InvalidRequest,
            "the change gives `extensions` a shape that they cannot have",
        )
        .source(error)
    })?;
    Ok(message)
}

fn change_here() -> FieldFate {
    FieldFate::overlay(
        "",
        "changed beside the backend, which keeps the message as it was",
    )
}

fn only_here() -> FieldFate {
    FieldFate::overlay(
        "",
        "kept beside the backend, which has no place for this message",
    )
}
