//! Messages that are deleted.

use backend::ports::{Change, Holder, Indexed, Kept, KeptMessage};
use backend::{Context, FieldFate, Kind, Location, Precondition, Result, Write};
use conversation::{MessageId, Time};

use super::touched;
use crate::Overlay;
use crate::fidelity::allow;
use crate::index::{impersonal, not_applied, under};
use crate::lists::Held;
use crate::posts::applied;
use crate::ratings::{drop_of, is_refusal};

impl Overlay {
    /// Deletes a message: at the backend where it can, else by hiding it.
    pub(crate) async fn remove_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let kept = self.knowing(cx, at, id).await.map_err(not_applied)?;
        let found = self
            .held(&cx.fresh(), at, &kept, id)
            .await
            .map_err(not_applied)?;
        if let Some(precondition) = precondition {
            let message = found.message().clone();
            let shown = self.laid(cx, at, &kept, message).await;
            precondition.check(&shown.map_err(not_applied)?)?;
        }
        let ask = Write::DeleteMessage { id: id.clone() };
        match found {
            Held::Ours(row) if row.natives.is_empty() => {
                let changes = vec![Change::Remove(row.message.id), touched(Time::now())];
                self.apply(cx, at, changes).await
            }
            Held::Ours(row) => self.remove_bound(cx, at, &kept, &ask, *row).await,
            Held::Backends(message) => {
                if self.delete_below(cx, at, &ask, &message.id).await? {
                    let noted = self.note_deleted(cx, at, &message.id).await;
                    return noted.map_err(applied);
                }
                allow(cx, self.name(), &still_held())?;
                self.hide(cx, at, &kept, &message.id).await
            }
            Held::Copy(row) => {
                allow(cx, self.name(), &still_held())?;
                self.hide(cx, at, &kept, &row.message.id).await
            }
        }
    }

    /// Forgets a message that the backend had and has deleted: its fields, and where there is an index its place. The
    /// same again changes nothing.
    pub(crate) async fn note_deleted(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
    ) -> Result<()> {
        let place = self.beside(at);
        let ids = std::slice::from_ref(id);
        let rows = self.state().message_fields(&place, ids).await?;
        let mut changes: Vec<Change> = rows.iter().map(drop_of).collect();
        if self.state().message(&place, id).await?.is_some() {
            changes.extend(forgotten(id));
        }
        self.apply(cx, at, changes).await
    }

    /// Deletes one of ours whose words the backend has: with those, where they are nobody else's.
    async fn remove_bound(
        &self,
        cx: &Context,
        at: &Location,
        kept: &Kept,
        ask: &Write,
        row: KeptMessage,
    ) -> Result<()> {
        let id = &row.message.id;
        let index = self.state().index(&self.beside(at)).await?;
        let can_delete = !kept.has_ended
            && self.below().capabilities().message_delete.works()
            && row
                .natives
                .iter()
                .all(|native| !carries_others(&index, native, id));
        if !can_delete {
            allow(cx, self.name(), &still_held())?;
            return self.hide(cx, at, kept, id).await;
        }
        let mut changes = Vec::new();
        for native in &row.natives {
            let deleted = self.delete_below(cx, at, ask, native).await;
            let outcome = if changes.is_empty() {
                std::convert::identity
            } else {
                applied
            };
            if !deleted.map_err(outcome)? {
                allow(cx, self.name(), &still_held())?;
                return self.hide(cx, at, kept, id).await.map_err(outcome);
            }
            changes.push(Change::Gone {
                id: native.clone(),
                is_gone: true,
            });
        }
        changes.push(Change::Remove(id.clone()));
        changes.push(touched(Time::now()));
        self.apply(cx, at, changes).await.map_err(applied)
    }

    /// Deletes a message at the backend; false where it does not delete it. One that is not there any more is deleted.
    async fn delete_below(
        &self,
        cx: &Context,
        at: &Location,
        ask: &Write,
        id: &MessageId,
    ) -> Result<bool> {
        if !self.below().capabilities().message_delete.works() {
            return Ok(false);
        }
        let deleted = self.below().delete_message(&under(cx), at, id, None).await;
        match deleted {
            Ok(()) => Ok(true),
            Err(error) if is_refusal(&error) => Ok(false),
            Err(error)
                if error.kind == Kind::NotFound
                    && !matches!(ask, Write::DeleteMessage { id: asked } if asked == id) =>
            {
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// Hides a message that the backend still holds, for ever.
    async fn hide(&self, cx: &Context, at: &Location, kept: &Kept, id: &MessageId) -> Result<()> {
        if kept.index.is_none() {
            self.indexed(cx, at).await?;
        }
        let mut changes = Vec::new();
        let row = self.state().message(&self.beside(at), id).await?;
        if row.is_none() && !kept.has_ended {
            // Said since the index was read.
            let message = self
                .below()
                .get_message(&under(cx), at, id)
                .await
                .map_err(not_applied)?;
            changes.push(Change::Message {
                time: message.sent_at,
                holder: Holder::Backend(at.native.clone()),
                message: Box::new(impersonal(message)),
            });
        }
        changes.push(Change::Hide(id.clone()));
        changes.push(touched(Time::now()));
        self.apply(cx, at, changes).await?;
        cx.trace.note_fates(id.as_str(), vec![still_held()]);
        Ok(())
    }
}

/// A message of the backend that was deleted there: a reader who began before shows it no more either.
fn forgotten(id: &MessageId) -> Vec<Change> {
    vec![
        Change::Hide(id.clone()),
        Change::Gone {
            id: id.clone(),
            is_gone: true,
        },
        touched(Time::now()),
    ]
}

/// True where a message of the backend carries the words of another one that is shown.
fn carries_others(index: &[Indexed], native: &MessageId, id: &MessageId) -> bool {
    index
        .iter()
        .any(|row| row.id != *id && !row.is_hidden && row.natives.contains(native))
}

fn still_held() -> FieldFate {
    FieldFate::overlay("", "hidden, still held by the backend")
}
