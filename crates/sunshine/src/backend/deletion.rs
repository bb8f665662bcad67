//! Deleting conversations, also those that the vendor does not let go.

use adapterkit::{Effect, settle_by_reading};
use backend::{
    Context, Error, FieldFate, Intent, Kind, Location, Outcome, Precondition, Result, Settled,
};
use conversation::{JsonMap, RawJson};

use super::Sunshine;
use crate::client::Caller;
use crate::error::{Subject, has_status};
use crate::mapping::{DELETED_KEY, own_member};
use crate::wire::{self, ConversationUpdateBody, Extra, Member, Raw};

/// What a delete leaves behind of a user's first conversation.
const FIRST_IS_KEPT: &str = "hidden, still held by sunshine: it keeps the first conversation of a user for ever, without messages but under its name";

impl Sunshine {
    pub(super) async fn delete(
        &self,
        cx: &Context,
        at: &Location,
        precondition: Option<&Precondition>,
    ) -> Result<()> {
        let operation = "delete_conversation";
        let caller = self.caller(cx);
        if let Some(precondition) = precondition {
            let wire = self.read(caller, at, operation).await?;
            precondition.check(&self.canonical(&wire, at, operation)?)?;
        }
        self.0.known.forget(&at.native);
        let deleted = self.client().delete_conversation(caller, &at.native).await;
        let Err(failure) = deleted else {
            return Ok(());
        };
        if !has_status(&failure, 400) {
            return Err(self.failed(failure, Subject::Conversation, Effect::Write, operation));
        }
        // A user's first conversation stays for ever.
        let wire = match self.read(caller, at, operation).await {
            Err(error) if error.kind == Kind::NotFound => {
                self.tell_kept(cx, caller, at, operation).await?;
                return Err(error);
            }
            read => read?,
        };
        if wire.is_default.into_value() != Some(true) {
            return Err(self.failed(failure, Subject::Conversation, Effect::Write, operation));
        }
        self.bury(cx, caller, at, &wire, operation).await
    }

    /// What became of a delete whose answer was lost.
    pub(super) async fn settle_delete(
        &self,
        cx: &Context,
        intent: &Intent,
        at: &Location,
    ) -> Result<Settled> {
        let settled = settle_by_reading(self, cx, intent, &self.0.window).await?;
        if matches!(settled, Settled::Applied(_)) {
            self.tell_kept(cx, self.caller(cx), at, "settle").await?;
        }
        Ok(settled)
    }

    /// Tells of a conversation that is not found any more whether the vendor has it all the same.
    async fn tell_kept(
        &self,
        cx: &Context,
        caller: Caller,
        at: &Location,
        operation: &'static str,
    ) -> Result<()> {
        match self.client().get_conversation(caller, &at.native).await {
            Ok(answer) if is_deleted(&answer.conversation) => note_kept(cx, at),
            Ok(_) => {}
            Err(failure) => {
                let error = self.failed(failure, Subject::Conversation, Effect::Read, operation);
                if error.kind != Kind::NotFound {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Empties a conversation that the vendor does not let go, and marks it as deleted.
    async fn bury(
        &self,
        cx: &Context,
        caller: Caller,
        at: &Location,
        wire: &wire::Conversation,
        operation: &'static str,
    ) -> Result<()> {
        self.client()
            .delete_all_messages(caller, &at.native)
            .await
            .map_err(|failure| {
                self.failed(failure, Subject::Conversation, Effect::Write, operation)
            })?;
        let mut metadata: JsonMap = wire
            .metadata
            .value()
            .and_then(|raw| raw.decode().ok())
            .unwrap_or_default();
        // What the caller kept there goes as well, and makes room for the mark.
        metadata.retain(|name, _| name.starts_with("dragoman_"));
        metadata.insert(DELETED_KEY.into(), RawJson::string(&cx.intent.to_string()));
        let body = ConversationUpdateBody {
            display_name: Member::Absent,
            description: Member::Absent,
            icon_url: Member::Absent,
            metadata: Member::from(Raw::encode(&metadata).ok()),
            extra: Extra::new(),
        };
        let marked = self
            .client()
            .update_conversation(caller, &at.native, &body)
            .await;
        self.0.known.forget(&at.native);
        match marked {
            Ok(answer) if is_deleted(&answer.conversation) => {
                note_kept(cx, at);
                Ok(())
            }
            Ok(_) => {
                let message = "sunshine emptied the user's first conversation, but did not keep the mark that it is deleted";
                Err(Error::new(Kind::UpstreamFailed, message)
                    .outcome(Outcome::Applied)
                    .at(self.name(), operation))
            }
            // The messages are gone; deleting again sets the mark.
            Err(failure) => Err(self
                .failed(failure, Subject::Conversation, Effect::Write, operation)
                .outcome(Outcome::Unknown)),
        }
    }
}

/// Tells that a user's first conversation stays.
fn note_kept(cx: &Context, at: &Location) {
    let fate = FieldFate::overlay("", FIRST_IS_KEPT);
    cx.trace.note_fates(&at.id.to_string(), vec![fate]);
}

/// Whether a conversation counts as deleted although the vendor keeps it.
pub(super) fn is_deleted(wire: &wire::Conversation) -> bool {
    own_member(&wire.metadata, DELETED_KEY).is_some()
}
