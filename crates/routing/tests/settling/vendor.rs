//! A vendor whose answers get lost, and that has no labels: a store behind a line that fails in the way that it is told to.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use backend::{
    Attachment, AttachmentContent, Backend, BackendInfo, Capabilities, Context, ConversationPage,
    ConversationQuery, Error, EventStream, FieldFate, Health, Intent, Kind, Level, Located,
    Location, NewAttachment, Origin, Outcome, Page, PageRequest, Precondition, Principal,
    Projection, RespondRequest, Result, ServiceStatus, SettleSupport, Settled, Template, Tool,
    Write,
};
use conversation::{
    Activity, AttachmentId, Conversation, ConversationPatch, Message, MessageId, MessagePatch,
    NewConversation, NewMessage, Participant,
};
use futures_util::stream::BoxStream;
use tokio::sync::watch;
use uuid::Uuid;

/// How the line fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not at all.
    None,
    /// The write is done, its answer is lost.
    LosesAnswer,
    /// The write is lost.
    LosesRequest,
    /// The write is done, its answer never comes.
    Hangs,
    /// The write is done, then whoever waits for it dies.
    Panics,
    /// The write is refused.
    Refuses,
    /// The write is done, and the vendor says so, in words that cannot be read.
    AnswersBadly,
    /// The write is done, then the gateway's own state fails.
    CannotFinish,
}

/// How asking about a write fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stuck {
    TimesOut,
    Panics,
}

#[derive(Debug)]
pub(crate) struct Vendor {
    store: Arc<dyn Backend>,
    settles: SettleSupport,
    fault: Mutex<Fault>,
    /// What it says of every write, where it does not look.
    says: Mutex<Option<Result<Settled>>>,
    /// What happens when it is asked about these writes.
    settling: Mutex<HashMap<Uuid, Stuck>>,
    /// The writes about which it was asked.
    asked: Mutex<Vec<Uuid>>,
    fences: Mutex<Vec<Option<u64>>>,
    done: watch::Sender<u32>,
}

impl Vendor {
    pub(crate) fn new(store: Arc<dyn Backend>, settles: SettleSupport) -> Self {
        Self {
            store,
            settles,
            fault: Mutex::new(Fault::None),
            says: Mutex::default(),
            settling: Mutex::default(),
            asked: Mutex::default(),
            fences: Mutex::default(),
            done: watch::Sender::new(0),
        }
    }

    pub(crate) fn fail(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    pub(crate) fn say(&self, settled: Option<Result<Settled>>) {
        *self.says.lock().unwrap() = settled;
    }

    pub(crate) fn stick(&self, intent: Uuid, stuck: Stuck) {
        self.settling.lock().unwrap().insert(intent, stuck);
    }

    /// About which writes it was asked, since this was last asked for.
    pub(crate) fn asked(&self) -> Vec<Uuid> {
        mem::take(&mut self.asked.lock().unwrap())
    }

    /// The numbers of the leases under which it was written to.
    pub(crate) fn fences(&self) -> Vec<Option<u64>> {
        self.fences.lock().unwrap().clone()
    }

    /// What it holds.
    pub(crate) async fn all(&self) -> Vec<Located> {
        let principal = Principal {
            tenant: "vendor".into(),
            key: "k".into(),
            user: None,
            scopes: Vec::new(),
        };
        let cx = Context::new(Arc::new(principal), "test", Duration::from_secs(120));
        let query = ConversationQuery::all(50);
        let listed = self.store.list_conversations(&cx, &query).await;
        listed.unwrap().page.items
    }

    pub(crate) async fn wait_until_done(&self, writes: u32) {
        let mut done = self.done.subscribe();
        done.wait_for(|count| *count >= writes).await.unwrap();
    }

    async fn write<T: Send>(
        &self,
        cx: &Context,
        write: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        self.fences.lock().unwrap().push(cx.fence);
        let fault = *self.fault.lock().unwrap();
        let lost = |kind, outcome| Err(Error::new(kind, "lost").outcome(outcome));
        match fault {
            Fault::LosesRequest => return lost(Kind::Timeout, Outcome::Unknown),
            Fault::Refuses => return lost(Kind::Conflict, Outcome::NotApplied),
            _ => {}
        }
        let written = write.await?;
        self.done.send_modify(|count| *count += 1);
        match fault {
            Fault::Hangs => std::future::pending().await,
            Fault::Panics => panic!("the process dies"),
            Fault::LosesAnswer => lost(Kind::Timeout, Outcome::Unknown),
            Fault::AnswersBadly => lost(Kind::InvalidResponse, Outcome::Applied),
            Fault::CannotFinish => Err(Error::new(Kind::Unavailable, "the state is locked")
                .origin(Origin::Gateway)
                .outcome(Outcome::Applied)),
            _ => Ok(written),
        }
    }
}

fn not_here<T>() -> Result<T> {
    Err(Error::unsupported("vendor", "nothing else"))
}

#[async_trait]
impl Backend for Vendor {
    fn info(&self) -> &BackendInfo {
        self.store.info()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            transactional: false,
            settle: self.settles,
            conversation_labels: Level::None,
            ..self.store.capabilities()
        }
    }

