//! What the vendor's description asks of bodies.

use conversation::{JsonMap, RawJson};
use url::Url;

use super::answer::Refused;
use crate::limits::{LABEL_MAX_CHARS, METADATA_MAX_BYTES, URL_MAX_CHARS};
use crate::wire::{Member, Profile, Raw};

/// The longest name of a language, in characters.
const LOCALE_MAX_CHARS: usize = 64;

/// Refuses what is not `is`.
pub(super) fn check(is: bool, title: &'static str) -> Result<(), Refused> {
    if is {
        Ok(())
    } else {
        Err(Refused::bad_request(title))
    }
}

/// A text of 1 to `most` characters, where there is one.
pub(super) fn text(
    member: &Member<String>,
    most: usize,
    title: &'static str,
) -> Result<(), Refused> {
    let fits = member.value().is_none_or(|text| is_text(text, most));
    check(fits, title)
}

/// Whether a text has 1 to `most` characters.
pub(super) fn is_text(text: &str, most: usize) -> bool {
    !text.is_empty() && text.chars().count() <= most
}

/// Whether a text is an absolute URL that is short enough.
pub(super) fn is_url(text: &str) -> bool {
    text.chars().count() <= URL_MAX_CHARS && Url::parse(text).is_ok()
}

/// A URL, where there is one.
pub(super) fn url(member: &Member<String>, title: &'static str) -> Result<(), Refused> {
    check(member.value().is_none_or(|url| is_url(url)), title)
}

/// Metadata as a map: flat, and not too large. `None` where none is sent; an empty map for `null`.
pub(super) fn metadata(member: &Member<Raw>) -> Result<Option<JsonMap>, Refused> {
    let raw = match member {
        Member::Absent => return Ok(None),
        Member::Null => return Ok(Some(JsonMap::new())),
        Member::Value(raw) => raw,
    };
    check(
        raw.text().len() <= METADATA_MAX_BYTES,
        "The metadata is too large",
    )?;
    let flat = "The metadata must be flat: strings, numbers and booleans";
    let map: JsonMap = raw.decode().map_err(|_| Refused::bad_request(flat))?;
    check(map.values().all(is_scalar), flat)?;
    Ok(Some(map))
}

/// Whether a value is a string, a number or a boolean.
pub(super) fn is_scalar(value: &RawJson) -> bool {
    !matches!(
        value.get().as_bytes().first(),
        Some(b'{' | b'[' | b'n') | None
    )
}

/// A user's profile, where there is one.
pub(super) fn profile(member: &Member<Profile>) -> Result<(), Refused> {
    let Some(profile) = member.value() else {
        return Ok(());
    };
    let name = "A name has 1 to 128 characters";
    text(&profile.given_name, LABEL_MAX_CHARS, name)?;
    text(&profile.surname, LABEL_MAX_CHARS, name)?;
    let mail = "The email is invalid";
    text(&profile.email, LABEL_MAX_CHARS, mail)?;
    check(
        profile.email.value().is_none_or(|mail| is_address(mail)),
        mail,
    )?;
    url(&profile.avatar_url, "The avatarUrl is invalid")?;
    text(&profile.locale, LOCALE_MAX_CHARS, "The locale is invalid")
}

/// Whether a text looks like a mail address.
pub(super) fn is_address(text: &str) -> bool {
    let parts = text.rsplit_once('@');
    parts.is_some_and(|(local, domain)| {
        !local.is_empty()
            && !domain.is_empty()
            && !text
                .chars()
                .any(|one| one.is_whitespace() || one.is_control())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Member<Raw> {
        Member::Value(Raw::from_text(text.to_owned()).unwrap())
    }

    #[test]
    fn metadata_is_flat_and_small() {
        assert!(metadata(&raw(r#"{"a":"b","n":1.5,"t":true}"#)).is_ok());
        assert!(metadata(&Member::Null).unwrap().unwrap().is_empty());
        for text in [r#"{"a":{}}"#, r#"{"a":[]}"#, r#"{"a":null}"#, "[]", "1"] {
            assert!(metadata(&raw(text)).is_err(), "{text}");
        }
        let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(METADATA_MAX_BYTES));
        assert!(metadata(&raw(&large)).is_err());
    }

    #[test]
    fn addresses_have_two_sides() {
        assert!(is_address("jane@example.org"));
        for text in ["jane", "@example.org", "jane@", "a b@c"] {
            assert!(!is_address(text), "{text}");
        }
    }
}
