//! API keys: how they are made, spelled and checked. Whoever lets callers in uses this, in whatever scheme they send them.

mod check;
mod key;

pub use check::{KeyCheck, REMEMBERED_FOR};
pub use key::{KeyRequest, NewKey, NoRandomness, Presented};

/// The longest name of an end user, in characters.
pub const USER_MAX_CHARS: usize = 255;
/// The longest name of a tenant, in characters.
pub const TENANT_MAX_CHARS: usize = 64;

/// What [`is_user_name`] asks for, in words.
pub const USER_RULE: &str = "1 to 255 characters without control characters";
/// What [`is_tenant_name`] asks for, in words.
pub const TENANT_RULE: &str = "1 to 64 characters out of A-Z a-z 0-9 _ -";

/// Whether a text can name an end user: 1 to [`USER_MAX_CHARS`] characters, none of them a control character.
#[must_use]
pub fn is_user_name(user: &str) -> bool {
    !user.is_empty()
        && user.chars().count() <= USER_MAX_CHARS
        && !user.chars().any(char::is_control)
}

/// Whether a text can name a tenant: names at vendors are made of tenant and end user, and are told apart by what no
/// tenant has in it.
#[must_use]
pub fn is_tenant_name(tenant: &str) -> bool {
    (1..=TENANT_MAX_CHARS).contains(&tenant.len())
        && tenant
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}
