//! Fates of participants, authors and recipients.

use conversation::{Handle, Participant, ParticipantKind, Recipient, RecipientKind, Side};

use super::super::participant::{
    address, handle_from_canonical, participant_id, participant_to_canonical, role_of, side_of,
};
use super::{Fates, NO_NUL};
use crate::wire::{MessageParticipant, MessageParticipantRole};

/// Somebody as Convore holds them: one address, perhaps a name.
fn person(pointer: &str, sent: &Participant, fates: &mut Fates) -> Participant {
    let mut held = sent.clone();
    if held.kind != ParticipantKind::Unknown {
        held.kind = ParticipantKind::Unknown;
        fates.convert(
            format!("{pointer}/kind"),
            "convore does not tell people from programs: nobody's kind is known",
        );
    }
    fates.take(format!("{pointer}/avatar_url"), &mut held.avatar_url);
    if held.name.as_deref().is_some_and(|name| name.contains('\0')) {
        held.name = None;
        fates.reject(format!("{pointer}/name"), NO_NUL);
    }
    handles(pointer, &mut held, fates);
    let Some(handle) = address(&held) else {
        return held;
    };
    if handle.value.is_empty() || handle.value.contains('\0') {
        held.id = None;
        held.handles.clear();
        fates.reject(pointer, "convore needs an address or an id with words");
        return held;
    }
    let id = participant_id(&handle);
    if held.id.as_deref().is_some_and(|sent| sent != id) {
        fates.convert(
            format!("{pointer}/id"),
            "convore knows people by their address: the id becomes one made of it",
        );
    }
    let shown = MessageParticipant {
        name: Default::default(),
        handle,
        role: MessageParticipantRole::From,
        extra: Default::default(),
    };
    let shown = participant_to_canonical(&shown, None);
    if !held.handles.is_empty() && held.handles != shown.handles {
        fates.convert(
            format!("{pointer}/handles/0"),
            "convore's chat name becomes the id",
        );
    }
    (held.id, held.handles) = (shown.id, shown.handles);
    held
}

/// The one address that is held.
fn handles(pointer: &str, held: &mut Participant, fates: &mut Fates) {
    let mut kept: Option<Handle> = None;
    for (index, handle) in std::mem::take(&mut held.handles).into_iter().enumerate() {
        let pointer = format!("{pointer}/handles/{index}");
        if handle_from_canonical(&handle).is_none() {
            fates.reject(
                pointer,
                "convore reaches people by `email` and `convore_chat` only",
            );
        } else if kept.is_some() {
            fates.reject(pointer, "convore knows one address of each participant");
        } else {
            kept = Some(handle);
        }
    }
    held.handles.extend(kept);
}

/// The participants of a conversation as Convore holds them.
pub(super) fn participants(sent: Vec<Participant>, fates: &mut Fates) -> Vec<Participant> {
    let mut all: Vec<Participant> = Vec::with_capacity(sent.len());
    for (index, participant) in sent.iter().enumerate() {
        let pointer = format!("/participants/{index}");
        let mut held = person(&pointer, participant, fates);
        match &participant.side {
            None => {
                // The kind told it, and is gone now.
                held.side = side_of(&role_of(participant)).filter(|side| *side == Side::Business);
                fates.convert(
                    format!("{pointer}/side"),
                    "convore gives every participant a role: customers `from`, the business `to`",
                );
            }
            Some(Side::Other(_)) => {
                held.side = None;
                fates.reject(
                    format!("{pointer}/side"),
                    "convore knows customers and the business only",
                );
            }
            Some(_) => {}
        }
        if held.id.is_some() && all.iter().any(|other| other.id == held.id) {
            fates.reject(&pointer, "convore holds each address once");
            continue;
        }
        all.push(held);
    }
    all
}

/// Who wrote a message, as Convore holds it.
pub(super) fn author(
    sent: Option<Participant>,
    side: &Side,
    fates: &mut Fates,
) -> Option<Participant> {
    let sent = sent?;
    let mut held = person("/author", &sent, fates);
    match &sent.side {
        Some(given) if given != side => fates.reject(
            "/author/side",
            "convore derives the side of an author from the direction",
        ),
        None => fates.convert(
            "/author/side",
            "convore derives the side of an author from the direction",
        ),
        Some(_) => {}
    }
    held.side = Some(side.clone());
    if address(&held).is_none() {
        fates.reject("/author", "convore knows an author by an id or an address");
        return None;
    }
    Some(held)
}

/// To whom a message goes, as Convore holds it.
pub(super) fn recipients(sent: Vec<Recipient>, fates: &mut Fates) -> Vec<Recipient> {
    let mut all = Vec::with_capacity(sent.len());
    for (index, recipient) in sent.into_iter().enumerate() {
        let pointer = format!("/recipients/{index}");
        if matches!(recipient.kind, RecipientKind::Other(_)) {
            fates.reject(
                format!("{pointer}/kind"),
                "convore knows to, cc and bcc only",
            );
            continue;
        }
        let Recipient {
            kind,
            participant_id,
            name,
            handle,
        } = recipient;
        let sent = Participant {
            id: participant_id,
            name,
            handles: handle.into_iter().collect(),
            ..Participant::default()
        };
        // A recipient has one handle, and its id another name.
        let mut inner = Fates::new("convore");
        let held = person(&pointer, &sent, &mut inner);
        for mut fate in inner.into_inner() {
            fate.pointer = fate.pointer.replace("/handles/0", "/handle").replace(
                &format!("{pointer}/id"),
                &format!("{pointer}/participant_id"),
            );
            fates.push(fate);
        }
        if address(&held).is_none() {
            fates.reject(
                &pointer,
                "convore needs the address or the id of a recipient",
            );
            continue;
        }
        all.push(Recipient {
            kind,
            participant_id: held.id,
            name: held.name,
            handle: held.handles.into_iter().next(),
        });
    }
    all
}
