//! One migration at work: between which two backends, in which direction, for whom.

use std::sync::Arc;

use backend::ports::{Binding, CopyAt, MigrationId, MigrationSpec, PlaceQuery, Traffic};
use backend::{Error, Location, Principal, Result, Scope};
use conversation::ConversationId;
use tokio_util::sync::CancellationToken;

use crate::end::End;
use crate::pace::Paces;
use crate::parts::{Endpoint, Parts};
use crate::progress::Counters;
use crate::records::Records;

/// One migration at work. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) parts: Arc<Parts>,
    pub(crate) migration: MigrationId,
    pub(crate) spec: Arc<MigrationSpec>,
    /// The backend that is read.
    pub(crate) from: Endpoint,
    /// The backend that is written.
    pub(crate) to: Endpoint,
    /// The records of migrations, changed by one at a time.
    pub(crate) records: Arc<Records>,
    /// How fast each backend is asked: shared by all migrations of the process.
    pub(crate) paces: Arc<Paces>,
    /// What happens at the router, where there is one: it looks through backends.
    pub(crate) traffic: Option<Arc<dyn Traffic>>,
    /// Where messages are counted while they are read and written; absent where nobody asks.
    pub(crate) progress: Option<Arc<Counters>>,
    /// Cancelled where the job is to stop; what is begun is brought to an end that the ledger knows.
    pub(crate) stop: CancellationToken,
}

/// A conversation on its way: whose it is.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) id: ConversationId,
    /// As whom both sides are asked: the conversation's tenant and end user, with every right.
    pub(crate) principal: Arc<Principal>,
    /// True where the caller holds the conversation's lease: its writers wait, and a sync need not ask them to.
    pub(crate) writers_wait: bool,
    /// True where a sync that cannot have the writers wait gives up, as busy: it is asked again. Else it goes on, and what
    /// was half written then is written again.
    pub(crate) gives_up: bool,
}

impl Subject {
    pub(crate) fn of(id: ConversationId, binding: Binding) -> Self {
        let principal = Principal {
            tenant: binding.tenant.unwrap_or_else(|| "default".into()),
            key: "migration".into(),
            user: binding.owner,
            scopes: Scope::ALL.to_vec(),
        };
        Self {
            id,
            principal: Arc::new(principal),
            writers_wait: false,
            gives_up: false,
        }
    }
}

/// Where a conversation lives, as a migration sees it.
#[derive(Debug, Clone)]
pub(crate) enum Lives {
    /// At the backend that is read.
    AtSource(Location, Subject),
    /// At the backend that is written: it was bound there already.
    AtTarget(Subject),
    /// At a backend of another migration.
    Elsewhere(Location, Subject),
    /// It was deleted, or is not known.
    Nowhere,
}

impl Run {
    /// The same migration the other way round.
    pub(crate) fn reversed(&self) -> Self {
        Self {
            from: self.to.clone(),
            to: self.from.clone(),
            ..self.clone()
        }
    }

    pub(crate) fn copy_at(&self, conversation: ConversationId) -> CopyAt {
        CopyAt {
            conversation,
            from: self.from.stack.info().name.clone(),
            to: self.to.stack.info().name.clone(),
        }
    }

    /// A side of the migration, asked for one conversation.
    pub(crate) fn end(&self, endpoint: &Endpoint, subject: &Subject) -> End {
        let request_id = format!("migration {}", self.migration);
        End::new(
            endpoint,
            &self.paces,
            subject.principal.clone(),
            request_id.into(),
            Arc::new(self.parts.settings.clone()),
        )
        .of_job(self.stop.clone(), self.progress.clone())
    }

    /// Whose a conversation is.
    ///
    /// # Errors
    /// [`backend::Kind::NotFound`] where it is not known, or was deleted.
    pub(crate) async fn subject(&self, id: ConversationId) -> Result<Subject> {
        let binding = self.parts.directory.locate(id).await?;
        binding
            .filter(|binding| !binding.deleted)
            .map(|binding| Subject::of(id, binding))
            .ok_or_else(Error::conversation_not_found)
    }

    /// Where a conversation lives now.
    ///
    /// # Errors
    /// Those of the directory.
    pub(crate) async fn lives(&self, id: ConversationId) -> Result<Lives> {
        let binding = self.parts.directory.locate(id).await?;
        let Some(binding) = binding.filter(|binding| !binding.deleted) else {
            return Ok(Lives::Nowhere);
        };
        let home = binding.location.clone();
        let subject = Subject::of(id, binding);
        Ok(if home.backend == self.from.stack.info().name {
            Lives::AtSource(home, subject)
        } else if home.backend == self.to.stack.info().name {
            Lives::AtTarget(subject)
        } else {
            Lives::Elsewhere(home, subject)
        })
    }

    /// Where a conversation is at a backend: where it lives now, else where the ledger says that it lived or is copied to.
    pub(crate) async fn place(
        &self,
        id: ConversationId,
        end: &Endpoint,
    ) -> Result<Option<Location>> {
        let name = &end.stack.info().name;
        let binding = self.parts.directory.locate(id).await?;
        if let Some(binding) = binding.filter(|binding| binding.location.backend == *name) {
            return Ok(Some(binding.location));
        }
        let query = PlaceQuery {
            conversation: id,
            backend: name.clone(),
        };
        let place = self.parts.ledger.place(&query).await?;
        Ok(place.map(|(location, _)| location))
    }
}
