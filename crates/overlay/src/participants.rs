//! Participants: told to the backend where it can hold them, kept beside it where it cannot.

use std::collections::HashSet;

use backend::ports::{Kept, KeptField};
use backend::{Capabilities, Context, Error, FieldFate, Kind, Location, Outcome, Result, Write};
use conversation::{Conversation, ConversationPatch, Digest, Participant, Patch, Violation};

use crate::conversations::{applied, may_send_less};
use crate::fields::members::read;
use crate::fields::{Named, compare_conversation, pair, pointers};
use crate::index::under;
use crate::preview::without;
use crate::ratings::is_refusal;
use crate::{Overlay, fidelity};

/// The most participants of one conversation.
const PARTICIPANTS_MAX: usize = 1_000;

const PARTICIPANTS: &str = "/participants";

/// Refuses too many, and ids that occur twice.
///
/// # Errors
/// [`Kind::InvalidRequest`].
pub(crate) fn check(participants: &[Participant]) -> Result<()> {
    check_count(participants)?;
    let mut seen = HashSet::new();
    for (index, participant) in participants.iter().enumerate() {
        if let Some(id) = &participant.id
            && !seen.insert(id)
        {
            let detail = "another one has this id".to_owned();
            return Err(refused(
                format!("{PARTICIPANTS}/{index}/id"),
                "conflict",
                detail,
            ));
        }
    }
    Ok(())
}

fn check_count(participants: &[Participant]) -> Result<()> {
    if participants.len() <= PARTICIPANTS_MAX {
        return Ok(());
    }
    let detail = format!("at most {PARTICIPANTS_MAX}");
    Err(refused(PARTICIPANTS.to_owned(), "too-many", detail))
}

fn refused(pointer: String, code: &'static str, detail: String) -> Error {
    let violation = Violation {
        pointer,
        code,
        detail,
        exceeds: None,
    };
    Error::new(Kind::InvalidRequest, "the participants cannot be kept").violations(vec![violation])
}

/// Gives an id to those without: that of whom they are at the backend, else one that the same write gives again.
pub(crate) fn name(cx: &Context, participants: &mut [Participant], held: &[Participant]) {
    let pairs = pair(participants, held);
    for (place, (participant, pair)) in participants.iter_mut().zip(pairs).enumerate() {
        if participant.id.is_none() {
            let native = pair.and_then(|place| held.get(place)?.id.clone());
            participant.id = Some(native.unwrap_or_else(|| derived(cx, place)));
        }
    }
}

fn derived(cx: &Context, place: usize) -> Box<str> {
    let mut id = Digest::of(format!("{}/{place}", cx.intent).as_bytes()).to_string();
    id.truncate(32);
    format!("part_{id}").into()
}

/// A change with the participants as the backend knows them: by its own ids.
pub(crate) fn native_patch(mut patch: ConversationPatch, rows: &[KeptField]) -> ConversationPatch {
    if let Patch::Set(participants) = &mut patch.participants {
        for participant in participants {
            if let Some(id) = &participant.id {
                participant.id = Some(native_id(id, rows));
            }
        }
    }
    patch
}

/// The id of a participant at the backend, where it is there under another one.
fn native_id(id: &str, rows: &[KeptField]) -> Box<str> {
    let pointer = pointers::member(PARTICIPANTS, id);
    let base = rows
        .iter()
        .find(|row| row.pointer == pointer && row.value.is_some())
        .and_then(|row| read::<Participant>(row.base.as_ref()?).ok());
    base.and_then(|base| base.id).unwrap_or_else(|| id.into())
}

/// What is foretold where a conversation itself does not name its participants, though the backend has a list of them.
pub(crate) fn apart(can: &Capabilities, held: &[Participant]) -> Option<FieldFate> {
    (held.is_empty() && can.participant_list.works()).then(|| {
        let detail = "kept beside the backend, whose conversations do not name their participants";
        FieldFate::overlay(PARTICIPANTS, detail)
    })
}

impl Overlay {
    pub(crate) async fn participants(
        &self,
        cx: &Context,
        at: &Location,
    ) -> Result<Vec<Participant>> {
        let shown = self.read(cx, at).await?.participants;
        let kept = self.kept(at).await?;
        self.all_participants(cx, at, shown, &kept.fields, kept.has_ended)
            .await
    }

    /// Those that the conversation shows. Where it shows nobody and nothing is kept of any, the backend's list says who
    /// takes part: some have it apart from the conversation.
    async fn all_participants(
        &self,
        cx: &Context,
        at: &Location,
        shown: Vec<Participant>,
        rows: &[KeptField],
        has_ended: bool,
    ) -> Result<Vec<Participant>> {
        let has_rows = rows
            .iter()
            .any(|row| pointers::field(&row.pointer) == "participants");
        let lists = self.below().capabilities().participant_list.works();
        if !shown.is_empty() || has_rows || has_ended || !lists {
            return Ok(shown);
        }
        self.below().list_participants(&under(cx), at).await
    }

