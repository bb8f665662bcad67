//! Sunshine Conversations' JSON exactly as it travels: requests, answers, queries and error bodies of version 2.
//!
//! Names and bounds are those of the vendor's OpenAPI description 17.12.1, the order that of its examples; what is "seen in
//! the vendor's client" was sent by its published libraries. Members that we do not know are kept byte for byte in
//! `extra`, and so are contents of an unknown type or shape, whole. No type here prints its content in `Debug`.

mod action;
mod activity;
mod attachment;
mod content;
mod conversation;
mod message;
mod page;
mod participant;
mod problem;
mod user;

pub use action::{Action, ActionType};
pub use activity::{ActivityPost, ActivityType};
pub use adapterkit::{Extra, Member, Raw};
pub use attachment::{Attachment, AttachmentDeleteBody, AttachmentResponse, AttachmentUploadQuery};
pub use content::{
    CarouselMessage, Content, Coordinates, DisplaySettings, FieldOption, FieldType, FileMessage,
    FormField, FormMessage, FormResponseMessage, ImageMessage, Item, ListMessage, LocationMessage,
    Place, TemplateMessage, TextMessage,
};
pub use conversation::{
    Conversation, ConversationCreateBody, ConversationListQuery, ConversationListResponse,
    ConversationResponse, ConversationType, ConversationUpdateBody, Empty, SwitchboardIntegration,
    UserFilter,
};
pub use message::{
    ActivityMessage, ActivityMessageType, Author, AuthorSubtype, AuthorType, Destination, Message,
    MessageListResponse, MessagePost, MessagePostResponse, QuotedMessage, QuotedMessageType,
    Reference, Source,
};
pub use page::{CURSOR_CHARS, Links, Meta, PageQuery};
pub use participant::{
    ClientAssociation, Participant, ParticipantJoinBody, ParticipantLeaveBody,
    ParticipantListResponse, ParticipantResponse, ParticipantSubSchema,
};
pub use problem::{ErrorEntry, ErrorResponse};
pub use user::{Identity, Profile, User, UserCreateBody, UserResponse, UserUpdateBody};
