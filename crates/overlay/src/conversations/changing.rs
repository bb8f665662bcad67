//! Changing conversations: at the backend what it can hold, beside it the rest.

use backend::ports::{Change, Kept};
use backend::{
    Context, Error, FidelityPolicy, FieldFate, Kind, Location, Outcome, Precondition, Result, Write,
};
use conversation::{Conversation, ConversationPatch, Time, Violation};

use super::{applied, may_send_less};
use crate::fields::{Compared, Named, Rules, compare_conversation, lay_conversation, pointers};
use crate::index::under;
use crate::preview::without;
use crate::ratings::is_refusal;
use crate::{DriftPolicy, Overlay, fidelity, participants};

impl Overlay {
    pub(crate) async fn update(
        &self,
        cx: &Context,
        at: &Location,
        patch: ConversationPatch,
        precondition: Option<&Precondition>,
    ) -> Result<Conversation> {
        let kept = self.kept(at).await?;
        let (held, kept) = self.held_conversation(&cx.fresh(), at, kept).await?;
        let before = self.show_conversation(held.clone(), &kept)?;
        if let Some(precondition) = precondition {
            precondition.check(&before)?;
        }
        if patch.is_empty() {
            return self.lay_conversation(cx, at, held, &kept).await;
        }
        self.foretell(&Write::UpdateConversation(patch.clone()))
            .check(cx, self.name())?;
        // Also finds what cannot be, before anything is sent.
        let wanted = changed(before, patch.clone())?;
        let sent = if kept.has_ended {
            None
        } else {
            self.update_below(cx, at, &kept, &patch).await?
        };
        let is_sent = sent.is_some();
        if !is_sent {
            let fate = FieldFate::overlay("", "kept beside the backend, which was not changed");
            fidelity::allow(cx, self.name(), &fate)?;
        }
        let held = sent.unwrap_or(held);
        let updated = self.keep_update(cx, at, &patch, wanted, held, &kept).await;
        updated.map_err(|error| if is_sent { applied(error) } else { error })
    }

    /// Changes at the backend what it can hold of a change, as it is then; nothing where nothing of it is left to send.
    pub(crate) async fn update_below(
        &self,
        cx: &Context,
        at: &Location,
        kept: &Kept,
        patch: &ConversationPatch,
    ) -> Result<Option<Conversation>> {
        if !self.below().capabilities().conversation_update.works() {
            return Ok(None);
        }
        let native = participants::native_patch(patch.clone(), &kept.fields);
        let projection = self.below().preview(&Write::UpdateConversation(native));
        let Write::UpdateConversation(mut sent) = projection.write else {
            return Ok(None);
        };
        if !projection.is_held {
            return Ok(None);
        }
        let mut rounds = 0;
        while !sent.is_empty() {
            let answer = self
                .below()
                .update_conversation(&under(cx), at, sent.clone(), None)
                .await;
            match answer {
                Ok(held) => return Ok(Some(held)),
                // It was done, but not as asked: what became of it is read.
                Err(error) if error.kind == Kind::NotHeld && error.outcome == Outcome::Applied => {
                    let held = self.below().get_conversation(&under(&cx.fresh()), at).await;
                    return held.map(Some).map_err(applied);
                }
                // What is refused on the way is kept, all of it where it is not told apart.
                Err(error) if is_refusal(&error) && cx.fidelity == FidelityPolicy::Lenient => {
                    let less = without(&sent, &error.violations)?;
                    match less.filter(|_| may_send_less(cx, &error, rounds)) {
                        Some(less) => sent = less,
                        None => return Ok(None),
                    }
                    rounds += 1;
                }
                Err(error) if self.has_ended(kept, &error) => {
                    self.note_ended(cx, at).await?;
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Keeps what the backend does not hold of a change that it has carried out, as far as it could: it holds `held` now.
    /// The same again changes nothing.
    pub(crate) async fn updated(
        &self,
        cx: &Context,
        at: &Location,
        patch: &ConversationPatch,
        held: Conversation,
    ) -> Result<Conversation> {
        let kept = self.kept(at).await?;
        // What was changed just now is no drift: the rows say what the change was made of.
        let rules = Rules {
            policy: DriftPolicy::Kept,
            ..self.rules()
        };
        let before = lay_conversation(held.clone(), &kept.fields, &rules)?.object;
        let wanted = changed(before, patch.clone())?;
        self.keep_update(cx, at, patch, wanted, held, &kept).await
    }

    pub(crate) async fn keep_update(
        &self,
        cx: &Context,
        at: &Location,
        patch: &ConversationPatch,
        mut wanted: Conversation,
        held: Conversation,
        kept: &Kept,
    ) -> Result<Conversation> {
        participants::name(cx, &mut wanted.participants, &held.participants);
        let mut foretold = self
            .foretell(&Write::UpdateConversation(patch.clone()))
            .fates;
        foretold.extend(participants::apart(
            &self.below().capabilities(),
            &held.participants,
        ));
        let found = compare_conversation(
            &wanted,
            Named::Changed(patch),
            &held,
            &kept.fields,
            &foretold,
        )?;
        self.keep_compared(cx, at, found, held, kept, &foretold)
            .await
    }

    /// The rows that make a new home, which holds `held`, read as the conversation did when it was last shown. What the
    /// backend tells of itself in `extensions` is of the old home, and goes with it.
    pub(crate) fn rehomed(&self, kept: &Kept, held: &Conversation) -> Result<Vec<Change>> {
        let Some(copy) = kept.copy.as_deref() else {
            return Ok(Vec::new());
        };
        let wanted = self.show_conversation(copy.clone(), kept)?;
        let everything = [FieldFate::overlay("", "given to the home before")];
        let named = Named::Copied;
        let found = compare_conversation(&wanted, named, held, &kept.fields, &everything)?;
        let is_ours = |change: &Change| match change {
            Change::Field(field) => {
                pointers::field(&field.pointer) != "extensions"
                    || kept.fields.iter().any(|row| row.pointer == field.pointer)
            }
            _ => true,
        };
        Ok(found.changes.into_iter().filter(is_ours).collect())
    }

    /// Writes what a comparison found, and shows the conversation.
    pub(crate) async fn keep_compared(
        &self,
        cx: &Context,
        at: &Location,
        found: Compared,
        held: Conversation,
        kept: &Kept,
        foretold: &[FieldFate],
    ) -> Result<Conversation> {
        let Compared { rows, mut changes } = found;
        fidelity::note_rows(cx, &at.id.to_string(), &rows, foretold);
        if !changes.is_empty() {
            changes.push(Change::Touch {
                updated_at: Time::now(),
                last_message_at: None,
            });
        }
        changes.extend(self.copy_of(&held, kept));
        self.apply(cx, at, changes).await?;
        let kept = self.kept(at).await?;
        self.show_conversation(held, &kept)
    }
}

/// `before` as a change makes it.
fn changed(mut before: Conversation, patch: ConversationPatch) -> Result<Conversation> {
    if let Some(participants) = patch.participants.set() {
        participants::check(participants)?;
    }
    patch.apply(&mut before).map_err(|_| unfit())?;
    Ok(before)
}

fn unfit() -> Error {
    // serde's words may quote the document, so the members that can fail are named instead.
    let violation = |pointer: &str| Violation {
        pointer: pointer.to_owned(),
        code: "invalid",
        detail: "has a shape that it cannot have".to_owned(),
        exceeds: None,
    };
    Error::new(
        Kind::InvalidRequest,
        "the change does not fit the conversation",
    )
    .violations(vec![violation("/assistant"), violation("/extensions")])
}
