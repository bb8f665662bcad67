//! Settling changes, deletes, votes, participants and bytes: what is shown decides, and where it does not, the backend.

use backend::ports::Change;
use backend::{Applied, Context, Intent, Kind, Located, Location, Result, Settled, Write};
use conversation::{
    AttachmentId, ConversationPatch, MessageId, MessagePatch, Participant, Patch, Time,
};

use super::{conversation_of, if_there, message_of, unfit};
use crate::Overlay;
use crate::lists::Held;
use crate::participants;
use crate::ratings::{drop_of, told_vote, vote_of};

impl Overlay {
    /// An update is done where doing it again would change nothing.
    pub(super) async fn settle_update(
        &self,
        cx: &Context,
        at: &Location,
        intent: &Intent,
        patch: &ConversationPatch,
    ) -> Result<Settled> {
        let Some(shown) = if_there(self.read(&cx.fresh(), at).await)? else {
            return Ok(Settled::NotApplied);
        };
        let mut wanted = shown.clone();
        patch.clone().apply(&mut wanted).map_err(unfit)?;
        participants::name(cx, &mut wanted.participants, &shown.participants);
        let located = |conversation| Located {
            location: at.clone(),
            conversation,
        };
        if wanted == shown {
            return Ok(conversation_of(located(shown)));
        }
        let kept = self.kept(at).await?;
        let native = participants::native_patch(patch.clone(), &kept.fields);
        let projection = self.below().preview(&Write::UpdateConversation(native));
        let Write::UpdateConversation(sent) = projection.write else {
            return Ok(Settled::Unknown);
        };
        let is_sent = projection.is_held
            && !sent.is_empty()
            && !kept.has_ended
            && self.below().capabilities().conversation_update.works();
        if !is_sent {
            return Ok(Settled::NotApplied);
        }
        match self
            .settled_below(cx, intent, Write::UpdateConversation(sent))
            .await?
        {
            Settled::Applied(Applied::Conversation(held)) => {
                let updated = self.updated(cx, at, patch, held.conversation).await?;
                Ok(conversation_of(located(updated)))
            }
            settled => Ok(settled),
        }
    }

