//! The guarded backend's calls: which are reads, which are writes, and which go straight through.

use async_trait::async_trait;
use backend::{
    Attachment, AttachmentContent, Backend, BackendInfo, Capabilities, Context, ConversationPage,
    ConversationQuery, Error, EventStream, Health, Intent, Located, Location, NewAttachment, Page,
    PageRequest, Precondition, Projection, RespondRequest, Result, ServiceStatus, Settled,
    Template, Tool, Write, each_conversation,
};
use conversation::{
    Activity, AttachmentId, Conversation, ConversationPatch, Message, MessageId, MessagePatch,
    NewConversation, NewMessage, Participant,
};
use futures_util::stream::BoxStream;
use tokio::time::Instant;

use super::answering::Held;
use super::{Call, Guarded, Judge};
use crate::observe;

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Backend for Guarded {
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
        let call = Call::write("create_conversation", None);
        let made = self
            .run(call, cx, |cx: Context| {
                let new = new.clone();
                async move { self.below.create_conversation(&cx, new).await }
            })
            .await?;
        self.note_chosen(cx, &made.location);
        Ok(made)
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        self.run(
            Call::read("get_conversation", at),
            cx,
            |cx: Context| async move { self.below.get_conversation(&cx, at).await },
        )
        .await
    }

    /// Each is a call of its own: the adapters read them one by one.
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
        let call = Call::read("list_conversations", None);
        self.run(call, cx, |cx: Context| async move {
            self.below.list_conversations(&cx, query).await
        })
        .await
    }

    async fn update_conversation(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        self.run(Call::write("update_conversation", at), cx, |cx: Context| {
            let patch = patch.clone();
            async move {
                self.below
                    .update_conversation(&cx, at, patch, precondition)
                    .await
            }
        })
        .await
    }

    async fn delete_conversation(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let call = Call::write("delete_conversation", at);
        self.run(call, cx, |cx: Context| async move {
            self.below.delete_conversation(&cx, at, precondition).await
        })
        .await
    }

    async fn list_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        self.run(
            Call::read("list_messages", at),
            cx,
            |cx: Context| async move { self.below.list_messages(&cx, at, page).await },
        )
        .await
    }

    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        self.run(
            Call::read("get_message", at),
            cx,
            |cx: Context| async move { self.below.get_message(&cx, at, id).await },
        )
        .await
    }

    async fn post_message(&self, cx: &Context, at: &Location, new: NewMessage) -> Result<Message> {
        self.run(Call::write("post_message", at), cx, |cx: Context| {
            let new = new.clone();
            async move { self.below.post_message(&cx, at, new).await }
        })
        .await
    }

    /// An import whose messages failed one by one is not repeated here: who sent it knows which are left.
    async fn import_messages(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        let call = Call::write("import_messages", at);
        let send = |cx: Context| {
            let messages = messages.clone();
            async move { self.below.import_messages(&cx, at, messages).await }
        };
        let judge = Judge::Now(first_failure);
        let (imported, _underway) = self.run_judged(call, cx, send, judge).await?;
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
        self.run(Call::write("update_message", at), cx, |cx: Context| {
            let patch = patch.clone();
            async move {
                self.below
                    .update_message(&cx, at, id, patch, precondition)
                    .await
            }
        })
        .await
    }

    async fn delete_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        self.run(
            Call::write("delete_message", at),
            cx,
            |cx: Context| async move { self.below.delete_message(&cx, at, id, precondition).await },
        )
        .await
    }

    async fn rate_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        value: f64,
    ) -> Result<Message> {
        self.run(
            Call::write("rate_message", at),
            cx,
            |cx: Context| async move { self.below.rate_message(&cx, at, id, value).await },
        )
        .await
    }

    /// The answer holds its permit until its last event, and says by its first words, or by its end, whether the backend
    /// works. Of one that has begun nothing is repeated.
    async fn respond(
        &self,
        cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream> {
        let send = |cx: Context| {
            let request = request.clone();
            async move { self.below.respond(&cx, at, request).await.map(Begun) }
        };
        let call = Call::write("respond", at);
        let (Begun(events), underway) = self.run_judged(call, cx, send, Judge::Later).await?;
        Ok(Held::stream(events, underway))
    }

    async fn templates(&self, cx: &Context) -> Result<Vec<Template>> {
        self.run(
            Call::read("templates", None),
            cx,
            |cx: Context| async move { self.below.templates(&cx).await },
        )
        .await
    }

    async fn tools(&self, cx: &Context) -> Result<Vec<Tool>> {
        self.run(Call::read("tools", None), cx, |cx: Context| async move {
            self.below.tools(&cx).await
        })
        .await
    }

    async fn status(&self, cx: &Context) -> Result<ServiceStatus> {
        self.run(Call::read("status", None), cx, |cx: Context| async move {
            self.below.status(&cx).await
        })
        .await
    }

    async fn statistics(&self, cx: &Context) -> Result<ServiceStatus> {
        self.run(
            Call::read("statistics", None),
            cx,
            |cx: Context| async move { self.below.statistics(&cx).await },
        )
        .await
    }

    async fn list_participants(&self, cx: &Context, at: &Location) -> Result<Vec<Participant>> {
        let call = Call::read("list_participants", at);
        self.run(call, cx, |cx: Context| async move {
            self.below.list_participants(&cx, at).await
        })
        .await
    }

    async fn add_participants(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        self.run(Call::write("add_participants", at), cx, |cx: Context| {
            let new = new.clone();
            async move { self.below.add_participants(&cx, at, new).await }
        })
        .await
    }

    async fn remove_participant(
        &self,
        cx: &Context,
        at: &Location,
        participant: &str,
    ) -> Result<()> {
        let call = Call::write("remove_participant", at);
        self.run(call, cx, |cx: Context| async move {
            self.below.remove_participant(&cx, at, participant).await
        })
        .await
    }

    async fn send_activity(&self, cx: &Context, at: &Location, activity: Activity) -> Result<()> {
        self.run(Call::write("send_activity", at), cx, |cx: Context| {
            let activity = activity.clone();
            async move { self.below.send_activity(&cx, at, activity).await }
        })
        .await
    }

    async fn put_attachment(
        &self,
        cx: &Context,
        at: &Location,
        new: NewAttachment,
    ) -> Result<Attachment> {
        self.run(Call::write("put_attachment", at), cx, |cx: Context| {
            let new = new.clone();
            async move { self.below.put_attachment(&cx, at, new).await }
        })
        .await
    }

    async fn open_attachment(
        &self,
        cx: &Context,
        at: &Location,
        id: &AttachmentId,
    ) -> Result<AttachmentContent> {
        self.run(
            Call::download("open_attachment", at),
            cx,
            |cx: Context| async move { self.below.open_attachment(&cx, at, id).await },
        )
        .await
    }

    async fn health(&self, cx: &Context) -> Health {
        self.below.health(cx).await
    }

    /// Within the limits only: whoever settles comes again by itself.
    async fn settle(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        // As the write that is settled was sent.
        let call = Call::write("settle", intent.location.as_ref());
        let credential = self.credential(cx, call);
        let deadline = Instant::from_std(cx.deadline);
        let _permit = self.limit.admit(&credential, deadline).await?;
        let settled = self.below.settle(cx, intent);
        let settled = observe::observed(self.name(), call.operation, settled).await;
        if let Err(error) = &settled {
            self.limit.learn(&credential, error);
        }
        settled
    }
}

/// An answer that has begun.
struct Begun(EventStream);

/// The first failure of an import, whose messages each succeed or fail.
#[expect(
    clippy::ptr_arg,
    reason = "it is given a reference to the answer itself"
)]
fn first_failure(each: &Vec<Result<Message>>) -> Option<&Error> {
    each.iter().find_map(|one| one.as_ref().err())
}
