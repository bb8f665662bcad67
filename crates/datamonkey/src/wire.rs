//! Datamonkey's JSON exactly as it travels: every request, answer and error body of its six chat operations.
//!
//! Names, member order and the difference between an absent member and `null` are the vendor's, measured on its real
//! server (commit 8fa7f84 of 2025-11-07, API version 1.2.0). Members that we do not know are kept byte for byte in
//! `extra`, and [`to_bytes`] escapes as the vendor does, so a decoded body encodes to the same bytes. No type here
//! prints its content in `Debug`.

mod conversation;
mod escape;
mod message;
mod problem;

pub use adapterkit::{Extra, Member, Raw};
pub use conversation::{ChatConversation, ConversationList, CreateRequest, CreatedConversation};
pub use escape::to_bytes;
pub use message::{ChatMessage, MessageList, MessageRole, SendRequest, SendResponse};
pub use problem::Problem;

/// The request header that carries the token, underscore included. Some proxies drop such headers by default.
pub const TOKEN_HEADER: &str = "user_token";

/// The header of a create's answer that carries a new token; in no other answer, and never in a body.
pub const NEW_TOKEN_HEADER: &str = "x-session-token";
