//! The router as a backend: every call finds its backend, holds what it needs and keeps the directory true.

use async_trait::async_trait;
use backend::ports::Touched;
use backend::{
    Attachment, AttachmentContent, Backend, BackendInfo, Capabilities, Context, ConversationPage,
    ConversationQuery, Enumerates, EventStream, Health, Intent, Kind, Level, Located, Location,
    NewAttachment, Page, PageRequest, Precondition, Projection, RespondRequest, Result,
    ServiceStatus, Settled, Template, Tool, Write, each_conversation,
};
use conversation::{
    Activity, ActivityKind, AttachmentId, Conversation, ConversationPatch, Digest, Message,
    MessageId, MessagePatch, NewConversation, NewMessage, Participant,
};
use futures_util::stream::BoxStream;

use crate::keeping::touch;
use crate::telling::Telling;
use crate::writing::{MOVES_MAX, send};
use crate::{Router, discovery, listing};

#[async_trait]
impl Backend for Router {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    /// What the default backend can do; lists are the router's own.
    fn capabilities(&self) -> Capabilities {
        let default = self.slots.get(&self.settings.default_backend);
        let capabilities = default
            .map(|slot| slot.backend.capabilities())
            .unwrap_or_default();
        Capabilities {
            conversation_list: Level::Full,
            enumerates: Enumerates::Account,
            ..capabilities
        }
    }

