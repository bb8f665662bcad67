//! One method for each operation of the vendor that has a canonical meaning, in wire types.
//!
//! Every call carries a credential and a deadline. The vendor has no header for a request's id and tells
//! none.

mod access;

use std::time::{Duration, Instant};

use adapterkit::{Failure, Listed, Refusal, read_list, relayed};
use backend::ports::PassthroughRequest;
use bytes::Bytes;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use transport::{Method, Request, Response, Transport, TransportError};

use crate::config::SunshineConfig;
use crate::wire::{
    ActivityPost, AttachmentDeleteBody, AttachmentResponse, AttachmentUploadQuery, Conversation,
    ConversationCreateBody, ConversationListQuery, ConversationListResponse, ConversationResponse,
    ConversationUpdateBody, Empty, Message, MessageListResponse, MessagePostResponse, PageQuery,
    Participant, ParticipantJoinBody, ParticipantLeaveBody, ParticipantListResponse,
    ParticipantResponse, UserCreateBody, UserResponse, UserUpdateBody,
};
use access::Access;

/// Until when a call may take.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// When nobody waits any longer.
    pub deadline: Instant,
}

/// How a call is limited in time.
#[derive(Clone, Copy)]
enum Limit {
    Read,
    Write,
}

/// A client of one app.
pub struct SunshineClient {
    transport: Transport,
    app_id: String,
    access: Access,
    write_timeout: Duration,
}

impl std::fmt::Debug for SunshineClient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("SunshineClient")
            .finish_non_exhaustive()
    }
}

impl SunshineClient {
    /// A client; nothing is connected yet.
    ///
    /// # Errors
    /// Where base URL or limits cannot be used.
    pub fn new(config: &SunshineConfig) -> Result<Self, TransportError> {
        Ok(Self {
            transport: Transport::new(&config.base_url, &config.transport)?,
            app_id: config.app_id.clone(),
            access: Access::new(config.credentials.clone()),
            write_timeout: config.write_timeout,
        })
    }

    /// The same client, with another credential and the same connections.
    pub(crate) fn with_secret(&self, secret: &SecretString) -> Self {
        Self {
            transport: self.transport.clone(),
            app_id: self.app_id.clone(),
            access: self.access.with_secret(secret),
            write_timeout: self.write_timeout,
        }
    }

    /// `POST …/conversations`.
    pub async fn create_conversation(
        &self,
        caller: Caller,
        body: &ConversationCreateBody,
    ) -> Result<ConversationResponse, Failure> {
        let request = self
            .request(Method::POST, &["conversations"], "create_conversation")
            .json(body);
        self.json(caller, Limit::Write, request).await
    }

    /// `GET …/conversations`, of one user.
    pub async fn list_conversations(
        &self,
        caller: Caller,
        query: &ConversationListQuery,
    ) -> Result<Listed<ConversationListResponse>, Failure> {
        let request = self.request(Method::GET, &["conversations"], "list_conversations");
        let request = with_query(request, &query.pairs());
        self.list::<_, Conversation>(caller, request, "conversations")
            .await
    }

    /// `GET …/conversations/{conversationId}`.
    pub async fn get_conversation(
        &self,
        caller: Caller,
        conversation: &str,
    ) -> Result<ConversationResponse, Failure> {
        let path = ["conversations", conversation];
        let request = self.request(Method::GET, &path, "get_conversation");
        self.json(caller, Limit::Read, request).await
    }

    /// `PATCH …/conversations/{conversationId}`.
    pub async fn update_conversation(
        &self,
        caller: Caller,
        conversation: &str,
        body: &ConversationUpdateBody,
    ) -> Result<ConversationResponse, Failure> {
        let path = ["conversations", conversation];
        let request = self
            .request(Method::PATCH, &path, "update_conversation")
            .json(body);
        self.json(caller, Limit::Write, request).await
    }

