//! A vendor that shows each user their own conversations, and can be made to wait.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use backend::{
    Applied, Attachment, AttachmentContent, Backend, BackendInfo, Capabilities, Context,
    ConversationPage, ConversationQuery, Enumerates, Error, EventStream, Health, Intent, Kind,
    Level, Located, Location, NewAttachment, Page, PageRequest, Precondition, Projection,
    RespondRequest, Result, ServiceStatus, SettleSupport, Settled, Template, Tool, Write,
    each_conversation,
};
use conversation::{
    Activity, AttachmentId, Conversation, ConversationId, ConversationPatch, Message, MessageId,
    MessagePatch, NewConversation, NewMessage, Participant, Time,
};
use futures_util::stream::BoxStream;
use tokio::sync::watch;

/// A conversation, and as whom it is shown: `<tenant>/<user>`.
type Held = (String, Located);

#[derive(Debug)]
pub(crate) struct Vendor {
    info: BackendInfo,
    enumerates: Enumerates,
    held: Mutex<Vec<Held>>,
    looks: Mutex<Vec<String>>,
    refused: Mutex<Vec<String>>,
    said: Mutex<Vec<(ConversationId, Time)>>,
    reads_fail: AtomicBool,
    is_open: watch::Sender<bool>,
    creates_go: watch::Sender<bool>,
    looked: watch::Sender<u32>,
    created: watch::Sender<u32>,
}

impl Vendor {
    pub(crate) fn new(enumerates: Enumerates) -> Self {
        Self {
            info: BackendInfo {
                name: "vendor".into(),
                kind: "vendor".into(),
            },
            enumerates,
            held: Mutex::default(),
            looks: Mutex::default(),
            refused: Mutex::default(),
            said: Mutex::default(),
            reads_fail: AtomicBool::default(),
            is_open: watch::Sender::new(true),
            creates_go: watch::Sender::new(true),
            looked: watch::Sender::new(0),
            created: watch::Sender::new(0),
        }
    }

    /// Holds one more conversation that is shown to `whom` only.
    pub(crate) fn hold(&self, whom: &str, credential: Option<&str>) -> ConversationId {
        let native = ConversationId::generate().to_string();
        let id = ConversationId::derive("vendor", &native);
        // Its clock is a minute behind.
        let now = Time::now().saturating_add_micros(-60_000_000);
        let located = Located {
            location: Location {
                id,
                backend: "vendor".into(),
                native: native.into(),
                credential: credential.map(Into::into),
                renamed: false,
            },
            conversation: NewConversation::default().into_conversation(id, "vendor", now),
        };
        self.held.lock().unwrap().push((whom.to_owned(), located));
        id
    }

    /// Says from now on when the last message was said, to readers only: lists do not tell.
    pub(crate) fn note_message(&self, id: ConversationId, at: Time) {
        self.said.lock().unwrap().push((id, at));
    }

    /// Answers reads of conversations no more.
    pub(crate) fn break_reads(&self) {
        self.reads_fail.store(true, Ordering::Relaxed);
    }

    /// As whom it was looked through, once for each look.
    pub(crate) fn looks(&self) -> Vec<String> {
        self.looks.lock().unwrap().clone()
    }

    /// Lets `whom` see no list.
    pub(crate) fn refuse(&self, whom: &str) {
        self.refused.lock().unwrap().push(whom.to_owned());
    }

    /// Keeps lists waiting.
    pub(crate) fn close(&self) {
        self.is_open.send_replace(false);
    }

    pub(crate) fn open(&self) {
        self.is_open.send_replace(true);
    }

    /// Keeps creates waiting after they made their conversation.
    pub(crate) fn hold_creates(&self) {
        self.creates_go.send_replace(false);
    }

    pub(crate) fn let_creates_go(&self) {
        self.creates_go.send_replace(true);
    }

    pub(crate) async fn wait_until_somebody_looks(&self) {
        let mut looked = self.looked.subscribe();
        looked.wait_for(|count| *count > 0).await.unwrap();
    }

    pub(crate) async fn wait_until_somebody_creates(&self) {
        let mut created = self.created.subscribe();
        created.wait_for(|count| *count > 0).await.unwrap();
    }

    fn find(&self, at: &Location) -> Result<Conversation> {
        let held = self.held.lock().unwrap();
        let found = held
            .iter()
            .find(|(_, located)| located.location.native == at.native);
        found
            .map(|(_, located)| located.conversation.clone())
            .ok_or_else(Error::conversation_not_found)
    }
}

