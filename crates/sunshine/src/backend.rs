//! Sunshine Conversations behind the port: canonical call, mapping, client, mapping back.

mod conversations;
mod deletion;
mod enumerate;
mod folding;
mod known;
mod lookup;
mod messages;
mod pages;
mod participants;
mod passthrough;
mod people;
mod records;
mod service;
mod settle;
mod vendor_page;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use adapterkit::{Effect, Failure, Unmappable, chosen, named, possible};
use async_trait::async_trait;
use backend::ports::Credentials;
use backend::{
    Attachment, AttachmentContent, Backend, BackendInfo, Capabilities, Context, ConversationPage,
    ConversationQuery, Error, EventStream, Health, Intent, Kind, Located, Location, NewAttachment,
    Outcome, Page, PageRequest, Precondition, Projection, RespondRequest, Result, ServiceStatus,
    SettleWindow, Settled, Template, Tool, Write, each_conversation,
};
use conversation::{
    Activity, AttachmentId, Conversation, ConversationPatch, Exceeds, Message, MessageId,
    MessagePatch, NewConversation, NewMessage, Participant, Violation,
};
use futures_util::stream::BoxStream;
use secrecy::SecretString;

use crate::capabilities::capabilities;
use crate::client::{Caller, SunshineClient};
use crate::config::{ImportMode, SunshineConfig};
use crate::error::{Subject, to_error};
use crate::mapping;
use known::Known;

/// The kind of this backend in `BackendInfo`.
const KIND: &str = "sunshine";

/// One app of the vendor as a backend. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Sunshine(Arc<Inner>, Arc<Seat>, Option<Arc<dyn Credentials>>);

/// With which credential the vendor is called.
struct Seat {
    client: SunshineClient,
    /// What locations carry that are made with it; absent: the backend's own.
    credential: Option<Box<str>>,
}

struct Inner {
    info: BackendInfo,
    own: Arc<Seat>,
    import_mode: ImportMode,
    known: Known,
    /// Whether the vendor refused the cursor before all messages.
    beginning_is_refused: AtomicBool,
    requests_per_minute: Option<u64>,
    window: SettleWindow,
}

impl fmt::Debug for Sunshine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Sunshine")
            .field("name", &self.0.info.name)
            .finish_non_exhaustive()
    }
}

impl Sunshine {
    /// A backend called `name`. Nothing is connected yet.
    ///
    /// # Errors
    /// Where base URL or limits cannot be used.
    pub fn new(name: &str, config: &SunshineConfig) -> Result<Self> {
        let client = SunshineClient::new(config).map_err(|error| {
            to_error(error.into(), Subject::Conversation, Effect::Read).at(name, "configure")
        })?;
        let own = Arc::new(Seat {
            client,
            credential: None,
        });
        let inner = Inner {
            info: BackendInfo {
                name: name.into(),
                kind: KIND.into(),
            },
            own: Arc::clone(&own),
            import_mode: config.import_mode,
            known: Known::new(),
            beginning_is_refused: AtomicBool::new(false),
            requests_per_minute: config.requests_per_minute.map(|most| u64::from(most.get())),
            window: SettleWindow {
                settle_after: config.settle_after,
                clock_skew: config.clock_skew,
            },
        };
        Ok(Self(Arc::new(inner), own, None))
    }

    /// The same backend; a conversation is made and reached with the credential that is stored for its end user, else
    /// for its tenant, and only then with the backend's own. What is stored is `<key id>:<secret>`, used as the backend's
    /// own key is, or a token.
    #[must_use]
    pub fn with_stored(mut self, credentials: Arc<dyn Credentials>) -> Self {
        self.2 = Some(credentials);
        self
    }

    fn name(&self) -> &str {
        &self.0.info.name
    }

    fn client(&self) -> &SunshineClient {
        &self.1.client
    }

    /// The reference that locations carry which are made by this one.
    fn credential(&self) -> Option<Box<str>> {
        self.1.credential.clone()
    }

    fn seated(&self, reference: Box<str>, secret: &SecretString) -> Self {
        let seat = Seat {
            client: self.0.own.client.with_secret(secret),
            credential: Some(reference),
        };
        Self(Arc::clone(&self.0), Arc::new(seat), self.2.clone())
    }

    fn own(&self) -> Self {
        Self(Arc::clone(&self.0), Arc::clone(&self.0.own), self.2.clone())
    }

    /// The backend with the credential of whoever makes a conversation.
    async fn chosen_for(&self, cx: &Context) -> Result<Self> {
        let stored = match &self.2 {
            Some(credentials) => chosen(&**credentials, self.name(), &cx.principal).await?,
            None => None,
        };
        Ok(match stored {
            Some(stored) => self.seated(stored.reference, &stored.secret),
            None => self.own(),
        })
    }

    /// The backend with the credential by which a conversation is reached.
    async fn reaching(&self, at: &Location) -> Result<Self> {
        match (&at.credential, &self.2) {
            (None, _) => Ok(self.own()),
            (Some(reference), Some(credentials)) => {
                let secret = named(&**credentials, self.name(), reference).await?;
                Ok(self.seated(reference.clone(), &secret))
            }
            (Some(_), None) => {
                let message =
                    "this conversation is reached with a stored credential, and none is kept here";
                Err(Error::new(Kind::UpstreamAuth, message)
                    .outcome(Outcome::NotApplied)
                    .at(self.name(), "credentials"))
            }
        }
    }

    #[expect(clippy::unused_self, reason = "the credential stands in the client")]
    fn caller(&self, cx: &Context) -> Caller {
        Caller {
            deadline: cx.deadline,
        }
    }

    fn failed(
        &self,
        failure: Failure,
        subject: Subject,
        effect: Effect,
        operation: &'static str,
    ) -> Error {
        to_error(failure, subject, effect).at(self.name(), operation)
    }

