//! One method for each operation of the two published APIs, in wire types.
//!
//! V1 serves conversations under two prefixes, V0 under one of them and V2 under the other; [`Prefix`] says which is
//! meant. Every call carries a token, a correlation id and a deadline.

mod session;

use std::sync::Arc;
use std::time::{Duration, Instant};

use adapterkit::{Listed, Refusal, read_list, read_named, relayed};
use backend::ports::PassthroughRequest;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use transport::{
    EventStream, Method, Request, Response, StreamingResponse, Transport, TransportError,
};

use crate::config::ChatterConfig;
use crate::wire::{
    AvailableToolResponse, AvailableToolsResponse, ChatRequest, ChatResponse, ConversationCreate,
    ConversationDeleteResponse, ConversationListQuery, ConversationListResponse,
    ConversationResponse, ConversationUpdate, LoginRequest, LoginResponse, McpStatusResponse,
    MessageDeleteResponse, MessageListQuery, MessageRatingResponse, MessageRatingUpdate,
    MessageResponse, PerformanceStatsResponse, WorkflowTemplateInfo, WorkflowTemplatesResponse,
};
use session::Session;

/// Which of the two paths to conversations is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// `/api/v1/conversations/`, with a slash after the collection: V1 and V2.
    Conversations,
    /// `/api/v1/chat/conversations`, without one: V0 and V1.
    Chat,
}

/// Whose token a call carries.
#[derive(Clone, Debug)]
pub enum Access {
    /// The backend's own, renewed where the configuration allows it.
    Own,
    /// This one.
    Token(SecretString),
}

/// Who makes a call and until when.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Sent as `X-Correlation-ID`; the server repeats it.
    pub correlation_id: Arc<str>,
    /// When nobody waits any longer.
    pub deadline: Instant,
    /// Whose token is sent.
    pub access: Access,
}

/// A call that brought no usable answer.
#[derive(Debug)]
pub enum Failure {
    /// Nothing usable came back.
    Transport(TransportError),
    /// The server answered with another status than success.
    Refused(Box<Refusal>),
    /// The server does not know the configured user and password.
    LoginRefused,
}

impl From<TransportError> for Failure {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

/// How a call is limited in time.
#[derive(Clone, Copy)]
enum Limit {
    Read,
    Write,
    Answer,
}

/// A client of one Chatter server.
pub struct ChatterClient {
    transport: Transport,
    session: Session,
    write_timeout: Duration,
    answer_timeout: Duration,
}

impl std::fmt::Debug for ChatterClient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ChatterClient")
            .finish_non_exhaustive()
    }
}

/// Makes a request; called again when it has to be repeated with a new token.
type Build<'t, 'b> = dyn Fn() -> Request<'t> + Send + Sync + 'b;

impl ChatterClient {
    /// A client; nothing is connected yet.
    ///
    /// # Errors
    /// Where base URL or limits cannot be used.
    pub fn new(config: &ChatterConfig) -> Result<Self, TransportError> {
        Ok(Self {
            transport: Transport::new(&config.base_url, &config.transport.for_whole_lists())?,
            session: Session::new(config.credentials.clone()),
            write_timeout: config.write_timeout,
            answer_timeout: config.answer_timeout,
        })
    }

    /// `POST C/`.
    pub async fn create_conversation(
        &self,
        caller: &Caller,
        prefix: Prefix,
        body: &ConversationCreate,
    ) -> Result<ConversationResponse, Failure> {
        let build = || {
            collection(&self.transport, Method::POST, prefix)
                .operation("create_conversation")
                .json(body)
        };
        self.json(caller, Limit::Write, &build).await
    }

    /// `GET C/`. Rows that cannot be read are left out.
    pub async fn list_conversations(
        &self,
        caller: &Caller,
        prefix: Prefix,
        query: &ConversationListQuery,
    ) -> Result<Listed<ConversationListResponse>, Failure> {
        let build = || {
            let request =
                collection(&self.transport, Method::GET, prefix).operation("list_conversations");
            with_query(request, &query.pairs())
        };
        let response = self.answer(caller, Limit::Read, &build).await?;
        decode_list::<_, ConversationResponse>(response, Some("conversations"))
    }

