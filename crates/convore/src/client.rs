//! One method for each of the vendor's operations that are used, in wire types.

use std::time::{Duration, Instant};

use adapterkit::relayed;
pub use adapterkit::{Failure, Refusal};
use backend::ports::PassthroughRequest;
use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use transport::{Method, Request, Response, Transport, TransportError};

use crate::config::ConvoreConfig;
use crate::wire::{
    Attachment, AttachmentUpload, Conversation, ConversationCreate, ConversationListQuery,
    ConversationUpdate, Label, LabelCreate, Message, MessageImport, MessageSend, MessageUpdate,
    Page,
};

/// The largest page that the vendor gives.
pub const PAGE_MAX: u64 = 100;

/// The bytes of a file, and what the answer says of them.
pub struct Download {
    /// The media type of the answer, with parameters; empty where none was sent.
    pub content_type: String,
    /// The bytes.
    pub bytes: Bytes,
}

// By hand: the bytes are somebody's file.
impl std::fmt::Debug for Download {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Download")
            .field("size", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// A client of one Convore account. Every call ends at the deadline that it is given; a write ends sooner, after the
/// configured time.
pub struct ConvoreClient {
    transport: Transport,
    api_key: SecretString,
    write_timeout: Duration,
}

impl std::fmt::Debug for ConvoreClient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ConvoreClient")
            .finish_non_exhaustive()
    }
}

impl ConvoreClient {
    /// A client; nothing is connected yet.
    ///
    /// # Errors
    /// Where base URL or limits cannot be used.
    pub fn new(config: &ConvoreConfig) -> Result<Self, TransportError> {
        Ok(Self {
            transport: Transport::new(&config.base_url, &config.transport)?,
            api_key: config.api_key.clone(),
            write_timeout: config.write_timeout,
        })
    }

    /// The same client, with another key and the same connections.
    pub(crate) fn with_key(&self, api_key: SecretString) -> Self {
        Self {
            transport: self.transport.clone(),
            api_key,
            write_timeout: self.write_timeout,
        }
    }

    /// Whether it calls with this key.
    pub(crate) fn has_key(&self, api_key: &SecretString) -> bool {
        self.api_key.expose_secret() == api_key.expose_secret()
    }

    /// `GET /v1/messages`: a page of a conversation's messages, in no order. Everything of each message is asked for:
    /// nobody knows what is shown otherwise.
    pub async fn list_messages(
        &self,
        deadline: Instant,
        conversation_id: &str,
        cursor: Option<&str>,
    ) -> Result<Page, Failure> {
        let mut pairs = vec![
            ("conversation_id", conversation_id.to_owned()),
            ("format", "full".to_owned()),
            ("limit", PAGE_MAX.to_string()),
        ];
        pairs.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
        let request = self.transport.get(&["v1", "messages"]);
        let request = with_query(request, &pairs).operation("list_messages");
        self.read(deadline, request).await
    }

    /// `GET /v1/messages/{id}`.
    pub async fn get_message(&self, deadline: Instant, id: &str) -> Result<Message, Failure> {
        let request = self.transport.get(&["v1", "messages", id]);
        self.read(deadline, request.operation("get_message")).await
    }

    /// `POST /v1/messages`: sends to people.
    pub async fn send_message(
        &self,
        deadline: Instant,
        body: &MessageSend,
    ) -> Result<Message, Failure> {
        let request = self.transport.post(&["v1", "messages"]).json(body);
        self.write(deadline, request.operation("send_message"))
            .await
    }

    /// `POST /v1/messages/import`: stores and sends nothing.
    pub async fn import_message(
        &self,
        deadline: Instant,
        body: &MessageImport,
    ) -> Result<Message, Failure> {
        let request = self
            .transport
            .post(&["v1", "messages", "import"])
            .json(body);
        self.write(deadline, request.operation("import_message"))
            .await
    }

    /// `PATCH /v1/messages/{id}`.
    pub async fn update_message(
        &self,
        deadline: Instant,
        id: &str,
        body: &MessageUpdate,
    ) -> Result<Message, Failure> {
        let request = self.transport.patch(&["v1", "messages", id]).json(body);
        self.write(deadline, request.operation("update_message"))
            .await
    }

    /// `GET /v1/conversations`, in no order.
    pub async fn list_conversations(
        &self,
        deadline: Instant,
        query: &ConversationListQuery,
    ) -> Result<Page, Failure> {
        let request = self.transport.get(&["v1", "conversations"]);
        let request = with_query(request, &query.pairs()).operation("list_conversations");
        self.read(deadline, request).await
    }

    /// `GET /v1/conversations/{id}`.
    pub async fn get_conversation(
        &self,
        deadline: Instant,
        id: &str,
    ) -> Result<Conversation, Failure> {
        let request = self.transport.get(&["v1", "conversations", id]);
        self.read(deadline, request.operation("get_conversation"))
            .await
    }

