//! New conversations and changes to them.

use adapterkit::Fates;
use backend::FieldFate;
use conversation::{
    ConversationPatch, Kind, NewConversation, Participant, ParticipantKind, Patch, Side, Status,
};

use super::checks::{NO_PLACE, check_face, check_metadata, is_text, is_url};
use crate::limits::{
    EXTERNAL_ID_MAX_CHARS, LABEL_MAX_CHARS, PARTICIPANTS_MAX, TITLE_MAX_CHARS, URL_MAX_CHARS,
};

/// What is left of an external id for our own part of it, in characters: the rest is for the tenant's name.
const ID_MAX_CHARS: usize = EXTERNAL_ID_MAX_CHARS - 256;

/// Why nobody of the business takes part.
pub(super) const CUSTOMERS_ONLY: &str =
    "only customers take part in sunshine's conversations: the business has no members";

/// Whether a participant is a user there: customers are, the business has no members.
#[must_use]
pub fn is_customer(participant: &Participant) -> bool {
    match &participant.side {
        Some(side) => *side == Side::Customer,
        None => matches!(
            participant.kind,
            ParticipantKind::Person | ParticipantKind::Unknown
        ),
    }
}

pub(super) fn create(new: &NewConversation, fates: &mut Fates) -> NewConversation {
    let mut new = new.clone();
    new.participants = participants(&new.participants, fates);
    kind(&mut new, fates);
    new.title = title("/title", new.title.take(), fates);
    new.description = title("/description", new.description.take(), fates);
    if new
        .status
        .as_ref()
        .is_some_and(|status| *status != Status::Open)
    {
        new.status = None;
        fates.reject("/status", NO_STATUS);
    }
    fates.take("/priority", &mut new.priority);
    fates.take("/labels", &mut new.labels);
    fates.take("/owner", &mut new.owner);
    new.icon_url = icon(new.icon_url.take(), fates);
    if new
        .assistant
        .take()
        .is_some_and(|assistant| !assistant.is_empty())
    {
        fates.reject("/assistant", NO_ASSISTANT);
    }
    check_metadata("/metadata", &mut new.metadata, false, fates);
    fates.take("/extensions", &mut new.extensions);
    new
}

const NO_STATUS: &str = "sunshine's conversations are always open";
const NO_ASSISTANT: &str = "sunshine has no ai of its own to set up";

fn kind(new: &mut NewConversation, fates: &mut Fates) {
    match &new.kind {
        None | Some(Kind::Group) => {}
        Some(Kind::Direct) if new.participants.len() > 1 => {
            new.kind = Some(Kind::Group);
            fates.convert("/kind", "several customers make a group");
        }
        Some(Kind::Direct) => {}
        Some(_) if new.participants.len() > 1 => {
            new.kind = Some(Kind::Group);
            fates.convert("/kind", "sunshine knows direct conversations and groups");
        }
        Some(_) => {
            new.kind = Some(Kind::Direct);
            fates.convert("/kind", "sunshine knows direct conversations and groups");
        }
    }
}

fn participants(sent: &[Participant], fates: &mut Fates) -> Vec<Participant> {
    let mut kept: Vec<Participant> = Vec::new();
    for (index, participant) in sent.iter().enumerate() {
        let pointer = format!("/participants/{index}");
        if !is_customer(participant) {
            fates.reject(pointer, CUSTOMERS_ONLY);
            continue;
        }
        if kept.len() == PARTICIPANTS_MAX {
            fates.reject_beyond(
                pointer,
                "a new conversation of sunshine's has at most 10 participants",
                PARTICIPANTS_MAX as u64,
                None,
            );
            continue;
        }
        if participant.id.is_some() && kept.iter().any(|other| other.id == participant.id) {
            fates.reject(pointer, "two participants have the same id");
            continue;
        }
        if let Some(participant) = user(&pointer, participant, fates) {
            fates.convert(
                &pointer,
                "a participant is a user of sunshine's: listed as participant, not on the conversation",
            );
            kept.push(participant);
        }
    }
    kept
}

