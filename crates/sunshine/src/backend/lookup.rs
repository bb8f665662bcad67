//! Single messages, for which the vendor has no call, and messages in canonical form.

use adapterkit::name_left_out;
use backend::{Context, Error, Location, Result};
use conversation::{Message, MessageId};

use super::Sunshine;
use super::vendor_page::{Step, Unread, id_of, is_gone};
use crate::client::Caller;
use crate::error::has_status;
use crate::mapping::message_to_canonical;
use crate::wire::{self, CURSOR_CHARS};

impl Sunshine {
    /// One message: it is on the newest page, or right before the one that comes right after it. At most three calls.
    pub(super) async fn find(
        &self,
        caller: Caller,
        at: &Location,
        id: &MessageId,
        operation: &'static str,
    ) -> Result<wire::Message> {
        self.facts(caller, at, operation).await?;
        let missing = || Error::message_not_found().at(self.name(), operation);
        let shown = |message: wire::Message| {
            if is_gone(&message) {
                Err(missing())
            } else {
                Ok(message)
            }
        };
        let wanted = Some(id.as_str());
        let newest = self
            .page(caller, &at.native, Step::Newest, operation)
            .await?;
        let is_whole = newest.next.is_none();
        if let Some(found) = newest
            .messages
            .into_iter()
            .find(|message| id_of(message) == wanted)
        {
            return shown(found);
        }
        // Cursors have one length; an id of another is none of this vendor's.
        if is_whole || id.as_str().chars().count() != CURSOR_CHARS {
            return Err(missing());
        }
        let step = Step::After(id.as_str());
        let after = match self.read_page(caller, &at.native, step, operation).await {
            // The conversation is there, so what is refused or not found is the cursor.
            Err(Unread::Failed(failure))
                if has_status(&failure, 400) || has_status(&failure, 404) =>
            {
                return Err(missing());
            }
            page => page.map_err(|unread| self.unread(unread, operation))?,
        };
        let Some(follower) = after.messages.first().and_then(id_of) else {
            return Err(missing());
        };
        let mut before = self
            .page(caller, &at.native, Step::Before(follower), operation)
            .await?;
        match before.messages.pop() {
            Some(found) if id_of(&found) == wanted => shown(found),
            _ => Err(missing()),
        }
    }

    /// Messages in canonical form, with our ids of their users. One that cannot be read is named and left out.
    pub(super) async fn canonical_messages(
        &self,
        cx: &Context,
        caller: Caller,
        at: &Location,
        messages: &[wire::Message],
        operation: &'static str,
    ) -> Result<Vec<Message>> {
        self.learn_names(caller, &at.native, messages, operation)
            .await?;
        let name_of = |id: &str| self.name_of(&cx.principal.tenant, id);
        let readable = messages.iter().filter_map(|message| {
            match message_to_canonical(message, at.id, &name_of) {
                Ok(message) => Some(message),
                Err(_) => {
                    name_left_out(self.name(), operation, id_of(message));
                    None
                }
            }
        });
        Ok(readable.collect())
    }

    /// One message in canonical form.
    pub(super) async fn canonical_message(
        &self,
        cx: &Context,
        caller: Caller,
        at: &Location,
        message: &wire::Message,
        operation: &'static str,
    ) -> Result<Message> {
        let one = std::slice::from_ref(message);
        self.learn_names(caller, &at.native, one, operation).await?;
        let name_of = |id: &str| self.name_of(&cx.principal.tenant, id);
        message_to_canonical(message, at.id, &name_of)
            .map_err(|error| self.unmappable(error, operation))
    }

    pub(super) async fn one_message(
        &self,
        cx: &Context,
        at: &Location,
        id: &MessageId,
    ) -> Result<Message> {
        let operation = "get_message";
        let caller = self.caller(cx);
        let found = self.find(caller, at, id, operation).await?;
        self.canonical_message(cx, caller, at, &found, operation)
            .await
    }
}
