//! Chatter behind the port: canonical call, mapping, client, mapping back.

mod caches;
mod conversations;
mod enumerate;
mod messages;
mod passthrough;
mod respond;
mod service;
mod settle;
mod telling;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adapterkit::{Unmappable, chosen, named};
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
use tokio::sync::OnceCell;

use crate::capabilities::capabilities;
use crate::client::{Access, Caller, ChatterClient, Failure, Prefix};
use crate::config::{ChatterConfig, Generation};
use crate::error::{Effect, to_error};
use crate::mapping::{self, POST_IS_IMPOSSIBLE};
use caches::{AliveCache, IndexCache};

/// The kind of this backend in `BackendInfo`.
const KIND: &str = "chatter";

/// A Chatter server as a backend. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Chatter(Arc<Inner>);

struct Inner {
    info: BackendInfo,
    client: ChatterClient,
    generation: OnceCell<Generation>,
    stored_tokens: Option<Arc<dyn Credentials>>,
    indexes: IndexCache,
    alive: AliveCache,
    write_timeout: Duration,
    requests_per_minute: Option<u64>,
    window: SettleWindow,
}

impl fmt::Debug for Chatter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Chatter")
            .field("name", &self.0.info.name)
            .field("generation", &self.0.generation.get())
            .finish_non_exhaustive()
    }
}

impl Chatter {
    /// A backend called `name`. Nothing is connected yet.
    ///
    /// With `stored_tokens` a conversation is made and reached with the token that is stored there for its end user, else
    /// for its tenant; everything else with the backend's own credentials.
    ///
    /// # Errors
    /// Where base URL or limits cannot be used.
    pub fn new(
        name: &str,
        config: &ChatterConfig,
        stored_tokens: Option<Arc<dyn Credentials>>,
    ) -> Result<Self> {
        let client = ChatterClient::new(config).map_err(|error| {
            to_error(Failure::Transport(error), "configure", Effect::Read).at(name, "configure")
        })?;
        Ok(Self(Arc::new(Inner {
            info: BackendInfo {
                name: name.into(),
                kind: KIND.into(),
            },
            client,
            generation: OnceCell::new_with(config.generation),
            stored_tokens,
            indexes: IndexCache::new(),
            alive: AliveCache::new(),
            write_timeout: config.write_timeout,
            requests_per_minute: config.requests_per_minute.map(|most| u64::from(most.get())),
            window: SettleWindow {
                settle_after: config.settle_after,
                clock_skew: config.clock_skew,
            },
        })))
    }

    /// Finds out which generation the server is, where that is not known yet: capabilities depend on it. Any other
    /// call does so too.
    ///
    /// # Errors
    /// Where the server cannot be reached or serves no Chatter API.
    pub async fn find_generation(&self) -> Result<Generation> {
        let deadline = Instant::now() + self.0.write_timeout;
        let caller = Caller {
            correlation_id: "find-generation".into(),
            deadline,
            access: Access::Own,
        };
        self.generation(&caller).await
    }

    fn name(&self) -> &str {
        &self.0.info.name
    }

    fn client(&self) -> &ChatterClient {
        &self.0.client
    }

    /// The server's generation: configured, or found once by which of the two collections it serves. A failure is
    /// not remembered.
    async fn generation(&self, caller: &Caller) -> Result<Generation> {
        let found = self.0.generation.get_or_try_init(|| async {
            let served = tokio::try_join!(
                self.client().serves(caller, Prefix::Chat),
                self.client().serves(caller, Prefix::Conversations)
            );
            let generation = match served
                .map_err(|failure| to_error(failure, "find_generation", Effect::Read))?
            {
                (true, false) => Generation::V0,
                (true, true) => Generation::V1,
                (false, true) => Generation::V2,
                (false, false) => {
                    let message = "there is no chatter api below this backend's base url: check it";
                    return Err(
                        Error::new(Kind::UpstreamFailed, message).outcome(Outcome::NotApplied)
                    );
                }
            };
            tracing::info!(
                backend.name = self.name(),
                ?generation,
                "found the generation of the chatter server"
            );
            Ok(generation)
        });
        found
            .await
            .copied()
            .map_err(|error| error.at(self.name(), "find_generation"))
    }

    /// Who calls, with the token of this credential; absent: the backend's own.
    async fn caller(&self, cx: &Context, credential: Option<&str>) -> Result<Caller> {
        let access = match (credential, &self.0.stored_tokens) {
            (None, _) => Access::Own,
            (Some(reference), Some(tokens)) => {
                Access::Token(named(&**tokens, self.name(), reference).await?)
            }
            (Some(_), None) => {
                let message =
                    "this conversation is reached with a stored token, and none is kept here";
                return Err(Error::new(Kind::UpstreamAuth, message)
                    .outcome(Outcome::NotApplied)
                    .at(self.name(), "credentials"));
            }
        };
        Ok(Caller {
            correlation_id: cx.request_id.clone(),
            deadline: cx.deadline,
            access,
        })
    }

