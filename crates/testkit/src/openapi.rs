//! Holds HTTP exchanges against an OpenAPI 3.0 or 3.1 description: what a fake checks every request with.
//!
//! The description is JSON text, as a rule a vendor's published one reduced to the operations in use. Schemas are
//! checked by the `jsonschema` crate; this module finds the operation, the parameters and the body's type.
//!
//! Paths count from the root of the host: `servers` is not looked at. Security is not checked.

mod body;
mod operation;
mod parameters;
mod path;
mod schema;
mod translate;

#[cfg(test)]
mod tests;

use http::HeaderMap;
use serde_json::Value;

use operation::Operation;
use schema::{Direction, Members, Schemas};

/// A parsed description.
#[derive(Debug)]
pub struct Description {
    operations: Vec<Operation>,
    requests: Schemas,
    responses: Schemas,
}

impl Description {
    /// Parses a description. Members of a body that it does not name are fine, as JSON Schema has it.
    ///
    /// # Errors
    ///
    /// Says what is wrong: no JSON, no OpenAPI 3, a reference that leads nowhere, a schema that is none.
    pub fn parse(json: &str) -> Result<Self, String> {
        Self::parse_with(json, Members::Any)
    }

    /// Parses a description whose request bodies may hold described members only: so a misspelled member is found.
    /// Objects without any described member stay free.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_closed(json: &str) -> Result<Self, String> {
        Self::parse_with(json, Members::Described)
    }

    fn parse_with(json: &str, members: Members) -> Result<Self, String> {
        let document: Value =
            serde_json::from_str(json).map_err(|error| format!("no JSON: {error}"))?;
        let version = document["openapi"].as_str().unwrap_or_default();
        if !version.starts_with("3.0") && !version.starts_with("3.1") {
            return Err(format!("OpenAPI 3.0 or 3.1 is needed, not {version:?}"));
        }
        let mut requests = Schemas::new(&document, Direction::Request, members);
        let mut responses = Schemas::new(&document, Direction::Response, Members::Any);
        let operations = operation::all(&document, &mut requests, &mut responses)?;
        requests.compile()?;
        responses.compile()?;
        Ok(Self {
            operations,
            requests,
            responses,
        })
    }

    /// Everything about a request that the description does not allow, in words; empty where all is well.
    /// `path_and_query` is raw, as it travelled: templates match a segment before it is percent-decoded.
    #[must_use]
    pub fn check_request(
        &self,
        method: &str,
        path_and_query: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Vec<String> {
        let (path, query) = path_and_query
            .split_once('?')
            .unwrap_or((path_and_query, ""));
        let (operation, values) = match self.find(method, path) {
            Ok(found) => found,
            Err(violation) => return vec![violation],
        };
        let mut violations = Vec::new();
        parameters::check(
            &operation.parameters,
            &self.requests,
            &values,
            query,
            headers,
            &mut violations,
        );
        body::check(
            operation.body.as_ref(),
            &self.requests,
            headers,
            body,
            &mut violations,
        );
        named(method, path, violations)
    }

    /// Everything about a response that the description does not allow, in words; empty where all is well.
    /// `path` may carry the query. A body is checked where the description gives a JSON schema for this status.
    #[must_use]
    pub fn check_response(
        &self,
        method: &str,
        path: &str,
        status: u16,
        body: &[u8],
    ) -> Vec<String> {
        let path = path.split('?').next().unwrap_or_default();
        let (operation, _) = match self.find(method, path) {
            Ok(found) => found,
            Err(violation) => return vec![violation],
        };
        let mut violations = Vec::new();
        match operation.response(status) {
            None => violations.push(format!("status {status} is not described")),
            Some(None) => {}
            Some(Some(schema)) => body::check_json(&self.responses, schema, body, &mut violations),
        }
        named(method, path, violations)
    }

    /// The `operationId` of the operation that a request means; its method and template where it has none.
    #[must_use]
    pub fn operation(&self, method: &str, path_and_query: &str) -> Option<&str> {
        let path = path_and_query.split('?').next().unwrap_or_default();
        let (operation, _) = self.find(method, path).ok()?;
        Some(&operation.name)
    }

    /// The operation with the fewest templates in its path, and the decoded values of these.
    fn find(&self, method: &str, path: &str) -> Result<(&Operation, path::Values), String> {
        let mut matching: Vec<(&Operation, path::Values)> = self
            .operations
            .iter()
            .filter_map(|operation| Some((operation, operation.path.matches(path)?)))
            .collect();
        let Some(fewest) = matching.iter().map(|(_, values)| values.len()).min() else {
            return Err(format!("unknown path: {method} {path}"));
        };
        matching.retain(|(operation, values)| {
            values.len() == fewest && operation.method.eq_ignore_ascii_case(method)
        });
        matching
            .pop()
            .ok_or_else(|| format!("unknown method of this path: {method} {path}"))
    }
}

/// Violations with the request that they are about.
fn named(method: &str, path: &str, violations: Vec<String>) -> Vec<String> {
    violations
        .into_iter()
        .map(|violation| format!("{method} {path}: {violation}"))
        .collect()
}
