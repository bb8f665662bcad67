//! Convore's JSON exactly as it travels: every request and answer of the operations that are used.
//!
//! Names and member order are those of the vendor's generated client (`convore_api_client` 1.0.0); no server was ever
//! reached. Members that we do not know are kept byte for byte in `extra`, so a decoded body encodes to the same
//! bytes. No type here prints its content in `Debug`. Every list of words is closed in the vendor's client and open
//! here: an unknown word must not spoil a page.

mod attachment;
mod channel;
mod contact;
mod conversation;
mod event;
mod label;
mod message;
mod page;
mod participant;

pub use adapterkit::{Extra, Member, Raw};
pub use attachment::{Attachment, AttachmentUpload};
pub use channel::{
    Channel, ChannelAddress, ChannelCreate, ChannelStatus, ChannelUpdate, ProviderType,
};
pub use contact::{Contact, ContactCreate, ContactUpdate};
pub use conversation::{
    Conversation, ConversationCreate, ConversationListQuery, ConversationPriority,
    ConversationStatus, ConversationUpdate,
};
pub use event::{Event, EventType, ObjectType};
pub use label::{Label, LabelCreate, LabelType, LabelUpdate};
pub use message::{
    Message, MessageDirection, MessageFormat, MessageImport, MessageReplyType, MessageSend,
    MessageUpdate,
};
pub use page::Page;
pub use participant::{
    ContactHandle, ContactHandleType, MessageParticipant, MessageParticipantRole,
};

use ::conversation::Time;

/// A time as it is sent: milliseconds and `Z`. One without an offset must never be sent: nobody knows what it means.
///
/// In bodies; see [`spelled_second`] for queries.
#[must_use]
pub fn spelled_time(time: Time) -> String {
    time.to_millis().to_string()
}

/// A time as the vendor's client spells it in a query: in seconds, rounded down.
#[must_use]
pub fn spelled_second(time: Time) -> String {
    let text = time.to_string();
    let (seconds, _) = text.split_once('.').unwrap_or((&text, ""));
    format!("{seconds}Z")
}
