//! Conversations: create, read, update.

use adapterkit::{Effect, member_pointer};
use backend::{Context, Error, Kind, Located, Location, Outcome, Precondition, Result, Write};
use conversation::{
    Conversation, ConversationId, ConversationPatch, JsonMap, Kind as ConversationKind,
    NewConversation, Patch, RawJson, Violation, merge_map,
};

use super::Sunshine;
use super::deletion::is_deleted;
use super::known::Facts;
use crate::client::Caller;
use crate::error::{Subject, is_unknown_user};
use crate::limits::{CALLER_METADATA_MAX_BYTES, PARTICIPANTS_MAX};
use crate::mapping::{
    INTENT_KEY, Profiled, conversation_to_canonical, create_body, external_id, profile_of,
    update_body,
};
use crate::wire::{self, ConversationType, ConversationUpdateBody};

/// Why a group was not made where a direct conversation was asked for.
const DIRECT_IS_WITH_ONE: &str = "a direct conversation of sunshine's has one user, and the caller is another than the participant";

/// Who takes part in a new conversation.
pub(super) struct Party {
    /// External ids, the end user's first, each with what is said of the user.
    pub(super) users: Vec<(String, Option<Profiled>)>,
    pub(super) is_group: bool,
}

impl Party {
    fn external_ids(&self) -> Vec<String> {
        self.users.iter().map(|(id, _)| id.clone()).collect()
    }
}

impl Sunshine {
    pub(super) async fn create(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        let operation = "create_conversation";
        let projection = backend::Backend::preview(self, &Write::CreateConversation(new));
        projection.check(cx, self.name())?;
        let Write::CreateConversation(new) = projection.write else {
            return Err(Error::new(Kind::Internal, "a create became another write"));
        };
        let party = self.party(cx, &new, operation)?;
        let caller = self.caller(cx);
        self.ensure_party(caller, &party, operation).await?;
        let mut metadata = new.metadata.clone();
        metadata.insert(INTENT_KEY.into(), RawJson::string(&cx.intent.to_string()));
        let body = create_body(&new, &party.external_ids(), party.is_group, &metadata);
        let mut made = self.client().create_conversation(caller, &body).await;
        if made.as_ref().is_err_and(is_unknown_user) {
            // Somebody who was there is gone; nothing was made.
            for (id, _) in &party.users {
                self.0.known.users.invalidate(id.as_str());
            }
            self.ensure_party(caller, &party, operation).await?;
            made = self.client().create_conversation(caller, &body).await;
        }
        let answer =
            made.map_err(|failure| self.failed(failure, Subject::User, Effect::Write, operation))?;
        self.located(&answer.conversation, operation)
            .map_err(|error| error.outcome(Outcome::Applied))
    }

    /// Who takes part: the end user, and the customers named. Without an end user the customers alone; without
    /// anybody the key.
    pub(super) fn party(
        &self,
        cx: &Context,
        new: &NewConversation,
        operation: &'static str,
    ) -> Result<Party> {
        let tenant = &cx.principal.tenant;
        let mut users: Vec<(String, Option<Profiled>)> = Vec::new();
        for (index, participant) in new.participants.iter().enumerate() {
            let id = match &participant.id {
                Some(id) => String::from(&**id),
                None => format!("{}-{index}", cx.intent),
            };
            users.push((external_id(tenant, &id), Some(profile_of(participant))));
        }
        let own = external_id(tenant, &cx.principal.user_or_key());
        let is_named = users.iter().any(|(id, _)| *id == own);
        if !is_named && (cx.principal.user.is_some() || users.is_empty()) {
            users.insert(0, (own, None));
        }
        if users.len() > PARTICIPANTS_MAX {
            // The end user comes first; the last of those that are named has no place.
            let pointer = format!("/participants/{}", new.participants.len().saturating_sub(1));
            let detail = "a new conversation of sunshine's has at most 10 participants, the end user included";
            let exceeds = Some((PARTICIPANTS_MAX, users.len()));
            return Err(self.not_held_beyond(&pointer, detail, exceeds, operation));
        }
        let wants_group = new.kind == Some(ConversationKind::Group);
        if users.len() > 1 && new.kind == Some(ConversationKind::Direct) {
            return Err(self.not_held("/kind", DIRECT_IS_WITH_ONE, operation));
        }
        Ok(Party {
            is_group: wants_group || users.len() > 1,
            users,
        })
    }

    async fn ensure_party(
        &self,
        caller: Caller,
        party: &Party,
        operation: &'static str,
    ) -> Result<()> {
        for (id, profiled) in &party.users {
            self.ensure_user(caller, id, profiled.clone(), operation)
                .await?;
        }
        Ok(())
    }

    /// A conversation and its place, under the id that is derived from the vendor's.
    pub(super) fn located(
        &self,
        wire: &wire::Conversation,
        operation: &'static str,
    ) -> Result<Located> {
        let conversation = conversation_to_canonical(wire, self.name())
            .map_err(|error| self.unmappable(error, operation))?;
        let native = wire.id.value().map_or("", String::as_str);
        self.note(wire, native);
        Ok(Located {
            location: Location {
                id: ConversationId::derive(self.name(), native),
                backend: self.name().into(),
                native: native.into(),
                credential: self.credential(),
                renamed: false,
            },
            conversation,
        })
    }