    /// `GET C/{id}`, with all messages or none. Messages that cannot be read are left out.
    pub async fn get_conversation(
        &self,
        caller: &Caller,
        prefix: Prefix,
        id: &str,
        include_messages: bool,
    ) -> Result<Listed<ConversationResponse>, Failure> {
        let include = if include_messages { "true" } else { "false" };
        let build = || {
            member(&self.transport, Method::GET, prefix, &[id])
                .operation("get_conversation")
                .query("include_messages", include)
        };
        let response = self.answer(caller, Limit::Read, &build).await?;
        decode_list::<_, MessageResponse>(response, Some("messages"))
    }

    /// `PUT C/{id}`.
    pub async fn update_conversation(
        &self,
        caller: &Caller,
        prefix: Prefix,
        id: &str,
        body: &ConversationUpdate,
    ) -> Result<ConversationResponse, Failure> {
        let build = || {
            member(&self.transport, Method::PUT, prefix, &[id])
                .operation("update_conversation")
                .json(body)
        };
        self.json(caller, Limit::Write, &build).await
    }

    /// `DELETE C/{id}`.
    pub async fn delete_conversation(
        &self,
        caller: &Caller,
        prefix: Prefix,
        id: &str,
    ) -> Result<ConversationDeleteResponse, Failure> {
        let build = || {
            member(&self.transport, Method::DELETE, prefix, &[id]).operation("delete_conversation")
        };
        self.json(caller, Limit::Write, &build).await
    }

    /// `GET C/{id}/messages`. The oldest first, equal times in any order; those that cannot be read are left out.
    pub async fn list_messages(
        &self,
        caller: &Caller,
        prefix: Prefix,
        id: &str,
        query: &MessageListQuery,
    ) -> Result<Listed<Vec<MessageResponse>>, Failure> {
        let build = || {
            let request = member(&self.transport, Method::GET, prefix, &[id, "messages"])
                .operation("list_messages");
            with_query(request, &query.pairs())
        };
        let response = self.answer(caller, Limit::Read, &build).await?;
        decode_list::<_, MessageResponse>(response, None)
    }

    /// `DELETE C/{id}/messages/{message_id}`.
    pub async fn delete_message(
        &self,
        caller: &Caller,
        prefix: Prefix,
        id: &str,
        message_id: &str,
    ) -> Result<MessageDeleteResponse, Failure> {
        let build = || {
            member(
                &self.transport,
                Method::DELETE,
                prefix,
                &[id, "messages", message_id],
            )
            .operation("delete_message")
        };
        self.json(caller, Limit::Write, &build).await
    }

    /// `PATCH C/{id}/messages/{message_id}/rating`. Undocumented under `/chat`, but there on V1.
    pub async fn rate_message(
        &self,
        caller: &Caller,
        prefix: Prefix,
        id: &str,
        message_id: &str,
        body: &MessageRatingUpdate,
    ) -> Result<MessageRatingResponse, Failure> {
        let build = || {
            member(
                &self.transport,
                Method::PATCH,
                prefix,
                &[id, "messages", message_id, "rating"],
            )
            .operation("rate_message")
            .json(body)
        };
        self.json(caller, Limit::Write, &build).await
    }

    /// `POST K/chat`: runs as long as the model does.
    pub async fn chat(&self, caller: &Caller, body: &ChatRequest) -> Result<ChatResponse, Failure> {
        let build = || {
            chat(&self.transport, Method::POST, &["chat"])
                .operation("chat")
                .json(body)
        };
        self.json(caller, Limit::Answer, &build).await
    }

    /// `POST K/template/{name}`: runs as long as the model does.
    pub async fn chat_with_template(
        &self,
        caller: &Caller,
        name: &str,
        body: &ChatRequest,
    ) -> Result<ChatResponse, Failure> {
        let build = || {
            chat(&self.transport, Method::POST, &["template", name])
                .operation("chat_with_template")
                .json(body)
        };
        self.json(caller, Limit::Answer, &build).await
    }

    /// `POST K/streaming`. Not for V0 and V1: there it brings no answer and may lock the conversation.
    pub async fn chat_streaming(
        &self,
        caller: &Caller,
        body: &ChatRequest,
    ) -> Result<EventStream, Failure> {
        let build = || {
            chat(&self.transport, Method::POST, &["streaming"])
                .operation("chat_streaming")
                .json(body)
        };
        let token = self.session.token(self, caller).await?;
        match self.stream_once(caller, token.as_ref(), &build).await {
            Err(Failure::Refused(refusal)) if refusal.status == 401 => {
                match self.second_token(caller, token.as_ref()).await? {
                    Some(token) => self.stream_once(caller, Some(&token), &build).await,
                    None => Err(Failure::Refused(refusal)),
                }
            }
            answer => answer,
        }
    }

