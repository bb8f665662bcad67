//! Messages: posting, importing, deleting.

use adapterkit::Effect;
use backend::{Context, Error, Kind, Location, Origin, Outcome, Precondition, Result, Write};
use conversation::{JsonMap, Message, MessageId, NewMessage, RawJson, Role};

use super::Sunshine;
use super::known::Facts;
use crate::client::{Caller, encode};
use crate::config::ImportMode;
use crate::error::{Subject, has_status};
use crate::limits::{BODY_MAX_BYTES, IMPORT_MAX_MESSAGES};
use crate::mapping::{
    Authorship, IMPORT_IS_IMPOSSIBLE, INTENT_KEY, SENT_AT_KEY, intent_of, message_key,
    message_post, own_id,
};
use crate::wire::{self, Participant};

/// Why a message of the business cannot be imported into a group.
const SILENT_IS_PERSONAL: &str =
    "sunshine stores messages of the business silently in direct conversations only, not in groups";

/// Why somebody does not write.
const NOT_A_MEMBER: &str = "on sunshine only users of the conversation write for the customer";

impl Sunshine {
    pub(super) async fn post(
        &self,
        cx: &Context,
        at: &Location,
        new: NewMessage,
    ) -> Result<Message> {
        let operation = "post_message";
        let projection = backend::Backend::preview(self, &Write::PostMessage(new));
        projection.check(cx, self.name())?;
        let Write::PostMessage(new) = projection.write else {
            return Err(Error::new(Kind::Internal, "a post became another write"));
        };
        let caller = self.caller(cx);
        self.facts(caller, at, operation).await?;
        let authorship = match new.role {
            Role::User => self.author_of(cx, caller, at, &new, operation).await?,
            _ => Authorship::Business,
        };
        self.send(cx, caller, at, &new, &authorship, operation)
            .await
    }

    /// Sends a message; what the vendor stored of it.
    async fn send(
        &self,
        cx: &Context,
        caller: Caller,
        at: &Location,
        new: &NewMessage,
        authorship: &Authorship,
        operation: &'static str,
    ) -> Result<Message> {
        let mut metadata: JsonMap = new.metadata.clone();
        let key = message_key(cx.intent, &new.parts);
        metadata.insert(INTENT_KEY.into(), RawJson::string(&key));
        if let Some(sent_at) = new.sent_at {
            metadata.insert(SENT_AT_KEY.into(), RawJson::string(&sent_at.to_string()));
        }
        let body = encode(&message_post(new, authorship, &metadata)).map_err(|error| {
            Error::new(Kind::Internal, "a message could not be written").source(error)
        })?;
        if body.len() > BODY_MAX_BYTES {
            let detail = "sunshine takes at most 100 kB of json for one message";
            let exceeds = Some((BODY_MAX_BYTES, body.len()));
            return Err(self.not_held_beyond("/parts", detail, exceeds, operation));
        }
        let answer = match self.client().post_message(caller, &at.native, body).await {
            Ok(answer) => answer,
            Err(failure) => {
                if has_status(&failure, 404) {
                    self.0.known.forget(&at.native);
                }
                return Err(self.failed(failure, Subject::Author, Effect::Write, operation));
            }
        };
        let intent = cx.intent.to_string();
        // Usually one. Of several the last is the content, those before it the text that led it.
        let stored = answer
            .messages
            .into_iter()
            .rfind(|message| intent_of(message).is_none_or(|found| found == intent));
        let stored = stored.ok_or_else(|| {
            Error::new(
                Kind::InvalidResponse,
                "sunshine stored the message and did not say which",
            )
            .outcome(Outcome::Applied)
            .at(self.name(), operation)
        })?;
        self.note_author(authorship, &stored);
        self.canonical_message(cx, caller, at, &stored, operation)
            .await
            .map_err(|error| error.outcome(Outcome::Applied))
    }

    /// Remembers which of the vendor's users wrote, to whom the answer gives an id of its own.
    fn note_author(&self, authorship: &Authorship, stored: &wire::Message) {
        let user_id = stored
            .author
            .value()
            .and_then(|author| author.user_id.value());
        if let (Authorship::ExternalUser(external), Some(user_id)) = (authorship, user_id) {
            self.0
                .known
                .names
                .insert(user_id.as_str().into(), Some(external.as_str().into()));
        }
    }