    pub(super) async fn settle_delete(
        &self,
        cx: &Context,
        at: &Location,
        intent: &Intent,
    ) -> Result<Settled> {
        let kept = self.kept(at).await?;
        if kept.has_ended {
            return Ok(Settled::NotApplied);
        }
        match self
            .settled_below(cx, intent, Write::DeleteConversation)
            .await
        {
            Ok(Settled::Applied(_)) => {
                let fates = self.foretell(&Write::DeleteConversation).fates;
                self.forget(cx, at, fates).await?;
                Ok(Settled::Applied(Applied::Nothing))
            }
            Ok(settled) => Ok(settled),
            // What could not be reached any more is forgotten already.
            Err(error)
                if error.kind == Kind::AccessEnded
                    && kept.index.is_none()
                    && kept.copy.is_none() =>
            {
                Ok(Settled::Applied(Applied::Nothing))
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn settle_edit(
        &self,
        cx: &Context,
        at: &Location,
        intent: &Intent,
        id: &MessageId,
        patch: &MessagePatch,
    ) -> Result<Settled> {
        let kept = self.refreshed(cx, at).await?;
        let Some(found) = if_there(self.held(&cx.fresh(), at, &kept, id).await)? else {
            return Ok(Settled::NotApplied);
        };
        let shown = self.laid(cx, at, &kept, found.message().clone()).await?;
        let mut wanted = shown.clone();
        patch
            .clone()
            .apply(&mut wanted, Time::now())
            .map_err(unfit)?;
        wanted.edited_at = shown.edited_at;
        if wanted == shown {
            return Ok(message_of(shown));
        }
        let Held::Backends(_) = found else {
            return Ok(Settled::NotApplied);
        };
        let projection = self.below().preview(&Write::UpdateMessage {
            id: id.clone(),
            patch: patch.clone(),
        });
        let Write::UpdateMessage {
            patch: mut sent, ..
        } = projection.write
        else {
            return Ok(Settled::Unknown);
        };
        if let Patch::Set(parts) = &mut sent.parts {
            *parts = self.with_urls(at, std::mem::take(parts)).await?;
        }
        let is_sent = projection.is_held
            && !sent.is_empty()
            && self.below().capabilities().message_update.works();
        if !is_sent {
            return Ok(Settled::NotApplied);
        }
        let write = Write::UpdateMessage {
            id: id.clone(),
            patch: sent,
        };
        match self.settled_below(cx, intent, write).await? {
            Settled::Applied(Applied::Message(held)) => {
                let edited = self.note_edited(cx, at, patch, *held).await?;
                Ok(message_of(edited))
            }
            settled => Ok(settled),
        }
    }

    pub(super) async fn settle_message_delete(
        &self,
        cx: &Context,
        at: &Location,
        intent: &Intent,
        id: &MessageId,
    ) -> Result<Settled> {
        let Some(kept) = if_there(self.refreshed(&cx.fresh(), at).await)? else {
            return Ok(Settled::Applied(Applied::Nothing));
        };
        let Some(found) = if_there(self.held(&cx.fresh(), at, &kept, id).await)? else {
            return Ok(Settled::Applied(Applied::Nothing));
        };
        let (natives, is_ours) = match found {
            Held::Backends(message) => (vec![message.id], false),
            Held::Ours(row) => (row.natives, true),
            Held::Copy(_) => (Vec::new(), false),
        };
        if natives.is_empty() || !self.below().capabilities().message_delete.works() {
            // It would be hidden, or forgotten.
            return Ok(Settled::NotApplied);
        }
        for native in &natives {
            let write = Write::DeleteMessage { id: native.clone() };
            match self.settled_below(cx, intent, write).await? {
                Settled::Applied(_) => {}
                settled => return Ok(settled),
            }
        }
        if !is_ours {
            for native in &natives {
                self.note_deleted(cx, at, native).await?;
            }
            return Ok(Settled::Applied(Applied::Nothing));
        }
        let gone = natives
            .into_iter()
            .map(|id| Change::Gone { id, is_gone: true });
        let mut changes: Vec<Change> = gone.collect();
        changes.push(Change::Remove(id.clone()));
        self.apply(cx, at, changes).await?;
        Ok(Settled::Applied(Applied::Nothing))
    }

    /// A vote that is kept beside the backend is done. One that the backend was told, or was about to be told, is for it
    /// to say: until it is certain that it was not taken, the vote stays, so that nobody sends it again.
    pub(super) async fn settle_vote(
        &self,
        cx: &Context,
        at: &Location,
        intent: &Intent,
        id: &MessageId,
        value: f64,
    ) -> Result<Settled> {
        let place = self.beside(at);
        let rows = self
            .state()
            .message_fields(&place, std::slice::from_ref(id))
            .await?;
        let told = told_vote(cx, id, value)?;
        let vote = vote_of(cx, &rows);
        let is_told = vote.is_some_and(|vote| vote.value == told.value && vote.base == told.base);
        if vote.is_some_and(|vote| vote.value == told.value) && !is_told {
            let message = if_there(self.one_message(cx, at, id).await)?;
            return Ok(message.map_or(Settled::Applied(Applied::Nothing), message_of));
        }
        // A vote is kept before the backend is told.
        if !is_told {
            return Ok(Settled::NotApplied);
        }
        let write = Write::RateMessage {
            id: id.clone(),
            value,
        };
        match self.settled_below(cx, intent, write).await? {
            Settled::Applied(_) => {
                let message = if_there(self.one_message(cx, at, id).await)?;
                Ok(message.map_or(Settled::Applied(Applied::Nothing), message_of))
            }
            Settled::NotApplied => {
                self.apply(cx, at, vec![drop_of(&told)]).await?;
                Ok(Settled::NotApplied)
            }
            Settled::Unknown => Ok(Settled::Unknown),
        }
    }

    pub(super) async fn settle_join(
        &self,
        cx: &Context,
        at: &Location,
        intent: &Intent,
        new: &[Participant],
    ) -> Result<Settled> {
        let Some(present) = if_there(self.participants(&cx.fresh(), at).await)? else {
            return Ok(Settled::NotApplied);
        };
        let mut wanted = new.to_vec();
        participants::name(cx, &mut wanted, &present);
        let is_there = |one: &Participant| {
            present
                .iter()
                .any(|other| other.id == one.id && other.handles == one.handles)
        };
        if wanted.iter().all(is_there) {
            return Ok(Settled::Applied(Applied::Participants(present)));
        }
        let is_sent = self.below().capabilities().participant_add.works();
        if !is_sent {
            return Ok(Settled::NotApplied);
        }
        let write = Write::AddParticipants(new.to_vec());
        match self.settled_below(cx, intent, write).await? {
            Settled::Applied(_) => {
                let joined = self.joined(cx, at, wanted).await?;
                Ok(Settled::Applied(Applied::Participants(joined)))
            }
            settled => Ok(settled),
        }
    }

    pub(super) async fn settle_leave(
        &self,
        cx: &Context,
        at: &Location,
        intent: &Intent,
        id: &str,
    ) -> Result<Settled> {
        let Some(present) = if_there(self.participants(&cx.fresh(), at).await)? else {
            return Ok(Settled::NotApplied);
        };
        if present.iter().all(|one| one.id.as_deref() != Some(id)) {
            return Ok(Settled::Applied(Applied::Nothing));
        }
        if !self.below().capabilities().participant_remove.works() {
            return Ok(Settled::NotApplied);
        }
        let write = Write::RemoveParticipant { id: id.into() };
        match self.settled_below(cx, intent, write).await? {
            Settled::Applied(_) => {
                self.left(cx, at, id).await?;
                Ok(Settled::Applied(Applied::Nothing))
            }
            settled => Ok(settled),
        }
    }

    /// Bytes are here, under an id that derives from the write, or at the backend.
    pub(super) async fn settle_bytes(
        &self,
        cx: &Context,
        at: &Location,
        intent: &Intent,
    ) -> Result<Settled> {
        let id = AttachmentId::derive(&["kept", &cx.intent.to_string()]);
        if let Some(attachment) = self.blobs().find(&self.beside(at), &id).await? {
            // The bytes came first: their message may not show them yet.
            if let Write::PutAttachment {
                message_id: Some(message),
                ..
            } = &intent.write
                && !self.shown_in(cx, at, message, &attachment).await?
            {
                return Ok(Settled::Unknown);
            }
            return Ok(Settled::Applied(Applied::Attachment(Box::new(attachment))));
        }
        if cx.beside || !self.below().capabilities().attachment_put.works() {
            return Ok(Settled::NotApplied);
        }
        self.settled_below(cx, intent, intent.write.clone()).await
    }
}
