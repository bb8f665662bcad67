//! The router itself: locate or place, hold the lease, call the backend, keep the directory true.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use async_trait::async_trait;
use backend::ports::{Binding, Directory, Leases, NewDirectoryEntry};
use backend::{
    Applied, Attachment, AttachmentContent, Backend, BackendInfo, Capabilities, Context,
    ConversationPage, ConversationQuery, Enumerates, Error, Event, EventStream, Health, Intent,
    Kind, Level, Located, Location, NewAttachment, Outcome, Page, PageRequest, Precondition,
    Projection, RespondRequest, Result, ServiceStatus, SettleSupport, Settled, Template, Tool,
    Write, each_conversation,
};
use conversation::{
    Activity, ActivityKind, AttachmentId, Conversation, ConversationId, ConversationPatch, Message,
    MessageId, MessagePatch, NewConversation, NewMessage, Participant, Time,
};
use futures_util::Stream;
use futures_util::stream::BoxStream;

use crate::holding::Holding;
use crate::placing::{Rule, place};
use crate::slot::Slot;
use crate::{discovery, listing};

/// What a router is built with, beside its backends.
#[derive(Debug, Clone)]
pub struct RouterSettings {
    /// The rules, first match first.
    pub rules: Vec<Rule>,
    /// Where a new conversation goes that no rule places.
    pub default_backend: Box<str>,
    /// How long a list waits for what backends say now.
    pub hydrate_budget: Duration,
    /// How old a look through a backend may be before a list starts another one.
    pub discover_interval: Duration,
}

impl RouterSettings {
    /// No rules, 2 s to hydrate, a look every 60 s.
    #[must_use]
    pub fn new(default_backend: &str) -> Self {
        Self {
            rules: Vec::new(),
            default_backend: default_backend.into(),
            hydrate_budget: Duration::from_secs(2),
            discover_interval: Duration::from_secs(60),
        }
    }
}

/// The router.
pub struct Router {
    info: BackendInfo,
    slots: BTreeMap<Box<str>, Arc<Slot>>,
    settings: RouterSettings,
    directory: Arc<dyn Directory>,
    leases: Arc<dyn Leases>,
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Router")
            .field("slots", &self.slots.keys())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// A conversation that the caller may know of, and the backend that holds it.
struct Found {
    slot: Arc<Slot>,
    location: Location,
}

impl Found {
    fn backend(&self) -> &dyn Backend {
        &*self.slot.backend
    }
}

impl Router {
    /// A router over `slots`.
    ///
    /// # Errors
    /// [`Kind::InvalidRequest`] where the default or a rule names a backend that is not among them, or two slots share a name.
    pub fn new(
        slots: Vec<Slot>,
        settings: RouterSettings,
        directory: Arc<dyn Directory>,
        leases: Arc<dyn Leases>,
    ) -> Result<Self> {
        let mut named = BTreeMap::new();
        for slot in slots {
            let name: Box<str> = slot.name().into();
            if named.insert(name.clone(), Arc::new(slot)).is_some() {
                return Err(Error::new(
                    Kind::InvalidRequest,
                    format!("two backends are named `{name}`"),
                ));
            }
        }
        let wanted = settings
            .rules
            .iter()
            .map(|rule| &rule.to)
            .chain([&settings.default_backend]);
        if let Some(missing) = wanted.into_iter().find(|name| !named.contains_key(*name)) {
            return Err(Error::new(
                Kind::InvalidRequest,
                format!("a route leads to `{missing}`, but there is no such backend"),
            ));
        }
        let info = BackendInfo {
            name: "router".into(),
            kind: "router".into(),
        };
        Ok(Self {
            info,
            slots: named,
            settings,
            directory,
            leases,
        })
    }

    /// Finds a conversation that the caller may know of. What is unknown, deleted or somebody else's looks alike.
    async fn locate(&self, cx: &Context, id: ConversationId) -> Result<Found> {
        let binding = self
            .directory
            .locate(id)
            .await?
            .ok_or_else(Error::conversation_not_found)?;
        let Binding {
            location,
            tenant,
            owner,
            deleted,
        } = binding;
        if deleted || !cx.principal.may_see(tenant.as_deref(), owner.as_deref()) {
            return Err(Error::conversation_not_found());
        }
        let slot = self.slots.get(&location.backend).cloned().ok_or_else(|| {
            Error::new(
                Kind::Unavailable,
                format!(
                    "backend `{}` holds this conversation but is not configured any more",
                    location.backend
                ),
            )
        })?;
        cx.trace.note_backend(slot.name());
        cx.trace.note_attempt();
        Ok(Found { slot, location })
    }

    /// Like `locate`, and the conversation's lease where the backend's writes are no transactions.
    async fn locate_to_write(
        &self,
        cx: &Context,
        id: ConversationId,
    ) -> Result<(Found, Option<Holding>)> {
        let found = self.locate(cx, id).await?;
        if found.backend().capabilities().transactional {
            return Ok((found, None));
        }
        let holding = Holding::conversation(&self.leases, cx, id).await?;
        Ok((found, Some(holding)))
    }

