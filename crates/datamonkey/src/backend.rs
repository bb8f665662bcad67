//! Datamonkey behind the port: canonical call, mapping, client, mapping back.

mod bootstraps;
mod conversations;
mod enumerate;
mod identity;
mod messages;
mod passthrough;
mod respond;
mod settle;
pub(crate) mod tokens;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use adapterkit::{Failure, Listed, Unmappable};
use async_trait::async_trait;
use backend::ports::{Bootstraps, Leases};
use backend::{
    Attachment, AttachmentContent, Backend, BackendInfo, Capabilities, Context, ConversationPage,
    ConversationQuery, Error, EventStream, Health, Intent, Kind, Located, Location, NewAttachment,
    Outcome, Page, PageRequest, Precondition, Projection, RespondRequest, Result, ServiceStatus,
    SettleWindow, Settled, Template, Tool, Write, each_conversation,
};
use conversation::{
    Activity, AttachmentId, Conversation, ConversationPatch, Message, MessageId, MessagePatch,
    NewConversation, NewMessage, Participant, Time, Violation,
};
use futures_util::stream::BoxStream;
use secrecy::SecretString;

use crate::capabilities::capabilities;
use crate::client::{Caller, DatamonkeyClient};
use crate::config::DatamonkeyConfig;
use crate::error::{Call, to_error};
use crate::mapping::{self, POST_IS_IMPOSSIBLE};
use crate::wire::Member;
use bootstraps::KnownBootstraps;
use identity::Locks;
use tokens::Token;

/// The kind of this backend in `BackendInfo`.
const KIND: &str = "datamonkey";

/// A Datamonkey server as a backend. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Datamonkey(Arc<Inner>);

struct Inner {
    info: BackendInfo,
    client: DatamonkeyClient,
    credentials: Arc<dyn Bootstraps>,
    signing_key: Option<SecretString>,
    locks: Locks,
    bootstraps: KnownBootstraps,
    /// How often the server made a new user although it was given a token.
    replaced: AtomicU64,
    write_timeout: Duration,
    requests_per_minute: Option<u64>,
    window: SettleWindow,
}

impl fmt::Debug for Datamonkey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Datamonkey")
            .field("name", &self.0.info.name)
            .finish_non_exhaustive()
    }
}

impl Datamonkey {
    /// A backend called `name`. Nothing is connected yet.
    ///
    /// `credentials` keeps the tokens of end users: `user:<tenant>/<user>` is the one that new conversations are made
    /// with, `<subject>@user:<tenant>/<user>` the one of a user of the vendor, which the conversations that were made
    /// with it carry.
    ///
    /// # Errors
    /// Where base URL or limits cannot be used.
    pub fn new(
        name: &str,
        config: &DatamonkeyConfig,
        credentials: Arc<dyn Bootstraps>,
    ) -> Result<Self> {
        Self::build(name, config, credentials, None)
    }

    /// As [`Datamonkey::new`], where other processes make users of the vendor for the same end users: the first creates of
    /// an end user make one together, in whichever process, under a lease.
    ///
    /// # Errors
    /// As [`Datamonkey::new`].
    pub fn among_replicas(
        name: &str,
        config: &DatamonkeyConfig,
        credentials: Arc<dyn Bootstraps>,
        leases: Arc<dyn Leases>,
    ) -> Result<Self> {
        Self::build(name, config, credentials, Some(leases))
    }

    fn build(
        name: &str,
        config: &DatamonkeyConfig,
        credentials: Arc<dyn Bootstraps>,
        leases: Option<Arc<dyn Leases>>,
    ) -> Result<Self> {
        let client = DatamonkeyClient::new(config).map_err(|error| {
            to_error(Failure::Transport(error), Call::Read).at(name, "configure")
        })?;
        Ok(Self(Arc::new(Inner {
            info: BackendInfo {
                name: name.into(),
                kind: KIND.into(),
            },
            client,
            credentials,
            signing_key: config.signing_key.clone(),
            locks: Locks::new(leases),
            bootstraps: KnownBootstraps::default(),
            replaced: AtomicU64::new(0),
            write_timeout: config.write_timeout,
            requests_per_minute: config.requests_per_minute.map(|most| u64::from(most.get())),
            window: SettleWindow {
                settle_after: config.settle_after,
                clock_skew: config.clock_skew,
            },
        })))
    }

    fn name(&self) -> &str {
        &self.0.info.name
    }

    fn client(&self) -> &DatamonkeyClient {
        &self.0.client
    }

    /// The error of a call with this token.
    fn failed(
        &self,
        failure: Failure,
        operation: &'static str,
        call: Call,
        token: Option<&SecretString>,
    ) -> Error {
        let is_refused = call != Call::Create && crate::error::asks_for_token(&failure);
        let mut error = to_error(failure, call).at(self.name(), operation);
        if is_refused && self.0.signing_key.is_some() {
            error.message =
                "datamonkey refused this user's token, although we can sign such tokens: check this backend's signing key"
                    .to_owned();
        } else if is_refused && token.is_some_and(|token| self.is_over(token)) {
            // It has ended on its way, or by the server's clock.
            return self
                .ended(operation)
                .upstream(error.upstream.clone().unwrap_or_default());
        }
        error
    }