    pub(crate) async fn join(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        let kept = self.kept(at).await?;
        let (held, kept) = self.held_conversation(&cx.fresh(), at, kept).await?;
        let before = self.show_conversation(held.clone(), &kept)?;
        let known = self
            .all_participants(
                cx,
                at,
                before.participants.clone(),
                &kept.fields,
                kept.has_ended,
            )
            .await?;
        let is_taken = |id| known.iter().any(|one| one.id.as_ref() == Some(id));
        if new.iter().filter_map(|one| one.id.as_ref()).any(is_taken) {
            let message = "a participant with this id is there already";
            return Err(Error::new(Kind::Conflict, message));
        }
        check(&new)?;
        let mut wanted = before;
        wanted.participants = known.iter().chain(&new).cloned().collect();
        check_count(&wanted.participants)?;
        let write = Write::AddParticipants(new.clone());
        let foretold = self.foretell(&write).fates;
        self.foretell(&write).check(cx, self.name())?;
        let natives = self.native_ids(cx, at, &held, &kept).await?;
        let is_nobody = new.is_empty();
        let told = if kept.has_ended {
            None
        } else {
            self.join_below(cx, at, new).await?
        };
        let is_told = told.is_some();
        if !is_told && !is_nobody {
            let fate = FieldFate::overlay(PARTICIPANTS, "kept beside the backend");
            fidelity::allow(cx, self.name(), &fate)?;
        }
        let (held, told) = match told {
            Some(told) => {
                let held = self.below().get_conversation(&under(&cx.fresh()), at).await;
                (held.map_err(applied)?, told)
            }
            None => (held, Vec::new()),
        };
        // Who was there before is not who was added, however alike.
        let fresh: Vec<Participant> = told
            .into_iter()
            .filter(|one| one.id.as_ref().is_none_or(|id| !natives.contains(id)))
            .collect();
        name(
            cx,
            wanted
                .participants
                .get_mut(known.len()..)
                .unwrap_or_default(),
            &fresh,
        );
        let shown = self
            .keep_participants(cx, at, &wanted, held, &kept, foretold)
            .await;
        let shown = shown.map_err(|error| if is_told { applied(error) } else { error })?;
        Ok(shown.participants)
    }

    /// The ids under which the backend knows who takes part, whether they are shown or not.
    async fn native_ids(
        &self,
        cx: &Context,
        at: &Location,
        held: &Conversation,
        kept: &Kept,
    ) -> Result<HashSet<Box<str>>> {
        let can = self.below().capabilities();
        // Some have the list apart from the conversation.
        let is_apart = held.participants.is_empty()
            && can.participant_list.works()
            && can.participant_add.works()
            && !kept.has_ended;
        let listed = if is_apart {
            self.below().list_participants(&under(cx), at).await?
        } else {
            held.participants.clone()
        };
        let bases = kept
            .fields
            .iter()
            .filter(|row| pointers::name_below(PARTICIPANTS, &row.pointer).is_some())
            .filter_map(|row| read::<Participant>(row.base.as_ref()?).ok());
        let all = listed.into_iter().chain(bases);
        Ok(all.filter_map(|one| one.id).collect())
    }

    /// Keeps what the backend does not hold of participants that it has added; each of `new` has an id. The same again
    /// changes nothing.
    pub(crate) async fn joined(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<Participant>,
    ) -> Result<Vec<Participant>> {
        let kept = self.kept(at).await?;
        let (held, kept) = self.held_conversation(&cx.fresh(), at, kept).await?;
        let mut wanted = self.show_conversation(held.clone(), &kept)?;
        let is_new = |one: &Participant| wanted.participants.iter().all(|other| other.id != one.id);
        let added: Vec<Participant> = new.iter().filter(|one| is_new(one)).cloned().collect();
        wanted.participants.extend(added);
        let foretold = self.foretell(&Write::AddParticipants(new)).fates;
        let shown = self
            .keep_participants(cx, at, &wanted, held, &kept, foretold)
            .await?;
        Ok(shown.participants)
    }

