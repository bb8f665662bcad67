//! Settling creates: what one has made, and where that is by now.

use backend::ports::MigrationId;
use backend::{Applied, Context, Intent, Located, Location, Result, SettleSupport, Settled};
use conversation::{Conversation, NewConversation};
use uuid::Uuid;

use crate::Router;
use crate::claims::Claims;
use crate::settling::is_refused;

/// Where the conversations of creates are, so that whoever repeats one is given the same: by its looks alone it would be
/// one that is known already.
pub(crate) type Made = moka::sync::Cache<Uuid, Location>;

/// The most creates that are remembered.
pub(crate) const MADE_MAX: u64 = 10_000;

impl Router {
    /// Settles a create that was sent to this backend, and ends its note where nothing is left to know. The backend need
    /// not be configured any more where it is known what was made there.
    pub(crate) async fn settle_create(
        &self,
        cx: &Context,
        sent_to: &str,
        intent: &Intent,
        new: &NewConversation,
        led_by: &[MigrationId],
    ) -> Result<Settled> {
        let claims = Claims::at(&self.intents, sent_to).await?;
        let made = self.made.get(&intent.id);
        if let Some(location) = made.or_else(|| claims.made_by(intent.id)) {
            let settled = self.settle_made(cx, location, None, led_by).await?;
            self.intents.end_under(cx.fence, intent.id).await?;
            return Ok(settled);
        }
        let slot = self.configured(sent_to)?;
        if is_refused(cx, slot, &intent.write) {
            self.intents.end_under(cx.fence, intent.id).await?;
            return Ok(Settled::NotApplied);
        }
        if slot.backend.capabilities().settle == SettleSupport::Likely {
            // Found by its looks: one that is known, or that another create could claim, may not be this one's, and
            // nothing of this create may be written beside it.
            let look = Context {
                looks_only: true,
                ..cx.clone()
            };
            let seen = slot.backend.settle(&look, intent).await?;
            if let Settled::Applied(Applied::Conversation(located)) = &seen
                && (self.is_known(&located.location).await?
                    || claims.contest(intent.id, new, &located.conversation))
            {
                return Ok(Settled::Unknown);
            }
        }
        let settled = slot.backend.settle(cx, intent).await?;
        let Settled::Applied(Applied::Conversation(located)) = settled else {
            self.end_settled(cx, intent.id, &settled).await?;
            return Ok(settled);
        };
        let Located {
            location,
            conversation,
        } = *located;
        let made = location.clone();
        let settled = self
            .settle_made(cx, location, Some(conversation), led_by)
            .await?;
        self.made.insert(intent.id, made);
        self.intents.end_under(cx.fence, intent.id).await?;
        Ok(settled)
    }

    /// What a create has made at `made`, as it is now: it may live elsewhere by now, and then its old home tells nothing of
    /// it. `told` is what that home said, where it was asked. Unknown where it was deleted since.
    pub(crate) async fn settle_made(
        &self,
        cx: &Context,
        made: Location,
        told: Option<Conversation>,
        led_by: &[MigrationId],
    ) -> Result<Settled> {
        let binding = self.directory.locate(made.id).await?;
        let located = match binding {
            Some(binding) if binding.deleted => return Ok(Settled::Unknown),
            Some(binding) if binding.location.backend != made.backend => {
                self.read_at(cx, binding.location).await?
            }
            // The process may have died before the directory knew it.
            _ => {
                let located = match told {
                    Some(conversation) => Located {
                        location: made,
                        conversation,
                    },
                    None => self.read_at(cx, made).await?,
                };
                self.own(cx, &located).await?;
                located
            }
        };
        self.note_born(led_by, located.location.id).await?;
        let made = Applied::Conversation(Box::new(located));
        Ok(Settled::Applied(made))
    }

    async fn read_at(&self, cx: &Context, location: Location) -> Result<Located> {
        let slot = self.configured(&location.backend)?;
        let conversation = slot.backend.get_conversation(cx, &location).await?;
        Ok(Located {
            location,
            conversation,
        })
    }
}