    /// `GET K/tools/available`. Tools that cannot be read are left out.
    pub async fn tools(&self, caller: &Caller) -> Result<Listed<AvailableToolsResponse>, Failure> {
        let build =
            || chat(&self.transport, Method::GET, &["tools", "available"]).operation("tools");
        let response = self.answer(caller, Limit::Read, &build).await?;
        decode_named::<_, AvailableToolResponse>(response, "tools")
    }

    /// `GET K/templates`. Templates that cannot be read are left out.
    pub async fn templates(
        &self,
        caller: &Caller,
    ) -> Result<Listed<WorkflowTemplatesResponse>, Failure> {
        let build = || chat(&self.transport, Method::GET, &["templates"]).operation("templates");
        let response = self.answer(caller, Limit::Read, &build).await?;
        decode_named::<_, WorkflowTemplateInfo>(response, "templates")
    }

    /// `GET K/performance/stats`. Answered 500 on every server that was measured.
    pub async fn performance_stats(
        &self,
        caller: &Caller,
    ) -> Result<PerformanceStatsResponse, Failure> {
        let build = || {
            chat(&self.transport, Method::GET, &["performance", "stats"])
                .operation("performance_stats")
        };
        self.json(caller, Limit::Read, &build).await
    }

    /// `GET K/mcp/status`. Answered 500 on every server that was measured.
    pub async fn mcp_status(&self, caller: &Caller) -> Result<McpStatusResponse, Failure> {
        let build =
            || chat(&self.transport, Method::GET, &["mcp", "status"]).operation("mcp_status");
        self.json(caller, Limit::Read, &build).await
    }

    /// `POST /auth/login`, without a token.
    pub async fn login(
        &self,
        caller: &Caller,
        body: &LoginRequest,
    ) -> Result<LoginResponse, Failure> {
        let build = || {
            api(&self.transport, Method::POST, &["auth", "login"])
                .operation("login")
                .json(body)
        };
        let response = self.send_once(caller, Limit::Write, None, &build).await?;
        decode(response)
    }

    /// Whether conversations are served under this prefix: asked without a token, so nothing can be read or
    /// changed, and the answer is 404 (not mounted) or 401 (mounted).
    pub async fn serves(&self, caller: &Caller, prefix: Prefix) -> Result<bool, Failure> {
        let build =
            || collection(&self.transport, Method::GET, prefix).operation("find_generation");
        let response = self.send_once(caller, Limit::Read, None, &build).await?;
        match response.status() {
            401 | 403 => Ok(true),
            404 => Ok(false),
            _ if response.is_success() => Ok(true),
            _ => Err(Failure::Refused(Box::new(refusal(response)))),
        }
    }

    /// Any request in the vendor's own words. Any status is an answer.
    pub(crate) async fn pass_through(
        &self,
        caller: &Caller,
        method: &Method,
        request: &PassthroughRequest,
    ) -> Result<Response, Failure> {
        let path: Vec<&str> = request.path.iter().map(|segment| &**segment).collect();
        let is_collection = path == ["api", "v1", "conversations"];
        let build = || {
            let (method, path) = (method.clone(), &request.path);
            let relayed = relayed(&self.transport, method, path, request, caller.deadline);
            // Without the slash the server answers 307, and behind a proxy with a wrong scheme.
            match is_collection {
                true => relayed.trailing_slash(),
                false => relayed,
            }
        };
        self.answer(caller, Limit::Answer, &build).await
    }

    async fn json<T: DeserializeOwned>(
        &self,
        caller: &Caller,
        limit: Limit,
        build: &Build<'_, '_>,
    ) -> Result<T, Failure> {
        decode(self.answer(caller, limit, build).await?)
    }

    async fn answer(
        &self,
        caller: &Caller,
        limit: Limit,
        build: &Build<'_, '_>,
    ) -> Result<Response, Failure> {
        let token = self.session.token(self, caller).await?;
        let mut response = self.send_once(caller, limit, token.as_ref(), build).await?;
        if response.status() == 401
            && let Some(token) = self.second_token(caller, token.as_ref()).await?
        {
            // A refused token is checked before anything else, so nothing has been done yet.
            response = self.send_once(caller, limit, Some(&token), build).await?;
        }
        Ok(response)
    }

