//! New conversations and changes to them.

use adapterkit::Fates;
use backend::FieldFate;
use conversation::{
    ConversationPatch, JsonMap, Kind, NewConversation, Participant, ParticipantKind, Patch,
    RawJson, Side, Status,
};

use super::checks::{check_face, check_id, check_metadata, is_text, is_url, reject_url};
use crate::limits::{LABEL_MAX_CHARS, PARTICIPANTS_MAX, TITLE_MAX_CHARS, URL_MAX_CHARS};

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
    fates.take_because(
        "/created_at",
        &mut new.created_at,
        "sunshine says itself when a conversation was made",
    );
    new.icon_url = icon(new.icon_url.take(), fates);
    fates.take_members("/assistant", &mut assistant_members(&mut new));
    check_metadata("/metadata", &mut new.metadata, false, fates);
    fates.take_extensions("/extensions", &mut new.extensions);
    new
}

const NO_STATUS: &str = "sunshine's conversations are always open";

/// How an AI was to be set up, taken out member by member.
fn assistant_members(new: &mut NewConversation) -> JsonMap {
    let assistant = new.assistant.take();
    assistant
        .and_then(|assistant| RawJson::from_serialize(&assistant).ok())
        .and_then(|members| members.to().ok())
        .unwrap_or_default()
}

fn kind(new: &mut NewConversation, fates: &mut Fates) {
    match &new.kind {
        None | Some(Kind::Group) => {}
        Some(Kind::Direct) if new.participants.len() > 1 => {
            new.kind = Some(Kind::Group);
            fates.convert("/kind", "several customers make a group");
        }
        Some(Kind::Direct) => {}
        // Which of both it becomes is told by who takes part.
        Some(_) => {
            new.kind = None;
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
                Some(sent.iter().filter(|sent| is_customer(sent)).count() as u64),
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
    // Who has no id of ours gets one, and would be somebody else.
    if !check_id(pointer, &mut participant, fates) {
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
    reject_url("/icon_url", &url, fates);
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
    fates.patch("/priority", &mut patch.priority);
    fates.patch("/labels", &mut patch.labels);
    fates.patch("/owner", &mut patch.owner);
    fates.patch_members("/assistant", &mut patch.assistant);
    fates.patch_extensions("/extensions", &mut patch.extensions);
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
