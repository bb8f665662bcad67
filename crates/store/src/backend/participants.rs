//! Participants: part of a conversation's document; each has an id of its own.

use std::collections::HashSet;

use backend::{Context, Error, Kind, Location, Result};
use conversation::{Participant, Violation};
use uuid::Uuid;

use super::StoreBackend;

/// The most participants of one conversation.
const PARTICIPANTS_MAX: usize = 1_000;

impl StoreBackend {
    pub(super) async fn add(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        let conversation = self
            .change(cx, at, None, move |conversation| {
                let taken: HashSet<_> = conversation
                    .participants
                    .iter()
                    .filter_map(|one| one.id.clone())
                    .collect();
                if new
                    .iter()
                    .any(|one| one.id.as_ref().is_some_and(|id| taken.contains(id)))
                {
                    return Err(Error::new(
                        Kind::Conflict,
                        "a participant with this id is there already",
                    ));
                }
                conversation.participants.extend(new.clone());
                complete(&mut conversation.participants)
            })
            .await?;
        Ok(conversation.participants)
    }

    pub(super) async fn remove(
        &self,
        cx: &Context,
        at: &Location,
        participant: &str,
    ) -> Result<()> {
        let participant: Box<str> = participant.into();
        self.change(cx, at, None, move |conversation| {
            let before = conversation.participants.len();
            conversation
                .participants
                .retain(|one| one.id.as_ref() != Some(&participant));
            if conversation.participants.len() == before {
                return Err(Error::new(Kind::NotFound, "participant not found"));
            }
            Ok(())
        })
        .await
        .map(drop)
    }
}

/// Gives an id to those without; refuses too many, and ids that occur twice.
pub(super) fn complete(participants: &mut [Participant]) -> Result<()> {
    let refused = |pointer: String, code, detail: String| {
        let violation = Violation {
            pointer,
            code,
            detail,
            exceeds: None,
        };
        Err(
            Error::new(Kind::InvalidRequest, "the participants cannot be kept")
                .violations(vec![violation]),
        )
    };
    if participants.len() > PARTICIPANTS_MAX {
        return refused(
            "/participants".to_owned(),
            "too-many",
            format!("at most {PARTICIPANTS_MAX}"),
        );
    }
    let mut seen = HashSet::new();
    for (index, participant) in participants.iter_mut().enumerate() {
        let id = participant
            .id
            .get_or_insert_with(|| format!("part_{}", Uuid::now_v7().simple()).into());
        if !seen.insert(id.clone()) {
            return refused(
                format!("/participants/{index}/id"),
                "conflict",
                "another one has this id".to_owned(),
            );
        }
    }
    Ok(())
}
