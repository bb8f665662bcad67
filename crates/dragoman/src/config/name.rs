//! The name of a backend or a route: case-sensitive, short, safe in a header and in a path.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest name, in characters.
const NAME_MAX_CHARS: usize = 64;

/// A name: 1 to 64 characters out of `A-Z a-z 0-9 _ -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// The name of the embedded store where the file gives it none.
    pub(super) fn store() -> Self {
        Self("store".to_owned())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = (1..=NAME_MAX_CHARS).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if fits {
            Ok(Self(text))
        } else {
            Err("a name is 1 to 64 characters out of A-Z a-z 0-9 _ -".to_owned())
        }
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
