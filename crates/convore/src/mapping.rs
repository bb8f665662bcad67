//! Pure functions between Convore's wire and the canonical model, both ways.
//!
//! What has no canonical home is kept in `extensions.convore`, so that the wire object can be made again exactly.

mod body;
mod conversation;
mod kept;
mod message;
mod participant;
mod preview;
mod requests;

pub use body::{body_of, parts_of, same_words};
pub use conversation::{conversation_from_canonical, conversation_to_canonical, last_said_at};
pub use message::{
    message_from_canonical, message_to_canonical, said_at, stored_at, text_of_message,
};
pub(crate) use participant::recipient_to_canonical;
pub use participant::{
    chat_id, participant_from_canonical, participant_id, participant_input,
    participant_to_canonical, participants_from_canonical, participants_to_canonical, with_ids,
};
pub(crate) use preview::stored_file;
pub use preview::{FILES_BELONG_TO_MESSAGES, preview};
pub use requests::{
    Sides, conversation_update, create_request, import_request, message_update, send_request,
};

/// The name under `extensions`.
pub const EXTENSION: &str = "convore";
