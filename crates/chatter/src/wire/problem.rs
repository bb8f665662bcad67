//! Error bodies: problem documents (`application/problem+json`) and the framework's own JSON. A refused host or a
//! refused preflight answers plain text.

use serde::{Deserialize, Serialize};

use super::Raw;
use adapterkit::wire_object;

wire_object! {
    /// A problem document.
    pub struct Problem {
        /// `<base URL>/problems/<slug>`.
        required kind = "type": String,
        /// The slug in words.
        required title: String,
        /// The HTTP status again.
        required status: u16,
        /// In development a 500 carries the exception's text here, SQL and user data included; in production a constant.
        required detail: String,
        /// The full URL of the request.
        required instance: String,
        /// 422 only: every error of the request.
        optional errors: Vec<ValidationError>,
        /// 404 only: `conversation` or `message`.
        optional resource_type = "resourceType": String,
        /// 429 only: requests.
        optional limit: u64,
        /// 429 only: seconds.
        optional window: u64,
        /// 429 only: seconds, always the whole window.
        optional retry_after = "retryAfter": u64,
        /// 500 in development only: the exception's class.
        optional error_type: String,
    }
}

impl Problem {
    /// The part of `type` behind `/problems/`, for example `resource-not-found`.
    #[must_use]
    pub fn slug(&self) -> &str {
        self.kind
            .rsplit_once("/problems/")
            .map_or(self.kind.as_str(), |(_, slug)| slug)
    }
}

wire_object! {
    /// One finding of the request check, in the names of pydantic.
    pub struct ValidationError {
        /// For example `missing`, `string_type`, `enum`.
        required kind = "type": String,
        /// The place: `body` or `query`, then names and positions.
        required loc: Vec<ErrorLocation>,
        /// For people.
        required msg: String,
        /// What was sent.
        optional input: Raw,
        /// The violated limit.
        optional ctx: Raw,
    }
}

/// One step towards the place of an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ErrorLocation {
    /// A position in a list or in a text.
    Index(u64),
    /// The name of a member or parameter.
    Name(String),
}

wire_object! {
    /// The framework's own error: an unknown route, a refused method.
    pub struct FrameworkError {
        /// `Not Found`, `Method Not Allowed`.
        required detail: String,
    }
}
