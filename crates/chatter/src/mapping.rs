//! Pure functions between Chatter's wire and the canonical model, both ways.
//!
//! What has no canonical home is kept in `extensions.chatter`, so that the wire object can be made again exactly.

mod conversation;
mod message;
mod preview;
mod spelling;
mod turns;

pub use conversation::{
    conversation_from_canonical, conversation_to_canonical, create_request, update_request,
};
pub use message::{message_from_canonical, message_to_canonical};
pub(crate) use preview::TITLE_MAX_CHARS;
pub use preview::{POST_IS_IMPOSSIBLE, chat_request, preview};
pub(crate) use spelling::spelled_time;
pub use turns::{APOLOGY, Shown, is_apology, shown};

/// The name under `extensions`.
pub const EXTENSION: &str = "chatter";
