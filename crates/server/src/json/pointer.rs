//! JSON pointers (RFC 6901) out of a place in a document.

use std::borrow::Cow;

use serde_path_to_error::{Path, Segment};

/// One reference token with `~` and `/` escaped.
pub(super) fn escape(key: &str) -> Cow<'_, str> {
    if key.contains(['~', '/']) {
        Cow::Owned(key.replace('~', "~0").replace('/', "~1"))
    } else {
        Cow::Borrowed(key)
    }
}

/// The pointer to where reading a type failed.
pub(super) fn pointer_to(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&escape(key));
            }
            // An enum's variant is no place of its own, and where the way is unknown the pointer stops.
            Segment::Enum { .. } => {}
            Segment::Unknown => break,
        }
    }
    pointer
}