    /// `POST /v1/conversations`.
    pub async fn create_conversation(
        &self,
        deadline: Instant,
        body: &ConversationCreate,
    ) -> Result<Conversation, Failure> {
        let request = self.transport.post(&["v1", "conversations"]).json(body);
        self.write(deadline, request.operation("create_conversation"))
            .await
    }

    /// `PATCH /v1/conversations/{id}`.
    pub async fn update_conversation(
        &self,
        deadline: Instant,
        id: &str,
        body: &ConversationUpdate,
    ) -> Result<Conversation, Failure> {
        let request = self
            .transport
            .patch(&["v1", "conversations", id])
            .json(body);
        self.write(deadline, request.operation("update_conversation"))
            .await
    }

    /// `GET /v1/labels`: those of all channels.
    pub async fn list_labels(
        &self,
        deadline: Instant,
        cursor: Option<&str>,
    ) -> Result<Page, Failure> {
        let mut pairs = vec![("limit", PAGE_MAX.to_string())];
        pairs.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
        let request = self.transport.get(&["v1", "labels"]);
        let request = with_query(request, &pairs).operation("list_labels");
        self.read(deadline, request).await
    }

    /// `POST /v1/labels`.
    pub async fn create_label(
        &self,
        deadline: Instant,
        body: &LabelCreate,
    ) -> Result<Label, Failure> {
        let request = self.transport.post(&["v1", "labels"]).json(body);
        self.write(deadline, request.operation("create_label"))
            .await
    }

    /// `POST /v1/attachments`.
    pub async fn upload_attachment(
        &self,
        deadline: Instant,
        query: &AttachmentUpload,
        file_name: &str,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<Attachment, Failure> {
        let request = self.transport.post(&["v1", "attachments"]);
        let request = with_query(request, &query.pairs())
            .file("file", file_name, media_type, bytes)
            .operation("upload_attachment");
        self.write(deadline, request).await
    }

    /// `GET /v1/attachments/{id}/download`: bytes of any type.
    pub async fn download_attachment(
        &self,
        deadline: Instant,
        id: &str,
    ) -> Result<Download, Failure> {
        let request = self
            .transport
            .get(&["v1", "attachments", id, "download"])
            .operation("download_attachment")
            .accept("*/*");
        let response = self.send(request.deadline(deadline)).await?;
        Ok(Download {
            content_type: response
                .header("content-type")
                .unwrap_or_default()
                .to_owned(),
            bytes: response.into_body(),
        })
    }

    /// `DELETE /v1/attachments/{id}`: answers nothing.
    pub async fn delete_attachment(&self, deadline: Instant, id: &str) -> Result<(), Failure> {
        let request = self
            .transport
            .delete(&["v1", "attachments", id])
            .operation("delete_attachment");
        let limit = Instant::now() + self.write_timeout;
        match self.send(request.deadline(deadline.min(limit))).await {
            // Nothing is to be read, so nothing is missing.
            Err(Failure::Refused(refusal)) if refusal.status == 204 => Ok(()),
            other => {
                let response = other?;
                if !response.body().is_empty() {
                    // A proxy's page is no answer of the vendor's.
                    response.json::<serde::de::IgnoredAny>()?;
                }
                Ok(())
            }
        }
    }

    /// Any request in the vendor's own words. Any status is an answer.
    pub(crate) async fn pass_through(
        &self,
        deadline: Instant,
        method: Method,
        request: &PassthroughRequest,
    ) -> Result<Response, Failure> {
        let relayed = relayed(&self.transport, method, &request.path, request, deadline);
        Ok(relayed.bearer(&self.api_key).send().await?)
    }

    async fn read<T: DeserializeOwned>(
        &self,
        deadline: Instant,
        request: Request<'_>,
    ) -> Result<T, Failure> {
        Ok(self.send(request.deadline(deadline)).await?.json()?)
    }

    async fn write<T: DeserializeOwned>(
        &self,
        deadline: Instant,
        request: Request<'_>,
    ) -> Result<T, Failure> {
        let limit = Instant::now() + self.write_timeout;
        self.read(deadline.min(limit), request).await
    }

    /// The answer, where it is a success. The vendor declares 200 alone; 201 would mean the same.
    async fn send(&self, request: Request<'_>) -> Result<Response, Failure> {
        let response = request.bearer(&self.api_key).send().await?;
        if matches!(response.status(), 200 | 201) {
            Ok(response)
        } else {
            Err(Failure::Refused(Box::new(Refusal::of(response, None))))
        }
    }
}

fn with_query<'t>(request: Request<'t>, pairs: &[(&'static str, String)]) -> Request<'t> {
    pairs
        .iter()
        .fold(request, |request, (name, value)| request.query(name, value))
}
