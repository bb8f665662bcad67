//! The layer as a backend: which call has ids, and which goes through as it is.

use async_trait::async_trait;
use backend::{
    Applied, Attachment, AttachmentContent, Backend, BackendInfo, Capabilities, Context,
    ConversationPage, ConversationQuery, Error, EventStream, Health, Intent, Located, Location,
    NewAttachment, Page, PageRequest, Precondition, Projection, RespondRequest, Result,
    ServiceStatus, Settled, Template, Tool, Write,
};
use conversation::{
    Activity, AttachmentId, Conversation, ConversationPatch, Message, MessageId, MessagePatch,
    NewConversation, NewMessage, Participant,
};
use futures_util::stream::BoxStream;

use super::ids::{Made, Sort};
use super::telling::Telling;
use super::{Renamed, mark_copy};

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Backend for Renamed {
    fn info(&self) -> &BackendInfo {
        self.below.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.below.capabilities()
    }

    fn preview(&self, write: &Write) -> Projection {
        self.below.preview(write)
    }

    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        let mut located = self.below.create_conversation(cx, new).await?;
        mark_copy(cx, &mut located.location);
        Ok(located)
    }

    // The document of a conversation names no message and no attachment.
    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        self.below.get_conversation(cx, at).await
    }

    fn get_conversations<'a>(
        &'a self,
        cx: &'a Context,
        at: &'a [Location],
    ) -> BoxStream<'a, (usize, Result<Conversation>)> {
        self.below.get_conversations(cx, at)
    }

    async fn list_conversations(
        &self,
        cx: &Context,
        query: &ConversationQuery,
    ) -> Result<ConversationPage> {
        self.below.list_conversations(cx, query).await
    }

    async fn update_conversation(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        self.below
            .update_conversation(cx, at, patch, precondition)
            .await
    }

    async fn delete_conversation(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        self.below.delete_conversation(cx, at, precondition).await
    }

    async fn list_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        if !at.renamed {
            return self.below.list_messages(cx, at, page).await;
        }
        let page = self.lower(at, page.clone()).await?;
        let mut telling = Telling::under(cx);
        let found = self.below.list_messages(telling.cx(), at, &page).await;
        let (items, next, previous) = match found {
            Ok(mut found) => {
                let items = &mut found.items;
                self.hide_arriving(at, &mut telling, page.order, items)
                    .await?;
                (Ok(found.items), found.next, found.previous)
            }
            Err(error) => (Err(error), None, None),
        };
        Ok(Page {
            items: self.lift(at, &mut telling, items).await?,
            next,
            previous,
        })
    }

    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        if !at.renamed {
            return self.below.get_message(cx, at, id).await;
        }
        let id = self.lower(at, id.clone()).await?;
        let mut telling = Telling::under(cx);
        let message = self.below.get_message(telling.cx(), at, &id).await;
        if let Ok(message) = &message
            && self.is_arriving(cx, at, message).await?
        {
            return Err(Error::message_not_found());
        }
        self.lift(at, &mut telling, message).await
    }

    async fn post_message(&self, cx: &Context, at: &Location, new: NewMessage) -> Result<Message> {
        if !at.renamed {
            return self.below.post_message(cx, at, new).await;
        }
        let new = self.lower(at, new).await?;
        let mut telling = Telling::under(cx);
        let posted = self.below.post_message(telling.cx(), at, new).await;
        self.lift_done(at, &mut telling, posted).await
    }

    async fn import_messages(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        if !at.renamed {
            return self.below.import_messages(cx, at, messages).await;
        }
        let messages = self.lower(at, messages).await?;
        let mut telling = Telling::under(cx);
        let results = self
            .below
            .import_messages(telling.cx(), at, messages)
            .await
            .map(|results| Made::new(Sort::of(cx.copying), results));
        let results = self.lift_done(at, &mut telling, results).await?;
        Ok(results.into_inner())
    }

    async fn update_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        patch: MessagePatch,
        precondition: Option<&Precondition>,
    ) -> Result<Message> {
        if !at.renamed {
            let below = &self.below;
            return below.update_message(cx, at, id, patch, precondition).await;
        }
        let (id, patch) = self.lower(at, (id.clone(), patch)).await?;
        let precondition = self.judge(cx, at, &id, precondition).await?;
        let mut telling = Telling::under(cx);
        let updated = self
            .below
            .update_message(telling.cx(), at, &id, patch, precondition.as_ref())
            .await;
        self.lift_done(at, &mut telling, updated).await
    }

    async fn delete_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        if !at.renamed {
            return self.below.delete_message(cx, at, id, precondition).await;
        }
        let id = self.lower(at, id.clone()).await?;
        let precondition = self.judge(cx, at, &id, precondition).await?;
        let mut telling = Telling::under(cx);
        let deleted = self
            .below
            .delete_message(telling.cx(), at, &id, precondition.as_ref())
            .await;
        self.lift_done(at, &mut telling, deleted).await
    }

    async fn rate_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        value: f64,
    ) -> Result<Message> {
        if !at.renamed {
            return self.below.rate_message(cx, at, id, value).await;
        }
        let id = self.lower(at, id.clone()).await?;
        let mut telling = Telling::under(cx);
        let rated = self.below.rate_message(telling.cx(), at, &id, value).await;
        self.lift_done(at, &mut telling, rated).await
    }

    async fn respond(
        &self,
        cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream> {
        if !at.renamed {
            return self.below.respond(cx, at, request).await;
        }
        let request = self.lower(at, request).await?;
        let mut telling = Telling::under(cx);
        match self.below.respond(telling.cx(), at, request).await {
            Ok(events) => {
                self.lift_done(at, &mut telling, Ok(())).await?;
                Ok(self.lift_events(at, telling, events))
            }
            Err(error) => Err(self.failed(at, &mut telling, error).await),
        }
    }

    async fn templates(&self, cx: &Context) -> Result<Vec<Template>> {
        self.below.templates(cx).await
    }

    async fn tools(&self, cx: &Context) -> Result<Vec<Tool>> {
        self.below.tools(cx).await
    }

    async fn status(&self, cx: &Context) -> Result<ServiceStatus> {
        self.below.status(cx).await
    }

    async fn statistics(&self, cx: &Context) -> Result<ServiceStatus> {
        self.below.statistics(cx).await
    }

    async fn list_participants(&self, cx: &Context, at: &Location) -> Result<Vec<Participant>> {
        self.below.list_participants(cx, at).await
    }

    async fn add_participants(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        self.below.add_participants(cx, at, new).await
    }

    async fn remove_participant(
        &self,
        cx: &Context,
        at: &Location,
        participant: &str,
    ) -> Result<()> {
        self.below.remove_participant(cx, at, participant).await
    }

    async fn send_activity(&self, cx: &Context, at: &Location, activity: Activity) -> Result<()> {
        self.below.send_activity(cx, at, activity).await
    }

    async fn put_attachment(
        &self,
        cx: &Context,
        at: &Location,
        new: NewAttachment,
    ) -> Result<Attachment> {
        if !at.renamed {
            return self.below.put_attachment(cx, at, new).await;
        }
        let new = self.lower(at, new).await?;
        let mut telling = Telling::under(cx);
        let put = self
            .below
            .put_attachment(telling.cx(), at, new)
            .await
            .map(|attachment| Made::new(Sort::of(cx.copying), attachment));
        Ok(self.lift_done(at, &mut telling, put).await?.into_inner())
    }

    async fn open_attachment(
        &self,
        cx: &Context,
        at: &Location,
        id: &AttachmentId,
    ) -> Result<AttachmentContent> {
        if !at.renamed {
            return self.below.open_attachment(cx, at, id).await;
        }
        let id = self.lower(at, id.clone()).await?;
        self.below.open_attachment(cx, at, &id).await
    }

    async fn health(&self, cx: &Context) -> Health {
        self.below.health(cx).await
    }

    async fn settle(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        if let Some(at) = intent.location.as_ref().filter(|at| at.renamed) {
            return self.settle_renamed(cx, at, intent).await;
        }
        let mut settled = self.below.settle(cx, intent).await?;
        if let Settled::Applied(Applied::Conversation(located)) = &mut settled {
            mark_copy(cx, &mut located.location);
        }
        Ok(settled)
    }
}
