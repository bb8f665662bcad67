//! The recordings with all that a request was sent with.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// Everything that one server was asked, in order.
#[derive(Deserialize)]
pub(super) struct Recording {
    pub(super) exchanges: Vec<Exchange>,
}

/// One request and the vendor's answer.
#[derive(Deserialize)]
pub(super) struct Exchange {
    pub(super) name: String,
    pub(super) request: Request,
    pub(super) response: Response,
}

#[derive(Deserialize)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    /// Only those that matter. Without a type a body is JSON.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

/// The recordings of this file.
pub(super) fn recording(file: &str) -> Recording {
    let text = match file {
        "v0" => include_str!("../../fixtures/v0.json"),
        "v1" => include_str!("../../fixtures/v1.json"),
        "v1_production" => include_str!("../../fixtures/v1_production.json"),
        "v2" => include_str!("../../fixtures/v2.json"),
        other => panic!("no recordings of {other}"),
    };
    serde_json::from_str(text).unwrap()
}

impl Response {
    /// The body, where it is JSON.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }
}

/// Whether this is an id as the vendor makes them.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 26
        && text.starts_with(|first: char| first <= '7')
        && text
            .bytes()
            .all(|byte| b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".contains(&byte))
}
