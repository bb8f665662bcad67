//! The layer over the router that notes the canonical calls of requests that are recorded. All others pass it untouched.

use std::sync::Arc;

use async_trait::async_trait;
use backend::{
    Attachment, AttachmentContent, Backend, Context, ConversationPage, ConversationQuery,
    EventStream, Layer, Located, Location, NewAttachment, Page, PageRequest, Precondition,
    RespondRequest, Result, ServiceStatus, Template, Tool,
};
use conversation::{
    Activity, AttachmentId, Conversation, ConversationPatch, Message, MessageId, MessagePatch,
    NewConversation, NewMessage, Participant,
};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use serde::Serialize;
use serde_json::{Value, json};

use super::Explaining;
use super::noting::Noting;

/// See the module.
#[derive(Debug)]
pub(super) struct Told {
    explaining: Explaining,
    below: Arc<dyn Backend>,
}

impl Told {
    pub(super) fn new(explaining: Explaining, below: Arc<dyn Backend>) -> Self {
        Told { explaining, below }
    }

    /// A call that writes nothing, or nothing beyond its name.
    fn plain(&self, cx: &Context, operation: &'static str, at: Option<&Location>) -> Noting {
        self.writing(cx, operation, at, || Value::Null)
    }

    fn writing(
        &self,
        cx: &Context,
        operation: &'static str,
        at: Option<&Location>,
        write: impl FnOnce() -> Value,
    ) -> Noting {
        Noting::begin(self.explaining.of(cx), cx, operation, at, write)
    }

    /// What comes later is asked for under the recording as well.
    fn following<'s, T: Send + 's>(
        &self,
        cx: &Context,
        stream: BoxStream<'s, T>,
    ) -> BoxStream<'s, T> {
        let recording = self.explaining.of(cx);
        let Some(recording) = recording.filter(|recording| recording.admits(cx)) else {
            return stream;
        };
        stream::unfold((stream, recording), |(mut stream, recording)| async move {
            let next = transport::recorded(recording.recorder().clone(), stream.next()).await?;
            Some((next, (stream, recording)))
        })
        .boxed()
    }
}

fn value(of: &impl Serialize) -> Value {
    // Canonical forms can always be written: they are stored as JSON.
    serde_json::to_value(of).unwrap_or_default()
}