    /// Which user writes: the one named, else the end user where that is a participant, else the first one who is.
    async fn author_of(
        &self,
        cx: &Context,
        caller: Caller,
        at: &Location,
        new: &NewMessage,
        operation: &'static str,
    ) -> Result<Authorship> {
        let tenant = &cx.principal.tenant;
        let mut members = self.members(caller, &at.native, operation).await?;
        let named = new.author.as_ref().and_then(|author| author.id.as_deref());
        if let Some(id) = named {
            if find_member(&members, tenant, id).is_none() {
                // Who has just joined is not among those that were read a moment ago.
                members = self.fresh_members(caller, &at.native, operation).await?;
            }
            let member = find_member(&members, tenant, id);
            return member
                .and_then(authorship_of)
                .ok_or_else(|| self.not_held("/author/id", NOT_A_MEMBER, operation));
        }
        let own = cx.principal.user_or_key();
        let member = find_member(&members, tenant, &own).or_else(|| members.first());
        member.and_then(authorship_of).ok_or_else(|| {
            let detail = "the conversation has no user who could write";
            self.not_held("/author", detail, operation)
        })
    }

    pub(super) async fn import(
        &self,
        cx: &Context,
        at: &Location,
        messages: Vec<NewMessage>,
    ) -> Result<Vec<Result<Message>>> {
        let operation = "import_messages";
        if self.0.import_mode == ImportMode::Overlay {
            return Err(self.not_held("/messages", IMPORT_IS_IMPOSSIBLE, operation));
        }
        if messages.len() > IMPORT_MAX_MESSAGES {
            let detail = "sunshine's history is posted one by one: import at most 100 at a time";
            let exceeds = Some((IMPORT_MAX_MESSAGES, messages.len()));
            return Err(self.not_held_beyond("/messages", detail, exceeds, operation));
        }
        let caller = self.caller(cx);
        let facts = self.facts(caller, at, operation).await?;
        let mut results = Vec::with_capacity(messages.len());
        let mut broken = false;
        for new in messages {
            if broken {
                let message = "not sent, because the message before it failed: sunshine's order is that of sending";
                results.push(Err(
                    Error::new(Kind::Unavailable, message).at(self.name(), operation)
                ));
                continue;
            }
            let result = self.import_one(cx, caller, at, facts, new, operation).await;
            broken = result
                .as_ref()
                .is_err_and(|error| error.origin != Origin::Client);
            results.push(result);
        }
        Ok(results)
    }

    async fn import_one(
        &self,
        cx: &Context,
        caller: Caller,
        at: &Location,
        facts: Facts,
        new: NewMessage,
        operation: &'static str,
    ) -> Result<Message> {
        let projection = backend::Backend::preview(self, &Write::ImportMessage(new));
        projection.check(cx, self.name())?;
        let Write::ImportMessage(new) = projection.write else {
            return Err(Error::new(Kind::Internal, "an import became another write"));
        };
        let authorship = match new.role {
            Role::User => self.author_of(cx, caller, at, &new, operation).await?,
            _ if facts.is_group => {
                return Err(self.not_held("/role", SILENT_IS_PERSONAL, operation));
            }
            _ => Authorship::Silent,
        };
        self.send(cx, caller, at, &new, &authorship, operation)
            .await
    }

    pub(super) async fn remove_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let operation = "delete_message";
        let caller = self.caller(cx);
        let found = self.find(caller, at, id, operation).await?;
        if let Some(precondition) = precondition {
            let message = self
                .canonical_message(cx, caller, at, &found, operation)
                .await?;
            precondition.check(&message)?;
        }
        self.delete_leads(caller, &at.native, &found, operation)
            .await?;
        let deleted = self
            .client()
            .delete_message(caller, &at.native, id.as_str())
            .await;
        let Err(failure) = deleted else {
            return Ok(());
        };
        let error = self.failed(failure, Subject::Message, Effect::Write, operation);
        if error.kind == Kind::NotFound {
            // The vendor's code is that of the conversation, whichever of both is missing.
            self.0.known.forget(&at.native);
            self.facts(caller, at, operation).await?;
        }
        Err(error)
    }
}

/// The participant with this id of ours, or of the vendor's.
pub(super) fn find_member<'m>(
    members: &'m [Participant],
    tenant: &str,
    id: &str,
) -> Option<&'m Participant> {
    members.iter().find(|member| {
        let external = member
            .user_external_id
            .value()
            .and_then(|external| own_id(tenant, external));
        external.or(member.user_id.value().map(String::as_str)) == Some(id)
    })
}

/// How a participant is named as an author: by the vendor's id, because an id of ours is not enough for a user who
/// belongs to one brand.
pub(super) fn authorship_of(member: &Participant) -> Option<Authorship> {
    let user_id = member.user_id.value().cloned();
    user_id.map(Authorship::User).or_else(|| {
        let external = member.user_external_id.value().cloned();
        external.map(Authorship::ExternalUser)
    })
}