    /// Who makes or lists conversations for this principal, and the reference to carry: the end user's token, else the
    /// tenant's, else the backend's own.
    async fn caller_of_principal(&self, cx: &Context) -> Result<(Caller, Option<Box<str>>)> {
        let stored = match &self.0.stored_tokens {
            Some(tokens) => chosen(&**tokens, self.name(), &cx.principal)
                .await
                .map_err(|error| error.at(self.name(), "credentials"))?,
            None => None,
        };
        let (access, reference) = match stored {
            Some(stored) => (Access::Token(stored.secret), Some(stored.reference)),
            None => (Access::Own, None),
        };
        Ok((
            Caller {
                correlation_id: cx.request_id.clone(),
                deadline: cx.deadline,
                access,
            },
            reference,
        ))
    }

    /// The caller and the paths for one conversation.
    async fn reach<'a>(
        &self,
        cx: &Context,
        at: &'a Location,
        operation: &'static str,
    ) -> Result<Reach<'a>> {
        let caller = self.caller(cx, at.credential.as_deref()).await?;
        let generation = self.generation(&caller).await?;
        Ok(Reach {
            caller,
            generation,
            at,
            operation,
        })
    }

    fn failed(&self, failure: Failure, operation: &'static str, effect: Effect) -> Error {
        to_error(failure, operation, effect).at(self.name(), operation)
    }

    /// What was read has a value that cannot be mapped. After a write the caller says what became of it.
    fn unmappable(&self, error: Unmappable, operation: &'static str) -> Error {
        Error::new(
            Kind::InvalidResponse,
            "chatter's answer has a value that cannot be read",
        )
        .outcome(Outcome::NotApplied)
        .source(error)
        .at(self.name(), operation)
    }

    fn unsupported(&self, operation: &'static str) -> Error {
        Error::unsupported(self.name(), operation)
    }

    fn not_held(&self, pointers: &[String], detail: &str, operation: &'static str) -> Error {
        let violations = pointers.iter().map(|pointer| Violation {
            pointer: pointer.clone(),
            code: "not-held",
            detail: detail.to_owned(),
            exceeds: None,
        });
        Error::new(Kind::NotHeld, detail)
            .violations(violations.collect())
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
}

/// How one conversation is reached.
struct Reach<'a> {
    caller: Caller,
    generation: Generation,
    at: &'a Location,
    operation: &'static str,
}

impl Reach<'_> {
    fn prefix(&self) -> Prefix {
        prefix(self.generation)
    }

    fn native(&self) -> &str {
        &self.at.native
    }
}

fn prefix(generation: Generation) -> Prefix {
    match generation {
        Generation::V0 => Prefix::Chat,
        Generation::V1 | Generation::V2 => Prefix::Conversations,
    }
}

#[async_trait]
impl Backend for Chatter {
    fn info(&self) -> &BackendInfo {
        &self.0.info
    }

    fn capabilities(&self) -> Capabilities {
        capabilities(self.0.generation.get().copied(), self.0.requests_per_minute)
    }

    fn preview(&self, write: &Write) -> Projection {
        mapping::preview(write, self.0.generation.get().copied())
    }

    async fn create_conversation(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        self.create(cx, new).await
    }

    async fn get_conversation(&self, cx: &Context, at: &Location) -> Result<Conversation> {
        let reach = self.reach(cx, at, "get_conversation").await?;
        let row = self.read_row(&reach).await?;
        self.canonical(&row, &reach)
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
        let reach = self.reach(cx, at, "get_message").await?;
        let found = self.find_message(&reach, id).await?;
        self.canonical_message(&found.message, &reach)
    }

    async fn post_message(
        &self,
        _cx: &Context,
        _at: &Location,
        _new: NewMessage,
    ) -> Result<Message> {
        Err(self.not_held(&["/parts".to_owned()], POST_IS_IMPOSSIBLE, "post_message"))
    }

    async fn import_messages(
        &self,
        _cx: &Context,
        _at: &Location,
        _messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        Err(self.not_held(
            &["/messages".to_owned()],
            POST_IS_IMPOSSIBLE,
            "import_messages",
        ))
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
        self.remove_message(cx, at, id, precondition).await
    }

    async fn rate_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        value: f64,
    ) -> Result<Message> {
        self.vote(cx, at, id, value).await
    }

    async fn respond(
        &self,
        cx: &Context,
        at: &Location,
        request: RespondRequest,
    ) -> Result<EventStream> {
        self.answer(cx, at, request).await
    }

    async fn templates(&self, cx: &Context) -> Result<Vec<Template>> {
        self.list_templates(cx).await
    }

    async fn tools(&self, cx: &Context) -> Result<Vec<Tool>> {
        self.list_tools(cx).await
    }

    async fn status(&self, cx: &Context) -> Result<ServiceStatus> {
        self.mcp_status(cx).await
    }

    async fn statistics(&self, cx: &Context) -> Result<ServiceStatus> {
        self.performance(cx).await
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