    fn preview(&self, write: &Write) -> Projection {
        match self.slots.get(&self.settings.default_backend) {
            Some(slot) => slot.backend.preview(write),
            None => Projection::exact(write.clone()),
        }
    }

    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        self.make(cx, new).await
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        let found = self.locate(cx, at.id).await?;
        let read = found.backend().get_conversation(cx, &found.location).await;
        let read = self.tell_read(&found, read)?;
        if let Some(sampled) = self.sampled(cx, &found) {
            sampled.conversation(&read);
        }
        Ok(read)
    }

    fn get_conversations<'a>(
        &'a self,
        cx: &'a Context,
        at: &'a [Location],
    ) -> BoxStream<'a, (usize, Result<Conversation>)> {
        each_conversation(self, cx, at)
    }

    async fn list_conversations(
        &self,
        cx: &Context,
        query: &ConversationQuery,
    ) -> Result<ConversationPage> {
        let settings = &self.settings;
        discovery::refresh(
            self.slots.values(),
            &self.directory,
            &self.intents,
            &cx.principal,
            settings.discover_interval,
            settings.hydrate_budget,
        )
        .await;
        listing::list(
            &self.slots,
            &self.directory,
            cx,
            query,
            settings.hydrate_budget,
        )
        .await
    }

    async fn update_conversation(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        let write = || Write::UpdateConversation(patch.clone());
        let (mut writing, updated) = send!(self, cx, at.id, Changed, write, |writing| writing
            .backend()
            .update_conversation(&writing.cx, writing.at(), patch.clone(), precondition));
        self.outdo(&writing, &updated).await;
        if let Ok(updated) = &updated {
            // Before others write: what they note is newer.
            self.note(&writing.cx, updated).await;
        }
        writing.end(updated).await
    }

    async fn delete_conversation(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let (mut writing, deleted) = send!(
            self,
            cx,
            at.id,
            Changed,
            || Write::DeleteConversation,
            |writing| writing.backend().delete_conversation(
                &writing.cx,
                writing.at(),
                precondition
            )
        );
        let deleted = match deleted {
            Ok(()) => self.bury(at.id).await,
            Err(error) => Err(error),
        };
        writing.end_delete(deleted).await
    }

    async fn list_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        let found = self.locate(cx, at.id).await?;
        let listed = found
            .backend()
            .list_messages(cx, &found.location, page)
            .await;
        let listed = match listed {
            Err(error) if error.kind == Kind::InvalidCursor => {
                self.page_of_earlier_home(cx, &found, page, error).await
            }
            listed => listed,
        };
        let listed = self.tell_read(&found, listed)?;
        if page.position.is_none()
            && let Some(sampled) = self.sampled(cx, &found)
        {
            sampled.messages(page, &listed);
        }
        Ok(listed)
    }

    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        let found = self.locate(cx, at.id).await?;
        let read = found.backend().get_message(cx, &found.location, id).await;
        let read = self.tell_read(&found, read)?;
        if let Some(sampled) = self.sampled(cx, &found) {
            sampled.message(&read);
        }
        Ok(read)
    }

    async fn post_message(&self, cx: &Context, at: &Location, new: NewMessage) -> Result<Message> {
        let write = || Write::PostMessage(new.clone());
        let (mut writing, posted) = send!(self, cx, at.id, Said, write, |writing| writing
            .backend()
            .post_message(&writing.cx, writing.at(), new.clone()));
        let posted = writing.end(posted).await?;
        touch(&self.directory, at.id, posted.created_at).await;
        Ok(posted)
    }

    async fn import_messages(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        let write = || Write::ImportMessages(messages.clone());
        let (mut writing, imported) = send!(self, cx, at.id, Changed, write, |writing| writing
            .backend()
            .import_messages(&writing.cx, writing.at(), messages.clone()));
        writing.end_import(&imported).await;
        let imported = imported?;
        if imported.iter().any(Result::is_ok) {
            self.note_changed(cx, &writing.found).await;
        }
        Ok(imported)
    }

    async fn update_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        patch: MessagePatch,
        precondition: Option<&Precondition>,
    ) -> Result<Message> {
        let write = || Write::UpdateMessage {
            id: id.clone(),
            patch: patch.clone(),
        };
        let (mut writing, updated) = send!(self, cx, at.id, Changed, write, |writing| writing
            .backend()
            .update_message(&writing.cx, writing.at(), id, patch.clone(), precondition));
        self.outdo(&writing, &updated).await;
        let updated = writing.end(updated).await?;
        self.note_changed(cx, &writing.found).await;
        Ok(updated)
    }

    async fn delete_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let write = || Write::DeleteMessage { id: id.clone() };
        let (mut writing, deleted) = send!(self, cx, at.id, Changed, write, |writing| writing
            .backend()
            .delete_message(&writing.cx, writing.at(), id, precondition));
        writing.end(deleted).await?;
        self.note_changed(cx, &writing.found).await;
        Ok(())
    }

    async fn rate_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        value: f64,
    ) -> Result<Message> {
        let write = || Write::RateMessage {
            id: id.clone(),
            value,
        };
        let (mut writing, rated) = send!(self, cx, at.id, Changed, write, |writing| writing
            .backend()
            .rate_message(&writing.cx, writing.at(), id, value));
        writing.end(rated).await
    }

    /// Lease and note are held until the answer ends.
    async fn respond(
        &self,
        cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream> {
        let write = || Write::Respond(request.clone());
        let mut writing = self.begin_answer(cx, at.id, write).await?;
        let begun = writing
            .backend()
            .respond(&writing.cx, writing.at(), request)
            .await;
        match begun {
            Ok(events) => {
                let (holding, untold) = writing.into_parts();
                Ok(Box::pin(Telling {
                    events,
                    holding,
                    untold: Some(untold),
                    directory: self.directory.clone(),
                    id: at.id,
                }))
            }
            Err(error) => writing.end(Err(error)).await,
        }
    }

    async fn templates(&self, cx: &Context) -> Result<Vec<Template>> {
        self.named(cx)?.backend.templates(cx).await
    }

    async fn tools(&self, cx: &Context) -> Result<Vec<Tool>> {
        self.named(cx)?.backend.tools(cx).await
    }

    async fn status(&self, cx: &Context) -> Result<ServiceStatus> {
        self.named(cx)?.backend.status(cx).await
    }

    async fn statistics(&self, cx: &Context) -> Result<ServiceStatus> {
        self.named(cx)?.backend.statistics(cx).await
    }

    async fn list_participants(&self, cx: &Context, at: &Location) -> Result<Vec<Participant>> {
        let found = self.locate(cx, at.id).await?;
        found.backend().list_participants(cx, &found.location).await
    }

    async fn add_participants(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        let write = || Write::AddParticipants(new.clone());
        let (mut writing, added) = send!(self, cx, at.id, Changed, write, |writing| writing
            .backend()
            .add_participants(&writing.cx, writing.at(), new.clone()));
        let added = writing.end(added).await?;
        self.note_changed(cx, &writing.found).await;
        Ok(added)
    }

    async fn remove_participant(
        &self,
        cx: &Context,
        at: &Location,
        participant: &str,
    ) -> Result<()> {
        let write = || Write::RemoveParticipant {
            id: participant.into(),
        };
        let (mut writing, removed) = send!(self, cx, at.id, Changed, write, |writing| writing
            .backend()
            .remove_participant(&writing.cx, writing.at(), participant));
        writing.end(removed).await?;
        self.note_changed(cx, &writing.found).await;
        Ok(())
    }

    /// Needs no lease and no note: nothing is stored that two writers could mix, or that could be lost. What was read may move `unread`.
    async fn send_activity(&self, cx: &Context, at: &Location, activity: Activity) -> Result<()> {
        let is_read = activity.activity == ActivityKind::Read;
        let mut moves = 0;
        let (found, sent) = loop {
            let found = self.find(cx, at.id).await?;
            let backend = found.backend();
            let sent = backend.send_activity(cx, &found.location, activity.clone());
            match sent.await {
                Err(error) if error.kind == Kind::Moved && moves < MOVES_MAX => moves += 1,
                sent => break (found, sent),
            }
        };
        found.note(cx);
        sent?;
        if is_read && found.backend().capabilities().conversation_unread.works() {
            self.note_changed(cx, &found).await;
        }
        Ok(())
    }

    async fn put_attachment(
        &self,
        cx: &Context,
        at: &Location,
        new: NewAttachment,
    ) -> Result<Attachment> {
        let changes_message = new.message_id.is_some();
        let write = || Write::PutAttachment {
            message_id: new.message_id.clone(),
            name: new.name.clone(),
            digest: Digest::of(&new.bytes),
        };
        let (mut writing, put) = send!(self, cx, at.id, Changed, write, |writing| writing
            .backend()
            .put_attachment(&writing.cx, writing.at(), new.clone()));
        let put = writing.end(put).await?;
        if changes_message {
            self.note_changed(cx, &writing.found).await;
        }
        Ok(put)
    }

    async fn open_attachment(
        &self,
        cx: &Context,
        at: &Location,
        id: &AttachmentId,
    ) -> Result<AttachmentContent> {
        let found = self.locate(cx, at.id).await?;
        let opened = found
            .backend()
            .open_attachment(cx, &found.location, id)
            .await;
        match opened {
            Err(error) if error.kind == Kind::NotFound => {
                self.attachment_of_earlier_home(cx, &found, id, error).await
            }
            opened => opened,
        }
    }

    /// Healthy where every backend is.
    async fn health(&self, cx: &Context) -> Health {
        let asked = self
            .slots
            .values()
            .map(|slot| async move { (slot.name(), slot.backend.health(cx).await) });
        let answers = futures_util::future::join_all(asked).await;
        let ok = answers.iter().all(|(_, health)| health.ok);
        let details: Vec<String> = answers
            .into_iter()
            .map(|(name, health)| format!("{name}: {}", health.detail))
            .collect();
        Health {
            ok,
            detail: details.join("; "),
        }
    }

    async fn settle(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        self.settle_again(cx, intent).await
    }
}
