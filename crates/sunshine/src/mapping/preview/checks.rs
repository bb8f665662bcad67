//! The fates of one write, as they are found.

use backend::FieldFate;
use conversation::{JsonMap, Participant, RawJson};

use crate::limits::{CALLER_METADATA_MAX_BYTES, LABEL_MAX_CHARS, URL_MAX_CHARS};
use crate::mapping::own::OWN_KEYS;

/// Why most fields are refused.
pub(super) const NO_PLACE: &str = "sunshine has no place for this";

/// What is found of the fields of one write.
#[derive(Default)]
pub(super) struct Fates(Vec<FieldFate>);

impl Fates {
    pub(super) fn into_inner(self) -> Vec<FieldFate> {
        self.0
    }

    pub(super) fn push(&mut self, fate: FieldFate) {
        self.0.push(fate);
    }

    pub(super) fn reject(&mut self, pointer: impl Into<String>, detail: &str) {
        self.0.push(FieldFate::rejected(pointer, detail));
    }

    pub(super) fn reject_beyond(&mut self, pointer: impl Into<String>, detail: &str, limit: usize) {
        self.0
            .push(FieldFate::rejected(pointer, detail).limit(limit as u64));
    }

    pub(super) fn convert(&mut self, pointer: impl Into<String>, detail: &str) {
        self.0.push(FieldFate::converted(pointer, detail));
    }

    /// Rejects a field that the vendor has no place for, and takes it out.
    pub(super) fn take<T: Default + PartialEq>(&mut self, pointer: &str, field: &mut T) {
        if *field != T::default() {
            *field = T::default();
            self.reject(pointer, NO_PLACE);
        }
    }

    /// Rejects a field that holds something, and takes it out.
    pub(super) fn take_some<T>(&mut self, pointer: &str, field: &mut Option<T>) {
        if field.take().is_some() {
            self.reject(pointer, NO_PLACE);
        }
    }

    /// Takes out a name and a picture that the vendor would refuse.
    pub(super) fn face(&mut self, pointer: &str, person: &mut Participant) {
        if let Some(name) = &person.name
            && !is_text(name, LABEL_MAX_CHARS)
        {
            person.name = None;
            self.reject_beyond(
                format!("{pointer}/name"),
                "sunshine's names have 1 to 128 characters",
                LABEL_MAX_CHARS,
            );
        }
        if let Some(url) = &person.avatar_url
            && !is_url(url, URL_MAX_CHARS)
        {
            person.avatar_url = None;
            self.reject(
                format!("{pointer}/avatar_url"),
                "sunshine takes the url of a picture, of at most 2,048 characters",
            );
        }
    }

    /// Takes out of metadata what the vendor does not hold: what is neither string, number nor boolean, the names that
    /// are ours, and all of it where it is too large. `null` is let through where it removes a member.
    pub(super) fn metadata(&mut self, pointer: &str, map: &mut JsonMap, null_removes: bool) {
        let mut refused = Vec::new();
        for (name, value) in map.iter() {
            let detail = if OWN_KEYS.contains(&&**name) {
                "this name is the gateway's own"
            } else if value.is_null() && null_removes || is_scalar(value) {
                continue;
            } else {
                "sunshine's metadata is flat: strings, numbers and booleans only"
            };
            self.reject(member(pointer, name), detail);
            refused.push(name.clone());
        }
        for name in refused {
            map.remove(&name);
        }
        if json_bytes(map) > CALLER_METADATA_MAX_BYTES {
            map.clear();
            self.reject_beyond(
                pointer,
                "sunshine's metadata has at most 4 KB of json, a few of them the gateway's own",
                CALLER_METADATA_MAX_BYTES,
            );
        }
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

/// The pointer to a member of an object.
pub(super) fn member(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
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
