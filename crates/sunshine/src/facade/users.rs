//! Users: `/v2/apps/{appId}/users`.

use conversation::{JsonMap, Time};
use http::StatusCode;
use serde::Serialize;

use super::answer::{Answer, Refused};
use super::call::Call;
use super::checks;
use super::known::{Known, empty_profile, empty_user};
use crate::limits::EXTERNAL_ID_MAX_CHARS;
use crate::wire::{
    Extra, Member, Profile, Raw, User, UserCreateBody, UserResponse, UserUpdateBody,
};

/// The longest id of a brand, in characters.
const BRAND_MAX_CHARS: usize = 24;

/// Answer of a list; it has no pages.
#[derive(Serialize)]
struct Listed {
    users: Vec<User>,
}

/// `POST …/users`
pub(super) async fn create(call: &Call, body: &[u8]) -> Result<Answer, Refused> {
    let request: UserCreateBody = call.decode(body)?;
    let external = "The externalId has 1 to 1024 characters";
    checks::check(request.external_id != Member::Null, external)?;
    checks::text(&request.external_id, EXTERNAL_ID_MAX_CHARS, external)?;
    checks::text(&request.brand_id, BRAND_MAX_CHARS, "The brandId is invalid")?;
    let ids = [&request.external_id, &request.brand_id];
    let is_plain = |id: &String| !id.chars().any(char::is_control);
    checks::check(
        ids.iter().all(|id| id.value().is_none_or(is_plain)),
        "The ids of a user have no control characters",
    )?;
    let metadata = checks::metadata(&request.metadata)?;
    let signed_up_at = time(&request.signed_up_at)?;
    checks::profile(&request.profile)?;
    // A key of one end user makes that user and nobody else.
    if let Some(own) = call.caller.principal.user.as_deref()
        && request.external_id.value().map(String::as_str) != Some(own)
    {
        return Err(Refused::forbidden());
    }
    let user = User {
        external_id: Member::from(request.external_id.into_value()),
        brand_id: Member::from(request.brand_id.into_value()),
        ..empty_user()
    };
    let user = changed(
        user,
        &Change {
            // Who is made signs up, unless they did before.
            signed_up_at: signed_up_at.or_else(|| Some(Time::now())),
            to_be_retained: request.to_be_retained.into_value(),
            profile: request.profile.into_value(),
            metadata,
        },
    );
    let known = call.insert_user(user).await?;
    answer(StatusCode::CREATED, &known)
}

/// `GET …/users?filter[identities.email]=`
pub(super) async fn list(call: &Call) -> Result<Answer, Refused> {
    let mail = call
        .query
        .one("filter[identities.email]")
        .filter(|mail| !mail.is_empty())
        .ok_or_else(|| Refused::bad_request("filter[identities.email] is required"))?;
    let brand = call.query.one("brandId");
    let known = call.users_by_mail(mail).await?;
    let users = known
        .iter()
        .filter(|known| brand.is_none() || known.user.brand_id.value().map(String::as_str) == brand)
        .map(Known::shown)
        .collect();
    Answer::json(StatusCode::OK, &Listed { users })
}

/// `GET …/users/{userIdOrExternalId}`
pub(super) async fn get(call: &Call, name: &str) -> Result<Answer, Refused> {
    answer(StatusCode::OK, &call.user_named(name).await?)
}

/// `PATCH …/users/{userIdOrExternalId}`. Members that are sent replace the old ones, null clears; metadata is replaced
/// whole.
pub(super) async fn update(call: &Call, name: &str, body: &[u8]) -> Result<Answer, Refused> {
    let request: UserUpdateBody = call.decode(body)?;
    let metadata = checks::metadata(&request.metadata)?;
    checks::profile(&request.profile)?;
    let change = Change {
        signed_up_at: time(&request.signed_up_at)?,
        to_be_retained: request.to_be_retained.into_value(),
        profile: request.profile.into_value(),
        metadata,
    };
    let known = call.user_named(name).await?;
    let known = call
        .change_user(&known, |user| *user = changed(user.clone(), &change))
        .await?;
    answer(StatusCode::OK, &known)
}

/// What is sent of a user.
struct Change {
    signed_up_at: Option<Time>,
    to_be_retained: Option<bool>,
    profile: Option<Profile>,
    metadata: Option<JsonMap>,
}

fn changed(mut user: User, change: &Change) -> User {
    if let Some(time) = change.signed_up_at {
        user.signed_up_at = Member::Value(time.to_millis().to_string());
    }
    if let Some(is_retained) = change.to_be_retained {
        user.to_be_retained = Member::Value(is_retained);
    }
    if let Some(new) = &change.profile {
        let old = user.profile.into_value().unwrap_or_else(empty_profile);
        user.profile = Member::Value(Profile {
            given_name: member(old.given_name, &new.given_name),
            surname: member(old.surname, &new.surname),
            email: member(old.email, &new.email),
            avatar_url: member(old.avatar_url, &new.avatar_url),
            locale: member(old.locale, &new.locale),
            extra: Extra::new(),
        });
    }
    if let Some(metadata) = &change.metadata {
        user.metadata = Member::from(Raw::encode(metadata).ok());
    }
    user
}

/// A member after a change: null clears, and what is cleared is left out.
fn member(old: Member<String>, new: &Member<String>) -> Member<String> {
    match new {
        Member::Absent => old,
        Member::Null => Member::Absent,
        Member::Value(text) => Member::Value(text.clone()),
    }
}

fn time(member: &Member<String>) -> Result<Option<Time>, Refused> {
    let invalid = |_| Refused::bad_request("signedUpAt is no RFC 3339 time");
    member
        .value()
        .map(|text| text.parse().map_err(invalid))
        .transpose()
}

fn answer(status: StatusCode, known: &Known) -> Result<Answer, Refused> {
    let body = UserResponse {
        user: known.shown(),
        extra: Extra::new(),
    };
    Answer::json(status, &body)
}
