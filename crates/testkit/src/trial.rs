//! One deed at a fake vendor behind a line: what is tried under every fault.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backend::{
    Backend, Context, ConversationQuery, Error, Event, Intent, Kind, Location, NewAttachment,
    PageRequest, Result, Settled, Write,
};
use conversation::{Activity, AttachmentId, Digest, MessageId, Time};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::line::{Line, Witness};

/// How long a deed may take where no fault makes it last longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is done.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "a test has one, and a box would stand in every table"
)]
pub enum Deed {
    /// A write that can be settled.
    Write(Write),
    /// Bytes are stored.
    Attach(NewAttachment),
    /// Somebody reads or types.
    Tell(Activity),
    /// A conversation is read.
    GetConversation,
    /// Conversations are listed.
    ListConversations,
    /// A message is read.
    GetMessage(MessageId),
    /// Messages are listed.
    ListMessages,
    /// Participants are listed.
    ListParticipants,
    /// Bytes are read.
    OpenAttachment(AttachmentId),
    /// Templates are listed.
    Templates,
    /// Tools are listed.
    Tools,
}

/// A deed, ready to be done: a fake of its own, and an adapter that reaches it over a line.
pub struct Trial {
    /// The way from the adapter to the fake.
    pub line: Line,
    /// The adapter. It believes that a vendor does nothing after a write's deadline.
    pub backend: Arc<dyn Backend>,
    /// Who calls.
    pub caller: Context,
    /// The conversation; absent for a create.
    pub at: Option<Location>,
    /// What is done.
    pub deed: Deed,
    /// How much of it the fake holds. Grows by doing; keeps the fake alive.
    pub done: Witness,
}

/// A deed of an adapter, by name, made anew for each fault.
pub struct Subject {
    /// The deed's name.
    pub name: &'static str,
    /// True where settling tells what became of it, whatever that is.
    pub settles: bool,
    /// Makes a fake and all that the deed needs.
    pub make: Box<dyn Fn() -> BoxFuture<'static, Trial> + Send + Sync>,
}

/// A deed that was tried.
pub struct Tried {
    /// One result for each thing that was to be done.
    pub results: Vec<Result<()>>,
    /// What would have been noted of it; absent for what is never noted.
    pub intent: Option<Intent>,
}

impl Trial {
    /// Does it, within a minute.
    pub async fn run(&self) -> Tried {
        self.run_within(PATIENCE).await
    }

    /// Does it, within `patience`.
    pub async fn run_within(&self, patience: Duration) -> Tried {
        let cx = Context {
            intent: Uuid::now_v7(),
            ..self.caller_for(patience)
        };
        let started_at = Time::now();
        let results = self.perform(&cx).await;
        let write = match &self.deed {
            Deed::Write(write) => Some(write.clone()),
            Deed::Attach(new) => Some(Write::PutAttachment {
                message_id: new.message_id.clone(),
                name: new.name.clone(),
                digest: Digest::of(&new.bytes),
            }),
            _ => None,
        };
        let intent = write.map(|write| Intent {
            id: cx.intent,
            location: self.at.clone(),
            write,
            started_at,
            deadline_at: Time::now(),
        });
        Tried { results, intent }
    }

    /// Settles a write, within a minute.
    ///
    /// # Errors
    /// Those of the adapter.
    pub async fn settle(&self, intent: &Intent) -> Result<Settled> {
        let cx = self.caller_for(PATIENCE);
        self.backend.settle(&cx, intent).await
    }

    pub(crate) fn is_read(&self) -> bool {
        !matches!(self.deed, Deed::Write(_) | Deed::Attach(_) | Deed::Tell(_))
    }

    fn caller_for(&self, patience: Duration) -> Context {
        Context {
            deadline: Instant::now() + patience,
            ..self.caller.clone()
        }
    }

    fn at(&self) -> Location {
        self.at.clone().expect("a deed in a conversation")
    }

    async fn perform(&self, cx: &Context) -> Vec<Result<()>> {
        let backend = &self.backend;
        let result = match self.deed.clone() {
            Deed::Write(Write::ImportMessages(messages)) => {
                return match backend.import_messages(cx, &self.at(), messages).await {
                    Ok(results) => results.into_iter().map(|one| one.map(drop)).collect(),
                    Err(error) => vec![Err(error)],
                };
            }
            Deed::Write(write) => self.write(cx, write).await,
            Deed::Attach(new) => backend.put_attachment(cx, &self.at(), new).await.map(drop),
            Deed::Tell(activity) => backend.send_activity(cx, &self.at(), activity).await,
            Deed::GetConversation => backend.get_conversation(cx, &self.at()).await.map(drop),
            Deed::ListConversations => {
                let query = ConversationQuery::all(50);
                backend.list_conversations(cx, &query).await.map(drop)
            }
            Deed::GetMessage(id) => backend.get_message(cx, &self.at(), &id).await.map(drop),
            Deed::ListMessages => {
                let page = PageRequest::first(50);
                backend.list_messages(cx, &self.at(), &page).await.map(drop)
            }
            Deed::ListParticipants => backend.list_participants(cx, &self.at()).await.map(drop),
            Deed::OpenAttachment(id) => {
                backend.open_attachment(cx, &self.at(), &id).await.map(drop)
            }
            Deed::Templates => backend.templates(cx).await.map(drop),
            Deed::Tools => backend.tools(cx).await.map(drop),
        };
        vec![result]
    }

    async fn write(&self, cx: &Context, write: Write) -> Result<()> {
        let backend = &self.backend;
        match write {
            Write::CreateConversation(new) => backend.create_conversation(cx, new).await.map(drop),
            Write::UpdateConversation(patch) => {
                let at = self.at();
                let updated = backend.update_conversation(cx, &at, patch, None);
                updated.await.map(drop)
            }
            Write::DeleteConversation => backend.delete_conversation(cx, &self.at(), None).await,
            Write::PostMessage(new) => backend.post_message(cx, &self.at(), new).await.map(drop),
            Write::ImportMessage(new) => {
                let imported = backend.import_messages(cx, &self.at(), vec![new]).await?;
                imported
                    .into_iter()
                    .next()
                    .expect("one result for one message")
                    .map(drop)
            }
            Write::UpdateMessage { id, patch } => {
                let at = self.at();
                let updated = backend.update_message(cx, &at, &id, patch, None);
                updated.await.map(drop)
            }
            Write::DeleteMessage { id } => backend.delete_message(cx, &self.at(), &id, None).await,
            Write::RateMessage { id, value } => {
                let at = self.at();
                let rated = backend.rate_message(cx, &at, &id, value);
                rated.await.map(drop)
            }
            Write::Respond(request) => {
                let events = backend.respond(cx, &self.at(), request).await?;
                match events.collect::<Vec<_>>().await.pop() {
                    Some(Event::MessageCompleted(_) | Event::MessageIncomplete(_)) => Ok(()),
                    Some(Event::MessageFailed { error, .. }) => Err(error),
                    _ => panic!("an answer without an end"),
                }
            }
            Write::AddParticipants(new) => backend
                .add_participants(cx, &self.at(), new)
                .await
                .map(drop),
            Write::RemoveParticipant { id } => {
                backend.remove_participant(cx, &self.at(), &id).await
            }
            Write::ImportMessages(_) | Write::PutAttachment { .. } => Err(Error::new(
                Kind::Internal,
                "these are done by deeds of their own",
            )),
        }
    }
}
