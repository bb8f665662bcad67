//! Deleting conversations: at the backend, with all that is kept beside it, and what the backend holds all the same.

use backend::ports::{Change, Holder};
use backend::{Context, FieldFate, Location, Precondition, Result, Write};

use super::applied;
use crate::index::under;
use crate::{Overlay, fidelity};

impl Overlay {
    pub(crate) async fn delete(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let kept = self.kept(at).await?;
        if let Some(precondition) = precondition {
            let (held, kept) = self
                .held_conversation(&cx.fresh(), at, kept.clone())
                .await?;
            precondition.check(&self.show_conversation(held, &kept)?)?;
        }
        let foretold = self.foretell(&Write::DeleteConversation);
        foretold.check(cx, self.name())?;
        let deleted = if kept.has_ended {
            self.forget_out_of_reach(cx, at)
        } else {
            match self.below().delete_conversation(&under(cx), at, None).await {
                Err(error) if self.has_ended(&kept, &error) => self.forget_out_of_reach(cx, at),
                deleted => deleted,
            }
        };
        deleted?;
        self.forget(cx, at, foretold.fates).await.map_err(applied)
    }

    /// Forgets what is kept of a conversation that the backend has deleted, and tells what it still holds: `fates`, and
    /// what lies where nobody can delete it any more.
    pub(crate) async fn forget(
        &self,
        cx: &Context,
        at: &Location,
        mut fates: Vec<FieldFate>,
    ) -> Result<()> {
        if self.below().capabilities().access_expires && self.had_other_homes(at).await? {
            fates.push(FieldFate::overlay(
                "",
                "hidden, still held by the backend where the conversation lived before its access ended",
            ));
        }
        self.apply(cx, at, vec![Change::Forget]).await?;
        cx.trace.note_fates(&at.id.to_string(), fates);
        Ok(())
    }

    /// True where messages of a conversation were said in another one of the backend, to which access has ended.
    async fn had_other_homes(&self, at: &Location) -> Result<bool> {
        let is_other = |home: &str| *home != *at.native;
        let index = self.state().index(&self.beside(at)).await?;
        Ok(index.iter().any(|row| {
            let is_held_there = match &row.holder {
                Holder::Backend(home) => is_other(home),
                Holder::Gateway => false,
            };
            is_held_there || row.homes.iter().any(|home| is_other(home))
        }))
    }

    /// Allows a delete of what can no longer be reached: the backend keeps it.
    fn forget_out_of_reach(&self, cx: &Context, at: &Location) -> Result<()> {
        let fate = FieldFate::overlay(
            "",
            "hidden, still held by the backend, to which access has ended",
        );
        fidelity::allow(cx, self.name(), &fate)?;
        cx.trace.note_fates(&at.id.to_string(), vec![fate]);
        Ok(())
    }
}
