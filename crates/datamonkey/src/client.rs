//! One method for each of the vendor's six operations, in wire types.
//!
//! A call carries the token that it is given, or none, and a deadline.

use std::time::{Duration, Instant};

use adapterkit::{Failure, Listed, Refusal, read_list, relayed};
use backend::ports::PassthroughRequest;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use transport::{Method, Request, Response, Transport, TransportError};

use crate::config::DatamonkeyConfig;
use crate::wire::{
    ChatConversation, ChatMessage, ConversationList, CreateRequest, CreatedConversation,
    MessageList, NEW_TOKEN_HEADER, SendRequest, SendResponse, TOKEN_HEADER,
};

/// Who makes a call and until when.
#[derive(Clone, Debug)]
pub struct Caller {
    /// When nobody waits any longer.
    pub deadline: Instant,
    /// The token that is sent; without one only a create succeeds.
    pub token: Option<SecretString>,
}

/// What a create answers.
#[derive(Debug)]
pub struct Created {
    /// The new conversation.
    pub conversation: CreatedConversation,
    /// The token of a new user. The server makes one where it got no token, and also where it got one that it does
    /// not accept: the conversation is the new user's then.
    pub new_token: Option<SecretString>,
}

/// How a call is limited in time.
#[derive(Clone, Copy)]
enum Limit {
    Read,
    Write,
    Answer,
}

/// A client of one Datamonkey server.
pub struct DatamonkeyClient {
    transport: Transport,
    write_timeout: Duration,
    answer_timeout: Duration,
}

impl std::fmt::Debug for DatamonkeyClient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("DatamonkeyClient")
            .finish_non_exhaustive()
    }
}

impl DatamonkeyClient {
    /// A client; nothing is connected yet.
    ///
    /// # Errors
    /// Where base URL or limits cannot be used.
    pub fn new(config: &DatamonkeyConfig) -> Result<Self, TransportError> {
        Ok(Self {
            transport: Transport::new(&config.api_url(), &config.transport.for_whole_lists())?,
            write_timeout: config.write_timeout,
            answer_timeout: config.answer_timeout,
        })
    }

    /// `POST /chat`. Never refuses a token: see [`Created`].
    pub async fn create_conversation(
        &self,
        caller: &Caller,
        body: &CreateRequest,
    ) -> Result<Created, Failure> {
        let request = self
            .request(Method::POST, &["chat"], "create_conversation")
            .json(body);
        let response = self.send(caller, Limit::Write, request).await?;
        let new_token = response.header(NEW_TOKEN_HEADER).map(SecretString::from);
        Ok(Created {
            conversation: decode(response)?,
            new_token,
        })
    }

    /// `GET /chat`: everything at once, the last changed first. Rows that cannot be read are left out.
    pub async fn list_conversations(
        &self,
        caller: &Caller,
    ) -> Result<Listed<ConversationList>, Failure> {
        let request = self.request(Method::GET, &["chat"], "list_conversations");
        let response = self.send(caller, Limit::Read, request).await?;
        Ok(read_list::<_, ChatConversation>(
            &response,
            Some("conversations"),
        )?)
    }

    /// `GET /chat/{id}`, always with all messages. Those that cannot be read are left out.
    pub async fn get_conversation(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<Listed<ChatConversation>, Failure> {
        let request = self.request(Method::GET, &["chat", id], "get_conversation");
        let response = self.send(caller, Limit::Read, request).await?;
        Ok(read_list::<_, ChatMessage>(&response, Some("messages"))?)
    }

    /// `DELETE /chat/{id}`: gone for good; 404 the second time.
    pub async fn delete_conversation(&self, caller: &Caller, id: &str) -> Result<(), Failure> {
        let request = self.request(Method::DELETE, &["chat", id], "delete_conversation");
        let response = self.send(caller, Limit::Write, request).await?;
        if response.status() == 204 {
            return Ok(());
        }
        Err(refused(response))
    }

    /// `GET /chat/{id}/messages`: everything at once, the oldest first. Those that cannot be read are left out.
    pub async fn list_messages(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<Listed<MessageList>, Failure> {
        let request = self.request(Method::GET, &["chat", id, "messages"], "list_messages");
        let response = self.send(caller, Limit::Read, request).await?;
        Ok(read_list::<_, ChatMessage>(&response, Some("messages"))?)
    }

    /// `POST /chat/{id}/messages`: runs as long as the model does, and stores both messages afterwards.
    pub async fn send_message(
        &self,
        caller: &Caller,
        id: &str,
        body: &SendRequest,
    ) -> Result<SendResponse, Failure> {
        let request = self
            .request(Method::POST, &["chat", id, "messages"], "send_message")
            .json(body);
        decode(self.send(caller, Limit::Answer, request).await?)
    }

    /// Any request in the vendor's own words. Any status is an answer. The path begins below `/api/v1`, or with it.
    pub(crate) async fn pass_through(
        &self,
        caller: &Caller,
        method: Method,
        request: &PassthroughRequest,
    ) -> Result<Response, Failure> {
        let path = match &request.path[..] {
            [api, version, rest @ ..] if &**api == "api" && &**version == "v1" => rest,
            path => path,
        };
        let relayed = relayed(&self.transport, method, path, request, caller.deadline);
        let relayed = match &caller.token {
            Some(token) => relayed.secret_header(TOKEN_HEADER, token),
            None => relayed,
        };
        Ok(relayed.send().await?)
    }

    fn request(&self, method: Method, path: &[&str], operation: &'static str) -> Request<'_> {
        self.transport.request(method, path).operation(operation)
    }

    async fn send(
        &self,
        caller: &Caller,
        limit: Limit,
        request: Request<'_>,
    ) -> Result<Response, Failure> {
        let request = match &caller.token {
            // `Authorization: Bearer` would do as well, but is what proxies in between look at.
            Some(token) => request.secret_header(TOKEN_HEADER, token),
            None => request,
        };
        let now = Instant::now();
        let request = match limit {
            Limit::Read => request.deadline(caller.deadline),
            Limit::Write => request.deadline(caller.deadline.min(now + self.write_timeout)),
            Limit::Answer => request
                .deadline(caller.deadline.min(now + self.answer_timeout))
                .read_timeout(self.answer_timeout),
        };
        let response = request.send().await?;
        if response.is_success() {
            Ok(response)
        } else {
            Err(refused(response))
        }
    }
}

fn decode<T: DeserializeOwned>(response: Response) -> Result<T, Failure> {
    Ok(response.json()?)
}

fn refused(response: Response) -> Failure {
    Failure::Refused(Box::new(Refusal::of(response, None)))
}
