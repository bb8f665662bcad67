//! Convore behind the port: canonical call, mapping, client, mapping back.

mod attachments;
mod caches;
mod conversations;
mod edits;
mod enumerate;
mod imports;
mod labels;
mod likeness;
mod messages;
mod pages;
mod participants;
mod passthrough;
mod posts;
mod settle;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use adapterkit::{Failure, Unmappable, chosen, named, possible};
use async_trait::async_trait;
use backend::ports::Credentials;
use backend::{
    Attachment, AttachmentContent, Backend, BackendInfo, Capabilities, Context, ConversationPage,
    ConversationQuery, Error, EventStream, Health, Intent, Kind, Located, Location, NewAttachment,
    Outcome, Page, PageRequest, Precondition, Projection, RespondRequest, Result, ServiceStatus,
    SettleWindow, Settled, Template, Tool, Write, each_conversation,
};
use conversation::{
    Activity, AttachmentId, Conversation, ConversationPatch, Message, MessageId, MessagePatch,
    NewConversation, NewMessage, Participant, Violation,
};
use futures_util::stream::BoxStream;
use moka::sync::Cache;
use secrecy::{ExposeSecret, SecretString};

use crate::capabilities::capabilities;
use crate::client::ConvoreClient;
use crate::config::ConvoreConfig;
use crate::error::{Effect, Target, to_error};
use crate::mapping;
use caches::{IndexCache, WalkCache};
use labels::LabelNames;

/// The kind of this backend in `BackendInfo`.
const KIND: &str = "convore";
/// The most accounts of stored keys whose labels are remembered.
const ACCOUNTS_MAX: u64 = 1_000;
/// How long they are remembered without a call.
const ACCOUNT_MAX_IDLE: Duration = Duration::from_secs(600);

/// A Convore account as a backend. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Convore(Arc<Inner>, Arc<Account>, Option<Arc<dyn Credentials>>);

/// The account that is called: a key implies one.
struct Account {
    client: ConvoreClient,
    /// Where its conversations are made.
    channel_id: String,
    labels: LabelNames,
    /// What locations carry that are made with its key; absent: the backend's own.
    credential: Option<Box<str>>,
}

struct Inner {
    info: BackendInfo,
    own: Arc<Account>,
    /// Those of stored keys, by reference: each remembers its labels.
    accounts: Cache<Box<str>, Arc<Account>>,
    indexes: IndexCache,
    walks: WalkCache,
    requests_per_minute: Option<u64>,
    window: SettleWindow,
}

impl fmt::Debug for Convore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Convore")
            .field("name", &self.0.info.name)
            .finish_non_exhaustive()
    }
}

impl Convore {
    /// A backend called `name`. Nothing is connected yet.
    ///
    /// # Errors
    /// Where base URL or limits cannot be used, or the channel is not named.
    pub fn new(name: &str, config: &ConvoreConfig) -> Result<Self> {
        if config.channel_id.trim().is_empty() {
            let message =
                "a convore backend needs the id of the channel in which it makes conversations";
            return Err(Error::new(Kind::Internal, message)
                .outcome(Outcome::NotApplied)
                .at(name, "configure"));
        }
        let client = ConvoreClient::new(config).map_err(|error| {
            let failure = Failure::Transport(error);
            to_error(failure, Target::Collection, Effect::Read).at(name, "configure")
        })?;
        let own = Arc::new(Account {
            client,
            channel_id: config.channel_id.clone(),
            labels: LabelNames::new(),
            credential: None,
        });
        let inner = Inner {
            info: BackendInfo {
                name: name.into(),
                kind: KIND.into(),
            },
            own: Arc::clone(&own),
            accounts: Cache::builder()
                .max_capacity(ACCOUNTS_MAX)
                .time_to_idle(ACCOUNT_MAX_IDLE)
                .build(),
            indexes: IndexCache::new(),
            walks: WalkCache::new(),
            requests_per_minute: config.requests_per_minute.map(|most| u64::from(most.get())),
            window: SettleWindow {
                settle_after: config.settle_after,
                clock_skew: config.clock_skew,
            },
        };
        Ok(Self(Arc::new(inner), own, None))
    }

    /// The same backend; a conversation is made and reached with the key that is stored for its end user, else for its
    /// tenant, and only then with the backend's own. What is stored is a key, and after a blank, where the key is of
    /// another account, the id of the channel there.
    #[must_use]
    pub fn with_stored(mut self, credentials: Arc<dyn Credentials>) -> Self {
        self.2 = Some(credentials);
        self
    }

    fn name(&self) -> &str {
        &self.0.info.name
    }

    fn client(&self) -> &ConvoreClient {
        &self.1.client
    }

    fn own(&self) -> Self {
        Self(Arc::clone(&self.0), Arc::clone(&self.0.own), self.2.clone())
    }

    /// The backend with a stored key; one that was replaced meanwhile begins anew.
    fn of_account(&self, reference: &str, stored: &SecretString) -> Self {
        let mut words = stored.expose_secret().split_whitespace();
        let key = SecretString::from(words.next().unwrap_or_default());
        let channel_id = words.next().unwrap_or(&self.0.own.channel_id);
        let known = self.0.accounts.get(reference);
        let known = known
            .filter(|account| account.client.has_key(&key) && account.channel_id == *channel_id);
        let account = known.unwrap_or_else(|| {
            let account = Arc::new(Account {
                client: self.0.own.client.with_key(key),
                channel_id: channel_id.to_owned(),
                labels: LabelNames::new(),
                credential: Some(reference.into()),
            });
            self.0
                .accounts
                .insert(reference.into(), Arc::clone(&account));
            account
        });
        Self(Arc::clone(&self.0), account, self.2.clone())
    }

