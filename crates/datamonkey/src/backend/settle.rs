//! What became of a write whose answer was lost, found by comparing content and times.

use std::collections::HashSet;

use adapterkit::{of_tenant, settle_by_reading};
use backend::ports::CredentialName;
use backend::{Applied, Context, Error, Intent, Kind, Located, Location, Result, Settled, Write};
use conversation::{NewConversation, Time, text_of};

use super::Datamonkey;
use super::identity::{Identity, Reach, is_identity_of};
use crate::client::Caller;
use crate::mapping::{Placed, conversation_to_canonical, create_request, preview};
use crate::wire::{ChatConversation, MessageRole};

const OPERATION: &str = "settle";
/// How long after its question an answer can be stored, in milliseconds: the vendor stores both right after each
/// other, and waits at most 5 s for its database.
const ANSWER_FOLLOWS_WITHIN: i64 = 10_000;

impl Datamonkey {
    pub(super) async fn find_out(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        match self.look(cx, intent).await {
            // Nobody will ever see what became of it.
            Err(error) if error.kind == Kind::AccessEnded => Ok(Settled::Unknown),
            settled => settled,
        }
    }

    async fn look(&self, cx: &Context, intent: &Intent) -> Result<Settled> {
        match (&intent.write, &intent.location) {
            (Write::CreateConversation(new), _) => self.settle_create(cx, intent, new).await,
            (Write::Respond(_), Some(at)) => {
                let projection = preview(&intent.write);
                match projection.write {
                    Write::Respond(request) if projection.is_held => match request.input {
                        Some(input) => {
                            let text = text_of(&input.parts);
                            self.settle_answer(cx, intent, at, &text).await
                        }
                        None => Ok(Settled::NotApplied),
                    },
                    // Refused before anything is sent.
                    _ => Ok(Settled::NotApplied),
                }
            }
            // These are refused before anything is sent.
            (Write::UpdateConversation(_) | Write::PostMessage(_) | Write::ImportMessage(_), _) => {
                Ok(Settled::NotApplied)
            }
            (
                Write::DeleteConversation
                | Write::ImportMessages(_)
                | Write::UpdateMessage { .. }
                | Write::DeleteMessage { .. }
                | Write::RateMessage { .. }
                | Write::AddParticipants(_)
                | Write::RemoveParticipant { .. }
                | Write::PutAttachment { .. },
                _,
            ) => settle_by_reading(self, cx, intent, &self.0.window).await,
            (Write::Respond(_), None) => Err(Error::new(
                Kind::Internal,
                "an intent names no conversation",
            )
            .at(self.name(), OPERATION)),
        }
    }

    /// The one empty conversation of the window that looks like what was to be made, with any of the user's
    /// identities that could have made it.
    async fn settle_create(
        &self,
        cx: &Context,
        intent: &Intent,
        new: &NewConversation,
    ) -> Result<Settled> {
        let Write::CreateConversation(projected) =
            preview(&Write::CreateConversation(new.clone())).write
        else {
            return Ok(Settled::Unknown);
        };
        let title = create_request(&projected).title.into_value();
        let (mut identities, mut all_seen) = self
            .identities_since(&self.user_name(cx), intent.started_at)
            .await?;
        let tenant = of_tenant(self.name(), &cx.principal.tenant);
        let (shared, shared_seen) = self.identities_since(&tenant, intent.started_at).await?;
        identities.extend(shared);
        all_seen &= shared_seen;
        let bootstraps = self.0.credentials.bootstraps(self.name()).await?;
        let hidden: HashSet<Box<str>> = bootstraps
            .into_iter()
            .map(|bootstrap| bootstrap.native)
            .collect();
        let mut candidates = Vec::new();
        for identity in &identities {
            let caller = Caller {
                deadline: cx.deadline,
                token: Some(identity.token.secret.clone()),
            };
            let rows = match self.rows(&caller, &hidden, OPERATION).await {
                Ok(rows) => rows,
                // The server no longer takes this token: what it has made is out of reach.
                Err(error) if matches!(error.kind, Kind::UpstreamAuth | Kind::AccessEnded) => {
                    all_seen = false;
                    continue;
                }
                Err(error) => return Err(error),
            };
            // What cannot be read may be the one.
            all_seen &= rows.is_complete();
            for row in rows.answer {
                let row_title = row.title.value().filter(|title| !title.is_empty());
                let looks_alike = row_title == title.as_ref() && self.is_in_window(intent, &row);
                if looks_alike && self.is_empty(&caller, &row, identity).await? {
                    candidates.push((row, identity));
                }
            }
        }
        let [(row, identity)] = candidates.as_slice() else {
            let nothing = candidates.is_empty() && all_seen;
            return Ok(if nothing {
                self.0.window.nothing_found(intent)
            } else {
                Settled::Unknown
            });
        };
        if !all_seen {
            return Ok(Settled::Unknown);
        }
        let conversation = conversation_to_canonical(row, self.name())
            .map_err(|error| self.unmappable(error, OPERATION))?;
        let located = Located {
            location: self.location(&row.id, &identity.reference),
            conversation,
        };
        Ok(Settled::Applied(Applied::Conversation(Box::new(located))))
    }