#[async_trait]
impl Layer for Told {
    fn below(&self) -> &dyn Backend {
        &*self.below
    }

    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        let noting = self.writing(cx, "create_conversation", None, || value(&new));
        noting.run(self.below.create_conversation(cx, new)).await
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        let noting = self.plain(cx, "get_conversation", Some(at));
        noting.run(self.below.get_conversation(cx, at)).await
    }

    fn get_conversations<'a>(
        &'a self,
        cx: &'a Context,
        at: &'a [Location],
    ) -> BoxStream<'a, (usize, Result<Conversation>)> {
        self.following(cx, self.below.get_conversations(cx, at))
    }

    async fn list_conversations(
        &self,
        cx: &Context,
        query: &ConversationQuery,
    ) -> Result<ConversationPage> {
        let noting = self.plain(cx, "list_conversations", None);
        noting.run(self.below.list_conversations(cx, query)).await
    }

    async fn update_conversation(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        let noting = self.writing(cx, "update_conversation", Some(at), || value(&patch));
        noting
            .run(self.below.update_conversation(cx, at, patch, precondition))
            .await
    }

    async fn delete_conversation(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let noting = self.plain(cx, "delete_conversation", Some(at));
        noting
            .run(self.below.delete_conversation(cx, at, precondition))
            .await
    }

    async fn list_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        let noting = self.writing(
            cx,
            "list_messages",
            Some(at),
            || json!({"limit": page.limit}),
        );
        noting.run(self.below.list_messages(cx, at, page)).await
    }

    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        let noting = self.writing(cx, "get_message", Some(at), || json!({"id": id}));
        noting.run(self.below.get_message(cx, at, id)).await
    }

    async fn post_message(&self, cx: &Context, at: &Location, new: NewMessage) -> Result<Message> {
        let noting = self.writing(cx, "post_message", Some(at), || value(&new));
        noting.run(self.below.post_message(cx, at, new)).await
    }

    async fn import_messages(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        let noting = self.writing(cx, "import_messages", Some(at), || value(&messages));
        noting
            .run(self.below.import_messages(cx, at, messages))
            .await
    }

    async fn update_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        patch: MessagePatch,
        precondition: Option<&Precondition>,
    ) -> Result<Message> {
        let noting = self.writing(
            cx,
            "update_message",
            Some(at),
            || json!({"id": id, "patch": patch}),
        );
        noting
            .run(self.below.update_message(cx, at, id, patch, precondition))
            .await
    }

    async fn delete_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let noting = self.writing(cx, "delete_message", Some(at), || json!({"id": id}));
        noting
            .run(self.below.delete_message(cx, at, id, precondition))
            .await
    }

    async fn rate_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        value: f64,
    ) -> Result<Message> {
        let noting = self.writing(
            cx,
            "rate_message",
            Some(at),
            || json!({"id": id, "value": value}),
        );
        noting.run(self.below.rate_message(cx, at, id, value)).await
    }

    async fn respond(
        &self,
        cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream> {
        let noting = self.writing(cx, "respond", Some(at), || value(&request));
        let events = noting.run(self.below.respond(cx, at, request)).await?;
        Ok(self.following(cx, events))
    }

    async fn templates(&self, cx: &Context) -> Result<Vec<Template>> {
        let noting = self.plain(cx, "templates", None);
        noting.run(self.below.templates(cx)).await
    }

    async fn tools(&self, cx: &Context) -> Result<Vec<Tool>> {
        let noting = self.plain(cx, "tools", None);
        noting.run(self.below.tools(cx)).await
    }

    async fn status(&self, cx: &Context) -> Result<ServiceStatus> {
        let noting = self.plain(cx, "status", None);
        noting.run(self.below.status(cx)).await
    }

    async fn statistics(&self, cx: &Context) -> Result<ServiceStatus> {
        let noting = self.plain(cx, "statistics", None);
        noting.run(self.below.statistics(cx)).await
    }

    async fn list_participants(&self, cx: &Context, at: &Location) -> Result<Vec<Participant>> {
        let noting = self.plain(cx, "list_participants", Some(at));
        noting.run(self.below.list_participants(cx, at)).await
    }

    async fn add_participants(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        let noting = self.writing(cx, "add_participants", Some(at), || value(&new));
        noting.run(self.below.add_participants(cx, at, new)).await
    }

    async fn remove_participant(
        &self,
        cx: &Context,
        at: &Location,
        participant: &str,
    ) -> Result<()> {
        let noting = self.writing(
            cx,
            "remove_participant",
            Some(at),
            || json!({"id": participant}),
        );
        noting
            .run(self.below.remove_participant(cx, at, participant))
            .await
    }

    async fn send_activity(&self, cx: &Context, at: &Location, activity: Activity) -> Result<()> {
        let noting = self.writing(cx, "send_activity", Some(at), || value(&activity));
        noting.run(self.below.send_activity(cx, at, activity)).await
    }

    async fn put_attachment(
        &self,
        cx: &Context,
        at: &Location,
        new: NewAttachment,
    ) -> Result<Attachment> {
        let noting = self.writing(
            cx,
            "put_attachment",
            Some(at),
            || json!({"name": new.name, "media_type": new.media_type, "bytes": new.bytes.len()}),
        );
        noting.run(self.below.put_attachment(cx, at, new)).await
    }

    async fn open_attachment(
        &self,
        cx: &Context,
        at: &Location,
        id: &AttachmentId,
    ) -> Result<AttachmentContent> {
        let noting = self.writing(cx, "open_attachment", Some(at), || json!({"id": id}));
        noting.run(self.below.open_attachment(cx, at, id)).await
    }
}
