//! The conformance suite: what every backend is held to, chosen by what it says it can do.
//!
//! [`outcome`] and [`odd`] hold adapters to what they say of writes and of answers when things go wrong.
//!
//! [`Database`] is a PostgreSQL database of a test's own.
//!
//! One case for each `# Behavior` bullet of [`backend::Backend`], in the same words. This crate knows no vendor and
//! is used by tests only.
//!
//! A backend opts in with a test of its own (`harness = false` in its `Cargo.toml`):
//!
//! ```no_run
//! # use std::sync::Arc;
//! # fn start() -> Arc<dyn backend::Backend> { unimplemented!() }
//! struct Mine;
//!
//! #[async_trait::async_trait]
//! impl testkit::Harness for Mine {
//!     fn name(&self) -> &str {
//!         "mine"
//!     }
//!     async fn backend(&self) -> Arc<dyn backend::Backend> {
//!         start()
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     testkit::main(std::env::args().skip(1), &[&Mine])
//! }
//! ```

mod bench;
pub mod budget;
pub mod builders;
mod case;
mod cases;
pub mod cuttable;
mod database;
mod expect;
pub mod generate;
mod harness;
mod json;
pub mod line;
pub mod odd;
pub mod openapi;
pub mod outcome;
mod report;
mod run;
pub mod torn;
pub mod trial;

pub use case::Case;
pub use cases::cases;
pub use database::Database;
pub use harness::Harness;
pub use report::{Report, Verdict};
pub use run::{main, run};