    fn note(&self, wire: &wire::Conversation, native: &str) {
        let facts = Facts {
            is_group: wire.kind.value() == Some(&ConversationType::SdkGroup),
        };
        self.0.known.facts.insert(native.into(), facts);
    }

    /// The vendor's conversation. One that counts as deleted is not found.
    pub(super) async fn read(
        &self,
        caller: Caller,
        at: &Location,
        operation: &'static str,
    ) -> Result<wire::Conversation> {
        let answer = self.client().get_conversation(caller, &at.native).await;
        let conversation = answer
            .map_err(|failure| {
                self.failed(failure, Subject::Conversation, Effect::Read, operation)
            })?
            .conversation;
        if is_deleted(&conversation) {
            self.0.known.forget(&at.native);
            return Err(Error::conversation_not_found().at(self.name(), operation));
        }
        self.note(&conversation, &at.native);
        Ok(conversation)
    }

    /// What matters of a conversation, perhaps as it was a moment ago; not found where it is not there.
    pub(super) async fn facts(
        &self,
        caller: Caller,
        at: &Location,
        operation: &'static str,
    ) -> Result<Facts> {
        if let Some(facts) = self.0.known.facts.get(&*at.native) {
            return Ok(facts);
        }
        let conversation = self.read(caller, at, operation).await?;
        Ok(Facts {
            is_group: conversation.kind.value() == Some(&ConversationType::SdkGroup),
        })
    }

    /// The vendor's conversation in canonical form, under the public id by which it was asked for.
    pub(super) fn canonical(
        &self,
        wire: &wire::Conversation,
        at: &Location,
        operation: &'static str,
    ) -> Result<Conversation> {
        let mut conversation = conversation_to_canonical(wire, self.name())
            .map_err(|error| self.unmappable(error, operation))?;
        conversation.id = at.id;
        Ok(conversation)
    }

    pub(super) async fn update(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        let operation = "update_conversation";
        let caller = self.caller(cx);
        let wire = self.read(caller, at, operation).await?;
        let current = self.canonical(&wire, at, operation)?;
        if let Some(precondition) = precondition {
            precondition.check(&current)?;
        }
        let projection = backend::Backend::preview(self, &Write::UpdateConversation(patch));
        projection.check(cx, self.name())?;
        let Write::UpdateConversation(patch) = projection.write else {
            return Err(Error::new(Kind::Internal, "an update became another write"));
        };
        let mut wanted = current.clone();
        patch.clone().apply(&mut wanted).map_err(|error| {
            Error::new(Kind::Internal, "a patch could not be applied").source(error)
        })?;
        if wanted == current {
            return Ok(current);
        }
        let metadata = self.new_metadata(&patch, &wanted, &wire, operation)?;
        let body = update_body(&patch, metadata.as_ref());
        // That null clears, and that metadata which is not sent goes, is stated nowhere: what the vendor made of it is
        // for the caller to see.
        self.patched(caller, at, &body, operation).await
    }

    /// The members that an update sets are too large together with those that are there already.
    fn too_much_metadata(
        &self,
        patch: &ConversationPatch,
        bytes: usize,
        operation: &'static str,
    ) -> Error {
        let detail = "sunshine's metadata has at most 4 KB of json, what is there already included";
        let exceeds = Some((CALLER_METADATA_MAX_BYTES, bytes));
        let mut error = self.not_held_beyond("/metadata", detail, exceeds, operation);
        let set = patch.metadata.set().into_iter().flatten();
        let named: Vec<Violation> = set
            .filter(|(_, value)| !value.is_null())
            .zip(error.violations.iter().cycle())
            .map(|((name, _), violation)| Violation {
                pointer: member_pointer("/metadata", name),
                ..violation.clone()
            })
            .collect();
        error.violations = named;
        error
    }

    async fn patched(
        &self,
        caller: Caller,
        at: &Location,
        body: &ConversationUpdateBody,
        operation: &'static str,
    ) -> Result<Conversation> {
        let answer = self
            .client()
            .update_conversation(caller, &at.native, body)
            .await
            .map_err(|failure| {
                self.failed(failure, Subject::Conversation, Effect::Write, operation)
            })?;
        self.canonical(&answer.conversation, at, operation)
            .map_err(|error| error.outcome(Outcome::Applied))
    }

    /// The whole metadata to be sent, where any of it changes: whether the vendor merges or replaces is not stated, so
    /// the members of ours and those that stay go along.
    fn new_metadata(
        &self,
        patch: &ConversationPatch,
        wanted: &Conversation,
        wire: &wire::Conversation,
        operation: &'static str,
    ) -> Result<Option<JsonMap>> {
        if patch.metadata.is_keep() {
            return Ok(None);
        }
        let bytes = serde_json::to_vec(&wanted.metadata).map_or(usize::MAX, |bytes| bytes.len());
        if bytes > CALLER_METADATA_MAX_BYTES {
            return Err(self.too_much_metadata(patch, bytes, operation));
        }
        let mut sent: JsonMap = wire
            .metadata
            .value()
            .and_then(|raw| raw.decode().ok())
            .unwrap_or_default();
        match &patch.metadata {
            Patch::Set(changes) => merge_map(&mut sent, changes.clone()).map_err(|error| {
                Error::new(Kind::Internal, "metadata could not be merged").source(error)
            })?,
            Patch::Clear | Patch::Keep => {}
        }
        if wanted.metadata.is_empty() {
            // Null clears all of it, ours included, also where the vendor merges.
            sent.clear();
        }
        Ok(Some(sent))
    }
}
