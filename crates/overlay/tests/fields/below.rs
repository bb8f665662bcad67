//! A backend that holds little, over the store: some of it says so, some of it does not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use backend::{
    Applied, Attachment, AttachmentContent, Backend, BackendInfo, Capabilities, Context,
    ConversationPage, ConversationQuery, Error, EventStream, FieldFate, Health, Intent, Kind,
    Level, Located, Location, NewAttachment, Outcome, Page, PageRequest, Precondition, Projection,
    RespondRequest, Result, ServiceStatus, Settled, Template, Tool, Write, each_conversation,
};
use conversation::{
    Activity, AttachmentId, Conversation, ConversationPatch, JsonMap, Message, MessageId,
    MessagePatch, NewConversation, NewMessage, Participant, RawJson, Role, Violation, text_of,
};
use futures_util::stream::BoxStream;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::StoreBackend;

/// The longest title, in characters.
pub(crate) const TITLE_MAX: usize = 20;

/// A backend that holds little.
#[derive(Debug)]
pub(crate) struct Below {
    pub(crate) store: StoreBackend,
    /// What it says it can do.
    pub(crate) can: Capabilities,
    /// Members of a conversation that it says it cannot hold.
    pub(crate) refuses: &'static [&'static str],
    /// Members of a conversation that it refuses when they are sent, and not before.
    pub(crate) refuses_late: &'static [&'static str],
    /// What it does to conversations without a word.
    pub(crate) spoils: fn(&mut Conversation),
    /// What it does to messages without a word.
    pub(crate) spoils_message: fn(&mut Message),
    /// How a vote fails, and whether it is taken all the same.
    pub(crate) rate_fails: Mutex<Option<(Outcome, bool)>>,
    /// It refuses every message, and says so only when it is sent.
    pub(crate) refuses_posts: bool,
    /// A delete whose answer was lost takes effect when it is asked about.
    pub(crate) deletes_late: bool,
    /// It has no place for messages of this role, and says so.
    pub(crate) has_no_place_for: Option<Role>,
    /// It refuses a message of history with these words, and says so only when it is sent.
    pub(crate) refuses_words: Option<&'static str>,
    /// What it says of deletes.
    pub(crate) keeps_deleted: Option<&'static str>,
    /// What it finds by its looks where it is asked about an import; nothing: it knows its writes.
    pub(crate) finds: Mutex<Vec<Message>>,
    calls: Mutex<Vec<&'static str>>,
    reads: AtomicUsize,
}

impl Below {
    /// One that holds everything but long titles.
    pub(crate) fn new(store: StoreBackend) -> Self {
        let mut can = store.capabilities();
        can.transactional = false;
        can.limits.title_max_chars = Some(TITLE_MAX as u64);
        Self {
            store,
            can,
            refuses: &[],
            refuses_late: &[],
            spoils: |_| {},
            spoils_message: |_| {},
            rate_fails: Mutex::default(),
            refuses_posts: false,
            deletes_late: false,
            has_no_place_for: None,
            refuses_words: None,
            keeps_deleted: None,
            finds: Mutex::default(),
            calls: Mutex::default(),
            reads: AtomicUsize::new(0),
        }
    }

    /// The writes that reached it.
    pub(crate) fn writes(&self) -> Vec<&'static str> {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How often something was read of it since this was last asked.
    pub(crate) fn reads(&self) -> usize {
        self.reads.swap(0, Ordering::Relaxed)
    }

