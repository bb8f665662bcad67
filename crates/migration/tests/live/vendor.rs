//! A vendor whose writers take leases: a store of its own behind a short way, which somebody may also use past the
//! gateway.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend::{
    Attachment, AttachmentContent, Backend, BackendInfo, Capabilities, Context, ConversationPage,
    ConversationQuery, EventStream, Health, Intent, Located, Location, NewAttachment, Page,
    PageRequest, Precondition, Projection, RespondRequest, Result, ServiceStatus, Settled,
    Template, Tool, Write, each_conversation,
};
use conversation::{
    Activity, AttachmentId, Conversation, ConversationPatch, Message, MessageId, MessagePatch,
    NewConversation, NewMessage, Participant,
};
use futures_util::stream::BoxStream;

/// How long each call is on its way.
const WAY: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(crate) struct Vendor(pub(crate) Arc<dyn Backend>);

/// Calls of the backend below, a little later.
macro_rules! later {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Backend for Vendor {
            fn info(&self) -> &BackendInfo {
                self.0.info()
            }

            /// Nothing of it is in our own database, so nothing of it is one transaction with it.
            fn capabilities(&self) -> Capabilities {
                Capabilities {
                    transactional: false,
                    change_mark: true,
                    ..self.0.capabilities()
                }
            }

            fn preview(&self, write: &Write) -> Projection {
                self.0.preview(write)
            }

            fn get_conversations<'a>(
                &'a self,
                cx: &'a Context,
                at: &'a [Location],
            ) -> BoxStream<'a, (usize, Result<Conversation>)> {
                each_conversation(self, cx, at)
            }

            async fn health(&self, cx: &Context) -> Health {
                self.0.health(cx).await
            }

            $(async fn $name(&self, cx: &Context, $($argument: $type),*) -> $answer {
                tokio::time::sleep(WAY).await;
                let answer = self.0.$name(cx, $($argument),*).await;
                tokio::time::sleep(WAY).await;
                answer
            })*
        }
    };
}

later! {
    create_conversation(new: NewConversation) -> Result<Located>;
    get_conversation(at: &Location) -> Result<Conversation>;
    list_conversations(query: &ConversationQuery) -> Result<ConversationPage>;
    update_conversation(at: &Location, patch: ConversationPatch, precondition: Option<&Precondition>) -> Result<Conversation>;
    delete_conversation(at: &Location, precondition: Option<&Precondition>) -> Result<()>;
    list_messages(at: &Location, page: &PageRequest) -> Result<Page<Message>>;
    get_message(at: &Location, id: &MessageId) -> Result<Message>;
    post_message(at: &Location, new: NewMessage) -> Result<Message>;
    import_messages(at: &Location, messages: Vec<NewMessage>) -> Result<Vec<Result<Message>>>;
    update_message(at: &Location, id: &MessageId, patch: MessagePatch, precondition: Option<&Precondition>) -> Result<Message>;
    delete_message(at: &Location, id: &MessageId, precondition: Option<&Precondition>) -> Result<()>;
    rate_message(at: &Location, id: &MessageId, value: f64) -> Result<Message>;
    respond(at: &Location, request: RespondRequest) -> Result<EventStream>;
    templates() -> Result<Vec<Template>>;
    tools() -> Result<Vec<Tool>>;
    status() -> Result<ServiceStatus>;
    statistics() -> Result<ServiceStatus>;
    list_participants(at: &Location) -> Result<Vec<Participant>>;
    add_participants(at: &Location, new: Vec<Participant>) -> Result<Vec<Participant>>;
    remove_participant(at: &Location, participant: &str) -> Result<()>;
    send_activity(at: &Location, activity: Activity) -> Result<()>;
    put_attachment(at: &Location, new: NewAttachment) -> Result<Attachment>;
    open_attachment(at: &Location, id: &AttachmentId) -> Result<AttachmentContent>;
    settle(intent: &Intent) -> Result<Settled>;
}