    async fn second_token(
        &self,
        caller: &Caller,
        refused: Option<&SecretString>,
    ) -> Result<Option<SecretString>, Failure> {
        match refused {
            Some(refused) => self.session.renewed(self, caller, refused).await,
            None => Ok(None),
        }
    }

    async fn send_once(
        &self,
        caller: &Caller,
        limit: Limit,
        token: Option<&SecretString>,
        build: &Build<'_, '_>,
    ) -> Result<Response, Failure> {
        Ok(self.prepared(caller, limit, token, build).send().await?)
    }

    async fn stream_once(
        &self,
        caller: &Caller,
        token: Option<&SecretString>,
        build: &Build<'_, '_>,
    ) -> Result<EventStream, Failure> {
        match self
            .prepared(caller, Limit::Answer, token, build)
            .stream()
            .await?
        {
            StreamingResponse::Events(events) => Ok(events),
            StreamingResponse::Complete(response) => {
                Err(Failure::Refused(Box::new(refusal(response))))
            }
        }
    }

    fn prepared<'t>(
        &self,
        caller: &Caller,
        limit: Limit,
        token: Option<&SecretString>,
        build: &Build<'t, '_>,
    ) -> Request<'t> {
        let mut request = build().header("X-Correlation-ID", &caller.correlation_id);
        if let Some(token) = token {
            request = request.bearer(token);
        }
        let now = Instant::now();
        match limit {
            Limit::Read => request.deadline(caller.deadline),
            Limit::Write => request.deadline(caller.deadline.min(now + self.write_timeout)),
            Limit::Answer => request
                .deadline(caller.deadline.min(now + self.answer_timeout))
                .read_timeout(self.answer_timeout),
        }
    }
}

fn decode<T: DeserializeOwned>(response: Response) -> Result<T, Failure> {
    if response.is_success() {
        Ok(response.json()?)
    } else {
        Err(Failure::Refused(Box::new(refusal(response))))
    }
}

/// An answer with a list of `Record`s, its member `list` or itself.
fn decode_list<T: DeserializeOwned, Record: DeserializeOwned>(
    response: Response,
    list: Option<&str>,
) -> Result<Listed<T>, Failure> {
    if response.is_success() {
        Ok(read_list::<T, Record>(&response, list)?)
    } else {
        Err(Failure::Refused(Box::new(refusal(response))))
    }
}

/// The same for a list whose records have names and no ids.
fn decode_named<T: DeserializeOwned, Record: DeserializeOwned>(
    response: Response,
    list: &str,
) -> Result<Listed<T>, Failure> {
    if response.is_success() {
        Ok(read_named::<T, Record>(&response, list)?)
    } else {
        Err(Failure::Refused(Box::new(refusal(response))))
    }
}

fn refusal(response: Response) -> Refusal {
    Refusal::of(response, Some("x-correlation-id"))
}

fn api<'t>(transport: &'t Transport, method: Method, path: &[&str]) -> Request<'t> {
    transport.request(method, &[&["api", "v1"], path].concat())
}

fn chat<'t>(transport: &'t Transport, method: Method, path: &[&str]) -> Request<'t> {
    api(transport, method, &[&["chat"], path].concat())
}

fn collection(transport: &Transport, method: Method, prefix: Prefix) -> Request<'_> {
    match prefix {
        // Without the slash the server answers 307, and behind a proxy with a wrong scheme.
        Prefix::Conversations => api(transport, method, &["conversations"]).trailing_slash(),
        Prefix::Chat => chat(transport, method, &["conversations"]),
    }
}

fn member<'t>(
    transport: &'t Transport,
    method: Method,
    prefix: Prefix,
    path: &[&str],
) -> Request<'t> {
    match prefix {
        Prefix::Conversations => api(transport, method, &[&["conversations"], path].concat()),
        Prefix::Chat => chat(transport, method, &[&["conversations"], path].concat()),
    }
}

fn with_query<'t>(request: Request<'t>, pairs: &[(&'static str, String)]) -> Request<'t> {
    pairs
        .iter()
        .fold(request, |request, (name, value)| request.query(name, value))
}
