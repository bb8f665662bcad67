//! Pure functions between Datamonkey's wire and the canonical model, both ways.
//!
//! What has no canonical home is kept in `extensions.datamonkey`, so that the wire object can be made again exactly.

mod conversation;
mod message;
mod order;
mod preview;

pub(crate) use conversation::{build as plain_conversation, build_created as plain_created};
pub use conversation::{
    conversation_from_canonical, conversation_to_canonical, create_request, created_from_canonical,
    created_to_canonical,
};
pub(crate) use message::build as plain_message;
pub use message::{message_from_canonical, message_to_canonical};
pub use order::{Placed, placed};
pub use preview::{POST_IS_IMPOSSIBLE, preview, send_request};

/// The name under `extensions`.
pub const EXTENSION: &str = "datamonkey";

/// A time from the vendor's milliseconds.
fn time(millis: i64, member: &'static str) -> Result<::conversation::Time, adapterkit::Unmappable> {
    millis
        .checked_mul(1_000)
        .and_then(|micros| ::conversation::Time::from_micros(micros).ok())
        .ok_or(adapterkit::Unmappable(member))
}
