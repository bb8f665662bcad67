//! Conversations: create, read, update, delete.

use adapterkit::{Listed, member_pointer};
use backend::{Context, Error, Kind, Located, Location, Outcome, Precondition, Result, Write};
use conversation::{
    Conversation, ConversationId, ConversationPatch, JsonMap, NewConversation, Patch, Violation,
    merge_map,
};

use super::{Chatter, Reach, prefix};
use crate::client::Failure;
use crate::error::{Effect, to_error};
use crate::mapping::{conversation_to_canonical, create_request, update_request};
use crate::wire::{ConversationResponse, ConversationStatus, ConversationUpdate, Member, Raw};

/// The pointer to the vendor's stored set-up of its AI.
const PROFILE: &str = "/assistant/profile_id";
/// Why metadata was refused although the vendor has a place for it.
const METADATA_ONCE: &str = "chatter keeps metadata once: what is given at create, or by the first update of a conversation that has none";

impl Chatter {
    pub(super) async fn create(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        let operation = "create_conversation";
        let projection = backend::Backend::preview(self, &Write::CreateConversation(new));
        projection.check(cx, self.name())?;
        let Write::CreateConversation(new) = projection.write else {
            return Err(Error::new(Kind::Internal, "a create became another write"));
        };
        let (caller, credential) = self.caller_of_principal(cx).await?;
        let generation = self.generation(&caller).await?;
        let row = self
            .client()
            .create_conversation(&caller, prefix(generation), &create_request(&new))
            .await
            .map_err(|failure| self.failed(failure, operation, Effect::Write))
            .map_err(|error| unknown_profile(cx, error))?;
        self.0.alive.seen(&row.id);
        let location = self.location(&row, credential);
        let conversation = conversation_to_canonical(&row, self.name())
            .map_err(|error| self.unmappable(error, operation).outcome(Outcome::Applied))?;
        Ok(Located {
            location,
            conversation,
        })
    }

    pub(super) fn location(
        &self,
        row: &ConversationResponse,
        credential: Option<Box<str>>,
    ) -> Location {
        Location {
            id: ConversationId::derive(self.name(), &row.id),
            backend: self.name().into(),
            native: row.id.as_str().into(),
            credential,
            renamed: false,
        }
    }

    /// The vendor's row, in canonical form, under the public id by which it was asked for.
    pub(super) fn canonical(
        &self,
        row: &ConversationResponse,
        reach: &Reach<'_>,
    ) -> Result<Conversation> {
        let mut conversation = conversation_to_canonical(row, self.name())
            .map_err(|error| self.unmappable(error, reach.operation))?;
        conversation.id = reach.at.id;
        Ok(conversation)
    }

    /// The row of a conversation, without its messages.
    pub(super) async fn read_row(&self, reach: &Reach<'_>) -> Result<ConversationResponse> {
        Ok(self.read(reach, false).await?.answer)
    }

    /// The row of a conversation with its messages; those that cannot be read are named in the log.
    pub(super) async fn read_whole(
        &self,
        reach: &Reach<'_>,
    ) -> Result<Listed<ConversationResponse>> {
        self.read(reach, true).await
    }

    /// One that is marked deleted is not found: the vendor goes on serving it (measured on commit 56cfcd49).
    async fn read(
        &self,
        reach: &Reach<'_>,
        messages: bool,
    ) -> Result<Listed<ConversationResponse>> {
        let read = self
            .client()
            .get_conversation(&reach.caller, reach.prefix(), reach.native(), messages)
            .await;
        let read = match read {
            Ok(read) => read.named(self.name(), reach.operation),
            Err(Failure::Refused(refusal)) if refusal.status == 500 => {
                return Err(self
                    .missing_or_crashed(reach, Failure::Refused(refusal))
                    .await);
            }
            Err(failure) => return Err(self.failed(failure, reach.operation, Effect::Read)),
        };
        if read.answer.status == ConversationStatus::Deleted {
            self.0.alive.gone(reach.native());
            return Err(Error::conversation_not_found().at(self.name(), reach.operation));
        }
        self.0.alive.seen(reach.native());
        Ok(read)
    }