fn whom(cx: &Context) -> String {
    format!("{}/{}", cx.principal.tenant, cx.principal.user_or_key())
}

fn not_here<T>() -> Result<T> {
    Err(Error::unsupported("vendor", "nothing else"))
}

#[async_trait]
impl Backend for Vendor {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            conversation_create: Level::Full,
            conversation_get: Level::Full,
            conversation_list: Level::Full,
            conversation_delete: Level::Full,
            enumerates: self.enumerates,
            settle: SettleSupport::Likely,
            ..Capabilities::holds_everything()
        }
    }

    fn preview(&self, write: &Write) -> Projection {
        Projection::exact(write.clone())
    }

    async fn create_conversation(&self, cx: &Context, _new: NewConversation) -> Result<Located> {
        // What an account's credential made is shown to whoever looks with it.
        let shown_to = match self.enumerates {
            Enumerates::User => whom(cx),
            Enumerates::Account => "acme/key-discovery".to_owned(),
        };
        let id = self.hold(&shown_to, None);
        self.created.send_modify(|count| *count += 1);
        let mut go = self.creates_go.subscribe();
        go.wait_for(|go| *go).await.unwrap();
        let held = self.held.lock().unwrap();
        let made = held.iter().find(|(_, located)| located.location.id == id);
        Ok(made.unwrap().1.clone())
    }

    async fn get_conversation(&self, _cx: &Context, at: &Location) -> Result<Conversation> {
        if self.reads_fail.load(Ordering::Relaxed) {
            return Err(Error::new(Kind::Unavailable, "not now"));
        }
        let mut conversation = self.find(at)?;
        let said = self.said.lock().unwrap();
        let newest = said.iter().rfind(|(id, _)| *id == conversation.id);
        conversation.last_message_at = newest.map(|(_, at)| *at);
        Ok(conversation)
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
        _query: &ConversationQuery,
    ) -> Result<ConversationPage> {
        let whom = whom(cx);
        self.looks.lock().unwrap().push(whom.clone());
        self.looked.send_modify(|count| *count += 1);
        let mut is_open = self.is_open.subscribe();
        is_open.wait_for(|is_open| *is_open).await.unwrap();
        if self.refused.lock().unwrap().contains(&whom) {
            return Err(Error::new(Kind::UpstreamAuth, "no access"));
        }
        let held = self.held.lock().unwrap();
        let shown = held.iter().filter(|(to, _)| *to == whom);
        Ok(ConversationPage {
            page: Page {
                items: shown.map(|(_, located)| located.clone()).collect(),
                ..Page::default()
            },
            as_of: None,
            stale: Vec::new(),
        })
    }

    async fn update_conversation(
        &self,
        _cx: &Context,
        _at: &Location,
        _patch: ConversationPatch,
        _precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        not_here()
    }

    /// Says yes, and keeps it.
    async fn delete_conversation(
        &self,
        _cx: &Context,
        at: &Location,
        _precondition: Option<&Precondition>,
    ) -> Result<()> {
        self.find(at).map(drop)
    }

    async fn list_messages(
        &self,
        _cx: &Context,
        _at: &Location,
        _page: &PageRequest,
    ) -> Result<Page<Message>> {
        not_here()
    }

    async fn get_message(&self, _cx: &Context, _at: &Location, _id: &MessageId) -> Result<Message> {
        not_here()
    }

    async fn post_message(
        &self,
        _cx: &Context,
        _at: &Location,
        _new: NewMessage,
    ) -> Result<Message> {
        not_here()
    }

    async fn import_messages(
        &self,
        _cx: &Context,
        _at: &Location,
        _messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        not_here()
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

    async fn list_participants(&self, _cx: &Context, _at: &Location) -> Result<Vec<Participant>> {
        not_here()
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

    async fn health(&self, _cx: &Context) -> Health {
        Health {
            ok: true,
            detail: "here".to_owned(),
        }
    }

    /// Takes what was held last for what the lost create has made.
    async fn settle(&self, _cx: &Context, _intent: &Intent) -> Result<Settled> {
        let held = self.held.lock().unwrap();
        let (_, last) = held.last().unwrap();
        Ok(Settled::Applied(Applied::Conversation(Box::new(
            last.clone(),
        ))))
    }
}