    /// The backend with the key of whoever makes a conversation.
    async fn chosen_for(&self, cx: &Context) -> Result<Self> {
        let stored = match &self.2 {
            Some(credentials) => chosen(&**credentials, self.name(), &cx.principal).await?,
            None => None,
        };
        Ok(match stored {
            Some(stored) => self.of_account(&stored.reference, &stored.secret),
            None => self.own(),
        })
    }

    /// The backend with the key by which a conversation is reached.
    async fn reaching(&self, at: &Location) -> Result<Self> {
        match (&at.credential, &self.2) {
            (None, _) => Ok(self.own()),
            (Some(reference), Some(credentials)) => {
                let secret = named(&**credentials, self.name(), reference).await?;
                Ok(self.of_account(reference, &secret))
            }
            (Some(_), None) => {
                let message =
                    "this conversation is reached with a stored key, and none is kept here";
                Err(Error::new(Kind::UpstreamAuth, message)
                    .outcome(Outcome::NotApplied)
                    .at(self.name(), "credentials"))
            }
        }
    }

    fn failed(
        &self,
        failure: Failure,
        operation: &'static str,
        target: Target,
        effect: Effect,
    ) -> Error {
        to_error(failure, target, effect).at(self.name(), operation)
    }

    fn unmappable(&self, error: Unmappable, operation: &'static str) -> Error {
        let message = "convore's answer has a value that cannot be read";
        Error::new(Kind::InvalidResponse, message)
            .source(error)
            .at(self.name(), operation)
    }

    fn unsupported(&self, operation: &'static str) -> Error {
        Error::unsupported(self.name(), operation)
    }

    fn not_held(&self, pointer: &str, detail: &str, operation: &'static str) -> Error {
        let violation = Violation {
            pointer: pointer.to_owned(),
            code: "not-held",
            detail: detail.to_owned(),
            exceeds: None,
        };
        Error::new(Kind::NotHeld, detail)
            .violations(vec![violation])
            .at(self.name(), operation)
    }

    fn became_another(&self, operation: &'static str) -> Error {
        Error::new(Kind::Internal, "a write became another in its preview")
            .outcome(Outcome::NotApplied)
            .at(self.name(), operation)
    }

    /// How this caller is called where a participant is needed and none is named: unlike another tenant's users.
    fn caller(cx: &Context) -> String {
        format!("{}:{}", cx.principal.tenant, cx.principal.user_or_key())
    }
}

#[async_trait]
impl Backend for Convore {
    fn info(&self) -> &BackendInfo {
        &self.0.info
    }

    fn capabilities(&self) -> Capabilities {
        capabilities(self.0.requests_per_minute)
    }

    fn preview(&self, write: &Write) -> Projection {
        mapping::preview(write)
    }

    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        self.chosen_for(cx).await?.create(cx, new).await
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        let operation = "get_conversation";
        let row = self.reaching(at).await?.read_row(cx, at, operation).await?;
        self.canonical(&row, at, operation)
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
        let operation = "get_message";
        let reaching = self.reaching(at).await?;
        let (_, message) = tokio::try_join!(
            reaching.read_row(cx, at, operation),
            reaching.read_message(cx, at, id, operation)
        )?;
        self.canonical_message(&message, at, operation)
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
        cx: &Context,
        at: &Location,
        id: &MessageId,
        patch: MessagePatch,
        precondition: Option<&Precondition>,
    ) -> Result<Message> {
        self.reaching(at)
            .await?
            .edit(cx, at, id, patch, precondition)
            .await
    }

    async fn delete_message(
        &self,
        _cx: &Context,
        _at: &Location,
        _id: &MessageId,
        _precondition: Option<&Precondition>,
    ) -> Result<()> {
        Err(self.unsupported("delete_message"))
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
        let reaching = self.reaching(at).await?;
        let row = reaching.read_row(cx, at, "list_participants").await?;
        Ok(mapping::participants_to_canonical(&row.participants))
    }

    async fn add_participants(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        self.reaching(at).await?.add(cx, at, new).await
    }

    async fn remove_participant(
        &self,
        cx: &Context,
        at: &Location,
        participant: &str,
    ) -> Result<()> {
        self.reaching(at).await?.remove(cx, at, participant).await
    }

    async fn send_activity(&self, cx: &Context, at: &Location, activity: Activity) -> Result<()> {
        self.reaching(at)
            .await?
            .note_activity(cx, at, &activity)
            .await
    }

    async fn put_attachment(
        &self,
        cx: &Context,
        at: &Location,
        new: NewAttachment,
    ) -> Result<Attachment> {
        self.reaching(at).await?.attach(cx, at, new).await
    }

    async fn open_attachment(
        &self,
        cx: &Context,
        at: &Location,
        id: &AttachmentId,
    ) -> Result<AttachmentContent> {
        self.reaching(at).await?.download(cx, at, id).await
    }

    async fn health(&self, cx: &Context) -> Health {
        self.own().check_health(cx).await
    }

    async fn settle(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        if let Some(at) = &intent.location {
            let reaching = self.reaching(at).await?;
            return reaching
                .find_out(cx, intent)
                .await
                .map_err(|error| error.at(self.name(), "settle"));
        }
        // A create: whose credential is chosen can have changed since it was sent.
        let (all, mut looks) =
            possible(self.2.as_deref(), self.name(), &cx.principal, intent).await?;
        for stored in all {
            let with = match stored {
                Some(stored) => self.of_account(&stored.reference, &stored.secret),
                None => self.own(),
            };
            looks.take(with.find_out(cx, intent).await);
        }
        looks.end().map_err(|error| error.at(self.name(), "settle"))
    }
}
