//! What the vendor refuses of names, pictures and metadata.

use adapterkit::{Fates, member_pointer};
use conversation::{JsonMap, Participant, RawJson};

use crate::limits::{
    CALLER_METADATA_MAX_BYTES, EXTERNAL_ID_MAX_CHARS, LABEL_MAX_CHARS, URL_MAX_CHARS,
};
use crate::mapping::own::OWN_KEYS;

/// What is left of an external id for our own part of it, in characters: the rest is for the tenant's name.
const ID_MAX_CHARS: usize = EXTERNAL_ID_MAX_CHARS - 256;

/// Takes out an id that no user can have; true where there is none left to refuse.
pub(super) fn check_id(pointer: &str, person: &mut Participant, fates: &mut Fates) -> bool {
    let Some(id) = &person.id else {
        return true;
    };
    if is_text(id, ID_MAX_CHARS) {
        return true;
    }
    let characters = id.chars().count() as u64;
    person.id = None;
    let pointer = format!("{pointer}/id");
    if characters > ID_MAX_CHARS as u64 {
        fates.reject_beyond(
            pointer,
            "sunshine's ids for users have at most 1,024 characters, the tenant's name included",
            ID_MAX_CHARS as u64,
            Some(characters),
        );
    } else {
        fates.reject(pointer, "sunshine's ids for users have words");
    }
    false
}

/// Takes out a name and a picture that the vendor would refuse.
pub(super) fn check_face(pointer: &str, person: &mut Participant, fates: &mut Fates) {
    if let Some(name) = &person.name
        && !is_text(name, LABEL_MAX_CHARS)
    {
        let characters = name.chars().count();
        person.name = None;
        let pointer = format!("{pointer}/name");
        let detail = "sunshine's names have 1 to 128 characters, and no NUL";
        if characters > LABEL_MAX_CHARS {
            let (limit, value) = (LABEL_MAX_CHARS as u64, characters as u64);
            fates.reject_beyond(pointer, detail, limit, Some(value));
        } else {
            fates.reject(pointer, detail);
        }
    }
    if let Some(url) = &person.avatar_url
        && !is_url(url, URL_MAX_CHARS)
    {
        let url = person.avatar_url.take().unwrap_or_default();
        reject_url(&format!("{pointer}/avatar_url"), &url, fates);
    }
}

/// Rejects the URL of a picture that the vendor does not take.
pub(super) fn reject_url(pointer: &str, url: &str, fates: &mut Fates) {
    let detail = "sunshine takes the url of a picture, of at most 2,048 characters";
    let characters = url.chars().count();
    if characters > URL_MAX_CHARS {
        fates.reject_beyond(
            pointer,
            detail,
            URL_MAX_CHARS as u64,
            Some(characters as u64),
        );
    } else {
        fates.reject(pointer, detail);
    }
}

/// Takes out of metadata what the vendor does not hold: what is neither string, number nor boolean, the names that
/// are ours, and all of it where it is too large. `null` is let through where it removes a member.
pub(super) fn check_metadata(
    pointer: &str,
    map: &mut JsonMap,
    null_removes: bool,
    fates: &mut Fates,
) {
    let mut refused = Vec::new();
    for (name, value) in map.iter() {
        let detail = if OWN_KEYS.contains(&&**name) {
            "this name is the gateway's own"
        } else if value.is_null() && null_removes || is_scalar(value) {
            continue;
        } else {
            "sunshine's metadata is flat: strings, numbers and booleans only"
        };
        fates.reject(member_pointer(pointer, name), detail);
        refused.push(name.clone());
    }
    for name in refused {
        map.remove(&name);
    }
    let bytes = json_bytes(map);
    if bytes > CALLER_METADATA_MAX_BYTES {
        map.clear();
        fates.reject_beyond(
            pointer,
            "sunshine's metadata has at most 4 KB of json, a few of them the gateway's own",
            CALLER_METADATA_MAX_BYTES as u64,
            Some(bytes as u64),
        );
    }
}

/// The size of a map as it is sent, in bytes.
pub(super) fn json_bytes(map: &JsonMap) -> usize {
    serde_json::to_vec(map).map_or(usize::MAX, |bytes| bytes.len())
}

/// Whether the vendor's metadata holds this value.
pub(super) fn is_scalar(value: &RawJson) -> bool {
    !matches!(
        value.get().as_bytes().first(),
        None | Some(b'{' | b'[' | b'n')
    )
}

/// Whether a text has at least one and at most `limit` characters, and none that the vendor may refuse.
pub(super) fn is_text(text: &str, limit: usize) -> bool {
    !text.is_empty() && text.chars().count() <= limit && !text.contains('\0')
}

/// Whether this is a URL that the vendor can be given.
pub(super) fn is_url(text: &str, limit: usize) -> bool {
    text.chars().count() <= limit
        && url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}
