//! The port: what every backend does, in which words, and how it fails.
//!
//! Adapters, the store, layers and the router implement [`Backend`]; the normalized API, facades and migrations call
//! it. The small traits in [`ports`] are what the gateway's own state offers. This crate knows no HTTP and no SQL.

mod attachment;
mod capabilities;
mod context;
mod contract;
mod error;
mod event;
mod ext;
mod layer;
mod page;
pub mod ports;
mod projection;
mod query;
mod request;
mod settle;

pub use attachment::{Attachment, AttachmentContent, NewAttachment};
pub use capabilities::{
    Capabilities, Enumerates, Level, Limits, MessageOrder, PreconditionSupport, SettleSupport,
};
pub use context::{Context, FidelityPolicy, Freshness, Principal, RouteHints, Scope, Trace};
pub use contract::{
    Backend, BackendInfo, Health, Located, Location, ServiceStatus, Template, Tool,
};
pub use error::{Error, ErrorDetails, Kind, Obstacle, Origin, Outcome, Result, Retry, Upstream};
pub use event::{Event, EventStream};
pub use ext::{BackendExt, each_conversation};
pub use layer::Layer;
pub use page::{Cursor, Order, Page, PageRequest, Position};
pub use projection::{Fate, FieldFate, Projection, Write};
pub use query::{ConversationFilter, ConversationPage, ConversationQuery, SortKey};
pub use request::{History, Precondition, RespondRequest};
pub use settle::{Applied, Intent, SettleWindow, Settled};
