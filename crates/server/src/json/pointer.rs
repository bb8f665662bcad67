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
            // A variant that holds something is written as a member of its name.
            Segment::Map { key } | Segment::Enum { variant: key } => {
                pointer.push('/');
                pointer.push_str(&escape(key));
            }
            // Where the way is unknown the pointer stops.
            Segment::Unknown => break,
        }
    }
    pointer
}
