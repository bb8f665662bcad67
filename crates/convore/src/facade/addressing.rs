//! Who writes a message that is sent, and who gets it.

use conversation::{Direction, Message, Participant, Recipient, RecipientKind, ReplyKind};

use super::people;
use crate::mapping::{participant_from_canonical, recipient_to_canonical};
use crate::wire::{MessageParticipant, MessageParticipantRole, MessageSend};

/// Who writes: the structured form counts where both are there.
pub(super) fn sender_of(request: &MessageSend) -> Option<MessageParticipant> {
    let bare = request.from.value().filter(|from| !from.is_empty());
    let bare = bare.map(|from| people::bare(from, MessageParticipantRole::From));
    request.sender.value().cloned().or(bare)
}

/// Who gets it: the structured form counts where both are there.
pub(super) fn recipients_of(request: &MessageSend) -> Vec<MessageParticipant> {
    let structured = request.recipients.value().cloned().unwrap_or_default();
    if !structured.is_empty() {
        return structured;
    }
    let lists = [
        (&request.to, MessageParticipantRole::To),
        (&request.cc, MessageParticipantRole::Cc),
        (&request.bcc, MessageParticipantRole::Bcc),
    ];
    let mut all = Vec::new();
    for (list, role) in lists {
        let addresses = list.value().into_iter().flatten();
        all.extend(addresses.map(|address| people::bare(address, role.clone())));
    }
    all
}

/// Who gets an answer that names nobody: whoever wrote, or those who were written to; everybody where all are answered.
/// What is passed on goes to nobody by itself.
pub(super) fn inferred(
    answered: &Message,
    kind: &ReplyKind,
    author: Option<&Participant>,
) -> Vec<Recipient> {
    if *kind == ReplyKind::Forward {
        return Vec::new();
    }
    let is_open = |one: &&Recipient| one.kind != RecipientKind::Bcc;
    let others = answered.recipients.iter().filter(is_open).cloned();
    let mut all: Vec<Recipient> = Vec::new();
    if answered.direction != Direction::Inbound {
        all.extend(others);
        return all;
    }
    let writer = answered.author.as_ref().and_then(|author| {
        let role = MessageParticipantRole::To;
        participant_from_canonical(author, role)
    });
    all.extend(writer.as_ref().map(recipient_to_canonical));
    if *kind == ReplyKind::ReplyAll {
        let own = author.and_then(|author| author.id.clone());
        let rest = others.filter(|one| one.participant_id != own);
        all.extend(rest.map(|one| Recipient {
            kind: RecipientKind::Cc,
            ..one
        }));
    }
    all
}
