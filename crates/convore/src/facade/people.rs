//! People in requests.

use adapterkit::{Extra, Member};
use conversation::{Conversation, JsonMap, Participant, RawJson, Recipient, Side};

use super::answer::Problem;
use super::show::kept;
use crate::mapping::{participant_id, participant_to_canonical, recipient_to_canonical};
use crate::wire::{ContactHandle, ContactHandleType, MessageParticipant, MessageParticipantRole};

/// The longest name or address, in characters.
pub(super) const TEXT_MAX_CHARS: usize = 2_048;

/// Refuses people whose words are not the vendor's, or who have no address.
pub(super) fn check(name: &str, people: &[MessageParticipant]) -> Result<(), Problem> {
    for (index, one) in people.iter().enumerate() {
        if let MessageParticipantRole::Other(_) = one.role {
            return Err(Problem::bad(format!("{name}/{index}/role: no such word")));
        }
        if let Some(text) = one.name.value() {
            check_length(&format!("{name}/{index}/name"), text)?;
        }
        check_handle(&format!("{name}/{index}/handle"), &one.handle)?;
    }
    Ok(())
}

/// Refuses a text that is longer than anybody needs.
pub(super) fn check_length(name: &str, text: &str) -> Result<(), Problem> {
    if text.chars().count() > TEXT_MAX_CHARS {
        return Err(Problem::bad(format!(
            "{name}: at most {TEXT_MAX_CHARS} characters"
        )));
    }
    Ok(())
}

/// Refuses an address of no kind of the vendor's, and none at all.
pub(super) fn check_handle(name: &str, handle: &ContactHandle) -> Result<(), Problem> {
    if let ContactHandleType::Other(_) = handle.kind {
        return Err(Problem::bad(format!("{name}/type: no such word")));
    }
    if handle.value.is_empty() {
        return Err(Problem::bad(format!("{name}/value: may not be empty")));
    }
    check_length(&format!("{name}/value"), &handle.value)
}

/// Somebody with a bare address.
pub(super) fn bare(address: &str, role: MessageParticipantRole) -> MessageParticipant {
    let kind = if address.contains('@') {
        ContactHandleType::Email
    } else {
        ContactHandleType::ConvoreChat
    };
    MessageParticipant {
        name: Member::Absent,
        handle: handle(kind, address),
        role,
        extra: Extra::new(),
    }
}

/// An address.
pub(super) fn handle(kind: ContactHandleType, value: &str) -> ContactHandle {
    ContactHandle {
        kind,
        value: value.to_owned(),
        extra: Extra::new(),
    }
}

/// Who writes, on this side.
pub(super) fn author(sender: &MessageParticipant, side: Side) -> Participant {
    participant_to_canonical(sender, Some(side))
}

/// Who gets a message.
pub(super) fn recipients(people: &[MessageParticipant]) -> Vec<Recipient> {
    people.iter().map(recipient_to_canonical).collect()
}

/// The participants of a conversation that a message makes: each once, whoever is not of the business a customer.
pub(super) fn participants(
    customers: &[MessageParticipant],
    business: &[MessageParticipant],
) -> Vec<Participant> {
    let customers = customers.iter().map(|one| (one, Side::Customer));
    let business = business.iter().map(|one| (one, Side::Business));
    let mut all: Vec<Participant> = Vec::new();
    for (one, side) in customers.chain(business) {
        let participant = participant_to_canonical(one, Some(side));
        if all.iter().all(|other| other.id != participant.id) {
            all.push(participant);
        }
    }
    all
}

/// The member of a conversation's extensions that tells who stands on no side, by the ids of participants.
pub(super) const ROLES: &str = "participant_roles";

/// Roles that say nothing of a side, by the ids of those who have them: participants elsewhere have none to keep them.
/// With `known`, null takes back what was kept of the others.
pub(super) fn roles(
    people: &[MessageParticipant],
    known: Option<&Conversation>,
) -> Option<RawJson> {
    let before = known.and_then(kept_roles).unwrap_or_default();
    let mut roles = JsonMap::new();
    for one in people {
        let id: Box<str> = participant_id(&one.handle).into();
        if is_copy(&one.role) {
            roles.insert(id, RawJson::string(one.role.as_str()));
        } else if before.contains_key(&id) {
            roles.insert(id, RawJson::default());
        }
    }
    let is_any = !roles.is_empty();
    is_any.then(|| RawJson::from_serialize(&roles).unwrap_or_default())
}

fn kept_roles(conversation: &Conversation) -> Option<JsonMap> {
    kept(&conversation.extensions, ROLES)?.to().ok()
}

/// Gives participants the roles back that are kept.
pub(super) fn with_roles(people: &mut [MessageParticipant], conversation: &Conversation) {
    let Some(roles) = kept_roles(conversation) else {
        return;
    };
    for one in people {
        let role = roles.get(&*participant_id(&one.handle));
        let role = role.and_then(|role| role.to::<MessageParticipantRole>().ok());
        // Who stands on a side by now has the role of that.
        if let Some(role) = role.filter(is_copy)
            && one.role == MessageParticipantRole::From
        {
            one.role = role;
        }
    }
}

fn is_copy(role: &MessageParticipantRole) -> bool {
    matches!(
        role,
        MessageParticipantRole::Cc | MessageParticipantRole::Bcc
    )
}

/// An address as filters name it: `EMAIL:bo@example.test`, the kind in any case.
pub(super) fn token(text: &str) -> Option<ContactHandle> {
    let (kind, value) = text.split_once(':')?;
    match ContactHandleType::from(&*kind.to_ascii_lowercase()) {
        ContactHandleType::Other(_) => None,
        kind => Some(handle(kind, value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_in_any_case() {
        for (text, kind, value) in [
            (
                "EMAIL:bo+tag@x.test",
                ContactHandleType::Email,
                "bo+tag@x.test",
            ),
            ("email:a:b", ContactHandleType::Email, "a:b"),
            ("Convore_Chat:u 1", ContactHandleType::ConvoreChat, "u 1"),
        ] {
            let handle = token(text).unwrap();
            assert_eq!((handle.kind, &*handle.value), (kind, value), "{text}");
        }
        assert!(token("bo@x.test").is_none());
        assert!(token("PHONE:1").is_none());
    }

    #[test]
    fn bare_addresses_are_mail_where_they_look_like_it() {
        let kind = |address| bare(address, MessageParticipantRole::To).handle.kind;
        assert_eq!(kind("a@b"), ContactHandleType::Email);
        assert_eq!(kind("user-1"), ContactHandleType::ConvoreChat);
    }
}