/// What is left of a participant who becomes a user.
pub(super) fn user(
    pointer: &str,
    participant: &Participant,
    fates: &mut Fates,
) -> Option<Participant> {
    let mut participant = participant.clone();
    let fits_id = |id: &str| is_text(id, ID_MAX_CHARS);
    if !participant.id.as_deref().is_none_or(fits_id) {
        fates.reject_beyond(
            format!("{pointer}/id"),
            "sunshine's ids for users have at most 1,024 characters, the tenant's name included",
            ID_MAX_CHARS as u64,
            None,
        );
        return None;
    }
    check_face(pointer, &mut participant, fates);
    let mut has_email = false;
    let handles = std::mem::take(&mut participant.handles);
    for (index, handle) in handles.into_iter().enumerate() {
        let is_mail = &*handle.kind == "email";
        if is_mail
            && !has_email
            && is_text(&handle.value, LABEL_MAX_CHARS)
            && is_address(&handle.value)
        {
            has_email = true;
            participant.handles.push(handle);
            continue;
        }
        let detail = if is_mail && !has_email {
            "sunshine takes a mail address of at most 128 characters"
        } else {
            "sunshine takes one mail address and no other handle of a user"
        };
        fates.reject(format!("{pointer}/handles/{index}"), detail);
    }
    participant.side = Some(Side::Customer);
    Some(participant)
}

/// Roughly: the vendor looks closer.
fn is_address(text: &str) -> bool {
    text.split_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        && !text.contains(char::is_whitespace)
}

fn title(pointer: &str, text: Option<Box<str>>, fates: &mut Fates) -> Option<Box<str>> {
    let text = text?;
    if text.is_empty() {
        fates.convert(pointer, "an empty text counts as none");
        return None;
    }
    if text.contains('\0') {
        fates.reject(pointer, "sunshine takes no character NUL");
        return None;
    }
    let characters = text.chars().count();
    if characters > TITLE_MAX_CHARS {
        let fate = FieldFate::rejected(
            pointer,
            "sunshine's titles and descriptions have at most 100 characters",
        );
        fates.push(fate.exceeds(TITLE_MAX_CHARS as u64, Some(characters as u64)));
        return None;
    }
    Some(text)
}

fn icon(url: Option<Box<str>>, fates: &mut Fates) -> Option<Box<str>> {
    let url = url?;
    if is_url(&url, URL_MAX_CHARS) {
        return Some(url);
    }
    fates.reject_beyond(
        "/icon_url",
        "sunshine takes the url of a picture, of at most 2,048 characters",
        URL_MAX_CHARS as u64,
        None,
    );
    None
}

pub(super) fn update(patch: &ConversationPatch, fates: &mut Fates) -> ConversationPatch {
    let mut patch = patch.clone();
    refuse(
        "/kind",
        &mut patch.kind,
        "a conversation's kind cannot be changed on sunshine",
        fates,
    );
    if patch
        .status
        .set()
        .is_some_and(|status| *status != Status::Open)
    {
        refuse("/status", &mut patch.status, NO_STATUS, fates);
    }
    refuse("/priority", &mut patch.priority, NO_PLACE, fates);
    refuse("/labels", &mut patch.labels, NO_PLACE, fates);
    refuse("/owner", &mut patch.owner, NO_PLACE, fates);
    refuse("/assistant", &mut patch.assistant, NO_ASSISTANT, fates);
    refuse("/extensions", &mut patch.extensions, NO_PLACE, fates);
    refuse(
        "/participants",
        &mut patch.participants,
        "participants of sunshine's conversations are added and removed, not replaced",
        fates,
    );
    text_patch("/title", &mut patch.title, fates);
    text_patch("/description", &mut patch.description, fates);
    if let Patch::Set(url) = &patch.icon_url {
        patch.icon_url = icon(Some(url.clone()), fates).map_or(Patch::Keep, Patch::Set);
    }
    if let Patch::Set(changes) = &mut patch.metadata {
        check_metadata("/metadata", changes, true, fates);
        if changes.is_empty() {
            patch.metadata = Patch::Keep;
        }
    }
    patch
}

/// Rejects a change of a field that the vendor has not, and takes it out. Clearing what is never set changes nothing.
fn refuse<T>(pointer: &str, field: &mut Patch<T>, detail: &str, fates: &mut Fates) {
    if matches!(std::mem::take(field), Patch::Set(_)) {
        fates.reject(pointer, detail);
    }
}

fn text_patch(pointer: &str, field: &mut Patch<Box<str>>, fates: &mut Fates) {
    if let Patch::Set(text) = field {
        let is_empty = text.is_empty();
        *field = match title(pointer, Some(std::mem::take(text)), fates) {
            Some(text) => Patch::Set(text),
            None if is_empty => Patch::Clear,
            None => Patch::Keep,
        };
    }
}
