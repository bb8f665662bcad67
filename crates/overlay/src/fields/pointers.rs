//! JSON pointers (RFC 6901) to fields: how they are spelled, and which of them speak of the same field.

/// The pointer to the member `name` of the object at `at`.
pub(crate) fn member(at: &str, name: &str) -> Box<str> {
    let escaped = name.replace('~', "~0").replace('/', "~1");
    format!("{at}/{escaped}").into()
}

/// The names along a pointer. Empty for the pointer to the whole.
pub(crate) fn names(pointer: &str) -> Vec<String> {
    pointer
        .split('/')
        .skip(1)
        .map(|name| name.replace("~1", "/").replace("~0", "~"))
        .collect()
}

/// The first name along a pointer, as it is spelled: the field of the object that it leads into.
pub(crate) fn field(pointer: &str) -> &str {
    pointer.split('/').nth(1).unwrap_or_default()
}

/// The last name below `at`, unescaped; nothing where the pointer does not lead to a member of the object at `at`.
pub(crate) fn name_below(at: &str, pointer: &str) -> Option<String> {
    let name = pointer.strip_prefix(at)?.strip_prefix('/')?;
    (!name.contains('/')).then(|| name.replace("~1", "/").replace("~0", "~"))
}

/// True where one pointer leads to the other's place or into it. Lists are told as sets, by name in one place and by
/// number in another, so that any two pointers into the same list agree.
pub(crate) fn overlap(one: &str, other: &str) -> bool {
    let same_field = field(one) == field(other);
    if same_field && matches!(field(one), "labels" | "participants") {
        return true;
    }
    let leads_into = |outer: &str, inner: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    leads_into(one, other) || leads_into(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_escaping() {
        for name in ["", "a", "a/b", "~", "~1", "a~0/b", "ü \0"] {
            let pointer = member("/metadata", name);
            assert_eq!(names(&pointer), ["metadata", name], "{name:?}");
            assert_eq!(name_below("/metadata", &pointer).as_deref(), Some(name));
        }
        assert_eq!(names(""), Vec::<String>::new());
        assert_eq!(name_below("/metadata", "/metadata"), None);
        assert_eq!(name_below("/metadata", "/metadata/a/b"), None);
        assert_eq!(name_below("/meta", "/metadata/a"), None);
    }

    #[test]
    fn pointers_into_the_same_field_overlap() {
        for (one, other, wanted) in [
            ("/title", "/title", true),
            ("/parts", "/parts/0/text", true),
            ("/metadata/a/b", "/metadata/a", true),
            ("/metadata/a", "/metadata/ab", false),
            ("/metadata/a", "/metadata/b", false),
            ("/labels/0", "/labels/urgent", true),
            ("/participants/0/handles", "/participants/p1", true),
            ("/title", "/titles", false),
            ("", "/title", true),
        ] {
            assert_eq!(overlap(one, other), wanted, "{one} {other}");
            assert_eq!(overlap(other, one), wanted, "{other} {one}");
        }
    }
}