    fn unmappable(&self, error: Unmappable, operation: &'static str) -> Error {
        Error::new(
            Kind::InvalidResponse,
            "sunshine's answer has a value that cannot be read",
        )
        .outcome(Outcome::NotApplied)
        .source(error)
        .at(self.name(), operation)
    }

    fn unsupported(&self, operation: &'static str) -> Error {
        Error::unsupported(self.name(), operation)
    }

    fn not_held(&self, pointer: &str, detail: &str, operation: &'static str) -> Error {
        self.not_held_beyond(pointer, detail, None, operation)
    }

    /// Not held; `exceeds` is the limit and what was sent.
    fn not_held_beyond(
        &self,
        pointer: &str,
        detail: &str,
        exceeds: Option<(usize, usize)>,
        operation: &'static str,
    ) -> Error {
        let violation = Violation {
            pointer: pointer.to_owned(),
            code: "not-held",
            detail: detail.to_owned(),
            exceeds: exceeds.map(|(limit, value)| Exceeds {
                limit: limit as u64,
                value: Some(value as u64),
            }),
        };
        Error::new(Kind::NotHeld, detail)
            .violations(vec![violation])
            .at(self.name(), operation)
    }
}

#[async_trait]
impl Backend for Sunshine {
    fn info(&self) -> &BackendInfo {
        &self.0.info
    }

    fn capabilities(&self) -> Capabilities {
        capabilities(self.0.import_mode, self.0.requests_per_minute)
    }

    fn preview(&self, write: &Write) -> Projection {
        mapping::preview(write, self.0.import_mode)
    }

    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        self.chosen_for(cx).await?.create(cx, new).await
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        let operation = "get_conversation";
        let reaching = self.reaching(at).await?;
        let wire = reaching.read(self.caller(cx), at, operation).await?;
        self.canonical(&wire, at, operation)
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
        self.own().enumerate(cx, query).await
    }

    async fn update_conversation(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        self.reaching(at)
            .await?
            .update(cx, at, patch, precondition)
            .await
    }

    async fn delete_conversation(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        self.reaching(at).await?.delete(cx, at, precondition).await
    }

    async fn list_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        self.reaching(at).await?.message_page(cx, at, page).await
    }

    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        self.reaching(at).await?.one_message(cx, at, id).await
    }

    async fn post_message(&self, cx: &Context, at: &Location, new: NewMessage) -> Result<Message> {
        self.reaching(at).await?.post(cx, at, new).await
    }

    async fn import_messages(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        self.reaching(at).await?.import(cx, at, messages).await
    }

    async fn update_message(
        &self,
        _cx: &Context,
        _at: &Location,
        _id: &MessageId,
        _patch: MessagePatch,
        _precondition: Option<&Precondition>,
    ) -> Result<Message> {
        Err(self.unsupported("update_message"))
    }

    async fn delete_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        self.reaching(at)
            .await?
            .remove_message(cx, at, id, precondition)
            .await
    }

    async fn rate_message(
        &self,
        _cx: &Context,
        _at: &Location,
        _id: &MessageId,
        _value: f64,
    ) -> Result<Message> {
        Err(self.unsupported("rate_message"))
    }

    async fn respond(
        &self,
        _cx: &Context,
        _at: &Location,
        _request: RespondRequest,
    ) -> Result<EventStream> {
        Err(self.unsupported("respond"))
    }

    async fn templates(&self, _cx: &Context) -> Result<Vec<Template>> {
        Err(self.unsupported("templates"))
    }

    async fn tools(&self, _cx: &Context) -> Result<Vec<Tool>> {
        Err(self.unsupported("tools"))
    }

    async fn status(&self, _cx: &Context) -> Result<ServiceStatus> {
        Err(self.unsupported("status"))
    }

    async fn statistics(&self, _cx: &Context) -> Result<ServiceStatus> {
        Err(self.unsupported("statistics"))
    }

    async fn list_participants(&self, cx: &Context, at: &Location) -> Result<Vec<Participant>> {
        self.reaching(at).await?.participants(cx, at).await
    }

    async fn add_participants(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        self.reaching(at).await?.join(cx, at, new).await
    }

    async fn remove_participant(
        &self,
        cx: &Context,
        at: &Location,
        participant: &str,
    ) -> Result<()> {
        self.reaching(at).await?.leave(cx, at, participant).await
    }

    async fn send_activity(&self, cx: &Context, at: &Location, activity: Activity) -> Result<()> {
        self.reaching(at).await?.tell(cx, at, activity).await
    }

    async fn put_attachment(
        &self,
        cx: &Context,
        at: &Location,
        new: NewAttachment,
    ) -> Result<Attachment> {
        self.reaching(at).await?.upload(cx, at, new).await
    }

    async fn open_attachment(
        &self,
        _cx: &Context,
        _at: &Location,
        _id: &AttachmentId,
    ) -> Result<AttachmentContent> {
        Err(self.unsupported("open_attachment"))
    }

    async fn health(&self, cx: &Context) -> Health {
        self.own().check_health(cx).await
    }

    async fn settle(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        if let Some(at) = &intent.location {
            let reaching = self.reaching(at).await?;
            return reaching.find_out(cx, intent).await;
        }
        // A create: whose credential is chosen can have changed since it was sent.
        let (all, mut looks) =
            possible(self.2.as_deref(), self.name(), &cx.principal, intent).await?;
        for stored in all {
            let with = match stored {
                Some(stored) => self.seated(stored.reference, &stored.secret),
                None => self.own(),
            };
            looks.take(with.find_out(cx, intent).await);
        }
        looks.end().map_err(|error| error.at(self.name(), "settle"))
    }
}
