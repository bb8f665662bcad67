//! The store as another backend: with message ids as no vendor of ours spells them, or with failures.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use backend::{
    Backend, Context, Error, Kind, Layer, Location, Page, PageRequest, Precondition, Result,
    ServiceStatus,
};
use conversation::{Conversation, Message, MessageId, MessagePatch, NewMessage};

/// What stands in the place of `msg_`.
const FOREIGN: &str = "Antwort-";

/// What fails from now on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    /// Reads of conversations, as where a vendor cannot be reached.
    pub(crate) reads: Arc<AtomicBool>,
    /// The state of tool servers, as where the gateway's own state is broken.
    pub(crate) status: Arc<AtomicBool>,
}

/// The store behind something.
#[derive(Debug)]
pub(crate) struct Wrapped {
    store: Arc<dyn Backend>,
    has_foreign_ids: bool,
    faults: Faults,
}

impl Wrapped {
    /// Under foreign ids.
    pub(crate) fn foreign(store: Arc<dyn Backend>) -> Self {
        Self {
            store,
            has_foreign_ids: true,
            faults: Faults::default(),
        }
    }

    /// With these failures.
    pub(crate) fn failing(store: Arc<dyn Backend>, faults: &Faults) -> Self {
        Self {
            store,
            has_foreign_ids: false,
            faults: faults.clone(),
        }
    }

    fn up(&self, mut message: Message) -> Message {
        if self.has_foreign_ids {
            let id = message.id.as_str().replace("msg_", FOREIGN);
            message.id = id.parse().unwrap();
        }
        message
    }
}

fn down(id: &MessageId) -> MessageId {
    id.as_str().replace(FOREIGN, "msg_").parse().unwrap()
}

#[async_trait]
impl Layer for Wrapped {
    fn below(&self) -> &dyn Backend {
        &*self.store
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        if self.faults.reads.load(Ordering::SeqCst) {
            return Err(Error::new(Kind::Unavailable, "it cannot be reached"));
        }
        self.store.get_conversation(cx, at).await
    }

    async fn list_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        let mut found = self.store.list_messages(cx, at, page).await?;
        found.items = found.items.into_iter().map(|one| self.up(one)).collect();
        Ok(found)
    }

    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        // Its own ids alone are known to it.
        if self.has_foreign_ids && id.as_str().starts_with("msg_") {
            return Err(Error::message_not_found());
        }
        self.store
            .get_message(cx, at, &down(id))
            .await
            .map(|one| self.up(one))
    }

    async fn post_message(&self, cx: &Context, at: &Location, new: NewMessage) -> Result<Message> {
        self.store
            .post_message(cx, at, new)
            .await
            .map(|one| self.up(one))
    }

    async fn import_messages(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        let imported = self.store.import_messages(cx, at, messages).await?;
        Ok(imported
            .into_iter()
            .map(|one| one.map(|one| self.up(one)))
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
        let id = down(id);
        let changed = self.store.update_message(cx, at, &id, patch, precondition);
        changed.await.map(|one| self.up(one))
    }

    async fn delete_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        self.store
            .delete_message(cx, at, &down(id), precondition)
            .await
    }

    async fn rate_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        value: f64,
    ) -> Result<Message> {
        self.store
            .rate_message(cx, at, &down(id), value)
            .await
            .map(|one| self.up(one))
    }

    async fn status(&self, cx: &Context) -> Result<ServiceStatus> {
        if self.faults.status.load(Ordering::SeqCst) {
            return Err(Error::new(Kind::Internal, "sealed with another key"));
        }
        self.store.status(cx).await
    }
}
