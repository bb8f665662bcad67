//! The Convore adapter: one account of a mail and chat inbox behind the port.
//!
//! It keeps history with its own times, sends to people, and lives with an API of which only the client is known; the
//! README lists what is assumed. It deliberately keeps nothing itself: what Convore cannot hold is refused here and
//! kept by others.
//!
//! ```no_run
//! # async fn example(cx: backend::Context) -> backend::Result<()> {
//! use backend::Backend;
//! use conversation::{NewConversation, NewMessage, Role};
//! use convore::{Convore, ConvoreConfig};
//!
//! let config = ConvoreConfig::new("https://api.convore.example", "a secret key", "chnnl_1");
//! let convore = Convore::new("inbox", &config)?;
//! let located = convore.create_conversation(&cx, NewConversation::default()).await?;
//! let answer = NewMessage::text(Role::Assistant, "it is on its way");
//! convore.post_message(&cx, &located.location, answer).await?;
//! # Ok(())
//! # }
//! ```

mod backend;
mod capabilities;
pub mod client;
mod config;
mod error;
pub mod facade;
pub mod mapping;
mod operations;
mod translate;
pub mod wire;

pub use self::backend::Convore;
pub use config::ConvoreConfig;
pub use facade::facade_routes;
pub use operations::OPERATIONS;
pub use translate::ConvoreTranslator;
