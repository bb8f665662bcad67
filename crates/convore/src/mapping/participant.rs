//! Participants, senders and recipients, both ways.
//!
//! Convore knows people by one address each. A chat name is the participant's id itself; a mail address becomes the id
//! `email:<address>` and a handle.

use adapterkit::{Extra, Member};
use conversation::{Handle, Participant, ParticipantKind, Recipient, RecipientKind, Side};

use crate::wire::{ContactHandle, ContactHandleType, MessageParticipant, MessageParticipantRole};

/// What ids of mail addresses begin with.
const EMAIL: &str = "email:";
/// What the id of a chat name begins with where it would be taken for something else.
const CHAT: &str = "convore_chat:";

/// The id of whoever has this address.
#[must_use]
pub fn participant_id(handle: &ContactHandle) -> String {
    let value = &handle.value;
    match &handle.kind {
        ContactHandleType::Email => format!("{EMAIL}{value}"),
        ContactHandleType::ConvoreChat if value.starts_with(EMAIL) || value.starts_with(CHAT) => {
            format!("{CHAT}{value}")
        }
        ContactHandleType::ConvoreChat => value.clone(),
        ContactHandleType::Other(word) => format!("{word}:{value}"),
    }
}

/// The id of whoever has this chat name.
#[must_use]
pub fn chat_id(name: &str) -> String {
    participant_id(&chat_handle(name))
}

/// The address of whoever has this chat name.
pub(super) fn chat_handle(name: &str) -> ContactHandle {
    wire_handle(ContactHandleType::ConvoreChat, name)
}

/// The address that an id stands for.
pub(super) fn handle_of_id(id: &str) -> ContactHandle {
    let (kind, value) = if let Some(address) = id.strip_prefix(EMAIL) {
        (ContactHandleType::Email, address)
    } else {
        (
            ContactHandleType::ConvoreChat,
            id.strip_prefix(CHAT).unwrap_or(id),
        )
    };
    wire_handle(kind, value)
}

fn wire_handle(kind: ContactHandleType, value: &str) -> ContactHandle {
    ContactHandle {
        kind,
        value: value.to_owned(),
        extra: Extra::new(),
    }
}

/// The vendor's address for a handle; nothing for one of another kind.
pub(super) fn handle_from_canonical(handle: &Handle) -> Option<ContactHandle> {
    match ContactHandleType::from(&*handle.kind) {
        ContactHandleType::Other(_) => None,
        kind => Some(wire_handle(kind, &handle.value)),
    }
}

/// The canonical handle of an address. A chat name has none: it is the id.
fn handle_to_canonical(handle: &ContactHandle) -> Option<Handle> {
    (handle.kind != ContactHandleType::ConvoreChat).then(|| Handle {
        kind: handle.kind.as_str().into(),
        value: handle.value.as_str().into(),
    })
}

/// The address by which a participant is known there: the first that fits, else the id.
pub(super) fn address(participant: &Participant) -> Option<ContactHandle> {
    participant
        .handles
        .iter()
        .find_map(handle_from_canonical)
        .or_else(|| participant.id.as_deref().map(handle_of_id))
}

/// The side that a role in a conversation stands for: customers write, the business is written to.
pub(super) fn side_of(role: &MessageParticipantRole) -> Option<Side> {
    match role {
        MessageParticipantRole::From => Some(Side::Customer),
        MessageParticipantRole::To => Some(Side::Business),
        _ => None,
    }
}

/// The role of a participant in a conversation.
pub(super) fn role_of(participant: &Participant) -> MessageParticipantRole {
    match (&participant.side, &participant.kind) {
        (Some(Side::Business), _)
        | (None, ParticipantKind::Assistant | ParticipantKind::Bot | ParticipantKind::System) => {
            MessageParticipantRole::To
        }
        _ => MessageParticipantRole::From,
    }
}