    fn read(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    fn wrote(&self, what: &'static str) {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(what);
    }

    fn spoiled(&self, mut conversation: Conversation) -> Conversation {
        (self.spoils)(&mut conversation);
        conversation
    }

    fn spoiled_message(&self, mut message: Message) -> Message {
        (self.spoils_message)(&mut message);
        message
    }

    fn project<T: Serialize + DeserializeOwned>(&self, sent: &T) -> (T, Vec<FieldFate>) {
        let mut members = members(sent);
        let mut fates = Vec::new();
        for name in self.refuses {
            if members.remove(*name).is_some() {
                fates.push(FieldFate::rejected(
                    format!("/{name}"),
                    "there is no such thing here",
                ));
            }
        }
        let title: Option<String> = members.get("title").and_then(|title| title.to().ok());
        if let Some(length) = title
            .map(|title| title.chars().count())
            .filter(|length| *length > TITLE_MAX)
        {
            members.remove("title");
            let fate = FieldFate::rejected("/title", "titles have at most 20 characters");
            fates.push(fate.exceeds(TITLE_MAX as u64, Some(length as u64)));
        }
        (from_members(&members), fates)
    }

    /// Refuses what it cannot hold, as an adapter does.
    fn check<T: Serialize>(&self, sent: &T) -> Result<()> {
        let members = members(sent);
        let names = self.refuses.iter().chain(self.refuses_late);
        let violations: Vec<Violation> = names
            .filter(|name| members.contains_key(**name))
            .map(|name| Violation {
                pointer: format!("/{name}"),
                code: "not-held",
                detail: "there is no such thing here".to_owned(),
                exceeds: None,
            })
            .collect();
        if violations.is_empty() {
            return Ok(());
        }
        Err(Error::new(Kind::NotHeld, "cannot be held").violations(violations))
    }

    fn offered(&self, level: Level, operation: &'static str) -> Result<()> {
        if level.works() {
            return Ok(());
        }
        Err(Error::unsupported("below", operation).outcome(Outcome::NotApplied))
    }
}

fn members<T: Serialize>(value: &T) -> JsonMap {
    RawJson::from_serialize(value).unwrap().to().unwrap()
}

fn from_members<T: DeserializeOwned>(members: &JsonMap) -> T {
    serde_json::from_str(RawJson::from_serialize(members).unwrap().get()).unwrap()
}

#[async_trait]
impl Backend for Below {
    fn info(&self) -> &BackendInfo {
        self.store.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.can.clone()
    }

    fn preview(&self, write: &Write) -> Projection {
        match write {
            Write::CreateConversation(new) => {
                let (new, fates) = self.project(new);
                Projection::of(Write::CreateConversation(new), fates)
            }
            Write::UpdateConversation(patch) => {
                let (patch, fates) = self.project(patch);
                Projection::of(Write::UpdateConversation(patch), fates)
            }
            Write::PostMessage(new) | Write::ImportMessage(new)
                if self.has_no_place_for.as_ref() == Some(&new.role) =>
            {
                let fate = FieldFate::rejected("/role", "there is no such role here");
                let mut projection = Projection::of(write.clone(), vec![fate]);
                projection.is_held = false;
                projection
            }
            Write::DeleteConversation => {
                let fate = self
                    .keeps_deleted
                    .map(|detail| FieldFate::converted("", detail));
                Projection::of(write.clone(), fate.into_iter().collect())
            }
            _ => Projection::exact(write.clone()),
        }
    }

    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        self.wrote("create");
        self.check(&new)?;
        let mut located = self.store.create_conversation(cx, new).await?;
        located.conversation = self.spoiled(located.conversation);
        Ok(located)
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        self.read();
        Ok(self.spoiled(self.store.get_conversation(cx, at).await?))
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
        let mut found = self.store.list_conversations(cx, query).await?;
        for located in &mut found.page.items {
            (self.spoils)(&mut located.conversation);
        }
        Ok(found)
    }

    async fn update_conversation(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        self.wrote("update");
        self.offered(self.can.conversation_update, "update_conversation")?;
        self.check(&patch)?;
        let updated = self
            .store
            .update_conversation(cx, at, patch, precondition)
            .await;
        Ok(self.spoiled(updated?))
    }

    async fn delete_conversation(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        self.wrote("delete");
        self.store.delete_conversation(cx, at, precondition).await
    }

