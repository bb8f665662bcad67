//! The normalized HTTP API: routes, authentication, middleware, problem documents and the accept loop.
//!
//! Knows no vendor and opens no outgoing socket: behind it are one [`backend::Backend`] and a few ports.

mod answer;
mod api;
mod application;
mod auth;
mod body;
mod call;
mod checks;
mod configuring;
mod docs;
mod explaining;
mod failure;
mod fidelity;
mod gateway;
mod json;
mod limits;
mod list;
mod middleware;
mod once;
mod openapi;
mod path;
mod problem;
mod query;
mod router;
mod serve;
mod shutdown;
mod stream;
mod view;

pub use self::application::{Application, InWork};
pub use self::configuring::{
    ConfigAttempt, ConfigCaller, ConfigChange, ConfigCheck, ConfigDiff, ConfigMistake,
    ConfigOutcome, ConfigRefusal, ConfigResult, ConfigStatus, Configuring,
};
pub use self::explaining::Explaining;
pub use self::gateway::{Gateway, MetricsPage, Mounted, Readiness, ReadinessCheck};
pub use self::limits::{RequestLimits, ServeLimits, StreamLimits};
pub use self::problem::{
    Code, FieldError, Origin, Outcome, PROBLEM_JSON, Place, Problem, ProblemDocument, Upstream,
};
pub use self::serve::{ServeReport, serve};
pub use self::shutdown::Shutdown;
