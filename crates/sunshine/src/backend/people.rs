//! Users: found or made by our own id, and told apart by the vendor's.

use std::collections::BTreeSet;
use std::sync::Arc;

use adapterkit::Effect;
use backend::{Outcome, Result};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::Sunshine;
use super::records::{PageEnd, repeats};
use crate::client::Caller;
use crate::error::{Subject, has_status};
use crate::limits::PAGE_MAX;
use crate::mapping::{Profiled, own_id, user_body};
use crate::wire::{Extra, Member, Message, PageQuery, Participant, User, UserUpdateBody};

/// The most pages of participants that are read of one conversation.
const PAGES_MAX: usize = 50;
/// How many users are read at the same time.
const LOOK_UPS: usize = 8;

impl Sunshine {
    /// Sees to it that a user with this external id is there, with this profile where one is given.
    ///
    /// A failure leaves the write that needs the user undone.
    pub(super) async fn ensure_user(
        &self,
        caller: Caller,
        external_id: &str,
        profiled: Option<Profiled>,
        operation: &'static str,
    ) -> Result<()> {
        let profiled = profiled.filter(|profiled| profiled.says_something);
        if profiled.is_none() && self.0.known.users.contains_key(external_id) {
            return Ok(());
        }
        let body = user_body(external_id, profiled.clone());
        let mut answer = self.client().create_user(caller, &body).await.map(Some);
        if answer
            .as_ref()
            .is_err_and(|failure| has_status(failure, 409))
        {
            // The external id is taken: by the user who is wanted.
            answer = match profiled {
                None => Ok(None),
                Some(profiled) => {
                    let body = UserUpdateBody {
                        signed_up_at: Member::Absent,
                        to_be_retained: Member::Absent,
                        profile: Member::Value(profiled.profile),
                        metadata: Member::Absent,
                        extra: Extra::new(),
                    };
                    let updated = self.client().update_user(caller, external_id, &body).await;
                    updated.map(Some)
                }
            };
        }
        match answer {
            Ok(answer) => {
                self.0.known.users.insert(external_id.into(), ());
                if let Some(answer) = answer {
                    self.note_user(answer.user);
                }
                Ok(())
            }
            Err(failure) => {
                let error = self.failed(failure, Subject::User, Effect::Write, operation);
                Err(error.outcome(Outcome::NotApplied))
            }
        }
    }

    /// Remembers a user as it is now.
    fn note_user(&self, user: User) {
        if let Some(id) = user.id.value().cloned() {
            let user = Some(Arc::new(user));
            self.0.known.profiles.insert(id.into(), user);
        }
    }

    /// Who takes part in a conversation, as the vendor has it now.
    pub(super) async fn fresh_members(
        &self,
        caller: Caller,
        native: &str,
        operation: &'static str,
    ) -> Result<Arc<Vec<Participant>>> {
        let mut members: Vec<Participant> = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let page = PageQuery {
                after: after.clone(),
                before: None,
                size: u32::try_from(PAGE_MAX).ok(),
            };
            let answer = self.client().list_participants(caller, native, &page).await;
            let answer = answer.map_err(|failure| {
                self.failed(failure, Subject::Conversation, Effect::Read, operation)
            })?;
            let answer = answer.named(self.name(), operation);
            let count = answer.answer.participants.len() + answer.left_out.len();
            let answer = answer.answer;
            let found = answer.participants;
            let next = PageEnd {
                meta: &answer.meta,
                links: &answer.links,
                count,
                size: PAGE_MAX,
                last: found
                    .last()
                    .and_then(|participant| participant.id.value())
                    .map(String::as_str),
                sent: after.as_deref(),
            }
            .next()
            .map_err(|error| error.at(self.name(), operation))?;
            members.extend(found);
            match next {
                Some(next) => after = Some(next),
                None => {
                    let members = Arc::new(members);
                    self.remember(native, &members);
                    return Ok(members);
                }
            }
        }
        Err(repeats().at(self.name(), operation))
    }

    fn remember(&self, native: &str, members: &Arc<Vec<Participant>>) {
        for member in members.iter() {
            if let Some(user_id) = member.user_id.value() {
                let external = member.user_external_id.value();
                self.0.known.names.insert(
                    user_id.as_str().into(),
                    external.map(|external| external.as_str().into()),
                );
            }
        }
        self.0
            .known
            .members
            .insert(native.into(), Arc::clone(members));
    }

    /// Who takes part, perhaps as it was a moment ago.
    pub(super) async fn members(
        &self,
        caller: Caller,
        native: &str,
        operation: &'static str,
    ) -> Result<Arc<Vec<Participant>>> {
        match self.0.known.members.get(native) {
            Some(members) => Ok(members),
            None => self.fresh_members(caller, native, operation).await,
        }
    }

    /// Learns our ids of the users who wrote these messages: the vendor's messages name them by its own.
    pub(super) async fn learn_names(
        &self,
        caller: Caller,
        native: &str,
        messages: &[Message],
        operation: &'static str,
    ) -> Result<()> {
        let unknown: BTreeSet<&str> = messages
            .iter()
            .filter_map(|message| message.author.value())
            .filter_map(|author| author.user_id.value())
            .map(String::as_str)
            .filter(|id| !self.0.known.names.contains_key(*id))
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        self.fresh_members(caller, native, operation).await?;
        for id in unknown {
            // Somebody who has left keeps the vendor's id.
            if !self.0.known.names.contains_key(id) {
                self.0.known.names.insert(id.into(), None);
            }
        }
        Ok(())
    }

    /// Our id of a user, where it is known and of this tenant.
    pub(super) fn name_of(&self, tenant: &str, user_id: &str) -> Option<Box<str>> {
        let external = self.0.known.names.get(user_id)??;
        own_id(tenant, &external).map(Into::into)
    }

    /// The users behind these participants, in their order; `None` for one who is gone.
    pub(super) async fn users_of(
        &self,
        caller: Caller,
        members: &[Participant],
        operation: &'static str,
    ) -> Result<Vec<Option<Arc<User>>>> {
        // Owned ids: a stream that borrows from both sides is no future that can be sent.
        let ids: Vec<Option<String>> = members
            .iter()
            .map(|member| member.user_id.value().cloned())
            .collect();
        stream::iter(ids)
            .map(|id| async move {
                match id {
                    None => Ok(None),
                    Some(id) => self.user(caller, &id, operation).await,
                }
            })
            .buffered(LOOK_UPS)
            .try_collect()
            .await
    }

    async fn user(
        &self,
        caller: Caller,
        id: &str,
        operation: &'static str,
    ) -> Result<Option<Arc<User>>> {
        if let Some(known) = self.0.known.profiles.get(id) {
            return Ok(known);
        }
        let user = match self.client().get_user(caller, id).await {
            Ok(answer) => Some(Arc::new(answer.user)),
            Err(failure) if has_status(&failure, 404) => None,
            Err(failure) => {
                return Err(self.failed(failure, Subject::User, Effect::Read, operation));
            }
        };
        self.0.known.profiles.insert(id.into(), user.clone());
        Ok(user)
    }
}