    /// Whether a token may have ended by the server's clock.
    fn is_over(&self, token: &SecretString) -> bool {
        let latest = Time::now().saturating_add_micros(self.skew_micros());
        Token::read(token.clone()).is_ok_and(|token| !token.lives(latest))
    }

    fn unmappable(&self, error: Unmappable, operation: &'static str) -> Error {
        Error::new(
            Kind::InvalidResponse,
            "datamonkey's answer has a value that cannot be read",
        )
        .source(error)
        .at(self.name(), operation)
    }

    /// What a list holds, without the records that cannot be read, which are named in the log. One without its member
    /// is no list of the vendor: taken for an empty one, it would be proof that a lost write has left nothing.
    fn listed<T, R>(
        &self,
        list: Listed<T>,
        take: impl Fn(T) -> Member<Vec<R>>,
        member: &'static str,
        operation: &'static str,
    ) -> Result<Listed<Vec<R>>> {
        let list = list.named(self.name(), operation);
        match take(list.answer) {
            Member::Absent => Err(self
                .unmappable(Unmappable(member), operation)
                .outcome(Outcome::NotApplied)),
            records => Ok(Listed {
                answer: records.into_value().unwrap_or_default(),
                left_out: list.left_out,
            }),
        }
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

    /// A caller who still has time, for what follows a call that has already changed something.
    fn patient(&self, caller: &Caller) -> Caller {
        let deadline = caller.deadline.max(Instant::now() + self.0.write_timeout);
        Caller {
            deadline,
            ..caller.clone()
        }
    }

    /// How far the server's clock may be from ours, in microseconds.
    fn skew_micros(&self) -> i64 {
        i64::try_from(self.0.window.clock_skew.as_micros()).unwrap_or(i64::MAX)
    }

    /// Without a token nothing is read, and a list is refused in the vendor's own words: proof enough of life.
    async fn check_health(&self, cx: &Context) -> Health {
        let caller = Caller {
            deadline: cx.deadline,
            token: None,
        };
        let (ok, mut detail) = match self.client().list_conversations(&caller).await {
            Ok(_) => (
                false,
                "datamonkey answers without a token: its user tokens are switched off, so it can make no conversations".to_owned(),
            ),
            Err(failure) => {
                let is_alive = crate::error::asks_for_token(&failure);
                let error = to_error(failure, Call::Read);
                if is_alive {
                    (true, "datamonkey answers".to_owned())
                } else {
                    (false, error.message.clone())
                }
            }
        };
        let replaced = self.0.replaced.load(Ordering::Relaxed);
        if replaced > 0 {
            detail = format!("{detail}; {replaced} identities were replaced by the server");
        }
        Health { ok, detail }
    }
}

#[async_trait]
impl Backend for Datamonkey {
    fn info(&self) -> &BackendInfo {
        &self.0.info
    }

    fn capabilities(&self) -> Capabilities {
        capabilities(self.0.signing_key.is_none(), self.0.requests_per_minute)
    }

    fn preview(&self, write: &Write) -> Projection {
        mapping::preview(write)
    }

    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        self.create(cx, new).await
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        let reach = self.reach(cx, at, "get_conversation").await?;
        self.read(&reach).await
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
        self.enumerate(cx, query).await
    }

    async fn update_conversation(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        self.update(cx, at, patch, precondition).await
    }

    async fn delete_conversation(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        self.delete(cx, at, precondition).await
    }

    async fn list_messages(
        &self,
        cx: &Context,
        at: &Location,
        page: &PageRequest,
    ) -> Result<Page<Message>> {
        self.message_page(cx, at, page).await
    }

    async fn get_message(&self, cx: &Context, at: &Location, id: &MessageId) -> Result<Message> {
        self.one_message(cx, at, id).await
    }

    async fn post_message(
        &self,
        _cx: &Context,
        _at: &Location,
        _new: NewMessage,
    ) -> Result<Message> {
        Err(self.not_held("/parts", POST_IS_IMPOSSIBLE, "post_message"))
    }

    async fn import_messages(
        &self,
        _cx: &Context,
        _at: &Location,
        _messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        Err(self.not_held("/messages", POST_IS_IMPOSSIBLE, "import_messages"))
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
        cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream> {
        self.answer(cx, at, request).await
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

    async fn list_participants(&self, _cx: &Context, _at: &Location) -> Result<Vec<Participant>> {
        Err(self.unsupported("list_participants"))
    }

    async fn add_participants(
        &self,
        _cx: &Context,
        _at: &Location,
        _new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        Err(self.unsupported("add_participants"))
    }

    async fn remove_participant(
        &self,
        _cx: &Context,
        _at: &Location,
        _participant: &str,
    ) -> Result<()> {
        Err(self.unsupported("remove_participant"))
    }

    async fn send_activity(
        &self,
        _cx: &Context,
        _at: &Location,
        _activity: Activity,
    ) -> Result<()> {
        Err(self.unsupported("send_activity"))
    }

    async fn put_attachment(
        &self,
        _cx: &Context,
        _at: &Location,
        _new: NewAttachment,
    ) -> Result<Attachment> {
        Err(self.unsupported("put_attachment"))
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
        self.check_health(cx).await
    }

    async fn settle(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        self.find_out(cx, intent).await
    }
}
