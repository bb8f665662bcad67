//! Requests from canonical writes. Each takes what [`preview`](super::preview()) left over: everything else is not
//! held.

use adapterkit::{Extra, Member};
use conversation::{
    ConversationPatch, Direction, InReplyTo, MessagePatch, NewConversation, NewMessage,
    Participant, Patch, ReplyKind, Time,
};

use super::body::body_of;
use super::conversation::{wire_priority, wire_status};
use super::participant::{
    chat_handle, participant_from_canonical, participant_input, participants_from_canonical,
    recipient_from_canonical,
};
use crate::wire::{
    Conversation, ConversationCreate, ConversationUpdate, Message, MessageDirection, MessageImport,
    MessageParticipant, MessageParticipantRole, MessageReplyType, MessageSend, MessageUpdate,
    spelled_time,
};

/// Who stands on which side of a conversation, for messages that do not say who writes or receives them.
#[derive(Clone, Copy, Debug)]
pub struct Sides<'a> {
    /// The conversation.
    pub conversation: &'a Conversation,
    /// Who writes inbound where the conversation has no customer.
    pub caller: &'a str,
}

impl Sides<'_> {
    fn with_role(&self, role: &MessageParticipantRole) -> Option<&MessageParticipant> {
        self.conversation
            .participants
            .iter()
            .find(|participant| participant.role == *role)
    }

    /// Who writes where the message does not say: the first customer or the first of the business; else the caller,
    /// or the channel for the business.
    fn sender(&self, direction: &Direction) -> MessageParticipant {
        let (role, otherwise) = match direction {
            Direction::Inbound => (MessageParticipantRole::From, self.caller),
            _ => (
                MessageParticipantRole::To,
                self.conversation.channel_id.as_str(),
            ),
        };
        let mut sender = self
            .with_role(&role)
            .map_or_else(|| chat(otherwise), participant_input);
        sender.role = MessageParticipantRole::From;
        sender
    }

    /// Everybody who is written to where the message does not say: all but the business.
    fn customers(&self) -> Vec<MessageParticipant> {
        let customers = self.conversation.participants.iter();
        customers
            .filter(|participant| participant.role != MessageParticipantRole::To)
            .map(|participant| MessageParticipant {
                role: match participant.role {
                    MessageParticipantRole::Cc => MessageParticipantRole::Cc,
                    MessageParticipantRole::Bcc => MessageParticipantRole::Bcc,
                    _ => MessageParticipantRole::To,
                },
                ..participant_input(participant)
            })
            .collect()
    }
}

fn chat(name: &str) -> MessageParticipant {
    MessageParticipant {
        name: Member::Absent,
        handle: chat_handle(name),
        role: MessageParticipantRole::From,
        extra: Extra::new(),
    }
}

/// The body of a create. Everybody in it has an id or an address.
#[must_use]
pub fn create_request(
    new: &NewConversation,
    channel_id: &str,
    label_ids: Vec<String>,
    participants: &[Participant],
) -> ConversationCreate {
    let mut request = ConversationCreate::new(channel_id);
    request.status = Member::from(new.status.as_ref().and_then(wire_status));
    request.priority = Member::from(
        new.priority
            .as_ref()
            .map(|priority| wire_priority(Some(priority))),
    );
    request.label_ids = label_ids;
    request.participants = participants_from_canonical(participants, &[]);
    request.subject = Member::from(new.title.as_deref().map(str::to_owned));
    request
}

/// The body of an update; nothing where nothing changes. `label_ids` stand for the labels of the patch.
#[must_use]
pub fn conversation_update(
    patch: &ConversationPatch,
    current: &Conversation,
    label_ids: Option<Vec<String>>,
) -> Option<ConversationUpdate> {
    let request = ConversationUpdate {
        status: Member::from(patch.status.set().and_then(wire_status)),
        priority: match &patch.priority {
            Patch::Keep => Member::Absent,
            other => Member::Value(wire_priority(other.set())),
        },
        label_ids: Member::from(label_ids),
        participants: match &patch.participants {
            Patch::Keep => Member::Absent,
            Patch::Clear => Member::Value(Vec::new()),
            Patch::Set(participants) => Member::Value(participants_from_canonical(
                participants,
                &current.participants,
            )),
        },
        subject: Member::from(patch.title.set().map(|title| String::from(&**title))),
        ..ConversationUpdate::default()
    };
    (request != ConversationUpdate::default()).then_some(request)
}

fn wire_direction(direction: &Direction) -> MessageDirection {
    match direction {
        Direction::Inbound => MessageDirection::Inbound,
        _ => MessageDirection::Outbound,
    }
}

