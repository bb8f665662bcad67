//! Participants: lists replace, so they are read, merged and written back.

use std::collections::HashSet;

use backend::{Backend, Context, Error, Kind, Location, Result, Write};
use conversation::Participant;

use super::Convore;
use crate::mapping::{
    participant_id, participant_input, participants_from_canonical, participants_to_canonical,
    with_ids,
};
use crate::wire::{ConversationUpdate, Member};

impl Convore {
    pub(super) async fn add(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        let operation = "add_participants";
        let row = self.read_row(cx, at, operation).await?;
        let all = participants_to_canonical(&row.participants);
        let mut ids: HashSet<Box<str>> = all.iter().filter_map(|one| one.id.clone()).collect();
        let mut given = HashSet::new();
        for id in new.iter().filter_map(|one| one.id.clone()) {
            if ids.contains(&id) || !given.insert(id) {
                return Err(self.taken(operation));
            }
        }
        let projection = self.preview(&Write::AddParticipants(new));
        projection.check(cx, self.name())?;
        let Write::AddParticipants(new) = projection.write else {
            return Err(self.became_another(operation));
        };
        let new = with_ids(new, &cx.intent.simple().to_string());
        if new.is_empty() {
            return Ok(all);
        }
        // An address may belong to somebody who is there already.
        for id in new.iter().filter_map(|one| one.id.clone()) {
            if !ids.insert(id) {
                return Err(self.taken(operation));
            }
        }
        let mut participants: Vec<_> = row.participants.iter().map(participant_input).collect();
        participants.extend(participants_from_canonical(&new, &[]));
        let request = ConversationUpdate {
            participants: Member::Value(participants),
            ..ConversationUpdate::default()
        };
        let changed = self.patch_row(cx, at, &request, operation).await?;
        Ok(participants_to_canonical(&changed.participants))
    }

    fn taken(&self, operation: &'static str) -> Error {
        let message = "the conversation has a participant with this id already";
        Error::new(Kind::Conflict, message).at(self.name(), operation)
    }

    pub(super) async fn remove(&self, cx: &Context, at: &Location, id: &str) -> Result<()> {
        let operation = "remove_participant";
        let row = self.read_row(cx, at, operation).await?;
        let others = row.participants.iter();
        let others: Vec<_> = others
            .filter(|participant| participant_id(&participant.handle) != id)
            .map(participant_input)
            .collect();
        if others.len() == row.participants.len() {
            let error = Error::new(Kind::NotFound, "participant not found");
            return Err(error.at(self.name(), operation));
        }
        let request = ConversationUpdate {
            participants: Member::Value(others),
            ..ConversationUpdate::default()
        };
        self.patch_row(cx, at, &request, operation).await?;
        Ok(())
    }
}
