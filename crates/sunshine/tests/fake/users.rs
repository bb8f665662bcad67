//! Users: `/v2/apps/{appId}/users`.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sunshine::wire::{self, Extra, Member, Raw};

use super::answer::{Answer, Refusal};
use super::conversations::merged_metadata;
use super::serve::Call;

pub(crate) fn create(call: &Call) -> Result<Answer, Refusal> {
    let request: wire::UserCreateBody = call.decode()?;
    let mut data = call.server.data();
    let external_id = request.external_id.value().map(String::as_str);
    let brand_id = request.brand_id.value().map(String::as_str);
    if external_id.is_some_and(|id| data.by_external_id(id, brand_id).is_some()) {
        return Err(Refusal::CONFLICT);
    }
    let metadata = merged_metadata(&Member::Absent, &request.metadata, true)?;
    let id = data.add_user(external_id);
    let user = data.users.get_mut(&id).expect("just made");
    user.brand_id = request.brand_id.into_value().into();
    change(
        user,
        request.signed_up_at,
        request.to_be_retained,
        &request.profile,
    );
    user.metadata = metadata;
    Ok(answer(201, user))
}

/// Matches verified identities, never `profile.email`.
pub(crate) fn list(call: &Call) -> Result<Answer, Refusal> {
    let mail = call.query.get("filter[identities.email]");
    let mail = mail.ok_or(Refusal::bad_request("A filter is required"))?;
    let data = call.server.data();
    let found: Vec<&wire::User> = data
        .users
        .values()
        .filter(|user| {
            let identities = user.identities.value().into_iter().flatten();
            let mut values = identities.filter_map(|identity| identity.value.value());
            values.any(|value| value == mail)
        })
        .collect();
    let found: Vec<Raw> = found
        .into_iter()
        .map(|user| Raw::encode(user).expect("JSON"))
        .collect();
    Ok(Answer::json(200, &json!({"users": found})))
}

pub(crate) fn get(call: &Call, name: &str) -> Result<Answer, Refusal> {
    let data = call.server.data();
    let id = data.find_user(name, brand(call)).ok_or(Refusal::NO_USER)?;
    Ok(answer(200, &data.users[&id]))
}

pub(crate) fn update(call: &Call, name: &str) -> Result<Answer, Refusal> {
    let request: wire::UserUpdateBody = call.decode()?;
    let mut data = call.server.data();
    let id = data.find_user(name, brand(call)).ok_or(Refusal::NO_USER)?;
    let user = data.users.get_mut(&id).expect("just found");
    let replaces = call.server.options.metadata_replaces;
    user.metadata = merged_metadata(&user.metadata, &request.metadata, replaces)?;
    change(
        user,
        request.signed_up_at,
        request.to_be_retained,
        &request.profile,
    );
    Ok(answer(200, user))
}

/// The user's personal conversations go too; groups only lose a participant.
pub(crate) fn delete(call: &Call, name: &str) -> Result<Answer, Refusal> {
    let mut data = call.server.data();
    let id = data.find_user(name, brand(call)).ok_or(Refusal::NO_USER)?;
    data.users.remove(&id);
    let is_of_user = |participant: &wire::Participant| participant.user_id.value() == Some(&id);
    let mut gone = Vec::new();
    for (conversation_id, stored) in &mut data.conversations {
        let personal = stored.row.kind == Member::Value(wire::ConversationType::Personal);
        if personal && stored.participants.iter().any(is_of_user) {
            gone.push(conversation_id.clone());
        }
        stored
            .participants
            .retain(|participant| !is_of_user(participant));
    }
    for conversation_id in gone {
        data.remove_conversation(&conversation_id);
    }
    Ok(Answer::empty_object())
}

fn brand(call: &Call) -> Option<&str> {
    call.query.get("brandId").map(String::as_str)
}

fn change(
    user: &mut wire::User,
    signed_up_at: Member<String>,
    to_be_retained: Member<bool>,
    profile: &Member<wire::Profile>,
) {
    if signed_up_at.value().is_some() {
        user.signed_up_at = signed_up_at;
    }
    if to_be_retained.value().is_some() {
        user.to_be_retained = to_be_retained;
    }
    if let Member::Value(profile) = profile {
        user.profile = Member::Value(merged_profile(user.profile.value(), profile));
    }
}

/// Members that are sent replace the old ones; null clears.
fn merged_profile(old: Option<&wire::Profile>, new: &wire::Profile) -> wire::Profile {
    let members = |profile: &wire::Profile| -> BTreeMap<String, Value> {
        let value = serde_json::to_value(profile).expect("JSON");
        serde_json::from_value(value).expect("an object")
    };
    let mut merged = old.map(members).unwrap_or_default();
    merged.extend(members(new));
    merged.retain(|_, value| !value.is_null());
    let value = serde_json::to_value(merged).expect("JSON");
    serde_json::from_value(value).expect("a profile")
}

fn answer(status: u16, user: &wire::User) -> Answer {
    let user = user.clone();
    let extra = Extra::new();
    Answer::json(status, &wire::UserResponse { user, extra })
}
