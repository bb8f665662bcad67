//! The Sunshine Conversations adapter: one app of the vendor behind the port.
//!
//! Posting here delivers: a message of the assistant goes out to the user's channels. The adapter deliberately keeps
//! nothing itself: what the vendor cannot hold is refused here and kept by others.
//!
//! ```no_run
//! # async fn example(cx: backend::Context) -> backend::Result<()> {
//! use backend::Backend;
//! use conversation::{NewConversation, NewMessage, Role};
//! use sunshine::{Sunshine, SunshineConfig, SunshineCredentials};
//!
//! let credentials = SunshineCredentials::Basic { key_id: "app_1".into(), secret: "a key's secret".into() };
//! let config = SunshineConfig::new("https://api.smooch.io", "5d8cff3cd55b040010928b5b", credentials);
//! let sunshine = Sunshine::new("messaging", &config)?;
//! let located = sunshine.create_conversation(&cx, NewConversation::default()).await?;
//! let hello = NewMessage::text(Role::Assistant, "hello");
//! sunshine.post_message(&cx, &located.location, hello).await?;
//! # Ok(())
//! # }
//! ```

mod backend;
mod capabilities;
pub mod client;
mod config;
mod error;
mod facade;
mod limits;
pub mod mapping;
mod operations;
mod translate;
pub mod wire;

pub use self::backend::Sunshine;
pub use config::{
    ImportMode, JwtScope, SunshineConfig, SunshineCredentials, UnknownImportMode, UnknownScope,
};
pub use facade::{FacadeConfig, facade, facade_routes};
pub use operations::OPERATIONS;
pub use translate::SunshineTranslator;