/// Somebody in canonical form, on this side.
#[must_use]
pub fn participant_to_canonical(wire: &MessageParticipant, side: Option<Side>) -> Participant {
    Participant {
        id: Some(participant_id(&wire.handle).into()),
        kind: ParticipantKind::Unknown,
        side,
        name: wire.name.value().map(|name| name.as_str().into()),
        avatar_url: None,
        handles: handle_to_canonical(&wire.handle).into_iter().collect(),
    }
}

/// Somebody as a request may name them: what an answer shows may hold `null` and members that a careful server
/// refuses to take back.
#[must_use]
pub fn participant_input(shown: &MessageParticipant) -> MessageParticipant {
    MessageParticipant {
        name: Member::from(shown.name.value().cloned()),
        handle: wire_handle(shown.handle.kind.clone(), &shown.handle.value),
        role: shown.role.clone(),
        extra: Extra::new(),
    }
}

/// The participants of a conversation, each once.
#[must_use]
pub fn participants_to_canonical(wire: &[MessageParticipant]) -> Vec<Participant> {
    let mut participants: Vec<Participant> = Vec::with_capacity(wire.len());
    for one in wire {
        let participant = participant_to_canonical(one, side_of(&one.role));
        if participants.iter().all(|other| other.id != participant.id) {
            participants.push(participant);
        }
    }
    participants
}

/// The vendor's object of somebody in this role; nothing for one without id and address.
#[must_use]
pub fn participant_from_canonical(
    participant: &Participant,
    role: MessageParticipantRole,
) -> Option<MessageParticipant> {
    Some(MessageParticipant {
        name: Member::from(participant.name.as_deref().map(str::to_owned)),
        handle: address(participant)?,
        role,
        extra: Extra::new(),
    })
}

/// The vendor's objects of a conversation's participants. One that is among `known` keeps its role.
#[must_use]
pub fn participants_from_canonical(
    participants: &[Participant],
    known: &[MessageParticipant],
) -> Vec<MessageParticipant> {
    let mut all = Vec::with_capacity(participants.len());
    for participant in participants {
        let Some(mut one) = participant_from_canonical(participant, role_of(participant)) else {
            continue;
        };
        let is_same = |other: &&MessageParticipant| {
            other.handle.kind == one.handle.kind && other.handle.value == one.handle.value
        };
        if let Some(same) = known.iter().find(is_same)
            && participant.side == side_of(&same.role)
        {
            one.role = same.role.clone();
        }
        all.push(one);
    }
    all
}

/// The same participants, where everybody without id and address gets an id: the same for the same `seed`.
#[must_use]
pub fn with_ids(mut participants: Vec<Participant>, seed: &str) -> Vec<Participant> {
    for (index, participant) in participants.iter_mut().enumerate() {
        if address(participant).is_none() {
            participant.id = Some(format!("participant-{seed}-{index}").into());
        }
    }
    participants
}

/// A recipient in canonical form.
pub(crate) fn recipient_to_canonical(wire: &MessageParticipant) -> Recipient {
    Recipient {
        kind: match &wire.role {
            MessageParticipantRole::To => RecipientKind::To,
            MessageParticipantRole::Cc => RecipientKind::Cc,
            MessageParticipantRole::Bcc => RecipientKind::Bcc,
            other => RecipientKind::Other(other.as_str().into()),
        },
        participant_id: Some(participant_id(&wire.handle).into()),
        name: wire.name.value().map(|name| name.as_str().into()),
        handle: handle_to_canonical(&wire.handle),
    }
}

/// The vendor's object of a recipient; nothing for one without address and participant.
pub(super) fn recipient_from_canonical(recipient: &Recipient) -> Option<MessageParticipant> {
    let given = recipient.handle.as_ref().and_then(handle_from_canonical);
    let handle = given.or_else(|| recipient.participant_id.as_deref().map(handle_of_id))?;
    Some(MessageParticipant {
        name: Member::from(recipient.name.as_deref().map(str::to_owned)),
        handle,
        role: MessageParticipantRole::from(recipient.kind.as_str()),
        extra: Extra::new(),
    })
}
