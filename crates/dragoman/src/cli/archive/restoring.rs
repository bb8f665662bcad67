//! The calls that bring one conversation of an archive to a backend. Each changes nothing more the second time, so it is
//! repeated while it fails for now: what a killed import left open is known after a while.

use std::time::Duration;

use bytes::Bytes;
use migration::archive::{AttachmentLine, ConversationLine, EndLine, MessageLine};
use serde::Deserialize;
use serde_json::json;

use crate::cli::client::{Answer, Api, Asking, Refusal};
use crate::failure::Failure;

/// A conversation is compared at the pace of its vendor: a gateway takes up to an hour for it.
const COMPARING_LIMIT: Duration = Duration::from_secs(3_660);
/// The media type of plain bytes: the real one stands in the query.
const OCTETS: &str = "application/octet-stream";

/// The calls of one import.
pub(super) struct Restoring<'a> {
    api: &'a Api,
    /// The backend that everything comes to.
    backend: &'a str,
    /// The conversation that has begun, as the calls name it.
    conversation: String,
    tenant: Option<Box<str>>,
    owner: Option<Box<str>>,
}

/// Why a call was not done.
pub(super) enum Stops {
    /// This conversation cannot be brought there, for this reason; others can.
    Conversation(String),
    /// Nothing can, or not now.
    All(Failure),
}

impl<F: Into<Failure>> From<F> for Stops {
    fn from(failure: F) -> Self {
        Self::All(failure.into())
    }
}

/// How much a call wrote.
#[derive(Deserialize)]
struct Put {
    written: u64,
}

impl<'a> Restoring<'a> {
    pub(super) fn new(api: &'a Api, backend: &'a str) -> Self {
        Self {
            api,
            backend,
            conversation: String::new(),
            tenant: None,
            owner: None,
        }
    }

    /// Begins a conversation, or goes on with it.
    pub(super) async fn begin(&mut self, line: &ConversationLine) -> Result<(), Stops> {
        self.conversation = line.id.to_string();
        self.tenant.clone_from(&line.tenant);
        self.owner.clone_from(&line.owner);
        let path = ["archive", "conversations", &self.conversation];
        let asking = self.to_target(self.api.put(&path));
        done(asking.json(line)?).await?;
        Ok(())
    }

    /// Brings messages there, and gives how many were not.
    pub(super) async fn messages(&self, lines: &[MessageLine]) -> Result<u64, Stops> {
        let path = ["archive", "conversations", &self.conversation, "messages"];
        let asking = self.to_target(self.api.post(&path));
        let put = done(asking.json(&json!({"messages": lines}))?).await?;
        Ok(self.api.read::<Put>(&put)?.written)
    }

    /// Brings an attachment there, and gives whether it was not.
    pub(super) async fn attach(&self, line: &AttachmentLine, bytes: Bytes) -> Result<u64, Stops> {
        let id = line.id.to_string();
        let path = [
            "archive",
            "conversations",
            &self.conversation,
            "attachments",
            &id,
        ];
        let asking = self.to_target(self.api.put(&path));
        let asking = asking
            .query("name", line.name.as_deref())
            .query("media_type", Some(&line.media_type))
            .query("sha256", Some(line.sha256));
        let put = done(asking.body(OCTETS, bytes)).await?;
        Ok(self.api.read::<Put>(&put)?.written)
    }

    /// Ends the conversation: it is there, and equal.
    pub(super) async fn end(&self, line: &EndLine) -> Result<(), Stops> {
        let path = ["archive", "conversations", &self.conversation, "end"];
        let asking = self.to_target(self.api.post(&path));
        done(asking.json(line)?.silence(COMPARING_LIMIT)).await?;
        Ok(())
    }

    /// Every call says where the conversation belongs.
    fn to_target<'c>(&'c self, asking: Asking<'c>) -> Asking<'c> {
        asking
            .query("backend", Some(self.backend))
            .query("tenant", self.tenant.as_deref())
            .query("owner", self.owner.as_deref())
    }
}

async fn done(asking: Asking<'_>) -> Result<Answer, Stops> {
    asking.insist().await.map_err(|refusal| match refusal {
        Refusal::Sent(failure) => Stops::Conversation(failure.message()),
        Refusal::Call(failure) => Stops::All(failure),
    })
}
