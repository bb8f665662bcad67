//! Deleting conversations, also those that the vendor does not let go.

use adapterkit::Effect;
use backend::{Context, Error, Kind, Location, Outcome, Precondition, Result};
use conversation::{JsonMap, RawJson};

use super::Sunshine;
use crate::client::Caller;
use crate::error::{Subject, has_status};
use crate::mapping::{DELETED_KEY, own_member};
use crate::wire::{self, ConversationUpdateBody, Extra, Member, Raw};

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
        let wire = self.read(caller, at, operation).await?;
        if wire.is_default.into_value() != Some(true) {
            return Err(self.failed(failure, Subject::Conversation, Effect::Write, operation));
        }
        self.bury(cx, caller, at, &wire, operation).await
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
            Ok(answer) if is_deleted(&answer.conversation) => Ok(()),
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

/// Whether a conversation counts as deleted although the vendor keeps it.
pub(super) fn is_deleted(wire: &wire::Conversation) -> bool {
    own_member(&wire.metadata, DELETED_KEY).is_some()
}
