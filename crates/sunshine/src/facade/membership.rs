//! Who takes part in a conversation.

use backend::{Located, Location};
use conversation::{ConversationId, Participant, ParticipantKind, Side};
use keys::is_user_name;

use super::answer::Refused;
use super::call::Call;

/// Whether somebody takes part under just this id: lists also find who is reached by an address of that spelling.
pub(super) async fn takes_part(
    call: &Call,
    located: &Located,
    person: &str,
) -> Result<bool, Refused> {
    let is = |one: &Participant| one.id.as_deref() == Some(person);
    let named = &located.conversation.participants;
    if !named.is_empty() {
        return Ok(named.iter().any(is));
    }
    // Nobody is reached by what is no address, so that nobody has to be asked.
    if !is_like_an_address(person) {
        return Ok(true);
    }
    let found = call
        .backend()
        .list_participants(&call.cx(), &located.location)
        .await?;
    Ok(found.iter().any(is))
}

/// Somebody of whom no more than the name is known.
pub(super) fn named(person: &str) -> Participant {
    Participant {
        id: Some(person.into()),
        kind: ParticipantKind::Person,
        side: Some(Side::Customer),
        name: None,
        avatar_url: None,
        handles: Vec::new(),
    }
}

impl Call {
    /// The end user to whom a conversation belongs, where it belongs to one of the caller's tenant.
    pub(super) async fn owner_of(&self, id: ConversationId) -> Result<Option<Box<str>>, Refused> {
        let binding = self.shared.parts.directory.locate(id).await?;
        let own = binding.filter(|binding| binding.tenant.as_deref() == Some(self.tenant()));
        Ok(own
            .and_then(|binding| binding.owner)
            .filter(|owner| is_user_name(owner)))
    }

    /// The customers of a conversation; where nobody is named, the end user to whom it belongs. The business has no
    /// members here.
    pub(super) async fn customers(&self, at: &Location) -> Result<Vec<Participant>, Refused> {
        let mut found = self.backend().list_participants(&self.cx(), at).await?;
        found.retain(|one| one.id.is_some() && one.side != Some(Side::Business));
        if found.is_empty() {
            let owner = self.owner_of(at.id).await?;
            found.extend(owner.as_deref().map(named));
        }
        Ok(found)
    }
}

/// Whether a text could be a mail address, a number or another way to reach somebody.
fn is_like_an_address(text: &str) -> bool {
    let is_digit = |one: char| one.is_ascii_digit() || matches!(one, '+' | '-' | ' ' | '(' | ')');
    text.contains(['@', ':']) || text.chars().all(is_digit)
}

#[test]
fn addresses_are_told_from_names() {
    for text in ["ann@example.org", "+49 30 123", "03012345", "tel:1", "@ann"] {
        assert!(is_like_an_address(text), "{text}");
    }
    for text in ["ann", "user-7", "5e552ef595e5206375bb835d"] {
        assert!(!is_like_an_address(text), "{text}");
    }
}