fn reply(reply: Option<&InReplyTo>) -> (Member<String>, Member<MessageReplyType>) {
    (
        Member::from(reply.map(|reply| reply.id.to_string())),
        Member::from(reply.map(|reply| MessageReplyType::from(reply.kind.as_str()))),
    )
}

fn wire_recipients(new: &NewMessage) -> Vec<MessageParticipant> {
    new.recipients
        .iter()
        .filter_map(recipient_from_canonical)
        .collect()
}

fn wire_author(new: &NewMessage) -> Option<MessageParticipant> {
    let author = new.author.as_ref()?;
    participant_from_canonical(author, MessageParticipantRole::From)
}

/// The body of an import: of history, or of what a customer says now (`now`), which must never be sent.
#[must_use]
pub fn import_request(new: &NewMessage, sides: Sides<'_>, now: Time) -> MessageImport {
    let direction = new.effective_direction();
    let (reply_to_message_id, reply_type) = reply(new.in_reply_to.as_ref());
    MessageImport {
        conversation_id: Member::Value(sides.conversation.id.clone()),
        channel_id: Member::Absent,
        subject: Member::from(new.subject.as_deref().map(str::to_owned)),
        direction: Member::Value(wire_direction(&direction)),
        date: spelled_time(new.sent_at.unwrap_or(now)),
        sender: wire_author(new).unwrap_or_else(|| sides.sender(&direction)),
        recipients: wire_recipients(new),
        body: Member::Value(body_of(&new.parts)),
        snippet: Member::Absent,
        reply_to_message_id,
        reply_type,
        extra: Extra::new(),
    }
}

/// To whom a message goes that names nobody; nothing where the vendor finds that out itself: whoever answers a customer
/// writes to that customer. What follows the business' own message goes to those who got that one, because its author
/// is the business; what is passed on goes to nobody by itself.
fn unnamed_recipients(
    new: &NewMessage,
    sides: Sides<'_>,
    answered: Option<&Message>,
) -> Option<Vec<MessageParticipant>> {
    let is_forward = |reply: &InReplyTo| reply.kind == ReplyKind::Forward;
    let Some(answered) = answered else {
        return Some(sides.customers());
    };
    if new.in_reply_to.as_ref().is_some_and(is_forward) {
        return Some(Vec::new());
    }
    if answered.direction == MessageDirection::Inbound {
        return None;
    }
    // Hidden copies are not continued.
    let is_open = |one: &&MessageParticipant| {
        matches!(
            one.role,
            MessageParticipantRole::To | MessageParticipantRole::Cc
        )
    };
    let again: Vec<_> = answered.recipients.iter().filter(is_open).collect();
    if again.is_empty() {
        return Some(sides.customers());
    }
    Some(again.into_iter().map(participant_input).collect())
}

/// The body of a send. With a message to answer (the one that is named, else the newest) the vendor finds channel,
/// conversation and subject itself; without any they are named. Nothing where nobody would get it.
#[must_use]
pub fn send_request(
    new: &NewMessage,
    sides: Sides<'_>,
    answered: Option<&Message>,
) -> Option<MessageSend> {
    let mut request = MessageSend::new(body_of(&new.parts));
    request.sender = Member::from(wire_author(new));
    request.subject = Member::from(new.subject.as_deref().map(str::to_owned));
    let named = Some(wire_recipients(new)).filter(|named| !named.is_empty());
    let recipients = named.or_else(|| unnamed_recipients(new, sides, answered));
    if recipients.as_ref().is_some_and(Vec::is_empty) {
        return None;
    }
    request.recipients = Member::from(recipients);
    if let Some(answered) = answered {
        request.reply_to_message_id = Member::Value(answered.id.clone());
        (_, request.reply_type) = reply(new.in_reply_to.as_ref());
    } else {
        request.channel_id = Member::Value(sides.conversation.channel_id.clone());
        request.conversation_id = Member::Value(sides.conversation.id.clone());
        if request.subject.is_absent() {
            let subject = sides.conversation.subject.value().cloned();
            request.subject = Member::from(subject.filter(|subject| !subject.is_empty()));
        }
    }
    Some(request)
}

/// The body of a message's update; nothing where nothing changes.
#[must_use]
pub fn message_update(patch: &MessagePatch) -> Option<MessageUpdate> {
    let request = MessageUpdate {
        body: Member::from(patch.parts.set().map(|parts| body_of(parts))),
        subject: Member::from(patch.subject.set().map(|subject| String::from(&**subject))),
        ..MessageUpdate::default()
    };
    (request != MessageUpdate::default()).then_some(request)
}