    fn preview(&self, write: &Write) -> Projection {
        let mut projection = self.store.preview(write);
        let has_labels = match &mut projection.write {
            Write::CreateConversation(new) => !mem::take(&mut new.labels).is_empty(),
            Write::UpdateConversation(patch) => !mem::take(&mut patch.labels).is_keep(),
            _ => false,
        };
        if has_labels {
            let fate = FieldFate::rejected("/labels", "no place for labels");
            projection.fates.push(fate);
        }
        projection
    }

    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        self.write(cx, self.store.create_conversation(cx, new))
            .await
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        self.store.get_conversation(cx, at).await
    }

    fn get_conversations<'a>(
        &'a self,
        cx: &'a Context,
        at: &'a [Location],
    ) -> BoxStream<'a, (usize, Result<Conversation>)> {
        self.store.get_conversations(cx, at)
    }

    async fn list_conversations(
        &self,
        cx: &Context,
        query: &ConversationQuery,
    ) -> Result<ConversationPage> {
        self.store.list_conversations(cx, query).await
    }

    async fn update_conversation(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        let write = self.store.update_conversation(cx, at, patch, precondition);
        self.write(cx, write).await
    }

    async fn delete_conversation(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let write = self.store.delete_conversation(cx, at, precondition);
        self.write(cx, write).await
    }

    async fn list_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        self.store.list_messages(cx, at, page).await
    }

    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        self.store.get_message(cx, at, id).await
    }

    async fn post_message(&self, cx: &Context, at: &Location, new: NewMessage) -> Result<Message> {
        self.write(cx, self.store.post_message(cx, at, new)).await
    }

    async fn import_messages(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        self.write(cx, self.store.import_messages(cx, at, messages))
            .await
    }

    async fn update_message(
        &self,
        _cx: &Context,
        _at: &Location,
        _id: &MessageId,
        _patch: MessagePatch,
        _precondition: Option<&Precondition>,
    ) -> Result<Message> {
        not_here()
    }

    async fn delete_message(
        &self,
        _cx: &Context,
        _at: &Location,
        _id: &MessageId,
        _precondition: Option<&Precondition>,
    ) -> Result<()> {
        not_here()
    }

    async fn rate_message(
        &self,
        _cx: &Context,
        _at: &Location,
        _id: &MessageId,
        _value: f64,
    ) -> Result<Message> {
        not_here()
    }

    async fn respond(
        &self,
        _cx: &Context,
        _at: &Location,
        _request: RespondRequest,
    ) -> Result<EventStream> {
        not_here()
    }

    async fn templates(&self, _cx: &Context) -> Result<Vec<Template>> {
        not_here()
    }

    async fn tools(&self, _cx: &Context) -> Result<Vec<Tool>> {
        not_here()
    }

    async fn status(&self, _cx: &Context) -> Result<ServiceStatus> {
        not_here()
    }

    async fn statistics(&self, _cx: &Context) -> Result<ServiceStatus> {
        not_here()
    }

    async fn list_participants(&self, cx: &Context, at: &Location) -> Result<Vec<Participant>> {
        self.store.list_participants(cx, at).await
    }

    async fn add_participants(
        &self,
        _cx: &Context,
        _at: &Location,
        _new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        not_here()
    }

    async fn remove_participant(
        &self,
        _cx: &Context,
        _at: &Location,
        _participant: &str,
    ) -> Result<()> {
        not_here()
    }

    async fn send_activity(
        &self,
        _cx: &Context,
        _at: &Location,
        _activity: Activity,
    ) -> Result<()> {
        not_here()
    }

    async fn put_attachment(
        &self,
        _cx: &Context,
        _at: &Location,
        _new: NewAttachment,
    ) -> Result<Attachment> {
        not_here()
    }

    async fn open_attachment(
        &self,
        _cx: &Context,
        _at: &Location,
        _id: &AttachmentId,
    ) -> Result<AttachmentContent> {
        not_here()
    }

    async fn health(&self, cx: &Context) -> Health {
        self.store.health(cx).await
    }

    async fn settle(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        self.asked.lock().unwrap().push(intent.id);
        let faults = self.settling.lock().unwrap().get(&intent.id).copied();
        match faults {
            Some(Stuck::TimesOut) => return Err(Error::new(Kind::Timeout, "too long")),
            Some(Stuck::Panics) => panic!("a bug"),
            None => {}
        }
        let says = self.says.lock().unwrap().clone();
        match says {
            Some(says) => says,
            None => self.store.settle(cx, intent).await,
        }
    }
}
