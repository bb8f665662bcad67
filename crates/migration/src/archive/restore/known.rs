//! What is known of a conversation before it is restored, and why it is left as it is.

use backend::ports::{CopyAt, IntentQuery, MigrationId, PlaceQuery};
use backend::{Error, Kind, Location, PageRequest, Result};
use conversation::{ConversationId, Digest, Violation};
use uuid::Uuid;

use super::Target;
use crate::archive::whole_page;
use crate::service::Migrations;
use crate::sync::CopyWriter;

/// Where copies of an import come from, as the ledger names it: no backend can have this name.
const ARCHIVE: &str = "(archive)";
/// Whose writes an import's are: nobody else settles them.
pub(super) const IMPORT: MigrationId = MigrationId::from_uuid(Uuid::nil());
/// The most open writes of a conversation that are looked at.
const OPEN_MAX: usize = 20;

/// What is known of a conversation that is restored.
pub(super) enum Known {
    /// Nothing, or what this import or an earlier one began.
    Ours {
        place: Option<Location>,
        own: Option<Digest>,
    },
    /// It lives at the target from before.
    Lives(Location),
}

impl Migrations {
    /// What is known of a conversation before it is written.
    pub(super) async fn known(&self, target: &Target) -> Result<Known> {
        let (id, backend) = (target.conversation, &target.backend);
        let parts = self.parts();
        if parts.ends.get(backend).is_none() {
            let detail = format!("no backend is named `{backend}`, see /v1/backends");
            return Err(changed("/backend", &detail));
        }
        let binding = parts.directory.locate(id).await?;
        if let Some(binding) = &binding {
            if binding.deleted {
                return Err(Error::new(
                    Kind::Conflict,
                    format!("{id} was deleted here, and its id never comes back"),
                ));
            }
            let home = &binding.location.backend;
            if home != backend {
                return Err(Error::new(
                    Kind::Conflict,
                    format!("{id} lives on backend `{home}`: restore it there, or migrate it"),
                ));
            }
            if (&binding.tenant, &binding.owner) != (&target.tenant, &target.owner)
                && binding.tenant.is_some()
                && target.tenant.is_some()
            {
                return Err(other(
                    id,
                    backend,
                    "it belongs to another tenant or end user",
                ));
            }
        }
        let at = PlaceQuery {
            conversation: id,
            backend: backend.clone(),
        };
        let (place, own) = match parts.ledger.place(&at).await? {
            Some((place, own)) => (Some(place), own),
            None => (None, None),
        };
        if let Some(binding) = binding
            && !self.was_begun(target).await?
        {
            let home = binding.location;
            if own.is_none() || self.came_otherwise(target, &home).await? {
                return Ok(Known::Lives(home));
            }
        }
        Ok(Known::Ours {
            place: place.filter(|_| own.is_some()),
            own,
        })
    }

    /// True where it has messages, and none of them by an import: a migration brought it there.
    async fn came_otherwise(&self, target: &Target, home: &Location) -> Result<bool> {
        let copied = self.parts().ledger.copied_count(&copy_at(target)).await?;
        if copied > 0 {
            return Ok(false);
        }
        let first = PageRequest::first(1);
        let page = whole_page(&self.end_at(target)?, home, &first).await?;
        Ok(!page.items.is_empty())
    }

    /// True where an import began a write to this conversation, and nobody has noted its end yet.
    async fn was_begun(&self, target: &Target) -> Result<bool> {
        let query = IntentQuery {
            backend: Some(target.backend.clone()),
            conversation: Some(target.conversation),
            limit: OPEN_MAX,
            ..IntentQuery::default()
        };
        let page = self.parts().intents.list(&query).await?;
        let mut open = page.items.iter();
        Ok(open.any(|record| record.migration == Some(IMPORT)))
    }

    /// Nobody but imports has written to it: nothing of anybody is mixed with what is restored.
    pub(super) async fn untouched(&self, target: &Target, writer: &CopyWriter) -> Result<()> {
        let held = self.end_at(target)?.conversation(writer.location()).await?;
        let Some(found) = held.counts.and_then(|counts| counts.messages) else {
            return Ok(());
        };
        let copied = self.parts().ledger.copied_count(&copy_at(target)).await?;
        if found == copied {
            return Ok(());
        }
        let why = format!("it has {found} messages, of which {copied} were restored");
        Err(other(target.conversation, &target.backend, &why))
    }
}

pub(super) fn copy_at(target: &Target) -> CopyAt {
    CopyAt {
        conversation: target.conversation,
        from: ARCHIVE.into(),
        to: target.backend.clone(),
    }
}

pub(super) fn changed(pointer: &str, detail: &str) -> Error {
    Error::new(Kind::InvalidRequest, detail).violations(vec![Violation {
        pointer: pointer.to_owned(),
        code: "invalid-value",
        detail: detail.to_owned(),
        exceeds: None,
    }])
}

pub(super) fn other(id: ConversationId, backend: &str, why: &str) -> Error {
    Error::new(
        Kind::Conflict,
        format!("{id} is on backend `{backend}` already, and {why}: it stays as it is"),
    )
}

pub(super) fn not_begun(target: &Target) -> Error {
    Error::new(
        Kind::Conflict,
        format!(
            "{} was not begun on backend `{}`: put the conversation first",
            target.conversation, target.backend
        ),
    )
}
