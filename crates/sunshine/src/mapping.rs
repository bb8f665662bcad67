//! Pure functions between the wire and the canonical model, both ways.
//!
//! What has no canonical home is kept in `extensions.sunshine`, so that the wire object can be made again exactly.
//! The members of our own metadata ([`INTENT_KEY`] and its like) are ours and not the vendor's: they are hidden.

mod content;
mod conversation;
mod keep;
mod message;
mod own;
mod participant;
mod preview;
mod structured;
mod times;

pub use content::{content_from_parts, parts_from_content};
pub use conversation::{
    conversation_from_canonical, conversation_to_canonical, create_body, update_body,
};
pub use message::{Authorship, message_from_canonical, message_post, message_to_canonical};
pub use own::{
    DELETED_KEY, INTENT_KEY, SENT_AT_KEY, intent_of, message_key, own_member, several_key,
};
pub use participant::{
    Profiled, external_id, own_id, participant_to_canonical, profile_of, user_body,
};
pub use preview::{IMPORT_IS_IMPOSSIBLE, NOT_TO_A_MESSAGE, is_customer, preview};

/// The name under `extensions`, and of parts that only this vendor knows.
pub const EXTENSION: &str = "sunshine";
