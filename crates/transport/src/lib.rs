//! The only door outwards: pooled HTTP client, SSE reading, limits, redaction and deadlines.
//!
//! One [`Transport`] serves one remote service: it keeps the connections, builds every URL from segments, bounds
//! every answer in time, size and depth, and says of every failure whether the request can have had an effect
//! ([`Delivery`]). It deliberately knows nothing about what travels: an answer with status 500 is an answer, and
//! only its caller can say what it means. It never follows a redirect and never reads a proxy from the environment.
//!
//! ```no_run
//! # async fn example() -> Result<(), transport::TransportError> {
//! use secrecy::SecretString;
//! use std::time::{Duration, Instant};
//! use transport::{StreamingResponse, Transport, TransportConfig};
//!
//! let transport = Transport::new("https://chat.example/base", &TransportConfig::default())?;
//! let token = SecretString::from("a vendor's token");
//!
//! let response = transport
//!     .post(&["api", "v1", "conversations"])
//!     .trailing_slash()
//!     .operation("create_conversation")
//!     .bearer(&token)
//!     .json(&serde_json::json!({"title": "hello"}))
//!     .deadline(Instant::now() + Duration::from_secs(10))
//!     .send()
//!     .await?;
//! if response.is_success() {
//!     let created: serde_json::Value = response.json()?;
//!     assert!(created.is_object());
//! }
//!
//! match transport.post(&["api", "v1", "streaming"]).bearer(&token).stream().await? {
//!     StreamingResponse::Events(mut events) => while let Some(event) = events.next().await? {
//!         assert!(event.event.is_none());
//!     },
//!     StreamingResponse::Complete(refused) => assert!(!refused.is_success()),
//! }
//! # Ok(())
//! # }
//! ```

mod body;
mod call_log;
mod classify;
mod client;
mod config;
mod error;
mod excerpt;
mod json;
mod probe;
mod record;
mod request;
mod response;
mod retry_after;
mod sse;
mod target;
mod trust;

pub use client::Transport;
pub use config::TransportConfig;
pub use error::{Delivery, Phase, TransportError, TransportErrorKind};
pub use excerpt::{excerpt, is_secret_name, without_secrets};
pub use http::Method;
pub use json::json_depth_within;
pub use probe::{Probe, ProbeStep, Probed, probe};
pub use record::{RecordLimits, RecordedBody, RecordedCall, Recorder, recorded};
pub use request::Request;
pub use response::{EventStream, Pieces, PiecewiseResponse, Response, StreamingResponse};
pub use retry_after::{RETRY_AFTER_CAP, retry_after};
pub use sse::SseEvent;
