//! A backend over a backend that changes only some of its calls.

use std::fmt::Debug;

use async_trait::async_trait;
use conversation::{
    Activity, AttachmentId, Conversation, ConversationPatch, Message, MessageId, MessagePatch,
    NewConversation, NewMessage, Participant,
};
use futures_util::stream::BoxStream;

use crate::{
    Attachment, AttachmentContent, Backend, BackendInfo, Capabilities, Context, ConversationPage,
    ConversationQuery, EventStream, Health, Intent, Located, Location, NewAttachment, Page,
    PageRequest, Precondition, Projection, RespondRequest, Result, ServiceStatus, Settled,
    Template, Tool, Write,
};

/// A backend over [`Layer::below`]. What it does not say itself goes through as it is: for layers that change little. One
/// that has something to do with every call implements [`Backend`], so that none is forgotten.
#[async_trait]
pub trait Layer: Debug + Send + Sync + 'static {
    /// The backend below.
    fn below(&self) -> &dyn Backend;

    /// [`Backend::info`].
    fn info(&self) -> &BackendInfo {
        self.below().info()
    }

    /// [`Backend::capabilities`].
    fn capabilities(&self) -> Capabilities {
        self.below().capabilities()
    }

    /// [`Backend::preview`].
    fn preview(&self, write: &Write) -> Projection {
        self.below().preview(write)
    }

    /// [`Backend::create_conversation`].
    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        self.below().create_conversation(cx, new).await
    }

    /// [`Backend::get_conversation`].
    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        self.below().get_conversation(cx, at).await
    }

    /// [`Backend::get_conversations`].
    fn get_conversations<'a>(
        &'a self,
        cx: &'a Context,
        at: &'a [Location],
    ) -> BoxStream<'a, (usize, Result<Conversation>)> {
        self.below().get_conversations(cx, at)
    }

    /// [`Backend::list_conversations`].
    async fn list_conversations(
        &self,
        cx: &Context,
        query: &ConversationQuery,
    ) -> Result<ConversationPage> {
        self.below().list_conversations(cx, query).await
    }

    /// [`Backend::update_conversation`].
    async fn update_conversation(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        self.below()
            .update_conversation(cx, at, patch, precondition)
            .await
    }

    /// [`Backend::delete_conversation`].
    async fn delete_conversation(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        self.below().delete_conversation(cx, at, precondition).await
    }

    /// [`Backend::list_messages`].
    async fn list_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        self.below().list_messages(cx, at, page).await
    }

    /// [`Backend::get_message`].
    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        self.below().get_message(cx, at, id).await
    }

    /// [`Backend::post_message`].
    async fn post_message(&self, cx: &Context, at: &Location, new: NewMessage) -> Result<Message> {
        self.below().post_message(cx, at, new).await
    }

    /// [`Backend::import_messages`].
    async fn import_messages(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        self.below().import_messages(cx, at, messages).await
    }

    /// [`Backend::update_message`].
    async fn update_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        patch: MessagePatch,
        precondition: Option<&Precondition>,
    ) -> Result<Message> {
        self.below()
            .update_message(cx, at, id, patch, precondition)
            .await
    }

    /// [`Backend::delete_message`].
    async fn delete_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        self.below().delete_message(cx, at, id, precondition).await
    }

    /// [`Backend::rate_message`].
    async fn rate_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        value: f64,
    ) -> Result<Message> {
        self.below().rate_message(cx, at, id, value).await
    }

    /// [`Backend::respond`].
    async fn respond(
        &self,
        cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream> {
        self.below().respond(cx, at, request).await
    }

    /// [`Backend::templates`].
    async fn templates(&self, cx: &Context) -> Result<Vec<Template>> {
        self.below().templates(cx).await
    }

    /// [`Backend::tools`].
    async fn tools(&self, cx: &Context) -> Result<Vec<Tool>> {
        self.below().tools(cx).await
    }

    /// [`Backend::status`].
    async fn status(&self, cx: &Context) -> Result<ServiceStatus> {
        self.below().status(cx).await
    }

    /// [`Backend::statistics`].
    async fn statistics(&self, cx: &Context) -> Result<ServiceStatus> {
        self.below().statistics(cx).await
    }

    /// [`Backend::list_participants`].
    async fn list_participants(&self, cx: &Context, at: &Location) -> Result<Vec<Participant>> {
        self.below().list_participants(cx, at).await
    }

    /// [`Backend::add_participants`].
    async fn add_participants(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        self.below().add_participants(cx, at, new).await
    }

    /// [`Backend::remove_participant`].
    async fn remove_participant(
        &self,
        cx: &Context,
        at: &Location,
        participant: &str,
    ) -> Result<()> {
        self.below().remove_participant(cx, at, participant).await
    }

    /// [`Backend::send_activity`].
    async fn send_activity(&self, cx: &Context, at: &Location, activity: Activity) -> Result<()> {
        self.below().send_activity(cx, at, activity).await
    }

    /// [`Backend::put_attachment`].
    async fn put_attachment(
        &self,
        cx: &Context,
        at: &Location,
        new: NewAttachment,
    ) -> Result<Attachment> {
        self.below().put_attachment(cx, at, new).await
    }

    /// [`Backend::open_attachment`].
    async fn open_attachment(
        &self,
        cx: &Context,
        at: &Location,
        id: &AttachmentId,
    ) -> Result<AttachmentContent> {
        self.below().open_attachment(cx, at, id).await
    }

    /// [`Backend::health`].
    async fn health(&self, cx: &Context) -> Health {
        self.below().health(cx).await
    }

    /// [`Backend::settle`].
    async fn settle(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        self.below().settle(cx, intent).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<L: Layer> Backend for L {
    fn info(&self) -> &BackendInfo {
        Layer::info(self)
    }

    fn capabilities(&self) -> Capabilities {
        Layer::capabilities(self)
    }

    fn preview(&self, write: &Write) -> Projection {
        Layer::preview(self, write)
    }

    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        Layer::create_conversation(self, cx, new).await
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        Layer::get_conversation(self, cx, at).await
    }

    fn get_conversations<'a>(
        &'a self,
        cx: &'a Context,
        at: &'a [Location],
    ) -> BoxStream<'a, (usize, Result<Conversation>)> {
        Layer::get_conversations(self, cx, at)
    }

    async fn list_conversations(
        &self,
        cx: &Context,
        query: &ConversationQuery,
    ) -> Result<ConversationPage> {
        Layer::list_conversations(self, cx, query).await
    }

    async fn update_conversation(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        Layer::update_conversation(self, cx, at, patch, precondition).await
    }

    async fn delete_conversation(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        Layer::delete_conversation(self, cx, at, precondition).await
    }

    async fn list_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        Layer::list_messages(self, cx, at, page).await
    }

    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        Layer::get_message(self, cx, at, id).await
    }

    async fn post_message(&self, cx: &Context, at: &Location, new: NewMessage) -> Result<Message> {
        Layer::post_message(self, cx, at, new).await
    }

    async fn import_messages(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        Layer::import_messages(self, cx, at, messages).await
    }

    async fn update_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        patch: MessagePatch,
        precondition: Option<&Precondition>,
    ) -> Result<Message> {
        Layer::update_message(self, cx, at, id, patch, precondition).await
    }

    async fn delete_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        Layer::delete_message(self, cx, at, id, precondition).await
    }

    async fn rate_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        value: f64,
    ) -> Result<Message> {
        Layer::rate_message(self, cx, at, id, value).await
    }

    async fn respond(
        &self,
        cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream> {
        Layer::respond(self, cx, at, request).await
    }

    async fn templates(&self, cx: &Context) -> Result<Vec<Template>> {
        Layer::templates(self, cx).await
    }

    async fn tools(&self, cx: &Context) -> Result<Vec<Tool>> {
        Layer::tools(self, cx).await
    }

    async fn status(&self, cx: &Context) -> Result<ServiceStatus> {
        Layer::status(self, cx).await
    }

    async fn statistics(&self, cx: &Context) -> Result<ServiceStatus> {
        Layer::statistics(self, cx).await
    }

    async fn list_participants(&self, cx: &Context, at: &Location) -> Result<Vec<Participant>> {
        Layer::list_participants(self, cx, at).await
    }

    async fn add_participants(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        Layer::add_participants(self, cx, at, new).await
    }

    async fn remove_participant(
        &self,
        cx: &Context,
        at: &Location,
        participant: &str,
    ) -> Result<()> {
        Layer::remove_participant(self, cx, at, participant).await
    }

    async fn send_activity(&self, cx: &Context, at: &Location, activity: Activity) -> Result<()> {
        Layer::send_activity(self, cx, at, activity).await
    }

    async fn put_attachment(
        &self,
        cx: &Context,
        at: &Location,
        new: NewAttachment,
    ) -> Result<Attachment> {
        Layer::put_attachment(self, cx, at, new).await
    }

    async fn open_attachment(
        &self,
        cx: &Context,
        at: &Location,
        id: &AttachmentId,
    ) -> Result<AttachmentContent> {
        Layer::open_attachment(self, cx, at, id).await
    }

    async fn health(&self, cx: &Context) -> Health {
        Layer::health(self, cx).await
    }

    async fn settle(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        Layer::settle(self, cx, intent).await
    }
}
