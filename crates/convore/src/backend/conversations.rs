//! Conversations: create, read, update, delete, and how far they were read.

use backend::{
    Backend, Context, Error, Health, Kind, Located, Location, Precondition, Result, Write,
};
use conversation::{
    Activity, ActivityKind, Conversation, ConversationId, ConversationPatch, NewConversation,
    Participant, Patch,
};

use super::Convore;
use crate::error::{Effect, Target};
use crate::mapping::{
    chat_id, conversation_to_canonical, conversation_update, create_request,
    participants_to_canonical, with_ids,
};
use crate::wire::{self, ConversationListQuery, ConversationStatus, ConversationUpdate, Member};

impl Convore {
    pub(super) async fn create(&self, cx: &Context, new: NewConversation) -> Result<Located> {
        let operation = "create_conversation";
        let projection = self.preview(&Write::CreateConversation(new));
        projection.check(cx, self.name())?;
        let Write::CreateConversation(new) = projection.write else {
            return Err(self.became_another(operation));
        };
        let participants = participants_of(cx, &new, &cx.intent.simple().to_string());
        let channel_id = &self.1.channel_id;
        let label_ids = self
            .label_ids(cx, &new.labels, &[], channel_id, operation)
            .await?;
        let request = create_request(&new, channel_id, label_ids, &participants);
        let row = self
            .client()
            .create_conversation(cx.deadline, &request)
            .await
            .map_err(|failure| {
                self.1.labels.forget();
                self.failed(failure, operation, Target::Collection, Effect::Write)
            })?;
        let location = self.location(&row);
        let conversation = self.canonical(&row, &location, operation)?;
        Ok(Located {
            location,
            conversation,
        })
    }

    pub(super) fn location(&self, row: &wire::Conversation) -> Location {
        Location {
            id: ConversationId::derive(self.name(), &row.id),
            backend: self.name().into(),
            native: row.id.as_str().into(),
            credential: self.1.credential.clone(),
            renamed: false,
        }
    }

    /// The vendor's row, in canonical form, under the public id by which it was asked for.
    pub(super) fn canonical(
        &self,
        row: &wire::Conversation,
        at: &Location,
        operation: &'static str,
    ) -> Result<Conversation> {
        let mut conversation = conversation_to_canonical(row, self.name())
            .map_err(|error| self.unmappable(error, operation))?;
        conversation.id = at.id;
        Ok(conversation)
    }

    /// The row of a conversation. What lies in the trash is not found: that is how the vendor deletes.
    pub(super) async fn read_row(
        &self,
        cx: &Context,
        at: &Location,
        operation: &'static str,
    ) -> Result<wire::Conversation> {
        let row = self.stored_row(cx, at, operation).await?;
        if row.status == ConversationStatus::Trash {
            return Err(Error::conversation_not_found().at(self.name(), operation));
        }
        Ok(row)
    }

    /// The row of a conversation, also where it lies in the trash.
    pub(super) async fn stored_row(
        &self,
        cx: &Context,
        at: &Location,
        operation: &'static str,
    ) -> Result<wire::Conversation> {
        self.client()
            .get_conversation(cx.deadline, &at.native)
            .await
            .map_err(|failure| self.failed(failure, operation, Target::Conversation, Effect::Read))
    }

    pub(super) async fn update(
        &self,
        cx: &Context,
        at: &Location,
        mut patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        let operation = "update_conversation";
        let row = self.read_row(cx, at, operation).await?;
        let current = self.canonical(&row, at, operation)?;
        if let Some(precondition) = precondition {
            precondition.check(&current)?;
        }
        if patch.title == Patch::Clear && current.title.is_none() {
            patch.title = Patch::Keep;
        }
        let projection = self.preview(&Write::UpdateConversation(patch));
        projection.check(cx, self.name())?;
        let Write::UpdateConversation(mut patch) = projection.write else {
            return Err(self.became_another(operation));
        };
        if let Patch::Set(participants) = patch.participants {
            let seed = cx.intent.simple().to_string();
            patch.participants = Patch::Set(with_ids(participants, &seed));
        }
        let label_ids = match &patch.labels {
            Patch::Keep => None,
            Patch::Clear => Some(Vec::new()),
            Patch::Set(names) => Some(
                self.label_ids(cx, names, &row.labels, &row.channel_id, operation)
                    .await?,
            ),
        };
        let Some(request) = conversation_update(&patch, &row, label_ids) else {
            return Ok(current);
        };
        let changed = self.patch_row(cx, at, &request, operation).await?;
        self.canonical(&changed, at, operation)
    }