    /// The backend that backend-wide questions go to: the one that the caller names, else the default.
    fn named(&self, cx: &Context) -> Result<&Arc<Slot>> {
        let name = cx
            .route
            .backend
            .as_ref()
            .unwrap_or(&self.settings.default_backend);
        self.slots
            .get(name)
            .ok_or_else(|| Error::new(Kind::NotFound, "backend not found"))
    }

    /// Writes a made conversation into the directory: from now on it is the caller's.
    async fn own(&self, cx: &Context, located: &Located) -> Result<()> {
        let entry = NewDirectoryEntry {
            location: located.location.clone(),
            tenant: Some(cx.principal.tenant.clone()),
            owner: cx.principal.user.clone(),
            document: located.conversation.clone(),
        };
        // It was made: whoever settles this write must know.
        self.directory
            .insert(entry)
            .await
            .map(|_| ())
            .map_err(|error| error.outcome(Outcome::Applied))
    }

    /// Whether the directory has or had this conversation of a vendor.
    async fn is_known(&self, location: &Location) -> Result<bool> {
        let found = self
            .directory
            .find_native(&location.backend, &location.native)
            .await?;
        Ok(found.is_some())
    }

    /// Notes a changed conversation. The write itself is done, so a failure here is only late news: the next read of
    /// the conversation brings it again.
    async fn note(&self, document: &Conversation) {
        if let Err(error) = self.directory.refresh(document.id, document).await {
            tracing::warn!(conversation.id = %document.id, %error, "the directory could not be refreshed");
        }
    }

