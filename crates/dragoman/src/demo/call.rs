//! One call of the tour: sent, and shown as the command that does the same.

use std::time::{Duration, Instant};

use secrecy::SecretString;
use serde_json::Value;
use transport::{Method, Transport, TransportConfig};

use crate::failure::Failure;

/// How long a call may take.
const CALL_LIMIT: Duration = Duration::from_secs(60);

/// How a caller says who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Auth {
    /// `Authorization: Bearer` with the key: our own API, Chatter's and Convore's.
    Bearer,
    /// The key's id and secret: Sunshine's.
    Basic,
    /// The header `user_token`: Datamonkey's.
    UserToken,
}

/// Where calls go, and with which key.
#[derive(Debug)]
pub(super) struct Gateway {
    transport: Transport,
    key: SecretString,
    key_id: String,
    secret: SecretString,
}

impl Gateway {
    /// The gateway at an address.
    pub(super) fn new(
        base_url: &str,
        key: &str,
        key_id: &str,
        secret: &str,
    ) -> Result<Self, Failure> {
        let transport = Transport::new(base_url, &TransportConfig::default());
        Ok(Self {
            transport: transport.map_err(Failure::runtime)?,
            key: SecretString::from(key),
            key_id: key_id.to_owned(),
            secret: SecretString::from(secret),
        })
    }
}

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    auth: Auth,
    body: Option<Value>,
}

impl Call {
    /// A read.
    pub(super) fn get(path: impl Into<String>, auth: Auth) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            query: Vec::new(),
            auth,
            body: None,
        }
    }

    /// A write.
    pub(super) fn post(path: impl Into<String>, auth: Auth, body: Value) -> Self {
        Self {
            method: Method::POST,
            body: Some(body),
            ..Self::get(path, auth)
        }
    }

    pub(super) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// The same with `curl`, where the shell has the variables of the banner.
    pub(super) fn as_command(&self) -> String {
        let auth = match self.auth {
            Auth::Bearer => "-H \"authorization: Bearer $KEY\"",
            Auth::Basic => "-u \"$KEY_ID:$KEY_SECRET\"",
            Auth::UserToken => "-H \"user_token: $KEY\"",
        };
        let body = self.body.as_ref().map_or_else(String::new, |body| {
            // A quote would end the shell's word.
            let body = body.to_string().replace('\'', "'\\''");
            format!(" -H 'content-type: application/json' -d '{body}'")
        });
        let query: Vec<String> = self
            .query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!(
            "curl -s {auth}{body} \"$GATEWAY{}{mark}{}\"",
            self.path,
            query.join("&")
        )
    }

    /// Sends it; anything but success is a failure that says what was answered.
    pub(super) async fn send(&self, gateway: &Gateway) -> Result<Value, Failure> {
        let segments: Vec<&str> = self.path.trim_start_matches('/').split('/').collect();
        let mut request = gateway
            .transport
            .request(self.method.clone(), &segments)
            .operation("demo")
            .deadline(Instant::now() + CALL_LIMIT)
            .read_timeout(CALL_LIMIT);
        request = match self.auth {
            Auth::Bearer => request.bearer(&gateway.key),
            Auth::Basic => request.basic(&gateway.key_id, &gateway.secret),
            Auth::UserToken => request.secret_header("user_token", &gateway.key),
        };
        for (name, value) in &self.query {
            request = request.query(name, value);
        }
        if let Some(body) = &self.body {
            request = request.json(body);
        }
        let method = &self.method;
        let path = &self.path;
        let answer = request.send().await.map_err(|error| {
            Failure::runtime(format!("{method} {path} was not answered: {error}"))
        })?;
        if !answer.is_success() {
            let said = String::from_utf8_lossy(answer.body()).into_owned();
            return Err(Failure::runtime(format!(
                "{method} {path} was answered with {}: {said}",
                answer.status()
            )));
        }
        answer.json().map_err(|error| {
            Failure::runtime(format!(
                "the answer to {method} {path} cannot be read: {error}"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_is_shown_as_a_command_that_a_shell_takes() {
        let call = Call::post("/v1/x", Auth::Bearer, json!({"text": "it's"}));
        assert_eq!(
            call.as_command(),
            "curl -s -H \"authorization: Bearer $KEY\" -H 'content-type: application/json' \
             -d '{\"text\":\"it'\\''s\"}' \"$GATEWAY/v1/x\""
        );
        let call = Call::get("/v1/x", Auth::Basic).query("a", "b");
        assert_eq!(
            call.as_command(),
            "curl -s -u \"$KEY_ID:$KEY_SECRET\" \"$GATEWAY/v1/x?a=b\""
        );
    }
}
