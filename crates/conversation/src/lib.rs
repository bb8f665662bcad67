//! The canonical model: what a conversation and a message are, whoever stores them.
//!
//! Entities, their ids, message parts, merge patches, the plain text of parts, and digests.
//! No async, no I/O and no vendor's name: a vendor's JSON becomes canonical in that vendor's adapter.
//!
//! ```
//! use conversation::{NewMessage, Part, Role, text_of};
//!
//! let message: NewMessage =
//!     serde_json::from_str(r#"{"parts":[{"type":"text","text":"hello"}]}"#).unwrap();
//! assert_eq!(message.role, Role::User);
//! assert_eq!(text_of(&message.parts), "hello");
//! assert_eq!(message.parts[0], Part::text("hello"));
//! ```

mod canonical_json;
mod digest;
mod html;
mod id;
mod json;
mod message;
mod open_enum;
mod part;
mod participant;
mod patch;
mod text;
mod thread;
mod time;
mod validate;

pub use canonical_json::canonical_json;
pub use digest::{
    Digest, InvalidDigest, RunningDigest, conversation_digest, etag, portable_digest,
    strict_digest, strict_message_digest,
};
pub use html::html_to_text;
pub use id::{AttachmentId, ConversationId, InvalidId, MessageId};
pub use json::{Extensions, JsonMap, RawJson, too_large_integer};
pub use message::{
    Direction, InReplyTo, Message, MessageStatus, NewMessage, Rating, ReplyKind, Role,
};
pub use part::{
    Action, ActionKind, Activity, ActivityKind, Field, FieldOption, Item, Location, Media, Part,
    Quote, Template, Text, TextFormat, ToolCall, ToolResult, Unknown,
};
pub use participant::{Handle, Participant, ParticipantKind, Recipient, RecipientKind, Side};
pub use patch::{ConversationPatch, MessagePatch, Patch, merge_map};
pub use text::text_of;
pub use thread::{Assistant, Conversation, Counts, Kind, NewConversation, Priority, Status, Usage};
pub use time::{InvalidTime, Time};
pub use validate::{Exceeds, Violation, validate_conversation, validate_message};
