//! A backend with ids and words of its own, as other vendors have them.

use std::sync::Arc;

use backend::{
    Attachment, Backend, Context, ConversationPage, ConversationQuery, Layer, Located, Location,
    NewAttachment, Page, PageRequest, Precondition, Result,
};
use conversation::{
    Conversation, ConversationPatch, Message, MessageId, MessagePatch, NewConversation, NewMessage,
    Priority, Status,
};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

/// The same conversations, where `msg_01h…` is `01H…`, and what is open is `snoozed` and of priority `p1`.
#[derive(Debug)]
pub(crate) struct Foreign(pub(crate) Arc<dyn Backend>);

fn outwards(mut message: Message) -> Message {
    message.id = foreign(&message.id);
    if let Some(reply) = &mut message.in_reply_to {
        reply.id = foreign(&reply.id);
    }
    message
}

fn strange(mut conversation: Conversation) -> Conversation {
    if conversation.status == Status::Open {
        conversation.status = Status::Other("snoozed".into());
        conversation.priority = Some(Priority::Other("p1".into()));
    }
    conversation
}

fn strange_one(located: Located) -> Located {
    Located {
        conversation: strange(located.conversation),
        ..located
    }
}

fn foreign(id: &MessageId) -> MessageId {
    let rest = id.as_str().strip_prefix("msg_").unwrap_or(id.as_str());
    rest.to_uppercase().parse().unwrap()
}

/// The id below; one that is none of ours stays, and is not found there.
fn own(id: &MessageId) -> MessageId {
    if id.as_str().starts_with("msg_") {
        return "unknown".parse().unwrap();
    }
    format!("msg_{}", id.as_str().to_lowercase())
        .parse()
        .unwrap()
}

fn inwards(mut new: NewMessage) -> NewMessage {
    if let Some(reply) = &mut new.in_reply_to {
        reply.id = own(&reply.id);
    }
    new
}

#[async_trait::async_trait]
impl Layer for Foreign {
    fn below(&self) -> &dyn Backend {
        &*self.0
    }

    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        self.0.create_conversation(cx, new).await.map(strange_one)
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        self.0.get_conversation(cx, at).await.map(strange)
    }

    fn get_conversations<'a>(
        &'a self,
        cx: &'a Context,
        at: &'a [Location],
    ) -> BoxStream<'a, (usize, Result<Conversation>)> {
        let found = self.0.get_conversations(cx, at);
        Box::pin(found.map(|(index, found)| (index, found.map(strange))))
    }

    async fn list_conversations(
        &self,
        cx: &Context,
        query: &ConversationQuery,
    ) -> Result<ConversationPage> {
        let mut found = self.0.list_conversations(cx, query).await?;
        found.page.items = found.page.items.into_iter().map(strange_one).collect();
        Ok(found)
    }

    async fn update_conversation(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        let update = self.0.update_conversation(cx, at, patch, precondition);
        update.await.map(strange)
    }

    async fn list_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        let mut page = self.0.list_messages(cx, at, page).await?;
        page.items = page.items.into_iter().map(outwards).collect();
        Ok(page)
    }

    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        self.0.get_message(cx, at, &own(id)).await.map(outwards)
    }

    async fn post_message(&self, cx: &Context, at: &Location, new: NewMessage) -> Result<Message> {
        self.0
            .post_message(cx, at, inwards(new))
            .await
            .map(outwards)
    }

    async fn import_messages(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        let messages = messages.into_iter().map(inwards).collect();
        let imported = self.0.import_messages(cx, at, messages).await?;
        Ok(imported
            .into_iter()
            .map(|message| message.map(outwards))
            .collect())
    }

    async fn update_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        patch: MessagePatch,
        precondition: Option<&Precondition>,
    ) -> Result<Message> {
        let id = own(id);
        let update = self.0.update_message(cx, at, &id, patch, precondition);
        update.await.map(outwards)
    }

    async fn delete_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        self.0.delete_message(cx, at, &own(id), precondition).await
    }

    async fn rate_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        value: f64,
    ) -> Result<Message> {
        let id = own(id);
        let rated = self.0.rate_message(cx, at, &id, value);
        rated.await.map(outwards)
    }

    async fn put_attachment(
        &self,
        cx: &Context,
        at: &Location,
        mut new: NewAttachment,
    ) -> Result<Attachment> {
        new.message_id = new.message_id.as_ref().map(own);
        self.0.put_attachment(cx, at, new).await
    }
}
