//! The Datamonkey adapter: one vendor's AI chat behind the port, and [`facade()`]: the same chat in front of any backend.
//!
//! The vendor has no accounts: a token comes with a user's first conversation and lives 24 hours. The adapter gets,
//! keeps and watches these tokens, one for each end user. It deliberately keeps nothing else: what Datamonkey cannot
//! hold is refused here and kept by the overlay above.
//!
//! ```no_run
//! # async fn example(
//! #     cx: backend::Context,
//! #     credentials: std::sync::Arc<dyn backend::ports::Bootstraps>,
//! # ) -> backend::Result<()> {
//! use backend::{Backend, RespondRequest};
//! use conversation::{NewConversation, NewMessage, Role};
//! use datamonkey::{Datamonkey, DatamonkeyConfig};
//!
//! let config = DatamonkeyConfig::new("https://monkey.example");
//! let datamonkey = Datamonkey::new("science", &config, credentials)?;
//! let located = datamonkey.create_conversation(&cx, NewConversation::default()).await?;
//! let input = Some(NewMessage::text(Role::User, "hello"));
//! let request = RespondRequest { input, ..RespondRequest::default() };
//! let events = datamonkey.respond(&cx, &located.location, request).await?;
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

pub use self::backend::Datamonkey;
pub use self::facade::{Anonymous, FacadeConfig, facade, facade_routes};
pub use config::DatamonkeyConfig;
pub use operations::OPERATIONS;
pub use translate::DatamonkeyTranslator;
