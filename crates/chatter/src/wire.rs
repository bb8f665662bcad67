//! Chatter's JSON exactly as it travels: every request, response, stream frame and error body of the 22 operations
//! of its two published APIs, and of the login.
//!
//! Names, member order and the difference between an absent member and `null` are the vendor's, measured on its real
//! server (commits 2e6f1dad, 56cfcd49 and fe43ba0b of 2025). Members that we do not know are kept byte for byte in
//! `extra`, so a decoded body encodes to the same bytes. No type here prints its content in `Debug`.

mod auth;
mod chat;
mod conversation;
mod message;
mod problem;
mod stream;
mod tools;

pub use adapterkit::{Extra, Member, Raw};
pub use auth::{LoginRequest, LoginResponse, UserResponse};
pub use chat::{ChatRequest, ChatResponse, Workflow};
pub use conversation::{
    ConversationCreate, ConversationDeleteResponse, ConversationListQuery,
    ConversationListResponse, ConversationResponse, ConversationStatus, ConversationUpdate,
    SortOrder,
};
pub use message::{
    MessageDeleteResponse, MessageListQuery, MessageRatingResponse, MessageRatingUpdate,
    MessageResponse, MessageRole,
};
pub use problem::{ErrorLocation, FrameworkError, Problem, ValidationError};
pub(crate) use stream::spaced_ascii;
pub use stream::{STREAM_DONE, StreamEvent, StreamEventType};
pub use tools::{
    AvailableToolResponse, AvailableToolsResponse, McpStatusResponse, PerformanceStatsResponse,
    WorkflowTemplateInfo, WorkflowTemplates, WorkflowTemplatesResponse,
};
