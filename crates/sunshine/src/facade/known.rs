//! A user as the gateway keeps it, as a participant, and as answers show it.

use backend::ports::FacadeObject;
use backend::{Error, Kind};
use conversation::{Handle, Participant, ParticipantKind, Side};
use keys::is_user_name;
use serde::{Deserialize, Serialize};

use super::answer::Refused;
use crate::wire::{Extra, Identity, Member, Profile, Raw, User};

/// What is kept of a user. One who was deleted is remembered by id and name, so that what they said keeps its author.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    deleted: bool,
    user: User,
}

/// A user as the gateway keeps it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) object: FacadeObject,
    pub(super) user: User,
    pub(super) is_deleted: bool,
}

impl Known {
    /// From what is stored.
    pub(super) fn read(object: FacadeObject) -> Result<Self, Refused> {
        let kept: Kept = serde_json::from_str(&object.document).map_err(|error| {
            Error::new(Kind::Internal, "a stored user cannot be read").source(error)
        })?;
        Ok(Self {
            user: kept.user,
            is_deleted: kept.deleted,
            object,
        })
    }

    /// The user's id.
    pub(super) fn id(&self) -> &str {
        &self.object.name.id
    }

    /// The id of the participant who the user is.
    pub(super) fn person(&self) -> &str {
        self.object.person.as_deref().unwrap_or(self.id())
    }

    /// The user as a participant of a conversation.
    pub(super) fn participant(&self) -> Participant {
        let profile = self.user.profile.value();
        let text = |member: &Member<String>| member.value().map(|text| text.as_str().into());
        Participant {
            id: Some(self.person().into()),
            kind: ParticipantKind::Person,
            side: Some(Side::Customer),
            name: profile.and_then(name_of).map(Into::into),
            avatar_url: profile.and_then(|profile| text(&profile.avatar_url)),
            handles: profile
                .and_then(|profile| text(&profile.email))
                .map(|value| Handle {
                    kind: "email".into(),
                    value,
                })
                .into_iter()
                .collect(),
        }
    }

    /// The user as answers show it.
    pub(super) fn shown(&self) -> User {
        let mut user = self.user.clone();
        let mail = user
            .profile
            .value()
            .and_then(|profile| profile.email.value());
        let identity = mail.map(|mail| Identity {
            kind: Member::Value("email".to_owned()),
            value: Member::Value(mail.clone()),
            verification: Member::Absent,
            extra: Extra::new(),
        });
        user.identities = Member::Value(identity.into_iter().collect());
        // One of the vendor's own clients cannot read a map, not even an empty one: it reads users who have none.
        let metadata = std::mem::take(&mut user.metadata).into_value();
        user.metadata = Member::from(metadata.filter(|raw| raw.text() != "{}"));
        user
    }
}

/// The id of the participant who a new user will be: the external id, where it can be the name of an end user.
pub(super) fn person_of<'a>(user: &'a User, id: &'a str) -> &'a str {
    let external = user
        .external_id
        .value()
        .filter(|name| is_user_name(name) && user.brand_id.value().is_none());
    external.map_or(id, String::as_str)
}

/// Both names of a profile.
fn name_of(profile: &Profile) -> Option<String> {
    let names: Vec<&str> = [&profile.given_name, &profile.surname]
        .into_iter()
        .filter_map(|name| name.value().map(String::as_str))
        .collect();
    (!names.is_empty()).then(|| names.join(" "))
}

/// What is stored of a user.
pub(super) fn document(user: &User, deleted: bool) -> Result<Box<str>, Refused> {
    let kept = Kept {
        deleted,
        user: user.clone(),
    };
    let text = serde_json::to_string(&kept)
        .map_err(|error| Error::new(Kind::Internal, "a user cannot be written").source(error))?;
    Ok(text.into())
}

/// A user of whom nothing is said.
pub(super) fn empty_user() -> User {
    User {
        id: Member::Absent,
        authenticated: Member::Value(false),
        external_id: Member::Absent,
        zendesk_id: Member::Absent,
        brand_id: Member::Absent,
        signed_up_at: Member::Absent,
        to_be_retained: Member::Value(false),
        identities: Member::Absent,
        profile: Member::Value(empty_profile()),
        metadata: Member::from(Raw::from_text("{}".to_owned()).ok()),
        extra: Extra::new(),
    }
}

/// A profile that says nothing.
pub(super) fn empty_profile() -> Profile {
    Profile {
        given_name: Member::Absent,
        surname: Member::Absent,
        email: Member::Absent,
        avatar_url: Member::Absent,
        locale: Member::Absent,
        extra: Extra::new(),
    }
}