    /// Adds at the backend whom it takes; nothing where that is nobody.
    async fn join_below(
        &self,
        cx: &Context,
        at: &Location,
        new: Vec<Participant>,
    ) -> Result<Option<Vec<Participant>>> {
        if !self.below().capabilities().participant_add.works() {
            return Ok(None);
        }
        let projection = self.below().preview(&Write::AddParticipants(new));
        let Write::AddParticipants(mut sent) = projection.write else {
            return Ok(None);
        };
        let mut rounds = 0;
        while projection.is_held && !sent.is_empty() {
            match self
                .below()
                .add_participants(&under(cx), at, sent.clone())
                .await
            {
                Ok(all) => return Ok(Some(all)),
                Err(error) if may_send_less(cx, &error, rounds) => {
                    let wrapped = Wrapped { participants: sent };
                    match without(&wrapped, &error.violations)? {
                        Some(less) => sent = less.participants,
                        None => return Ok(None),
                    }
                    rounds += 1;
                }
                Err(error) if is_refusal(&error) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    pub(crate) async fn leave(&self, cx: &Context, at: &Location, participant: &str) -> Result<()> {
        let kept = self.kept(at).await?;
        let (held, kept) = self.held_conversation(&cx.fresh(), at, kept).await?;
        let mut wanted = self.show_conversation(held.clone(), &kept)?;
        wanted.participants = self
            .all_participants(cx, at, wanted.participants, &kept.fields, kept.has_ended)
            .await?;
        let place = wanted
            .participants
            .iter()
            .position(|one| one.id.as_deref() == Some(participant))
            .ok_or_else(|| Error::new(Kind::NotFound, "participant not found"))?;
        let leaving = wanted.participants.remove(place);
        let write = Write::RemoveParticipant {
            id: participant.into(),
        };
        let foretold = self.foretell(&write).fates;
        self.foretell(&write).check(cx, self.name())?;
        let is_told = !kept.has_ended
            && self
                .leave_below(cx, at, &leaving, &held.participants, &kept.fields)
                .await?;
        let held = if is_told {
            let held = self.below().get_conversation(&under(&cx.fresh()), at).await;
            held.map_err(applied)?
        } else {
            held
        };
        if !is_told && pair(std::slice::from_ref(&leaving), &held.participants) != [None] {
            let hidden = FieldFate::overlay(
                pointers::member(PARTICIPANTS, participant),
                "hidden, still a participant at the backend",
            );
            fidelity::allow(cx, self.name(), &hidden)?;
        }
        let shown = self
            .keep_participants(cx, at, &wanted, held, &kept, foretold)
            .await;
        shown.map_err(|error| if is_told { applied(error) } else { error })?;
        Ok(())
    }

    /// Shows a participant no more who was removed at the backend by a write whose answer was lost.
    pub(crate) async fn left(&self, cx: &Context, at: &Location, participant: &str) -> Result<()> {
        let kept = self.kept(at).await?;
        let (held, kept) = self.held_conversation(&cx.fresh(), at, kept).await?;
        let mut wanted = self.show_conversation(held.clone(), &kept)?;
        wanted.participants = self
            .all_participants(cx, at, wanted.participants, &kept.fields, kept.has_ended)
            .await?;
        wanted
            .participants
            .retain(|one| one.id.as_deref() != Some(participant));
        self.keep_participants(cx, at, &wanted, held, &kept, Vec::new())
            .await?;
        Ok(())
    }

    /// Keeps what the backend does not hold of those who take part.
    async fn keep_participants(
        &self,
        cx: &Context,
        at: &Location,
        wanted: &Conversation,
        held: Conversation,
        kept: &Kept,
        mut foretold: Vec<FieldFate>,
    ) -> Result<Conversation> {
        foretold.extend(apart(&self.below().capabilities(), &held.participants));
        let named = Named::Participants;
        let found = compare_conversation(wanted, named, &held, &kept.fields, &foretold)?;
        self.keep_compared(cx, at, found, held, kept, &foretold)
            .await
    }

    /// Removes at the backend; false where it has no such participant, or removes none like this.
    async fn leave_below(
        &self,
        cx: &Context,
        at: &Location,
        leaving: &Participant,
        held: &[Participant],
        rows: &[KeptField],
    ) -> Result<bool> {
        let can = self.below().capabilities();
        if !can.participant_remove.works() {
            return Ok(false);
        }
        let listed = if can.participant_list.works() {
            self.below().list_participants(&under(cx), at).await?
        } else {
            held.to_vec()
        };
        let known = native_id(leaving.id.as_deref().unwrap_or_default(), rows);
        let by_id = listed.iter().find(|one| one.id.as_ref() == Some(&known));
        let by_pair = || {
            pair(std::slice::from_ref(leaving), &listed)
                .first()
                .copied()
                .flatten()
        };
        let found = by_id.or_else(|| listed.get(by_pair()?));
        let Some(native) = found.and_then(|one| one.id.as_deref()) else {
            return Ok(false);
        };
        match self
            .below()
            .remove_participant(&under(cx), at, native)
            .await
        {
            Ok(()) => Ok(true),
            Err(error) if error.kind == Kind::NotFound || is_refusal(&error) => Ok(false),
            Err(error) if error.kind == Kind::NotHeld && error.outcome == Outcome::Applied => {
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }
}

/// A list as a request names it, so that what is refused of it is found by its pointer.
#[derive(serde::Serialize, serde::Deserialize)]
struct Wrapped {
    #[serde(default)]
    participants: Vec<Participant>,
}