    async fn list_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        self.read();
        let page = self.store.list_messages(cx, at, page).await?;
        Ok(page.map(|message| self.spoiled_message(message)))
    }

    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        self.read();
        Ok(self.spoiled_message(self.store.get_message(cx, at, id).await?))
    }

    async fn post_message(&self, cx: &Context, at: &Location, new: NewMessage) -> Result<Message> {
        self.wrote("post");
        if self.refuses_posts {
            return Err(Error::unsupported("below", "post_message").outcome(Outcome::NotApplied));
        }
        Ok(self.spoiled_message(self.store.post_message(cx, at, new).await?))
    }

    async fn import_messages(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        self.wrote("import");
        let refused: Vec<bool> = messages
            .iter()
            .map(|new| self.refuses_words == Some(&*text_of(&new.parts)))
            .collect();
        let held = messages.into_iter().zip(&refused);
        let held = held.filter_map(|(new, refused)| (!refused).then_some(new));
        let mut results = self
            .store
            .import_messages(cx, at, held.collect())
            .await?
            .into_iter();
        let told = refused.into_iter().map(|is_refused| {
            if is_refused {
                return Err(
                    Error::new(Kind::NotHeld, "cannot be held").outcome(Outcome::NotApplied)
                );
            }
            let message = results.next().unwrap()?;
            Ok(self.spoiled_message(message))
        });
        Ok(told.collect())
    }

    async fn update_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        patch: MessagePatch,
        precondition: Option<&Precondition>,
    ) -> Result<Message> {
        self.wrote("edit");
        self.offered(self.can.message_update, "update_message")?;
        let edited = self
            .store
            .update_message(cx, at, id, patch, precondition)
            .await;
        Ok(self.spoiled_message(edited?))
    }

    async fn delete_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        self.wrote("delete message");
        self.store.delete_message(cx, at, id, precondition).await
    }

    async fn rate_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        value: f64,
    ) -> Result<Message> {
        self.wrote("rate");
        self.offered(self.can.message_rate, "rate_message")?;
        let fails = *self.rate_fails.lock().unwrap();
        if let Some((outcome, is_taken)) = fails {
            if is_taken {
                self.store.rate_message(cx, at, id, value).await?;
            }
            return Err(Error::new(Kind::Timeout, "the answer was lost").outcome(outcome));
        }
        Ok(self.spoiled_message(self.store.rate_message(cx, at, id, value).await?))
    }

    async fn respond(
        &self,
        cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream> {
        self.store.respond(cx, at, request).await
    }

    async fn templates(&self, cx: &Context) -> Result<Vec<Template>> {
        self.store.templates(cx).await
    }

    async fn tools(&self, cx: &Context) -> Result<Vec<Tool>> {
        self.store.tools(cx).await
    }

    async fn status(&self, cx: &Context) -> Result<ServiceStatus> {
        self.store.status(cx).await
    }

    async fn statistics(&self, cx: &Context) -> Result<ServiceStatus> {
        self.store.statistics(cx).await
    }

    async fn list_participants(&self, cx: &Context, at: &Location) -> Result<Vec<Participant>> {
        self.offered(self.can.participant_list, "list_participants")?;
        self.store.list_participants(cx, at).await
    }

    async fn add_participants(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        self.wrote("join");
        self.offered(self.can.participant_add, "add_participants")?;
        let all = self.store.add_participants(cx, at, new).await?;
        let shown = self.get_conversation(cx, at).await?.participants;
        Ok(if shown.is_empty() { all } else { shown })
    }

    async fn remove_participant(
        &self,
        cx: &Context,
        at: &Location,
        participant: &str,
    ) -> Result<()> {
        self.wrote("leave");
        self.offered(self.can.participant_remove, "remove_participant")?;
        self.store.remove_participant(cx, at, participant).await
    }

    async fn send_activity(&self, cx: &Context, at: &Location, activity: Activity) -> Result<()> {
        self.wrote("activity");
        self.offered(self.can.activity, "send_activity")?;
        self.store.send_activity(cx, at, activity).await
    }

    async fn put_attachment(
        &self,
        cx: &Context,
        at: &Location,
        new: NewAttachment,
    ) -> Result<Attachment> {
        self.wrote("attach");
        self.offered(self.can.attachment_put, "put_attachment")?;
        self.store.put_attachment(cx, at, new).await
    }

    async fn open_attachment(
        &self,
        cx: &Context,
        at: &Location,
        id: &AttachmentId,
    ) -> Result<AttachmentContent> {
        self.offered(self.can.attachment_open, "open_attachment")?;
        self.store.open_attachment(cx, at, id).await
    }

    async fn health(&self, cx: &Context) -> Health {
        self.store.health(cx).await
    }

    async fn settle(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        if let (true, Write::DeleteMessage { id }, Some(at)) =
            (self.deletes_late, &intent.write, &intent.location)
        {
            self.store.delete_message(cx, at, id, None).await?;
            return Ok(Settled::Applied(Applied::Nothing));
        }
        let found = self.finds.lock().unwrap().clone();
        if let (Write::ImportMessages(_), false) = (&intent.write, found.is_empty()) {
            return Ok(Settled::Applied(Applied::Messages(found)));
        }
        let (Write::ImportMessage(new), Some(at)) = (&intent.write, &intent.location) else {
            return self.store.settle(cx, intent).await;
        };
        // The store keeps one reference for each write; a backend that keeps none looks for the message itself.
        let listed = self
            .store
            .list_messages(cx, at, &PageRequest::first(100))
            .await?;
        let found = listed
            .items
            .into_iter()
            .find(|message| message.parts == new.parts && Some(message.sent_at) == new.sent_at);
        Ok(found.map_or(Settled::NotApplied, |message| {
            Settled::Applied(Applied::Message(Box::new(self.spoiled_message(message))))
        }))
    }
}