    /// Reads and notes a conversation whose parts were changed.
    async fn note_changed(&self, cx: &Context, found: &Found) {
        match found
            .backend()
            .get_conversation(&cx.fresh(), &found.location)
            .await
        {
            Ok(document) => self.note(&document).await,
            Err(error) => {
                tracing::warn!(conversation.id = %found.location.id, %error, "a changed conversation could not be read");
            }
        }
    }
}

/// Notes that a message was said at `at`; the write is done, so a failure here is only late news.
async fn touch(directory: &Arc<dyn Directory>, id: ConversationId, at: Time) {
    if let Err(error) = directory.touch(id, at).await {
        tracing::warn!(conversation.id = %id, %error, "the directory could not be refreshed");
    }
}

async fn give_back(holding: Option<Holding>) {
    if let Some(holding) = holding {
        holding.give_back().await;
    }
}

/// The events of an answer, and the lease until the last of them.
struct Answering {
    events: EventStream,
    holding: Option<Holding>,
    directory: Arc<dyn Directory>,
    id: ConversationId,
}

impl Stream for Answering {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<Event>> {
        let polled = self.events.as_mut().poll_next(cx);
        let ended = match &polled {
            Poll::Ready(Some(event)) => {
                if let Event::MessageCompleted(message) | Event::MessageIncomplete(message) = event
                {
                    let (directory, id, at) = (self.directory.clone(), self.id, message.created_at);
                    tokio::spawn(async move { touch(&directory, id, at).await });
                }
                event.is_last()
            }
            Poll::Ready(None) => true,
            Poll::Pending => false,
        };
        if ended {
            self.holding = None;
        }
        polled
    }
}

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
        let known = |name: &str| self.slots.contains_key(name);
        let (name, route) = place(
            cx,
            &new,
            &self.settings.rules,
            &self.settings.default_backend,
            known,
        )?;
        let slot = self
            .slots
            .get(name)
            .ok_or_else(|| Error::new(Kind::NotFound, "backend not found"))?;
        cx.trace.note_backend(name);
        cx.trace.note_route(route);
        cx.trace.note_attempt();
        // Until the directory knows it, discovery must not take it for somebody else's.
        let _creating = slot.begin_create();
        let located = slot.backend.create_conversation(cx, new).await?;
        self.own(cx, &located).await?;
        Ok(located)
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        let found = self.locate(cx, at.id).await?;
        found.backend().get_conversation(cx, &found.location).await
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
        let (found, holding) = self.locate_to_write(cx, at.id).await?;
        let updated = found
            .backend()
            .update_conversation(cx, &found.location, patch, precondition)
            .await;
        give_back(holding).await;
        let updated = updated?;
        self.note(&updated).await;
        Ok(updated)
    }

    async fn delete_conversation(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let (found, holding) = self.locate_to_write(cx, at.id).await?;
        let deleted = found
            .backend()
            .delete_conversation(cx, &found.location, precondition)
            .await;
        let deleted = match deleted {
            Ok(()) => self
                .directory
                .tombstone(at.id)
                .await
                .map_err(|error| error.outcome(Outcome::Applied)),
            Err(error) => Err(error),
        };
        give_back(holding).await;
        deleted
    }

    async fn list_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        let found = self.locate(cx, at.id).await?;
        found
            .backend()
            .list_messages(cx, &found.location, page)
            .await
    }

    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        let found = self.locate(cx, at.id).await?;
        found.backend().get_message(cx, &found.location, id).await
    }

    async fn post_message(&self, cx: &Context, at: &Location, new: NewMessage) -> Result<Message> {
        let (found, holding) = self.locate_to_write(cx, at.id).await?;
        let posted = found.backend().post_message(cx, &found.location, new).await;
        give_back(holding).await;
        let posted = posted?;
        touch(&self.directory, at.id, posted.created_at).await;
        Ok(posted)
    }

    async fn import_messages(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        let (found, holding) = self.locate_to_write(cx, at.id).await?;
        let imported = found
            .backend()
            .import_messages(cx, &found.location, messages)
            .await;
        give_back(holding).await;
        let imported = imported?;
        if imported.iter().any(Result::is_ok) {
            self.note_changed(cx, &found).await;
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
        let (found, holding) = self.locate_to_write(cx, at.id).await?;
        let updated = found
            .backend()
            .update_message(cx, &found.location, id, patch, precondition)
            .await;
        give_back(holding).await;
        let updated = updated?;
        self.note_changed(cx, &found).await;
        Ok(updated)
    }

    async fn delete_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let (found, holding) = self.locate_to_write(cx, at.id).await?;
        let deleted = found
            .backend()
            .delete_message(cx, &found.location, id, precondition)
            .await;
        give_back(holding).await;
        deleted?;
        self.note_changed(cx, &found).await;
        Ok(())
    }

    async fn rate_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        value: f64,
    ) -> Result<Message> {
        let (found, holding) = self.locate_to_write(cx, at.id).await?;
        let rated = found
            .backend()
            .rate_message(cx, &found.location, id, value)
            .await;
        give_back(holding).await;
        rated
    }

    /// The lease is held until the answer ends, on every backend: two answers at once would mix their turns.
    async fn respond(
        &self,
        cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream> {
        let found = self.locate(cx, at.id).await?;
        let holding = Holding::conversation(&self.leases, cx, at.id).await?;
        let events = found
            .backend()
            .respond(cx, &found.location, request)
            .await?;
        Ok(Box::pin(Answering {
            events,
            holding: Some(holding),
            directory: self.directory.clone(),
            id: at.id,
        }))
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
        let (found, holding) = self.locate_to_write(cx, at.id).await?;
        let added = found
            .backend()
            .add_participants(cx, &found.location, new)
            .await;
        give_back(holding).await;
        let added = added?;
        self.note_changed(cx, &found).await;
        Ok(added)
    }

    async fn remove_participant(
        &self,
        cx: &Context,
        at: &Location,
        participant: &str,
    ) -> Result<()> {
        let (found, holding) = self.locate_to_write(cx, at.id).await?;
        let removed = found
            .backend()
            .remove_participant(cx, &found.location, participant)
            .await;
        give_back(holding).await;
        removed?;
        self.note_changed(cx, &found).await;
        Ok(())
    }

    /// Needs no lease: nothing is stored that two writers could mix. What was read may move `unread`.
    async fn send_activity(&self, cx: &Context, at: &Location, activity: Activity) -> Result<()> {
        let found = self.locate(cx, at.id).await?;
        let is_read = activity.activity == ActivityKind::Read;
        found
            .backend()
            .send_activity(cx, &found.location, activity)
            .await?;
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
        let (found, holding) = self.locate_to_write(cx, at.id).await?;
        let changes_message = new.message_id.is_some();
        let put = found
            .backend()
            .put_attachment(cx, &found.location, new)
            .await;
        give_back(holding).await;
        let put = put?;
        if changes_message {
            self.note_changed(cx, &found).await;
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
        found
            .backend()
            .open_attachment(cx, &found.location, id)
            .await
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
        if let Some(at) = &intent.location {
            let found = self.locate(cx, at.id).await?;
            let located = Intent {
                location: Some(found.location),
                ..intent.clone()
            };
            return found.slot.backend.settle(cx, &located).await;
        }
        let Write::CreateConversation(new) = &intent.write else {
            return Ok(Settled::Unknown);
        };
        let known = |name: &str| self.slots.contains_key(name);
        let (name, _) = place(
            cx,
            new,
            &self.settings.rules,
            &self.settings.default_backend,
            known,
        )?;
        let slot = self
            .slots
            .get(name)
            .ok_or_else(|| Error::new(Kind::NotFound, "backend not found"))?;
        let settled = slot.backend.settle(cx, intent).await?;
        if let Settled::Applied(Applied::Conversation(located)) = &settled {
            // Where it was found by its looks, one that is known may be what another create has made.
            let is_likely = slot.backend.capabilities().settle == SettleSupport::Likely;
            if is_likely && self.is_known(&located.location).await? {
                return Ok(Settled::Unknown);
            }
            // The process may have died before the directory knew it.
            self.own(cx, located).await?;
        }
        Ok(settled)
    }
}