    pub(super) async fn patch_row(
        &self,
        cx: &Context,
        at: &Location,
        request: &ConversationUpdate,
        operation: &'static str,
    ) -> Result<wire::Conversation> {
        self.client()
            .update_conversation(cx.deadline, &at.native, request)
            .await
            .map_err(|failure| {
                if !request.label_ids.is_absent() {
                    // One of them may be gone.
                    self.1.labels.forget();
                }
                self.failed(failure, operation, Target::Conversation, Effect::Write)
            })
    }

    pub(super) async fn delete(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let operation = "delete_conversation";
        let row = self.read_row(cx, at, operation).await?;
        if let Some(precondition) = precondition {
            precondition.check(&self.canonical(&row, at, operation)?)?;
        }
        let request = ConversationUpdate {
            status: Member::Value(ConversationStatus::Trash),
            ..ConversationUpdate::default()
        };
        let trashed = self.patch_row(cx, at, &request, operation).await?;
        self.0.indexes.forget(&at.native);
        if trashed.status != ConversationStatus::Trash {
            let message =
                "convore answered that it has deleted the conversation, and shows it as before";
            return Err(Error::new(Kind::InvalidResponse, message).at(self.name(), operation));
        }
        Ok(())
    }

    /// Reading by the business marks the conversation as read; the vendor knows nothing else of the kind.
    pub(super) async fn note_activity(
        &self,
        cx: &Context,
        at: &Location,
        activity: &Activity,
    ) -> Result<()> {
        let operation = "send_activity";
        match activity.activity {
            ActivityKind::Read => {}
            ActivityKind::TypingStart | ActivityKind::TypingStop => {
                self.read_row(cx, at, operation).await?;
                return Err(self.unsupported("tell_typing"));
            }
            _ => {
                let message = "only `read`, `typing_start` and `typing_stop` are told as activity";
                return Err(Error::new(Kind::InvalidRequest, message).at(self.name(), operation));
            }
        }
        let row = self.read_row(cx, at, operation).await?;
        if let Some(id) = activity.participant_id.as_deref() {
            let participants = participants_to_canonical(&row.participants);
            let reader = participants
                .iter()
                .find(|participant| participant.id.as_deref() == Some(id));
            if reader.is_some_and(|reader| reader.side == Some(conversation::Side::Customer)) {
                let detail = "convore notes what the business has read, not what a customer has";
                return Err(self.not_held("/participant_id", detail, operation));
            }
        }
        if row.is_unread.value() != Some(&false) {
            let request = ConversationUpdate {
                is_unread: Member::Value(false),
                ..ConversationUpdate::default()
            };
            self.patch_row(cx, at, &request, operation).await?;
        }
        Ok(())
    }

    pub(super) async fn check_health(&self, cx: &Context) -> Health {
        // The cheapest call that needs a valid key and the database.
        let query = ConversationListQuery {
            status: Some(ConversationStatus::Open),
            limit: Some(1),
            ..ConversationListQuery::default()
        };
        match self.client().list_conversations(cx.deadline, &query).await {
            Ok(_) => Health {
                ok: true,
                detail: "convore answers".to_owned(),
            },
            Err(failure) => {
                let error = self.failed(failure, "health", Target::Collection, Effect::Read);
                Health {
                    ok: false,
                    detail: error.message.clone(),
                }
            }
        }
    }
}

/// Who takes part in a new conversation: those that are named, else the caller. The same for the same `seed`.
pub(super) fn participants_of(cx: &Context, new: &NewConversation, seed: &str) -> Vec<Participant> {
    if !new.participants.is_empty() {
        return with_ids(new.participants.clone(), seed);
    }
    vec![Participant {
        id: Some(chat_id(&Convore::caller(cx)).into()),
        side: Some(conversation::Side::Customer),
        ..Participant::default()
    }]
}
