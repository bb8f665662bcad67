//! The Chatter adapter: one vendor's server behind the port.
//!
//! It knows three generations of the vendor's API and lives with the defects of each; the README lists them. It
//! deliberately keeps nothing itself: what Chatter cannot hold is refused here and kept by the overlay above.
//!
//! [`facade`](facade()) is the other way round: the vendor's API over any backend.
//!
//! ```no_run
//! # async fn example(cx: backend::Context) -> backend::Result<()> {
//! use backend::{Backend, RespondRequest};
//! use chatter::{Chatter, ChatterConfig, ChatterCredentials};
//! use conversation::{NewConversation, NewMessage, Role};
//!
//! let credentials = ChatterCredentials::Token("a vendor's token".into());
//! let chatter = Chatter::new("support", &ChatterConfig::new("https://chat.example", credentials), None)?;
//! let located = chatter.create_conversation(&cx, NewConversation::default()).await?;
//! let input = Some(NewMessage::text(Role::User, "hello"));
//! let request = RespondRequest { input, ..RespondRequest::default() };
//! let events = chatter.respond(&cx, &located.location, request).await?;
//! # drop(events);
//! # Ok(())
//! # }
//! ```

mod backend;
mod capabilities;
pub mod client;
mod config;
mod error;
mod facade;
pub mod mapping;
mod operations;
mod translate;
pub mod wire;

pub use self::backend::Chatter;
pub use config::{ChatterConfig, ChatterCredentials, Generation, UnknownGeneration};
pub use facade::{FacadeConfig, facade, facade_routes};
pub use operations::OPERATIONS;
pub use translate::ChatterTranslator;