    /// A read of an unknown conversation crashes like any other bug (500); an update without members changes nothing
    /// and answers 404 for an unknown one (measured on commit 56cfcd49).
    async fn missing_or_crashed(&self, reach: &Reach<'_>, crash: Failure) -> Error {
        let probe = ConversationUpdate::default();
        let probed = self
            .client()
            .update_conversation(&reach.caller, reach.prefix(), reach.native(), &probe)
            .await;
        let missing = match probed {
            Ok(row) => row.status == ConversationStatus::Deleted,
            Err(failure) => to_error(failure, reach.operation, Effect::Read).kind == Kind::NotFound,
        };
        if missing {
            Error::conversation_not_found().at(self.name(), reach.operation)
        } else {
            self.failed(crash, reach.operation, Effect::Read)
        }
    }

    pub(super) async fn update(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        let reach = self.reach(cx, at, "update_conversation").await?;
        let row = self.read_row(&reach).await?;
        let current = self.canonical(&row, &reach)?;
        if let Some(precondition) = precondition {
            precondition.check(&current)?;
        }
        let projection = backend::Backend::preview(self, &Write::UpdateConversation(patch));
        projection.check(cx, self.name())?;
        let Write::UpdateConversation(patch) = projection.write else {
            return Err(Error::new(Kind::Internal, "an update became another write"));
        };
        let mut request = update_request(&patch);
        let metadata = self.new_metadata(&patch, &current, &row)?;
        if let Some(metadata) = &metadata {
            request.extra_metadata = Member::from(Raw::encode(metadata).ok());
        }
        let changed = self
            .client()
            .update_conversation(&reach.caller, reach.prefix(), reach.native(), &request)
            .await
            .map_err(|failure| self.failed(failure, reach.operation, Effect::Write))?;
        let changed = self
            .canonical(&changed, &reach)
            .map_err(|error| error.outcome(Outcome::Applied))?;
        if let Some(metadata) = metadata.filter(|metadata| *metadata != changed.metadata) {
            // Somebody else's metadata came first; the vendor says 200 all the same.
            let pointers = changes(&patch.metadata, &changed.metadata, &metadata);
            return Err(self
                .not_held(&pointers, METADATA_ONCE, reach.operation)
                .outcome(Outcome::Applied));
        }
        Ok(changed)
    }

    /// The metadata to send, where any has to change and the vendor still takes it.
    fn new_metadata(
        &self,
        patch: &ConversationPatch,
        current: &Conversation,
        row: &ConversationResponse,
    ) -> Result<Option<JsonMap>> {
        let mut wanted = current.metadata.clone();
        match &patch.metadata {
            Patch::Keep => return Ok(None),
            Patch::Clear => wanted.clear(),
            Patch::Set(changes) => merge_map(&mut wanted, changes.clone()).map_err(|error| {
                Error::new(Kind::Internal, "metadata could not be merged").source(error)
            })?,
        }
        if wanted == current.metadata {
            return Ok(None);
        }
        let is_empty = row
            .extra_metadata
            .value()
            .is_none_or(|metadata| metadata.text() == "{}");
        if is_empty {
            Ok(Some(wanted))
        } else {
            let pointers = changes(&patch.metadata, &current.metadata, &wanted);
            Err(self.not_held(&pointers, METADATA_ONCE, "update_conversation"))
        }
    }

    pub(super) async fn delete(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let reach = self.reach(cx, at, "delete_conversation").await?;
        // Deleting again answers 200, so only a read tells whether there is anything to delete.
        let row = self.read_row(&reach).await?;
        if let Some(precondition) = precondition {
            precondition.check(&self.canonical(&row, &reach)?)?;
        }
        self.0.alive.gone(reach.native());
        self.client()
            .delete_conversation(&reach.caller, reach.prefix(), reach.native())
            .await
            .map_err(|failure| self.failed(failure, reach.operation, Effect::Write))?;
        Ok(())
    }
}

/// The members that a patch was to change, by their pointers: the whole where it was to be cleared.
fn changes(patch: &Patch<JsonMap>, held: &JsonMap, wanted: &JsonMap) -> Vec<String> {
    match patch {
        Patch::Set(members) => members
            .keys()
            .filter(|name| held.get(*name) != wanted.get(*name))
            .map(|name| member_pointer("/metadata", name))
            .collect(),
        Patch::Clear | Patch::Keep => vec!["/metadata".to_owned()],
    }
}

/// A profile of another server, in a conversation that is copied from there, is no mistake of the caller: this server
/// cannot hold it.
fn unknown_profile(cx: &Context, error: Error) -> Error {
    let names_profile = |violation: &Violation| violation.pointer == PROFILE;
    if cx.copying
        && error.kind == Kind::InvalidRequest
        && error.violations.iter().all(names_profile)
    {
        let mut error = error;
        error.kind = Kind::NotHeld;
        return error;
    }
    error
}
