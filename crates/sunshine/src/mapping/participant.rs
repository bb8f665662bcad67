//! Participants and users. A user of ours has the external id `<tenant>:<id>` there.

use conversation::{Handle, Participant, ParticipantKind, Side};

use crate::wire::{self, Extra, Member, Profile, User, UserCreateBody};

/// The vendor's external id of a tenant's user.
///
/// A colon in a tenant's name is escaped, so that no two tenants' users share one.
#[must_use]
pub fn external_id(tenant: &str, id: &str) -> String {
    format!("{}:{id}", escaped(tenant))
}

fn escaped(tenant: &str) -> String {
    tenant.replace('%', "%25").replace(':', "%3A")
}

/// Our id of a user of this tenant, where it is one.
#[must_use]
pub fn own_id<'e>(tenant: &str, external_id: &'e str) -> Option<&'e str> {
    external_id
        .strip_prefix(escaped(tenant).as_str())?
        .strip_prefix(':')
        .filter(|id| !id.is_empty())
}

/// What a participant says of a user.
#[derive(Clone, Debug, PartialEq)]
pub struct Profiled {
    /// Name, mail address and picture.
    pub profile: Profile,
    /// False where it says nothing.
    pub says_something: bool,
}

/// The profile that a participant describes. The name goes whole into `givenName`.
#[must_use]
pub fn profile_of(participant: &Participant) -> Profiled {
    let email = participant
        .handles
        .iter()
        .find(|handle| &*handle.kind == "email")
        .map(|handle| String::from(&*handle.value));
    let text = |text: &Option<Box<str>>| Member::from(text.as_deref().map(str::to_owned));
    Profiled {
        says_something: participant.name.is_some()
            || participant.avatar_url.is_some()
            || email.is_some(),
        profile: Profile {
            given_name: text(&participant.name),
            surname: Member::Absent,
            email: Member::from(email),
            avatar_url: text(&participant.avatar_url),
            locale: Member::Absent,
            extra: Extra::new(),
        },
    }
}

/// The body that makes a user.
#[must_use]
pub fn user_body(external_id: &str, profiled: Option<Profiled>) -> UserCreateBody {
    let profile = profiled.filter(|profiled| profiled.says_something);
    UserCreateBody {
        external_id: Member::Value(external_id.to_owned()),
        brand_id: Member::Absent,
        signed_up_at: Member::Absent,
        to_be_retained: Member::Absent,
        profile: Member::from(profile.map(|profiled| profiled.profile)),
        metadata: Member::Absent,
        extra: Extra::new(),
    }
}

/// A participant of the vendor in canonical form, with what is known of the user. Its id is the tenant's own where the
/// user has one, else the vendor's id of the user.
#[must_use]
pub fn participant_to_canonical(
    wire: &wire::Participant,
    user: Option<&User>,
    tenant: &str,
) -> Option<Participant> {
    let external = wire
        .user_external_id
        .value()
        .and_then(|external| own_id(tenant, external));
    let id = external.or(wire.user_id.value().map(String::as_str))?;
    let profile = user.and_then(|user| user.profile.value());
    let name = profile.and_then(|profile| {
        let names: Vec<&str> = [&profile.given_name, &profile.surname]
            .into_iter()
            .filter_map(|name| name.value().map(String::as_str))
            .collect();
        (!names.is_empty()).then(|| names.join(" ").into())
    });
    let email = profile.and_then(|profile| profile.email.value());
    Some(Participant {
        id: Some(id.into()),
        kind: ParticipantKind::Person,
        side: Some(Side::Customer),
        name,
        avatar_url: profile
            .and_then(|profile| profile.avatar_url.value())
            .map(|url| url.as_str().into()),
        handles: email
            .map(|email| Handle {
                kind: "email".into(),
                value: email.as_str().into(),
            })
            .into_iter()
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_tenants_share_an_external_id() {
        assert_eq!(external_id("acme", "ann"), "acme:ann");
        assert_ne!(external_id("a", "b:c"), external_id("a:b", "c"));
        for (tenant, id) in [("acme", "ann"), ("a:b", "c"), ("50%", "x:y")] {
            assert_eq!(own_id(tenant, &external_id(tenant, id)), Some(id));
        }
        assert_eq!(own_id("acme", "other:ann"), None);
        assert_eq!(own_id("acme", "acme"), None);
    }
}