    /// `DELETE …/conversations/{conversationId}`, with its messages and attachments. 400 for a user's default
    /// conversation.
    pub async fn delete_conversation(
        &self,
        caller: Caller,
        conversation: &str,
    ) -> Result<Empty, Failure> {
        let path = ["conversations", conversation];
        let request = self.request(Method::DELETE, &path, "delete_conversation");
        self.json(caller, Limit::Write, request).await
    }

    /// `GET …/conversations/{conversationId}/participants`.
    pub async fn list_participants(
        &self,
        caller: Caller,
        conversation: &str,
        page: &PageQuery,
    ) -> Result<Listed<ParticipantListResponse>, Failure> {
        let path = ["conversations", conversation, "participants"];
        let request = self.request(Method::GET, &path, "list_participants");
        let request = with_query(request, &page.pairs());
        self.list::<_, Participant>(caller, request, "participants")
            .await
    }

    /// `POST …/conversations/{conversationId}/join`. Groups only.
    pub async fn join_conversation(
        &self,
        caller: Caller,
        conversation: &str,
        body: &ParticipantJoinBody,
    ) -> Result<ParticipantResponse, Failure> {
        let path = ["conversations", conversation, "join"];
        let request = self
            .request(Method::POST, &path, "join_conversation")
            .json(body);
        self.json(caller, Limit::Write, request).await
    }

    /// `POST …/conversations/{conversationId}/leave`.
    pub async fn leave_conversation(
        &self,
        caller: Caller,
        conversation: &str,
        body: &ParticipantLeaveBody,
    ) -> Result<Empty, Failure> {
        let path = ["conversations", conversation, "leave"];
        let request = self
            .request(Method::POST, &path, "leave_conversation")
            .json(body);
        self.json(caller, Limit::Write, request).await
    }

    /// `POST …/conversations/{conversationId}/messages`, with a body that is encoded already: its size has a limit.
    pub async fn post_message(
        &self,
        caller: Caller,
        conversation: &str,
        body: Bytes,
    ) -> Result<MessagePostResponse, Failure> {
        let path = ["conversations", conversation, "messages"];
        let request = self
            .request(Method::POST, &path, "post_message")
            .json_bytes(body);
        self.json(caller, Limit::Write, request).await
    }

    /// `GET …/conversations/{conversationId}/messages`. The size of a page does not apply and is never sent.
    pub async fn list_messages(
        &self,
        caller: Caller,
        conversation: &str,
        page: &PageQuery,
    ) -> Result<Listed<MessageListResponse>, Failure> {
        let path = ["conversations", conversation, "messages"];
        let page = PageQuery {
            size: None,
            ..page.clone()
        };
        let request = self.request(Method::GET, &path, "list_messages");
        let request = with_query(request, &page.pairs());
        self.list::<_, Message>(caller, request, "messages").await
    }

    /// `DELETE …/conversations/{conversationId}/messages`: all of them.
    pub async fn delete_all_messages(
        &self,
        caller: Caller,
        conversation: &str,
    ) -> Result<Empty, Failure> {
        let path = ["conversations", conversation, "messages"];
        let request = self.request(Method::DELETE, &path, "delete_all_messages");
        self.json(caller, Limit::Write, request).await
    }

    /// `DELETE …/conversations/{conversationId}/messages/{messageId}`.
    pub async fn delete_message(
        &self,
        caller: Caller,
        conversation: &str,
        message: &str,
    ) -> Result<Empty, Failure> {
        let path = ["conversations", conversation, "messages", message];
        let request = self.request(Method::DELETE, &path, "delete_message");
        self.json(caller, Limit::Write, request).await
    }

    /// `POST …/conversations/{conversationId}/activity`.
    pub async fn post_activity(
        &self,
        caller: Caller,
        conversation: &str,
        body: &ActivityPost,
    ) -> Result<Empty, Failure> {
        let path = ["conversations", conversation, "activity"];
        let request = self
            .request(Method::POST, &path, "post_activity")
            .json(body);
        self.json(caller, Limit::Write, request).await
    }

