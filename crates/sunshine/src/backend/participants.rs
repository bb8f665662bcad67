//! Who takes part: listing, joining, leaving. The vendor lets users join and leave groups only.

use std::collections::BTreeSet;
use std::sync::Arc;

use adapterkit::Effect;
use backend::{Context, Error, Kind, Location, Outcome, Result, Write};
use conversation::Participant;

use super::Sunshine;
use super::messages::find_member;
use crate::client::Caller;
use crate::error::{Subject, is_unknown_user, participant_not_found};
use crate::mapping::{Profiled, external_id, participant_to_canonical, profile_of};
use crate::wire::{self, Extra, Member, ParticipantJoinBody, ParticipantLeaveBody};

/// Why nobody joins or leaves.
const GROUPS_ONLY: &str = "on sunshine participants join and leave groups only";

impl Sunshine {
    pub(super) async fn participants(
        &self,
        cx: &Context,
        at: &Location,
    ) -> Result<Vec<Participant>> {
        let operation = "list_participants";
        let caller = self.caller(cx);
        self.facts(caller, at, operation).await?;
        let members = self.fresh_members(caller, &at.native, operation).await?;
        self.described(cx, caller, &members, operation).await
    }

    /// Participants with what is known of their users.
    async fn described(
        &self,
        cx: &Context,
        caller: Caller,
        members: &Arc<Vec<wire::Participant>>,
        operation: &'static str,
    ) -> Result<Vec<Participant>> {
        let users = self.users_of(caller, members, operation).await?;
        let tenant = &cx.principal.tenant;
        Ok(members
            .iter()
            .zip(users)
            .filter_map(|(member, user)| participant_to_canonical(member, user.as_deref(), tenant))
            .collect())
    }

    pub(super) async fn join(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        let operation = "add_participants";
        let projection = backend::Backend::preview(self, &Write::AddParticipants(new));
        projection.check(cx, self.name())?;
        let Write::AddParticipants(new) = projection.write else {
            return Err(Error::new(Kind::Internal, "a join became another write"));
        };
        let caller = self.caller(cx);
        if !self.facts(caller, at, operation).await?.is_group {
            return Err(self.not_held("/participants", GROUPS_ONLY, operation));
        }
        let tenant = &cx.principal.tenant;
        let members = self.fresh_members(caller, &at.native, operation).await?;
        let mut ids = BTreeSet::new();
        let mut users = Vec::new();
        for (index, participant) in new.iter().enumerate() {
            let id = match &participant.id {
                Some(id) => String::from(&**id),
                None => format!("{}-{index}", cx.intent),
            };
            if find_member(&members, tenant, &id).is_some() || !ids.insert(id.clone()) {
                let message = "a participant with this id is there already";
                return Err(Error::new(Kind::Conflict, message).at(self.name(), operation));
            }
            users.push((external_id(tenant, &id), profile_of(participant)));
        }
        for (index, (user, profiled)) in users.into_iter().enumerate() {
            let joined = self.join_one(caller, at, user, profiled, operation).await;
            self.0.known.members.invalidate(&*at.native);
            // What went before is done, so a failure leaves the whole half done.
            joined.map_err(|error| match index {
                0 => error,
                _ => error.outcome(Outcome::Unknown),
            })?;
        }
        let applied = |error: Error| error.outcome(Outcome::Applied);
        let members = self
            .fresh_members(caller, &at.native, operation)
            .await
            .map_err(applied)?;
        self.described(cx, caller, &members, operation)
            .await
            .map_err(applied)
    }

    async fn join_one(
        &self,
        caller: Caller,
        at: &Location,
        user: String,
        profiled: Profiled,
        operation: &'static str,
    ) -> Result<()> {
        self.ensure_user(caller, &user, Some(profiled.clone()), operation)
            .await?;
        let body = ParticipantJoinBody {
            user_id: Member::Absent,
            user_external_id: Member::Value(user.clone()),
            subscribe_sdk_client: Member::Value(true),
            extra: Extra::new(),
        };
        let join = || self.client().join_conversation(caller, &at.native, &body);
        let mut joined = join().await;
        if joined.as_ref().is_err_and(is_unknown_user) {
            // Somebody who was there is gone; nobody joined.
            self.0.known.users.invalidate(user.as_str());
            self.ensure_user(caller, &user, Some(profiled), operation)
                .await?;
            joined = join().await;
        }
        match joined {
            Ok(_) => Ok(()),
            Err(failure) => {
                Err(self.failed(failure, Subject::Participant, Effect::Write, operation))
            }
        }
    }

    pub(super) async fn leave(&self, cx: &Context, at: &Location, participant: &str) -> Result<()> {
        let operation = "remove_participant";
        let caller = self.caller(cx);
        let facts = self.facts(caller, at, operation).await?;
        let members = self.fresh_members(caller, &at.native, operation).await?;
        let member = find_member(&members, &cx.principal.tenant, participant)
            .ok_or_else(|| participant_not_found().at(self.name(), operation))?;
        if !facts.is_group {
            return Err(self.not_held("/participants", GROUPS_ONLY, operation));
        }
        let left = self
            .client()
            .leave_conversation(caller, &at.native, &leave_body(member))
            .await;
        // Only now: what somebody else read meanwhile is out of date as well.
        self.0.known.members.invalidate(&*at.native);
        match left {
            Ok(_) => Ok(()),
            Err(failure) => {
                Err(self.failed(failure, Subject::Participant, Effect::Write, operation))
            }
        }
    }
}

/// The body by which a participant leaves: exactly one of its ids.
fn leave_body(member: &wire::Participant) -> ParticipantLeaveBody {
    let value = |id: &Member<String>| Member::from(id.value().cloned());
    let mut body = ParticipantLeaveBody {
        user_id: Member::Absent,
        user_external_id: Member::Absent,
        participant_id: value(&member.id),
        extra: Extra::new(),
    };
    if body.participant_id.is_absent() {
        body.user_id = value(&member.user_id);
    }
    if body.participant_id.is_absent() && body.user_id.is_absent() {
        body.user_external_id = value(&member.user_external_id);
    }
    body
}