    /// The user's identities that can be asked, and whether those are all that a create since `time` can have been
    /// sent with.
    async fn identities_since(
        &self,
        user: &CredentialName,
        time: Time,
    ) -> Result<(Vec<Identity>, bool)> {
        let names = self.0.credentials.names().await?;
        let mut identities = Vec::new();
        let mut all_live = true;
        for name in names
            .iter()
            .filter(|name| &*name.backend == self.name() && is_identity_of(&name.reference, user))
        {
            let Some(stored) = self.stored(name).await? else {
                continue;
            };
            match self.token_of(name).await? {
                Some(token) => identities.push(self.identity(user, token)),
                None if stored.lives(time) => all_live = false,
                None => {}
            }
        }
        Ok((identities, all_live))
    }

    fn is_in_window(&self, intent: &Intent, row: &ChatConversation) -> bool {
        is_in_window(row.created, |time| self.0.window.holds(intent, time))
    }

    /// Counted by reading: the vendor's list does not tell.
    async fn is_empty(
        &self,
        caller: &Caller,
        row: &ChatConversation,
        identity: &Identity,
    ) -> Result<bool> {
        let at = self.location(&row.id, &identity.reference);
        let reach = Reach {
            caller: caller.clone(),
            at: &at,
            operation: OPERATION,
        };
        match self.index(&reach).await {
            // One that cannot be read is one all the same.
            Ok(index) => Ok(index.messages.is_empty() && index.is_complete),
            // Deleted since it was listed.
            Err(error) if error.kind == Kind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The one message of the user with this text in the window, and the answer that follows it.
    async fn settle_answer(
        &self,
        cx: &Context,
        intent: &Intent,
        at: &Location,
        text: &str,
    ) -> Result<Settled> {
        let found = match self.reach(cx, at, OPERATION).await {
            Ok(reach) => self.index(&reach).await.map(|index| (reach, index)),
            // Nobody will ever see what became of it.
            Err(error) if error.kind == Kind::UpstreamAuth => return Ok(Settled::Unknown),
            Err(error) => Err(error),
        };
        let (reach, index) = match found {
            Ok(found) => found,
            Err(error) if error.kind == Kind::NotFound => return Ok(Settled::NotApplied),
            Err(error) => return Err(error),
        };
        if !index.is_complete {
            // What cannot be read may be the question, or the answer.
            return Ok(Settled::Unknown);
        }
        let index = index.messages;
        let is_ours = |position: &usize| {
            let placed = &index[*position];
            placed.message.role == MessageRole::User
                && placed.message.content == text
                && is_in_window(placed.place.0, |time| self.0.window.holds(intent, time))
        };
        let ours: Vec<usize> = (0..index.len()).filter(is_ours).collect();
        match ours.as_slice() {
            [] => Ok(self.0.window.nothing_found(intent)),
            [position] => match answer_to(&index, *position) {
                Some(answer) => {
                    let message = self.canonical_message(answer, &reach)?;
                    Ok(Settled::Applied(Applied::Message(Box::new(message))))
                }
                // Its answer may still be stored, or never will be, or cannot be told from another's.
                None => Ok(Settled::Unknown),
            },
            _ => Ok(Settled::Unknown),
        }
    }
}

/// The answer to the question at `position`, where it cannot be another's: sends run side by side, and their questions
/// and answers are stored in any order (measured on commit 8fa7f84: `u a u u a a`).
fn answer_to(index: &[Placed], position: usize) -> Option<&Placed> {
    let role = |position: usize| index.get(position).map(|placed| &placed.message.role);
    let answer = index.get(position + 1)?;
    let alone = position
        .checked_sub(1)
        .is_none_or(|before| role(before) != Some(&MessageRole::User))
        && role(position + 2) != Some(&MessageRole::Assistant);
    let follows = answer.message.role == MessageRole::Assistant
        && answer.place.0 - index[position].place.0 <= ANSWER_FOLLOWS_WITHIN;
    Some(answer).filter(|_| alone && follows)
}

/// Whether something of this millisecond happened in a window.
fn is_in_window(millis: i64, holds: impl Fn(Time) -> bool) -> bool {
    let Ok(first) = Time::from_micros(millis.saturating_mul(1_000)) else {
        return false;
    };
    holds(first) || holds(first.saturating_add_micros(999))
}