    /// `POST …/attachments`: one file, as `source`.
    pub async fn upload_attachment(
        &self,
        caller: Caller,
        query: &AttachmentUploadQuery,
        file_name: &str,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<AttachmentResponse, Failure> {
        let request = self.request(Method::POST, &["attachments"], "upload_attachment");
        let request =
            with_query(request, &query.pairs()).file("source", file_name, media_type, bytes);
        self.json(caller, Limit::Write, request).await
    }

    /// `POST …/attachments/remove`.
    pub async fn remove_attachment(
        &self,
        caller: Caller,
        body: &AttachmentDeleteBody,
    ) -> Result<Empty, Failure> {
        let request = self
            .request(
                Method::POST,
                &["attachments", "remove"],
                "remove_attachment",
            )
            .json(body);
        self.json(caller, Limit::Write, request).await
    }

    /// `POST …/users`. 409 where the external id is taken.
    pub async fn create_user(
        &self,
        caller: Caller,
        body: &UserCreateBody,
    ) -> Result<UserResponse, Failure> {
        let request = self
            .request(Method::POST, &["users"], "create_user")
            .json(body);
        self.json(caller, Limit::Write, request).await
    }

    /// `GET …/users/{userIdOrExternalId}`.
    pub async fn get_user(&self, caller: Caller, user: &str) -> Result<UserResponse, Failure> {
        let request = self.request(Method::GET, &["users", user], "get_user");
        self.json(caller, Limit::Read, request).await
    }

    /// `PATCH …/users/{userIdOrExternalId}`.
    pub async fn update_user(
        &self,
        caller: Caller,
        user: &str,
        body: &UserUpdateBody,
    ) -> Result<UserResponse, Failure> {
        let request = self
            .request(Method::PATCH, &["users", user], "update_user")
            .json(body);
        self.json(caller, Limit::Write, request).await
    }

    /// Any request in the vendor's own words. Any status is an answer.
    pub(crate) async fn pass_through(
        &self,
        caller: Caller,
        method: Method,
        request: &PassthroughRequest,
    ) -> Result<Response, Failure> {
        let path = &request.path;
        let relayed = relayed(&self.transport, method, path, request, caller.deadline);
        Ok(self.access.apply(relayed).await.send().await?)
    }

    fn request<'t>(
        &'t self,
        method: Method,
        path: &[&str],
        operation: &'static str,
    ) -> Request<'t> {
        let segments = [&["v2", "apps", &self.app_id], path].concat();
        self.transport
            .request(method, &segments)
            .operation(operation)
    }

    async fn json<T: DeserializeOwned>(
        &self,
        caller: Caller,
        limit: Limit,
        request: Request<'_>,
    ) -> Result<T, Failure> {
        Ok(self.answer(caller, limit, request).await?.json()?)
    }

    /// A page of `R`ecords, which are the member `list` of the answer: those that can be read.
    async fn list<T: DeserializeOwned, R: DeserializeOwned>(
        &self,
        caller: Caller,
        request: Request<'_>,
        list: &str,
    ) -> Result<Listed<T>, Failure> {
        let answer = self.answer(caller, Limit::Read, request).await?;
        Ok(read_list::<T, R>(&answer, Some(list))?)
    }

    async fn answer(
        &self,
        caller: Caller,
        limit: Limit,
        request: Request<'_>,
    ) -> Result<Response, Failure> {
        let deadline = match limit {
            Limit::Read => caller.deadline,
            Limit::Write => caller.deadline.min(Instant::now() + self.write_timeout),
        };
        let request = self.access.apply(request).await;
        let response = request.deadline(deadline).send().await?;
        if response.is_success() {
            Ok(response)
        } else {
            Err(Failure::Refused(Box::new(Refusal::of(response, None))))
        }
    }
}

/// The body of a request as it is sent.
///
/// # Errors
/// Never in practice: a wire object is always JSON.
pub(crate) fn encode<T: Serialize>(body: &T) -> serde_json::Result<Bytes> {
    serde_json::to_vec(body).map(Bytes::from)
}

fn with_query<'t>(request: Request<'t>, pairs: &[(&'static str, String)]) -> Request<'t> {
    pairs
        .iter()
        .fold(request, |request, (name, value)| request.query(name, value))
}
